/* loop_timer.c: a hierarchical timing wheel.
 *
 * Time is counted in ticks of 1024 us: a 54-bit number, nine digits to the base of 64. A timer
 * stands in the slot of the highest digit in which its tick differs from the wheel's: level = which
 * digit, slot = its value. So all timers of a level come before all of the levels above, slots come
 * in the order of their numbers, and at level 0 a slot is one tick. When the wheel reaches a slot
 * of a higher level its timers move down; each does so at most eight times in its life. The wheel
 * leaps from occupied slot to occupied slot, so a jump of the clock costs nothing by itself; and as
 * it never passes an occupied slot, a timer's level and slot can be computed again at any time. */
#include "loop/loop_private.h"

enum { DIGIT_BITS = 6, DIGIT_MASK = 63, TICK_BITS = 10 };

#define TICK_LAST (((uint64_t)1 << (64 - TICK_BITS)) - 1)

struct place {
    unsigned level, slot;
};

static uint64_t tick_of_due(uint64_t due_us)
{
    uint64_t tick = (due_us - 1) >> TICK_BITS;
    return due_us == 0 ? 0 : tick < TICK_LAST ? tick + 1 : TICK_LAST;
}

static struct place place_of(const struct pirn__wheel *wheel, uint64_t tick)
{
    unsigned highest_bit = 63 - (unsigned)__builtin_clzll(tick ^ wheel->tick);
    unsigned level = highest_bit / DIGIT_BITS;
    return (struct place){level, (unsigned)(tick >> (level * DIGIT_BITS)) & DIGIT_MASK};
}

static void insert(struct pirn_timer **at, struct pirn_timer *timer)
{
    timer->next = *at;
    if (timer->next)
        timer->next->link = &timer->next;
    timer->link = at;
    *at = timer;
}

static void take_out(struct pirn_timer *timer)
{
    *timer->link = timer->next;
    if (timer->next)
        timer->next->link = timer->link;
    timer->next = NULL;
    timer->link = NULL;
}

static void put(struct pirn__wheel *wheel, struct pirn_timer *timer, uint64_t tick)
{
    struct place place = place_of(wheel, tick);
    insert(&wheel->slots[place.level][place.slot], timer);
    wheel->occupied[place.level] |= (uint64_t)1 << place.slot;
}

void pirn__wheel_init(struct pirn__wheel *wheel, uint64_t now_us)
{
    *wheel = (struct pirn__wheel){.tick = now_us >> TICK_BITS};
}

void pirn__wheel_stop(struct pirn__wheel *wheel, struct pirn_timer *timer)
{
    if (!timer->link)
        return;
    take_out(timer);
    wheel->count--;
    uint64_t tick = tick_of_due(timer->due_us);
    if (tick <= wheel->tick)
        return; /* was in soon or firing */
    struct place place = place_of(wheel, tick);
    if (!wheel->slots[place.level][place.slot])
        wheel->occupied[place.level] &= ~((uint64_t)1 << place.slot);
}

void pirn__wheel_set(struct pirn__wheel *wheel, struct pirn_timer *timer, uint64_t due_us)
{
    pirn__wheel_stop(wheel, timer);
    timer->due_us = due_us;
    if (due_us == UINT64_MAX)
        return;
    wheel->count++;
    uint64_t tick = tick_of_due(due_us);
    if (tick <= wheel->tick)
        insert(&wheel->soon, timer);
    else
        put(wheel, timer, tick);
}

/* The first occupied slot, and the tick at which it begins. */
static bool first_slot(const struct pirn__wheel *wheel, struct place *place, uint64_t *tick)
{
    for (unsigned level = 0; level < PIRN__WHEEL_LEVELS; level++) {
        if (!wheel->occupied[level])
            continue;
        unsigned shift = level * DIGIT_BITS;
        unsigned slot = (unsigned)__builtin_ctzll(wheel->occupied[level]);
        *place = (struct place){level, slot};
        *tick = (((wheel->tick >> shift) & ~(uint64_t)DIGIT_MASK) | slot) << shift;
        return true;
    }
    return false;
}

uint64_t pirn__wheel_next_us(const struct pirn__wheel *wheel)
{
    struct place place;
    uint64_t tick;
    if (wheel->soon || wheel->firing)
        return 0;
    return first_slot(wheel, &place, &tick) ? tick << TICK_BITS : UINT64_MAX;
}

/* Moves a slot's timers: those of its first tick to the end of what fires, others down. */
static struct pirn_timer **open_slot(struct pirn__wheel *wheel, struct place place,
                                     struct pirn_timer **end)
{
    struct pirn_timer **slot = &wheel->slots[place.level][place.slot], *timer;
    wheel->occupied[place.level] &= ~((uint64_t)1 << place.slot);
    while ((timer = *slot) != NULL) {
        uint64_t tick = tick_of_due(timer->due_us);
        take_out(timer);
        if (tick > wheel->tick) {
            put(wheel, timer, tick);
            continue;
        }
        insert(end, timer);
        end = &timer->next;
    }
    return end;
}

void pirn__wheel_expire(struct pirn__wheel *wheel, uint64_t now_us)
{
    struct pirn_timer **end = &wheel->firing, *timer;
    struct place place;
    uint64_t tick, now = now_us >> TICK_BITS;
    while (*end)
        end = &(*end)->next;
    while ((timer = wheel->soon) != NULL) {
        take_out(timer);
        insert(end, timer);
        end = &timer->next;
    }
    while (first_slot(wheel, &place, &tick) && tick <= now) {
        wheel->tick = tick;
        end = open_slot(wheel, place, end);
    }
    if (wheel->tick < now)
        wheel->tick = now;
}

struct pirn_timer *pirn__wheel_take(struct pirn__wheel *wheel)
{
    struct pirn_timer *timer = wheel->firing;
    if (timer) {
        take_out(timer);
        wheel->count--;
    }
    return timer;
}
