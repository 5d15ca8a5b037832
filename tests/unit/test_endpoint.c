/* What the protocol cases (tests/cases) do not show: misuse, slots that are lent, time and endings.
 * What is received, and how it is cut, is theirs. */
#include "endpoint_fixture.h"

/* Making and lending. */

static void an_idle_endpoint_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct pirn_endpoint) <= 128);
}

static void init_refuses_what_cannot_work(void **state)
{
    (void)state;
    struct pirn_endpoint ep;
    const struct pirn_endpoint_config config = {0};
    assert_int_equal(pirn_endpoint_init(&ep, PIRN_CLIENT, NULL, NULL, 0), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_endpoint_init(&ep, PIRN_CLIENT, &config, NULL, 0), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_endpoint_init(&ep, (enum pirn_role)2, &config, NULL, 0),
                     -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_endpoint_init(&ep, PIRN_SERVER, NULL, NULL, 0), 0);
    assert_int_equal(pirn_endpoint_deadline(&ep), 20 * SECOND);
    assert_int_equal(pirn_endpoint_role(&ep), PIRN_SERVER);
    assert_int_equal(pirn_endpoint_state(&ep), PIRN_OPEN);
}

static void nothing_happens_before_the_first_bytes(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    char text[8] = "x";
    assert_false(pirn_endpoint_next(ep, &f.event));
    assert_int_equal(pirn_endpoint_feed(ep, NULL, 0, START), 0);
    assert_false(pirn_endpoint_next(ep, &f.event));
    assert_int_equal(control(&f), 0);
    assert_false(pirn_endpoint_has_control(ep));
    assert_int_equal(pirn_endpoint_error(ep), PIRN_E_NONE);
    assert_string_equal(pirn_endpoint_error_text(ep, text, sizeof text), "");
    assert_string_equal(pirn_endpoint_error_text(ep, NULL, 0), "");
    const struct pirn_ending ending = pirn_endpoint_ending(ep);
    assert_int_equal(ending.origin, PIRN_ORIGIN_NONE);
    assert_int_equal(ending.sent_code, 0);
    assert_int_equal(ending.received_code, 1006);
    assert_false(ending.clean);
}

static void feed_refuses_misuse(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    uint8_t pings[] = {0x89, 0x80, 0, 0, 0, 0, 0x89, 0x80, 0, 0, 0, 0};
    assert_int_equal(pirn_endpoint_feed(ep, NULL, 1, START), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_endpoint_feed(ep, pings, sizeof pings, START), 0);
    assert_int_equal(pirn_endpoint_feed(ep, pings, sizeof pings, START), -PIRN_E_STATE);
    assert_true(pirn_endpoint_next(ep, &f.event));
    assert_int_equal(pirn_endpoint_feed(ep, pings, sizeof pings, START), -PIRN_E_STATE);
    assert_true(pirn_endpoint_next(ep, &f.event));
    assert_false(pirn_endpoint_next(ep, &f.event));
    assert_int_equal(control(&f), 2);
    assert_int_equal(pirn_endpoint_lend(ep, NULL), 0);
    assert_int_equal(pirn_endpoint_feed(ep, pings, sizeof pings, START), -PIRN_E_STATE);
}

