/* Many messages there and back over a path that loses, doubles and reorders packets: both ends see
 * each once, whole and in order. */
#include <stdio.h>
#include <string.h>

#include "bad_network.h"

enum { SHORT = 50000, LONG = 1000000, UNDER_WAY = 2000, LARGEST = 20000, SILENCE_MS = 20000 };

static unsigned count, sent, at_server, at_client, closes;
static uint8_t expected[LARGEST];

/* The message of a number: most are small, and compress. */
static enum pirn_opcode make(unsigned number, size_t *len)
{
    uint32_t state = number * 2654435761u + 1;
    enum pirn_opcode type = number % 2 ? PIRN_TEXT : PIRN_BINARY;
    *len = number % 1000 == 7 ? LARGEST - number % 977 : 10 + number % 37;
    int digits = snprintf((char *)expected, sizeof expected, "%010u", number);
    for (size_t i = (size_t)digits; i < *len; i++) {
        state = state * 1664525 + 1013904223;
        expected[i] = (uint8_t)('a' + (state >> 24) % 8);
    }
    return type;
}

/* Whether this is the next one. */
static void check(unsigned *number, enum pirn_opcode type, const void *data, size_t len)
{
    size_t expected_len;
    enum pirn_opcode expected_type = make(*number, &expected_len);
    if (type != expected_type || len != expected_len || memcmp(data, expected, len) != 0)
        fail_msg("message %u: other %zu bytes came, \"%.10s\"", *number, len, (const char *)data);
    ++*number;
}

static void send_more(struct pirn_conn *conn)
{
    while (sent < count && sent < at_client + UNDER_WAY) {
        size_t len;
        enum pirn_opcode type = make(sent, &len);
        size_t first = sent % 3 ? len : len / 2; /* every third leaves in two fragments */
        int result = pirn_conn_send_fragment(conn, type, expected, first, sent % 3);
        if (result >= 0 && first < len)
            result = pirn_conn_send_fragment(conn, type, expected + first, len - first, true);
        assert_true(result >= 0); /* so few never fill the queue */
        sent++;
    }
}

static void on_server_message(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    check(&at_server, type, data, len);
    assert_in_range(pirn_conn_send(conn, type, data, len), 0, 1);
}

static void on_client_message(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    check(&at_client, type, data, len);
    if (at_client == count)
        assert_int_equal(pirn_conn_close(conn, PIRN_CLOSE_NORMAL, PIRN_STR("done")), 0);
    else
        send_more(conn);
}

static void on_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    (void)conn;
    if (!info->clean || info->code != PIRN_CLOSE_NORMAL)
        fail_msg("%u sent, %u and %u came: %s", sent, at_server, at_client, info->text);
    closes++;
}

/* Fails when nothing comes for too long, however long the whole may take. */
static void await_the_end(struct pirn_loop *loop)
{
    while (closes < 2) {
        unsigned before = at_client + at_server + closes;
        AWAIT(loop, SILENCE_MS, at_client + at_server + closes != before);
    }
}

static void soak(enum pirn_deflate_mode mode)
{
    const struct pirn_deflate_config deflate = {.mode = mode, .threshold_bytes = 1};
    const struct pirn_server_config server_config = {
        .conn = {.handlers = {.on_message = on_server_message, .on_close = on_close},
                 .deflate = deflate}};
    struct pirn_loop *loop = pirn_loop_new(NULL);
    assert_non_null(loop);
    bad_network_plan("delay_us=1000 drop=20 double=20 late=50 hole=0");
    struct pirn_server *server = bad_network_server(loop, &server_config);
    const struct pirn_client_config client_config = {
        .conn = {.handlers = {.on_open = send_more,
                              .on_message = on_client_message,
                              .on_close = on_close},
                 .deflate = deflate},
        .require_deflate = mode != PIRN_DEFLATE_OFF,
        .url = bad_network_url,
        .proxy = "",
    };
    struct pirn_client *client = pirn_client_new(loop, &client_config, NULL);
    assert_non_null(client);
    count = bad_network_long() ? LONG : SHORT;
    sent = at_server = at_client = closes = 0;
    uint64_t begin = bad_network_now_ms();
    await_the_end(loop);
    assert_int_equal(at_server, count);
    assert_int_equal(at_client, count);
    print_message("%u messages in %u ms\n", count, (unsigned)(bad_network_now_ms() - begin));
    pirn_client_free(client);
    pirn_server_free(server);
    pirn_loop_free(loop);
    bad_network_plan("drop=0 double=0 late=0");
    for (size_t i = 0; i < COUNT(bad_network_counts); i++) {
        const struct bad_network_counts *c = &bad_network_counts[i];
        print_message("%lu packets passed, %lu dropped, %lu doubled, %lu late\n", c->passed,
                      c->dropped, c->doubled, c->late);
        assert_true(c->dropped > 0 && c->doubled > 0 && c->late > 0);
    }
}

static void plain(void **state)
{
    (void)state;
    soak(PIRN_DEFLATE_OFF);
}

static void compressed(void **state)
{
    (void)state;
    struct pirn_deflate_config zlib = {.mode = PIRN_DEFLATE_DEDICATED};
    struct pirn_loop *loop = pirn_loop_new(NULL);
    struct pirn_server *probe =
        pirn_server_new(loop, &(struct pirn_server_config){.conn.deflate = zlib});
    bool built_in = probe != NULL;
    pirn_server_free(probe);
    pirn_loop_free(loop);
    if (!built_in)
        skip();
    soak(PIRN_DEFLATE_DEDICATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(plain), cmocka_unit_test(compressed)};
    return bad_network_run(tests, COUNT(tests));
}
