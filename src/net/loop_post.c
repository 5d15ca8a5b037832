/* loop_post.c: calls from other threads: a queue under a lock, and a descriptor that wakes the
 * loop.
 *
 * The descriptor is written to when the queue stops being empty, and while the lock is held: once
 * the loop has a call, nobody is still busy with the descriptor that called it here, and the call
 * may free the loop. A turn makes the calls it finds and no more, so posting cannot starve I/O. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/eventfd.h>
#endif

#include "loop_private.h"

struct pirn__post {
    struct pirn__post *next;
    pirn_post_fn *fn;
    void *argument;
};

static int open_wake(int fds[2])
{
#ifdef __linux__
    fds[0] = fds[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fds[0] < 0 ? -1 : 0;
#else
    if (pipe(fds) < 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        fcntl(fds[i], F_SETFD, FD_CLOEXEC);
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
    }
    return 0;
#endif
}

static void wake(struct pirn__posts *posts)
{
    const uint64_t one = 1; /* eventfd wants eight bytes, a pipe takes them */
    while (write(posts->wake_write, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void make_calls(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    struct pirn__posts *posts = &loop->posts;
    uint64_t count;
    (void)events;
    pthread_mutex_lock(&posts->lock);
    struct pirn__post *post = posts->first;
    posts->first = NULL;
    posts->last = &posts->first;
    while (read(watch->fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
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
    int fds[2];
    if (open_wake(fds) < 0)
        return -PIRN_E_SYSTEM;
    pthread_mutex_init(&posts->lock, NULL);
    posts->last = &posts->first;
    posts->wake_write = fds[1];
    posts->wake = (struct pirn_watch){.ready = make_calls, .fd = fds[0]};
    return pirn_loop_watch(loop, &posts->wake, PIRN_READABLE);
}

void pirn__posts_close(struct pirn_loop *loop)
{
    struct pirn__posts *posts = &loop->posts;
    struct pirn__post *post, *next;
    if (!posts->last)
        return;
    pirn_loop_unwatch(loop, &posts->wake);
    close(posts->wake.fd);
    if (posts->wake_write != posts->wake.fd)
        close(posts->wake_write);
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
        wake(posts);
    pthread_mutex_unlock(&posts->lock);
    return 0;
}
