/* loop_wake.c: an eventfd(2), or a pipe where there is none. */
#include "loop/loop_wake.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/eventfd.h>
#endif

static int open_fds(int fds[2])
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

int pirn__wake_open(struct pirn__wake *wake)
{
    int fds[2];
    if (open_fds(fds) < 0)
        return -1;
    *wake = (struct pirn__wake){.watch.fd = fds[0], .write_fd = fds[1]};
    return 0;
}

void pirn__wake_close(struct pirn__wake *wake)
{
    close(wake->watch.fd);
    if (wake->write_fd != wake->watch.fd)
        close(wake->write_fd);
}

void pirn__wake_set(struct pirn__wake *wake)
{
    const uint64_t one = 1; /* eventfd wants eight bytes, a pipe takes them */
    while (write(wake->write_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void pirn__wake_clear(struct pirn__wake *wake)
{
    uint64_t count;
    while (read(wake->watch.fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
}
