/* What a client asks for, and what it makes of redirects and challenges: who is told what. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <pirn/tls.h>

#include "guest.h"

#define S101 "HTTP/1.1 101 Switching Protocols\r\n"

static void ask(const struct pirn_client_config *config)
{
    guest_open(config);
    script_take();
}

static void expect_header(const char *name, const char *value)
{
    const char *got = script_header(name);
    if (value ? !got || strcmp(got, value) != 0 : got != NULL)
        fail_msg("%s is %s, not %s", name, got ? got : "missing", value ? value : "missing");
}

/* ---- what is asked */

static void all_headers(void **state)
{
    (void)state;
    static const struct pirn_str subprotocols[] = {PIRN_STR_INIT("a"), PIRN_STR_INIT("b.v2")};
    static const struct pirn_header headers[] = {
        {PIRN_STR_INIT("X-One"), PIRN_STR_INIT("1")},
        {PIRN_STR_INIT("X-Two"), PIRN_STR_INIT("zwei \xc3\xa4")},
    };
    char host[64];
    guest_begin();
    struct pirn_client_config config = guest_config("/a/b?c=d");
    config.subprotocols = subprotocols;
    config.subprotocol_count = COUNT(subprotocols);
    config.headers = headers;
    config.header_count = COUNT(headers);
    config.origin = "https://example.org";
    config.user_agent = "tester/1";
    config.user = "ada";
    config.password = "secret";
    ask(&config);
    snprintf(host, sizeof host, "127.0.0.1:%u", (unsigned)script.port);
    assert_memory_equal(script.request, "GET /a/b?c=d HTTP/1.1\r\n", 23);
    expect_header("Host", host);
    expect_header("Upgrade", "websocket");
    expect_header("Connection", "Upgrade");
    expect_header("Sec-WebSocket-Version", "13");
    expect_header("Sec-WebSocket-Protocol", "a, b.v2");
    expect_header("Sec-WebSocket-Extensions", NULL);
    expect_header("Origin", "https://example.org");
    expect_header("User-Agent", "tester/1");
    expect_header("X-One", "1");
    expect_header("X-Two", "zwei \xc3\xa4");
    expect_header("Authorization", "Basic YWRhOnNlY3JldA==");
    script_let_in("");
    guest_finish();
}

static void few_headers(void **state)
{
    (void)state;
    guest_begin();
    struct pirn_client_config config = guest_config("");
    ask(&config);
    assert_memory_equal(script.request, "GET / HTTP/1.1\r\n", 16);
    expect_header("User-Agent", "pirn/" PIRN_VERSION_STRING);
    expect_header("Origin", NULL);
    expect_header("Authorization", NULL);
    expect_header("Cookie", NULL);
    guest_close();
    config.user_agent = "";
    ask(&config);
    expect_header("User-Agent", NULL);
    guest_finish();
}

/* user:password@ in a URL, percent-decoded; a bearer and a header of the program's come before. */
static void credentials(void **state)
{
    (void)state;
    static const struct pirn_header own = {PIRN_STR_INIT("authorization"), PIRN_STR_INIT("Mine x")};
    char url[128];
    guest_begin();
    struct pirn_client_config config = guest_config("/");
    snprintf(url, sizeof url, "http://a%%64a:se%%3Acret@127.0.0.1:%u/x", (unsigned)script.port);
    config.url = url;
    ask(&config);
    expect_header("Authorization", "Basic YWRhOnNlOmNyZXQ=");
    assert_null(strstr(pirn_client_url(guest.client), "cret"));
    assert_null(strstr(guest.told.log, "cret"));
    guest_close();
    config.bearer = "abc.def";
    ask(&config);
    expect_header("Authorization", "Bearer abc.def");
    guest_close();
    config.headers = &own;
    config.header_count = 1;
    ask(&config);
    expect_header("Authorization", "Mine x");
    guest_finish();
}

