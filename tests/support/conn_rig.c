#include "conn_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificates.h"
#include "tls/tls.h"

uint64_t rig_now_us = 1000000;

static uint64_t clock_us(void)
{
    return rig_now_us;
}

static void *count_realloc(void *context, void *memory, size_t old_size, size_t size)
{
    struct rig_memory *counter = context;
    void *result = NULL;
    if (size > 0) {
        counter->calls++;
        if (counter->fail_at && (counter->calls == counter->fail_at ||
                                 (counter->fail_onward && counter->calls > counter->fail_at)))
            return NULL;
        result = realloc(memory, size);
        assert_non_null(result);
    } else {
        free(memory);
    }
    counter->bytes += size - (memory ? old_size : 0);
    counter->peak = counter->bytes > counter->peak ? counter->bytes : counter->peak;
    return result;
}

/* ---- the log */

void rig_note(struct rig *rig, const char *format, ...)
{
    size_t at = strlen(rig->log);
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(rig->log + at, sizeof rig->log - at, format, arguments);
    va_end(arguments);
    assert_true(len >= 0 && (size_t)len < sizeof rig->log - at);
}

void rig_expects(struct rig *rig, const char *log)
{
    assert_string_equal(rig->log, log);
    rig->log[0] = 0;
}

static struct rig *rig_of(struct pirn_conn *conn)
{
    return pirn_conn_context(conn);
}

static void act(struct pirn_conn *conn, enum rig_moment moment)
{
    struct rig *rig = rig_of(conn);
    if (rig->act)
        rig->act(rig, conn, moment);
}

static void note_bytes(struct rig *rig, const char *what, const void *data, size_t len)
{
    if (rig->quiet)
        return;
    if (len > 40)
        rig_note(rig, "%s of %zu\n", what, len);
    else
        rig_note(rig, "%s %.*s\n", what, (int)len, (const char *)data);
}

static void on_open(struct pirn_conn *conn)
{
    rig_note(rig_of(conn), "open\n");
    act(conn, ON_OPEN);
}

static void on_message(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    struct rig *rig = rig_of(conn);
    rig->messages++;
    rig->received_bytes += len;
    note_bytes(rig, pirn_opcode_name((int)type), data, len);
    if (len > 0)
        memset((char *)data + len - 1, 'x', 1);
    act(conn, ON_MESSAGE);
}

static void on_chunk(struct pirn_conn *conn, const struct pirn_chunk *chunk)
{
    struct rig *rig = rig_of(conn);
    rig->received_bytes += chunk->len;
    if (!rig->quiet)
        rig_note(rig, "%s%s%s at %d of %d, %d more\n", chunk->first ? "first " : "",
                 chunk->last ? "last " : "", pirn_opcode_name((int)chunk->type), (int)chunk->offset,
                 (int)chunk->len, (int)chunk->remaining);
    act(conn, ON_CHUNK);
}

static void on_ping(struct pirn_conn *conn, const void *data, size_t len)
{
    note_bytes(rig_of(conn), "ping", data, len);
    act(conn, ON_PING);
}

static void on_pong(struct pirn_conn *conn, const void *data, size_t len, uint64_t rtt_us)
{
    if (rtt_us)
        rig_note(rig_of(conn), "rtt %d\n", (int)rtt_us);
    else
        note_bytes(rig_of(conn), "pong", data, len);
    act(conn, ON_PONG);
}

static void on_close_request(struct pirn_conn *conn, const struct pirn_close *close)
{
    rig_note(rig_of(conn), "request %d%s %.*s\n", close->code, close->has_code ? "" : "!",
             (int)close->reason.len, close->reason.data);
    act(conn, ON_REQUEST);
}

static void on_drain(struct pirn_conn *conn)
{
    rig_note(rig_of(conn), "drain\n");
    act(conn, ON_DRAIN);
}

