/* What leaves a connection, and what happens when the peer does not take it. */
#include <stdio.h>
#include <sys/socket.h>

#include "conn_rig.h"

enum { KIB = 1 << 10, MIB = 1 << 20, SECOND = 1000, MESSAGE = 1000, FRAME = MESSAGE + 4 };

/* Sends numbered messages of MESSAGE bytes until one is refused; how many were taken. */
static size_t send_until_refused(struct pirn_conn *conn, size_t from)
{
    char message[MESSAGE];
    for (size_t i = from;; i++) {
        memset(message, (int)('a' + i % 26), sizeof message);
        int result = pirn_conn_send(conn, PIRN_BINARY, message, sizeof message);
        if (result < 0) {
            assert_int_equal(result, -PIRN_E_QUEUE_FULL);
            return i - from;
        }
    }
}

static void check_frame(const uint8_t *frame, size_t number)
{
    static const uint8_t header[4] = {0x82, 0x7e, MESSAGE >> 8, MESSAGE & 255};
    uint8_t message[MESSAGE];
    memset(message, (int)('a' + number % 26), sizeof message);
    assert_memory_equal(frame, header, 4);
    assert_memory_equal(frame + 4, message, sizeof message);
}

static void the_queue_has_a_high_mark(void **state)
{
    (void)state;
    struct rig rig = {.peer_buffer = 4096, .config.high_water_bytes = 64 * KIB};
    rig_open(&rig);
    size_t before = rig.memory.bytes;
    send_until_refused(rig.conn, 0);
    assert_in_range(pirn_conn_buffered(rig.conn), 64 * KIB, 64 * KIB + FRAME);
    assert_in_range(rig.memory.bytes - before, 64 * KIB, 132 * KIB);
    raw_text(&rig, "held");
    rig_turns(&rig);
    rig_expects(&rig, "open\n");
    pirn_conn_terminate(rig.conn);
    rig_end(&rig);
}

static void drain_is_told_at_the_low_mark(void **state)
{
    (void)state;
    struct rig rig = {.peer_buffer = 4096,
                      .config = {.high_water_bytes = 64 * KIB, .low_water_bytes = 20 * KIB}};
    rig_open(&rig);
    rig_expects(&rig, "open\n");
    for (int round = 0; round < 2; round++) {
        size_t taken = send_until_refused(rig.conn, 0), i = 0;
        uint8_t frame[FRAME];
        raw_text(&rig, "held");
        while (pirn_conn_buffered(rig.conn) > 20 * KIB) {
            rig_expects(&rig, "");
            raw_read_all(&rig, frame, sizeof frame);
            check_frame(frame, i++);
        }
        rig_turns(&rig);
        rig_expects(&rig, "drain\ntext held\n");
        for (; i < taken; i++) {
            raw_read_all(&rig, frame, sizeof frame);
            check_frame(frame, i);
        }
        assert_int_equal(pirn_conn_buffered(rig.conn), 0);
        rig_turns(&rig);
        rig_expects(&rig, "");
    }
    rig_end(&rig);
}

/* Also when it was not a message that filled it, but answers to Pings. */
static void drain_is_told_after_every_refusal(void **state)
{
    (void)state;
    char payload[PIRN_CONTROL_MAX] = {0}, taken[4096];
    struct rig rig = {.peer_buffer = 4096, .quiet = true, .config.high_water_bytes = 64};
    rig_open(&rig);
    int error = 0;
    for (int i = 0; i < 1000 && !error; i++) {
        raw_frame(&rig, PIRN_PING, true, payload, sizeof payload);
        rig_turns(&rig);
        if (pirn_conn_buffered(rig.conn) >= 64)
            error = pirn_conn_send(rig.conn, PIRN_TEXT, "refused", 7);
    }
    assert_int_equal(error, -PIRN_E_QUEUE_FULL);
    rig_expects(&rig, "open\n");
    for (rig_turns(&rig); raw_read(&rig, taken, sizeof taken) > 0;)
        rig_turns(&rig);
    rig_expects(&rig, "drain\n");
    rig_end(&rig);
}

