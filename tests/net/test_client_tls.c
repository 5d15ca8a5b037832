/* wss: what a client makes of good and bad certificates, and of servers that speak no TLS (S16). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "certificates.h"
#include "guest.h"

static struct pirn_tls *server_tls, *client_tls;

/* A server with this certificate, on the stage; no client yet. */
static void begin(const char *name)
{
    char why[256], chain[64], key[64];
    snprintf(chain, sizeof chain, "%s.pem", name);
    snprintf(key, sizeof key, "%s.key", name);
    const struct pirn_tls_config server = {
        .identity = {.chain.file = certificate(chain), .key.file = certificate(key)}};
    const struct pirn_tls_config client = {.ca.file = certificate("ca.pem")};
    server_tls = pirn_tls_new(PIRN_SERVER, &server, why, sizeof why);
    if (!server_tls)
        fail_msg("%s", why);
    client_tls = pirn_tls_new(PIRN_CLIENT, &client, why, sizeof why);
    if (!client_tls)
        fail_msg("%s", why);
    assert_true(stage_open_loop());
    assert_int_equal(stage_start(NULL, &(struct pirn_listen){.tls = server_tls}), 0);
}

static void finish(void)
{
    guest_close();
    script_close();
    stage_close();
    pirn_tls_free(server_tls);
    pirn_tls_free(client_tls);
    server_tls = client_tls = NULL;
}

static struct pirn_client_config secure(const char *host)
{
    static char url[128];
    struct pirn_client_config config = guest_config("/");
    snprintf(url, sizeof url, "wss://%s:%u/", host,
             (unsigned)(script.port ? script.port : stage.port));
    config.url = url;
    config.tls = client_tls;
    return config;
}

static void talks(void **state)
{
    (void)state;
    static char large[100000];
    struct pirn_tls_info info;
    begin("localhost");
    struct pirn_client_config config = secure("127.0.0.1");
    guest_connect(&config);
    assert_non_null(strstr(guest.told.log, "\ntls: 127.0.0.1\nhandshake: wss://"));
    assert_true(pirn_conn_tls(pirn_client_conn(guest.client), &info));
    assert_true(info.verified);
    assert_int_equal(pirn_client_send(guest.client, PIRN_TEXT, "hello", 5), 0);
    AWAIT(guest.told.messages == 1);
    assert_string_equal(guest.told.message, "hello");
    assert_int_equal(pirn_client_send(guest.client, PIRN_BINARY, large, sizeof large), 0);
    AWAIT(guest.told.messages == 2);
    assert_int_equal(guest.told.message_len, sizeof large);
    assert_int_equal(pirn_client_close(guest.client, 1000, PIRN_STR("")), 0);
    AWAIT(guest.told.ends == 1);
    assert_true(guest.told.close.clean);
    finish();
}

static const struct {
    const char *certificate, *host, *text; /* text NULL: it is good */
} rows[] = {
    {"localhost", "localhost", NULL},
    {"wrong-host", "127.0.0.1", "tls: *"},
    {"wrong-host", "localhost", "tls: *"},
    {"expired", "127.0.0.1", "tls: certificate verify failed: certificate has expired"},
    {"early", "127.0.0.1", "tls: certificate verify failed: certificate is not yet valid"},
    {"other-ca", "127.0.0.1", "tls: certificate verify failed: self-signed certificate"},
    {"below", "127.0.0.1",
     "tls: certificate verify failed: unable to get local issuer certificate"},
    {"other", "localhost", "tls: *"},
};

static void certificates(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        begin(rows[i].certificate);
        struct pirn_client_config config = secure(rows[i].host);
        config.reconnect.on = true;
        if (!rows[i].text) {
            guest_connect(&config);
        } else {
            guest_open(&config);
            guest_expect_failure(PIRN_LAYER_TLS, PIRN_E_TLS_CERTIFICATE, rows[i].text);
            assert_false(guest.told.failure.retries);
            assert_int_equal(guest.told.responses, 0);
        }
        finish();
    }
}

/* The system's roots do not know the tests' CA. */
static void by_default_it_verifies(void **state)
{
    (void)state;
    begin("localhost");
    struct pirn_client_config config = secure("127.0.0.1");
    config.tls = NULL;
    guest_open(&config);
    guest_expect_failure(PIRN_LAYER_TLS, PIRN_E_TLS_CERTIFICATE, "tls: *");
    guest_close();
    struct pirn_tls_config careless = {.insecure = true};
    struct pirn_tls *tls = pirn_tls_new(PIRN_CLIENT, &careless, NULL, 0);
    config.tls = tls;
    guest_connect(&config);
    pirn_tls_free(tls); /* the client has its own hold */
    guest_close();
    config.tls = server_tls;
    int error = 0;
    assert_null(pirn_client_new(stage.loop, &config, &error));
    assert_int_equal(error, PIRN_E_ARGUMENT);
    finish();
}

