#include "endpoint_fixture.h"

static bool give_nothing(void *context, void *out, size_t len)
{
    (void)out;
    (void)len;
    ++*(int *)context;
    return false;
}

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
    assert_false(pirn_endpoint_is_sending(ep));
    assert_int_equal(pirn_endpoint_frame(ep, PIRN_TEXT, false, 1, f.out), 2);
    assert_true(pirn_endpoint_is_sending(ep));
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
    assert_false(pirn_endpoint_is_sending(ep));
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

/* C21: an xorshift, so that every run sends the same. */
static uint32_t next_random(uint32_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 17;
    *random ^= *random << 5;
    return *random;
}

static bool give_any_key(void *context, void *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)(next_random(context) >> 8);
    return true;
}

/* Sends a message in fragments of any length, to wire; returns the bytes of it. */
static size_t send_in_fragments(struct pirn_endpoint *ep, const uint8_t *message, size_t len,
                                uint8_t *wire, size_t cap, uint32_t *random)
{
    size_t used = 0;
    for (bool fin = false; !fin;) {
        size_t part = next_random(random) % 3 ? next_random(random) % 300 : 0;
        part = part < len ? part : len;
        fin = part == len;
        const int64_t size =
            pirn_endpoint_send(ep, PIRN_BINARY, fin, message, part, wire + used, cap - used);
        assert_true(size > 0);
        used += (size_t)size;
        message += part;
        len -= part;
    }
    return used;
}

/* Feeds the wire in pieces of any length; returns the bytes of the one message it must hold. */
static size_t receive_in_pieces(struct pirn_endpoint *ep, uint8_t *wire, size_t len,
                                uint8_t *message, uint32_t *random)
{
    struct pirn_event event = {0};
    size_t got = 0;
    while (len > 0) {
        size_t part = 1 + next_random(random) % 200;
        part = part < len ? part : len;
        assert_int_equal(pirn_endpoint_feed(ep, wire, part, START), 0);
        while (pirn_endpoint_next(ep, &event)) {
            assert_int_equal(event.type, PIRN_EVENT_MESSAGE);
            assert_int_equal(event.offset, got);
            memcpy(message + got, event.data, event.len);
            got += event.len;
        }
        wire += part;
        len -= part;
    }
    assert_true(event.last);
    return got;
}

static void what_is_sent_arrives(void **state)
{
    (void)state;
    uint32_t random = 2463534242;
    for (int round = 0; round < 2000; round++) {
        struct fixture from = {.config = {.random = give_any_key, .random_context = &random}};
        struct fixture to = {0};
        begin_as(&from, round % 2 ? PIRN_CLIENT : PIRN_SERVER);
        begin_as(&to, round % 2 ? PIRN_SERVER : PIRN_CLIENT);
        uint8_t sent[1000], received[sizeof sent], wire[8 * sizeof sent];
        const size_t len = next_random(&random) % (sizeof sent + 1);
        give_any_key(&random, sent, len);
        const size_t size = send_in_fragments(&from.ep, sent, len, wire, sizeof wire, &random);
        assert_int_equal(receive_in_pieces(&to.ep, wire, size, received, &random), len);
        assert_memory_equal(received, sent, len);
    }
}

/* C06: what a fragment costs does not depend on how many there were. */
static void a_million_fragments_are_one_message(void **state)
{
    (void)state;
    struct fixture f = {.config = {.max_message_bytes = 1000000}};
    struct pirn_endpoint *ep = begin(&f);
    uint64_t events = 0;
    for (uint32_t i = 0; i < 2000000; i++) {
        uint8_t frame[] = {i ? 0x00 : 0x02, i % 2 ? 0x81 : 0x80, 0, 0, 0, 0, 'x'};
        assert_int_equal(pirn_endpoint_feed(ep, frame, i % 2 ? 7 : 6, START), 0);
        events += pirn_endpoint_next(ep, &f.event);
        assert_int_equal(f.event.first, i == 0);
        assert_false(pirn_endpoint_next(ep, &f.event));
    }
    assert_int_equal(events, 2000000);
    uint8_t end[] = {0x80, 0x81, 0, 0, 0, 0, 'x'};
    assert_int_equal(pirn_endpoint_feed(ep, end, sizeof end, START), 0);
    assert_true(pirn_endpoint_next(ep, &f.event));
    assert_int_equal(pirn_endpoint_error(ep), PIRN_E_MESSAGE_TOO_BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        cmocka_unit_test(what_is_sent_arrives),
        cmocka_unit_test(a_million_fragments_are_one_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
