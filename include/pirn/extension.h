/* pirn/extension.h: extensions (RFC 6455, 9): what one is made of, and how endpoints agree on them.
 *
 * An extension is a struct pirn_extension: what it claims (reserved bits, opcodes), how it offers
 * itself and accepts an offer, and what it does to messages. permessage-deflate (pirn/deflate.h) is
 * one. What it keeps for a connection is a struct pirn_extension_state with more behind it, in
 * memory of the program's; the states of a connection lie one behind the other, the first nearest
 * to the program, the last nearest to the wire, in the order of the answer.
 *
 *     server: n = pirn_extension_accept(ours, count, &hs, states, sizeof states, value, cap)
 *             ... pirn_handshake_write_accept(..., value, ...) ...
 *             pirn_endpoint_extend(&ep, states);
 *     client: pirn_extension_offer(ours, count, value, cap)
 *             ... pirn_client_handshake_write(), _read_response() ...
 *             n = pirn_extension_confirm(ours, count, &response, states, sizeof states, detail)
 *             pirn_endpoint_extend(&ep, states);
 *     both, when the connection has ended: pirn_extension_release(states);
 *
 * The elements of the header are read and written so:
 *
 *     struct pirn_http_list list;
 *     struct pirn_extension_element offer;
 *     struct pirn_str item;
 *     pirn_http_list_init(&list, &head, PIRN_STR("Sec-WebSocket-Extensions"));
 *     while (pirn_http_list_next(&list, &item))
 *         if (pirn_extension_element_parse(&offer, item) == 0)
 *             consider(&offer); */
#ifndef PIRN_EXTENSION_H
#define PIRN_EXTENSION_H

#include <pirn/base.h>
#include <pirn/frame.h>
#include <pirn/handshake.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- An element of the header */

#define PIRN_EXTENSION_MAX_PARAMS 16

struct pirn_event; /* of pirn/endpoint.h */

struct pirn_extension_param {
    struct pirn_str name;
    struct pirn_str value; /* a token without its quotes; {NULL, 0} when there is no value */
};

/* An extension with its parameters in the order they have; a name may come twice, which is for the
 * extension to judge. Do not copy one that was parsed: a value may point into `unquoted`. */
struct pirn_extension_element {
    struct pirn_str name; /* a token, such as permessage-deflate */
    size_t param_count;
    struct pirn_extension_param params[PIRN_EXTENSION_MAX_PARAMS];
    char unquoted[64]; /* private: values that came with backslashes */
};

/* Parses a single element, such as `permessage-deflate; client_max_window_bits="10"`. The slices
 * point into `item` and into the struct. Time is linear in the length. Returns 0, or
 * -PIRN_E_EXTENSION_HEADER: a name or value is not a token (quoted or not), a quote is not closed,
 * a semicolon with nothing behind it, more than PIRN_EXTENSION_MAX_PARAMS parameters, more than 64
 * bytes of values with backslashes. */
PIRN_API int pirn_extension_element_parse(struct pirn_extension_element *extension,
                                          struct pirn_str item);

/* The first parameter of this name (case-sensitive), or NULL. */
PIRN_API const struct pirn_extension_param *
pirn_extension_element_find(const struct pirn_extension_element *extension, struct pirn_str name);

/* Writes an element into out[0..cap), with a NUL that is not counted. Values never need quotes,
 * because they are tokens. Returns the length, or -PIRN_E_ROOM, -PIRN_E_TOKEN (a name or a value is
 * not a token), -PIRN_E_ARGUMENT (param_count above the maximum). */
PIRN_API int pirn_extension_element_write(const struct pirn_extension_element *extension, char *out,
                                          size_t cap);

/* ---- What an extension is */

struct pirn_extension;

/* The beginning of what an extension keeps for a connection. All of it is plain bytes that may be
 * moved to another place, with those of the other extensions, until pirn_endpoint_extend(). */
struct pirn_extension_state {
    const struct pirn_extension *extension;
    bool last;      /* nothing lies behind it: the one nearest to the wire */
    bool receiving; /* transforms the message that is being received */
    bool sending;   /* the one that is being sent */
    uint8_t own[5]; /* of the extension's: what it likes */
};