static void no_tls_at_all(void **state)
{
    (void)state;
    begin("localhost");
    script_listen();
    struct pirn_client_config config = secure("127.0.0.1");
    guest_open(&config);
    script_accept();
    script_send("HTTP/1.1 400 Bad Request\r\n\r\n");
    AWAIT(guest.told.failures == 1);
    assert_int_equal(guest.told.failure.info.layer, PIRN_LAYER_TLS);
    guest_expect_text(guest.told.failure_text, "tls: *");
    assert_int_equal(guest.told.failure.info.code, PIRN_CLOSE_TLS_HANDSHAKE);
    guest_close();
    guest_open(&config);
    script_accept();
    stage_settle();
    stage_pass_ms(PIRN_DEFAULT_CLIENT_STEP_TIMEOUT_MS + 10);
    guest_expect_failure(PIRN_LAYER_TIMEOUT, PIRN_E_TLS_TIMEOUT,
                         "timeout: no end of the TLS handshake within 10000 ms");
    guest_close();
    guest_open(&config);
    script_accept();
    stage_settle();
    script_reset();
    guest_expect_failure(PIRN_LAYER_TCP, PIRN_E_SYSTEM,
                         "tcp: connection reset by peer during the TLS handshake");
    guest_close();
    guest_open(&config);
    script_accept();
    script_drop();
    AWAIT(guest.told.failures == 1);
    guest_expect_text(guest.told.failure_text, "tls: *");
    finish();
}

/* What OpenSSL sends that may speak TLS 1.1 only; and the ServerHello of one that does not look at
 * what the client can. */
static void too_old(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *text;
    } answers[] = {
        {"\x15\x03\x03\x00\x02\x02\x46", 7, "tls: tlsv1 alert protocol version"},
        {"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02"
         "0123456789abcdefghijklmnopqrstuv"
         "\x00\xc0\x09\x00",
         47, "tls: unsupported protocol"},
    };
    begin("localhost");
    script_listen();
    struct pirn_client_config config = secure("127.0.0.1");
    for (size_t i = 0; i < COUNT(answers); i++) {
        guest_open(&config);
        script_accept();
        script_send_bytes(answers[i].bytes, answers[i].len);
        guest_expect_failure(PIRN_LAYER_TLS, PIRN_E_TLS_HANDSHAKE, answers[i].text);
        guest_close();
    }
    finish();
}

/* A server that has sent its close_notify, behind its Close or later, and waits for ours before it
 * ends TCP (as Python's asyncio does) is not waited for. */
static void ends_at_close_notify(void **state)
{
    (void)state;
    certificates_loop(); /* whose descriptors the stage should not count */
    for (int together = 0; together < 2; together++) {
        uint8_t frame[8];
        begin("localhost");
        script_listen();
        struct pirn_client_config config = secure("127.0.0.1");
        guest_open(&config);
        script_accept();
        script_secure(server_tls);
        script_await_request();
        script_let_in("");
        if (together) {
            const struct iovec piece = {(char[]){"\x88\x02\x03\xe8"}, 4};
            assert_int_equal(pirn__tls_send(script.tls, &piece, 1), 4);
        } else {
            script_send_bytes("\x88\x02\x03\xe8", 4);
            script_await_bytes(frame, sizeof frame);
            stage_settle();
            assert_int_equal(guest.told.closes, 0);
        }
        pirn__tls_shutdown(script.tls);
        AWAIT(guest.told.closes == 1);
        assert_true(guest.told.close.clean);
        assert_int_equal(guest.told.close.code, 1000);
        if (together)
            script_await_bytes(frame, sizeof frame);
        assert_memory_equal(frame, "\x88\x82", 2);
        script_await_end();
        assert_int_equal(pirn__tls_error(script.tls), 0);
        finish();
    }
}

/* ---- lost */

/* The script speaks TLS with a client, and has its request. */
static void meet(const struct pirn_client_config *config)
{
    guest_open(config);
    script_accept();
    script_secure(server_tls);
    script_await_request();
}

