/* C01 and C05: every first two bytes of a frame in every state of either role, and 64-bit lengths
 * with every limit, against tables that say which errors may be found. After an error nothing is
 * ever heard again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <pirn/endpoint.h>

static bool no_random(void *context, void *out, size_t len)
{
    (void)context;
    memset(out, 0, len);
    return true;
}

struct bench {
    struct pirn_endpoint ep;
    struct pirn_endpoint_config config;
    struct pirn_control_slots slots;
    enum pirn_role role;
};

static void bench_init(struct bench *bench, enum pirn_role role, uint64_t max_message)
{
    bench->role = role;
    bench->config = (struct pirn_endpoint_config){
        .max_message_bytes = max_message, .ping_interval_ms = PIRN_OFF, .random = no_random};
    assert_int_equal(pirn_endpoint_init(&bench->ep, role, &bench->config, &bench->slots, 1), 0);
}

/* The bytes of a frame from its first two, an extended length, a key of zeros when the mask bit is
 * set, and zeros for payload; of a Close the payload begins with 1000. */
static size_t put_frame(uint8_t *out, unsigned first, unsigned second, uint64_t len,
                        size_t payload_max)
{
    size_t octets = (second & 0x7f) == 126 ? 2 : (second & 0x7f) == 127 ? 8 : 0, at = 2;
    out[0] = (uint8_t)first;
    out[1] = (uint8_t)second;
    for (size_t i = 0; i < octets; i++)
        out[at++] = (uint8_t)(len >> (8 * (octets - 1 - i)));
    for (size_t i = 0; i < 4 && second & 0x80; i++)
        out[at++] = 0;
    size_t payload = len < payload_max ? (size_t)len : payload_max;
    memset(out + at, 0, payload);
    if ((first & 0x0f) == PIRN_CLOSE && payload >= 2) {
        out[at] = 1000 >> 8;
        out[at + 1] = 1000 & 0xff;
    }
    return at + payload;
}

/* Feeds and counts events; the last one is left in *event. */
static int feed(struct bench *bench, uint8_t *data, size_t len, struct pirn_event *event)
{
    struct pirn_event next;
    int count = 0;
    assert_int_equal(pirn_endpoint_feed(&bench->ep, data, len, 1), 0);
    while (pirn_endpoint_next(&bench->ep, &next)) {
        *event = next;
        count++;
    }
    return count;
}

static size_t put_good(const struct bench *bench, uint8_t *out, unsigned first)
{
    return put_frame(out, first, bench->role == PIRN_SERVER ? 0x82 : 0x02, 2, 2);
}

/* Nothing that comes now makes an event, nothing can be sent, nothing more waits. */
static void assert_over(struct bench *bench)
{
    uint8_t data[32], out[3 * PIRN_CONTROL_FRAME_MAX];
    struct pirn_event event;
    static const uint8_t firsts[] = {0x81, 0x89, 0x88, 0x00, 0xff};
    assert_int_equal(pirn_endpoint_state(&bench->ep), PIRN_CLOSED);
    assert_in_range(pirn_endpoint_control(&bench->ep, out, sizeof out, true), 2, 131);
    for (size_t i = 0; i < sizeof firsts; i++)
        assert_int_equal(feed(bench, data, put_good(bench, data, firsts[i]), &event), 0);
    assert_int_equal(pirn_endpoint_control(&bench->ep, out, sizeof out, true), 0);
    assert_int_equal(pirn_endpoint_send(&bench->ep, PIRN_TEXT, true, "", 0, out, sizeof out),
                     -PIRN_E_CLOSED);
    assert_int_equal(pirn_endpoint_ping(&bench->ep, NULL, 0, out), -PIRN_E_CLOSED);
    assert_int_equal(pirn_endpoint_close(&bench->ep, 1000, PIRN_STR(""), 2), -PIRN_E_CLOSED);
}

/* --- the first two bytes ---------------------------------------------------------------------- */

enum state { IDLE, IN_TEXT, IN_BINARY, CLOSING, AFTER_CLOSE, AFTER_FAILURE, STATES };

static void enter(struct bench *bench, enum state state)
{
    static const uint8_t firsts[STATES] = {
        [IN_TEXT] = 0x01, [IN_BINARY] = 0x02, [AFTER_CLOSE] = 0x88, [AFTER_FAILURE] = 0xf1};
    uint8_t data[16];
    struct pirn_event event;
    if (firsts[state])
        assert_int_equal(feed(bench, data, put_good(bench, data, firsts[state]), &event), 1);
    if (state == CLOSING)
        assert_int_equal(pirn_endpoint_close(&bench->ep, 1000, PIRN_STR(""), 1), 0);
}

/* What may be found wrong, as bits; several may be at once. */
enum {
    BAD_RSV = 1,
    BAD_OPCODE = 2,
    BAD_MASK = 4,
    BAD_CONTROL_LENGTH = 8,
    BAD_CONTROL_FIN = 16,
    BAD_CONTINUATION = 32,
    BAD_START = 64,
    BAD_CLOSE = 128
};

