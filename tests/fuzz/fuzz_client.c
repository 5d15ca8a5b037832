/* What a client makes of a server that sends anything: answers to the opening handshake, redirects,
 * challenges, cookies, frames, compressed or not; whole and byte by byte it must come to the same.
 *
 * The first byte is the configuration. The rest is sent when a request has come, "~" as the
 * Sec-WebSocket-Accept that belongs to it; at each "^" the server closes, and the client may
 * connect again for what follows. */
#undef NDEBUG /* the assertions are the test */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <pirn/client.h>
#include <pirn/cookies.h>
#include <pirn/handshake.h>
#include <pirn/tls.h>
#include <pirn/utf8.h>

enum { MANY_TURNS = 8 };

static struct pirn_loop *loop;
static struct pirn_tls *tls; /* the system's roots need not be read each time */
static int listener = -1;
static char path[32];

struct told {
    unsigned opens, closes, failures, ends, messages;
    size_t bytes;
    int error, status;
};
static struct told told;

/* ---- the client */

static void expect_line(const char *text)
{
    assert(*text);
    for (; *text; text++)
        assert((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void on_open(struct pirn_conn *conn)
{
    told.opens++;
    pirn_conn_send(conn, PIRN_TEXT, "hello", 5);
}

static void on_message(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    assert(told.opens == told.closes + 1);
    assert(type == PIRN_TEXT || type == PIRN_BINARY);
    assert(type == PIRN_BINARY || pirn_utf8_valid(data, len));
    told.messages++;
    told.bytes += len;
    pirn_conn_send(conn, type, data, len);
}

static void on_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    (void)conn;
    expect_line(info->text);
    told.closes++;
    told.error = (int)info->error;
}

static void on_failure(struct pirn_client *client, const struct pirn_client_failure *failure)
{
    (void)client;
    expect_line(failure->info.text);
    told.failures++;
    told.error = (int)failure->info.error;
    told.status = failure->status;
}

static void on_end(struct pirn_client *client, const struct pirn_close_info *info)
{
    assert(pirn_client_state(client) == PIRN_CLIENT_ENDED);
    expect_line(info->text);
    told.ends++;
}

/* The same key each time, so that "~" is the same. */
static bool zeros(void *context, void *out, size_t len)
{
    (void)context;
    memset(out, 0, len);
    return true;
}

static struct pirn_client *make_client(uint8_t choice, struct pirn_cookies *cookies)
{
    static const struct pirn_str subprotocols[] = {PIRN_STR_INIT("chat"), PIRN_STR_INIT("v2")};
    const struct pirn_client_config config = {
        .url = "ws://server.test/x",
        .unix_path = path,
        .proxy = "",
        .tls = tls,
        .conn.handlers = {.on_open = on_open, .on_message = on_message, .on_close = on_close},
        .conn.endpoint = {.max_message_bytes = 10000,
                          .ping_interval_ms = PIRN_OFF,
                          .random = zeros},
        .conn.deflate.mode =
            choice & 1 && pirn_deflate_available() ? PIRN_DEFLATE_DEDICATED : PIRN_DEFLATE_OFF,
        .subprotocols = subprotocols,
        .subprotocol_count = choice & 2 ? 2 : 0,
        .require_subprotocol = (choice & 4) != 0,
        .cookies = choice & 8 ? cookies : NULL,
        .user = choice & 16 ? "ada" : NULL,
        .password = choice & 16 ? "lovelace" : NULL,
        .digest_only = (choice & 32) != 0,
        .max_redirects = choice & 64 ? 3 : 0,
        .max_head_bytes = 2000,
        .max_headers = 20,
        .reconnect = {.on = choice & 128, .max_attempts = 3},
        .on_failure = on_failure,
        .on_end = on_end,
    };
    return pirn_client_new(loop, &config, NULL);
}

/* ---- the server */

static struct {
    int fd;
    char request[8192];
    size_t len;
    char accept[PIRN_HANDSHAKE_ACCEPT_CHARS + 1];
} peer = {.fd = -1};

static void turn(void)
{
    char waste[4096];
    for (int i = 0; i < MANY_TURNS; i++) {
        pirn_loop_dispatch(loop);
        while (peer.fd >= 0 && peer.accept[0] && recv(peer.fd, waste, sizeof waste, 0) > 0)
            continue;
    }
}

static void hang_up(void)
{
    if (peer.fd >= 0)
        close(peer.fd);
    peer.fd = -1;
    turn();
}

/* Whether a request has come on a new connection. */
static bool take_request(void)
{
    turn();
    peer.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    peer.accept[0] = '\0';
    if (peer.fd < 0)
        return false;
    turn();
    ssize_t got = recv(peer.fd, peer.request, sizeof peer.request - 1, 0);
    peer.request[got > 0 ? got : 0] = '\0';
    const char *key = strstr(peer.request, "Sec-WebSocket-Key: ");
    if (key)
        pirn_handshake_accept_key((struct pirn_str){key + 19, PIRN_HANDSHAKE_KEY_CHARS},
                                  peer.accept);
    return key != NULL; /* or it speaks TLS */
}

static void send_bytes(const char *data, size_t len, bool bytewise)
{
    while (len > 0) {
        ssize_t sent = send(peer.fd, data, bytewise ? 1 : len, MSG_NOSIGNAL);
        if (sent < 0)
            return;
        pirn_loop_dispatch(loop);
        data += sent;
        len -= (size_t)sent;
    }
    turn();
}

/* Sends up to the next "^", which is left out; returns what follows. */
static const char *answer(const char *at, const char *end, bool bytewise)
{
    static char whole[1 << 16];
    size_t len = 0;
    for (; at < end && *at != '^' && len + sizeof peer.accept < sizeof whole; at++) {
        if (*at == '~') {
            memcpy(whole + len, peer.accept, strlen(peer.accept));
            len += strlen(peer.accept);
        } else {
            whole[len++] = *at;
        }
    }
    send_bytes(whole, len, bytewise);
    return at < end ? at + 1 : end;
}

/* ---- */

static void talk(const char *data, size_t size, bool bytewise)
{
    struct pirn_cookies *cookies = pirn_cookies_new(NULL);
    const char *at = data + 1, *end = data + size;
    memset(&told, 0, sizeof told);
    struct pirn_client *client = make_client((uint8_t)data[0], cookies);
    assert(client && cookies);
    while (at < end && take_request()) {
        at = answer(at, end, bytewise);
        hang_up();
    }
    hang_up();
    assert(told.opens >= told.closes && told.opens <= told.closes + 1);
    pirn_client_free(client);
    assert(told.opens == told.closes && told.ends <= 1);
    while ((peer.fd = accept(listener, NULL, NULL)) >= 0)
        close(peer.fd);
    pirn_cookies_free(cookies);
}

static void set_up(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const struct pirn_tls_config careless = {.insecure = true};
    int len = snprintf(path, sizeof path, "@pirn-fuzz-%d", (int)getpid());
    loop = pirn_loop_new(NULL);
    tls = pirn_tls_new(PIRN_CLIENT, &careless, NULL, 0);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    memcpy(name.sun_path + 1, path + 1, (size_t)len - 1);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len);
    assert(loop && bind(listener, (struct sockaddr *)&name, size) == 0);
    assert(listen(listener, 16) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (listener < 0)
        set_up();
    if (size < 2 || size > 2048)
        return 0;
    talk((const char *)data, size, false);
    struct told whole = told;
    talk((const char *)data, size, true);
    assert(memcmp(&whole, &told, sizeof told) == 0);
    return 0;
}
