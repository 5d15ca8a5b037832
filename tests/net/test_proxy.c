#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dial/proxy.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void urls_are_taken_apart(void **state)
{
    static const struct {
        const char *text;
        enum pirn__proxy_kind kind;
        const char *host;
        uint16_t port;
        const char *userinfo;
        bool wants_address;
    } rows[] = {
        {"http://proxy.test", PIRN__PROXY_HTTP, "proxy.test", 8080, NULL, false},
        {"HTTP://proxy.test/", PIRN__PROXY_HTTP, "proxy.test", 8080, NULL, false},
        {"http://proxy.test:3128/", PIRN__PROXY_HTTP, "proxy.test", 3128, NULL, false},
        {"proxy.test", PIRN__PROXY_HTTP, "proxy.test", 8080, NULL, false},
        {"proxy.test:80", PIRN__PROXY_HTTP, "proxy.test", 80, NULL, false},
        {"127.0.0.1:1", PIRN__PROXY_HTTP, "127.0.0.1", 1, NULL, false},
        {"[::1]", PIRN__PROXY_HTTP, "::1", 8080, NULL, false},
        {"http://[::1]:9", PIRN__PROXY_HTTP, "::1", 9, NULL, false},
        {"socks4://s", PIRN__PROXY_SOCKS4, "s", 1080, NULL, true},
        {"socks4a://s:1", PIRN__PROXY_SOCKS4A, "s", 1, NULL, false},
        {"socks5://s", PIRN__PROXY_SOCKS5, "s", 1080, NULL, true},
        {"socks5h://s/", PIRN__PROXY_SOCKS5H, "s", 1080, NULL, false},
        {"socks://s", PIRN__PROXY_SOCKS4, "s", 1080, NULL, true},
        {"http://ada:secret@s", PIRN__PROXY_HTTP, "s", 8080, "ada:secret", false},
        {"ada@s:1", PIRN__PROXY_HTTP, "s", 1, "ada", false},
        {"http://a%40b:c@d@s", PIRN__PROXY_HTTP, "s", 8080, "a%40b:c@d", false},
        {"http://@s", PIRN__PROXY_HTTP, "s", 8080, "", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pirn__proxy proxy;
        size_t len = strlen(rows[i].text);
        char *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy + 1, rows[i].text, len);
        if (pirn__proxy_parse(&proxy, (struct pirn_str){copy + 1, len}) != 0)
            fail_msg("refused: %s", rows[i].text);
        assert_int_equal(proxy.kind, rows[i].kind);
        assert_true(pirn_str_equal(proxy.host, pirn_cstr(rows[i].host)));
        assert_int_equal(proxy.port, rows[i].port);
        assert_int_equal(proxy.userinfo.data == NULL, rows[i].userinfo == NULL);
        assert_true(pirn_str_equal(proxy.userinfo, pirn_cstr(rows[i].userinfo)));
        assert_int_equal(pirn__proxy_wants_address(&proxy), rows[i].wants_address);
        free(copy);
    }
}

static void urls_that_are_none_are_refused(void **state)
{
    static const char *const texts[] = {
        "",           "http://",        "http:///",          "https://s",      "ftp://s",
        "://s",       "socks5:///s",    "http://s/path",     "http://s?q",     "http://s#f",
        "http://s:0", "http://s:65536", "http://s:x",        "http://s t",     "http://s\n",
        "http://::1", "http://a%0@s",   "http://a%0d%0aX@s", "http://a:%00@s",
    };
    static char long_one[PIRN__PROXY_URL_MAX + 2];
    struct pirn__proxy proxy;
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        if (pirn__proxy_parse(&proxy, pirn_cstr(texts[i])) != -PIRN_E_PROXY_URL)
            fail_msg("taken: %s", texts[i]);
    memset(long_one, 'a', sizeof long_one - 1);
    long_one[sizeof long_one - 3] = '@';
    assert_int_equal(pirn__proxy_parse(&proxy, pirn_cstr(long_one)), -PIRN_E_PROXY_URL);
    assert_int_equal(pirn__proxy_parse(&proxy, pirn_cstr(long_one + 1)), 0);
}

