/* The timing wheel on a clock of its own: exhaustive and instant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "loop/container.h"
#include "loop/loop_private.h"

enum { TICK_US = 1024 };
#define HOUR_US (3600 * (uint64_t)1000000)
#define YEAR_US (365 * 24 * HOUR_US)

static uint64_t random_state = 88172645463325252u;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* A number below 2^bits, each length equally likely. */
static uint64_t random_of_any_size(unsigned bits)
{
    return random_next() >> (64 - 1 - random_next() % bits);
}

static uint64_t tick_up(uint64_t us)
{
    return (us + TICK_US - 1) / TICK_US;
}

/* Takes all that is due by now, checking that nothing is early or out of order. */
static size_t take_due(struct pirn__wheel *wheel, uint64_t now_us)
{
    size_t taken = 0;
    uint64_t last_tick = 0;
    struct pirn_timer *timer;
    pirn__wheel_expire(wheel, now_us);
    while ((timer = pirn__wheel_take(wheel)) != NULL) {
        assert_true(timer->due_us <= now_us);
        assert_true(tick_up(timer->due_us) >= last_tick);
        assert_null(timer->link);
        last_tick = tick_up(timer->due_us);
        taken++;
    }
    return taken;
}

static void many_fire_in_order_and_never_early(void **state)
{
    enum { COUNT = 100000 };
    static const unsigned spans_bits[] = {12, 20, 27, 40, 62};
    struct pirn_timer *timers = calloc(COUNT, sizeof *timers);
    (void)state;
    for (size_t s = 0; s < sizeof spans_bits / sizeof *spans_bits; s++) {
        struct pirn__wheel wheel;
        uint64_t now_us = random_next() >> 8, last_us = now_us;
        pirn__wheel_init(&wheel, now_us);
        for (size_t i = 0; i < COUNT; i++)
            pirn__wheel_set(&wheel, &timers[i],
                            now_us + TICK_US + (random_next() >> (64 - spans_bits[s])));
        for (size_t fired = 0; fired < COUNT;) {
            now_us = pirn__wheel_next_us(&wheel);
            assert_true(now_us > last_us);
            fired += take_due(&wheel, now_us);
            last_us = now_us;
        }
        assert_int_equal(wheel.count, 0);
        assert_true(pirn__wheel_next_us(&wheel) == UINT64_MAX);
    }
    free(timers);
}

/* ---- against the plainest model: an array that is searched */

enum { MODEL_TIMERS = 40 };

static size_t model_due(const struct pirn_timer *timers, const bool *runs, uint64_t now_us)
{
    size_t due = 0;
    for (size_t i = 0; i < MODEL_TIMERS; i++)
        due += runs[i] && tick_up(timers[i].due_us) <= now_us / TICK_US;
    return due;
}

static uint64_t model_next_us(const struct pirn_timer *timers, const bool *runs)
{
    uint64_t next = UINT64_MAX;
    for (size_t i = 0; i < MODEL_TIMERS; i++) {
        uint64_t due_us = tick_up(timers[i].due_us) * TICK_US;
        if (runs[i] && due_us < next)
            next = due_us;
    }
    return next;
}

static void model_step(struct pirn__wheel *wheel, struct pirn_timer *timers, bool *runs,
                       uint64_t *now_us)
{
    size_t i = random_next() % MODEL_TIMERS;
    switch (random_next() % 4) {
    case 0:
        pirn__wheel_stop(wheel, &timers[i]);
        runs[i] = false;
        break;
    case 1:
    case 2:
        pirn__wheel_set(wheel, &timers[i], *now_us + random_of_any_size(45) - 20);
        runs[i] = true;
        break;
    default:
        *now_us += random_of_any_size(random_next() % 8 ? 24 : 44);
        i = model_due(timers, runs, *now_us);
        assert_int_equal(take_due(wheel, *now_us), i);
        for (i = 0; i < MODEL_TIMERS; i++)
            runs[i] = runs[i] && tick_up(timers[i].due_us) > *now_us / TICK_US;
    }
}

