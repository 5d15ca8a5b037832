/* loop_wake.h: a descriptor by which one thread wakes the loop of another. */
#ifndef PIRN_NET_LOOP_WAKE_H
#define PIRN_NET_LOOP_WAKE_H

#include <pirn/loop.h>

struct pirn__wake {
    struct pirn_watch watch; /* for reading; ready is the owner's to set */
    int write_fd;
};

/* Returns 0, or -1: errno says. */
int pirn__wake_open(struct pirn__wake *wake);
void pirn__wake_close(struct pirn__wake *wake);

/* Makes it readable, from any thread; and unreadable. */
void pirn__wake_set(struct pirn__wake *wake);
void pirn__wake_clear(struct pirn__wake *wake);

#endif
