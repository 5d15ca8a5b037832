/* resolve.h: host names to addresses, by getaddrinfo(3) in a thread beside the loop's. */
#ifndef PIRN_NET_RESOLVE_H
#define PIRN_NET_RESOLVE_H

#include <netdb.h>

#include "loop/loop.h"
#include "dial/socket_connect.h"

enum {
    PIRN__RESOLVE_ADDRESSES = 16, /* of a host; more are left out */
    PIRN__RESOLVE_QUESTIONS = 64, /* of a loop at a time */
    PIRN__RESOLVE_HOST_MAX = 255  /* bytes of a name */
};

struct pirn__answer {
    int error;        /* EAI_NONAME or another of getaddrinfo(3), 0 for none */
    int system_error; /* errno, for EAI_SYSTEM */
    size_t count;     /* at least 1 without an error */
    struct pirn__ip ips[PIRN__RESOLVE_ADDRESSES]; /* in the order to be tried; ports are 0 */
};

/* A look-up. The struct is the caller's, and stays where it is until done or cancelled. */
struct pirn__lookup;
typedef void pirn__lookup_fn(struct pirn__lookup *lookup, const struct pirn__answer *answer);
struct pirn__lookup {
    pirn__lookup_fn *done;           /* set by the caller */
    struct pirn__question *question; /* private; NULL: not under way */
};

/* Has the addresses of a host looked up; done is called from the loop, once. Every call is legal in
 * it. Returns 0, or with nothing begun -PIRN_E_ARGUMENT (no name, or too long, or a NUL in it),
 * -PIRN_E_QUEUE_FULL, -PIRN_E_MEMORY, -PIRN_E_SYSTEM (no thread, or no descriptor: errno says) or
 * -PIRN_E_STATE (in a forked child). */
int pirn__resolve(struct pirn_loop *loop, struct pirn__lookup *lookup, struct pirn_str host);

/* done is not called any more. Never waits for the resolver, however it hangs. */
void pirn__resolve_cancel(struct pirn_loop *loop, struct pirn__lookup *lookup);

/* For pirn_loop_free(): look-ups that are under way are forgotten. Does not wait either. */
void pirn__resolver_close(struct pirn_loop *loop);

#endif