/* C17: nothing that a program hands in can break out of where it belongs. */
static void nothing_is_injected(void **state)
{
    (void)state;
    static const struct {
        const char *url, *origin, *agent, *name, *value, *user, *bearer, *subprotocol;
        int error;
    } rows[] = {
        {.url = "ws://h/a b", .error = PIRN_E_URL},
        {.url = "ws://h/a\r\nX: y", .error = PIRN_E_URL},
        {.url = "ws://h/#f", .error = PIRN_E_URL},
        {.url = "ftp://h/", .error = PIRN_E_URL},
        {.url = "ws://a\xff/", .error = PIRN_E_URL},
        {.url = "ws://u%0d%0a@h/", .error = PIRN_E_HEADER_VALUE},
        {.url = "ws://u%zz@h/", .error = PIRN_E_URL},
        {.origin = "http://x\r\nY: z", .error = PIRN_E_HEADER_VALUE},
        {.agent = "x\n", .error = PIRN_E_HEADER_VALUE},
        {.name = "X", .value = "y\r\nZ: 1", .error = PIRN_E_HEADER_VALUE},
        {.name = "X Y", .value = "1", .error = PIRN_E_HEADER_NAME},
        {.name = "X\r\nY", .value = "1", .error = PIRN_E_HEADER_NAME},
        {.name = "", .value = "1", .error = PIRN_E_HEADER_NAME},
        {.name = "hOST", .value = "x", .error = PIRN_E_HEADER_RESERVED},
        {.name = "Sec-WebSocket-Key", .value = "x", .error = PIRN_E_HEADER_RESERVED},
        {.name = "Content-Length", .value = "1", .error = PIRN_E_HEADER_RESERVED},
        {.user = "a\nb", .error = PIRN_E_HEADER_VALUE},
        {.user = "a:b", .error = PIRN_E_HEADER_VALUE},
        {.bearer = "a b", .error = PIRN_E_HEADER_VALUE},
        {.bearer = "a\r\n", .error = PIRN_E_HEADER_VALUE},
        {.subprotocol = "a,b", .error = PIRN_E_SUBPROTOCOL_HEADER},
        {.subprotocol = "a\r\nb", .error = PIRN_E_SUBPROTOCOL_HEADER},
        {.subprotocol = "", .error = PIRN_E_SUBPROTOCOL_HEADER},
    };
    guest_begin();
    for (size_t i = 0; i < COUNT(rows); i++) {
        int error = 0;
        struct pirn_header header = {pirn_cstr(rows[i].name), pirn_cstr(rows[i].value)};
        struct pirn_str subprotocol = pirn_cstr(rows[i].subprotocol);
        struct pirn_client_config config = guest_config("/");
        config.url = rows[i].url ? rows[i].url : config.url;
        config.origin = rows[i].origin;
        config.user_agent = rows[i].agent;
        config.headers = &header;
        config.header_count = rows[i].name ? 1 : 0;
        config.user = rows[i].user;
        config.bearer = rows[i].bearer;
        config.subprotocols = &subprotocol;
        config.subprotocol_count = rows[i].subprotocol ? 1 : 0;
        assert_null(pirn_client_new(stage.loop, &config, &error));
        if (error != rows[i].error)
            fail_msg("row %zu: %s", i, pirn_error_name(error));
    }
    guest_finish();
}

static void configurations_that_cannot_be(void **state)
{
    (void)state;
    int error = 0;
    guest_begin();
    struct pirn_client_config config = guest_config("/");
    assert_null(pirn_client_new(stage.loop, NULL, &error));
    assert_int_equal(error, PIRN_E_ARGUMENT);
    config.url = NULL;
    assert_null(pirn_client_new(stage.loop, &config, &error));
    assert_int_equal(error, PIRN_E_URL);
    config = guest_config("/");
    config.queue_policy = (enum pirn_queue_policy)7;
    assert_null(pirn_client_new(stage.loop, &config, NULL));
    config = guest_config("/");
    config.proxy = "gopher://x/";
    assert_null(pirn_client_new(stage.loop, &config, &error));
    assert_int_equal(error, PIRN_E_PROXY_URL);
    config = guest_config("/");
    config.conn.low_water_bytes = 10;
    config.conn.high_water_bytes = 5;
    assert_null(pirn_client_new(stage.loop, &config, &error));
    assert_int_equal(error, PIRN_E_ARGUMENT);
    guest_finish();
}

/* ---- redirects */

static const struct pirn_header secrets[] = {
    {PIRN_STR_INIT("Cookie"), PIRN_STR_INIT("session=1")},
    {PIRN_STR_INIT("X-Plain"), PIRN_STR_INIT("seen")},
};