static void a_full_queue_may_drop(void **state)
{
    (void)state;
    struct rig rig = {.peer_buffer = 4096,
                      .config = {.high_water_bytes = 64 * KIB, .when_full = PIRN_FULL_DROP}};
    rig_open(&rig);
    send_until_refused(rig.conn, 0);
    raw_text(&rig, "heard");
    rig_turns(&rig);
    rig_expects(&rig, "open\ntext heard\n");
    rig_end(&rig);
}

static void a_full_queue_may_close(void **state)
{
    (void)state;
    struct rig rig = {.peer_buffer = 4096,
                      .config = {.high_water_bytes = 64 * KIB, .when_full = PIRN_FULL_CLOSE}};
    rig_open(&rig);
    size_t taken = send_until_refused(rig.conn, 0);
    assert_int_equal(pirn_conn_state(rig.conn), PIRN_CLOSING);
    uint8_t frame[FRAME];
    for (size_t i = 0; i < taken; i++) {
        raw_read_all(&rig, frame, sizeof frame);
        check_frame(frame, i);
    }
    RAW_EXPECTS(&rig, "\x88\x14\x03\xf5send queue is full");
    raw_frame(&rig, PIRN_CLOSE, true, "\x03\xf5", 2);
    rig_turns(&rig);
    rig_expects(&rig, "open\ndrain\nrequest 1013 \nclosed by us: 1013 Try Again Later\n");
    rig_end(&rig);
}

static void echo_numbers(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    struct rig *rig = pirn_conn_context(conn);
    rig->messages++;
    assert_true(pirn_conn_send(conn, type, data, len) >= 0);
}

/* A server that answers every message once, and a peer that sends much before it reads: nothing is
 * lost, and not more than the high-water mark, one message and one read are kept. */
static void an_echo_loses_nothing(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        struct rig rig = {.tcp = tcp, .config.high_water_bytes = 64 * KIB};
        rig_start(&rig);
        rig.config.handlers.on_message = echo_numbers;
        rig.conn = rig_connect(&rig, &rig.peer);
        rig_turns(&rig);
        size_t base = rig.memory.bytes;
        rig.memory.peak = base;
        enum { COUNTED = 20000, SIZE = 100 };
        size_t written = 0, read = 0, total_in = COUNTED * (SIZE + 6), idle = 0;
        size_t total_out = COUNTED * (SIZE + 2);
        uint8_t *in = calloc(total_in, 1), *out = malloc(total_out);
        for (uint32_t i = 0; i < COUNTED; i++) {
            uint8_t *frame = in + i * (SIZE + 6);
            frame[0] = 0x82;
            frame[1] = 0x80 | SIZE;
            memcpy(frame + 6, &i, sizeof i);
        }
        while (written < total_in && idle < 50) {
            ssize_t sent = send(rig.peer, in + written, total_in - written, MSG_NOSIGNAL);
            written += sent > 0 ? (size_t)sent : 0;
            idle = sent > 0 ? 0 : idle + 1;
            rig_turn(&rig);
        }
        assert_in_range(rig.memory.peak - base, 1, 64 * KIB * 2 + SIZE + 64 * KIB + 4 * KIB);
        while (read < total_out) {
            if (written < total_in) {
                ssize_t sent = send(rig.peer, in + written, total_in - written, MSG_NOSIGNAL);
                written += sent > 0 ? (size_t)sent : 0;
            }
            rig_turn(&rig);
            read += raw_read(&rig, out + read, total_out - read);
        }
        for (uint32_t i = 0; i < COUNTED; i++)
            assert_memory_equal(out + i * (SIZE + 2) + 2, &i, sizeof i);
        rig_turns(&rig);
        assert_int_equal(rig.memory.bytes, base);
        free(in);
        free(out);
        rig_end(&rig);
    }
}

/* ---- stalls */

