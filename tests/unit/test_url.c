#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/error.h>
#include <pirn/url.h>

#include "url_host.h"

static void assert_str(struct pirn_str actual, const char *expected)
{
    assert_int_equal(actual.data == NULL, expected == NULL);
    assert_true(pirn_str_equal(actual, pirn_cstr(expected)));
}

/* Parses a copy that ends where its block of the heap ends. */
static int parse(struct pirn_url *url, const char *text, char **copy)
{
    size_t len = strlen(text);
    *copy = malloc(len + 1);
    assert_non_null(*copy);
    memcpy(*copy, text, len);
    return pirn_url_parse(url, (struct pirn_str){*copy, len});
}

struct row {
    const char *text;
    enum pirn_url_scheme scheme;
    bool secure, ipv6;
    uint16_t port;
    const char *userinfo, *host, *target;
};

static void urls_are_taken_apart(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"ws://a", PIRN_URL_WS, false, false, 80, NULL, "a", ""},
        {"wss://a", PIRN_URL_WSS, true, false, 443, NULL, "a", ""},
        {"http://a/", PIRN_URL_HTTP, false, false, 80, NULL, "a", "/"},
        {"https://a/", PIRN_URL_HTTPS, true, false, 443, NULL, "a", "/"},
        {"WS://A.Example/B", PIRN_URL_WS, false, false, 80, NULL, "A.Example", "/B"},
        {"WsS://a:8443/x?y=z", PIRN_URL_WSS, true, false, 8443, NULL, "a", "/x?y=z"},
        {"ws://a?x/y", PIRN_URL_WS, false, false, 80, NULL, "a", "?x/y"},
        {"ws://a:/x", PIRN_URL_WS, false, false, 80, NULL, "a", "/x"},
        {"ws://a:1", PIRN_URL_WS, false, false, 1, NULL, "a", ""},
        {"ws://a:65535", PIRN_URL_WS, false, false, 65535, NULL, "a", ""},
        {"ws://a:0080", PIRN_URL_WS, false, false, 80, NULL, "a", ""},
        {"ws://[::1]", PIRN_URL_WS, false, true, 80, NULL, "::1", ""},
        {"ws://[fe80::1]:9001/x", PIRN_URL_WS, false, true, 9001, NULL, "fe80::1", "/x"},
        {"ws://u:p@a/", PIRN_URL_WS, false, false, 80, "u:p", "a", "/"},
        {"ws://@a/", PIRN_URL_WS, false, false, 80, "", "a", "/"},
        {"ws://u%40@[::1]:81", PIRN_URL_WS, false, true, 81, "u%40", "::1", ""},
        {"ws://127.0.0.1/a@b:c//d", PIRN_URL_WS, false, false, 80, NULL, "127.0.0.1", "/a@b:c//d"},
        {"ws://a_b-c~.!x/", PIRN_URL_WS, false, false, 80, NULL, "a_b-c~.!x", "/"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pirn_url url;
        char *copy;
        assert_int_equal(parse(&url, rows[i].text, &copy), 0);
        assert_int_equal(url.scheme, rows[i].scheme);
        assert_int_equal(url.secure, rows[i].secure);
        assert_int_equal(url.ipv6, rows[i].ipv6);
        assert_int_equal(url.port, rows[i].port);
        assert_str(url.userinfo, rows[i].userinfo);
        assert_str(url.host, rows[i].host);
        assert_str(url.target, rows[i].target);
        free(copy);
    }
}

static const char *const no_urls[] = {
    "",
    "ws",
    "ws:",
    "ws:/",
    "ws://",
    "ws:///x",
    "ws://?x",
    "ws:a",
    "wsx://a",
    "ftp://a",
    "://a",
    "//a",
    "/x",
    "a",
    "a:80",
    " ws://a",
    "ws://a ",
    "ws://a/ b",
    "ws://a#",
    "ws://a/#x",
    "ws://a/\t",
    "ws://a\r\n",
    "ws://a/\x7f",
    "ws://caf\xc3\xa9/",
    "ws://a/\xc3\xa9",
    "ws://:80",
    "ws://a:65536",
    "ws://a:99999999999999999999",
    "ws://a:0",
    "ws://a:x",
    "ws://a:8x",
    "ws://a:-1",
    "ws://a:80:80",
    "ws://a b",
    "ws://a\\b",
    "ws://good\\@evil/",
    "ws://a@b@c",
    "ws://u[@a",
    "ws://u@",
    "ws://[",
    "ws://[]",
    "ws://[::1",
    "ws://::1",
    "ws://[::1]x",
    "ws://[::1]]",
    "ws://[a.b]",
    "ws://[::1%25eth0]",
    "ws://[1:2]",
    "ws://a<b",
    "ws://a|b",
    "ws://a^b",
    "ws://a\"b",
    "ws://a`b",
    "ws://a{b}",
    "ws://a[b",
};

