/* A peer that cannot be reached any more is found within what keep-alive promises: its interval
 * and its timeout. */
#include <stdio.h>
#include <string.h>

#include "bad_network.h"

enum { INTERVAL_MS = 200, TIMEOUT_MS = 150, SLACK_MS = 500, STALL_MS = 500, PATIENCE_MS = 10000 };
enum { HIGH_WATER_BYTES = 1 << 20 };

/* What one end was told. */
struct side {
    struct pirn_conn *conn;
    unsigned opens, messages, closes;
    struct pirn_close_info info;
    char text[256];
    uint64_t closed_ms;
};
static struct side server_side, client_side;

static struct side *side_of(const struct pirn_conn *conn)
{
    return pirn_client_of(conn) ? &client_side : &server_side;
}

static void on_open(struct pirn_conn *conn)
{
    struct side *side = side_of(conn);
    side->conn = conn;
    side->opens++;
}

static void on_message(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    (void)type, (void)data, (void)len;
    side_of(conn)->messages++;
}

static void on_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    struct side *side = side_of(conn);
    side->conn = NULL;
    side->closes++;
    side->info = *info;
    side->closed_ms = bad_network_now_ms();
    snprintf(side->text, sizeof side->text, "%s", info->text);
}

static struct pirn_loop *loop;
static struct pirn_server *server;
static struct pirn_client *client;

/* A connection of which each end has keep-alive or not. */
static void open_pair(bool of_server, bool of_client, uint32_t timeout_ms)
{
    static const struct pirn_handlers handlers = {
        .on_open = on_open, .on_message = on_message, .on_close = on_close};
    const struct pirn_endpoint_config on = {.ping_interval_ms = INTERVAL_MS,
                                            .ping_timeout_ms = timeout_ms};
    const struct pirn_endpoint_config off = {.ping_interval_ms = PIRN_OFF};
    memset(&server_side, 0, sizeof server_side);
    memset(&client_side, 0, sizeof client_side);
    bad_network_plan("delay_us=2000 drop=0 double=0 late=0 hole=0");
    loop = pirn_loop_new(NULL);
    assert_non_null(loop);
    server = bad_network_server(loop, &(struct pirn_server_config){
                                          .conn.endpoint = of_server ? on : off,
                                          .conn.handlers = handlers,
                                          .conn.stall_timeout_ms = STALL_MS,
                                          .conn.high_water_bytes = HIGH_WATER_BYTES,
                                      });
    client = pirn_client_new(loop,
                             &(struct pirn_client_config){.conn.endpoint = of_client ? on : off,
                                                          .conn.handlers = handlers,
                                                          .conn.stall_timeout_ms = STALL_MS,
                                                          .conn.high_water_bytes = HIGH_WATER_BYTES,
                                                          .url = bad_network_url,
                                                          .proxy = ""},
                             NULL);
    assert_non_null(client);
    AWAIT(loop, PATIENCE_MS, server_side.opens && client_side.opens);
}

static int clear(void **state)
{
    (void)state;
    pirn_client_free(client);
    pirn_server_free(server);
    pirn_loop_free(loop);
    client = NULL;
    server = NULL;
    loop = NULL;
    return server_side.opens != server_side.closes || client_side.opens != client_side.closes;
}

static void run_for(uint64_t ms)
{
    for (uint64_t end = bad_network_now_ms() + ms; bad_network_now_ms() < end;)
        bad_network_step(loop);
}

/* More than the socket takes, so that pings have much before them. */
static void fill(struct pirn_conn *conn, size_t bytes)
{
    static uint8_t data[16384];
    while (pirn_conn_buffered(conn) < bytes)
        assert_in_range(pirn_conn_send(conn, PIRN_BINARY, data, sizeof data), 0, 1);
}

