/* What is different about a server's port that speaks TLS. That nothing else is, the other tests of
 * servers show when they run over TLS. */
#include "peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certificates.h"
#include "tls/tls.h"

/* ---- peers that do not speak TLS, or only to some point */

static int connect_plainly(void)
{
    struct sockaddr_in server = {.sin_family = AF_INET,
                                 .sin_port = htons(stage.port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&server, sizeof server), 0);
    return fd;
}

/* All that comes until the end, which may be a reset; closes. */
static void read_to_end(int fd, char *text, size_t cap)
{
    size_t len = 0;
    ssize_t n = 0;
    do {
        AWAIT((n = recv(fd, text + len, cap - 1 - len, MSG_DONTWAIT)) >= 0 || errno != EAGAIN);
        len += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    text[len] = '\0';
    close(fd);
}

static void test_plain_http(void **state)
{
    (void)state;
    static const char *const requests[] = {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                                           "POST /x HTTP/1.1\r\n", "HEAD"};
    for (size_t i = 0; i < COUNT(requests); i++) {
        char text[1024];
        stage_open(NULL);
        int fd = connect_plainly();
        assert_true(send(fd, requests[i], strlen(requests[i]), 0) > 0);
        AWAIT(pirn_server_stats(stage.server).accepted == 1);
        stage_settle();
        if (i == 2) { /* too short to know */
            assert_int_equal(pirn_server_stats(stage.server).tls_failures, 0);
            assert_true(send(fd, " / HTTP/1.1\r\n", 13, 0) > 0);
        }
        read_to_end(fd, text, sizeof text);
        assert_memory_equal(text, "HTTP/1.1 400 Bad Request\r\n", 26);
        assert_non_null(strstr(text, "\r\n\r\nthis port speaks TLS: https:// and wss://\n"));
        assert_int_equal(pirn_server_stats(stage.server).tls_failures, 1);
        stage_close();
    }
}

static void test_noise(void **state)
{
    (void)state;
    char text[64];
    stage_open(NULL);
    int fd = connect_plainly();
    assert_int_equal(send(fd, "SSH-2.0-OpenSSH_9\r\n", 19, 0), 19);
    read_to_end(fd, text, sizeof text);
    assert_null(strstr(text, "HTTP")); /* nor is it told in HTTP */
    assert_int_equal(pirn_server_stats(stage.server).tls_failures, 1);
    stage_close();
}

/* The time of the opening handshake is that of both handshakes. */
static void test_slow_handshakes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {{"", 0}, {"\x16", 1}, {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11}};
    char text[64];
    int fds[COUNT(rows)];
    struct peer greeted;
    stage_open(&(struct pirn_server_config){.handshake_timeout_ms = 5000});
    for (size_t i = 0; i < COUNT(rows); i++) {
        fds[i] = connect_plainly();
        send(fds[i], rows[i].bytes, rows[i].len, 0);
    }
    peer_connect(&greeted);
    peer_print(&greeted, "GET / HTTP/1.1\r\n");
    AWAIT(pirn_server_stats(stage.server).accepted == COUNT(rows) + 1);
    for (int second = 0; second < 4; second++) {
        send(fds[1], "\x03", 1, MSG_NOSIGNAL);
        stage_pass_ms(1200);
    }
    assert_int_equal(pirn_server_stats(stage.server).timeouts, 0);
    stage_pass_ms(400);
    assert_int_equal(pirn_server_stats(stage.server).timeouts, COUNT(rows) + 1);
    for (size_t i = 0; i < COUNT(rows); i++) {
        read_to_end(fds[i], text, sizeof text);
        assert_string_equal(text, "");
    }
    assert_int_equal(peer_answer(&greeted), 408); /* which TLS could carry */
    peer_drop(&greeted);
    stage_close();
}

static void test_limits(void **state)
{
    (void)state;
    struct peer silent[2], late;
    stage_open(&(struct pirn_server_config){.max_handshakes = 2});
    for (size_t i = 0; i < 2; i++)
        peer_connect(&silent[i]);
    AWAIT(pirn_server_stats(stage.server).accepted == 2);
    peer_connect(&late);
    assert_int_equal(peer_answer(&late), 0); /* no handshake only for a refusal */
    peer_drop(&late);
    peer_drop(&silent[0]);
    peer_drop(&silent[1]);
    stage_settle();
    assert_int_equal(pirn_server_stats(stage.server).tls_failures, 2);
    peer_open(&late, "/");
    peer_leave(&late, 1000);
    stage_close();
}

/* ---- what a program is told */

static void test_information(void **state)
{
    (void)state;
    struct pirn_tls_info info;
    struct peer peer;
    stage_open(NULL);
    peer_open(&peer, "/");
    assert_true(pirn_conn_tls(stage.told.conn, &info));
    assert_string_equal(info.version, "TLSv1.3");
    assert_string_equal(info.alpn, "http/1.1");
    assert_string_equal(info.server_name, "localhost");
    assert_string_equal(info.peer_subject, "");
    assert_false(info.verified);
    assert_true(strlen(info.cipher) > 10);
    peer_leave(&peer, 1000);
    stage_close();
}

