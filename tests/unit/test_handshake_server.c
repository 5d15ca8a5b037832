#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/error.h>
#include <pirn/handshake.h>

#include "head_feed.h"

/* The table. */

struct request_case {
    const char *clause;
    struct pirn_str head;
    int error;
    int status;
    const char *detail;
};

static const struct request_case request_cases[] = {
#define CASE(...) CASE_ROW(__VA_ARGS__)
#define CASE_ROW(clause, head, error, status, detail)                                              \
    {clause, {head, sizeof(head) - 1}, PIRN_E_##error, status, detail},
#include "cases/handshake_server.def"
#undef CASE_ROW
#undef CASE
};

#define REQUEST_CASES (sizeof request_cases / sizeof request_cases[0])

static void check_request(void *context, struct pirn_http_head *head, int result)
{
    const struct request_case *row = context;
    struct pirn_handshake hs;
    int r = pirn_handshake_read_request(&hs, head);
    if (r != -row->error || strcmp(hs.detail, row->detail) != 0)
        print_error("%s: %.60s: %s \"%s\"\n", row->clause, row->head.data, pirn_error_name(r),
                    hs.detail);
    assert_true(result != 0);
    assert_int_equal(r, -row->error);
    assert_int_equal(hs.error, row->error);
    assert_int_equal(hs.status, row->status);
    assert_string_equal(hs.detail, row->detail);
}

static void requests_are_judged_alike_however_they_arrive(void **state)
{
    (void)state;
    for (size_t i = 0; i < REQUEST_CASES; i++) {
        struct request_case row = request_cases[i];
        head_feed_every_way(PIRN_HTTP_REQUEST, row.head, check_request, &row);
    }
    assert_true(REQUEST_CASES >= 120);
}

/* What is refused is answered with its own status and explanation. */
static void every_refusal_can_be_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < REQUEST_CASES; i++) {
        const struct request_case *row = &request_cases[i];
        char out[1024], begin[32], end[256];
        if (!row->error)
            continue;
        int n = pirn_handshake_write_refusal(row->status, NULL, 0, pirn_cstr(row->detail), out,
                                             sizeof out);
        assert_true(n > 0);
        snprintf(begin, sizeof begin, "HTTP/1.1 %d ", row->status);
        snprintf(end, sizeof end, "\r\n\r\n%s\n", row->detail);
        assert_memory_equal(out, begin, strlen(begin));
        assert_string_equal(out + n - (int)strlen(end), end);
        assert_non_null(strstr(out, "\r\nConnection: close\r\n"));
    }
}

/* Requests made for a purpose. */

#define MINIMAL                                                                                    \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"                   \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

struct fixture {
    struct pirn_header headers[PIRN_HTTP_MAX_HEADERS];
    struct pirn_http_head head;
    struct pirn_handshake hs;
    char bytes[40000];
    char out[4096];
};

static struct fixture fix;

/* Reads a good request with these headers besides the necessary ones but Host. */
static int read_with(const char *headers)
{
    int len =
        snprintf(fix.bytes, sizeof fix.bytes, "GET /x HTTP/1.1\r\n" MINIMAL "%s\r\n", headers);
    pirn_http_head_init(&fix.head, PIRN_HTTP_REQUEST, fix.headers, PIRN_HTTP_MAX_HEADERS, 32768);
    assert_int_equal(pirn_http_head_feed(&fix.head, fix.bytes, (size_t)len), 1);
    return pirn_handshake_read_request(&fix.hs, &fix.head);
}

static int accept_with(const char *subprotocol, const char *extensions, struct pirn_header header)
{
    return pirn_handshake_write_accept(&fix.hs, pirn_cstr(subprotocol), pirn_cstr(extensions),
                                       &header, header.name.data ? 1 : 0, fix.out, sizeof fix.out);
}

static const struct pirn_header no_header;

static void assert_str(struct pirn_str actual, const char *expected)
{
    struct pirn_str other = pirn_cstr(expected);
    assert_int_equal(actual.data == NULL, expected == NULL);
    assert_true(pirn_str_equal(actual, other));
}

static void what_a_request_says_can_be_read(void **state)
{
    (void)state;
    assert_int_equal(read_with("Host: a:1\r\nOrigin: http://b\r\nCookie: x=1; y=2\r\n"), 0);
    assert_str(fix.hs.resource, "/x");
    assert_str(fix.hs.host, "a:1");
    assert_str(fix.hs.origin, "http://b");
    assert_str(fix.hs.key, "dGhlIHNhbXBsZSBub25jZQ==");
    assert_str(pirn_http_cookie(fix.hs.request, PIRN_STR("y")), "2");
    assert_int_equal(read_with("Host: a\r\n"), 0);
    assert_str(fix.hs.origin, NULL);
}

