/* loop_epoll.c: the backend on Linux. Level-triggered: it costs no more than edge-triggered when a
 * turn reads once and asks for writability only while something is left over, and forgives a
 * callback that leaves bytes unread. */
#ifdef __linux__
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "loop/loop_private.h"

struct state {
    int fd;
    struct epoll_event events[PIRN__READY_MAX];
};

static int epoll_backend_fd(const struct pirn_loop *loop)
{
    const struct state *state = loop->backend_state;
    return state->fd;
}

static int epoll_backend_open(struct pirn_loop *loop)
{
    struct state *state = pirn__alloc(loop, sizeof *state);
    if (!state)
        return -PIRN_E_MEMORY;
    state->fd = epoll_create1(EPOLL_CLOEXEC);
    if (state->fd < 0) {
        pirn__free(loop, state, sizeof *state);
        return -PIRN_E_SYSTEM;
    }
    loop->backend_state = state;
    return 0;
}

static void epoll_backend_close(struct pirn_loop *loop)
{
    struct state *state = loop->backend_state;
    close(state->fd);
    pirn__free(loop, state, sizeof *state);
}

static int control(struct pirn_loop *loop, int operation, struct pirn_watch *watch, unsigned events)
{
    struct epoll_event event = {.data.ptr = watch};
    if (events & PIRN_READABLE)
        event.events |= EPOLLIN;
    if (events & PIRN_WRITABLE)
        event.events |= EPOLLOUT;
    if (epoll_ctl(epoll_backend_fd(loop), operation, watch->fd, &event) == 0)
        return 0;
    return errno == ENOMEM ? -PIRN_E_MEMORY : -PIRN_E_SYSTEM;
}

static int epoll_backend_add(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    return control(loop, EPOLL_CTL_ADD, watch, events);
}

static int epoll_backend_change(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    return control(loop, EPOLL_CTL_MOD, watch, events);
}

static void epoll_backend_remove(struct pirn_loop *loop, struct pirn_watch *watch)
{
    control(loop, EPOLL_CTL_DEL, watch, 0);
}

static int epoll_backend_wait(struct pirn_loop *loop, int timeout_ms)
{
    struct state *state = loop->backend_state;
    int count = epoll_wait(state->fd, state->events, PIRN__READY_MAX, timeout_ms);
    if (count < 0)
        return errno == EINTR ? 0 : -PIRN_E_SYSTEM;
    for (int i = 0; i < count; i++) {
        unsigned seen = state->events[i].events, events = 0;
        if (seen & EPOLLIN)
            events |= PIRN_READABLE;
        if (seen & EPOLLOUT)
            events |= PIRN_WRITABLE;
        if (seen & (EPOLLERR | EPOLLHUP))
            events |= PIRN_HANGUP;
        pirn__loop_ready(loop, state->events[i].data.ptr, events);
    }
    return 0;
}

const struct pirn__backend pirn__backend_epoll = {
    .open = epoll_backend_open,
    .close = epoll_backend_close,
    .fd = epoll_backend_fd,
    .add = epoll_backend_add,
    .change = epoll_backend_change,
    .remove = epoll_backend_remove,
    .wait = epoll_backend_wait,
};
#endif
