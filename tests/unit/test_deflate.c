#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "deflate_rig.h"
#include "deflate_state.h"

#define SHARED    .mode = PIRN_DEFLATE_SHARED
#define DEDICATED .mode = PIRN_DEFLATE_DEDICATED
#define LIMIT     (UINT64_C(1) << 24)

static struct deflate_side ours, theirs;
static struct deflate_bytes wire, got;

static const struct pirn__deflate_state *inside(const struct pirn_extension_state *state)
{
    return (const struct pirn__deflate_state *)state;
}

/* ---- Messages: numbers of a fixed generator, text that is alike in places. */

static uint8_t message[200000];
static uint32_t seed;

static uint32_t number(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static void make_message(size_t len, bool text)
{
    static const char *const words[] = {"{\"id\":", "\"name\":\"", "shuttle", "weft", "},", " "};
    for (size_t at = 0; at < len;) {
        char word[24];
        int n = snprintf(word, sizeof word, "%s%u", words[number() % 6], number() % 1000);
        for (int i = 0; i < n && at < len; i++)
            message[at++] = text ? (uint8_t)word[i] : (uint8_t)number();
    }
}

static size_t message_len(unsigned i)
{
    static const size_t sizes[] = {0, 1, 2, 5, 60, 125, 126, 1000, 1024, 4096, 5000};
    return i % 50 == 49 ? 1 + number() % sizeof message : sizes[number() % 11];
}

static int teardown(void **state)
{
    (void)state;
    deflate_side_release(&ours);
    deflate_side_release(&theirs);
    deflate_bytes_free(&wire);
    deflate_bytes_free(&got);
    ours = theirs = (struct deflate_side){0};
    return 0;
}

static void assert_got(const void *data, size_t len)
{
    assert_int_equal(got.len, len);
    if (len > 0)
        assert_memory_equal(got.data, data, len);
}

static void pass(struct pirn_extension_state *from, struct pirn_extension_state *to, size_t len)
{
    size_t steps[] = {0, 0, 1 + number() % 700};
    wire.len = got.len = 0;
    deflate_side_send(from, message, len, steps[number() % 3],
                      number() % 2 ? 64 + number() % 500 : 300000, &wire);
    assert_int_equal(
        deflate_side_receive(to, wire.data, wire.len, steps[number() % 3], LIMIT, &got), 0);
    assert_got(message, len);
}

static void pass_both_ways(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        size_t len = message_len(i);
        make_message(len, number() % 4 != 0);
        pass(&ours.state.base, &theirs.state.base, len);
        pass(&theirs.state.base, &ours.state.base, len);
    }
}

static void begin(struct deflate_side *side, int own, int peer, bool own_fresh, bool peer_fresh)
{
    const struct pirn_deflate_config config = {DEDICATED, .window_bits = own < 9 ? 15 : own};
    deflate_side_init(side, &config, PIRN_CLIENT);
    deflate_side_agree(side, own, peer, own_fresh, peer_fresh);
}

static void begin_both(const struct pirn_deflate_config *config)
{
    deflate_side_init(&ours, config, PIRN_CLIENT);
    deflate_side_init(&theirs, config, PIRN_SERVER);
    assert_true(deflate_sides_negotiate(&ours, &theirs));
}

static void messages_pass_with_every_agreement(void **state)
{
    (void)state;
    for (int i = 0; i < 7 * 7 * 4; i++) {
        int own = 9 + i % 7, peer = 9 + i / 7 % 7, fresh = i / 49;
        seed = (uint32_t)i;
        begin(&ours, own, peer, fresh & 1, fresh & 2);
        begin(&theirs, peer, own, fresh & 2, fresh & 1);
        pass_both_ways(12);
        teardown(NULL);
    }
}

static void thousands_of_messages_pass(void **state)
{
    (void)state;
    static const struct pirn_deflate_config configs[] = {
        {SHARED},
        {DEDICATED},
        {DEDICATED, .level = 9, .window_bits = 15, .mem_level = 9},
        {DEDICATED, .window_bits = 9, .mem_level = 1, .peer_window_bits = 8},
    };
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        seed = 5;
        begin_both(&configs[i]);
        if (theirs.state.base.own[0] >= 9 && ours.state.base.own[0] >= 9)
            pass_both_ways(getenv("PIRN_SANITIZE") ? 100 : 1500);
        teardown(NULL);
    }
}

