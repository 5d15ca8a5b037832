/* Receiving by way of extensions: what they claim of headers, against a table; and what an
 * extension may do wrong. What they make of messages is in tests/cases/extensions.case. */
#include "endpoint_fixture.h"

#include "toy_extensions.h"

_Static_assert(sizeof(void *) != 8 || sizeof(struct pirn_endpoint) == 128, "of two cache lines");

/* ---- Every first byte, in every place */

enum place { IDLE, IN_PLAIN, IN_ROT, IN_RLE, IN_OWN, PLACES };

static const char *const orders[] = {"", "t", "l", "tl", "lt"};

static bool has(const char *order, char which)
{
    return strchr(order, which) != NULL;
}

/* What is wrong with the first byte of a frame, by what RFC 6455 and the extensions say. */
static enum pirn_error oracle(const char *order, enum place place, unsigned first)
{
    const unsigned opcode = first & 15, rsv = first >> 4 & 7;
    const bool rot = has(order, 't'), rle = has(order, 'l');
    unsigned allowed = 0;
    if (opcode == PIRN_TEXT || opcode == PIRN_BINARY)
        allowed = (rot ? TOY_RSV_ROT : 0u) | (rle ? TOY_RSV_RLE : 0u);
    if (place == IN_OWN)
        allowed = 0; /* nothing but a continuation may come */
    if (rsv & ~allowed)
        return PIRN_E_RSV;
    const bool own = rot && (opcode == TOY_OWN_DATA || opcode == TOY_OWN_CONTROL);
    if (!own && pirn_opcode_is_reserved((int)opcode))
        return PIRN_E_OPCODE;
    if (opcode >= 8)
        return first & 0x80 ? PIRN_E_NONE : PIRN_E_CONTROL_FRAGMENTED;
    if (opcode == PIRN_CONTINUATION)
        return place == IDLE ? PIRN_E_CONTINUATION_UNEXPECTED : PIRN_E_NONE;
    return place == IDLE ? PIRN_E_NONE : PIRN_E_CONTINUATION_EXPECTED;
}

static void put_fragment(struct fixture *f, unsigned first)
{
    const size_t len = pirn_endpoint_role(&f->ep) == PIRN_SERVER ? 6 : 2;
    memset(f->in, 0, len);
    f->in[0] = (uint8_t)first;
    f->in[1] = len == 6 ? 0x80 : 0;
    assert_int_equal(pirn_endpoint_feed(&f->ep, f->in, len, START), 0);
    while (pirn_endpoint_next(&f->ep, &f->event))
        continue;
}

/* Whether a message can be like that at all with these extensions. */
static bool enter(struct fixture *f, const char *order, enum place place)
{
    static const struct {
        unsigned first;
        char needs;
    } ways[PLACES] = {[IN_PLAIN] = {0x01, 0},
                      [IN_ROT] = {0x01 | TOY_RSV_ROT << 4, 't'},
                      [IN_RLE] = {0x02 | TOY_RSV_RLE << 4, 'l'},
                      [IN_OWN] = {TOY_OWN_DATA, 't'}};
    if (ways[place].needs && !has(order, ways[place].needs))
        return false;
    if (place != IDLE)
        put_fragment(f, ways[place].first);
    return true;
}

static void first_bytes_are_judged(void **state)
{
    (void)state;
    for (int role = PIRN_SERVER; role <= PIRN_CLIENT; role++)
        for (size_t i = 0; i < COUNT(orders); i++)
            for (unsigned run = 0; run < PLACES * 256; run++) {
                struct fixture f = {0};
                struct toys toys;
                const enum place place = (enum place)(run / 256);
                begin_as(&f, (enum pirn_role)role);
                toys_init(&toys, orders[i]);
                pirn_endpoint_extend(&f.ep, toys.first);
                if (!enter(&f, orders[i], place))
                    continue;
                assert_int_equal(pirn_endpoint_error(&f.ep), PIRN_E_NONE);
                put_fragment(&f, run & 255);
                assert_int_equal(pirn_endpoint_error(&f.ep), oracle(orders[i], place, run & 255));
            }
}

