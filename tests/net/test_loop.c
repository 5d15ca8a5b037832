/* Every test runs with both backends: *state points to which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "loop/container.h"
#include "loop/loop.h"

static struct pirn_loop *new_loop(void **state)
{
    struct pirn_loop_config config = {.backend = *(enum pirn_loop_backend *)*state};
    struct pirn_loop *loop = pirn_loop_new(&config);
    assert_non_null(loop);
    return loop;
}

/* One end of a socket pair under watch; the other is the test's. */
struct end {
    struct pirn_watch watch;
    int other;
    int calls;
    unsigned seen;
    void (*then)(struct pirn_loop *loop, struct end *end);
    void *argument;
};

static void end_ready(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    struct end *end = PIRN__CONTAINER(watch, struct end, watch);
    end->calls++;
    end->seen = events;
    if (end->then)
        end->then(loop, end);
}

static void end_open(struct end *end)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    *end = (struct end){.watch = {.ready = end_ready, .fd = fds[0]}, .other = fds[1]};
}

static void end_watch(struct pirn_loop *loop, struct end *end, unsigned events)
{
    end_open(end);
    assert_int_equal(pirn_loop_watch(loop, &end->watch, events), 0);
}

static void end_close(struct pirn_loop *loop, struct end *end)
{
    pirn_loop_unwatch(loop, &end->watch);
    close(end->watch.fd);
    if (end->other >= 0)
        close(end->other);
}

static void end_hang_up(struct end *end)
{
    close(end->other);
    end->other = -1;
}

static void say(const struct end *end)
{
    assert_int_equal(write(end->other, "x", 1), 1);
}

/* ---- watches */

static void tells_what_is_asked_for_as_long_as_it_is_the_case(void **state)
{
    struct pirn_loop *loop = new_loop(state);
    struct end end;
    end_watch(loop, &end, PIRN_READABLE);
    assert_int_equal(pirn_loop_dispatch(loop), 0);
    say(&end);
    for (int turn = 1; turn <= 3; turn++) {
        assert_int_equal(pirn_loop_dispatch(loop), 1);
        assert_int_equal(end.calls, turn);
        assert_int_equal(end.seen, PIRN_READABLE);
    }
    assert_int_equal(pirn_loop_rewatch(loop, &end.watch, PIRN_READABLE | PIRN_WRITABLE), 0);
    assert_int_equal(pirn_loop_dispatch(loop), 1);
    assert_int_equal(end.seen, PIRN_READABLE | PIRN_WRITABLE);
    assert_int_equal(pirn_loop_rewatch(loop, &end.watch, PIRN_WRITABLE), 0);
    assert_int_equal(pirn_loop_dispatch(loop), 1);
    assert_int_equal(end.seen, PIRN_WRITABLE);
    assert_int_equal(pirn_loop_rewatch(loop, &end.watch, 0), 0);
    assert_int_equal(pirn_loop_dispatch(loop), 0);
    end_close(loop, &end);
    pirn_loop_free(loop);
}

static void tells_hang_ups_always(void **state)
{
    static const unsigned asked[] = {0, PIRN_READABLE, PIRN_READABLE | PIRN_WRITABLE};
    struct pirn_loop *loop = new_loop(state);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct end end;
        end_watch(loop, &end, asked[i]);
        end_hang_up(&end);
        assert_int_equal(pirn_loop_dispatch(loop), 1);
        assert_int_equal(end.seen, PIRN_HANGUP | asked[i]);
        end_close(loop, &end);
        assert_int_equal(pirn_loop_dispatch(loop), 0);
    }
    pirn_loop_free(loop);
}