static void agrees_with_a_plain_model(void **state)
{
    struct pirn_timer timers[MODEL_TIMERS] = {0};
    bool runs[MODEL_TIMERS] = {0};
    struct pirn__wheel wheel;
    uint64_t now_us = 5 * HOUR_US;
    (void)state;
    pirn__wheel_init(&wheel, now_us);
    for (int step = 0; step < 300000; step++) {
        size_t running = 0;
        model_step(&wheel, timers, runs, &now_us);
        for (size_t i = 0; i < MODEL_TIMERS; i++) {
            running += runs[i];
            assert_int_equal(timers[i].link != NULL, runs[i]);
        }
        assert_int_equal(wheel.count, running);
        uint64_t next_us = pirn__wheel_next_us(&wheel);
        assert_true(next_us <= model_next_us(timers, runs));
        assert_true(next_us == 0 || next_us > now_us);
    }
    for (size_t i = 0; i < MODEL_TIMERS; i++)
        pirn__wheel_stop(&wheel, &timers[i]);
    for (size_t i = 0; i < PIRN__WHEEL_LEVELS; i++)
        assert_int_equal(wheel.occupied[i], 0);
}

static void wakes_at_most_once_a_level(void **state)
{
    static const uint64_t waits_us[] = {TICK_US, 30 * 1000000u, HOUR_US, YEAR_US, 10000 * YEAR_US};
    (void)state;
    for (size_t i = 0; i < sizeof waits_us / sizeof *waits_us; i++) {
        struct pirn__wheel wheel;
        struct pirn_timer timer = {0};
        uint64_t now_us = 123456789012345;
        int wakes = 0;
        pirn__wheel_init(&wheel, now_us);
        pirn__wheel_set(&wheel, &timer, now_us + waits_us[i]);
        while (timer.link) {
            now_us = pirn__wheel_next_us(&wheel);
            take_due(&wheel, now_us);
            wakes++;
        }
        assert_in_range(wakes, 1, PIRN__WHEEL_LEVELS);
        assert_true(now_us - (123456789012345 + waits_us[i]) < TICK_US);
    }
}

static void edges_of_time(void **state)
{
    struct pirn__wheel wheel;
    struct pirn_timer zero = {0}, last = {0}, never = {0};
    (void)state;
    pirn__wheel_init(&wheel, 0);
    pirn__wheel_set(&wheel, &zero, 0);
    pirn__wheel_set(&wheel, &last, UINT64_MAX - 1);
    pirn__wheel_set(&wheel, &never, UINT64_MAX);
    assert_null(never.link);
    assert_int_equal(wheel.count, 2);
    assert_int_equal(pirn__wheel_next_us(&wheel), 0);
    assert_int_equal(take_due(&wheel, 0), 1);
    assert_int_equal(take_due(&wheel, 500000 * YEAR_US), 0);
    assert_int_equal(take_due(&wheel, UINT64_MAX), 1);
}

/* ---- in a loop whose clock stands at fake_us */

static uint64_t fake_us;

static uint64_t fake_clock(void)
{
    return fake_us;
}

struct probe {
    struct pirn_timer timer;
    int fired;
    uint64_t again_us;        /* sets itself anew so much later, if not 0 */
    struct pirn_timer *ended; /* stopped by this one */
};

static void probe_fire(struct pirn_loop *loop, struct pirn_timer *timer)
{
    struct probe *probe = PIRN__CONTAINER(timer, struct probe, timer);
    probe->fired++;
    if (probe->again_us)
        pirn_timer_set(loop, timer, pirn_loop_now_us(loop) + probe->again_us - 1);
    if (probe->ended)
        pirn_timer_stop(loop, probe->ended);
}

static struct pirn_loop *fake_loop(void)
{
    struct pirn_loop *loop = pirn_loop_new(NULL);
    assert_non_null(loop);
    fake_us = HOUR_US;
    pirn__loop_set_clock(loop, fake_clock);
    return loop;
}

