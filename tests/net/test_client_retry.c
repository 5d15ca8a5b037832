/* A client that connects again: whether, when, and what becomes of the messages in between. */
#include <stdio.h>
#include <string.h>

#include "guest.h"

static struct pirn_client_config reconnecting(void)
{
    struct pirn_client_config config = guest_config("/");
    config.reconnect.on = true;
    return config;
}

/* Lets the wait pass that was told last, and not a bit less. */
static void wait_it_out(void)
{
    assert_int_equal(pirn_client_state(guest.client), PIRN_CLIENT_WAITING);
    unsigned before = guest.told.attempts;
    uint32_t wait_ms = guest.told.wait_ms;
    if (wait_ms > 3)
        stage_pass_ms(wait_ms - 3);
    if (wait_ms > 3)
        assert_int_equal(guest.told.attempts, before);
    stage_pass_ms(10);
    assert_int_equal(guest.told.attempts, before + 1);
}

/* ---- after an open connection */

static const struct {
    const char *frame;
    size_t len;
    enum pirn_retry retry;
} closes[] = {
    {"\x88\x02\x03\xe8", 4, PIRN_RETRY_NEVER},      /* 1000 */
    {"\x88\x02\x03\xe9", 4, PIRN_RETRY_AFTER_WAIT}, /* 1001 */
    {"\x88\x02\x03\xea", 4, PIRN_RETRY_NEVER},      /* 1002 */
    {"\x88\x02\x03\xeb", 4, PIRN_RETRY_NEVER},
    {"\x88\x02\x03\xef", 4, PIRN_RETRY_NEVER},      /* 1007 */
    {"\x88\x02\x03\xf0", 4, PIRN_RETRY_NEVER},      /* 1008 */
    {"\x88\x02\x03\xf2", 4, PIRN_RETRY_NEVER},      /* 1010 */
    {"\x88\x02\x03\xf3", 4, PIRN_RETRY_AFTER_WAIT}, /* 1011 */
    {"\x88\x02\x03\xf4", 4, PIRN_RETRY_AFTER_WAIT}, /* 1012 */
    {"\x88\x02\x03\xf5", 4, PIRN_RETRY_AFTER_WAIT}, /* 1013 */
    {"\x88\x02\x0b\xb8", 4, PIRN_RETRY_NEVER},      /* 3000 */
    {"\x88\x02\x0b\xbb", 4, PIRN_RETRY_NEVER},      /* 3003 */
    {"\x88\x02\x0f\xa0", 4, PIRN_RETRY_NEVER},      /* 4000 */
    {"\x88\x00", 2, PIRN_RETRY_NEVER},
    {"\x81\x80", 2, PIRN_RETRY_NEVER}, /* its fault, which we answer with 1002 */
    {"\x81\x01\xff", 3, PIRN_RETRY_NEVER},
    {"", 0, PIRN_RETRY_AT_ONCE}, /* an end without a Close */
};

static void close_codes(void **state)
{
    (void)state;
    guest_begin();
    for (size_t i = 0; i < COUNT(closes); i++) {
        struct pirn_client_config config = reconnecting();
        guest_open(&config);
        script_take();
        script_let_in("");
        script_send_bytes(closes[i].frame, closes[i].len);
        if (closes[i].len > 0)
            AWAIT(pirn_client_conn(guest.client) == NULL ||
                  pirn_conn_state(pirn_client_conn(guest.client)) == PIRN_CLOSED);
        script_drop();
        AWAIT(guest.told.closes == 1);
        bool waits = pirn_client_state(guest.client) == PIRN_CLIENT_WAITING;
        if (waits != (closes[i].retry != PIRN_RETRY_NEVER))
            fail_msg("%zu: %s", i, guest.told.close_text);
        assert_int_equal(guest.told.ends, waits ? 0 : 1);
        assert_int_equal(guest.told.failures, 0);
        if (closes[i].retry == PIRN_RETRY_AT_ONCE)
            assert_int_equal(guest.told.wait_ms, 0);
        if (waits) {
            wait_it_out();
            script_take();
            script_let_in("");
        }
        guest_close();
    }
    guest_finish();
}

/* ---- after an answer */