static void a_peer_that_takes_nothing_is_reset(void **state)
{
    (void)state;
    struct rig rig = {
        .tcp = true,
        .peer_buffer = 4096,
        .config = {.high_water_bytes = 64 * KIB, .endpoint.ping_interval_ms = PIRN_OFF}};
    rig_open(&rig);
    send_until_refused(rig.conn, 0);
    rig_turns(&rig);
    rig_pass(&rig, 29 * SECOND);
    assert_int_equal(rig.closes, 0);
    rig_pass(&rig, SECOND + 10);
    rig_expects(&rig, "open\nlost (timeout): peer took no data before the stall timeout\n");
    assert_int_equal(rig.info.error, PIRN_E_STALLED);
    assert_int_equal(rig.info.origin, PIRN_ORIGIN_LOCAL);
    rig_end(&rig);
}

/* The time begins with the queue, also when the socket takes nothing of it at all. */
static void a_queue_is_not_older_than_it_is(void **state)
{
    (void)state;
    RIG_PLAIN_ONLY();
    struct rig rig = {.peer_buffer = 4096, .config.endpoint.ping_interval_ms = PIRN_OFF};
    rig_open(&rig);
    while (pirn_conn_buffered(rig.conn) == 0) {
        assert_int_equal(pirn_conn_send(rig.conn, PIRN_TEXT, "small", 5), 0);
        rig_turns(&rig);
    }
    assert_int_equal(pirn_conn_buffered(rig.conn), 7);
    rig_pass(&rig, 29 * SECOND);
    assert_int_equal(rig.closes, 0);
    rig_pass(&rig, 2 * SECOND);
    assert_int_equal(rig.closes, 1);
    rig_end(&rig);
}

/* Nor when nothing but control frames of the program waits. */
static void waiting_pings_are_not_older_than_they_are(void **state)
{
    (void)state;
    char payload[PIRN_CONTROL_MAX] = {0};
    struct rig rig = {.peer_buffer = 4096, .config.endpoint.ping_interval_ms = PIRN_OFF};
    rig_open(&rig);
    rig_pass(&rig, 100 * SECOND);
    while (rig.conn && pirn_conn_ping(rig.conn, payload, sizeof payload) == 0)
        rig_turns(&rig);
    assert_int_equal(rig.closes, 0);
    rig_pass(&rig, 29 * SECOND);
    assert_int_equal(rig.closes, 0);
    rig_pass(&rig, 2 * SECOND);
    assert_int_equal(rig.closes, 1);
    rig_end(&rig);
}

static void a_slow_peer_is_not_stalled(void **state)
{
    (void)state;
    RIG_PLAIN_ONLY();
    struct rig rig = {
        .peer_buffer = 4096,
        .config = {.high_water_bytes = 64 * KIB, .endpoint.ping_interval_ms = PIRN_OFF}};
    rig_open(&rig);
    size_t taken = send_until_refused(rig.conn, 0);
    uint8_t frame[FRAME];
    for (size_t i = 0; i < taken; i++) {
        raw_read_all(&rig, frame, sizeof frame);
        check_frame(frame, i);
        if (i % 10 == 0)
            rig_pass(&rig, 20 * SECOND);
    }
    rig_pass(&rig, 100 * SECOND);
    assert_int_equal(rig.closes, 0);
    rig_end(&rig);
}

/* That a queue is full does not keep us from hearing why the peer has gone. */
static void a_gone_peer_is_heard_behind_a_full_queue(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        struct rig rig = {.tcp = tcp, .peer_buffer = 4096, .config.high_water_bytes = 64 * KIB};
        rig_open(&rig);
        send_until_refused(rig.conn, 0);
        raw_frame(&rig, PIRN_CLOSE, true, "\x03\xe9", 2);
        tcp ? raw_reset(&rig) : raw_close(&rig);
        rig_turns(&rig);
        assert_int_equal(rig.closes, 1);
        assert_null(strstr(rig.log, "drain"));
        if (tcp)
            assert_int_equal(rig.info.layer, PIRN_LAYER_TCP);
        else
            assert_int_equal(rig.info.code, 1001);
        rig_end(&rig);
    }
}

static void send_many(struct rig *rig, struct pirn_conn *conn, enum rig_moment moment)
{
    static const char message[MESSAGE];
    if (moment != ON_MESSAGE)
        return;
    while (rig->extra == NULL)
        if (pirn_conn_send(conn, PIRN_BINARY, message, sizeof message) == -PIRN_E_CLOSED)
            rig->extra = conn;
}