static struct pirn_client_config redirected(void)
{
    struct pirn_client_config config = guest_config("/a/b");
    config.max_redirects = 5;
    config.user = "ada";
    config.password = "secret";
    config.headers = secrets;
    config.header_count = COUNT(secrets);
    return config;
}

static void same_origin(void **state)
{
    (void)state;
    static const int statuses[] = {301, 302, 303, 307, 308};
    char url[128], text[256];
    guest_begin();
    for (size_t i = 0; i < COUNT(statuses); i++) {
        struct pirn_client_config config = redirected();
        ask(&config);
        snprintf(text, sizeof text, "HTTP/1.1 %d Go\r\nLocation: ../c?d#e\r\n\r\nbody",
                 statuses[i]);
        script_send(text);
        script_take();
        assert_memory_equal(script.request, "GET /c?d HTTP/1.1\r\n", 19);
        expect_header("Authorization", "Basic YWRhOnNlY3JldA==");
        expect_header("Cookie", "session=1");
        script_let_in("");
        snprintf(url, sizeof url, "ws://127.0.0.1:%u/c?d", (unsigned)script.port);
        assert_string_equal(pirn_client_url(guest.client), url);
        assert_int_equal(guest.told.responses, 2);
        assert_int_equal(guest.told.attempts, 1);
        snprintf(text, sizeof text, "redirect: %d, %s\n", statuses[i], url);
        assert_non_null(strstr(guest.told.log, text));
        guest_close();
    }
    guest_finish();
}

/* localhost is not 127.0.0.1: nothing that is secret goes there, and it does when it comes back. */
static void other_origin(void **state)
{
    (void)state;
    char text[256];
    guest_begin();
    struct pirn_client_config config = redirected();
    ask(&config);
    snprintf(text, sizeof text,
             "HTTP/1.1 302 Found\r\nLocation: ws://mallory:pw@localhost:%u/x\r\n\r\n",
             (unsigned)script.port);
    script_send(text);
    script_take();
    expect_header("Authorization", NULL);
    expect_header("Cookie", NULL);
    expect_header("X-Plain", "seen");
    snprintf(text, sizeof text, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%u/y\r\n\r\n",
             (unsigned)script.port);
    script_send(text);
    script_take();
    expect_header("Authorization", "Basic YWRhOnNlY3JldA==");
    expect_header("Cookie", "session=1");
    script_let_in("");
    guest_finish();
}

static void bad_redirects(void **state)
{
    (void)state;
    static const struct {
        const char *response, *text;
    } rows[] = {
        {"HTTP/1.1 302 Found\r\n\r\n", "http: redirect without a Location"},
        {"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\n\r\n",
         "http: redirect with more than one Location"},
        {"HTTP/1.1 302 Found\r\nLocation: ftp://x/\r\n\r\n",
         "http: redirect to what is no WebSocket URL"},
        {"HTTP/1.1 302 Found\r\nLocation: ws://x/ y\r\n\r\n",
         "http: redirect to what is no WebSocket URL"},
        {"HTTP/1.1 302 Found\r\nLocation: javascript:alert(1)\r\n\r\n",
         "http: redirect to what is no WebSocket URL"},
    };
    guest_begin();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pirn_client_config config = redirected();
        config.reconnect.on = true;
        ask(&config);
        script_send(rows[i].response);
        guest_expect_failure(PIRN_LAYER_HTTP, PIRN_E_REDIRECT, rows[i].text);
        assert_int_equal(guest.told.failure.status, 302);
        assert_false(guest.told.failure.retries);
        guest_close();
    }
    struct pirn_client_config config = redirected();
    ask(&config);
    script_send("HTTP/1.1 304 Not Modified\r\nLocation: /x\r\n\r\n");
    guest_expect_failure(PIRN_LAYER_HTTP, PIRN_E_STATUS, "http: 304 Not Modified instead of 101");
    guest_finish();
}

