/* Accepting when it does not go well: calls that come back with an error (this program's accept4(2)
 * stands before libc's), descriptors that run out (S07), a fork (S12); and the limits as numbers.
 */
#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "peer.h"

/* The next calls come back with these errors; the last one stays until it is taken away. */
static struct {
    const int *errors;
    size_t count;
    size_t calls;
} faults;

/* By another name in C, as headers give the arguments types of their own. */
int faulty_accept(int fd, void *address, void *len, int flags) __asm__("accept4");

int faulty_accept(int fd, void *address, void *len, int flags)
{
    faults.calls++;
    if (faults.count == 0)
        return (int)syscall(SYS_accept4, fd, address, len, flags);
    errno = *faults.errors;
    if (faults.count != SIZE_MAX && --faults.count > 0)
        faults.errors++;
    return -1;
}

static void fail_with(const int *errors, size_t count)
{
    faults.errors = errors;
    faults.count = count;
    faults.calls = 0;
}

static uint64_t accepted(void)
{
    return pirn_server_stats(stage.server).accepted;
}

static uint64_t pauses(void)
{
    return pirn_server_stats(stage.server).accept_pauses;
}

static void test_passing_errors(void **state)
{
    (void)state;
    static const int errors[] = {EINTR, ECONNABORTED, EPROTO};
    struct peer peer;
    stage_open(NULL);
    peer_connect(&peer);
    fail_with(errors, COUNT(errors));
    AWAIT(faults.calls > 0);
    assert_int_equal(accepted(), 1);
    assert_int_equal(pauses(), 0);
    peer_drop(&peer);
    stage_close();
}

static void assert_sleeps(void)
{
    struct pollfd loop = {.fd = pirn_loop_fd(stage.loop), .events = POLLIN};
    stage_settle();
    assert_int_equal(poll(&loop, 1, 0), 0);
}

/* Nobody else is disturbed, the loop sleeps, and it tries again by and by. */
static void test_nothing_left(void **state)
{
    (void)state;
    static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
    for (size_t i = 0; i < COUNT(errors); i++) {
        struct peer open, late;
        stage_open(NULL);
        peer_open(&open, "/");
        peer_echo(&open, "before");
        fail_with(&errors[i], SIZE_MAX);
        peer_connect(&late);
        AWAIT(pauses() == 1);
        size_t calls = faults.calls;
        assert_sleeps();
        peer_echo(&open, "meanwhile");
        stage_pass_ms(90);
        assert_int_equal(faults.calls, calls);
        stage_pass_ms(12);
        assert_int_equal(pauses(), 2);
        assert_sleeps();
        fail_with(NULL, 0);
        peer_leave(&open, PIRN_CLOSE_NORMAL); /* which may have left a descriptor */
        AWAIT(accepted() == 2);
        peer_drop(&late);
        stage_close();
    }
}

/* Those who have not asked yet count too. */
static void test_silent_ones_count(void **state)
{
    (void)state;
    struct peer open, silent, late;
    stage_open(&(struct pirn_server_config){.max_connections = 2});
    peer_open(&open, "/");
    peer_connect(&silent);
    AWAIT(accepted() == 2);
    peer_connect(&late);
    assert_int_equal(peer_answer(&late), 503);
    peer_drop(&late);
    peer_drop(&silent);
    peer_leave(&open, PIRN_CLOSE_NORMAL);
    stage_close();
}

/* As SECURITY.md and pirn(7) promise them. */
static void test_promised_numbers(void **state)
{
    (void)state;
    static const struct {
        uint64_t is, promised;
    } rows[] = {
        {PIRN_DEFAULT_HANDSHAKE_TIMEOUT_MS, 10000},  {PIRN_DEFAULT_DEFER_TIMEOUT_MS, 30000},
        {PIRN_DEFAULT_PING_INTERVAL_MS, 20000},      {PIRN_DEFAULT_PING_TIMEOUT_MS, 20000},
        {PIRN_DEFAULT_CLOSE_TIMEOUT_MS, 5000},       {PIRN_DEFAULT_STALL_TIMEOUT_MS, 30000},
        {PIRN_DEFAULT_HIGH_WATER_BYTES, 1 << 20},    {PIRN_DEFAULT_MAX_MESSAGE_SERVER, 1 << 20},
        {PIRN_DEFAULT_MAX_MESSAGE_CLIENT, 16 << 20}, {PIRN_DEFAULT_MAX_CONNECTIONS, 100000},
        {PIRN_DEFAULT_MAX_PER_ADDRESS, 10000},       {PIRN_DEFAULT_MAX_HANDSHAKES, 1000},
        {PIRN_HTTP_MAX_HEAD_BYTES, 16384},           {PIRN_HTTP_MAX_HEADERS, 100},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(rows[i].is, rows[i].promised);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_passing_errors),
        STAGE_TEST(test_nothing_left),
        STAGE_TEST(test_silent_ones_count),
        cmocka_unit_test(test_promised_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
