/* signals.h: signals as events of a loop. */
#ifndef PIRN_CLI_SIGNALS_H
#define PIRN_CLI_SIGNALS_H

#include <pirn/loop.h>

/* All zero at first. One of them at a time. */
struct signals {
    struct pirn_watch watch;
    struct pirn_loop *loop; /* NULL: not open */
    void (*came)(void *context, int number);
    void *context;
    uint64_t numbers; /* a bit for each that is caught */
};

/* Has these signals, 0 behind the last, told to came(). False if the system refuses (errno). */
bool signals_open(struct signals *signals, struct pirn_loop *loop, const int *numbers,
                  void (*came)(void *context, int number), void *context);

/* From now on they are ignored: the program ends anyway, with the status that it has. */
void signals_close(struct signals *signals);

#endif
