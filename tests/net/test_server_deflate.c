/* Extensions in a server: what its answers agree on, whose states are whose, and that compressed
 * messages come and go behind the opening handshake. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "peer.h"

/* "Hello" and what compresses to less than it is, by RFC 7692, 7.2.3. */
#define HELLO  "\xf2\x48\xcd\xc9\xc9\x07\x00"
#define MASKED "\0\0\0\0"

static struct pirn_server_config config_of(enum pirn_deflate_mode mode)
{
    if (!pirn_deflate_available())
        skip();
    return (struct pirn_server_config){.conn.deflate = {.mode = mode, .threshold_bytes = 1}};
}

static bool ask(struct peer *peer, const char *offers)
{
    char lines[512];
    snprintf(lines, sizeof lines, "Sec-WebSocket-Extensions: %s\r\n", offers);
    peer_connect(peer);
    return peer_ask(peer, "/", offers ? lines : "");
}

static void expect_extensions(struct peer *peer, const char *answer)
{
    assert_int_equal(peer_head(peer), 101);
    struct pirn_str value = peer_header(peer, "Sec-WebSocket-Extensions");
    assert_int_equal(value.len, strlen(answer));
    assert_memory_equal(value.data ? value.data : "", answer, value.len);
    peer_begin(peer);
}