static void slots_that_are_needed_stay(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    uint8_t part[] = {0x89, 0x83, 0, 0, 0, 0, 'a'};
    uint8_t rest[] = {'b', 'c'};
    struct pirn_control_slots other;
    assert_true(pirn_endpoint_settled(ep));
    assert_int_equal(pirn_endpoint_feed(ep, part, sizeof part, START), 0);
    assert_int_equal(pirn_endpoint_lend(ep, NULL), -PIRN_E_STATE);
    assert_false(pirn_endpoint_next(ep, &f.event));
    assert_false(pirn_endpoint_settled(ep));
    assert_int_equal(pirn_endpoint_remaining(ep), 0);
    assert_int_equal(pirn_endpoint_lend(ep, NULL), -PIRN_E_STATE);
    assert_int_equal(pirn_endpoint_lend(ep, &f.slots), 0);
    assert_int_equal(pirn_endpoint_lend(ep, &other), 0);
    memset(&f.slots, 0xdb, sizeof f.slots);

    assert_int_equal(pirn_endpoint_feed(ep, rest, sizeof rest, START), 0);
    assert_true(pirn_endpoint_next(ep, &f.event));
    assert_int_equal(f.event.len, 3);
    assert_memory_equal(f.event.data, "abc", 3);
    assert_false(pirn_endpoint_settled(ep));
    assert_int_equal(pirn_endpoint_close(ep, 1000, PIRN_STR("bye"), START), 0);
    assert_int_equal(pirn_endpoint_lend(ep, &f.slots), 0);
    memset(&other, 0xdb, sizeof other);
    assert_int_equal(control(&f), 12);
    assert_memory_equal(f.out,
                        "\x8a\x03"
                        "abc"
                        "\x88\x05\x03\xe8"
                        "bye",
                        12);
    assert_true(pirn_endpoint_settled(ep));
    assert_int_equal(pirn_endpoint_lend(ep, NULL), 0);
}

static void without_slots_a_failure_has_no_close(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    assert_int_equal(pirn_endpoint_lend(ep, NULL), 0);
    assert_int_equal(pirn_endpoint_close(ep, 1000, PIRN_STR(""), START), -PIRN_E_STATE);
    assert_true(pirn_endpoint_tick(ep, START + 20 * SECOND));
    assert_false(pirn_endpoint_tick(ep, START + 40 * SECOND));
    assert_int_equal(pirn_endpoint_state(ep), PIRN_CLOSED);
    assert_false(pirn_endpoint_has_close(ep));
}

static void remaining_counts_what_has_not_come(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    uint8_t part[] = {0x82, 0xfe, 0x01, 0x00, 0, 0, 0, 0, 'a', 'b'};
    assert_int_equal(pirn_endpoint_feed(ep, part, sizeof part, START), 0);
    assert_true(pirn_endpoint_next(ep, &f.event));
    assert_int_equal(f.event.remaining, 254);
    assert_int_equal(pirn_endpoint_remaining(ep), 254);
    uint8_t straight[254] = {0};
    assert_int_equal(pirn_endpoint_feed(ep, straight, sizeof straight, START), 0);
    assert_true(pirn_endpoint_next(ep, &f.event));
    assert_ptr_equal(f.event.data, straight);
    assert_true(f.event.last && !f.event.first);
    assert_int_equal(f.event.offset, 2);
    assert_int_equal(pirn_endpoint_remaining(ep), 0);
}

/* Closing. */

static void close_refuses_what_may_not_be_sent(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    char long_reason[124];
    memset(long_reason, 'x', sizeof long_reason);
    const struct pirn_str too_long = {long_reason, sizeof long_reason};
    assert_int_equal(pirn_endpoint_close(ep, 1005, PIRN_STR(""), START), -PIRN_E_CLOSE_CODE);
    assert_int_equal(pirn_endpoint_close(ep, 70000, PIRN_STR(""), START), -PIRN_E_CLOSE_CODE);
    assert_int_equal(pirn_endpoint_close(ep, 1000, too_long, START), -PIRN_E_CLOSE_REASON_TOO_LONG);
    assert_int_equal(pirn_endpoint_close(ep, 1000, PIRN_STR("\xff"), START),
                     -PIRN_E_CLOSE_REASON_UTF8);
    assert_int_equal(pirn_endpoint_close(ep, 0, PIRN_STR("x"), START),
                     -PIRN_E_CLOSE_REASON_WITHOUT_CODE);
    assert_int_equal(pirn_endpoint_state(ep), PIRN_OPEN);
    assert_false(pirn_endpoint_has_control(ep));
    assert_int_equal(pirn_endpoint_ending(ep).origin, PIRN_ORIGIN_NONE);
    assert_int_equal(pirn_endpoint_deadline(ep), START + 20 * SECOND);
}

struct end_row {
    int ours;           /* close(); -1: not called */
    const char *theirs; /* payload of the peer's Close; NULL: none comes */
    bool theirs_first, leaves;
    struct pirn_ending ending;
};