/* ---- What is written */

static void assert_wire(const char *expected, size_t len)
{
    assert_int_equal(wire.len, len);
    assert_memory_equal(wire.data, expected, len);
    wire.len = 0;
}

static void empty_messages_are_a_byte(void **state)
{
    (void)state;
    for (int fresh = 0; fresh < 2; fresh++) {
        begin(&ours, 15, 15, fresh, fresh);
        for (int i = 0; i < 3; i++) {
            deflate_side_send(&ours.state.base, "", 0, 0, 64, &wire);
            assert_wire("", 1);
            deflate_side_send(&ours.state.base, "Hello", 5, 0, 64, &wire);
            wire.len = 0;
        }
        /* After a flush, in one part and in its own. */
        deflate_side_begin(&ours.state.base);
        deflate_side_part(&ours.state.base, "Hello", 5, true, false, 64, &wire);
        assert_memory_equal(wire.data + wire.len - 4, "\x00\x00\xff\xff", 4);
        wire.len = 0;
        deflate_side_part(&ours.state.base, NULL, 0, true, false, 64, &wire);
        assert_int_equal(wire.len, 0);
        deflate_side_part(&ours.state.base, NULL, 0, false, true, 64, &wire);
        assert_wire("", 1);
        teardown(NULL);
    }
}

/* However the room cuts it, the tail is not there, and a message of parts is one. */
static void tails_are_cut_wherever_they_fall(void **state)
{
    (void)state;
    const struct pirn_deflate_config config = {DEDICATED, .level = 6};
    begin_both(&config);
    for (size_t cap = 64; cap < 200; cap++) {
        wire.len = got.len = 0;
        make_message(2000, cap % 2);
        deflate_side_begin(&ours.state.base);
        for (size_t at = 0; at < 2000; at += 100)
            deflate_side_part(&ours.state.base, message + at, 100, at % 300 == 0, at == 1900, cap,
                              &wire);
        assert_true(memcmp(wire.data + wire.len - 4, "\x00\x00\xff\xff", 4) != 0);
        assert_int_equal(
            deflate_side_receive(&theirs.state.base, wire.data, wire.len, 0, LIMIT, &got), 0);
        assert_got(message, 2000);
    }
}

static void flushed_parts_can_be_read(void **state)
{
    (void)state;
    static const struct pirn_frame frame = {.opcode = PIRN_TEXT, .rsv = 4};
    const struct pirn_deflate_config config = {SHARED};
    begin_both(&config);
    struct pirn_extension_state *to = &theirs.state.base;
    deflate_side_begin(&ours.state.base);
    to->extension->begin_receive(to, &frame);
    for (int i = 0; i < 50; i++) {
        wire.len = 0;
        make_message(30, true);
        deflate_side_part(&ours.state.base, message, 30, true, false, 64, &wire);
        struct pirn_transform step = {.in = wire.data, .in_len = wire.len, .out_cap = SIZE_MAX};
        assert_int_equal(to->extension->receive(to, &step), 0);
        assert_int_equal(step.out_len, 30);
        assert_memory_equal(step.out, message, 30);
    }
}

static void plans_say_what_is_compressed(void **state)
{
    (void)state;
    static const struct {
        struct pirn_message_plan plan;
        unsigned rsv;
    } rows[] = {
        {{PIRN_TEXT, PIRN_COMPRESS_AUTO, true, 1024}, 4},
        {{PIRN_TEXT, PIRN_COMPRESS_AUTO, true, 1023}, 0},
        {{PIRN_BINARY, PIRN_COMPRESS_AUTO, true, UINT64_MAX}, 4},
        {{PIRN_BINARY, PIRN_COMPRESS_AUTO, true, 0}, 0},
        {{PIRN_TEXT, PIRN_COMPRESS_AUTO, false, 0}, 4},
        {{PIRN_TEXT, PIRN_COMPRESS_ALWAYS, true, 0}, 4},
        {{PIRN_TEXT, PIRN_COMPRESS_NEVER, true, 5000}, 0},
        {{PIRN_TEXT, PIRN_COMPRESS_NEVER, false, 0}, 0},
        {{(enum pirn_opcode)3, PIRN_COMPRESS_ALWAYS, true, 5000}, 0},
        {{(enum pirn_opcode)7, PIRN_COMPRESS_AUTO, false, 0}, 0},
    };
    begin(&ours, 15, 15, true, true);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pirn_extension_state *at = &ours.state.base;
        assert_int_equal(at->extension->begin_send(at, &rows[i].plan), rows[i].rsv);
        assert_int_equal(at->sending, rows[i].rsv != 0);
        if (at->sending)
            deflate_side_part(at, "x", 1, false, true, 64, &wire);
    }
    teardown(NULL);
    begin(&ours, 8, 15, false, false); /* zlib cannot */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(ours.state.base.extension->begin_send(&ours.state.base, &rows[i].plan), 0);
    assert_int_equal(ours.ledger.asked, 0);
}

