/* What a peer can cost at most: memory, turns, time; and how many there may be. */
#include <string.h>

#include "peer.h"

/* ---- floods (S03) */

enum { FLOOD_BYTES = 64 << 20, FLOOD_PING = 119 };

/* Writes whole masked Pings until cap. */
static size_t write_pings(uint8_t *to, size_t cap)
{
    size_t len = 0;
    for (; len + 6 + FLOOD_PING <= cap; len += 6 + FLOOD_PING) {
        memset(to + len, 0, 6 + FLOOD_PING);
        to[len] = 0x89;
        to[len + 1] = 0x80 | FLOOD_PING;
    }
    return len;
}

static void test_ping_flood(void **state)
{
    (void)state;
    static uint8_t pings[1000 * (6 + FLOOD_PING)];
    struct peer peer;
    size_t len = write_pings(pings, sizeof pings), asked_half_way = 0;
    stage_open(NULL);
    peer_open(&peer, "/");
    peer_echo(&peer, "hello");
    size_t before = stage.memory.bytes;
    for (size_t sent = 0; sent < FLOOD_BYTES; sent += len) {
        assert_true(peer_send(&peer, pings, len));
        if (sent < FLOOD_BYTES / 2)
            asked_half_way = stage.memory.asked;
    }
    AWAIT(stage.told.pings >= FLOOD_BYTES / (6 + FLOOD_PING));
    assert_in_range(stage.memory.peak - before, 0, 64 << 10);
    assert_int_equal(stage.memory.asked, asked_half_way);
    peer_reset(&peer);
    AWAIT(stage.told.closes == 1);
    stage_close();
}

/* One who sends without end has one receive buffer a turn, then come the others (S04). */
static void test_flooder_among_others(void **state)
{
    (void)state;
    static uint8_t block[1 << 16];
    static struct peer others[100];
    struct peer flooder;
    stage_open(&(struct pirn_server_config){.conn.when_full = PIRN_FULL_DROP});
    peer_open(&flooder, "/");
    for (size_t i = 0; i < COUNT(others); i++)
        peer_open(&others[i], "/");
    size_t len = write_pings(block, sizeof block);
    for (int round = 0; round < 20; round++) {
        struct pirn_event event;
        size_t rest = 0;
        ssize_t n = 0;
        while ((n = peer_try_send(&flooder, block + rest, len - rest)) > 0)
            rest = (rest + (size_t)n) % len;
        for (size_t i = 0; i < COUNT(others); i++)
            peer_text(&others[i], "me too");
        unsigned before = stage.told.pings;
        stage_turn();
        stage_turn();
        assert_in_range(stage.told.pings - before, 1, 2 * (sizeof block / (6 + FLOOD_PING) + 1));
        for (size_t i = 0; i < COUNT(others); i++)
            assert_true(peer_try_event(&others[i], &event));
        peer_send(&flooder, block + rest, len - rest); /* so that the next block is whole */
    }
    for (size_t i = 0; i < COUNT(others); i++)
        peer_drop(&others[i]);
    peer_drop(&flooder);
    stage_close();
}

/* ---- slow readers (S04) */

enum { MESSAGE = 64 << 10, HIGH_WATER = 256 << 10 };

static const struct {
    enum pirn_full_policy policy;
    bool closes;
} policies[] = {{PIRN_FULL_REFUSE, false}, {PIRN_FULL_DROP, false}, {PIRN_FULL_CLOSE, true}};

static void open_slow(struct peer *peer, enum pirn_full_policy policy)
{
    stage_open(&(struct pirn_server_config){.conn.high_water_bytes = HIGH_WATER,
                                            .conn.when_full = policy});
    peer_open(peer, "/");
    peer_echo(peer, "hello");
}

static void test_echo_to_one_who_never_reads(void **state)
{
    (void)state;
    static uint8_t frame[14 + MESSAGE] = {0x82, 0xff, [7] = MESSAGE >> 16};
    for (size_t i = 0; i < COUNT(policies); i++) {
        struct peer peer;
        open_slow(&peer, policies[i].policy);
        size_t before = stage.memory.bytes;
        ssize_t n = 1;
        size_t at = 0;
        for (size_t sent = 0; sent < FLOOD_BYTES && n >= 0 && stage.told.closes == 0;
             sent += (size_t)n) {
            n = peer_try_send(&peer, frame + at, sizeof frame - at);
            at = (at + (size_t)(n > 0 ? n : 0)) % sizeof frame;
            if (stage_turn() == 0 && n == 0)
                break;
        }
        /* the queue, one message more, and the message that is being put together */
        assert_in_range(stage.memory.peak - before, MESSAGE, HIGH_WATER + 3 * (MESSAGE + 1024));
        stage_pass_ms(PIRN_DEFAULT_STALL_TIMEOUT_MS + 2);
        assert_int_equal(stage.told.closes, 1);
        peer_drop(&peer);
        stage_close();
    }
}

