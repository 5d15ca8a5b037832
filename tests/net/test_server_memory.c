/* When memory runs out, at whatever moment: that connection ends, with the right error, nothing
 * leaks, and the next client is served (C03). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"

/* ---- the server: echoes, floods, replies, defers, has files */

static struct pirn_request *waiting;

static void gone(struct pirn_request *request, void *context)
{
    (void)context;
    assert_ptr_equal(request, waiting);
    waiting = NULL;
}

static void defer(struct pirn_request *request, void *context)
{
    (void)context;
    int result = pirn_request_defer(request, gone, NULL);
    assert_true(result == 0 || result == -PIRN_E_MEMORY);
    if (result == 0)
        waiting = request;
}

static void reply(struct pirn_request *request, void *context)
{
    (void)context;
    const struct pirn_header header = {PIRN_STR("X-Mine"), PIRN_STR("yes")};
    int result = pirn_request_reply(request, 200, &header, 1, "hello", 5);
    assert_true(result == 0 || result == -PIRN_E_MEMORY);
}

static void answer(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    static const char block[16384];
    if (type == PIRN_TEXT) {
        stage_handlers.on_message(conn, type, data, len);
        return;
    }
    while (pirn_conn_send(conn, PIRN_BINARY, block, sizeof block) >= 0)
        pirn_conn_ping(conn, "ping", 4);
}

static const struct pirn_route routes[] = {
    {.path = "/defer", .on_request = defer},
    {.path = "/reply", .on_request = reply},
    {.path = "/echo"},
};

static char folder[] = "/tmp/pirn-memory-XXXXXX";

static struct pirn_server_config whole_config(void)
{
    struct pirn_server_config whole = {
        .conn.high_water_bytes = 65536,
        .conn.handlers = stage_handlers,
        .routes = routes,
        .route_count = COUNT(routes),
        .root = folder,
    };
    whole.conn.handlers.on_message = answer;
    return whole;
}

static int make_folder(void **state)
{
    (void)state;
    char name[sizeof folder + 8];
    assert_non_null(mkdtemp(folder));
    snprintf(name, sizeof name, "%s/file", folder);
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), 200000), 0);
    return fclose(file);
}

static int remove_folder(void **state)
{
    (void)state;
    char name[sizeof folder + 8];
    snprintf(name, sizeof name, "%s/file", folder);
    return unlink(name) || rmdir(folder);
}

/* ---- the session: each part goes on as long as the server does */

/* Until a whole message of this type has come; false if the connection ends before. */
static bool await_message(struct peer *peer, enum pirn_opcode type)
{
    struct pirn_event event;
    while (peer_event(peer, &event))
        if (event.type == PIRN_EVENT_MESSAGE && event.last && event.opcode == type)
            return true;
    return false;
}

static void talk(struct peer *peer)
{
    peer_frame(peer, 0x81, "hello", 5);
    if (!await_message(peer, PIRN_TEXT))
        return;
    peer_send(peer, "\x01\x83\0\0\0\0o", 7);
    stage_settle();
    peer_send(peer, "ne\x89\x84\0\0\0\0pi", 10);
    stage_settle();
    peer_send(peer, "ng\x80\x83\0\0\0\0two", 11);
    if (!await_message(peer, PIRN_TEXT))
        return;
    peer_frame(peer, 0x82, "flood", 5);
    stage_settle();
    peer_frame(peer, 0x81, "after it", 8);
    if (!await_message(peer, PIRN_TEXT))
        return;
    pirn_endpoint_close(&peer->endpoint, PIRN_CLOSE_NORMAL, PIRN_STR("done"), 1);
    peer_expect_close(peer);
}

static void websocket_part(void)
{
    struct peer peer;
    struct pirn_client_handshake_config as = {
        .host = PIRN_STR("localhost"), .port = stage.port, .target = PIRN_STR("/echo")};
    peer_connect(&peer);
    if (peer_try_upgrade(&peer, &as, stage_settle))
        talk(&peer);
    peer_await_end(&peer);
    peer_drop(&peer);
    AWAIT(stage.told.closes == stage.told.opens);
    if (stage.told.closes > 0 && !stage.told.close.clean)
        assert_int_equal(stage.told.close.error, PIRN_E_MEMORY);
}

