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

/* The functions of FIPS 180-4, 4.1.1. */
static uint32_t choose(const uint32_t v[5])
{
    return v[3] ^ (v[1] & (v[2] ^ v[3]));
}

static uint32_t parity(const uint32_t v[5])
{
    return v[1] ^ v[2] ^ v[3];
}

static uint32_t majority(const uint32_t v[5])
{
    return (v[1] & v[2]) | (v[3] & (v[1] | v[2]));
}

static void step(uint32_t v[5], uint32_t sum)
{
    const uint32_t next = rotate(v[0], 5) + v[4] + sum;
    v[4] = v[3];
    v[3] = v[2];
    v[2] = rotate(v[1], 30);
    v[1] = v[0];
    v[0] = next;
}

static void compress(uint32_t state[5], const unsigned char block[64])
{
    uint32_t w[80], v[5];
    for (size_t t = 0; t < 16; t++)
        w[t] = read32(block + 4 * t);
    for (size_t t = 16; t < 80; t++)
        w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    memcpy(v, state, sizeof v);
    for (size_t t = 0; t < 20; t++)
        step(v, choose(v) + 0x5a827999 + w[t]);
    for (size_t t = 20; t < 40; t++)
        step(v, parity(v) + 0x6ed9eba1 + w[t]);
    for (size_t t = 40; t < 60; t++)
        step(v, majority(v) + 0x8f1bbcdc + w[t]);
    for (size_t t = 60; t < 80; t++)
        step(v, parity(v) + 0xca62c1d6 + w[t]);
    for (size_t i = 0; i < 5; i++)
        state[i] += v[i];
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
