/* What the protocol cases (tests/cases) do not show: misuse, sending, time, slots that are lent,
 * and endings. What is received, and how it is cut, is theirs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/endpoint.h>
#include <pirn/mask.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define MS           UINT64_C(1000)
#define SECOND       UINT64_C(1000000)
#define START        (UINT64_C(5) * SECOND)
#define NEVER        UINT64_MAX

static bool give_key(void *context, void *out, size_t len)
{
    (void)context;
    memset(out, 'k', len);
    return true;
}

static bool give_nothing(void *context, void *out, size_t len)
{
    (void)out;
    (void)len;
    ++*(int *)context;
    return false;
}

/* An endpoint with slots of its own and a buffer for what it writes. */
struct fixture {
    struct pirn_endpoint ep;
    struct pirn_endpoint_config config;
    struct pirn_control_slots slots;
    struct pirn_event event;
    uint8_t out[3 * PIRN_CONTROL_FRAME_MAX];
    uint8_t in[256];
};

static struct pirn_endpoint *begin_as(struct fixture *f, enum pirn_role role)
{
    memset(&f->slots, 0xdb, sizeof f->slots);
    if (!f->config.random)
        f->config.random = give_key;
    assert_int_equal(pirn_endpoint_init(&f->ep, role, &f->config, &f->slots, START), 0);
    return &f->ep;
}

static struct pirn_endpoint *begin(struct fixture *f)
{
    return begin_as(f, PIRN_SERVER);
}

/* Feeds a frame of the peer (with an all-zero key where it must be masked) and takes an event. */
static bool receive_at(struct fixture *f, uint64_t now_us, unsigned opcode, const void *payload,
                       size_t len)
{
    const struct pirn_frame frame = {
        .fin = true,
        .masked = pirn_endpoint_role(&f->ep) == PIRN_SERVER,
        .opcode = (uint8_t)opcode,
        .payload_len = len,
    };
    const int64_t size = pirn_frame_encode(f->in, sizeof f->in, &frame, payload);
    assert_true(size > 0);
    assert_int_equal(pirn_endpoint_feed(&f->ep, f->in, (size_t)size, now_us), 0);
    return pirn_endpoint_next(&f->ep, &f->event);
}

static bool receive(struct fixture *f, unsigned opcode, const char *payload)
{
    return receive_at(f, START, opcode, payload, strlen(payload));
}

static int control(struct fixture *f)
{
    return pirn_endpoint_control(&f->ep, f->out, sizeof f->out, true);
}

static void expect_error_text(const struct pirn_endpoint *ep, const char *expected)
{
    char text[PIRN_CLOSE_REASON_MAX + 1];
    assert_string_equal(pirn_endpoint_error_text(ep, text, sizeof text), expected);
}

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
    const struct pirn_endpoint_ending ending = pirn_endpoint_ending(ep);
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

/* Sending. */

