/* The vector paths of utf8.c, after J. Keiser and D. Lemire, "Validating UTF-8 In Less Than One
 * Instruction Per Byte" (2021).
 *
 * Every way in which UTF-8 can be wrong, but for a third or fourth byte that is missing or should
 * not be there, shows in two neighbouring bytes, and there in the high half and the low half of the
 * first and the high half of the second. So each of these three has a table from its 16 values to
 * the set of wrongs that it allows; what all three allow has happened. A register holds 16 or 32
 * places, and a shuffle instruction looks up all of them.
 *
 * A tail byte behind a tail byte (TWO_TAILS) is wrong, unless a lead byte two or three places
 * before it asks for it; then it is wrong not to be one. So bit 7 of the two findings must be
 * equal.
 *
 * The bytes one, two and three places before those of a register are loaded from where they lie:
 * loads are cheaper than shifting them in from the register before, which needs the same unit as
 * the look-ups. Only the first register has nothing before it but zeros. A register of ASCII after
 * three bytes of ASCII needs no look. The last one lies flush with the end and overlaps the one
 * before it; that sees some bytes twice. */
#include "utf8_paths.h"

#if PIRN__X86

#include <immintrin.h>

/* The ways to be wrong. */
enum {
    TOO_SHORT = 1 << 0,  /* a lead byte, then no tail byte */
    TOO_LONG = 1 << 1,   /* ASCII, then a tail byte */
    OVERLONG_3 = 1 << 2, /* E0, then 80..9F */
    SURROGATE = 1 << 3,  /* ED, then A0..BF */
    OVERLONG_2 = 1 << 4, /* C0 or C1, then a tail byte */
    TOO_LARGE = 1 << 5,  /* F4, then 90..BF; F5..FF, then the same */
    FOUR_80_8F = 1 << 6, /* F0 (overlong) or F5..FF (too large), then 80..8F */
    TWO_TAILS = 1 << 7,  /* two tail bytes */

    ANY_LOW = TOO_SHORT | TOO_LONG | TWO_TAILS,  /* what the low half does not matter to */
    ANY_TAIL = TOO_LONG | OVERLONG_2 | TWO_TAILS /* what any tail byte may be the second of */
};

#define X4(set) set, set, set, set

static const uint8_t first_high[16] = {
    X4(TOO_LONG), /* 0..3 */
    X4(TOO_LONG),
    X4(TWO_TAILS),                      /* 8..B */
    TOO_SHORT | OVERLONG_2,             /* C */
    TOO_SHORT,                          /* D */
    TOO_SHORT | OVERLONG_3 | SURROGATE, /* E */
    TOO_SHORT | TOO_LARGE | FOUR_80_8F, /* F */
};

#define ABOVE_4 (ANY_LOW | TOO_LARGE | FOUR_80_8F)

static const uint8_t first_low[16] = {
    ANY_LOW | OVERLONG_2 | OVERLONG_3 | FOUR_80_8F, /* 0: C0, E0, F0 */
    ANY_LOW | OVERLONG_2,                           /* 1: C1 */
    ANY_LOW,
    ANY_LOW,
    ANY_LOW | TOO_LARGE, /* 4: F4 */
    ABOVE_4,
    ABOVE_4,
    ABOVE_4,
    X4(ABOVE_4), /* 8..B */
    ABOVE_4,
    ABOVE_4 | SURROGATE, /* D: ED */
    ABOVE_4,
    ABOVE_4,
};

static const uint8_t second_high[16] = {
    X4(TOO_SHORT), /* 0..3 */
    X4(TOO_SHORT),
    ANY_TAIL | OVERLONG_3 | FOUR_80_8F, /* 8 */
    ANY_TAIL | OVERLONG_3 | TOO_LARGE,  /* 9 */
    ANY_TAIL | SURROGATE | TOO_LARGE,   /* A */
    ANY_TAIL | SURROGATE | TOO_LARGE,   /* B */
    X4(TOO_SHORT),                      /* C..F */
};

PIRN__INLINE("ssse3")
__m128i load_16(const uint8_t *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}

/* Not zero where now is wrong, given it shifted by one, two and three bytes. */
PIRN__INLINE("ssse3")
__m128i wrong_16(__m128i now, __m128i back_1, __m128i back_2, __m128i back_3)
{
    const __m128i half = _mm_set1_epi8(0x0F);
    const __m128i high_1 = _mm_and_si128(_mm_srli_epi16(back_1, 4), half);
    const __m128i high_2 = _mm_and_si128(_mm_srli_epi16(now, 4), half);
    const __m128i pair = _mm_and_si128(
        _mm_and_si128(_mm_shuffle_epi8(load_16(first_high), high_1),
                      _mm_shuffle_epi8(load_16(first_low), _mm_and_si128(back_1, half))),
        _mm_shuffle_epi8(load_16(second_high), high_2));
    const __m128i asked = _mm_or_si128(_mm_subs_epu8(back_2, _mm_set1_epi8(0xE0 - 0x80)),
                                       _mm_subs_epu8(back_3, _mm_set1_epi8(0xF0 - 0x80)));
    return _mm_xor_si128(_mm_and_si128(asked, _mm_set1_epi8((char)TWO_TAILS)), pair);
}