static void refuses_what_cannot_be_watched(void **state)
{
    struct pirn_loop *loop = new_loop(state);
    struct end end;
    end_open(&end);
    struct pirn_watch twin = end.watch, none = {.ready = end_ready, .fd = -1};
    assert_int_equal(pirn_loop_rewatch(loop, &end.watch, PIRN_READABLE), -PIRN_E_STATE);
    pirn_loop_unwatch(loop, &end.watch);
    assert_int_equal(pirn_loop_watch(loop, &end.watch, PIRN_READABLE), 0);
    assert_int_equal(pirn_loop_watch(loop, &end.watch, PIRN_WRITABLE), -PIRN_E_STATE);
    assert_int_equal(pirn_loop_watch(loop, &twin, PIRN_READABLE), -PIRN_E_SYSTEM);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(pirn_loop_watch(loop, &none, PIRN_READABLE), -PIRN_E_SYSTEM);
    assert_int_equal(errno, EBADF);
    pirn_loop_unwatch(loop, &twin);
    say(&end);
    assert_int_equal(pirn_loop_dispatch(loop), 1);
    end_close(loop, &end);
    pirn_loop_free(loop);
}

enum { CROWD = 700 };

static struct end *crowd_watch(struct pirn_loop *loop)
{
    struct end *crowd = calloc(CROWD, sizeof *crowd);
    for (size_t i = 0; i < CROWD; i++) {
        end_watch(loop, &crowd[i], PIRN_READABLE);
        say(&crowd[i]);
    }
    return crowd;
}

static void crowd_close(struct pirn_loop *loop, struct end *crowd)
{
    for (size_t i = 0; i < CROWD; i++)
        end_close(loop, &crowd[i]);
    free(crowd);
}

static void all_have_their_turn_when_many_are_ready(void **state)
{
    struct pirn_loop *loop = new_loop(state);
    struct end *crowd = crowd_watch(loop);
    int total = 0, least = INT32_MAX, most = 0;
    while (total < 10 * CROWD)
        total += pirn_loop_dispatch(loop);
    for (size_t i = 0; i < CROWD; i++) {
        least = crowd[i].calls < least ? crowd[i].calls : least;
        most = crowd[i].calls > most ? crowd[i].calls : most;
    }
    assert_in_range(least, 9, 10);
    assert_in_range(most, 10, 11);
    crowd_close(loop, crowd);
    pirn_loop_free(loop);
}

/* Ends, and frees the memory of, all the others. */
struct room {
    struct end *ends[20];
    int calls;
};

static void empty_the_room(struct pirn_loop *loop, struct end *self)
{
    struct room *room = self->argument;
    room->calls++;
    for (size_t i = 0; i < 20; i++) {
        struct end *end = room->ends[i];
        if (end == self || !end)
            continue;
        end_close(loop, end);
        memset(end, 0xAA, sizeof *end);
        free(end);
        room->ends[i] = NULL;
    }
}

static void an_end_in_the_same_turn_is_not_called(void **state)
{
    struct pirn_loop *loop = new_loop(state);
    struct room room = {0};
    for (size_t i = 0; i < 20; i++) {
        room.ends[i] = malloc(sizeof *room.ends[i]);
        end_watch(loop, room.ends[i], PIRN_READABLE);
        room.ends[i]->then = empty_the_room;
        room.ends[i]->argument = &room;
        say(room.ends[i]);
    }
    assert_int_equal(pirn_loop_dispatch(loop), 1);
    assert_int_equal(room.calls, 1);
    for (size_t i = 0; i < 20; i++) {
        if (room.ends[i])
            end_close(loop, room.ends[i]);
        free(room.ends[i]);
    }
    assert_int_equal(pirn_loop_run(loop), 0);
    pirn_loop_free(loop);
}

/* Closes the other descriptor, and watches a new one with its number in the same struct. */
static void replace_other(struct pirn_loop *loop, struct end *self)
{
    struct end *other = self->argument;
    int number = other->watch.fd;
    self->then = NULL;
    other->then = NULL;
    end_close(loop, other);
    end_watch(loop, other, PIRN_READABLE);
    if (other->watch.fd != number) {
        assert_int_equal(other->other, number);
        assert_true(dup2(other->watch.fd, number) == number);
    }
}

