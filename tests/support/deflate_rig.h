/* deflate_rig.h: one side of a connection that compresses, without an endpoint around it. */
#ifndef PIRN_TESTS_DEFLATE_RIG_H
#define PIRN_TESTS_DEFLATE_RIG_H

#include <pirn/deflate.h>
#include <pirn/error.h>

#include "ledger.h"

struct deflate_side {
    struct pirn_deflate deflate;
    struct ledger ledger; /* of its memory */
    size_t room_bytes;    /* 0: ROOM_MIN */
    uint8_t *room;
    union {
        struct pirn_extension_state base;
        uint64_t bytes[8];
    } state;
};

/* Bytes that grow. */
struct deflate_bytes {
    uint8_t *data;
    size_t len, cap;
};

void deflate_bytes_add(struct deflate_bytes *bytes, const void *data, size_t len);
void deflate_bytes_free(struct deflate_bytes *bytes);

/* Skips the test if there is no zlib. */
void deflate_side_init(struct deflate_side *side, const struct pirn_deflate_config *config,
                       enum pirn_role role);

/* Sets what was agreed on. */
void deflate_side_agree(struct deflate_side *side, int own_bits, int peer_bits, bool own_fresh,
                        bool peer_fresh);

/* Lets client and server agree; whether they do, which leaves both states ready. */
bool deflate_sides_negotiate(struct deflate_side *client, struct deflate_side *server);

/* Another connection of the same. */
struct pirn_extension_state *deflate_side_state(struct deflate_side *side);

/* Ends the connection and what is shared; nothing may be left in the ledger. */
void deflate_side_release(struct deflate_side *side);

/* Sends data in steps with at most cap bytes of room; out grows. step of 0: whole. */
void deflate_side_send(struct pirn_extension_state *state, const void *data, size_t len,
                       size_t step, size_t cap, struct deflate_bytes *out);

/* Begins to send a message in any case. */
void deflate_side_begin(struct pirn_extension_state *state);

/* One part of a message that was begun. */
void deflate_side_part(struct pirn_extension_state *state, const void *data, size_t len, bool flush,
                       bool end, size_t cap, struct deflate_bytes *out);

/* Receives a message of at most `limit` bytes in pieces of `step` bytes (0: whole); 0 or an
 * error. -PIRN_E_MESSAGE_TOO_BIG if it is longer than limit. */
int deflate_side_receive(struct pirn_extension_state *state, const void *wire, size_t len,
                         size_t step, uint64_t limit, struct deflate_bytes *out);

#endif