static void ask(struct peer *peer, const char *path)
{
    peer_connect(peer);
    peer_print(peer, "GET %s HTTP/1.1\r\nHost: localhost\r\n", path);
    stage_settle();
    peer_print(peer, "X-More: of it\r\n\r\n");
}

static void plain_part(const char *path)
{
    struct peer peer;
    ask(&peer, path);
    peer_await_answer(&peer);
    peer_drop(&peer);
}

static void deferred_part(void)
{
    struct peer peer;
    unsigned closes = stage.told.closes;
    int error = 0;
    peer_connect(&peer);
    peer_ask(&peer, "/defer", "");
    peer_frame(&peer, 0x81, "early", 5);
    AWAIT(waiting || peer_is_ended(&peer));
    stage_settle();
    if (!waiting) {
        peer_drop(&peer);
        return;
    }
    struct pirn_request *request = waiting;
    if (pirn_request_accept(request, NULL, &error)) {
        waiting = NULL;
        closes++;
    } else {
        assert_int_equal(error, PIRN_E_MEMORY); /* and it still waits for an answer */
        if (pirn_request_reject(request, 503, NULL, 0, NULL) == 0) {
            waiting = NULL;
            peer_await_answer(&peer);
            assert_memory_equal(peer.text, "HTTP/1.1 503 ", 13);
        }
    }
    stage_settle();
    peer_drop(&peer);
    AWAIT(waiting == NULL && stage.told.closes >= closes);
}

static void session(void)
{
    waiting = NULL;
    websocket_part();
    plain_part("/reply");
    plain_part("/file");
    plain_part("/nowhere");
    deferred_part();
}

/* With everything as it should be. */
static void next_client(void)
{
    struct peer peer;
    peer_open(&peer, "/echo");
    peer_echo(&peer, "all is well");
    peer_leave(&peer, PIRN_CLOSE_NORMAL);
    ask(&peer, "/reply");
    assert_int_equal(peer_answer(&peer), 200);
    peer_drop(&peer);
}

static size_t run_session(size_t fail_at, bool fail_on, enum pirn_loop_backend backend)
{
    const struct pirn_server_config whole = whole_config();
    char name[32]; /* no TCP: its delays for full windows would be waited for hundreds of times */
    snprintf(name, sizeof name, "@pirn-memory-%d", getpid());
    stage.loop_config.backend = backend;
    assert_true(stage_open_loop());
    assert_int_equal(stage_start(&whole, &(struct pirn_listen){.unix_path = name}), 0);
    stage.memory.asked = 0;
    stage.memory.fail_at = fail_at;
    stage.memory.fail_on = fail_on;
    session();
    size_t failed = stage.memory.failed;
    stage.memory.fail_at = 0;
    next_client();
    stage_close();
    return failed;
}

static void every_allocation_fails(bool fail_on)
{
    for (enum pirn_loop_backend backend = PIRN_LOOP_EPOLL; backend <= PIRN_LOOP_POLL; backend++) {
        size_t k = 1;
        while (run_session(k, fail_on, backend) > 0)
            k++;
        assert_in_range(k, 15, 500); /* or the session does not do what it should */
    }
}

static void test_one_allocation_fails(void **state)
{
    (void)state;
    every_allocation_fails(false);
}

static void test_all_allocations_fail_from_one_on(void **state)
{
    (void)state;
    every_allocation_fails(true);
}

static bool try_to_start(void)
{
    const struct pirn_server_config whole = whole_config();
    char path[64];
    snprintf(path, sizeof path, "/tmp/pirn-memory-%d", getpid());
    return stage_open_loop() && stage_start(&whole, &(struct pirn_listen){.port = 0}) == 0 &&
           pirn_server_listen(stage.server, &(struct pirn_listen){.unix_path = path}) == 0;
}

static void test_starting_without_memory(void **state)
{
    (void)state;
    bool started = false;
    for (size_t k = 1; !started; k++) {
        stage.memory.fail_at = k;
        started = try_to_start();
        assert_int_equal(started, stage.memory.failed == 0);
        stage_close();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_one_allocation_fails),
        STAGE_TEST(test_all_allocations_fail_from_one_on),
        STAGE_TEST(test_starting_without_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
