/* How connections end: who closes, what leaves, what is told, and when. */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn_rig.h"

enum { SECOND = 1000 };

#define INFO(rig, c, s, o, l, cl, e)                                                               \
    do {                                                                                           \
        assert_int_equal((rig)->info.code, c);                                                     \
        assert_int_equal((rig)->info.sent_code, s);                                                \
        assert_int_equal((rig)->info.origin, o);                                                   \
        assert_int_equal((rig)->info.layer, l);                                                    \
        assert_int_equal((rig)->info.clean, cl);                                                   \
        assert_int_equal((rig)->info.error, e);                                                    \
        assert_int_equal((rig)->closes, 1);                                                        \
        assert_null((rig)->conn);                                                                  \
    } while (0)

/* ---- by the peer */

static void the_peer_closes(void **state)
{
    (void)state;
    static const struct {
        const char *payload;
        int code, sent;
        const char *log;
    } rows[] = {
        {"\x03\xe9tab closed", 1001, 1001,
         "open\nrequest 1001 tab closed\nclosed by peer: 1001 Going Away \"tab closed\"\n"},
        {"\x03\xe8", 1000, 1000, "open\nrequest 1000 \nclosed by peer: 1000 Normal Closure\n"},
        {"", 1005, 1005, "open\nrequest 1005! \nclosed by peer: 1005 No Status Rcvd\n"},
        {"\x0f\xa1"
         "a\nb\x7f\xc2\x85z",
         4001, 4001, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rig rig = {0};
        rig_open(&rig);
        size_t len = strlen(rows[i].payload);
        uint8_t answer[4] = {0x88, (uint8_t)(len ? 2 : 0)};
        memcpy(answer + 2, rows[i].payload, len ? 2 : 0);
        raw_frame(&rig, PIRN_CLOSE, true, rows[i].payload, len);
        raw_text(&rig, "too late");
        raw_expects(&rig, answer, len ? 4 : 2);
        assert_false(raw_sees_end(&rig));
        INFO(&rig, rows[i].code, rows[i].sent, PIRN_ORIGIN_REMOTE, PIRN_LAYER_WEBSOCKET, true,
             PIRN_E_NONE);
        assert_int_equal(rig.info.has_code, len > 0);
        assert_int_equal(rig.info.reason.len, len > 2 ? len - 2 : 0);
        if (rows[i].log)
            rig_expects(&rig, rows[i].log);
        else
            assert_string_equal(rig.text, "closed by peer: 4001 Private Use \"a?b???z\"");
        rig_end(&rig);
    }
}

static void answer_with_4000(struct rig *rig, struct pirn_conn *conn, enum rig_moment moment)
{
    if (moment != ON_REQUEST)
        return;
    assert_int_equal(pirn_conn_state(conn), PIRN_CLOSED);
    assert_int_equal(pirn_conn_send(conn, PIRN_TEXT, "x", 1), -PIRN_E_CLOSED);
    assert_int_equal(pirn_conn_ping(conn, "x", 1), -PIRN_E_CLOSED);
    assert_int_equal(pirn_conn_close(conn, 4000, PIRN_STR("no")), 0);
    (void)rig;
}

static void the_answer_may_be_another(void **state)
{
    (void)state;
    struct rig rig = {.act = answer_with_4000};
    rig_open(&rig);
    raw_frame(&rig, PIRN_CLOSE, true, "\x03\xe8", 2);
    RAW_EXPECTS(&rig, "\x88\x04\x0f\xa0no");
    INFO(&rig, 1000, 4000, PIRN_ORIGIN_REMOTE, PIRN_LAYER_WEBSOCKET, true, PIRN_E_NONE);
    rig_end(&rig);
}

static void terminate_at_request(struct rig *rig, struct pirn_conn *conn, enum rig_moment moment)
{
    (void)rig;
    if (moment == ON_REQUEST)
        pirn_conn_terminate(conn);
}

static void there_may_be_no_answer(void **state)
{
    (void)state;
    struct rig rig = {.act = terminate_at_request, .tcp = true};
    rig_open(&rig);
    raw_frame(&rig, PIRN_CLOSE, true, "\x03\xe8", 2);
    assert_true(raw_sees_end(&rig));
    INFO(&rig, 1000, 0, PIRN_ORIGIN_REMOTE, PIRN_LAYER_APPLICATION, false, PIRN_E_TERMINATED);
    rig_expects(&rig, "open\nrequest 1000 \nterminated by us\n");
    rig_end(&rig);
}

/* Replies of a batch leave before the answer to the Close that ends it. */
static void echo(struct rig *rig, struct pirn_conn *conn, enum rig_moment moment)
{
    (void)rig;
    if (moment == ON_MESSAGE)
        assert_int_equal(pirn_conn_send(conn, PIRN_TEXT, "echo", 4), 0);
}

static void answers_leave_before_the_close(void **state)
{
    (void)state;
    struct rig rig = {.act = echo};
    rig_open(&rig);
    raw_text(&rig, "a");
    raw_text(&rig, "b");
    raw_frame(&rig, PIRN_CLOSE, true, "", 0);
    RAW_EXPECTS(&rig, "\x81\x04"
                      "echo\x81\x04"
                      "echo\x88\x00");
    rig_end(&rig);
}

/* The socket is not closed with input unread, which would reset it and lose our answer. */
static void an_answer_is_not_lost_to_noise(void **state)
{
    (void)state;
    struct rig rig = {.tcp = true};
    static char noise[200000];
    rig_open(&rig);
    raw_frame(&rig, PIRN_CLOSE, true, "\x03\xe8", 2);
    raw_write(&rig, noise, sizeof noise);
    RAW_EXPECTS(&rig, "\x88\x02\x03\xe8");
    assert_false(raw_sees_end(&rig));
    assert_int_equal(rig.closes, 0);
    raw_close(&rig);
    rig_turns(&rig);
    INFO(&rig, 1000, 1000, PIRN_ORIGIN_REMOTE, PIRN_LAYER_WEBSOCKET, true, PIRN_E_NONE);
    rig_end(&rig);
}

/* ---- by us */

static void we_close(void **state)
{
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    assert_int_equal(pirn_conn_send(rig.conn, PIRN_TEXT, "bye", 3), 0);
    assert_int_equal(pirn_conn_close(rig.conn, 1000, PIRN_STR("done")), 0);
    assert_int_equal(pirn_conn_close(rig.conn, 1000, PIRN_STR("done")), -PIRN_E_CLOSED);
    assert_int_equal(pirn_conn_send(rig.conn, PIRN_TEXT, "x", 1), -PIRN_E_CLOSED);
    assert_int_equal(pirn_conn_state(rig.conn), PIRN_CLOSING);
    RAW_EXPECTS(&rig, "\x81\x03"
                      "bye\x88\x06\x03\xe8"
                      "done");
    raw_text(&rig, "still");
    rig_turns(&rig);
    rig_expects(&rig, "open\ntext still\n");
    raw_frame(&rig, PIRN_CLOSE, true, "\x03\xe9", 2);
    assert_false(raw_sees_end(&rig));
    INFO(&rig, 1001, 1000, PIRN_ORIGIN_LOCAL, PIRN_LAYER_WEBSOCKET, true, PIRN_E_NONE);
    rig_expects(&rig,
                "request 1001 \nclosed by us: 1000 Normal Closure; answered: 1001 Going Away\n");
    rig_end(&rig);
}

static void we_close_and_nobody_answers(void **state)
{
    (void)state;
    struct rig rig = {.tcp = true};
    rig_open(&rig);
    assert_int_equal(pirn_conn_close(rig.conn, 0, PIRN_STR("")), 0);
    RAW_EXPECTS(&rig, "\x88\x00");
    rig_pass(&rig, 5 * SECOND - 10);
    assert_int_equal(rig.closes, 0);
    rig_pass(&rig, 20);
    assert_true(raw_sees_end(&rig));
    INFO(&rig, 1006, 1005, PIRN_ORIGIN_LOCAL, PIRN_LAYER_TIMEOUT, false, PIRN_E_CLOSE_TIMEOUT);
    rig_expects(&rig, "open\nlost (timeout): no close frame within 5000 ms\n");
    rig_end(&rig);
}

static void a_client_waits_for_the_server_to_end(void **state)
{
    (void)state;
    enum { ENDS, OVERDUE, TERMINATED, WAYS };
    for (int way = ENDS; way < WAYS; way++) {
        struct rig rig = {.role = PIRN_CLIENT};
        rig_open(&rig);
        raw_frame(&rig, PIRN_CLOSE, true, "\x03\xe8", 2);
        rig_turns(&rig);
        uint8_t answer[16];
        assert_int_equal(raw_read(&rig, answer, sizeof answer), 8);
        assert_int_equal(rig.closes, 0);
        raw_write(&rig, "noise", 5);
        rig_turns(&rig);
        if (way == OVERDUE)
            rig_pass(&rig, 5 * SECOND + 10);
        else if (way == TERMINATED)
            pirn_conn_terminate(rig.conn);
        else
            raw_close(&rig);
        rig_turns(&rig);
        INFO(&rig, 1000, 1000, PIRN_ORIGIN_REMOTE, PIRN_LAYER_WEBSOCKET, true, PIRN_E_NONE);
        rig_end(&rig);
    }
}

static void we_terminate(void **state)
{
    (void)state;
    struct rig rig = {.tcp = true};
    rig_open(&rig);
    pirn_conn_send(rig.conn, PIRN_TEXT, "lost", 4);
    pirn_conn_terminate(rig.conn);
    pirn_conn_terminate(rig.conn);
    assert_int_equal(rig.closes, 0);
    assert_int_equal(pirn_conn_state(rig.conn), PIRN_CLOSED);
    assert_int_equal(pirn_conn_send(rig.conn, PIRN_TEXT, "x", 1), -PIRN_E_CLOSED);
    assert_int_equal(pirn_conn_close(rig.conn, 1000, PIRN_STR("")), -PIRN_E_CLOSED);
    pirn_conn_pause(rig.conn);
    pirn_conn_resume(rig.conn);
    char text[64];
    assert_string_equal(pirn_conn_peer(rig.conn, text, sizeof text), "unknown");
    assert_string_equal(pirn_conn_local(rig.conn, text, sizeof text), "unknown");
    assert_true(raw_sees_end(&rig));
    INFO(&rig, 1006, 0, PIRN_ORIGIN_LOCAL, PIRN_LAYER_APPLICATION, false, PIRN_E_TERMINATED);
    rig_expects(&rig, "open\nterminated by us\n");
    rig_end(&rig);
}

static void note_peer(struct rig *rig, struct pirn_conn *conn, enum rig_moment moment)
{
    if (moment != ON_OPEN && moment != ON_CLOSE)
        return;
    char *texts = rig->extra;
    pirn_conn_peer(conn, texts + (moment == ON_CLOSE ? 64 : 0), 64);
    memset(pirn_conn_user(conn), 0xAA, 24);
}

static void the_peer_is_kept(void **state)
{
    (void)state;
    char texts[2][64];
    struct rig rig = {.tcp = true,
                      .config = {.keep_peer = true, .user_bytes = 24},
                      .act = note_peer,
                      .extra = texts};
    rig_open(&rig);
    raw_reset(&rig);
    rig_turns(&rig);
    assert_memory_equal(texts[0], "127.0.0.1:", 10);
    assert_string_equal(texts[1], texts[0]);
    rig_expects(&rig, "open\nlost (tcp): connection reset by peer\n");
    rig_end(&rig);
}

/* ---- by failure */

static void bad_frames_fail(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        int code;
        enum pirn_error error;
        const char *text;
    } rows[] = {
        {"\x81\x83\0\0\0\0ab\xff", 9, 1007, PIRN_E_UTF8,
         "failed: 1007 text is not UTF-8 at byte 2"},
        {"\x81\x01", 2, 1002, PIRN_E_UNMASKED, "failed: 1002 frame from a client is not masked"},
        {"\x82\xff\0\0\0\1\0\0\0\0", 10, 1009, PIRN_E_MESSAGE_TOO_BIG,
         "failed: 1009 message of 4294967296 bytes is over the limit of 1048576"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rig rig = {.tcp = true};
        rig_open(&rig);
        raw_text(&rig, "good");
        raw_write(&rig, rows[i].bytes, rows[i].len);
        raw_text(&rig, "not heard");
        rig_turns(&rig);
        uint8_t got[200];
        size_t len = raw_read(&rig, got, sizeof got);
        const char *reason = strchr(rows[i].text, '1') + 5;
        assert_int_equal(len, 4 + strlen(reason));
        assert_int_equal(got[0], 0x88);
        assert_int_equal(got[2] << 8 | got[3], rows[i].code);
        assert_memory_equal(got + 4, reason, len - 4);
        /* Our side has ended; what still comes is thrown away until the peer ends its own. */
        assert_false(raw_sees_end(&rig));
        raw_text(&rig, "not heard");
        rig_turns(&rig);
        assert_int_equal(rig.closes, 0);
        raw_close(&rig);
        rig_turns(&rig);
        INFO(&rig, 1006, rows[i].code, PIRN_ORIGIN_LOCAL, PIRN_LAYER_WEBSOCKET, false,
             rows[i].error);
        assert_string_equal(rig.text, rows[i].text);
        rig_end(&rig);
    }
}

static void a_failed_peer_has_five_seconds(void **state)
{
    (void)state;
    struct rig rig = {.tcp = true};
    rig_open(&rig);
    raw_write(&rig, "\x83\x80", 2);
    for (int i = 0; i < 49; i++) {
        raw_text(&rig, "flood");
        rig_pass(&rig, 100);
    }
    assert_int_equal(rig.closes, 0);
    rig_pass(&rig, 300);
    assert_int_equal(rig.closes, 1);
    rig_expects(&rig, "open\nfailed: 1002 reserved opcode 3\n");
    rig_end(&rig);
}

static void a_lost_peer_says_how(void **state)
{
    (void)state;
    RIG_PLAIN_ONLY();
    static const struct {
        int way; /* 0 end, 1 reset, 2 end of its side only */
        enum pirn_error error;
        int system_error;
        const char *text;
    } rows[] = {
        {0, PIRN_E_EOF, 0, "lost (tcp): connection ended without a close frame"},
        {1, PIRN_E_SYSTEM, 104, "lost (tcp): connection reset by peer"},
        {2, PIRN_E_EOF, 0, "lost (tcp): connection ended without a close frame"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int closing = 0; closing < 2; closing++) {
            struct rig rig = {.tcp = true};
            rig_open(&rig);
            if (closing) {
                assert_int_equal(pirn_conn_close(rig.conn, 1000, PIRN_STR("")), 0);
                RAW_EXPECTS(&rig, "\x88\x02\x03\xe8");
            }
            if (rows[i].way == 1)
                raw_reset(&rig);
            else if (rows[i].way == 0)
                raw_close(&rig);
            else
                shutdown(rig.peer, SHUT_WR);
            rig_turns(&rig);
            INFO(&rig, 1006, closing ? 1000 : 0, closing ? PIRN_ORIGIN_LOCAL : PIRN_ORIGIN_REMOTE,
                 PIRN_LAYER_TCP, false, rows[i].error);
            assert_int_equal(rig.info.system_error, rows[i].system_error);
            assert_string_equal(rig.text, rows[i].text);
            rig_end(&rig);
        }
}

/* The peer's last words are heard although nothing can be sent to it any more. */
static void a_close_is_heard_behind_a_broken_pipe(void **state)
{
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    raw_frame(&rig, PIRN_CLOSE, true, "\x03\xe9gone", 6);
    raw_close(&rig);
    assert_int_equal(pirn_conn_send(rig.conn, PIRN_TEXT, "x", 1), 0);
    rig_turns(&rig);
    INFO(&rig, 1001, 0, PIRN_ORIGIN_REMOTE, PIRN_LAYER_TCP, false, PIRN_E_SYSTEM);
    assert_string_equal(rig.text, "closed by peer: 1001 Going Away \"gone\"; our close was lost "
                                  "(tcp): connection closed by peer while sending");
    rig_end(&rig);
}

/* ---- states that last */

static void be_paused(struct rig *rig)
{
    pirn_conn_pause(rig->conn);
    raw_text(rig, "waits");
}

static void be_paused_and_reset(struct rig *rig)
{
    be_paused(rig);
    raw_reset(rig);
}

static void be_paused_and_ended(struct rig *rig)
{
    be_paused(rig);
    shutdown(rig->peer, SHUT_WR);
}

static void be_blocked(struct rig *rig)
{
    static char large[100000];
    for (int i = 0; i < 50; i++)
        pirn_conn_send(rig->conn, PIRN_BINARY, large, sizeof large);
}

static void be_blocked_and_ended(struct rig *rig)
{
    be_blocked(rig);
    shutdown(rig->peer, SHUT_WR);
}

static void be_awaiting(struct rig *rig)
{
    pirn_conn_close(rig->conn, 1000, PIRN_STR(""));
}

static void be_lingering(struct rig *rig)
{
    raw_write(rig, "\x83\x80", 2);
}

static void be_finishing(struct rig *rig)
{
    be_blocked(rig);
    rig_turns(rig);
    be_lingering(rig);
}

/* None of them keeps the loop busy. */
static void odd_states_do_not_spin(void **state)
{
    (void)state;
    static void (*const states[])(struct rig * rig) = {
        be_paused,  be_paused_and_reset,  be_paused_and_ended, be_awaiting,
        be_blocked, be_blocked_and_ended, be_lingering,        be_finishing,
    };
    for (size_t i = 0; i < COUNT(states); i++) {
        struct rig rig = {.tcp = true, .peer_buffer = 4096};
        rig_open(&rig);
        states[i](&rig);
        rig_turns(&rig);
        assert_non_null(rig.conn);
        for (int turn = 0; turn < 10; turn++) {
            assert_int_equal(pirn_loop_dispatch(rig.loop), 0);
            assert_int_not_equal(pirn_loop_timeout_ms(rig.loop), 0);
        }
        rig_end(&rig);
    }
}

/* ---- by time */

static void a_silent_peer_is_found(void **state)
{
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    rig_pass(&rig, 20 * SECOND + 5);
    RAW_EXPECTS(&rig, "\x89\x08pirn\0\0\0\1");
    rig_now_us += 7000;
    raw_frame(&rig, PIRN_PONG, true, "pirn\0\0\0\1", 8);
    rig_turns(&rig);
    rig_expects(&rig, "open\nrtt 7000\n");
    assert_int_equal(pirn_conn_rtt_us(rig.conn), 7000);
    rig_pass(&rig, 20 * SECOND);
    RAW_EXPECTS(&rig, "\x89\x08pirn\0\0\0\2");
    rig_pass(&rig, 20 * SECOND + 10);
    assert_int_equal(rig.closes, 1);
    INFO(&rig, 1006, 1011, PIRN_ORIGIN_LOCAL, PIRN_LAYER_TIMEOUT, false, PIRN_E_PING_TIMEOUT);
    assert_string_equal(rig.text, "lost (timeout): ping timeout: no pong within 20000 ms");
    uint8_t got[64];
    assert_int_equal(raw_read(&rig, got, sizeof got), 41);
    assert_memory_equal(got, "\x88\x27\x03\xf3ping timeout", 16);
    rig_end(&rig);
}

static void keep_alive_waits_in_a_pause(void **state)
{
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    rig_pass(&rig, 20 * SECOND + 5);
    RAW_EXPECTS(&rig, "\x89\x08pirn\0\0\0\1");
    pirn_conn_pause(rig.conn);
    raw_frame(&rig, PIRN_PONG, true, "pirn\0\0\0\1", 8);
    rig_pass(&rig, 100 * SECOND);
    RAW_EXPECTS(&rig, "");
    pirn_conn_resume(rig.conn);
    rig_pass(&rig, 1);
    assert_int_equal(rig.closes, 0);
    rig_pass(&rig, 20 * SECOND + 5);
    RAW_EXPECTS(&rig, "\x89\x08pirn\0\0\0\2");
    rig_end(&rig);
}

/* Who pauses all the time, to keep a rate say, still finds out that the peer is gone. */
static void short_pauses_do_not_stop_keep_alive(void **state)
{
    (void)state;
    struct rig rig = {.tcp = true};
    rig_open(&rig);
    for (int second = 0; second < 100 && rig.conn; second++) {
        pirn_conn_pause(rig.conn);
        rig_pass(&rig, 500);
        pirn_conn_resume(rig.conn);
        rig_pass(&rig, 500);
    }
    assert_int_equal(rig.closes, 1);
    assert_int_equal(rig.info.error, PIRN_E_PING_TIMEOUT);
    rig_end(&rig);
}

static void closing_goes_on_in_a_pause(void **state)
{
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    pirn_conn_pause(rig.conn);
    assert_int_equal(pirn_conn_close(rig.conn, 1000, PIRN_STR("")), 0);
    RAW_EXPECTS(&rig, "\x88\x02\x03\xe8");
    rig_pass(&rig, 5 * SECOND + 5);
    assert_int_equal(rig.closes, 1);
    rig_end(&rig);
}

/* A suspended machine: only what is idle for too long ends, and a single Ping leaves. */
static void a_jump_of_the_clock_is_one_interval(void **state)
{
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    rig_pass(&rig, 3600 * SECOND);
    RAW_EXPECTS(&rig, "\x89\x08pirn\0\0\0\1");
    rig_end(&rig);
}

static void traffic_does_not_touch_the_timer(void **state)
{
    (void)state;
    struct rig rig = {.quiet = true, .act = echo};
    rig_open(&rig);
    char got[16];
    for (int i = 0; i < 10; i++) {
        rig_now_us += 1000000;
        raw_text(&rig, "x");
        rig_turns(&rig);
        assert_int_equal(raw_read(&rig, got, sizeof got), 6);
        assert_in_range(pirn_loop_timeout_ms(rig.loop), 1, 20 * SECOND - 1000 * (i + 1) + 1);
    }
    rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_peer_closes),
        cmocka_unit_test(the_answer_may_be_another),
        cmocka_unit_test(there_may_be_no_answer),
        cmocka_unit_test(answers_leave_before_the_close),
        cmocka_unit_test(an_answer_is_not_lost_to_noise),
        cmocka_unit_test(we_close),
        cmocka_unit_test(we_close_and_nobody_answers),
        cmocka_unit_test(a_client_waits_for_the_server_to_end),
        cmocka_unit_test(we_terminate),
        cmocka_unit_test(the_peer_is_kept),
        cmocka_unit_test(bad_frames_fail),
        cmocka_unit_test(a_failed_peer_has_five_seconds),
        cmocka_unit_test(a_lost_peer_says_how),
        cmocka_unit_test(a_close_is_heard_behind_a_broken_pipe),
        cmocka_unit_test(odd_states_do_not_spin),
        cmocka_unit_test(a_silent_peer_is_found),
        cmocka_unit_test(keep_alive_waits_in_a_pause),
        cmocka_unit_test(short_pauses_do_not_stop_keep_alive),
        cmocka_unit_test(closing_goes_on_in_a_pause),
        cmocka_unit_test(a_jump_of_the_clock_is_one_interval),
        cmocka_unit_test(traffic_does_not_touch_the_timer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
