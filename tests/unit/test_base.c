#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/base.h>
#include <pirn/error.h>

#include "instructions.h"

static void strings_compare(void **state)
{
    (void)state;
    assert_string_equal(pirn_version(), PIRN_VERSION_STRING);
    assert_true(pirn_str_equal(pirn_cstr("abc"), PIRN_STR("abc")));
    assert_false(pirn_str_equal(pirn_cstr("abc"), PIRN_STR("abd")));
    assert_false(pirn_str_equal(pirn_cstr("abc"), PIRN_STR("ab")));
    assert_true(pirn_str_equal(pirn_cstr(NULL), PIRN_STR("")));
    assert_true(pirn_str_equal_nocase(PIRN_STR("UpGrade@["), PIRN_STR("uPgRADE@[")));
    assert_false(pirn_str_equal_nocase(PIRN_STR("@"), PIRN_STR("`")));
    assert_false(pirn_str_equal_nocase(PIRN_STR("["), PIRN_STR("{")));
    assert_false(pirn_str_equal_nocase(PIRN_STR("a"), PIRN_STR("ab")));
    assert_null(pirn_cstr(NULL).data);
    assert_non_null(PIRN_STR("").data);
}

/* ---- secrets */

static const char secret[] = "correct horse battery staple 0123456789";
static char guess[sizeof secret];
static bool equal;

static void compare_all_but_one(size_t place)
{
    memcpy(guess, secret, sizeof secret);
    if (place < sizeof secret - 1)
        guess[place] ^= 1;
    equal = pirn_str_equal_secret(pirn_cstr(secret), pirn_cstr(guess));
}

static void secrets_compare(void **state)
{
    (void)state;
    for (size_t place = 0; place < sizeof secret; place++) {
        compare_all_but_one(place);
        assert_int_equal(equal, place == sizeof secret - 1);
    }
    assert_false(pirn_str_equal_secret(PIRN_STR("abc"), PIRN_STR("ab")));
    assert_true(pirn_str_equal_secret(PIRN_STR(""), pirn_cstr(NULL)));
}

/* Wherever the first wrong byte is, and if there is none, the same work is done (S19). */
static void secrets_take_the_same_time(void **state)
{
    (void)state;
    const char *sanitizers = getenv("PIRN_SANITIZE");
    if (sanitizers && *sanitizers)
        skip();
    uint64_t first = instructions_of(compare_all_but_one, 0);
    if (first == 0)
        skip();
    for (size_t place = 1; place < sizeof secret; place += 6)
        assert_int_equal(instructions_of(compare_all_but_one, place), first);
}

static void errors_have_names_and_texts(void **state)
{
    (void)state;
    assert_string_equal(pirn_error_name(PIRN_E_UTF8), "PIRN_E_UTF8");
    assert_string_equal(pirn_error_name(-PIRN_E_UTF8), "PIRN_E_UTF8");
    assert_string_equal(pirn_error_text(-PIRN_E_STATE), "not allowed in this state");
    assert_string_equal(pirn_error_name(99999), "PIRN_E_?");
    assert_string_equal(pirn_error_text(-99999), "unknown error");
    assert_string_equal(pirn_error_name(INT_MIN), "PIRN_E_?");
    assert_string_equal(pirn_error_text(INT_MIN), "unknown error");
#define CHECK_ROW(name, number, text)                                                              \
    assert_string_equal(pirn_error_name(number), "PIRN_E_" #name);                                 \
    assert_string_equal(pirn_error_text(-(number)), text);
    PIRN_ERRORS(CHECK_ROW)
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_compare),
        cmocka_unit_test(secrets_compare),
        cmocka_unit_test(secrets_take_the_same_time),
        cmocka_unit_test(errors_have_names_and_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
