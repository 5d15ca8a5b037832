/* Attempts by way of proxies that do what the test tells them. */
#include "dial_rig.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <pirn/tls.h>

static const struct rig_host hosts[] = {
    {"proxy.test", "127.0.0.1", 0},
    {"host.test", "10.1.2.3", 0},
    {"six.test", "::1 ::2", 0},
    {"both.test", "::1 10.1.2.3", 0},
};

static struct {
    int listener, fd; /* of the proxy */
    uint16_t port;
    char url[64];
    struct pirn__proxy parsed;
} proxy;

static int open_stage(void **state)
{
    (void)state;
    rig_hosts(hosts, COUNT(hosts));
    return stage_open_loop() ? 0 : -1;
}

/* scheme with credentials, such as "socks5h://ada:secret@". */
static struct pirn__dial_target through(const char *scheme, const char *host)
{
    proxy.port = 0;
    proxy.listener = rig_listen("127.0.0.1", &proxy.port);
    snprintf(proxy.url, sizeof proxy.url, "%sproxy.test:%u", scheme, (unsigned)proxy.port);
    assert_int_equal(pirn__proxy_parse(&proxy.parsed, pirn_cstr(proxy.url)), 0);
    return (struct pirn__dial_target){.host = pirn_cstr(host), .port = 80, .proxy = &proxy.parsed};
}

static void end(void)
{
    close(proxy.listener);
    stage_close();
}

/* The proxy waits until it has got these bytes. */
static void proxy_expects(const char *bytes, size_t len)
{
    char got[1024];
    size_t have = 0;
    assert_true(len <= sizeof got);
    while (have < len) {
        ssize_t n = read(proxy.fd, got + have, len - have);
        if (n > 0)
            have += (size_t)n;
        else if (n == 0 || errno != EAGAIN)
            fail_msg("the proxy got %zu bytes of %zu", have, len);
        stage_step();
    }
    assert_memory_equal(got, bytes, len);
}
#define PROXY_EXPECTS(literal) proxy_expects(literal, sizeof(literal) - 1)
#define PROXY_SAYS(literal)                                                                        \
    assert_int_equal(write(proxy.fd, literal, sizeof(literal) - 1), sizeof(literal) - 1)

#define CONNECT "CONNECT host.test:80 HTTP/1.1\r\nHost: host.test:80\r\n\r\n"

/* ---- the good way */

static void http_proxies_connect(void **state)
{
    struct rig_dial rig = {0};
    char text[128], echo[4];
    (void)state;
    struct pirn__dial_target target = through("http://", "host.test");
    rig_dial(&rig, &target);
    proxy.fd = rig_accept(proxy.listener);
    PROXY_EXPECTS(CONNECT);
    PROXY_SAYS("HTTP/1.1 200 OK\r\n\r\nfrom the host");
    AWAIT(rig.dones);
    assert_string_equal(rig.leftover, "from the host");
    snprintf(text, sizeof text,
             "resolving proxy.test, connecting 127.0.0.1:%u, proxying proxy.test:%u, ",
             (unsigned)proxy.port, (unsigned)proxy.port);
    assert_string_equal(rig.steps, text);
    assert_int_equal(write(rig.result.fd, "ping", 4), 4);
    AWAIT(read(proxy.fd, echo, 4) == 4);
    rig_expect_connection(&rig);
    close(proxy.fd);
    end();
}

static void socks_proxies_connect(void **state)
{
    struct rig_dial rig = {0};
    (void)state;
    struct pirn__dial_target target = through("socks5h://ada:secret@", "host.test");
    rig_dial(&rig, &target);
    proxy.fd = rig_accept(proxy.listener);
    PROXY_EXPECTS("\5\2\0\2");
    PROXY_SAYS("\5\2");
    PROXY_EXPECTS("\1\3ada\6secret");
    PROXY_SAYS("\1\0");
    PROXY_EXPECTS("\5\1\0\3\11host.test\0\120");
    PROXY_SAYS("\5\0\0\1\0\0\0\0\0\0");
    AWAIT(rig.dones);
    assert_string_equal(rig.leftover, "");
    assert_null(strstr(rig.steps, "host.test")); /* that is the proxy's to look up */
    rig_expect_connection(&rig);
    close(proxy.fd);
    end();
}

