/* pirn/endpoint.h: one end of one WebSocket, after its opening handshake (RFC 6455, 5 to 8).
 *
 *     network bytes -- feed() -->  endpoint  -- next() -->  events
 *     network bytes <- control() - endpoint  <- ping(), pong(), close(), frame()
 *
 * The endpoint does no I/O, takes no memory, reads no clock and calls nothing but the random source
 * of its configuration. A program around it has this shape:
 *
 *     n = read(fd, buffer, sizeof buffer);
 *     pirn_endpoint_feed(&ep, buffer, n, now_us);
 *     while (pirn_endpoint_next(&ep, &event))
 *         ... act on the event; anything may be called, also close() and frame() ...
 *     n = pirn_endpoint_control(&ep, out, sizeof out, true); // what waits: Pong, Ping, Close
 *     write(fd, out, n);
 *
 * Payloads are unmasked where they lie and events point into the buffer that was fed: nothing is
 * copied. The program owns the order of what it sends: it writes the header that frame() gives,
 * then the payload; between two frames it may write what control() gives.
 *
 * Time is microseconds of any clock that never goes back; its zero means nothing.
 *
 * An endpoint is used by one thread at a time. */
#ifndef PIRN_ENDPOINT_H
#define PIRN_ENDPOINT_H

#include <pirn/close.h>
#include <pirn/error.h>
#include <pirn/extension.h>
#include <pirn/frame.h>
#include <pirn/utf8.h>