/* Nor is anything kept for a peer that takes nothing any more, but still sends. */
static void nothing_waits_for_a_deaf_peer(void **state)
{
    (void)state;
    struct rig rig = {.act = send_many};
    rig_open(&rig);
    size_t before = rig.memory.bytes;
    assert_int_equal(shutdown(rig.peer, SHUT_RD), 0);
    raw_text(&rig, "go");
    rig_turns(&rig);
    assert_non_null(rig.extra);
    assert_int_equal(pirn_conn_buffered(rig.conn), 0);
    assert_int_equal(rig.memory.bytes, before);
    rig_end(&rig);
}

/* Our Close stands behind a queue: its five seconds begin when it has left. */
static void a_close_waits_for_the_queue(void **state)
{
    (void)state;
    struct rig rig = {.peer_buffer = 4096,
                      .config = {.high_water_bytes = 64 * KIB, .when_full = PIRN_FULL_DROP}};
    rig_open(&rig);
    size_t taken = send_until_refused(rig.conn, 0);
    assert_int_equal(pirn_conn_close(rig.conn, 1000, PIRN_STR("")), 0);
    rig_turns(&rig);
    rig_pass(&rig, 25 * SECOND);
    assert_int_equal(rig.closes, 0);
    uint8_t frame[FRAME];
    for (size_t i = 0; i < taken; i++) {
        raw_read_all(&rig, frame, sizeof frame);
        check_frame(frame, i);
    }
    RAW_EXPECTS(&rig, "\x88\x02\x03\xe8");
    rig_pass(&rig, 4 * SECOND);
    assert_int_equal(rig.closes, 0);
    rig_pass(&rig, 1 * SECOND + 10);
    assert_int_equal(rig.closes, 1);
    assert_int_equal(rig.info.error, PIRN_E_CLOSE_TIMEOUT);
    rig_end(&rig);
}

static void an_answer_that_cannot_leave_is_given_up(void **state)
{
    (void)state;
    struct rig rig = {.peer_buffer = 4096,
                      .config = {.high_water_bytes = 64 * KIB, .when_full = PIRN_FULL_DROP}};
    rig_open(&rig);
    send_until_refused(rig.conn, 0);
    raw_frame(&rig, PIRN_CLOSE, true, "\x03\xe8", 2);
    rig_turns(&rig);
    rig_pass(&rig, 4 * SECOND);
    rig_expects(&rig, "open\nrequest 1000 \n");
    rig_pass(&rig, 1 * SECOND + 10);
    rig_expects(&rig, "closed by peer: 1000 Normal Closure; our close was lost (timeout): peer "
                      "took no data before the stall timeout\n");
    rig_end(&rig);
}

/* ---- control frames pass */

static size_t next_frame(struct rig *rig, uint8_t *frame)
{
    raw_read_all(rig, frame, 2);
    size_t header = frame[1] == 126 ? 4 : 2;
    if (header == 4)
        raw_read_all(rig, frame + 2, 2);
    size_t len = header == 4 ? (size_t)frame[2] << 8 | frame[3] : frame[1];
    raw_read_all(rig, frame + header, len);
    return header + len;
}

static void control_frames_pass_the_queue(void **state)
{
    (void)state;
    RIG_PLAIN_ONLY();
    for (int cut = 0; cut < 40; cut++) {
        struct rig rig = {.peer_buffer = 4096, .config.high_water_bytes = 64 * KIB};
        rig_open(&rig);
        assert_true(pirn_conn_send(rig.conn, PIRN_TEXT, rig.log, (size_t)cut * 25) >= 0);
        size_t taken = send_until_refused(rig.conn, 0), messages = 0, at = 0;
        rig_turns(&rig);
        assert_int_equal(pirn_conn_ping(rig.conn, "one", 3), 0);
        assert_int_equal(pirn_conn_pong(rig.conn, "two", 3), 0);
        uint8_t frame[FRAME];
        size_t len = next_frame(&rig, frame);
        assert_int_equal(len, cut * 25 + (cut * 25 < 126 ? 2 : 4));
        while (messages < taken) {
            len = next_frame(&rig, frame);
            if (frame[0] == 0x82) {
                assert_int_equal(len, FRAME);
                check_frame(frame, messages++);
                continue;
            }
            assert_memory_equal(frame, at == 0 ? "\x89\x03one" : "\x8a\x03two", 5);
            at = at == 0 ? messages : at;
        }
        assert_in_range(at, 1, taken - 30); /* what the kernel had is before them */
        rig_end(&rig);
    }
}

