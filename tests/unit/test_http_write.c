#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/error.h>
#include <pirn/http.h>

static char out[512];

static void heads_are_written(void **state)
{
    (void)state;
    const struct pirn_header headers[] = {{PIRN_STR("Host"), PIRN_STR("a")},
                                          {PIRN_STR("Empty"), PIRN_STR("")}};
    static const char request[] = "GET /x HTTP/1.1\r\nHost: a\r\nEmpty: \r\n\r\n";
    static const char response[] = "HTTP/1.1 404 Not Found\r\nHost: a\r\n\r\n";
    for (size_t cap = 0; cap < sizeof request; cap++)
        assert_int_equal(
            pirn_http_write_request(PIRN_STR("GET"), PIRN_STR("/x"), headers, 2, out, cap),
            -PIRN_E_ROOM);
    assert_int_equal(
        pirn_http_write_request(PIRN_STR("GET"), PIRN_STR("/x"), headers, 2, out, sizeof request),
        sizeof request - 1);
    assert_string_equal(out, request);
    assert_int_equal(pirn_http_write_response(404, headers, 1, out, sizeof out),
                     sizeof response - 1);
    assert_string_equal(out, response);
    assert_true(pirn_http_write_response(299, NULL, 0, out, sizeof out) > 0);
    assert_string_equal(out, "HTTP/1.1 299 \r\n\r\n");
    assert_int_equal(pirn_http_write_response(200, NULL, 0, out, 0), -PIRN_E_ROOM);
    assert_int_equal(pirn_http_write_response(200, NULL, 0, NULL, 1), -PIRN_E_ROOM);
    assert_int_equal(pirn_http_write_response(200, NULL, 0, out, SIZE_MAX), 19);
}

static void wrong_first_lines_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *method, *target;
        int error;
    } rows[] = {
        {"", "/", PIRN_E_TOKEN},
        {"G T", "/", PIRN_E_TOKEN},
        {"GET\r\n", "/", PIRN_E_TOKEN},
        {"GET", "", PIRN_E_URL},
        {"GET", "/ HTTP/1.1\r\n", PIRN_E_URL},
        {"GET", "/#", PIRN_E_URL},
        {"GET", "/\x7f", PIRN_E_URL},
        {"GET", "/\xc3\xa9", PIRN_E_URL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(pirn_http_write_request(pirn_cstr(rows[i].method),
                                                 pirn_cstr(rows[i].target), NULL, 0, out,
                                                 sizeof out),
                         -rows[i].error);
    static const int statuses[] = {99, 600, 0, -200};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        assert_int_equal(pirn_http_write_response(statuses[i], NULL, 0, out, sizeof out),
                         -PIRN_E_ARGUMENT);
}

/* C17: every byte in a name and in a value; the first error is the one returned. */
static void nothing_can_be_injected(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[3] = {'a', (char)c, 'b'};
        struct pirn_str string = {text, 3};
        const struct pirn_header name = {string, PIRN_STR("x")}, value = {PIRN_STR("x"), string};
        int r = pirn_http_write_response(200, &name, 1, out, sizeof out);
        assert_int_equal(r > 0, pirn_http_is_token(string));
        if (r < 0)
            assert_int_equal(r, -PIRN_E_HEADER_NAME);
        r = pirn_http_write_response(200, &value, 1, out, sizeof out);
        assert_int_equal(r > 0, c >= 0x20 && c != 0x7f);
        if (r < 0)
            assert_int_equal(r, -PIRN_E_HEADER_VALUE);
        r = pirn_http_write_response(999, &value, 1, out, sizeof out);
        assert_int_equal(r, -PIRN_E_ARGUMENT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_written),
        cmocka_unit_test(wrong_first_lines_are_refused),
        cmocka_unit_test(nothing_can_be_injected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
