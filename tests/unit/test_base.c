#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/base.h>
#include <pirn/error.h>

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

static void errors_have_names_and_texts(void **state)
{
    (void)state;
    assert_string_equal(pirn_error_name(PIRN_E_UTF8), "PIRN_E_UTF8");
    assert_string_equal(pirn_error_name(-PIRN_E_UTF8), "PIRN_E_UTF8");
    assert_string_equal(pirn_error_text(-PIRN_E_STATE), "not allowed in this state");
    assert_string_equal(pirn_error_name(99999), "PIRN_E_?");
    assert_string_equal(pirn_error_text(-99999), "unknown error");
#define CHECK_ROW(name, number, text)                                                              \
    assert_string_equal(pirn_error_name(number), "PIRN_E_" #name);                                 \
    assert_string_equal(pirn_error_text(-(number)), text);
    PIRN_ERRORS(CHECK_ROW)
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_compare),
        cmocka_unit_test(errors_have_names_and_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
