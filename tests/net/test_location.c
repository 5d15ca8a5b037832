/* Where redirects lead: RFC 3986, 5.4, and what a client makes of what is no WebSocket URL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <pirn/error.h>

#include "client/location.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct {
    const char *base, *reference, *want; /* NULL: -PIRN_E_URL */
} rows[] = {
    /* RFC 3986, 5.4.1, without "g:h" and ";x" on its own. */
    {"ws://a/b/c/d;p?q", "g", "ws://a/b/c/g"},
    {"ws://a/b/c/d;p?q", "./g", "ws://a/b/c/g"},
    {"ws://a/b/c/d;p?q", "g/", "ws://a/b/c/g/"},
    {"ws://a/b/c/d;p?q", "/g", "ws://a/g"},
    {"ws://a/b/c/d;p?q", "//g", "ws://g/"},
    {"ws://a/b/c/d;p?q", "?y", "ws://a/b/c/d;p?y"},
    {"ws://a/b/c/d;p?q", "g?y", "ws://a/b/c/g?y"},
    {"ws://a/b/c/d;p?q", "#s", "ws://a/b/c/d;p?q"},
    {"ws://a/b/c/d;p?q", "g?y#s", "ws://a/b/c/g?y"},
    {"ws://a/b/c/d;p?q", ";x", "ws://a/b/c/;x"},
    {"ws://a/b/c/d;p?q", "", "ws://a/b/c/d;p?q"},
    {"ws://a/b/c/d;p?q", ".", "ws://a/b/c/"},
    {"ws://a/b/c/d;p?q", "./", "ws://a/b/c/"},
    {"ws://a/b/c/d;p?q", "..", "ws://a/b/"},
    {"ws://a/b/c/d;p?q", "../", "ws://a/b/"},
    {"ws://a/b/c/d;p?q", "../g", "ws://a/b/g"},
    {"ws://a/b/c/d;p?q", "../..", "ws://a/"},
    {"ws://a/b/c/d;p?q", "../../", "ws://a/"},
    {"ws://a/b/c/d;p?q", "../../g", "ws://a/g"},
    /* 5.4.2 */
    {"ws://a/b/c/d;p?q", "../../../g", "ws://a/g"},
    {"ws://a/b/c/d;p?q", "../../../../g", "ws://a/g"},
    {"ws://a/b/c/d;p?q", "/./g", "ws://a/g"},
    {"ws://a/b/c/d;p?q", "/../g", "ws://a/g"},
    {"ws://a/b/c/d;p?q", "g.", "ws://a/b/c/g."},
    {"ws://a/b/c/d;p?q", ".g", "ws://a/b/c/.g"},
    {"ws://a/b/c/d;p?q", "g..", "ws://a/b/c/g.."},
    {"ws://a/b/c/d;p?q", "..g", "ws://a/b/c/..g"},
    {"ws://a/b/c/d;p?q", "./../g", "ws://a/b/g"},
    {"ws://a/b/c/d;p?q", "./g/.", "ws://a/b/c/g/"},
    {"ws://a/b/c/d;p?q", "g/./h", "ws://a/b/c/g/h"},
    {"ws://a/b/c/d;p?q", "g/../h", "ws://a/b/c/h"},
    {"ws://a/b/c/d;p?q", "g?y/../x", "ws://a/b/c/g?y/../x"},
    /* Slashes, and none. */
    {"ws://a/", "g", "ws://a/g"},
    {"ws://a/?q", "?", "ws://a/?"},
    {"ws://a/x//y", "z", "ws://a/x//z"},
    {"ws://a/x//y", "..", "ws://a/x/"},
    {"ws://a/x", "/a//..", "ws://a/a/"},
    /* Other origins. */
    {"ws://a/b", "http://c/d", "ws://c/d"},
    {"ws://a/b", "https://c:443/d?e#f", "wss://c/d?e"},
    {"ws://a/b", "WSS://c:80", "wss://c:80/"},
    {"ws://a/b", "ws://c?q", "ws://c/?q"},
    {"wss://a/b", "//c:443/d/../e", "wss://c/e"},
    {"wss://a:8443/b", "/c", "wss://a:8443/c"},
    {"ws://[::1]:81/b", "c", "ws://[::1]:81/c"},
    {"ws://a/b", "//[::2]", "ws://[::2]/"},
    /* A user of its own does not come along. */
    {"ws://a/b", "ws://mallory:pw@c/d", "ws://c/d"},
    {"ws://a/b", "//mallory:pw@c/d", "ws://c/d"},
    {"ws://a/b", "//c@d@e/", NULL},
    /* What is none. */
    {"ws://a/b", "ftp://c/", NULL},
    {"ws://a/b", "javascript:alert(1)", NULL},
    {"ws://a/b", "mailto:x", NULL},
    {"ws://a/b", "ws:c", NULL},
    {"ws://a/b", "ws://", NULL},
    {"ws://a/b", "//", NULL},
    {"ws://a/b", "///c", NULL},
    {"ws://a/b", "ws://c:0/", NULL},
    {"ws://a/b", "ws://c:65536/", NULL},
    {"ws://a/b", "c d", NULL},
    {"ws://a/b", "/\x01", NULL},
    {"ws://a/b", "/\xc3\xa4", NULL},
    {"ws://a/b", "\\\\c", "ws://a/\\\\c"},
};

static void resolves(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pirn_url base;
        char out[128];
        struct pirn_str reference = pirn_cstr(rows[i].reference);
        assert_int_equal(pirn_url_parse(&base, pirn_cstr(rows[i].base)), 0);
        int len = pirn__location_resolve(&base, reference, out, sizeof out);
        if (rows[i].want ? len < 0 || strcmp(out, rows[i].want) != 0 : len != -PIRN_E_URL)
            fail_msg("%s + \"%s\": %d, %s", rows[i].base, rows[i].reference, len,
                     len < 0 ? "" : out);
        assert_true(len < 0 || (size_t)len == strlen(out));
        for (int cap = 0; cap <= len; cap++)
            assert_int_equal(pirn__location_resolve(&base, reference, out, (size_t)cap),
                             -PIRN_E_ROOM);
    }
}

static void writes(void **state)
{
    (void)state;
    static const char *const urls[][2] = {
        {"http://user:pw@Host:80", "ws://Host/"},
        {"wss://h:80?q", "wss://h:80/?q"},
        {"ws://[1::]/x", "ws://[1::]/x"},
    };
    for (size_t i = 0; i < COUNT(urls); i++) {
        struct pirn_url url;
        char out[64];
        assert_int_equal(pirn_url_parse(&url, pirn_cstr(urls[i][0])), 0);
        assert_int_equal(pirn__location_write(&url, out, sizeof out), strlen(urls[i][1]));
        assert_string_equal(out, urls[i][1]);
    }
}

static void origins(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } pairs[] = {
        {"ws://a/x", "http://A:80/y", true}, {"ws://a", "ws://a:81", false},
        {"ws://a", "wss://a:80", false},     {"ws://a", "ws://b", false},
        {"wss://a", "https://a", true},
    };
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct pirn_url a, b;
        assert_int_equal(pirn_url_parse(&a, pirn_cstr(pairs[i].a)), 0);
        assert_int_equal(pirn_url_parse(&b, pirn_cstr(pairs[i].b)), 0);
        assert_int_equal(pirn__location_same_origin(&a, &b), pairs[i].same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(resolves), cmocka_unit_test(writes),
                                       cmocka_unit_test(origins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