/* For each opcode: what FIN unset, FIN set, and being between or inside of messages make bad. */
static const struct {
    unsigned always, without_fin, between, inside, long_length;
} rules[16] = {
    [0] = {.between = BAD_CONTINUATION},
    [1] = {.inside = BAD_START},
    [2] = {.inside = BAD_START},
    [3] = {.always = BAD_OPCODE},
    [4] = {.always = BAD_OPCODE},
    [5] = {.always = BAD_OPCODE},
    [6] = {.always = BAD_OPCODE},
    [7] = {.always = BAD_OPCODE},
    [8] = {.without_fin = BAD_CONTROL_FIN, .long_length = BAD_CONTROL_LENGTH},
    [9] = {.without_fin = BAD_CONTROL_FIN, .long_length = BAD_CONTROL_LENGTH},
    [10] = {.without_fin = BAD_CONTROL_FIN, .long_length = BAD_CONTROL_LENGTH},
    [11] = {.always = BAD_OPCODE},
    [12] = {.always = BAD_OPCODE},
    [13] = {.always = BAD_OPCODE},
    [14] = {.always = BAD_OPCODE},
    [15] = {.always = BAD_OPCODE},
};

static unsigned oracle(enum pirn_role role, enum state state, unsigned first, unsigned second)
{
    unsigned opcode = first & 0x0f, bad = rules[opcode].always;
    bool inside = state == IN_TEXT || state == IN_BINARY;
    bad |= first & 0x70 ? BAD_RSV : 0;
    bad |= first & 0x80 ? 0 : rules[opcode].without_fin;
    bad |= inside ? rules[opcode].inside : rules[opcode].between;
    bad |= (second & 0x7f) > 125 ? rules[opcode].long_length : 0;
    bad |= (second >> 7 != 0) == (role == PIRN_SERVER) ? 0 : BAD_MASK;
    bad |= opcode == 8 && (second & 0x7f) == 1 ? BAD_CLOSE : 0;
    return bad;
}

static unsigned bit_of(enum pirn_error error)
{
    switch (error) {
    case PIRN_E_RSV:
        return BAD_RSV;
    case PIRN_E_OPCODE:
        return BAD_OPCODE;
    case PIRN_E_MASKED:
    case PIRN_E_UNMASKED:
        return BAD_MASK;
    case PIRN_E_CONTROL_TOO_LONG:
        return BAD_CONTROL_LENGTH;
    case PIRN_E_CONTROL_FRAGMENTED:
        return BAD_CONTROL_FIN;
    case PIRN_E_CONTINUATION_UNEXPECTED:
        return BAD_CONTINUATION;
    case PIRN_E_CONTINUATION_EXPECTED:
        return BAD_START;
    case PIRN_E_CLOSE_PAYLOAD:
        return BAD_CLOSE;
    default:
        return 0;
    }
}

static void assert_good(const struct bench *bench, const struct pirn_event *event, unsigned first,
                        enum state state, uint64_t len)
{
    static const enum pirn_event_type types[16] = {
        [8] = PIRN_EVENT_CLOSE, [9] = PIRN_EVENT_PING, [10] = PIRN_EVENT_PONG};
    unsigned opcode = first & 0x0f;
    assert_int_equal(event->type, types[opcode]);
    assert_int_equal(pirn_endpoint_error(&bench->ep), PIRN_E_NONE);
    if (opcode >= 8) {
        assert_int_equal(event->len, opcode == 8 && len ? len - 2 : len);
        return;
    }
    assert_int_equal(event->opcode, opcode ? opcode : state == IN_TEXT ? PIRN_TEXT : PIRN_BINARY);
    assert_int_equal(event->len, len);
    assert_int_equal(event->first, opcode != 0);
    assert_int_equal(event->last, first >> 7);
    assert_int_equal(event->offset, opcode ? 0 : 2);
}

static void try_start(enum pirn_role role, enum state state, unsigned first, unsigned second)
{
    static uint8_t data[PIRN_FRAME_HEADER_MAX + 65536];
    struct bench bench;
    struct pirn_event event = {.len = 0};
    bench_init(&bench, role, PIRN_UNLIMITED);
    enter(&bench, state);
    uint64_t len = (second & 0x7f) == 126 ? 126 : (second & 0x7f) == 127 ? 65536 : second & 0x7f;
    int events = feed(&bench, data, put_frame(data, first, second, len, sizeof data), &event);
    if (state == AFTER_CLOSE || state == AFTER_FAILURE) {
        assert_int_equal(events, 0);
        return;
    }
    unsigned bad = oracle(role, state, first, second);
    assert_int_equal(events, 1);
    if (bad) {
        assert_int_equal(event.type, PIRN_EVENT_FAILURE);
        assert_true(bit_of(pirn_endpoint_error(&bench.ep)) & bad);
        assert_over(&bench);
    } else {
        assert_good(&bench, &event, first, state, len);
    }
}