static struct pirn_tls_info in_hook, in_close;

static void on_request(struct pirn_request *request, void *context)
{
    (void)context;
    assert_true(pirn_request_tls(request, &in_hook));
    if (!in_hook.verified || !strstr(in_hook.peer_subject, "CN=client"))
        pirn_request_reject(request, 403, NULL, 0, in_hook.peer_subject);
}

static void on_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    assert_true(pirn_conn_tls(conn, &in_close));
    stage_handlers.on_close(conn, info);
}

static void test_clients_by_certificate(void **state)
{
    (void)state;
    char text[256];
    const struct pirn_route route = {.on_request = on_request};
    struct pirn_server_config config = {
        .conn.handlers = stage_handlers, .routes = &route, .route_count = 1};
    const struct pirn_tls_config tls = {
        .identity.chain.file = certificate("both.pem"),
        .ca.file = certificate("ca.pem"),
        .client_certificates = PIRN_TLS_CLIENTS_OPTIONAL,
    };
    const struct pirn_tls_config known = {
        .identity = {{.file = certificate("client.pem")}, {.file = certificate("client.key")}, 0},
        .ca.file = certificate("ca.pem")};
    const struct pirn_tls_config unknown = {.ca.file = certificate("ca.pem")};
    struct pirn_tls *mine = pirn_tls_new(PIRN_SERVER, &tls, text, sizeof text);
    struct pirn_tls *client = certificates_tls(PIRN_CLIENT);
    struct peer peer;
    config.conn.handlers.on_close = on_close;
    assert_non_null(mine);
    assert_true(stage_open_loop());
    assert_int_equal(stage_start(&config, &(struct pirn_listen){.tls = mine}), 0);
    pirn_tls_free(mine); /* the listener has it */
    assert_int_equal(pirn_tls_reload(client, &known, text, sizeof text), 0);
    peer_open(&peer, "/");
    assert_string_equal(in_hook.peer_subject, "CN=client,O=pirn tests");
    peer_leave(&peer, 1000);
    AWAIT(stage.told.closes == 1);
    assert_string_equal(in_close.peer_subject, "CN=client,O=pirn tests");
    assert_int_equal(pirn_tls_reload(client, &unknown, text, sizeof text), 0);
    peer_connect(&peer);
    peer_ask(&peer, "/", "");
    assert_int_equal(peer_answer(&peer), 403);
    peer_drop(&peer);
    stage_close();
}

/* ---- both ways at once */

static void test_both_ways(void **state)
{
    (void)state;
    static const struct {
        bool tls;
        const char *origin;
        bool accepted;
    } rows[] = {{true, "https://localhost", true},
                {true, "http://localhost", false},
                {false, "http://localhost", true},
                {false, "https://localhost", false}};
    char path[64], lines[128], text[1024];
    snprintf(path, sizeof path, "@pirn-tls-%d", getpid());
    assert_true(stage_open_loop());
    assert_int_equal(stage_start(NULL, &(struct pirn_listen){.unix_path = path}), 0);
    struct pirn_tls *wrong = certificates_tls(PIRN_CLIENT);
    assert_int_equal(pirn_server_listen(stage.server, &(struct pirn_listen){.tls = wrong}),
                     -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_server_listen(stage.server, &(struct pirn_listen){.port = 0}), 0);
    stage.port = pirn_server_port(stage.server);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct peer peer;
        snprintf(lines, sizeof lines, "Origin: %s\r\n", rows[i].origin);
        if (rows[i].tls) {
            assert_int_equal(peer_connect_unix(&peer, path), 0);
            peer_ask(&peer, "/", lines);
            assert_int_equal(peer_head(&peer), rows[i].accepted ? 101 : 403);
            peer_drop(&peer);
            continue;
        }
        struct pirn_tls_info info;
        int fd = connect_plainly();
        int len = snprintf(text, sizeof text,
                           "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                           "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                           lines);
        assert_int_equal(send(fd, text, (size_t)len, 0), len);
        AWAIT(recv(fd, text, sizeof text, MSG_DONTWAIT) >= 12);
        assert_memory_equal(text + 9, rows[i].accepted ? "101" : "403", 3);
        if (rows[i].accepted)
            assert_false(pirn_conn_tls(stage.told.conn, &info));
        close(fd);
    }
    AWAIT(stage.told.closes == 2);
    stage_close();
}

/* ---- the end */

/* The peer's socket is closed without close_notify. */
static void cut_off(struct peer *peer)
{
    peer_drop(peer);
    AWAIT(stage.told.closes == 1);
}

static void test_truncation(void **state)
{
    (void)state;
    struct peer peer;
    stage_open(NULL);
    peer_open(&peer, "/");
    peer_echo(&peer, "hello");
    cut_off(&peer);
    assert_int_equal(stage.told.close.code, PIRN_CLOSE_ABNORMAL);
    assert_int_equal(stage.told.close.layer, PIRN_LAYER_TLS);
    assert_int_equal(stage.told.close.error, PIRN_E_TLS_TRUNCATED);
    assert_int_equal(stage.told.close.system_error, 0);
    assert_false(stage.told.close.clean);
    assert_string_equal(stage.told.text, "lost (tls): unexpected eof while reading");
    stage_close();
}

