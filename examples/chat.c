/* A chat: each path is a room, and what one says, everybody in the room hears.
 *
 *     chat [port [folder]]           then open ws://127.0.0.1:9001/garden?nick=ada
 *
 * A browser finds the files of the folder there, such as chat.html.
 *
 * Who reads too slowly misses lines, and is told how many when there is room again.
 */
#include <pirn/pirn.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 4096

/* The memory beside each connection. */
struct member {
    char room[64], nick[32];
    unsigned missed;
};

struct line {
    const struct member *from;
    char text[sizeof((struct member *)0)->nick + 2 + LINE_BYTES];
    size_t len;
};

static void hear(struct pirn_conn *conn, void *context)
{
    const struct line *line = context;
    struct member *member = pirn_conn_user(conn);
    if (strcmp(member->room, line->from->room) == 0 &&
        pirn_conn_send(conn, PIRN_TEXT, line->text, line->len) == -PIRN_E_QUEUE_FULL)
        member->missed++;
}

/* Tells the room of conn its nickname and the text. The context leads to the server. */
static void say(struct pirn_conn *conn, const char *between, const void *text, size_t len)
{
    static struct line line;
    line.from = pirn_conn_user(conn);
    line.len = (size_t)snprintf(line.text, sizeof line.text, "%s%s", line.from->nick, between);
    memcpy(line.text + line.len, text, len);
    line.len += len;
    struct pirn_server **server = pirn_conn_context(conn);
    pirn_server_each(*server, hear, &line);
}

static void on_message(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    if (type == PIRN_TEXT)
        say(conn, ": ", data, len);
    else
        pirn_conn_close(conn, PIRN_CLOSE_UNSUPPORTED_DATA, PIRN_STR("text only"));
}

/* There is room again. */
static void on_drain(struct pirn_conn *conn)
{
    struct member *member = pirn_conn_user(conn);
    char text[64];
    int len = snprintf(text, sizeof text, "(you have missed %u lines)", member->missed);
    if (member->missed > 0 && pirn_conn_send(conn, PIRN_TEXT, text, (size_t)len) >= 0)
        member->missed = 0;
}

static void on_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    const struct member *member = pirn_conn_user(conn);
    printf("%s %s: %s\n", member->room, member->nick, info->text);
    fflush(stdout);
    say(conn, " has left", "", 0);
}

/* Lets in who has a nickname. What is no WebSocket is answered by the server itself. */
static void on_request(struct pirn_request *request, void *context)
{
    struct member member = {.missed = 0};
    struct pirn_str room = pirn_request_path(request);
    int len = pirn_url_parameter(pirn_request_query(request), PIRN_STR("nick"), member.nick,
                                 sizeof member.nick);
    (void)context;
    if (!pirn_request_handshake(request))
        return;
    if (len <= 0 || !pirn_utf8_valid(member.nick, (size_t)len) || room.len >= sizeof member.room) {
        pirn_request_reject(request, 400, NULL, 0, "say /room?nick=name");
        return;
    }
    memcpy(member.room, room.data, room.len);
    struct pirn_conn *conn = pirn_request_accept(request, NULL, NULL);
    if (conn) {
        memcpy(pirn_conn_user(conn), &member, sizeof member);
        say(conn, " has come", "", 0);
    }
}

int main(int argc, char **argv)
{
    struct pirn_server *server = NULL;
    const struct pirn_route route = {.on_request = on_request};
    const struct pirn_server_config config = {
        .conn = {.endpoint.max_message_bytes = LINE_BYTES,
                 .handlers = {.on_message = on_message, .on_drain = on_drain, .on_close = on_close},
                 .user_bytes = sizeof(struct member),
                 .high_water_bytes = 64 << 10,
                 .when_full = PIRN_FULL_DROP},
        .routes = &route,
        .route_count = 1,
        .context = &server,
        .root = argc > 2 ? argv[2] : NULL,
    };
    const struct pirn_listen where = {.port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 9001)};
    struct pirn_loop *loop = pirn_loop_new(NULL);
    server = loop ? pirn_server_new(loop, &config) : NULL;
    if (!server || pirn_server_listen(server, &where) < 0) {
        perror("chat");
        return 1;
    }
    printf("listening on ws://127.0.0.1:%u/\n", (unsigned)pirn_server_port(server));
    fflush(stdout);
    return pirn_loop_run(loop) < 0;
}
