/* The resolver's thread, with a getaddrinfo(3) that the test holds up. It is built alone, without
 * the stage, because it is also built with ThreadSanitizer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "dial/resolve.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- getaddrinfo: "h7" has the address 10.0.0.7, other names none */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool held;
    unsigned asked, answered;
    char order[256]; /* the names as they were asked for */
    bool signals;    /* one of them is not blocked in the thread */
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void note_question(const char *name)
{
    sigset_t blocked;
    size_t len = strlen(fake.order);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    fake.signals |= !sigismember(&blocked, SIGTERM) || !sigismember(&blocked, SIGUSR1);
    fake.asked++;
    snprintf(fake.order + len, sizeof fake.order - len, "%s ", name);
    pthread_cond_broadcast(&fake.changed);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    (void)service, (void)hints;
    pthread_mutex_lock(&fake.lock);
    note_question(name);
    while (fake.held)
        pthread_cond_wait(&fake.changed, &fake.lock);
    fake.answered++;
    pthread_cond_broadcast(&fake.changed);
    pthread_mutex_unlock(&fake.lock);
    if (name[0] != 'h')
        return EAI_NONAME;
    struct addrinfo *info = calloc(1, sizeof *info + sizeof(struct sockaddr_in));
    if (!info)
        return EAI_MEMORY;
    struct sockaddr_in *in = (void *)(info + 1);
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(0x0A000000 + (uint32_t)atoi(name + 1));
    info->ai_family = AF_INET;
    info->ai_addr = (void *)in;
    info->ai_addrlen = sizeof *in;
    *result = info;
    return 0;
}

void freeaddrinfo(struct addrinfo *info)
{
    free(info);
}

static void hold(bool held)
{
    pthread_mutex_lock(&fake.lock);
    fake.held = held;
    pthread_cond_broadcast(&fake.changed);
    pthread_mutex_unlock(&fake.lock);
}

/* Waits until the thread has got so far. */
static void await_questions(unsigned asked, unsigned answered)
{
    pthread_mutex_lock(&fake.lock);
    while (fake.asked < asked || fake.answered < answered)
        pthread_cond_wait(&fake.changed, &fake.lock);
    pthread_mutex_unlock(&fake.lock);
}

/* ---- look-ups */

struct asker {
    struct pirn__lookup lookup;
    unsigned told;
    int error;
    uint32_t address;
    struct pirn_loop *loop;
    const char *again; /* looked up from done */
    struct asker *cancels;
};

static void on_answer(struct pirn__lookup *lookup, const struct pirn__answer *answer)
{
    struct asker *asker = (void *)lookup; /* its first member */
    asker->told++;
    asker->error = answer->error;
    if (!answer->error)
        asker->address = ntohl(answer->ips[0].name.v4.sin_addr.s_addr) & 0xFF;
    if (asker->cancels)
        pirn__resolve_cancel(asker->loop, &asker->cancels->lookup);
    const char *again = asker->again;
    asker->again = NULL;
    if (again)
        assert_int_equal(pirn__resolve(asker->loop, lookup, pirn_cstr(again)), 0);
}

static void ask(struct pirn_loop *loop, struct asker *asker, const char *name)
{
    asker->lookup.done = on_answer;
    asker->loop = loop;
    assert_int_equal(pirn__resolve(loop, &asker->lookup, pirn_cstr(name)), 0);
}

static int open_loop(void **state)
{
    hold(false);
    pthread_mutex_lock(&fake.lock);
    fake.asked = fake.answered = 0;
    fake.signals = false;
    fake.order[0] = '\0';
    pthread_mutex_unlock(&fake.lock);
    *state = pirn_loop_new(NULL);
    return *state ? 0 : -1;
}

static int free_loop(void **state)
{
    pirn_loop_free(*state);
    return 0;
}

static void questions_are_answered_in_order(void **state)
{
    struct asker askers[8] = {{.told = 0}};
    hold(true);
    for (int i = 0; i < 8; i++) {
        char name[8];
        snprintf(name, sizeof name, "h%d", i + 1);
        ask(*state, &askers[i], name);
    }
    hold(false);
    assert_int_equal(pirn_loop_run(*state), 0); /* ends when all are answered */
    for (int i = 0; i < 8; i++) {
        assert_int_equal(askers[i].told, 1);
        assert_int_equal(askers[i].error, 0);
        assert_int_equal(askers[i].address, i + 1);
    }
    assert_string_equal(fake.order, "h1 h2 h3 h4 h5 h6 h7 h8 ");
    assert_false(fake.signals);
}

static void one_may_follow_another(void **state)
{
    struct asker asker = {.again = "x"};
    for (int i = 0; i < 20; i++) { /* the thread ends and begins anew */
        asker.again = "x";
        asker.told = 0;
        ask(*state, &asker, "h9");
        assert_int_equal(pirn_loop_run(*state), 0);
        assert_int_equal(asker.told, 2);
        assert_int_equal(asker.address, 9);
        assert_int_equal(asker.error, EAI_NONAME);
    }
}

