#include "dial_rig.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dial/dial_race.h"

static const struct rig_host hosts[] = {
    {"one.test", "127.0.0.1", 0},
    {"two.test", "127.0.0.2 127.0.0.1", 0},
    {"three.test", "127.0.0.2 127.0.0.3 127.0.0.1", 0},
    {"many.test",
     "127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2 "
     "127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.1",
     0},
    {"empty.test", "", 0},
    {"again.test", NULL, EAI_AGAIN},
    {"fail.test", NULL, EAI_FAIL},
    {"memory.test", NULL, EAI_MEMORY},
    {"system.test", NULL, EAI_SYSTEM},
    {"odd.test", NULL, EAI_SOCKTYPE},
};

/* connect(2), for which one address of the loopback is not reachable. */
#define UNREACHABLE "127.0.0.77"

#pragma GCC diagnostic push /* glibc declares it with a union of all kinds of addresses */
#pragma GCC diagnostic ignored "-Wpedantic"
int connect(int fd, const struct sockaddr *name, socklen_t size)
{
    const struct sockaddr_in *v4 = (const void *)name;
    if (name->sa_family == AF_INET && ntohl(v4->sin_addr.s_addr) == 0x7F00004D) {
        errno = EHOSTUNREACH;
        return -1;
    }
    return (int)syscall(SYS_connect, fd, name, size);
}
#pragma GCC diagnostic pop

static int open_stage(void **state)
{
    (void)state;
    rig_hosts(hosts, COUNT(hosts));
    return stage_open_loop() ? 0 : -1;
}

static void end(void)
{
    stage_close();
}

static struct pirn__dial_target to(const char *host, uint16_t port)
{
    return (struct pirn__dial_target){.host = pirn_cstr(host), .port = port};
}

/* ---- the straight way */

static void an_address_is_connected_to_without_a_look_up(void **state)
{
    static const char *const addresses[] = {"127.0.0.1", "127.0.0.9", "::1"};
    (void)state;
    for (size_t i = 0; i < COUNT(addresses); i++) {
        struct rig_dial rig = {0};
        uint16_t port = 0;
        int listener = rig_listen(addresses[i], &port);
        struct pirn__dial_target target = to(addresses[i], port);
        rig_dial_through(&rig, &target);
        char expected[64];
        snprintf(expected, sizeof expected, i == 2 ? "connecting [%s]:%u, " : "connecting %s:%u, ",
                 addresses[i], (unsigned)port);
        assert_string_equal(rig.steps, expected);
        int none = 0;
        socklen_t size = sizeof none;
        assert_int_equal(getsockopt(rig.result.fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &none, &size),
                         0);
        assert_int_equal(none, 1);
        rig_expect_connection(&rig);
        close(listener);
    }
    assert_int_equal(rig_questions(), 0);
    end();
}

static void a_name_is_looked_up(void **state)
{
    struct rig_dial rig = {0};
    uint16_t port = 0;
    (void)state;
    int listener = rig_listen("127.0.0.1", &port);
    char host[] = "one.test"; /* is copied */
    struct pirn__dial_target target = to(host, port);
    rig_dial(&rig, &target);
    memset(host, 'x', sizeof host - 1);
    AWAIT(rig.dones);
    char expected[64];
    snprintf(expected, sizeof expected, "resolving one.test, connecting 127.0.0.1:%u, ",
             (unsigned)port);
    assert_string_equal(rig.steps, expected);
    rig_expect_connection(&rig);
    close(listener);
    end();
}

static void given_addresses_are_not_looked_up(void **state)
{
    struct rig_dial rig = {0};
    uint16_t port = 0;
    struct pirn__ip ips[20];
    (void)state;
    int listener = rig_listen("127.0.0.7", &port);
    for (size_t i = 0; i < COUNT(ips); i++)
        assert_true(pirn__ip_parse(&ips[i], PIRN_STR("127.0.0.7")));
    struct pirn__dial_target target = to("elsewhere.test", port);
    target.addresses = ips;
    target.address_count = COUNT(ips); /* more than it takes */
    rig_dial_through(&rig, &target);
    rig_expect_connection(&rig);
    assert_int_equal(rig_questions(), 0);
    close(listener);
    end();
}