static void circle(void **state)
{
    (void)state;
    guest_begin();
    struct pirn_client_config config = redirected();
    ask(&config);
    for (int i = 0; i < 5; i++) {
        script_send("HTTP/1.1 301 Moved\r\nLocation: /a/b\r\n\r\n");
        script_take();
    }
    script_send("HTTP/1.1 301 Moved\r\nLocation: /a/b\r\n\r\n");
    guest_expect_failure(PIRN_LAYER_HTTP, PIRN_E_REDIRECT, "http: more redirects than the limit");
    assert_int_equal(guest.told.responses, 6);
    guest_finish();
}

/* ---- cookies */

static void jar(void **state)
{
    (void)state;
    struct pirn_cookies *cookies = pirn_cookies_new(NULL);
    guest_begin();
    struct pirn_client_config config = guest_config("/a");
    config.cookies = cookies;
    config.max_redirects = 1;
    ask(&config);
    expect_header("Cookie", NULL);
    script_send("HTTP/1.1 307 Go\r\nSet-Cookie: a=1\r\nLocation: /b\r\n\r\n");
    script_take();
    expect_header("Cookie", "a=1");
    script_send(SCRIPT_101 "Set-Cookie: b=2\r\n\r\n");
    AWAIT(guest.told.opens == 1);
    guest_close();
    ask(&config);
    expect_header("Cookie", "a=1; b=2");
    guest_close();
    const struct pirn_header own = {PIRN_STR("Cookie"), PIRN_STR("c=3")};
    config.headers = &own;
    config.header_count = 1;
    ask(&config);
    expect_header("Cookie", "c=3");
    assert_null(strstr(script.request, "a=1"));
    guest_finish();
    pirn_cookies_free(cookies);
}

/* ---- challenges */

#define DIGEST                                                                                     \
    "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256\r\n"

static void answers_a_challenge(void **state)
{
    (void)state;
    if (!pirn_tls_available()) /* whose hash functions Digest takes */
        skip();
    guest_begin();
    struct pirn_client_config config = guest_config("/secret?x");
    config.user = "ada";
    config.password = "lovelace";
    config.digest_only = true;
    ask(&config);
    expect_header("Authorization", NULL);
    script_send("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"r\"\r\n" DIGEST
                "\r\n");
    script_take();
    const char *answer = script_header("Authorization");
    assert_non_null(answer);
    guest_expect_text(answer, "Digest *");
    assert_non_null(strstr(answer, "uri=\"/secret?x\""));
    assert_null(strstr(answer, "lovelace"));
    assert_non_null(strstr(guest.told.log, "answer: 401, ws://"));
    script_let_in("");
    guest_finish();
}

/* The same challenge again: the password is wrong. With a new nonce, for the old one was stale, it
 * is answered once more. */
static void answers_it_once(void **state)
{
    (void)state;
    if (!pirn_tls_available()) /* whose hash functions Digest takes */
        skip();
    guest_begin();
    struct pirn_client_config config = guest_config("/");
    config.user = "ada";
    config.password = "lovelace";
    ask(&config);
    expect_header("Authorization", "Basic YWRhOmxvdmVsYWNl");
    script_send("HTTP/1.1 401 No\r\n" DIGEST "\r\n");
    script_take();
    script_send("HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n2\", "
                "qop=\"auth\", stale=true\r\n\r\n");
    script_take();
    assert_non_null(strstr(script_header("Authorization"), "nonce=\"n2\""));
    script_send("HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n3\", "
                "qop=\"auth\", stale=true\r\n\r\n");
    guest_expect_failure(PIRN_LAYER_HTTP, PIRN_E_STATUS, "http: 401 No instead of 101");
    guest_close();
    ask(&config);
    script_send("HTTP/1.1 401 No\r\n" DIGEST "\r\n");
    script_take();
    script_send("HTTP/1.1 401 No\r\n" DIGEST "\r\n");
    guest_expect_failure(PIRN_LAYER_HTTP, PIRN_E_STATUS, "http: 401 No instead of 101");
    guest_finish();
}

/* Without random bytes there is no answer (C12), which is no fault of the server's. */
static void answers_need_randomness(void **state)
{
    (void)state;
    if (!pirn_tls_available()) /* whose hash functions Digest takes */
        skip();
    stage.loop_config.random = guest_random;
    guest_lucky = true;
    guest_begin();
    struct pirn_client_config config = guest_config("/");
    config.user = "ada";
    config.password = "lovelace";
    config.digest_only = true;
    ask(&config);
    guest_lucky = false;
    script_send("HTTP/1.1 401 No\r\n" DIGEST "\r\n");
    guest_expect_failure(PIRN_LAYER_APPLICATION, PIRN_E_RANDOM,
                         "application: random source failed");
    guest_finish();
}

