/* pirn/loop.h: one thread's event loop: file descriptors, timers, calls from other threads.
 *
 * The loop is built in (epoll on Linux, poll(2) elsewhere or by choice), and can live inside
 * another: watch pirn_loop_fd() for reading, and when it is readable or pirn_loop_timeout_ms() has
 * passed call pirn_loop_dispatch(). Everything of Pirn that belongs to a loop is used from the
 * loop's thread only; pirn_loop_post() alone may be called from any. There is no thread inside. */
#ifndef PIRN_LOOP_H
#define PIRN_LOOP_H

#include <pirn/base.h>
#include <pirn/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pirn_loop;

enum pirn_loop_backend { PIRN_LOOP_DEFAULT, PIRN_LOOP_EPOLL, PIRN_LOOP_POLL };

/* Zero in any field means its default. Copied. */
struct pirn_loop_config {
    enum pirn_loop_backend backend; /* epoll where there is one */
    size_t receive_buffer_bytes;    /* one for all connections; 260 KiB; 4 KiB to 16 MiB. A readable
                                     * event handles at most this much, then comes the next */
    pirn_realloc_fn *realloc;       /* all memory of the loop and what belongs to it; realloc(3). A
                                     * program that posts from other threads needs one that they may
                                     * call too */
    void *realloc_context;          /* given to realloc */
    pirn_random_fn *random;         /* getrandom(2), buffered, never shared with a forked child */
    void *random_context;
};

/* Makes a loop; config may be NULL. Returns NULL when there is no memory, the kernel refuses, or a
 * number is out of its range (errno says: EINVAL). Freed by pirn_loop_free(). */
PIRN_API struct pirn_loop *pirn_loop_new(const struct pirn_loop_config *config);

/* Frees the loop. What belongs to it (servers, watches, timers) must have been freed or stopped
 * before; calls posted and not yet made are dropped. Not from inside a callback. NULL is let be. */
PIRN_API void pirn_loop_free(struct pirn_loop *loop);

/* Runs until pirn_loop_stop(), or until nothing is watched, no timer runs and no call is posted.
 * Returns 0, or -PIRN_E_SYSTEM when waiting fails (errno says), or -PIRN_E_STATE from inside a
 * callback. In a forked child the loop is dead: what returns errors gives -PIRN_E_STATE there,
 * pirn_loop_free() frees the child's copy, and nothing touches the parent. */
PIRN_API int pirn_loop_run(struct pirn_loop *loop);

/* Makes pirn_loop_run() return at the end of its turn. Loop's thread only; others post it. */
PIRN_API void pirn_loop_stop(struct pirn_loop *loop);

/* For a foreign loop: the descriptor to watch for reading (with the poll(2) backend there is none:
 * -1), the milliseconds until dispatch must be called at the latest (-1: no need), and one turn of
 * work that does not wait. dispatch returns how many events it handled, or as pirn_loop_run(). */
PIRN_API int pirn_loop_fd(const struct pirn_loop *loop);
PIRN_API int pirn_loop_timeout_ms(const struct pirn_loop *loop);
PIRN_API int pirn_loop_dispatch(struct pirn_loop *loop);

/* CLOCK_MONOTONIC in microseconds, read once a turn; between turns it stands still. */
PIRN_API uint64_t pirn_loop_now_us(const struct pirn_loop *loop);

/* Has fn(loop, argument) called in the loop's thread, in the order of posting, soon. May be called
 * from any thread, any time between pirn_loop_new() and pirn_loop_free(), not from signal handlers.
 * Returns 0, -PIRN_E_MEMORY, or -PIRN_E_STATE in a forked child. */
typedef void pirn_post_fn(struct pirn_loop *loop, void *argument);
PIRN_API int pirn_loop_post(struct pirn_loop *loop, pirn_post_fn *fn, void *argument);

enum { PIRN_READABLE = 1, PIRN_WRITABLE = 2, PIRN_HANGUP = 4 };

/* A descriptor under watch, one watch each. The struct is the caller's, its private fields zero
 * before its first use, and stays where it is until unwatched; it is best part of a larger one.
 * Level-triggered: ready is called every turn as long as what was asked for is the case.
 * PIRN_HANGUP (error or hang-up) is told always, asked for or not, with READABLE and WRITABLE set
 * as were asked for, so that the next read or write says why. */
struct pirn_watch;
typedef void pirn_watch_fn(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events);
struct pirn_watch {
    pirn_watch_fn *ready; /* set by the caller, before watching */
    int fd;               /* as is this */
    uint16_t events;      /* private: what is asked for */
    uint16_t place;       /* private: among those ready in this turn */
};

/* Begins to watch, changes what is asked for (events may be 0: hang-ups only), and ends it. Ending
 * is legal from inside any callback, also for another watch that is ready in the same turn: it is
 * not called any more; nor is one that does not ask for it any longer. Ending what is not watched
 * does nothing. The descriptor is not closed, and must not be before unwatch. The others return 0,
 * -PIRN_E_STATE (watched already, or not at all), -PIRN_E_MEMORY or -PIRN_E_SYSTEM (errno says,
 * EEXIST for a second watch of a descriptor); changing to what is the case costs nothing. */
PIRN_API int pirn_loop_watch(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events);
PIRN_API int pirn_loop_rewatch(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events);
PIRN_API void pirn_loop_unwatch(struct pirn_loop *loop, struct pirn_watch *watch);

/* A timer. The struct is the caller's, all zero before its first use, and stays where it is while
 * it runs. Setting, changing and ending cost O(1) however many run; it fires at most two
 * milliseconds late when the loop is not busy, and never early. It fires once, and may be set anew
 * from inside. Those due in the same millisecond fire in no set order; one that is set when it is
 * due already fires in the next turn. */
struct pirn_timer;
typedef void pirn_timer_fn(struct pirn_loop *loop, struct pirn_timer *timer);
struct pirn_timer {
    pirn_timer_fn *fire;             /* set by the caller */
    struct pirn_timer *next, **link; /* private */
    uint64_t due_us;                 /* private */
};

/* Sets, or sets anew, when it fires: at due_us of pirn_loop_now_us(); UINT64_MAX stops it. */
PIRN_API void pirn_timer_set(struct pirn_loop *loop, struct pirn_timer *timer, uint64_t due_us);
PIRN_API void pirn_timer_stop(struct pirn_loop *loop, struct pirn_timer *timer);

#ifdef __cplusplus
}
#endif
#endif
