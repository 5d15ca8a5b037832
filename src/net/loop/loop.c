/* loop.c: turns of the loop, and all that the backends have in common.
 *
 * A turn: wait for the kernel, read the clock, call what is ready, call timers that are due, run
 * the tasks. With a task that was added outside of a turn the next one does not wait. What is ready
 * stands in loop->ready; a watch knows its place there (plus 1), so that ending it in the same turn
 * takes it out, and nothing that was freed is called. Posts are an ordinary watch that is not
 * counted. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include "loop/loop_private.h"
#include "dial/resolve.h"

enum { ASKED = PIRN_READABLE | PIRN_WRITABLE, WATCHED = 0x8000 };

/* Each connection has both, and is to be small. */
_Static_assert(sizeof(struct pirn_watch) <= sizeof(void *) + 8, "watch has grown");
_Static_assert(sizeof(struct pirn_timer) <= 3 * sizeof(void *) + 8, "timer has grown");

/* The default is not a power of two, for messages often are, and then have no room for their
 * headers: the last bytes would cost a read of their own. */
enum { RECEIVE_DEFAULT = 260 << 10, RECEIVE_MIN = 4 << 10, RECEIVE_MAX = 16 << 20 };

/* Where in a page the receive buffer begins. AMD's rep movsb, with which the kernel copies, takes
 * 16 times as long if the target lies 1 to 31 bytes further in its page than the source. What comes
 * through loopback mostly starts at a page's beginning; and there, 16 bytes on, malloc puts a
 * buffer of this size. */
enum { PAGE_BYTES = 4096, RECEIVE_IN_PAGE = 2048 };

static uint64_t monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- making and freeing */

static bool complete(struct pirn_loop_config *config)
{
    if (!config->realloc)
        config->realloc = pirn__default_realloc;
    if (config->receive_buffer_bytes == 0)
        config->receive_buffer_bytes = RECEIVE_DEFAULT;
    return config->receive_buffer_bytes >= RECEIVE_MIN &&
           config->receive_buffer_bytes <= RECEIVE_MAX && config->backend >= PIRN_LOOP_DEFAULT &&
           config->backend <= PIRN_LOOP_POLL;
}

static const struct pirn__backend *choose_backend(enum pirn_loop_backend wanted)
{
#ifdef __linux__
    return wanted == PIRN_LOOP_POLL ? &pirn__backend_poll : &pirn__backend_epoll;
#else
    return wanted == PIRN_LOOP_EPOLL ? NULL : &pirn__backend_poll;
#endif
}

static size_t receive_memory_bytes(const struct pirn_loop *loop)
{
    return loop->config.receive_buffer_bytes + PAGE_BYTES;
}

static bool open_receive(struct pirn_loop *loop)
{
    uint8_t *memory = pirn__realloc(loop, NULL, 0, receive_memory_bytes(loop));
    loop->receive_memory = memory;
    if (!memory)
        return false;
    loop->shared.receive = memory + ((RECEIVE_IN_PAGE - (uintptr_t)memory) & (PAGE_BYTES - 1));
    loop->shared.receive_cap = loop->config.receive_buffer_bytes;
    return true;
}

static void ring_init(struct pirn__task *head)
{
    head->next = head;
    head->link = &head->next;
}

static bool ring_is_empty(const struct pirn__task *head)
{
    return head->next == head;
}

static bool open_parts(struct pirn_loop *loop)
{
    if (!pirn__private_open(loop))
        return false;
    errno = ENOMEM; /* unless the kernel says something else */
    return open_receive(loop) && loop->backend->open(loop) == 0 && pirn__posts_open(loop) == 0;
}

struct pirn_loop *pirn_loop_new(const struct pirn_loop_config *config)
{
    struct pirn_loop_config whole = {0};
    if (config)
        whole = *config;
    const struct pirn__backend *backend = complete(&whole) ? choose_backend(whole.backend) : NULL;
    if (!backend) {
        errno = EINVAL;
        return NULL;
    }
    struct pirn_loop *loop = whole.realloc(whole.realloc_context, NULL, 0, sizeof *loop);
    if (!loop) {
        errno = ENOMEM;
        return NULL;
    }
    memset(loop, 0, sizeof *loop);
    loop->config = whole;
    loop->backend = backend;
    loop->clock = monotonic_us;
    loop->now_us = monotonic_us();
    ring_init(&loop->tasks);
    ring_init(&loop->later);
    pirn__wheel_init(&loop->wheel, loop->now_us);
    if (open_parts(loop))
        return loop;
    int why = errno;
    pirn_loop_free(loop);
    errno = why;
    return NULL;
}