static void the_resource_of_a_url_is_its_path(void **state)
{
    (void)state;
    static const char *const targets[][2] = {
        {"http://a/p/q?r", "/p/q?r"}, {"HTTP://A:80/", "/"}, {"ws://a", "/"}, {"/p?q", "/p?q"}};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        assert_int_equal(read_with("Host: a\r\n"), 0);
        fix.head.target = pirn_cstr(targets[i][0]);
        assert_int_equal(pirn_handshake_read_request(&fix.hs, &fix.head), 0);
        assert_str(fix.hs.resource, targets[i][1]);
    }
}

static void plain_requests_are_told_apart(void **state)
{
    (void)state;
    struct pirn_header headers[4];
    struct pirn_http_head head;
    pirn_http_head_init(&head, PIRN_HTTP_REQUEST, headers, 4, 0);
    assert_int_equal(pirn_http_head_set_request(&head, PIRN_STR("GET"), PIRN_STR("/"), 1), 0);
    assert_int_equal(pirn_http_head_add(&head, PIRN_STR("Upgrade"), PIRN_STR("h2c")), 0);
    assert_false(pirn_handshake_wants_upgrade(&head));
    assert_int_equal(pirn_http_head_add(&head, PIRN_STR("Upgrade"), PIRN_STR("WebSocket")), 0);
    assert_true(pirn_handshake_wants_upgrade(&head));
    head.header_count = 0;
    assert_int_equal(pirn_http_head_add(&head, PIRN_STR("sec-websocket-key"), PIRN_STR("")), 0);
    assert_true(pirn_handshake_wants_upgrade(&head));
}

static void a_request_can_come_header_by_header(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"Host", "a"},
                                           {"upgrade", " websocket\t"},
                                           {"Connection", "keep-alive"},
                                           {"connection", "upgrade"},
                                           {"Sec-WebSocket-Version", "13"},
                                           {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
    pirn_http_head_init(&fix.head, PIRN_HTTP_REQUEST, fix.headers, 6, 0);
    assert_int_equal(pirn_http_head_set_request(&fix.head, PIRN_STR("GET"), PIRN_STR("/"), 1), 0);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(
            pirn_http_head_add(&fix.head, pirn_cstr(pairs[i][0]), pirn_cstr(pairs[i][1])), 0);
    assert_int_equal(pirn_handshake_read_request(&fix.hs, &fix.head), 0);
    assert_int_equal(pirn_http_head_add(&fix.head, PIRN_STR("X"), PIRN_STR("")),
                     -PIRN_E_HEADERS_TOO_MANY);
    assert_int_equal(pirn_handshake_read_request(&fix.hs, &fix.head), -PIRN_E_HEADERS_TOO_MANY);
    assert_int_equal(fix.hs.status, 431);
}

static void an_incomplete_request_is_refused(void **state)
{
    (void)state;
    pirn_http_head_init(&fix.head, PIRN_HTTP_REQUEST, fix.headers, PIRN_HTTP_MAX_HEADERS, 0);
    assert_int_equal(pirn_http_head_feed(&fix.head, "GET / HTTP/1.1\r\nHost: a\r\n", 25), 0);
    assert_int_equal(pirn_handshake_read_request(&fix.hs, &fix.head), -PIRN_E_STATE);
    assert_int_equal(fix.hs.status, 500);
    assert_string_equal(fix.hs.detail, "request is not complete");
    assert_int_equal(accept_with(NULL, NULL, no_header), -PIRN_E_STATE);
    pirn_http_head_init(&fix.head, PIRN_HTTP_RESPONSE, fix.headers, PIRN_HTTP_MAX_HEADERS, 0);
    assert_int_equal(pirn_http_head_feed(&fix.head, "HTTP/1.1 101 \r\n\r\n", 17), 1);
    assert_int_equal(pirn_handshake_read_request(&fix.hs, &fix.head), -PIRN_E_STATE);
}

/* Subprotocols. */

