/* pirn/backoff.h: whether to connect again, and when: exponential back-off with full jitter, and
 * what an ending says about trying once more.
 *
 * Pure functions: the same arguments give the same answer. The clock and the random bits are
 * arguments. */
#ifndef PIRN_BACKOFF_H
#define PIRN_BACKOFF_H

#include <pirn/close.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PIRN_BACKOFF_MIN_MS         1000
#define PIRN_BACKOFF_MAX_MS         60000
#define PIRN_BACKOFF_FACTOR_PERCENT 200

/* Zero in any field means its default, above. max_ms below min_ms counts as min_ms, a factor below
 * 100 as 100. */
struct pirn_backoff {
    uint32_t min_ms; /* the longest that the first wait may be */
    uint32_t max_ms; /* the longest that any may be */
    uint32_t factor_percent;
};

/* The longest that the wait before an attempt may be: min_ms for attempt 0, from one to the next
 * factor_percent as long, never above max_ms. backoff may be NULL. */
PIRN_API uint32_t pirn_backoff_ceiling_ms(const struct pirn_backoff *backoff, uint32_t attempt);

/* Full jitter: a wait from 0 to that, both included, all equally likely if the bits of random are.
 * Those who lost their connection at the same moment come back spread over the whole time. */
PIRN_API uint32_t pirn_backoff_delay_ms(const struct pirn_backoff *backoff, uint32_t attempt,
                                        uint32_t random);

/* How a connection, or the attempt at one, ended. What was not is zero. */
struct pirn_retry_cause {
    int close_code;              /* received, or reported (1006): of a WebSocket that was open */
    int status;                  /* of the HTTP answer that refused it, 200 to 599 */
    int proxy_status;            /* of the proxy's: HTTP status, or reply code of SOCKS */
    int error;                   /* enum pirn_error or its negative */
    struct pirn_str retry_after; /* value of Retry-After beside status; {NULL, 0} for none */
};

struct pirn_retry_advice {
    enum pirn_retry retry;
    uint32_t wait_ms;   /* at least this long, whatever the back-off says */
    uint32_t spread_ms; /* and up to this much longer, so that not all come at once */
};

/* What to do. If there is a status it decides, else if there is one the proxy's, else the close
 * code and the error: the less eager of both.
 *
 * Close codes: as pirn_close_retry(). After 1012 and 1013 it waits 5 seconds and up to 25 more.
 * Status: after a wait 408, 421, 425 and 500 to 599, after a longer one, as above, 429 and 503.
 * Never after others, for the same request would get the same answer, nor after 501, 505, 506 and
 * 510. Retry-After counts with those that are tried again, in seconds or as a date in the light of
 * now_s (Unix time), up to a day.
 * Proxy: the same by status of HTTP; replies of SOCKS after a wait, but for those about credentials
 * (92, 93), rules (2) and what it does not support (7, 8).
 * Errors: at once when an open connection broke (PIRN_E_EOF, PIRN_E_PING_TIMEOUT, PIRN_E_STALLED,
 * PIRN_E_TLS_TRUNCATED, and PIRN_E_SYSTEM beside a close code); after a wait when it was the
 * machine (memory, random source, system calls), a name, the way there, or time. Never after
 * others: what the caller did wrong stays wrong, and a peer that violates the protocol does so
 * again. */
PIRN_API struct pirn_retry_advice pirn_retry_judge(const struct pirn_retry_cause *cause,
                                                   int64_t now_s);

/* When to follow it: 0 for attempt 0 after PIRN_RETRY_AT_ONCE; else wait_ms, and at random a part
 * of spread_ms or of the back-off's ceiling, whichever is larger. UINT32_MAX for PIRN_RETRY_NEVER.
 */
PIRN_API uint32_t pirn_retry_delay_ms(const struct pirn_retry_advice *advice,
                                      const struct pirn_backoff *backoff, uint32_t attempt,
                                      uint32_t random);

#ifdef __cplusplus
}
#endif
#endif