void pirn_loop_free(struct pirn_loop *loop)
{
    if (!loop)
        return;
    pirn__resolver_close(loop);
    pirn__posts_close(loop);
    if (loop->backend_state)
        loop->backend->close(loop);
    pirn__free(loop, loop->receive_memory, receive_memory_bytes(loop));
    pirn__free(loop, loop->shared.conn, loop->shared.conn_bytes);
    pirn__free(loop, loop->shared.tls, loop->shared.tls_bytes);
    pirn__private_close(loop);
    pirn__free(loop, loop, sizeof *loop);
}

/* ---- watches */

int pirn_loop_watch(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    if (watch->events & WATCHED || pirn__loop_forked(loop))
        return -PIRN_E_STATE;
    int error = loop->backend->add(loop, watch, events & ASKED);
    if (error)
        return error;
    watch->events = (uint16_t)((events & ASKED) | WATCHED);
    watch->place = 0;
    loop->watched += watch != &loop->posts.wake.watch;
    return 0;
}

int pirn_loop_rewatch(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    uint16_t wanted = (uint16_t)((events & ASKED) | WATCHED);
    if (watch->events == wanted)
        return 0;
    if (!(watch->events & WATCHED) || pirn__loop_forked(loop))
        return -PIRN_E_STATE;
    int error = loop->backend->change(loop, watch, events & ASKED);
    if (!error)
        watch->events = wanted;
    return error;
}

void pirn_loop_unwatch(struct pirn_loop *loop, struct pirn_watch *watch)
{
    if (!(watch->events & WATCHED))
        return;
    if (!pirn__loop_forked(loop)) /* the kernel's set is the parent's too */
        loop->backend->remove(loop, watch);
    if (watch->place)
        loop->ready[watch->place - 1].watch = NULL;
    watch->events = 0;
    watch->place = 0;
    loop->watched -= watch != &loop->posts.wake.watch;
}

void pirn__loop_ready(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    loop->ready[loop->ready_count++] = (struct pirn__ready){watch, events};
    watch->place = (uint16_t)loop->ready_count;
}

static int call_ready(struct pirn_loop *loop)
{
    int called = 0;
    for (unsigned i = 0; i < loop->ready_count; i++) {
        struct pirn_watch *watch = loop->ready[i].watch;
        if (!watch)
            continue;
        watch->place = 0;
        unsigned asked = watch->events & ASKED, events = loop->ready[i].events;
        events = events & PIRN_HANGUP ? asked | PIRN_HANGUP : events & asked;
        if (!events)
            continue;
        watch->ready(loop, watch, events);
        called++;
    }
    loop->ready_count = 0;
    return called;
}

/* ---- timers */

void pirn_timer_set(struct pirn_loop *loop, struct pirn_timer *timer, uint64_t due_us)
{
    pirn__wheel_set(&loop->wheel, timer, due_us);
}

void pirn_timer_stop(struct pirn_loop *loop, struct pirn_timer *timer)
{
    pirn__wheel_stop(&loop->wheel, timer);
}

static int call_timers(struct pirn_loop *loop)
{
    struct pirn_timer *timer;
    int called = 0;
    pirn__wheel_expire(&loop->wheel, loop->now_us);
    while ((timer = pirn__wheel_take(&loop->wheel)) != NULL) {
        timer->fire(loop, timer);
        called++;
    }
    return called;
}

/* ---- tasks: a ring in order of adding */

static void ring_add(struct pirn__task *head, struct pirn__task *task)
{
    if (task->link)
        return;
    task->next = head;
    task->link = head->link;
    *task->link = task;
    head->link = &task->next;
}

void pirn__loop_at_end(struct pirn_loop *loop, struct pirn__task *task)
{
    ring_add(&loop->tasks, task);
}