static void subprotocols_are_chosen_in_either_order(void **state)
{
    (void)state;
    const struct pirn_str supported[] = {PIRN_STR("a"), PIRN_STR("b"), PIRN_STR("C")};
    assert_int_equal(read_with("Host: h\r\nSec-WebSocket-Protocol: x, c\r\n"
                               "Sec-WebSocket-Protocol: b,a\r\n"),
                     0);
    assert_str(pirn_handshake_choose_subprotocol(&fix.hs, supported, 3, PIRN_CLIENT_ORDER), "b");
    assert_str(pirn_handshake_choose_subprotocol(&fix.hs, supported, 3, PIRN_SERVER_ORDER), "a");
    assert_str(pirn_handshake_choose_subprotocol(&fix.hs, supported + 2, 1, PIRN_SERVER_ORDER),
               NULL);
    assert_str(pirn_handshake_choose_subprotocol(&fix.hs, NULL, 0, PIRN_CLIENT_ORDER), NULL);
    assert_true(pirn_handshake_offers_subprotocol(&fix.hs, PIRN_STR("c")));
    assert_false(pirn_handshake_offers_subprotocol(&fix.hs, PIRN_STR("C")));
    assert_false(pirn_handshake_offers_subprotocol(&fix.hs, PIRN_STR("")));
}

/* A header of `count` different subprotocols. */
static int read_many_subprotocols(size_t count)
{
    static char headers[2048];
    int len = snprintf(headers, sizeof headers, "Host: h\r\nSec-WebSocket-Protocol: p");
    for (size_t i = 1; i < count; i++)
        len += snprintf(headers + len, sizeof headers - (size_t)len, ",p%zu", i);
    snprintf(headers + len, sizeof headers - (size_t)len, "\r\n");
    return read_with(headers);
}

static void subprotocols_have_a_limit(void **state)
{
    (void)state;
    assert_int_equal(read_many_subprotocols(64), 0);
    assert_int_equal(read_many_subprotocols(65), -PIRN_E_SUBPROTOCOL_HEADER);
    assert_string_equal(fix.hs.detail, "Sec-WebSocket-Protocol has too many elements");
}

/* Origin: S15. */

struct origin_case {
    const char *origin, *host;
    bool secure, allowed;
};

