/* bench_cost: work to be counted by callgrind, one dump for each piece of it; see tools/cost.
 *
 * Prints "name units" for each piece: units frames, bytes, handshakes or whatever the name says.
 * The net's pieces run client and server in this one thread, on sockets of 127.0.0.1: what the
 * kernel does is not counted, and what it gives us is the same each time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pirn/pirn.h>

#include "client.h"
#include "support.h"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_ZERO_STATS          (void)0
#define CALLGRIND_DUMP_STATS_AT(name) (void)(name)
#endif

enum { REPEATS = 50, BUFFER_BYTES = 64 << 10, BATCH = 16 };

/* Each piece runs once before it is counted, for what is done the first time only. */
typedef size_t piece_fn(void);

static void count(const char *name, piece_fn *piece)
{
    size_t units = 0;
    piece();
    CALLGRIND_ZERO_STATS;
    for (int i = 0; i < REPEATS; i++)
        units += piece();
    CALLGRIND_DUMP_STATS_AT(name);
    printf("%s %zu\n", name, units);
}

/* ---- the core */

static const uint8_t key[4]; /* zero: what is unmasked can be unmasked again */
static uint8_t wire[2 * BUFFER_BYTES];
static size_t wire_len, wire_frames;

static void fill_wire(size_t size, enum kind kind)
{
    static uint8_t payload[BUFFER_BYTES];
    fill_payload(payload, size, kind);
    wire_len = wire_frames = 0;
    do {
        wire_len += put_frame(wire + wire_len, sizeof wire - wire_len, kind, payload, size, key);
        wire_frames++;
    } while (wire_len + size + PIRN_FRAME_HEADER_MAX <= BUFFER_BYTES);
}

static size_t receive(void)
{
    static struct pirn_control_slots slots;
    struct pirn_endpoint endpoint;
    struct pirn_event event;
    size_t messages = 0;
    pirn_endpoint_init(&endpoint, PIRN_SERVER, NULL, &slots, 0);
    pirn_endpoint_feed(&endpoint, wire, wire_len, 0);
    while (pirn_endpoint_next(&endpoint, &event))
        messages += event.last;
    if (messages != wire_frames)
        fail("the endpoint lost messages");
    return messages;
}

static size_t receive_bytes(void)
{
    receive();
    return wire_len;
}

static size_t send_frames(void)
{
    static uint8_t out[64];
    struct pirn_endpoint endpoint;
    pirn_endpoint_init(&endpoint, PIRN_SERVER, NULL, NULL, 0);
    for (int i = 0; i < 1000; i++)
        pirn_endpoint_send(&endpoint, PIRN_BINARY, true, wire, 20, out, sizeof out);
    return 1000;
}

static size_t handshake(void)
{
    static const char request[] = "GET /chat HTTP/1.1\r\n"
                                  "Host: server.example.com\r\n"
                                  "Upgrade: websocket\r\n"
                                  "Connection: Upgrade\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                  "Origin: http://server.example.com\r\n"
                                  "Sec-WebSocket-Version: 13\r\n"
                                  "\r\n";
    struct pirn_header headers[16];
    struct pirn_http_head head;
    struct pirn_handshake hs;
    char answer[512];
    pirn_http_head_init(&head, PIRN_HTTP_REQUEST, headers, 16, 0);
    if (pirn_http_head_feed(&head, request, sizeof request - 1) != 1 ||
        pirn_handshake_read_request(&hs, &head) != 0 ||
        pirn_handshake_write_accept(&hs, (struct pirn_str){NULL, 0}, (struct pirn_str){NULL, 0},
                                    NULL, 0, answer, sizeof answer) < 0)
        fail("the handshake is refused");
    return 1;
}

static void count_core(void)
{
    static const size_t sizes[] = {20, 125, 1 << 10};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int kind = 0; kind < KIND_SAME; kind++) {
            char name[32];
            snprintf(name, sizeof name, "receive-%zu-%s", sizes[i], kind_names[kind]);
            fill_wire(sizes[i], (enum kind)kind);
            count(name, receive);
        }
    }
    for (int kind = 0; kind < KIND_SAME; kind++) {
        char name[32];
        snprintf(name, sizeof name, "receive-byte-%s", kind_names[kind]);
        fill_wire(60 << 10, (enum kind)kind);
        count(name, receive_bytes);
    }
    count("send-20", send_frames);
    count("handshake", handshake);
}

/* ---- the net */

static struct pirn_loop *loop;
static struct pirn_server *server;
static int client;
static int opened;

static void on_message(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    pirn_conn_send(conn, type, data, len);
}

static void on_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    (void)conn;
    (void)info;
    opened--;
}

static void dispatch_until(int wanted)
{
    while (opened != wanted)
        pirn_loop_dispatch(loop);
}

static void on_open(struct pirn_conn *conn)
{
    (void)conn;
    opened++;
}

static int connect_client(void)
{
    int fd = client_connect(pirn_server_port(server));
    client_ask(fd, NULL);
    dispatch_until(opened + 1);
    client_read_answer(fd);
    return fd;
}

/* A message of a batch of 16. */
static size_t echo_batch(void)
{
    uint8_t back[BATCH * 22];
    client_write(client, wire, BATCH * 26);
    pirn_loop_dispatch(loop);
    client_read(client, back, sizeof back);
    return BATCH;
}

/* A message that comes alone. */
static size_t echo_one(void)
{
    uint8_t back[22];
    client_write(client, wire, 26);
    pirn_loop_dispatch(loop);
    client_read(client, back, sizeof back);
    return 1;
}

/* From accept to close. */
static size_t connection(void)
{
    static const uint8_t close[] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8};
    uint8_t back[4];
    int fd = connect_client();
    client_write(fd, close, sizeof close);
    dispatch_until(opened - 1);
    client_read(fd, back, sizeof back);
    client_close(fd);
    return 1;
}

static void count_net(void)
{
    const struct pirn_server_config config = {
        .conn.handlers = {.on_open = on_open, .on_message = on_message, .on_close = on_close}};
    const struct pirn_listen here = {.host = "127.0.0.1"};
    loop = pirn_loop_new(NULL);
    server = loop ? pirn_server_new(loop, &config) : NULL;
    if (!server || pirn_server_listen(server, &here) < 0)
        fail("the server does not start");
    client = connect_client();
    fill_wire(20, KIND_BINARY);
    count("echo-20-of-16", echo_batch);
    count("echo-20-alone", echo_one);
    count("connection", connection);
    client_close(client);
    pirn_server_free(server);
    pirn_loop_free(loop);
}

int main(void)
{
    count_core();
    count_net();
    return 0;
}
