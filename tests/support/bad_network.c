#include "bad_network.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { COMMAND_FD = 3, FAR_FD = 4, MOMENT_MS = 50, DEFAULT_SEED = 20 };

struct bad_network_counts bad_network_counts[2];
char bad_network_url[64];
static int near_fd;

void bad_network_plan(const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    line[len] = '\n';
    assert_int_equal(write(COMMAND_FD, line, (size_t)len + 1), len + 1);
    len = 0;
    do {
        ssize_t got = read(COMMAND_FD, line + len, sizeof line - (size_t)len);
        assert_true(got > 0);
        len += (int)got;
    } while (line[len - 1] != '\n');
    char *at = line;
    for (size_t i = 0; i < COUNT(bad_network_counts); i++) {
        struct bad_network_counts *counts = &bad_network_counts[i];
        counts->passed = strtoul(at, &at, 10);
        counts->dropped = strtoul(at, &at, 10);
        counts->doubled = strtoul(at, &at, 10);
        counts->late = strtoul(at, &at, 10);
        counts->swallowed = strtoul(at, &at, 10);
    }
    assert_int_equal(*at, '\n');
}

int bad_network_run(const struct CMUnitTest *tests, size_t count)
{
    const char *text = getenv("PIRN_SEED");
    unsigned long seed = text ? strtoul(text, NULL, 10) : DEFAULT_SEED;
    if (fcntl(FAR_FD, F_GETFD) < 0) {
        puts("skipped: not run by tests/network/badnet");
        return 77;
    }
    near_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    bad_network_plan("seed=%lu", seed);
    int failed = _cmocka_run_group_tests("network", tests, count, NULL, NULL);
    if (failed > 0)
        fprintf(stderr, "the pattern of the network was that of PIRN_SEED=%lu\n", seed);
    return failed;
}

bool bad_network_long(void)
{
    return getenv("PIRN_LONG") != NULL;
}

void bad_network_enter_far(void)
{
    assert_int_equal(setns(FAR_FD, CLONE_NEWNET), 0);
}

void bad_network_enter_near(void)
{
    assert_int_equal(setns(near_fd, CLONE_NEWNET), 0);
}

struct pirn_server *bad_network_server(struct pirn_loop *loop,
                                       const struct pirn_server_config *config)
{
    struct pirn_server *server = pirn_server_new(loop, config);
    assert_non_null(server);
    bad_network_enter_far();
    int result = pirn_server_listen(server, &(struct pirn_listen){.host = "192.0.2.2"});
    bad_network_enter_near();
    assert_int_equal(result, 0);
    snprintf(bad_network_url, sizeof bad_network_url, "ws://192.0.2.2:%u/",
             pirn_server_port(server));
    return server;
}

uint64_t bad_network_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void bad_network_step(struct pirn_loop *loop)
{
    struct pollfd fd = {.fd = pirn_loop_fd(loop), .events = POLLIN};
    int wait = pirn_loop_timeout_ms(loop);
    poll(&fd, 1, wait < 0 || wait > MOMENT_MS ? MOMENT_MS : wait);
    assert_true(pirn_loop_dispatch(loop) >= 0);
}