/* ---- An extension that does what a test tells it */

struct probe {
    struct pirn_extension extension;
    int begin_error, change_error, step_error, own_error;
    int begun, changed, stepped, owned;
    size_t largest_cap;
    bool stuck; /* takes nothing and gives nothing, or says that it has more for ever */
    bool claims_pending;
    uint8_t room[64];
};

static struct probe *probe_of(const struct pirn_extension_state *state)
{
    return (struct probe *)(uintptr_t)state->extension;
}

static int probe_begin(struct pirn_extension_state *state, const struct pirn_frame *frame)
{
    struct probe *probe = probe_of(state);
    probe->begun++;
    assert_int_equal(frame->masked, true);
    if (frame->opcode != PIRN_CONTINUATION)
        state->receiving = true;
    return probe->begin_error;
}

static int probe_change(struct pirn_extension_state *state, uint8_t *data, size_t len)
{
    probe_of(state)->changed += (int)len;
    for (size_t i = 0; i < len; i++)
        data[i] ^= 0x20;
    return probe_of(state)->change_error;
}

/* Gives what it takes, at most 64 bytes of it. */
static int probe_receive(struct pirn_extension_state *state, struct pirn_transform *step)
{
    struct probe *probe = probe_of(state);
    const size_t len = step->in_len < sizeof probe->room ? step->in_len : sizeof probe->room;
    probe->stepped++;
    probe->largest_cap = step->out_cap > probe->largest_cap ? step->out_cap : probe->largest_cap;
    step->pending = probe->claims_pending;
    step->out = probe->room;
    if (probe->stuck)
        return 0;
    if (len > 0)
        memcpy(step->out, step->in, len);
    step->in += len;
    step->in_len -= len;
    step->out_len = len;
    return probe->step_error;
}

static int probe_own(struct pirn_extension_state *state, const struct pirn_event *event)
{
    (void)event;
    probe_of(state)->owned++;
    return probe_of(state)->own_error;
}

struct probed {
    struct fixture f;
    struct probe probe;
    struct pirn_extension_state state;
};

/* Claims RSV1 in first frames, RSV2 in every, opcodes 7 and 15. */
static struct pirn_endpoint *begin_probed(struct probed *p, bool resizes)
{
    p->probe.extension.name = PIRN_STR("x-probe");
    p->probe.extension.rsv_first = 4;
    p->probe.extension.rsv_every = 2;
    p->probe.extension.opcodes = 1 << 7 | 1 << 15 | 0x0707; /* others than its kinds mean nothing */
    p->probe.extension.resizes = resizes;
    p->probe.extension.begin_receive = probe_begin;
    p->probe.extension.receive = probe_receive;
    p->probe.extension.receive_in_place = probe_change;
    p->probe.extension.receive_own = probe_own;
    p->state = (struct pirn_extension_state){.extension = &p->probe.extension, .last = true};
    begin(&p->f);
    pirn_endpoint_extend(&p->f.ep, &p->state);
    return &p->f.ep;
}

/* A frame with an all-zero key. */
static void put(struct probed *p, unsigned first, const char *payload)
{
    const size_t len = strlen(payload);
    const uint8_t header[6] = {(uint8_t)first, (uint8_t)(0x80 | len)};
    memcpy(p->f.in, header, sizeof header);
    memcpy(p->f.in + sizeof header, payload, len);
    assert_int_equal(pirn_endpoint_feed(&p->f.ep, p->f.in, sizeof header + len, START), 0);
}

static void expect_message(struct probed *p, const char *text, bool first, bool last)
{
    assert_true(pirn_endpoint_next(&p->f.ep, &p->f.event));
    assert_int_equal(p->f.event.type, PIRN_EVENT_MESSAGE);
    assert_int_equal(p->f.event.len, strlen(text));
    assert_memory_equal(p->f.event.data, text, strlen(text));
    assert_int_equal(p->f.event.first, first);
    assert_int_equal(p->f.event.last, last);
}

