/* bench_idle: what a connection costs in memory while nothing happens.
 *
 *     bench_idle --port PORT --server PID [--connections N] [--deflate | --tls]
 *
 * Opens N connections, each of which has one echo of 20 bytes, or with --deflate of 1 KiB of JSON
 * that leaves compressed, and prints one line of JSON: by how many bytes the server's resident
 * memory has grown for each. The kernel's memory is not in it. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "client.h"
#include "messages.h"
#include "options.h"
#include "process.h"
#include "support.h"

enum { ECHO_BYTES = 20, PACKED_BYTES = 1 << 10, FIRST = 100 };

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void echo_plain(int fd)
{
    static const uint8_t key[4] = {0x5A, 0x3C, 0x96, 0x0F};
    uint8_t payload[ECHO_BYTES] = {0}, frame[64], back[ECHO_BYTES + 2];
    size_t len = put_frame(frame, sizeof frame, KIND_BINARY, payload, sizeof payload, key);
    client_ask(fd, NULL);
    client_read_answer(fd);
    client_write(fd, frame, len);
    client_read(fd, back, sizeof back);
}

/* An echo is one frame of less than 64 KiB, whatever is in it. */
static void echo_packed(int fd)
{
    static struct messages messages;
    struct deflate_terms terms;
    char head[CLIENT_HEAD_BYTES];
    uint8_t back[2 * PACKED_BYTES];
    client_ask(fd, DEFLATE_OFFER);
    client_read_head(fd, head);
    deflate_read_terms(&terms, head);
    if (!terms.agreed)
        fail("the server does not compress");
    if (!messages.frames)
        messages = messages_make(KIND_JSON, PACKED_BYTES, &terms);
    client_write(fd, messages.frames, messages_bytes(&messages, 0, 1));
    client_read(fd, back, 2);
    size_t len = back[1];
    if (len == 126) {
        client_read(fd, back, 2);
        len = (size_t)back[0] << 8 | back[1];
    }
    client_read(fd, back, len < sizeof back ? len : sizeof back);
}

static void open_and_echo(uint16_t port, bool deflate, bool tls)
{
    int fd = client_connect(port);
    if (tls)
        client_secure(fd);
    (deflate ? echo_packed : echo_plain)(fd);
}

/* The first connections also grow what all share. */
int main(int argc, char **argv)
{
    static long port, server, deflate, tls, connections = 10000;
    static const struct option_row rows[] = {
        {"port", .number = &port},
        {"server", .number = &server},
        {"connections", .number = &connections},
        {"deflate", .flag = &deflate},
        {"tls", .flag = &tls},
        {NULL, .flag = NULL},
    };
    options_read(rows, argc, argv);
    if (port == 0 || server == 0 || connections <= FIRST)
        return options_usage(rows, argv[0]);
    raise_descriptor_limit();
    for (long i = 0; i < FIRST; i++)
        open_and_echo((uint16_t)port, deflate, tls);
    uint64_t before = process_resident_bytes(server);
    for (long i = FIRST; i < connections; i++)
        open_and_echo((uint16_t)port, deflate, tls);
    uint64_t after = process_resident_bytes(server);
    printf("{\"connections\": %ld, \"bytes_each\": %.1f}\n", connections,
           ((double)after - (double)before) / (double)(connections - FIRST));
    return 0;
}
