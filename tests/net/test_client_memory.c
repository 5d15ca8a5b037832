/* When memory runs out in a client, at whatever moment: the attempt or the connection ends, with
 * the right error, nothing leaks, and with memory it connects again (C03). Run over TLS too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certificates.h"
#include "guest.h"

static struct pirn_cookies *cookies;

/* Redirects once, sets a cookie, and accepts. */
static void answer(struct pirn_request *request, void *context)
{
    const struct pirn_header headers[] = {
        {PIRN_STR("Location"), PIRN_STR("/there")},
        {PIRN_STR("Set-Cookie"), PIRN_STR("a=b")},
    };
    (void)context;
    if (pirn_str_equal(pirn_request_path(request), PIRN_STR("/there")))
        pirn_request_accept(request, NULL, NULL);
    else
        pirn_request_reject(request, 302, headers, 2, NULL);
}

static const struct pirn_route route = {.on_request = answer};

/* The server has memory of its own, which does not run out. */
static struct pirn_loop *server_loop;

static void turn_server(void)
{
    pirn_loop_dispatch(server_loop);
}

static struct pirn_client_config to_server(void)
{
    static char url[64];
    struct pirn_client_config config = guest_config("/");
    snprintf(url, sizeof url, "%s://ada:secret@127.0.0.1:%u/", stage_over_tls() ? "wss" : "ws",
             (unsigned)stage.port);
    config.url = url;
    config.tls = certificates_tls(PIRN_CLIENT);
    config.max_redirects = 2;
    config.cookies = cookies;
    config.conn.deflate.mode = pirn_deflate_available() ? PIRN_DEFLATE_SHARED : PIRN_DEFLATE_OFF;
    return config;
}

/* In one piece: small ones would wait for each other's acknowledgements. */
static void let_in(void)
{
    char text[256];
    int len = snprintf(text, sizeof text,
                       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n\x81\x02hi",
                       script.accept);
    script_send_bytes(text, (size_t)len);
}

/* A proxy that wants a password by Digest, and behind it a server that does too. */
static void turn_script(void)
{
    if (script.fd < 0 && !script_try_accept())
        return;
    if (script_try_request()) {
        if (strncmp(script.request, "CONNECT ", 8) == 0) {
            script_send(script_header("Proxy-Authorization")
                            ? "HTTP/1.1 200 Go on\r\n\r\n"
                            : "HTTP/1.1 407 No\r\nContent-Length: 0\r\nProxy-Authenticate: Digest "
                              "realm=\"p\", nonce=\"n\", qop=\"auth\"\r\n\r\n");
        } else if (!script_header("Authorization")) {
            script_send("HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", "
                        "qop=\"auth\"\r\nConnection: close\r\n\r\n");
            script.ended = true;
        } else {
            let_in();
        }
        script.len = 0;
        script.request[0] = '\0';
    }
    if (script.ended)
        script_drop();
}

static struct pirn_client_config to_script(void)
{
    struct pirn_client_config config = guest_proxied();
    config.digest_only = true;
    return config;
}

/* Whom the client talks to, and the turns of that one. */
struct other {
    struct pirn_client_config (*config)(void);
    void (*turn)(void);
};

/* Lets both go on until the client has an open connection or has ended. */
static void step(const struct other *other)
{
    other->turn();
    stage_turn();
}

static bool settled(void)
{
    return guest.told.ends > 0 || guest.told.messages > 0;
}

static struct pirn_server *serve(void)
{
    const struct pirn_server_config config = {
        .conn.handlers = stage_handlers,
        .conn.deflate.mode = pirn_deflate_available() ? PIRN_DEFLATE_SHARED : PIRN_DEFLATE_OFF,
        .routes = &route,
        .route_count = 1};
    struct pirn_server *server = pirn_server_new(server_loop, &config);
    assert_non_null(server);
    const struct pirn_listen where = {.tls = certificates_tls(PIRN_SERVER)};
    assert_int_equal(pirn_server_listen(server, &where), 0);
    stage.port = pirn_server_port(server);
    return server;
}

/* A session from new to the end, the k-th asking failing (and all after it). Returns how many
 * failed. */
static size_t run(const struct other *other, size_t k, bool on)
{
    int error = -1;
    bool refused = false;
    struct pirn_client_config config = other->config();
    memset(&guest.told, 0, sizeof guest.told);
    stage.memory.asked = 0;
    stage.memory.failed = 0;
    stage.memory.fail_at = k;
    stage.memory.fail_on = on;
    guest.client = pirn_client_new(stage.loop, &config, &error);
    if (!guest.client) {
        assert_int_equal(error, PIRN_E_MEMORY);
        assert_true(stage.memory.failed > 0);
    } else {
        refused = pirn_client_send(guest.client, PIRN_TEXT, "queued", 6) < 0;
        if (refused) {
            stage.memory.fail_at = 0;
            assert_int_equal(pirn_client_send(guest.client, PIRN_TEXT, "queued", 6), 0);
        }
        for (uint64_t end = stage_real_ms() + 5000; !settled() && stage_real_ms() < end;)
            step(other);
        assert_true(settled());
        if (guest.told.failures > 0) {
            assert_int_equal(guest.told.failure.info.error, PIRN_E_MEMORY);
            assert_int_equal(guest.told.failure.info.layer, PIRN_LAYER_APPLICATION);
        }
    }
    size_t failed = stage.memory.failed;
    stage.memory.fail_at = 0;
    if (guest.client && guest.told.messages == 0 && pirn_client_reconnect(guest.client) == 0)
        for (guest.told.ends = 0; !settled();)
            step(other);
    if (guest.client)
        assert_int_equal(guest.told.messages, 1);
    guest_close();
    return failed;
}

static void at_every_moment_with(const struct other *other)
{
    run(other, 0, false); /* what a loop makes once */
    for (int on = 0; on < 2; on++) {
        size_t k = 1;
        while (run(other, k, on) > 0)
            k++;
        assert_in_range(k, 20, 300);
    }
}

static void at_every_moment(void **state)
{
    (void)state;
    static const struct other other = {to_server, turn_server};
    assert_true(stage_open_loop());
    server_loop = pirn_loop_new(NULL);
    cookies = pirn_cookies_new(NULL);
    struct pirn_server *server = serve();
    at_every_moment_with(&other);
    pirn_server_free(server);
    pirn_loop_free(server_loop);
    pirn_cookies_free(cookies);
    memset(&stage.told, 0, sizeof stage.told);
    stage_close();
}

static void behind_a_proxy(void **state)
{
    (void)state;
    static const struct other other = {to_script, turn_script};
    if (!pirn_tls_available()) /* whose hash functions Digest takes */
        skip();
    STAGE_PLAIN_ONLY();
    assert_true(stage_open_loop());
    script_listen();
    at_every_moment_with(&other);
    script_close();
    stage_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GUEST_TEST(at_every_moment),
        GUEST_TEST(behind_a_proxy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
