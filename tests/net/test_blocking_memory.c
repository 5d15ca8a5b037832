/* When memory runs out below a client without a loop, at whatever moment: each call says so, or
 * that the connection has ended, and nothing leaks (C03). Linked with realloc() and free() wrapped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/blocking.h>

#include "host.h"

/* ---- memory, of the thread that is under test only */

static _Thread_local struct {
    bool on, fails_on;
    size_t asked, fail_at, failed;
    long blocks;
} memory;

void *__real_realloc(void *old, size_t size);
void __real_free(void *old);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *old);

void *__wrap_realloc(void *old, size_t size)
{
    if (memory.on && ++memory.asked >= memory.fail_at &&
        (memory.asked == memory.fail_at || memory.fails_on)) {
        memory.failed++;
        return NULL;
    }
    memory.blocks += memory.on && !old;
    return __real_realloc(old, size);
}

void __wrap_free(void *old)
{
    memory.blocks -= memory.on && old;
    __real_free(old);
}

/* ---- */

static bool is_told(int result)
{
    return result == -PIRN_E_MEMORY || result == -PIRN_E_CLOSED;
}

static void talk(struct pirn_blocking *ws)
{
    static char large[300000];
    static const size_t lengths[] = {5, sizeof large, 0};
    struct pirn_blocking_message message;
    int result = 0;
    for (int i = 0; i < 3 && result >= 0; i++) {
        result = pirn_blocking_send(ws, PIRN_BINARY, large, lengths[i]);
        if (result == -PIRN_E_MEMORY) /* nothing of it has left: another time it may */
            result = pirn_blocking_send(ws, PIRN_BINARY, large, lengths[i]);
        if (result == 0)
            result = pirn_blocking_receive(ws, PIRN_OFF, &message);
        if (result == 1)
            assert_int_equal(message.len, lengths[i]);
    }
    if (result >= 0)
        result = pirn_blocking_close(ws, 1000, PIRN_STR("bye"));
    assert_true(result == 0 || is_told(result));
    if (result < 0)
        assert_true(memory.failed > 0);
}

/* A conversation in which the k-th asking fails (and all after it). Returns how many failed. */
static size_t run(size_t k, bool fails_on)
{
    char why[256];
    memset(&memory, 0, sizeof memory);
    memory.fail_at = k;
    memory.fails_on = fails_on;
    memory.on = true;
    struct pirn_blocking *ws = pirn_blocking_connect(host.url, NULL, why, sizeof why);
    if (ws)
        talk(ws);
    else if (!strstr(why, "out of memory"))
        fail_msg("%zu: %s", k, why);
    pirn_blocking_free(ws);
    memory.on = false;
    assert_int_equal(memory.blocks, 0);
    return memory.failed;
}

static void at_every_moment(void **state)
{
    (void)state;
    host_start(&(struct pirn_server_config){0}, NULL);
    for (int on = 0; on < 2; on++) {
        size_t k = 1;
        while (run(k, on) > 0)
            k++;
        assert_in_range(k, 10, 200);
    }
    host_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_every_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