static void a_reused_descriptor_hears_nothing_of_the_old_one(void **state)
{
    struct pirn_loop *loop = new_loop(state);
    struct end a, b;
    end_watch(loop, &a, PIRN_READABLE);
    end_watch(loop, &b, PIRN_READABLE);
    a.then = b.then = replace_other;
    a.argument = &b;
    b.argument = &a;
    say(&a);
    say(&b);
    assert_int_equal(pirn_loop_dispatch(loop), 1);
    struct end *old = a.calls ? &a : &b, *new = a.calls ? &b : &a;
    assert_int_equal(old->calls, 1);
    assert_int_equal(new->calls, 0);
    assert_int_equal(pirn_loop_dispatch(loop), 1);
    assert_int_equal(new->calls, 0);
    say(new);
    assert_int_equal(pirn_loop_dispatch(loop), 2);
    assert_int_equal(new->calls, 1);
    end_close(loop, &a);
    end_close(loop, &b);
    pirn_loop_free(loop);
}

static void silence_other(struct pirn_loop *loop, struct end *self)
{
    struct end *other = self->argument;
    assert_int_equal(pirn_loop_rewatch(loop, &other->watch, 0), 0);
}

static void what_is_no_longer_asked_for_is_not_told(void **state)
{
    struct pirn_loop *loop = new_loop(state);
    struct end a, b;
    end_watch(loop, &a, PIRN_READABLE);
    end_watch(loop, &b, PIRN_READABLE);
    a.then = b.then = silence_other;
    a.argument = &b;
    b.argument = &a;
    say(&a);
    say(&b);
    assert_int_equal(pirn_loop_dispatch(loop), 1);
    assert_int_equal(a.calls + b.calls, 1);
    end_close(loop, &a);
    end_close(loop, &b);
    pirn_loop_free(loop);
}

static void watches_come_and_go_in_any_order(void **state)
{
    enum { COUNT = 64 };
    struct pirn_loop *loop = new_loop(state);
    struct end *ends = calloc(COUNT, sizeof *ends);
    bool watched[COUNT] = {0};
    srand(1);
    for (int step = 0; step < 2000; step++) {
        int i = rand() % COUNT, expected = 0;
        if (watched[i]) {
            end_close(loop, &ends[i]);
        } else {
            end_watch(loop, &ends[i], PIRN_READABLE);
            if (rand() % 2)
                say(&ends[i]);
            else
                ends[i].calls = -1; /* marks a silent one */
        }
        watched[i] = !watched[i];
        for (i = 0; i < COUNT; i++)
            expected += watched[i] && ends[i].calls >= 0;
        assert_int_equal(pirn_loop_dispatch(loop), expected);
    }
    for (size_t i = 0; i < COUNT; i++)
        if (watched[i])
            end_close(loop, &ends[i]);
    free(ends);
    pirn_loop_free(loop);
}

/* ---- running */

static void stop_it(struct pirn_loop *loop, struct end *end)
{
    (void)end;
    pirn_loop_stop(loop);
    assert_int_equal(pirn_loop_run(loop), -PIRN_E_STATE);
    assert_int_equal(pirn_loop_dispatch(loop), -PIRN_E_STATE);
}

static void run_ends_with_stop_or_without_work(void **state)
{
    struct pirn_loop *loop = new_loop(state);
    struct end end;
    assert_int_equal(pirn_loop_run(loop), 0);
    end_watch(loop, &end, PIRN_READABLE);
    end.then = stop_it;
    say(&end);
    for (int runs = 1; runs <= 3; runs++) {
        assert_int_equal(pirn_loop_run(loop), 0);
        assert_int_equal(end.calls, runs);
    }
    end.then = end_close;
    assert_int_equal(pirn_loop_run(loop), 0);
    assert_int_equal(end.calls, 4);
    pirn_loop_free(loop);
    pirn_loop_free(NULL);
}

static void note_time(struct pirn_loop *loop, struct pirn_timer *timer)
{
    assert_true(pirn_loop_now_us(loop) >= timer->due_us);
    timer->fire = NULL;
}

static void timers_wait_in_real_time(void **state)
{
    struct pirn_loop *loop = new_loop(state);
    struct pirn_timer timer = {.fire = note_time};
    uint64_t began_us = pirn_loop_now_us(loop);
    pirn_timer_set(loop, &timer, began_us + 30000);
    assert_in_range(pirn_loop_timeout_ms(loop), 1, 31);
    assert_int_equal(pirn_loop_run(loop), 0);
    assert_null(timer.fire);
    assert_true(pirn_loop_now_us(loop) - began_us >= 30000);
    pirn_loop_free(loop);
}

