/* The validator is a finite automaton of nine states. A state is the number of a bit in a word of
 * 64, a multiple of 6; the row of a byte is such a word, which has at each state's bit the 6 bits
 * of the state that follows. So a step is one load, which does not wait for the step before it, and
 * one shift. BAD leads to nothing but BAD, so that eight steps need only one question.
 *
 * The vector paths answer only "is anything wrong up to here"; where exactly, and in which state a
 * text ends, the automaton says, which walks again what lies behind the last sure code point. */
#include <pirn/utf8.h>

#include <string.h>

#include "utf8_paths.h"

/* What the automaton waits for. */
enum {
    WHOLE = 0,     /* a new code point */
    TAIL_1 = 6,    /* one more byte of 80..BF */
    TAIL_2 = 12,   /* two */
    TAIL_3 = 18,   /* three */
    AFTER_E0 = 24, /* A0..BF, then one tail byte: less would be overlong */
    AFTER_ED = 30, /* 80..9F, then one: more would be a surrogate */
    AFTER_F0 = 36, /* 90..BF, then two: less would be overlong */
    AFTER_F4 = 42, /* 80..8F, then two: more would be above U+10FFFF */
    BAD = 48
};

#define ROW(whole, tail_1, tail_2, tail_3, e0, ed, f0, f4)                                         \
    ((uint64_t)(whole) << WHOLE | (uint64_t)(tail_1) << TAIL_1 | (uint64_t)(tail_2) << TAIL_2 |    \
     (uint64_t)(tail_3) << TAIL_3 | (uint64_t)(e0) << AFTER_E0 | (uint64_t)(ed) << AFTER_ED |      \
     (uint64_t)(f0) << AFTER_F0 | (uint64_t)(f4) << AFTER_F4 | (uint64_t)BAD << BAD)
#define LEAD(next) ROW(next, BAD, BAD, BAD, BAD, BAD, BAD, BAD)

#define TAIL_80_8F ROW(BAD, WHOLE, TAIL_1, TAIL_2, BAD, TAIL_1, BAD, TAIL_2)
#define TAIL_90_9F ROW(BAD, WHOLE, TAIL_1, TAIL_2, BAD, TAIL_1, TAIL_2, BAD)
#define TAIL_A0_BF ROW(BAD, WHOLE, TAIL_1, TAIL_2, TAIL_1, BAD, TAIL_2, BAD)

#define X2(row)  row, row
#define X3(row)  X2(row), row
#define X4(row)  X2(row), X2(row)
#define X11(row) X4(row), X4(row), X3(row)
#define X12(row) X4(row), X4(row), X4(row)
#define X16(row) X4(row), X12(row)
#define X30(row) X16(row), X12(row), X2(row)
#define X32(row) X16(row), X16(row)

static const uint64_t rows[256] = {
    X32(LEAD(WHOLE)),  X32(LEAD(WHOLE)),
    X32(LEAD(WHOLE)),  X32(LEAD(WHOLE)), /* 00..7F */
    X16(TAIL_80_8F),   X16(TAIL_90_9F),
    X32(TAIL_A0_BF),   X2(LEAD(BAD)),     /* C0, C1: always overlong */
    X30(LEAD(TAIL_1)),                    /* C2..DF */
    LEAD(AFTER_E0),    X12(LEAD(TAIL_2)), /* E1..EC */
    LEAD(AFTER_ED),    X2(LEAD(TAIL_2)),  /* EE, EF */
    LEAD(AFTER_F0),    X3(LEAD(TAIL_3)),  /* F1..F3 */
    LEAD(AFTER_F4),    X11(LEAD(BAD)),    /* F5..FF: always above U+10FFFF */
};

static unsigned step(unsigned state, uint8_t byte)
{
    return (unsigned)(rows[byte] >> state) & 63;
}

