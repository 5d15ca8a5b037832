/* What a server does to its process, and the process to it: descriptors that run out, idle time,
 * signals, forked children. Serial, as CPU time is measured. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "loop/loop.h"
#include "states.h"

/* ---- descriptors run out (S07) */

static rlim_t limit_fds(rlim_t soft)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = soft;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return before;
}

/* The number that the next descriptor will have. */
static rlim_t next_fd(void)
{
    int fd = dup(STDERR_FILENO);
    assert_true(fd >= 0);
    close(fd);
    return (rlim_t)fd;
}

static uint64_t pauses(void)
{
    return pirn_server_stats(stage.server).accept_pauses;
}

static bool is_asleep(void)
{
    struct pollfd ready = {.fd = pirn_loop_fd(stage.loop), .events = POLLIN};
    stage_settle();
    return poll(&ready, 1, 0) == 0;
}

enum { WAITING = 10, ROOM = 3 };

static void test_out_of_descriptors(void **state)
{
    (void)state;
    struct peer old, peers[WAITING];
    stage_open(NULL);
    peer_open(&old, "/");
    for (size_t i = 0; i < WAITING; i++)
        peer_connect(&peers[i]); /* in the backlog: their descriptors are ours, not the server's */
    rlim_t before = limit_fds(next_fd() + ROOM);
    AWAIT(pauses() == 1);
    assert_true(is_asleep()); /* although others wait in the backlog */
    assert_int_equal(pirn_server_stats(stage.server).accepted, 1 + ROOM);
    assert_int_equal(peer_answer(&peers[ROOM]), 503);
    for (size_t i = 0; i < ROOM; i++) {
        peer_ask(&peers[i], "/", "");
        assert_int_equal(peer_head(&peers[i]), 101);
    }
    peer_echo(&old, "not disturbed");
    assert_int_equal(pauses(), 1);
    stage_pass_ms(102); /* something of somebody else's may have ended: but no */
    assert_int_equal(pauses(), 2);
    assert_int_equal(peer_answer(&peers[ROOM + 1]), 503);
    assert_true(is_asleep());
    peer_reset(&peers[0]); /* both its ends: two are let in without any time passing */
    AWAIT(pauses() == 3);
    assert_int_equal(pirn_server_stats(stage.server).accepted, 3 + ROOM);
    for (size_t i = ROOM + 2; i < ROOM + 4; i++) {
        peer_ask(&peers[i], "/", "");
        assert_int_equal(peer_head(&peers[i]), 101);
    }
    assert_int_equal(peer_answer(&peers[ROOM + 4]), 503);
    limit_fds(before);
    stage_pass_ms(102);
    for (size_t i = ROOM + 5; i < WAITING; i++) {
        peer_ask(&peers[i], "/", "");
        assert_int_equal(peer_head(&peers[i]), 101);
    }
    for (size_t i = 1; i < WAITING; i++)
        peer_drop(&peers[i]);
    peer_leave(&old, PIRN_CLOSE_NORMAL);
    stage_close();
}

/* ---- idle time (S10) */

enum { CROWD = 1000, IDLE_MS = 1000 };

static double cpu_ms(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e3;
}

static uint64_t real_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void stop(struct pirn_loop *loop, struct pirn_timer *timer)
{
    (void)timer;
    pirn_loop_stop(loop);
}

static void end_oddly(struct peer *peer, size_t i)
{
    if (i % 3 == 1)
        shutdown(peer->fd, SHUT_WR);
    else if (i % 3 == 2)
        peer_reset(peer);
}

static void check_idle(enum pirn_loop_backend backend)
{
    static struct peer peers[CROWD];
    struct pirn_timer timer = {.fire = stop};
    stage.loop_config.backend = backend;
    stage_open(&states_config);
    for (size_t i = 0; i < CROWD; i++) {
        peer_states[i / 3 % peer_state_count].enter(&peers[i]);
        end_oddly(&peers[i], i);
    }
    for (int quiet = 0; quiet < 3; quiet++)
        stage_settle();
    pirn__loop_set_clock(stage.loop, real_us);
    pirn_loop_dispatch(stage.loop);
    pirn_timer_set(stage.loop, &timer, pirn_loop_now_us(stage.loop) + IDLE_MS * 1000);
    double before = cpu_ms();
    assert_int_equal(pirn_loop_run(stage.loop), 0);
    double used = cpu_ms() - before;
    print_message("%.2f ms of CPU in %d ms\n", used, IDLE_MS);
    assert_true(used < 0.01 * IDLE_MS);
    for (size_t i = 0; i < CROWD; i++)
        peer_drop(&peers[i]);
    stage_close();
}

static void test_idle_crowd(void **state)
{
    (void)state;
    check_idle(PIRN_LOOP_EPOLL);
    check_idle(PIRN_LOOP_POLL);
}

/* ---- signals (S11) */

static volatile sig_atomic_t pipes, alarms;

static void count_signal(int number)
{
    if (number == SIGPIPE)
        pipes++;
    else
        alarms++;
}

static void handle(int number, void (*handler)(int), struct sigaction *before)
{
    struct sigaction action = {.sa_handler = handler}; /* without SA_RESTART */
    assert_int_equal(sigaction(number, &action, before), 0);
}

