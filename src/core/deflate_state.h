/* deflate_state.h: what permessage-deflate keeps for a connection, and how it is negotiated.
 *
 * deflate_params.c negotiates; deflate.c compresses and is the only file that knows of zlib. */
#ifndef PIRN_CORE_DEFLATE_STATE_H
#define PIRN_CORE_DEFLATE_STATE_H

#include <pirn/deflate.h>

#define PIRN__DEFLATE_BITS_MIN 9 /* zlib cannot compress with a window of 2^8 bytes */
#define PIRN__DEFLATE_BITS_MAX 15

struct pirn__deflate_state {
    struct pirn_extension_state base;
    struct pirn_deflate_stream *compressor; /* in work, or with a context that will be used */
    struct pirn_deflate_stream *inflater;   /* the same */
};

/* Indices of base.own. */
enum pirn__deflate_own {
    PIRN__DEFLATE_OWN_BITS,
    PIRN__DEFLATE_PEER_BITS,
    PIRN__DEFLATE_FLAGS,
    PIRN__DEFLATE_TAIL /* how much of the tail the inflater has got */
};

/* base.own[PIRN__DEFLATE_FLAGS]. */
enum pirn__deflate_flag {
    PIRN__DEFLATE_OWN_NO_CONTEXT = 1,
    PIRN__DEFLATE_PEER_NO_CONTEXT = 2,
    PIRN__DEFLATE_IN_MESSAGE = 4, /* a message is being compressed */
    PIRN__DEFLATE_PENDING = 8,    /* the inflater has more to give */
    PIRN__DEFLATE_FORGOT = 16     /* a message was inflated whose context is gone */
};

static inline struct pirn__deflate_state *pirn__deflate_state(struct pirn_extension_state *state)
{
    return (struct pirn__deflate_state *)(void *)state;
}

static inline bool pirn__deflate_has(const struct pirn__deflate_state *own, int flag)
{
    return (own->base.own[PIRN__DEFLATE_FLAGS] & flag) != 0;
}

bool pirn__deflate_offer(const struct pirn_extension *extension, unsigned index,
                         struct pirn_extension_element *offer);
bool pirn__deflate_accept(const struct pirn_extension *extension,
                          const struct pirn_extension_element *offer,
                          struct pirn_extension_state *state,
                          struct pirn_extension_element *answer);
bool pirn__deflate_confirm(const struct pirn_extension *extension,
                           const struct pirn_extension_element *answer,
                           struct pirn_extension_state *state, const char **wrong);

#endif
