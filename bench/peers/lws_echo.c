/* lws_echo: an echo by libwebsockets, as its documentation wants it done: what arrives is queued,
 * and leaves from the writable callback, as much as the socket takes. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libwebsockets.h>

struct piece {
    struct piece *next;
    size_t len;
    bool text, first, last;
    unsigned char bytes[]; /* LWS_PRE, then len */
};

struct session {
    struct piece *head, *tail;
};

static int queue(struct lws *wsi, struct session *session, const void *data, size_t len)
{
    struct piece *piece = malloc(sizeof *piece + LWS_PRE + len);
    if (!piece)
        return -1;
    *piece = (struct piece){.len = len,
                            .text = !lws_frame_is_binary(wsi),
                            .first = lws_is_first_fragment(wsi) != 0,
                            .last = lws_is_final_fragment(wsi) != 0};
    memcpy(piece->bytes + LWS_PRE, data, len);
    if (session->tail)
        session->tail->next = piece;
    else
        session->head = piece;
    session->tail = piece;
    lws_callback_on_writable(wsi);
    return 0;
}

static struct piece *take(struct session *session)
{
    struct piece *piece = session->head;
    session->head = piece->next;
    if (!session->head)
        session->tail = NULL;
    return piece;
}

static int write_queue(struct lws *wsi, struct session *session)
{
    while (session->head && !lws_send_pipe_choked(wsi)) {
        struct piece *piece = take(session);
        int how = lws_write_ws_flags(piece->text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY, piece->first,
                                     piece->last);
        int sent = lws_write(wsi, piece->bytes + LWS_PRE, piece->len, (enum lws_write_protocol)how);
        bool wrong = sent < (int)piece->len;
        free(piece);
        if (wrong)
            return -1;
    }
    if (session->head)
        lws_callback_on_writable(wsi);
    return 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct session *session = user;
    switch (reason) {
    case LWS_CALLBACK_RECEIVE:
        return queue(wsi, session, in, len);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return write_queue(wsi, session);
    case LWS_CALLBACK_CLOSED:
        while (session->head)
            free(take(session));
        return 0;
    default:
        return 0;
    }
}

int main(void)
{
    static const struct lws_protocols protocols[] = {
        {.name = "echo",
         .callback = callback,
         .per_session_data_size = sizeof(struct session),
         .rx_buffer_size = 64 << 10},
        {.name = NULL},
    };
    struct lws_context_creation_info info = {
        .port = 0,
        .iface = "127.0.0.1",
        .protocols = protocols,
        .pt_serv_buf_size = 64 << 10,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
    };
    lws_set_log_level(0, NULL);
    struct lws_context *context = lws_create_context(&info);
    struct lws_vhost *vhost = context ? lws_create_vhost(context, &info) : NULL;
    if (!vhost)
        return 1;
    printf("listening on %d\n", lws_get_vhost_listen_port(vhost));
    fflush(stdout);
    while (lws_service(context, 0) >= 0)
        continue;
}
