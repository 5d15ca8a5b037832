#include "guest.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificates.h"

struct guest guest;
struct script script = {.listener = -1, .fd = -1};

/* ---- what is told */

static void copy_info(struct pirn_close_info *to, char text[512],
                      const struct pirn_close_info *from)
{
    *to = *from;
    snprintf(text, 512, "%s", from->text);
    to->text = text;
    to->reason = (struct pirn_str){NULL, 0};
}

static void on_open(struct pirn_conn *conn)
{
    assert_ptr_equal(pirn_client_of(conn), guest.client);
    assert_ptr_equal(pirn_client_conn(guest.client), conn);
    guest.told.opens++;
}

static void on_message(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    struct guest_told *told = &guest.told;
    (void)conn, (void)type;
    told->messages++;
    told->message_len = len;
    snprintf(told->message, sizeof told->message, "%.*s", (int)len, len ? (char *)data : "");
}

static void on_drain(struct pirn_conn *conn)
{
    (void)conn;
    guest.told.drains++;
}

static void on_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    (void)conn;
    guest.told.closes++;
    copy_info(&guest.told.close, guest.told.close_text, info);
}

const struct pirn_handlers guest_handlers = {
    .on_open = on_open, .on_message = on_message, .on_drain = on_drain, .on_close = on_close};

static void on_attempt(struct pirn_client *client, struct pirn_client_config *config)
{
    (void)client, (void)config;
    guest.told.attempts++;
}

static void on_step(struct pirn_client *client, const struct pirn_client_progress *progress)
{
    struct guest_told *told = &guest.told;
    size_t len = strlen(told->log);
    const char *name = pirn_client_step_name(progress->step);
    (void)client;
    told->steps++;
    if (progress->step == PIRN_STEP_WAIT)
        told->wait_ms = progress->wait_ms;
    assert_memory_equal(progress->text, name, strlen(name));
    snprintf(told->log + len, sizeof told->log - len, "%s\n", progress->text);
}

static void on_response(struct pirn_client *client, const struct pirn_http_head *response)
{
    (void)client;
    guest.told.responses++;
    guest.told.status = response->status;
}

static void on_failure(struct pirn_client *client, const struct pirn_client_failure *failure)
{
    (void)client;
    guest.told.failures++;
    guest.told.failure = *failure;
    copy_info(&guest.told.failure.info, guest.told.failure_text, &failure->info);
}

static void on_end(struct pirn_client *client, const struct pirn_close_info *info)
{
    assert_int_equal(pirn_client_state(client), PIRN_CLIENT_ENDED);
    guest.told.ends++;
    copy_info(&guest.told.end, guest.told.end_text, info);
}

/* ---- the client */

struct pirn_client_config guest_config(const char *path)
{
    unsigned port = script.port ? script.port : stage.port;
    snprintf(guest.url, sizeof guest.url, "ws://127.0.0.1:%u%s", port, path);
    return (struct pirn_client_config){
        .conn.handlers = guest_handlers,
        .conn.endpoint.ping_interval_ms = PIRN_OFF,
        .url = guest.url,
        .proxy = "",
        .on_attempt = on_attempt,
        .on_step = on_step,
        .on_response = on_response,
        .on_failure = on_failure,
        .on_end = on_end,
        .context = &guest,
    };
}

void guest_open(const struct pirn_client_config *config)
{
    int error = -1;
    guest.seen = 0;
    memset(&guest.told, 0, sizeof guest.told);
    guest.client = pirn_client_new(stage.loop, config, &error);
    if (!guest.client)
        fail_msg("no client: %s", pirn_error_name(error));
    assert_int_equal(error, 0);
}

void guest_connect(const struct pirn_client_config *config)
{
    guest_open(config);
    AWAIT(guest.told.opens == 1 || guest.told.failures > 0);
    if (guest.told.failures > 0)
        fail_msg("not open: %s", guest.told.failure_text);
}

void guest_close(void)
{
    pirn_client_free(guest.client);
    guest.client = NULL;
    assert_int_equal(guest.told.opens, guest.told.closes);
}

void guest_begin(void)
{
    stage_open(NULL);
    script_listen();
}

void guest_finish(void)
{
    guest_close();
    script_close();
    stage_close();
}

bool guest_lucky;

bool guest_random(void *context, void *out, size_t len)
{
    (void)context;
    memset(out, 0x5a, len);
    return guest_lucky;
}

struct pirn_client_config guest_proxied(void)
{
    static char proxy[64];
    struct pirn_client_config config = guest_config("/");
    snprintf(proxy, sizeof proxy, "http://me:pw@127.0.0.1:%u", (unsigned)script.port);
    config.proxy = proxy;
    config.url = "ws://server.test:81/x";
    config.user = "ada";
    config.password = "lovelace";
    return config;
}

int guest_clear(void **state)
{
    pirn_client_free(guest.client);
    guest.client = NULL;
    script_close();
    return stage_clear(state);
}

void guest_expect_text(const char *text, const char *pattern)
{
    size_t len = strlen(pattern);
    bool open_end = len > 0 && pattern[len - 1] == '*';
    if (open_end ? strncmp(text, pattern, len - 1) != 0 : strcmp(text, pattern) != 0)
        fail_msg("\"%s\" is not \"%s\"", text, pattern);
}

