/* Requests up to their answer: routes, refusals, origins, plain replies, answers that come later,
 * slow and endless heads. */
#include <stdio.h>
#include <string.h>

#include "peer.h"

#define GOOD                                                                                       \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"                   \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define HOST "Host: localhost\r\n"

static void tidy(struct peer *peer)
{
    peer_drop(peer);
    stage_settle();
}

/* ---- a refused request ends the connection (S14) */

static unsigned asked, asked_second;

static void count_asked(struct pirn_request *request, void *context)
{
    (void)context;
    asked++;
    asked_second += pirn_str_equal(pirn_request_path(request), PIRN_STR("/second"));
}

static void reject_403(struct pirn_request *request, void *context)
{
    count_asked(request, context);
    assert_int_equal(pirn_request_reject(request, 403, NULL, 0, "no"), 0);
    assert_int_equal(pirn_request_reject(request, 403, NULL, 0, "no"), -PIRN_E_STATE);
    assert_null(pirn_request_accept(request, NULL, NULL));
}

static void reply_200(struct pirn_request *request, void *context)
{
    count_asked(request, context);
    const struct pirn_header type = {PIRN_STR("Content-Type"), PIRN_STR("text/plain")};
    assert_int_equal(pirn_request_reply(request, 200, &type, 1, "hello", 5), 0);
    assert_int_equal(pirn_request_reply(request, 200, &type, 1, "hello", 5), -PIRN_E_STATE);
}

static void answer_badly(struct pirn_request *request, void *context)
{
    const struct pirn_header bad_name = {PIRN_STR("a b"), PIRN_STR("x")};
    const struct pirn_header bad_value = {PIRN_STR("X"), PIRN_STR("a\r\nSet-Cookie: b")};
    const struct pirn_header reserved = {PIRN_STR("Connection"), PIRN_STR("keep-alive")};
    const struct pirn_accept unknown = {.subprotocol = PIRN_STR("nobody.offered")};
    const struct pirn_accept injected = {.headers = &bad_value, .header_count = 1};
    int error = 0;
    count_asked(request, context);
    assert_int_equal(pirn_request_reply(request, 101, NULL, 0, "", 0), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_request_reply(request, 600, NULL, 0, "", 0), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_request_reply(request, 200, NULL, 0, NULL, 1), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_request_reply(request, 204, NULL, 0, "x", 1), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_request_reply(request, 200, &bad_name, 1, "", 0), -PIRN_E_HEADER_NAME);
    assert_int_equal(pirn_request_reply(request, 200, &bad_value, 1, "", 0), -PIRN_E_HEADER_VALUE);
    assert_int_equal(pirn_request_reply(request, 200, &reserved, 1, "", 0),
                     -PIRN_E_HEADER_RESERVED);
    assert_int_equal(pirn_request_reject(request, 101, NULL, 0, NULL), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_request_reject(request, 400, &bad_value, 1, NULL), -PIRN_E_HEADER_VALUE);
    assert_int_equal(pirn_request_reject(request, 400, &reserved, 1, NULL),
                     -PIRN_E_HEADER_RESERVED);
    if (pirn_request_handshake(request)) {
        assert_null(pirn_request_accept(request, &unknown, &error));
        assert_int_equal(error, PIRN_E_SUBPROTOCOL_UNKNOWN);
        assert_null(pirn_request_accept(request, &injected, &error));
        assert_int_equal(error, PIRN_E_HEADER_VALUE);
    } else {
        assert_null(pirn_request_accept(request, NULL, &error));
        assert_int_equal(error, PIRN_E_STATE);
    }
    assert_int_equal(pirn_request_reject(request, 418, NULL, 0, NULL), 0);
}

/* What it meant as a refusal must not become an acceptance. */
static void refuse_in_vain(struct pirn_request *request, void *context)
{
    const struct pirn_header bad_value = {PIRN_STR("X"), PIRN_STR("a\nb")};
    count_asked(request, context);
    pirn_request_reject(request, 403, &bad_value, 1, NULL);
}

static const struct pirn_route routes[] = {
    {.path = "/chat", .on_request = count_asked},   {.path = "/second", .on_request = count_asked},
    {.path = "/private", .on_request = reject_403}, {.path = "/hello", .on_request = reply_200},
    {.path = "/badly", .on_request = answer_badly}, {.path = "/vain", .on_request = refuse_in_vain},
};

