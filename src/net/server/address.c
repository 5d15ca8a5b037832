/* A sorted array of entries: an address is found in log n steps whatever the peers choose, which a
 * hash table keyed by what they choose would not promise. */
#include "server/address.h"

#include <string.h>

/* Where the key is, or would be inserted. */
static size_t position(const struct pirn__addresses *addresses, const struct pirn__peer_key *key,
                       bool *found)
{
    size_t low = 0, high = addresses->count;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(&addresses->sorted[middle]->key, key, sizeof *key);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool make_room(struct pirn_loop *loop, struct pirn__addresses *addresses)
{
    if (addresses->count < addresses->cap)
        return true;
    size_t cap = addresses->cap ? addresses->cap * 2 : 16;
    size_t slot = sizeof *addresses->sorted;
    void *sorted = pirn__realloc(loop, addresses->sorted, addresses->cap * slot, cap * slot);
    if (!sorted)
        return false;
    addresses->sorted = sorted;
    addresses->cap = cap;
    return true;
}

struct pirn__address *pirn__address_take(struct pirn_loop *loop, struct pirn__addresses *addresses,
                                         const struct pirn__peer_key *key)
{
    bool found;
    size_t at = position(addresses, key, &found);
    if (found) {
        addresses->sorted[at]->count++;
        return addresses->sorted[at];
    }
    if (!make_room(loop, addresses))
        return NULL;
    struct pirn__address *address = pirn__alloc(loop, sizeof *address);
    if (!address)
        return NULL;
    *address = (struct pirn__address){.key = *key, .count = 1};
    struct pirn__address **place = addresses->sorted + at;
    memmove(place + 1, place, (addresses->count - at) * sizeof *place);
    *place = address;
    addresses->count++;
    return address;
}

void pirn__address_drop(struct pirn_loop *loop, struct pirn__addresses *addresses,
                        struct pirn__address *address)
{
    if (--address->count > 0)
        return;
    bool found;
    size_t at = position(addresses, &address->key, &found);
    struct pirn__address **place = addresses->sorted + at;
    memmove(place, place + 1, (addresses->count - at - 1) * sizeof *place);
    addresses->count--;
    pirn__free(loop, address, sizeof *address);
}

void pirn__addresses_release(struct pirn_loop *loop, struct pirn__addresses *addresses)
{
    for (size_t i = 0; i < addresses->count; i++)
        pirn__free(loop, addresses->sorted[i], sizeof *addresses->sorted[i]);
    pirn__free(loop, addresses->sorted, addresses->cap * sizeof *addresses->sorted);
    *addresses = (struct pirn__addresses){0};
}