static void on_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    struct rig *rig = rig_of(conn);
    rig->info = *info;
    rig->closes++;
    snprintf(rig->text, sizeof rig->text, "%s", info->text);
    assert_null(strchr(info->text, '\n'));
    rig_note(rig, "%s\n", info->text);
    assert_int_equal(pirn_conn_state(conn), PIRN_CLOSED);
    act(conn, ON_CLOSE);
}

static void gone(struct pirn__conn_owner *owner, struct pirn_conn *conn)
{
    struct rig *rig = rig_of(conn);
    assert_ptr_equal(owner, &rig->owner);
    if (rig->conn == conn)
        rig->conn = NULL;
}

/* ---- sockets */

static void set_buffer(int fd, int option, int bytes)
{
    if (bytes > 0)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof bytes), 0);
}

static void pair_of_tcp(struct rig *rig, int pair[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    set_buffer(listener, SO_SNDBUF, rig->peer_buffer);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    pair[1] = socket(AF_INET, SOCK_STREAM, 0);
    set_buffer(pair[1], SO_RCVBUF, rig->peer_buffer);
    assert_int_equal(connect(pair[1], (struct sockaddr *)&address, sizeof address), 0);
    pair[0] = accept(listener, NULL, NULL);
    close(listener);
    for (int i = 0; i < 2; i++) /* as our listeners set it */
        assert_int_equal(setsockopt(pair[i], IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)), 0);
}

static void make_pair(struct rig *rig, int pair[2])
{
    if (rig->tcp)
        pair_of_tcp(rig, pair);
    else
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    set_buffer(pair[0], SO_SNDBUF, rig->peer_buffer);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fcntl(pair[i], F_SETFL, O_NONBLOCK), 0);
}

/* ---- extensions */

/* As a server does with a request. Returns the bytes of states in use. */
static size_t agree(struct rig *rig)
{
    struct pirn__extensions *all = rig->owner.extensions;
    struct pirn_header headers[8];
    struct pirn_http_head head;
    struct pirn_handshake handshake;
    char request[512];
    if (!all || !rig->offer[0])
        return 0;
    int len = snprintf(request, sizeof request,
                       "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                       "Sec-WebSocket-Extensions: %s\r\n\r\n",
                       rig->offer);
    pirn_http_head_init(&head, PIRN_HTTP_REQUEST, headers, COUNT(headers), 0);
    assert_int_equal(pirn_http_head_feed(&head, request, (size_t)len), 1);
    assert_int_equal(pirn_handshake_read_request(&handshake, &head), 0);
    int bytes = pirn_extension_accept(all->ours, all->count, &handshake, all->states,
                                      all->states_bytes, rig->answer, sizeof rig->answer);
    assert_true(bytes >= 0);
    return (size_t)bytes;
}

/* ---- its life */

void rig_start(struct rig *rig)
{
    if (!rig->config.handlers.on_open) {
        struct pirn_handlers handlers = {.on_open = on_open,
                                         .on_message = on_message,
                                         .on_ping = on_ping,
                                         .on_pong = on_pong,
                                         .on_close_request = on_close_request,
                                         .on_drain = on_drain,
                                         .on_close = on_close};
        if (rig->config.handlers.on_chunk)
            handlers.on_chunk = on_chunk;
        rig->config.handlers = handlers;
    }
    rig->loop_config.realloc = count_realloc;
    rig->loop_config.realloc_context = &rig->memory;
    if (rig->loop_config.receive_buffer_bytes == 0) /* tests say how much one read may take */
        rig->loop_config.receive_buffer_bytes = 64 << 10;
    rig->loop = pirn_loop_new(&rig->loop_config);
    assert_non_null(rig->loop);
    pirn__loop_set_clock(rig->loop, clock_us);
    assert_int_equal(pirn__conn_config_complete(&rig->config, rig->loop, rig->role), 0);
    rig->owner = (struct pirn__conn_owner){.loop = rig->loop, .config = &rig->config, .gone = gone};
    assert_int_equal(pirn__extensions_open(&rig->owner, rig->role), 0);
    rig->peer = -1;
}