static void expect_failure(struct probed *p, enum pirn_error error, int code, const char *text)
{
    assert_true(pirn_endpoint_next(&p->f.ep, &p->f.event));
    assert_int_equal(p->f.event.type, PIRN_EVENT_FAILURE);
    assert_int_equal(pirn_endpoint_error(&p->f.ep), error);
    expect_error_text(&p->f.ep, text);
    assert_false(p->state.receiving);
    assert_false(pirn_endpoint_is_pending(&p->f.ep));
    assert_false(pirn_endpoint_next(&p->f.ep, &p->f.event));
    assert_true(control(&p->f) > 4);
    assert_int_equal(p->f.out[2] << 8 | p->f.out[3], code);
}

static void bits_of_every_frame(void **state)
{
    (void)state;
    struct probed p = {.probe = {.begun = 0}};
    struct pirn_endpoint *ep = begin_probed(&p, false);
    put(&p, 0x61, "ABC");
    expect_message(&p, "abc", true, false);
    assert_true(p.state.receiving);
    put(&p, 0x20, "D");
    expect_message(&p, "d", false, false);
    put(&p, 0x80, "");
    expect_message(&p, "", false, true);
    assert_false(p.state.receiving);
    assert_int_equal(p.probe.begun, 3);
    put(&p, 0x81, "plain");
    expect_message(&p, "plain", true, true);
    put(&p, 0x01, "pl");
    expect_message(&p, "pl", true, false);
    put(&p, 0xa0, "AIN"); /* its bit, but it did not say so at the first frame */
    expect_message(&p, "AIN", false, true);
    assert_int_equal(p.probe.begun, 4);
    assert_int_equal(p.probe.changed, 4);
    put(&p, 0xc0, "");
    expect_failure(&p, PIRN_E_RSV, 1002, "RSV1 set where no extension allows it");
    assert_int_equal(pirn_endpoint_state(ep), PIRN_CLOSED);
}

static void all_messages_if_it_wants_them(void **state)
{
    (void)state;
    struct probed p = {.probe = {.extension = {.every_message = true}}};
    struct pirn_endpoint *ep = begin_probed(&p, false);
    put(&p, 0x81, "ABC");
    expect_message(&p, "abc", true, true);
    put(&p, 0x82, "");
    expect_message(&p, "", true, true);
    put(&p, 0x02, "A");
    expect_message(&p, "a", true, false);
    put(&p, 0x80, "B");
    expect_message(&p, "b", false, true);
    assert_int_equal(p.probe.begun, 4);
    put(&p, 0x89, "PING");
    assert_true(pirn_endpoint_next(ep, &p.f.event));
    assert_memory_equal(p.f.event.data, "PING", 4);
    put(&p, 0x87, "own");
    assert_false(pirn_endpoint_next(ep, &p.f.event));
    assert_int_equal(p.probe.begun, 4);
}

/* Messages of its own are not resized by one that resizes all others. */
static void own_messages_have_their_length(void **state)
{
    (void)state;
    struct probed p = {.f.config.max_message_bytes = 5,
                       .probe = {.extension = {.every_message = true}}};
    begin_probed(&p, true);
    put(&p, 0x87, "abcdef");
    expect_failure(&p, PIRN_E_MESSAGE_TOO_BIG, 1009, "message of 6 bytes is over the limit of 5");
}

