#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/http.h>

static struct pirn_header headers[PIRN_HTTP_MAX_HEADERS];
static struct pirn_http_head head;

static void assert_str(struct pirn_str actual, const char *expected)
{
    assert_int_equal(actual.data == NULL, expected == NULL);
    assert_true(pirn_str_equal(actual, pirn_cstr(expected)));
}

static int begin(void **state)
{
    (void)state;
    pirn_http_head_init(&head, PIRN_HTTP_REQUEST, headers, PIRN_HTTP_MAX_HEADERS, 0);
    return pirn_http_head_set_request(&head, PIRN_STR("GET"), PIRN_STR("/"), 1);
}

static void add(const char *name, const char *value)
{
    assert_int_equal(pirn_http_head_add(&head, pirn_cstr(name), pirn_cstr(value)), 0);
}

static void headers_are_found_in_any_case(void **state)
{
    (void)state;
    add("A", "1");
    add("B", "2");
    add("a", "3");
    assert_str(pirn_http_find(&head, PIRN_STR("a")), "1");
    assert_str(pirn_http_find(&head, PIRN_STR("b")), "2");
    assert_str(pirn_http_find(&head, PIRN_STR("c")), NULL);
    assert_int_equal(pirn_http_count(&head, PIRN_STR("A")), 2);
    assert_int_equal(pirn_http_count(&head, PIRN_STR("c")), 0);
    const struct pirn_header *h = pirn_http_next(&head, PIRN_STR("a"), NULL);
    h = pirn_http_next(&head, PIRN_STR("a"), h);
    assert_str(h->value, "3");
    assert_null(pirn_http_next(&head, PIRN_STR("a"), h));
}

static void tokens_are_found_in_lists(void **state)
{
    (void)state;
    add("Connection", "keep-alive, \"upgrade, x\"");
    add("connection", ",UPGRADE ");
    assert_true(pirn_http_has_token(&head, PIRN_STR("Connection"), PIRN_STR("upgrade")));
    assert_true(pirn_http_has_token(&head, PIRN_STR("Connection"), PIRN_STR("Keep-Alive")));
    assert_false(pirn_http_has_token(&head, PIRN_STR("Connection"), PIRN_STR("x")));
    assert_false(pirn_http_has_token(&head, PIRN_STR("Connection"), PIRN_STR("keep")));
    assert_false(pirn_http_has_token(&head, PIRN_STR("Upgrade"), PIRN_STR("upgrade")));
}

/* Joins the elements with "|". */
static const char *elements_of(struct pirn_str value)
{
    static char out[256];
    size_t len = 0;
    struct pirn_http_list list;
    struct pirn_str item;
    pirn_http_list_init_value(&list, value);
    while (pirn_http_list_next(&list, &item)) {
        memcpy(out + len, item.data, item.len);
        len += item.len;
        out[len++] = '|';
    }
    assert_false(pirn_http_list_next(&list, &item));
    out[len] = '\0';
    return out;
}

static void lists_are_split_at_commas(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},
        {",", ""},
        {" , ,\t", ""},
        {"a", "a|"},
        {"a,b", "a|b|"},
        {" a \t,\tb c ,", "a|b c|"},
        {"a;x=\"1,2\",b", "a;x=\"1,2\"|b|"},
        {"\"a\\\",b", "\"a\\\",b|"},
        {"\"a\\\\\",b", "\"a\\\\\"|b|"},
        {"\"a,b", "\"a,b|"},
        {"\"a,b\\", "\"a,b\\|"},
        {"a\\,b", "a\\|b|"},
        {"a\"b,c\"d,e", "a\"b,c\"d|e|"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(elements_of(pirn_cstr(rows[i][0])), rows[i][1]);
    assert_string_equal(elements_of((struct pirn_str){NULL, 0}), "");
}

static void lists_go_over_all_headers(void **state)
{
    (void)state;
    struct pirn_http_list list;
    struct pirn_str item;
    add("L", "");
    add("L", "a, \"b");
    add("M", "x");
    add("l", "c\",");
    add("L", "d");
    pirn_http_list_init(&list, &head, PIRN_STR("L"));
    static const char *const items[] = {"a", "\"b", "c\",", "d"};
    for (size_t i = 0; i < 4; i++) {
        assert_true(pirn_http_list_next(&list, &item));
        assert_str(item, items[i]);
    }
    assert_false(pirn_http_list_next(&list, &item));
    assert_false(pirn_http_list_next(&list, &item));
}

static void a_list_of_10000_commas_is_read_in_one_pass(void **state)
{
    (void)state;
    static char commas[10000];
    struct pirn_http_list list;
    struct pirn_str item;
    memset(commas, ',', sizeof commas);
    commas[sizeof commas - 1] = 'x';
    pirn_http_list_init_value(&list, (struct pirn_str){commas, sizeof commas});
    assert_true(pirn_http_list_next(&list, &item));
    assert_ptr_equal(item.data, commas + sizeof commas - 1);
    assert_int_equal(list.rest.len, 0);
    assert_false(pirn_http_list_next(&list, &item));
}

static void cookies_are_found(void **state)
{
    (void)state;
    add("Cookie", "a=1;; b=\"2\";c=x=y;  d = 4 ; flag; e=; a=9");
    add("cookie", "f=6");
    static const char *const rows[][2] = {{"a", "1"}, {"b", "\"2\""}, {"c", "x=y"},
                                          {"d", "4"}, {"e", ""},      {"f", "6"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_str(pirn_http_cookie(&head, pirn_cstr(rows[i][0])), rows[i][1]);
    static const char *const absent[] = {"A", "flag", "x", "g", ""};
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        assert_str(pirn_http_cookie(&head, pirn_cstr(absent[i])), NULL);
}

static void tokens_and_values_are_told(void **state)
{
    (void)state;
    assert_true(pirn_http_is_token(PIRN_STR("permessage-deflate")));
    assert_false(pirn_http_is_token(PIRN_STR("")));
    assert_false(pirn_http_is_token(PIRN_STR("a b")));
    assert_false(pirn_http_is_token(PIRN_STR("a\0")));
    assert_true(pirn_http_is_value(PIRN_STR("")));
    assert_true(pirn_http_is_value(PIRN_STR("a \"b\" \xc3\xa9")));
    assert_false(pirn_http_is_value(PIRN_STR("a\nb")));
    assert_false(pirn_http_is_value(PIRN_STR("a\tb")));
    assert_false(pirn_http_is_value(PIRN_STR("a\0b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(headers_are_found_in_any_case, begin),
        cmocka_unit_test_setup(tokens_are_found_in_lists, begin),
        cmocka_unit_test(lists_are_split_at_commas),
        cmocka_unit_test_setup(lists_go_over_all_headers, begin),
        cmocka_unit_test(a_list_of_10000_commas_is_read_in_one_pass),
        cmocka_unit_test_setup(cookies_are_found, begin),
        cmocka_unit_test(tokens_and_values_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
