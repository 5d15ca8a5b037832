/* utf8_reference.h: UTF-8 validated by arithmetic on code points, with nothing in common with
 * src/core/utf8.c: a byte is wrong when no allowed code point can still come out. */
#ifndef PIRN_TESTS_UTF8_REFERENCE_H
#define PIRN_TESTS_UTF8_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many bytes a code point has that begins with this byte, 0 for a byte that begins none. */
static inline unsigned reference_length(uint8_t lead)
{
    if (lead < 0x80)
        return 1;
    if ((lead & 0xE0) == 0xC0)
        return 2;
    if ((lead & 0xF0) == 0xE0)
        return 3;
    return (lead & 0xF8) == 0xF0 ? 4 : 0;
}

/* Can `have` of `length` bytes with this value so far become a code point? */
static inline bool reference_possible(uint32_t value, unsigned have, unsigned length)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned missing_bits = 6 * (length - have);
    uint32_t low = value << missing_bits;
    uint32_t high = low + ((UINT32_C(1) << missing_bits) - 1);
    if (low < smallest[length])
        low = smallest[length];
    if (high > 0x10FFFF)
        high = 0x10FFFF;
    return low <= high && !(low >= 0xD800 && high <= 0xDFFF);
}

/* The offset of the first wrong byte of data[0..len), or len; *complete tells whether it then ends
 * with a whole code point and nothing is wrong. */
static inline size_t reference_feed(const uint8_t *data, size_t len, bool *complete)
{
    uint32_t value = 0;
    unsigned have = 0, length = 0;
    *complete = false;
    for (size_t i = 0; i < len; i++) {
        const uint8_t byte = data[i];
        if (have == length) {
            have = 0;
            length = reference_length(byte);
            if (length == 0)
                return i;
            value = length == 1 ? byte : byte & (0x7FU >> length);
        } else if ((byte & 0xC0) == 0x80) {
            value = value << 6 | (byte & 0x3F);
        } else {
            return i;
        }
        have++;
        if (!reference_possible(value, have, length))
            return i;
    }
    *complete = have == length;
    return len;
}

#endif