static void test_push_to_one_who_never_reads(void **state)
{
    (void)state;
    static const char block[MESSAGE];
    for (size_t i = 0; i < COUNT(policies); i++) {
        struct peer peer;
        int result = 0;
        unsigned reached = 0;
        open_slow(&peer, policies[i].policy);
        size_t before = stage.memory.bytes;
        while (stage.told.conn && result >= 0) {
            result = pirn_conn_send(stage.told.conn, PIRN_BINARY, block, sizeof block);
            reached += result == 1;
            stage_turn();
        }
        assert_int_equal(reached, 1);
        assert_int_equal(result, -PIRN_E_QUEUE_FULL);
        assert_in_range(stage.memory.peak - before, HIGH_WATER, HIGH_WATER + 2 * (MESSAGE + 1024));
        stage_pass_ms(PIRN_DEFAULT_STALL_TIMEOUT_MS - 10);
        if (!policies[i].closes)
            assert_int_equal(stage.told.closes, 0);
        stage_pass_ms(12);
        assert_int_equal(stage.told.closes, 1);
        assert_int_equal(stage.told.close.layer, PIRN_LAYER_TIMEOUT);
        assert_false(stage.told.close.clean);
        peer_drop(&peer);
        stage_close();
    }
}

static void test_slow_reader_catches_up(void **state)
{
    (void)state;
    static const char block[MESSAGE];
    struct peer peer;
    unsigned sent = 0;
    open_slow(&peer, PIRN_FULL_REFUSE);
    while (pirn_conn_send(stage.told.conn, PIRN_BINARY, block, sizeof block) >= 0)
        sent++;
    assert_int_equal(stage.told.drains, 0);
    for (unsigned i = 0; i < sent; i++)
        peer_expect(&peer, PIRN_BINARY, block, sizeof block);
    AWAIT(stage.told.drains == 1);
    assert_int_equal(pirn_conn_buffered(stage.told.conn), 0);
    peer_echo(&peer, "and on it goes");
    peer_leave(&peer, PIRN_CLOSE_NORMAL);
    stage_close();
}

/* ---- claims (C05) and messages too big */

static void test_claims_cost_nothing(void **state)
{
    (void)state;
    static struct peer peers[200];
    stage_open(NULL);
    for (size_t i = 0; i < COUNT(peers); i++)
        peer_open(&peers[i], "/");
    size_t before = stage.memory.bytes;
    for (size_t i = 0; i < COUNT(peers); i++)
        peer_send(&peers[i], "\x82\xff\0\0\0\0\0\x10\0\0\0\0\0\0x", 15);
    stage_settle();
    assert_in_range((stage.memory.bytes - before) / COUNT(peers), 1, 4096);
    for (size_t i = 0; i < COUNT(peers); i++)
        peer_reset(&peers[i]);
    AWAIT(stage.told.closes == COUNT(peers));
    stage_close();
}

static const struct {
    const char *name, *bytes;
    size_t len;
    int code;
    enum pirn_error error;
} violations[] = {
    {"too big", "\x82\xff\0\0\0\0\0\x10\0\x01\0\0\0\0", 14, 1009, PIRN_E_MESSAGE_TOO_BIG},
    {"huge", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14, 1009, PIRN_E_MESSAGE_TOO_BIG},
    {"64th bit", "\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 14, 1002, PIRN_E_LENGTH_64BIT},
    {"unmasked", "\x81\x02hi", 4, 1002, PIRN_E_UNMASKED},
    {"opcode", "\x83\x80\0\0\0\0", 6, 1002, PIRN_E_OPCODE},
    {"RSV", "\xc1\x80\0\0\0\0", 6, 1002, PIRN_E_RSV},
    {"UTF-8", "\x81\x81\0\0\0\0\xff", 7, 1007, PIRN_E_UTF8},
    {"continuation", "\x80\x80\0\0\0\0", 6, 1002, PIRN_E_CONTINUATION_UNEXPECTED},
    {"close code", "\x88\x82\0\0\0\0\x03\xed", 8, 1002, PIRN_E_CLOSE_CODE_RECEIVED},
};

/* The right Close, then the end in time whatever the peer does with its side (S05). */
static void test_violations(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(violations); i++) {
        struct peer peer;
        stage_open(NULL);
        size_t fds = stage_fds();
        peer_open(&peer, "/");
        peer_send(&peer, violations[i].bytes, violations[i].len);
        peer_frame(&peer, 0x81, "more", 4);
        if (peer_expect_close(&peer) != violations[i].code)
            fail_msg("%s: not closed with %d", violations[i].name, violations[i].code);
        stage_pass_ms(PIRN_DEFAULT_CLOSE_TIMEOUT_MS + 2);
        assert_int_equal(stage_fds(), fds + 1);
        assert_int_equal(stage.told.closes, 1);
        assert_int_equal(stage.told.messages, 0);
        assert_int_equal(stage.told.close.error, violations[i].error);
        assert_int_equal(stage.told.close.sent_code, violations[i].code);
        assert_int_equal(stage.told.close.origin, PIRN_ORIGIN_LOCAL);
        assert_false(stage.told.close.clean);
        peer_drop(&peer);
        stage_close();
    }
}

