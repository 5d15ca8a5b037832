/* A server that drains while the network is bad: every connection that opened closes once, and it
 * is done by its deadline. */
#include <stdio.h>
#include <string.h>

#include "bad_network.h"

enum { CLIENTS = 32, DEADLINE_MS = 500, SLACK_MS = 500, PATIENCE_MS = 20000 };

static struct pirn_loop *loop;
static struct pirn_server *server;
static struct pirn_client *clients[CLIENTS];
static struct end {
    unsigned opens, closes, clean;
} at_server, at_client;
static unsigned failures, done;
static size_t left;

static struct end *end_of(const struct pirn_conn *conn)
{
    return pirn_client_of(conn) ? &at_client : &at_server;
}

static void on_open(struct pirn_conn *conn)
{
    end_of(conn)->opens++;
}

static void on_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    end_of(conn)->closes++;
    end_of(conn)->clean += info->clean && info->code == PIRN_CLOSE_GOING_AWAY;
}

static void on_failure(struct pirn_client *client, const struct pirn_client_failure *failure)
{
    (void)client, (void)failure;
    failures++;
}

static void on_drained(struct pirn_server *which, size_t count, void *context)
{
    (void)which, (void)context;
    done++;
    left = count;
}

static void add_clients(size_t from, size_t to)
{
    const struct pirn_client_config config = {
        .conn.handlers = {.on_open = on_open, .on_close = on_close},
        .url = bad_network_url,
        .proxy = "",
        .on_failure = on_failure,
    };
    for (size_t i = from; i < to; i++) {
        clients[i] = pirn_client_new(loop, &config, NULL);
        assert_non_null(clients[i]);
    }
}

static int open_server(void **state)
{
    (void)state;
    memset(&at_server, 0, sizeof at_server);
    memset(&at_client, 0, sizeof at_client);
    failures = done = 0;
    bad_network_plan("delay_us=1000 drop=0 double=0 late=0 hole=0");
    loop = pirn_loop_new(NULL);
    server = bad_network_server(
        loop,
        &(struct pirn_server_config){.conn.handlers = {.on_open = on_open, .on_close = on_close}});
    return 0;
}

static int clear(void **state)
{
    (void)state;
    for (size_t i = 0; i < CLIENTS; i++) {
        pirn_client_free(clients[i]);
        clients[i] = NULL;
    }
    pirn_server_free(server);
    pirn_loop_free(loop);
    return 0;
}

static void drain(uint32_t deadline_ms)
{
    struct pirn_str reason = PIRN_STR("maintenance");
    assert_int_equal(pirn_server_drain(server, 1001, reason, deadline_ms, on_drained, NULL), 0);
}

static void fill(struct pirn_conn *conn, void *context)
{
    static const uint8_t data[65536];
    unsigned *count = context;
    if (++*count % 4 == 0)
        while (pirn_conn_send(conn, PIRN_BINARY, data, sizeof data) == 0)
            continue;
    if (*count % 4 == 1)
        pirn_conn_close(conn, PIRN_CLOSE_NORMAL, PIRN_STR("before"));
    if (*count % 4 == 2)
        pirn_conn_terminate(conn);
}

/* Idle, with a full queue, closing and reset, and half of the clients still connecting. */
static void into_a_hole(void **state)
{
    unsigned count = 0;
    (void)state;
    add_clients(0, CLIENTS / 2);
    AWAIT(loop, PATIENCE_MS, at_server.opens == CLIENTS / 2 && at_client.opens == CLIENTS / 2);
    add_clients(CLIENTS / 2, CLIENTS * 3 / 4);
    bad_network_step(loop);
    bad_network_plan("hole=%u", HOLE_BOTH);
    add_clients(CLIENTS * 3 / 4, CLIENTS);
    uint64_t begin = bad_network_now_ms(); /* before the loop last looks at the clock */
    bad_network_step(loop);
    pirn_server_each(server, fill, &count);
    drain(DEADLINE_MS);
    AWAIT(loop, PATIENCE_MS, done);
    assert_in_range(bad_network_now_ms() - begin, DEADLINE_MS - 10, DEADLINE_MS + SLACK_MS);
    assert_int_equal(at_server.closes, at_server.opens);
    assert_int_equal(pirn_server_connections(server), 0);
    assert_true(left > 0);
    assert_int_equal(at_server.clean, 0);
    assert_int_equal(at_client.closes, 0);
    bad_network_plan("hole=0");
    assert_int_equal(done, 1);
}

/* With time enough all are told, and told why. */
static void over_losses(void **state)
{
    (void)state;
    bad_network_plan("drop=50 double=20 late=50");
    add_clients(0, CLIENTS);
    AWAIT(loop, PATIENCE_MS, at_server.opens == CLIENTS && at_client.opens == CLIENTS);
    drain(PATIENCE_MS);
    AWAIT(loop, PATIENCE_MS, done && at_client.closes == CLIENTS);
    assert_int_equal(left, 0);
    assert_int_equal(at_server.closes, CLIENTS);
    assert_int_equal(at_client.clean, CLIENTS);
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(into_a_hole, open_server, clear),
        cmocka_unit_test_setup_teardown(over_losses, open_server, clear),
    };
    return bad_network_run(tests, COUNT(tests));
}