bool rig_over_tls(void)
{
    return certificates_tls(PIRN_SERVER) != NULL;
}

/* Sessions on both sides, open; the connection's is returned. */
static struct pirn__tls *shake_hands(struct rig *rig, const int pair[2])
{
    bool server = rig->role == PIRN_SERVER;
    struct pirn__tls *own, *peer;
    own = pirn__tls_start(certificates_tls(rig->role), rig->loop, pair[0], "localhost");
    peer = pirn__tls_start(certificates_tls(server ? PIRN_CLIENT : PIRN_SERVER),
                           certificates_loop(), pair[1], "localhost");
    assert_non_null(own);
    assert_non_null(peer);
    for (int tries = 0; !pirn__tls_is_open(own) || !pirn__tls_is_open(peer); tries++) {
        assert_true(pirn__tls_handshake(own) >= 0 && pirn__tls_handshake(peer) >= 0);
        assert_true(tries < 1000);
    }
    rig->tls = peer;
    return own;
}

static struct pirn_conn *connect_pair(struct rig *rig, const int pair[2], struct pirn__tls *tls)
{
    char input[256];
    assert_true(rig->input_len <= sizeof input);
    if (rig->input_len)
        memcpy(input, rig->input, rig->input_len);
    struct pirn__conn_start start = {.fd = pair[0],
                                     .tls = tls,
                                     .role = rig->role,
                                     .states_bytes = agree(rig),
                                     .context = rig,
                                     .owner_data = &rig->owner,
                                     .output = rig->output,
                                     .output_len = rig->output_len,
                                     .input = input,
                                     .input_len = rig->input_len};
    if (!rig->plain)
        start.subprotocol = PIRN_STR("chat");
    struct pirn_conn *conn = pirn__conn_open(&rig->owner, &start);
    if (conn)
        return conn;
    close(pair[0]);
    pirn__tls_free(tls);
    return NULL;
}

struct pirn_conn *rig_connect(struct rig *rig, int *peer)
{
    int pair[2];
    make_pair(rig, pair);
    *peer = pair[1];
    return connect_pair(rig, pair, NULL);
}

void rig_open(struct rig *rig)
{
    rig_start(rig);
    int pair[2];
    make_pair(rig, pair);
    rig->peer = pair[1];
    rig->conn = connect_pair(rig, pair, rig_over_tls() ? shake_hands(rig, pair) : NULL);
    assert_non_null(rig->conn);
}

void rig_turn(struct rig *rig)
{
    assert_true(pirn_loop_dispatch(rig->loop) >= 0);
}

void rig_turns(struct rig *rig)
{
    for (int quiet = 0; quiet < 3;)
        quiet = pirn_loop_dispatch(rig->loop) > 0 ? 0 : quiet + 1;
}

void rig_pass(struct rig *rig, uint64_t ms)
{
    rig_now_us += ms * 1000;
    rig_turns(rig);
}

static void drop_peer(struct rig *rig)
{
    close(rig->peer);
    rig->peer = -1;
    pirn__tls_free(rig->tls);
    rig->tls = NULL;
}

void rig_end(struct rig *rig)
{
    while (rig->owner.first)
        pirn__conn_destroy(rig->owner.first);
    assert_int_equal(rig->owner.count, 0);
    assert_null(rig->conn);
    if (rig->peer >= 0)
        drop_peer(rig);
    pirn__extensions_close(&rig->owner);
    pirn_loop_free(rig->loop);
    assert_int_equal(rig->memory.bytes, 0);
}

/* ---- the peer */