/* Which lengths may take the short way. */
static void the_short_way_is_limited(void **state)
{
    (void)state;
    static const struct {
        uint64_t max_message, max_frame;
        uint32_t below;
    } rows[] = {{5, 0, 6},
                {5, 3, 4},
                {UINT32_MAX - 1, 0, UINT32_MAX},
                {UINT32_MAX, 0, UINT32_MAX},
                {PIRN_UNLIMITED, PIRN_UNLIMITED, UINT32_MAX}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct probed p = {.f.config.max_message_bytes = rows[i].max_message,
                           .f.config.max_frame_bytes = rows[i].max_frame};
        struct pirn_endpoint *ep = begin_probed(&p, true);
        assert_int_equal(ep->whole_below, rows[i].below);
        p.probe.extension.every_message = true;
        pirn_endpoint_extend(ep, &p.state);
        assert_int_equal(ep->whole_below, 0);
        pirn_endpoint_extend(ep, NULL);
        assert_int_equal(ep->whole_below, rows[i].below);
    }
}

static void own_frames(void **state)
{
    (void)state;
    struct probed p = {.probe = {.begun = 0}};
    struct pirn_endpoint *ep = begin_probed(&p, false);
    put(&p, 0x8f, "x");
    assert_false(pirn_endpoint_next(ep, &p.f.event));
    put(&p, 0x07, "x");
    assert_false(pirn_endpoint_next(ep, &p.f.event));
    assert_int_equal(p.probe.owned, 2);
    p.probe.extension.receive_own = NULL;
    put(&p, 0x80, "x");
    assert_false(pirn_endpoint_next(ep, &p.f.event));
    put(&p, 0x81, "x");
    expect_message(&p, "x", true, true);
    p.probe.extension.receive_own = probe_own;
    p.probe.own_error = -PIRN_E_EXTENSION_DATA;
    put(&p, 0x87, "x");
    expect_failure(&p, PIRN_E_EXTENSION_DATA, 1002, "frame breaks the rules of its extension");
}

/* What is left of the payload of its own message is not the program's to read. */
static void own_payloads_do_not_remain(void **state)
{
    (void)state;
    struct probed p = {.probe = {.begun = 0}};
    struct pirn_endpoint *ep = begin_probed(&p, true);
    uint8_t own[] = {0x87, 0x84, 0, 0, 0, 0, 'a'}, bits[] = {0xc1, 0x84, 0, 0, 0, 0, 'a'};
    assert_int_equal(pirn_endpoint_feed(ep, own, sizeof own, START), 0);
    assert_false(pirn_endpoint_next(ep, &p.f.event));
    assert_int_equal(pirn_endpoint_remaining(ep), 0);
    uint8_t rest[] = {'b', 'c', 'd'};
    assert_int_equal(pirn_endpoint_feed(ep, rest, sizeof rest, START), 0);
    assert_false(pirn_endpoint_next(ep, &p.f.event));
    assert_int_equal(pirn_endpoint_feed(ep, bits, sizeof bits, START), 0);
    expect_message(&p, "a", true, false);
    assert_int_equal(p.f.event.remaining, 0);
    assert_int_equal(pirn_endpoint_remaining(ep), 0);
}

static void in_place_the_rest_is_known(void **state)
{
    (void)state;
    struct probed p = {.probe = {.begun = 0}};
    struct pirn_endpoint *ep = begin_probed(&p, false);
    uint8_t bits[] = {0xc1, 0x84, 0, 0, 0, 0, 'A'};
    assert_int_equal(pirn_endpoint_feed(ep, bits, sizeof bits, START), 0);
    expect_message(&p, "a", true, false);
    assert_int_equal(p.f.event.remaining, 3);
    assert_int_equal(pirn_endpoint_remaining(ep), 3);
}