PIRN__INLINE("ssse3")
__m128i wrong_16_at(const uint8_t *at)
{
    return wrong_16(load_16(at), load_16(at - 1), load_16(at - 2), load_16(at - 3));
}

PIRN__INLINE("ssse3")
__m128i wrong_16_first(const uint8_t *at)
{
    const __m128i now = load_16(at);
    return wrong_16(now, _mm_slli_si128(now, 1), _mm_slli_si128(now, 2), _mm_slli_si128(now, 3));
}

PIRN__INLINE("ssse3")
bool none_of_16(__m128i wrong)
{
    return _mm_movemask_epi8(_mm_cmpeq_epi8(wrong, _mm_setzero_si128())) == 0xFFFF;
}

PIRN__TARGET("ssse3")
size_t pirn__utf8_scan_ssse3(const uint8_t *data, size_t len)
{
    if (len < 16 + 3 || !none_of_16(wrong_16_first(data)))
        return 0;
    for (size_t at = 16; at < len; at += 16) {
        const size_t from = at < len - 16 ? at : len - 16;
        const __m128i seen = _mm_or_si128(load_16(data + from - 3), load_16(data + from));
        if (_mm_movemask_epi8(seen) != 0 && !none_of_16(wrong_16_at(data + from)))
            return from;
    }
    return len;
}

PIRN__INLINE("avx2")
__m256i load_32(const uint8_t *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}

PIRN__INLINE("avx2")
__m256i table_32(const uint8_t table[16])
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
}

/* As wrong_16(). */
PIRN__INLINE("avx2")
__m256i wrong_32(__m256i now, __m256i back_1, __m256i back_2, __m256i back_3)
{
    const __m256i half = _mm256_set1_epi8(0x0F);
    const __m256i high_1 = _mm256_and_si256(_mm256_srli_epi16(back_1, 4), half);
    const __m256i high_2 = _mm256_and_si256(_mm256_srli_epi16(now, 4), half);
    const __m256i pair = _mm256_and_si256(
        _mm256_and_si256(_mm256_shuffle_epi8(table_32(first_high), high_1),
                         _mm256_shuffle_epi8(table_32(first_low), _mm256_and_si256(back_1, half))),
        _mm256_shuffle_epi8(table_32(second_high), high_2));
    const __m256i asked = _mm256_or_si256(_mm256_subs_epu8(back_2, _mm256_set1_epi8(0xE0 - 0x80)),
                                          _mm256_subs_epu8(back_3, _mm256_set1_epi8(0xF0 - 0x80)));
    return _mm256_xor_si256(_mm256_and_si256(asked, _mm256_set1_epi8((char)TWO_TAILS)), pair);
}

PIRN__INLINE("avx2")
__m256i wrong_32_at(const uint8_t *at)
{
    return wrong_32(load_32(at), load_32(at - 1), load_32(at - 2), load_32(at - 3));
}

PIRN__INLINE("avx2")
__m256i wrong_32_first(const uint8_t *at)
{
    const __m256i now = load_32(at);
    const __m256i before = _mm256_permute2x128_si256(now, now, 0x08);
    return wrong_32(now, _mm256_alignr_epi8(now, before, 15), _mm256_alignr_epi8(now, before, 14),
                    _mm256_alignr_epi8(now, before, 13));
}

PIRN__INLINE("avx2")
bool none_of_32(__m256i wrong)
{
    return _mm256_testz_si256(wrong, wrong) != 0;
}

PIRN__TARGET("avx2")
size_t pirn__utf8_scan_avx2(const uint8_t *data, size_t len)
{
    if (len < 32 + 3)
        return pirn__utf8_scan_ssse3(data, len);
    if (!none_of_32(wrong_32_first(data)))
        return 0;
    for (size_t at = 32; at < len; at += 32) {
        const uint8_t *from = data + (at < len - 32 ? at : len - 32);
        const __m256i seen = _mm256_or_si256(load_32(from - 3), load_32(from));
        if (_mm256_movemask_epi8(seen) != 0 && !none_of_32(wrong_32_at(from)))
            return (size_t)(from - data);
    }
    return len;
}

PIRN__INLINE(PIRN__AVX512)
__m512i load_64(const uint8_t *from)
{
    return _mm512_loadu_si512((const void *)from);
}

/* Here a look-up takes the low six bits of each byte, and all the registers are one table of 64: so
 * nothing must be masked out, if the tables have each set four times. Those of a high half are
 * asked with the upper six bits of a byte. */
PIRN__INLINE(PIRN__AVX512)
__m512i low_table_64(const uint8_t table[16])
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table));
}

