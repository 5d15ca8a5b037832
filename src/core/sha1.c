#include "sha1.h"

#include <string.h>

static uint32_t rotate(uint32_t x, unsigned bits)
{
    return x << bits | x >> (32 - bits);
}

static uint32_t read32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void write32(unsigned char *p, uint32_t x)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(x >> (24 - 8 * i));
}

/* The function of round t and its constant (FIPS 180-4, 4.1.1 and 4.2.1). */
static uint32_t mix(size_t t, uint32_t b, uint32_t c, uint32_t d)
{
    switch (t / 20) {
    case 0:
        return ((b & c) | (~b & d)) + 0x5a827999;
    case 1:
        return (b ^ c ^ d) + 0x6ed9eba1;
    case 2:
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    default:
        return (b ^ c ^ d) + 0xca62c1d6;
    }
}

static void compress(uint32_t state[5], const unsigned char block[64])
{
    uint32_t w[80];
    for (size_t t = 0; t < 16; t++)
        w[t] = read32(block + 4 * t);
    for (size_t t = 16; t < 80; t++)
        w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (size_t t = 0; t < 80; t++) {
        uint32_t next = rotate(a, 5) + mix(t, b, c, d) + e + w[t];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

void pirn__sha1_init(struct pirn__sha1 *sha1)
{
    *sha1 =
        (struct pirn__sha1){.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}};
}

void pirn__sha1_update(struct pirn__sha1 *sha1, const void *bytes, size_t len)
{
    const unsigned char *from = bytes;
    while (len > 0) {
        size_t used = sha1->len % sizeof sha1->block;
        size_t room = sizeof sha1->block - used;
        size_t n = len < room ? len : room;
        memcpy(sha1->block + used, from, n);
        sha1->len += n;
        from += n;
        len -= n;
        if (n == room)
            compress(sha1->state, sha1->block);
    }
}

void pirn__sha1_final(struct pirn__sha1 *sha1, unsigned char digest[PIRN__SHA1_BYTES])
{
    static const unsigned char padding[64] = {0x80};
    unsigned char bits[8];
    write32(bits, (uint32_t)(sha1->len >> 29));
    write32(bits + 4, (uint32_t)(sha1->len << 3));
    pirn__sha1_update(sha1, padding, 64 - (sha1->len + 8) % 64);
    pirn__sha1_update(sha1, bits, sizeof bits);
    for (size_t i = 0; i < 5; i++)
        write32(digest + 4 * i, sha1->state[i]);
}