static void answers_may_come_early(void **state)
{
    struct rig_dial rig = {0};
    (void)state;
    struct pirn__dial_target target = through("socks5h://", "host.test");
    rig_dial(&rig, &target);
    proxy.fd = rig_accept(proxy.listener);
    PROXY_SAYS("\5\0\5\0\0\1\0\0\0\0\0\0!");
    AWAIT(rig.dones);
    assert_string_equal(rig.leftover, "!");
    PROXY_EXPECTS("\5\1\0\5\1\0\3\11host.test\0\120");
    rig_expect_connection(&rig);
    close(proxy.fd);
    end();
}

static void some_want_an_address(void **state)
{
    static const struct {
        const char *scheme, *host, *request;
        size_t len;
    } rows[] = {
        {"socks4://", "host.test", "\4\1\0\120\12\1\2\3\0", 9},
        {"socks4://", "both.test", "\4\1\0\120\12\1\2\3\0", 9},
        {"socks4://", "10.1.2.3", "\4\1\0\120\12\1\2\3\0", 9},
        {"socks4a://", "10.1.2.3", "\4\1\0\120\12\1\2\3\0", 9},
        {"socks4a://", "a.b", "\4\1\0\120\0\0\0\1\0a.b\0", 13},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rig_dial rig = {0};
        struct pirn__dial_target target = through(rows[i].scheme, rows[i].host);
        rig_dial(&rig, &target);
        proxy.fd = rig_accept(proxy.listener);
        proxy_expects(rows[i].request, rows[i].len);
        PROXY_SAYS("\0\132\0\0\0\0\0\0");
        AWAIT(rig.dones);
        rig_expect_connection(&rig);
        close(proxy.fd);
        close(proxy.listener);
    }
    struct rig_dial rig = {0};
    struct pirn__dial_target target = through("socks5://", "six.test");
    rig_dial(&rig, &target);
    proxy.fd = rig_accept(proxy.listener);
    PROXY_EXPECTS("\5\1\0");
    PROXY_SAYS("\5\0");
    PROXY_EXPECTS("\5\1\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\120");
    PROXY_SAYS("\5\0\0\1\0\0\0\0\0\0");
    AWAIT(rig.dones);
    assert_non_null(strstr(rig.steps, "resolving six.test, resolving proxy.test, "));
    rig_expect_connection(&rig);
    close(proxy.fd);
    end();
}

static void given_addresses_serve_a_proxy_that_wants_one(void **state)
{
    struct rig_dial rig = {0};
    struct pirn__ip ip;
    (void)state;
    struct pirn__dial_target target = through("socks4://", "unknown.test");
    assert_true(pirn__ip_parse(&ip, PIRN_STR("10.9.8.7")));
    target.addresses = &ip;
    target.address_count = 1;
    rig_dial(&rig, &target);
    proxy.fd = rig_accept(proxy.listener);
    PROXY_EXPECTS("\4\1\0\120\12\11\10\7\0");
    PROXY_SAYS("\0\132\0\0\0\0\0\0");
    AWAIT(rig.dones);
    rig_expect_connection(&rig);
    close(proxy.fd);
    end();
}

/* ---- Digest */

#define ADA       "CONNECT host.test:80 HTTP/1.1\r\nHost: host.test:80\r\nProxy-Authorization: "
#define BASIC     ADA "Basic YWRhOnNlY3JldA==\r\n\r\n"
#define CHALLENGE "HTTP/1.1 407 x\r\nProxy-Authenticate: Digest realm=r, nonce=n, qop=auth\r\n"

/* The proxy reads to the end of a head; the password is in none of it. */
static void proxy_expects_digest(void)
{
    char got[1024] = "";
    size_t have = 0;
    while (!strstr(got, "\r\n\r\n")) {
        ssize_t n = read(proxy.fd, got + have, sizeof got - 1 - have);
        have += n > 0 ? (size_t)n : 0;
        assert_true(n > 0 || (n < 0 && errno == EAGAIN));
        stage_step();
    }
    assert_ptr_equal(strstr(got, ADA "Digest username=\"ada\""), got);
    assert_null(strstr(got, "secret"));
}

static void expect_consent(struct rig_dial *rig)
{
    proxy_expects_digest();
    PROXY_SAYS("HTTP/1.1 200 OK\r\n\r\nhost");
    AWAIT(rig->dones);
    assert_string_equal(rig->leftover, "host");
    rig_expect_connection(rig);
    close(proxy.fd);
}

