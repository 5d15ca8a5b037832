/* Every callback of a server x everything that a program may do there (C22), beside another
 * connection and a request that waits for its answer. What matters is that it ends well: one
 * on_close for each on_open, no byte and no descriptor left, nothing touched that was freed. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"

enum callback {
    ON_REQUEST,
    ON_GONE,
    ON_OPEN,
    ON_MESSAGE,
    ON_CHUNK,
    ON_PING,
    ON_PONG,
    ON_CLOSE_REQUEST,
    ON_DRAIN,
    ON_CLOSE,
    ON_EACH,
    ON_TIMER,
    ON_POST,
    ON_DRAINED,
    CALLBACKS
};

static const char *const callback_names[CALLBACKS] = {
    "on_request",       "gone",     "on_open",  "on_message", "on_chunk", "on_ping", "on_pong",
    "on_close_request", "on_drain", "on_close", "each",       "timer",    "post",    "drained"};

/* ---- what is done */

static struct pirn_conn *other;
static struct pirn_request *waiting;

static void do_close(struct pirn_conn *conn)
{
    pirn_conn_close(conn, PIRN_CLOSE_NORMAL, PIRN_STR("now"));
}

static void do_send(struct pirn_conn *conn)
{
    pirn_conn_send(conn, PIRN_TEXT, "hello", 5);
}

static void do_begin(struct pirn_conn *conn)
{
    pirn_conn_send_fragment(conn, PIRN_TEXT, "half", 4, false);
}

static void do_flood(struct pirn_conn *conn)
{
    static const char block[32768];
    while (pirn_conn_send(conn, PIRN_BINARY, block, sizeof block) >= 0)
        continue;
}

static void do_ping(struct pirn_conn *conn)
{
    for (int i = 0; i < 70; i++)
        pirn_conn_ping(conn, "ping", 4);
}

static void do_close_and_terminate(struct pirn_conn *conn)
{
    do_send(conn);
    do_close(conn);
    pirn_conn_terminate(conn);
    do_send(conn);
    pirn_conn_pause(conn);
}

static void do_ask(struct pirn_conn *conn)
{
    char text[64];
    pirn_conn_peer(conn, text, sizeof text);
    pirn_conn_subprotocol(conn);
    pirn_conn_user(conn);
    pirn_conn_state(conn);
    pirn_conn_buffered(conn);
    pirn_conn_rtt_us(conn);
    assert_ptr_equal(pirn_conn_loop(conn), stage.loop);
}

static void each_terminates(struct pirn_conn *conn, void *context)
{
    (void)context;
    pirn_conn_terminate(conn);
}

static void do_terminate_all(struct pirn_conn *conn)
{
    (void)conn;
    pirn_server_each(stage.server, each_terminates, NULL);
}

static void do_drain(struct pirn_conn *conn)
{
    (void)conn;
    pirn_server_drain(stage.server, PIRN_CLOSE_GOING_AWAY, PIRN_STR(""), 1000, NULL, NULL);
}

static void do_accept_waiting(struct pirn_conn *conn)
{
    (void)conn;
    if (waiting && pirn_request_accept(waiting, NULL, NULL))
        waiting = NULL;
}

static void do_reject_waiting(struct pirn_conn *conn)
{
    (void)conn;
    if (waiting && pirn_request_reject(waiting, 403, NULL, 0, NULL) == 0)
        waiting = NULL;
}

static void do_stop(struct pirn_conn *conn)
{
    (void)conn;
    pirn_loop_stop(stage.loop);
}

static void do_free(struct pirn_conn *conn)
{
    (void)conn;
    pirn_server_free(stage.server);
    stage.server = NULL;
}

enum { ON_SELF = 1, ON_OTHER = 2, ON_SERVER = 4, ON_FREE = 8 };

