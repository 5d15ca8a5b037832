#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "loop/socket.h"

static char folder[] = "/tmp/pirn-test-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/socket", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static int listen_at(struct pirn_listen where)
{
    int fd = pirn__socket_listen(&where);
    assert_true(fd >= 0);
    return fd;
}

static int try_connect(const void *address, size_t len)
{
    const struct sockaddr *any = address;
    int fd = socket(any->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, any, (socklen_t)len) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int connect_v4(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return try_connect(&address, sizeof address);
}

static int connect_v6(uint16_t port)
{
    struct sockaddr_in6 address = {
        .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT, .sin6_port = htons(port)};
    return try_connect(&address, sizeof address);
}

static int connect_unix(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    memcpy(address.sun_path, name, len);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    return try_connect(&address, offsetof(struct sockaddr_un, sun_path) + len);
}

static int accept_one(int listener)
{
    struct pollfd polled = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&polled, 1, 5000), 1);
    int fd = pirn__socket_accept(listener);
    assert_true(fd >= 0);
    return fd;
}

/* A connected pair over TCP. */
struct pair {
    int listener, ours, peer;
};

static struct pair pair_open(void)
{
    struct pair pair = {.listener = listen_at((struct pirn_listen){0})};
    pair.peer = connect_v4(pirn__socket_port(pair.listener));
    assert_true(pair.peer >= 0);
    pair.ours = accept_one(pair.listener);
    return pair;
}

static void pair_close(struct pair pair)
{
    close(pair.listener);
    close(pair.peer);
    if (pair.ours >= 0)
        close(pair.ours);
}

