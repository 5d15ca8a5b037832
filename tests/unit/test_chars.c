#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "chars.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* The grammars once more, by enumeration or by range. */
static unsigned expected_sets(int c)
{
    bool printable = c >= 0x20 && c != 0x7f;
    unsigned sets = 0;
    if (c != 0 && strchr(LETTERS "!#$%&'*+-.^_`|~", c))
        sets |= PIRN__TOKEN;
    if (c > 0x20 && c < 0x7f && c != '#')
        sets |= PIRN__TARGET;
    if (c != 0 && strchr(LETTERS "-._~!$&'()*+,;=%", c))
        sets |= PIRN__HOST;
    if (printable)
        sets |= PIRN__VALUE;
    if (printable || c == '\t')
        sets |= PIRN__FIELD;
    if (c != 0 && strchr(LETTERS "+/", c))
        sets |= PIRN__BASE64;
    return sets;
}

static void the_table_has_the_grammars(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++)
        assert_int_equal(pirn__char_sets[c], expected_sets(c));
}

static void texts_are_cut(void **state)
{
    (void)state;
    struct pirn_str rest = PIRN_STR("abc: d");
    assert_true(pirn_str_equal(pirn__take(&rest, PIRN__TOKEN), PIRN_STR("abc")));
    assert_false(pirn__take_char(&rest, ' '));
    assert_true(pirn__take_char(&rest, ':'));
    assert_true(pirn_str_equal(pirn__trim(rest), PIRN_STR("d")));
    assert_true(pirn_str_equal(pirn__trim(PIRN_STR("\t a b \t")), PIRN_STR("a b")));
    assert_int_equal(pirn__trim(PIRN_STR(" \t ")).len, 0);
    assert_non_null(pirn__trim(PIRN_STR(" ")).data);
    rest = PIRN_STR("");
    assert_false(pirn__take_char(&rest, 'a'));
    assert_false(pirn__all(rest, PIRN__VALUE));
    assert_null(pirn__skip((struct pirn_str){NULL, 0}, 0).data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_has_the_grammars),
        cmocka_unit_test(texts_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