/* ---- Totals, and messages that go as they were */

static void totals_are_counted(void **state)
{
    (void)state;
    const struct pirn_deflate_config config = {SHARED};
    const struct pirn_deflate_totals none = {0};
    begin_both(&config);
    make_message(3000, true);
    uint64_t bytes = 0;
    for (uint64_t i = 1; i < 20; i++) {
        pass(&ours.state.base, &theirs.state.base, 100 * i);
        bytes += wire.len;
        const struct pirn_deflate_totals sent = ours.deflate.totals, back = theirs.deflate.totals;
        assert_int_equal(sent.sent_messages, i);
        assert_int_equal(sent.sent_bytes, 100 * i * (i + 1) / 2);
        assert_int_equal(sent.sent_wire_bytes, bytes);
        assert_int_equal(back.received_messages, i);
        assert_int_equal(back.received_bytes, 100 * i * (i + 1) / 2);
        assert_int_equal(back.received_wire_bytes, bytes);
        assert_int_equal(sent.received_bytes + back.sent_bytes, 0);
    }
    teardown(NULL);
    begin_both(&config);
    make_message(3000, false);
    wire.len = 0;
    deflate_side_send(&ours.state.base, message, 3000, 0, 4000, &wire);
    assert_true(wire.len >= 3000);
    assert_true(ours.deflate.extension.undo_send(&ours.state.base));
    assert_memory_equal(&ours.deflate.totals, &none, sizeof none);
    assert_false(ours.state.base.sending);
    pass(&ours.state.base, &theirs.state.base, 3000);
}

static void a_message_is_undone_while_nothing_refers_to_it(void **state)
{
    (void)state;
    begin(&ours, 12, 12, true, false);
    begin(&theirs, 12, 12, false, true);
    make_message(5000, false);
    deflate_side_begin(&ours.state.base);
    deflate_side_part(&ours.state.base, message, 2000, false, false, 64, &wire);
    assert_true(ours.deflate.extension.undo_send(&ours.state.base)); /* in its middle */
    assert_int_equal(ours.deflate.totals.sent_bytes, 0);
    pass(&ours.state.base, &theirs.state.base, 3000);
    wire.len = 0;
    deflate_side_send(&theirs.state.base, message, 100, 0, 300, &wire);
    assert_false(theirs.deflate.extension.undo_send(&theirs.state.base));
    assert_int_equal(theirs.deflate.totals.sent_messages, 1);
}

/* ---- Connections that share */

enum { CONNECTIONS = 12 };

static size_t free_streams(const struct deflate_side *side)
{
    return side->ledger.blocks;
}

