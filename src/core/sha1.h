/* sha1.h: SHA-1 (FIPS 180-4), which RFC 6455 wants in Sec-WebSocket-Accept. Nothing secret depends
 * on it. */
#ifndef PIRN_CORE_SHA1_H
#define PIRN_CORE_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define PIRN__SHA1_BYTES 20

struct pirn__sha1 {
    uint32_t state[5];
    uint64_t len;
    unsigned char block[64]; /* its first len % 64 bytes wait for the rest */
};

void pirn__sha1_init(struct pirn__sha1 *sha1);
void pirn__sha1_update(struct pirn__sha1 *sha1, const void *bytes, size_t len);
void pirn__sha1_final(struct pirn__sha1 *sha1, unsigned char digest[PIRN__SHA1_BYTES]);

#endif
