/* loop_poll.c: the backend by poll(2), for systems without epoll.
 *
 * polled[] is what poll(2) wants, without holes; by_fd[] tells for a descriptor whose it is and
 * where it stands in polled[], so that adding and removing need no search. Each wait looks through
 * polled[] from where the last one ended: with more ready than a turn takes, all have their turn.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "loop/loop_private.h"

struct owner {
    struct pirn_watch *watch; /* NULL: the descriptor is not watched */
    size_t place;
};

struct state {
    struct pollfd *polled;
    struct owner *by_fd;
    size_t count, polled_cap, by_fd_cap;
    size_t next;
};

static int poll_backend_fd(const struct pirn_loop *loop)
{
    (void)loop;
    return -1;
}

static int poll_backend_open(struct pirn_loop *loop)
{
    loop->backend_state = pirn__alloc(loop, sizeof(struct state));
    return loop->backend_state ? 0 : -PIRN_E_MEMORY;
}

static void poll_backend_close(struct pirn_loop *loop)
{
    struct state *state = loop->backend_state;
    pirn__free(loop, state->polled, state->polled_cap * sizeof *state->polled);
    pirn__free(loop, state->by_fd, state->by_fd_cap * sizeof *state->by_fd);
    pirn__free(loop, state, sizeof *state);
}

/* Makes room for index in an array of *cap items; new items are zeroed. */
static void *grown(struct pirn_loop *loop, void *array, size_t *cap, size_t index, size_t item)
{
    if (index < *cap)
        return array;
    size_t new_cap = *cap ? *cap : 16;
    while (new_cap <= index)
        new_cap *= 2;
    char *memory = pirn__realloc(loop, array, *cap * item, new_cap * item);
    if (!memory)
        return NULL;
    memset(memory + *cap * item, 0, (new_cap - *cap) * item);
    *cap = new_cap;
    return memory;
}

static bool make_room(struct pirn_loop *loop, struct state *state, size_t fd)
{
    struct pollfd *polled =
        grown(loop, state->polled, &state->polled_cap, state->count, sizeof *polled);
    if (!polled)
        return false;
    state->polled = polled;
    struct owner *by_fd = grown(loop, state->by_fd, &state->by_fd_cap, fd, sizeof *by_fd);
    if (!by_fd)
        return false;
    state->by_fd = by_fd;
    return true;
}

static short to_poll(unsigned events)
{
    int in = events & PIRN_READABLE ? POLLIN : 0;
    int out = events & PIRN_WRITABLE ? POLLOUT : 0;
    return (short)(in | out);
}

static unsigned from_poll(int seen)
{
    unsigned events = 0;
    if (seen & POLLIN)
        events |= PIRN_READABLE;
    if (seen & POLLOUT)
        events |= PIRN_WRITABLE;
    if (seen & (POLLERR | POLLHUP | POLLNVAL))
        events |= PIRN_HANGUP;
    return events;
}

static int poll_backend_add(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    struct state *state = loop->backend_state;
    size_t fd = (size_t)watch->fd;
    if (watch->fd < 0 || (fd < state->by_fd_cap && state->by_fd[fd].watch)) {
        errno = watch->fd < 0 ? EBADF : EEXIST; /* as epoll_ctl(2) */
        return -PIRN_E_SYSTEM;
    }
    if (!make_room(loop, state, fd))
        return -PIRN_E_MEMORY;
    state->by_fd[fd] = (struct owner){watch, state->count};
    state->polled[state->count++] = (struct pollfd){.fd = watch->fd, .events = to_poll(events)};
    return 0;
}

static int poll_backend_change(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    struct state *state = loop->backend_state;
    state->polled[state->by_fd[watch->fd].place].events = to_poll(events);
    return 0;
}

static void poll_backend_remove(struct pirn_loop *loop, struct pirn_watch *watch)
{
    struct state *state = loop->backend_state;
    size_t place = state->by_fd[watch->fd].place;
    struct pollfd last = state->polled[--state->count];
    state->polled[place] = last;
    state->by_fd[last.fd].place = place;
    state->by_fd[watch->fd].watch = NULL;
}

static int poll_backend_wait(struct pirn_loop *loop, int timeout_ms)
{
    struct state *state = loop->backend_state;
    int ready = poll(state->polled, (nfds_t)state->count, timeout_ms);
    if (ready < 0)
        return errno == EINTR ? 0 : -PIRN_E_SYSTEM;
    if (ready > PIRN__READY_MAX)
        ready = PIRN__READY_MAX;
    for (size_t looked = 0; ready > 0 && looked < state->count; looked++) {
        if (state->next >= state->count)
            state->next = 0;
        const struct pollfd *polled = &state->polled[state->next++];
        if (!polled->revents)
            continue;
        pirn__loop_ready(loop, state->by_fd[polled->fd].watch, from_poll(polled->revents));
        ready--;
    }
    return 0;
}

const struct pirn__backend pirn__backend_poll = {
    .open = poll_backend_open,
    .close = poll_backend_close,
    .fd = poll_backend_fd,
    .add = poll_backend_add,
    .change = poll_backend_change,
    .remove = poll_backend_remove,
    .wait = poll_backend_wait,
};
