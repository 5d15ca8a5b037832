/* The vector paths of mask.c, whose opening comment holds here too. */
#include "mask_paths.h"

#if PIRN__X86

#include <immintrin.h>

PIRN__TARGET("sse2")
bool pirn__mask_sse2(uint8_t *out, const uint8_t *in, size_t len, uint32_t key)
{
    const size_t last = len - 16;
    const __m128i words = _mm_set1_epi32((int)key);
    const __m128i tail = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(in + last)),
                                       _mm_set1_epi32((int)pirn__mask_turn(key, last)));
    __m128i all = tail;
    for (size_t i = 0; i < last; i += 16) {
        const __m128i now = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(in + i)), words);
        all = _mm_or_si128(all, now);
        _mm_storeu_si128((__m128i *)(out + i), now);
    }
    _mm_storeu_si128((__m128i *)(out + last), tail);
    return _mm_movemask_epi8(all) == 0;
}

PIRN__INLINE("avx2")
__m256i masked(const uint8_t *in, __m256i words)
{
    return _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)in), words);
}

/* Stores that cross a cache line cost a third of the speed at 64 KiB, and a payload behind its
 * header is never aligned: so here the first word too lies apart and is stored late, and the loop
 * stores to aligned addresses. */
PIRN__TARGET("avx2")
bool pirn__mask_avx2(uint8_t *out, const uint8_t *in, size_t len, uint32_t key)
{
    const size_t first = -(uintptr_t)out & 31;
    const size_t last = len - 32;
    const __m256i head = masked(in, _mm256_set1_epi32((int)key));
    const __m256i tail = masked(in + last, _mm256_set1_epi32((int)pirn__mask_turn(key, last)));
    const __m256i words = _mm256_set1_epi32((int)pirn__mask_turn(key, first));
    __m256i all = _mm256_or_si256(head, tail);
    for (size_t i = first; i < last; i += 32) {
        const __m256i now = masked(in + i, words);
        all = _mm256_or_si256(all, now);
        _mm256_storeu_si256((__m256i *)(out + i), now);
    }
    _mm256_storeu_si256((__m256i *)out, head);
    _mm256_storeu_si256((__m256i *)(out + last), tail);
    return _mm256_movemask_epi8(all) == 0;
}

#endif
