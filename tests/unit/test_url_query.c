#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/error.h>
#include <pirn/url.h>

#define NONE (-PIRN_E_URL)

/* Looks in a copy that ends where its block of the heap ends. */
static int look(const char *query, struct pirn_str name, char *out, size_t cap)
{
    size_t len = strlen(query);
    char *copy = malloc(len + 1);
    assert_non_null(copy);
    memmove(copy + 1, query, len);
    int result = pirn_url_parameter((struct pirn_str){copy + 1, len}, name, out, cap);
    free(copy);
    return result;
}

static void parameters_are_found_and_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *query, *name, *value;
        int result;
    } rows[] = {
        {"nick=ada", "nick", "ada", 3},
        {"a=1&nick=ada&b", "nick", "ada", 3},
        {"nick=ada&nick=bob", "nick", "ada", 3},
        {"a=nick=x&nick=b=c", "nick", "b=c", 3},
        {"nick", "nick", "", 0},
        {"nick=", "nick", "", 0},
        {"&&nick=&&", "nick", "", 0},
        {"nick=a%26b%3Dc%3d", "nick", "a&b=c=", 6},
        {"nick=a+b%20c%2B", "nick", "a b c+", 6},
        {"nick=%C3%BC\xC3\xBC", "nick", "\xC3\xBC\xC3\xBC", 4},
        {"nick=%aF", "nick", "\xAF", 1},
        {"=x", "", "x", 1},
        {"", "nick", "", NONE},
        {"&", "", "", NONE},
        {"nickname=ada", "nick", "", NONE},
        {"Nick=ada", "nick", "", NONE},
        {"ni%63k=ada", "nick", "", NONE},
        {"nick=ada%", "nick", "", NONE},
        {"nick=ada%4", "nick", "", NONE},
        {"nick=%g0", "nick", "", NONE},
        {"nick=%0/", "nick", "", NONE},
        {"nick=%4&1", "nick", "", NONE},
        {"nick=12345678", "nick", "", -PIRN_E_ROOM},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[8] = "?";
        assert_int_equal(look(rows[i].query, pirn_cstr(rows[i].name), out, sizeof out),
                         rows[i].result);
        assert_string_equal(out, rows[i].value);
    }
}

static void a_value_may_hold_nul(void **state)
{
    (void)state;
    char out[8];
    assert_int_equal(look("x=a%00b", PIRN_STR("x"), out, sizeof out), 3);
    assert_memory_equal(out, "a\0b", 4);
}

static void there_must_be_room_for_the_nul(void **state)
{
    (void)state;
    char out[4] = "???";
    assert_int_equal(look("x=ab", PIRN_STR("x"), out, 3), 2);
    assert_int_equal(look("x=ab", PIRN_STR("x"), out, 2), -PIRN_E_ROOM);
    assert_int_equal(look("x=", PIRN_STR("x"), out, 1), 0);
    assert_int_equal(look("x=", PIRN_STR("x"), NULL, 0), -PIRN_E_ROOM);
    assert_int_equal(look("x=ab", PIRN_STR("x"), out, SIZE_MAX), 2);
    assert_int_equal(pirn_url_parameter((struct pirn_str){NULL, 0}, PIRN_STR("x"), NULL, 0), NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_found_and_decoded),
        cmocka_unit_test(a_value_may_hold_nul),
        cmocka_unit_test(there_must_be_room_for_the_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