static void count_alarm(int number)
{
    (void)number;
}

static void signals_do_not_end_the_wait(void **state)
{
    struct pirn_loop *loop = new_loop(state);
    struct sigaction action = {.sa_handler = count_alarm}, old;
    struct itimerval often = {{0, 2000}, {0, 2000}}, off = {{0, 0}, {0, 0}};
    struct pirn_timer timer = {.fire = note_time};
    sigaction(SIGALRM, &action, &old);
    setitimer(ITIMER_REAL, &often, NULL);
    pirn_timer_set(loop, &timer, pirn_loop_now_us(loop) + 30000);
    assert_int_equal(pirn_loop_run(loop), 0);
    assert_null(timer.fire);
    setitimer(ITIMER_REAL, &off, NULL);
    sigaction(SIGALRM, &old, NULL);
    pirn_loop_free(loop);
}

static void lives_inside_another_loop(void **state)
{
    struct pirn_loop *loop = new_loop(state);
    struct pirn_timer timer = {.fire = note_time};
    struct end end;
    struct pollfd polled = {.fd = pirn_loop_fd(loop), .events = POLLIN};
    if (*(enum pirn_loop_backend *)*state == PIRN_LOOP_POLL) {
        assert_int_equal(polled.fd, -1);
        pirn_loop_free(loop);
        return;
    }
    assert_int_equal(poll(&polled, 1, 0), 0);
    assert_int_equal(pirn_loop_timeout_ms(loop), -1);
    end_watch(loop, &end, PIRN_READABLE);
    end.then = end_close;
    say(&end);
    assert_int_equal(poll(&polled, 1, pirn_loop_timeout_ms(loop)), 1);
    assert_int_equal(pirn_loop_dispatch(loop), 1);
    pirn_timer_set(loop, &timer, pirn_loop_now_us(loop) + 5000);
    while (timer.fire) {
        poll(&polled, 1, pirn_loop_timeout_ms(loop));
        pirn_loop_dispatch(loop);
    }
    assert_int_equal(poll(&polled, 1, 0), 0);
    pirn_loop_free(loop);
}

static void stop_then(struct pirn_loop *loop, struct pirn_timer *timer)
{
    (void)timer;
    pirn_loop_stop(loop);
}

/* 1,000 descriptors in odd states: quiet, shut by the peer, with input that nobody asks for, full;
 * a busy loop would use all of the time that passes. */
