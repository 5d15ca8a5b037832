#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pirn/error.h>
#include <pirn/http.h>

static void statuses_have_texts(void **state)
{
    (void)state;
    assert_string_equal(pirn_http_status_text(101), "Switching Protocols");
    assert_string_equal(pirn_http_status_text(426), "Upgrade Required");
    assert_string_equal(pirn_http_status_text(431), "Request Header Fields Too Large");
    assert_string_equal(pirn_http_status_text(511), "Network Authentication Required");
    assert_string_equal(pirn_http_status_text(418), "");
    assert_string_equal(pirn_http_status_text(-1), "");
    assert_string_equal(pirn_http_status_text(100), "Continue");
}

static void errors_have_statuses(void **state)
{
    (void)state;
    static const struct {
        int error, status;
    } rows[] = {
        {PIRN_E_HEAD_TOO_BIG, 431},
        {PIRN_E_HEADERS_TOO_MANY, 431},
        {PIRN_E_HTTP_VERSION, 505},
        {PIRN_E_METHOD, 405},
        {PIRN_E_WEBSOCKET_VERSION, 426},
        {PIRN_E_ORIGIN, 403},
        {PIRN_E_HANDSHAKE_TIMEOUT, 408},
        {PIRN_E_MEMORY, 500},
        {PIRN_E_REQUEST_LINE, 400},
        {PIRN_E_KEY, 400},
        {PIRN_E_UTF8, 400},
        {PIRN_E_NONE, 500},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(pirn_http_error_status(rows[i].error), rows[i].status);
        assert_int_equal(pirn_http_error_status(-rows[i].error), rows[i].status);
    }
    assert_int_equal(pirn_http_error_status(INT_MIN), 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_have_texts),
        cmocka_unit_test(errors_have_statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