static void one_due_already_fires_in_the_next_turn(void **state)
{
    struct pirn_loop *loop = fake_loop();
    struct probe probe = {.timer = {.fire = probe_fire}, .again_us = 1};
    (void)state;
    pirn_timer_set(loop, &probe.timer, 0);
    for (int turns = 1; turns < 5; turns++) {
        assert_int_equal(pirn_loop_timeout_ms(loop), 0);
        assert_int_equal(pirn_loop_dispatch(loop), 1);
        assert_int_equal(probe.fired, turns);
    }
    pirn_timer_stop(loop, &probe.timer);
    pirn_timer_stop(loop, &probe.timer);
    assert_int_equal(pirn_loop_timeout_ms(loop), -1);
    assert_int_equal(pirn_loop_run(loop), 0);
    pirn_loop_free(loop);
}

static void each_may_stop_others_that_are_due_as_well(void **state)
{
    struct pirn_loop *loop = fake_loop();
    struct probe a = {.timer = {.fire = probe_fire}}, b = a, c = a;
    (void)state;
    a.ended = &b.timer;
    b.ended = &a.timer;
    c.ended = &c.timer;
    pirn_timer_set(loop, &a.timer, fake_us + 5000);
    pirn_timer_set(loop, &b.timer, fake_us + 5000);
    pirn_timer_set(loop, &c.timer, fake_us + 9000);
    fake_us += 60000;
    assert_int_equal(pirn_loop_dispatch(loop), 2);
    assert_int_equal(a.fired + b.fired, 1);
    assert_int_equal(c.fired, 1);
    assert_int_equal(pirn_loop_timeout_ms(loop), -1);
    pirn_loop_free(loop);
}

static void a_jump_of_an_hour_fires_each_once(void **state)
{
    enum { COUNT = 100 };
    struct pirn_loop *loop = fake_loop();
    struct probe probes[COUNT] = {0};
    (void)state;
    for (uint64_t i = 0; i < COUNT; i++) {
        probes[i] = (struct probe){.timer = {.fire = probe_fire}, .again_us = 20 * 1000000};
        pirn_timer_set(loop, &probes[i].timer, fake_us + i * 400000);
    }
    fake_us += HOUR_US;
    assert_int_equal(pirn_loop_dispatch(loop), COUNT);
    assert_int_equal(pirn_loop_dispatch(loop), 0);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(probes[i].fired, 1);
        pirn_timer_stop(loop, &probes[i].timer);
    }
    pirn_loop_free(loop);
}

static void the_timeout_is_never_too_long(void **state)
{
    struct pirn_loop *loop = fake_loop();
    struct probe probe = {.timer = {.fire = probe_fire}};
    (void)state;
    pirn_timer_set(loop, &probe.timer, fake_us + 50 * YEAR_US);
    assert_true(pirn_loop_timeout_ms(loop) > 0);
    for (uint64_t wait_us = 1; wait_us < 40 * 1000000u; wait_us += wait_us / 3 + 1) {
        pirn_timer_set(loop, &probe.timer, fake_us + wait_us);
        int fired = probe.fired, turns = 0;
        uint64_t set_us = fake_us;
        for (; probe.fired == fired; turns++) {
            fake_us += (uint64_t)pirn_loop_timeout_ms(loop) * 1000;
            pirn_loop_dispatch(loop);
        }
        assert_in_range(fake_us - set_us, wait_us, wait_us + 2024);
        assert_in_range(turns, 1, PIRN__WHEEL_LEVELS);
    }
    pirn_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_fire_in_order_and_never_early),
        cmocka_unit_test(agrees_with_a_plain_model),
        cmocka_unit_test(wakes_at_most_once_a_level),
        cmocka_unit_test(edges_of_time),
        cmocka_unit_test(one_due_already_fires_in_the_next_turn),
        cmocka_unit_test(each_may_stop_others_that_are_due_as_well),
        cmocka_unit_test(a_jump_of_an_hour_fires_each_once),
        cmocka_unit_test(the_timeout_is_never_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