/* What a program wants for a message; which extensions may follow. */
enum pirn_compress {
    PIRN_COMPRESS_AUTO,  /* as configured, where it is worth it */
    PIRN_COMPRESS_NEVER, /* such as for what is compressed already, or secret */
    PIRN_COMPRESS_ALWAYS /* also below the threshold */
};

/* A message that is about to be sent. */
struct pirn_message_plan {
    enum pirn_opcode type;
    enum pirn_compress compress;
    bool has_total;
    uint64_t total; /* bytes of the whole message, if has_total */
};

/* One step of a transformation that may change lengths. in is taken from the front; out is written.
 * A step takes and gives as much as it can: called again with what is left of in, and more behind
 * it, until there is no more and it was not `pending`. What a step gave before it found an error is
 * delivered. */
struct pirn_transform {
    const uint8_t *in; /* moves on, as in_len goes down */
    size_t in_len;
    bool end;   /* the message ends with in */
    bool flush; /* sending: all that was taken shall be in out, so that the peer can read it */
    /* sending: the caller's, out_cap bytes, at least 64. receiving: set by the extension to its
     * own, good until its next step for any connection */
    uint8_t *out;
    size_t out_cap; /* receiving: more are of no use: the message would be over its limit */
    size_t out_len; /* set: how many it gave */
    bool pending;   /* set: it has more to give before it needs more of in */
};

/* An extension with its settings; shared by any number of connections of one thread, and unchanged
 * while they live. Functions that it has no use for are NULL; without offer or confirm it is of no
 * use to clients, without accept of none to servers. Those that return int return 0 or a negative
 * error, such as -PIRN_E_EXTENSION_DATA: when receiving the endpoint fails with it (RFC 6455,
 * 7.1.7), when sending pirn_endpoint_encode() returns it. */
struct pirn_extension {
    struct pirn_str name; /* its token */
    size_t state_bytes;   /* of a state, from sizeof(struct pirn_extension_state) on */

    /* What it claims. A connection has no two extensions that claim the same: the later one is not
     * negotiated. Bits are as in a header's first byte shifted down: RSV1 is 4, RSV2 2, RSV3 1. */
    uint8_t rsv_first; /* bits that may be set in the first frame of a message */
    uint8_t rsv_every; /* in every frame of a message */
    bool resizes;      /* transforms by receive() and send(), which change lengths. One at most */
    uint16_t opcodes;  /* 1 << opcode for each of 3 to 7 and 11 to 15 that are its own */

    /* It looks at all messages, also at those without its bits: no frame passes by it. */
    bool every_message;

    /* Client. Writes the index-th offer, best first; false when there are no more. The element has
     * its name and no parameters; the slices of what is added must live until the next call. */
    bool (*offer)(const struct pirn_extension *extension, unsigned index,
                  struct pirn_extension_element *offer);

    /* Server. Judges an offer; true accepts it: makes the state (zeroed but for `extension`) and
     * the answer. Several offers of one client are tried in their order. Slices as above. */
    bool (*accept)(const struct pirn_extension *extension,
                   const struct pirn_extension_element *offer, struct pirn_extension_state *state,
                   struct pirn_extension_element *answer);

    /* Client. Judges the server's answer, and makes the state. False: the answer is none to what
     * was offered; *wrong may say what, in static memory. */
    bool (*confirm)(const struct pirn_extension *extension,
                    const struct pirn_extension_element *answer, struct pirn_extension_state *state,
                    const char **wrong);

    /* The connection has ended; and: it has been idle for a while, so what can be made again is
     * better given back. */
    void (*release)(struct pirn_extension_state *state);
    void (*idle)(struct pirn_extension_state *state);

    /* A frame of a text or binary message has come, with legal bits. For its first frame, sets
     * state->receiving if it transforms the message. -PIRN_E_RSV for bits that mean nothing here.
     */
    int (*begin_receive)(struct pirn_extension_state *state, const struct pirn_frame *frame);