void raw_write(struct rig *rig, const void *data, size_t len)
{
    const char *from = data;
    for (int tries = 0; len > 0 || (rig->tls && pirn__tls_flush(rig->tls) < 0); tries++) {
        const struct iovec piece = {(void *)(uintptr_t)from, len};
        ssize_t sent = pirn__wire_send(rig->peer, rig->tls, &piece, 1);
        if (sent < 0) {
            assert_true(errno == EAGAIN && tries < 100000);
            rig_turn(rig);
            continue;
        }
        from += sent;
        len -= (size_t)sent;
    }
}

void raw_frame(struct rig *rig, unsigned opcode, bool fin, const void *payload, size_t len)
{
    struct pirn_frame frame = {.fin = fin,
                               .masked = rig->role == PIRN_SERVER,
                               .opcode = (uint8_t)opcode,
                               .payload_len = len,
                               .masking_key = {1, 2, 3, 4}};
    uint8_t *bytes = malloc(len + PIRN_FRAME_HEADER_MAX);
    int64_t size = pirn_frame_encode(bytes, len + PIRN_FRAME_HEADER_MAX, &frame, payload);
    assert_true(size > 0);
    raw_write(rig, bytes, (size_t)size);
    free(bytes);
}

void raw_text(struct rig *rig, const char *text)
{
    raw_frame(rig, PIRN_TEXT, true, text, strlen(text));
}

void raw_close(struct rig *rig)
{
    if (rig->tls)
        pirn__tls_shutdown(rig->tls);
    drop_peer(rig);
}

void raw_reset(struct rig *rig)
{
    struct linger now = {.l_onoff = 1};
    assert_int_equal(setsockopt(rig->peer, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    drop_peer(rig);
}

/* All that is there, as a socket would give it. */
static ssize_t receive(struct rig *rig, void *data, size_t cap)
{
    size_t got = 0;
    ssize_t n = 0;
    if (!rig->tls)
        return recv(rig->peer, data, cap, 0);
    do {
        const struct iovec room = {(char *)data + got, cap - got};
        n = room.iov_len > 0 ? pirn__tls_recv(rig->tls, &room, 1) : 0;
        got += n > 0 ? (size_t)n : 0;
    } while (n > 0 || (n < 0 && errno == EAGAIN && !pirn__tls_is_dry(rig->tls)));
    if (n < 0 && pirn__tls_error(rig->tls) == PIRN_E_TLS_TRUNCATED)
        n = 0;
    return got > 0 ? (ssize_t)got : n;
}

size_t raw_read(struct rig *rig, void *data, size_t cap)
{
    ssize_t got = receive(rig, data, cap);
    return got > 0 ? (size_t)got : 0;
}

void raw_read_all(struct rig *rig, void *data, size_t len)
{
    char *to = data;
    for (int tries = 0; len > 0; tries++) {
        assert_true(tries < 100000);
        rig_turn(rig);
        size_t got = raw_read(rig, to, len);
        to += got;
        len -= got;
    }
}

static void print_bytes(const char *what, const uint8_t *data, size_t len)
{
    fprintf(stderr, "%s (%zu):", what, len);
    for (size_t i = 0; i < len && i < 64; i++)
        fprintf(stderr, " %02x", data[i]);
    fprintf(stderr, "\n");
}

void raw_expects(struct rig *rig, const void *data, size_t len)
{
    uint8_t got[65536];
    rig_turns(rig);
    size_t got_len = raw_read(rig, got, sizeof got);
    if (got_len != len || memcmp(got, data, len) != 0) {
        print_bytes("expected", data, len);
        print_bytes("got", got, got_len);
        fail();
    }
}

bool raw_sees_end(struct rig *rig)
{
    char byte;
    rig_turns(rig);
    ssize_t got = receive(rig, &byte, 1);
    if (rig->tls && got < 0 && errno == EAGAIN) /* there was something of TLS's own */
        got = receive(rig, &byte, 1);
    assert_true(got == 0 || (got < 0 && errno == ECONNRESET));
    return got < 0;
}