static void unix_sockets_are_connected_to(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct rig_dial rig = {0}, late = {0};
        struct sockaddr_un name;
        char path[64], text[128];
        snprintf(path, sizeof path, i ? "/tmp/pirn-test-dial-%d" : "@pirn-test-dial-%d", getpid());
        unlink(path);
        socklen_t size = pirn__unix_name(&name, pirn_cstr(path));
        int listener = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(listener, (struct sockaddr *)&name, size), 0);
        assert_int_equal(listen(listener, 1), 0);
        struct pirn__dial_target target = {.unix_path = pirn_cstr(path)};
        rig_dial_through(&rig, &target);
        snprintf(text, sizeof text, "connecting %s, ", path);
        assert_string_equal(rig.steps, text);
        rig_expect_connection(&rig);
        close(listener);
        rig_dial_through(&late, &target);
        snprintf(text, sizeof text, "unix: connection refused (%s)", path);
        rig_expect_failure(&late, PIRN_LAYER_TCP, PIRN_E_SYSTEM, text, 0);
        assert_int_equal(late.result.failure.system_error, ECONNREFUSED);
        unlink(path);
    }
    end();
}

static void a_full_unix_listener_is_waited_for(void **state)
{
    struct rig_dial rig = {0}, late = {0};
    struct sockaddr_un name;
    char path[64], text[128];
    int waiting[8];
    size_t count = 0;
    (void)state;
    snprintf(path, sizeof path, "@pirn-test-full-%d", getpid());
    socklen_t size = pirn__unix_name(&name, pirn_cstr(path));
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&name, size), 0);
    assert_int_equal(listen(listener, 0), 0);
    while (count < COUNT(waiting) &&
           (waiting[count] = pirn__socket_connect((struct sockaddr *)&name, size, NULL)) >= 0)
        count++;
    assert_in_range(count, 1, COUNT(waiting) - 1);
    struct pirn__dial_target target = {.unix_path = pirn_cstr(path), .connect_timeout_ms = 300};
    rig_dial(&late, &target);
    stage_settle();
    for (int ms = 0; ms < 290; ms += 10)
        stage_pass_ms(10);
    assert_int_equal(late.dones, 0);
    stage_pass_ms(20);
    snprintf(text, sizeof text, "unix: no answer within 300 ms (%s)", path);
    rig_expect_failure(&late, PIRN_LAYER_TCP, PIRN_E_CONNECT_TIMEOUT, text, 0);

    rig_dial(&rig, &target);
    stage_settle();
    assert_int_equal(rig.dones, 0);
    int taken = accept(listener, NULL, NULL);
    stage_pass_ms(25);
    rig_expect_connection(&rig);
    close(taken);
    while (count > 0)
        close(waiting[--count]);
    close(listener);
    end();
}

/* ---- failures */

