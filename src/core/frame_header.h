/* frame_header.h: how a frame's header is laid out, for those who read one where it lies. */
#ifndef PIRN_CORE_FRAME_HEADER_H
#define PIRN_CORE_FRAME_HEADER_H

#include <stddef.h>
#include <stdint.h>

#define PIRN__FIN         0x80
#define PIRN__RSV_SHIFT   4
#define PIRN__RSV_BITS    0x70
#define PIRN__OPCODE_BITS 0x0f
#define PIRN__MASK        0x80
#define PIRN__LENGTH_BITS 0x7f

#define PIRN__LENGTH_16 126 /* length codes that say that the length follows */
#define PIRN__LENGTH_64 127

#define PIRN__PAYLOAD_MAX (UINT64_MAX >> 1) /* the most significant bit must be 0 */

/* The bytes of length that follow the second byte: 0, 2 or 8. */
static inline size_t pirn__length_size(uint8_t second)
{
    const unsigned code = second & PIRN__LENGTH_BITS;
    return code < PIRN__LENGTH_16 ? 0 : code == PIRN__LENGTH_16 ? 2 : 8;
}

/* The size of the header that has this second byte. */
static inline size_t pirn__header_size(uint8_t second)
{
    return 2 + pirn__length_size(second) + (second & PIRN__MASK ? 4 : 0);
}

/* The payload length of a header that is there up to its masking key. */
static inline uint64_t pirn__payload_len(const uint8_t *header)
{
    const uint8_t *at = header + 2;
    switch (pirn__length_size(header[1])) {
    case 0:
        return header[1] & PIRN__LENGTH_BITS;
    case 2:
        return (uint64_t)at[0] << 8 | at[1];
    default:
        return (uint64_t)at[0] << 56 | (uint64_t)at[1] << 48 | (uint64_t)at[2] << 40 |
               (uint64_t)at[3] << 32 | (uint64_t)at[4] << 24 | (uint64_t)at[5] << 16 |
               (uint64_t)at[6] << 8 | at[7];
    }
}

/* The code that the shortest form of a length has in the second byte. */
static inline uint8_t pirn__length_code(uint64_t payload_len)
{
    if (payload_len < PIRN__LENGTH_16)
        return (uint8_t)payload_len;
    return payload_len <= UINT16_MAX ? PIRN__LENGTH_16 : PIRN__LENGTH_64;
}

/* Writes a header up to its masking key, in its shortest form; second is its code, with or without
 * MASK. */
static inline void pirn__put_header(uint8_t *out, uint8_t first, uint8_t second,
                                    uint64_t payload_len)
{
    uint8_t *at = out + 2;
    out[0] = first;
    out[1] = second;
    switch (pirn__length_size(second)) {
    case 0:
        break;
    case 2:
        at[0] = (uint8_t)(payload_len >> 8);
        at[1] = (uint8_t)payload_len;
        break;
    default:
        for (unsigned i = 0; i < 8; i++)
            at[i] = (uint8_t)(payload_len >> (56 - 8 * i));
    }
}

#endif