/* Nor do they pass the rest of a frame that left in place, or of the answer to the handshake. */
static void control_frames_pass_no_half(void **state)
{
    (void)state;
    static char large[200000];
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (char)(i * 7);
    uint8_t *got = malloc(sizeof large + 10 + 3);
    for (int handshake = 0; handshake < 2; handshake++) {
        struct rig rig = {.peer_buffer = 4096};
        rig.output = large;
        rig.output_len = handshake ? sizeof large : 0;
        rig_open(&rig);
        size_t header = handshake ? 0 : 10, len = header + sizeof large;
        if (!handshake)
            assert_true(pirn_conn_send(rig.conn, PIRN_BINARY, large, sizeof large) >= 0);
        assert_int_equal(pirn_conn_ping(rig.conn, "p", 1), 0);
        raw_read_all(&rig, got, len + 3);
        assert_memory_equal(got + header, large, sizeof large);
        assert_memory_equal(got + len, "\x89\x01p", 3);
        rig_end(&rig);
    }
    free(got);
}

static void few_control_frames_wait(void **state)
{
    (void)state;
    struct rig rig = {.peer_buffer = 4096, .config.high_water_bytes = 64 * KIB};
    rig_open(&rig);
    for (int i = 0; i < 200; i++) /* the socket takes them all */
        assert_int_equal(pirn_conn_ping(rig.conn, "", 0), 0);
    size_t taken = send_until_refused(rig.conn, 0);
    rig_turns(&rig);
    for (int i = 0; i < 64; i++)
        assert_int_equal(pirn_conn_ping(rig.conn, "abc", 3), 0);
    assert_int_equal(pirn_conn_ping(rig.conn, "abc", 3), -PIRN_E_QUEUE_FULL);
    uint8_t frame[FRAME];
    size_t pings = 0;
    for (size_t i = 0; i < taken + 264; i++) {
        next_frame(&rig, frame);
        pings += frame[0] == 0x89;
    }
    assert_int_equal(pings, 264);
    assert_int_equal(pirn_conn_ping(rig.conn, "abc", 3), 0);
    rig_end(&rig);
}

/* An answer to a Ping waits in its slot behind what the program sends, and passes as well. */
/* Those who ping everybody at once need memory for all of that. */
static void one_ping_needs_little_memory(void **state)
{
    (void)state;
    struct rig rig = {.peer_buffer = 0};
    rig_open(&rig);
    rig_turns(&rig);
    size_t before = rig.memory.bytes;
    assert_int_equal(pirn_conn_ping(rig.conn, "p", 1), 0);
    assert_in_range(rig.memory.bytes - before, 1, 1500);
    rig_turns(&rig);
    assert_int_equal(rig.memory.bytes, before);
    rig_end(&rig);
}

static void answers_pass_too(void **state)
{
    (void)state;
    RIG_PLAIN_ONLY();
    struct rig rig = {.peer_buffer = 4096,
                      .config = {.high_water_bytes = 64 * KIB, .when_full = PIRN_FULL_DROP}};
    rig_open(&rig);
    size_t taken = send_until_refused(rig.conn, 0), messages = 0, others = 0;
    rig_turns(&rig);
    assert_int_equal(pirn_conn_ping(rig.conn, "one", 3), 0);
    raw_frame(&rig, PIRN_PING, true, "old", 3);
    raw_frame(&rig, PIRN_PING, true, "two", 3);
    rig_turns(&rig);
    uint8_t frame[FRAME];
    while (messages < taken) {
        next_frame(&rig, frame);
        if (frame[0] == 0x82)
            check_frame(frame, messages++);
        else
            assert_memory_equal(frame, others++ ? "\x8a\x03two" : "\x89\x03one", 5);
    }
    assert_int_equal(others, 2);
    rig_end(&rig);
}