static void finds(bool by_server, unsigned hole, bool busy)
{
    struct side *side = by_server ? &server_side : &client_side;
    open_pair(by_server, !by_server, TIMEOUT_MS);
    AWAIT(loop, PATIENCE_MS, !side->conn || pirn_conn_rtt_us(side->conn) > 0);
    assert_non_null(side->conn);
    assert_true(pirn_conn_rtt_us(side->conn) > 3000);
    bad_network_plan("hole=%u", hole);
    uint64_t begin = bad_network_now_ms();
    if (busy)
        fill(side->conn, HIGH_WATER_BYTES / 2);
    AWAIT(loop, PATIENCE_MS, side->closes);
    uint64_t took = side->closed_ms - begin;
    print_message("%s, hole %u%s: found in %u ms: %s\n", by_server ? "server" : "client", hole,
                  busy ? ", busy" : "", (unsigned)took, side->text);
    assert_int_equal(side->info.code, 1006);
    assert_int_equal(side->info.layer, PIRN_LAYER_TIMEOUT);
    assert_int_equal(side->info.error, PIRN_E_PING_TIMEOUT);
    assert_non_null(strstr(side->text, "ping timeout"));
    assert_false(side->info.clean);
    assert_in_range(took, TIMEOUT_MS - 20, INTERVAL_MS + TIMEOUT_MS + SLACK_MS);
    bad_network_plan("hole=0");
    assert_true(bad_network_counts[0].swallowed + bad_network_counts[1].swallowed > 0);
}

static void finds_each_way(void **state)
{
    for (unsigned hole = HOLE_OUT; hole <= HOLE_BOTH; hole++) {
        for (unsigned by_server = 0; by_server <= 1; by_server++) {
            finds(by_server, hole, false);
            assert_int_equal(clear(state), 0);
        }
    }
    open_pair(false, false, TIMEOUT_MS);
}

static void finds_behind_a_queue(void **state)
{
    for (unsigned by_server = 0; by_server <= 1; by_server++) {
        finds(by_server, HOLE_BOTH, true);
        assert_int_equal(clear(state), 0);
    }
    open_pair(false, false, TIMEOUT_MS);
}

/* A queue at its high-water mark stops reading, and keep-alive with it: the stall timeout finds. */
static void finds_behind_a_full_queue(void **state)
{
    (void)state;
    open_pair(true, true, TIMEOUT_MS);
    bad_network_plan("hole=%u", HOLE_BOTH);
    uint64_t begin = bad_network_now_ms();
    fill(server_side.conn, HIGH_WATER_BYTES);
    AWAIT(loop, PATIENCE_MS, server_side.closes);
    assert_int_equal(server_side.info.code, 1006);
    assert_int_equal(server_side.info.layer, PIRN_LAYER_TIMEOUT);
    assert_int_equal(server_side.info.error, PIRN_E_STALLED);
    assert_in_range(server_side.closed_ms - begin, STALL_MS - 20, STALL_MS + SLACK_MS);
    bad_network_plan("hole=0");
}

/* That it is keep-alive that finds: the same without it. */
static void without_it_nobody_finds(void **state)
{
    (void)state;
    open_pair(false, false, TIMEOUT_MS);
    bad_network_plan("hole=%u", HOLE_BOTH);
    run_for(2 * (INTERVAL_MS + TIMEOUT_MS));
    assert_int_equal(server_side.closes + client_side.closes, 0);
    bad_network_plan("hole=0");
}

/* What is shorter than the promise is survived, and what was sent meanwhile arrives. */
static void a_short_hole_is_survived(void **state)
{
    (void)state;
    open_pair(true, true, PATIENCE_MS);
    for (unsigned i = 0; i < 3; i++) {
        AWAIT(loop, PATIENCE_MS, server_side.messages == i && client_side.messages == i);
        bad_network_plan("hole=%u", HOLE_BOTH);
        assert_int_equal(pirn_conn_send(client_side.conn, PIRN_TEXT, "out", 3), 0);
        assert_int_equal(pirn_conn_send(server_side.conn, PIRN_TEXT, "back", 4), 0);
        run_for(30);
        bad_network_plan("hole=0");
        assert_true(bad_network_counts[0].swallowed > 0);
    }
    AWAIT(loop, PATIENCE_MS, server_side.messages == 3 && client_side.messages == 3);
    assert_int_equal(server_side.closes + client_side.closes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(finds_each_way, clear),
        cmocka_unit_test_teardown(finds_behind_a_queue, clear),
        cmocka_unit_test_teardown(finds_behind_a_full_queue, clear),
        cmocka_unit_test_teardown(without_it_nobody_finds, clear),
        cmocka_unit_test_teardown(a_short_hole_is_survived, clear),
    };
    return bad_network_run(tests, COUNT(tests));
}