/* Messages of many connections in parts at the same time, each with other bits. */
static void parts_of_messages_interleave(void **state)
{
    (void)state;
    const struct pirn_deflate_config config = {SHARED};
    struct deflate_bytes wires[CONNECTIONS] = {{0}};
    union {
        struct pirn_extension_state base;
        uint64_t bytes[8];
    } from[CONNECTIONS], to[CONNECTIONS];
    deflate_side_init(&ours, &config, PIRN_CLIENT);
    deflate_side_init(&theirs, &config, PIRN_CLIENT);
    for (int i = 0; i < CONNECTIONS; i++) {
        deflate_side_agree(&ours, 9 + i % 7, 15, true, true);
        deflate_side_agree(&theirs, 15, 9 + i % 7, true, true);
        memcpy(&from[i], &ours.state, sizeof from[i]);
        memcpy(&to[i], &theirs.state, sizeof to[i]);
    }
    seed = 1;
    make_message(6000, true);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < CONNECTIONS; i++)
            deflate_side_begin(&from[i].base);
        for (size_t at = 0; at < 6000; at += 500)
            for (int i = 0; i < CONNECTIONS; i++)
                deflate_side_part(&from[i].base, message + at, 500, false, at == 5500, 100,
                                  &wires[i]);
        for (int i = 0; i < CONNECTIONS; i++) {
            got.len = 0;
            assert_int_equal(
                deflate_side_receive(&to[i].base, wires[i].data, wires[i].len, 50, LIMIT, &got), 0);
            assert_got(message, 6000);
            wires[i].len = 0;
        }
    }
    /* A compressor of each size is left, one inflater, nothing of a connection. */
    assert_int_equal(free_streams(&ours), 7 * 6);
    assert_int_equal(free_streams(&theirs), 3);
    for (int i = 0; i < CONNECTIONS; i++) {
        assert_null(inside(&from[i].base)->compressor);
        assert_null(inside(&to[i].base)->inflater);
        deflate_bytes_free(&wires[i]);
    }
    size_t asked = ours.ledger.asked;
    wire.len = 0;
    deflate_side_send(&from[3].base, message, 6000, 0, 9000, &wire);
    assert_int_equal(ours.ledger.asked, asked);
}

static void two_free_inflaters_are_kept(void **state)
{
    (void)state;
    const struct pirn_deflate_config config = {SHARED};
    union {
        struct pirn_extension_state base;
        uint64_t bytes[8];
    } to[CONNECTIONS];
    begin_both(&config);
    make_message(3000, true);
    deflate_side_send(&ours.state.base, message, 3000, 0, 4000, &wire);
    for (int i = 0; i < CONNECTIONS; i++) {
        const struct pirn_frame frame = {.opcode = PIRN_TEXT, .rsv = 4};
        struct pirn_transform step = {.in = wire.data, .in_len = 100, .out_cap = SIZE_MAX};
        memcpy(&to[i], &theirs.state, sizeof to[i]);
        to[i].base.extension->begin_receive(&to[i].base, &frame);
        assert_int_equal(to[i].base.extension->receive(&to[i].base, &step), 0);
    }
    size_t busy = theirs.ledger.blocks;
    assert_int_equal(busy, 3 * CONNECTIONS);
    for (int i = 0; i < CONNECTIONS; i++)
        to[i].base.extension->release(&to[i].base);
    assert_int_equal(theirs.ledger.blocks, 3 * 2);
}

/* ---- Memory: the table of pirn_deflate.3, which fails when a number goes up. Other releases of
 * zlib than 1.2.13 may have a few fields more. */

#define SLACK 256

static void assert_costs(size_t bytes, size_t said)
{
    if (sizeof(void *) == 8 && (bytes > said + SLACK || bytes + said / 4 < said))
        fail_msg("%zu bytes, the manual says %zu", bytes, said);
}

static void connections_cost_what_the_manual_says(void **state)
{
    (void)state;
    static const struct {
        int window_bits, mem_level;
        size_t compressor;
    } rows[] = {{9, 1, 9336},   {10, 3, 14456},  {12, 5, 39032},
                {13, 6, 71800}, {15, 8, 268408}, {15, 9, 399480}};
    static const size_t inflaters[] = {7888, 7888, 8400, 9424, 11472, 15568, 23760, 40144};
    make_message(5000, true);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct pirn_deflate_config config = {DEDICATED, .window_bits = rows[i].window_bits,
                                                   .mem_level = rows[i].mem_level};
        begin_both(&config);
        assert_int_equal(ours.ledger.bytes, 0);
        pass(&ours.state.base, &theirs.state.base, 5000);
        assert_costs(ours.ledger.bytes, rows[i].compressor);
        teardown(NULL);
    }
    for (int bits = 8; bits <= 15; bits++) {
        begin(&ours, 9, bits, false, false);
        begin(&theirs, bits < 9 ? 9 : bits, 9, false, false);
        pass(&theirs.state.base, &ours.state.base, 5000);
        assert_costs(ours.ledger.bytes, inflaters[bits - 8]);
        teardown(NULL);
    }
}