/* On the same connection, on a new one as the proxy wants it, and on a new one as it closes. */
static void digest_is_answered(void **state)
{
    (void)state;
    if (!pirn_tls_available()) /* whose hash functions Digest takes */
        skip();
    for (int way = 0; way < 3; way++) {
        struct rig_dial rig = {0};
        struct pirn__dial_target target = through("http://ada:secret@", "host.test");
        rig_dial(&rig, &target);
        proxy.fd = rig_accept(proxy.listener);
        PROXY_EXPECTS(BASIC);
        if (way == 1)
            PROXY_SAYS(CHALLENGE "Connection: close\r\nContent-Length: 4\r\n\r\nWho?");
        else
            PROXY_SAYS(CHALLENGE "Content-Length: 4\r\n\r\nWho?");
        if (way == 2)
            proxy_expects_digest();
        if (way > 0) {
            close(proxy.fd);
            proxy.fd = rig_accept(proxy.listener);
        }
        expect_consent(&rig);
        assert_int_equal(rig.step_count, way > 0 ? 5 : 3);
        close(proxy.listener);
    }
    stage_close();
}

static void digest_is_answered_once(void **state)
{
    (void)state;
    if (!pirn_tls_available())
        skip();
    for (int gone = 0; gone < 2; gone++) {
        struct rig_dial rig = {0};
        struct pirn__dial_target target = through("http://ada:secret@", "host.test");
        rig_dial(&rig, &target);
        proxy.fd = rig_accept(proxy.listener);
        PROXY_EXPECTS(BASIC);
        PROXY_SAYS(CHALLENGE "\r\n");
        close(proxy.fd);
        proxy.fd = rig_accept(proxy.listener);
        proxy_expects_digest();
        if (gone) {
            close(proxy.fd);
            AWAIT(rig.dones);
            rig_expect_failure(&rig, PIRN_LAYER_PROXY, PIRN_E_PROXY_REFUSED,
                               "proxy: connection closed before its answer", 0);
        } else {
            PROXY_SAYS(CHALLENGE "Content-Length: 0\r\n\r\n");
            AWAIT(rig.dones);
            rig_expect_failure(&rig, PIRN_LAYER_PROXY, PIRN_E_PROXY_AUTHENTICATION,
                               "proxy: 407 Proxy Authentication Required", 0);
            close(proxy.fd);
        }
        close(proxy.listener);
    }
    stage_close();
}

/* ---- refusals and worse */

