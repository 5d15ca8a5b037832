/* The vector paths of mask.c, whose opening comment holds here too. */
#include "mask_paths.h"

#if PIRN__X86

#include <immintrin.h>

PIRN__INLINE("sse2")
__m128i masked_16(const uint8_t *in, __m128i words)
{
    return _mm_xor_si128(_mm_loadu_si128((const __m128i *)in), words);
}

PIRN__TARGET("sse2")
bool pirn__mask_sse2(uint8_t *out, const uint8_t *in, size_t len, uint32_t key)
{
    const size_t last = len - 16;
    const __m128i words = _mm_set1_epi32((int)key);
    const __m128i tail = masked_16(in + last, _mm_set1_epi32((int)pirn__mask_turn(key, last)));
    __m128i seen = tail;
    for (size_t i = 0; i < last; i += 16) {
        const __m128i now = masked_16(in + i, words);
        _mm_storeu_si128((__m128i *)(out + i), now);
        seen = _mm_or_si128(seen, now);
    }
    _mm_storeu_si128((__m128i *)(out + last), tail);
    return _mm_movemask_epi8(seen) == 0;
}

PIRN__INLINE("avx2")
__m256i masked_32(const uint8_t *in, __m256i words)
{
    return _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)in), words);
}

PIRN__INLINE("avx2")
void store_32(uint8_t *out, __m256i bytes)
{
    _mm256_storeu_si256((__m256i *)out, bytes);
}

/* Stores that cross a cache line cost a third of the speed at 64 KiB, and a payload behind its
 * header is never aligned: so here the first register too lies apart and is stored late, and the
 * loop stores to aligned addresses. It takes two registers a step, and so does the end. */
PIRN__TARGET("avx2")
bool pirn__mask_avx2(uint8_t *out, const uint8_t *in, size_t len, uint32_t key)
{
    const size_t first = -(uintptr_t)out & 31;
    const size_t last = len - 64;
    const __m256i head = masked_32(in, _mm256_set1_epi32((int)key));
    const __m256i last_words = _mm256_set1_epi32((int)pirn__mask_turn(key, last));
    const __m256i tail_0 = masked_32(in + last, last_words);
    const __m256i tail_1 = masked_32(in + last + 32, last_words);
    const __m256i words = _mm256_set1_epi32((int)pirn__mask_turn(key, first));
    __m256i seen = _mm256_or_si256(head, _mm256_or_si256(tail_0, tail_1));
    for (size_t i = first; i < last; i += 64) {
        const __m256i now_0 = masked_32(in + i, words);
        const __m256i now_1 = masked_32(in + i + 32, words);
        store_32(out + i, now_0);
        store_32(out + i + 32, now_1);
        seen = _mm256_or_si256(seen, _mm256_or_si256(now_0, now_1));
    }
    store_32(out, head);
    store_32(out + last, tail_0);
    store_32(out + last + 32, tail_1);
    return _mm256_movemask_epi8(seen) == 0;
}

#endif
