/* backoff.c: rows of tables say what an ending means for a retry; of several the first counts. */
#include <pirn/backoff.h>
#include <pirn/http.h>

#include "ascii.h"

enum { LONG_WAIT_MS = 5000, LONG_SPREAD_MS = 25000, RETRY_AFTER_MAX_S = 86400 };

/* ---- how long */

uint32_t pirn_backoff_ceiling_ms(const struct pirn_backoff *backoff, uint32_t attempt)
{
    struct pirn_backoff set = {0};
    if (backoff)
        set = *backoff;
    uint64_t ceiling = set.min_ms ? set.min_ms : PIRN_BACKOFF_MIN_MS;
    uint64_t max = set.max_ms ? set.max_ms : PIRN_BACKOFF_MAX_MS;
    uint64_t percent = set.factor_percent ? set.factor_percent : PIRN_BACKOFF_FACTOR_PERCENT;
    if (max < ceiling)
        max = ceiling;
    /* Each turn makes it longer by one at least, or it would not end. */
    while (attempt > 0 && ceiling < max && ceiling * percent / 100 > ceiling) {
        ceiling = ceiling * percent / 100;
        attempt--;
    }
    return (uint32_t)(ceiling < max ? ceiling : max);
}

/* From 0 to most. */
static uint32_t part_of(uint32_t most, uint32_t random)
{
    return (uint32_t)(((uint64_t)most + 1) * random >> 32);
}

uint32_t pirn_backoff_delay_ms(const struct pirn_backoff *backoff, uint32_t attempt,
                               uint32_t random)
{
    return part_of(pirn_backoff_ceiling_ms(backoff, attempt), random);
}

uint32_t pirn_retry_delay_ms(const struct pirn_retry_advice *advice,
                             const struct pirn_backoff *backoff, uint32_t attempt, uint32_t random)
{
    if (advice->retry == PIRN_RETRY_NEVER)
        return UINT32_MAX;
    if (advice->retry == PIRN_RETRY_AT_ONCE && attempt == 0)
        return 0;
    uint32_t spread = pirn_backoff_ceiling_ms(backoff, attempt);
    if (spread < advice->spread_ms)
        spread = advice->spread_ms;
    uint64_t delay = (uint64_t)advice->wait_ms + part_of(spread, random);
    return delay < UINT32_MAX ? (uint32_t)delay : UINT32_MAX - 1;
}

/* ---- whether */

static const struct pirn_retry_advice never = {PIRN_RETRY_NEVER, 0, 0};
static const struct pirn_retry_advice after_wait = {PIRN_RETRY_AFTER_WAIT, 0, 0};
static const struct pirn_retry_advice after_long_wait = {PIRN_RETRY_AFTER_WAIT, LONG_WAIT_MS,
                                                         LONG_SPREAD_MS};

/* Numbers from first to last. */
struct range {
    int first, last;
    const struct pirn_retry_advice *advice;
};

static struct pirn_retry_advice look_up(const struct range *rows, size_t count, int number)
{
    for (size_t i = 0; i < count; i++)
        if (number >= rows[i].first && number <= rows[i].last)
            return *rows[i].advice;
    return never;
}

static struct pirn_retry_advice judge_status(int status)
{
    static const struct range rows[] = {
        {408, 408, &after_wait},      /* Request Timeout */
        {421, 421, &after_wait},      /* Misdirected Request: another connection may be right */
        {425, 425, &after_wait},      /* Too Early */
        {429, 429, &after_long_wait}, /* Too Many Requests */
        {501, 501, &never},           /* Not Implemented */
        {503, 503, &after_long_wait}, /* Service Unavailable */
        {505, 506, &never},           /* HTTP Version Not Supported, Variant Also Negotiates */
        {510, 510, &never},           /* Not Extended */
        {500, 599, &after_wait},
    };
    return look_up(rows, sizeof rows / sizeof *rows, status);
}

static struct pirn_retry_advice judge_proxy(int status)
{
    static const struct range socks[] = {
        {1, 1, &after_wait},   /* general failure */
        {3, 6, &after_wait},   /* unreachable, refused, expired */
        {91, 91, &after_wait}, /* SOCKS 4: rejected or failed */
    };
    if (status >= 200)
        return judge_status(status);
    return look_up(socks, sizeof socks / sizeof *socks, status);
}

static struct pirn_retry_advice judge_close(int code)
{
    bool longer = code == PIRN_CLOSE_SERVICE_RESTART || code == PIRN_CLOSE_TRY_AGAIN_LATER;
    struct pirn_retry_advice advice = longer ? after_long_wait : after_wait;
    advice.retry = pirn_close_retry(code);
    return advice;
}

