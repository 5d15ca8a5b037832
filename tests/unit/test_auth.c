#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/auth.h>
#include <pirn/error.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define S(literal)   PIRN_STR_INIT(literal)

/* ---- Basic, Bearer, users */

static void basic_is_written(void **state)
{
    static const struct {
        struct pirn_str user, password;
        const char *value; /* NULL: refused */
    } rows[] = {
        {S("Aladdin"), S("open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, /* RFC 7617, 2 */
        {S("test"), S("123\xC2\xA3"), "Basic dGVzdDoxMjPCow=="},                /* and 2.1 */
        {S("a"), S(""), "Basic YTo="},
        {S(""), S("b"), "Basic OmI="},
        {S(""), {NULL, 0}, "Basic Og=="},
        {S("a"), S("b:c:"), "Basic YTpiOmM6"},
        {S("a:b"), S("c"), NULL},
        {S("a\r\nX: y"), S("b"), NULL},
        {S("a"), S("b\n"), NULL},
        {S("a\0"), S("b"), NULL},
        {S("a"), S("\x7F"), NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t len = rows[i].value ? strlen(rows[i].value) : 0;
        char out[64];
        int result = pirn_auth_basic(rows[i].user, rows[i].password, out, sizeof out);
        assert_string_equal(out, rows[i].value ? rows[i].value : "");
        assert_int_equal(result, rows[i].value ? (int)len : -PIRN_E_HEADER_VALUE);
        for (size_t cap = 0; rows[i].value && cap <= len + 1; cap++) {
            char *exact = malloc(cap + 1); /* + 1: not NULL */
            assert_non_null(exact);
            assert_int_equal(pirn_auth_basic(rows[i].user, rows[i].password, exact + 1, cap),
                             cap > len ? (int)len : -PIRN_E_ROOM);
            if (cap > 0)
                assert_string_equal(exact + 1, cap > len ? rows[i].value : "");
            free(exact);
        }
    }
}

static void bearer_is_written(void **state)
{
    static const struct {
        struct pirn_str token;
        bool good;
    } rows[] = {
        {S("mF_9.B5f-4.1JqM"), true},
        {S("abc=="), true},
        {S("a+/~"), true},
        {S(""), false},
        {S("="), false},
        {S("a=b"), false},
        {S("a b"), false},
        {S("a\n"), false},
        {S("a\0"), false},
        {S("\xC3\xBC"), false},
        {S("a\""), false},
        {{NULL, 0}, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[32] = "?", expected[32] = "Bearer ";
        int result = pirn_auth_bearer(rows[i].token, out, sizeof out);
        if (rows[i].good)
            memcpy(expected + 7, rows[i].token.data, rows[i].token.len);
        assert_string_equal(out, rows[i].good ? expected : "");
        assert_int_equal(result, rows[i].good ? (int)strlen(expected) : -PIRN_E_HEADER_VALUE);
    }
    char out[8];
    assert_int_equal(pirn_auth_bearer(PIRN_STR("a"), out, 8), -PIRN_E_ROOM);
    assert_string_equal(out, "");
    assert_int_equal(pirn_auth_bearer(PIRN_STR("a"), NULL, 0), -PIRN_E_ROOM);
}

static void users_of_urls_are_decoded(void **state)
{
    static const struct {
        const char *userinfo, *user, *password; /* NULL: absent */
        int result;
    } rows[] = {
        {"ada:secret", "ada", "secret", 0},
        {"ada", "ada", NULL, 0},
        {"ada:", "ada", "", 0},
        {":secret", "", "secret", 0},
        {"", "", NULL, 0},
        {"a%3Ab:c:d%40%2f", "a:b", "c:d@/", 0},
        {"%c3%BC", "\xC3\xBC", NULL, 0},
        {"a+b", "a+b", NULL, 0},
        {"a%", NULL, NULL, -PIRN_E_URL},
        {"a%4", NULL, NULL, -PIRN_E_URL},
        {"a:%4g", NULL, NULL, -PIRN_E_URL},
        {"a%0d%0AX:y", NULL, NULL, -PIRN_E_HEADER_VALUE},
        {"a:%00", NULL, NULL, -PIRN_E_HEADER_VALUE},
        {"a:\n", NULL, NULL, -PIRN_E_HEADER_VALUE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pirn_str text = pirn_cstr(rows[i].userinfo), user, password;
        char *out = malloc(text.len + 1);
        assert_non_null(out);
        assert_int_equal(pirn_auth_userinfo(text, &user, &password, out + 1, text.len),
                         rows[i].result);
        assert_true(pirn_str_equal(user, pirn_cstr(rows[i].user)));
        assert_int_equal(user.data == NULL, rows[i].user == NULL);
        assert_true(pirn_str_equal(password, pirn_cstr(rows[i].password)));
        assert_int_equal(password.data == NULL, rows[i].password == NULL);
        if (text.len > 0)
            assert_int_equal(pirn_auth_userinfo(text, &user, &password, out + 1, text.len - 1),
                             -PIRN_E_ROOM);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(basic_is_written),
        cmocka_unit_test(bearer_is_written),
        cmocka_unit_test(users_of_urls_are_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