/* Challenges that are not for the password: none there, another origin, Basic where it must not. */
static void answers_no_other(void **state)
{
    (void)state;
    char text[256];
    guest_begin();
    struct pirn_client_config config = guest_config("/");
    ask(&config);
    script_send("HTTP/1.1 401 No\r\n" DIGEST "\r\n");
    guest_expect_failure(PIRN_LAYER_HTTP, PIRN_E_STATUS, "http: 401 No instead of 101");
    guest_close();
    config.user = "ada";
    config.password = "lovelace";
    config.digest_only = true;
    ask(&config);
    script_send("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"r\"\r\n\r\n");
    guest_expect_failure(PIRN_LAYER_HTTP, PIRN_E_STATUS, "http: 401 No instead of 101");
    guest_close();
    config.max_redirects = 1;
    ask(&config);
    snprintf(text, sizeof text, "HTTP/1.1 302 Go\r\nLocation: ws://localhost:%u/\r\n\r\n",
             (unsigned)script.port);
    script_send(text);
    script_take();
    script_send("HTTP/1.1 401 No\r\n" DIGEST "\r\n");
    guest_expect_failure(PIRN_LAYER_HTTP, PIRN_E_STATUS, "http: 401 No instead of 101");
    guest_finish();
}

/* ---- through a proxy */

static void through_a_proxy(void **state)
{
    (void)state;
    guest_begin();
    struct pirn_client_config config = guest_proxied();
    ask(&config);
    assert_memory_equal(script.request, "CONNECT server.test:81 HTTP/1.1\r\n", 33);
    expect_header("Proxy-Authorization", "Basic bWU6cHc=");
    expect_header("Authorization", NULL);
    script_send("HTTP/1.1 200 Go on\r\n\r\n");
    script.len = 0;
    script.request[0] = '\0';
    script_await_request();
    assert_memory_equal(script.request, "GET /x HTTP/1.1\r\n", 17);
    expect_header("Host", "server.test:81");
    expect_header("Authorization", "Basic YWRhOmxvdmVsYWNl");
    expect_header("Proxy-Authorization", NULL);
    script_let_in("");
    assert_non_null(strstr(guest.told.log, "\nproxy: "));
    guest_finish();
}

static void refused_by_a_proxy(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *text;
        enum pirn_error error;
        int status;
        bool retries;
    } rows[] = {
        {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
         "proxy: 407 Proxy Authentication Required", PIRN_E_PROXY_AUTHENTICATION, 407, false},
        {"HTTP/1.1 403 Forbidden\r\n\r\n", "proxy: 403 Forbidden", PIRN_E_PROXY_REFUSED, 403,
         false},
        {"HTTP/1.1 502 Bad Gateway\r\n\r\n", "proxy: 502 Bad Gateway", PIRN_E_PROXY_REFUSED, 502,
         true},
    };
    guest_begin();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pirn_client_config config = guest_proxied();
        config.reconnect.on = true;
        ask(&config);
        script_send(rows[i].answer);
        script_drop();
        guest_expect_failure(PIRN_LAYER_PROXY, rows[i].error, rows[i].text);
        assert_int_equal(guest.told.failure.status, rows[i].status);
        assert_int_equal(guest.told.failure.retries, rows[i].retries);
        guest_close();
    }
    guest_finish();
}

/* NULL means the environment, "" none whatever that says. */
static void proxy_of_the_environment(void **state)
{
    (void)state;
    guest_begin();
    struct pirn_client_config config = guest_proxied();
    setenv("http_proxy", config.proxy, 1);
    config.proxy = NULL;
    ask(&config);
    assert_memory_equal(script.request, "CONNECT ", 8);
    guest_close();
    setenv("no_proxy", "127.0.0.1", 1);
    config.url = guest_config("/direct").url;
    ask(&config);
    assert_memory_equal(script.request, "GET /direct ", 12);
    unsetenv("no_proxy");
    guest_close();
    config.proxy = "";
    ask(&config);
    assert_memory_equal(script.request, "GET /direct ", 12);
    unsetenv("http_proxy");
    guest_finish();
}