static void test_starts(void **state)
{
    const int *role = *state;
    for (int in = IDLE; in < STATES; in++)
        for (unsigned start = 0; start < 65536; start++)
            try_start((enum pirn_role) * role, (enum state)in, start >> 8, start & 0xff);
}

/* --- lengths ---------------------------------------------------------------------------------- */

static const uint64_t lengths[] = {0,
                                   1,
                                   2,
                                   125,
                                   126,
                                   127,
                                   65535,
                                   65536,
                                   65537,
                                   0x7fffffff,
                                   0x80000000,
                                   0xffffffff,
                                   0x100000000,
                                   UINT64_C(1) << 53,
                                   (UINT64_C(1) << 63) - 1,
                                   UINT64_C(1) << 63,
                                   UINT64_MAX - 14,
                                   UINT64_MAX - 13,
                                   UINT64_MAX - 12,
                                   UINT64_MAX - 11,
                                   UINT64_MAX - 10,
                                   UINT64_MAX - 9,
                                   UINT64_MAX - 8,
                                   UINT64_MAX - 7,
                                   UINT64_MAX - 6,
                                   UINT64_MAX - 5,
                                   UINT64_MAX - 4,
                                   UINT64_MAX - 3,
                                   UINT64_MAX - 2,
                                   UINT64_MAX - 1,
                                   UINT64_MAX};

static const uint64_t limits[] = {1, 1 << 20, PIRN_UNLIMITED};

static int length_oracle(uint64_t len, unsigned form, uint64_t before, uint64_t limit)
{
    if (len >> 63)
        return PIRN_E_LENGTH_64BIT;
    if ((form == 126 && len < 126) || (form == 127 && len < 65536))
        return PIRN_E_LENGTH_NOT_MINIMAL;
    return len > limit || before > limit - len ? PIRN_E_MESSAGE_TOO_BIG : 0;
}

/* A header alone, which is judged before any payload has come, after a fragment of before bytes. */
static void try_length(enum pirn_role role, uint64_t len, unsigned form, uint64_t before,
                       uint64_t limit)
{
    struct bench bench;
    struct pirn_event event;
    uint8_t data[32];
    unsigned mask = role == PIRN_SERVER ? 0x80 : 0;
    bench_init(&bench, role, limit);
    if (before) {
        size_t size = put_frame(data, 0x02, mask | (unsigned)before, before, before);
        assert_int_equal(feed(&bench, data, size, &event), 1);
    }
    size_t size = put_frame(data, before ? 0x80 : 0x82, mask | form, len, 0);
    int events = feed(&bench, data, size, &event);
    int error = length_oracle(len, form, before, limit);
    assert_int_equal(pirn_endpoint_error(&bench.ep), error);
    if (error) {
        assert_int_equal(events, 1);
        assert_int_equal(pirn_endpoint_remaining(&bench.ep), 0);
        assert_over(&bench);
    } else {
        assert_true(pirn_endpoint_remaining(&bench.ep) == len);
        assert_int_equal(events, len == 0 ? 1 : 0);
    }
}

static void test_lengths(void **state)
{
    const int *role = *state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (size_t k = 0; k < sizeof limits / sizeof *limits; k++)
            for (uint64_t before = 0; before < 2; before++) {
                if (lengths[i] < 126)
                    try_length((enum pirn_role) * role, lengths[i], (unsigned)lengths[i], before,
                               limits[k]);
                if (lengths[i] < 65536)
                    try_length((enum pirn_role) * role, lengths[i], 126, before, limits[k]);
                try_length((enum pirn_role) * role, lengths[i], 127, before, limits[k]);
            }
}

/* A mask bit on the wrong side is wrong whatever the length. */
static void test_lengths_wrong_mask(void **state)
{
    const int *role = *state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct bench bench;
        struct pirn_event event;
        uint8_t data[32];
        bench_init(&bench, (enum pirn_role) * role, PIRN_UNLIMITED);
        unsigned mask = *role == PIRN_SERVER ? 0 : 0x80;
        size_t size = put_frame(data, 0x82, mask | 127, lengths[i], 0);
        assert_int_equal(feed(&bench, data, size, &event), 1);
        assert_int_equal(pirn_endpoint_error(&bench.ep),
                         *role == PIRN_SERVER ? PIRN_E_UNMASKED : PIRN_E_MASKED);
        assert_over(&bench);
    }
}

int main(void)
{
    static int server = PIRN_SERVER, client = PIRN_CLIENT;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_starts, &server),
        cmocka_unit_test_prestate(test_starts, &client),
        cmocka_unit_test_prestate(test_lengths, &server),
        cmocka_unit_test_prestate(test_lengths, &client),
        cmocka_unit_test_prestate(test_lengths_wrong_mask, &server),
        cmocka_unit_test_prestate(test_lengths_wrong_mask, &client),
    };
    return cmocka_run_group_tests_name("matrix", tests, NULL, NULL);
}
