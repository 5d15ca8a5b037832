#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/error.h>
#include <pirn/handshake.h>

#include "head_feed.h"

/* The nonce of the example in RFC 6455, 1.3, whose key has a known answer. */
static bool sample_nonce(void *context, void *out, size_t len)
{
    (void)context;
    assert_int_equal(len, 16);
    memcpy(out, "the sample nonce", 16);
    return true;
}

static bool no_random(void *context, void *out, size_t len)
{
    (void)context;
    (void)out;
    (void)len;
    return false;
}

#define S PIRN_STR_INIT

static const struct pirn_str subprotocols[] = {S("chat"), S("superchat")};

/* The table. */

enum request { PLAIN, OFFERS, REQUIRES };

#define OFFERING                                                                                   \
    .host = S("a.example"), .subprotocols = subprotocols, .subprotocol_count = 2,                  \
    .extensions = S("permessage-deflate; client_max_window_bits, x-test")

static const struct pirn_client_handshake_config requests[] = {
    [PLAIN] = {.host = S("a.example")},
    [OFFERS] = {OFFERING},
    [REQUIRES] = {OFFERING, .require_subprotocol = true},
};

struct response_case {
    const char *clause;
    enum request request;
    struct pirn_str head;
    int error;
    const char *detail;
};

static const struct response_case response_cases[] = {
#define CASE(...) CASE_ROW(__VA_ARGS__)
#define CASE_ROW(clause, request, head, error, detail)                                             \
    {clause, request, {head, sizeof(head) - 1}, PIRN_E_##error, detail},
#include "cases/handshake_client.def"
#undef CASE_ROW
#undef CASE
};

#define RESPONSE_CASES (sizeof response_cases / sizeof response_cases[0])

static void check_response(void *context, struct pirn_http_head *head, int result)
{
    const struct response_case *row = context;
    struct pirn_client_handshake hs;
    char out[1024];
    assert_true(pirn_client_handshake_write(&hs, &requests[row->request], sample_nonce, NULL, out,
                                            sizeof out) > 0);
    int r = pirn_client_handshake_read_response(&hs, head);
    if (r != -row->error || strcmp(hs.detail, row->detail) != 0)
        print_error("%s: %.60s: %s \"%s\"\n", row->clause, row->head.data, pirn_error_name(r),
                    hs.detail);
    assert_true(result != 0);
    assert_int_equal(r, -row->error);
    assert_int_equal(hs.error, row->error);
    assert_string_equal(hs.detail, row->detail);
    struct pirn_str chosen = pirn_http_find(head, PIRN_STR("Sec-WebSocket-Protocol"));
    if (r == 0)
        assert_true(pirn_str_equal(hs.subprotocol, chosen));
}

static void responses_are_judged_alike_however_they_arrive(void **state)
{
    (void)state;
    for (size_t i = 0; i < RESPONSE_CASES; i++) {
        struct response_case row = response_cases[i];
        head_feed_every_way(PIRN_HTTP_RESPONSE, row.head, check_response, &row);
    }
    assert_true(RESPONSE_CASES >= 60);
}

/* Writing. */

static char out[2048];
static struct pirn_client_handshake hs;

static int write_request(const struct pirn_client_handshake_config *config)
{
    return pirn_client_handshake_write(&hs, config, sample_nonce, NULL, out, sizeof out);
}

static void a_request_is_written(void **state)
{
    (void)state;
    const struct pirn_header extra[] = {{S("Authorization"), S("Basic QQ==")},
                                        {S("Cookie"), S("a=b")}};
    const struct pirn_client_handshake_config config = {
        OFFERING,
        .target = S("/chat?x"),
        .origin = S("http://b.example"),
        .user_agent = S("pirn"),
        .headers = extra,
        .header_count = 2,
    };
    int n = write_request(&config);
    assert_string_equal(out, "GET /chat?x HTTP/1.1\r\n"
                             "Host: a.example\r\n"
                             "Upgrade: websocket\r\n"
                             "Connection: Upgrade\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                             "Sec-WebSocket-Version: 13\r\n"
                             "Origin: http://b.example\r\n"
                             "Sec-WebSocket-Protocol: chat, superchat\r\n"
                             "Sec-WebSocket-Extensions: permessage-deflate; "
                             "client_max_window_bits, x-test\r\n"
                             "User-Agent: pirn\r\n"
                             "Authorization: Basic QQ==\r\n"
                             "Cookie: a=b\r\n\r\n");
    assert_int_equal(n, strlen(out));
    for (size_t cap = 0; cap <= (size_t)n; cap++)
        assert_int_equal(pirn_client_handshake_write(&hs, &config, sample_nonce, NULL, out, cap),
                         -PIRN_E_ROOM);
}

static void our_server_takes_our_request(void **state)
{
    (void)state;
    struct pirn_header headers[PIRN_HTTP_MAX_HEADERS];
    struct pirn_http_head head;
    struct pirn_handshake server;
    for (size_t i = 0; i < 3; i++) {
        int n = write_request(&requests[i]);
        pirn_http_head_init(&head, PIRN_HTTP_REQUEST, headers, PIRN_HTTP_MAX_HEADERS, 0);
        assert_int_equal(pirn_http_head_feed(&head, out, (size_t)n), 1);
        assert_int_equal(pirn_handshake_read_request(&server, &head), 0);
    }
}

static void host_and_target_are_written_right(void **state)
{
    (void)state;
    static const struct {
        struct pirn_client_handshake_config config;
        const char *begin;
    } rows[] = {
        {{.host = S("a")}, "GET / HTTP/1.1\r\nHost: a\r\n"},
        {{.host = S("a"), .target = S("?q=1")}, "GET /?q=1 HTTP/1.1\r\nHost: a\r\n"},
        {{.host = S("a"), .target = S("//x")}, "GET //x HTTP/1.1\r\nHost: a\r\n"},
        {{.host = S("a"), .port = 80}, "GET / HTTP/1.1\r\nHost: a\r\n"},
        {{.host = S("a"), .port = 443}, "GET / HTTP/1.1\r\nHost: a:443\r\n"},
        {{.host = S("a"), .port = 443, .secure = true}, "GET / HTTP/1.1\r\nHost: a\r\n"},
        {{.host = S("a"), .port = 80, .secure = true}, "GET / HTTP/1.1\r\nHost: a:80\r\n"},
        {{.host = S("a"), .port = 65535}, "GET / HTTP/1.1\r\nHost: a:65535\r\n"},
        {{.host = S("::1")}, "GET / HTTP/1.1\r\nHost: [::1]\r\n"},
        {{.host = S("::1"), .port = 9001}, "GET / HTTP/1.1\r\nHost: [::1]:9001\r\n"},
        {{.host = S("127.0.0.1"), .port = 1}, "GET / HTTP/1.1\r\nHost: 127.0.0.1:1\r\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(write_request(&rows[i].config) > 0);
        out[strlen(rows[i].begin)] = '\0';
        assert_string_equal(out, rows[i].begin);
    }
}

static void a_key_needs_randomness(void **state)
{
    (void)state;
    assert_int_equal(
        pirn_client_handshake_write(&hs, &requests[PLAIN], no_random, NULL, out, sizeof out),
        -PIRN_E_RANDOM);
    assert_int_equal(
        pirn_client_handshake_write(&hs, &requests[PLAIN], NULL, NULL, out, sizeof out),
        -PIRN_E_RANDOM);
}

static void an_incomplete_response_is_refused(void **state)
{
    (void)state;
    struct pirn_header headers[4];
    struct pirn_http_head head;
    assert_true(write_request(&requests[PLAIN]) > 0);
    pirn_http_head_init(&head, PIRN_HTTP_RESPONSE, headers, 4, 0);
    assert_int_equal(pirn_http_head_feed(&head, "HTTP/1.1 101 \r\nA: b", 19), 0);
    assert_int_equal(pirn_client_handshake_read_response(&hs, &head), -PIRN_E_STATE);
    assert_string_equal(hs.detail, "response is not complete");
}

static void addresses_are_checked(void **state)
{
    (void)state;
    static const char *const hosts[] = {"",       "a b",   "a:80", "[::1]", "a/b",  "u@a",
                                        "a\r\nX", "::1%1", "a#",   "a?",    "a\\b", "\xc3\xa9"};
    static const char *const targets[] = {"x",     "/a b",  "/a#b",      "#",
                                          "/\r\n", "/\x7f", "/\xc3\xa9", "http://a/"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        const struct pirn_client_handshake_config config = {.host = pirn_cstr(hosts[i])};
        assert_int_equal(write_request(&config), -PIRN_E_URL);
    }
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        const struct pirn_client_handshake_config config = {.host = PIRN_STR("a"),
                                                            .target = pirn_cstr(targets[i])};
        assert_int_equal(write_request(&config), -PIRN_E_URL);
    }
}

static int write_subprotocols(const struct pirn_str *list, size_t count)
{
    const struct pirn_client_handshake_config config = {
        .host = PIRN_STR("a"), .subprotocols = list, .subprotocol_count = count};
    return write_request(&config);
}

static void subprotocols_are_checked(void **state)
{
    (void)state;
    static const struct pirn_str lists[][2] = {
        {S("a"), S("a")},   {S("a b"), S("c")},   {S("a"), S("")},
        {S("a"), S("b,c")}, {S("a\r\n"), S("b")},
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        assert_int_equal(write_subprotocols(lists[i], 2), -PIRN_E_SUBPROTOCOL_HEADER);
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$";
    struct pirn_str many[65];
    for (size_t i = 0; i < 65; i++)
        many[i] = (struct pirn_str){letters + i, 1};
    assert_true(write_subprotocols(many, 64) > 0);
    assert_int_equal(write_subprotocols(many, 65), -PIRN_E_SUBPROTOCOL_HEADER);
}

static void extensions_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"", ",", "a;", "a b", "a; x=\"", "a\r\nX: y", "a; x=\" \""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct pirn_client_handshake_config config = {.host = PIRN_STR("a"),
                                                            .extensions = pirn_cstr(bad[i])};
        assert_int_equal(write_request(&config), -PIRN_E_EXTENSION_HEADER);
    }
}