static void idleness_costs_nothing(void **state)
{
    enum { COUNT = 1000 };
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct pirn_loop *loop = new_loop(state);
    struct pirn_timer timer = {.fire = stop_then};
    struct end *ends = calloc(COUNT, sizeof *ends);
    struct timespec before, after;
    for (size_t i = 0; i < COUNT; i++) {
        end_watch(loop, &ends[i], i % 4 ? 0 : PIRN_READABLE);
        if (i % 4 == 1)
            shutdown(ends[i].other, SHUT_WR);
        if (i % 4 == 2)
            say(&ends[i]);
        while (i % 4 == 3 && write(ends[i].watch.fd, "fill", 4) > 0)
            ;
    }
    pirn_timer_set(loop, &timer, pirn_loop_now_us(loop) + 300000);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    assert_int_equal(pirn_loop_run(loop), 0);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    double used_s =
        (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
    assert_true(used_s < 0.03);
    for (size_t i = 0; i < COUNT; i++)
        end_close(loop, &ends[i]);
    free(ends);
    pirn_loop_free(loop);
}

/* ---- tasks */

struct job {
    struct pirn__task task;
    char name;
    char *log;
    struct job *adds, *removes;
};

static void job_run(struct pirn_loop *loop, struct pirn__task *task)
{
    struct job *job = PIRN__CONTAINER(task, struct job, task);
    strncat(job->log, &job->name, 1);
    if (job->adds)
        pirn__loop_at_end(loop, &job->adds->task);
    if (job->removes)
        pirn__loop_not_at_end(&job->removes->task);
}

static void tasks_run_once_in_order_before_waiting(void **state)
{
    struct pirn_loop *loop = new_loop(state);
    char log[16] = "";
    struct job a = {.task = {.run = job_run}, .name = 'a', .log = log}, b = a, c = a, d = a;
    b.name = 'b';
    c.name = 'c';
    d.name = 'd';
    a.adds = &d;
    b.removes = &c;
    pirn__loop_not_at_end(&a.task);
    pirn__loop_at_end(loop, &a.task);
    pirn__loop_at_end(loop, &b.task);
    pirn__loop_at_end(loop, &a.task);
    pirn__loop_at_end(loop, &c.task);
    assert_int_equal(pirn_loop_timeout_ms(loop), 0);
    assert_int_equal(pirn_loop_run(loop), 0);
    assert_string_equal(log, "abd");
    pirn__loop_at_end(loop, &c.task);
    pirn__loop_not_at_end(&c.task);
    assert_int_equal(pirn_loop_dispatch(loop), 0);
    assert_string_equal(log, "abd");
    pirn_loop_free(loop);
}

static void add_job(struct pirn_loop *loop, struct end *end)
{
    struct job *job = end->argument;
    assert_string_equal(job->log, "");
    pirn__loop_at_end(loop, &job->task);
}

static void tasks_run_after_all_that_was_ready(void **state)
{
    struct pirn_loop *loop = new_loop(state);
    char log[16] = "";
    struct job job = {.task = {.run = job_run}, .name = 'x', .log = log};
    struct end ends[3];
    for (size_t i = 0; i < 3; i++) {
        end_watch(loop, &ends[i], PIRN_READABLE);
        ends[i].then = add_job;
        ends[i].argument = &job;
        say(&ends[i]);
    }
    assert_int_equal(pirn_loop_dispatch(loop), 4);
    assert_string_equal(log, "x");
    for (size_t i = 0; i < 3; i++)
        end_close(loop, &ends[i]);
    pirn_loop_free(loop);
}

/* ---- posts */

enum { POSTERS = 8, POSTS_EACH = 10000 };

struct poster {
    struct pirn_loop *loop;
    pthread_t thread;
    uint32_t next; /* as the loop saw them */
    uint32_t *all;
};

struct parcel {
    struct poster *poster;
    uint32_t number;
};

static void receive_parcel(struct pirn_loop *loop, void *argument)
{
    struct parcel *parcel = argument;
    struct poster *poster = parcel->poster;
    assert_int_equal(parcel->number, poster->next++);
    if (++*poster->all == POSTERS * POSTS_EACH)
        pirn_loop_stop(loop);
    free(parcel);
}

static void *post_many(void *argument)
{
    struct poster *poster = argument;
    for (uint32_t i = 0; i < POSTS_EACH; i++) {
        struct parcel *parcel = malloc(sizeof *parcel);
        *parcel = (struct parcel){poster, i};
        if (pirn_loop_post(poster->loop, receive_parcel, parcel))
            abort();
    }
    return NULL;
}

static void threads_post_in_order(void **state)
{
    struct pirn_loop *loop = new_loop(state);
    struct poster posters[POSTERS];
    struct end keeps_running;
    uint32_t all = 0;
    end_watch(loop, &keeps_running, PIRN_READABLE);
    for (size_t i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.loop = loop, .all = &all};
        pthread_create(&posters[i].thread, NULL, post_many, &posters[i]);
    }
    assert_int_equal(pirn_loop_run(loop), 0);
    assert_int_equal(all, POSTERS * POSTS_EACH);
    for (size_t i = 0; i < POSTERS; i++)
        pthread_join(posters[i].thread, NULL);
    end_close(loop, &keeps_running);
    pirn_loop_free(loop);
}

static void count_post(struct pirn_loop *loop, void *argument)
{
    (void)loop;
    ++*(int *)argument;
}

