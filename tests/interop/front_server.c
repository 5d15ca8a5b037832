/* An echo server behind a proxy that ends TLS: the origin of its own pages is https://Host.
 *
 *     front_server PING_MS
 *
 * sends keep-alive Pings so often. Prints "listening on ws://...", then how each connection ended.
 */
#include <pirn/server.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void echo(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    pirn_conn_send(conn, type, data, len);
}

static void report(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    (void)conn;
    puts(info->text);
    fflush(stdout);
}

static void end(int number)
{
    (void)number;
    _exit(0);
}

int main(int argc, char **argv)
{
    const struct pirn_server_config config = {
        .conn.handlers = {.on_message = echo, .on_close = report},
        .conn.endpoint = {.ping_interval_ms = (uint32_t)(argc > 1 ? atoi(argv[1]) : 0),
                          .max_message_bytes = 64 << 20},
        .secure = true,
    };
    const struct pirn_listen anywhere = {.port = 0};
    struct pirn_loop *loop = pirn_loop_new(NULL);
    struct pirn_server *server = loop ? pirn_server_new(loop, &config) : NULL;
    signal(SIGTERM, end);
    if (!server || pirn_server_listen(server, &anywhere) < 0) {
        perror("front_server");
        return 1;
    }
    printf("listening on ws://127.0.0.1:%u/\n", (unsigned)pirn_server_port(server));
    fflush(stdout);
    return pirn_loop_run(loop) < 0;
}
