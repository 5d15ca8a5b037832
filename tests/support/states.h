/* states.h: every state that a socket of a server can be in, and how a peer brings one there. For
 * tests of what must hold in all of them: resets, ends, idleness. */
#ifndef PIRN_TESTS_STATES_H
#define PIRN_TESTS_STATES_H

#include "peer.h"

/* A server that can be brought into them all. Its connections echo, and obey the texts "close",
 * "terminate", "pause", "flood" (send until that is refused), "begin" (half a message), "idle". */
extern const struct pirn_server_config states_config;

enum {
    STATE_OPEN = 1,   /* on_open was told */
    STATE_DEAF = 2,   /* nothing is read: an end of the peer's is not noticed */
    STATE_ENDLESS = 4 /* as the program has paused, which has no time limit */
};

extern const struct peer_state {
    const char *name;
    void (*enter)(struct peer *peer); /* connects, and returns when the server is in it */
    unsigned is;
} peer_states[];
extern const size_t peer_state_count;

#endif
