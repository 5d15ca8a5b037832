/* bench_handshake: connections from their beginning to their end.
 *
 *     bench_handshake --port PORT [--server PID] [--abreast N] [--run MS] [--tls]
 *
 * Of N connections at a time, each is made, upgraded, has one echo of 20 bytes, and is closed by
 * both sides; step by step for all N, so that the server always has something to do. Prints one
 * line of JSON: how many in how many seconds, and the server's processor time. */
#include <stdio.h>
#include <string.h>

#include <pirn/close.h>
#include <pirn/frame.h>

#include "client.h"
#include "options.h"
#include "process.h"
#include "support.h"

enum { ECHO_BYTES = 20, ABREAST_MAX = 512 };

static const uint8_t key[4] = {0x5A, 0x3C, 0x96, 0x0F};

static void echo_all(const int *fds, long count)
{
    uint8_t payload[ECHO_BYTES], frame[64], echo[64], back[64];
    fill_payload(payload, sizeof payload, KIND_BINARY);
    size_t len = put_frame(frame, sizeof frame, KIND_BINARY, payload, sizeof payload, key);
    size_t echo_len = put_frame(echo, sizeof echo, KIND_BINARY, payload, sizeof payload, NULL);
    for (long i = 0; i < count; i++)
        client_write(fds[i], frame, len);
    for (long i = 0; i < count; i++) {
        client_read(fds[i], back, echo_len);
        if (memcmp(back, echo, echo_len) != 0)
            fail("an echo differs from what was sent");
    }
}

static void close_all(const int *fds, long count)
{
    static const uint8_t code[2] = {PIRN_CLOSE_NORMAL >> 8, PIRN_CLOSE_NORMAL & 255};
    struct pirn_frame close = {
        .fin = true, .masked = true, .opcode = PIRN_CLOSE, .payload_len = sizeof code};
    uint8_t frame[16], back[4];
    memcpy(close.masking_key, key, sizeof key);
    size_t len = (size_t)pirn_frame_encode(frame, sizeof frame, &close, code);
    for (long i = 0; i < count; i++)
        client_write(fds[i], frame, len);
    for (long i = 0; i < count; i++) {
        client_read(fds[i], back, sizeof back);
        if (back[0] != (0x80 | PIRN_CLOSE) || back[1] != sizeof code)
            fail("a Close is not answered by a Close");
        client_close(fds[i]);
    }
}

static void secure_all(const int *fds, long count)
{
    for (long i = 0; i < count; i++)
        client_begin_tls(fds[i]);
    for (long i = 0; i < count; i++)
        client_end_tls(fds[i]);
}

static void lives(uint16_t port, long count, bool tls)
{
    int fds[ABREAST_MAX];
    for (long i = 0; i < count; i++)
        fds[i] = client_connect(port);
    if (tls)
        secure_all(fds, count);
    for (long i = 0; i < count; i++)
        client_ask(fds[i], NULL);
    for (long i = 0; i < count; i++)
        client_read_answer(fds[i]);
    echo_all(fds, count);
    close_all(fds, count);
}

int main(int argc, char **argv)
{
    static long port, server, abreast = 64, run = 1000, tls;
    static const struct option_row rows[] = {
        {"port", .number = &port}, {"server", .number = &server}, {"abreast", .number = &abreast},
        {"run", .number = &run},   {"tls", .flag = &tls},         {NULL, .flag = NULL},
    };
    options_read(rows, argc, argv);
    if (port == 0 || abreast < 1 || abreast > ABREAST_MAX)
        return options_usage(rows, argv[0]);
    lives((uint16_t)port, abreast, tls);
    uint64_t count = 0, cpu = process_cpu_ns(server), begun = now_ns(), passed;
    do {
        lives((uint16_t)port, abreast, tls);
        count += (uint64_t)abreast;
        passed = now_ns() - begun;
    } while (passed < (uint64_t)run * 1000000);
    printf("{\"connections\": %llu, \"seconds\": %.6f, \"server_cpu\": %.6f}\n",
           (unsigned long long)count, (double)passed / 1e9,
           (double)(process_cpu_ns(server) - cpu) / 1e9);
    return 0;
}
