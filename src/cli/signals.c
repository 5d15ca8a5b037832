/* Signals write their number into a pipe, which the loop reads. */
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static int ends[2] = {-1, -1};

static void on_signal(int number)
{
    char byte = (char)number;
    int error = errno;
    ssize_t ignored = write(ends[1], &byte, 1);
    (void)ignored;
    errno = error;
}

static void ready(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    struct signals *signals = (struct signals *)watch; /* its first field */
    char byte;
    (void)loop, (void)events;
    if (read(watch->fd, &byte, 1) == 1)
        signals->came(signals->context, byte);
}

bool signals_open(struct signals *signals, struct pirn_loop *loop, const int *numbers,
                  void (*came)(void *context, int number), void *context)
{
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return false;
    *signals = (struct signals){
        .watch = {.ready = ready, .fd = ends[0]}, .loop = loop, .came = came, .context = context};
    for (; *numbers; numbers++) {
        if (sigaction(*numbers, &action, NULL) < 0)
            return false;
        signals->numbers |= UINT64_C(1) << *numbers;
    }
    return pirn_loop_watch(loop, &signals->watch, PIRN_READABLE) == 0;
}

void signals_close(struct signals *signals)
{
    for (int number = 1; number < 64; number++)
        if (signals->numbers >> number & 1)
            signal(number, SIG_IGN);
    if (signals->loop)
        pirn_loop_unwatch(signals->loop, &signals->watch);
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0)
            close(ends[i]);
        ends[i] = -1;
    }
    *signals = (struct signals){.loop = NULL};
}