/* As -PIRN_E_x. */
static enum pirn_retry judge_error(int error, bool was_open)
{
    static const struct {
        enum pirn_error error;
        enum pirn_retry before, open; /* the WebSocket was */
    } rows[] = {
        {PIRN_E_NONE, PIRN_RETRY_AFTER_WAIT, PIRN_RETRY_AT_ONCE},
        {PIRN_E_SYSTEM, PIRN_RETRY_AFTER_WAIT, PIRN_RETRY_AT_ONCE},
        {PIRN_E_EOF, PIRN_RETRY_AFTER_WAIT, PIRN_RETRY_AT_ONCE},
        {PIRN_E_TLS_TRUNCATED, PIRN_RETRY_AFTER_WAIT, PIRN_RETRY_AT_ONCE},
        {PIRN_E_PING_TIMEOUT, PIRN_RETRY_AFTER_WAIT, PIRN_RETRY_AT_ONCE},
        {PIRN_E_STALLED, PIRN_RETRY_AFTER_WAIT, PIRN_RETRY_AT_ONCE},
        {PIRN_E_CLOSE_TIMEOUT, PIRN_RETRY_AFTER_WAIT, PIRN_RETRY_AFTER_WAIT},
        {PIRN_E_TLS_RECORD, PIRN_RETRY_AFTER_WAIT, PIRN_RETRY_AFTER_WAIT},
        {PIRN_E_MEMORY, PIRN_RETRY_AFTER_WAIT, PIRN_RETRY_AFTER_WAIT},
        {PIRN_E_RANDOM, PIRN_RETRY_AFTER_WAIT, PIRN_RETRY_AFTER_WAIT},
        {PIRN_E_QUEUE_FULL, PIRN_RETRY_AFTER_WAIT, PIRN_RETRY_AFTER_WAIT},
        {PIRN_E_HANDSHAKE_TIMEOUT, PIRN_RETRY_AFTER_WAIT, PIRN_RETRY_AFTER_WAIT},
        {PIRN_E_RESOLVE, PIRN_RETRY_AFTER_WAIT, PIRN_RETRY_AFTER_WAIT},
        {PIRN_E_RESOLVE_TIMEOUT, PIRN_RETRY_AFTER_WAIT, PIRN_RETRY_AFTER_WAIT},
        {PIRN_E_CONNECT_TIMEOUT, PIRN_RETRY_AFTER_WAIT, PIRN_RETRY_AFTER_WAIT},
        {PIRN_E_PROXY_REFUSED, PIRN_RETRY_AFTER_WAIT, PIRN_RETRY_AFTER_WAIT},
        {PIRN_E_PROXY_TIMEOUT, PIRN_RETRY_AFTER_WAIT, PIRN_RETRY_AFTER_WAIT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (-(int)rows[i].error == error)
            return was_open ? rows[i].open : rows[i].before;
    return PIRN_RETRY_NEVER;
}

/* The seconds that Retry-After names, 0 for none (RFC 9110, 10.2.3). */
static uint32_t read_retry_after(struct pirn_str text, int64_t now_s)
{
    int64_t seconds = 0, date;
    size_t i = 0;
    for (; i < text.len && pirn__is_digit(text.data[i]); i++)
        if (seconds < RETRY_AFTER_MAX_S)
            seconds = seconds * 10 + (text.data[i] - '0');
    if (i < text.len) {
        now_s = now_s > 0 ? now_s : 0;
        seconds = pirn_http_date(text, &date) == 0 && date > now_s ? date - now_s : 0;
    }
    return (uint32_t)(seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S);
}

struct pirn_retry_advice pirn_retry_judge(const struct pirn_retry_cause *cause, int64_t now_s)
{
    struct pirn_retry_advice advice;
    int error = cause->error > 0 ? -cause->error : cause->error;
    if (cause->status >= 200) {
        advice = judge_status(cause->status);
        uint32_t wait_s = read_retry_after(cause->retry_after, now_s);
        if (advice.retry != PIRN_RETRY_NEVER && wait_s > 0)
            advice.wait_ms = wait_s * 1000;
        return advice;
    }
    if (cause->proxy_status)
        return judge_proxy(cause->proxy_status);
    advice = cause->close_code ? judge_close(cause->close_code) : after_wait;
    enum pirn_retry by_error = judge_error(error, cause->close_code != 0);
    if (!cause->close_code || by_error < advice.retry)
        advice.retry = by_error;
    return advice;
}
