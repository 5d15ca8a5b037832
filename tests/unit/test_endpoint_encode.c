/* Sending by way of extensions: what arrives is what was sent, however it was given, cut and
 * buffered; and what can go wrong on the way. Single frames are in tests/cases/extensions.case. */
#include "endpoint_fixture.h"

#include <stdlib.h>

#include "toy_extensions.h"

/* ---- From one endpoint to the other */

enum { LONGEST = 3000 };

static uint32_t next_random(uint32_t *random)
{
    *random = *random * 1664525U + 1013904223U;
    return *random >> 8;
}

struct side {
    struct pirn_endpoint ep;
    struct pirn_endpoint_config config;
    struct pirn_control_slots slots;
    struct toys toys;
};

static void begin_side(struct side *side, enum pirn_role role, const char *order)
{
    side->config = (struct pirn_endpoint_config){
        .random = give_key, .check_sent_text = true, .max_message_bytes = LONGEST};
    assert_int_equal(pirn_endpoint_init(&side->ep, role, &side->config, &side->slots, START), 0);
    toys_init(&side->toys, order);
    pirn_endpoint_extend(&side->ep, side->toys.first);
}

struct wire {
    uint8_t bytes[4 * LONGEST + 2000];
    size_t len;
    unsigned frames;
};

/* Notes a frame, which must be as a frame of that place in a message is. */
static void put_frame(struct wire *wire, const uint8_t *frame, size_t len, bool client)
{
    struct pirn_frame header;
    const size_t size = pirn_frame_decode(&header, frame, len);
    assert_int_equal(size, pirn_frame_header_size(&header));
    assert_int_equal(size + header.payload_len, len);
    assert_int_equal(header.masked, client);
    assert_int_equal(header.opcode == PIRN_CONTINUATION, wire->frames > 0);
    assert_true(header.rsv == 0 || wire->frames == 0);
    assert_true(wire->len + len <= sizeof wire->bytes);
    memcpy(wire->bytes + wire->len, frame, len);
    wire->len += len;
    wire->frames++;
}

/* Sends a part through buffers of exactly cap bytes. */
static void encode_part(struct side *side, struct pirn_outgoing *outgoing, size_t cap,
                        struct wire *wire)
{
    int64_t len;
    do {
        uint8_t *out = malloc(cap);
        len = pirn_endpoint_encode(&side->ep, outgoing, out, cap);
        assert_true(len >= 0 && (size_t)len <= cap);
        if (len > 0)
            put_frame(wire, out, (size_t)len, pirn_endpoint_role(&side->ep) == PIRN_CLIENT);
        free(out);
    } while (!outgoing->done);
    assert_int_equal(outgoing->len, 0);
}

/* Sends a message in parts. */
static void send_message(struct side *side, enum pirn_opcode type, const uint8_t *message,
                         size_t len, uint32_t *random, struct wire *wire)
{
    const enum pirn_compress compress = (enum pirn_compress)(next_random(random) % 3);
    const size_t longest_part = 1 + next_random(random) % (2 * len + 1);
    wire->frames = 0;
    for (size_t at = 0, part; at < len || wire->frames == 0 || pirn_endpoint_is_sending(&side->ep);
         at += part) {
        part = len - at < longest_part ? len - at : next_random(random) % (longest_part + 1);
        struct pirn_outgoing outgoing = {
            .type = type,
            .compress = compress,
            .data = message + at,
            .len = part,
            .fin = at + part == len && next_random(random) % 4 != 0,
            .flush = next_random(random) % 4 == 0,
        };
        encode_part(side, &outgoing, PIRN_ENCODE_MIN + next_random(random) % 500, wire);
        if (outgoing.fin)
            break;
    }
    assert_false(pirn_endpoint_is_sending(&side->ep));
    assert_false(toys_sending(&side->toys));
}