static void cross_site_origins_are_refused(void **state)
{
    (void)state;
    static const struct origin_case rows[] = {
        {NULL, "a.example", false, true},
        {"http://a.example", "a.example", false, true},
        {"http://a.example:80", "a.example", false, true},
        {"http://a.example", "a.example:80", false, true},
        {"http://a.example:8080", "a.example:8080", false, true},
        {"https://a.example", "a.example", true, true},
        {"https://a.example:443", "a.example", true, true},
        {"HTTP://A.EXAMPLE", "a.example", false, true},
        {"http://a.example", "A.Example", false, true},
        {"http://[::1]:9001", "[::1]:9001", false, true},
        {"http://127.0.0.1:9001", "127.0.0.1:9001", false, true},
        {"http://xn--caf-dma.example", "xn--caf-dma.example", false, true},
        {"https://a.example", "a.example", false, false},
        {"http://a.example", "a.example", true, false},
        {"https://a.example", "a.example:80", true, false},
        {"http://a.example:8080", "a.example", false, false},
        {"http://a.example", "a.example:8080", false, false},
        {"http://b.example", "a.example", false, false},
        {"http://a.example.evil", "a.example", false, false},
        {"http://evil-a.example", "a.example", false, false},
        {"http://sub.a.example", "a.example", false, false},
        {"http://a.example/", "a.example", false, false},
        {"http://a.example@evil", "a.example", false, false},
        {"http://evil@a.example", "a.example", false, false},
        {"http://evil\\@a.example", "a.example", false, false},
        {"http://a.example http://evil", "a.example", false, false},
        {"http://a.example, http://evil", "a.example", false, false},
        {"ws://a.example", "a.example", false, false},
        {"a.example", "a.example", false, false},
        {"//a.example", "a.example", false, false},
        {"http://caf\xc3\xa9.example", "xn--caf-dma.example", false, false},
        {"http://", "a.example", false, false},
        {"null", "a.example", false, false},
        {"", "a.example", false, false},
        {"*", "a.example", false, false},
        {"file://", "a.example", false, false},
        {"null", "null", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char headers[256];
        int len = snprintf(headers, sizeof headers, "Host: %s\r\n", rows[i].host);
        if (rows[i].origin)
            snprintf(headers + len, sizeof headers - (size_t)len, "Origin: %s\r\n", rows[i].origin);
        assert_int_equal(read_with(headers), 0);
        bool allowed = pirn_handshake_origin_allowed(&fix.hs, rows[i].secure, NULL, 0);
        if (allowed != rows[i].allowed)
            print_error("%s on %s\n", rows[i].origin, rows[i].host);
        assert_int_equal(allowed, rows[i].allowed);
    }
}

static void listed_origins_are_let_in(void **state)
{
    (void)state;
    const struct pirn_str list[] = {PIRN_STR("https://Good.example"), PIRN_STR("null"),
                                    PIRN_STR("http://[::1]:3000"),    PIRN_STR("app://local"),
                                    PIRN_STR("http://a/path"),        PIRN_STR("*")};
    static const struct {
        const char *origin;
        bool allowed;
    } rows[] = {
        {"https://good.example", true},
        {"https://good.example:443", true},
        {"null", true},
        {"http://[::1]:3000", true},
        {"app://local", true},
        {"http://good.example", false},
        {"https://good.example:8443", false},
        {"Null", false},
        {"app://LOCAL", false},
        {"http://a", false},
        {"https://other.example", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char headers[256];
        snprintf(headers, sizeof headers, "Host: h\r\nOrigin: %s\r\n", rows[i].origin);
        assert_int_equal(read_with(headers), 0);
        assert_int_equal(pirn_handshake_origin_allowed(&fix.hs, true, list, 6), rows[i].allowed);
    }
    fix.hs.host = (struct pirn_str){NULL, 0};
    assert_false(pirn_handshake_origin_allowed(&fix.hs, true, NULL, 0));
}

/* Answers. */

static struct pirn_header header(const char *name, const char *value)
{
    return (struct pirn_header){pirn_cstr(name), pirn_cstr(value)};
}

static void an_answer_is_written(void **state)
{
    (void)state;
    assert_int_equal(read_with("Host: h\r\n"), 0);
    static const char plain[] = "HTTP/1.1 101 Switching Protocols\r\n"
                                "Upgrade: websocket\r\n"
                                "Connection: Upgrade\r\n"
                                "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    int n = accept_with(NULL, NULL, no_header);
    assert_int_equal(n, sizeof plain - 1 + 2);
    assert_memory_equal(fix.out, plain, sizeof plain - 1);
    assert_string_equal(fix.out + sizeof plain - 1, "\r\n");
    assert_int_equal(read_with("Host: h\r\nSec-WebSocket-Protocol: a,b\r\n"
                               "Sec-WebSocket-Extensions: x; y, z\r\n"),
                     0);
    assert_true(accept_with("b", "z; q=1, x", header("Set-Cookie", "s=1")) > n);
    assert_memory_equal(fix.out, plain, sizeof plain - 1);
    assert_string_equal(fix.out + sizeof plain - 1, "Sec-WebSocket-Protocol: b\r\n"
                                                    "Sec-WebSocket-Extensions: z; q=1, x\r\n"
                                                    "Set-Cookie: s=1\r\n\r\n");
}

static void an_answer_agrees_with_the_request(void **state)
{
    (void)state;
    assert_int_equal(read_with("Host: h\r\nSec-WebSocket-Protocol: a\r\n"
                               "Sec-WebSocket-Extensions: x\r\n"),
                     0);
    assert_int_equal(accept_with("b", NULL, no_header), -PIRN_E_SUBPROTOCOL_UNKNOWN);
    assert_int_equal(accept_with("", NULL, no_header), -PIRN_E_SUBPROTOCOL_UNKNOWN);
    assert_int_equal(accept_with("a\r\nX: y", NULL, no_header), -PIRN_E_SUBPROTOCOL_UNKNOWN);
    assert_int_equal(accept_with(NULL, "y", no_header), -PIRN_E_EXTENSION_UNKNOWN);
    assert_int_equal(accept_with(NULL, "x, X", no_header), -PIRN_E_EXTENSION_UNKNOWN);
    assert_int_equal(accept_with(NULL, "", no_header), -PIRN_E_EXTENSION_HEADER);
    assert_int_equal(accept_with(NULL, "x\r\n", no_header), -PIRN_E_EXTENSION_HEADER);
    assert_int_equal(read_with(""), -PIRN_E_HOST);
    assert_int_equal(accept_with(NULL, NULL, no_header), -PIRN_E_STATE);
}

static void an_answer_needs_its_room(void **state)
{
    (void)state;
    assert_int_equal(read_with("Host: h\r\n"), 0);
    int n = accept_with(NULL, NULL, no_header);
    for (size_t cap = 0; cap <= (size_t)n; cap++)
        assert_int_equal(pirn_handshake_write_accept(&fix.hs, pirn_cstr(NULL), pirn_cstr(NULL),
                                                     NULL, 0, fix.out, cap),
                         -PIRN_E_ROOM);
    assert_int_equal(pirn_handshake_write_accept(&fix.hs, pirn_cstr(NULL), pirn_cstr(NULL), NULL, 0,
                                                 fix.out, (size_t)n + 1),
                     n);
}

/* C17: each character that could end a line or a header, in each place an application fills. */
static void nothing_can_be_injected_into_answers(void **state)
{
    (void)state;
    assert_int_equal(read_with("Host: h\r\nSec-WebSocket-Protocol: a\r\n"
                               "Sec-WebSocket-Extensions: x\r\n"),
                     0);
    for (int c = 0; c < 256; c++) {
        if (c >= 0x20 && c != 0x7f)
            continue;
        char bad[3] = {'a', (char)c, 'b'};
        struct pirn_str text = {bad, 3};
        struct pirn_header value = {PIRN_STR("X"), text}, name = {text, PIRN_STR("x")};
        assert_int_equal(accept_with(NULL, NULL, value), -PIRN_E_HEADER_VALUE);
        assert_int_equal(accept_with(NULL, NULL, name), -PIRN_E_HEADER_NAME);
        assert_int_equal(pirn_handshake_write_refusal(403, &value, 1, text, fix.out, 4096),
                         -PIRN_E_HEADER_VALUE);
        assert_int_equal(pirn_handshake_write_refusal(403, &name, 1, text, fix.out, 4096),
                         -PIRN_E_HEADER_NAME);
        assert_true(pirn_handshake_write_accept(&fix.hs, text, pirn_cstr(NULL), NULL, 0, fix.out,
                                                4096) < 0);
        if (c != '\t')
            assert_true(pirn_handshake_write_accept(&fix.hs, pirn_cstr(NULL), text, NULL, 0,
                                                    fix.out, 4096) < 0);
    }
    assert_int_equal(accept_with(NULL, NULL, header("", "x")), -PIRN_E_HEADER_NAME);
    assert_int_equal(accept_with(NULL, NULL, header("X y", "x")), -PIRN_E_HEADER_NAME);
}

static void a_tab_in_extensions_is_no_way_in(void **state)
{
    (void)state;
    assert_int_equal(read_with("Host: h\r\nSec-WebSocket-Extensions: x\r\n"), 0);
    assert_int_equal(accept_with(NULL, "x;\ty", no_header), -PIRN_E_HEADER_VALUE);
}

static void reserved_headers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int accept, refusal;
    } rows[] = {
        {"Upgrade", -PIRN_E_HEADER_RESERVED, 1},
        {"uPGRADE", -PIRN_E_HEADER_RESERVED, 1},
        {"Connection", -PIRN_E_HEADER_RESERVED, -PIRN_E_HEADER_RESERVED},
        {"Sec-WebSocket-Accept", -PIRN_E_HEADER_RESERVED, 1},
        {"sec-websocket-anything", -PIRN_E_HEADER_RESERVED, 1},
        {"SEC-WEBSOCKET-", -PIRN_E_HEADER_RESERVED, 1},
        {"Content-Length", -PIRN_E_HEADER_RESERVED, -PIRN_E_HEADER_RESERVED},
        {"transfer-encoding", -PIRN_E_HEADER_RESERVED, -PIRN_E_HEADER_RESERVED},
        {"Trailer", -PIRN_E_HEADER_RESERVED, -PIRN_E_HEADER_RESERVED},
        {"Keep-Alive", -PIRN_E_HEADER_RESERVED, -PIRN_E_HEADER_RESERVED},
        {"Proxy-Connection", -PIRN_E_HEADER_RESERVED, -PIRN_E_HEADER_RESERVED},
        {"Sec-WebSocket", 1, 1},
        {"Date", 1, 1},
        {"Set-Cookie", 1, 1},
        {"Server", 1, 1},
    };
    assert_int_equal(read_with("Host: h\r\n"), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pirn_header extra = header(rows[i].name, "13");
        int accept = accept_with(NULL, NULL, extra);
        int refusal =
            pirn_handshake_write_refusal(400, &extra, 1, pirn_cstr(""), fix.out, sizeof fix.out);
        assert_int_equal(accept > 0 ? 1 : accept, rows[i].accept);
        assert_int_equal(refusal > 0 ? 1 : refusal, rows[i].refusal);
    }
}

