/* The short way of next(), for messages that lie whole in the buffer, against its general way,
 * which the same bytes take when the first of them comes alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pirn/endpoint.h>

#include "guarded.h"

enum { LONGEST = 70000 };

/* What a program hears of a stream. */
struct outcome {
    uint8_t bytes[LONGEST];
    size_t len;
    int begun, ended, pings;
    uint64_t remaining;
    enum pirn_error error;
    char text[124];
};

static uint8_t *room; /* the stream lies flush with its end, so that reading too far is a crash */

static int make_room(void **state)
{
    (void)state;
    room = guarded_new();
    return room ? 0 : -1;
}

static bool no_random(void *context, void *out, size_t len)
{
    (void)context;
    memset(out, 0, len);
    return true;
}

static void hear(struct outcome *outcome, struct pirn_endpoint *ep)
{
    struct pirn_event event;
    while (pirn_endpoint_next(ep, &event)) {
        outcome->pings += event.type == PIRN_EVENT_PING;
        if (event.type != PIRN_EVENT_MESSAGE)
            continue;
        assert_true(!event.first || event.offset == 0);
        memcpy(outcome->bytes + outcome->len, event.data, event.len);
        outcome->len += event.len;
        outcome->begun += event.first;
        outcome->ended += event.last;
    }
    outcome->remaining = pirn_endpoint_remaining(ep);
}

/* Feeds stream[0..cut), then the rest. */
static void run(struct outcome *outcome, enum pirn_role role, uint64_t max_frame,
                const uint8_t *stream, size_t len, size_t cut)
{
    const struct pirn_endpoint_config config = {.max_frame_bytes = max_frame, .random = no_random};
    struct pirn_control_slots slots;
    struct pirn_endpoint ep;
    uint8_t *copy = len <= GUARDED_SIZE ? room + GUARDED_SIZE - len : malloc(len);
    memcpy(copy, stream, len);
    memset((char *)outcome + sizeof outcome->bytes, 0, sizeof *outcome - sizeof outcome->bytes);
    assert_int_equal(pirn_endpoint_init(&ep, role, &config, &slots, 1), 0);
    assert_int_equal(pirn_endpoint_feed(&ep, copy, cut, 1), 0);
    hear(outcome, &ep);
    assert_int_equal(pirn_endpoint_feed(&ep, copy + cut, len - cut, 1), 0);
    hear(outcome, &ep);
    outcome->error = pirn_endpoint_error(&ep);
    pirn_endpoint_error_text(&ep, outcome->text, sizeof outcome->text);
    if (len > GUARDED_SIZE)
        free(copy);
}

static void same_both_ways(const char *what, enum pirn_role role, uint64_t max_frame,
                           const uint8_t *stream, size_t len)
{
    static struct outcome whole, cut;
    run(&whole, role, max_frame, stream, len, len);
    run(&cut, role, max_frame, stream, len, 1);
    if (whole.len != cut.len || memcmp(whole.bytes, cut.bytes, cut.len) != 0)
        fail_msg("%s, role %d, %zu bytes: other bytes", what, (int)role, len);
    if (whole.begun != cut.begun || whole.ended != cut.ended || whole.pings != cut.pings ||
        whole.remaining != cut.remaining)
        fail_msg("%s, role %d, %zu bytes: %d %d %d events, not %d %d %d", what, (int)role, len,
                 whole.begun, whole.ended, whole.pings, cut.begun, cut.ended, cut.pings);
    if (whole.error != cut.error || strcmp(whole.text, cut.text) != 0)
        fail_msg("%s, role %d, %zu bytes: \"%s\", not \"%s\"", what, (int)role, len, whole.text,
                 cut.text);
}

