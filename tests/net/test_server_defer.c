/* Answers that come later, and the ways in which they do not; drain; every connection in turn. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "peer.h"

/* ---- a hook that defers */

static struct {
    struct pirn_request *request; /* the one that waits; NULL: none */
    unsigned asked, gone;
} later;

static void gone(struct pirn_request *request, void *context)
{
    assert_ptr_equal(context, &later);
    assert_ptr_equal(request, later.request);
    later.request = NULL;
    later.gone++;
}

static void defer(struct pirn_request *request, void *context)
{
    (void)context;
    later.asked++;
    later.request = request;
    assert_int_equal(pirn_request_defer(request, gone, &later), 0);
    assert_int_equal(pirn_request_defer(request, gone, &later), -PIRN_E_STATE);
}

static const struct pirn_route defer_route = {.on_request = defer};
static const struct pirn_server_config defer_config = {.routes = &defer_route, .route_count = 1};

static void ask_deferred(struct peer *peer, const char *lines)
{
    memset(&later, 0, sizeof later);
    peer_connect(peer);
    peer_ask(peer, "/wait?x=1", lines);
    AWAIT(later.asked == 1);
}

static struct pirn_request *answered(void)
{
    struct pirn_request *request = later.request;
    later.request = NULL;
    return request;
}

/* What was parsed before still stands, in memory that is the request's own. */
static void test_deferred_accept(void **state)
{
    (void)state;
    struct peer peer, other;
    stage_open(&defer_config);
    ask_deferred(&peer, "Sec-WebSocket-Protocol: a, b\r\nX-Mine: yes\r\n");
    peer_connect(&other); /* overwrites what the loop and the server share */
    peer_print(&other, "GET /%0*d HTTP/1.1\r\nHost: elsewhere\r\nX-Mine: no\r\n", 3000, 7);
    stage_settle();
    const struct pirn_http_head *head = pirn_request_head(later.request);
    assert_true(pirn_str_equal(pirn_http_find(head, PIRN_STR("X-Mine")), PIRN_STR("yes")));
    assert_true(pirn_str_equal(pirn_request_path(later.request), PIRN_STR("/wait")));
    assert_true(pirn_str_equal(pirn_request_query(later.request), PIRN_STR("x=1")));
    assert_true(
        pirn_handshake_offers_subprotocol(pirn_request_handshake(later.request), PIRN_STR("b")));
    struct pirn_accept how = {.subprotocol = PIRN_STR("b")};
    int error = -1;
    assert_non_null(pirn_request_accept(answered(), &how, &error));
    assert_int_equal(error, 0);
    assert_int_equal(peer_head(&peer), 101);
    assert_true(pirn_str_equal(peer_header(&peer, "Sec-WebSocket-Protocol"), PIRN_STR("b")));
    assert_int_equal(stage.told.opens, 1);
    peer_drop(&peer);
    peer_drop(&other);
    AWAIT(stage.told.closes == 1);
    assert_int_equal(later.gone, 0);
    stage_close();
}

static void test_deferred_refusal_and_reply(void **state)
{
    (void)state;
    struct peer peer;
    stage_open(&defer_config);
    ask_deferred(&peer, "");
    assert_int_equal(pirn_request_reject(answered(), 401, NULL, 0, "who are you?"), 0);
    assert_int_equal(peer_answer(&peer), 401);
    peer_drop(&peer);
    ask_deferred(&peer, "");
    assert_int_equal(pirn_request_reply(answered(), 200, NULL, 0, "later", 5), 0);
    assert_int_equal(peer_answer(&peer), 200);
    assert_true(pirn_str_equal(peer_body(&peer), PIRN_STR("later")));
    peer_drop(&peer);
    ask_deferred(&peer, "");
    assert_int_equal(pirn_request_file(answered(), "/nonexistent"), 0);
    assert_int_equal(peer_answer(&peer), 404);
    peer_drop(&peer);
    stage_settle();
    assert_int_equal(later.gone, 0);
    stage_close();
}

