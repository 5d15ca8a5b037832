/* pirn/cookies.h: a cookie jar for a WebSocket client (RFC 6265, 5).
 *
 * A jar belongs to one thread at a time and to no loop; several clients may share it. The clock is
 * an argument: Unix time in seconds. ws counts as http and wss as https, and cookies are shared
 * among them and among ports, as browsers do.
 *
 * There is no list of public suffixes inside: a cookie for a domain of a single label ("com") is
 * refused, one for "co.uk" is not unless is_public_suffix says so. */
#ifndef PIRN_COOKIES_H
#define PIRN_COOKIES_H

#include <pirn/error.h>
#include <pirn/http.h>
#include <pirn/url.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pirn_cookies;

#define PIRN_COOKIES_MAX            1000
#define PIRN_COOKIES_MAX_PER_DOMAIN 50
#define PIRN_COOKIES_MAX_BYTES      4096

/* Zero in any field means its default. Copied. */
struct pirn_cookies_config {
    size_t max_cookies;    /* PIRN_COOKIES_MAX; for one more those that have expired go, or else the
                            * one that was not used for longest */
    size_t max_per_domain; /* PIRN_COOKIES_MAX_PER_DOMAIN; likewise in each domain */
    size_t max_bytes;      /* PIRN_COOKIES_MAX_BYTES: name, value, domain and path of one cookie; 16
                            * MiB at most, whatever is more */
    bool (*is_public_suffix)(void *context, struct pirn_str domain); /* lower case, no dot before */
    void *suffix_context;
    pirn_realloc_fn *realloc; /* realloc(3) */
    void *realloc_context;
};

/* An empty jar; config may be NULL. NULL without memory. */
PIRN_API struct pirn_cookies *pirn_cookies_new(const struct pirn_cookies_config *config);

/* Frees it; NULL is let be. Nothing is saved. */
PIRN_API void pirn_cookies_free(struct pirn_cookies *cookies);

/* Takes the value of one Set-Cookie header of an answer from this URL (RFC 6265, 5.2 and 5.3).
 * Returns 1 when the cookie was stored, 0 when that removed one or it was refused (no name, a
 * control character, too long, a domain that the host does not belong to, Secure not over
 * TLS (RFC 6265bis), a __Host- or __Secure- prefix that does not hold), or -PIRN_E_MEMORY with the
 * jar as it was. */
PIRN_API int pirn_cookies_set(struct pirn_cookies *cookies, const struct pirn_url *url,
                              struct pirn_str set_cookie, int64_t now_s);

/* The same for all Set-Cookie headers of a head. Returns how many were stored, or -PIRN_E_MEMORY
 * with what came before the failure stored. */
PIRN_API int pirn_cookies_receive(struct pirn_cookies *cookies, const struct pirn_url *url,
                                  const struct pirn_http_head *head, int64_t now_s);

/* Writes the value of the Cookie header for a request to this URL (RFC 6265, 5.4) with a NUL that
 * is not counted: longer paths first, then older ones. Returns its length, 0 for no cookie, or
 * -PIRN_E_ROOM with out empty. */
PIRN_API int pirn_cookies_header(struct pirn_cookies *cookies, const struct pirn_url *url,
                                 int64_t now_s, char *out, size_t cap);

/* Netscape's file format, which curl and wget read and write: a cookie a line, seven fields between
 * tabs; "#HttpOnly_" before the domain; other lines that begin with "#" are comments. Loading adds
 * to what is there; lines that are no cookie are passed over. Saving leaves out what has expired,
 * writes cookies of the session (expiry 0) too, and replaces the file at once or not at all; only
 * its owner may read it. Return how many cookies were read or written, -PIRN_E_SYSTEM (errno says)
 * or -PIRN_E_MEMORY. */
PIRN_API int pirn_cookies_load(struct pirn_cookies *cookies, const char *path, int64_t now_s);
PIRN_API int pirn_cookies_save(struct pirn_cookies *cookies, const char *path, int64_t now_s);

/* How many there are, expired ones included; and forgets all. */
PIRN_API size_t pirn_cookies_count(const struct pirn_cookies *cookies);
PIRN_API void pirn_cookies_clear(struct pirn_cookies *cookies);

#ifdef __cplusplus
}
#endif
#endif
