/* A server by libwebsockets that echoes, and does what obeying.py says:
 *
 *     lws_server [CERT KEY]
 *
 * Two of the ways of libwebsockets 4.1.6 with permessage-deflate are why it is written so. What was
 * given to lws_write() is compressed bit by bit in later turns, so it must stay until the next
 * piece can be written. And lws_rx_flow_control() while a message is inflated can hand over other
 * bytes than were sent, so all that comes is taken at once.
 */
#include <libwebsockets.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMMAND_MAX = 256 };

/* What waits to be written. */
struct piece {
    struct piece *next;
    size_t len;
    enum lws_write_protocol how;
    unsigned char bytes[]; /* LWS_PRE, then len */
};

struct session {
    struct piece *first, **last;
    struct piece *written; /* libwebsockets may still read it */
    int closes;            /* with this code, once all is written; 0: not */
};

static void queue(struct lws *wsi, struct session *session, int how, const void *data, size_t len)
{
    struct piece *piece = malloc(sizeof *piece + LWS_PRE + len);
    if (!piece)
        abort();
    *piece = (struct piece){.len = len, .how = (enum lws_write_protocol)how};
    if (len) /* of an empty message libwebsockets has no address */
        memcpy(piece->bytes + LWS_PRE, data, len);
    *session->last = piece;
    session->last = &piece->next;
    lws_callback_on_writable(wsi);
}

static int write_next(struct lws *wsi, struct session *session)
{
    struct piece *piece = session->first;
    int result = 0;
    if (piece) {
        session->first = piece->next;
        if (!session->first)
            session->last = &session->first;
        result = lws_write(wsi, piece->bytes + LWS_PRE, piece->len, piece->how);
        free(session->written);
        session->written = piece;
    }
    if (session->first)
        lws_callback_on_writable(wsi);
    else if (session->closes)
        return -1;
    return result < 0 ? -1 : 0;
}

static void forget(struct session *session)
{
    free(session->written);
    while (session->first) {
        struct piece *next = session->first->next;
        free(session->first);
        session->first = next;
    }
}

static void send_fragments(struct lws *wsi, struct session *session, int count)
{
    for (int i = 0; i < count; i++)
        queue(wsi, session, lws_write_ws_flags(LWS_WRITE_TEXT, i == 0, i == count - 1), "part ", 5);
}

/* A text message that lies whole in one piece; false: it is none, and is echoed. */
static bool obey(struct lws *wsi, struct session *session, const char *data, size_t len)
{
    char text[COMMAND_MAX], rest[COMMAND_MAX] = "";
    int number = 0;
    if (len >= sizeof text || lws_frame_is_binary(wsi))
        return false;
    memcpy(text, data, len);
    text[len] = '\0';
    if (sscanf(text, "close %d %255[^\n]", &number, rest) >= 1) {
        lws_close_reason(wsi, (enum lws_close_status)number, (unsigned char *)rest, strlen(rest));
        session->closes = number;
        lws_callback_on_writable(wsi);
    } else if (sscanf(text, "ping %255[^\n]", rest) == 1) {
        queue(wsi, session, LWS_WRITE_PING, rest, strlen(rest));
    } else if (sscanf(text, "fragments %d", &number) == 1) {
        send_fragments(wsi, session, number);
    } else {
        return false;
    }
    return true;
}

static void take(struct lws *wsi, struct session *session, const void *data, size_t len)
{
    bool first = lws_is_first_fragment(wsi) != 0, last = lws_is_final_fragment(wsi) != 0;
    int type = lws_frame_is_binary(wsi) ? LWS_WRITE_BINARY : LWS_WRITE_TEXT;
    if (!first || !last || !obey(wsi, session, data, len))
        queue(wsi, session, lws_write_ws_flags(type, first, last), data, len);
}

static void tell(int code, const unsigned char *reason, size_t len)
{
    printf("closed %d %.*s\n", code, (int)len, (const char *)reason);
    fflush(stdout);
}

static void tell_close(const unsigned char *payload, size_t len)
{
    tell(len < 2 ? 1005 : payload[0] << 8 | payload[1], payload + 2, len < 2 ? 0 : len - 2);
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct session *session = user;
    char text[COMMAND_MAX];
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        *session = (struct session){.last = &session->first};
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return write_next(wsi, session);
    case LWS_CALLBACK_RECEIVE:
        take(wsi, session, in, len);
        return 0;
    case LWS_CALLBACK_RECEIVE_PONG:
        len = (size_t)snprintf(text, sizeof text, "pong %.*s", (int)len, (const char *)in);
        queue(wsi, session, LWS_WRITE_TEXT, text, len);
        return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        tell_close(in, len);
        return 0;
    case LWS_CALLBACK_CLOSED:
        if (session->closes)
            tell(session->closes, (const unsigned char *)"", 0);
        forget(session);
        return 0;
    default:
        return 0;
    }
}

static void end(int number)
{
    (void)number;
    _exit(0);
}

int main(int argc, char **argv)
{
    static const struct lws_protocols protocols[] = {
        {"echo", callback, sizeof(struct session), 64 << 10, 0, NULL, 0},
        {"chat", callback, sizeof(struct session), 64 << 10, 0, NULL, 0},
        {.name = NULL},
    };
    static const struct lws_extension extensions[] = {
        {"permessage-deflate", lws_extension_callback_pm_deflate, "permessage-deflate"},
        {.name = NULL},
    };
    const struct lws_context_creation_info info = {
        .iface = "127.0.0.1",
        .protocols = protocols,
        .extensions = extensions,
        .options = argc == 3 ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0,
        .ssl_cert_filepath = argc == 3 ? argv[1] : NULL,
        .ssl_private_key_filepath = argc == 3 ? argv[2] : NULL,
    };
    lws_set_log_level(LLL_ERR, NULL);
    signal(SIGTERM, end);
    struct lws_context *context = lws_create_context(&info);
    if (!context)
        return 1;
    printf("listening on %d\n",
           lws_get_vhost_listen_port(lws_get_vhost_by_name(context, "default")));
    fflush(stdout);
    while (lws_service(context, 0) >= 0)
        continue;
    lws_context_destroy(context);
    return 1;
}
