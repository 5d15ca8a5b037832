/* pirn/deflate.h: permessage-deflate (RFC 7692), the compression of messages, as an extension.
 *
 *     struct pirn_deflate deflate;
 *     struct pirn_deflate_config config = {.mode = PIRN_DEFLATE_SHARED};
 *     pirn_deflate_init(&deflate, &config, PIRN_SERVER, my_realloc, NULL, room, sizeof room);
 *     const struct pirn_extension *ours[] = {&deflate.extension};
 *     ... negotiate, see pirn/extension.h ...
 *     pirn_deflate_release(&deflate); // after the last connection
 *
 * One struct pirn_deflate serves all connections of a thread that have the same settings. The work
 * is zlib's; its memory is the caller's, by way of a realloc. */
#ifndef PIRN_DEFLATE_H
#define PIRN_DEFLATE_H

#include <pirn/endpoint.h>
#include <pirn/extension.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What connections keep between messages.
 *
 * SHARED: nothing. Neither side refers back to earlier messages (no context takeover either way),
 * so one compressor serves all connections, and an inflater is taken up for the time of a message
 * only. For many connections, or small ones. (A client whose server does not agree to forget its
 * context keeps an inflater.)
 *
 * DEDICATED: each connection has a compressor of its own, made with its first compressed message,
 * and an inflater if its peer compresses; what earlier messages said need not be sent again.
 * Smaller on the wire, for 7 to 300 KiB a connection that talks. */
enum pirn_deflate_mode { PIRN_DEFLATE_OFF, PIRN_DEFLATE_SHARED, PIRN_DEFLATE_DEDICATED };

#define PIRN_DEFAULT_DEFLATE_THRESHOLD_BYTES 1024

/* Zero in any field means its default. */
struct pirn_deflate_config {
    enum pirn_deflate_mode mode; /* off */
    int level;                   /* 1 (fast) to 9 (small) as zlib's; 1 */
    int window_bits; /* of our compressor, 9 to 15: it refers back 2^bits bytes; 15 for SHARED, 12
                      * for DEDICATED. Less where the peer asks for less */
    int mem_level;   /* 1 to 9 as zlib's; 8 for SHARED, 5 for DEDICATED */
    /* What we ask of the peer's, 8 to 15; 15. 8 asks for 9, since peers with zlib fail on 8. A
     * server can ask it only of clients that offer client_max_window_bits; others are accepted with
     * 15. */
    int peer_window_bits;
    bool no_context_takeover;      /* DEDICATED: we do not refer back to earlier messages */
    bool peer_no_context_takeover; /* DEDICATED: we ask the same of the peer */
    uint64_t threshold_bytes; /* messages shorter than this go uncompressed; 1 KiB; 1: all but empty
                               * ones are compressed. Those of unknown length are compressed */
};

/* What was agreed on for a connection. "own" is what we send with; 8 bits are sent with by nobody:
 * zlib cannot, so messages go uncompressed. */
struct pirn_deflate_params {
    int own_window_bits, peer_window_bits; /* 8 to 15 */
    bool own_no_context_takeover, peer_no_context_takeover;
};

/* What went through since init(), of all connections: compressed messages, their bytes before and
 * after. */
struct pirn_deflate_totals {
    uint64_t sent_messages, sent_bytes, sent_wire_bytes;
    uint64_t received_messages, received_bytes, received_wire_bytes;
};

struct pirn_deflate_stream; /* private: a compressor or an inflater */

struct pirn_deflate {
    struct pirn_extension extension; /* first: what is negotiated */
    struct pirn_deflate_config config;
    struct pirn_deflate_totals totals;
    /* The rest is private. */
    pirn_realloc_fn *realloc;
    void *realloc_context;
    uint8_t *room;
    size_t room_bytes;
    enum pirn_role role;
    uint64_t last_sent_bytes, last_sent_wire_bytes;
    struct pirn_deflate_stream *compressors, *inflaters; /* not in use */
};

#define PIRN_DEFLATE_ROOM_MIN 1024

/* Makes the extension for endpoints of a role, with room for what is inflated at a time (of
 * room_bytes, at least PIRN_DEFLATE_ROOM_MIN; 16 KiB and more are good). The room, and what realloc
 * needs, must last until release(); the struct must stay where it is. realloc is called when
 * messages are sent and received, never while negotiating. Returns 0, -PIRN_E_ARGUMENT (a number
 * out of its range, mode OFF, NULL for config, realloc or room), -PIRN_E_UNSUPPORTED (the library
 * was built without zlib). */
PIRN_API int pirn_deflate_init(struct pirn_deflate *deflate,
                               const struct pirn_deflate_config *config, enum pirn_role role,
                               pirn_realloc_fn *realloc, void *realloc_context, void *room,
                               size_t room_bytes);

/* Frees what is shared. No connection may be using it any more. */
PIRN_API void pirn_deflate_release(struct pirn_deflate *deflate);

/* Whether the library was built with zlib. */
PIRN_API bool pirn_deflate_available(void);

/* What was agreed on for a connection; false if it does not compress. */
PIRN_API bool pirn_deflate_negotiated(const struct pirn_deflate *deflate,
                                      struct pirn_extension_state *states,
                                      struct pirn_deflate_params *params);

#ifdef __cplusplus
}
#endif
#endif