/* Frames that come before the answer wait for it, in any number. */
static void test_deferred_early_frames(void **state)
{
    (void)state;
    static char big[200000];
    static const size_t sizes[] = {0, 5, 900, 1000, 1024, 1100, 5000, sizeof big};
    stage_open(&defer_config);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct peer peer;
        memset(big, 'x', sizeof big);
        ask_deferred(&peer, "");
        peer_frame(&peer, 0x82, big, sizes[i]);
        stage_settle();
        assert_non_null(pirn_request_accept(answered(), NULL, NULL));
        assert_int_equal(peer_head(&peer), 101);
        peer_drop(&peer);
        AWAIT(stage.told.messages == i + 1);
        stage_settle();
    }
    stage_close();
}

static void test_deferred_peer_goes(void **state)
{
    (void)state;
    for (int reset = 0; reset < 2; reset++) {
        struct peer peer;
        stage_open(&defer_config);
        ask_deferred(&peer, "");
        if (reset)
            peer_reset(&peer);
        else
            peer_drop(&peer);
        AWAIT(later.gone == 1);
        stage_settle();
        assert_int_equal(later.gone, 1);
        stage_close();
    }
}

static void test_deferred_too_long(void **state)
{
    (void)state;
    struct peer peer;
    stage_open(&defer_config);
    ask_deferred(&peer, "");
    stage_pass_ms(PIRN_DEFAULT_DEFER_TIMEOUT_MS - 1); /* not the handshake's 10 s any more */
    assert_int_equal(later.gone, 0);
    stage_pass_ms(3);
    assert_int_equal(later.gone, 1);
    assert_int_equal(peer_answer(&peer), 503);
    peer_drop(&peer);
    stage_close();
}

static void test_deferred_until_drain(void **state)
{
    (void)state;
    struct peer peer;
    stage_open(&defer_config);
    ask_deferred(&peer, "");
    pirn_server_drain(stage.server, PIRN_CLOSE_GOING_AWAY, PIRN_STR(""), 1000, NULL, NULL);
    assert_int_equal(later.gone, 1);
    assert_int_equal(peer_answer(&peer), 503);
    peer_drop(&peer);
    stage_close();
}

static void test_deferred_until_free(void **state)
{
    (void)state;
    struct peer peer;
    stage_open(&defer_config);
    ask_deferred(&peer, "");
    pirn_server_free(stage.server);
    stage.server = NULL;
    assert_int_equal(later.gone, 1);
    peer_drop(&peer);
    stage_close();
}

/* ---- drain */

static struct {
    unsigned times;
    size_t left;
    bool frees;
} done;

static void on_done(struct pirn_server *server, size_t left, void *context)
{
    assert_ptr_equal(server, stage.server);
    assert_ptr_equal(context, &done);
    done.times++;
    done.left = left;
    if (done.frees) {
        pirn_server_free(server);
        stage.server = NULL;
    }
}

static int drain(uint32_t deadline_ms)
{
    memset(&done, 0, sizeof done);
    return pirn_server_drain(stage.server, PIRN_CLOSE_SERVICE_RESTART, PIRN_STR("back soon"),
                             deadline_ms, on_done, &done);
}

static void test_drain_that_cannot_be(void **state)
{
    (void)state;
    stage_open(NULL);
    assert_int_equal(pirn_server_drain(stage.server, 1006, PIRN_STR(""), 1000, on_done, &done),
                     -PIRN_E_CLOSE_CODE);
    assert_int_equal(drain(1000), 0);
    assert_int_equal(drain(1000), -PIRN_E_STATE);
    assert_int_equal(pirn_server_listen(stage.server, &(struct pirn_listen){.port = 0}),
                     -PIRN_E_STATE);
    stage_close();
}

static void test_drain_nothing(void **state)
{
    (void)state;
    stage_open(NULL);
    drain(1000);
    assert_int_equal(done.times, 0); /* not from inside the call */
    AWAIT(done.times == 1);
    assert_int_equal(done.left, 0);
    stage_pass_ms(2000);
    assert_int_equal(done.times, 1);
    stage_close();
}

