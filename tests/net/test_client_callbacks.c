/* Every callback of a client x everything that a program may do there (C22), also freeing it. What
 * matters is that it ends well: one on_close for each on_open, no callback after the client was
 * freed, no byte and no descriptor left, nothing touched that was freed. */
#include <stdio.h>
#include <string.h>

#include "guest.h"

enum callback {
    ON_ATTEMPT,
    ON_STEP,
    ON_RESPONSE,
    ON_FAILURE,
    ON_END,
    ON_OPEN,
    ON_MESSAGE,
    ON_PING,
    ON_PONG,
    ON_CLOSE_REQUEST,
    ON_DRAIN,
    ON_CLOSE,
    ON_TIMER,
    CALLBACKS
};

static const char *const names[CALLBACKS] = {
    "on_attempt", "on_step", "on_response",      "on_failure", "on_end",   "on_open", "on_message",
    "on_ping",    "on_pong", "on_close_request", "on_drain",   "on_close", "timer"};

/* ---- what is done */

static struct pirn_client *client; /* NULL: freed */
static unsigned opens, closes;

static void do_free(void)
{
    struct pirn_client *freed = client;
    client = NULL;
    pirn_client_free(freed);
}

static void do_close(void)
{
    pirn_client_close(client, 1000, PIRN_STR("now"));
}

static void do_reconnect(void)
{
    pirn_client_reconnect(client);
}

static void do_close_and_reconnect(void)
{
    do_close();
    do_reconnect();
}

static void do_reconnect_and_close(void)
{
    do_reconnect();
    do_close();
}

static void do_send(void)
{
    pirn_client_send(client, PIRN_TEXT, "hello", 5);
}

static void do_flood(void)
{
    static const char block[32768];
    for (int i = 0; i < 200 && pirn_client_send(client, PIRN_BINARY, block, sizeof block) >= 0; i++)
        continue;
}

static void do_terminate(void)
{
    if (pirn_client_conn(client))
        pirn_conn_terminate(pirn_client_conn(client));
}

static void do_close_conn(void)
{
    if (pirn_client_conn(client))
        pirn_conn_close(pirn_client_conn(client), 1001, PIRN_STR("away"));
}

static void do_pause(void)
{
    if (pirn_client_conn(client))
        pirn_conn_pause(pirn_client_conn(client));
}

static void do_terminate_and_free(void)
{
    do_terminate();
    do_free();
}

static void do_close_and_free(void)
{
    do_close();
    do_free();
}

static void do_ask(void)
{
    size_t bytes;
    pirn_client_state(client);
    pirn_client_queued(client, &bytes);
    pirn_client_url(client);
    pirn_client_extensions(client);
    pirn_client_attempts(client);
    assert_ptr_equal(pirn_client_loop(client), stage.loop);
}

static const struct {
    const char *name;
    void (*run)(void);
} actions[] = {
    {"free", do_free},
    {"close", do_close},
    {"reconnect", do_reconnect},
    {"close and reconnect", do_close_and_reconnect},
    {"reconnect and close", do_reconnect_and_close},
    {"send", do_send},
    {"flood", do_flood},
    {"terminate", do_terminate},
    {"close the connection", do_close_conn},
    {"pause", do_pause},
    {"terminate and free", do_terminate_and_free},
    {"close and free", do_close_and_free},
    {"ask", do_ask},
};

/* ---- where it is done */

static struct {
    enum callback where;
    unsigned nth; /* time that it is called */
    size_t action;
    unsigned seen; /* times that it was */
    bool done;
} plan;

static void reach(enum callback here)
{
    if (!client)
        fail_msg("%s after free (%s in %s)", names[here], actions[plan.action].name,
                 names[plan.where]);
    if (here != plan.where || ++plan.seen != plan.nth)
        return;
    plan.done = true;
    actions[plan.action].run();
}

static void on_attempt(struct pirn_client *c, struct pirn_client_config *config)
{
    (void)c, (void)config;
    reach(ON_ATTEMPT);
}

static void on_step(struct pirn_client *c, const struct pirn_client_progress *progress)
{
    (void)c, (void)progress;
    reach(ON_STEP);
}

static void on_response(struct pirn_client *c, const struct pirn_http_head *response)
{
    (void)c, (void)response;
    reach(ON_RESPONSE);
}

static void on_failure(struct pirn_client *c, const struct pirn_client_failure *failure)
{
    (void)c, (void)failure;
    reach(ON_FAILURE);
}

static void on_end(struct pirn_client *c, const struct pirn_close_info *info)
{
    (void)c, (void)info;
    reach(ON_END);
}

static void on_open(struct pirn_conn *conn)
{
    (void)conn;
    opens++;
    reach(ON_OPEN);
}

static void on_message(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    (void)conn, (void)type, (void)data, (void)len;
    reach(ON_MESSAGE);
}

