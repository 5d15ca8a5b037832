#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/error.h>
#include <pirn/http.h>

#include "head_feed.h"

static struct pirn_header headers[PIRN_HTTP_MAX_HEADERS];
static struct pirn_http_head head;
static char bytes[2 * PIRN_HTTP_MAX_HEAD_BYTES];

static void assert_str(struct pirn_str actual, const char *expected)
{
    assert_non_null(actual.data);
    assert_true(pirn_str_equal(actual, pirn_cstr(expected)));
}

static int feed(enum pirn_http_kind kind, const char *text)
{
    pirn_http_head_init(&head, kind, headers, PIRN_HTTP_MAX_HEADERS, 0);
    return pirn_http_head_feed(&head, text, strlen(text));
}

static void a_request_is_read(void **state)
{
    (void)state;
    static const char text[] = "PUT /a?b HTTP/1.0\r\nHost: x\r\nA:\t b  c \r\nempty:\r\n\r\nrest";
    assert_int_equal(feed(PIRN_HTTP_REQUEST, text), 1);
    assert_str(head.method, "PUT");
    assert_str(head.target, "/a?b");
    assert_int_equal(head.version_minor, 0);
    assert_int_equal(head.size, sizeof text - 1 - 4);
    assert_int_equal(head.header_count, 3);
    assert_str(headers[0].name, "Host");
    assert_str(headers[0].value, "x");
    assert_str(headers[1].value, "b  c");
    assert_str(headers[2].name, "empty");
    assert_str(headers[2].value, "");
    assert_int_equal(head.error, 0);
}

static void a_response_is_read(void **state)
{
    (void)state;
    assert_int_equal(feed(PIRN_HTTP_RESPONSE, "HTTP/1.1 599 What ever\r\n\r\n"), 1);
    assert_int_equal(head.status, 599);
    assert_int_equal(head.version_minor, 1);
    assert_str(head.reason, "What ever");
    assert_int_equal(head.header_count, 0);
}

static void slices_follow_bytes_that_move(void **state)
{
    (void)state;
    char text[] = "GET / HTTP/1.1\r\nA: b\r\n\r\n", moved[sizeof text];
    assert_int_equal(feed(PIRN_HTTP_REQUEST, text), 1);
    memcpy(moved, text, sizeof text);
    memset(text, 'x', sizeof text);
    assert_int_equal(pirn_http_head_feed(&head, moved, sizeof moved - 1), 1);
    assert_int_equal(head.header_count, 1);
    assert_ptr_equal(head.method.data, moved);
    assert_str(headers[0].value, "b");
}