    /* Transforms what is received; only with `resizes`. */
    int (*receive)(struct pirn_extension_state *state, struct pirn_transform *step);

    /* Changes data in place that is received. The pieces of a message come in their order, each
     * once. */
    int (*receive_in_place)(struct pirn_extension_state *state, uint8_t *data, size_t len);

    /* A frame with an opcode of its own has come, or a piece of one: opcodes 3 to 7 as messages do,
     * and continued as they are, untransformed; 11 to 15 always whole, at most 125 bytes. The event
     * has the type PIRN_EVENT_MESSAGE and is good until it returns; `fin` of frames does not show.
     */
    int (*receive_own)(struct pirn_extension_state *state, const struct pirn_event *event);

    /* A message is about to be sent. Returns the RSV bits of its first frame (those of rsv_every
     * are in all its frames), and sets state->sending if it transforms the message. */
    unsigned (*begin_send)(struct pirn_extension_state *state,
                           const struct pirn_message_plan *plan);

    /* As receive and receive_in_place, the other way. */
    int (*send)(struct pirn_extension_state *state, struct pirn_transform *step);
    int (*send_in_place)(struct pirn_extension_state *state, uint8_t *data, size_t len);

    /* A message that lay before the program whole was transformed by send() alone, and has become
     * no shorter: true if it may go as it was, and forgets the transformation; then its bits are
     * not set. */
    bool (*undo_send)(struct pirn_extension_state *state);
};

/* ---- How endpoints agree on extensions. `ours` are those a program supports, in its order:
 * nearest to the program first; 8 at most. */

#define PIRN_EXTENSION_MAX_STATES 8

/* How much memory the states of a connection need at most, aligned as a pointer is. */
PIRN_API size_t pirn_extension_states_bytes(const struct pirn_extension *const *ours, size_t count);

/* Client: writes what it offers, the value of Sec-WebSocket-Extensions, with a NUL that is not
 * counted. Returns its length, 0 for no offers, -PIRN_E_ROOM, -PIRN_E_TOKEN, -PIRN_E_ARGUMENT
 * (count above the maximum). */
PIRN_API int pirn_extension_offer(const struct pirn_extension *const *ours, size_t count, char *out,
                                  size_t cap);

/* Server: goes through a client's offers in their order; accepts of each extension the first offer
 * that can be, passes over names it does not know, offers it cannot meet, and extensions that claim
 * what an accepted one has (RFC 6455, 9.1; RFC 7692, 5). Makes the states, and writes the answer to
 * out with a NUL. Returns the bytes of states in use: 0 if nothing was accepted, and out is "";
 * -PIRN_E_ROOM for memory or out too small, -PIRN_E_TOKEN, -PIRN_E_ARGUMENT as above. */
PIRN_API int pirn_extension_accept(const struct pirn_extension *const *ours, size_t count,
                                   const struct pirn_handshake *hs, void *states,
                                   size_t states_bytes, char *out, size_t cap);

/* Client: checks the answer of a server and makes the states. Returns the bytes in use, 0 if
 * nothing was agreed on; -PIRN_E_EXTENSION_UNKNOWN (none of ours, or it cannot go with another that
 * is there), -PIRN_E_EXTENSION_ANSWER (parameters that were not offered or make no sense, an
 * extension twice), with detail set to one printable line; -PIRN_E_ROOM, -PIRN_E_ARGUMENT. */
PIRN_API int pirn_extension_confirm(const struct pirn_extension *const *ours, size_t count,
                                    const struct pirn_http_head *response, void *states,
                                    size_t states_bytes, char detail[PIRN_HANDSHAKE_DETAIL_BYTES]);

/* Ends the states of a connection; and tells them that it has been idle. NULL is let be. */
PIRN_API void pirn_extension_release(struct pirn_extension_state *states);
PIRN_API void pirn_extension_idle(struct pirn_extension_state *states);

/* The state of an extension among those of a connection, or NULL if it was not agreed on. */
PIRN_API struct pirn_extension_state *pirn_extension_find(struct pirn_extension_state *states,
                                                          const struct pirn_extension *extension);

#ifdef __cplusplus
}
#endif
#endif
