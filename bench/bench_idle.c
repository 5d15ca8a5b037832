/* bench_idle: what a connection costs in memory while nothing happens.
 *
 *     bench_idle --port PORT --server PID [--connections N]
 *
 * Opens N connections, each of which has one echo of 20 bytes, and prints one line of JSON: by how
 * many bytes the server's resident memory has grown for each. The kernel's memory is not in it. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "client.h"
#include "options.h"
#include "process.h"
#include "support.h"

enum { ECHO_BYTES = 20, FIRST = 100 };

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void open_and_echo(uint16_t port)
{
    static const uint8_t key[4] = {0x5A, 0x3C, 0x96, 0x0F};
    uint8_t payload[ECHO_BYTES] = {0}, frame[64], back[ECHO_BYTES + 2];
    size_t len = put_frame(frame, sizeof frame, KIND_BINARY, payload, sizeof payload, key);
    int fd = client_connect(port);
    client_ask(fd);
    client_read_answer(fd);
    client_write(fd, frame, len);
    client_read(fd, back, sizeof back);
}

/* The first connections also grow what all share. */
int main(int argc, char **argv)
{
    static long port, server, connections = 10000;
    static const struct option_row rows[] = {
        {"port", .number = &port},
        {"server", .number = &server},
        {"connections", .number = &connections},
        {NULL, .flag = NULL},
    };
    options_read(rows, argc, argv);
    if (port == 0 || server == 0 || connections <= FIRST)
        return options_usage(rows, argv[0]);
    raise_descriptor_limit();
    for (long i = 0; i < FIRST; i++)
        open_and_echo((uint16_t)port);
    uint64_t before = process_resident_bytes(server);
    for (long i = FIRST; i < connections; i++)
        open_and_echo((uint16_t)port);
    uint64_t after = process_resident_bytes(server);
    printf("{\"connections\": %ld, \"bytes_each\": %.1f}\n", connections,
           ((double)after - (double)before) / (double)(connections - FIRST));
    return 0;
}
