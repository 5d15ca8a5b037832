/* address.h: how many sockets each peer address has open. */
#ifndef PIRN_NET_ADDRESS_H
#define PIRN_NET_ADDRESS_H

#include "loop/loop.h"
#include "loop/socket.h"

/* The entry of one address, which stays where it is as long as its count is not 0. */
struct pirn__address {
    struct pirn__peer_key key;
    size_t count;
};

struct pirn__addresses {
    struct pirn__address **sorted;
    size_t count, cap;
};

/* Counts one more for the address; NULL without memory. */
struct pirn__address *pirn__address_take(struct pirn_loop *loop, struct pirn__addresses *addresses,
                                         const struct pirn__peer_key *key);

/* Counts one less; the last one frees the entry. */
void pirn__address_drop(struct pirn_loop *loop, struct pirn__addresses *addresses,
                        struct pirn__address *address);

void pirn__addresses_release(struct pirn_loop *loop, struct pirn__addresses *addresses);

#endif