static void post_again(struct pirn_loop *loop, void *argument)
{
    ++*(int *)argument;
    assert_int_equal(pirn_loop_post(loop, post_again, argument), 0);
}

static void posting_for_ever_does_not_starve_others(void **state)
{
    struct pirn_loop *loop = new_loop(state);
    struct end end;
    int posts = 0;
    end_watch(loop, &end, PIRN_READABLE);
    say(&end);
    assert_int_equal(pirn_loop_post(loop, post_again, &posts), 0);
    for (int turn = 1; turn <= 50; turn++) {
        pirn_loop_dispatch(loop);
        assert_int_equal(posts, turn);
        assert_int_equal(end.calls, turn);
    }
    end_close(loop, &end);
    pirn_loop_free(loop); /* drops the one that is posted */
}

static void run_makes_the_posted_calls_before_it_ends(void **state)
{
    struct pirn_loop *loop = new_loop(state);
    int posts = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(pirn_loop_post(loop, count_post, &posts), 0);
    assert_int_equal(pirn_loop_run(loop), 0);
    assert_int_equal(posts, 3);
    pirn_loop_free(loop);
}

/* ---- memory, configuration, processes */

struct purse {
    size_t used, allocations;
    size_t fail_at; /* this allocation fails, counted from 1; 0: none */
};

static void *purse_realloc(void *context, void *memory, size_t old_size, size_t size)
{
    struct purse *purse = context;
    if (size > 0 && ++purse->allocations == purse->fail_at)
        return NULL;
    purse->used += size - old_size;
    if (size > 0)
        return realloc(memory, size);
    free(memory);
    return NULL;
}

static void use_everything(struct pirn_loop *loop)
{
    int posts = 0;
    struct end ends[20];
    for (size_t i = 0; i < 20; i++)
        end_open(&ends[i]);
    for (size_t i = 0; i < 20; i++) {
        int result = pirn_loop_watch(loop, &ends[i].watch, PIRN_READABLE);
        assert_true(result == 0 || result == -PIRN_E_MEMORY);
    }
    int result = pirn_loop_post(loop, count_post, &posts);
    assert_true(result == 0 || result == -PIRN_E_MEMORY);
    pirn_loop_dispatch(loop);
    assert_int_equal(posts, result == 0);
    for (size_t i = 0; i < 20; i++)
        end_close(loop, &ends[i]);
}

static void any_allocation_may_fail(void **state)
{
    struct purse purse = {0};
    struct pirn_loop_config config = {.backend = *(enum pirn_loop_backend *)*state,
                                      .realloc = purse_realloc,
                                      .realloc_context = &purse};
    do {
        purse.allocations = 0;
        purse.fail_at++;
        errno = 0;
        struct pirn_loop *loop = pirn_loop_new(&config);
        if (loop)
            use_everything(loop);
        else
            assert_int_equal(errno, ENOMEM);
        pirn_loop_free(loop);
        assert_int_equal(purse.used, 0);
    } while (purse.allocations >= purse.fail_at);
    assert_in_range(purse.fail_at, 5, 20);
}

static void ranges_are_checked(void **state)
{
    static const struct {
        size_t bytes, expected;
    } rows[] = {{0, 260 << 10}, {4095, 0}, {4096, 4096}, {16 << 20, 16 << 20}, {(16 << 20) + 1, 0}};
    struct pirn_loop_config config = {.backend = *(enum pirn_loop_backend *)*state};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        config.receive_buffer_bytes = rows[i].bytes;
        struct pirn_loop *loop = pirn_loop_new(&config);
        assert_int_equal(loop != NULL, rows[i].expected != 0);
        if (loop)
            assert_int_equal(pirn__loop_shared(loop)->receive_cap, rows[i].expected);
        else
            assert_int_equal(errno, EINVAL);
        pirn_loop_free(loop);
    }
    config = (struct pirn_loop_config){.backend = (enum pirn_loop_backend)7};
    assert_null(pirn_loop_new(&config));
}

static int descriptors(bool only_inherited)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++) {
        int flags = fcntl(fd, F_GETFD);
        count += flags >= 0 && !(only_inherited && flags & FD_CLOEXEC);
    }
    return count;
}