static const struct {
    const char *response;
    bool retries;
    uint32_t least_ms;
} answers[] = {
    {"HTTP/1.1 401 No\r\n\r\n", false, 0},
    {"HTTP/1.1 403 No\r\n\r\n", false, 0},
    {"HTTP/1.1 404 No\r\n\r\n", false, 0},
    {"HTTP/1.1 200 OK\r\n\r\n", false, 0},
    {"HTTP/1.1 301 Go\r\nLocation: /x\r\n\r\n", false, 0},
    {"HTTP/1.1 101 Switching Protocols\r\n\r\n", false, 0},
    {"nonsense\r\n", false, 0},
    {"HTTP/1.1 429 Slow\r\n\r\n", true, 5000},
    {"HTTP/1.1 429 Slow\r\nRetry-After: 120\r\n\r\n", true, 120000},
    {"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n", true, 7000},
    {"HTTP/1.1 503 Busy\r\nRetry-After: soon\r\n\r\n", true, 0},
    {"HTTP/1.1 502 Bad\r\n\r\n", true, 0},
    {"", true, 0}, /* closed without a word */
};

static void statuses(void **state)
{
    (void)state;
    guest_begin();
    for (size_t i = 0; i < COUNT(answers); i++) {
        struct pirn_client_config config = reconnecting();
        guest_open(&config);
        script_take();
        script_send(answers[i].response);
        script_drop();
        AWAIT(guest.told.failures == 1);
        if (guest.told.failure.retries != answers[i].retries)
            fail_msg("%zu: %s", i, guest.told.failure_text);
        assert_int_equal(guest.told.ends, !answers[i].retries);
        assert_in_range(guest.told.failure.wait_ms, answers[i].least_ms, UINT32_MAX);
        if (answers[i].retries) {
            assert_int_equal(guest.told.wait_ms, guest.told.failure.wait_ms);
            wait_it_out();
            script_take();
            script_let_in("");
        }
        guest_close();
    }
    guest_finish();
}

/* ---- how long, how often */

static void refuse(void)
{
    unsigned before = guest.told.failures;
    script_take();
    script_send("HTTP/1.1 500 No\r\n\r\n");
    AWAIT(guest.told.failures == before + 1);
}

static void waits_grow_and_end(void **state)
{
    (void)state;
    uint32_t ceiling_ms = 100;
    char line[64];
    guest_begin();
    struct pirn_client_config config = reconnecting();
    config.reconnect.backoff = (struct pirn_backoff){.min_ms = 100, .max_ms = 1000};
    config.reconnect.max_attempts = 7;
    guest_open(&config);
    for (unsigned i = 1; i <= 7; i++) {
        refuse();
        assert_int_equal(pirn_client_attempts(guest.client), i);
        assert_int_equal(guest.told.failure.retries, i < 7);
        if (i == 7)
            break;
        assert_in_range(guest.told.wait_ms, 0, ceiling_ms);
        snprintf(line, sizeof line, "wait: %u ms before attempt %u\n", (unsigned)guest.told.wait_ms,
                 i + 1);
        assert_non_null(strstr(guest.told.log, line));
        ceiling_ms = ceiling_ms * 2 < 1000 ? ceiling_ms * 2 : 1000;
        wait_it_out();
    }
    assert_int_equal(guest.told.ends, 1);
    assert_int_equal(pirn_client_state(guest.client), PIRN_CLIENT_ENDED);
    guest_finish();
}

/* A connection that ends soon is one more failed attempt, one that was stable begins anew. */
static void stable_connections_count_anew(void **state)
{
    (void)state;
    guest_begin();
    struct pirn_client_config config = reconnecting();
    config.reconnect.max_attempts = 3;
    guest_open(&config);
    refuse();
    wait_it_out();
    refuse();
    wait_it_out();
    script_take();
    script_let_in("");
    assert_int_equal(pirn_client_attempts(guest.client), 3);
    stage_pass_ms(PIRN_DEFAULT_CLIENT_STABLE_MS + 1);
    script_drop();
    AWAIT(guest.told.closes == 1);
    assert_int_equal(guest.told.wait_ms, 0);
    for (unsigned i = 1; i <= 3; i++) {
        wait_it_out();
        script_take();
        script_let_in("");
        assert_int_equal(pirn_client_attempts(guest.client), i);
        script_drop();
        AWAIT(guest.told.closes == 1 + i);
    }
    assert_int_equal(guest.told.ends, 1);
    guest_finish();
}

static void not_after_the_program_closed(void **state)
{
    (void)state;
    guest_begin();
    for (int how = 0; how < 3; how++) {
        struct pirn_client_config config = reconnecting();
        guest_open(&config);
        script_take();
        script_let_in("");
        struct pirn_conn *conn = pirn_client_conn(guest.client);
        if (how == 0)
            pirn_conn_close(conn, 1001, PIRN_STR(""));
        else if (how == 1)
            pirn_conn_terminate(conn);
        else
            pirn_client_close(guest.client, 1012, PIRN_STR("later"));
        stage_settle();
        script_drop();
        AWAIT(guest.told.ends == 1);
        assert_int_equal(guest.told.closes, 1);
        guest_close();
    }
    guest_finish();
}

