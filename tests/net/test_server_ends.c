/* How sockets end, in whatever state they are: by the peer, by the server, by time, in a storm. */
#include <poll.h>
#include <string.h>

#include "states.h"

static enum pirn_loop_backend backend;

static void open_stage(void)
{
    stage.loop_config.backend = backend;
    stage_open(&states_config);
}

enum ending { STAY, HALF_CLOSE, CLOSE, RESET, ENDINGS };

static const char *const ending_names[] = {"staying", "half-close", "close", "reset"};

static void end(struct peer *peer, enum ending ending)
{
    if (ending == HALF_CLOSE)
        shutdown(peer->fd, SHUT_WR);
    else if (ending == CLOSE)
        peer_drop(peer);
    else if (ending == RESET)
        peer_reset(peer);
}

static bool is_idle(void)
{
    struct pollfd ready = {.fd = pirn_loop_fd(stage.loop), .events = POLLIN}; /* -1 of poll(2) */
    return stage_turn() == 0 && poll(&ready, 1, 0) == 0;
}

/* Nothing goes round and round: once all is done that was to do, the loop sleeps (S10). */
static void test_every_state_is_quiet(void **state)
{
    (void)state;
    for (size_t i = 0; i < peer_state_count; i++)
        for (enum ending ending = STAY; ending < ENDINGS; ending++) {
            struct peer peer;
            open_stage();
            peer_states[i].enter(&peer);
            end(&peer, ending);
            stage_settle();
            unsigned turns = 0;
            while (turns < 1000 && !is_idle())
                turns++;
            if (turns == 1000)
                fail_msg("%s, %s: no rest", peer_states[i].name, ending_names[ending]);
            peer_drop(&peer);
            stage_close();
        }
}

/* A peer that is gone leaves nothing behind, at once (S08). */
static void test_ends_leave_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < peer_state_count; i++)
        for (enum ending ending = CLOSE; ending < ENDINGS; ending++) {
            struct peer peer;
            if (peer_states[i].is & STATE_DEAF)
                continue;
            open_stage();
            size_t fds = stage_fds();
            peer_states[i].enter(&peer);
            end(&peer, ending);
            for (uint64_t until = stage_real_ms() + 5000;
                 stage_fds() != fds && stage_real_ms() < until;)
                stage_step();
            if (stage_fds() != fds)
                fail_msg("%s, %s: still there", peer_states[i].name, ending_names[ending]);
            assert_int_equal(stage.told.opens, (peer_states[i].is & STATE_OPEN));
            assert_int_equal(stage.told.closes, stage.told.opens);
            assert_int_equal(pirn_server_connections(stage.server), 0);
            stage_close();
        }
}

/* Whatever a peer does and then keeps silent about, its end comes in time: handshakes after 10 s,
 * deferred answers after 30 s, refusals after 2 s, keep-alive after 40 s, stalls after 30 s,
 * closing handshakes after 5 s (S01, S04, S05, S06). */
static void test_silence_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < peer_state_count; i++) {
        struct peer peer;
        if (peer_states[i].is & STATE_ENDLESS)
            continue;
        open_stage();
        size_t fds = stage_fds();
        peer_states[i].enter(&peer);
        unsigned seconds = 0;
        for (; stage_fds() > fds + 1 && seconds < 100; seconds++)
            stage_pass_ms(1000);
        if (seconds > 47)
            fail_msg("%s: not ended after %u s", peer_states[i].name, seconds);
        assert_int_equal(stage.told.closes, stage.told.opens);
        peer_drop(&peer);
        stage_close();
    }
}

enum { STORM = 10000 };

/* Memory that a server keeps for good, once it has needed it. */
static size_t warm_bytes(void)
{
    struct peer peer;
    size_t fds = stage_fds();
    for (size_t i = 0; i < peer_state_count; i++)
        if (!(peer_states[i].is & STATE_ENDLESS)) {
            peer_states[i].enter(&peer);
            peer_reset(&peer);
        }
    AWAIT(stage_fds() == fds);
    return stage.memory.bytes;
}

