/* Where a server listens: addresses, ports, names in the file system, adopted sockets. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "peer.h"

static const struct pirn_client_handshake_config local_handshake = {.host = {"localhost", 9}};

static bool has_ipv6(void)
{
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&loopback, sizeof loopback) == 0;
    close(fd);
    return has;
}

static int connect_ipv6(struct peer *peer)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                   .sin6_port = htons(stage.port),
                                   .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    return peer_connect_to(peer, &address, sizeof address);
}

static void check_echo(struct peer *peer)
{
    char text[64];
    peer_upgrade(peer, &local_handshake);
    peer_echo(peer, "hello");
    assert_ptr_equal(pirn_conn_peer(stage.told.conn, text, sizeof text), text);
    peer_leave(peer, PIRN_CLOSE_NORMAL);
    AWAIT(stage.told.closes == stage.told.opens);
}

/* ---- TCP */

static void test_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool v4, v6;
    } rows[] = {
        {NULL, true, false},  {"127.0.0.1", true, false}, {"*", true, true},
        {"::1", false, true}, {"0.0.0.0", true, false},   {"::", false, true},
    };
    bool ipv6 = has_ipv6();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct peer peer;
        if (!rows[i].v4 && !ipv6)
            continue;
        assert_true(stage_open_loop());
        assert_int_equal(stage_start(NULL, &(struct pirn_listen){.host = rows[i].host}), 0);
        assert_int_not_equal(stage.port, 0);
        if (rows[i].v4) {
            peer_connect(&peer);
            check_echo(&peer);
        }
        if (ipv6) {
            assert_int_equal(connect_ipv6(&peer), rows[i].v6 ? 0 : ECONNREFUSED);
            if (rows[i].v6)
                check_echo(&peer);
        }
        stage_close();
    }
}

static void test_bad_places(void **state)
{
    (void)state;
    static char too_long[200];
    memset(too_long, 'a', sizeof too_long - 1);
    const struct {
        struct pirn_listen where;
        int error, system_error;
    } rows[] = {
        {{.host = "no such host"}, PIRN_E_SYSTEM, ENOENT},
        {{.host = "192.0.2.1"}, PIRN_E_SYSTEM, EADDRNOTAVAIL},
        {{.unix_path = ""}, PIRN_E_ARGUMENT, EINVAL},
        {{.unix_path = too_long}, PIRN_E_ARGUMENT, EINVAL},
        {{.unix_path = "/nonexistent/folder/socket"}, PIRN_E_SYSTEM, ENOENT},
        {{.fd = 999}, PIRN_E_ARGUMENT, EINVAL},
        {{.fd = STDERR_FILENO}, PIRN_E_ARGUMENT, EINVAL},
    };
    assert_true(stage_open_loop());
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(stage_start(NULL, &rows[i].where), -rows[i].error);
        assert_int_equal(errno, rows[i].system_error);
        assert_int_equal(pirn_server_port(stage.server), 0);
        pirn_server_free(stage.server);
        stage.server = NULL;
    }
    stage_close();
}

static void test_port_in_use(void **state)
{
    (void)state;
    stage_open(NULL);
    assert_int_equal(pirn_server_listen(stage.server, &(struct pirn_listen){.port = stage.port}),
                     -PIRN_E_SYSTEM);
    assert_int_equal(errno, EADDRINUSE);
    stage_close();
}

static void test_shared_port(void **state)
{
    (void)state;
    STAGE_PLAIN_ONLY();
    struct pirn_listen where = {.reuse_port = true};
    assert_true(stage_open_loop());
    assert_int_equal(stage_start(NULL, &where), 0);
    where.port = stage.port;
    struct pirn_server_config config = {.conn.handlers = stage_handlers};
    struct pirn_server *second = pirn_server_new(stage.loop, &config);
    assert_non_null(second);
    assert_int_equal(pirn_server_listen(second, &where), 0);
    assert_int_equal(pirn_server_port(second), stage.port);
    while (pirn_server_stats(second).opened == 0 || pirn_server_stats(stage.server).opened == 0) {
        struct peer peer;
        peer_connect(&peer);
        check_echo(&peer);
    }
    pirn_server_free(second);
    stage_close();
}