static void descriptors_are_closed_on_exec_and_at_the_end(void **state)
{
    int all = descriptors(false), inherited = descriptors(true);
    struct pirn_loop *loop = new_loop(state);
    assert_true(descriptors(false) > all);
    assert_int_equal(descriptors(true), inherited);
    pirn_loop_free(loop);
    assert_int_equal(descriptors(false), all);
}

static int in_child(struct pirn_loop *loop, struct end *end)
{
    struct pirn_watch other = {.ready = end_ready, .fd = end->other};
    struct pirn_timer timer = {.fire = note_time};
    bool dead = pirn__loop_forked(loop) && pirn_loop_run(loop) == -PIRN_E_STATE &&
                pirn_loop_dispatch(loop) == -PIRN_E_STATE &&
                pirn_loop_post(loop, count_post, NULL) == -PIRN_E_STATE &&
                pirn_loop_watch(loop, &other, PIRN_READABLE) == -PIRN_E_STATE &&
                pirn_loop_rewatch(loop, &end->watch, 0) == -PIRN_E_STATE;
    pirn_timer_set(loop, &timer, 0);
    pirn_timer_stop(loop, &timer);
    end_close(loop, end);
    pirn_loop_free(loop);
    return dead ? 0 : 1;
}

static void a_forked_child_touches_nothing(void **state)
{
    struct pirn_loop *loop = new_loop(state);
    struct end end;
    int status, posts = 0;
    end_watch(loop, &end, PIRN_READABLE);
    assert_false(pirn__loop_forked(loop));
    pid_t child = fork();
    if (child == 0)
        _exit(in_child(loop, &end));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_false(pirn__loop_forked(loop));
    assert_int_equal(pirn_loop_dispatch(loop), 0);
    say(&end);
    assert_int_equal(pirn_loop_post(loop, count_post, &posts), 0);
    assert_int_equal(pirn_loop_dispatch(loop), 2);
    assert_int_equal(end.seen, PIRN_READABLE);
    assert_int_equal(posts, 1);
    end_close(loop, &end);
    pirn_loop_free(loop);
}

#define ALL_TESTS(X)                                                                               \
    X(tells_what_is_asked_for_as_long_as_it_is_the_case)                                           \
    X(tells_hang_ups_always)                                                                       \
    X(refuses_what_cannot_be_watched)                                                              \
    X(all_have_their_turn_when_many_are_ready)                                                     \
    X(an_end_in_the_same_turn_is_not_called)                                                       \
    X(a_reused_descriptor_hears_nothing_of_the_old_one)                                            \
    X(what_is_no_longer_asked_for_is_not_told)                                                     \
    X(watches_come_and_go_in_any_order)                                                            \
    X(run_ends_with_stop_or_without_work)                                                          \
    X(timers_wait_in_real_time)                                                                    \
    X(signals_do_not_end_the_wait)                                                                 \
    X(lives_inside_another_loop)                                                                   \
    X(idleness_costs_nothing)                                                                      \
    X(tasks_run_once_in_order_before_waiting)                                                      \
    X(tasks_run_after_all_that_was_ready)                                                          \
    X(threads_post_in_order)                                                                       \
    X(posting_for_ever_does_not_starve_others)                                                     \
    X(run_makes_the_posted_calls_before_it_ends)                                                   \
    X(any_allocation_may_fail)                                                                     \
    X(ranges_are_checked)                                                                          \
    X(descriptors_are_closed_on_exec_and_at_the_end)                                               \
    X(a_forked_child_touches_nothing)

int main(void)
{
    static enum pirn_loop_backend backends[] = {PIRN_LOOP_EPOLL, PIRN_LOOP_POLL};
    const struct CMUnitTest tests[] = {
#define WITH_EPOLL(test) {#test " [epoll]", test, NULL, NULL, &backends[0]},
        ALL_TESTS(WITH_EPOLL)
#define WITH_POLL(test) {#test " [poll]", test, NULL, NULL, &backends[1]},
            ALL_TESTS(WITH_POLL)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
