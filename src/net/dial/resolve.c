/* resolve.c: a thread that lives as long as there are questions.
 *
 * What both threads touch is struct resolver: questions in fixed slots, under a lock. A question is
 * FREE, WAITING, ASKED (the thread is at it, and alone writes to it) and ANSWERED (the loop is
 * woken to fetch it); one that was given up has no look-up any more, and is dropped when it is
 * answered. The thread never touches the loop, a look-up, or their memory.
 *
 * The resolver may have to outlive the loop, when getaddrinfo(3) hangs; so its memory is that of
 * libc, not of the loop, and who leaves last frees it: the loop, or the thread that finds it
 * closed. In a forked child there is no such thread, and the lock is as it was: it is not taken. */
#include "dial/resolve.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "loop/container.h"
#include "loop/loop_wake.h"

enum state { FREE, WAITING, ASKED, ANSWERED };

struct pirn__question {
    enum state state;
    struct pirn__lookup *lookup; /* NULL: given up */
    uint64_t order;              /* the lower, the sooner */
    char host[PIRN__RESOLVE_HOST_MAX + 1];
    struct pirn__answer answer;
};

struct pirn__resolver {
    pthread_mutex_t lock; /* of what follows */
    bool closed;          /* the loop has left */
    bool working;         /* there is a thread */
    uint64_t asked;
    struct pirn__question questions[PIRN__RESOLVE_QUESTIONS];
    /* The loop's alone, but that the thread may set it as long as the resolver is not closed. */
    struct pirn__wake wake;
    size_t lookups; /* under way: the loop watches for their answers */
};

/* ---- the thread */

static void keep(struct pirn__answer *answer, const struct addrinfo *found)
{
    for (; found && answer->count < PIRN__RESOLVE_ADDRESSES; found = found->ai_next) {
        bool is_ip = found->ai_family == AF_INET || found->ai_family == AF_INET6;
        if (is_ip && found->ai_addrlen <= sizeof *answer->ips)
            memcpy(&answer->ips[answer->count++].name, found->ai_addr, found->ai_addrlen);
    }
    if (answer->count == 0)
        answer->error = EAI_NONAME;
}

static void ask(const char *host, struct pirn__answer *answer)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    memset(answer, 0, sizeof *answer);
    answer->error = getaddrinfo(host, NULL, &hints, &found);
    answer->system_error = answer->error == EAI_SYSTEM ? errno : 0;
    if (answer->error == 0) {
        keep(answer, found);
        freeaddrinfo(found);
    }
}

/* The oldest question in this state, or NULL. */
static struct pirn__question *find(struct pirn__resolver *resolver, enum state state)
{
    struct pirn__question *oldest = NULL;
    for (size_t i = 0; i < PIRN__RESOLVE_QUESTIONS; i++) {
        struct pirn__question *each = &resolver->questions[i];
        if (each->state == state && (!oldest || each->order < oldest->order))
            oldest = each;
    }
    return oldest;
}

static void destroy(struct pirn__resolver *resolver)
{
    pthread_mutex_destroy(&resolver->lock);
    free(resolver);
}

static void *work(void *argument)
{
    struct pirn__resolver *resolver = argument;
    struct pirn__question *question;
    struct pirn__answer answer;
    pthread_mutex_lock(&resolver->lock);
    while (!resolver->closed && (question = find(resolver, WAITING)) != NULL) {
        question->state = ASKED;
        pthread_mutex_unlock(&resolver->lock);
        ask(question->host, &answer);
        pthread_mutex_lock(&resolver->lock);
        question->answer = answer;
        question->state = question->lookup ? ANSWERED : FREE;
        if (question->lookup && !resolver->closed)
            pirn__wake_set(&resolver->wake);
    }
    resolver->working = false;
    bool last = resolver->closed;
    pthread_mutex_unlock(&resolver->lock);
    if (last)
        destroy(resolver);
    return NULL;
}

/* Handlers of signals are the program's, and belong into its own threads. */
static int start_thread(struct pirn__resolver *resolver)
{
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int why = pthread_create(&thread, NULL, work, resolver);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (why == 0)
        pthread_detach(thread);
    return why;
}

/* ---- the loop */

/* Watches for answers as long as any are to come: only then does the loop have to go on running. */
static int add_lookup(struct pirn_loop *loop, struct pirn__resolver *resolver)
{
    int error = 0;
    if (resolver->lookups == 0)
        error = pirn_loop_watch(loop, &resolver->wake.watch, PIRN_READABLE);
    resolver->lookups += error == 0;
    return error;
}