PIRN__INLINE(PIRN__AVX512)
__m512i high_table_64(const uint8_t table[16])
{
    static const uint8_t fours[64] = {
        X4(0), X4(1), X4(2),  X4(3),  X4(4),  X4(5),  X4(6),  X4(7),
        X4(8), X4(9), X4(10), X4(11), X4(12), X4(13), X4(14), X4(15),
    };
    return _mm512_permutexvar_epi8(load_64(fours), low_table_64(table));
}

/* What each step needs. It lies in registers: gcc 12 would make constants anew in each step, in the
 * unit that the look-ups need, and load twice what is used twice. */
struct constants_64 {
    __m512i first_high, first_low, second_high, three_less, four_less, two_tails;
};

#define IN_REGISTER(vector) __asm__("" : "+v"(vector))

PIRN__INLINE(PIRN__AVX512)
struct constants_64 constants_64(void)
{
    struct constants_64 constants = {
        .first_high = high_table_64(first_high),
        .first_low = low_table_64(first_low),
        .second_high = high_table_64(second_high),
        .three_less = _mm512_set1_epi8(0xE0 - 0x80),
        .four_less = _mm512_set1_epi8(0xF0 - 0x80),
        .two_tails = _mm512_set1_epi8((char)TWO_TAILS),
    };
    IN_REGISTER(constants.three_less);
    IN_REGISTER(constants.four_less);
    IN_REGISTER(constants.two_tails);
    return constants;
}

/* Adds to wrong as wrong_16() does; the numbers are the truth tables of a & b & c, of (a | b) & c,
 * and of a | (b ^ c). */
PIRN__INLINE(PIRN__AVX512)
__m512i add_wrong_64(__m512i wrong, __m512i now, const uint8_t *at,
                     const struct constants_64 *constants)
{
    __m512i back_1 = load_64(at - 1), back_2 = load_64(at - 2), back_3 = load_64(at - 3);
    IN_REGISTER(back_1);
    const __m512i pair = _mm512_ternarylogic_epi32(
        _mm512_permutexvar_epi8(_mm512_srli_epi16(back_1, 2), constants->first_high),
        _mm512_permutexvar_epi8(back_1, constants->first_low),
        _mm512_permutexvar_epi8(_mm512_srli_epi16(now, 2), constants->second_high), 0x80);
    const __m512i asked = _mm512_ternarylogic_epi32(_mm512_subs_epu8(back_2, constants->three_less),
                                                    _mm512_subs_epu8(back_3, constants->four_less),
                                                    constants->two_tails, 0xA8);
    return _mm512_ternarylogic_epi32(wrong, pair, asked, 0xF6);
}

PIRN__INLINE(PIRN__AVX512)
bool is_wrong_64_at(const uint8_t *at, const struct constants_64 *constants)
{
    const __m512i now = load_64(at);
    if (_mm512_movepi8_mask(_mm512_or_si512(now, load_64(at - 3))) == 0)
        return false;
    const __m512i wrong = add_wrong_64(_mm512_setzero_si512(), now, at, constants);
    return _mm512_test_epi8_mask(wrong, wrong) != 0;
}

/* Four registers are asked together whether they are ASCII, and whether there was anything. */
PIRN__INLINE(PIRN__AVX512)
bool is_wrong_256_at(const uint8_t *at, const struct constants_64 *constants)
{
    const __m512i now_0 = load_64(at), now_1 = load_64(at + 64);
    const __m512i now_2 = load_64(at + 128), now_3 = load_64(at + 192);
    const __m512i seen =
        _mm512_or_si512(_mm512_or_si512(now_0, now_1), _mm512_or_si512(now_2, now_3));
    __m512i wrong = _mm512_setzero_si512();
    if (_mm512_movepi8_mask(_mm512_or_si512(seen, load_64(at - 3))) == 0)
        return false;
    wrong = add_wrong_64(wrong, now_0, at, constants);
    wrong = add_wrong_64(wrong, now_1, at + 64, constants);
    wrong = add_wrong_64(wrong, now_2, at + 128, constants);
    wrong = add_wrong_64(wrong, now_3, at + 192, constants);
    return _mm512_test_epi8_mask(wrong, wrong) != 0;
}

/* The first 32 bytes are for AVX2, so that there is something before each register. */
PIRN__TARGET(PIRN__AVX512)
size_t pirn__utf8_scan_avx512(const uint8_t *data, size_t len)
{
    if (len < 64 + 3)
        return pirn__utf8_scan_avx2(data, len);
    if (!none_of_32(wrong_32_first(data)))
        return 0;
    const struct constants_64 constants = constants_64();
    size_t at = 32;
    while (len - at >= 256 && !is_wrong_256_at(data + at, &constants))
        at += 256;
    for (; at < len; at += 64) {
        const uint8_t *from = data + (at < len - 64 ? at : len - 64);
        if (is_wrong_64_at(from, &constants))
            return (size_t)(from - data);
    }
    return len;
}

#endif