static void check_ending(const struct end_row *row)
{
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    if (row->theirs && row->theirs_first)
        assert_true(receive(&f, PIRN_CLOSE, row->theirs));
    if (row->ours >= 0)
        assert_int_equal(pirn_endpoint_close(ep, row->ours, PIRN_STR(""), START), 0);
    if (row->theirs && !row->theirs_first)
        assert_true(receive(&f, PIRN_CLOSE, row->theirs));
    if (row->leaves)
        assert_true(control(&f) > 0);
    assert_int_equal(pirn_endpoint_eof(ep), row->ending.clean);
    assert_int_equal(pirn_endpoint_eof(ep), row->ending.clean);
    const struct pirn_ending ending = pirn_endpoint_ending(ep);
    assert_int_equal(ending.origin, row->ending.origin);
    assert_int_equal(ending.sent_close, row->ending.sent_close);
    assert_int_equal(ending.received_close, row->ending.received_close);
    assert_int_equal(ending.received_code, row->ending.received_code);
    assert_int_equal(ending.clean, row->ending.clean);
    if (ending.sent_close)
        assert_int_equal(ending.sent_code, row->ending.sent_code);
    assert_int_equal(pirn_endpoint_error(ep), ending.clean ? PIRN_E_NONE : PIRN_E_EOF);
    assert_false(pirn_endpoint_has_control(ep));
    assert_true(pirn_endpoint_settled(ep));
    assert_int_equal(pirn_endpoint_deadline(ep), NEVER);
    assert_false(pirn_endpoint_next(ep, &f.event));
    if (!ending.clean)
        assert_int_equal(pirn_endpoint_state(ep), PIRN_CLOSED);
}