/* TCP ends without close_notify: somebody may have cut off what was still to come. */
static void a_truncated_stream_is_told(void **state)
{
    (void)state;
    static const char cause[] = "tls: unexpected eof while reading";
    certificates_loop();
    begin("localhost");
    script_listen();
    struct pirn_client_config config = secure("127.0.0.1");
    for (int sent = 0; sent < 3; sent++) {
        meet(&config);
        script_send(sent == 0 ? "" : sent == 1 ? "HTTP/1.1 101 Swi" : SCRIPT_101 "\r\n");
        if (sent < 2) {
            script_drop();
            guest_expect_failure(PIRN_LAYER_TLS, PIRN_E_TLS_TRUNCATED, cause);
        } else {
            AWAIT(guest.told.opens == 1);
            script_send_bytes("\x81\x05hel", 5);
            script_drop();
            AWAIT(guest.told.closes == 1);
            assert_int_equal(guest.told.close.code, PIRN_CLOSE_ABNORMAL);
            assert_int_equal(guest.told.close.layer, PIRN_LAYER_TLS);
            assert_int_equal(guest.told.close.error, PIRN_E_TLS_TRUNCATED);
            assert_string_equal(guest.told.close_text, "lost (tls): unexpected eof while reading");
            assert_int_equal(guest.told.messages, 0);
        }
        guest_close();
    }
    finish();
}

/* A forked child that frees its copy says nothing to the server, and changes nothing of the socket
 * that both have (S12). */
static void a_forked_child_is_silent(void **state)
{
    (void)state;
    int status = -1;
    certificates_loop();
    begin("localhost");
    script_listen();
    struct pirn_client_config config = secure("127.0.0.1");
    meet(&config);
    script_send(SCRIPT_101 "\r\n");
    AWAIT(guest.told.opens == 1);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        pirn_client_free(guest.client);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(pirn_client_send(guest.client, PIRN_TEXT, "parent", 6), 0);
    uint8_t frame[12];
    script_await_bytes(frame, sizeof frame);
    assert_memory_equal(frame, "\x81\x86", 2);
    script_send_bytes("\x81\x05hello", 7);
    AWAIT(guest.told.messages == 1);
    assert_int_equal(pirn_client_close(guest.client, 1000, PIRN_STR("")), 0);
    script_await_bytes(frame, 8);
    assert_memory_equal(frame, "\x88\x82", 2);
    script_send_bytes("\x88\x02\x03\xe8", 4);
    pirn__tls_shutdown(script.tls);
    script_await_end();
    assert_int_equal(pirn__tls_error(script.tls), 0);
    ssize_t got = -1;
    AWAIT((got = recv(script.fd, frame, 1, MSG_DONTWAIT)) != -1 || errno != EAGAIN);
    assert_int_equal(got, 0); /* an end, not a reset */
    finish();
}

static void to_ws(struct pirn_request *request, void *context)
{
    const struct pirn_header header = {PIRN_STR("Location"), PIRN_STR("ws://127.0.0.1:1/")};
    (void)context;
    pirn_request_reject(request, 302, &header, 1, NULL);
}

/* From TLS to none is no way to go. */
static void no_redirect_to_ws(void **state)
{
    (void)state;
    static const struct pirn_route route = {.on_request = to_ws};
    begin("localhost");
    pirn_server_free(stage.server);
    const struct pirn_server_config server = {.routes = &route, .route_count = 1};
    assert_int_equal(stage_start(&server, &(struct pirn_listen){.tls = server_tls}), 0);
    struct pirn_client_config config = secure("127.0.0.1");
    config.max_redirects = 5;
    guest_open(&config);
    guest_expect_failure(PIRN_LAYER_HTTP, PIRN_E_REDIRECT, "http: redirect from wss to ws");
    finish();
}

/* ---- freed on the way */

static unsigned steps_left;

static void free_at_last(struct pirn_client *client, const struct pirn_client_progress *progress)
{
    (void)progress;
    if (--steps_left > 0)
        return;
    guest.client = NULL;
    pirn_client_free(client);
}

static void freed_at_each_step(void **state)
{
    (void)state;
    begin("localhost");
    for (unsigned step = 1; step <= 5; step++) {
        struct pirn_client_config config = secure("localhost");
        config.on_step = free_at_last;
        steps_left = step;
        guest_open(&config);
        AWAIT(!guest.client);
        stage_settle();
        assert_int_equal(guest.told.opens, guest.told.closes);
    }
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GUEST_TEST(talks),
        GUEST_TEST(certificates),
        GUEST_TEST(by_default_it_verifies),
        GUEST_TEST(no_tls_at_all),
        GUEST_TEST(too_old),
        GUEST_TEST(ends_at_close_notify),
        GUEST_TEST(a_truncated_stream_is_told),
        GUEST_TEST(a_forked_child_is_silent),
        GUEST_TEST(no_redirect_to_ws),
        GUEST_TEST(freed_at_each_step),
    };
    return certificates_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
