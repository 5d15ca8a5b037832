#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/backoff.h>
#include <pirn/error.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { NOW = 784111777 }; /* Sun, 06 Nov 1994 08:49:37 GMT */

static void ceilings_grow_up_to_the_longest(void **state)
{
    static const struct {
        struct pirn_backoff backoff;
        uint32_t ceilings[8];
    } rows[] = {
        {{0, 0, 0}, {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000}},
        {{100, 1000, 300}, {100, 300, 900, 1000, 1000, 1000, 1000, 1000}},
        {{100, 1000, 150}, {100, 150, 225, 337, 505, 757, 1000, 1000}},
        {{100, 1000, 100}, {100, 100, 100, 100, 100, 100, 100, 100}},
        {{100, 1000, 50}, {100, 100, 100, 100, 100, 100, 100, 100}},
        {{5, 1000, 110}, {5, 5, 5, 5, 5, 5, 5, 5}}, /* too little to grow */
        {{500, 100, 0}, {500, 500, 500, 500, 500, 500, 500, 500}},
        {{70000, 0, 0}, {70000, 70000, 70000, 70000, 70000, 70000, 70000, 70000}},
        {{UINT32_MAX, UINT32_MAX, UINT32_MAX}, {UINT32_MAX, UINT32_MAX, UINT32_MAX}},
        {{1, UINT32_MAX, UINT32_MAX}, {1, 42949672, UINT32_MAX, UINT32_MAX}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (uint32_t attempt = 0; attempt < 8 && rows[i].ceilings[attempt]; attempt++)
            assert_int_equal(pirn_backoff_ceiling_ms(&rows[i].backoff, attempt),
                             rows[i].ceilings[attempt]);
    assert_int_equal(pirn_backoff_ceiling_ms(NULL, 3), 8000);
    assert_int_equal(pirn_backoff_ceiling_ms(NULL, UINT32_MAX), 60000);
}

static void delays_are_spread_over_the_whole_time(void **state)
{
    const struct pirn_backoff nine = {.min_ms = 9, .max_ms = 9};
    unsigned seen[10] = {0};
    (void)state;
    assert_int_equal(pirn_backoff_delay_ms(NULL, 2, 0), 0);
    assert_int_equal(pirn_backoff_delay_ms(NULL, 2, UINT32_MAX), 4000);
    assert_int_equal(pirn_backoff_delay_ms(NULL, 2, UINT32_C(1) << 31), 2000);
    for (uint64_t random = 0; random <= UINT32_MAX; random += 4294967)
        seen[pirn_backoff_delay_ms(&nine, 0, (uint32_t)random)]++;
    for (size_t i = 0; i < COUNT(seen); i++)
        assert_in_range(seen[i], 95, 105);
    const struct pirn_backoff longest = {.min_ms = UINT32_MAX, .max_ms = UINT32_MAX};
    assert_int_equal(pirn_backoff_delay_ms(&longest, 0, UINT32_MAX), UINT32_MAX);
}

/* ---- judging */

static const struct pirn_retry_advice never = {PIRN_RETRY_NEVER, 0, 0};
static const struct pirn_retry_advice wait = {PIRN_RETRY_AFTER_WAIT, 0, 0};
static const struct pirn_retry_advice long_wait = {PIRN_RETRY_AFTER_WAIT, 5000, 25000};
static const struct pirn_retry_advice at_once = {PIRN_RETRY_AT_ONCE, 0, 0};

static void expect(const struct pirn_retry_cause *cause, struct pirn_retry_advice advice)
{
    struct pirn_retry_advice got = pirn_retry_judge(cause, NOW);
    if (got.retry != advice.retry ||
        (got.retry != PIRN_RETRY_NEVER &&
         (got.wait_ms != advice.wait_ms || got.spread_ms != advice.spread_ms)))
        fail_msg("close %d, status %d, proxy %d, error %d: %d, %u ms and up to %u",
                 cause->close_code, cause->status, cause->proxy_status, cause->error,
                 (int)got.retry, got.wait_ms, got.spread_ms);
}

/* The whole of each table, row by row as it is written in the other client, too. */
struct row {
    int first, last;
    const struct pirn_retry_advice *advice;
};

static const struct pirn_retry_advice *find(const struct row *rows, size_t count, int number)
{
    for (size_t i = 0; i < count; i++)
        if (number >= rows[i].first && number <= rows[i].last)
            return rows[i].advice;
    return &never;
}

static void every_close_code_is_judged(void **state)
{
    static const struct row rows[] = {
        {1001, 1001, &wait},      {1006, 1006, &at_once}, {1011, 1011, &wait},
        {1012, 1013, &long_wait}, {1014, 1014, &wait},    {3008, 3008, &at_once},
    };
    (void)state;
    for (int code = -1; code <= 70000; code++) {
        struct pirn_retry_cause cause = {.close_code = code};
        if (code == 0)
            continue;
        expect(&cause, *find(rows, COUNT(rows), code));
        cause.error = PIRN_E_UTF8; /* and we said 1007: the peer is wrong */
        expect(&cause, never);
    }
}

static const struct row statuses[] = {
    {408, 408, &wait}, {421, 421, &wait}, {425, 425, &wait},      {429, 429, &long_wait},
    {500, 500, &wait}, {502, 502, &wait}, {503, 503, &long_wait}, {504, 504, &wait},
    {507, 509, &wait}, {511, 599, &wait},
};

static void every_status_is_judged(void **state)
{
    (void)state;
    for (int status = 200; status <= 700; status++) {
        const struct pirn_retry_advice *advice = find(statuses, COUNT(statuses), status);
        expect(&(struct pirn_retry_cause){.status = status, .error = PIRN_E_STATUS}, *advice);
        expect(&(struct pirn_retry_cause){.proxy_status = status, .error = PIRN_E_PROXY_REFUSED},
               *advice);
    }
    /* A 101 that was refused for its headers. */
    expect(&(struct pirn_retry_cause){.status = 101, .error = PIRN_E_ACCEPT}, never);
}

static void every_reply_of_socks_is_judged(void **state)
{
    static const struct row rows[] = {{1, 1, &wait}, {3, 6, &wait}, {91, 91, &wait}};
    (void)state;
    for (int reply = 1; reply < 200; reply++)
        expect(&(struct pirn_retry_cause){.proxy_status = reply, .error = PIRN_E_PROXY_REFUSED},
               *find(rows, COUNT(rows), reply));
}

static void every_error_is_judged(void **state)
{
    static const struct {
        enum pirn_error error;
        const struct pirn_retry_advice *before, *open;
    } rows[] = {
        {PIRN_E_NONE, &wait, &at_once},         {PIRN_E_MEMORY, &wait, &wait},
        {PIRN_E_RANDOM, &wait, &wait},          {PIRN_E_QUEUE_FULL, &wait, &wait},
        {PIRN_E_SYSTEM, &wait, &at_once},       {PIRN_E_TLS_TRUNCATED, &wait, &at_once},
        {PIRN_E_TLS_RECORD, &wait, &wait},      {PIRN_E_PING_TIMEOUT, &wait, &at_once},
        {PIRN_E_CLOSE_TIMEOUT, &wait, &wait},   {PIRN_E_EOF, &wait, &at_once},
        {PIRN_E_STALLED, &wait, &at_once},      {PIRN_E_HANDSHAKE_TIMEOUT, &wait, &wait},
        {PIRN_E_RESOLVE, &wait, &wait},         {PIRN_E_RESOLVE_TIMEOUT, &wait, &wait},
        {PIRN_E_CONNECT_TIMEOUT, &wait, &wait}, {PIRN_E_PROXY_REFUSED, &wait, &wait},
        {PIRN_E_PROXY_TIMEOUT, &wait, &wait},
    };
    (void)state;
    for (int error = 0; error < 1000; error++) {
        const struct pirn_retry_advice *before = &never, *open = &never;
        for (size_t i = 0; i < COUNT(rows); i++)
            if ((int)rows[i].error == error) {
                before = rows[i].before;
                open = rows[i].open;
            }
        expect(&(struct pirn_retry_cause){.error = error}, *before);
        expect(&(struct pirn_retry_cause){.error = -error}, *before);
        expect(&(struct pirn_retry_cause){.error = error, .close_code = 1006}, *open);
        expect(&(struct pirn_retry_cause){.error = error, .close_code = 1008}, never);
    }
    expect(&(struct pirn_retry_cause){.error = INT_MIN}, never);
}

static void retry_after_is_honoured(void **state)
{
    static const struct {
        const char *text;
        uint32_t wait_ms; /* of a 503, and of a 500 (5000 less when it does not count) */
    } rows[] = {
        {"120", 120000},
        {"0", 5000},
        {"1", 1000},
        {"86400", 86400000},
        {"86401", 86400000},
        {"99999999999999999999999999", 86400000},
        {"Sun, 06 Nov 1994 08:50:37 GMT", 60000},
        {"Sunday, 06-Nov-94 08:50:37 GMT", 60000},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 5000}, /* now, and before */
        {"Sun, 06 Nov 1994 08:49:36 GMT", 5000},
        {"Fri, 31 Dec 9999 23:59:59 GMT", 86400000},
        {"", 5000},
        {"soon", 5000},
        {"-1", 5000},
        {"1.5", 5000},
        {"12 seconds", 5000},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pirn_retry_cause cause = {.status = 503, .retry_after = pirn_cstr(rows[i].text)};
        expect(&cause, (struct pirn_retry_advice){PIRN_RETRY_AFTER_WAIT, rows[i].wait_ms, 25000});
        cause.status = 500;
        uint32_t wait_ms = rows[i].wait_ms == 5000 ? 0 : rows[i].wait_ms;
        expect(&cause, (struct pirn_retry_advice){PIRN_RETRY_AFTER_WAIT, wait_ms, 0});
        cause.status = 403;
        expect(&cause, never);
    }
    struct pirn_retry_cause cause = {.status = 503,
                                     .retry_after = PIRN_STR("Sun, 06 Nov 1994 08:50:37 GMT")};
    assert_int_equal(pirn_retry_judge(&cause, INT64_MIN).wait_ms, 86400000);
    assert_int_equal(pirn_retry_judge(&cause, INT64_MAX).wait_ms, 5000);
}

static void advice_becomes_a_delay(void **state)
{
    static const struct {
        struct pirn_retry_advice advice;
        uint32_t attempt, random, delay_ms;
    } rows[] = {
        {{PIRN_RETRY_NEVER, 0, 0}, 0, 0, UINT32_MAX},
        {{PIRN_RETRY_AT_ONCE, 0, 0}, 0, UINT32_MAX, 0},
        {{PIRN_RETRY_AT_ONCE, 0, 0}, 1, UINT32_MAX, 2000},
        {{PIRN_RETRY_AFTER_WAIT, 0, 0}, 0, UINT32_MAX, 1000},
        {{PIRN_RETRY_AFTER_WAIT, 0, 0}, 0, 0, 0},
        {{PIRN_RETRY_AFTER_WAIT, 5000, 25000}, 0, 0, 5000},
        {{PIRN_RETRY_AFTER_WAIT, 5000, 25000}, 0, UINT32_MAX, 30000},
        {{PIRN_RETRY_AFTER_WAIT, 5000, 25000}, 9, UINT32_MAX, 65000},
        {{PIRN_RETRY_AFTER_WAIT, 86400000, 0}, 0, UINT32_MAX, 86401000},
        {{PIRN_RETRY_AFTER_WAIT, UINT32_MAX, UINT32_MAX}, 0, UINT32_MAX, UINT32_MAX - 1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(
            pirn_retry_delay_ms(&rows[i].advice, NULL, rows[i].attempt, rows[i].random),
            rows[i].delay_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ceilings_grow_up_to_the_longest),
        cmocka_unit_test(delays_are_spread_over_the_whole_time),
        cmocka_unit_test(every_close_code_is_judged),
        cmocka_unit_test(every_status_is_judged),
        cmocka_unit_test(every_reply_of_socks_is_judged),
        cmocka_unit_test(every_error_is_judged),
        cmocka_unit_test(retry_after_is_honoured),
        cmocka_unit_test(advice_becomes_a_delay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