static void endings_tell_who_and_how(void **state)
{
    (void)state;
    static const struct end_row rows[] = {
        {1000, "\x03\xe9", false, true, {PIRN_ORIGIN_LOCAL, true, true, 1000, 1001, true}},
        {0, "", false, true, {PIRN_ORIGIN_LOCAL, true, true, 1005, 1005, true}},
        {-1, "\x0f\xa1why", true, true, {PIRN_ORIGIN_REMOTE, true, true, 4001, 4001, true}},
        {-1, "", true, true, {PIRN_ORIGIN_REMOTE, true, true, 1005, 1005, true}},
        {-1, NULL, false, false, {PIRN_ORIGIN_REMOTE, false, false, 0, 1006, false}},
        {1000, NULL, false, true, {PIRN_ORIGIN_LOCAL, true, false, 1000, 1006, false}},
        {1000, NULL, false, false, {PIRN_ORIGIN_LOCAL, false, false, 0, 1006, false}},
        {-1, "\x03\xe8", true, false, {PIRN_ORIGIN_REMOTE, false, true, 0, 1000, false}},
        {1001, "\x03\xe8", false, false, {PIRN_ORIGIN_LOCAL, false, true, 0, 1000, false}},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        check_ending(&rows[i]);
}

static void an_answer_can_be_replaced(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    assert_true(receive(&f, PIRN_CLOSE, "\x03\xe9"));
    assert_int_equal(pirn_endpoint_close(ep, 1005, PIRN_STR(""), START), -PIRN_E_CLOSE_CODE);
    assert_int_equal(pirn_endpoint_close(ep, 1000, PIRN_STR("good"), START), 0);
    assert_int_equal(pirn_endpoint_close(ep, 4000, PIRN_STR("by"), START), 0);
    assert_int_equal(control(&f), 6);
    assert_memory_equal(f.out,
                        "\x88\x04\x0f\xa0"
                        "by",
                        6);
    assert_int_equal(pirn_endpoint_close(ep, 4001, PIRN_STR(""), START), -PIRN_E_CLOSED);
    assert_int_equal(pirn_endpoint_ending(ep).sent_code, 4000);
    assert_true(pirn_endpoint_ending(ep).clean);
}

static void only_an_answer_can_be_replaced(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    assert_int_equal(pirn_endpoint_close(ep, 1000, PIRN_STR(""), START), 0);
    assert_true(receive(&f, PIRN_CLOSE, "\x03\xe9"));
    assert_int_equal(pirn_endpoint_close(ep, 4000, PIRN_STR(""), START), -PIRN_E_CLOSED);
    begin(&f);
    assert_true(receive(&f, PIRN_TEXT, "\xff"));
    assert_int_equal(pirn_endpoint_close(ep, 4000, PIRN_STR(""), START), -PIRN_E_CLOSED);
    assert_int_equal(pirn_endpoint_ending(ep).sent_code, 1007);
}

static void a_buffer_can_be_taken_back(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    uint8_t bytes[] = "\x81\x81\0\0\0\0a\x81\x82\0\0\0\0bc";
    assert_int_equal(pirn_endpoint_unfeed(ep), 0);
    assert_int_equal(pirn_endpoint_feed(ep, bytes, sizeof bytes - 1, START), 0);
    assert_true(pirn_endpoint_next(ep, &f.event));
    assert_int_equal(pirn_endpoint_unfeed(ep), 8);
    assert_false(pirn_endpoint_next(ep, &f.event));
    assert_int_equal(pirn_endpoint_feed(ep, bytes + sizeof bytes - 1 - 8, 8, START), 0);
    assert_true(pirn_endpoint_next(ep, &f.event));
    assert_memory_equal(f.event.data, "bc", 2);
    assert_true(f.event.last);
    assert_int_equal(pirn_endpoint_unfeed(ep), 0);
}

static void eof_says_what_was_missing(void **state)
{
    (void)state;
    struct fixture f = {0};
    begin(&f);
    assert_false(pirn_endpoint_eof(&f.ep));
    expect_error_text(&f.ep, "connection ended without a close frame");
    begin(&f);
    assert_true(receive(&f, PIRN_CLOSE, ""));
    assert_false(pirn_endpoint_eof(&f.ep));
    expect_error_text(&f.ep, "connection ended before our close frame had left");
}

static void after_the_end_bytes_are_ignored(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    assert_true(receive(&f, PIRN_CLOSE, "\x03\xe8"));
    assert_false(receive(&f, PIRN_TEXT, "late"));
    assert_int_equal(pirn_endpoint_feed(ep, NULL, 1, START), 0);
    assert_false(pirn_endpoint_next(ep, &f.event));
    assert_true(pirn_endpoint_tick(ep, NEVER));
    assert_int_equal(control(&f), 4);
    assert_int_equal(pirn_endpoint_close(ep, 1000, PIRN_STR(""), START), -PIRN_E_CLOSED);
}

static void a_failure_replaces_a_close_that_waits(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    assert_int_equal(pirn_endpoint_close(ep, 1000, PIRN_STR("a longer reason, which goes"), 0), 0);
    assert_true(receive(&f, 3, ""));
    assert_int_equal(f.event.type, PIRN_EVENT_FAILURE);
    assert_int_equal(control(&f), 4 + 17);
    assert_memory_equal(f.out,
                        "\x88\x13\x03\xea"
                        "reserved opcode 3",
                        21);
    const struct pirn_ending ending = pirn_endpoint_ending(ep);
    assert_int_equal(ending.sent_code, 1002);
    assert_int_equal(ending.origin, PIRN_ORIGIN_LOCAL);
    assert_false(pirn_endpoint_eof(ep));
    assert_int_equal(pirn_endpoint_error(ep), PIRN_E_OPCODE);
}

static void a_failure_adds_nothing_to_a_close_that_left(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    assert_int_equal(pirn_endpoint_close(ep, 1000, PIRN_STR(""), START), 0);
    assert_int_equal(control(&f), 4);
    assert_true(receive(&f, 3, ""));
    assert_int_equal(f.event.type, PIRN_EVENT_FAILURE);
    assert_int_equal(control(&f), 0);
    assert_int_equal(pirn_endpoint_ending(ep).sent_code, 1000);
}

static void answers_leave_before_the_failing_close(void **state)
{
    (void)state;
    struct fixture f = {0};
    begin(&f);
    assert_true(receive(&f, PIRN_PING, "p"));
    assert_true(receive(&f, PIRN_TEXT, "abc\xff"));
    assert_int_equal(f.event.type, PIRN_EVENT_MESSAGE);
    assert_int_equal(f.event.len, 3);
    assert_false(f.event.last);
    assert_true(pirn_endpoint_next(&f.ep, &f.event));
    assert_int_equal(f.event.type, PIRN_EVENT_FAILURE);
    assert_int_equal(control(&f), 3 + 4 + 27);
    assert_memory_equal(f.out,
                        "\x8a\x01p\x88\x1d\x03\xef"
                        "text is not UTF-8 at byte 3",
                        3 + 4 + 27);
}

/* Time. */

static void keep_alive_goes_in_circles(void **state)
{
    (void)state;
    struct fixture f = {.config = {.ping_interval_ms = 1000, .ping_timeout_ms = 400}};
    struct pirn_endpoint *ep = begin(&f);
    for (uint8_t round = 1; round <= 3; round++) {
        const uint64_t due = pirn_endpoint_deadline(ep);
        assert_int_equal(due, START + round * SECOND);
        assert_true(pirn_endpoint_tick(ep, due - 1));
        assert_false(pirn_endpoint_has_control(ep));
        assert_true(pirn_endpoint_tick(ep, due));
        assert_true(pirn_endpoint_tick(ep, due));
        assert_int_equal(control(&f), 10);
        assert_memory_equal(f.out, "\x89\x08pirn\0\0\0", 9);
        assert_int_equal(f.out[9], round);
        assert_true(receive_at(&f, due + 7 * MS, PIRN_PONG, f.out + 2, 8));
        assert_int_equal(f.event.rtt_us, 7 * MS);
        assert_int_equal(pirn_endpoint_rtt_us(ep), 7 * MS);
        assert_int_equal(pirn_endpoint_deadline(ep), due + 400 * MS);
        assert_true(pirn_endpoint_tick(ep, due + 400 * MS));
    }
}

static void a_lost_peer_is_found(void **state)
{
    (void)state;
    static const struct {
        uint32_t interval, timeout;
    } rows[] = {{1000, 400}, {1000, 1000}, {1000, 2500}, {1, 1}, {0, 0}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fixture f = {
            .config = {.ping_interval_ms = rows[i].interval, .ping_timeout_ms = rows[i].timeout}};
        struct pirn_endpoint *ep = begin(&f);
        uint64_t now = START, last;
        int wakes = 0;
        do {
            last = now;
            now = pirn_endpoint_deadline(ep);
            assert_true(now > last && ++wakes < 5);
        } while (pirn_endpoint_tick(ep, now));
        const uint64_t interval = rows[i].interval ? rows[i].interval : 20000;
        const uint64_t timeout = rows[i].timeout ? rows[i].timeout : 20000;
        assert_int_equal(now, START + (interval + timeout) * MS);
        assert_int_equal(pirn_endpoint_error(ep), PIRN_E_PING_TIMEOUT);
        assert_int_equal(pirn_endpoint_state(ep), PIRN_CLOSED);
        assert_int_equal(pirn_endpoint_ending(ep).sent_code, 1011);
        assert_int_equal(pirn_endpoint_deadline(ep), NEVER);
        assert_true(pirn_endpoint_tick(ep, now + SECOND));
        assert_false(pirn_endpoint_next(ep, &f.event));
    }
}

static void a_ping_timeout_says_so(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    assert_true(pirn_endpoint_tick(ep, START + 20 * SECOND));
    assert_int_equal(control(&f), 10);
    assert_false(pirn_endpoint_tick(ep, START + 40 * SECOND));
    expect_error_text(ep, "ping timeout: no pong within 20000 ms");
    assert_int_equal(control(&f), 41);
    assert_memory_equal(f.out, "\x88\x27\x03\xf3ping timeout", 16);
}

static void a_slow_answer_puts_the_next_ping_off(void **state)
{
    (void)state;
    struct fixture f = {.config = {.ping_interval_ms = 1000, .ping_timeout_ms = 3000}};
    struct pirn_endpoint *ep = begin(&f);
    const uint64_t sent = START + SECOND;
    assert_true(pirn_endpoint_tick(ep, sent));
    assert_int_equal(control(&f), 10);
    assert_true(pirn_endpoint_tick(ep, sent + SECOND));
    assert_int_equal(control(&f), 0);
    assert_int_equal(pirn_endpoint_deadline(ep), sent + 3 * SECOND);
    assert_true(receive_at(&f, sent + 2 * SECOND, PIRN_PONG, f.out + 2, 8));
    assert_int_equal(f.event.rtt_us, 2 * SECOND);
    assert_int_equal(pirn_endpoint_deadline(ep), sent + 3 * SECOND);
    assert_true(pirn_endpoint_tick(ep, sent + 3 * SECOND));
    assert_int_equal(control(&f), 10);
}

static void only_the_right_pong_counts(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    assert_true(receive_at(&f, START, PIRN_PONG, "pirn\0\0\0\0", 8));
    assert_int_equal(f.event.rtt_us, 0);
    const uint64_t sent = START + 20 * SECOND;
    assert_true(pirn_endpoint_tick(ep, sent));
    static const struct {
        const char *payload;
        size_t len;
    } wrong[] = {{"", 0}, {"pirn\0\0\0", 7}, {"pirn\0\0\0\2", 8}, {"pirn\0\0\0\1x", 9}};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_true(receive_at(&f, sent + MS, PIRN_PONG, wrong[i].payload, wrong[i].len));
        assert_int_equal(f.event.type, PIRN_EVENT_PONG);
        assert_int_equal(f.event.rtt_us, 0);
    }
    assert_int_equal(pirn_endpoint_rtt_us(ep), 0);
    assert_true(receive_at(&f, sent, PIRN_PONG, "pirn\0\0\0\1", 8));
    assert_int_equal(f.event.rtt_us, MS);
    assert_true(receive_at(&f, sent, PIRN_PONG, "pirn\0\0\0\1", 8));
    assert_int_equal(f.event.rtt_us, 0);
}