/* Bytes that change between the calls, as in memory shared with a stranger. */
static void bytes_that_change_are_judged_anew(void **state)
{
    (void)state;
    static const char first[] = "GET / HTTP/1.1\r\nA: bcdefghi\r\n\r\n";
    static const struct {
        const char *text;
        int result;
    } rows[] = {
        {"GET / HTTP/1.1\r\nB: bcdefghi\r\n\r\n", 1},
        {"GET / HTTP/1.1\r\nA:\r\nB:\r\nC:\r\n\r\n", -PIRN_E_HEADERS_TOO_MANY},
        {"GET / HTTP/1.1\r\nA: bcdefghijklm\r", -PIRN_E_HEADER_LINE},
        {"GET /5678901234567 HTTP/1.1\r\n\r\n", 1},
        {"GET /5678901234567 HTTP/1.1\r\r\n\r", -PIRN_E_REQUEST_LINE},
        {"GET /56789012345678 HTTP/1.1\r\n\r", -PIRN_E_REQUEST_LINE},
        {"GET / HTTP/1.1xxxxxxxxxxxxxxxxxx", -PIRN_E_REQUEST_LINE},
        {" ET / HTTP/1.1\r\nA: bcdefghi\r\n\r\n", -PIRN_E_REQUEST_LINE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pirn_http_head_init(&head, PIRN_HTTP_REQUEST, headers, 2, 0);
        assert_int_equal(pirn_http_head_feed(&head, first, sizeof first - 1), 1);
        assert_int_equal(pirn_http_head_feed(&head, rows[i].text, strlen(rows[i].text)),
                         rows[i].result);
    }
}

static void an_array_is_written_only_in_the_end(void **state)
{
    (void)state;
    memset(headers, 0x5a, sizeof headers);
    assert_int_equal(feed(PIRN_HTTP_REQUEST, "GET / HTTP/1.1\r\nA: b\r\nC: d\r\n"), 0);
    for (size_t i = 0; i < sizeof headers; i++)
        assert_int_equal(((unsigned char *)headers)[i], 0x5a);
    assert_int_equal(head.size, 0);
}

/* Limits: C16. */

/* A head of `size` bytes with `count` headers, the last as long as it takes. */
static size_t make_head(size_t size, size_t count)
{
    size_t len = 0;
    for (const char *c = "GET / HTTP/1.1\r\n"; *c; c++)
        bytes[len++] = *c;
    for (size_t i = 0; i < count; i++) {
        bytes[len++] = 'a';
        bytes[len++] = ':';
        while (i + 1 == count && len + 4 < size)
            bytes[len++] = 'x';
        bytes[len++] = '\r';
        bytes[len++] = '\n';
    }
    bytes[len++] = '\r';
    bytes[len++] = '\n';
    return len;
}

struct expectation {
    int result;
    size_t line;
};

static void check_result(void *context, struct pirn_http_head *done, int result)
{
    const struct expectation *expected = context;
    assert_int_equal(result, expected->result);
    assert_int_equal(done->error, result < 0 ? -result : 0);
    assert_int_equal(done->error_line, expected->line);
}

static int feed_bytewise(size_t len)
{
    int r = 0;
    size_t fed = 0;
    pirn_http_head_init(&head, PIRN_HTTP_REQUEST, headers, PIRN_HTTP_MAX_HEADERS, 0);
    while (r == 0 && fed < len)
        r = pirn_http_head_feed(&head, bytes, ++fed);
    assert_true(fed <= len);
    return r ? r : (int)fed;
}

static void a_head_may_be_as_long_as_the_limit(void **state)
{
    (void)state;
    size_t len = make_head(PIRN_HTTP_MAX_HEAD_BYTES, 1);
    assert_int_equal(len, PIRN_HTTP_MAX_HEAD_BYTES);
    assert_int_equal(feed_bytewise(len), 1);
    assert_int_equal(head.size, len);
    len = make_head(PIRN_HTTP_MAX_HEAD_BYTES + 1, 1);
    assert_int_equal(len, PIRN_HTTP_MAX_HEAD_BYTES + 1);
    assert_int_equal(feed_bytewise(len), -PIRN_E_HEAD_TOO_BIG);
    assert_int_equal(head.scanned, PIRN_HTTP_MAX_HEAD_BYTES);
    pirn_http_head_init(&head, PIRN_HTTP_REQUEST, headers, PIRN_HTTP_MAX_HEADERS, 0);
    assert_int_equal(pirn_http_head_feed(&head, bytes, len), -PIRN_E_HEAD_TOO_BIG);
    assert_int_equal(head.error_line, 3);
}

static void a_line_without_end_is_refused_at_the_limit(void **state)
{
    (void)state;
    memset(bytes, 'G', sizeof bytes);
    assert_int_equal(feed_bytewise(PIRN_HTTP_MAX_HEAD_BYTES - 1), PIRN_HTTP_MAX_HEAD_BYTES - 1);
    assert_int_equal(feed_bytewise(PIRN_HTTP_MAX_HEAD_BYTES), -PIRN_E_HEAD_TOO_BIG);
    assert_int_equal(head.error_line, 1);
}

static void a_head_may_have_as_many_headers_as_the_array(void **state)
{
    (void)state;
    struct expectation good = {1, 0}, bad = {-PIRN_E_HEADERS_TOO_MANY, 102};
    size_t len = make_head(0, 100);
    head_feed_every_way(PIRN_HTTP_REQUEST, (struct pirn_str){bytes, len}, check_result, &good);
    len = make_head(0, 101);
    head_feed_every_way(PIRN_HTTP_REQUEST, (struct pirn_str){bytes, len}, check_result, &bad);
    /* The line that is too much is refused before the head is complete. */
    assert_int_equal(feed_bytewise(len - 2), -PIRN_E_HEADERS_TOO_MANY);
    pirn_http_head_init(&head, PIRN_HTTP_REQUEST, NULL, 0, 0);
    assert_int_equal(pirn_http_head_feed(&head, bytes, len), -PIRN_E_HEADERS_TOO_MANY);
    pirn_http_head_init(&head, PIRN_HTTP_REQUEST, NULL, 0, 0);
    assert_int_equal(pirn_http_head_feed(&head, "GET / HTTP/1.1\r\n\r\n", 18), 1);
}

static void a_limit_can_be_set(void **state)
{
    (void)state;
    pirn_http_head_init(&head, PIRN_HTTP_REQUEST, headers, 1, 18);
    assert_int_equal(pirn_http_head_feed(&head, "GET / HTTP/1.1\r\n\r\n", 18), 1);
    pirn_http_head_init(&head, PIRN_HTTP_REQUEST, headers, 1, 17);
    assert_int_equal(pirn_http_head_feed(&head, "GET / HTTP/1.1\r\n\r\n", 18),
                     -PIRN_E_HEAD_TOO_BIG);
}

static void what_is_no_http_is_refused_early(void **state)
{
    (void)state;
    assert_int_equal(feed(PIRN_HTTP_REQUEST, "\x16"), -PIRN_E_REQUEST_LINE);
    assert_int_equal(feed(PIRN_HTTP_REQUEST, "{"), -PIRN_E_REQUEST_LINE);
    assert_int_equal(feed(PIRN_HTTP_RESPONSE, "\x81"), -PIRN_E_STATUS_LINE);
    assert_int_equal(feed(PIRN_HTTP_REQUEST, "GET / HTTP/3.0\r\n"), -PIRN_E_HTTP_VERSION);
    assert_int_equal(feed(PIRN_HTTP_REQUEST, "HELO mail\r\n"), -PIRN_E_REQUEST_LINE);
    assert_int_equal(feed(PIRN_HTTP_REQUEST, "GET / HTTP/1.1\r\nA: b\n"), -PIRN_E_HEADER_LINE);
    assert_int_equal(feed(PIRN_HTTP_REQUEST, ""), 0);
    assert_int_equal(feed(PIRN_HTTP_REQUEST, "GET / HTTP/1.1\r"), 0);
}

static void errors_stick(void **state)
{
    (void)state;
    assert_int_equal(feed(PIRN_HTTP_REQUEST, "GET\r\n"), -PIRN_E_REQUEST_LINE);
    assert_int_equal(pirn_http_head_feed(&head, "GET / HTTP/1.1\r\n\r\n", 18),
                     -PIRN_E_REQUEST_LINE);
    assert_int_equal(pirn_http_head_set_request(&head, PIRN_STR("GET"), PIRN_STR("/"), 1),
                     -PIRN_E_REQUEST_LINE);
    assert_int_equal(pirn_http_head_set_response(&head, 200, PIRN_STR(""), 1),
                     -PIRN_E_REQUEST_LINE);
    assert_int_equal(pirn_http_head_add(&head, PIRN_STR("A"), PIRN_STR("")), -PIRN_E_REQUEST_LINE);
    assert_int_equal(head.error_line, 1);
    assert_int_equal(feed(PIRN_HTTP_REQUEST, "GET / HTTP/1.1\r\n:\r\n\r\n"), -PIRN_E_HEADER_LINE);
    assert_int_equal(head.size, 0);
}

/* Part by part. */

static int set_request(const char *method, const char *target, int version_minor)
{
    pirn_http_head_init(&head, PIRN_HTTP_REQUEST, headers, 2, 64);
    return pirn_http_head_set_request(&head, pirn_cstr(method), pirn_cstr(target), version_minor);
}

static int set_response(int status, const char *reason, int version_minor)
{
    pirn_http_head_init(&head, PIRN_HTTP_RESPONSE, headers, 2, 64);
    return pirn_http_head_set_response(&head, status, pirn_cstr(reason), version_minor);
}

static int add(const char *name, const char *value)
{
    return pirn_http_head_add(&head, pirn_cstr(name), pirn_cstr(value));
}

static void first_lines_are_checked(void **state)
{
    (void)state;
    assert_int_equal(set_request("GET", "/", 1), 0);
    assert_int_equal(set_request("", "/", 1), -PIRN_E_REQUEST_LINE);
    assert_int_equal(set_request("G T", "/", 1), -PIRN_E_REQUEST_LINE);
    assert_int_equal(set_request("GET", "", 1), -PIRN_E_REQUEST_LINE);
    assert_int_equal(set_request("GET", "/#", 1), -PIRN_E_REQUEST_LINE);
    assert_int_equal(set_request("GET", "/", 0), 0);
    assert_int_equal(set_request("GET", "/", 2), -PIRN_E_HTTP_VERSION);
    assert_int_equal(set_request("GET", "/", -1), -PIRN_E_HTTP_VERSION);
    assert_int_equal(set_response(101, "", 1), 0);
    assert_int_equal(set_response(99, "", 1), -PIRN_E_STATUS_LINE);
    assert_int_equal(set_response(600, "", 1), -PIRN_E_STATUS_LINE);
    assert_int_equal(set_response(200, "\r", 1), -PIRN_E_STATUS_LINE);
    assert_int_equal(set_response(200, "OK", 2), -PIRN_E_HTTP_VERSION);
    assert_int_equal(pirn_http_head_set_request(&head, PIRN_STR("GET"), PIRN_STR("/"), 1),
                     -PIRN_E_HTTP_VERSION);
    pirn_http_head_init(&head, PIRN_HTTP_RESPONSE, headers, 2, 0);
    assert_int_equal(pirn_http_head_set_request(&head, PIRN_STR("GET"), PIRN_STR("/"), 1),
                     -PIRN_E_STATUS_LINE);
    pirn_http_head_init(&head, PIRN_HTTP_REQUEST, headers, 2, 0);
    assert_int_equal(pirn_http_head_set_response(&head, 200, PIRN_STR(""), 1),
                     -PIRN_E_REQUEST_LINE);
}

static void added_headers_are_checked(void **state)
{
    (void)state;
    static const char *const bad[][2] = {{"", "x"},      {"a b", "x"},  {"a:", "x"},
                                         {"a", "x\r\n"}, {"a", "\x01"}, {"a", "\x7f"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(set_request("GET", "/", 1), 0);
        assert_int_equal(add(bad[i][0], bad[i][1]), -PIRN_E_HEADER_LINE);
        assert_int_equal(head.error_line, 2);
    }
    assert_int_equal(set_request("GET", "/", 1), 0);
    assert_int_equal(add("a", " x\t"), 0);
    assert_str(headers[0].value, "x");
    assert_int_equal(add("b", ""), 0);
    assert_int_equal(add("c", ""), -PIRN_E_HEADERS_TOO_MANY);
}

static void parts_count_as_if_they_were_fed(void **state)
{
    (void)state;
    char value[64];
    memset(value, 'v', sizeof value);
    for (size_t len = 0; len < sizeof value; len++) {
        bool fits = 18 + 4 + len <= 64;
        assert_int_equal(set_request("GET", "/", 1), 0);
        assert_int_equal(pirn_http_head_add(&head, PIRN_STR("n"), (struct pirn_str){value, len}),
                         fits ? 0 : -PIRN_E_HEAD_TOO_BIG);
        assert_int_equal(head.scanned, fits ? 18 + 4 + len : 18);
    }
    pirn_http_head_init(&head, PIRN_HTTP_REQUEST, headers, 2, 17);
    assert_int_equal(pirn_http_head_set_request(&head, PIRN_STR("GET"), PIRN_STR("/"), 1),
                     -PIRN_E_HEAD_TOO_BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read),
        cmocka_unit_test(a_response_is_read),
        cmocka_unit_test(slices_follow_bytes_that_move),
        cmocka_unit_test(bytes_that_change_are_judged_anew),
        cmocka_unit_test(an_array_is_written_only_in_the_end),
        cmocka_unit_test(a_head_may_be_as_long_as_the_limit),
        cmocka_unit_test(a_line_without_end_is_refused_at_the_limit),
        cmocka_unit_test(a_head_may_have_as_many_headers_as_the_array),
        cmocka_unit_test(a_limit_can_be_set),
        cmocka_unit_test(what_is_no_http_is_refused_early),
        cmocka_unit_test(errors_stick),
        cmocka_unit_test(first_lines_are_checked),
        cmocka_unit_test(added_headers_are_checked),
        cmocka_unit_test(parts_count_as_if_they_were_fed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