static void a_shared_connection_costs_its_state(void **state)
{
    (void)state;
    const struct pirn_deflate_config config = {SHARED};
    begin_both(&config);
    if (sizeof(void *) == 8)
        assert_int_equal(ours.deflate.extension.state_bytes, 32);
    make_message(5000, true);
    pass(&ours.state.base, &theirs.state.base, 5000);
    pass(&theirs.state.base, &ours.state.base, 5000);
    assert_costs(ours.ledger.bytes, 268408 + 40144);
    struct ledger before = ours.ledger;
    for (int i = 0; i < 1000; i++) {
        struct pirn_extension_state *left = &ours.state.base;
        deflate_side_agree(&ours, 15, 15, true, true);
        pass(left, &theirs.state.base, 200);
        deflate_side_agree(&theirs, 15, 15, true, true);
        pass(&theirs.state.base, left, 200);
    }
    assert_int_equal(ours.ledger.bytes, before.bytes);
    assert_int_equal(ours.ledger.asked, before.asked);
    assert_int_equal(ours.ledger.peak, before.peak);
}

static void idle_connections_give_back_what_they_can(void **state)
{
    (void)state;
    const struct pirn_deflate_config config = {DEDICATED};
    begin_both(&config);
    make_message(4000, true);
    void (*idle)(struct pirn_extension_state *) = ours.deflate.extension.idle;
    for (int i = 0; i < 50; i++) {
        pass(&ours.state.base, &theirs.state.base, 2000);
        pass(&theirs.state.base, &ours.state.base, 4000);
        if (i % 3 == 0) {
            idle(&ours.state.base);
            assert_null(inside(&ours.state.base)->compressor);
            assert_non_null(inside(&ours.state.base)->inflater);
        }
        if (i % 7 == 0)
            idle(&theirs.state.base);
    }
    /* Not in the middle of a message. */
    wire.len = got.len = 0;
    deflate_side_begin(&ours.state.base);
    deflate_side_part(&ours.state.base, message, 1000, true, false, 2000, &wire);
    idle(&ours.state.base);
    deflate_side_part(&ours.state.base, message + 1000, 3000, false, true, 5000, &wire);
    assert_int_equal(deflate_side_receive(&theirs.state.base, wire.data, wire.len, 0, LIMIT, &got),
                     0);
    assert_got(message, 4000);
}

/* ---- Without memory: messages go plain, those that come fail, and nothing is lost or corrupt. */

static bool sends_compressed(struct deflate_side *side, size_t len)
{
    const struct pirn_message_plan plan = {.type = PIRN_TEXT, .compress = PIRN_COMPRESS_ALWAYS};
    struct pirn_extension_state *state = &side->state.base;
    wire.len = 0;
    if (state->extension->begin_send(state, &plan) == 0) {
        assert_false(state->sending);
        return false;
    }
    deflate_side_part(state, message, len, false, true, 100, &wire);
    return true;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    static const struct pirn_deflate_config configs[] = {{SHARED}, {DEDICATED}};
    make_message(9000, true);
    for (size_t i = 0; i < 2; i++) {
        for (size_t fail_at = 1;; fail_at++) {
            begin_both(&configs[i]);
            ours.ledger.fail_at = fail_at;
            sends_compressed(&ours, 9000);
            assert_true(sends_compressed(&ours, 9000)); /* the next message is */
            size_t sent = ours.ledger.failed;
            assert_true(sends_compressed(&theirs, 9000));
            got.len = 0;
            int r = deflate_side_receive(&ours.state.base, wire.data, wire.len, 0, LIMIT, &got);
            assert_int_equal(r, ours.ledger.failed > sent ? -PIRN_E_MEMORY : 0);
            if (r != 0)
                assert_null(inside(&ours.state.base)->inflater);
            bool all = ours.ledger.failed == 0;
            teardown(NULL);
            if (all)
                break;
        }
    }
}

/* ---- What a peer can make us spend */

static void a_bomb_costs_its_limit(void **state)
{
    (void)state;
    enum { ZEROS = 1 << 20, LIMITED = 1 << 20 };
    static uint8_t zeros[ZEROS];
    const int times = getenv("PIRN_SANITIZE") ? 64 : 1024; /* a GiB takes zlib a second to make */
    begin(&ours, 15, 15, false, false);
    begin(&theirs, 15, 15, false, false);
    deflate_side_begin(&ours.state.base);
    for (int i = 0; i < times; i++)
        deflate_side_part(&ours.state.base, zeros, ZEROS, false, i == times - 1, 65536, &wire);
    assert_true(wire.len < 12000000);
    assert_int_equal(
        deflate_side_receive(&theirs.state.base, wire.data, wire.len, 65536, LIMITED, &got),
        -PIRN_E_MESSAGE_TOO_BIG);
    assert_true(theirs.deflate.totals.received_bytes <= LIMITED + theirs.room_bytes);
    assert_true(theirs.deflate.totals.received_wire_bytes < 70000);
    assert_true(theirs.ledger.peak < 41000);
}