static const struct {
    const char *name;
    void (*run)(struct pirn_conn *conn);
    unsigned upon;
} actions[] = {
    {"close", do_close, ON_SELF | ON_OTHER},
    {"terminate", pirn_conn_terminate, ON_SELF | ON_OTHER},
    {"send", do_send, ON_SELF | ON_OTHER},
    {"begin a message", do_begin, ON_SELF | ON_OTHER},
    {"flood", do_flood, ON_SELF | ON_OTHER},
    {"ping", do_ping, ON_SELF | ON_OTHER},
    {"pause", pirn_conn_pause, ON_SELF | ON_OTHER},
    {"resume", pirn_conn_resume, ON_SELF | ON_OTHER},
    {"close and terminate", do_close_and_terminate, ON_SELF | ON_OTHER},
    {"ask", do_ask, ON_SELF | ON_OTHER},
    {"terminate all", do_terminate_all, ON_SERVER},
    {"drain", do_drain, ON_SERVER},
    {"accept the waiting", do_accept_waiting, ON_SERVER},
    {"reject the waiting", do_reject_waiting, ON_SERVER},
    {"stop", do_stop, ON_SERVER},
    {"free", do_free, ON_FREE},
};

/* ---- where it is done */

static struct {
    enum callback callback;
    size_t action;
    unsigned upon;
    unsigned done;
} plan;

static void act(enum callback callback, struct pirn_conn *conn)
{
    if (callback != plan.callback || plan.done++ > 0)
        return;
    if (plan.upon == ON_OTHER)
        conn = other;
    if (conn || plan.upon >= ON_SERVER)
        actions[plan.action].run(conn);
}

/* Whether the plan can be: who has no connection at hand does nothing to it, and the server may be
 * freed where no callback of its own is running. */
static bool makes_sense(enum callback callback, unsigned upon)
{
    if (upon == ON_FREE)
        return callback >= ON_TIMER;
    if (callback == ON_REQUEST || callback == ON_GONE || callback >= ON_TIMER)
        return upon != ON_SELF;
    return true;
}

static void gone(struct pirn_request *request, void *context)
{
    (void)context;
    if (waiting == request)
        waiting = NULL;
    act(ON_GONE, NULL);
}

static void defer(struct pirn_request *request, void *context)
{
    (void)context;
    if (pirn_request_defer(request, gone, NULL) == 0)
        waiting = request;
}

static void on_request(struct pirn_request *request, void *context)
{
    (void)request, (void)context;
    act(ON_REQUEST, NULL);
}

static void on_open(struct pirn_conn *conn)
{
    stage_handlers.on_open(conn);
    act(ON_OPEN, conn);
}

static void on_message(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    stage.told.messages++;
    act(ON_MESSAGE, conn);
    pirn_conn_send(conn, type, data, len);
    if (type == PIRN_BINARY)
        do_flood(conn);
}

static void on_chunk(struct pirn_conn *conn, const struct pirn_chunk *chunk)
{
    (void)chunk;
    act(ON_CHUNK, conn);
}

static void on_ping(struct pirn_conn *conn, const void *data, size_t len)
{
    (void)data, (void)len;
    act(ON_PING, conn);
}

static void on_pong(struct pirn_conn *conn, const void *data, size_t len, uint64_t rtt_us)
{
    (void)data, (void)len, (void)rtt_us;
    act(ON_PONG, conn);
}

static void on_close_request(struct pirn_conn *conn, const struct pirn_close *close)
{
    (void)close;
    act(ON_CLOSE_REQUEST, conn);
}

static void on_drain(struct pirn_conn *conn)
{
    act(ON_DRAIN, conn);
}

static void on_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    act(ON_CLOSE, conn);
    if (other == conn)
        other = NULL;
    stage_handlers.on_close(conn, info);
}

static void on_each(struct pirn_conn *conn, void *context)
{
    (void)context;
    act(ON_EACH, conn);
}

static void on_timer(struct pirn_loop *loop, struct pirn_timer *timer)
{
    (void)loop, (void)timer;
    act(ON_TIMER, NULL);
}

static void on_post(struct pirn_loop *loop, void *argument)
{
    (void)loop, (void)argument;
    act(ON_POST, NULL);
}

static void on_drained(struct pirn_server *server, size_t left, void *context)
{
    (void)server, (void)left, (void)context;
    act(ON_DRAINED, NULL);
}

/* ---- the scenario, in which every callback comes unless an action prevents it */