/* A message, and a Ping behind it, which shows that reading goes on where it should. */
static size_t put_stream(uint8_t *out, enum pirn_role role, unsigned opcode, const uint8_t *payload,
                         size_t len)
{
    struct pirn_frame frame = {.fin = true,
                               .masked = role == PIRN_SERVER,
                               .opcode = (uint8_t)opcode,
                               .masking_key = {0x91, 0x02, 0xF3, 0x64},
                               .payload_len = len};
    int64_t size = pirn_frame_encode(out, LONGEST, &frame, payload);
    assert_true(size > 0);
    frame.opcode = PIRN_PING;
    frame.payload_len = 2;
    int64_t ping = pirn_frame_encode(out + size, LONGEST - (size_t)size, &frame, "ok");
    assert_true(ping > 0);
    return (size_t)(size + ping);
}

static void message_same_both_ways(const char *what, unsigned opcode, const uint8_t *payload,
                                   size_t len)
{
    static uint8_t stream[LONGEST];
    for (int role = PIRN_SERVER; role <= PIRN_CLIENT; role++) {
        size_t size = put_stream(stream, (enum pirn_role)role, opcode, payload, len);
        same_both_ways(what, (enum pirn_role)role, 0, stream, size);
    }
}

static void fill(uint8_t *out, size_t len, const char *unit)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)unit[i % strlen(unit)];
}

static const char *const grounds[] = {"plain ASCII ", "\xC3\xA4", "\xE6\xBC\xA2",
                                      "\xF0\x9F\xA7\xB5"};

/* Many of these end inside a character. */
static void messages_of_all_lengths(void **state)
{
    static const size_t long_ones[] = {1023, 4096, 65534, 65535, 65536, 65537};
    static uint8_t payload[LONGEST];
    (void)state;
    for (size_t g = 0; g < sizeof grounds / sizeof *grounds; g++) {
        fill(payload, sizeof payload, grounds[g]);
        for (size_t len = 0; len <= 300; len++) {
            message_same_both_ways("text", PIRN_TEXT, payload, len);
            message_same_both_ways("binary", PIRN_BINARY, payload, len);
        }
        for (size_t i = 0; i < sizeof long_ones / sizeof *long_ones; i++)
            message_same_both_ways("long", PIRN_TEXT, payload, long_ones[i]);
    }
}

static void texts_with_a_wrong_byte(void **state)
{
    static const size_t lengths[] = {1, 3, 7, 18, 19, 20, 40, 64, 66, 100, 125, 126, 200};
    uint8_t payload[200];
    (void)state;
    for (size_t g = 0; g < sizeof grounds / sizeof *grounds; g++)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
            for (size_t at = 0; at < lengths[i]; at++) {
                fill(payload, sizeof payload, grounds[g]);
                payload[at] = at % 2 == 0 ? 0xFF : 0xC3;
                message_same_both_ways("wrong", PIRN_TEXT, payload, lengths[i]);
            }
}

/* Every first two bytes, with as much behind them as each size of header needs, or less. */
static void headers_of_all_kinds(void **state)
{
    static const size_t lengths[] = {2, 5, 8, 14, 22, 140};
    uint8_t stream[140] = {0};
    (void)state;
    for (unsigned start = 0; start < 65536; start++)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            stream[0] = (uint8_t)(start >> 8);
            stream[1] = (uint8_t)start;
            stream[3] = start % 3 == 0 ? 126 : 125; /* of 16 bits: minimal or not */
            same_both_ways("header", PIRN_SERVER, 0, stream, lengths[i]);
            same_both_ways("header", PIRN_CLIENT, 0, stream, lengths[i]);
        }
}

static void limits_are_those_of_the_general_way(void **state)
{
    static uint8_t payload[300], stream[400];
    (void)state;
    fill(payload, sizeof payload, "x");
    for (size_t max = 1; max <= 130; max++)
        for (size_t len = max - 1; len <= max + 1; len++) {
            size_t size = put_stream(stream, PIRN_SERVER, PIRN_BINARY, payload, len);
            same_both_ways("limit", PIRN_SERVER, max, stream, size);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_all_lengths),
        cmocka_unit_test(texts_with_a_wrong_byte),
        cmocka_unit_test(headers_of_all_kinds),
        cmocka_unit_test(limits_are_those_of_the_general_way),
    };
    return cmocka_run_group_tests(tests, make_room, NULL);
}