static void failures_of_the_resolver_are_named(void **state)
{
    static const struct {
        const char *host;
        enum pirn_layer layer;
        int error, system_error;
        const char *text;
    } rows[] = {
        {"none.test", PIRN_LAYER_DNS, PIRN_E_RESOLVE, 0, "dns: no such host (none.test)"},
        {"empty.test", PIRN_LAYER_DNS, PIRN_E_RESOLVE, 0, "dns: no such host (empty.test)"},
        {"again.test", PIRN_LAYER_DNS, PIRN_E_RESOLVE, 0,
         "dns: resolver gives no answer for now (again.test)"},
        {"fail.test", PIRN_LAYER_DNS, PIRN_E_RESOLVE, 0, "dns: resolver failed (fail.test)"},
        {"odd.test", PIRN_LAYER_DNS, PIRN_E_RESOLVE, 0,
         "dns: host name could not be resolved (odd.test)"},
        {"system.test", PIRN_LAYER_DNS, PIRN_E_SYSTEM, EIO, "dns: system error 5 (system.test)"},
        {"memory.test", PIRN_LAYER_APPLICATION, PIRN_E_MEMORY, 0,
         "dns: out of memory (memory.test)"},
        {"a\nb.test", PIRN_LAYER_DNS, PIRN_E_RESOLVE, 0, "dns: no such host (a?b.test)"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rig_dial rig = {0};
        struct pirn__dial_target target = to(rows[i].host, 80);
        rig_dial_through(&rig, &target);
        rig_expect_failure(&rig, rows[i].layer, rows[i].error, rows[i].text, 0);
        assert_int_equal(rig.result.failure.system_error, rows[i].system_error);
        assert_null(strchr(rig.steps, '\n'));
    }
    end();
}

static void a_refused_connection_is_named(void **state)
{
    struct rig_dial rig = {0};
    uint16_t port = 0;
    (void)state;
    close(rig_listen("127.0.0.1", &port));
    struct pirn__dial_target target = to("127.0.0.1", port);
    rig_dial_through(&rig, &target);
    rig_expect_failure(&rig, PIRN_LAYER_TCP, PIRN_E_SYSTEM,
                       "tcp: connection refused (127.0.0.1:PORT)", port);
    assert_int_equal(rig.result.failure.system_error, ECONNREFUSED);
    end();
}

static void targets_that_are_none_are_refused(void **state)
{
    char long_name[300];
    struct rig_dial rig = {0};
    (void)state;
    memset(long_name, 'a', sizeof long_name);
    const struct pirn__dial_target rows[] = {
        {.host = {"", 0}, .port = 80},
        {.host = {NULL, 0}, .port = 80},
        {.host = PIRN_STR("one.test"), .port = 0},
        {.host = PIRN_STR("one\0.test"), .port = 80},
        {.host = {long_name, 256}, .port = 80},
        {.unix_path = {"", 0}},
        {.unix_path = PIRN_STR("/tmp/\0")},
        {.unix_path = {long_name, 108}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        rig.dial = (void *)&rig;
        assert_int_equal(rig_try_dial(&rig, &rows[i]), -PIRN_E_ARGUMENT);
        assert_null(rig.dial);
    }
    end();
}

static void a_resolver_that_hangs_is_given_up(void **state)
{
    struct rig_dial rig = {0}, next = {0};
    uint16_t port = 0;
    (void)state;
    int listener = rig_listen("127.0.0.1", &port);
    struct pirn__dial_target target = to("one.test", port);
    target.resolve_timeout_ms = 700;
    rig_hold_resolver();
    rig_dial(&rig, &target);
    AWAIT(rig_questions() == 1);
    stage_pass_ms(699);
    assert_int_equal(rig.dones, 0);
    stage_pass_ms(3);
    rig_expect_failure(&rig, PIRN_LAYER_DNS, PIRN_E_RESOLVE_TIMEOUT,
                       "dns: no answer within 700 ms (one.test)", 0);
    rig_dial(&next, &target); /* waits behind it */
    stage_settle();
    rig_release_resolver();
    AWAIT(next.dones);
    rig_expect_connection(&next);
    assert_int_equal(rig.dones, 1);
    close(listener);
    end();
}

static void without_limits_it_waits(void **state)
{
    struct rig_dial rig = {0};
    (void)state;
    struct pirn__dial_target target = to("one.test", 80);
    target.resolve_timeout_ms = PIRN_OFF;
    rig_hold_resolver();
    rig_dial(&rig, &target);
    AWAIT(rig_questions() == 1);
    stage_pass_ms(UINT64_C(1000) * 3600 * 24 * 30);
    assert_int_equal(rig.dones, 0);
    pirn__dial_cancel(rig.dial);
    rig_release_resolver();
    end();
}

/* ---- Happy Eyeballs */

static void families_take_turns(void **state)
{
    static const struct {
        const char *before, *after; /* a letter an address: capitals are IPv6 */
    } rows[] = {
        {"", ""},         {"a", "a"},       {"Ab", "Ab"},         {"ABCd", "AdBC"},
        {"abCD", "aCbD"}, {"AaBb", "AaBb"}, {"abc", "abc"},       {"abcD", "aDbc"},
        {"ABab", "AaBb"}, {"aABb", "aAbB"}, {"ABCabc", "AaBbCc"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pirn__ip ips[8];
        size_t count = strlen(rows[i].before);
        char after[8] = "";
        memset(ips, 0, sizeof ips);
        for (size_t at = 0; at < count; at++) {
            bool v6 = rows[i].before[at] < 'a';
            ips[at].name.any.sa_family = v6 ? AF_INET6 : AF_INET;
            pirn__ip_set_port(&ips[at], (uint16_t)rows[i].before[at]);
        }
        pirn__race_interleave(ips, count);
        for (size_t at = 0; at < count; at++)
            after[at] = (char)ntohs(ips[at].name.v4.sin_port);
        assert_string_equal(after, rows[i].after);
    }
    end();
}

static void the_next_address_begins_after_250_ms(void **state)
{
    struct rig_dial rig = {0};
    struct rig_hole hole;
    uint16_t port = 0;
    char text[128];
    (void)state;
    int listener = rig_listen("127.0.0.1", &port);
    rig_plug(&hole, "127.0.0.2", &port);
    struct pirn__dial_target target = to("two.test", port);
    size_t fds = stage_fds();
    rig_dial(&rig, &target);
    AWAIT(strstr(rig.steps, "127.0.0.2"));
    stage_pass_ms(249);
    stage_settle();
    assert_null(strstr(rig.steps, "127.0.0.1"));
    stage_pass_ms(3);
    AWAIT(rig.dones);
    snprintf(text, sizeof text,
             "resolving two.test, connecting 127.0.0.2:%u, connecting 127.0.0.1:%u, ",
             (unsigned)port, (unsigned)port);
    assert_string_equal(rig.steps, text);
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    assert_int_equal(getpeername(rig.result.fd, (struct sockaddr *)&peer, &size), 0);
    assert_int_equal(ntohl(peer.sin_addr.s_addr), 0x7F000001);
    assert_true(rig.result.connect_us >= 250000);
    /* Its socket, and the resolver's descriptor; that of the loser is closed. */
    assert_int_equal(stage_fds(), fds + 2);
    rig_expect_connection(&rig);
    close(listener);
    rig_unplug(&hole);
    end();
}

static void the_next_address_begins_at_once_when_one_fails(void **state)
{
    struct rig_dial rig = {0};
    uint16_t port = 0;
    (void)state;
    int listener = rig_listen("127.0.0.1", &port); /* and nobody at the other two */
    struct pirn__dial_target target = to("three.test", port);
    rig_dial_through(&rig, &target); /* no time passes here */
    assert_int_equal(rig.step_count, 4);
    rig_expect_connection(&rig);
    close(listener);
    end();
}

/* Whoever waits there is let in, so that there is room for the next. */
static void let_in(struct rig_hole *hole)
{
    int fd = accept(hole->fds[0], NULL, NULL);
    if (fd < 0)
        return;
    assert_in_range(hole->count, 1, COUNT(hole->fds) - 1);
    hole->fds[hole->count++] = fd;
}

static void a_slow_first_one_may_still_win(void **state)
{
    struct rig_dial rig = {0};
    struct rig_hole holes[2];
    uint16_t port = 0;
    (void)state;
    /* Here a port is chosen where others have some; nobody else is at the other address. */
    rig_plug(&holes[1], "127.0.0.1", &port);
    rig_plug(&holes[0], "127.0.0.2", &port);
    struct pirn__dial_target target = to("two.test", port);
    target.connect_timeout_ms = PIRN_OFF;
    rig_dial(&rig, &target);
    AWAIT(rig.step_count == 2);
    stage_pass_ms(252);
    assert_int_equal(rig.step_count, 3);
    AWAIT((let_in(&holes[0]), rig.dones)); /* the kernel asks again after a second */
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    assert_int_equal(getpeername(rig.result.fd, (struct sockaddr *)&peer, &size), 0);
    assert_int_equal(ntohl(peer.sin_addr.s_addr), 0x7F000002);
    rig_expect_connection(&rig);
    rig_unplug(&holes[0]);
    rig_unplug(&holes[1]);
    end();
}

static void all_addresses_together_have_one_limit(void **state)
{
    struct rig_dial rig = {0};
    struct rig_hole hole;
    uint16_t port = 0;
    (void)state;
    rig_plug(&hole, "127.0.0.2", &port); /* and nobody at 127.0.0.1 */
    struct pirn__dial_target target = to("two.test", port);
    target.connect_timeout_ms = 1000;
    rig_dial(&rig, &target);
    AWAIT(rig.step_count == 2);
    stage_pass_ms(300);
    AWAIT(rig.step_count == 3);
    stage_pass_ms(690);
    assert_int_equal(rig.dones, 0);
    stage_pass_ms(20);
    rig_expect_failure(&rig, PIRN_LAYER_TCP, PIRN_E_CONNECT_TIMEOUT,
                       "tcp: no answer within 1000 ms (127.0.0.2:PORT)", port);
    rig_unplug(&hole);
    end();
}

static void the_most_telling_failure_is_told(void **state)
{
    static const struct {
        const char *first, *second;
        const char *text;
    } rows[] = {
        /* A refusal comes from somebody. */
        {"127.0.0.1", UNREACHABLE, "tcp: connection refused (127.0.0.1:PORT)"},
        {UNREACHABLE, "127.0.0.1", "tcp: connection refused (127.0.0.1:PORT)"},
        {UNREACHABLE, UNREACHABLE, "tcp: no route to host (127.0.0.77:PORT)"},
        {"127.0.0.1", "127.0.0.2", "tcp: connection refused (127.0.0.2:PORT)"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rig_dial rig = {0};
        uint16_t port = 0;
        struct pirn__ip ips[2];
        close(rig_listen("127.0.0.1", &port));
        assert_true(pirn__ip_parse(&ips[0], pirn_cstr(rows[i].first)));
        assert_true(pirn__ip_parse(&ips[1], pirn_cstr(rows[i].second)));
        struct pirn__dial_target target = to("x.test", port);
        target.addresses = ips;
        target.address_count = 2;
        rig_dial_through(&rig, &target);
        assert_int_equal(rig.step_count, 2);
        rig_expect_failure(&rig, PIRN_LAYER_TCP, PIRN_E_SYSTEM, rows[i].text, port);
    }
    end();
}

static void more_addresses_than_it_takes_are_left_out(void **state)
{
    struct rig_dial rig = {0};
    uint16_t port = 0;
    (void)state;
    int listener = rig_listen("127.0.0.1", &port); /* the seventeenth */
    struct pirn__dial_target target = to("many.test", port);
    rig_dial_through(&rig, &target);
    rig_expect_failure(&rig, PIRN_LAYER_TCP, PIRN_E_SYSTEM,
                       "tcp: connection refused (127.0.0.2:PORT)", port);
    close(listener);
    end();
}

/* ---- ends from outside */

static void cancelling_is_legal_at_any_time(void **state)
{
    struct rig_hole hole;
    uint16_t port = 0;
    (void)state;
    rig_plug(&hole, "127.0.0.2", &port);
    struct pirn__dial_target target = to("two.test", port);
    for (int turns = 0; turns < 12; turns++) {
        struct rig_dial rig = {0};
        rig_dial(&rig, &target);
        for (int i = 0; i < turns; i++) {
            stage_step();
            if (i == 9)
                stage_pass_ms(250);
        }
        if (rig.dones == 0)
            pirn__dial_cancel(rig.dial);
        stage_settle();
        assert_in_range(rig.dones, 0, 1);
    }
    pirn__dial_cancel(NULL);
    rig_unplug(&hole);
    end();
}

static void steps_may_cancel(void **state)
{
    uint16_t port = 0;
    (void)state;
    int listener = rig_listen("127.0.0.1", &port);
    struct pirn__dial_target target = to("three.test", port);
    for (int step = 1; step <= 4; step++) {
        struct rig_dial rig = {.cancel_at_step = step};
        rig_dial(&rig, &target);
        AWAIT(rig.step_count == step);
        stage_settle();
        assert_int_equal(rig.dones, 0);
        assert_int_equal(rig.step_count, step);
    }
    struct rig_dial rig = {.cancel_in_done = true};
    rig_dial_through(&rig, &target);
    rig_expect_connection(&rig);
    close(listener);
    end();
}

static void a_loop_runs_as_long_as_an_attempt(void **state)
{
    struct rig_dial rig = {0};
    (void)state;
    struct pirn__dial_target target = to("none.test", 80);
    target.resolve_timeout_ms = PIRN_OFF;
    rig_dial(&rig, &target);
    assert_int_equal(pirn_loop_run(stage.loop), 0);
    assert_int_equal(rig.dones, 1);
    end();
}

static void a_forked_child_begins_nothing(void **state)
{
    struct rig_dial rig = {0}, other = {0};
    int status;
    (void)state;
    struct pirn__dial_target target = to("one.test", 80);
    rig_hold_resolver();
    rig_dial(&rig, &target);
    AWAIT(rig_questions() == 1);
    pid_t child = fork();
    if (child == 0) {
        bool dead = rig_try_dial(&other, &target) == -PIRN_E_STATE && other.dial == NULL;
        pirn__dial_cancel(rig.dial);
        pirn_loop_free(stage.loop);
        _exit(dead && stage.memory.blocks == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    pirn__dial_cancel(rig.dial);
    rig_release_resolver();
    end();
}

static void every_allocation_may_fail(void **state)
{
    uint16_t port = 0;
    (void)state;
    int listener = rig_listen("127.0.0.1", &port);
    struct pirn__dial_target target = to("two.test", port);
    bool failed = true;
    for (size_t at = 1; failed; at++) {
        struct rig_dial rig = {0};
        stage.memory.fail_at = stage.memory.asked + at;
        stage.memory.failed = 0;
        int error = rig_try_dial(&rig, &target);
        if (error == 0)
            AWAIT(rig.dones);
        failed = stage.memory.failed > 0;
        if (error)
            assert_int_equal(error, -PIRN_E_MEMORY);
        else if (rig.result.fd >= 0)
            rig_expect_connection(&rig);
        else
            assert_int_equal(rig.result.failure.error, PIRN_E_MEMORY);
        assert_true(failed || rig.result.fd >= 0);
    }
    stage.memory.fail_at = 0;
    close(listener);
    end();
}

#define DIAL_TEST(function) cmocka_unit_test_setup_teardown(function, open_stage, stage_clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIAL_TEST(an_address_is_connected_to_without_a_look_up),
        DIAL_TEST(a_name_is_looked_up),
        DIAL_TEST(given_addresses_are_not_looked_up),
        DIAL_TEST(unix_sockets_are_connected_to),
        DIAL_TEST(a_full_unix_listener_is_waited_for),
        DIAL_TEST(failures_of_the_resolver_are_named),
        DIAL_TEST(a_refused_connection_is_named),
        DIAL_TEST(targets_that_are_none_are_refused),
        DIAL_TEST(a_resolver_that_hangs_is_given_up),
        DIAL_TEST(without_limits_it_waits),
        DIAL_TEST(families_take_turns),
        DIAL_TEST(the_next_address_begins_after_250_ms),
        DIAL_TEST(the_next_address_begins_at_once_when_one_fails),
        DIAL_TEST(a_slow_first_one_may_still_win),
        DIAL_TEST(all_addresses_together_have_one_limit),
        DIAL_TEST(the_most_telling_failure_is_told),
        DIAL_TEST(more_addresses_than_it_takes_are_left_out),
        DIAL_TEST(cancelling_is_legal_at_any_time),
        DIAL_TEST(steps_may_cancel),
        DIAL_TEST(a_loop_runs_as_long_as_an_attempt),
        DIAL_TEST(a_forked_child_begins_nothing),
        DIAL_TEST(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