static void a_round_trip_is_neither_nothing_nor_too_much(void **state)
{
    (void)state;
    struct fixture f = {.config = {.ping_timeout_ms = PIRN_OFF}};
    struct pirn_endpoint *ep = begin(&f);
    const uint64_t sent = START + 20 * SECOND;
    assert_true(pirn_endpoint_tick(ep, sent));
    assert_true(receive_at(&f, sent, PIRN_PONG, "pirn\0\0\0\1", 8));
    assert_int_equal(f.event.rtt_us, 1);
    assert_true(pirn_endpoint_tick(ep, sent + 20 * SECOND));
    assert_true(receive_at(&f, sent + 20000 * SECOND, PIRN_PONG, "pirn\0\0\0\2", 8));
    assert_int_equal(f.event.rtt_us, UINT32_MAX);
}

static void traffic_answers_a_ping_if_wanted(void **state)
{
    (void)state;
    for (int alive = 0; alive < 2; alive++) {
        struct fixture f = {.config = {.traffic_is_alive = alive}};
        struct pirn_endpoint *ep = begin(&f);
        assert_true(pirn_endpoint_tick(ep, START + 20 * SECOND));
        assert_true(receive_at(&f, START + 30 * SECOND, PIRN_TEXT, "a", 1));
        assert_int_equal(pirn_endpoint_tick(ep, START + 40 * SECOND), alive);
        if (!alive)
            continue;
        assert_int_equal(control(&f), 10);
        assert_true(receive_at(&f, START + 41 * SECOND, PIRN_PONG, "pirn\0\0\0\2", 8));
        assert_int_equal(f.event.rtt_us, SECOND);
    }
}