/* Writing to those who have gone raises nothing, and the mask is not touched. */
static void test_no_sigpipe(void **state)
{
    (void)state;
    static const char block[65536];
    struct sigaction before;
    sigset_t mask_before, mask_after;
    sigprocmask(SIG_SETMASK, NULL, &mask_before);
    handle(SIGPIPE, count_signal, &before);
    pipes = 0;
    for (int unread = 0; unread < 2; unread++) {
        struct peer peer;
        stage_open(&(struct pirn_server_config){.conn.when_full = PIRN_FULL_DROP});
        peer_open(&peer, "/");
        if (unread)
            peer_reset(&peer);
        else
            peer_drop(&peer);
        while (stage.told.closes == 0) {
            pirn_conn_send(stage.told.conn, PIRN_BINARY, block, sizeof block);
            pirn_conn_ping(stage.told.conn, "x", 1);
            stage_turn();
        }
        peer_connect(&peer);
        peer_print(&peer, "nonsense\r\n\r\n");
        peer_reset(&peer);
        stage_settle();
        stage_close();
    }
    sigprocmask(SIG_SETMASK, NULL, &mask_after);
    assert_int_equal(pipes, 0);
    for (int number = 1; number < NSIG; number++)
        assert_int_equal(sigismember(&mask_before, number), sigismember(&mask_after, number));
    sigaction(SIGPIPE, &before, NULL);
}

/* Signals come all the time: system calls are interrupted, nothing else happens. */
static void test_interrupted(void **state)
{
    (void)state;
    static char block[200000];
    const struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    struct sigaction before;
    static struct peer peers[100]; /* connected before: connect(2) would be interrupted too */
    memset(block, 'x', sizeof block);
    handle(SIGALRM, count_signal, &before);
    alarms = 0;
    stage_open(NULL);
    for (size_t i = 0; i < COUNT(peers); i++)
        peer_connect(&peers[i]);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    for (size_t i = 0; i < COUNT(peers) || alarms < 100; i++) {
        struct peer *peer = &peers[i % COUNT(peers)];
        if (i < COUNT(peers))
            peer_upgrade(peer,
                         &(struct pirn_client_handshake_config){.host = PIRN_STR("localhost")});
        peer_message(peer, PIRN_BINARY, block, sizeof block);
        peer_expect(peer, PIRN_BINARY, block, sizeof block);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    for (size_t i = 0; i < COUNT(peers); i++)
        peer_leave(&peers[i], PIRN_CLOSE_NORMAL);
    stage_close();
    sigaction(SIGALRM, &before, NULL);
}

/* ---- forks (S12) */

enum child_deed { EXIT, USE, FREE, DEEDS };

/* What the child saw: 0, or the number of what was wrong. */
static int be_child(enum child_deed deed)
{
    struct pirn_conn *conn = stage.told.conn;
    if (deed == EXIT)
        return 0;
    if (pirn_loop_run(stage.loop) != -PIRN_E_STATE)
        return 1;
    if (pirn_loop_dispatch(stage.loop) != -PIRN_E_STATE)
        return 2;
    if (deed == USE) {
        pirn_conn_send(conn, PIRN_TEXT, "from the child", 14);
        pirn_conn_close(conn, PIRN_CLOSE_NORMAL, PIRN_STR("by the child"));
        pirn_conn_terminate(conn);
    }
    pirn_server_free(stage.server);
    pirn_loop_free(stage.loop);
    return 0;
}

static void run_child(enum child_deed deed)
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(be_child(deed));
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_children(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "/tmp/pirn-fork-%d", getpid());
    for (enum child_deed deed = EXIT; deed < DEEDS; deed++) {
        struct peer peer, half, local;
        stage_open(NULL);
        assert_int_equal(pirn_server_listen(stage.server, &(struct pirn_listen){.unix_path = path}),
                         0);
        peer_connect(&half);
        peer_print(&half, "GET / HTTP/1.1\r\nHost: x\r\n");
        AWAIT(pirn_server_stats(stage.server).accepted == 1);
        stage_settle();
        peer_open(&peer, "/");
        peer_echo(&peer, "before");
        run_child(deed);
        peer_echo(&peer, "after");
        peer_print(&half, "\r\n");
        assert_int_equal(peer_answer(&half), 426);
        assert_int_equal(peer_connect_unix(&local, path), 0);
        peer_ask(&local, "/", "");
        assert_int_equal(peer_head(&local), 101);
        peer_drop(&local);
        peer_drop(&half);
        peer_leave(&peer, PIRN_CLOSE_NORMAL);
        assert_int_equal(peer.error, 0);
        AWAIT(stage.told.closes == stage.told.opens);
        stage_close();
    }
}

/* A program that is executed inherits nothing. */
static void test_exec(void **state)
{
    (void)state;
    char command[200];
    struct peer peer;
    stage_open(NULL);
    peer_open(&peer, "/");
    close(peer.fd);
    peer.fd = -1;
    snprintf(command, sizeof command,
             "for f in /proc/self/fd/*; do readlink $f; done | grep -c -e socket: -e epoll");
    FILE *output = popen(command, "r");
    assert_non_null(output);
    int count = -1;
    assert_int_equal(fscanf(output, "%d", &count), 1);
    pclose(output);
    assert_int_equal(count, 0);
    peer_drop(&peer);
    stage_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_out_of_descriptors), STAGE_TEST(test_idle_crowd),
        STAGE_TEST(test_no_sigpipe),         STAGE_TEST(test_interrupted),
        STAGE_TEST(test_children),           STAGE_TEST(test_exec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