static int write_header(struct pirn_str name, struct pirn_str value)
{
    const struct pirn_header header = {name, value};
    const struct pirn_client_handshake_config config = {
        .host = PIRN_STR("a"), .headers = &header, .header_count = 1};
    return write_request(&config);
}

static void reserved_headers_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"Host",
                                        "host",
                                        "Origin",
                                        "User-Agent",
                                        "Upgrade",
                                        "UPGRADE",
                                        "Connection",
                                        "Keep-Alive",
                                        "Content-Length",
                                        "Transfer-Encoding",
                                        "Expect",
                                        "Content-Type",
                                        "Proxy-Connection",
                                        "TE",
                                        "Trailer",
                                        "sec-websocket-key",
                                        "Sec-WebSocket-X"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(write_header(pirn_cstr(names[i]), PIRN_STR("x")), -PIRN_E_HEADER_RESERVED);
    assert_true(write_header(PIRN_STR("Sec-Fetch-Mode"), PIRN_STR("websocket")) > 0);
    assert_true(write_header(PIRN_STR("X-Hosts"), PIRN_STR("caf\xc3\xa9")) > 0);
}

/* C17: each character that could end a line, in each string that an application fills. */
static void nothing_can_be_injected_into_requests(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        if (c >= 0x20 && c != 0x7f)
            continue;
        char bad[3] = {'a', (char)c, 'b'};
        struct pirn_str text = {bad, 3};
        const struct pirn_client_handshake_config rows[] = {
            {.host = text},
            {.host = PIRN_STR("a"), .target = text},
            {.host = PIRN_STR("a"), .origin = text},
            {.host = PIRN_STR("a"), .user_agent = text},
            {.host = PIRN_STR("a"), .extensions = text},
            {.host = PIRN_STR("a"), .subprotocols = &text, .subprotocol_count = 1},
        };
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            assert_true(write_request(&rows[i]) < 0);
        assert_int_equal(write_header(text, PIRN_STR("x")), -PIRN_E_HEADER_NAME);
        assert_int_equal(write_header(PIRN_STR("X"), text), -PIRN_E_HEADER_VALUE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses_are_judged_alike_however_they_arrive),
        cmocka_unit_test(a_request_is_written),
        cmocka_unit_test(our_server_takes_our_request),
        cmocka_unit_test(host_and_target_are_written_right),
        cmocka_unit_test(a_key_needs_randomness),
        cmocka_unit_test(an_incomplete_response_is_refused),
        cmocka_unit_test(addresses_are_checked),
        cmocka_unit_test(subprotocols_are_checked),
        cmocka_unit_test(extensions_are_checked),
        cmocka_unit_test(reserved_headers_are_refused),
        cmocka_unit_test(nothing_can_be_injected_into_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
