/* A graceful end: at SIGTERM or SIGINT the server listens no more, closes every connection with
 * 1001, and ends when all have gone, or after five seconds.
 *
 *     drain [port]
 */
#include <pirn/server.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEADLINE_MS 5000

static struct pirn_server *server;
static int signals[2]; /* a pipe: little is allowed in a signal handler, but write(2) is */

static void on_signal(int number)
{
    char byte = (char)number;
    if (write(signals[1], &byte, 1) < 0)
        _exit(1);
}

static void on_drained(struct pirn_server *drained, size_t left, void *context)
{
    (void)drained;
    (void)context;
    printf("%zu connections had to be terminated\n", left);
}

/* The signal has come. With nothing more to wait for, the loop ends. */
static void on_readable(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    (void)events;
    pirn_loop_unwatch(loop, watch);
    pirn_server_drain(server, PIRN_CLOSE_GOING_AWAY, PIRN_STR("see you"), DEADLINE_MS, on_drained,
                      NULL);
}

static void echo(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    pirn_conn_send(conn, type, data, len);
}

int main(int argc, char **argv)
{
    const struct pirn_server_config config = {.conn.handlers.on_message = echo};
    const struct pirn_listen where = {.port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 9001)};
    struct pirn_watch watch = {.ready = on_readable};
    struct pirn_loop *loop = pirn_loop_new(NULL);
    server = loop ? pirn_server_new(loop, &config) : NULL;
    if (!server || pirn_server_listen(server, &where) < 0 || pipe(signals) < 0) {
        perror("drain");
        return 1;
    }
    watch.fd = signals[0];
    if (pirn_loop_watch(loop, &watch, PIRN_READABLE) < 0)
        return 1;
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    printf("listening on ws://127.0.0.1:%u/\n", (unsigned)pirn_server_port(server));
    fflush(stdout);
    int result = pirn_loop_run(loop);
    pirn_server_free(server);
    pirn_loop_free(loop);
    return result < 0;
}
