/* A client and our own server: opening, talking, closing, and what it tells of that. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

static void opens_talks_and_closes(void **state)
{
    (void)state;
    char steps[512], ours[64], theirs[64];
    stage_open(NULL);
    struct pirn_client_config config = guest_config("/chat?room=1");
    guest_open(&config);
    assert_int_equal(pirn_client_state(guest.client), PIRN_CLIENT_CONNECTING);
    assert_int_equal(guest.told.steps, 0);
    AWAIT(guest.told.opens == 1);
    snprintf(steps, sizeof steps, "connect: 127.0.0.1:%u\nhandshake: %s\nopen: %s\n",
             (unsigned)stage.port, guest.url, guest.url);
    assert_string_equal(guest.told.log, steps);
    assert_int_equal(pirn_client_state(guest.client), PIRN_CLIENT_OPEN);
    assert_string_equal(pirn_client_url(guest.client), guest.url);
    assert_int_equal(pirn_client_attempts(guest.client), 1);
    assert_ptr_equal(pirn_client_context(guest.client), &guest);
    assert_ptr_equal(pirn_conn_context(pirn_client_conn(guest.client)), &guest);
    assert_int_equal(guest.told.status, 101);
    pirn_conn_local(pirn_client_conn(guest.client), ours, sizeof ours);
    assert_string_equal(pirn_conn_peer(stage.told.conn, theirs, sizeof theirs), ours);
    pirn_conn_local(stage.told.conn, theirs, sizeof theirs);
    assert_string_equal(pirn_conn_peer(pirn_client_conn(guest.client), ours, sizeof ours), theirs);
    assert_int_equal(pirn_client_send(guest.client, PIRN_TEXT, "hello", 5), 0);
    AWAIT(guest.told.messages == 1);
    assert_string_equal(guest.told.message, "hello");
    assert_int_equal(pirn_client_close(guest.client, 1000, PIRN_STR("bye")), 0);
    assert_int_equal(pirn_client_close(guest.client, 1000, PIRN_STR("bye")), -PIRN_E_CLOSED);
    assert_int_equal(pirn_client_send(guest.client, PIRN_TEXT, "late", 4), -PIRN_E_CLOSED);
    AWAIT(guest.told.ends == 1);
    assert_int_equal(guest.told.closes, 1);
    assert_true(guest.told.close.clean);
    assert_int_equal(guest.told.close.code, 1000);
    assert_int_equal(guest.told.failures, 0);
    assert_null(pirn_client_conn(guest.client));
    assert_string_equal(guest.told.end_text, guest.told.close_text);
    guest_finish();
}

/* ---- by other ways */

static void over_a_unix_socket(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "/tmp/pirn-client-%d", getpid());
    const char *const paths[] = {path, "@pirn-client-test"};
    for (size_t i = 0; i < COUNT(paths); i++) {
        assert_true(stage_open_loop());
        assert_int_equal(stage_start(NULL, &(struct pirn_listen){.unix_path = paths[i]}), 0);
        struct pirn_client_config config = guest_config("/");
        config.url = "ws://anything.test/x";
        config.unix_path = paths[i];
        guest_connect(&config);
        guest_expect_text(guest.told.log, "connect: *");
        assert_non_null(strstr(guest.told.log, paths[i] + 1));
        char own[64];
        pirn_conn_local(pirn_client_conn(guest.client), own, sizeof own);
        assert_string_equal(own, "unix");
        assert_int_equal(pirn_client_send(guest.client, PIRN_TEXT, "hello", 5), 0);
        AWAIT(guest.told.messages == 1);
        guest_finish();
    }
    stage_open(NULL);
    struct pirn_client_config config = guest_config("/");
    config.unix_path = "/tmp/pirn-there-is-no-such-socket";
    guest_open(&config);
    guest_expect_failure(PIRN_LAYER_TCP, PIRN_E_SYSTEM, "tcp: *");
    guest_finish();
}

/* ---- the machine */

/* Without random bytes nothing leaves: no key, and no message with a weak mask (C12). */
static void no_random_bytes(void **state)
{
    (void)state;
    int error = 0;
    stage_open(NULL);
    struct pirn_client_config config = guest_config("/");
    config.conn.endpoint.random = guest_random;
    guest_lucky = false;
    assert_null(pirn_client_new(stage.loop, &config, &error));
    assert_int_equal(error, PIRN_E_RANDOM);
    guest_lucky = true;
    guest_connect(&config);
    guest_lucky = false;
    assert_int_equal(pirn_client_send(guest.client, PIRN_TEXT, "x", 1), -PIRN_E_RANDOM);
    guest_lucky = true;
    assert_int_equal(pirn_client_send(guest.client, PIRN_TEXT, "hello", 5), 0);
    AWAIT(guest.told.messages == 1);
    assert_int_equal(stage.told.messages, 1);
    guest_close();
    guest_open(&config);
    guest_lucky = false;
    guest_expect_failure(PIRN_LAYER_APPLICATION, PIRN_E_RANDOM,
                         "application: random source failed");
    guest_finish();
}

/* How far counts of 256 values are from being alike; about 255, and in a million cases once over
 * 380 or below 155. */
static void expect_evenly(const unsigned counts[256], unsigned all)
{
    double expected = all / 256.0, sum = 0;
    for (int i = 0; i < 256; i++)
        sum += (counts[i] - expected) * (counts[i] - expected) / expected;
    if (sum < 130 || sum > 420) /* 5.5 and 7.3 standard deviations away */
        fail_msg("chi-square of a byte: %g", sum);
}