/* Feeds the wire in pieces, in heap blocks of their size, and compares what comes of it. */
static void expect_message(struct side *side, enum pirn_opcode type, const uint8_t *message,
                           size_t len, uint32_t *random, const struct wire *wire)
{
    struct pirn_event event;
    size_t heard = 0;
    bool first = true, last = false;
    for (size_t at = 0, piece; at < wire->len; at += piece) {
        const size_t left = wire->len - at, wanted = 1 + next_random(random) % 600;
        piece = left < wanted ? left : wanted;
        uint8_t *copy = malloc(piece);
        memcpy(copy, wire->bytes + at, piece);
        assert_int_equal(pirn_endpoint_feed(&side->ep, copy, piece, START), 0);
        while (pirn_endpoint_next(&side->ep, &event)) {
            assert_int_equal(event.type, PIRN_EVENT_MESSAGE);
            assert_int_equal(event.opcode, type);
            assert_int_equal(event.offset, heard);
            assert_int_equal(event.first, first);
            assert_true(heard + event.len <= len && !last);
            assert_memory_equal(event.data, message + heard, event.len);
            heard += event.len;
            last = event.last;
            first = false;
        }
        assert_false(pirn_endpoint_is_pending(&side->ep));
        free(copy);
    }
    assert_int_equal(heard, len);
    assert_true(last);
}

/* Runs of one letter, short and long, or none. */
static void make_message(uint8_t *message, size_t len, uint32_t *random)
{
    const unsigned longest_run = 1 + next_random(random) % 700;
    for (size_t at = 0; at < len;) {
        const uint8_t letter = (uint8_t)('a' + next_random(random) % 26);
        for (size_t run = 1 + next_random(random) % longest_run; run > 0 && at < len; run--)
            message[at++] = letter;
    }
}

static void what_is_sent_arrives(void **state)
{
    (void)state;
    static const char *const orders[] = {"", "t", "l", "tl", "lt"};
    static uint8_t message[LONGEST];
    static struct wire wire;
    uint32_t random = 1;
    for (size_t run = 0; run < 10; run++) {
        struct side sides[2];
        for (int role = PIRN_SERVER; role <= PIRN_CLIENT; role++)
            begin_side(&sides[role], (enum pirn_role)role, orders[run / 2]);
        struct side *from = &sides[run % 2], *to = &sides[1 - run % 2];
        for (size_t n = 0; n < 400; n++) {
            const size_t len = next_random(&random) % (n % 4 == 0 ? LONGEST : 300);
            const enum pirn_opcode type = n % 2 ? PIRN_TEXT : PIRN_BINARY;
            make_message(message, len, &random);
            to->toys.rle.room_len = 1 + next_random(&random) % 64;
            wire.len = 0;
            send_message(from, type, message, len, &random, &wire);
            expect_message(to, type, message, len, &random, &wire);
        }
    }
}

/* ---- Plain, undone, refused */

static struct pirn_outgoing whole(enum pirn_opcode type, const char *text)
{
    return (struct pirn_outgoing){.type = type, .data = text, .len = strlen(text), .fin = true};
}

static void expect_encoded(struct pirn_endpoint *ep, struct pirn_outgoing outgoing,
                           const char *expected, size_t len)
{
    uint8_t out[PIRN_ENCODE_MIN];
    assert_int_equal(pirn_endpoint_encode(ep, &outgoing, out, sizeof out), len);
    assert_true(outgoing.done);
    if (len > 0)
        assert_memory_equal(out, expected, len);
}