static void test_several_listeners(void **state)
{
    (void)state;
    STAGE_PLAIN_ONLY();
    char path[64];
    struct peer peer;
    snprintf(path, sizeof path, "/tmp/pirn-two-%d", getpid());
    assert_true(stage_open_loop());
    assert_int_equal(stage_start(NULL, &(struct pirn_listen){.unix_path = path}), 0);
    assert_int_equal(stage.port, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pirn_server_listen(stage.server, &(struct pirn_listen){.port = 0}), 0);
        if (i == 0)
            stage.port = pirn_server_port(stage.server);
        assert_int_equal(pirn_server_port(stage.server), stage.port);
    }
    assert_int_equal(peer_connect_unix(&peer, path), 0);
    check_echo(&peer);
    peer_connect(&peer);
    check_echo(&peer);
    stage_close();
    assert_int_equal(access(path, F_OK), -1);
}

static void test_adopted_socket(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct peer peer;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_true(stage_open_loop());
    assert_int_equal(stage_start(NULL, &(struct pirn_listen){.fd = fd}), -PIRN_E_ARGUMENT);
    pirn_server_free(stage.server); /* and what was not taken is still there */
    assert_int_equal(listen(fd, 10), 0);
    assert_int_equal(stage_start(NULL, &(struct pirn_listen){.fd = fd}), 0);
    stage.base_fds--; /* the server's now */
    peer_connect(&peer);
    check_echo(&peer);
    stage_close();
}

/* Nor is what was taken closed if the server then cannot have it. */
static void test_adopted_socket_outlives_a_failure(void **state)
{
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct pirn_listen where = {.fd = fd};
    struct peer peer;
    assert_int_equal(listen(fd, 10), 0);
    stage.loop_config.backend = PIRN_LOOP_EPOLL;
    assert_true(stage_open_loop());
    assert_int_equal(stage_start(NULL, &where), 0);
    stage.base_fds--; /* the server's now */
    assert_int_equal(pirn_server_listen(stage.server, &where), -PIRN_E_SYSTEM);
    assert_int_equal(errno, EEXIST);
    peer_connect(&peer);
    check_echo(&peer);
    stage_close();
}

/* A listener that somebody else has shut down hears nothing more; it must not be busy with that. */
static void test_shut_listener_is_quiet(void **state)
{
    (void)state;
    for (int backend = PIRN_LOOP_EPOLL; backend <= PIRN_LOOP_POLL; backend++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(listen(fd, 10), 0);
        stage.loop_config.backend = (enum pirn_loop_backend)backend;
        assert_true(stage_open_loop());
        assert_int_equal(stage_start(NULL, &(struct pirn_listen){.fd = fd}), 0);
        stage.base_fds--; /* the server's now */
        assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
        for (int i = 0; i < 10; i++)
            stage_turn();
        assert_int_equal(stage_turn(), 0);
        stage_close();
    }
}

/* ---- unix-domain sockets */

static void check_unix_path(const char *path)
{
    struct peer peer;
    char text[64];
    assert_true(stage_open_loop());
    assert_int_equal(stage_start(NULL, &(struct pirn_listen){.unix_path = path}), 0);
    assert_int_equal(peer_connect_unix(&peer, path), 0);
    peer_upgrade(&peer, &local_handshake);
    peer_echo(&peer, "hello");
    assert_string_equal(pirn_conn_peer(stage.told.conn, text, sizeof text), "unix");
    peer_leave(&peer, PIRN_CLOSE_NORMAL);
    struct pirn_server_config config = {.conn.handlers = stage_handlers};
    struct pirn_server *second = pirn_server_new(stage.loop, &config);
    assert_int_equal(pirn_server_listen(second, &(struct pirn_listen){.unix_path = path}),
                     -PIRN_E_SYSTEM); /* somebody answers there */
    assert_int_equal(errno, EADDRINUSE);
    pirn_server_free(second);
    assert_int_equal(peer_connect_unix(&peer, path), 0);
    check_echo(&peer);
    stage_close();
}