/* The masks on the wire: each its own, each byte of them, and of what is between one and the next,
 * evenly spread (C12). */
static void masks_are_random(void **state)
{
    (void)state;
    enum { BATCH = 4096, FRAME = 7 };
    static uint8_t frames[BATCH * FRAME];
    static unsigned bytes[4][256], changes[4][256];
    unsigned all = getenv("PIRN_SANITIZE") ? 1u << 17 : 1u << 20, same = 0;
    uint8_t last[4] = {0};
    stage_open(NULL);
    script_listen();
    struct pirn_client_config config = guest_config("/");
    guest_open(&config);
    script_take();
    script_let_in("");
    for (unsigned sent = 0; sent < all; sent += BATCH) {
        for (int i = 0; i < BATCH; i++)
            assert_int_equal(pirn_client_send(guest.client, PIRN_BINARY, "x", 1), 0);
        script_await_bytes(frames, sizeof frames);
        for (const uint8_t *frame = frames; frame < frames + sizeof frames; frame += FRAME) {
            assert_memory_equal(frame, "\x82\x81", 2);
            assert_int_equal(frame[6], 'x' ^ frame[2]);
            same += memcmp(last, frame + 2, 4) == 0;
            for (int i = 0; i < 4; i++) {
                bytes[i][frame[2 + i]]++;
                changes[i][(uint8_t)(frame[2 + i] - last[i])]++;
                last[i] = frame[2 + i];
            }
        }
    }
    for (int i = 0; i < 4; i++) {
        expect_evenly(bytes[i], all);
        expect_evenly(changes[i], all);
    }
    assert_true(same < 3);
    guest_finish();
}

static unsigned signals;

static void on_signal(int number)
{
    (void)number;
    signals++;
}

/* The server resets while we write: an error, no SIGPIPE (S11). */
static void no_signal(void **state)
{
    (void)state;
    static char block[100000];
    signal(SIGPIPE, on_signal);
    stage_open(NULL);
    struct pirn_client_config config = guest_config("/");
    guest_connect(&config);
    pirn_conn_terminate(stage.told.conn);
    for (int i = 0; i < 20; i++) {
        pirn_client_send(guest.client, PIRN_BINARY, block, sizeof block);
        stage_turn();
    }
    AWAIT(guest.told.ends == 1);
    assert_int_equal(guest.told.close.code, 1006);
    assert_int_equal(guest.told.close.layer, PIRN_LAYER_TCP);
    assert_int_equal(signals, 0);
    signal(SIGPIPE, SIG_DFL);
    guest_finish();
}

/* A forked child may free its copy, and the parent's connection knows nothing of it (S12). */
static void forks(void **state)
{
    (void)state;
    for (int when = 0; when < 2; when++) {
        int status = -1;
        stage_open(NULL);
        struct pirn_client_config config = guest_config("/");
        guest_open(&config);
        stage_turn();
        if (when > 0) {
            AWAIT(guest.told.opens == 1);
        }
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            int result = pirn_client_send(guest.client, PIRN_TEXT, "child", 5);
            pirn_client_free(guest.client);
            _exit(when > 0 ? result != -PIRN_E_STATE : result != 0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        AWAIT(guest.told.opens == 1);
        assert_int_equal(pirn_client_send(guest.client, PIRN_TEXT, "parent", 6), 0);
        AWAIT(guest.told.messages == 1);
        assert_string_equal(guest.told.message, "parent");
        assert_int_equal(stage.told.messages, 1);
        guest_finish();
    }
}

/* The server closes, and the client answers; the server keeps TCP open (S05). */
static void a_peer_that_stays(void **state)
{
    (void)state;
    stage_open(NULL);
    script_listen();
    struct pirn_client_config config = guest_config("/");
    guest_open(&config);
    script_take();
    script_let_in("\x88\x02\x03\xe9");
    stage_settle();
    assert_int_equal(guest.told.closes, 0);
    stage_pass_ms(PIRN_DEFAULT_CLOSE_TIMEOUT_MS + 10);
    assert_int_equal(guest.told.closes, 1);
    assert_int_equal(guest.told.close.code, 1001);
    assert_int_equal(guest.told.ends, 1);
    guest_finish();
}

/* A peer that has gone silent is found dead by keep-alive, and the next attempt is made (S06). */
static void a_silent_peer(void **state)
{
    (void)state;
    stage_open(NULL);
    script_listen();
    struct pirn_client_config config = guest_config("/");
    config.conn.endpoint.ping_interval_ms = 0;
    config.reconnect.on = true;
    guest_open(&config);
    script_take();
    script_let_in("");
    for (int i = 0; i < 45 && guest.told.closes == 0; i++)
        stage_pass_ms(1000);
    assert_int_equal(guest.told.closes, 1);
    assert_int_equal(guest.told.close.layer, PIRN_LAYER_TIMEOUT);
    assert_int_equal(guest.told.close.error, PIRN_E_PING_TIMEOUT);
    assert_int_equal(guest.told.ends, 0);
    stage_pass_ms(10);
    assert_int_equal(guest.told.attempts, 2);
    guest_finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GUEST_TEST(opens_talks_and_closes),
        GUEST_TEST(over_a_unix_socket),
        GUEST_TEST(no_random_bytes),
        GUEST_TEST(masks_are_random),
        GUEST_TEST(no_signal),
        GUEST_TEST(forks),
        GUEST_TEST(a_peer_that_stays),
        GUEST_TEST(a_silent_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