static void hosts_are_excluded(void **state)
{
    static const struct {
        const char *list, *host;
        uint16_t port;
        bool excluded;
    } rows[] = {
        {"", "a.test", 80, false},
        {"*", "a.test", 80, true},
        {"b.test, *", "a.test", 80, true},
        {"a.test", "a.test", 80, true},
        {"A.Test", "a.tESt", 80, true},
        {"a.test", "a.test.", 80, true},
        {"a.test.", "a.test", 80, true},
        {"a.test", "www.a.test", 80, true},
        {".a.test", "www.a.test", 80, true},
        {".a.test", "a.test", 80, true},
        {"*.a.test", "www.a.test", 80, true},
        {"a.test", "ba.test", 80, false},
        {"a.test", "a.test.org", 80, false},
        {"www.a.test", "a.test", 80, false},
        {"a", "b", 80, false},
        {",, b.test\t a.test ,", "a.test", 80, true},
        {".", "a.test", 80, false},
        {"*.", "a.test", 80, false},
        {"localhost", "localhost", 80, true},
        {"a.test:80", "a.test", 80, true},
        {"a.test:81", "a.test", 80, false},
        {"a.test:", "a.test", 80, false},
        {"a.test:x", "a.test", 80, false},
        {"a.test:655360080", "a.test", 80, false},
        {"127.0.0.1", "127.0.0.1", 80, true},
        {"127.0.0.1:80", "127.0.0.1", 80, true},
        {"127.0.0.1:81", "127.0.0.1", 80, false},
        {"127.0.0.1", "127.0.0.2", 80, false},
        {"127.0.0.0/8", "127.1.2.3", 80, true},
        {"127.0.0.0/8", "128.0.0.1", 80, false},
        {"10.1.2.0/23", "10.1.3.255", 80, true},
        {"10.1.2.0/23", "10.1.4.0", 80, false},
        {"0.0.0.0/0", "10.1.4.0", 80, true},
        {"10.0.0.0/33", "10.0.0.0", 80, false},
        {"10.0.0.0/", "10.0.0.0", 80, false},
        {"10.0.0.0/8x", "10.0.0.0", 80, false},
        {"0.0.0.0/0", "::1", 80, false},
        {"0.1", "127.0.0.1", 80, false}, /* an address is no name */
        {"::1", "::1", 80, true},
        {"[::1]", "::1", 80, true},
        {"[::1]:80", "::1", 80, true},
        {"[::1]:81", "::1", 80, false},
        {"[::1", "::1", 80, true},
        {"[::1]x", "::1", 80, false},
        {"0::1", "::1", 80, true},
        {"fe80::/10", "febf::1", 80, true},
        {"fe80::/10", "fec0::1", 80, false},
        {"::/0", "::1", 80, true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t len = strlen(rows[i].list);
        char *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy + 1, rows[i].list, len);
        if (pirn__proxy_excludes((struct pirn_str){copy + 1, len}, pirn_cstr(rows[i].host),
                                 rows[i].port) != rows[i].excluded)
            fail_msg("%s and %s", rows[i].list, rows[i].host);
        free(copy);
    }
    assert_false(pirn__proxy_excludes((struct pirn_str){NULL, 0}, PIRN_STR("a"), 80));
}

static void the_environment_is_asked(void **state)
{
    static const struct {
        const char *set[8]; /* name, value, ... */
        bool secure;
        const char *proxy;
    } rows[] = {
        {{NULL}, false, NULL},
        {{NULL}, true, NULL},
        {{"http_proxy", "a"}, false, "a"},
        {{"http_proxy", "a"}, true, NULL},
        {{"HTTP_PROXY", "a"}, false, NULL}, /* a request's Proxy header, in a CGI program */
        {{"https_proxy", "a"}, true, "a"},
        {{"https_proxy", "a"}, false, NULL},
        {{"HTTPS_PROXY", "a"}, true, "a"},
        {{"HTTPS_PROXY", "a", "https_proxy", "b"}, true, "b"},
        {{"HTTPS_PROXY", "a", "https_proxy", ""}, true, "a"},
        {{"ALL_PROXY", "a"}, true, "a"},
        {{"ALL_PROXY", "a"}, false, "a"},
        {{"all_proxy", "a", "ALL_PROXY", "b"}, false, "a"},
        {{"all_proxy", "a", "http_proxy", "b"}, false, "b"},
        {{"all_proxy", "a", "no_proxy", "x.test"}, false, NULL},
        {{"all_proxy", "a", "NO_PROXY", "test"}, true, NULL},
        {{"all_proxy", "a", "NO_PROXY", "test", "no_proxy", "y.test"}, true, "a"},
        {{"all_proxy", "a", "no_proxy", "x.test:81"}, false, "a"},
    };
    static const char *const names[] = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                        "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY"};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t n = 0; n < COUNT(names); n++)
            unsetenv(names[n]);
        for (size_t n = 0; n < COUNT(rows[i].set) && rows[i].set[n]; n += 2)
            setenv(rows[i].set[n], rows[i].set[n + 1], 1);
        struct pirn_str proxy =
            pirn__proxy_from_environment(rows[i].secure, PIRN_STR("x.test"), 80);
        assert_int_equal(proxy.data == NULL, rows[i].proxy == NULL);
        assert_true(pirn_str_equal(proxy, pirn_cstr(rows[i].proxy)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_taken_apart),
        cmocka_unit_test(urls_that_are_none_are_refused),
        cmocka_unit_test(hosts_are_excluded),
        cmocka_unit_test(the_environment_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
