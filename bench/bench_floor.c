/* bench_floor: what an echo costs without WebSocket: epoll, one read and one write a turn.
 *
 *     bench_floor IN OUT
 *
 * For each IN bytes OUT are sent, as a masked frame is 4 bytes longer than its echo: no more than
 * that, and as soon as their share has come. Listens on a port of 127.0.0.1 that it prints. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

enum { BUFFER_BYTES = 260 << 10, READY_MAX = 256, BACKLOG = 4096 };

struct peer {
    int fd;
    bool blocked;
    uint64_t come, left; /* bytes so far */
};

/* In the middle of a page, from where and to where the kernel copies fastest: see loop.c. */
static _Alignas(4096) uint8_t memory[2048 + BUFFER_BYTES];
static uint8_t *const buffer = memory + 2048;

static uint64_t in_bytes, out_bytes;
static int poller;

static void watch(struct peer *peer, int how, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = peer};
    if (epoll_ctl(poller, how, peer->fd, &event) < 0)
        fail("epoll_ctl");
}

/* Whether the peer is still there. */
static bool answer(struct peer *peer)
{
    uint64_t owed =
        peer->come / in_bytes * out_bytes + peer->come % in_bytes * out_bytes / in_bytes;
    while (peer->left < owed) {
        uint64_t len = owed - peer->left < BUFFER_BYTES ? owed - peer->left : BUFFER_BYTES;
        ssize_t sent = send(peer->fd, buffer, (size_t)len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return false;
        if (sent < 0)
            break;
        peer->left += (uint64_t)sent;
    }
    bool blocked = peer->left < owed;
    if (blocked != peer->blocked)
        watch(peer, EPOLL_CTL_MOD, blocked ? EPOLLOUT : EPOLLIN);
    peer->blocked = blocked;
    return true;
}

static bool receive(struct peer *peer)
{
    ssize_t got = recv(peer->fd, buffer, BUFFER_BYTES, 0);
    if (got > 0)
        peer->come += (uint64_t)got;
    return got > 0;
}

static void serve(struct peer *peer, uint32_t events)
{
    if ((!(events & EPOLLIN) || receive(peer)) && answer(peer))
        return;
    close(peer->fd);
    free(peer);
}

static void take(int listener)
{
    struct peer *peer = need(sizeof *peer);
    peer->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (peer->fd < 0)
        fail("accept4");
    watch(peer, EPOLL_CTL_ADD, EPOLLIN);
}

static struct peer listen_somewhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    struct peer listener = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    setsockopt(listener.fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (bind(listener.fd, (struct sockaddr *)&address, size) < 0 ||
        listen(listener.fd, BACKLOG) < 0 ||
        getsockname(listener.fd, (struct sockaddr *)&address, &size) < 0)
        fail("cannot listen");
    printf("listening on %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int argc, char **argv)
{
    struct epoll_event ready[READY_MAX];
    in_bytes = argc == 3 ? strtoull(argv[1], NULL, 10) : 0;
    out_bytes = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    if (in_bytes == 0 || out_bytes > in_bytes) {
        fprintf(stderr, "usage: bench_floor IN OUT\n");
        return 2;
    }
    poller = epoll_create1(0);
    struct peer listener = listen_somewhere();
    watch(&listener, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        int count = epoll_wait(poller, ready, READY_MAX, -1);
        for (int i = 0; i < count; i++) {
            if (ready[i].data.ptr == &listener)
                take(listener.fd);
            else
                serve(ready[i].data.ptr, ready[i].events);
        }
    }
}
