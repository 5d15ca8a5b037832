#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "dial/socket_connect.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void addresses_are_read_and_written(void **state)
{
    static const struct {
        const char *text, *written; /* with port 80; NULL: none */
    } rows[] = {
        {"127.0.0.1", "127.0.0.1:80"},
        {"255.255.255.255", "255.255.255.255:80"},
        {"::1", "[::1]:80"},
        {"0:0::1", "[::1]:80"},
        {"::ffff:10.1.2.3", "[::ffff:10.1.2.3]:80"},
        {"2001:db8:1111:2222:3333:4444:5555:6666", "[2001:db8:1111:2222:3333:4444:5555:6666]:80"},
        {"", NULL},
        {"127.0.0.256", NULL},
        {"127.1", NULL}, /* the resolver may know what that is */
        {"127.0.0.1.", NULL},
        {"0x7f.0.0.1", NULL},
        {" 127.0.0.1", NULL},
        {"[::1]", NULL},
        {"fe80::1%lo", NULL},
        {"localhost", NULL},
        {"2001:db8:1111:2222:3333:4444:5555:6666:7777:8888", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pirn__ip ip;
        char text[64];
        size_t len = strlen(rows[i].text);
        char *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy + 1, rows[i].text, len);
        assert_int_equal(pirn__ip_parse(&ip, (struct pirn_str){copy + 1, len}),
                         rows[i].written != NULL);
        free(copy);
        if (!rows[i].written)
            continue;
        pirn__ip_set_port(&ip, 80);
        assert_string_equal(pirn__name_text(&ip.name.any, pirn__ip_size(&ip), text, sizeof text),
                            rows[i].written);
    }
    struct pirn__ip ip;
    assert_false(pirn__ip_parse(&ip, (struct pirn_str){"127.0.0.1\0", 10}));
}

static void names_of_unix_sockets_are_written(void **state)
{
    struct sockaddr_un name;
    char text[128], long_one[sizeof name.sun_path + 1];
    (void)state;
    socklen_t size = pirn__unix_name(&name, PIRN_STR("/run/x"));
    assert_int_equal(size, offsetof(struct sockaddr_un, sun_path) + 7);
    assert_string_equal(pirn__name_text((void *)&name, size, text, sizeof text), "/run/x");
    size = pirn__unix_name(&name, PIRN_STR("@x"));
    assert_int_equal(size, offsetof(struct sockaddr_un, sun_path) + 2);
    assert_int_equal(name.sun_path[0], '\0');
    assert_string_equal(pirn__name_text((void *)&name, size, text, sizeof text), "@x");
    memset(long_one, 'x', sizeof long_one);
    assert_int_equal(pirn__unix_name(&name, (struct pirn_str){long_one, sizeof name.sun_path}), 0);
    assert_int_not_equal(
        pirn__unix_name(&name, (struct pirn_str){long_one, sizeof name.sun_path - 1}), 0);
    assert_int_equal(pirn__unix_name(&name, PIRN_STR("")), 0);
    assert_int_equal(pirn__unix_name(&name, PIRN_STR("/a\0b")), 0);
}

static void a_socket_that_met_itself_is_not_connected(void **state)
{
    static const char *const addresses[] = {"127.0.0.1", "::1"};
    (void)state;
    for (size_t i = 0; i < COUNT(addresses); i++) {
        struct pirn__ip ip;
        socklen_t size = sizeof ip;
        assert_true(pirn__ip_parse(&ip, pirn_cstr(addresses[i])));
        int fd = socket(ip.name.any.sa_family, SOCK_STREAM, 0);
        assert_int_equal(bind(fd, &ip.name.any, pirn__ip_size(&ip)), 0);
        assert_int_equal(getsockname(fd, &ip.name.any, &size), 0);
        assert_int_equal(connect(fd, &ip.name.any, size), 0);
        assert_int_equal(pirn__socket_connected(fd), ECONNREFUSED);
        close(fd);
    }
}

static void sockets_tell_what_became_of_them(void **state)
{
    struct pirn__ip ip;
    socklen_t size = sizeof ip;
    (void)state;
    int unconnected = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(pirn__socket_connected(unconnected), EINPROGRESS);
    close(unconnected);
    assert_int_equal(pirn__socket_connected(unconnected), EBADF);

    assert_true(pirn__ip_parse(&ip, PIRN_STR("127.0.0.1")));
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, &ip.name.any, pirn__ip_size(&ip)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, &ip.name.any, &size), 0);
    int fd = pirn__socket_connect(&ip.name.any, pirn__ip_size(&ip), NULL);
    assert_true(fd >= 0);
    close(accept(listener, NULL, NULL));
    assert_int_equal(pirn__socket_connected(fd), 0);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written),
        cmocka_unit_test(names_of_unix_sockets_are_written),
        cmocka_unit_test(a_socket_that_met_itself_is_not_connected),
        cmocka_unit_test(sockets_tell_what_became_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
