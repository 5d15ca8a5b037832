/* The client without a loop, against servers in a thread of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <pthread.h>
#include <sys/resource.h>
#include <time.h>

#include <pirn/blocking.h>

#include "host.h"

/* ---- the server: echoes, and does what some texts ask for */

static unsigned pongs;

static bool says(const void *data, size_t len, const char *text)
{
    return len == strlen(text) && memcmp(data, text, len) == 0;
}

static void on_message(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    static const char block[1000];
    if (says(data, len, "leave"))
        pirn_conn_close(conn, 1001, PIRN_STR("away"));
    else if (says(data, len, "die"))
        pirn_conn_terminate(conn);
    else if (says(data, len, "ping"))
        pirn_conn_ping(conn, "x", 1);
    else if (says(data, len, "much"))
        for (int i = 0; i < 5000; i++)
            pirn_conn_send(conn, PIRN_BINARY, block, sizeof block);
    else if (!says(data, len, "hush"))
        pirn_conn_send(conn, type, data, len);
}

static void on_pong(struct pirn_conn *conn, const void *data, size_t len, uint64_t rtt_us)
{
    (void)data, (void)len, (void)rtt_us;
    pongs++;
    pirn_conn_send(conn, PIRN_TEXT, "pong", 4);
}

static void refuse(struct pirn_request *request, void *context)
{
    (void)context;
    pirn_request_reject(request, 403, NULL, 0, NULL);
}

static int start_host(void **state)
{
    static const struct pirn_route routes[] = {{.path = "/no", .on_request = refuse},
                                               {.path = NULL}};
    const struct pirn_server_config config = {
        .conn = {.handlers = {.on_message = on_message, .on_pong = on_pong},
                 .high_water_bytes = 16 << 20,
                 .endpoint.max_message_bytes = 64 << 20},
        .routes = routes,
        .route_count = 2};
    (void)state;
    pongs = 0;
    host_start(&config, NULL);
    return 0;
}

static int stop_host(void **state)
{
    (void)state;
    host_stop();
    return 0;
}

/* ---- */

static struct pirn_blocking *join(void)
{
    char why[256];
    struct pirn_blocking *ws = pirn_blocking_connect(host.url, NULL, why, sizeof why);
    if (!ws)
        fail_msg("%s", why);
    assert_string_equal(why, "");
    return ws;
}

static void send_text(struct pirn_blocking *ws, const char *text)
{
    assert_int_equal(pirn_blocking_send(ws, PIRN_TEXT, text, strlen(text)), 0);
}

static void expect(struct pirn_blocking *ws, const char *text)
{
    struct pirn_blocking_message message;
    assert_int_equal(pirn_blocking_receive(ws, 10000, &message), 1);
    assert_int_equal(message.type, PIRN_TEXT);
    assert_string_equal(message.data, text);
    assert_int_equal(message.len, strlen(text));
}

static void talks(void **state)
{
    (void)state;
    struct pirn_blocking_message message;
    struct pirn_blocking *ws = join();
    assert_non_null(pirn_blocking_conn(ws));
    assert_null(pirn_blocking_ending(ws));
    send_text(ws, "hello");
    expect(ws, "hello");
    send_text(ws, "");
    expect(ws, "");
    for (int i = 0; i < 100; i++)
        send_text(ws, "again");
    for (int i = 0; i < 100; i++)
        expect(ws, "again");
    assert_int_equal(pirn_blocking_receive(ws, 0, &message), 0);
    assert_int_equal(pirn_blocking_receive(ws, 30, &message), 0);
    assert_int_equal(pirn_blocking_close(ws, 1000, PIRN_STR("bye")), 0);
    assert_true(pirn_blocking_ending(ws)->clean);
    assert_int_equal(pirn_blocking_ending(ws)->code, 1000);
    assert_null(pirn_blocking_conn(ws));
    assert_int_equal(pirn_blocking_receive(ws, 0, &message), -PIRN_E_CLOSED);
    assert_int_equal(pirn_blocking_send(ws, PIRN_TEXT, "x", 1), -PIRN_E_CLOSED);
    assert_int_equal(pirn_blocking_close(ws, 1000, PIRN_STR("bye")), -PIRN_E_CLOSED);
    pirn_blocking_free(ws);
    pirn_blocking_free(NULL);
}

static void large_messages(void **state)
{
    (void)state;
    enum { LEN = 8 << 20 };
    static char large[LEN];
    struct pirn_blocking_message message;
    struct pirn_blocking *ws = join();
    for (size_t i = 0; i < LEN; i++)
        large[i] = (char)(i % 251);
    assert_int_equal(pirn_blocking_send(ws, PIRN_BINARY, large, LEN), 0);
    assert_int_equal(pirn_blocking_receive(ws, 10000, &message), 1);
    assert_int_equal(message.type, PIRN_BINARY);
    assert_int_equal(message.len, LEN);
    assert_memory_equal(message.data, large, LEN);
    pirn_blocking_free(ws);
}