/* ---- to an address */

/* Its host is not looked up, and is asked for all the same; that of a redirect is looked up. */
static void to_an_address(void **state)
{
    (void)state;
    static char url[64], host[64], redirect[128];
    guest_begin();
    struct pirn_client_config config = guest_config("/");
    snprintf(url, sizeof url, "ws://server.test:%u/", (unsigned)script.port);
    snprintf(host, sizeof host, "server.test:%u", (unsigned)script.port);
    snprintf(redirect, sizeof redirect, "HTTP/1.1 302 Go\r\nLocation: ws://localhost:%u/\r\n\r\n",
             (unsigned)script.port);
    config.url = url;
    config.address = "127.0.0.1";
    config.max_redirects = 1;
    ask(&config);
    expect_header("Host", host);
    assert_null(strstr(guest.told.log, "resolve: "));
    script_send(redirect);
    script_take();
    assert_non_null(strstr(guest.told.log, "\nresolve: localhost\n"));
    script_let_in("");
    guest_close();
    int error = 0;
    config.address = "server.test";
    assert_null(pirn_client_new(stage.loop, &config, &error));
    assert_int_equal(error, PIRN_E_ARGUMENT);
    guest_finish();
}

static void from_an_address(void **state)
{
    (void)state;
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    int error = 0;
    guest_begin();
    struct pirn_client_config config = guest_config("/");
    config.local_address = "127.0.0.2";
    ask(&config);
    assert_int_equal(getpeername(script.fd, (struct sockaddr *)&peer, &size), 0);
    assert_int_equal(ntohl(peer.sin_addr.s_addr), 0x7F000002);
    script_let_in("");
    guest_close();
    config.local_address = "::1";
    guest_open(&config);
    guest_expect_failure(PIRN_LAYER_TCP, PIRN_E_SYSTEM, "tcp: address family is not supported *");
    guest_close();
    config.local_address = "lo";
    assert_null(pirn_client_new(stage.loop, &config, &error));
    assert_int_equal(error, PIRN_E_ARGUMENT);
    guest_finish();
}

/* ---- before each attempt */

static const char *token;

static void renew(struct pirn_client *client, struct pirn_client_config *config)
{
    (void)client;
    config->bearer = token;
}

static void on_attempt_changes_it(void **state)
{
    (void)state;
    guest_begin();
    struct pirn_client_config config = guest_config("/");
    config.on_attempt = renew;
    token = "one";
    ask(&config);
    expect_header("Authorization", "Bearer one");
    script_drop();
    guest_expect_failure(PIRN_LAYER_HTTP, PIRN_E_EOF, "*");
    token = "two";
    assert_int_equal(pirn_client_reconnect(guest.client), 0);
    script_take();
    expect_header("Authorization", "Bearer two");
    script_drop();
    guest_expect_failure(PIRN_LAYER_HTTP, PIRN_E_EOF, "*");
    token = "not a token";
    assert_int_equal(pirn_client_reconnect(guest.client), 0);
    guest_expect_failure(PIRN_LAYER_APPLICATION, PIRN_E_HEADER_VALUE, "application: *");
    guest_finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GUEST_TEST(all_headers),
        GUEST_TEST(few_headers),
        GUEST_TEST(credentials),
        GUEST_TEST(nothing_is_injected),
        GUEST_TEST(configurations_that_cannot_be),
        GUEST_TEST(same_origin),
        GUEST_TEST(other_origin),
        GUEST_TEST(bad_redirects),
        GUEST_TEST(circle),
        GUEST_TEST(jar),
        GUEST_TEST(answers_a_challenge),
        GUEST_TEST(answers_it_once),
        GUEST_TEST(answers_need_randomness),
        GUEST_TEST(answers_no_other),
        GUEST_TEST(through_a_proxy),
        GUEST_TEST(refused_by_a_proxy),
        GUEST_TEST(proxy_of_the_environment),
        GUEST_TEST(to_an_address),
        GUEST_TEST(from_an_address),
        GUEST_TEST(on_attempt_changes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
