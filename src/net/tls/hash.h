/* hash.h: the hash functions that this build has, for pirn/auth.h: those of OpenSSL, or none. */
#ifndef PIRN_NET_HASH_H
#define PIRN_NET_HASH_H

#include <pirn/auth.h>

/* A pirn_hash_fn; context is not used. */
bool pirn__hash(void *context, enum pirn_hash hash, const struct pirn_str *pieces, size_t count,
                uint8_t out[PIRN_HASH_MAX]);

#endif
