#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "certificates.h"
#include "tls/tls.h"

/* Keys need not be strong here, but must differ. */
static bool peer_random(void *context, void *out, size_t len)
{
    static uint32_t state = 1;
    (void)context;
    for (size_t i = 0; i < len; i++) {
        state = state * 1664525 + 1013904223;
        ((uint8_t *)out)[i] = (uint8_t)(state >> 24);
    }
    return true;
}

static const struct pirn_endpoint_config endpoint_config = {
    .max_message_bytes = PIRN_UNLIMITED,
    .ping_interval_ms = PIRN_OFF,
    .random = peer_random,
};

/* ---- TLS, if tests are to run over it: a client's session by the library's own means */

static void begin_tls(struct peer *peer)
{
    struct pirn_tls *context = certificates_tls(PIRN_CLIENT);
    if (!context)
        return;
    fcntl(peer->fd, F_SETFL, O_NONBLOCK);
    peer->tls = pirn__tls_start(context, certificates_loop(), peer->fd, "localhost");
    assert_non_null(peer->tls);
}

/* As receive(), below; PIRN_E_TLS_x besides an errno for the end. */
static ssize_t receive_tls(struct peer *peer, void *data, size_t cap, bool peek)
{
    const struct iovec room = {peer->plain + peer->plain_len, sizeof peer->plain - peer->plain_len};
    ssize_t n = -1;
    while (room.iov_len > 0 && (n = pirn__tls_recv(peer->tls, &room, 1)) < 0 && errno == EAGAIN &&
           !pirn__tls_is_dry(peer->tls))
        continue;
    bool ended = n == 0 || (n < 0 && room.iov_len > 0 && errno != EAGAIN);
    peer->plain_len += n > 0 ? (size_t)n : 0;
    if (peer->plain_len == 0 && ended) {
        peer->ended = true;
        peer->error = n == 0 ? 0 : errno == EPROTO ? (int)pirn__tls_error(peer->tls) : errno;
        return -1;
    }
    size_t len = peer->plain_len < cap ? peer->plain_len : cap;
    memcpy(data, peer->plain, len);
    if (peek)
        return (ssize_t)len;
    peer->plain_len -= len;
    memmove(peer->plain, peer->plain + len, peer->plain_len);
    return (ssize_t)len;
}

/* ---- connecting */

int peer_connect_to(struct peer *peer, const void *address, socklen_t len)
{
    int family = ((const struct sockaddr *)address)->sa_family;
    memset(peer, 0, sizeof *peer);
    peer->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(peer->fd >= 0);
    if (connect(peer->fd, address, len) == 0) {
        begin_tls(peer);
        return 0;
    }
    int why = errno;
    peer_drop(peer);
    return why;
}

