/* A client for servers that echo: sends messages of many sizes, text and binary, in fragments too,
 * checks what comes back, and closes. For tests with servers of others.
 *
 *     echo_client URL [off|shared|dedicated[:BITS] [SUBPROTOCOL [COUNT [CA [CODE]]]]]
 *
 * "" is no SUBPROTOCOL, and no CA. Closes with CODE, or 1000. Prints what was agreed on, and how it
 * ended.
 */
#include <pirn/client.h>
#include <pirn/tls.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t sizes[] = {0,    1,     125,   126,   127,    1000,
                               4096, 65535, 65536, 65537, 200000, 1500000};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* Behind so many bytes a message repeats itself: peers take seconds to compress what does not. */
enum { FRESH = 100000, PERIOD = 5003 };

static struct {
    unsigned sent, received, count; /* messages */
    int code;                       /* to close with */
    char *data;
    size_t len;
} talk;

/* The number-th message, made anew each time: text and binary in turn, some of it repeats. */
static enum pirn_opcode make(unsigned number)
{
    uint32_t state = number * 2654435761u + 1;
    enum pirn_opcode type = number % 2 ? PIRN_TEXT : PIRN_BINARY;
    talk.len = number < 2 * SIZES ? sizes[number / 2] : number % 3000;
    for (size_t i = 0; i < talk.len && i < FRESH; i++) {
        state = state * 1664525 + 1013904223;
        uint8_t byte = (uint8_t)(state >> 24);
        talk.data[i] = (char)(type == PIRN_TEXT ? 'a' + byte % 16 : i % 64 < 32 ? byte : 0);
    }
    for (size_t i = FRESH; i < talk.len; i++)
        talk.data[i] = talk.data[i - PERIOD];
    return type;
}

/* As many as the connection likes, every third in two fragments. */
static void send_more(struct pirn_conn *conn)
{
    int result = 0;
    while (result == 0 && talk.sent < talk.count && talk.sent < talk.received + 64) {
        enum pirn_opcode type = make(talk.sent);
        size_t first = talk.sent % 3 ? talk.len : talk.len / 2;
        result = pirn_conn_send_fragment(conn, type, talk.data, first, talk.sent % 3);
        if (result >= 0 && talk.sent % 3 == 0)
            result = pirn_conn_send_fragment(conn, type, talk.data + first, talk.len - first, true);
        talk.sent += result >= 0;
    }
    if (result < 0 && result != -PIRN_E_QUEUE_FULL) {
        fprintf(stderr, "cannot send: %s\n", pirn_error_text(result));
        exit(1);
    }
}

static void on_open(struct pirn_conn *conn)
{
    struct pirn_str subprotocol = pirn_conn_subprotocol(conn);
    printf("open \"%.*s\" \"%s\"\n", (int)subprotocol.len, subprotocol.len ? subprotocol.data : "",
           pirn_client_extensions(pirn_client_of(conn)));
    send_more(conn);
}

static void on_message(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    enum pirn_opcode expected = make(talk.received);
    if (type != expected || len != talk.len || (len && memcmp(data, talk.data, len) != 0)) {
        fprintf(stderr, "message %u: %zu bytes came back as %zu others\n", talk.received, talk.len,
                len);
        exit(1);
    }
    if (++talk.received == talk.count)
        pirn_conn_close(conn, talk.code, PIRN_STR("done"));
    else
        send_more(conn);
}

static void on_end(struct pirn_client *client, const struct pirn_close_info *info)
{
    (void)client;
    printf("%u messages, %s\n", talk.received, info->text);
}

static struct pirn_deflate_config deflate_of(const char *text)
{
    struct pirn_deflate_config config = {.mode = PIRN_DEFLATE_OFF, .threshold_bytes = 1};
    if (strcmp(text, "shared") == 0)
        config.mode = PIRN_DEFLATE_SHARED;
    else if (strncmp(text, "dedicated", 9) == 0)
        config.mode = PIRN_DEFLATE_DEDICATED;
    if (strchr(text, ':'))
        config.window_bits = atoi(strchr(text, ':') + 1);
    return config;
}

int main(int argc, char **argv)
{
    const char *ca = argc > 5 ? argv[5] : "";
    const struct pirn_tls_config trust = {.ca.file = ca};
    struct pirn_tls *tls = *ca ? pirn_tls_new(PIRN_CLIENT, &trust, NULL, 0) : NULL;
    struct pirn_str subprotocol = pirn_cstr(argc > 3 ? argv[3] : "");
    const struct pirn_client_config config = {
        .conn.handlers = {.on_open = on_open, .on_message = on_message, .on_drain = send_more},
        .conn.deflate = deflate_of(argc > 2 ? argv[2] : "off"),
        .url = argc > 1 ? argv[1] : "",
        .proxy = "",
        .tls = tls,
        .subprotocols = &subprotocol,
        .subprotocol_count = subprotocol.len > 0,
        .on_end = on_end,
    };
    int error = PIRN_E_MEMORY;
    struct pirn_loop *loop = pirn_loop_new(NULL);
    struct pirn_client *client = loop ? pirn_client_new(loop, &config, &error) : NULL;
    talk.count = argc > 4 ? (unsigned)atoi(argv[4]) : 1000;
    talk.code = argc > 6 ? atoi(argv[6]) : PIRN_CLOSE_NORMAL;
    talk.data = malloc(sizes[SIZES - 1]);
    if (!client || !talk.data) {
        fprintf(stderr, "%s\n", pirn_error_text(error));
        return 1;
    }
    pirn_loop_run(loop);
    pirn_client_free(client);
    pirn_loop_free(loop);
    pirn_tls_free(tls);
    free(talk.data);
    return talk.received != talk.count;
}