/* 5 MB come while nobody receives: they are not all taken at once, and all arrive. */
static void receives_late(void **state)
{
    (void)state;
    struct pirn_blocking_message message;
    struct pirn_blocking *ws = join();
    send_text(ws, "much");
    for (int i = 0; i < 20; i++)
        send_text(ws, "hush");
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(pirn_blocking_receive(ws, 10000, &message), 1);
        assert_int_equal(message.len, 1000);
    }
    send_text(ws, "still here");
    expect(ws, "still here");
    send_text(ws, "much");
    assert_int_equal(pirn_blocking_close(ws, 1000, PIRN_STR("")), 0);
    pirn_blocking_free(ws);
}

static void pings_are_answered(void **state)
{
    (void)state;
    struct pirn_blocking *ws = join();
    send_text(ws, "ping");
    expect(ws, "pong");
    assert_int_equal(pirn_conn_ping(pirn_blocking_conn(ws), "y", 1), 0);
    send_text(ws, "after");
    expect(ws, "after");
    pirn_blocking_free(ws);
}

static void the_server_ends_it(void **state)
{
    (void)state;
    struct pirn_blocking_message message;
    struct pirn_blocking *ws = join();
    send_text(ws, "last");
    send_text(ws, "leave");
    expect(ws, "last");
    assert_int_equal(pirn_blocking_receive(ws, 10000, &message), -PIRN_E_CLOSED);
    const struct pirn_close_info *ending = pirn_blocking_ending(ws);
    assert_int_equal(ending->code, 1001);
    assert_true(pirn_str_equal(ending->reason, PIRN_STR("away")));
    assert_string_equal(ending->text, "closed by peer: 1001 Going Away \"away\"");
    pirn_blocking_free(ws);
    ws = join();
    send_text(ws, "die");
    assert_int_equal(pirn_blocking_receive(ws, 10000, &message), -PIRN_E_CLOSED);
    assert_int_equal(pirn_blocking_ending(ws)->code, 1006);
    assert_int_equal(pirn_blocking_ending(ws)->layer, PIRN_LAYER_TCP);
    pirn_blocking_free(ws);
}

static const struct {
    const char *url, *text;
} rows[] = {
    {"nonsense", "not a WebSocket URL"},
    {"ws://127.0.0.1:1/", "tcp: connection refused (127.0.0.1:1)"},
    {"ws://does-not-exist.invalid/", "dns: *"},
};

static void says_why_not(void **state)
{
    (void)state;
    char why[256], url[128];
    const struct pirn_client_config config = {.proxy = ""};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len = strcspn(rows[i].text, "*");
        assert_null(pirn_blocking_connect(rows[i].url, &config, why, sizeof why));
        if (strncmp(why, rows[i].text, len) != 0 || (!rows[i].text[len] && why[len]))
            fail_msg("%s: %s", rows[i].url, why);
    }
    snprintf(url, sizeof url, "%sno", host.url);
    assert_null(pirn_blocking_connect(url, NULL, why, sizeof why));
    assert_string_equal(why, "http: 403 Forbidden instead of 101");
    assert_null(pirn_blocking_connect(url, NULL, NULL, 0));
}

static void says_what_the_kernel_does_not_give(void **state)
{
    (void)state;
    char why[256];
    struct rlimit usual, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    none = usual;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct pirn_blocking *ws = pirn_blocking_connect(host.url, NULL, why, sizeof why);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    assert_null(ws);
    assert_string_equal(why, "too many open files");
}

/* ---- a thread each */

static void *talk(void *argument)
{
    char text[32];
    (void)argument;
    for (int round = 0; round < 5; round++) {
        struct pirn_blocking *ws = pirn_blocking_connect(host.url, NULL, NULL, 0);
        struct pirn_blocking_message message;
        if (!ws)
            return "no connection";
        for (int i = 0; i < 50; i++) {
            int len = snprintf(text, sizeof text, "%zu %d", *(size_t *)argument, i);
            if (pirn_blocking_send(ws, PIRN_TEXT, text, (size_t)len) != 0 ||
                pirn_blocking_receive(ws, 10000, &message) != 1 || strcmp(message.data, text) != 0)
                return "no echo";
        }
        if (pirn_blocking_close(ws, 1000, PIRN_STR("")) != 0)
            return "no end";
        pirn_blocking_free(ws);
    }
    return NULL;
}

static void a_thread_each(void **state)
{
    (void)state;
    pthread_t threads[8];
    size_t numbers[8];
    for (size_t i = 0; i < 8; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, talk, &numbers[i]), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        void *problem;
        pthread_join(threads[i], &problem);
        if (problem)
            fail_msg("%s", (char *)problem);
    }
}

#define HOST_TEST(function) cmocka_unit_test_setup_teardown(function, start_host, stop_host)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOST_TEST(talks),
        HOST_TEST(large_messages),
        HOST_TEST(receives_late),
        HOST_TEST(pings_are_answered),
        HOST_TEST(the_server_ends_it),
        HOST_TEST(says_why_not),
        HOST_TEST(says_what_the_kernel_does_not_give),
        HOST_TEST(a_thread_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