/* A Pong that waits in the queue is dropped when a newer one passes that, and only then: a
 * keep-alive Ping that passes it leaves it where it is. */
static void send_ten(struct rig *rig, struct pirn_conn *conn, enum rig_moment moment)
{
    char message[MESSAGE];
    for (int i = 0; moment == ON_MESSAGE && i < 10; i++) {
        memset(message, 'a' + i, sizeof message);
        assert_int_equal(pirn_conn_send(conn, PIRN_BINARY, message, sizeof message), 0);
    }
    (void)rig;
}

static void pongs_leave_in_order(void **state)
{
    (void)state;
    RIG_PLAIN_ONLY();
    for (unsigned how = 0; how < 4; how++) {
        struct rig rig = {.peer_buffer = 2304, .act = send_ten};
        bool newer = how & 1;
        uint8_t frame[FRAME];
        char got[32] = {0};
        rig_open(&rig);
        static const uint8_t at_once[] = "\x81\x80\0\0\0\0\x89\x81\0\0\0\0"
                                         "0\x89\x81\0\0\0\0"
                                         "1";
        raw_write(&rig, at_once, how & 2 ? sizeof at_once - 1 : 13);
        rig_turns(&rig);
        assert_true(pirn_conn_buffered(rig.conn) > 5 * FRAME);
        for (int i = 2; newer && i < 4; i++)
            raw_frame(&rig, PIRN_PING, true, &"0123"[i], 1);
        rig_turns(&rig);
        if (!newer)
            rig_pass(&rig, PIRN_DEFAULT_PING_INTERVAL_MS + 10);
        const char *wanted = newer ? "3" : how & 2 ? "p01" : "p0";
        for (size_t messages = 0; messages < 10 || strlen(got) < strlen(wanted);) {
            next_frame(&rig, frame);
            if (frame[0] == 0x82)
                check_frame(frame, messages++);
            else
                got[strlen(got)] = (char)frame[2];
        }
        rig_turns(&rig);
        assert_int_equal(raw_read(&rig, frame, sizeof frame), 0);
        assert_string_equal(got, wanted);
        assert_int_equal(pirn_conn_buffered(rig.conn), 0);
        rig_end(&rig);
    }
}

/* 16 MiB of Pings to a peer that never reads. */
static void a_flood_of_pings_costs_nothing(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        struct rig rig = {.tcp = tcp};
        rig_start(&rig);
        rig.config.handlers.on_ping = NULL;
        rig.conn = rig_connect(&rig, &rig.peer);
        size_t base = rig.memory.bytes;
        rig.memory.peak = base;
        static uint8_t flood[131 * 500];
        for (size_t i = 0; i < sizeof flood; i += 131)
            memcpy(flood + i, "\x89\xfd\0\0\0\0", 6);
        for (int i = 0; i < 16 * MIB / (int)sizeof flood; i++)
            raw_write(&rig, flood, sizeof flood);
        assert_in_range(rig.memory.peak - base, 0, 28 * KIB);
        assert_int_equal(rig.closes, 0);
        raw_frame(&rig, PIRN_PING, true, "latest", 6);
        uint8_t got[131];
        do
            next_frame(&rig, got);
        while (got[1] == 125);
        assert_memory_equal(got, "\x8a\x06latest", 8);
        rig_turns(&rig);
        assert_int_equal(rig.memory.bytes, base);
        rig_end(&rig);
    }
}

static void every_ping_of_a_few_is_answered(void **state)
{
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    for (int i = 0; i < 10; i++)
        raw_frame(&rig, PIRN_PING, true, &"0123456789"[i], 1);
    RAW_EXPECTS(&rig, "\x8a\x01"
                      "0\x8a\x01"
                      "1\x8a\x01"
                      "2\x8a\x01"
                      "3\x8a\x01"
                      "4\x8a\x01"
                      "5\x8a\x01"
                      "6\x8a\x01"
                      "7\x8a\x01"
                      "8\x8a\x01"
                      "9");
    rig_end(&rig);
}

