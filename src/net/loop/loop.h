/* loop.h: what the rooms of libpirn share of a loop beyond pirn/loop.h: memory, the receive buffer,
 * the end of the turn. */
#ifndef PIRN_NET_LOOP_H
#define PIRN_NET_LOOP_H

#include <pirn/endpoint.h>
#include <pirn/loop.h>

/* All memory of libpirn is taken here. alloc gives zeroed memory; sizes are given back with it. */
void *pirn__alloc(struct pirn_loop *loop, size_t size);
void *pirn__realloc(struct pirn_loop *loop, void *memory, size_t old_size, size_t size);
void pirn__free(struct pirn_loop *loop, void *memory, size_t size);

/* realloc(3): where no other is configured. */
pirn_realloc_fn pirn__default_realloc;

/* One of each for all connections of the loop, used by one at a time and never across turns. */
struct pirn__loop_shared {
    uint8_t *receive;
    size_t receive_cap;
    void *conn;        /* what conn.c lends to the connection at work: conn_bytes, taken when the */
    size_t conn_bytes; /* first opens, freed with the loop */
    void *tls;         /* likewise of tls.c */
    size_t tls_bytes;
    struct pirn__resolver *resolver; /* of resolve.c, made by the first look-up */
};
struct pirn__loop_shared *pirn__loop_shared(struct pirn_loop *loop);

/* Calls run(loop, task) once, after the callbacks of this turn's events and before the loop waits
 * again; tasks that are added meanwhile run in the same go. Adding what is added already does
 * nothing; removing is always legal. The struct is the caller's, all zero before its first use. */
struct pirn__task;
typedef void pirn__task_fn(struct pirn_loop *loop, struct pirn__task *task);
struct pirn__task {
    pirn__task_fn *run;
    struct pirn__task *next, **link;
};
void pirn__loop_at_end(struct pirn_loop *loop, struct pirn__task *task);

/* The same at the end of the next turn, which does not wait: for work that goes on when others have
 * had their turn. A task that is added already stays where it is. */
void pirn__loop_next_turn(struct pirn_loop *loop, struct pirn__task *task);

void pirn__loop_not_at_end(struct pirn__task *task);

/* As pirn_random_fn: the loop's configured source, or getrandom(2) by way of a buffer that a forked
 * child never sees. */
bool pirn__loop_random(struct pirn_loop *loop, void *out, size_t len);

/* Whether this is a child that was forked after the loop was made: its descriptors are the
 * parent's, and must be let alone. Costs one load. */
bool pirn__loop_forked(const struct pirn_loop *loop);

/* Whether a callback of the loop is running. And one turn by itself, which waits up to timeout_ms
 * (-1: for ever) for something to do; returns as pirn_loop_dispatch(). */
bool pirn__loop_in_turn(const struct pirn_loop *loop);
int pirn__loop_turn(struct pirn_loop *loop, int timeout_ms);

/* Sets the clock by which turns and timers go; waiting still takes real time. For tests. */
typedef uint64_t pirn__clock_fn(void);
void pirn__loop_set_clock(struct pirn_loop *loop, pirn__clock_fn *now_us);

#endif