static void test_storm_of_resets(void **state)
{
    (void)state;
    static struct peer peers[50];
    open_stage();
    size_t bytes = warm_bytes(), fds = stage_fds();
    for (size_t done = 0, i = 0; done < (stage_over_tls() ? STORM / 10 : STORM); i++) {
        const struct peer_state *entered = &peer_states[i % peer_state_count];
        if (entered->is & STATE_ENDLESS)
            continue;
        for (size_t j = 0; j < COUNT(peers); j++)
            entered->enter(&peers[j]);
        for (size_t j = 0; j < COUNT(peers); j++)
            peer_reset(&peers[j]);
        done += COUNT(peers);
    }
    AWAIT(stage_fds() == fds);
    assert_int_equal(stage.memory.bytes, bytes);
    assert_int_equal(stage.told.closes, stage.told.opens);
    struct peer after;
    peer_open(&after, "/");
    peer_echo(&after, "still here");
    peer_leave(&after, PIRN_CLOSE_NORMAL);
    stage_close();
}

/* ---- the server ends (S17) */

static void open_all(struct peer *peers)
{
    for (size_t i = 0; i < peer_state_count; i++)
        peer_states[i].enter(&peers[i]);
}

static void drop_all(struct peer *peers)
{
    for (size_t i = 0; i < peer_state_count; i++)
        peer_drop(&peers[i]);
}

static void test_free_in_each_state(void **state)
{
    (void)state;
    for (size_t i = 0; i < peer_state_count; i++) {
        struct peer peer;
        open_stage();
        peer_states[i].enter(&peer);
        pirn_server_free(stage.server);
        stage.server = NULL;
        assert_int_equal(stage.told.closes, stage.told.opens);
        if (stage.told.opens)
            assert_int_equal(stage.told.close.code == PIRN_CLOSE_ABNORMAL, !stage.told.close.clean);
        peer_await_end(&peer);
        peer_drop(&peer);
        stage_close();
    }
}

static void test_free_with_everything_open(void **state)
{
    (void)state;
    static struct peer peers[64];
    assert_in_range(peer_state_count, 1, COUNT(peers));
    open_stage();
    open_all(peers);
    drop_all(peers);
    stage_close();
}

static unsigned drained;
static size_t drained_left;

static void on_drained(struct pirn_server *server, size_t left, void *context)
{
    drained++;
    drained_left = left;
    if (context) {
        pirn_server_free(server);
        stage.server = NULL;
    }
}

/* In every state drain comes to its end within its deadline, and tells it once. */
static void test_drain_in_each_state(void **state)
{
    (void)state;
    for (size_t i = 0; i < peer_state_count; i++) {
        struct peer peer;
        open_stage();
        drained = 0;
        peer_states[i].enter(&peer);
        assert_int_equal(pirn_server_drain(stage.server, PIRN_CLOSE_GOING_AWAY, PIRN_STR("bye"),
                                           3000, on_drained, &drained),
                         0);
        stage_settle();
        stage_pass_ms(2999);
        stage_pass_ms(3);
        if (drained != 1)
            fail_msg("%s: drained %u times", peer_states[i].name, drained);
        assert_null(stage.server);
        assert_int_equal(stage.told.closes, stage.told.opens);
        assert_in_range(drained_left, 0, stage.told.opens);
        peer_drop(&peer);
        stage_close();
    }
}

static void test_drain_with_everything_open(void **state)
{
    (void)state;
    static struct peer peers[64];
    open_stage();
    open_all(peers);
    drained = 0;
    pirn_server_drain(stage.server, PIRN_CLOSE_SERVICE_RESTART, PIRN_STR(""), 3000, on_drained,
                      &drained);
    for (int second = 0; second < 3; second++)
        stage_pass_ms(1001);
    assert_int_equal(drained, 1);
    assert_int_equal(stage.told.closes, stage.told.opens);
    drop_all(peers);
    stage_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_every_state_is_quiet),
        STAGE_TEST(test_ends_leave_nothing),
        STAGE_TEST(test_silence_ends),
        STAGE_TEST(test_free_in_each_state),
        STAGE_TEST(test_free_with_everything_open),
        STAGE_TEST(test_drain_in_each_state),
        STAGE_TEST(test_drain_with_everything_open),
    };
    const struct CMUnitTest storm[] = {STAGE_TEST(test_storm_of_resets)};
    int failed = 0;
    for (backend = PIRN_LOOP_EPOLL; backend <= PIRN_LOOP_POLL; backend++)
        failed += cmocka_run_group_tests_name(backend == PIRN_LOOP_EPOLL ? "epoll" : "poll", tests,
                                              NULL, NULL);
    backend = PIRN_LOOP_DEFAULT;
    return failed + cmocka_run_group_tests(storm, NULL, NULL);
}
