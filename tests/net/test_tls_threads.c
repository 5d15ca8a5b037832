/* Clients in threads of their own that share a TLS context, while the server's, in another thread,
 * is read anew again and again (S18). Under ThreadSanitizer with the preset tsan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pthread.h>

#include <pirn/blocking.h>

#include "certificates.h"
#include "host.h"

enum { THREADS = 8, ROUNDS = 3, MESSAGES = 20 };

static struct pirn_tls *contexts[2];
static atomic_bool over;

/* Everything that is legal from any thread. */
static void *reload(void *argument)
{
    (void)argument;
    while (!atomic_load(&over)) {
        for (int role = PIRN_SERVER; role <= PIRN_CLIENT; role++)
            if (pirn_tls_reload(contexts[role], NULL, NULL, 0) != 0)
                return "no reload";
    }
    return NULL;
}

static void *talk(void *argument)
{
    const struct pirn_client_config config = {.tls = contexts[PIRN_CLIENT], .proxy = ""};
    char text[32], why[256];
    for (int round = 0; round < ROUNDS; round++) {
        struct pirn_blocking_message message;
        struct pirn_blocking *ws = pirn_blocking_connect(host.url, &config, why, sizeof why);
        if (!ws) {
            fprintf(stderr, "%s\n", why);
            return "no connection";
        }
        for (int i = 0; i < MESSAGES; i++) {
            int len = snprintf(text, sizeof text, "%zu %d", *(size_t *)argument, i);
            if (pirn_blocking_send(ws, PIRN_TEXT, text, (size_t)len) != 0 ||
                pirn_blocking_receive(ws, PIRN_OFF, &message) != 1 ||
                strcmp(message.data, text) != 0)
                return "no echo";
        }
        if (pirn_blocking_close(ws, 1000, PIRN_STR("")) != 0)
            return "no end";
        pirn_blocking_free(ws);
    }
    return NULL;
}

static void join(pthread_t thread)
{
    void *problem;
    assert_int_equal(pthread_join(thread, &problem), 0);
    if (problem)
        fail_msg("%s", (const char *)problem);
}

static void contexts_are_shared(void **state)
{
    pthread_t reloader, threads[THREADS];
    size_t numbers[THREADS];
    (void)state;
    for (int role = PIRN_SERVER; role <= PIRN_CLIENT; role++)
        assert_non_null(contexts[role] = certificates_tls((enum pirn_role)role));
    host_start(&(struct pirn_server_config){0}, contexts[PIRN_SERVER]);
    assert_int_equal(pthread_create(&reloader, NULL, reload, NULL), 0);
    for (size_t i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, talk, &numbers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        join(threads[i]);
    atomic_store(&over, true);
    join(reloader);
    host_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contexts_are_shared),
    };
    setenv("PIRN_TEST_TLS", "1", 1);
    return certificates_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