static void without_extensions_it_is_send(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct pirn_endpoint *ep = begin(&f);
    expect_encoded(ep, whole(PIRN_TEXT, "abc"),
                   "\x81\x03"
                   "abc",
                   5);
    expect_encoded(ep, (struct pirn_outgoing){.type = PIRN_BINARY, .fin = true}, "\x82\x00", 2);
    expect_encoded(ep, (struct pirn_outgoing){.type = PIRN_BINARY}, "", 0);
    assert_true(pirn_endpoint_is_sending(ep));
    expect_encoded(ep, whole(PIRN_BINARY, "x"),
                   "\x82\x01"
                   "x",
                   3);
    const char *long_text = "125 bytes and more need a header of four bytes, which the room for a "
                            "header is made for; fewer are moved to where theirs of two ends.";
    uint8_t out[PIRN_ENCODE_MIN];
    for (size_t len = strlen(long_text), n = len - 10; n <= len; n++) {
        struct pirn_outgoing outgoing = {PIRN_TEXT, .data = long_text, .len = n, .fin = true};
        const size_t header = n < 126 ? 2 : 4;
        assert_int_equal(pirn_endpoint_encode(ep, &outgoing, out, sizeof out), header + n);
        assert_memory_equal(out + header, long_text, n);
    }
}

/* Sizes of payload and buffer at which the header's size changes. */
static void every_size_of_header(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 125, 126, 65535, 65536, 70000};
    static uint8_t message[70000];
    static const char *const orders[] = {"", "t", "l"};
    uint8_t *out = malloc(80000);
    memset(message, 'm', sizeof message);
    for (size_t i = 0; i < COUNT(orders) * COUNT(sizes) * 2; i++) {
        struct side side;
        struct pirn_frame frame;
        const size_t len = sizes[i / 2 % COUNT(sizes)];
        begin_side(&side, i % 2 ? PIRN_CLIENT : PIRN_SERVER, orders[i / 2 / COUNT(sizes)]);
        struct pirn_outgoing outgoing = {
            .type = PIRN_BINARY, .data = message, .len = len, .fin = true};
        const int64_t size = pirn_endpoint_encode(&side.ep, &outgoing, out, 80000);
        assert_true(size > 0 && outgoing.done);
        const size_t header = pirn_frame_decode(&frame, out, (size_t)size);
        assert_int_equal(header, pirn_frame_header_size(&frame));
        assert_int_equal(header + frame.payload_len, size);
        assert_true(frame.fin);
        assert_int_equal(memcmp(frame.masking_key, "kkkk", 4) == 0, i % 2);
        const bool packed = orders[i / 2 / COUNT(sizes)][0] == 'l' && len > 1;
        assert_int_equal(frame.payload_len, packed ? 2 * ((len + 254) / 255) : len);
    }
    free(out);
}

static void the_undone_message_is_whole(void **state)
{
    (void)state;
    struct side side;
    begin_side(&side, PIRN_CLIENT, "l");
    expect_encoded(&side.ep, whole(PIRN_TEXT, "ab"), "\x81\x82kkkk\x0a\x09", 8);
    assert_false(toys_sending(&side.toys));
    /* Not if some of it was taken before, */
    expect_encoded(&side.ep, (struct pirn_outgoing){.type = PIRN_TEXT, .data = "a", .len = 1}, "",
                   0);
    expect_encoded(&side.ep, whole(PIRN_TEXT, "b"), "\x91\x84kkkk\x6a\x0a\x6a\x09", 10);
    /* nor if it wants to be transformed, */
    side.toys.rle.extension.undo_send = NULL;
    expect_encoded(&side.ep, whole(PIRN_TEXT, "b"), "\x91\x82kkkk\x6a\x09", 8);
    toy_rle_init(&side.toys.rle);
    /* but if it was only begun. */
    const struct pirn_message_plan plan = {.type = PIRN_TEXT, .has_total = true, .total = 1};
    assert_int_equal(pirn_endpoint_begin(&side.ep, &plan), 1);
    expect_encoded(&side.ep, whole(PIRN_TEXT, "b"), "\x81\x81kkkk\x09", 7);
}

