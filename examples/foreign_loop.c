/* Pirn inside somebody else's loop, here a plain poll(2): an echo server that runs until the
 * standard input ends.
 *
 *     foreign_loop [port]
 */
#include <pirn/server.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void echo(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    pirn_conn_send(conn, type, data, len);
}

/* The program's own loop: it waits for its own descriptors and Pirn's, no longer than Pirn says. */
static void run_own_loop(struct pirn_loop *loop)
{
    struct pollfd polled[] = {
        {.fd = STDIN_FILENO, .events = POLLIN},
        {.fd = pirn_loop_fd(loop), .events = POLLIN},
    };
    char line[256];
    do {
        polled[0].revents = 0;
        poll(polled, 2, pirn_loop_timeout_ms(loop));
        pirn_loop_dispatch(loop);
    } while (!polled[0].revents || read(STDIN_FILENO, line, sizeof line) > 0);
}

int main(int argc, char **argv)
{
    const struct pirn_server_config config = {.conn.handlers.on_message = echo};
    const struct pirn_listen where = {.port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 9001)};
    struct pirn_loop *loop = pirn_loop_new(NULL);
    struct pirn_server *server = loop ? pirn_server_new(loop, &config) : NULL;
    int error = server ? pirn_server_listen(server, &where) : -PIRN_E_MEMORY;
    if (error) {
        fprintf(stderr, "foreign_loop: %s\n", pirn_error_text(error));
        return 1;
    }
    printf("ws://127.0.0.1:%u/\n", (unsigned)pirn_server_port(server));
    fflush(stdout);
    run_own_loop(loop);
    pirn_server_free(server);
    pirn_loop_free(loop);
    return 0;
}
