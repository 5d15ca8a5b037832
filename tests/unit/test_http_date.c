#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include <pirn/error.h>
#include <pirn/http.h>

#define NONE INT64_MIN

/* Reads a copy that ends where its block of the heap ends. */
static int64_t date(const char *text)
{
    size_t len = strlen(text);
    char *copy = malloc(len + 1);
    int64_t seconds = -1;
    assert_non_null(copy);
    memcpy(copy + 1, text, len);
    int result = pirn_http_date((struct pirn_str){copy + 1, len}, &seconds);
    free(copy);
    if (result == 0)
        return seconds;
    assert_int_equal(result, -PIRN_E_ARGUMENT);
    assert_int_equal(seconds, -1);
    return NONE;
}

static void dates_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } rows[] = {
        /* The three forms of RFC 9110, 5.6.7 */
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        /* What cookies have besides */
        {"06 nov 1994 8:49:37", 784111777},
        {"8:49:37 6nd November 94", 784111777},
        {"1994 08:49:37x Nov,6", 784111777}, /* the first is no day, so it is the year */
        {"Nov 6 1994 08:49:37 GMT+0200", 784111777},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Wed, 31-Dec-69 23:59:59 GMT", 3155759999},
        {"Thu, 01-Jan-70 00:00:01 GMT", 1},
        {"Mon, 01 Jan 1601 00:00:00 GMT", -11644473600},
        {"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
        {"Thu, 29 Feb 2024 12:00:00 GMT", 1709208000},
        {"Tue, 29 Feb 2000 00:00:00 GMT", 951782400},
        {"Sat Nov 21 08:00:00 2026", 1795248000},
        /* None */
        {"", NONE},
        {"0", NONE},
        {"-1", NONE},
        {"120", NONE},
        {"Sun, 06 Nov 1994", NONE},
        {"06 Nov 08:49:37", NONE},
        {"Nov 1994 08:49:37", NONE},
        {"06 1994 08:49:37", NONE},
        {"06 Xyz 1994 08:49:37", NONE},
        {"06 No 1994 08:49:37", NONE},
        {"00 Nov 1994 08:49:37", NONE},
        {"31 Nov 1994 08:49:37", NONE},
        {"32 Oct 1994 08:49:37", NONE},
        {"29 Feb 2023 08:49:37", NONE},
        {"29 Feb 1900 08:49:37", NONE},
        {"06 Nov 1600 08:49:37", NONE},
        {"06 Nov 199 08:49:37", NONE},
        {"06 Nov 19940 08:49:37", NONE},
        {"06 Nov 1994 24:00:00", NONE},
        {"06 Nov 1994 23:60:00", NONE},
        {"06 Nov 1994 23:59:60", NONE},
        {"06 Nov 1994 123:59:00", NONE},
        {"06 Nov 1994 23:59:001", NONE},
        {"06 Nov 1994 23:59", NONE},
        {"06 Nov 1994 23::59", NONE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t seconds = date(rows[i].text);
        if (seconds != rows[i].seconds)
            fail_msg("\"%s\" is %lld", rows[i].text, (long long)seconds);
    }
}

/* Every thirteenth day of 800 years against libc. */
static void days_are_counted_right(void **state)
{
    (void)state;
    for (int64_t day = -134774; day < 160000; day += 13) {
        char text[64];
        time_t seconds = (time_t)(day * 86400 + 3723);
        struct tm parts;
        assert_non_null(gmtime_r(&seconds, &parts));
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
        assert_int_equal(date(text), seconds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_read),
        cmocka_unit_test(days_are_counted_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