static void a_refusal_is_written(void **state)
{
    (void)state;
    int n = pirn_handshake_write_refusal(403, NULL, 0, PIRN_STR("no"), fix.out, sizeof fix.out);
    assert_string_equal(fix.out, "HTTP/1.1 403 Forbidden\r\n"
                                 "Connection: close\r\n"
                                 "Content-Length: 3\r\n"
                                 "Content-Type: text/plain; charset=utf-8\r\n"
                                 "Cache-Control: no-store\r\n"
                                 "X-Content-Type-Options: nosniff\r\n\r\nno\n");
    assert_int_equal(n, strlen(fix.out));
    struct pirn_header own[] = {header("content-type", "application/json"),
                                header("WWW-Authenticate", "Basic realm=\"x\"")};
    pirn_handshake_write_refusal(401, own, 2, PIRN_STR("{}"), fix.out, sizeof fix.out);
    assert_string_equal(fix.out, "HTTP/1.1 401 Unauthorized\r\n"
                                 "Connection: close\r\n"
                                 "Content-Length: 3\r\n"
                                 "Cache-Control: no-store\r\n"
                                 "X-Content-Type-Options: nosniff\r\n"
                                 "content-type: application/json\r\n"
                                 "WWW-Authenticate: Basic realm=\"x\"\r\n\r\n{}\n");
}