/* In 256 bytes 126 pairs fit; of more bytes some have left before it shows. */
static void what_does_not_fit_is_not_undone(void **state)
{
    (void)state;
    struct side side;
    uint8_t out[PIRN_ENCODE_MIN], message[300];
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)i;
    begin_side(&side, PIRN_SERVER, "l");
    for (size_t len = 100; len <= 300; len++) {
        struct pirn_outgoing outgoing = {PIRN_BINARY, .data = message, .len = len, .fin = true};
        const bool undone = len <= 126;
        size_t payload = 0, frames = 0;
        for (; !outgoing.done; frames++) {
            const int64_t size = pirn_endpoint_encode(&side.ep, &outgoing, out, sizeof out);
            assert_true(size > 0);
            assert_int_equal(out[0] & 0x7f, frames > 0 ? 0x00 : undone ? 0x02 : 0x12);
            payload += (size_t)size - (size <= 127 ? 2 : 4);
        }
        assert_int_equal(frames == 1, undone);
        assert_int_equal(payload, undone ? len : 2 * len);
    }
}

static void begin_tells_whether(void **state)
{
    (void)state;
    struct side side;
    struct pirn_message_plan plan = {.type = PIRN_TEXT};
    uint8_t out[PIRN_ENCODE_MIN];
    begin_side(&side, PIRN_SERVER, "l");
    struct pirn_endpoint *ep = &side.ep;
    assert_int_equal(pirn_endpoint_begin(ep, &plan), 1);
    assert_true(pirn_endpoint_is_sending(ep));
    assert_int_equal(pirn_endpoint_begin(ep, &plan), -PIRN_E_STATE);
    assert_int_equal(pirn_endpoint_frame(ep, PIRN_TEXT, true, 1, out), -PIRN_E_STATE);
    assert_int_equal(pirn_endpoint_send(ep, PIRN_TEXT, true, "a", 1, out, sizeof out),
                     -PIRN_E_STATE);
    expect_encoded(ep, whole(PIRN_TEXT, "aaa"),
                   "\x91\x02\x03"
                   "a",
                   4);
    assert_false(pirn_endpoint_is_sending(ep));
    plan.compress = PIRN_COMPRESS_NEVER;
    assert_int_equal(pirn_endpoint_begin(ep, &plan), 0);
    assert_int_equal(pirn_endpoint_frame(ep, PIRN_BINARY, true, 1, out), -PIRN_E_STATE);
    assert_int_equal(pirn_endpoint_frame(ep, PIRN_TEXT, false, 1, out), 2);
    assert_memory_equal(out, "\x01\x01", 2);
    assert_int_equal(pirn_endpoint_begin(ep, &plan), -PIRN_E_STATE);
    assert_int_equal(pirn_endpoint_frame(ep, PIRN_TEXT, true, 1, out), 2);
    assert_memory_equal(out, "\x80\x01", 2);
    plan.type = (enum pirn_opcode)TOY_OWN_DATA;
    assert_int_equal(pirn_endpoint_begin(ep, &plan), -PIRN_E_ARGUMENT);
    plan.type = PIRN_BINARY;
    assert_int_equal(pirn_endpoint_close(ep, 1000, PIRN_STR(""), START), 0);
    assert_int_equal(pirn_endpoint_begin(ep, &plan), -PIRN_E_CLOSED);
}

static void bad_arguments_change_nothing(void **state)
{
    (void)state;
    struct side side;
    uint8_t out[PIRN_ENCODE_MIN];
    begin_side(&side, PIRN_SERVER, "l");
    const struct {
        struct pirn_outgoing outgoing;
        size_t cap;
        int error;
    } rows[] = {
        {{.type = PIRN_TEXT, .len = 1, .fin = true}, sizeof out, PIRN_E_ARGUMENT},
        {{.type = PIRN_CONTINUATION, .fin = true}, sizeof out, PIRN_E_ARGUMENT},
        {{.type = PIRN_PING, .fin = true}, sizeof out, PIRN_E_ARGUMENT},
        {{.type = (enum pirn_opcode)TOY_OWN_DATA, .fin = true}, sizeof out, PIRN_E_ARGUMENT},
        {{.type = PIRN_TEXT, .fin = true}, sizeof out - 1, PIRN_E_ROOM},
        {{.type = PIRN_TEXT, .data = "\xff", .len = 1, .fin = true}, sizeof out, PIRN_E_TEXT_UTF8},
        {{.type = PIRN_TEXT, .data = "\xc3", .len = 1, .fin = true}, sizeof out, PIRN_E_TEXT_UTF8},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pirn_outgoing outgoing = rows[i].outgoing;
        assert_int_equal(pirn_endpoint_encode(&side.ep, &outgoing, out, rows[i].cap),
                         -rows[i].error);
        assert_false(pirn_endpoint_is_sending(&side.ep));
        assert_false(outgoing.done);
    }
}

