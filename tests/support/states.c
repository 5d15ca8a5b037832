#include "states.h"

#include <string.h>

static unsigned deferrals;

/* ---- the server's side */

static void defer(struct pirn_request *request, void *context)
{
    (void)context;
    pirn_request_defer(request, NULL, NULL);
    deferrals++;
}

static void command_close(struct pirn_conn *conn)
{
    pirn_conn_close(conn, PIRN_CLOSE_NORMAL, PIRN_STR("as you wish"));
}

static void command_flood(struct pirn_conn *conn)
{
    static const char block[32768];
    while (pirn_conn_send(conn, PIRN_BINARY, block, sizeof block) >= 0)
        continue;
}

static void command_begin(struct pirn_conn *conn)
{
    pirn_conn_send_fragment(conn, PIRN_TEXT, "half", 4, false);
}

static void command_idle(struct pirn_conn *conn)
{
    (void)conn;
}

static const struct {
    const char *text;
    void (*obey)(struct pirn_conn *conn);
} commands[] = {
    {"close", command_close}, {"terminate", pirn_conn_terminate}, {"pause", pirn_conn_pause},
    {"flood", command_flood}, {"begin", command_begin},           {"idle", command_idle},
};

static void obey(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    for (size_t i = 0; i < COUNT(commands); i++)
        if (pirn_str_equal((struct pirn_str){data, len}, pirn_cstr(commands[i].text))) {
            stage.told.messages++;
            commands[i].obey(conn);
            return;
        }
    stage_handlers.on_message(conn, type, data, len);
}

static void on_open(struct pirn_conn *conn)
{
    stage_handlers.on_open(conn);
}

static void on_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    stage_handlers.on_close(conn, info);
}

static const struct pirn_route routes[] = {
    {.path = "/defer", .on_request = defer},
    {.path = "/"},
};

const struct pirn_server_config states_config = {
    .conn.handlers = {.on_open = on_open, .on_message = obey, .on_close = on_close},
    .conn.high_water_bytes = 65536,
    .routes = routes,
    .route_count = COUNT(routes),
};

/* ---- the peer's side */

static void connected(struct peer *peer)
{
    uint64_t accepted = pirn_server_stats(stage.server).accepted;
    peer_connect(peer);
    AWAIT(pirn_server_stats(stage.server).accepted > accepted);
}

static void head_begun(struct peer *peer)
{
    connected(peer);
    peer_print(peer, "GET / HTTP/1.1\r\nHost: loc");
    stage_settle();
}

static void refuse(struct peer *peer, const char *path, const char *lines)
{
    uint64_t refused = pirn_server_stats(stage.server).refused;
    peer_connect(peer);
    peer_ask(peer, path, lines);
    AWAIT(pirn_server_stats(stage.server).refused > refused);
}

static void refused(struct peer *peer)
{
    refuse(peer, "/nowhere", "");
}

static void refused_with_body(struct peer *peer)
{
    refuse(peer, "/", "Content-Length: 9\r\n");
    peer_print(peer, "123456789");
    stage_settle();
}

static void deferred(struct peer *peer)
{
    unsigned before = deferrals;
    peer_connect(peer);
    peer_ask(peer, "/defer", "");
    AWAIT(deferrals > before);
}

static void deferred_early_frames(struct peer *peer)
{
    deferred(peer);
    peer_frame(peer, 0x81, "early", 5);
    stage_settle();
}

static void deferred_full(struct peer *peer)
{
    static const char block[4000];
    deferred(peer);
    peer_frame(peer, 0x82, block, sizeof block);
    stage_settle();
}

static void answer_unread(struct peer *peer)
{
    unsigned opens = stage.told.opens;
    peer_connect(peer);
    peer_ask(peer, "/", "");
    AWAIT(stage.told.opens > opens);
}

static void idle(struct peer *peer)
{
    peer_open(peer, "/");
    peer_echo(peer, "hello");
}

static void bytes_sent(struct peer *peer, const char *bytes, size_t len)
{
    peer_open(peer, "/");
    peer_send(peer, bytes, len);
    stage_settle();
}

static void half_header(struct peer *peer)
{
    bytes_sent(peer, "\x81", 1);
}

static void half_frame(struct peer *peer)
{
    bytes_sent(peer, "\x81\x85\0\0\0\0he", 8);
}

static void half_ping(struct peer *peer)
{
    bytes_sent(peer, "\x89\x85\0\0\0\0he", 8);
}

static void half_message(struct peer *peer)
{
    bytes_sent(peer, "\x01\x82\0\0\0\0he", 8);
}

static void failed(struct peer *peer)
{
    bytes_sent(peer, "\x83\x80\0\0\0\0", 6);
}

static void failed_and_more(struct peer *peer)
{
    bytes_sent(peer, "\x83\x80\0\0\0\0\x81\x82\0\0\0\0hi", 14);
}

static void obeyed(struct peer *peer, const char *command)
{
    unsigned messages = stage.told.messages;
    peer_open(peer, "/");
    peer_text(peer, command);
    AWAIT(stage.told.messages > messages);
    stage_settle();
}

static void server_closing(struct peer *peer)
{
    obeyed(peer, "close");
}

static void server_sending(struct peer *peer)
{
    obeyed(peer, "begin");
}

static void flooded(struct peer *peer)
{
    obeyed(peer, "flood");
}

static void flooded_closing(struct peer *peer)
{
    obeyed(peer, "flood");
    pirn_conn_close(stage.told.conn, PIRN_CLOSE_NORMAL, PIRN_STR(""));
    stage_settle();
}

static void paused(struct peer *peer)
{
    obeyed(peer, "pause");
}

static void paused_unread(struct peer *peer)
{
    obeyed(peer, "pause");
    peer_text(peer, "more");
    peer_text(peer, "and more");
    stage_settle();
}

const struct peer_state peer_states[] = {
    {"connected", connected, 0},
    {"head begun", head_begun, 0},
    {"refused", refused, 0},
    {"refused with a body", refused_with_body, 0},
    {"deferred", deferred, 0},
    {"deferred, early frames", deferred_early_frames, 0},
    {"deferred, too many early bytes", deferred_full, STATE_DEAF},
    {"answer unread", answer_unread, STATE_OPEN},
    {"idle", idle, STATE_OPEN},
    {"half a header", half_header, STATE_OPEN},
    {"half a frame", half_frame, STATE_OPEN},
    {"half a ping", half_ping, STATE_OPEN},
    {"half a message", half_message, STATE_OPEN},
    {"failed", failed, STATE_OPEN},
    {"failed, and more came", failed_and_more, STATE_OPEN},
    {"server closing", server_closing, STATE_OPEN},
    {"server sending fragments", server_sending, STATE_OPEN},
    {"queue full", flooded, STATE_OPEN},
    {"queue full, server closing", flooded_closing, STATE_OPEN},
    {"paused", paused, STATE_OPEN | STATE_DEAF | STATE_ENDLESS},
    {"paused, input unread", paused_unread, STATE_OPEN | STATE_DEAF | STATE_ENDLESS},
};
const size_t peer_state_count = COUNT(peer_states);