static void no_more_is_inflated_than_there_is_room_for(void **state)
{
    (void)state;
    static const struct pirn_frame frame = {.opcode = PIRN_BINARY, .rsv = 4};
    const struct pirn_deflate_config config = {SHARED};
    begin_both(&config);
    make_message(3000, true);
    deflate_side_send(&ours.state.base, message, 3000, 0, 4000, &wire);
    struct pirn_extension_state *to = &theirs.state.base;
    to->extension->begin_receive(to, &frame);
    struct pirn_transform step = {.in = wire.data, .in_len = wire.len, .end = true};
    for (size_t cap = 1; step.in_len > 0 || step.pending; cap = cap % 40 + 1) {
        step.out_cap = cap;
        assert_int_equal(to->extension->receive(to, &step), 0);
        assert_true(step.out_len <= cap);
        deflate_bytes_add(&got, step.out, step.out_len);
    }
    assert_got(message, 3000);
}

/* C14. Only what lies before the end of the room is looked at, so the lengths may lie. */
/* What zlib cannot count, or, where sizes have 32 bits, nearly what they can. */
static void lengths_beyond_32_bits_are_cut(void **state)
{
    (void)state;
#if SIZE_MAX > UINT32_MAX
    const size_t huge = ((size_t)1 << 32) + 3;
#else
    const size_t huge = SIZE_MAX - 3;
#endif
    const struct pirn_deflate_config config = {SHARED};
    begin_both(&config);
    make_message(sizeof message, false);
    deflate_side_begin(&ours.state.base);
    uint8_t out[64];
    struct pirn_transform step = {
        .in = message, .in_len = huge, .end = true, .out = out, .out_cap = sizeof out};
    assert_int_equal(ours.deflate.extension.send(&ours.state.base, &step), 0);
    assert_true(step.pending && step.in_len < huge && step.in_len > huge - sizeof message);
    assert_int_equal(step.in - message, huge - step.in_len);

    static uint8_t zeros[1 << 20];
    deflate_side_send(&theirs.state.base, zeros, sizeof zeros, 0, sizeof zeros, &wire);
    const struct pirn_frame frame = {.opcode = PIRN_TEXT, .rsv = 4};
    ours.deflate.extension.begin_receive(&ours.state.base, &frame);
    step = (struct pirn_transform){.in = wire.data, .in_len = huge, .end = true, .out_cap = huge};
    assert_int_equal(ours.deflate.extension.receive(&ours.state.base, &step), 0);
    assert_true(step.out_len == ours.room_bytes && step.in_len > huge - wire.len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(messages_pass_with_every_agreement, teardown),
        cmocka_unit_test_teardown(thousands_of_messages_pass, teardown),
        cmocka_unit_test_teardown(empty_messages_are_a_byte, teardown),
        cmocka_unit_test_teardown(tails_are_cut_wherever_they_fall, teardown),
        cmocka_unit_test_teardown(flushed_parts_can_be_read, teardown),
        cmocka_unit_test_teardown(plans_say_what_is_compressed, teardown),
        cmocka_unit_test_teardown(totals_are_counted, teardown),
        cmocka_unit_test_teardown(a_message_is_undone_while_nothing_refers_to_it, teardown),
        cmocka_unit_test_teardown(parts_of_messages_interleave, teardown),
        cmocka_unit_test_teardown(two_free_inflaters_are_kept, teardown),
        cmocka_unit_test_teardown(connections_cost_what_the_manual_says, teardown),
        cmocka_unit_test_teardown(a_shared_connection_costs_its_state, teardown),
        cmocka_unit_test_teardown(idle_connections_give_back_what_they_can, teardown),
        cmocka_unit_test_teardown(every_allocation_may_fail, teardown),
        cmocka_unit_test_teardown(a_bomb_costs_its_limit, teardown),
        cmocka_unit_test_teardown(lengths_beyond_32_bits_are_cut, teardown),
        cmocka_unit_test_teardown(no_more_is_inflated_than_there_is_room_for, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
