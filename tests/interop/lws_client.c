/* A client by libwebsockets for servers that echo:
 *
 *     lws_client PORT OFFER COUNT
 *
 * Offers an extension as OFFER says, "" for none; sends COUNT messages, each when the echo of the
 * one before is there, every third in two fragments; exits with 0 if all came back as they were. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libwebsockets.h>
#include <unistd.h>

enum { LEN_MAX = 200000, PATIENCE_S = 20 };

static struct {
    int count, number;             /* messages, and which is under way */
    bool to_send, half_sent, done; /* it is told that it may write unasked, too */
    size_t len, received;
    unsigned char bytes[LWS_PRE + LEN_MAX];
} talk;

static bool is_text(void)
{
    return talk.number % 2;
}

/* The next message: some of it repeats, some does not; it can be compressed. (Messages that come
 * uncompressed where compression is agreed on are told twice by libwebsockets 4.1.6.) */
static void make(void)
{
    static const size_t sizes[] = {125,   126,   127,   1000,  4096,   8191,
                                   16384, 65535, 65536, 65537, LEN_MAX};
    unsigned state = (unsigned)talk.number * 2654435761u + 1;
    talk.len = talk.number < 22 ? sizes[talk.number / 2] : 100 + state % 3000;
    talk.received = 0;
    for (size_t i = 0; i < talk.len; i++) {
        state = state * 1664525 + 1013904223;
        unsigned char byte = (unsigned char)(state >> 24);
        talk.bytes[LWS_PRE + i] = (unsigned char)(is_text()     ? 'a' + byte % 4
                                                  : i % 64 < 32 ? byte
                                                                : 0);
    }
}

static int send_part(struct lws *wsi)
{
    bool cut = talk.number % 3 == 2 && talk.len > 1;
    bool first = !talk.half_sent, last = !cut || talk.half_sent;
    size_t half = cut ? talk.len / 2 : 0;
    size_t from = first ? 0 : half, to = last ? talk.len : half;
    static unsigned char part[LWS_PRE + LEN_MAX]; /* is masked in place */
    memcpy(part + LWS_PRE, talk.bytes + LWS_PRE + from, to - from);
    int how = lws_write_ws_flags(is_text() ? LWS_WRITE_TEXT : LWS_WRITE_BINARY, first, last);
    if (lws_write(wsi, part + LWS_PRE, to - from, (enum lws_write_protocol)how) < 0)
        return -1;
    talk.to_send = talk.half_sent = !last;
    if (!last)
        lws_callback_on_writable(wsi);
    return 0;
}

static int next_message(struct lws *wsi)
{
    if (++talk.number == talk.count) {
        talk.done = true;
        return -1;
    }
    make();
    talk.to_send = true;
    lws_callback_on_writable(wsi);
    return 0;
}

static int take(struct lws *wsi, const void *data, size_t len)
{
    if (len == 0 && talk.len > 0) /* behind what was inflated there may come nothing more */
        return 0;
    if (len > talk.len - talk.received || lws_frame_is_binary(wsi) == is_text() ||
        memcmp(data, talk.bytes + LWS_PRE + talk.received, len) != 0) {
        fprintf(stderr, "message %d came back as another\n", talk.number);
        return -1;
    }
    talk.received += len;
    return talk.received == talk.len ? next_message(wsi) : 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    (void)user;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        talk.number = -1;
        return next_message(wsi);
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return talk.to_send ? send_part(wsi) : 0;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return take(wsi, in, len);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        fprintf(stderr, "no connection: %s\n", in ? (const char *)in : "");
        exit(1);
    case LWS_CALLBACK_CLIENT_CLOSED:
        exit(talk.done ? 0 : 1);
    default:
        return 0;
    }
}

int main(int argc, char **argv)
{
    static const struct lws_protocols protocols[] = {
        {.name = "echo", .callback = callback, .rx_buffer_size = 64 << 10},
        {.name = NULL},
    };
    const char *offer = argc == 4 ? argv[2] : "";
    const struct lws_extension extensions[] = {
        {.name = "permessage-deflate",
         .callback = lws_extension_callback_pm_deflate,
         .client_offer = offer},
        {.name = NULL},
    };
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .extensions = *offer ? extensions : NULL,
    };
    if (argc != 4)
        return 2;
    lws_set_log_level(0, NULL);
    talk.count = atoi(argv[3]);
    struct lws_context *context = lws_create_context(&info);
    const struct lws_client_connect_info where = {
        .context = context,
        .address = "127.0.0.1",
        .host = "localhost",
        .port = atoi(argv[1]),
        .path = "/",
        .protocol = "echo",
    };
    alarm(PATIENCE_S);
    if (!context || !lws_client_connect_via_info(&where))
        return 1;
    while (lws_service(context, 0) >= 0)
        continue;
    return 1;
}
