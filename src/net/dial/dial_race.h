/* dial_race.h: Happy Eyeballs (RFC 8305, 4 to 6): several addresses of one host, the first that
 * answers wins. */
#ifndef PIRN_NET_DIAL_RACE_H
#define PIRN_NET_DIAL_RACE_H

#include "dial/resolve.h"

#define PIRN__RACE_STAGGER_MS 250 /* RFC 8305, 5: Connection Attempt Delay */

struct pirn__race;

/* One address is about to be tried. */
typedef void pirn__race_try_fn(struct pirn__race *race, const struct sockaddr *name,
                               socklen_t size);

/* The end: fd is connected and the receiver's, or -1 with a negative PIRN_E in error, its errno,
 * and the address it is about (the most telling failure, or the first that has not answered; of
 * size 0 if there was none). Every call is legal in both, ending the race too. */
typedef void pirn__race_end_fn(struct pirn__race *race, int fd);

struct pirn__racer {
    struct pirn__race *race;
    struct pirn_watch watch; /* fd -1: none */
    size_t place;            /* among the names */
};

/* All zero before it begins, and stays where it is until its end. */
struct pirn__race {
    pirn__race_try_fn *try; /* set by the caller; the two calls */
    pirn__race_end_fn *end;
    const struct pirn__ip *from; /* the own address, also set by the caller; NULL: any */

    int error, system_error; /* what end tells */
    const struct sockaddr *name;
    socklen_t name_size;

    /* private */
    struct pirn_loop *loop;
    struct pirn_timer stagger, limit;
    const struct pirn__ip *ips;
    const struct sockaddr_un *local;
    socklen_t local_size;
    size_t count, next, running;
    struct pirn__racer racers[PIRN__RESOLVE_ADDRESSES];
};

/* Puts the addresses in the order in which they are tried: the two families take turns, beginning
 * with that of the first (RFC 8305, 4). */
void pirn__race_interleave(struct pirn__ip *ips, size_t count);

/* Begins, and may end from inside. What it races to is lent until the end; limit_ms PIRN_OFF is
 * none. */
void pirn__race_start(struct pirn__race *race, struct pirn_loop *loop, const struct pirn__ip *ips,
                      size_t count, uint32_t limit_ms);
void pirn__race_start_unix(struct pirn__race *race, struct pirn_loop *loop,
                           const struct sockaddr_un *name, socklen_t size, uint32_t limit_ms);

/* Ends it without a word: all its sockets are closed. Always legal. */
void pirn__race_stop(struct pirn__race *race);

#endif
