#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/error.h>
#include <pirn/extension.h>
#include <pirn/http.h>

static struct pirn_extension_element extension;
static char out[1024];

static void assert_str(struct pirn_str actual, const char *expected)
{
    assert_int_equal(actual.data == NULL, expected == NULL);
    assert_true(pirn_str_equal(actual, pirn_cstr(expected)));
}

/* Parses a copy that ends where its block of the heap ends, and writes what was read. */
static int parse_and_write(const char *text)
{
    size_t len = strlen(text);
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    int r = pirn_extension_element_parse(&extension, (struct pirn_str){copy, len});
    if (r == 0)
        r = pirn_extension_element_write(&extension, out, sizeof out);
    free(copy);
    return r;
}

static void extensions_are_read_and_written(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"a", "a"},
        {" a ", "a"},
        {"a;b", "a; b"},
        {"a ;\tb ; c = d", "a; b; c=d"},
        {"permessage-deflate; client_max_window_bits",
         "permessage-deflate; client_max_window_bits"},
        {"permessage-deflate; server_max_window_bits=10",
         "permessage-deflate; server_max_window_bits=10"},
        {"p; server_max_window_bits=\"10\"", "p; server_max_window_bits=10"},
        {"p; x=\"\\1\\0\"", "p; x=10"},
        {"p; x=\"1\\0\"; y=\"\\2\"; z=\"3\"", "p; x=10; y=2; z=3"},
        {"p; x=7; x=8; x", "p; x=7; x=8; x"},
        {"constructor; __proto__=toString", "constructor; __proto__=toString"},
        {"a;b;b;b;b;b;b;b;b;b;b;b;b;b;b;b;b", "a; b; b; b; b; b; b; b; b; b; b; b; b; b; b; b; b"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(parse_and_write(rows[i][0]), strlen(rows[i][1]));
        assert_string_equal(out, rows[i][1]);
    }
}

static void malformed_extensions_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        " ",
        ";",
        "a;",
        "a; ",
        "a;;b",
        ";a",
        "a b",
        "a,b",
        "a=1",
        "a/b",
        "\"a\"",
        "a; b c",
        "a; =",
        "a; =1",
        "a; b=",
        "a; b= ;c",
        "a; b==1",
        "a; b=1=2",
        "a; b=1 2",
        "a; b=\"",
        "a; b=\"\"",
        "a; b=\"1",
        "a; b=\"1\\",
        "a; b=\"1\\\"",
        "a; b=\"1\"2",
        "a; b=\"1 2\"",
        "a; b=\"1\\ 2\"",
        "a; b=\"\\\"\"",
        "a; b=\"1,2\"",
        "a; b=\"1;2\"",
        "a; \"b\"",
        "a; b=\x01",
        "a; b=\xc3\xa9",
        "a;b;b;b;b;b;b;b;b;b;b;b;b;b;b;b;b;b",
        "a;b;b;b;b;b;b;b;b;b;b;b;b;b;b;b;b;",
        "a\\",
        "a; b=\\1",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int r = parse_and_write(rows[i]);
        if (r >= 0)
            print_error("%s\n", rows[i]);
        assert_int_equal(r, -PIRN_E_EXTENSION_HEADER);
    }
    assert_int_equal(pirn_extension_element_parse(&extension, PIRN_STR("a\0b")),
                     -PIRN_E_EXTENSION_HEADER);
}

/* Values with backslashes have room for 64 bytes, all together. */
static void escaped_values_have_a_limit(void **state)
{
    (void)state;
    char text[256];
    for (size_t len = 1; len < 80; len++) {
        char *at = text;
        memcpy(at, "a; b=\"", 6);
        at += 6;
        memset(at, 'x', len - 1);
        at += len - 1;
        memcpy(at, "\\y\"", 4);
        int r = parse_and_write(text);
        assert_int_equal(r, len <= 64 ? (int)len + 5 : -PIRN_E_EXTENSION_HEADER);
        if (r > 0)
            assert_int_equal(extension.params[0].value.len, len);
    }
    assert_true(parse_and_write("a; b=\"\\123456789012345678901234567890\"; "
                                "c=\"\\1234567890123456789012345678901234\"") > 0);
    assert_int_equal(parse_and_write("a; b=\"\\123456789012345678901234567890\"; "
                                     "c=\"\\12345678901234567890123456789012345\""),
                     -PIRN_E_EXTENSION_HEADER);
    /* Without a backslash they are slices. */
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "a; b=\"", 6);
    memcpy(text + sizeof text - 2, "\"", 2);
    assert_true(parse_and_write(text) > 200);
}

static void parameters_are_found(void **state)
{
    (void)state;
    assert_int_equal(pirn_extension_element_parse(&extension, PIRN_STR("x; a=1; b; a=2; B=3")), 0);
    assert_str(extension.name, "x");
    assert_int_equal(extension.param_count, 4);
    assert_str(pirn_extension_element_find(&extension, PIRN_STR("a"))->value, "1");
    assert_str(pirn_extension_element_find(&extension, PIRN_STR("b"))->value, NULL);
    assert_str(pirn_extension_element_find(&extension, PIRN_STR("B"))->value, "3");
    assert_null(pirn_extension_element_find(&extension, PIRN_STR("c")));
    assert_null(pirn_extension_element_find(&extension, PIRN_STR("")));
}

static void offers_are_read_from_a_list(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c"};
    struct pirn_http_list list;
    struct pirn_str item;
    size_t count = 0;
    pirn_http_list_init_value(&list, PIRN_STR("a; x=\"1\", b,, c; y"));
    for (; pirn_http_list_next(&list, &item); count++) {
        assert_int_equal(pirn_extension_element_parse(&extension, item), 0);
        assert_str(extension.name, names[count]);
    }
    assert_int_equal(count, 3);
}

static int write(const char *name, const char *param, const char *value, size_t cap)
{
    const struct pirn_extension_element made = {
        .name = pirn_cstr(name),
        .param_count = 1,
        .params = {{pirn_cstr(param), pirn_cstr(value)}},
    };
    return pirn_extension_element_write(&made, out, cap);
}

static void only_tokens_are_written(void **state)
{
    (void)state;
    assert_int_equal(write("a", "b", "c", 6), -PIRN_E_ROOM);
    assert_int_equal(write("a", "b", "c", 0), -PIRN_E_ROOM);
    assert_int_equal(write("a", "b", "c", 7), 6);
    assert_string_equal(out, "a; b=c");
    assert_int_equal(write("a", "b", NULL, 8), 4);
    static const char *const bad[] = {"", "x y", "x\r\n", "x,y", "x;", "\"x\""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(write(bad[i], "b", "c", 64), -PIRN_E_TOKEN);
        assert_int_equal(write("a", bad[i], "c", 64), -PIRN_E_TOKEN);
        assert_int_equal(write("a", "b", bad[i], 64), -PIRN_E_TOKEN);
    }
    extension.param_count = PIRN_EXTENSION_MAX_PARAMS + 1;
    assert_int_equal(pirn_extension_element_write(&extension, out, sizeof out), -PIRN_E_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(extensions_are_read_and_written),
        cmocka_unit_test(malformed_extensions_are_refused),
        cmocka_unit_test(escaped_values_have_a_limit),
        cmocka_unit_test(parameters_are_found),
        cmocka_unit_test(offers_are_read_from_a_list),
        cmocka_unit_test(only_tokens_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
