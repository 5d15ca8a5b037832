/* A client that is freed, closed, or told to connect anew in each state that it can be in: whatever
 * opened is closed once, it ends once, and nothing is left (S17). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pirn/stream.h>
#include <pirn/tls.h>

#include "guest.h"

/* ---- the states, each with its way there */

static struct pirn_client_config config;
static char url[128];
static struct pirn_tls *tls; /* NULL if there is none */

static void ask(void)
{
    guest_open(&config);
    script_take();
}

static void open_it(void)
{
    ask();
    script_let_in("");
}

static void made(void)
{
    guest_open(&config);
}

static void resolving(void)
{
    snprintf(url, sizeof url, "ws://localhost:%u/", (unsigned)script.port);
    config.url = url;
    guest_open(&config);
    stage_turn();
}

static void connecting(void)
{
    guest_open(&config);
    stage_turn();
}

static void connecting_with_messages(void)
{
    connecting();
    assert_int_equal(pirn_client_send(guest.client, PIRN_TEXT, "waits", 5), 0);
}

static void proxied(void)
{
    snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)script.port);
    config.proxy = url;
    config.url = "ws://server.test/";
    ask();
}

static void proxied_in_part(void)
{
    proxied();
    script_send("HTTP/1.1 200 G");
    stage_settle();
}

static void securing(void)
{
    snprintf(url, sizeof url, "wss://127.0.0.1:%u/", (unsigned)script.port);
    config.url = url;
    config.tls = tls;
    guest_open(&config);
    script_accept();
    stage_settle();
}

static void securing_in_part(void)
{
    securing();
    script_send_bytes("\x16\x03\x03\x00", 4);
    stage_settle();
}

static void asking(void)
{
    ask();
}

static void answered_in_part(void)
{
    ask();
    script_send("HTTP/1.1 101 Switching Protocols\r\nUpgr");
    stage_settle();
}

static void redirected(void)
{
    config.max_redirects = 1;
    ask();
    script_send("HTTP/1.1 302 There\r\nLocation: /there\r\n\r\n");
    script_take();
}

static void challenged(void)
{
    config.user = "ada";
    config.password = "lovelace";
    config.digest_only = true;
    ask();
    script_send("HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", "
                "qop=\"auth\"\r\n\r\n");
    script_take();
}

static void open_and_idle(void)
{
    open_it();
}

static void open_and_full(void)
{
    static char block[1 << 20];
    open_it();
    while (pirn_client_send(guest.client, PIRN_BINARY, block, sizeof block) == 0)
        stage_turn();
}

static void sending_in_parts(void)
{
    static const struct pirn_message_plan plan = {.type = PIRN_TEXT};
    open_it();
    struct pirn_conn *conn = pirn_client_conn(guest.client);
    assert_int_equal(pirn_conn_begin(conn, &plan), 0);
    assert_int_equal(pirn_conn_write(conn, "hal", 3), 0);
    pirn_client_send(guest.client, PIRN_TEXT, "behind it", 9);
}

static void receiving_in_parts(void)
{
    open_it();
    script_send_bytes("\x81\x7e\x10\x00hal", 7);
    stage_settle();
}

static void paused(void)
{
    open_it();
    pirn_conn_pause(pirn_client_conn(guest.client));
    script_send_bytes("\x81\x05hello", 7);
    stage_settle();
}

static void closing(void)
{
    open_it();
    assert_int_equal(pirn_client_close(guest.client, 1000, PIRN_STR("bye")), 0);
    stage_settle();
}

static void closed_by_the_peer(void)
{
    open_it();
    script_send_bytes("\x88\x02\x03\xe9", 4);
    stage_settle();
}

static void failed_by_a_frame(void)
{
    open_it();
    script_send_bytes("\x83\x00", 2);
    stage_settle();
}

static void lacking_an_extension(void)
{
    config.require_deflate = true;
    config.conn.deflate.mode = PIRN_DEFLATE_SHARED;
    ask();
    script_send(SCRIPT_101 "\r\n");
    stage_settle();
}

static void waiting(void)
{
    config.reconnect.on = true;
    ask();
    script_drop();
    AWAIT(pirn_client_state(guest.client) == PIRN_CLIENT_WAITING);
}

static void ended(void)
{
    ask();
    script_drop();
    AWAIT(guest.told.ends == 1);
}

static const struct {
    const char *name;
    void (*reach)(void);
    bool tls, deflate; /* what it needs */
} states[] = {
    {"made", made, false, false},
    {"resolving", resolving, false, false},
    {"connecting", connecting, false, false},
    {"connecting with messages", connecting_with_messages, false, false},
    {"proxied", proxied, false, false},
    {"proxied in part", proxied_in_part, false, false},
    {"securing", securing, true, false},
    {"securing in part", securing_in_part, true, false},
    {"asking", asking, false, false},
    {"answered in part", answered_in_part, false, false},
    {"redirected", redirected, false, false},
    {"challenged", challenged, true, false}, /* Digest needs its hash functions */
    {"open and idle", open_and_idle, false, false},
    {"open and full", open_and_full, false, false},
    {"sending in parts", sending_in_parts, false, false},
    {"receiving in parts", receiving_in_parts, false, false},
    {"paused", paused, false, false},
    {"closing", closing, false, false},
    {"closed by the peer", closed_by_the_peer, false, false},
    {"failed by a frame", failed_by_a_frame, false, false},
    {"lacking an extension", lacking_an_extension, false, true},
    {"waiting", waiting, false, false},
    {"ended", ended, false, false},
};