static void what_is_no_websocket_url_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof no_urls / sizeof no_urls[0]; i++) {
        struct pirn_url url;
        char *copy;
        int r = parse(&url, no_urls[i], &copy);
        if (r == 0)
            print_error("%s is taken\n", no_urls[i]);
        assert_int_equal(r, -PIRN_E_URL);
        free(copy);
    }
    struct pirn_url url;
    assert_int_equal(pirn_url_parse(&url, (struct pirn_str){"ws://a\0b", 8}), -PIRN_E_URL);
    assert_int_equal(pirn_url_parse(&url, (struct pirn_str){NULL, 0}), -PIRN_E_URL);
}

static void ipv6_addresses_are_known(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"::", true},
        {"::1", true},
        {"1::", true},
        {"1:2:3:4:5:6:7:8", true},
        {"1:2:3:4:5:6:7::", true},
        {"::2:3:4:5:6:7:8", true},
        {"1::3:4:5:6:7:8", true},
        {"ABCD:ef01::", true},
        {"::1.2.3.4", true},
        {"1:2:3:4:5:6:255.0.10.199", true},
        {"", false},
        {":", false},
        {"1", false},
        {":1", false},
        {"1:", false},
        {":::", false},
        {"1:::2", false},
        {"1::2::3", false},
        {"::1:", false},
        {"1:2:3:4:5:6:7", false},
        {"1:2:3:4:5:6:7:8:9", false},
        {"1:2:3:4:5:6:7:8::", false},
        {"1:2:3:4::5:6:7:8", false},
        {"12345::", false},
        {"g::", false},
        {"1.2.3.4", false},
        {"::1.2.3", false},
        {"::1.2.3.4.5", false},
        {"::1.2.3.256", false},
        {"::1.2.3.04", false},
        {"::1.2.3.1234", false},
        {"::1.2..4", false},
        {"::1.2.3.4:5", false},
        {"1:2:3:4:5:6:7:1.2.3.4", false},
        {"::a.2.3.4", false},
        {"fe80::1%1", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool good = pirn__url_is_ipv6(pirn_cstr(rows[i].text));
        if (good != rows[i].good)
            print_error("%s\n", rows[i].text);
        assert_int_equal(good, rows[i].good);
    }
}

static void authorities_are_taken_apart(void **state)
{
    (void)state;
    struct pirn_url url;
    assert_int_equal(pirn_url_parse_authority(&url, PIRN_STR("a:8080")), 0);
    assert_str(url.host, "a");
    assert_int_equal(url.port, 8080);
    assert_int_equal(pirn_url_parse_authority(&url, PIRN_STR("[::1]")), 0);
    assert_true(url.ipv6);
    assert_int_equal(url.port, 0);
    static const char *const bad[] = {"", "u@a", "a/", "a?", "a b", "\xff", "a:b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(pirn_url_parse_authority(&url, pirn_cstr(bad[i])), -PIRN_E_URL);
    assert_int_equal(pirn_url_parse_authority(&url, (struct pirn_str){NULL, 0}), -PIRN_E_URL);
}

/* As browsers do with what RFC 6455 forbids. */
static void a_fragment_can_be_left_out(void **state)
{
    (void)state;
    static const struct {
        const char *text, *rest;
    } rows[] = {
        {"ws://a/b", "ws://a/b"},     {"ws://a/b#c", "ws://a/b"},
        {"ws://a/b#", "ws://a/b"},    {"#", ""},
        {"ws://a#b#c?d/e", "ws://a"}, {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_true(pirn_str_equal(pirn_url_without_fragment(pirn_cstr(rows[i].text)),
                                   pirn_cstr(rows[i].rest)));
    struct pirn_url url;
    assert_int_equal(pirn_url_parse(&url, PIRN_STR("ws://a/b#c")), -PIRN_E_URL);
    assert_int_equal(pirn_url_parse(&url, pirn_url_without_fragment(PIRN_STR("ws://a/b#c"))), 0);
    assert_null(pirn_url_without_fragment((struct pirn_str){NULL, 0}).data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_taken_apart),
        cmocka_unit_test(what_is_no_websocket_url_is_refused),
        cmocka_unit_test(a_fragment_can_be_left_out),
        cmocka_unit_test(ipv6_addresses_are_known),
        cmocka_unit_test(authorities_are_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