static void test_answers(void **state)
{
    (void)state;
    static const struct {
        enum pirn_deflate_mode mode;
        const char *offers, *answer;
    } rows[] = {
        {PIRN_DEFLATE_OFF, "permessage-deflate", ""},
        {PIRN_DEFLATE_SHARED, "x-unknown, permessage-bzip2; level=9", ""},
        {PIRN_DEFLATE_SHARED, "permessage-deflate",
         "permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
        {PIRN_DEFLATE_DEDICATED, "permessage-deflate; client_max_window_bits",
         "permessage-deflate"},
        {PIRN_DEFLATE_DEDICATED,
         "permessage-deflate; server_max_window_bits=8, x, permessage-deflate; "
         "server_no_context_takeover",
         "permessage-deflate; server_no_context_takeover"},
        {PIRN_DEFLATE_DEDICATED, "permessage-deflate; nonsense", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pirn_server_config config = config_of(rows[i].mode);
        config.conn.deflate.threshold_bytes = 1000;
        struct pirn_deflate_params params;
        struct peer peer;
        stage_open(&config);
        ask(&peer, rows[i].offers);
        expect_extensions(&peer, rows[i].answer);
        assert_int_equal(pirn_conn_deflate(stage.told.conn, &params), rows[i].answer[0] != 0);
        peer_echo(&peer, "plainly");
        peer_drop(&peer);
        stage_close();
    }
}

static void test_compressed_messages(void **state)
{
    (void)state;
    struct pirn_server_config config = config_of(PIRN_DEFLATE_SHARED);
    struct peer peer;
    stage_open(&config);
    ask(&peer, "permessage-deflate");
    expect_extensions(&peer,
                      "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
    for (int i = 0; i < 3; i++) { /* one that gets longer by compression comes back as it was */
        assert_true(peer_frame(&peer, 0xc1, HELLO, sizeof HELLO - 1));
        peer_expect_text(&peer, "Hello");
    }
    struct pirn_deflate_totals totals = pirn_server_stats(stage.server).deflate;
    assert_int_equal(totals.received_messages, 3);
    assert_int_equal(totals.received_bytes, 15);
    assert_int_equal(totals.received_wire_bytes, 21);
    assert_int_equal(totals.sent_messages, 0);
    peer_drop(&peer);
    stage_close();
}

/* Frames in the same segment as the request. */
static void test_early_messages(void **state)
{
    (void)state;
    struct pirn_server_config config = config_of(PIRN_DEFLATE_DEDICATED);
    struct peer peer;
    stage_open(&config);
    peer_connect(&peer);
    static const char bytes[] = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
                                "\xc1\x87" MASKED HELLO;
    assert_true(peer_send(&peer, bytes, sizeof bytes - 1));
    assert_int_equal(peer_head(&peer), 101);
    peer_begin(&peer);
    AWAIT(stage.told.messages == 1);
    assert_int_equal(pirn_server_stats(stage.server).deflate.received_messages, 1);
    peer_drop(&peer);
    stage_close();
}

/* ---- another extension beside it */

struct toy_state {
    struct pirn_extension_state base;
    char text[40]; /* so that it is no multiple of what others align to */
};

static unsigned toys_made, toys_released;

static bool toy_accept(const struct pirn_extension *extension,
                       const struct pirn_extension_element *offer,
                       struct pirn_extension_state *state, struct pirn_extension_element *answer)
{
    struct toy_state *toy = (struct toy_state *)(void *)state;
    (void)extension;
    (void)offer;
    strcpy(toy->text, "made");
    answer->name = PIRN_STR("x-toy");
    toys_made++;
    return true;
}

static void toy_release(struct pirn_extension_state *state)
{
    assert_string_equal(((struct toy_state *)(void *)state)->text, "made");
    toys_released++;
}

static const struct pirn_extension toy = {.name = PIRN_STR_INIT("x-toy"),
                                          .state_bytes = sizeof(struct toy_state),
                                          .accept = toy_accept,
                                          .release = toy_release};
static const struct pirn_extension *const toys[] = {&toy};

static struct pirn_server_config config_with_toy(enum pirn_deflate_mode mode)
{
    struct pirn_server_config config = config_of(mode);
    config.conn.extensions = toys;
    config.conn.extension_count = 1;
    config.conn.user_bytes = 24;
    config.conn.deflate.threshold_bytes = 1000;
    config.conn.keep_peer = true;
    toys_made = toys_released = 0;
    return config;
}

static void test_another_extension(void **state)
{
    (void)state;
    static const char *const offers[] = {"x-toy", "permessage-deflate", "x-toy, permessage-deflate",
                                         "permessage-deflate, x-toy"};
    for (size_t i = 0; i < COUNT(offers); i++) {
        struct pirn_server_config config = config_with_toy(PIRN_DEFLATE_DEDICATED);
        struct pirn_deflate_params params;
        struct peer peer;
        stage_open(&config);
        ask(&peer, offers[i]);
        assert_int_equal(peer_head(&peer), 101);
        peer_begin(&peer);
        struct pirn_conn *conn = stage.told.conn;
        assert_int_equal(pirn_conn_extension(conn, &toy) != NULL, i != 1);
        assert_int_equal(pirn_conn_deflate(conn, &params), i != 0);
        memset(pirn_conn_user(conn), 0xff, 24); /* where nothing else lies */
        if (i != 0)
            assert_true(peer_frame(&peer, 0xc1, HELLO, sizeof HELLO - 1));
        if (i != 0)
            peer_expect_text(&peer, "Hello");
        peer_echo(&peer, "plainly");
        peer_leave(&peer, 1000);
        AWAIT(stage.told.closes == 1);
        assert_int_equal(toys_made, i != 1);
        assert_int_equal(toys_released, toys_made);
        peer_drop(&peer);
        stage_close();
    }
}

/* An answer that fails behind what was agreed on leaves no state, and may be given again. */
static void accept_badly_first(struct pirn_request *request, void *context)
{
    const struct pirn_header reserved = {PIRN_STR("Upgrade"), PIRN_STR("x")};
    const struct pirn_accept badly = {.headers = &reserved, .header_count = 1};
    int error;
    (void)context;
    assert_null(pirn_request_accept(request, &badly, &error));
    assert_int_equal(error, PIRN_E_HEADER_RESERVED);
    assert_int_equal(toys_released, 1);
    assert_non_null(pirn_request_accept(request, NULL, &error));
}

static void test_an_answer_that_fails(void **state)
{
    (void)state;
    static const struct pirn_route route = {.on_request = accept_badly_first};
    struct pirn_server_config config = config_with_toy(PIRN_DEFLATE_SHARED);
    config.routes = &route;
    config.route_count = 1;
    struct peer peer;
    stage_open(&config);
    ask(&peer, "x-toy, permessage-deflate");
    assert_int_equal(peer_head(&peer), 101);
    peer_begin(&peer);
    peer_echo(&peer, "good");
    peer_drop(&peer);
    AWAIT(stage.told.closes == 1);
    assert_int_equal(toys_made, 2);
    assert_int_equal(toys_released, 2);
    stage_close();
}

/* ---- a connection that opens in a callback of another */

static struct pirn_request *waiting;

static void defer_the_second(struct pirn_request *request, void *context)
{
    (void)context;
    if (stage.told.opens == 0)
        return;
    assert_int_equal(pirn_request_defer(request, NULL, NULL), 0);
    waiting = request;
}

static void accept_inside(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    struct pirn_request *request = waiting;
    char before[16];
    assert_true(len < sizeof before);
    memcpy(before, data, len);
    waiting = NULL;
    if (request)
        assert_non_null(pirn_request_accept(request, NULL, NULL));
    assert_memory_equal(data, before, len);
    stage_handlers.on_message(conn, type, data, len);
}

/* Its early message is inflated where the other's lies, so it comes later. */
static void test_opening_inside(void **state)
{
    (void)state;
    static const struct pirn_route route = {.on_request = defer_the_second};
    struct pirn_server_config config = config_of(PIRN_DEFLATE_SHARED);
    struct peer first, second;
    config.routes = &route;
    config.route_count = 1;
    config.conn.handlers = stage_handlers;
    config.conn.handlers.on_message = accept_inside;
    stage_open(&config);
    ask(&first, "permessage-deflate");
    assert_int_equal(peer_head(&first), 101);
    peer_begin(&first);
    ask(&second, "permessage-deflate");
    peer_begin(&second);
    AWAIT(waiting != NULL);
    static const char other[] = "\x4a\x04\x00"; /* "a" */
    assert_true(peer_frame(&second, 0xc1, other, sizeof other - 1));
    stage_settle();
    assert_true(peer_frame(&first, 0xc1, HELLO, sizeof HELLO - 1));
    peer_expect_text(&first, "Hello");
    assert_int_equal(peer_head(&second), 101);
    peer_expect_text(&second, "a");
    peer_drop(&first);
    peer_drop(&second);
    stage_close();
}

/* ---- what cannot be */

static void test_configurations_that_cannot_be(void **state)
{
    (void)state;
    struct pirn_server_config configs[4];
    for (size_t i = 0; i < COUNT(configs); i++)
        configs[i] = config_of(PIRN_DEFLATE_SHARED);
    configs[0].conn.deflate.level = 10;
    configs[1].conn.deflate.window_bits = 8;
    configs[2].conn.extension_count = 1;
    configs[3].conn.extensions = toys;
    configs[3].conn.extension_count = PIRN_EXTENSION_MAX_STATES;
    assert_true(stage_open_loop());
    for (size_t i = 0; i < COUNT(configs); i++) {
        errno = 0;
        assert_null(pirn_server_new(stage.loop, &configs[i]));
        assert_int_equal(errno, EINVAL);
    }
    stage_close();
}

/* Whatever allocation fails, nothing is left of it, and the server serves the next. */
static bool try_session(size_t fail_at)
{
    struct pirn_server_config config = config_with_toy(PIRN_DEFLATE_DEDICATED);
    static char text[5000];
    struct peer peer;
    memset(text, 'x', sizeof text - 1);
    stage_open(&config);
    stage.memory.fail_at = fail_at ? stage.memory.asked + fail_at : 0;
    ask(&peer, "permessage-deflate, x-toy");
    bool open = peer_head(&peer) == 101;
    peer_begin(&peer);
    if (open) {
        struct pirn_event event;
        peer_frame(&peer, 0xc1, HELLO, sizeof HELLO - 1);
        peer_event(&peer, &event);
        if (stage.told.closes == 0)
            pirn_conn_send(stage.told.conn, PIRN_TEXT, text, sizeof text - 1);
        stage_settle();
    }
    bool reached = stage.memory.failed > 0;
    peer_drop(&peer);
    stage.memory.fail_at = 0;
    ask(&peer, "permessage-deflate");
    assert_int_equal(peer_head(&peer), 101);
    peer_begin(&peer);
    peer_echo(&peer, "served");
    peer_drop(&peer);
    AWAIT(pirn_server_connections(stage.server) == 0);
    assert_int_equal(toys_released, toys_made);
    stage_close();
    return reached;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    STAGE_PLAIN_ONLY();
    size_t k = 1;
    while (try_session(k))
        k++;
    assert_true(k > 8);
    assert_false(try_session(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_answers),
        STAGE_TEST(test_compressed_messages),
        STAGE_TEST(test_early_messages),
        STAGE_TEST(test_another_extension),
        STAGE_TEST(test_an_answer_that_fails),
        STAGE_TEST(test_opening_inside),
        STAGE_TEST(test_configurations_that_cannot_be),
        STAGE_TEST(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
