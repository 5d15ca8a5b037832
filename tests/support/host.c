#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include <pthread.h>

struct host host;
static pthread_t thread;

static void echo(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    pirn_conn_send(conn, type, data, len);
}

static void *serve(void *argument)
{
    (void)argument;
    pirn_loop_run(host.loop);
    pirn_server_free(host.server);
    pirn_loop_free(host.loop);
    return NULL;
}

void host_start(const struct pirn_server_config *config, struct pirn_tls *tls)
{
    struct pirn_server_config own = *config;
    const struct pirn_listen where = {.tls = tls};
    if (!own.conn.handlers.on_message)
        own.conn.handlers.on_message = echo;
    host.loop = pirn_loop_new(NULL);
    host.server = pirn_server_new(host.loop, &own);
    assert_non_null(host.server);
    assert_int_equal(pirn_server_listen(host.server, &where), 0);
    snprintf(host.url, sizeof host.url, "%s://127.0.0.1:%u/", tls ? "wss" : "ws",
             (unsigned)pirn_server_port(host.server));
    assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
}

static void stop(struct pirn_loop *loop, void *argument)
{
    (void)argument;
    pirn_loop_stop(loop);
}

void host_stop(void)
{
    pirn_loop_post(host.loop, stop, NULL);
    assert_int_equal(pthread_join(thread, NULL), 0);
}