void pirn__loop_next_turn(struct pirn_loop *loop, struct pirn__task *task)
{
    ring_add(&loop->later, task);
}

void pirn__loop_not_at_end(struct pirn__task *task)
{
    if (!task->link)
        return;
    *task->link = task->next;
    task->next->link = task->link;
    task->next = NULL;
    task->link = NULL;
}

/* What was put off till this turn. */
static void take_later(struct pirn_loop *loop)
{
    while (!ring_is_empty(&loop->later)) {
        struct pirn__task *task = loop->later.next;
        pirn__loop_not_at_end(task);
        pirn__loop_at_end(loop, task);
    }
}

static int run_tasks(struct pirn_loop *loop)
{
    int ran = 0;
    while (!ring_is_empty(&loop->tasks)) {
        struct pirn__task *task = loop->tasks.next;
        pirn__loop_not_at_end(task);
        task->run(loop, task);
        ran++;
    }
    return ran;
}

/* ---- turns */

int pirn_loop_timeout_ms(const struct pirn_loop *loop)
{
    if (!ring_is_empty(&loop->tasks) || !ring_is_empty(&loop->later))
        return 0;
    uint64_t next_us = pirn__wheel_next_us(&loop->wheel);
    if (next_us == UINT64_MAX)
        return -1;
    uint64_t now_us = loop->clock(); /* not loop->now_us: callbacks took their time since */
    if (next_us <= now_us)
        return 0;
    uint64_t wait_us = next_us - now_us;
    return wait_us < (uint64_t)INT_MAX * 1000 ? (int)((wait_us + 999) / 1000) : INT_MAX;
}

/* Returns how many calls it made. */
static int turn(struct pirn_loop *loop, int timeout_ms)
{
    int error = loop->backend->wait(loop, timeout_ms);
    if (error)
        return error;
    loop->now_us = loop->clock();
    take_later(loop);
    int called = call_ready(loop);
    called += call_timers(loop);
    return called + run_tasks(loop);
}

static bool has_work(struct pirn_loop *loop)
{
    return loop->watched || loop->wheel.count || !ring_is_empty(&loop->tasks) ||
           !ring_is_empty(&loop->later) || pirn__posts_pending(loop);
}

/* Turns are not nested, and not made by a forked child. */
static bool enter(struct pirn_loop *loop)
{
    if (loop->in_turn || pirn__loop_forked(loop))
        return false;
    loop->in_turn = true;
    loop->stopped = false;
    return true;
}

int pirn_loop_run(struct pirn_loop *loop)
{
    int result = 0;
    if (!enter(loop))
        return -PIRN_E_STATE;
    while (result >= 0 && !loop->stopped && has_work(loop))
        result = turn(loop, pirn_loop_timeout_ms(loop));
    loop->in_turn = false;
    return result < 0 ? result : 0;
}

int pirn__loop_turn(struct pirn_loop *loop, int timeout_ms)
{
    int due_ms = pirn_loop_timeout_ms(loop);
    if (!enter(loop))
        return -PIRN_E_STATE;
    int result =
        turn(loop, due_ms >= 0 && (timeout_ms < 0 || due_ms < timeout_ms) ? due_ms : timeout_ms);
    loop->in_turn = false;
    return result;
}

int pirn_loop_dispatch(struct pirn_loop *loop)
{
    return pirn__loop_turn(loop, 0);
}

bool pirn__loop_in_turn(const struct pirn_loop *loop)
{
    return loop->in_turn;
}

void pirn_loop_stop(struct pirn_loop *loop)
{
    loop->stopped = true;
}

/* ---- what others ask */

int pirn_loop_fd(const struct pirn_loop *loop)
{
    return loop->backend->fd(loop);
}

uint64_t pirn_loop_now_us(const struct pirn_loop *loop)
{
    return loop->now_us;
}

struct pirn__loop_shared *pirn__loop_shared(struct pirn_loop *loop)
{
    return &loop->shared;
}

void pirn__loop_set_clock(struct pirn_loop *loop, pirn__clock_fn *now_us)
{
    loop->clock = now_us;
    loop->now_us = now_us();
    pirn__wheel_init(&loop->wheel, loop->now_us);
}