static void drop_lookup(struct pirn_loop *loop, struct pirn__resolver *resolver)
{
    if (--resolver->lookups == 0)
        pirn_loop_unwatch(loop, &resolver->wake.watch);
}

static void tell(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    struct pirn__wake *wake = PIRN__CONTAINER(watch, struct pirn__wake, watch);
    struct pirn__resolver *resolver = PIRN__CONTAINER(wake, struct pirn__resolver, wake);
    struct pirn__question *question;
    (void)events;
    pirn__wake_clear(wake);
    pthread_mutex_lock(&resolver->lock);
    while ((question = find(resolver, ANSWERED)) != NULL) {
        struct pirn__answer answer = question->answer;
        struct pirn__lookup *lookup = question->lookup;
        question->state = FREE;
        pthread_mutex_unlock(&resolver->lock);
        lookup->question = NULL;
        drop_lookup(loop, resolver);
        lookup->done(lookup, &answer);
        pthread_mutex_lock(&resolver->lock);
    }
    pthread_mutex_unlock(&resolver->lock);
}

static int make_resolver(struct pirn_loop *loop)
{
    struct pirn__loop_shared *shared = pirn__loop_shared(loop);
    if (shared->resolver)
        return 0;
    struct pirn__resolver *resolver = calloc(1, sizeof *resolver);
    if (!resolver)
        return -PIRN_E_MEMORY;
    if (pirn__wake_open(&resolver->wake) < 0) {
        free(resolver);
        return -PIRN_E_SYSTEM;
    }
    pthread_mutex_init(&resolver->lock, NULL);
    resolver->wake.watch.ready = tell;
    shared->resolver = resolver;
    return 0;
}

/* Under the lock. */
static int enqueue(struct pirn__resolver *resolver, struct pirn__lookup *lookup,
                   struct pirn_str host)
{
    struct pirn__question *question = find(resolver, FREE);
    if (!question)
        return -PIRN_E_QUEUE_FULL;
    int why = resolver->working ? 0 : start_thread(resolver);
    if (why) {
        errno = why;
        return -PIRN_E_SYSTEM;
    }
    resolver->working = true;
    memcpy(question->host, host.data, host.len);
    question->host[host.len] = '\0';
    question->order = resolver->asked++;
    question->lookup = lookup;
    question->state = WAITING;
    lookup->question = question;
    return 0;
}

int pirn__resolve(struct pirn_loop *loop, struct pirn__lookup *lookup, struct pirn_str host)
{
    if (host.len == 0 || host.len > PIRN__RESOLVE_HOST_MAX || memchr(host.data, 0, host.len))
        return -PIRN_E_ARGUMENT;
    if (pirn__loop_forked(loop))
        return -PIRN_E_STATE;
    int error = make_resolver(loop);
    struct pirn__resolver *resolver = pirn__loop_shared(loop)->resolver;
    if (!error)
        error = add_lookup(loop, resolver);
    if (error)
        return error;
    pthread_mutex_lock(&resolver->lock);
    error = enqueue(resolver, lookup, host);
    pthread_mutex_unlock(&resolver->lock);
    if (error)
        drop_lookup(loop, resolver);
    return error;
}

void pirn__resolve_cancel(struct pirn_loop *loop, struct pirn__lookup *lookup)
{
    struct pirn__question *question = lookup->question;
    struct pirn__resolver *resolver = pirn__loop_shared(loop)->resolver;
    if (!question)
        return;
    lookup->question = NULL;
    if (pirn__loop_forked(loop))
        return;
    pthread_mutex_lock(&resolver->lock);
    question->lookup = NULL;
    if (question->state != ASKED)
        question->state = FREE;
    pthread_mutex_unlock(&resolver->lock);
    drop_lookup(loop, resolver);
}

void pirn__resolver_close(struct pirn_loop *loop)
{
    struct pirn__resolver *resolver = pirn__loop_shared(loop)->resolver;
    if (!resolver)
        return;
    pirn_loop_unwatch(loop, &resolver->wake.watch);
    if (pirn__loop_forked(loop)) {
        pirn__wake_close(&resolver->wake);
        free(resolver);
        return;
    }
    pthread_mutex_lock(&resolver->lock);
    pirn__wake_close(&resolver->wake);
    resolver->closed = true;
    bool last = !resolver->working;
    pthread_mutex_unlock(&resolver->lock);
    if (last)
        destroy(resolver);
}