static void test_unix_path(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "/tmp/pirn-path-%d", getpid());
    check_unix_path(path);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_abstract_name(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof name, "@pirn-name-%d", getpid());
    check_unix_path(name);
}

static void test_dead_socket_is_replaced(void **state)
{
    (void)state;
    char path[64];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(path, sizeof path, "/tmp/pirn-dead-%d", getpid());
    memcpy(address.sun_path, path, sizeof path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    assert_int_equal(access(path, F_OK), 0);
    check_unix_path(path);
    assert_int_equal(access(path, F_OK), -1);
}

/* A name that somebody else has meanwhile is not removed at the end. */
static void test_name_of_a_successor_stays(void **state)
{
    (void)state;
    struct peer peer;
    char path[64];
    snprintf(path, sizeof path, "/tmp/pirn-successor-%d", getpid());
    assert_true(stage_open_loop());
    assert_int_equal(stage_start(NULL, &(struct pirn_listen){.unix_path = path}), 0);
    struct pirn_server *old = stage.server;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(stage_start(NULL, &(struct pirn_listen){.unix_path = path}), 0);
    pirn_server_free(old);
    assert_int_equal(peer_connect_unix(&peer, path), 0);
    check_echo(&peer);
    stage_close();
    assert_int_equal(access(path, F_OK), -1);
}

/* A file that is no socket is somebody's, and stays. */
static void test_file_is_not_replaced(void **state)
{
    (void)state;
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/tmp/pirn-file-%d", getpid());
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_true(stage_open_loop());
    assert_int_equal(stage_start(NULL, &(struct pirn_listen){.unix_path = path}), -PIRN_E_SYSTEM);
    assert_int_equal(errno, EADDRINUSE);
    stage_close();
    assert_int_equal(stat(path, &status), 0);
    assert_true(S_ISREG(status.st_mode));
    unlink(path);
}

/* ---- configurations */

static void test_configurations_that_cannot_be(void **state)
{
    (void)state;
    const struct pirn_server_config rows[] = {
        {.conn.high_water_bytes = 1000, .conn.low_water_bytes = 1001},
        {.conn.when_full = (enum pirn_full_policy)3},
        {.max_headers = SIZE_MAX},
        {.max_headers = SIZE_MAX / sizeof(struct pirn_header)},
    };
    assert_true(stage_open_loop());
    for (size_t i = 0; i < COUNT(rows); i++) {
        errno = 0;
        assert_null(pirn_server_new(stage.loop, &rows[i]));
        assert_int_equal(errno, EINVAL);
    }
    stage_close();
}

static void test_poll_backend(void **state)
{
    (void)state;
    struct peer peer;
    stage.loop_config.backend = PIRN_LOOP_POLL;
    stage_open(NULL);
    peer_connect(&peer);
    check_echo(&peer);
    stage_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_hosts),
        STAGE_TEST(test_bad_places),
        STAGE_TEST(test_port_in_use),
        STAGE_TEST(test_shared_port),
        STAGE_TEST(test_several_listeners),
        STAGE_TEST(test_adopted_socket),
        STAGE_TEST(test_adopted_socket_outlives_a_failure),
        STAGE_TEST(test_shut_listener_is_quiet),
        STAGE_TEST(test_unix_path),
        STAGE_TEST(test_abstract_name),
        STAGE_TEST(test_dead_socket_is_replaced),
        STAGE_TEST(test_name_of_a_successor_stays),
        STAGE_TEST(test_file_is_not_replaced),
        STAGE_TEST(test_configurations_that_cannot_be),
        STAGE_TEST(test_poll_backend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