/* Good messages before a bad frame in the same read are answered before its Close. */
static void test_good_before_bad(void **state)
{
    (void)state;
    struct peer peer;
    stage_open(NULL);
    peer_open(&peer, "/");
    peer_send(&peer, "\x81\x83\0\0\0\0one\x81\x83\0\0\0\0two\x83\x80\0\0\0\0", 24);
    peer_expect_text(&peer, "one");
    peer_expect_text(&peer, "two");
    assert_int_equal(peer_expect_close(&peer), PIRN_CLOSE_PROTOCOL_ERROR);
    peer_drop(&peer);
    stage_close();
}

/* ---- time (S05, S06, S13) */

static void test_close_stall(void **state)
{
    (void)state;
    STAGE_PLAIN_ONLY();
    for (int half_closed = 0; half_closed < 2; half_closed++) {
        struct peer peer;
        stage_open(NULL);
        peer_open(&peer, "/");
        pirn_conn_close(stage.told.conn, PIRN_CLOSE_NORMAL, PIRN_STR("bye"));
        stage_settle();
        stage_pass_ms(PIRN_DEFAULT_CLOSE_TIMEOUT_MS - 10);
        assert_int_equal(stage.told.closes, 0);
        assert_int_equal(pirn_server_connections(stage.server), 1);
        if (half_closed) {
            shutdown(peer.fd, SHUT_WR);
            AWAIT(stage.told.closes == 1);
        }
        stage_pass_ms(12);
        assert_int_equal(stage.told.closes, 1);
        assert_int_equal(stage.told.close.code, PIRN_CLOSE_ABNORMAL);
        assert_int_equal(stage.told.close.error, half_closed ? PIRN_E_EOF : PIRN_E_CLOSE_TIMEOUT);
        peer_drop(&peer);
        stage_close();
    }
}

static void test_peer_that_is_gone(void **state)
{
    (void)state;
    struct peer peer;
    unsigned passed_ms = 0;
    stage_open(NULL);
    peer_open(&peer, "/");
    for (; stage.told.closes == 0 && passed_ms < 60000; passed_ms += 10)
        stage_pass_ms(10);
    assert_in_range(passed_ms, 40000, 40040);
    assert_int_equal(stage.told.close.layer, PIRN_LAYER_TIMEOUT);
    assert_int_equal(stage.told.close.error, PIRN_E_PING_TIMEOUT);
    assert_int_equal(stage.told.close.sent_code, PIRN_CLOSE_INTERNAL_ERROR);
    peer_await_end(&peer); /* the Close has left, so it is no reset that follows */
    assert_int_equal(peer.error, 0);
    peer_drop(&peer);
    stage_close();
}

static void test_peer_that_lives(void **state)
{
    (void)state;
    struct peer peer;
    struct pirn_event event;
    unsigned pings = 0;
    stage_open(NULL);
    peer_open(&peer, "/");
    for (int passed_ms = 0; passed_ms < 600 * 1000; passed_ms += 100) {
        stage_pass_ms(100);
        while (peer_try_event(&peer, &event))
            pings += event.type == PIRN_EVENT_PING;
    }
    assert_in_range(pings, 29, 30);
    AWAIT(stage.told.pongs == pings);
    assert_int_equal(stage.told.closes, 0);
    peer_echo(&peer, "still here");
    peer_leave(&peer, PIRN_CLOSE_NORMAL);
    stage_close();
}

/* After an hour of suspension nobody is blamed who had nothing outstanding. */
static void test_clock_jump(void **state)
{
    (void)state;
    struct peer idle, busy, slow;
    struct pirn_event event;
    stage_open(NULL);
    peer_connect(&slow);
    peer_print(&slow, "GET / HTTP/1.1\r\n");
    peer_open(&idle, "/");
    peer_open(&busy, "/");
    peer_send(&busy, "\x01\x83\0\0\0\0one", 9);
    stage_settle();
    stage_pass_ms(3600 * 1000);
    assert_int_equal(peer_answer(&slow), 408);
    assert_int_equal(stage.told.closes, 0);
    assert_true(peer_event(&idle, &event));
    assert_int_equal(event.type, PIRN_EVENT_PING);
    AWAIT(stage.told.pongs == 1);
    peer_echo(&idle, "here again");
    peer_send(&busy, "\x80\x83\0\0\0\0two", 9);
    peer_expect_text(&busy, "onetwo");
    stage_pass_ms(1000);
    assert_int_equal(stage.told.closes, 0);
    peer_drop(&idle);
    peer_drop(&busy);
    peer_drop(&slow);
    stage_close();
}