#ifdef __cplusplus
extern "C" {
#endif

enum pirn_role { PIRN_SERVER, PIRN_CLIENT };

#define PIRN_DEFAULT_MAX_MESSAGE_SERVER (UINT64_C(1) << 20)
#define PIRN_DEFAULT_MAX_MESSAGE_CLIENT (UINT64_C(16) << 20)
#define PIRN_DEFAULT_PING_INTERVAL_MS   20000
#define PIRN_DEFAULT_PING_TIMEOUT_MS    20000
#define PIRN_DEFAULT_CLOSE_TIMEOUT_MS   5000

#define PIRN_UNLIMITED UINT64_MAX /* for limits */
#define PIRN_OFF       UINT32_MAX /* for times: never */

/* What many endpoints have in common. Shared by pointer: it must outlive them, and must not change
 * while they live. Zero in any field means its default. */
struct pirn_endpoint_config {
    uint64_t max_message_bytes; /* 1 MiB for a server, 16 MiB for a client; else close 1009 */
    uint64_t max_frame_bytes;   /* no limit of its own; else close 1009 */
    uint32_t max_fragments;     /* frames of one message; 2^32 - 1; else close 1008 */

    uint32_t ping_interval_ms; /* from one keep-alive Ping to the next; 20 s; PIRN_OFF: none */
    uint32_t ping_timeout_ms;  /* for its Pong; 20 s; PIRN_OFF: waits for ever */
    uint32_t close_timeout_ms; /* for the peer's Close after ours; 5 s; PIRN_OFF: for ever */

    /* Any byte that arrives answers a keep-alive Ping, not its Pong alone. */
    bool traffic_is_alive;
    /* Pings are not answered by the endpoint; the program calls pirn_endpoint_pong() or does not.
     */
    bool manual_pong;
    /* Text given to pirn_endpoint_send() must be UTF-8; pirn_endpoint_frame() sees no text. */
    bool check_sent_text;

    /* Where masking keys come from. A client needs it; a server does not. */
    pirn_random_fn *random;
    void *random_context; /* given to random */
};

/* Room for the control frames of an endpoint that are in work: one that arrived in part, a Pong and
 * a Close that wait to leave. This is all that waits: a flood of Pings keeps the latest only, as
 * RFC 6455, 5.5.3, allows. Programs with few connections put one beside each endpoint. Those with
 * very many lend one to all in turn: see pirn_endpoint_lend(). */
struct pirn_control_slots {
    uint8_t arriving[PIRN_CONTROL_MAX];
    uint8_t pong[PIRN_CONTROL_MAX];
    uint8_t close[PIRN_CONTROL_MAX];
};

enum pirn_endpoint_state {
    PIRN_OPEN,    /* messages pass both ways */
    PIRN_CLOSING, /* our Close is queued or sent, the peer's has not come: still receiving */
    PIRN_CLOSED   /* both Close frames are through, or the endpoint failed: nothing passes */
};

enum pirn_event_type {
    PIRN_EVENT_MESSAGE, /* a message, or a piece of one */
    PIRN_EVENT_PING,    /* its Pong waits already, unless manual_pong */
    PIRN_EVENT_PONG,    /* rtt_us is set if it answers the latest keep-alive Ping, else 0 */
    PIRN_EVENT_CLOSE,   /* the peer's Close; its answer waits already. The last event */
    PIRN_EVENT_FAILURE  /* the endpoint failed: see pirn_endpoint_error(). The last event */
};

/* data points into the buffer that was fed (or into the control slots), may be written to, and is
 * good until the next call of next() or feed(). */
struct pirn_event {
    enum pirn_event_type type;
    uint8_t opcode;     /* message: PIRN_TEXT or PIRN_BINARY, in every piece */
    bool first, last;   /* message: the piece begins it, ends it; both: it is whole */
    uint8_t *data;      /* message, ping, pong: payload. close: reason */
    size_t len;         /* bytes of it; pieces of a message may be empty */
    uint64_t offset;    /* message: where in the message the piece begins */
    uint64_t remaining; /* message: bytes of this frame that have not come yet; 0 also if an
                         * extension changes lengths: then nobody knows */
    uint64_t rtt_us;    /* pong: round-trip time */
    int code;           /* close: the peer's close code, 1005 if there was none */
    bool has_code;      /* close: whether there was one */
};

/* Who began the end. */
enum pirn_close_origin { PIRN_ORIGIN_NONE, PIRN_ORIGIN_LOCAL, PIRN_ORIGIN_REMOTE };

/* The fields are the endpoint's own: read them through the functions. */
struct pirn_endpoint {
    const struct pirn_endpoint_config *config;
    struct pirn_control_slots *slots;
    struct pirn_extension_state *extensions; /* NULL: none */
    uint8_t *in, *in_end;                    /* what next() has not looked at of the buffer fed */
    uint64_t frame_left;                     /* payload bytes of the current frame still to come */
    union {
        uint64_t message_len; /* bytes of the current message so far */
        uint64_t detail;      /* after a failure: what it is about: an offset, a length, a code */
    };
    uint64_t now_us;        /* as of the last call that told the time */
    uint64_t ping_us;       /* when the latest keep-alive Ping was due, at first of init() */
    uint64_t wake_us;       /* when tick() has something to do; UINT64_MAX: never */
    uint32_t rtt_us;        /* of the latest answered keep-alive Ping */
    uint32_t ping_number;   /* payload of the latest keep-alive Ping */
    uint32_t fragments;     /* frames of the current message so far */
    uint32_t flags;         /* see endpoint_parts.h */
    uint32_t whole_below;   /* longer messages do not take the short way; 0: none does */
    uint16_t sent_code;     /* of our Close; 0: empty or none */
    uint16_t received_code; /* of the peer's Close; 0: empty or none */
    uint8_t header[PIRN_FRAME_HEADER_MAX];     /* of the current frame; see endpoint_receive.c */
    uint8_t header_len;                        /* bytes of a header that has come in part */
    uint8_t reading;                           /* what next() expects; see endpoint_parts.h */
    uint8_t error;                             /* sticky; PIRN_E_NONE until it fails */
    struct pirn_utf8 utf8;                     /* of the text message being received */
    struct pirn_utf8 sending_utf8;             /* of the one being sent in fragments */
    uint8_t message_opcode;                    /* of the message being received; 0: none */
    uint8_t sending;                           /* of the message being sent; see endpoint_parts.h */
    uint8_t arriving_len, pong_len, close_len; /* bytes in the slots */
};

/* Makes an endpoint that is open: the opening handshake is done. config may be NULL, which means
 * the default of everything. slots may be NULL until the first call that receives, ticks or closes:
 * see pirn_endpoint_lend(). Returns 0, or -PIRN_E_ARGUMENT for a client without a random source or
 * a role that is none. There is nothing to release. */
PIRN_API int pirn_endpoint_init(struct pirn_endpoint *ep, enum pirn_role role,
                                const struct pirn_endpoint_config *config,
                                struct pirn_control_slots *slots, uint64_t now_us);

/* Gives it the extensions that were agreed on, before the first frame either way. They are the
 * program's, stay where they are, and are released by it after the last call. NULL for none.
 *
 * Messages that come are transformed piece by piece, and delivered as if there were no extension:
 * limits and the check of text hold for what the program gets, judged before it gets it; only
 * max_frame_bytes holds for frames as they come. Events then point into memory of the extension's,
 * good until the next event of any endpoint that shares it. Data that cannot be transformed fails
 * the endpoint with the extension's error (1007 for broken deflate data). Messages leave through
 * pirn_endpoint_encode(); what frame() and send() send is not transformed. */
PIRN_API void pirn_endpoint_extend(struct pirn_endpoint *ep, struct pirn_extension_state *states);

/* Gives the endpoint other slots; what the old ones hold moves along. An endpoint that is settled
 * and has nothing unread needs none and may have NULL; any other refuses NULL with -PIRN_E_STATE
 * and keeps what it has. Returns 0 otherwise. So one pirn_control_slots serves all connections of a
 * loop: lend it, feed, take what control() gives, and if the endpoint is settled then, take it
 * back; if not (the socket is full, or a control frame has come in part), lend it slots of its own.
 */
PIRN_API int pirn_endpoint_lend(struct pirn_endpoint *ep, struct pirn_control_slots *slots);

/* Whether the slots hold nothing that is still needed. */
PIRN_API bool pirn_endpoint_settled(const struct pirn_endpoint *ep);

/* Lends the bytes that came from the network, data[0..len), to be read by next(). They are changed
 * in place, and must stay until next() has returned false; then they are free again, whatever they
 * held: incomplete frames too. Returns 0; -PIRN_E_STATE for feeding while an earlier buffer is
 * unread, or without slots; -PIRN_E_ARGUMENT for len bytes at NULL. After the end of the endpoint
 * bytes are ignored, as RFC 6455, 7.1.7, wants. */
PIRN_API int pirn_endpoint_feed(struct pirn_endpoint *ep, void *data, size_t len, uint64_t now_us);

/* Takes the next event; false when there is none before more bytes are fed. Messages come in pieces
 * as the frames and the reads cut them: a message that lies whole in the buffer in one frame is one
 * event with first and last set. A violation of the protocol gives one PIRN_EVENT_FAILURE, its
 * Close (1002, 1007, 1008, 1009, with a reason that says what was wrong) waits to leave, and all
 * that came before it has been delivered. After PIRN_EVENT_CLOSE or _FAILURE it returns false for
 * ever.
 *
 * A header is judged in this order, on its first two bytes: RSV, OPCODE, CONTROL_FRAGMENTED,
 * CONTINUATION_UNEXPECTED, _EXPECTED, UNMASKED, MASKED, CONTROL_TOO_LONG; then as soon as the
 * length has come: LENGTH_64BIT, LENGTH_NOT_MINIMAL, FRAME_TOO_BIG, MESSAGE_TOO_BIG, FRAGMENTS.
 * Nothing of a frame with a bad header is delivered. A text message is checked as it comes: what
 * precedes the first byte that cannot be UTF-8 is delivered, as a piece that is not the last, and
 * nothing after it (RFC 6455, 8.1). So bytes give the same events however they are cut. */
PIRN_API bool pirn_endpoint_next(struct pirn_endpoint *ep, struct pirn_event *event);

/* Takes the buffer back before next() has returned false: returns how many bytes of its end next()
 * has not used up, to be fed again, as they are now, when events are wanted again. */
PIRN_API size_t pirn_endpoint_unfeed(struct pirn_endpoint *ep);

/* Whether next() may have an event although everything fed is used up: an extension has not given
 * all that it made of it. It needs slots then, as it does after feed(), which may also come first.
 * Never without extensions. */
PIRN_API bool pirn_endpoint_is_pending(const struct pirn_endpoint *ep);

/* How many payload bytes of the current frame have not come yet: a program may read that many
 * straight to where it wants them and feed them from there. 0 between frames, and in control
 * frames, which are gathered in the slots, and in messages whose length an extension changes. */
PIRN_API uint64_t pirn_endpoint_remaining(const struct pirn_endpoint *ep);

/* The connection below has ended (read returned 0, or an error): nothing more will be fed or sent,
 * and what still waits is forgotten. Call it when next() has returned false. Returns true if the
 * ending was clean: both Close frames are through. If not and the endpoint had not failed before,
 * it fails with PIRN_E_EOF: for this there is no event. The ending is reported as 1006, unless the
 * peer's Close had come and only ours had not left. */
PIRN_API bool pirn_endpoint_eof(struct pirn_endpoint *ep);

/* Time passes: a keep-alive Ping may become due (it waits in control()), or the endpoint fails with
 * PIRN_E_PING_TIMEOUT (its Close, 1011 "ping timeout: no pong within 20000 ms", waits) or
 * PIRN_E_CLOSE_TIMEOUT. Returns false if it failed now: there is no event for it. Early and
 * spurious calls do nothing. While a Ping is unanswered the next is not sent, unless
 * ping_timeout_ms is PIRN_OFF: a peer that is gone is found within interval and timeout. */
PIRN_API bool pirn_endpoint_tick(struct pirn_endpoint *ep, uint64_t now_us);

/* When tick() has something to do at the earliest; UINT64_MAX for never. What is received does not
 * move it, but for the end, after which it is never; tick() and close() do. */
PIRN_API uint64_t pirn_endpoint_deadline(const struct pirn_endpoint *ep);

/* Writes the control frames that wait, whole ones only, to out[0..cap), and forgets them: Pong,
 * then keep-alive Ping. A Close that waits is written only if with_close is set, and nothing after
 * it ever: programs that have data queued set it when that data has left. cap is best at least 3 *
 * PIRN_CONTROL_FRAME_MAX. Returns the bytes written, 0 when nothing waits, -PIRN_E_ROOM when
 * something waits that does not fit alone, -PIRN_E_RANDOM for a client that got no masking key
 * (what waits still waits). */
PIRN_API int pirn_endpoint_control(struct pirn_endpoint *ep, void *out, size_t cap,
                                   bool with_close);

/* Whether control() has something to write; of_close: whether a Close is part of it. */
PIRN_API bool pirn_endpoint_has_control(const struct pirn_endpoint *ep);
PIRN_API bool pirn_endpoint_has_close(const struct pirn_endpoint *ep);

/* Begins a frame of a data message: writes its header of 2-14 bytes to header and returns its size.
 * The program sends it, then payload_len bytes of payload, before any other frame. For a client the
 * payload must be masked with the last four bytes of the header (pirn_mask(), phase 0).
 * type is PIRN_TEXT or PIRN_BINARY; fin ends the message. To send a message in fragments call it
 * with fin unset, and go on with the same type until fin is set: the opcode becomes continuation by
 * itself; control frames may pass between. Errors, which change nothing: -PIRN_E_ARGUMENT (type, or
 * payload_len over 2^63 - 1), -PIRN_E_STATE (the type differs from the message begun),
 * -PIRN_E_CLOSED (our Close is queued or sent, or the endpoint failed), -PIRN_E_RANDOM. */
PIRN_API int pirn_endpoint_frame(struct pirn_endpoint *ep, enum pirn_opcode type, bool fin,
                                 uint64_t payload_len, uint8_t header[PIRN_FRAME_HEADER_MAX]);

/* Whether a message is being sent in fragments: begun and not ended. */
PIRN_API bool pirn_endpoint_is_sending(const struct pirn_endpoint *ep);

/* pirn_endpoint_frame() and the payload in one buffer, for programs that want bytes to send: writes
 * the whole frame to out[0..cap), masked if need be. Returns its size, or an error that changes
 * nothing: -PIRN_E_ROOM (header and payload are at most PIRN_FRAME_HEADER_MAX + len),
 * -PIRN_E_TEXT_UTF8 (with check_sent_text; a message whose fragments all come through here may cut
 * characters), -PIRN_E_ARGUMENT for len bytes at NULL, or as above. The payload may not overlap
 * out. */
PIRN_API int64_t pirn_endpoint_send(struct pirn_endpoint *ep, enum pirn_opcode type, bool fin,
                                    const void *payload, size_t len, void *out, size_t cap);

/* Begins a message for the extensions to see, before its first frame: returns 1 if one of them
 * transforms it, so that it must go through pirn_endpoint_encode() to its end; 0 if none does: then
 * frame() and send() may be used as well. A message that is begun must be sent. Errors, which
 * change nothing: as pirn_endpoint_frame(), -PIRN_E_STATE also when one is begun. */
PIRN_API int pirn_endpoint_begin(struct pirn_endpoint *ep, const struct pirn_message_plan *plan);

#define PIRN_OUTGOING_HELD 64

/* Part of a message, or all of it, on its way out. Made anew for each part. */
struct pirn_outgoing {
    enum pirn_opcode type;
    enum pirn_compress compress; /* where the message has not been begun yet */
    const void *data;            /* what has not been taken yet; moves on */
    size_t len;
    bool fin;   /* the message ends with it */
    bool flush; /* all that was given so far leaves, though the message does not end */
    bool done;  /* set: all is taken, and all that had to leave has been written */

    bool checked; /* private, as is the rest: zero at first */
    uint8_t held_at, held_len;
    uint8_t
        held[PIRN_OUTGOING_HELD]; /* changed in place by an extension, not yet taken by the next */
};

#define PIRN_ENCODE_MIN 256 /* bytes of room that pirn_endpoint_encode() needs */

/* Writes the next frame of a message, with its payload transformed by the extensions and masked if
 * need be, to out[0..cap), cap at least PIRN_ENCODE_MIN. Call it until `done`:
 *
 *     do {
 *         n = pirn_endpoint_encode(&ep, &outgoing, out, sizeof out);
 *         write(fd, out, n);
 *     } while (n >= 0 && !outgoing.done);
 *
 * A message that fits in cap is one frame; a larger one is cut into fragments, as are parts that
 * are given one by one. Returns the size of the frame, 0 if there is nothing to send yet (a
 * compressor may keep what it took), or an error: -PIRN_E_ROOM (cap), -PIRN_E_ARGUMENT,
 * -PIRN_E_STATE, -PIRN_E_CLOSED, -PIRN_E_TEXT_UTF8 as pirn_endpoint_send() says, which change
 * nothing but what was written before; -PIRN_E_RANDOM, -PIRN_E_MEMORY and errors of an extension,
 * after which the message cannot be ended: the connection must be closed. data may not overlap out.
 */
PIRN_API int64_t pirn_endpoint_encode(struct pirn_endpoint *ep, struct pirn_outgoing *outgoing,
                                      void *out, size_t cap);

/* Writes a control frame of an extension, opcode 11 to 15, to out, with no RSV bits. Messages of
 * its data opcodes, 3 to 7, are sent by frame() and send(). Both return -PIRN_E_ARGUMENT for
 * opcodes that no extension of the endpoint claims. Otherwise as pirn_endpoint_ping(). */
PIRN_API int pirn_endpoint_own_control(struct pirn_endpoint *ep, int opcode, const void *payload,
                                       size_t len, uint8_t out[PIRN_CONTROL_FRAME_MAX]);

/* Writes a Ping or a Pong with a payload of the program's own, at most PIRN_CONTROL_MAX bytes, to
 * out, to be sent between two frames. Returns its size, -PIRN_E_CONTROL_TOO_LONG,
 * -PIRN_E_ARGUMENT for len bytes at NULL, -PIRN_E_CLOSED, -PIRN_E_RANDOM. */
PIRN_API int pirn_endpoint_ping(struct pirn_endpoint *ep, const void *payload, size_t len,
                                uint8_t out[PIRN_CONTROL_FRAME_MAX]);
PIRN_API int pirn_endpoint_pong(struct pirn_endpoint *ep, const void *payload, size_t len,
                                uint8_t out[PIRN_CONTROL_FRAME_MAX]);

/* Begins the closing handshake (RFC 6455, 7.1.2): queues a Close with a close code that may be sent
 * and a reason of at most 123 bytes of UTF-8, or an empty Close for code 0. Returns 0, or an error
 * of pirn_close_build(), or -PIRN_E_STATE without slots, with nothing changed. Events go on
 * until the peer's Close has come. After PIRN_EVENT_CLOSE, until the answer has left by control(),
 * it gives the answer another code and reason. To close what is otherwise closing or closed already
 * does nothing and returns -PIRN_E_CLOSED. */
PIRN_API int pirn_endpoint_close(struct pirn_endpoint *ep, int code, struct pirn_str reason,
                                 uint64_t now_us);

PIRN_API enum pirn_role pirn_endpoint_role(const struct pirn_endpoint *ep);
PIRN_API enum pirn_endpoint_state pirn_endpoint_state(const struct pirn_endpoint *ep);

/* The first failure, PIRN_E_NONE if there was none. */
PIRN_API enum pirn_error pirn_endpoint_error(const struct pirn_endpoint *ep);

/* The failure as one line, with what it is about: "text is not UTF-8 at byte 17", "frame of 126
 * bytes uses the 64-bit length". At most cap - 1 bytes and a NUL; returns text. It is also the
 * reason of the Close that reports it, so at most 123 bytes. "" without a failure, or if cap is 0.
 */
PIRN_API const char *pirn_endpoint_error_text(const struct pirn_endpoint *ep, char *text,
                                              size_t cap);

/* How it ended, or is ending: what a program reports (RFC 6455, 7.1.4 to 7.1.6). */
struct pirn_ending {
    enum pirn_close_origin origin; /* who sent the first Close; else: local if it failed here,
                                    * remote if the connection below ended */
    bool sent_close;               /* our Close has left by control() */
    bool received_close;           /* the peer's Close has come */
    int sent_code;                 /* 1005 for an empty one; 0 if none was queued */
    int received_code;             /* 1005 for an empty one, 1006 if none came */
    bool clean;                    /* both are through, and the endpoint did not fail */
};
PIRN_API struct pirn_ending pirn_endpoint_ending(const struct pirn_endpoint *ep);

/* Round-trip time of the latest keep-alive Ping that was answered; 0 if none was yet. */
PIRN_API uint64_t pirn_endpoint_rtt_us(const struct pirn_endpoint *ep);

#ifdef __cplusplus
}
#endif
#endif