static bool all_ascii(const uint8_t *eight)
{
    uint64_t word;
    memcpy(&word, eight, sizeof word);
    return (word & UINT64_C(0x8080808080808080)) == 0;
}

/* The state after eight bytes. */
static unsigned step_8(unsigned state, const uint8_t *eight)
{
    for (unsigned i = 0; i < 8; i++)
        state = step(state, eight[i]);
    return state;
}

size_t pirn__utf8_feed_scalar(struct pirn_utf8 *validator, const uint8_t *data, size_t len)
{
    unsigned state = validator->state;
    size_t at = 0;
    for (; len - at >= 8; at += 8) {
        if (state == WHOLE && all_ascii(data + at))
            continue;
        const unsigned after = step_8(state, data + at);
        if (after == BAD)
            break;
        state = after;
    }
    /* The rest of a short text in one step: a word that overlaps what was seen before. */
    if (state == WHOLE && len >= 8 && len - at < 8 && all_ascii(data + len - 8))
        at = len;
    for (; at < len; at++) {
        state = step(state, data[at]);
        if (state == BAD)
            break;
    }
    validator->state = (uint8_t)state;
    return at;
}

/* Where the last code point of data[0..n) begins when it is unfinished, else n. A byte that begins
 * no code point (C0, F5..) counts as the beginning of an unfinished one. */
static size_t whole_code_points(const uint8_t *data, size_t n)
{
    static const uint8_t lead_of_more[] = {0xC0, 0xE0, 0xF0};
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        if (data[n - back] >= lead_of_more[back - 1])
            return n - back;
        if (data[n - back] < 0x80)
            break;
    }
    return n;
}

size_t pirn__utf8_feed_scan(struct pirn_utf8 *validator, const uint8_t *data, size_t len,
                            pirn__utf8_scan_fn *scan)
{
    size_t at = 0;
    while (at < len && validator->state != WHOLE) {
        if (pirn__utf8_feed_scalar(validator, data + at, 1) == 0)
            return at;
        at++;
    }
    at += whole_code_points(data + at, scan(data + at, len - at));
    return at == len ? len : at + pirn__utf8_feed_scalar(validator, data + at, len - at);
}

#if PIRN__X86
enum { AVX512_MIN = 128 }; /* below it is no faster */

static pirn__utf8_scan_fn *long_scan(void)
{
    return PIRN__CPU_HAS_AVX512 ? pirn__utf8_scan_avx512 : pirn__utf8_scan_avx2;
}
#endif

/* The best scan for texts of this length; NULL for none. */
static pirn__utf8_scan_fn *scan_for(size_t len)
{
#if PIRN__X86
    if (len >= PIRN__UTF8_SCAN_MIN && PIRN__CPU_HAS("avx2"))
        return len < AVX512_MIN ? pirn__utf8_scan_avx2 : long_scan();
    if (len >= PIRN__UTF8_SCAN_MIN && PIRN__CPU_HAS("ssse3"))
        return pirn__utf8_scan_ssse3;
#endif
    (void)len;
    return NULL;
}

size_t pirn_utf8_feed(struct pirn_utf8 *validator, const void *data, size_t len)
{
    pirn__utf8_scan_fn *scan = scan_for(len);
    return scan ? pirn__utf8_feed_scan(validator, data, len, scan)
                : pirn__utf8_feed_scalar(validator, data, len);
}

bool pirn_utf8_complete(const struct pirn_utf8 *validator)
{
    return validator->state == WHOLE;
}

bool pirn_utf8_valid(const void *data, size_t len)
{
    pirn__utf8_scan_fn *scan = scan_for(len);
    if (scan)
        return scan(data, len) == len && whole_code_points(data, len) == len;
    struct pirn_utf8 validator = {0};
    return pirn__utf8_feed_scalar(&validator, data, len) == len && pirn_utf8_complete(&validator);
}

size_t pirn_utf8_clip(const void *data, size_t len, size_t max)
{
    return whole_code_points(data, len < max ? len : max);
}