static void frame_takes_only_messages(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    static const int types[] = {-1, 0, 3, 8, 9, 10, 16};
    for (size_t i = 0; i < COUNT(types); i++) {
        const enum pirn_opcode type = (enum pirn_opcode)types[i];
        assert_int_equal(pirn_endpoint_frame(ep, type, true, 0, f.out), -PIRN_E_ARGUMENT);
        assert_int_equal(pirn_endpoint_send(ep, type, true, "", 0, f.out, sizeof f.out),
                         -PIRN_E_ARGUMENT);
    }
    assert_int_equal(pirn_endpoint_frame(ep, PIRN_TEXT, true, UINT64_C(1) << 63, f.out),
                     -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_endpoint_frame(ep, PIRN_TEXT, true, INT64_MAX, f.out), 10);
    assert_memory_equal(f.out, "\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10);
    assert_int_equal(pirn_endpoint_send(ep, PIRN_TEXT, true, NULL, 1, f.out, sizeof f.out),
                     -PIRN_E_ARGUMENT);
}

static void fragments_carry_one_type(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    assert_int_equal(pirn_endpoint_frame(ep, PIRN_TEXT, false, 1, f.out), 2);
    assert_memory_equal(f.out, "\x01\x01", 2);
    assert_int_equal(pirn_endpoint_frame(ep, PIRN_BINARY, false, 1, f.out), -PIRN_E_STATE);
    assert_int_equal(pirn_endpoint_ping(ep, "p", 1, f.out), 3);
    assert_int_equal(pirn_endpoint_frame(ep, PIRN_TEXT, false, 126, f.out), 4);
    assert_memory_equal(f.out, "\x00\x7e\x00\x7e", 4);
    assert_int_equal(pirn_endpoint_send(ep, PIRN_TEXT, true, "end", 3, f.out, 5), 5);
    assert_memory_equal(f.out,
                        "\x80\x03"
                        "end",
                        5);
    assert_int_equal(pirn_endpoint_frame(ep, PIRN_BINARY, true, 0, f.out), 2);
    assert_memory_equal(f.out, "\x82\x00", 2);
}

static void a_client_masks(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin_as(&f, PIRN_CLIENT);
    assert_int_equal(pirn_endpoint_frame(ep, PIRN_BINARY, true, 70000, f.out), 14);
    assert_memory_equal(f.out, "\x82\xff\0\0\0\0\0\x01\x11\x70kkkk", 14);
    assert_int_equal(pirn_endpoint_send(ep, PIRN_TEXT, true, "ab", 2, f.out, 8), 8);
    assert_memory_equal(f.out, "\x81\x82kkkk\x0a\x09", 8);
    assert_int_equal(pirn_endpoint_pong(ep, "ab", 2, f.out), 8);
    assert_memory_equal(f.out, "\x8a\x82kkkk\x0a\x09", 8);
    assert_int_equal(pirn_endpoint_close(ep, 0, PIRN_STR(""), START), 0);
    assert_int_equal(control(&f), 6);
    assert_memory_equal(f.out, "\x88\x80kkkk", 6);
}

static void without_a_key_nothing_changes(void **state)
{
    (void)state;
    int asked = 0;
    struct fixture f = {.config = {.random = give_nothing, .random_context = &asked}};
    struct pirn_endpoint *ep = begin_as(&f, PIRN_CLIENT);
    assert_int_equal(pirn_endpoint_frame(ep, PIRN_TEXT, false, 1, f.out), -PIRN_E_RANDOM);
    assert_int_equal(pirn_endpoint_send(ep, PIRN_TEXT, false, "a", 1, f.out, sizeof f.out),
                     -PIRN_E_RANDOM);
    assert_int_equal(pirn_endpoint_ping(ep, "a", 1, f.out), -PIRN_E_RANDOM);
    assert_true(receive(&f, PIRN_PING, "p"));
    assert_int_equal(control(&f), -PIRN_E_RANDOM);
    assert_int_equal(asked, 4);
    f.config.random = give_key;
    assert_int_equal(control(&f), 7);
    assert_int_equal(pirn_endpoint_frame(ep, PIRN_BINARY, true, 1, f.out), 6);
    assert_int_equal(f.out[0], 0x82);
}

static void send_needs_room_first(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    for (size_t cap = 0; cap < 5; cap++)
        assert_int_equal(pirn_endpoint_send(ep, PIRN_TEXT, false, "abc", 3, f.out, cap),
                         -PIRN_E_ROOM);
    assert_int_equal(pirn_endpoint_send(ep, PIRN_TEXT, false, "abc", 3, f.out, 5), 5);
    assert_memory_equal(f.out,
                        "\x01\x03"
                        "abc",
                        5);
    for (size_t cap = 0; cap < 5; cap++)
        assert_int_equal(pirn_endpoint_send(ep, PIRN_TEXT, true, "abc", 3, f.out, cap),
                         -PIRN_E_ROOM);
    assert_int_equal(pirn_endpoint_send(ep, PIRN_TEXT, true, "abc", 3, f.out, 5), 5);
    assert_memory_equal(f.out,
                        "\x80\x03"
                        "abc",
                        5);
}

static void sent_text_is_checked_if_wanted(void **state)
{
    (void)state;
    struct fixture f = {.config = {.check_sent_text = true}};
    struct pirn_endpoint *ep = begin(&f);
    static const struct {
        enum pirn_opcode type;
        bool fin;
        const char *payload;
        int64_t result;
    } rows[] = {
        {PIRN_TEXT, true, "\xff", -PIRN_E_TEXT_UTF8},
        {PIRN_BINARY, true, "\xff", 3},
        {PIRN_TEXT, true, "\xe2\x82", -PIRN_E_TEXT_UTF8},
        {PIRN_TEXT, false, "\xe2", 3},
        {PIRN_TEXT, false, "\x28", -PIRN_E_TEXT_UTF8},
        {PIRN_TEXT, true, "\x82", -PIRN_E_TEXT_UTF8},
        {PIRN_TEXT, false, "\x82", 3},
        {PIRN_TEXT, false, "", 2},
        {PIRN_TEXT, true, "\xac", 3},
        {PIRN_TEXT, true, "\xac", -PIRN_E_TEXT_UTF8},
        {PIRN_TEXT, true, "\xe2\x82\xac", 5},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(pirn_endpoint_send(ep, rows[i].type, rows[i].fin, rows[i].payload,
                                            strlen(rows[i].payload), f.out, sizeof f.out),
                         rows[i].result);
    assert_int_equal(pirn_endpoint_send(ep, PIRN_TEXT, false, "\xe2", 1, f.out, 3), 3);
    assert_int_equal(pirn_endpoint_frame(ep, PIRN_TEXT, true, 1, f.out), 2);
    assert_int_equal(pirn_endpoint_send(ep, PIRN_TEXT, true, "a", 1, f.out, 3), 3);
}

static void own_control_frames_are_short(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    uint8_t payload[126] = {0};
    assert_int_equal(pirn_endpoint_ping(ep, payload, 125, f.out), 127);
    assert_int_equal(pirn_endpoint_ping(ep, payload, 126, f.out), -PIRN_E_CONTROL_TOO_LONG);
    assert_int_equal(pirn_endpoint_pong(ep, payload, 126, f.out), -PIRN_E_CONTROL_TOO_LONG);
    assert_int_equal(pirn_endpoint_pong(ep, NULL, 1, f.out), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_endpoint_pong(ep, NULL, 0, f.out), 2);
    assert_memory_equal(f.out, "\x8a\0", 2);
}

static void nothing_is_sent_after_close(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    assert_int_equal(pirn_endpoint_close(ep, 1000, PIRN_STR("bye"), START), 0);
    for (int sent = 0; sent < 2; sent++) {
        assert_int_equal(pirn_endpoint_state(ep), PIRN_CLOSING);
        assert_int_equal(pirn_endpoint_frame(ep, PIRN_TEXT, true, 0, f.out), -PIRN_E_CLOSED);
        assert_int_equal(pirn_endpoint_send(ep, PIRN_TEXT, true, "", 0, f.out, 9), -PIRN_E_CLOSED);
        assert_int_equal(pirn_endpoint_ping(ep, "", 0, f.out), -PIRN_E_CLOSED);
        assert_int_equal(pirn_endpoint_pong(ep, "", 0, f.out), -PIRN_E_CLOSED);
        assert_int_equal(pirn_endpoint_close(ep, 1001, PIRN_STR(""), START), -PIRN_E_CLOSED);
        assert_int_equal(control(&f), sent ? 0 : 7);
    }
    assert_true(receive(&f, PIRN_PING, "late"));
    assert_false(pirn_endpoint_has_control(ep));
    assert_true(receive(&f, PIRN_TEXT, "still heard"));
    assert_int_equal(f.event.type, PIRN_EVENT_MESSAGE);
    assert_true(receive(&f, PIRN_CLOSE, "\x03\xe8"));
    assert_int_equal(f.event.type, PIRN_EVENT_CLOSE);
    assert_int_equal(pirn_endpoint_state(ep), PIRN_CLOSED);
    assert_int_equal(control(&f), 0);
    assert_true(pirn_endpoint_eof(ep));
}

/* control(). */

static void control_writes_in_order_and_whole(void **state)
{
    (void)state;
    static const char all[] = "\x8a\x02"
                              "hi"
                              "\x89\x08"
                              "pirn\0\0\0\x01"
                              "\x88\x02\x03\xe8";
    static const size_t ends[] = {0, 4, 14, 18};
    for (size_t cap = 0; cap <= ends[3]; cap++) {
        struct fixture f = {0};
        struct pirn_endpoint *ep = begin(&f);
        assert_true(receive(&f, PIRN_PING, "hi"));
        assert_true(pirn_endpoint_tick(ep, START + 20 * SECOND));
        assert_int_equal(pirn_endpoint_close(ep, 1000, PIRN_STR(""), START), 0);
        size_t fits = 3;
        while (ends[fits] > cap)
            fits--;
        const int expected = fits > 0 ? (int)ends[fits] : -PIRN_E_ROOM;
        assert_int_equal(pirn_endpoint_control(ep, f.out, cap, true), expected);
        assert_memory_equal(f.out, all, ends[fits]);
        assert_int_equal(pirn_endpoint_has_control(ep), fits < 3);
        assert_int_equal(control(&f), ends[3] - ends[fits]);
        assert_memory_equal(f.out, all + ends[fits], ends[3] - ends[fits]);
    }
}

static void close_waits_until_it_may_leave(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    assert_int_equal(pirn_endpoint_close(ep, 4000, PIRN_STR(""), START), 0);
    assert_true(receive(&f, PIRN_PING, "x"));
    assert_true(pirn_endpoint_has_close(ep));
    assert_int_equal(pirn_endpoint_control(ep, f.out, sizeof f.out, false), 3);
    assert_int_equal(f.out[0], 0x8a);
    assert_int_equal(pirn_endpoint_control(ep, f.out, sizeof f.out, false), 0);
    assert_true(pirn_endpoint_has_control(ep));
    assert_false(pirn_endpoint_ending(ep).sent_close);
    assert_int_equal(pirn_endpoint_control(ep, f.out, sizeof f.out, true), 4);
    assert_true(pirn_endpoint_ending(ep).sent_close);
    assert_false(pirn_endpoint_has_control(ep));
}

static void the_latest_ping_is_answered(void **state)
{
    (void)state;
    struct fixture f = {0};
    begin(&f);
    assert_true(receive(&f, PIRN_PING, "a longer one"));
    assert_true(receive(&f, PIRN_PING, "last"));
    assert_int_equal(control(&f), 6);
    assert_memory_equal(f.out,
                        "\x8a\x04"
                        "last",
                        6);
    assert_int_equal(control(&f), 0);
}

static void pings_may_be_left_to_the_program(void **state)
{
    (void)state;
    struct fixture f = {.config = {.manual_pong = true}};
    begin(&f);
    assert_true(receive(&f, PIRN_PING, "a"));
    assert_int_equal(f.event.type, PIRN_EVENT_PING);
    assert_int_equal(control(&f), 0);
}

static void an_empty_ping_needs_slots_too(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    assert_true(receive(&f, PIRN_PING, ""));
    assert_int_equal(pirn_endpoint_lend(ep, NULL), -PIRN_E_STATE);
    assert_int_equal(control(&f), 2);
    assert_int_equal(pirn_endpoint_lend(ep, NULL), 0);
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
    struct pirn_endpoint_ending ending;
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
    const struct pirn_endpoint_ending ending = pirn_endpoint_ending(ep);
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
    const struct pirn_endpoint_ending ending = pirn_endpoint_ending(ep);
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

/* Failures. */

static void failures_say_what_was_wrong(void **state)
{
    (void)state;
#define BYTES(literal) literal, sizeof(literal) - 1
#define KEY            "\0\0\0\0"
    static const struct {
        const char *bytes;
        size_t len;
        int code;
        const char *text;
    } rows[] = {
        {BYTES("\xc1\x80"), 1002, "RSV1 set without an extension"},
        {BYTES("\xb1\x80"), 1002, "RSV2 and RSV3 set without an extension"},
        {BYTES("\xf1\x80"), 1002, "RSV1, RSV2 and RSV3 set without an extension"},
        {BYTES("\x8f\x80"), 1002, "reserved opcode 15"},
        {BYTES("\x81\x00"), 1002, "frame from a client is not masked"},
        {BYTES("\x82\xfe\0\x7d"), 1002, "frame of 125 bytes uses the 16-bit length"},
        {BYTES("\x82\xff\0\0\0\0\0\0\0\x7e"), 1002, "frame of 126 bytes uses the 64-bit length"},
        {BYTES("\x82\xff\0\0\0\0\0\0\xff\xff"), 1002,
         "frame of 65535 bytes uses the 64-bit length"},
        {BYTES("\x82\xff\x80\0\0\0\0\0\0\0"), 1002,
         "payload length has its most significant bit set"},
        {BYTES("\x89\xfe"), 1002, "ping frame is longer than 125 bytes"},
        {BYTES("\x08\x80"), 1002, "close frame is fragmented"},
        {BYTES("\x80\x80"), 1002, "continuation frame without a message to continue"},
        {BYTES("\x01\x80" KEY "\x81\x80"), 1002, "text frame before the last message was complete"},
        {BYTES("\x88\x81" KEY "a"), 1002, "close payload of one byte"},
        {BYTES("\x88\x82" KEY "\x03\xed"), 1002, "close code 1005 must not be on the wire"},
        {BYTES("\x88\x84" KEY "\x03\xe8"
               "a\xff"),
         1007, "close reason is not UTF-8 at byte 1"},
        {BYTES("\x88\x84" KEY "\x03\xe8"
               "a\xc3"),
         1007, "close reason ends inside a character"},
        {BYTES("\x01\x82" KEY "ab\x80\x82" KEY "c\xff"), 1007, "text is not UTF-8 at byte 3"},
        {BYTES("\x81\x83" KEY "ab\xc3"), 1007, "text ends inside a character"},
        {BYTES("\x82\xb4"), 1009, "frame of 52 bytes is over the limit of 50"},
        {BYTES("\x02\xb2" KEY "12345678901234567890123456789012345678901234567890\x80\x8b"), 1009,
         "message of 61 bytes is over the limit of 60"},
        {BYTES("\x02\x80" KEY "\0\x80" KEY "\0\x80" KEY "\0\x80"), 1008,
         "message has more than 3 fragments"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fixture f = {
            .config = {.max_frame_bytes = 50, .max_message_bytes = 60, .max_fragments = 3}};
        struct pirn_endpoint *ep = begin(&f);
        assert_true(rows[i].len <= sizeof f.in);
        memcpy(f.in, rows[i].bytes, rows[i].len);
        assert_int_equal(pirn_endpoint_feed(ep, f.in, rows[i].len, START), 0);
        while (pirn_endpoint_next(ep, &f.event))
            assert_int_equal(pirn_endpoint_ending(ep).received_code, 1006);
        assert_int_equal(f.event.type, PIRN_EVENT_FAILURE);
        expect_error_text(ep, rows[i].text);
        const size_t len = strlen(rows[i].text);
        assert_int_equal(control(&f), 4 + len);
        assert_int_equal(f.out[2] << 8 | f.out[3], rows[i].code);
        assert_memory_equal(f.out + 4, rows[i].text, len);
    }
}

static void a_client_takes_no_masked_frame(void **state)
{
    (void)state;
    struct fixture f = {0};
    begin_as(&f, PIRN_CLIENT);
    uint8_t masked[] = {0x81, 0x80};
    assert_int_equal(pirn_endpoint_feed(&f.ep, masked, 2, START), 0);
    assert_true(pirn_endpoint_next(&f.ep, &f.event));
    expect_error_text(&f.ep, "frame from a server is masked");
}

static void sums_of_lengths_do_not_wrap(void **state)
{
    (void)state;
    struct fixture f = {.config = {.max_message_bytes = PIRN_UNLIMITED - 1}};
    struct pirn_endpoint *ep = begin(&f);
    uint8_t bytes[] = {0x02, 0x81, 0,    0,    0,    0,    'a', 0x00, 0xff, 0x7f, 0xff,
                       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0,   0,    0,    0};
    assert_int_equal(pirn_endpoint_feed(ep, bytes, sizeof bytes, START), 0);
    assert_true(pirn_endpoint_next(ep, &f.event));
    assert_false(pirn_endpoint_next(ep, &f.event));
    assert_int_equal(pirn_endpoint_remaining(ep), INT64_MAX);
    ep->message_len = PIRN_UNLIMITED - 2; /* as if it had all come, twice */
    ep->reading = 0;
    ep->frame_left = 0;
    assert_int_equal(pirn_endpoint_feed(ep, bytes + 7, sizeof bytes - 7, START), 0);
    assert_true(pirn_endpoint_next(ep, &f.event));
    expect_error_text(ep, "message of 18446744073709551615 bytes is over the limit of "
                          "18446744073709551614");
}

static void a_short_buffer_cuts_the_text(void **state)
{
    (void)state;
    struct fixture f = {0};
    begin(&f);
    assert_true(receive(&f, 3, ""));
    char text[9];
    assert_string_equal(pirn_endpoint_error_text(&f.ep, text, sizeof text), "reserved");
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
        cmocka_unit_test(frame_takes_only_messages),
        cmocka_unit_test(fragments_carry_one_type),
        cmocka_unit_test(a_client_masks),
        cmocka_unit_test(without_a_key_nothing_changes),
        cmocka_unit_test(send_needs_room_first),
        cmocka_unit_test(sent_text_is_checked_if_wanted),
        cmocka_unit_test(own_control_frames_are_short),
        cmocka_unit_test(nothing_is_sent_after_close),
        cmocka_unit_test(control_writes_in_order_and_whole),
        cmocka_unit_test(close_waits_until_it_may_leave),
        cmocka_unit_test(the_latest_ping_is_answered),
        cmocka_unit_test(pings_may_be_left_to_the_program),
        cmocka_unit_test(an_empty_ping_needs_slots_too),
        cmocka_unit_test(close_refuses_what_may_not_be_sent),
        cmocka_unit_test(endings_tell_who_and_how),
        cmocka_unit_test(eof_says_what_was_missing),
        cmocka_unit_test(after_the_end_bytes_are_ignored),
        cmocka_unit_test(a_failure_replaces_a_close_that_waits),
        cmocka_unit_test(a_failure_adds_nothing_to_a_close_that_left),
        cmocka_unit_test(answers_leave_before_the_failing_close),
        cmocka_unit_test(failures_say_what_was_wrong),
        cmocka_unit_test(a_client_takes_no_masked_frame),
        cmocka_unit_test(sums_of_lengths_do_not_wrap),
        cmocka_unit_test(a_short_buffer_cuts_the_text),
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