static void test_end_without_close_frame(void **state)
{
    (void)state;
    struct peer peer;
    stage_open(NULL);
    peer_open(&peer, "/");
    pirn__tls_shutdown(peer.tls);
    cut_off(&peer);
    assert_int_equal(stage.told.close.error, PIRN_E_EOF);
    assert_string_equal(stage.told.text, "lost (tcp): connection ended without a close frame");
    stage_close();
}

static void test_truncation_behind_close_frames(void **state)
{
    (void)state;
    for (int ours = 0; ours < 2; ours++) {
        struct peer peer;
        stage_open(NULL);
        peer_open(&peer, "/");
        if (ours) {
            pirn_conn_close(stage.told.conn, 1001, PIRN_STR(""));
            assert_int_equal(peer_expect_close(&peer), 1001);
        } else {
            peer_frame(&peer, 0x88, "\x03\xe8", 2);
            assert_int_equal(peer_expect_close(&peer), 1000);
        }
        cut_off(&peer);
        assert_true(stage.told.close.clean);
        stage_close();
    }
}

/* The server's own end is told to the peer by TLS's means too. */
static void test_close_notify(void **state)
{
    (void)state;
    struct peer peer;
    stage_open(NULL);
    peer_open(&peer, "/");
    peer_frame(&peer, 0x88, "\x03\xe8", 2);
    assert_int_equal(peer_expect_close(&peer), 1000);
    peer_await_end(&peer);
    assert_int_equal(peer.error, 0);
    peer_drop(&peer);
    peer_open(&peer, "/");
    pirn_conn_terminate(stage.told.conn);
    peer_await_end(&peer);
    assert_int_not_equal(peer.error, 0);
    peer_drop(&peer);
    stage_close();
}

static void test_drain_in_handshakes(void **state)
{
    (void)state;
    char text[64];
    struct peer half, open;
    stage_open(NULL);
    int silent = connect_plainly();
    peer_connect(&half);
    peer_print(&half, "GET / HTTP/1.1\r\n");
    peer_open(&open, "/");
    AWAIT(pirn_server_stats(stage.server).accepted == 3);
    stage_settle();
    assert_int_equal(pirn_server_drain(stage.server, 1001, PIRN_STR(""), 1000, NULL, NULL), 0);
    read_to_end(silent, text, sizeof text);
    assert_string_equal(text, "");
    assert_int_equal(peer_answer(&half), 503);
    assert_int_equal(peer_expect_close(&open), 1001);
    peer_drop(&half);
    peer_drop(&open);
    AWAIT(stage.told.closes == 1);
    stage_close();
}

/* ---- large messages, and pauses */

static void test_large_echoes(void **state)
{
    (void)state;
    enum { LEN = 1 << 20 };
    char *data = malloc(LEN);
    for (size_t i = 0; i < LEN; i++)
        data[i] = (char)(i * 7 + i / 251);
    struct peer peer;
    stage_open(NULL);
    peer_open(&peer, "/");
    for (size_t len = LEN; len > LEN - 3; len--) {
        peer_message(&peer, PIRN_BINARY, data, len);
        peer_expect(&peer, PIRN_BINARY, data, len);
    }
    peer_leave(&peer, 1000);
    stage_close();
    free(data);
}

/* What was decrypted already when the program paused is delivered when it goes on, and not before,
 * without a byte more from the peer. */
static void test_pause(void **state)
{
    (void)state;
    struct peer peer;
    stage.loop_config.receive_buffer_bytes = 4096;
    stage_open(NULL);
    peer_open(&peer, "/");
    pirn_conn_pause(stage.told.conn);
    static char block[10000];
    peer_message(&peer, PIRN_BINARY, block, sizeof block);
    peer_text(&peer, "behind it");
    for (int turns = 0; turns < 20; turns++)
        stage_settle();
    assert_int_equal(stage.told.messages, 0);
    pirn_conn_resume(stage.told.conn);
    AWAIT(stage.told.messages == 2);
    peer_expect(&peer, PIRN_BINARY, block, sizeof block);
    peer_expect_text(&peer, "behind it");
    peer_leave(&peer, 1000);
    stage_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_plain_http),
        STAGE_TEST(test_noise),
        STAGE_TEST(test_slow_handshakes),
        STAGE_TEST(test_limits),
        STAGE_TEST(test_information),
        STAGE_TEST(test_both_ways),
        STAGE_TEST(test_truncation),
        STAGE_TEST(test_end_without_close_frame),
        STAGE_TEST(test_truncation_behind_close_frames),
        STAGE_TEST(test_close_notify),
        STAGE_TEST(test_drain_in_handshakes),
        STAGE_TEST(test_large_echoes),
        STAGE_TEST(test_pause),
        STAGE_TEST(test_clients_by_certificate),
    };
    setenv("PIRN_TEST_TLS", "1", 1);
    return certificates_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