static void errors_fail_the_endpoint(void **state)
{
    (void)state;
    static const struct {
        int error;
        enum pirn_error reported;
        int code;
        const char *text;
    } rows[] = {
        {-PIRN_E_COMPRESSED_DATA, PIRN_E_COMPRESSED_DATA, 1007, "compressed data is broken"},
        {-PIRN_E_COMPRESSED_WINDOW, PIRN_E_COMPRESSED_WINDOW, 1002,
         "compressed data refers back further than was agreed on"},
        {-PIRN_E_MEMORY, PIRN_E_MEMORY, 1011, "out of memory"},
        {-PIRN_E_EXTENSION_DATA, PIRN_E_EXTENSION_DATA, 1002,
         "frame breaks the rules of its extension"},
        {-PIRN_E_ARGUMENT, PIRN_E_EXTENSION_DATA, 1002, "frame breaks the rules of its extension"},
        {-70000, PIRN_E_EXTENSION_DATA, 1002, "frame breaks the rules of its extension"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int where = 0; where < 3; where++) {
            struct probed p = {.probe = {.begun = 0}};
            begin_probed(&p, where == 2);
            int *const errors[] = {&p.probe.begin_error, &p.probe.change_error,
                                   &p.probe.step_error};
            *errors[where] = rows[i].error;
            put(&p, 0xc1, "abc");
            if (where == 2)
                expect_message(&p, "abc", true, false); /* given before it found the error */
            expect_failure(&p, rows[i].reported, rows[i].code, rows[i].text);
        }
}

static void bits_without_meaning(void **state)
{
    (void)state;
    struct probed p = {.probe = {.begin_error = -PIRN_E_RSV}};
    begin_probed(&p, true);
    put(&p, 0xe1, "abc");
    expect_failure(&p, PIRN_E_RSV, 1002, "RSV1 and RSV2 set where no extension allows it");
    assert_int_equal(p.probe.stepped, 0);
}

static void no_progress_is_no_loop(void **state)
{
    (void)state;
    for (int pending = 0; pending < 2; pending++) {
        struct probed p = {.probe = {.stuck = true, .claims_pending = pending != 0}};
        begin_probed(&p, true);
        put(&p, 0xc1, "abc");
        expect_failure(&p, PIRN_E_EXTENSION_DATA, 1002, "frame breaks the rules of its extension");
        assert_int_equal(p.probe.stepped, 1);
    }
    struct probed p = {.probe = {.stuck = true}};
    begin_probed(&p, true);
    p.probe.extension.receive = NULL;
    put(&p, 0xc1, "abc");
    expect_failure(&p, PIRN_E_EXTENSION_DATA, 1002, "frame breaks the rules of its extension");
}

/* More than the limit and one byte is never asked for, and nothing over it delivered, even if an
 * extension gives more than it is asked for. */
static void no_step_passes_the_limit(void **state)
{
    (void)state;
    struct probed p = {.f.config.max_message_bytes = 5};
    begin_probed(&p, true);
    put(&p, 0x41, "abc");
    expect_message(&p, "abc", true, false);
    assert_int_equal(p.probe.largest_cap, 6);
    p.probe.largest_cap = 0;
    put(&p, 0x80, "defgh");
    expect_message(&p, "de", false, false);
    assert_int_equal(p.probe.largest_cap, 3);
    assert_true(pirn_endpoint_is_pending(&p.f.ep)); /* the failure is owed */
    expect_failure(&p, PIRN_E_MESSAGE_TOO_BIG, 1009, "message is over the limit of 5");
    struct probed unlimited = {.f.config.max_message_bytes = PIRN_UNLIMITED};
    begin_probed(&unlimited, true);
    put(&unlimited, 0xc1, "abc");
    expect_message(&unlimited, "abc", true, true);
    assert_true(unlimited.probe.largest_cap == SIZE_MAX);
}

/* One that might have resized the message decides otherwise: then the limit is of its length. */
static int decline(struct pirn_extension_state *state, const struct pirn_frame *frame)
{
    (void)frame;
    state->receiving = false;
    return 0;
}

static void declined_messages_have_their_length(void **state)
{
    (void)state;
    struct probed p = {.f.config.max_message_bytes = 5};
    begin_probed(&p, true);
    p.probe.extension.begin_receive = decline;
    put(&p, 0xc1, "abcde");
    expect_message(&p, "abcde", true, true);
    put(&p, 0xc1, "abcdef");
    expect_failure(&p, PIRN_E_MESSAGE_TOO_BIG, 1009, "message of 6 bytes is over the limit of 5");
    struct probed deaf = {.f.config.max_message_bytes = 5};
    begin_probed(&deaf, true);
    deaf.probe.extension.begin_receive = NULL;
    put(&deaf, 0xc1, "abcdef");
    expect_failure(&deaf, PIRN_E_MESSAGE_TOO_BIG, 1009,
                   "message of 6 bytes is over the limit of 5");
}

/* ---- Output that waits */

static void output_waits(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct toys toys;
    struct pirn_endpoint *ep = begin(&f);
    toys_init(&toys, "l");
    toys.rle.room_len = 4;
    pirn_endpoint_extend(ep, toys.first);
    uint8_t packed[] = {0x90 | PIRN_TEXT, 0x82, 0, 0, 0, 0, 10, 'a'};
    uint8_t ping[] = {0x80 | PIRN_PING, 0x80, 0, 0, 0, 0};
    assert_int_equal(pirn_endpoint_feed(ep, packed, sizeof packed, START), 0);
    assert_true(pirn_endpoint_next(ep, &f.event));
    assert_int_equal(f.event.len, 4);
    assert_true(pirn_endpoint_is_pending(ep));
    assert_int_equal(pirn_endpoint_unfeed(ep), 0);
    assert_true(pirn_endpoint_is_pending(ep));

    /* Without slots it goes on waiting; bytes may be fed although it does. */
    assert_int_equal(pirn_endpoint_lend(ep, NULL), 0);
    assert_false(pirn_endpoint_next(ep, &f.event));
    assert_true(pirn_endpoint_is_pending(ep));
    assert_int_equal(pirn_endpoint_lend(ep, &f.slots), 0);
    assert_int_equal(pirn_endpoint_feed(ep, ping, sizeof ping, START), 0);
    assert_true(pirn_endpoint_next(ep, &f.event));
    assert_int_equal(f.event.offset, 4);
    assert_true(pirn_endpoint_next(ep, &f.event));
    assert_int_equal(f.event.len, 2);
    assert_true(f.event.last);
    assert_false(pirn_endpoint_is_pending(ep));
    assert_true(pirn_endpoint_next(ep, &f.event));
    assert_int_equal(f.event.type, PIRN_EVENT_PING);
    assert_false(pirn_endpoint_next(ep, &f.event));
}

static void the_end_forgets_what_waits(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct toys toys;
    struct pirn_endpoint *ep = begin(&f);
    toys_init(&toys, "l");
    toys.rle.room_len = 4;
    pirn_endpoint_extend(ep, toys.first);
    uint8_t packed[] = {0x90 | PIRN_TEXT, 0x82, 0, 0, 0, 0, 10, 'a'};
    assert_int_equal(pirn_endpoint_feed(ep, packed, sizeof packed, START), 0);
    assert_true(pirn_endpoint_next(ep, &f.event));
    assert_true(toys.first->receiving);
    assert_false(pirn_endpoint_eof(ep));
    assert_false(toys.first->receiving);
    assert_false(pirn_endpoint_is_pending(ep));
    assert_false(pirn_endpoint_next(ep, &f.event));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_bytes_are_judged),
        cmocka_unit_test(bits_of_every_frame),
        cmocka_unit_test(all_messages_if_it_wants_them),
        cmocka_unit_test(own_messages_have_their_length),
        cmocka_unit_test(the_short_way_is_limited),
        cmocka_unit_test(own_frames),
        cmocka_unit_test(own_payloads_do_not_remain),
        cmocka_unit_test(in_place_the_rest_is_known),
        cmocka_unit_test(errors_fail_the_endpoint),
        cmocka_unit_test(bits_without_meaning),
        cmocka_unit_test(no_progress_is_no_loop),
        cmocka_unit_test(no_step_passes_the_limit),
        cmocka_unit_test(declined_messages_have_their_length),
        cmocka_unit_test(output_waits),
        cmocka_unit_test(the_end_forgets_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