/* ---- by hand */

static void by_hand(void **state)
{
    (void)state;
    guest_begin();
    struct pirn_client_config config = guest_config("/");
    guest_open(&config);
    assert_int_equal(pirn_client_reconnect(guest.client), -PIRN_E_STATE);
    refuse();
    assert_int_equal(guest.told.ends, 1);
    assert_int_equal(pirn_client_send(guest.client, PIRN_TEXT, "x", 1), -PIRN_E_CLOSED);
    assert_int_equal(pirn_client_close(guest.client, 1000, PIRN_STR("")), -PIRN_E_CLOSED);
    assert_int_equal(pirn_client_reconnect(guest.client), 0);
    assert_int_equal(pirn_client_state(guest.client), PIRN_CLIENT_CONNECTING);
    assert_int_equal(pirn_client_reconnect(guest.client), -PIRN_E_STATE);
    script_take();
    assert_int_equal(pirn_client_reconnect(guest.client), -PIRN_E_STATE);
    script_let_in("");
    assert_int_equal(pirn_client_reconnect(guest.client), -PIRN_E_STATE);
    assert_int_equal(pirn_client_close(guest.client, 1000, PIRN_STR("")), 0);
    assert_int_equal(pirn_client_reconnect(guest.client), 0);
    stage_settle();
    script_drop();
    AWAIT(guest.told.closes == 1);
    script_take();
    script_let_in("");
    assert_int_equal(guest.told.ends, 1);
    guest_finish();
}

static void a_wait_is_cut_short(void **state)
{
    (void)state;
    guest_begin();
    struct pirn_client_config config = reconnecting();
    guest_open(&config);
    script_take();
    script_send("HTTP/1.1 503 Busy\r\nRetry-After: 1000\r\n\r\n");
    AWAIT(guest.told.failures == 1);
    assert_int_equal(pirn_client_state(guest.client), PIRN_CLIENT_WAITING);
    assert_int_equal(pirn_client_reconnect(guest.client), 0);
    script_take();
    script_let_in("");
    assert_int_equal(pirn_client_attempts(guest.client), 1);
    guest_finish();
}

static void closed_before_it_opens(void **state)
{
    (void)state;
    guest_begin();
    for (int when = 0; when < 3; when++) {
        struct pirn_client_config config = reconnecting();
        guest_open(&config);
        if (when > 0)
            script_take();
        if (when > 1) {
            script_send("HTTP/1.1 500 No\r\n\r\n");
            AWAIT(guest.told.failures == 1);
        }
        assert_int_equal(pirn_client_close(guest.client, 1000, PIRN_STR("")), 0);
        assert_int_equal(pirn_client_state(guest.client), PIRN_CLIENT_ENDED);
        assert_int_equal(pirn_client_close(guest.client, 1000, PIRN_STR("")), -PIRN_E_CLOSED);
        AWAIT(guest.told.ends == 1);
        guest_expect_text(guest.told.end_text, "application: closed by us before it was open");
        assert_int_equal(guest.told.end.error, PIRN_E_TERMINATED);
        assert_int_equal(guest.told.failures, when > 1);
        stage_pass_ms(120000);
        assert_int_equal(guest.told.ends, 1);
        guest_close();
    }
    guest_finish();
}

/* ---- the queue */

static void expect_text(const char *text)
{
    uint8_t header[6];
    char payload[128];
    script_await_bytes(header, sizeof header);
    assert_int_equal(header[0], 0x81);
    size_t len = header[1] & 0x7f;
    assert_int_equal(len, strlen(text));
    script_await_bytes(payload, len);
    for (size_t i = 0; i < len; i++)
        assert_int_equal((uint8_t)payload[i] ^ header[2 + i % 4], text[i]);
}

static int send_text(const char *text)
{
    return pirn_client_send(guest.client, PIRN_TEXT, text, strlen(text));
}

static void greet(struct pirn_conn *conn)
{
    guest_handlers.on_open(conn);
    pirn_conn_send(conn, PIRN_TEXT, "hello", 5);
    send_text("fourth");
}