static void test_drain_well(void **state)
{
    (void)state;
    struct peer peers[3];
    stage_open(NULL);
    for (size_t i = 0; i < COUNT(peers); i++)
        peer_open(&peers[i], "/");
    drain(1000);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(stage.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct peer late;
    assert_int_equal(peer_connect_to(&late, &address, sizeof address), ECONNREFUSED);
    for (size_t i = 0; i < COUNT(peers); i++) {
        assert_int_equal(done.times, 0);
        assert_int_equal(peer_expect_close(&peers[i]), PIRN_CLOSE_SERVICE_RESTART);
        peer_await_end(&peers[i]);
        peer_drop(&peers[i]);
        assert_int_equal(stage.told.close.origin, PIRN_ORIGIN_LOCAL);
        assert_int_equal(stage.told.close.sent_code, PIRN_CLOSE_SERVICE_RESTART);
        assert_true(stage.told.close.clean);
    }
    AWAIT(done.times == 1);
    assert_int_equal(done.left, 0);
    stage_close();
}

static void test_drain_the_stubborn(void **state)
{
    (void)state;
    struct peer peers[3];
    stage_open(NULL);
    for (size_t i = 0; i < COUNT(peers); i++)
        peer_open(&peers[i], "/");
    drain(1000);
    assert_int_equal(peer_expect_close(&peers[0]), PIRN_CLOSE_SERVICE_RESTART);
    peer_await_end(&peers[0]);
    stage_pass_ms(990);
    assert_int_equal(done.times, 0);
    assert_int_equal(pirn_server_connections(stage.server), 2);
    stage_pass_ms(12);
    assert_int_equal(done.times, 1);
    assert_int_equal(done.left, 2);
    assert_int_equal(stage.told.closes, 3);
    assert_int_equal(stage.told.close.layer, PIRN_LAYER_APPLICATION);
    for (size_t i = 0; i < COUNT(peers); i++) {
        peer_await_end(&peers[i]);
        peer_drop(&peers[i]);
    }
    stage_close();
}

static void test_drain_at_once(void **state)
{
    (void)state;
    struct peer peer;
    stage_open(NULL);
    peer_open(&peer, "/");
    drain(0);
    stage_pass_ms(2);
    assert_int_equal(done.times, 1);
    assert_int_equal(done.left, 1);
    peer_drop(&peer);
    stage_close();
}

static void test_drain_requests(void **state)
{
    (void)state;
    STAGE_PLAIN_ONLY();
    struct peer half, silent, waits;
    stage_open(&defer_config);
    ask_deferred(&waits, "");
    peer_connect(&half);
    peer_print(&half, "GET / HTTP/1.1\r\n");
    peer_connect(&silent);
    AWAIT(pirn_server_stats(stage.server).accepted == 3);
    stage_settle();
    drain(1000);
    assert_int_equal(later.gone, 1);
    assert_int_equal(peer_answer(&half), 503);
    assert_int_equal(peer_answer(&silent), 503);
    assert_int_equal(peer_answer(&waits), 503);
    peer_drop(&half);
    peer_drop(&silent);
    peer_drop(&waits);
    AWAIT(done.times == 1);
    assert_int_equal(done.left, 0);
    stage_close();
}

static void test_free_inside_done(void **state)
{
    (void)state;
    for (int stubborn = 0; stubborn < 2; stubborn++) {
        struct peer peer;
        stage_open(NULL);
        peer_open(&peer, "/");
        drain(1000);
        done.frees = true;
        if (stubborn)
            stage_pass_ms(1002);
        else
            assert_int_equal(peer_expect_close(&peer), PIRN_CLOSE_SERVICE_RESTART);
        AWAIT(done.times == 1);
        assert_null(stage.server);
        assert_int_equal(done.left, stubborn);
        peer_drop(&peer);
        stage_close();
    }
}

/* ---- each */

static void count_and_terminate(struct pirn_conn *conn, void *context)
{
    unsigned *seen = context;
    (*seen)++;
    pirn_conn_terminate(conn);
}

static void terminate_all(struct pirn_conn *conn, void *context)
{
    unsigned *seen = context;
    (*seen)++;
    pirn_conn_terminate(conn);
    if (*seen == 1) {
        unsigned inside = 0;
        pirn_server_each(stage.server, count_and_terminate, &inside);
        assert_int_equal(inside, 3);
    }
}

static void close_it(struct pirn_conn *conn, void *context)
{
    (void)context;
    pirn_conn_close(conn, PIRN_CLOSE_NORMAL, PIRN_STR(""));
}

static void say_hello(struct pirn_conn *conn, void *context)
{
    pirn_conn_send(conn, PIRN_TEXT, context, strlen(context));
}

static void test_each(void **state)
{
    (void)state;
    static char hello[] = "hello all";
    struct peer peers[3];
    unsigned seen = 0;
    stage_open(NULL);
    pirn_server_each(stage.server, terminate_all, &seen);
    assert_int_equal(seen, 0);
    for (size_t i = 0; i < COUNT(peers); i++)
        peer_open(&peers[i], "/");
    assert_int_equal(pirn_server_connections(stage.server), 3);
    pirn_server_each(stage.server, say_hello, hello);
    for (size_t i = 0; i < COUNT(peers); i++)
        peer_expect_text(&peers[i], hello);
    pirn_server_each(stage.server, terminate_all, &seen);
    assert_int_equal(stage.told.closes, 0); /* not from inside */
    stage_settle();
    assert_int_equal(stage.told.closes, 3);
    assert_int_equal(pirn_server_connections(stage.server), 0);
    for (size_t i = 0; i < COUNT(peers); i++) {
        peer_await_end(&peers[i]);
        peer_drop(&peers[i]);
        peer_open(&peers[i], "/");
    }
    pirn_server_each(stage.server, close_it, NULL);
    for (size_t i = 0; i < COUNT(peers); i++) {
        assert_int_equal(peer_expect_close(&peers[i]), PIRN_CLOSE_NORMAL);
        peer_drop(&peers[i]);
    }
    AWAIT(stage.told.closes == 6);
    stage_close();
}

/* ---- who defers and has the answer at once */

enum early { EARLY_ACCEPT, EARLY_REJECT, EARLY_DRAIN, EARLY_ANSWERS };

static struct {
    enum early answer;
    struct peer *peer; /* NULL: it stays */
} early;

static void answer_early(struct pirn_request *request, void *context)
{
    (void)context;
    later.request = request;
    later.asked++;
    assert_int_equal(pirn_request_defer(request, gone, &later), 0);
    if (early.peer)
        peer_reset(early.peer);
    if (early.answer == EARLY_ACCEPT)
        assert_non_null(pirn_request_accept(answered(), NULL, NULL));
    else if (early.answer == EARLY_REJECT)
        assert_int_equal(pirn_request_reject(answered(), 403, NULL, 0, NULL), 0);
    else
        assert_int_equal(pirn_server_drain(stage.server, 1001, PIRN_STR(""), 0, NULL, NULL), 0);
}

static void test_answer_inside_the_hook(void **state)
{
    (void)state;
    static const int statuses[EARLY_ANSWERS] = {101, 403, 503};
    const struct pirn_route route = {.on_request = answer_early};
    for (int row = 0; row < 2 * EARLY_ANSWERS; row++) {
        struct peer peer;
        bool leaves = row % 2;
        memset(&later, 0, sizeof later);
        early.answer = (enum early)(row / 2);
        early.peer = leaves ? &peer : NULL;
        stage_open(&(struct pirn_server_config){.routes = &route, .route_count = 1});
        size_t fds = stage_fds();
        peer_connect(&peer);
        peer_ask(&peer, "/", "");
        AWAIT(later.asked == 1);
        if (!leaves && early.answer == EARLY_ACCEPT)
            assert_int_equal(peer_head(&peer), 101);
        else if (!leaves)
            assert_int_equal(peer_answer(&peer), statuses[early.answer]);
        assert_int_equal(later.gone, early.answer == EARLY_DRAIN);
        peer_drop(&peer);
        AWAIT(stage_fds() <= fds);
        assert_int_equal(stage.told.opens, early.answer == EARLY_ACCEPT);
        stage_close();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_deferred_accept),
        STAGE_TEST(test_deferred_refusal_and_reply),
        STAGE_TEST(test_deferred_early_frames),
        STAGE_TEST(test_deferred_peer_goes),
        STAGE_TEST(test_deferred_too_long),
        STAGE_TEST(test_deferred_until_drain),
        STAGE_TEST(test_deferred_until_free),
        STAGE_TEST(test_drain_that_cannot_be),
        STAGE_TEST(test_drain_nothing),
        STAGE_TEST(test_drain_well),
        STAGE_TEST(test_drain_the_stubborn),
        STAGE_TEST(test_drain_at_once),
        STAGE_TEST(test_drain_requests),
        STAGE_TEST(test_free_inside_done),
        STAGE_TEST(test_each),
        STAGE_TEST(test_answer_inside_the_hook),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
