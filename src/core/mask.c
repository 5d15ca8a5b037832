/* Every path masks whole words (of 8, 16 or 32 bytes) from the front and ends with one word that
 * lies flush with the end, with the key turned to match, and overlaps the word before it. So there
 * is no loop over single bytes. The last word is loaded before anything is stored, because in place
 * the words before it have masked a part of it by the time it is stored. */
#include <pirn/mask.h>

#include <string.h>

#include "mask_paths.h"

static void store4(uint8_t *to, uint32_t word)
{
    memcpy(to, &word, sizeof word);
}

static uint64_t load8(const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

static void store8(uint8_t *to, uint64_t word)
{
    memcpy(to, &word, sizeof word);
}

static uint64_t twice(uint32_t key)
{
    return (uint64_t)key << 32 | key;
}

static bool is_ascii(uint64_t all)
{
    return (all & UINT64_C(0x8080808080808080)) == 0;
}

static bool mask_below_8(uint8_t *out, const uint8_t *in, size_t len, uint32_t key)
{
    if (len >= 4) {
        const size_t last = len - 4;
        const uint32_t tail = pirn__load_4(in + last) ^ pirn__mask_turn(key, last);
        const uint32_t head = pirn__load_4(in) ^ key;
        store4(out, head);
        store4(out + last, tail);
        return is_ascii(head | tail);
    }
    uint8_t bytes[4], all = 0;
    store4(bytes, key);
    for (size_t i = 0; i < len; i++)
        all |= out[i] = in[i] ^ bytes[i];
    return is_ascii(all);
}

bool pirn__mask_scalar(uint8_t *out, const uint8_t *in, size_t len, uint32_t key)
{
    if (len < 8)
        return mask_below_8(out, in, len, key);
    const size_t last = len - 8;
    const uint64_t tail = load8(in + last) ^ twice(pirn__mask_turn(key, last));
    const uint64_t word = twice(key);
    uint64_t all = tail;
    for (size_t i = 0; i < last; i += 8) {
        const uint64_t masked = load8(in + i) ^ word;
        all |= masked;
        store8(out + i, masked);
    }
    store8(out + last, tail);
    return is_ascii(all);
}

bool pirn__mask(uint8_t *out, const uint8_t *in, size_t len, uint32_t key)
{
#if PIRN__X86
    if (len >= 64 && PIRN__CPU_HAS("avx2"))
        return pirn__mask_avx2(out, in, len, key);
    if (len >= 16 && PIRN__CPU_HAS_SSE2)
        return pirn__mask_sse2(out, in, len, key);
#endif
    return pirn__mask_scalar(out, in, len, key);
}

unsigned pirn_mask(void *out, const void *in, size_t len, const uint8_t key[4], unsigned phase)
{
    pirn__mask(out, in, len, pirn__mask_turn(pirn__load_4(key), phase));
    return (unsigned)((phase + len) & 3);
}