static void refusals_say_what_their_status_needs(void **state)
{
    (void)state;
    assert_true(pirn_handshake_write_refusal(405, NULL, 0, pirn_cstr(""), fix.out, 4096) > 0);
    assert_non_null(strstr(fix.out, "\r\nAllow: GET\r\n"));
    assert_non_null(strstr(fix.out, "\r\n\r\nMethod Not Allowed\n"));
    assert_true(pirn_handshake_write_refusal(426, NULL, 0, pirn_cstr(NULL), fix.out, 4096) > 0);
    assert_non_null(strstr(fix.out, "\r\nSec-WebSocket-Version: 13\r\n"));
    assert_non_null(strstr(fix.out, "\r\nUpgrade: websocket\r\n"));
    assert_non_null(strstr(fix.out, "\r\nConnection: close\r\n"));
    assert_non_null(strstr(fix.out, "\r\nConnection: Upgrade\r\n"));
    struct pirn_header other = header("Sec-WebSocket-Version", "13, 8");
    assert_true(pirn_handshake_write_refusal(426, &other, 1, pirn_cstr(""), fix.out, 4096) > 0);
    assert_null(strstr(fix.out, "Sec-WebSocket-Version: 13\r\n"));
    static const int statuses[] = {200, 299, 304, 600, 0, -1};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        assert_int_equal(
            pirn_handshake_write_refusal(statuses[i], NULL, 0, pirn_cstr(""), fix.out, 4096),
            -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_handshake_write_refusal(404, NULL, 0, pirn_cstr(""), fix.out, 64),
                     -PIRN_E_ROOM);
    assert_true(pirn_handshake_write_refusal(300, NULL, 0, pirn_cstr(""), fix.out, 4096) > 0);
    assert_true(pirn_handshake_write_refusal(599, NULL, 0, pirn_cstr(""), fix.out, 4096) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_judged_alike_however_they_arrive),
        cmocka_unit_test(every_refusal_can_be_written),
        cmocka_unit_test(what_a_request_says_can_be_read),
        cmocka_unit_test(the_resource_of_a_url_is_its_path),
        cmocka_unit_test(plain_requests_are_told_apart),
        cmocka_unit_test(a_request_can_come_header_by_header),
        cmocka_unit_test(an_incomplete_request_is_refused),
        cmocka_unit_test(subprotocols_are_chosen_in_either_order),
        cmocka_unit_test(subprotocols_have_a_limit),
        cmocka_unit_test(cross_site_origins_are_refused),
        cmocka_unit_test(listed_origins_are_let_in),
        cmocka_unit_test(an_answer_is_written),
        cmocka_unit_test(an_answer_agrees_with_the_request),
        cmocka_unit_test(an_answer_needs_its_room),
        cmocka_unit_test(nothing_can_be_injected_into_answers),
        cmocka_unit_test(a_tab_in_extensions_is_no_way_in),
        cmocka_unit_test(reserved_headers_are_refused),
        cmocka_unit_test(a_refusal_is_written),
        cmocka_unit_test(refusals_say_what_their_status_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
