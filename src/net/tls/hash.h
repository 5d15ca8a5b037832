/* hash.h: what pirn/auth.h asks for: the hash functions that this build has, those of OpenSSL, or
 * none, and random text. */
#ifndef PIRN_NET_HASH_H
#define PIRN_NET_HASH_H

#include <pirn/auth.h>

#include "loop/loop.h"

/* A pirn_hash_fn; context is not used. */
bool pirn__hash(void *context, enum pirn_hash hash, const struct pirn_str *pieces, size_t count,
                uint8_t out[PIRN_HASH_MAX]);

/* A cnonce, with its NUL; false when there are no random bytes. */
#define PIRN__CNONCE_CAP 33
bool pirn__cnonce(struct pirn_loop *loop, char text[PIRN__CNONCE_CAP]);

#endif
