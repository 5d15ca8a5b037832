/* An echo server: what comes in goes back.
 *
 *     echo [port]
 */
#include <pirn/pirn.h>

#include <stdio.h>
#include <stdlib.h>

static void echo(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    pirn_conn_send(conn, type, data, len);
}

int main(int argc, char **argv)
{
    struct pirn_loop *loop = pirn_loop_new(NULL);
    struct pirn_server_config config = {.conn.handlers.on_message = echo};
    struct pirn_server *server = loop ? pirn_server_new(loop, &config) : NULL;
    struct pirn_listen where = {.port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 9001)};
    if (!server || pirn_server_listen(server, &where) < 0) {
        perror("echo");
        return 1;
    }
    printf("listening on ws://127.0.0.1:%u/\n", (unsigned)pirn_server_port(server));
    fflush(stdout);
    return pirn_loop_run(loop) < 0;
}