static void names_that_are_none_are_refused(void **state)
{
    char long_name[300];
    struct asker asker = {.lookup.done = on_answer};
    memset(long_name, 'h', sizeof long_name);
    const struct pirn_str names[] = {{NULL, 0}, {"", 0}, {"a\0b", 3}, {long_name, 256}};
    for (size_t i = 0; i < COUNT(names); i++)
        assert_int_equal(pirn__resolve(*state, &asker.lookup, names[i]), -PIRN_E_ARGUMENT);
    pirn__resolve_cancel(*state, &asker.lookup); /* of what is not under way: nothing */
    assert_int_equal(pirn__resolve(*state, &asker.lookup, (struct pirn_str){long_name, 255}), 0);
    assert_int_equal(pirn_loop_run(*state), 0);
    assert_int_equal(asker.told, 1);
}

static void given_up_ones_are_not_told(void **state)
{
    struct asker asked = {.told = 0}, waiting = {.told = 0}, last = {.told = 0};
    hold(true);
    ask(*state, &asked, "h1");
    ask(*state, &waiting, "h2");
    ask(*state, &last, "h3");
    await_questions(1, 0);
    pirn__resolve_cancel(*state, &asked.lookup);
    pirn__resolve_cancel(*state, &waiting.lookup);
    memset(&asked, 0xFF, sizeof asked); /* it may be freed */
    memset(&waiting, 0xFF, sizeof waiting);
    hold(false);
    assert_int_equal(pirn_loop_run(*state), 0);
    assert_int_equal(last.told, 1);
    assert_string_equal(fake.order, "h1 h3 "); /* one that waited is not asked at all */
}

static void answers_that_lie_ready_may_be_given_up(void **state)
{
    struct asker first = {.told = 0}, other = {.told = 0}, third = {.told = 0};
    ask(*state, &first, "h1");
    ask(*state, &other, "h2");
    ask(*state, &third, "h3");
    await_questions(3, 3);
    first.cancels = &other;
    while (third.told == 0)
        assert_true(pirn_loop_dispatch(*state) >= 0);
    assert_int_equal(first.told, 1);
    assert_int_equal(other.told, 0);
    ask(*state, &first, "h1");
    await_questions(4, 4);
    pirn__resolve_cancel(*state, &first.lookup);
    assert_int_equal(pirn_loop_run(*state), 0);
    assert_int_equal(first.told, 1);
}

static void the_queue_is_finite(void **state)
{
    static struct asker askers[PIRN__RESOLVE_QUESTIONS + 1];
    struct asker *extra = &askers[PIRN__RESOLVE_QUESTIONS];
    memset(askers, 0, sizeof askers);
    hold(true);
    for (size_t i = 0; i < PIRN__RESOLVE_QUESTIONS; i++)
        ask(*state, &askers[i], "h1");
    extra->lookup.done = on_answer;
    assert_int_equal(pirn__resolve(*state, &extra->lookup, PIRN_STR("h2")), -PIRN_E_QUEUE_FULL);
    await_questions(1, 0);
    pirn__resolve_cancel(*state, &askers[9].lookup);
    ask(*state, extra, "h2");
    hold(false);
    assert_int_equal(pirn_loop_run(*state), 0);
    assert_int_equal(extra->told, 1);
    assert_int_equal(askers[9].told, 0);
    assert_int_equal(askers[63].told, 1);
}

/* The thread has nothing left of the loop to touch, and clears away by itself. */
static void the_loop_may_go_while_the_resolver_hangs(void **state)
{
    struct asker asked, waiting;
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        struct pirn_loop *loop = pirn_loop_new(NULL);
        assert_non_null(loop);
        memset(&asked, 0, sizeof asked);
        memset(&waiting, 0, sizeof waiting);
        hold(i % 2 == 0); /* in every other turn it may be at any point */
        ask(loop, &asked, "h1");
        ask(loop, &waiting, "h2");
        if (i % 2 == 0)
            await_questions(1, 0);
        pirn__resolve_cancel(loop, &asked.lookup);
        pirn__resolve_cancel(loop, &waiting.lookup);
        pirn_loop_free(loop);
        hold(false);
    }
}

static void loops_have_resolvers_of_their_own(void **state)
{
    struct asker mine = {.told = 0}, other = {.told = 0};
    struct pirn_loop *loop = pirn_loop_new(NULL);
    assert_non_null(loop);
    ask(*state, &mine, "h1");
    ask(loop, &other, "h2");
    assert_int_equal(pirn_loop_run(*state), 0);
    assert_int_equal(pirn_loop_run(loop), 0);
    assert_int_equal(mine.address, 1);
    assert_int_equal(other.address, 2);
    pirn_loop_free(loop);
}

#define LOOP_TEST(function) cmocka_unit_test_setup_teardown(function, open_loop, free_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(questions_are_answered_in_order),
        LOOP_TEST(one_may_follow_another),
        LOOP_TEST(names_that_are_none_are_refused),
        LOOP_TEST(given_up_ones_are_not_told),
        LOOP_TEST(answers_that_lie_ready_may_be_given_up),
        LOOP_TEST(the_queue_is_finite),
        LOOP_TEST(the_loop_may_go_while_the_resolver_hangs),
        LOOP_TEST(loops_have_resolvers_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
