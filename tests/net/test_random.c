/* getrandom(2) is replaced by one that can fail, be interrupted and give less than was asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "loop/loop_private.h"

static struct {
    int calls, failures, interruptions;
    size_t most; /* bytes a call; 0: all */
} fake;

ssize_t getrandom(void *out, size_t len, unsigned flags)
{
    fake.calls++;
    if (fake.failures > 0) {
        errno = ENOSYS;
        return -1;
    }
    if (fake.interruptions > 0) {
        fake.interruptions--;
        errno = EINTR;
        return -1;
    }
    if (fake.most && len > fake.most)
        len = fake.most;
    return syscall(SYS_getrandom, out, len, flags);
}

static int new_loop(void **state)
{
    memset(&fake, 0, sizeof fake);
    *state = pirn_loop_new(NULL);
    return *state ? 0 : -1;
}

static int free_loop(void **state)
{
    pirn_loop_free(*state);
    return 0;
}

static void small_requests_share_a_call(void **state)
{
    uint8_t last[4] = {0}, key[4];
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        assert_true(pirn__loop_random(*state, key, sizeof key));
        same += memcmp(last, key, sizeof key) == 0;
        memcpy(last, key, sizeof key);
    }
    assert_true(same < 3);
    assert_in_range(fake.calls, 1, 16);
}

static void every_length_is_filled(void **state)
{
    static const size_t lengths[] = {0, 1, 4, 16, 255, 256, 257, 4088, 10000};
    static uint8_t out[10001], seen[10001];
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t len = lengths[i], never = 0;
        memset(out, 0, sizeof out);
        memset(seen, 0, sizeof seen);
        for (int round = 0; round < 8; round++) {
            assert_true(pirn__loop_random(*state, out, len));
            for (size_t at = 0; at < sizeof out; at++)
                seen[at] |= out[at];
        }
        for (size_t at = 0; at < len; at++)
            never += seen[at] == 0;
        assert_int_equal(never, 0);
        for (size_t at = len; at < sizeof out; at++)
            assert_int_equal(out[at], 0);
    }
}

static void bytes_that_were_given_are_wiped(void **state)
{
    struct pirn_loop *loop = *state;
    uint8_t key[64];
    assert_true(pirn__loop_random(loop, key, sizeof key));
    for (size_t i = 0; i < sizeof key; i++)
        assert_int_equal(loop->private->random[i], 0);
}

static void interruptions_and_short_answers_are_overcome(void **state)
{
    uint8_t out[1000] = {0};
    fake.interruptions = 3;
    fake.most = 7;
    assert_true(pirn__loop_random(*state, out, sizeof out));
    assert_int_equal(fake.calls, 3 + (1000 + 6) / 7);
}

static void failure_is_told_and_passes(void **state)
{
    uint8_t out[16], zero[16] = {0};
    fake.failures = 1;
    assert_false(pirn__loop_random(*state, out, sizeof out));
    assert_false(pirn__loop_random(*state, out, 1000));
    fake.failures = 0;
    assert_true(pirn__loop_random(*state, out, sizeof out));
    assert_memory_not_equal(out, zero, sizeof out);
}

/* Both sides of a fork go on from the same page, were it shared. */
static void check_fork(struct pirn_loop *loop)
{
    uint8_t ours[32], theirs[32];
    int pipes[2], status;
    assert_true(pirn__loop_random(loop, ours, sizeof ours));
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        bool got = pirn__loop_forked(loop) && pirn__loop_random(loop, theirs, sizeof theirs);
        _exit(!got || write(pipes[1], theirs, sizeof theirs) != sizeof theirs);
    }
    assert_true(pirn__loop_random(loop, ours, sizeof ours));
    assert_int_equal(read(pipes[0], theirs, sizeof theirs), sizeof theirs);
    assert_memory_not_equal(ours, theirs, sizeof ours);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(pipes[0]);
    close(pipes[1]);
}

static void a_forked_child_has_its_own(void **state)
{
    check_fork(*state);
}

static void so_it_has_where_the_kernel_does_not_wipe(void **state)
{
    struct pirn_loop *loop = *state;
    assert_int_equal(madvise(loop->private, sizeof *loop->private, MADV_KEEPONFORK), 0);
    loop->private_pid = getpid();
    check_fork(loop);
}

static bool constant_source(void *context, void *out, size_t len)
{
    memset(out, *(int *)context, len);
    return *(int *)context != 0;
}

static void the_configured_source_is_used_alone(void **state)
{
    int value = 7;
    uint8_t out[3];
    struct pirn_loop_config config = {.random = constant_source, .random_context = &value};
    struct pirn_loop *loop = pirn_loop_new(&config);
    (void)state;
    assert_true(pirn__loop_random(loop, out, sizeof out));
    assert_memory_equal(out, "\7\7\7", 3);
    value = 0;
    assert_false(pirn__loop_random(loop, out, sizeof out));
    assert_int_equal(fake.calls, 0);
    pirn_loop_free(loop);
}

#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, new_loop, free_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOOP(small_requests_share_a_call),
        WITH_LOOP(every_length_is_filled),
        WITH_LOOP(bytes_that_were_given_are_wiped),
        WITH_LOOP(interruptions_and_short_answers_are_overcome),
        WITH_LOOP(failure_is_told_and_passes),
        WITH_LOOP(a_forked_child_has_its_own),
        WITH_LOOP(so_it_has_where_the_kernel_does_not_wipe),
        WITH_LOOP(the_configured_source_is_used_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