static void times_may_be_off(void **state)
{
    (void)state;
    struct fixture f = {.config = {.ping_interval_ms = PIRN_OFF, .close_timeout_ms = PIRN_OFF}};
    struct pirn_endpoint *ep = begin(&f);
    assert_int_equal(pirn_endpoint_deadline(ep), NEVER);
    assert_true(pirn_endpoint_tick(ep, NEVER));
    assert_int_equal(pirn_endpoint_close(ep, 1000, PIRN_STR(""), START), 0);
    assert_int_equal(pirn_endpoint_deadline(ep), NEVER);

    struct fixture g = {.config = {.ping_timeout_ms = PIRN_OFF}};
    ep = begin(&g);
    for (uint64_t round = 1; round < 5; round++) {
        assert_int_equal(pirn_endpoint_deadline(ep), START + round * 20 * SECOND);
        assert_true(pirn_endpoint_tick(ep, pirn_endpoint_deadline(ep)));
        assert_int_equal(control(&g), 10);
    }
}

static void a_clock_near_its_end_does_not_wrap(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = &f.ep;
    assert_int_equal(pirn_endpoint_init(ep, PIRN_SERVER, NULL, &f.slots, NEVER - SECOND), 0);
    assert_int_equal(pirn_endpoint_deadline(ep), NEVER);
    assert_true(pirn_endpoint_tick(ep, NEVER - 1));
    begin(&f);
    assert_true(pirn_endpoint_tick(ep, START + 20 * SECOND));
    assert_true(pirn_endpoint_tick(ep, 0));
    assert_int_equal(pirn_endpoint_deadline(ep), START + 40 * SECOND);
}