static const struct {
    const char *request;
    int status;
    unsigned asked;
} refusals[] = {
    {"GET /chat HTTP/1.1\r\n" HOST "\r\n", 426, 1},
    {"GET /nowhere HTTP/1.1\r\n" HOST "\r\n", 404, 0},
    {"GET /nowhere HTTP/1.1\r\n" HOST GOOD "\r\n", 404, 0},
    {"GET /private HTTP/1.1\r\n" HOST GOOD "\r\n", 403, 1},
    {"GET /hello HTTP/1.1\r\n" HOST "\r\n", 200, 1},
    {"HEAD /hello HTTP/1.1\r\n" HOST "\r\n", 200, 1},
    {"HEAD /private HTTP/1.1\r\n" HOST "\r\n", 403, 1},
    {"GET /hello HTTP/1.1\r\n" HOST GOOD "\r\n", 200, 1},
    {"GET /badly HTTP/1.1\r\n" HOST GOOD "\r\n", 418, 1},
    {"GET /badly HTTP/1.1\r\n" HOST "\r\n", 418, 1},
    {"GET /vain HTTP/1.1\r\n" HOST GOOD "\r\n", 500, 1},
    {"GET /chat HTTP/1.1\r\n" GOOD "\r\n", 400, 0},
    {"GET /chat HTTP/1.1\r\n\r\n", 400, 0},
    {"GET /chat HTTP/1.1\r\n" HOST HOST GOOD "\r\n", 400, 0},
    {"GET /chat HTTP/1.1\r\n" HOST HOST "\r\n", 400, 0},
    {"GET /chat HTTP/1.0\r\n" HOST GOOD "\r\n", 505, 0},
    {"GET /chat HTTP/2.0\r\n" HOST GOOD "\r\n", 505, 0},
    {"POST /chat HTTP/1.1\r\n" HOST GOOD "\r\n", 405, 0},
    {"GET /chat HTTP/1.1\r\n" HOST GOOD "Content-Length: 5\r\n\r\nhello", 400, 0},
    {"GET /chat HTTP/1.1\r\n" HOST GOOD "Content-Length: 0\r\n\r\n", 400, 0},
    {"GET /chat HTTP/1.1\r\n" HOST GOOD "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, 0},
    {"GET /chat HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
     426, 0},
    {"GET /chat HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n",
     400, 0},
    {"GET /chat HTTP/1.1\r\n" HOST GOOD "Origin: https://evil.example\r\n\r\n", 403, 0},
    {"nonsense\r\n\r\n", 400, 0},
    {"GET /chat HTTP/1.1\r\nHost : localhost\r\n\r\n", 400, 0},
    {"GET /chat HTTP/1.1\r\n" HOST "\tfolded\r\n\r\n", 400, 0},
    {"GET /chat HTTP/1.1\n" HOST GOOD "\r\n", 400, 0},
};

static void test_refusals(void **state)
{
    (void)state;
    stage_open(&(struct pirn_server_config){.routes = routes, .route_count = COUNT(routes)});
    for (size_t i = 0; i < COUNT(refusals); i++) {
        struct peer peer;
        asked = asked_second = 0;
        peer_connect(&peer);
        peer_print(&peer, "%sGET /second HTTP/1.1\r\n" HOST GOOD "\r\n", refusals[i].request);
        int status = peer_answer(&peer);
        if (status != refusals[i].status)
            fail_msg("%d, not %d for:\n%s", status, refusals[i].status, refusals[i].request);
        assert_int_equal(asked, refusals[i].asked);
        assert_int_equal(asked_second, 0);
        if (memcmp(refusals[i].request, "HEAD", 4) == 0)
            assert_int_equal(peer_body(&peer).len, 0);
        tidy(&peer);
    }
    struct pirn_stats stats = pirn_server_stats(stage.server);
    assert_int_equal(stats.accepted, COUNT(refusals));
    assert_int_equal(stats.refused, COUNT(refusals) - 3); /* but the three that got 200 */
    assert_int_equal(stats.opened, 0);
    stage_close();
}

static void test_headers_of_refusals(void **state)
{
    (void)state;
    struct peer peer;
    stage_open(&(struct pirn_server_config){.routes = routes, .route_count = COUNT(routes)});
    peer_connect(&peer);
    peer_print(&peer, "GET /chat HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(peer_answer(&peer), 426);
    assert_true(pirn_str_equal(peer_header(&peer, "Upgrade"), PIRN_STR("websocket")));
    assert_true(pirn_str_equal(peer_header(&peer, "Sec-WebSocket-Version"), PIRN_STR("13")));
    tidy(&peer);
    peer_connect(&peer);
    peer_print(&peer, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(peer_answer(&peer), 200);
    assert_true(pirn_str_equal(peer_header(&peer, "Content-Type"), PIRN_STR("text/plain")));
    assert_true(pirn_str_equal(peer_header(&peer, "X-Content-Type-Options"), PIRN_STR("nosniff")));
    assert_true(pirn_str_equal(peer_body(&peer), PIRN_STR("hello")));
    tidy(&peer);
    stage_close();
}

/* The peer still sends while it is refused: what it sends is dropped, the answer is not. */
static void test_refusal_survives_unread_bytes(void **state)
{
    (void)state;
    struct peer peer;
    static char noise[1 << 16];
    stage_open(&(struct pirn_server_config){.routes = routes, .route_count = COUNT(routes)});
    peer_connect(&peer);
    peer_print(&peer, "POST /chat HTTP/1.1\r\n" HOST GOOD "\r\n");
    for (int i = 0; i < 16; i++)
        assert_true(peer_send(&peer, noise, sizeof noise));
    assert_int_equal(peer_answer(&peer), 405);
    tidy(&peer);
    stage_close();
}

static void test_lingering_ends(void **state)
{
    (void)state;
    struct peer peer;
    stage_open(&(struct pirn_server_config){.routes = routes, .route_count = COUNT(routes)});
    size_t fds = stage_fds();
    peer_connect(&peer);
    peer_print(&peer, "GET /nowhere HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(peer_answer(&peer), 404);
    for (int i = 0; i < 19; i++) { /* a peer that goes on sending gets no more time by that */
        peer_print(&peer, "more");
        stage_pass_ms(100);
    }
    assert_int_equal(stage_fds(), fds + 2);
    stage_pass_ms(102);
    assert_int_equal(stage_fds(), fds + 1);
    peer_drop(&peer);
    stage_close();
}

/* ---- origins (S15) */

enum origin_rule { DEFAULT_ORIGINS, LISTED_ORIGINS, ANY_ORIGIN, ORIGIN_RULES };

static const struct {
    const char *lines;
    int status[ORIGIN_RULES];
} origins[] = {
    {"", {101, 101, 101}},
    {"Origin: http://localhost\r\n", {101, 101, 101}},
    {"Origin: http://LOCALHOST\r\n", {101, 101, 101}},
    {"Origin: HTTP://localhost:80\r\n", {101, 101, 101}},
    {"Origin: https://localhost\r\n", {403, 403, 101}},
    {"Origin: http://localhost:8080\r\n", {403, 403, 101}},
    {"Origin: http://localhost.evil.example\r\n", {403, 403, 101}},
    {"Origin: http://evil.example\r\n", {403, 403, 101}},
    {"Origin: https://example.org\r\n", {403, 101, 101}},
    {"Origin: https://EXAMPLE.org:443\r\n", {403, 101, 101}},
    {"Origin: https://example.org:8443\r\n", {403, 101, 101}},
    {"Origin: http://example.org\r\n", {403, 403, 101}},
    {"Origin: https://example.org:8444\r\n", {403, 403, 101}},
    {"Origin: https://sub.example.org\r\n", {403, 403, 101}},
    {"Origin: https://example.orgs\r\n", {403, 403, 101}},
    {"Origin: http://xn--bcher-kva.example\r\n", {403, 101, 101}},
    {"Origin: app://local\r\n", {403, 101, 101}},
    {"Origin: APP://local\r\n", {403, 403, 101}},
    {"Origin: null\r\n", {403, 403, 101}},
    {"Origin: \r\n", {403, 403, 101}},
    {"Origin: http://localhost\r\nOrigin: http://localhost\r\n", {400, 400, 400}},
};

static void test_origins(void **state)
{
    (void)state;
    STAGE_PLAIN_ONLY();
    const struct pirn_str listed[] = {
        PIRN_STR("https://example.org"), PIRN_STR("https://example.org:8443"),
        PIRN_STR("http://xn--bcher-kva.example"), PIRN_STR("app://local")};
    const struct pirn_server_config rules[ORIGIN_RULES] = {
        [LISTED_ORIGINS] = {.origins = listed, .origin_count = COUNT(listed)},
        [ANY_ORIGIN] = {.any_origin = true},
    };
    for (size_t rule = 0; rule < ORIGIN_RULES; rule++) {
        stage_open(&rules[rule]);
        for (size_t i = 0; i < COUNT(origins); i++) {
            struct peer peer;
            peer_connect(&peer);
            peer_ask(&peer, "/", origins[i].lines);
            int status = peer_head(&peer);
            if (status != origins[i].status[rule])
                fail_msg("%d with rule %zu for %s", status, rule, origins[i].lines);
            peer_drop(&peer);
        }
        AWAIT(stage.told.closes == stage.told.opens);
        stage_settle();
        stage_close();
    }
}

/* ---- slow and endless heads (S01, S02) */

static const char *const silences[] = {
    "",
    "G",
    "GET / HT",
    "GET / HTTP/1.1\r\n",
    "GET / HTTP/1.1\r\n" HOST,
    "GET / HTTP/1.1\r\n" HOST GOOD,
    "GET / HTTP/1.1\r\n" HOST GOOD "\r",
};

static void test_silent_handshake(void **state)
{
    (void)state;
    STAGE_PLAIN_ONLY();
    struct peer peers[COUNT(silences)];
    stage_open(NULL);
    for (size_t i = 0; i < COUNT(silences); i++) {
        peer_connect(&peers[i]);
        peer_print(&peers[i], "%s", silences[i]);
    }
    AWAIT(pirn_server_stats(stage.server).accepted == COUNT(silences));
    stage_settle();
    assert_in_range(stage.memory.bytes, 0, stage.memory.peak);
    stage_pass_ms(PIRN_DEFAULT_HANDSHAKE_TIMEOUT_MS - 10);
    for (size_t i = 0; i < COUNT(silences); i++)
        assert_false(peer_is_ended(&peers[i]));
    stage_pass_ms(20);
    for (size_t i = 0; i < COUNT(silences); i++) {
        assert_int_equal(peer_answer(&peers[i]), 408);
        tidy(&peers[i]);
    }
    assert_int_equal(pirn_server_stats(stage.server).timeouts, COUNT(silences));
    stage_close();
}

/* A byte every 200 ms: the end comes when it would without them. */
static void test_trickling_handshake(void **state)
{
    (void)state;
    const char *request = "GET / HTTP/1.1\r\n" HOST "X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct peer peer;
    unsigned sent = 0;
    stage_open(NULL);
    peer_connect(&peer);
    AWAIT(pirn_server_stats(stage.server).accepted == 1);
    while (pirn_server_stats(stage.server).timeouts == 0 && request[sent]) {
        assert_true(peer_send(&peer, request + sent++, 1));
        stage_pass_ms(200);
    }
    assert_in_range(sent, PIRN_DEFAULT_HANDSHAKE_TIMEOUT_MS / 200,
                    PIRN_DEFAULT_HANDSHAKE_TIMEOUT_MS / 200 + 1);
    assert_int_equal(peer_answer(&peer), 408);
    tidy(&peer);
    stage_close();
}

static void test_cost_of_slow_handshakes(void **state)
{
    (void)state;
    STAGE_PLAIN_ONLY();
    static struct peer peers[100];
    stage_open(NULL);
    size_t before = stage.memory.bytes;
    for (size_t i = 0; i < COUNT(peers); i++) {
        peer_connect(&peers[i]);
        peer_print(&peers[i], "GET / HTTP/1.1\r\n" HOST);
    }
    AWAIT(pirn_server_stats(stage.server).accepted == COUNT(peers));
    stage_settle();
    assert_in_range((stage.memory.bytes - before) / COUNT(peers), 1, 1024);
    for (size_t i = 0; i < COUNT(peers); i++)
        peer_drop(&peers[i]);
    AWAIT(stage_turn() == 0 && stage.memory.bytes <= before + 4096);
    stage_close();
}

enum flood { ONE_LINE, ONE_TARGET, MANY_HEADERS, FLOODS };

static size_t write_flood(enum flood flood, char *text, size_t cap)
{
    size_t len = 0;
    if (flood != ONE_TARGET)
        len += (size_t)snprintf(text, cap, "GET / HTTP/1.1\r\nX-Long: ");
    else
        len += (size_t)snprintf(text, cap, "GET /");
    if (flood != MANY_HEADERS)
        memset(text + len, 'a', cap - len);
    else
        while (len + 16 < cap)
            len += (size_t)snprintf(text + len, cap - len, "x\r\nX-%zu: ", len);
    return flood == MANY_HEADERS ? len : cap;
}

static const size_t cuts[] = {1, 100, 1000, 65536};

static void test_head_flood(void **state)
{
    (void)state;
    STAGE_PLAIN_ONLY();
    static char text[40000];
    for (size_t i = 0; i < FLOODS * COUNT(cuts); i++) {
        size_t len = write_flood(i % FLOODS, text, sizeof text), cut = cuts[i / FLOODS];
        struct peer peer;
        stage_open(NULL);
        size_t before = stage.memory.bytes;
        peer_connect(&peer);
        for (size_t sent = 0; sent < len && pirn_server_stats(stage.server).refused == 0;
             sent += cut) {
            peer_send(&peer, text + sent, len - sent < cut ? len - sent : cut);
            stage_turn();
        }
        AWAIT(pirn_server_stats(stage.server).refused == 1);
        for (int more = 0; more < 10; more++)
            peer_send(&peer, text, len);
        assert_int_equal(peer_answer(&peer), 431);
        assert_in_range(stage.memory.peak - before, 1, PIRN_HTTP_MAX_HEAD_BYTES + 2048);
        peer_drop(&peer);
        stage_close();
    }
}

static void test_limits_of_heads_are_settings(void **state)
{
    (void)state;
    struct peer peer;
    stage_open(&(struct pirn_server_config){.max_head_bytes = 250, .max_headers = 6});
    peer_open(&peer, "/");
    peer_echo(&peer, "fits");
    peer_drop(&peer);
    peer_connect(&peer);
    peer_ask(&peer, "/", "X-One: 1\r\nX-Two: 2\r\n");
    assert_int_equal(peer_answer(&peer), 431);
    tidy(&peer);
    peer_connect(&peer);
    peer_ask(&peer,
             "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
             "");
    assert_int_equal(peer_answer(&peer), 431);
    tidy(&peer);
    stage_close();
}

/* However the head is cut, it is the same request. */
static void test_heads_in_pieces(void **state)
{
    (void)state;
    STAGE_PLAIN_ONLY();
    const char *request = "GET /a?b=c HTTP/1.1\r\n" HOST GOOD "\r\n\x81\x82\0\0\0\0hi";
    const size_t len = strlen("GET /a?b=c HTTP/1.1\r\n" HOST GOOD "\r\n") + 8;
    stage_open(NULL);
    for (size_t cut = 1; cut < len; cut++) {
        struct peer peer;
        char echo[4];
        peer_connect(&peer);
        peer_send(&peer, request, cut);
        stage_settle();
        peer_send(&peer, request + cut, len - cut);
        assert_int_equal(peer_head(&peer), 101);
        AWAIT(recv(peer.fd, echo, sizeof echo, MSG_DONTWAIT) == sizeof echo);
        assert_memory_equal(echo, "\x81\x02hi", sizeof echo);
        peer_drop(&peer);
    }
    stage_close();
}

/* ---- routes and subprotocols */

static void route_says_its_name(struct pirn_request *request, void *context)
{
    pirn_request_reply(request, 200, NULL, 0, context, strlen(context));
}

static void reply_204(struct pirn_request *request, void *context)
{
    (void)context;
    assert_int_equal(pirn_request_reply(request, 204, NULL, 0, NULL, 0), 0);
}

/* RFC 9110, 8.6: it must not have a Content-Length either. */
static void test_answers_without_a_body(void **state)
{
    (void)state;
    const struct pirn_route route = {.on_request = reply_204};
    struct peer peer;
    stage_open(&(struct pirn_server_config){.routes = &route, .route_count = 1});
    peer_connect(&peer);
    peer_print(&peer, "GET / HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(peer_answer(&peer), 204);
    assert_null(pirn_http_find(&peer.head, PIRN_STR("Content-Length")).data);
    assert_int_equal(peer_body(&peer).len, 0);
    tidy(&peer);
    stage_close();
}

static void expect_body(const char *target, const char *body)
{
    struct peer peer;
    peer_connect(&peer);
    peer_print(&peer, "GET %s HTTP/1.1\r\n" HOST "\r\n", target);
    assert_int_equal(peer_answer(&peer), 200);
    if (!pirn_str_equal(peer_body(&peer), pirn_cstr(body)))
        fail_msg("%s: %.*s", target, (int)peer_body(&peer).len, peer_body(&peer).data);
    tidy(&peer);
}

static void test_routes(void **state)
{
    (void)state;
    static char exact[] = "exact", below[] = "below", general[] = "general";
    const struct pirn_route table[] = {
        {.path = "/a", .on_request = route_says_its_name, .context = exact},
        {.path = "/a/*", .on_request = route_says_its_name, .context = below},
        {.path = "/a/b", .on_request = route_says_its_name, .context = exact}, /* never reached */
        {.path = NULL, .on_request = route_says_its_name}, /* the server's context */
    };
    static const struct {
        const char *target, *body;
    } rows[] = {
        {"/a", "exact"},       {"/a?x=/a/b", "exact"},
        {"/a/", "below"},      {"/a/b", "below"},
        {"/a/b/c?d", "below"}, {"/ab", "general"},
        {"/", "general"},      {"/?/a", "general"},
        {"/A", "general"},     {"http://localhost/a/x?y", "below"},
        {"*", "general"},
    };
    stage_open(&(struct pirn_server_config){
        .routes = table, .route_count = COUNT(table), .context = general});
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_body(rows[i].target, rows[i].body);
    stage_close();
}

static void reply_path_and_query(struct pirn_request *request, void *context)
{
    char text[256], peer[64];
    struct pirn_str path = pirn_request_path(request), query = pirn_request_query(request);
    (void)context;
    assert_null(pirn_request_handshake(request));
    assert_memory_equal(pirn_request_peer(request, peer, sizeof peer), "127.0.0.1:", 10);
    int len = snprintf(text, sizeof text, "%.*s|%.*s|%s", (int)path.len, path.data, (int)query.len,
                       query.data ? query.data : "", query.data ? "query" : "none");
    pirn_request_reply(request, 200, NULL, 0, text, (size_t)len);
}

static void test_path_and_query(void **state)
{
    (void)state;
    static const struct {
        const char *target, *body;
    } rows[] = {
        {"/", "/||none"},
        {"/?", "/||query"},
        {"/a%2f?b=c?d", "/a%2f|b=c?d|query"},
        {"http://h.example:1/x?y", "/x|y|query"},
        {"http://h.example", "/||none"},
        {"http://h.example?y", "/|y|query"},
        {"/u?r=http://x/y", "/u|r=http://x/y|query"},
    };
    const struct pirn_route route = {.on_request = reply_path_and_query};
    stage_open(&(struct pirn_server_config){.routes = &route, .route_count = 1});
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_body(rows[i].target, rows[i].body);
    stage_close();
}

static struct pirn_accept acceptance;
static struct pirn_str agreed;

static void accept_so(struct pirn_request *request, void *context)
{
    (void)context;
    struct pirn_conn *conn = pirn_request_accept(request, &acceptance, NULL);
    assert_non_null(conn);
    assert_ptr_equal(pirn_conn_context(conn), acceptance.context);
    agreed = pirn_conn_subprotocol(conn);
}

static void test_subprotocols(void **state)
{
    (void)state;
    const struct pirn_str supported[] = {PIRN_STR("one"), PIRN_STR("two")};
    struct pirn_route route = {.subprotocols = supported, .subprotocol_count = 2};
    char long_text[1000];
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = 0;
    static const struct {
        const char *line, *chosen_by_client, *chosen_by_server;
    } rows[] = {
        {"", NULL, NULL},
        {"Sec-WebSocket-Protocol: one\r\n", "one", "one"},
        {"Sec-WebSocket-Protocol: two, one\r\n", "two", "one"},
        {"Sec-WebSocket-Protocol: x\r\nSec-WebSocket-Protocol: two,one\r\n", "two", "one"},
        {"Sec-WebSocket-Protocol: ONE, x\r\n", NULL, NULL},
    };
    for (int server_order = 0; server_order < 2; server_order++)
        for (size_t i = 0; i < COUNT(rows); i++) {
            struct peer peer;
            const char *chosen = server_order ? rows[i].chosen_by_server : rows[i].chosen_by_client;
            stage_open(&(struct pirn_server_config){
                .routes = &route, .route_count = 1, .server_order = server_order});
            peer_connect(&peer);
            peer_ask(&peer, "/", rows[i].line);
            assert_int_equal(peer_head(&peer), 101);
            struct pirn_str got = peer_header(&peer, "Sec-WebSocket-Protocol");
            assert_int_equal(got.data == NULL, chosen == NULL);
            assert_true(pirn_str_equal(got, pirn_cstr(chosen)));
            assert_true(pirn_str_equal(pirn_conn_subprotocol(stage.told.conn), pirn_cstr(chosen)));
            peer_begin(&peer);
            peer_echo(&peer, long_text); /* where the request stood */
            assert_true(pirn_str_equal(pirn_conn_subprotocol(stage.told.conn), pirn_cstr(chosen)));
            peer_drop(&peer);
            stage_close();
        }
}

static unsigned other_opens, other_closes;

static void other_open(struct pirn_conn *conn)
{
    other_opens++;
    assert_ptr_equal(pirn_conn_context(conn), &other_opens);
}

static void other_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    (void)info;
    other_closes++;
    assert_ptr_equal(pirn_conn_context(conn), &other_opens);
}

static void test_accepting_by_hand(void **state)
{
    (void)state;
    const struct pirn_header cookie = {PIRN_STR("Set-Cookie"), PIRN_STR("id=1")};
    const struct pirn_handlers others = {.on_open = other_open, .on_close = other_close};
    const struct pirn_str supported = PIRN_STR("one");
    struct pirn_route route = {
        .on_request = accept_so, .subprotocols = &supported, .subprotocol_count = 1};
    static const struct {
        struct pirn_str choice;
        const char *chosen;
    } rows[] = {{{NULL, 0}, "one"}, {{"", 0}, NULL}, {{"two", 3}, "two"}};
    stage_open(&(struct pirn_server_config){.routes = &route, .route_count = 1});
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct peer peer;
        other_opens = other_closes = 0;
        acceptance = (struct pirn_accept){.subprotocol = rows[i].choice,
                                          .headers = &cookie,
                                          .header_count = 1,
                                          .handlers = &others,
                                          .context = &other_opens};
        peer_connect(&peer);
        peer_ask(&peer, "/", "Sec-WebSocket-Protocol: one, two\r\n");
        assert_int_equal(peer_head(&peer), 101);
        assert_true(pirn_str_equal(peer_header(&peer, "Set-Cookie"), cookie.value));
        assert_true(pirn_str_equal(agreed, pirn_cstr(rows[i].chosen)));
        assert_true(pirn_str_equal(peer_header(&peer, "Sec-WebSocket-Protocol"),
                                   pirn_cstr(rows[i].chosen)));
        assert_int_equal(other_opens, 1);
        peer_drop(&peer);
        AWAIT(other_closes == 1);
    }
    assert_int_equal(stage.told.opens, 0);
    stage_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_refusals),
        STAGE_TEST(test_headers_of_refusals),
        STAGE_TEST(test_refusal_survives_unread_bytes),
        STAGE_TEST(test_lingering_ends),
        STAGE_TEST(test_origins),
        STAGE_TEST(test_silent_handshake),
        STAGE_TEST(test_trickling_handshake),
        STAGE_TEST(test_cost_of_slow_handshakes),
        STAGE_TEST(test_head_flood),
        STAGE_TEST(test_limits_of_heads_are_settings),
        STAGE_TEST(test_heads_in_pieces),
        STAGE_TEST(test_answers_without_a_body),
        STAGE_TEST(test_routes),
        STAGE_TEST(test_path_and_query),
        STAGE_TEST(test_subprotocols),
        STAGE_TEST(test_accepting_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