/* ---- how many (S09) */

static int try_open(struct peer *peer, unsigned last_byte)
{
    peer_connect_from(peer, last_byte);
    peer_ask(peer, "/", "");
    return peer_head(peer);
}

static void test_connections_in_all(void **state)
{
    (void)state;
    struct peer peers[4];
    stage_open(&(struct pirn_server_config){.max_connections = 3});
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(try_open(&peers[i], 1), 101);
    assert_int_equal(try_open(&peers[3], 2), 503);
    peer_drop(&peers[3]);
    stage_settle();
    peer_drop(&peers[0]);
    AWAIT(stage.told.closes == 1);
    stage_settle();
    assert_int_equal(try_open(&peers[0], 1), 101);
    for (size_t i = 0; i < 3; i++)
        peer_drop(&peers[i]);
    stage_close();
}

static void test_connections_of_an_address(void **state)
{
    (void)state;
    struct peer peers[3], another;
    stage_open(&(struct pirn_server_config){.max_per_address = 2});
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(try_open(&peers[i], 1), 101);
    assert_int_equal(try_open(&peers[2], 1), 429);
    assert_int_equal(try_open(&another, 2), 101);
    peer_drop(&peers[2]);
    stage_settle();
    peer_drop(&peers[0]);
    AWAIT(stage.told.closes == 1);
    assert_int_equal(try_open(&peers[0], 1), 101);
    assert_int_equal(pirn_server_stats(stage.server).refused, 1);
    peer_drop(&peers[0]);
    peer_drop(&peers[1]);
    peer_drop(&another);
    stage_close();
}

static void test_handshakes(void **state)
{
    (void)state;
    STAGE_PLAIN_ONLY();
    struct peer silent[2], open, late;
    stage_open(&(struct pirn_server_config){.max_handshakes = 2});
    peer_open(&open, "/");
    for (size_t i = 0; i < 2; i++)
        peer_connect(&silent[i]);
    AWAIT(pirn_server_stats(stage.server).accepted == 3);
    peer_connect(&late); /* turned away before it has asked */
    assert_int_equal(peer_answer(&late), 503);
    peer_drop(&late);
    peer_echo(&open, "not disturbed");
    peer_drop(&silent[0]);
    stage_settle();
    assert_int_equal(try_open(&late, 1), 101);
    peer_drop(&silent[1]);
    peer_drop(&late);
    peer_drop(&open);
    stage_close();
}

/* Those who were counted and go are not counted any more, however they go. */
static void test_counts_return(void **state)
{
    (void)state;
    stage_open(&(struct pirn_server_config){
        .max_connections = 2, .max_per_address = 2, .max_handshakes = 2});
    for (int i = 0; i < 50; i++) {
        struct peer peer;
        peer_connect(&peer);
        if (i % 5 == 0)
            peer_print(&peer, "GET /half");
        else if (i % 5 == 1)
            peer_print(&peer, "nonsense\r\n\r\n");
        else if (i % 5 == 2)
            peer_ask(&peer, "/", "Origin: http://evil.example\r\n");
        else if (i % 5 == 3)
            peer_ask(&peer, "/", "");
        stage_settle();
        peer_reset(&peer);
        stage_settle();
    }
    struct peer peers[2];
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(try_open(&peers[i], 1), 101);
    for (size_t i = 0; i < 2; i++)
        peer_drop(&peers[i]);
    stage_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_ping_flood),
        STAGE_TEST(test_flooder_among_others),
        STAGE_TEST(test_echo_to_one_who_never_reads),
        STAGE_TEST(test_push_to_one_who_never_reads),
        STAGE_TEST(test_slow_reader_catches_up),
        STAGE_TEST(test_claims_cost_nothing),
        STAGE_TEST(test_violations),
        STAGE_TEST(test_good_before_bad),
        STAGE_TEST(test_close_stall),
        STAGE_TEST(test_peer_that_is_gone),
        STAGE_TEST(test_peer_that_lives),
        STAGE_TEST(test_clock_jump),
        STAGE_TEST(test_connections_in_all),
        STAGE_TEST(test_connections_of_an_address),
        STAGE_TEST(test_handshakes),
        STAGE_TEST(test_counts_return),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
