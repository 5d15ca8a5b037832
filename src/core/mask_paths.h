/* mask_paths.h: the ways to mask that pirn_mask() chooses from, here for it and for the tests.
 *
 * Each writes in[0..len) XORed with the key to out[0..len); out == in or no overlap. The key is in
 * memory order, already turned to the phase of in[0]. Each returns whether all of out is ASCII:
 * while the bytes are in registers that costs next to nothing, and most text needs no other look
 * to be known as UTF-8. */
#ifndef PIRN_CORE_MASK_PATHS_H
#define PIRN_CORE_MASK_PATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cpu.h"

static inline uint32_t pirn__load_4(const uint8_t *from)
{
    uint32_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

/* The key as it applies `bytes` bytes later. */
static inline uint32_t pirn__mask_turn(uint32_t key, size_t bytes)
{
    const unsigned bits = 8 * (unsigned)(bytes & 3);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return (key << bits) | (key >> (-bits & 31));
#else
    return (key >> bits) | (key << (-bits & 31));
#endif
}

bool pirn__mask_scalar(uint8_t *out, const uint8_t *in, size_t len, uint32_t key);

/* By the best of them. */
bool pirn__mask(uint8_t *out, const uint8_t *in, size_t len, uint32_t key);

#if PIRN__X86
/* len >= 16 */
bool pirn__mask_sse2(uint8_t *out, const uint8_t *in, size_t len, uint32_t key);

/* len >= 64 */
bool pirn__mask_avx2(uint8_t *out, const uint8_t *in, size_t len, uint32_t key);
#endif

#endif