/* The whole of a part is judged before any of it leaves. */
static void text_is_judged_at_first(void **state)
{
    (void)state;
    struct side side;
    static char text[1000];
    uint8_t out[PIRN_ENCODE_MIN];
    begin_side(&side, PIRN_SERVER, "t");
    memset(text, 'a', sizeof text);
    text[999] = '\xff';
    struct pirn_outgoing bad = {PIRN_TEXT, .data = text, .len = 1000, .fin = true};
    assert_int_equal(pirn_endpoint_encode(&side.ep, &bad, out, sizeof out), -PIRN_E_TEXT_UTF8);
    assert_false(pirn_endpoint_is_sending(&side.ep));
    struct pirn_outgoing good = {PIRN_TEXT, .data = text, .len = 999, .fin = true};
    int frames = 0;
    for (; !good.done; frames++)
        assert_true(pirn_endpoint_encode(&side.ep, &good, out, sizeof out) > 0);
    assert_int_equal(frames, 4);
}

/* A character may be cut by a frame, which is not looked at again then. */
static void text_is_judged_once(void **state)
{
    (void)state;
    struct side side;
    static char text[1001] = "a";
    uint8_t out[PIRN_ENCODE_MIN];
    begin_side(&side, PIRN_SERVER, "t");
    for (size_t i = 1; i < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    struct pirn_outgoing outgoing = {PIRN_TEXT, .data = text, .len = sizeof text, .fin = true};
    while (!outgoing.done)
        assert_true(pirn_endpoint_encode(&side.ep, &outgoing, out, sizeof out) > 0);
}

/* x-rle hears of the end, or a flush, with the last slice: there is one run, not one a slice. */
static void slices_end_with_the_last(void **state)
{
    (void)state;
    uint8_t message[128];
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)('z' - 1 - i);
    for (int flush = 0; flush < 2; flush++) {
        struct side side;
        begin_side(&side, PIRN_SERVER, "tl");
        const struct pirn_outgoing outgoing = {PIRN_BINARY, .data = message, .len = sizeof message,
                                               .fin = !flush, .flush = flush};
        expect_encoded(&side.ep, outgoing, flush ? "\x32\x02\x80z" : "\xb2\x02\x80z", 4);
    }
}

/* One that resizes but does not want this message is not in the way of the other. */
static void who_does_not_send_is_passed_by(void **state)
{
    (void)state;
    static const char *const orders[] = {"tl", "lt"};
    for (size_t i = 0; i < COUNT(orders); i++) {
        struct side side;
        begin_side(&side, PIRN_SERVER, orders[i]);
        side.toys.rle.extension.begin_send = NULL;
        expect_encoded(&side.ep, whole(PIRN_TEXT, "abc"),
                       "\xa1\x03"
                       "bdf",
                       5);
        begin_side(&side, PIRN_SERVER, orders[i]);
        side.toys.rot.extension.begin_send = NULL;
        expect_encoded(&side.ep, whole(PIRN_TEXT, "aaa"),
                       "\x91\x02\x03"
                       "a",
                       4);
    }
}

/* ---- An extension that does what a test tells it */

struct probe {
    struct pirn_extension extension;
    unsigned rsv;
    bool sends, stuck;
    int change_error, step_error;
    struct pirn_message_plan plan;
};

static struct probe *probe_of(const struct pirn_extension_state *state)
{
    return (struct probe *)(uintptr_t)state->extension;
}

static unsigned probe_begin(struct pirn_extension_state *state,
                            const struct pirn_message_plan *plan)
{
    probe_of(state)->plan = *plan;
    state->sending = probe_of(state)->sends;
    return probe_of(state)->rsv;
}

