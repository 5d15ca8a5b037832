/* pirn/auth.h: who asks: values of Authorization and Proxy-Authorization headers (RFC 9110, 11):
 * Basic (RFC 7617), Bearer (RFC 6750) and Digest (RFC 7616).
 *
 * No I/O, no allocation, no random numbers and no hash functions: those two are arguments. Whatever
 * could break out of the header that it is written to (CR, LF, NUL and other controls) is refused.
 * What writes a value ends it with a NUL that is not counted, and returns its length, or
 * -PIRN_E_ROOM when it does not fit, or what stands with it; with an error out is empty. */
#ifndef PIRN_AUTH_H
#define PIRN_AUTH_H

#include <pirn/error.h>
#include <pirn/http.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "Basic dXNlcjpwYXNz". Returns also -PIRN_E_HEADER_VALUE: a control character, or a colon in the
 * user's name, which would end it there. */
PIRN_API int pirn_auth_basic(struct pirn_str user, struct pirn_str password, char *out, size_t cap);

/* "Bearer token". Returns also -PIRN_E_HEADER_VALUE: the token is empty or has characters that
 * tokens do not have (RFC 6750, 2.1: letters, digits, -._~+/ and = at the end). */
PIRN_API int pirn_auth_bearer(struct pirn_str token, char *out, size_t cap);

/* Takes what stands before the "@" of a URL apart: up to the first colon the user's name, behind it
 * the password ({NULL, 0} without a colon), %41 decoded. They lie in out, which needs as many bytes
 * as userinfo has. Returns 0; -PIRN_E_URL: a "%" without two hexadecimal digits; -PIRN_E_ROOM;
 * -PIRN_E_HEADER_VALUE: a control character, written as %0A perhaps. */
PIRN_API int pirn_auth_userinfo(struct pirn_str userinfo, struct pirn_str *user,
                                struct pirn_str *password, char *out, size_t cap);

/* ---- Digest: the password does not travel, only a hash of it and of the server's nonce. */

enum pirn_hash { PIRN_HASH_MD5, PIRN_HASH_SHA256, PIRN_HASH_SHA512_256 };

#define PIRN_HASH_MAX 32 /* bytes; MD5 has 16, the others 32 */

/* Writes the hash of all pieces, one behind the other. Returns false when it cannot, as for an
 * algorithm that is not there. */
typedef bool pirn_hash_fn(void *context, enum pirn_hash hash, const struct pirn_str *pieces,
                          size_t count, uint8_t out[PIRN_HASH_MAX]);

enum pirn_auth_scheme { PIRN_AUTH_BASIC, PIRN_AUTH_BEARER, PIRN_AUTH_DIGEST };

/* What a 401 or 407 asks for. The slices point into its head; what was quoted is as it stood
 * between the quotes. */
struct pirn_auth_challenge {
    enum pirn_auth_scheme scheme;
    struct pirn_str realm;
    /* of Digest */
    struct pirn_str nonce, opaque; /* opaque: {NULL, 0} for none */
    enum pirn_hash hash;
    bool session;  /* the algorithm was written with -sess */
    bool qop;      /* qop=auth is offered; without any qop it is as in RFC 2069 */
    bool stale;    /* the credentials were right but for the nonce: answer this one */
    bool userhash; /* the name of the user is to be hashed too */
};

/* The next challenge of these headers (WWW-Authenticate, or Proxy-Authenticate of a 407) that can
 * be answered: of a scheme above, and if Digest with a nonce, a hash above and qop=auth or none.
 * Begin with list from pirn_http_list_init(); several challenges may share a header. Returns false
 * when there are no more. Parameters that are doubled or malformed end their challenge. */
PIRN_API bool pirn_auth_challenge_next(struct pirn_http_list *list,
                                       struct pirn_auth_challenge *challenge);

/* The one to answer: the strongest hash of all Digest challenges, or else Basic; Bearer cannot be
 * answered with a password. Returns 0, or -PIRN_E_UNSUPPORTED when there is none. */
PIRN_API int pirn_auth_choose(const struct pirn_http_head *head, struct pirn_str header,
                              struct pirn_auth_challenge *challenge);

struct pirn_auth_answer {
    struct pirn_str user, password;
    struct pirn_str method; /* of the request: "GET" for WebSocket, "CONNECT" for a proxy */
    struct pirn_str target; /* of the request, as it stands in its first line */
    struct pirn_str cnonce; /* random, of visible ASCII without " and \: 16 characters and more */
    uint32_t count;         /* how often this nonce has been used, this time included: 1 at first */
    pirn_hash_fn *hash;
    void *hash_context;
};

/* "Digest username=..., response=...": the answer to a Digest challenge. Returns also
 *   -PIRN_E_HEADER_VALUE  a control character in a string, or one that cnonce must not have
 *   -PIRN_E_UNSUPPORTED   hash is NULL or cannot, or the challenge is no Digest
 *   -PIRN_E_ARGUMENT      no method, target, count, or (where one is needed) cnonce. */
PIRN_API int pirn_auth_digest(const struct pirn_auth_challenge *challenge,
                              const struct pirn_auth_answer *with, char *out, size_t cap);

#ifdef __cplusplus
}
#endif
#endif