/* ---- what is done there */

static void free_it(void)
{
    pirn_client_free(guest.client);
    guest.client = NULL;
}

/* It ends without any help of the peer's, and its connection, if it had one, before. */
static void close_it(void)
{
    bool over = guest.told.ends > 0;
    int result = pirn_client_close(guest.client, 1001, PIRN_STR(""));
    assert_true(result == 0 || result == -PIRN_E_CLOSED);
    for (int i = 0; i < 100 && guest.told.ends == 0; i++)
        stage_pass_ms(1000);
    assert_int_equal(guest.told.ends, 1);
    assert_int_equal(pirn_client_state(guest.client), PIRN_CLIENT_ENDED);
    assert_int_equal(pirn_client_close(guest.client, 1001, PIRN_STR("")), -PIRN_E_CLOSED);
    assert_int_equal(pirn_client_queued(guest.client, NULL), 0);
    if (!over)
        assert_int_equal(guest.told.opens, guest.told.closes);
}

static void reconnect_it(void)
{
    int result = pirn_client_reconnect(guest.client);
    assert_true(result == 0 || result == -PIRN_E_STATE);
    stage_settle();
}

static void terminate_it(void)
{
    if (!pirn_client_conn(guest.client))
        return;
    pirn_conn_terminate(pirn_client_conn(guest.client));
    stage_settle();
    assert_int_equal(guest.told.closes, 1);
    assert_int_equal(guest.told.ends, 1);
}

static void (*const actions[])(void) = {free_it, close_it, reconnect_it, terminate_it};

static void play(size_t state, size_t action)
{
    stage_open(NULL);
    script_listen();
    config = guest_config("/");
    states[state].reach();
    actions[action]();
    guest_close();
    script_close();
    stage_close(); /* nothing is left */
}

static void in_each_state(void **state)
{
    (void)state;
    tls = pirn_tls_new(PIRN_CLIENT, &(struct pirn_tls_config){.insecure = true}, NULL, 0);
    for (size_t i = 0; i < COUNT(states); i++)
        for (size_t action = 0; action < COUNT(actions); action++)
            if ((!states[i].tls || tls) && (!states[i].deflate || pirn_deflate_available()))
                play(i, action);
    pirn_tls_free(tls);
}

/* ---- a stream on its connection */

static struct pirn_stream *stream;
static bool stream_goes; /* in its last call */
static char order[64];

static void note(const char *what)
{
    assert_true(strlen(order) + strlen(what) < sizeof order);
    strcat(order, what);
}

static void stream_ended(struct pirn_stream *which, const struct pirn_close_info *info)
{
    assert_ptr_equal(which, stream);
    assert_ptr_equal(pirn_stream_ending(stream), info);
    note("ended ");
    if (!stream_goes)
        return;
    pirn_stream_free(stream);
    stream = NULL;
}

static void stream_can_write(struct pirn_stream *which)
{
    (void)which;
    note("write ");
}

static void conn_closed(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    guest_handlers.on_close(conn, info);
    assert_true(!stream || pirn_stream_ending(stream));
    note("closed ");
}

static void free_and_note(void)
{
    free_it();
    note("freed ");
}

static void free_in_can_read(struct pirn_stream *which)
{
    char byte;
    assert_int_equal(pirn_stream_read(which, &byte, 1), 1);
    free_and_note();
}

static void free_in_on_drain(struct pirn_conn *conn)
{
    (void)conn;
    free_and_note();
}

static void free_in_a_post(struct pirn_loop *loop, void *context)
{
    (void)loop, (void)context;
    free_and_note();
}

static void freed_outside_of_a_turn(void)
{
    free_and_note();
}

static void freed_in_a_turn(void)
{
    assert_int_equal(pirn_loop_post(stage.loop, free_in_a_post, NULL), 0);
}

static void freed_in_can_read(void)
{
    script_send_bytes("\x82\x05hello", 7);
}

static void freed_in_on_drain(void)
{
    static char block[1 << 20];
    while (pirn_client_send(guest.client, PIRN_BINARY, block, sizeof block) == 0)
        stage_turn();
}

/* It knows of the end before on_close does, and nothing comes when the client is freed. */
static void a_stream_ends_first(void **state)
{
    (void)state;
    static void (*const ways[])(void) = {freed_outside_of_a_turn, freed_in_a_turn,
                                         freed_in_can_read, freed_in_on_drain};
    const struct pirn_stream_config piped = {
        .can_read = free_in_can_read, .can_write = stream_can_write, .ended = stream_ended};
    for (size_t i = 0; i < 2 * COUNT(ways); i++) {
        guest_begin();
        config = guest_config("/");
        config.conn.handlers.on_drain = free_in_on_drain;
        config.conn.handlers.on_close = conn_closed;
        open_it();
        order[0] = '\0';
        stream_goes = i % 2;
        stream = pirn_stream_new(pirn_client_conn(guest.client), &piped, NULL);
        assert_non_null(stream);
        for (ways[i / 2](); guest.client; stage_step())
            script_discard();
        stage_settle();
        assert_string_equal(order, "ended closed freed ");
        pirn_stream_free(stream);
        guest_finish();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GUEST_TEST(in_each_state),
        GUEST_TEST(a_stream_ends_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