static int probe_change(struct pirn_extension_state *state, uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        data[i] ^= 0x20;
    return probe_of(state)->change_error;
}

static int probe_send(struct pirn_extension_state *state, struct pirn_transform *step)
{
    assert_true(step->out_cap >= 64);
    if (probe_of(state)->stuck || step->in_len == 0)
        return probe_of(state)->step_error;
    step->out[step->out_len++] = *step->in;
    step->in_len--;
    return probe_of(state)->step_error;
}

struct probed {
    struct fixture f;
    struct probe probe;
    struct pirn_extension_state state;
};

/* Claims RSV1 in first frames, RSV2 in every. */
static struct pirn_endpoint *begin_probed(struct probed *p, enum pirn_role role)
{
    struct pirn_extension *extension = &p->probe.extension;
    extension->rsv_first = 4;
    extension->rsv_every = 2;
    extension->begin_send = probe_begin;
    extension->send_in_place = probe_change;
    extension->send = probe_send;
    p->state = (struct pirn_extension_state){.extension = extension, .last = true};
    begin_as(&p->f, role);
    pirn_endpoint_extend(&p->f.ep, &p->state);
    return &p->f.ep;
}

static void bits_of_every_frame(void **state)
{
    (void)state;
    struct probed p = {.probe = {.rsv = 7, .sends = true}};
    struct pirn_endpoint *ep = begin_probed(&p, PIRN_SERVER);
    struct pirn_outgoing part = {.type = PIRN_TEXT, .data = "A", .len = 1};
    expect_encoded(ep, part,
                   "\x61\x01"
                   "a",
                   3); /* RSV3 is not its own */
    expect_encoded(ep, part,
                   "\x20\x01"
                   "a",
                   3);
    expect_encoded(ep, whole(PIRN_TEXT, ""), "\xa0\x00", 2);
    assert_false(p.state.sending);
    assert_false(p.probe.plan.has_total);
    expect_encoded(ep, whole(PIRN_BINARY, "A"),
                   "\xe2\x01"
                   "a",
                   3);
    assert_true(p.probe.plan.has_total);
    assert_int_equal(p.probe.plan.total, 1);
}

/* Bits without a transformation: frame() sets them too, if the message was begun. */
static void bits_alone(void **state)
{
    (void)state;
    struct probed p = {.probe = {.rsv = 6}};
    struct pirn_endpoint *ep = begin_probed(&p, PIRN_SERVER);
    const struct pirn_message_plan plan = {.type = PIRN_TEXT};
    assert_int_equal(pirn_endpoint_begin(ep, &plan), 0);
    assert_int_equal(pirn_endpoint_send(ep, PIRN_TEXT, false, "A", 1, p.f.out, 9), 3);
    assert_memory_equal(p.f.out,
                        "\x61\x01"
                        "A",
                        3);
    assert_int_equal(pirn_endpoint_frame(ep, PIRN_TEXT, true, 1, p.f.out), 2);
    assert_memory_equal(p.f.out, "\xa0\x01", 2);
    assert_int_equal(pirn_endpoint_frame(ep, PIRN_TEXT, true, 1, p.f.out), 2);
    assert_memory_equal(p.f.out, "\x81\x01", 2);
    expect_encoded(ep, whole(PIRN_TEXT, "A"),
                   "\xe1\x01"
                   "A",
                   3);
}