static void read_all(struct peer *peer)
{
    struct pirn_event event;
    for (int quiet = 0; quiet < 3; quiet++) {
        while (peer_try_event(peer, &event))
            quiet = 0;
        stage_settle();
    }
}

static void open_server(void)
{
    static const struct pirn_route routes[] = {
        {.path = "/defer", .on_request = defer},
        {.path = "/main", .on_request = on_request},
        {.path = "/"},
    };
    char name[32];
    struct pirn_server_config config = {
        .conn.high_water_bytes = 65536,
        .conn.handlers = {on_open, on_message, plan.callback == ON_CHUNK ? on_chunk : NULL, on_ping,
                          on_pong, on_close_request, on_drain, on_close},
        .conn.user_bytes = 24,
        .routes = routes,
        .route_count = COUNT(routes),
    };
    snprintf(name, sizeof name, "@pirn-callbacks-%d", getpid());
    assert_true(stage_open_loop());
    assert_int_equal(stage_start(&config, &(struct pirn_listen){.unix_path = name}), 0);
}

static void connect_peer(struct peer *peer, const char *path)
{
    char name[32];
    snprintf(name, sizeof name, "@pirn-callbacks-%d", getpid());
    if (peer_connect_unix(peer, name) == 0)
        peer_ask(peer, path, "");
    stage_settle();
}

static void talk(struct peer *peer)
{
    if (peer_is_ended(peer))
        return;
    peer_frame(peer, 0x89, "ping", 4);
    peer_frame(peer, 0x8a, "pong", 4);
    peer_frame(peer, 0x81, "text", 4);
    peer_frame(peer, 0x01, "half", 4);
    stage_settle();
    peer_frame(peer, 0x80, "other half", 10);
    peer_frame(peer, 0x82, "flood", 5);
    stage_settle();
    read_all(peer);
    peer_frame(peer, 0x88, "\x03\xe8", 2);
    stage_settle();
}

static void run_plan(void)
{
    struct peer second, deferred, main_peer;
    struct pirn_timer timer = {.fire = on_timer};
    open_server();
    waiting = NULL;
    unsigned done = plan.done;
    plan.done = 1; /* not yet */
    connect_peer(&second, "/");
    assert_int_equal(peer_head(&second), 101);
    peer_begin(&second);
    other = stage.told.conn;
    connect_peer(&deferred, "/defer");
    assert_non_null(waiting);
    peer_frame(&deferred, 0x89, "early", 5); /* accepted elsewhere, it is at work there */
    peer_frame(&deferred, 0x81, "early", 5);
    stage_settle();
    plan.done = done;
    connect_peer(&main_peer, "/main");
    if (peer_head(&main_peer) == 101) {
        peer_begin(&main_peer);
        talk(&main_peer);
    }
    pirn_timer_set(stage.loop, &timer, stage.now_us + 1000);
    pirn_loop_post(stage.loop, on_post, NULL);
    stage_pass_ms(5);
    if (stage.server)
        pirn_server_each(stage.server, on_each, NULL);
    stage_settle();
    peer_reset(&deferred);
    stage_settle();
    if (stage.server)
        pirn_server_drain(stage.server, PIRN_CLOSE_GOING_AWAY, PIRN_STR(""), 3000, on_drained,
                          NULL);
    for (int second_passed = 0; second_passed < 4; second_passed++)
        stage_pass_ms(1000);
    peer_drop(&second);
    peer_drop(&main_peer);
    pirn_timer_stop(stage.loop, &timer);
    stage_close();
}

static void test_everything_everywhere(void **state)
{
    (void)state;
    for (enum callback callback = 0; callback < CALLBACKS; callback++)
        for (size_t i = 0; i < COUNT(actions); i++)
            for (unsigned upon = ON_SELF; upon <= ON_FREE; upon *= 2) {
                if (!(actions[i].upon & upon) || !makes_sense(callback, upon))
                    continue;
                plan.callback = callback;
                plan.action = i;
                plan.upon = upon;
                plan.done = 0;
                run_plan();
                if (plan.done == 0)
                    fail_msg("%s was not called (%s)", callback_names[callback], actions[i].name);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {STAGE_TEST(test_everything_everywhere)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