void guest_expect_failure(enum pirn_layer layer, enum pirn_error error, const char *pattern)
{
    AWAIT(guest.told.failures > guest.seen || guest.told.opens > guest.told.closes);
    if (guest.told.failures == guest.seen++)
        fail_msg("open where a failure was expected: %s", pattern);
    guest_expect_text(guest.told.failure_text, pattern);
    assert_string_equal(pirn_layer_name(guest.told.failure.info.layer), pirn_layer_name(layer));
    assert_string_equal(pirn_error_name((int)guest.told.failure.info.error),
                        pirn_error_name((int)error));
    assert_int_equal(guest.told.failure.info.code,
                     layer == PIRN_LAYER_TLS ? PIRN_CLOSE_TLS_HANDSHAKE : PIRN_CLOSE_ABNORMAL);
}

/* ---- the script */

void script_listen(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    script.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(script.listener >= 0);
    assert_int_equal(bind(script.listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(script.listener, 16), 0);
    assert_int_equal(getsockname(script.listener, (struct sockaddr *)&address, &len), 0);
    script.port = ntohs(address.sin_port);
}

void script_close(void)
{
    script_drop();
    if (script.listener >= 0)
        close(script.listener);
    script.listener = -1;
    script.port = 0;
}

bool script_try_accept(void)
{
    script.fd = accept4(script.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    script.len = 0;
    script.request[0] = '\0';
    script.ended = false;
    return script.fd >= 0;
}

void script_accept(void)
{
    script_drop();
    AWAIT(script_try_accept());
}

void script_secure(struct pirn_tls *tls)
{
    int result = 0;
    script.tls = pirn__tls_start(tls, certificates_loop(), script.fd, NULL);
    assert_non_null(script.tls);
    AWAIT((result = pirn__tls_handshake(script.tls)) != 0);
    assert_int_equal(result, 1);
}

/* A count, 0 when there is nothing now, -1 at the end. */
static ssize_t receive(void *data, size_t cap)
{
    const struct iovec room = {data, cap};
    ssize_t n = pirn__wire_recv(script.fd, script.tls, &room, 1);
    if (n < 0 && errno == EAGAIN)
        return 0;
    script.ended = n <= 0;
    return n > 0 ? n : -1;
}

void script_discard(void)
{
    static char block[65536];
    while (receive(block, sizeof block) > 0)
        continue;
}

/* Byte by byte up to the end of the head: what follows is for others. True also at the end. */
static bool have_request(void)
{
    ssize_t n = 1;
    while (n > 0 && !strstr(script.request, "\r\n\r\n")) {
        assert_true(script.len + 1 < sizeof script.request);
        n = receive(script.request + script.len, 1);
        script.len += n > 0 ? 1 : 0;
        script.request[script.len] = '\0';
    }
    return n != 0;
}

static void note_key(void)
{
    const char *key = script_header("Sec-WebSocket-Key");
    if (key)
        pirn_handshake_accept_key(pirn_cstr(key), script.accept);
}

bool script_try_request(void)
{
    if (!have_request() || script.ended)
        return false;
    note_key();
    return true;
}

void script_await_request(void)
{
    AWAIT(have_request());
    note_key();
}

void script_take(void)
{
    script_accept();
    script_await_request();
}

const char *script_header(const char *name)
{
    static char value[1024];
    size_t len = strlen(name);
    for (const char *line = strstr(script.request, "\r\n"); line; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, len) == 0 && strncmp(line + 2 + len, ": ", 2) == 0) {
            const char *begin = line + 2 + len + 2;
            snprintf(value, sizeof value, "%.*s", (int)strcspn(begin, "\r"), begin);
            return value;
        }
    return NULL;
}

void script_send_bytes(const void *data, size_t len)
{
    const char *rest = data;
    while (len > 0) {
        const struct iovec piece = {(void *)(uintptr_t)rest, len};
        ssize_t n = pirn__wire_send(script.fd, script.tls, &piece, 1);
        if (n < 0 && errno != EAGAIN) /* the client has gone: it has heard enough */
            return;
        rest += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
        stage_step();
    }
}

void script_send(const char *text)
{
    for (const char *at; (at = strchr(text, '~')) != NULL; text = at + 1) {
        script_send_bytes(text, (size_t)(at - text));
        script_send_bytes(script.accept, strlen(script.accept));
    }
    script_send_bytes(text, strlen(text));
}

void script_let_in(const char *frames)
{
    char text[256];
    unsigned before = guest.told.opens;
    snprintf(text, sizeof text, SCRIPT_101 "\r\n%s", frames);
    script_send(text);
    AWAIT(guest.told.opens == before + 1);
}

void script_await_bytes(void *data, size_t len)
{
    char *to = data;
    while (len > 0) {
        ssize_t n = 0;
        AWAIT((n = receive(to, len)) != 0);
        if (n < 0)
            fail_msg("the client has closed");
        to += n;
        len -= (size_t)n;
    }
}

void script_await_end(void)
{
    char byte[64];
    AWAIT(receive(byte, sizeof byte) < 0);
}

void script_drop(void)
{
    pirn__tls_free(script.tls);
    script.tls = NULL;
    if (script.fd >= 0)
        close(script.fd);
    script.fd = -1;
}

void script_reset(void)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(script.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    script_drop();
}
