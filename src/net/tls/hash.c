/* hash.c: OpenSSL's hash functions, if it is built in. */
#include "tls/hash.h"

#include <stdio.h>

bool pirn__cnonce(struct pirn_loop *loop, char text[PIRN__CNONCE_CAP])
{
    uint8_t random[(PIRN__CNONCE_CAP - 1) / 2];
    if (!pirn__loop_random(loop, random, sizeof random))
        return false;
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(text + 2 * i, 3, "%02x", (unsigned)random[i]);
    return true;
}

#ifdef PIRN_TLS_OPENSSL

#include <openssl/evp.h>

static const EVP_MD *find(enum pirn_hash hash)
{
    switch (hash) {
    case PIRN_HASH_MD5:
        return EVP_md5();
    case PIRN_HASH_SHA256:
        return EVP_sha256();
    case PIRN_HASH_SHA512_256:
        return EVP_sha512_256();
    default:
        return NULL;
    }
}

bool pirn__hash(void *context, enum pirn_hash hash, const struct pirn_str *pieces, size_t count,
                uint8_t out[PIRN_HASH_MAX])
{
    const EVP_MD *type = find(hash);
    EVP_MD_CTX *state = type ? EVP_MD_CTX_new() : NULL;
    (void)context;
    bool good = state && EVP_DigestInit_ex(state, type, NULL) == 1;
    for (size_t i = 0; good && i < count; i++)
        good = EVP_DigestUpdate(state, pieces[i].data, pieces[i].len) == 1;
    good = good && EVP_DigestFinal_ex(state, out, NULL) == 1;
    EVP_MD_CTX_free(state);
    return good;
}

#else

bool pirn__hash(void *context, enum pirn_hash hash, const struct pirn_str *pieces, size_t count,
                uint8_t out[PIRN_HASH_MAX])
{
    (void)context, (void)hash, (void)pieces, (void)count, (void)out;
    return false;
}

#endif