/* A drained program that fills the queue at once does not keep the others from their turn. */
static void refill(struct rig *rig, struct pirn_conn *conn, enum rig_moment moment)
{
    if (moment == ON_DRAIN && rig->messages++ < 3)
        send_until_refused(conn, 0);
}

static void on_drain_may_send(void **state)
{
    (void)state;
    struct rig rig = {.act = refill, .peer_buffer = 4096, .config.high_water_bytes = 64 * KIB};
    rig_open(&rig);
    send_until_refused(rig.conn, 0);
    uint8_t bytes[4096];
    for (int i = 0; i < 400; i++) {
        rig_turn(&rig);
        raw_read(&rig, bytes, sizeof bytes);
    }
    rig_expects(&rig, "open\ndrain\ndrain\ndrain\ndrain\n");
    assert_int_equal(pirn_conn_buffered(rig.conn), 0);
    rig_end(&rig);
}

static void say_drained(struct rig *rig, struct pirn_conn *conn, enum rig_moment moment)
{
    (void)rig;
    if (moment == ON_DRAIN)
        assert_int_equal(pirn_conn_send(conn, PIRN_TEXT, "drained", 7), 0);
}

static void what_on_drain_sends_leaves(void **state)
{
    (void)state;
    struct rig rig = {.act = say_drained,
                      .peer_buffer = 4096,
                      .config = {.high_water_bytes = 64 * KIB, .low_water_bytes = 1}};
    rig_open(&rig);
    size_t taken = send_until_refused(rig.conn, 0);
    uint8_t frame[FRAME];
    for (size_t i = 0; i < taken; i++)
        assert_int_equal(next_frame(&rig, frame), FRAME);
    assert_int_equal(next_frame(&rig, frame), 9);
    rig_end(&rig);
}

/* Large payloads leave from where they lie, behind what is queued and not copied if taken whole. */
static void large_payloads_are_not_copied(void **state)
{
    (void)state;
    struct rig rig = {.tcp = true, .peer_buffer = 256 * KIB};
    rig_open(&rig);
    static char payload[32 * KIB];
    assert_int_equal(pirn_conn_send(rig.conn, PIRN_TEXT, "a", 1), 0);
    size_t calls = rig.memory.calls;
    assert_int_equal(pirn_conn_send(rig.conn, PIRN_BINARY, payload, sizeof payload), 0);
    assert_int_equal(rig.memory.calls, calls);
    assert_int_equal(pirn_conn_buffered(rig.conn), 0);
    uint8_t got[3 + 4 + sizeof payload];
    raw_read_all(&rig, got, sizeof got);
    assert_memory_equal(got,
                        "\x81\x01"
                        "a\x82\x7e\x80\x00",
                        7);
    rig_end(&rig);
}

/* ---- what is sent back from where it lies */

enum { BACK_FRAMES = 300, BACK_MAX = 40000 };

static const size_t back_sizes[] = {5000, 100, BACK_MAX, 4096, 20000, 126, 70};

static size_t back_size(size_t i)
{
    return back_sizes[i % (sizeof back_sizes / sizeof *back_sizes)];
}

static uint8_t back_byte(size_t i)
{
    return (uint8_t)(i * 31 + 7);
}

/* Messages of all sizes, a Ping behind every fourth; masked with a key of zero. */
static size_t write_back_frames(uint8_t *to)
{
    static uint8_t payload[BACK_MAX];
    size_t at = 0;
    for (size_t i = 0; i < BACK_FRAMES; i++) {
        struct pirn_frame frame = {
            .fin = true, .masked = true, .opcode = PIRN_BINARY, .payload_len = back_size(i)};
        memset(payload, back_byte(i), frame.payload_len);
        at += (size_t)pirn_frame_encode(to + at, SIZE_MAX, &frame, payload);
        frame = (struct pirn_frame){.fin = true, .masked = true, .opcode = PIRN_PING};
        if (i % 4 == 3)
            at += (size_t)pirn_frame_encode(to + at, SIZE_MAX, &frame, NULL);
    }
    return at;
}

static void send_back(struct pirn_conn *conn, const struct pirn_chunk *chunk)
{
    assert_true(pirn_conn_send_back(conn, chunk->type, chunk->data, chunk->len, chunk->last) >= 0);
}