static void a_missing_close_is_given_up(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    assert_int_equal(pirn_endpoint_close(ep, 1001, PIRN_STR(""), START + SECOND), 0);
    assert_int_equal(control(&f), 4);
    assert_int_equal(pirn_endpoint_deadline(ep), START + 6 * SECOND);
    assert_true(pirn_endpoint_tick(ep, START + 6 * SECOND - 1));
    assert_false(pirn_endpoint_tick(ep, START + 6 * SECOND));
    assert_int_equal(pirn_endpoint_error(ep), PIRN_E_CLOSE_TIMEOUT);
    expect_error_text(ep, "no close frame within 5000 ms");
    assert_int_equal(control(&f), 0);
    assert_false(receive(&f, PIRN_CLOSE, ""));
    assert_false(pirn_endpoint_eof(ep));
    assert_int_equal(pirn_endpoint_error(ep), PIRN_E_CLOSE_TIMEOUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_endpoint_is_small),
        cmocka_unit_test(init_refuses_what_cannot_work),
        cmocka_unit_test(nothing_happens_before_the_first_bytes),
        cmocka_unit_test(feed_refuses_misuse),
        cmocka_unit_test(slots_that_are_needed_stay),
        cmocka_unit_test(without_slots_a_failure_has_no_close),
        cmocka_unit_test(remaining_counts_what_has_not_come),
        cmocka_unit_test(close_refuses_what_may_not_be_sent),
        cmocka_unit_test(endings_tell_who_and_how),
        cmocka_unit_test(an_answer_can_be_replaced),
        cmocka_unit_test(only_an_answer_can_be_replaced),
        cmocka_unit_test(a_buffer_can_be_taken_back),
        cmocka_unit_test(eof_says_what_was_missing),
        cmocka_unit_test(after_the_end_bytes_are_ignored),
        cmocka_unit_test(a_failure_replaces_a_close_that_waits),
        cmocka_unit_test(a_failure_adds_nothing_to_a_close_that_left),
        cmocka_unit_test(answers_leave_before_the_failing_close),
        cmocka_unit_test(keep_alive_goes_in_circles),
        cmocka_unit_test(a_lost_peer_is_found),
        cmocka_unit_test(a_ping_timeout_says_so),
        cmocka_unit_test(a_slow_answer_puts_the_next_ping_off),
        cmocka_unit_test(only_the_right_pong_counts),
        cmocka_unit_test(a_round_trip_is_neither_nothing_nor_too_much),
        cmocka_unit_test(traffic_answers_a_ping_if_wanted),
        cmocka_unit_test(times_may_be_off),
        cmocka_unit_test(a_clock_near_its_end_does_not_wrap),
        cmocka_unit_test(a_missing_close_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