int peer_connect_unix(struct peer *peer, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    return peer_connect_to(peer, &address,
                           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
}

void peer_connect(struct peer *peer)
{
    if (stage.port)
        peer_connect_from(peer, 1);
    else
        assert_int_equal(peer_connect_unix(peer, stage.unix_path), 0);
}

void peer_connect_from(struct peer *peer, unsigned last_byte)
{
    struct sockaddr_in own = {.sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + last_byte)};
    struct sockaddr_in server = {.sin_family = AF_INET,
                                 .sin_port = htons(stage.port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    memset(peer, 0, sizeof *peer);
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(peer->fd >= 0);
    if (last_byte != 1)
        assert_int_equal(bind(peer->fd, (struct sockaddr *)&own, sizeof own), 0);
    assert_int_equal(connect(peer->fd, (struct sockaddr *)&server, sizeof server), 0);
    begin_tls(peer);
}

/* ---- bytes */

ssize_t peer_try_send(struct peer *peer, const void *data, size_t len)
{
    const struct iovec piece = {(void *)(uintptr_t)data, len};
    ssize_t n = peer->tls ? pirn__tls_send(peer->tls, &piece, 1)
                          : send(peer->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n >= 0 ? n : errno == EAGAIN ? 0 : -1;
}

bool peer_send(struct peer *peer, const void *data, size_t len)
{
    const char *rest = data;
    ssize_t n = 0;
    while (len > 0 && n >= 0) {
        AWAIT((n = peer_try_send(peer, rest, len)) != 0);
        rest += n;
        len -= (size_t)n;
    }
    if (peer->tls && n >= 0)
        AWAIT(pirn__tls_flush(peer->tls) == 0 || errno != EAGAIN);
    return n >= 0;
}

bool peer_print(struct peer *peer, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    assert_in_range(len, 0, sizeof text - 1);
    return peer_send(peer, text, (size_t)len);
}

/* A count; 0 when there is nothing now; -1 at the end, which is noted. */
static ssize_t receive(struct peer *peer, void *data, size_t cap, int flags)
{
    if (peer->ended)
        return -1;
    if (peer->tls)
        return receive_tls(peer, data, cap, flags & MSG_PEEK);
    ssize_t n = recv(peer->fd, data, cap, flags | MSG_DONTWAIT);
    if (n > 0)
        return n;
    if (n < 0 && errno == EAGAIN)
        return 0;
    peer->ended = true;
    peer->error = n < 0 ? errno : 0;
    return -1;
}

/* ---- HTTP */

bool peer_ask(struct peer *peer, const char *path, const char *lines)
{
    return peer_print(peer,
                      "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                      "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                      path, lines);
}

static int parse_answer(struct peer *peer)
{
    pirn_http_head_init(&peer->head, PIRN_HTTP_RESPONSE, peer->headers, COUNT(peer->headers), 0);
    return pirn_http_head_feed(&peer->head, peer->text, peer->text_len);
}

static void append_text(struct peer *peer, const void *data, size_t len)
{
    if (peer->text_len + len > peer->text_cap) {
        peer->text_cap = 2 * (peer->text_len + len);
        peer->text = realloc(peer->text, peer->text_cap);
        assert_non_null(peer->text);
    }
    memcpy(peer->text + peer->text_len, data, len);
    peer->text_len += len;
}

void peer_await_answer(struct peer *peer)
{
    ssize_t n = 0;
    while (n >= 0) {
        AWAIT((n = receive(peer, peer->in, sizeof peer->in, 0)) != 0);
        if (n > 0)
            append_text(peer, peer->in, (size_t)n);
    }
}

int peer_answer(struct peer *peer)
{
    peer_await_answer(peer);
    if (peer->text_len == 0)
        return 0;
    assert_int_equal(peer->error, 0);
    assert_int_equal(parse_answer(peer), 1);
    assert_true(pirn_http_has_token(&peer->head, PIRN_STR("Connection"), PIRN_STR("close")));
    assert_int_equal(pirn_http_count(&peer->head, PIRN_STR("Content-Length")),
                     peer->head.status == 204 ? 0 : 1); /* RFC 9110, 8.6 */
    if (peer_body(peer).len > 0)
        assert_int_equal(strtoul(peer_header(peer, "Content-Length").data, NULL, 10),
                         peer_body(peer).len);
    return peer->head.status;
}

struct pirn_str peer_header(const struct peer *peer, const char *name)
{
    return pirn_http_find(&peer->head, pirn_cstr(name));
}

struct pirn_str peer_body(const struct peer *peer)
{
    return (struct pirn_str){peer->text + peer->head.size, peer->text_len - peer->head.size};
}

int peer_head(struct peer *peer)
{
    ssize_t n = 0;
    int parsed = 0;
    free(peer->text);
    peer->text = malloc(sizeof peer->in);
    assert_non_null(peer->text);
    while (parsed == 0) {
        AWAIT((n = receive(peer, peer->text, sizeof peer->in, MSG_PEEK)) != 0);
        if (n < 0)
            return 0;
        peer->text_len = (size_t)n;
        parsed = parse_answer(peer);
        assert_true(parsed >= 0);
        if (parsed == 0)
            stage_step();
    }
    assert_int_equal(receive(peer, peer->text, peer->head.size, 0), peer->head.size);
    return peer->head.status;
}

void peer_begin(struct peer *peer)
{
    pirn_endpoint_init(&peer->endpoint, PIRN_CLIENT, &endpoint_config, &peer->slots, 1);
}

bool peer_try_upgrade(struct peer *peer, const struct pirn_client_handshake_config *config,
                      void (*half_way)(void))
{
    char request[4096];
    int len = pirn_client_handshake_write(&peer->handshake, config, peer_random, NULL, request,
                                          sizeof request);
    assert_true(len > 0);
    size_t half = half_way ? (size_t)len / 2 : 0;
    peer_send(peer, request, half);
    if (half_way)
        half_way();
    peer_send(peer, request + half, (size_t)len - half);
    peer_begin(peer);
    return peer_head(peer) == 101 &&
           pirn_client_handshake_read_response(&peer->handshake, &peer->head) == 0;
}

void peer_upgrade(struct peer *peer, const struct pirn_client_handshake_config *config)
{
    if (!peer_try_upgrade(peer, config, NULL))
        fail_msg("no WebSocket: status %d", peer->head.status);
}

void peer_open_with(struct peer *peer, const struct pirn_client_handshake_config *config)
{
    peer_connect(peer);
    peer_upgrade(peer, config);
}

void peer_open(struct peer *peer, const char *path)
{
    struct pirn_client_handshake_config config = {
        .host = PIRN_STR("127.0.0.1"), .port = stage.port, .target = pirn_cstr(path)};
    peer_open_with(peer, &config);
}

/* ---- the WebSocket */

bool peer_frame(struct peer *peer, int first_byte, const void *payload, size_t len)
{
    uint8_t header[PIRN_FRAME_HEADER_MAX];
    struct pirn_frame frame = {.masked = true, .payload_len = len};
    int size = pirn_frame_encode_header(header, &frame);
    header[0] = (uint8_t)first_byte;
    return peer_send(peer, header, (size_t)size) && peer_send(peer, payload, len);
}

void peer_message(struct peer *peer, enum pirn_opcode type, const void *data, size_t len)
{
    size_t cap = len + PIRN_FRAME_HEADER_MAX;
    uint8_t *frame = malloc(cap);
    assert_non_null(frame);
    int64_t size = pirn_endpoint_send(&peer->endpoint, type, true, data, len, frame, cap);
    assert_true(size > 0);
    peer_send(peer, frame, (size_t)size);
    free(frame);
}

void peer_text(struct peer *peer, const char *text)
{
    peer_message(peer, PIRN_TEXT, text, strlen(text));
}

static void send_control(struct peer *peer)
{
    uint8_t out[3 * PIRN_CONTROL_FRAME_MAX];
    int len = pirn_endpoint_control(&peer->endpoint, out, sizeof out, true);
    if (len > 0)
        peer_send(peer, out, (size_t)len);
}

bool peer_try_event(struct peer *peer, struct pirn_event *event)
{
    while (!pirn_endpoint_next(&peer->endpoint, event)) {
        send_control(peer);
        ssize_t n = receive(peer, peer->in, sizeof peer->in, 0);
        if (n <= 0)
            return false;
        assert_int_equal(pirn_endpoint_feed(&peer->endpoint, peer->in, (size_t)n, 1), 0);
    }
    send_control(peer);
    return true;
}

bool peer_event(struct peer *peer, struct pirn_event *event)
{
    bool got = false;
    AWAIT((got = peer_try_event(peer, event)) || peer->ended);
    return got;
}

/* Waits for the next piece of a message, passing over Pings and Pongs. */
static void next_piece(struct peer *peer, struct pirn_event *event)
{
    do {
        if (!peer_event(peer, event))
            fail_msg("the connection ended where a message was expected");
    } while (event->type == PIRN_EVENT_PING || event->type == PIRN_EVENT_PONG);
    assert_int_equal(event->type, PIRN_EVENT_MESSAGE);
}

void peer_expect(struct peer *peer, enum pirn_opcode type, const void *data, size_t len)
{
    struct pirn_event event;
    do {
        next_piece(peer, &event);
        assert_int_equal(event.opcode, type);
        assert_in_range(event.offset + event.len, 0, len);
        if (data && event.len > 0)
            assert_memory_equal(event.data, (const char *)data + event.offset, event.len);
    } while (!event.last);
    assert_int_equal(event.offset + event.len, len);
}

void peer_expect_text(struct peer *peer, const char *text)
{
    peer_expect(peer, PIRN_TEXT, text, strlen(text));
}

int peer_expect_close(struct peer *peer)
{
    struct pirn_event event;
    do {
        if (!peer_event(peer, &event))
            return PIRN_CLOSE_ABNORMAL;
        assert_int_not_equal(event.type, PIRN_EVENT_FAILURE);
    } while (event.type != PIRN_EVENT_CLOSE);
    return event.code;
}

void peer_echo(struct peer *peer, const char *text)
{
    peer_text(peer, text);
    peer_expect_text(peer, text);
}

void peer_leave(struct peer *peer, int code)
{
    pirn_endpoint_close(&peer->endpoint, code, PIRN_STR(""), 1);
    assert_int_equal(peer_expect_close(peer), code ? code : PIRN_CLOSE_NO_STATUS);
    peer_await_end(peer);
    peer_drop(peer);
}

/* ---- ends */

bool peer_is_ended(struct peer *peer)
{
    while (receive(peer, peer->in, sizeof peer->in, 0) > 0)
        continue;
    return peer->ended;
}

void peer_await_end(struct peer *peer)
{
    AWAIT(peer_is_ended(peer));
}

void peer_drop(struct peer *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    pirn__tls_free(peer->tls);
    peer->tls = NULL;
    free(peer->text);
    peer->text = NULL;
    peer->fd = -1;
}

void peer_reset(struct peer *peer)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    peer_drop(peer);
}