static void messages_wait_in_order(void **state)
{
    (void)state;
    size_t bytes;
    guest_begin();
    struct pirn_client_config config = reconnecting();
    config.conn.handlers.on_open = greet;
    guest_open(&config);
    assert_int_equal(send_text("first"), 0);
    assert_int_equal(send_text("second"), 0);
    script_take();
    assert_int_equal(send_text("third"), 0);
    assert_int_equal(pirn_client_queued(guest.client, &bytes), 3);
    assert_int_equal(bytes, 3 * 64 + 5 + 6 + 5);
    script_let_in("");
    assert_int_equal(pirn_client_queued(guest.client, NULL), 0);
    assert_int_equal(send_text("fifth"), 0);
    static const char *const order[] = {"hello", "first", "second", "third", "fourth", "fifth"};
    for (size_t i = 0; i < COUNT(order); i++)
        expect_text(order[i]);
    script_drop();
    AWAIT(guest.told.closes == 1);
    assert_int_equal(send_text("sixth"), 0);
    wait_it_out();
    script_take();
    script_let_in("");
    expect_text("hello");
    expect_text("sixth");
    expect_text("fourth");
    guest_finish();
}

static void queues_have_an_end(void **state)
{
    (void)state;
    guest_begin();
    struct pirn_client_config config = guest_config("/");
    config.queue_bytes = 3 * 65;
    guest_open(&config);
    assert_int_equal(send_text("a"), 0);
    assert_int_equal(send_text("b"), 0);
    assert_int_equal(send_text("c"), 0);
    assert_int_equal(send_text(""), -PIRN_E_QUEUE_FULL);
    guest_close();
    config.queue_policy = PIRN_QUEUE_DROP_OLDEST;
    guest_open(&config);
    assert_int_equal(send_text("a"), 0);
    assert_int_equal(send_text("b"), 0);
    assert_int_equal(send_text("c"), 0);
    assert_int_equal(send_text("d"), 0);
    static char large[200];
    assert_int_equal(pirn_client_send(guest.client, PIRN_BINARY, large, sizeof large),
                     -PIRN_E_QUEUE_FULL);
    script_take();
    script_let_in("");
    expect_text("b");
    expect_text("c");
    expect_text("d");
    guest_close();
    config.queue_policy = PIRN_QUEUE_NONE;
    guest_open(&config);
    assert_int_equal(send_text("a"), -PIRN_E_STATE);
    assert_int_equal(pirn_client_send(guest.client, PIRN_PING, "a", 1), -PIRN_E_ARGUMENT);
    guest_finish();
}

/* More than a connection takes at once: on_drain fetches the rest, and the end comes behind it. */
static void long_queues_leave(void **state)
{
    (void)state;
    static char block[60000];
    enum { BLOCKS = 100 };
    stage_open(NULL);
    struct pirn_client_config config = guest_config("/");
    config.conn.high_water_bytes = 200000;
    config.queue_bytes = 10000000;
    guest_open(&config);
    memset(block, 'x', sizeof block);
    for (int i = 0; i < BLOCKS; i++)
        assert_int_equal(pirn_client_send(guest.client, PIRN_BINARY, block, sizeof block), 0);
    AWAIT(guest.told.opens == 1);
    assert_int_equal(pirn_client_close(guest.client, 1000, PIRN_STR("done")), 0);
    assert_int_equal(pirn_client_send(guest.client, PIRN_BINARY, block, 1), -PIRN_E_CLOSED);
    AWAIT(guest.told.ends == 1);
    assert_true(guest.told.close.clean);
    assert_int_equal(stage.told.messages, BLOCKS);
    guest_close();
    stage_close();
}

/* ---- nobody there */

static void nobody_listens(void **state)
{
    (void)state;
    guest_begin();
    struct pirn_client_config config = reconnecting();
    char want[128];
    snprintf(want, sizeof want, "tcp: connection refused (127.0.0.1:%u)", (unsigned)script.port);
    script_close();
    guest_open(&config);
    guest_expect_failure(PIRN_LAYER_TCP, PIRN_E_SYSTEM, want);
    assert_true(guest.told.failure.retries);
    guest_finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GUEST_TEST(close_codes),
        GUEST_TEST(statuses),
        GUEST_TEST(waits_grow_and_end),
        GUEST_TEST(stable_connections_count_anew),
        GUEST_TEST(not_after_the_program_closed),
        GUEST_TEST(by_hand),
        GUEST_TEST(a_wait_is_cut_short),
        GUEST_TEST(closed_before_it_opens),
        GUEST_TEST(messages_wait_in_order),
        GUEST_TEST(queues_have_an_end),
        GUEST_TEST(long_queues_leave),
        GUEST_TEST(nobody_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
