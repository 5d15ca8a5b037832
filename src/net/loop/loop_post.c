/* loop_post.c: calls from other threads: a queue under a lock, and a descriptor that wakes the
 * loop.
 *
 * The descriptor is written to when the queue stops being empty, and while the lock is held: once
 * the loop has a call, nobody is still busy with the descriptor that called it here, and the call
 * may free the loop. A turn makes the calls it finds and no more, so posting cannot starve I/O. */
#include "loop/loop_private.h"

struct pirn__post {
    struct pirn__post *next;
    pirn_post_fn *fn;
    void *argument;
};

static void make_calls(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    struct pirn__posts *posts = &loop->posts;
    (void)watch, (void)events;
    pthread_mutex_lock(&posts->lock);
    struct pirn__post *post = posts->first;
    posts->first = NULL;
    posts->last = &posts->first;
    pirn__wake_clear(&posts->wake);
    pthread_mutex_unlock(&posts->lock);
    while (post) {
        struct pirn__post done = *post;
        pirn__free(loop, post, sizeof *post);
        post = done.next;
        done.fn(loop, done.argument);
    }
}

int pirn__posts_open(struct pirn_loop *loop)
{
    struct pirn__posts *posts = &loop->posts;
    if (pirn__wake_open(&posts->wake) < 0)
        return -PIRN_E_SYSTEM;
    pthread_mutex_init(&posts->lock, NULL);
    posts->last = &posts->first;
    posts->wake.watch.ready = make_calls;
    return pirn_loop_watch(loop, &posts->wake.watch, PIRN_READABLE);
}

void pirn__posts_close(struct pirn_loop *loop)
{
    struct pirn__posts *posts = &loop->posts;
    struct pirn__post *post, *next;
    if (!posts->last)
        return;
    pirn_loop_unwatch(loop, &posts->wake.watch);
    pirn__wake_close(&posts->wake);
    for (post = posts->first; post; post = next) {
        next = post->next;
        pirn__free(loop, post, sizeof *post);
    }
    pthread_mutex_destroy(&posts->lock);
}

bool pirn__posts_pending(struct pirn_loop *loop)
{
    pthread_mutex_lock(&loop->posts.lock);
    bool pending = loop->posts.first != NULL;
    pthread_mutex_unlock(&loop->posts.lock);
    return pending;
}

int pirn_loop_post(struct pirn_loop *loop, pirn_post_fn *fn, void *argument)
{
    struct pirn__posts *posts = &loop->posts;
    if (pirn__loop_forked(loop))
        return -PIRN_E_STATE;
    struct pirn__post *post = pirn__alloc(loop, sizeof *post);
    if (!post)
        return -PIRN_E_MEMORY;
    post->fn = fn;
    post->argument = argument;
    pthread_mutex_lock(&posts->lock);
    bool was_empty = !posts->first;
    *posts->last = post;
    posts->last = &post->next;
    if (was_empty)
        pirn__wake_set(&posts->wake);
    pthread_mutex_unlock(&posts->lock);
    return 0;
}