static void refusals_are_told(void **state)
{
    static const struct {
        const char *scheme;
        struct pirn_str answer;
        int error, status;
        const char *text;
    } rows[] = {
        {"http://", PIRN_STR_INIT("HTTP/1.1 407 x\r\n\r\n"), PIRN_E_PROXY_AUTHENTICATION, 407,
         "proxy: 407 Proxy Authentication Required"},
        {"http://", PIRN_STR_INIT("HTTP/1.1 502 x\r\n\r\n"), PIRN_E_PROXY_REFUSED, 502,
         "proxy: 502 Bad Gateway"},
        {"http://", PIRN_STR_INIT("garbage\r\n\r\n"), PIRN_E_PROXY_ANSWER, 0,
         "proxy: answer: status line is malformed"},
        {"socks5h://", PIRN_STR_INIT("\5\377"), PIRN_E_PROXY_AUTHENTICATION, 0,
         "proxy: it wants a password"},
        {"socks5h://", PIRN_STR_INIT("\5\0\5\5"), PIRN_E_PROXY_REFUSED, 5,
         "proxy: SOCKS reply 5, connection refused"},
        {"socks4a://", PIRN_STR_INIT("\0\133\0\0\0\0\0\0"), PIRN_E_PROXY_REFUSED, 91,
         "proxy: SOCKS reply 91, rejected or failed"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rig_dial rig = {0};
        struct pirn__dial_target target = through(rows[i].scheme, "host.test");
        rig_dial(&rig, &target);
        proxy.fd = rig_accept(proxy.listener);
        assert_int_equal(write(proxy.fd, rows[i].answer.data, rows[i].answer.len),
                         rows[i].answer.len);
        AWAIT(rig.dones);
        rig_expect_failure(&rig, PIRN_LAYER_PROXY, rows[i].error, rows[i].text, 0);
        assert_int_equal(rig.result.failure.proxy_status, rows[i].status);
        close(proxy.fd);
        close(proxy.listener);
    }
    stage_close();
}

static void ends_are_told_wherever_they_come(void **state)
{
    static const char good[] = "\5\0\5\0\0\1\0\0\0\0\0\0";
    (void)state;
    for (size_t cut = 0; cut < sizeof good - 1; cut++) {
        struct rig_dial rig = {0};
        struct pirn__dial_target target = through("socks5h://", "host.test");
        rig_dial(&rig, &target);
        proxy.fd = rig_accept(proxy.listener);
        PROXY_EXPECTS("\5\1\0");
        assert_int_equal(write(proxy.fd, good, cut), cut);
        if (cut >= 2)
            PROXY_EXPECTS("\5\1\0\3\11host.test\0\120");
        close(proxy.fd);
        AWAIT(rig.dones);
        rig_expect_failure(&rig, PIRN_LAYER_PROXY, PIRN_E_PROXY_REFUSED,
                           "proxy: connection closed before its answer", 0);
        close(proxy.listener);
    }
    stage_close();
}

static void a_reset_is_told(void **state)
{
    struct rig_dial rig = {0};
    const struct linger now = {.l_onoff = 1};
    (void)state;
    struct pirn__dial_target target = through("http://", "host.test");
    rig_dial(&rig, &target);
    proxy.fd = rig_accept(proxy.listener);
    PROXY_EXPECTS(CONNECT);
    setsockopt(proxy.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(proxy.fd);
    AWAIT(rig.dones);
    rig_expect_failure(&rig, PIRN_LAYER_PROXY, PIRN_E_SYSTEM, "proxy: connection reset by peer", 0);
    assert_int_equal(rig.result.failure.system_error, ECONNRESET);
    end();
}

static void silence_has_a_limit(void **state)
{
    struct rig_dial rig = {0};
    (void)state;
    struct pirn__dial_target target = through("http://", "host.test");
    target.proxy_timeout_ms = 800;
    rig_dial(&rig, &target);
    proxy.fd = rig_accept(proxy.listener);
    PROXY_EXPECTS(CONNECT);
    PROXY_SAYS("HTTP/1.1 200 OK\r\nX: ");
    for (int ms = 0; ms < 790; ms += 10) { /* trickling does not help */
        PROXY_SAYS("x");
        stage_pass_ms(10);
    }
    assert_int_equal(rig.dones, 0);
    stage_pass_ms(20);
    rig_expect_failure(&rig, PIRN_LAYER_PROXY, PIRN_E_PROXY_TIMEOUT,
                       "proxy: no answer within 800 ms", 0);
    close(proxy.fd);
    end();
}

static void an_endless_head_is_refused(void **state)
{
    static char line[1024];
    struct rig_dial rig = {0};
    (void)state;
    struct pirn__dial_target target = through("http://", "host.test");
    rig_dial(&rig, &target);
    proxy.fd = rig_accept(proxy.listener);
    PROXY_EXPECTS(CONNECT);
    memset(line, 'x', sizeof line);
    PROXY_SAYS("HTTP/1.1 200 OK\r\nX: ");
    for (int i = 0; i < 64 && rig.dones == 0; i++) {
        if (write(proxy.fd, line, sizeof line) < 0)
            break;
        stage_step();
    }
    AWAIT(rig.dones);
    rig_expect_failure(&rig, PIRN_LAYER_PROXY, PIRN_E_PROXY_ANSWER,
                       "proxy: answer: head is larger than the limit", 0);
    close(proxy.fd);
    end();
}

static void a_proxy_that_cannot_be_reached_is_named(void **state)
{
    struct rig_dial rig = {0}, other = {0}, third = {0};
    (void)state;
    struct pirn__dial_target target = through("http://", "host.test");
    close(proxy.listener);
    rig_dial_through(&rig, &target);
    rig_expect_failure(&rig, PIRN_LAYER_PROXY, PIRN_E_SYSTEM,
                       "proxy: tcp: connection refused (127.0.0.1:PORT)", proxy.port);
    proxy.parsed.host = PIRN_STR("no.test");
    rig_dial_through(&other, &target);
    rig_expect_failure(&other, PIRN_LAYER_PROXY, PIRN_E_RESOLVE,
                       "proxy: dns: no such host (no.test)", 0);
    /* But a host that is looked up here is no fault of the proxy's. */
    proxy.parsed.kind = PIRN__PROXY_SOCKS5;
    target.host = PIRN_STR("nowhere.test");
    rig_dial_through(&third, &target);
    rig_expect_failure(&third, PIRN_LAYER_DNS, PIRN_E_RESOLVE, "dns: no such host (nowhere.test)",
                       0);
    stage_close();
}

static void what_a_proxy_cannot_do_is_told(void **state)
{
    struct rig_dial rig = {0};
    (void)state;
    struct pirn__dial_target target = through("socks4://", "six.test");
    rig_dial_through(&rig, &target);
    rig_expect_failure(&rig, PIRN_LAYER_PROXY, PIRN_E_PROXY_REFUSED, "proxy: SOCKS 4 has no IPv6",
                       0);
    end();
}

static void unix_sockets_need_no_proxy(void **state)
{
    struct rig_dial rig = {0};
    (void)state;
    struct pirn__dial_target target = through("http://", "host.test");
    target.unix_path = PIRN_STR("@pirn-test-nobody");
    rig_dial_through(&rig, &target);
    rig_expect_failure(&rig, PIRN_LAYER_TCP, PIRN_E_SYSTEM,
                       "unix: connection refused (@pirn-test-nobody)", 0);
    end();
}

/* ---- ends from outside */

static void cancelling_is_legal_at_any_time(void **state)
{
    (void)state;
    for (int step = 1; step <= 3; step++) {
        struct rig_dial rig = {.cancel_at_step = step};
        struct pirn__dial_target target = through("http://", "host.test");
        rig_dial(&rig, &target);
        AWAIT(rig.step_count == step);
        stage_settle();
        assert_int_equal(rig.dones, 0);
        close(proxy.listener);
    }
    struct rig_dial rig = {0};
    struct pirn__dial_target target = through("http://", "host.test");
    rig_dial(&rig, &target);
    proxy.fd = rig_accept(proxy.listener);
    PROXY_EXPECTS(CONNECT);
    pirn__dial_cancel(rig.dial);
    char byte;
    AWAIT(read(proxy.fd, &byte, 1) == 0);
    close(proxy.fd);
    end();
}

static void every_allocation_may_fail(void **state)
{
    bool failed = true;
    (void)state;
    struct pirn__dial_target target = through("http://ada:secret@", "host.test");
    for (size_t at = 1; failed; at++) {
        struct rig_dial rig = {0};
        stage.memory.fail_at = stage.memory.asked + at;
        stage.memory.failed = 0;
        proxy.fd = -1;
        int error = rig_try_dial(&rig, &target);
        while (error == 0 && rig.dones == 0) {
            if (proxy.fd < 0 && (proxy.fd = accept(proxy.listener, NULL, NULL)) >= 0)
                PROXY_SAYS("HTTP/1.1 200 OK\r\n\r\n");
            stage_step();
        }
        failed = stage.memory.failed > 0;
        if (error)
            assert_int_equal(error, -PIRN_E_MEMORY);
        else if (rig.result.fd >= 0)
            rig_expect_connection(&rig);
        else
            assert_int_equal(rig.result.failure.error, PIRN_E_MEMORY);
        if (failed && error == 0)
            assert_int_equal(rig.result.failure.layer, PIRN_LAYER_APPLICATION);
        if (proxy.fd < 0 && error == 0)
            proxy.fd = accept(proxy.listener, NULL, NULL);
        if (proxy.fd >= 0)
            close(proxy.fd);
    }
    stage.memory.fail_at = 0;
    end();
}

#define DIAL_TEST(function) cmocka_unit_test_setup_teardown(function, open_stage, stage_clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIAL_TEST(http_proxies_connect),
        DIAL_TEST(socks_proxies_connect),
        DIAL_TEST(answers_may_come_early),
        DIAL_TEST(some_want_an_address),
        DIAL_TEST(given_addresses_serve_a_proxy_that_wants_one),
        DIAL_TEST(digest_is_answered),
        DIAL_TEST(digest_is_answered_once),
        DIAL_TEST(refusals_are_told),
        DIAL_TEST(ends_are_told_wherever_they_come),
        DIAL_TEST(a_reset_is_told),
        DIAL_TEST(silence_has_a_limit),
        DIAL_TEST(an_endless_head_is_refused),
        DIAL_TEST(a_proxy_that_cannot_be_reached_is_named),
        DIAL_TEST(what_a_proxy_cannot_do_is_told),
        DIAL_TEST(unix_sockets_need_no_proxy),
        DIAL_TEST(cancelling_is_legal_at_any_time),
        DIAL_TEST(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