static void on_ping(struct pirn_conn *conn, const void *data, size_t len)
{
    (void)conn, (void)data, (void)len;
    reach(ON_PING);
}

static void on_pong(struct pirn_conn *conn, const void *data, size_t len, uint64_t rtt_us)
{
    (void)conn, (void)data, (void)len, (void)rtt_us;
    reach(ON_PONG);
}

static void on_close_request(struct pirn_conn *conn, const struct pirn_close *close)
{
    (void)conn, (void)close;
    reach(ON_CLOSE_REQUEST);
}

static void on_drain(struct pirn_conn *conn)
{
    (void)conn;
    reach(ON_DRAIN);
}

/* Also from inside pirn_client_free(). */
static void on_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    (void)conn, (void)info;
    closes++;
    if (client)
        reach(ON_CLOSE);
}

static struct pirn_timer timer;

static void on_timer(struct pirn_loop *loop, struct pirn_timer *which)
{
    (void)loop, (void)which;
    if (client)
        reach(ON_TIMER);
}

/* ---- the play: refused once, then open, talking, closed by the peer, and gone */

static bool try_take(void)
{
    if (script.fd >= 0)
        return true;
    return script_try_accept();
}

/* Sends so much that there will be an on_drain. */
static void fill(void)
{
    static char block[300000];
    struct pirn_conn *conn = client ? pirn_client_conn(client) : NULL;
    while (conn && pirn_conn_send(conn, PIRN_BINARY, block, sizeof block) == 0)
        continue;
}

/* Plays for the peer what comes next, as long as there is one. */
static void play(void)
{
    bool refused = false;
    for (int turns = 0; turns < 60 && client; turns++) {
        bool waits = client && pirn_client_state(client) == PIRN_CLIENT_WAITING;
        stage_pass_ms(waits ? 60000 : 20);
        if (client && turns > 1 && pirn_client_state(client) == PIRN_CLIENT_ENDED)
            break;
        if (!try_take() || !script_try_request())
            continue;
        if (!refused) {
            refused = true;
            script_send("HTTP/1.1 503 Busy\r\n\r\n");
            script_drop();
            continue;
        }
        script_send(SCRIPT_101 "\r\n\x81\x05hello");
        script_send_bytes("\x89\x00\x8a\x00", 4);
        fill();
        timer.fire = on_timer;
        pirn_timer_set(stage.loop, &timer, pirn_loop_now_us(stage.loop));
        for (int i = 0; i < 40; i++) {
            script_discard();
            stage_turn();
        }
        script_send("\x81\x05hello\x88\x02\x03\xf4");
        stage_settle();
        script_drop();
        stage_settle();
    }
    pirn_timer_stop(stage.loop, &timer);
    script_drop();
}

/* One action in the nth call of one callback; whether it came to that. */
static bool run(enum callback where, unsigned nth, size_t action)
{
    plan.where = where;
    plan.nth = nth;
    plan.action = action;
    plan.seen = 0;
    plan.done = false;
    opens = closes = 0;
    guest_begin();
    struct pirn_client_config config = guest_config("/");
    config.conn.handlers = (struct pirn_handlers){.on_open = on_open,
                                                  .on_message = on_message,
                                                  .on_ping = on_ping,
                                                  .on_pong = on_pong,
                                                  .on_close_request = on_close_request,
                                                  .on_drain = on_drain,
                                                  .on_close = on_close};
    config.conn.high_water_bytes = 100000;
    config.reconnect.on = true;
    config.reconnect.max_attempts = 4;
    config.on_attempt = on_attempt;
    config.on_step = on_step;
    config.on_response = on_response;
    config.on_failure = on_failure;
    config.on_end = on_end;
    client = pirn_client_new(stage.loop, &config, NULL);
    assert_non_null(client);
    pirn_client_send(client, PIRN_TEXT, "queued", 6);
    play();
    do_free();
    assert_int_equal(opens, closes);
    script_close();
    stage_close();
    return plan.done;
}

static void every_callback_may_do_everything(void **state)
{
    (void)state;
    for (int where = 0; where < CALLBACKS; where++)
        for (size_t action = 0; action < COUNT(actions); action++) {
            unsigned nth = 1;
            while (run((enum callback)where, nth, action) && nth < 4)
                nth++;
            if (nth == 1)
                fail_msg("%s was never called", names[where]);
        }
}

/* Outside of the loop all is gone at once: also the loop may be freed. */
static void freed_outside_of_the_loop(void **state)
{
    (void)state;
    for (int when = 0; when < 3; when++) {
        stage_open(NULL);
        struct pirn_client_config config = guest_config("/");
        guest_open(&config);
        if (when > 0)
            stage_turn();
        if (when > 1)
            AWAIT(guest.told.opens == 1);
        guest_close();
        stage_close();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GUEST_TEST(every_callback_may_do_everything),
        GUEST_TEST(freed_outside_of_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