static void all_messages_if_it_wants_them(void **state)
{
    (void)state;
    struct probed p = {.probe = {.extension = {.every_message = true, .opcodes = 1 << 3}}};
    struct pirn_endpoint *ep = begin_probed(&p, PIRN_SERVER);
    const struct pirn_message_plan plan = {.type = PIRN_TEXT};
    for (int again = 0; again < 2; again++) {
        assert_false(pirn_endpoint_is_sending(ep));
        assert_int_equal(pirn_endpoint_frame(ep, PIRN_TEXT, true, 0, p.f.out), -PIRN_E_STATE);
        assert_int_equal(pirn_endpoint_send(ep, PIRN_TEXT, true, "", 0, p.f.out, 9), -PIRN_E_STATE);
        assert_int_equal(pirn_endpoint_begin(ep, &plan), 0);
        assert_int_equal(pirn_endpoint_frame(ep, PIRN_TEXT, false, 0, p.f.out), 2);
        assert_int_equal(pirn_endpoint_frame(ep, PIRN_TEXT, true, 0, p.f.out), 2);
        const enum pirn_opcode own = (enum pirn_opcode)3;
        assert_int_equal(pirn_endpoint_frame(ep, own, false, 0, p.f.out), 2);
        assert_memory_equal(p.f.out, "\x03\x00", 2);
        assert_int_equal(pirn_endpoint_frame(ep, own, true, 0, p.f.out), 2);
        assert_memory_equal(p.f.out, "\x80\x00", 2);
        expect_encoded(ep, whole(PIRN_TEXT, "A"),
                       "\x81\x01"
                       "A",
                       3);
    }
}

/* Nothing can be sent any more but control frames, of which a Close is due. */
static void expect_broken(struct probed *p)
{
    struct pirn_endpoint *ep = &p->f.ep;
    struct pirn_outgoing outgoing = whole(PIRN_TEXT, "a");
    const struct pirn_message_plan plan = {.type = PIRN_TEXT};
    uint8_t out[PIRN_ENCODE_MIN];
    assert_false(p->state.sending);
    assert_int_equal(pirn_endpoint_encode(ep, &outgoing, out, sizeof out), -PIRN_E_STATE);
    assert_int_equal(pirn_endpoint_begin(ep, &plan), -PIRN_E_STATE);
    assert_int_equal(pirn_endpoint_frame(ep, PIRN_TEXT, true, 0, out), -PIRN_E_STATE);
    assert_int_equal(pirn_endpoint_frame(ep, PIRN_BINARY, true, 0, out), -PIRN_E_STATE);
    assert_int_equal(pirn_endpoint_close(ep, 1011, PIRN_STR(""), START), 0);
}

static void errors_break_the_message_off(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        struct probed p = {.probe = {.sends = true, .rsv = 4}};
        uint8_t out[PIRN_ENCODE_MIN];
        struct pirn_outgoing outgoing = whole(PIRN_TEXT, "abc");
        p.probe.extension.resizes = way > 0;
        p.probe.stuck = way == 2;
        (way == 0 ? &p.probe.change_error : &p.probe.step_error)[0] = way == 2 ? 0 : -PIRN_E_MEMORY;
        struct pirn_endpoint *ep = begin_probed(&p, PIRN_SERVER);
        assert_int_equal(pirn_endpoint_encode(ep, &outgoing, out, sizeof out),
                         way == 2 ? -PIRN_E_EXTENSION_DATA : -PIRN_E_MEMORY);
        expect_broken(&p);
    }
    struct probed p = {.probe = {.sends = true, .extension = {.resizes = true}}};
    struct pirn_outgoing outgoing = whole(PIRN_TEXT, "abc");
    uint8_t out[PIRN_ENCODE_MIN];
    struct pirn_endpoint *ep = begin_probed(&p, PIRN_SERVER);
    p.probe.extension.send = NULL;
    assert_int_equal(pirn_endpoint_encode(ep, &outgoing, out, sizeof out), -PIRN_E_EXTENSION_DATA);
    expect_broken(&p);
}

static bool give_nothing(void *context, void *out, size_t len)
{
    (void)context, (void)out, (void)len;
    return false;
}

static void without_a_key_it_is_broken_off(void **state)
{
    (void)state;
    struct probed p = {.f.config.random = give_nothing, .probe = {.sends = true}};
    struct pirn_outgoing outgoing = whole(PIRN_TEXT, "abc");
    uint8_t out[PIRN_ENCODE_MIN];
    struct pirn_endpoint *ep = begin_probed(&p, PIRN_CLIENT);
    assert_int_equal(pirn_endpoint_encode(ep, &outgoing, out, sizeof out), -PIRN_E_RANDOM);
    expect_broken(&p);
}

