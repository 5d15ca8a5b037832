/* cookies.h: the inside of a jar, for cookies*.c only. */
#ifndef PIRN_NET_COOKIES_H
#define PIRN_NET_COOKIES_H

#include <pirn/cookies.h>

#define PIRN__COOKIE_SESSION INT64_MAX /* as expiry_s: no date, but the end of the session */

/* As it is to be; or as it is kept: then the strings lie behind it. */
struct pirn__cookie {
    struct pirn_str name, value;
    struct pirn_str domain; /* lower case, no dot before it */
    struct pirn_str path;
    int64_t expiry_s;
    bool host_only; /* for the host that is the domain, and none below it */
    bool secure, http_only;
    uint64_t order, used; /* when it was made, and last sent, in turns of the jar */
};

struct pirn_cookies {
    struct pirn_cookies_config config;
    struct pirn__cookie **list; /* in no order */
    size_t count, cap;
    uint64_t turn;
};

void *pirn__cookies_resize(struct pirn_cookies *cookies, void *memory, size_t old_size,
                           size_t size);

bool pirn__cookie_is_expired(const struct pirn__cookie *cookie, int64_t now_s);

/* Whether a name is one of those below a domain (and not the domain itself). */
bool pirn__cookie_is_below(struct pirn_str name, struct pirn_str domain);

/* Whether the strings may be kept: a name, no control characters, not too long. */
bool pirn__cookie_is_good(const struct pirn_cookies *cookies, const struct pirn__cookie *cookie);

/* Keeps a copy of a good one in place of what has the same name, domain and path; drops that if the
 * cookie has expired. Returns 1 when it is kept, 0, or -PIRN_E_MEMORY. */
int pirn__cookies_keep(struct pirn_cookies *cookies, const struct pirn__cookie *cookie,
                       int64_t now_s);

#endif