static void check_flags(int fd)
{
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static bool has_v6(void)
{
    int fd = pirn__socket_listen(&(struct pirn_listen){.host = "::1"});
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* ---- listening */

static void accepted_sockets_have_what_they_need(void **state)
{
    struct pair pair = pair_open();
    int no_delay = 0;
    socklen_t len = sizeof no_delay;
    (void)state;
    check_flags(pair.listener);
    check_flags(pair.ours);
    assert_int_equal(getsockopt(pair.ours, IPPROTO_TCP, TCP_NODELAY, &no_delay, &len), 0);
    assert_true(no_delay);
    assert_int_equal(pirn__socket_accept(pair.listener), -1);
    assert_true(pirn__socket_would_block());
    pair_close(pair);
}

static void check_reach(const char *host, bool v4, bool v6)
{
    int listener = listen_at((struct pirn_listen){.host = host});
    uint16_t port = pirn__socket_port(listener);
    int by_v4 = connect_v4(port), by_v6 = connect_v6(port);
    assert_int_not_equal(port, 0);
    assert_int_equal(by_v4 >= 0, v4);
    assert_int_equal(by_v6 >= 0, v6);
    close(by_v4);
    close(by_v6);
    close(listener);
}

static void hosts_are_reached_as_they_say(void **state)
{
    bool v6 = has_v6();
    (void)state;
    check_reach(NULL, true, false);
    check_reach("127.0.0.1", true, false);
    check_reach("0.0.0.0", true, false);
    check_reach("*", true, v6);
    if (v6) {
        check_reach("::1", false, true);
        check_reach("::", false, true);
    }
}

static void a_port_is_shared_only_when_asked_for(void **state)
{
    (void)state;
    for (int shared = 0; shared <= 1; shared++) {
        struct pirn_listen where = {.reuse_port = shared};
        int first = listen_at(where);
        where.port = pirn__socket_port(first);
        int second = pirn__socket_listen(&where);
        if (shared)
            assert_int_equal(pirn__socket_port(second), where.port);
        else
            assert_int_equal(second, -PIRN_E_SYSTEM);
        if (!shared)
            assert_int_equal(errno, EADDRINUSE);
        close(first);
        close(second);
    }
}

static void what_cannot_be_listened_on_is_refused(void **state)
{
    char long_name[300];
    (void)state;
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    const struct {
        struct pirn_listen where;
        int error, why;
    } rows[] = {
        {{.unix_path = ""}, PIRN_E_ARGUMENT, EINVAL},
        {{.unix_path = long_name}, PIRN_E_ARGUMENT, EINVAL},
        {{.unix_path = "/nowhere/at/all"}, PIRN_E_SYSTEM, ENOENT},
        {{.host = long_name}, PIRN_E_SYSTEM, ENOENT},
        {{.host = "192.0.2.1"}, PIRN_E_SYSTEM, EADDRNOTAVAIL},
        {{.fd = 99999}, PIRN_E_ARGUMENT, EINVAL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(pirn__socket_listen(&rows[i].where), -rows[i].error);
        assert_int_equal(errno, rows[i].why);
    }
}

static void listening_sockets_are_adopted_and_no_others(void **state)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct pirn_listen where = {.fd = fd};
    (void)state;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(pirn__socket_listen(&where), -PIRN_E_ARGUMENT);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(pirn__socket_listen(&where), fd);
    check_flags(fd);
    int peer = connect_v4(pirn__socket_port(fd));
    close(accept_one(fd));
    close(peer);
    close(fd);
    int unix_listener = listen_at((struct pirn_listen){.unix_path = "@pirn-test-adopted"});
    where.fd = unix_listener;
    assert_int_equal(pirn__socket_listen(&where), unix_listener);
    assert_int_equal(pirn__socket_port(unix_listener), 0);
    close(unix_listener);
}

/* ---- unix-domain names */

static void a_dead_name_is_replaced_and_a_live_one_is_not(void **state)
{
    struct pirn_listen where = {.unix_path = path};
    (void)state;
    int live = listen_at(where);
    assert_int_equal(pirn__socket_listen(&where), -PIRN_E_SYSTEM);
    assert_int_equal(errno, EADDRINUSE);
    close(connect_unix(path));
    close(live);
    assert_int_equal(connect_unix(path), -1);
    live = listen_at(where);
    int peer = connect_unix(path);
    assert_true(peer >= 0);
    close(peer);
    close(live);
    pirn__socket_unlink(path, pirn__socket_inode(path));
    assert_int_equal(access(path, F_OK), -1);
}

static void a_full_listener_is_not_dead(void **state)
{
    struct pirn_listen where = {.unix_path = path, .backlog = 1};
    int peers[8], live = listen_at(where);
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        memcpy(name.sun_path, path, strlen(path));
        peers[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(peers[i], (struct sockaddr *)&name, sizeof name);
    }
    assert_int_equal(pirn__socket_listen(&where), -PIRN_E_SYSTEM);
    assert_int_equal(errno, EADDRINUSE);
    for (size_t i = 0; i < 8; i++)
        close(peers[i]);
    close(live);
    pirn__socket_unlink(path, pirn__socket_inode(path));
}

static void other_files_are_never_removed(void **state)
{
    struct pirn_listen where = {.unix_path = path};
    struct stat status;
    (void)state;
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(pirn__socket_listen(&where), -PIRN_E_SYSTEM);
    assert_int_equal(errno, EADDRINUSE);
    assert_int_equal(lstat(path, &status), 0);
    assert_true(S_ISREG(status.st_mode));
    unlink(path);
}

static void abstract_names_leave_no_file(void **state)
{
    struct pirn_listen where = {.unix_path = "@pirn-test-abstract"};
    (void)state;
    int listener = listen_at(where);
    assert_int_equal(pirn__socket_listen(&where), -PIRN_E_SYSTEM);
    assert_int_equal(errno, EADDRINUSE);
    int peer = connect_unix(where.unix_path);
    assert_true(peer >= 0);
    assert_int_equal(access(where.unix_path, F_OK), -1);
    pirn__socket_unlink(where.unix_path, pirn__socket_inode(where.unix_path));
    close(peer);
    close(listener);
}

/* ---- streams */

static void bytes_go_both_ways(void **state)
{
    struct pair pair = pair_open();
    char text[16] = "";
    struct iovec pieces[] = {{(char *)"ab", 2}, {(char *)"", 0}, {(char *)"cde", 3}};
    (void)state;
    assert_int_equal(pirn__socket_recv(pair.ours, text, sizeof text), -1);
    assert_true(pirn__socket_would_block());
    assert_int_equal(pirn__socket_send(pair.ours, pieces, 3), 5);
    assert_int_equal(pirn__socket_send(pair.ours, &pieces[2], 1), 3);
    assert_int_equal(recv(pair.peer, text, 8, MSG_WAITALL), 8);
    assert_string_equal(text, "abcdecde");
    pirn__socket_shutdown(pair.ours);
    assert_int_equal(recv(pair.peer, text, 8, 0), 0);
    pair_close(pair);
}

static void more_pieces_than_the_kernel_takes_are_cut(void **state)
{
    enum { PIECES = 5000 };
    struct pair pair = pair_open();
    struct iovec *pieces = calloc(PIECES, sizeof *pieces);
    (void)state;
    for (size_t i = 0; i < PIECES; i++)
        pieces[i] = (struct iovec){(char *)"x", 1};
    assert_int_equal(pirn__socket_send(pair.ours, pieces, PIECES), 1024);
    free(pieces);
    pair_close(pair);
}

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
    (void)number;
    signals = signals + 1;
}

static void a_peer_that_is_gone_raises_no_signal(void **state)
{
    struct pair pair = pair_open();
    struct iovec pieces[] = {{(char *)"a", 1}, {(char *)"b", 1}};
    (void)state;
    signal(SIGPIPE, count_signal);
    pirn__socket_shutdown(pair.ours);
    assert_int_equal(pirn__socket_send(pair.ours, pieces, 1), -1);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(pirn__socket_send(pair.ours, pieces, 2), -1);
    assert_int_equal(errno, EPIPE);
    assert_false(pirn__socket_would_block());
    assert_int_equal(signals, 0);
    signal(SIGPIPE, SIG_DFL);
    pair_close(pair);
}

static void a_reset_is_seen_as_one(void **state)
{
    struct pair pair = pair_open();
    struct pollfd polled = {.fd = pair.peer};
    char byte;
    (void)state;
    assert_int_equal(pirn__socket_error(pair.peer), 0);
    pirn__socket_reset(pair.ours);
    pair.ours = -1;
    assert_int_equal(poll(&polled, 1, 5000), 1);
    assert_int_equal(pirn__socket_error(pair.peer), ECONNRESET);
    assert_int_equal(pirn__socket_error(pair.peer), 0);
    assert_int_equal(pirn__socket_recv(pair.peer, &byte, 1), 0);
    pair_close(pair);
}

static void a_reserve_can_be_had(void **state)
{
    int fd = pirn__socket_reserve();
    (void)state;
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    pirn__socket_close(fd);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* ---- peers */

struct peer_row {
    struct pirn_listen where;
    int family; /* of the client; 4, 6, 0: unix */
    const char *text;
    struct pirn__peer_key key;
};

static void check_peer(const struct peer_row *row)
{
    int listener = listen_at(row->where);
    uint16_t port = pirn__socket_port(listener);
    int peer = row->family == 4   ? connect_v4(port)
               : row->family == 6 ? connect_v6(port)
                                  : connect_unix(row->where.unix_path);
    int ours = accept_one(listener);
    char text[64], short_text[4], expected[64];
    struct pirn__peer_key key;
    snprintf(expected, sizeof expected, row->text, (unsigned)pirn__socket_port(peer));
    assert_string_equal(pirn__socket_peer_text(ours, text, sizeof text), expected);
    expected[3] = '\0';
    assert_string_equal(pirn__socket_peer_text(ours, short_text, sizeof short_text), expected);
    memset(&key, 0xEE, sizeof key);
    pirn__socket_peer_key(ours, &key);
    assert_memory_equal(&key, &row->key, sizeof key);
    close(peer);
    close(ours);
    close(listener);
}

static void peers_have_text_and_key(void **state)
{
    static const struct peer_row rows[] = {
        {{0}, 4, "127.0.0.1:%u", {4, {127, 0, 0, 1}}},
        {{.host = "*"}, 4, "127.0.0.1:%u", {4, {127, 0, 0, 1}}},
        {{.unix_path = "@pirn-test-peer"}, 0, "unix", {1, {0}}},
        {{.host = "*"}, 6, "[::1]:%u", {6, {0}}},
        {{.host = "::1"}, 6, "[::1]:%u", {6, {0}}},
    };
    size_t count = has_v6() ? 5 : 3;
    char text[64];
    struct pirn__peer_key key = {.family = 9}, none = {0};
    (void)state;
    for (size_t i = 0; i < count; i++)
        check_peer(&rows[i]);
    int unconnected = socket(AF_INET, SOCK_STREAM, 0);
    assert_string_equal(pirn__socket_peer_text(unconnected, text, sizeof text), "unknown");
    pirn__socket_peer_key(unconnected, &key);
    assert_memory_equal(&key, &none, sizeof key);
    close(unconnected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_sockets_have_what_they_need),
        cmocka_unit_test(hosts_are_reached_as_they_say),
        cmocka_unit_test(a_port_is_shared_only_when_asked_for),
        cmocka_unit_test(what_cannot_be_listened_on_is_refused),
        cmocka_unit_test(listening_sockets_are_adopted_and_no_others),
        cmocka_unit_test(a_dead_name_is_replaced_and_a_live_one_is_not),
        cmocka_unit_test(a_full_listener_is_not_dead),
        cmocka_unit_test(other_files_are_never_removed),
        cmocka_unit_test(abstract_names_leave_no_file),
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(more_pieces_than_the_kernel_takes_are_cut),
        cmocka_unit_test(a_peer_that_is_gone_raises_no_signal),
        cmocka_unit_test(a_reset_is_seen_as_one),
        cmocka_unit_test(a_reserve_can_be_had),
        cmocka_unit_test(peers_have_text_and_key),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