/* Reads frames from what has come so far, and throws them away; *message and *offset say where the
 * echoes stand. Returns the bytes that were not whole frames. */
static size_t check_back_frames(uint8_t *data, size_t len, size_t *message, size_t *offset)
{
    struct pirn_frame frame;
    size_t at = 0, size;
    while ((size = pirn_frame_decode(&frame, data + at, len - at)) > 0 &&
           len - at - size >= frame.payload_len) {
        for (size_t i = 0; i < frame.payload_len; i++)
            assert_int_equal(data[at + size + i], back_byte(*message));
        at += size + (size_t)frame.payload_len;
        if (frame.opcode == PIRN_PONG)
            continue;
        assert_int_equal(frame.opcode, *offset > 0 ? PIRN_CONTINUATION : PIRN_BINARY);
        *offset += (size_t)frame.payload_len;
        if (!frame.fin)
            continue;
        assert_int_equal(*offset, back_size(*message));
        *offset = 0;
        ++*message;
    }
    memmove(data, data + at, len - at);
    return len - at;
}

/* However little the peer takes at a time, all comes whole and in order. */
static void what_is_sent_back_comes_whole(void **state)
{
    (void)state;
    static const int buffers[] = {0, 4 * KIB, 64 * KIB};
    uint8_t *in = malloc(BACK_FRAMES * (size_t)BACK_MAX), *out = malloc(MIB);
    size_t total_in = write_back_frames(in);
    for (int i = 0; i < 6; i++) {
        struct rig rig = {
            .tcp = i % 2, .peer_buffer = buffers[i / 2], .config.high_water_bytes = 64 * KIB};
        size_t written = 0, held = 0, message = 0, offset = 0;
        rig_start(&rig);
        rig.config.handlers.on_chunk = send_back;
        rig.conn = rig_connect(&rig, &rig.peer);
        rig_turns(&rig);
        size_t base = rig.memory.bytes;
        while (message < BACK_FRAMES) {
            ssize_t sent = send(rig.peer, in + written, total_in - written, MSG_NOSIGNAL);
            written += sent > 0 ? (size_t)sent : 0;
            rig_turn(&rig);
            held += raw_read(&rig, out + held, MIB - held);
            held = check_back_frames(out, held, &message, &offset);
        }
        rig_turns(&rig);
        assert_int_equal(rig.memory.bytes, base);
        rig_end(&rig);
    }
    free(in);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_queue_has_a_high_mark),
        cmocka_unit_test(drain_is_told_at_the_low_mark),
        cmocka_unit_test(drain_is_told_after_every_refusal),
        cmocka_unit_test(a_full_queue_may_drop),
        cmocka_unit_test(a_full_queue_may_close),
        cmocka_unit_test(an_echo_loses_nothing),
        cmocka_unit_test(what_is_sent_back_comes_whole),
        cmocka_unit_test(a_peer_that_takes_nothing_is_reset),
        cmocka_unit_test(a_queue_is_not_older_than_it_is),
        cmocka_unit_test(waiting_pings_are_not_older_than_they_are),
        cmocka_unit_test(a_slow_peer_is_not_stalled),
        cmocka_unit_test(a_gone_peer_is_heard_behind_a_full_queue),
        cmocka_unit_test(nothing_waits_for_a_deaf_peer),
        cmocka_unit_test(a_close_waits_for_the_queue),
        cmocka_unit_test(an_answer_that_cannot_leave_is_given_up),
        cmocka_unit_test(control_frames_pass_the_queue),
        cmocka_unit_test(control_frames_pass_no_half),
        cmocka_unit_test(few_control_frames_wait),
        cmocka_unit_test(one_ping_needs_little_memory),
        cmocka_unit_test(answers_pass_too),
        cmocka_unit_test(pongs_leave_in_order),
        cmocka_unit_test(a_flood_of_pings_costs_nothing),
        cmocka_unit_test(every_ping_of_a_few_is_answered),
        cmocka_unit_test(on_drain_may_send),
        cmocka_unit_test(what_on_drain_sends_leaves),
        cmocka_unit_test(large_payloads_are_not_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
