#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "text.h"

/* "frame of 126 bytes!" in every capacity: what fits is there, what does not is counted. */
static void text_is_cut_and_counted(void **state)
{
    (void)state;
    static const char whole[] = "frame of 126 bytes!";
    for (size_t cap = 1; cap <= sizeof whole + 1; cap++) {
        char data[sizeof whole + 2];
        memset(data, '#', sizeof data);
        struct pirn__text text;
        pirn__text_init(&text, data, cap);
        pirn__text_add_cstr(&text, "frame of ");
        pirn__text_add_number(&text, 126);
        pirn__text_add(&text, (struct pirn_str){NULL, 0});
        pirn__text_add(&text, PIRN_STR(" bytes"));
        pirn__text_add_char(&text, '!');
        size_t kept = cap <= strlen(whole) ? cap - 1 : strlen(whole);
        assert_int_equal(text.len, strlen(whole));
        assert_int_equal(strlen(data), kept);
        assert_memory_equal(data, whole, kept);
        assert_int_equal(data[cap], '#');
    }
}

static void numbers_are_decimal(void **state)
{
    (void)state;
    static const struct {
        uint64_t number;
        const char *text;
    } rows[] = {
        {0, "0"},
        {9, "9"},
        {10, "10"},
        {UINT64_MAX, "18446744073709551615"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char data[24];
        struct pirn__text text;
        pirn__text_init(&text, data, sizeof data);
        pirn__text_add_number(&text, rows[i].number);
        assert_string_equal(data, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_cut_and_counted),
        cmocka_unit_test(numbers_are_decimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
