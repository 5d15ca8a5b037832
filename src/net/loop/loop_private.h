/* loop_private.h: the inside of struct pirn_loop, for loop*.c, memory.c and random.c only. */
#ifndef PIRN_NET_LOOP_PRIVATE_H
#define PIRN_NET_LOOP_PRIVATE_H

#include <pthread.h>

#include "loop/loop.h"
#include "loop/loop_wake.h"

/* ---- the backend: how the kernel is asked. Everything above it is the same for all. */

/* Functions that fail set errno and return a negative PIRN_E. The loop keeps watch->events, and
 * changes only what differs. */
struct pirn__backend {
    int (*open)(struct pirn_loop *loop); /* sets loop->backend_state */
    void (*close)(struct pirn_loop *loop);
    int (*fd)(const struct pirn_loop *loop); /* readable when something is ready; -1: none */
    int (*add)(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events);
    int (*change)(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events);
    void (*remove)(struct pirn_loop *loop, struct pirn_watch *watch);
    /* Waits (-1: without end), then hands each ready watch to pirn__loop_ready(), PIRN__READY_MAX
     * at most, so that all have their turn. A signal is no failure. */
    int (*wait)(struct pirn_loop *loop, int timeout_ms);
};
extern const struct pirn__backend pirn__backend_epoll, pirn__backend_poll;

enum { PIRN__READY_MAX = 256 };
void pirn__loop_ready(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events);

/* ---- the timing wheel: see loop_timer.c */

enum { PIRN__WHEEL_LEVELS = 9, PIRN__WHEEL_SLOTS = 64 };
struct pirn__wheel {
    uint64_t tick;
    uint64_t occupied[PIRN__WHEEL_LEVELS]; /* a bit a slot */
    struct pirn_timer *slots[PIRN__WHEEL_LEVELS][PIRN__WHEEL_SLOTS];
    struct pirn_timer *soon;   /* due when they were set: for the next turn */
    struct pirn_timer *firing; /* expired in this turn, not yet called */
    size_t count;
};
void pirn__wheel_init(struct pirn__wheel *wheel, uint64_t now_us);
void pirn__wheel_set(struct pirn__wheel *wheel, struct pirn_timer *timer, uint64_t due_us);
void pirn__wheel_stop(struct pirn__wheel *wheel, struct pirn_timer *timer);

/* When the next timer can fire at the earliest: not after its due time rounded up to a tick, but
 * maybe before. UINT64_MAX without timers. */
uint64_t pirn__wheel_next_us(const struct pirn__wheel *wheel);

/* Gathers what is due by now; then take gives one after the other, until NULL. */
void pirn__wheel_expire(struct pirn__wheel *wheel, uint64_t now_us);
struct pirn_timer *pirn__wheel_take(struct pirn__wheel *wheel);

/* ---- calls from other threads: see loop_post.c */

struct pirn__post;
struct pirn__posts {
    struct pirn__wake wake;
    pthread_mutex_t lock;
    struct pirn__post *first, **last; /* under lock */
};
int pirn__posts_open(struct pirn_loop *loop);
void pirn__posts_close(struct pirn_loop *loop);
bool pirn__posts_pending(struct pirn_loop *loop);

/* ---- what a fork wipes, and the random bytes that must not be seen on both sides */

struct pirn__private {
    uint32_t alive;     /* 0: wiped, this is a child */
    uint32_t available; /* bytes at the end of random[] that nobody has had */
    uint8_t random[4096 - 2 * sizeof(uint32_t)];
};
bool pirn__private_open(struct pirn_loop *loop);
void pirn__private_close(struct pirn_loop *loop);

struct pirn__ready {
    struct pirn_watch *watch; /* NULL: ended since */
    unsigned events;
};

struct pirn_loop {
    uint64_t now_us;
    const struct pirn__backend *backend;
    void *backend_state;
    pirn__clock_fn *clock;
    struct pirn__loop_shared shared;
    void *receive_memory;    /* in which shared.receive lies */
    struct pirn__task tasks; /* head of a ring, so that removing needs no loop */
    struct pirn__task later; /* the same, for the next turn */
    size_t watched;          /* without the loop's own */
    unsigned ready_count;
    bool in_turn, stopped;
    struct pirn__private *private;
    long private_pid; /* of the maker, where the kernel does not wipe; else 0 */
    struct pirn_loop_config config;
    struct pirn__wheel wheel;
    struct pirn__posts posts;
    struct pirn__ready ready[PIRN__READY_MAX];
};

#endif
