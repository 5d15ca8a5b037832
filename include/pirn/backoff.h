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
    int status;                  /* of the HTTP answer that refused it */
    int proxy_status;            /* of the proxy's that did */
    int error;                   /* enum pirn_error or its negative */
    struct pirn_str retry_after; /* value of Retry-After, beside status: {NULL, 0} for none */
};

struct pirn_retry_advice {
    enum pirn_retry retry;
    uint32_t wait_ms;   /* at least this long, whatever the back-off says */
    uint32_t spread_ms; /* and up to this much longer, so that not all come at once */
};

/* What to do. What came last in the life of a connection decides: its close code; else the status
 * that refused the handshake; else the proxy's; else the error.
 *
 * Close codes: as pirn_close_retry(); after 1012 and 1013 it waits 5 seconds and up to 25 more.
 * Status: never after one that the same request would get again: all of 400 to 499 but 408, 421,
 * 423, 425 and 429, also 501, 505, 506, 510 and 511; nor after 2xx and 3xx (no WebSocket is there,
 * or a redirect that was not followed). After a wait: 408, 421, 423, 425, other 5xx. After a longer
 * one, as 1012: 429 and 503. Retry-After counts with all that are tried again, in seconds or as a
 * date in the light of now_s (Unix time), up to one day.
 * Proxy: 407 and codes of 400 to 499 but 408 and 429 never.
 * Errors: never after what the caller did wrong and what violates the protocol (the same peer would
 * do it again); after a wait when name, connection, proxy or time were the cause, or the machine's
 * memory, random source or system calls. */
PIRN_API struct pirn_retry_advice pirn_retry_judge(const struct pirn_retry_cause *cause,
                                                   int64_t now_s);

/* When to follow an advice: 0 for the first attempt (attempt 0) after PIRN_RETRY_AT_ONCE, else
 * wait_ms and a part of spread_ms or of the back-off's ceiling, whichever is larger. UINT32_MAX for
 * PIRN_RETRY_NEVER. */
PIRN_API uint32_t pirn_retry_delay_ms(const struct pirn_retry_advice *advice,
                                      const struct pirn_backoff *backoff, uint32_t attempt,
                                      uint32_t random);

#ifdef __cplusplus
}
#endif
#endif