/* Parts of a text are not its ends; the next message is another text. */
static void texts_are_checked_across_parts(void **state)
{
    (void)state;
    struct fixture f = {.config.check_sent_text = true};
    struct pirn_endpoint *ep = begin(&f);
    expect_encoded(ep, (struct pirn_outgoing){PIRN_TEXT, .data = "\xc3", .len = 1}, "\x01\x01\xc3",
                   3);
    struct pirn_outgoing bad = whole(PIRN_TEXT, "a");
    assert_int_equal(pirn_endpoint_encode(ep, &bad, f.out, sizeof f.out), -PIRN_E_TEXT_UTF8);
    expect_encoded(ep, whole(PIRN_TEXT, "\xa9"), "\x80\x01\xa9", 3);
    expect_encoded(ep, whole(PIRN_TEXT, "a"),
                   "\x81\x01"
                   "a",
                   3);
    struct pirn_outgoing unfinished = whole(PIRN_TEXT, "\xc3");
    assert_int_equal(pirn_endpoint_encode(ep, &unfinished, f.out, sizeof f.out), -PIRN_E_TEXT_UTF8);
    expect_encoded(ep, whole(PIRN_BINARY, "\xc3"), "\x82\x01\xc3", 3);
}

/* C14. Only what fits into out is looked at, so the lengths may lie. */
static void lengths_beyond_all_rooms_are_cut(void **state)
{
    (void)state;
    static const uint64_t lens[] = {
        INT32_MAX, (uint64_t)INT32_MAX + 1, UINT32_MAX, (uint64_t)UINT32_MAX + 1,
        INT64_MAX, UINT64_MAX - 14,         UINT64_MAX};
    static uint8_t data[LONGEST], out[LONGEST];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)i;
    for (unsigned how = 0; how < 4; how++)
        for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
            struct side side;
            if (lens[i] > SIZE_MAX)
                continue;
            begin_side(&side, how & 1 ? PIRN_CLIENT : PIRN_SERVER, how & 2 ? "t" : "l");
            struct pirn_outgoing outgoing = {
                .type = PIRN_BINARY, .data = data, .len = (size_t)lens[i], .fin = true};
            int64_t size = pirn_endpoint_encode(&side.ep, &outgoing, out, sizeof out);
            struct pirn_frame frame;
            assert_in_range(size, 1, sizeof out);
            assert_int_equal(pirn_frame_decode(&frame, out, (size_t)size) + frame.payload_len,
                             size);
            assert_false(frame.fin || outgoing.done);
            size_t taken = (size_t)((const uint8_t *)outgoing.data - data);
            assert_in_range(taken, 1, sizeof data);
            assert_int_equal(outgoing.len, lens[i] - taken);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent_arrives),
        cmocka_unit_test(without_extensions_it_is_send),
        cmocka_unit_test(every_size_of_header),
        cmocka_unit_test(the_undone_message_is_whole),
        cmocka_unit_test(what_does_not_fit_is_not_undone),
        cmocka_unit_test(begin_tells_whether),
        cmocka_unit_test(bad_arguments_change_nothing),
        cmocka_unit_test(text_is_judged_at_first),
        cmocka_unit_test(text_is_judged_once),
        cmocka_unit_test(slices_end_with_the_last),
        cmocka_unit_test(who_does_not_send_is_passed_by),
        cmocka_unit_test(bits_of_every_frame),
        cmocka_unit_test(bits_alone),
        cmocka_unit_test(all_messages_if_it_wants_them),
        cmocka_unit_test(errors_break_the_message_off),
        cmocka_unit_test(without_a_key_it_is_broken_off),
        cmocka_unit_test(texts_are_checked_across_parts),
        cmocka_unit_test(lengths_beyond_all_rooms_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
