/* endpoint_parts.h: what the endpoint_*.c files share.
 *
 * endpoint.c: state, time and the end. endpoint_receive.c: feed() and next(). endpoint_send.c: all
 * that is written, but for endpoint_encode.c: messages that extensions transform on their way out.
 * endpoint_extend.c: what extensions claim, and messages that they transform on their way in.
 * endpoint_failure.c: what each failure says and closes with. */
#ifndef PIRN_CORE_ENDPOINT_PARTS_H
#define PIRN_CORE_ENDPOINT_PARTS_H

#include <pirn/endpoint.h>

/* ep->reading: what next() expects. Nothing leads out of the last. */
enum pirn__reading {
    PIRN__READ_HEADER = 0, /* a frame, of whose header header_len bytes have come */
    PIRN__READ_DATA,       /* frame_left bytes of a data frame */
    PIRN__READ_EXTENDED,   /* the same, and extensions transform the message */
    PIRN__READ_CONTROL,    /* frame_left bytes of a control frame, after arriving_len in the slot */
    PIRN__READ_FAILURE,    /* nothing, but the event of a failure is owed */
    PIRN__READ_NOTHING
};

/* ep->flags. */
enum pirn__flag {
    PIRN__PONG_WAITS = 0x01, /* to leave by control() */
    PIRN__PING_WAITS = 0x02,
    PIRN__CLOSE_WAITS = 0x04,
    PIRN__WAITS = PIRN__PONG_WAITS | PIRN__PING_WAITS | PIRN__CLOSE_WAITS,
    PIRN__CLOSE_SENT = 0x08, /* nothing waits and nothing leaves any more */
    PIRN__CLOSE_RECEIVED = 0x10,
    PIRN__PING_UNANSWERED = 0x20, /* nothing has shown yet that the peer lives */
    PIRN__RTT_WANTED = 0x40,      /* the Pong of the latest keep-alive Ping has not come */
    PIRN__CLIENT = 0x80,          /* lies where MASK lies in a header: one of the two is set */
    PIRN__LOCAL = 0x100,          /* who began the end */
    PIRN__REMOTE = 0x200,
    PIRN__EVERY = 0x400,    /* an extension wants to see every message */
    PIRN__RESIZED = 0x800,  /* an extension changes the length of the message being received */
    PIRN__PENDING = 0x1000, /* and has not given all that it made of it */
    PIRN__FED = 0x2000      /* extensions have taken some of the message being sent */
};

/* ep->sending. 0 between messages, but PIRN__ENCODED if an extension wants to see every one. */
enum pirn__sending {
    PIRN__SENDING_OPCODE = 0x07, /* of the message that was begun; 0: none */
    PIRN__ENCODED = 0x08,        /* it goes, or must begin, by way of the extensions */
    PIRN__SENDING_RSV = 0x70,    /* bits of its next frame */
    PIRN__UNTOUCHED = 0x80,      /* no frame of it has left */
    PIRN__BROKEN = PIRN__ENCODED | PIRN__UNTOUCHED /* without an opcode: it cannot be ended */
};

/* What a step of next() came to. */
enum pirn__taken {
    PIRN__NOTHING, /* bytes are missing */
    PIRN__EVENT,
    PIRN__SILENT /* something that is no event: there may be more */
};

#define PIRN__NEVER            UINT64_MAX
#define PIRN__NO_OFFSET        UINT64_MAX /* detail of a text that ends inside a character */
#define PIRN__UNKNOWN          0 /* detail of a message that is too big by who knows what */
#define PIRN__PING_PAYLOAD_LEN 8

static inline bool pirn__is_client(const struct pirn_endpoint *ep)
{
    return (ep->flags & PIRN__CLIENT) != 0;
}

static inline bool pirn__is_open(const struct pirn_endpoint *ep)
{
    return ep->reading < PIRN__READ_FAILURE &&
           !(ep->flags & (PIRN__CLOSE_WAITS | PIRN__CLOSE_SENT));
}

static inline uint64_t pirn__max_message_bytes(const struct pirn_endpoint *ep)
{
    if (ep->config->max_message_bytes != 0)
        return ep->config->max_message_bytes;
    return pirn__is_client(ep) ? PIRN_DEFAULT_MAX_MESSAGE_CLIENT : PIRN_DEFAULT_MAX_MESSAGE_SERVER;
}

static inline uint64_t pirn__max_frame_bytes(const struct pirn_endpoint *ep)
{
    return ep->config->max_frame_bytes != 0 ? ep->config->max_frame_bytes : PIRN_UNLIMITED;
}

static inline uint32_t pirn__max_fragments(const struct pirn_endpoint *ep)
{
    return ep->config->max_fragments != 0 ? ep->config->max_fragments : UINT32_MAX;
}

static inline uint32_t pirn__ping_interval_ms(const struct pirn_endpoint *ep)
{
    return ep->config->ping_interval_ms != 0 ? ep->config->ping_interval_ms
                                             : PIRN_DEFAULT_PING_INTERVAL_MS;
}

static inline uint32_t pirn__ping_timeout_ms(const struct pirn_endpoint *ep)
{
    return ep->config->ping_timeout_ms != 0 ? ep->config->ping_timeout_ms
                                            : PIRN_DEFAULT_PING_TIMEOUT_MS;
}

static inline uint32_t pirn__close_timeout_ms(const struct pirn_endpoint *ep)
{
    return ep->config->close_timeout_ms != 0 ? ep->config->close_timeout_ms
                                             : PIRN_DEFAULT_CLOSE_TIMEOUT_MS;
}

static inline uint64_t pirn__least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Notes the time; a clock that goes back stands still. */
static inline void pirn__endpoint_at(struct pirn_endpoint *ep, uint64_t now_us)
{
    if (now_us > ep->now_us)
        ep->now_us = now_us;
}

/* The end: nothing is read any more, reading is what next() finds then, and origin has begun it
 * if nothing had before. */
void pirn__endpoint_end(struct pirn_endpoint *ep, enum pirn__reading reading,
                        enum pirn__flag origin);

/* The end by a failure: queues its Close unless ours has left. The event is owed then. */
void pirn__endpoint_fail(struct pirn_endpoint *ep, enum pirn_error error, uint64_t detail);

/* Queues a Close, in place of one that has not left. As pirn_close_build(), and -PIRN_E_STATE
 * without slots. */
int pirn__endpoint_queue_close(struct pirn_endpoint *ep, int code, struct pirn_str reason);

/* The close code that reports a failure; 0 when it is not reported. */
int pirn__failure_close_code(enum pirn_error error);

/* Unmasks a piece of the payload; returns whether it is ASCII, as far as that is known then. */
bool pirn__endpoint_unmask(struct pirn_endpoint *ep, uint8_t *data, size_t len);

/* The extensions, for receiving. header is that of a frame whose first bytes are there; errors are
 * positive, 0 for none.
 *
 * The RSV bits of a header, at their place, that no extension allows there. */
unsigned pirn__extend_wrong_rsv(const struct pirn_endpoint *ep, const uint8_t *header);

/* Whether an extension has this opcode, a reserved one, for its own. */
bool pirn__extend_has_opcode(const struct pirn_endpoint *ep, unsigned opcode);

/* Whether a frame may belong to a message whose length an extension changes. */
bool pirn__extend_may_resize(const struct pirn_endpoint *ep, const uint8_t *header);

/* A frame of a text or binary message begins: shows it to the extensions, and tells next() to read
 * it by way of them if one transforms the message. *rsv: those bits that an error is about. */
int pirn__extend_begin_frame(struct pirn_endpoint *ep, const uint8_t *header, unsigned *rsv);

/* Reads on in PIRN__READ_EXTENDED. */
enum pirn__taken pirn__extend_read(struct pirn_endpoint *ep, struct pirn_event *event);

/* Hands a frame, or a piece, with an opcode of its own to an extension. */
enum pirn__taken pirn__extend_hand_over(struct pirn_endpoint *ep, const struct pirn_event *event);

/* The bits of ep->sending that an extension may set in every frame of a message. */
unsigned pirn__extend_rsv_every(const struct pirn_endpoint *ep);

/* No extension transforms what is received any more. */
void pirn__extend_end_message(struct pirn_endpoint *ep);

/* What ep->sending is after a frame of a message: see message_header.h. */
uint8_t pirn__next_sending(const struct pirn_endpoint *ep, enum pirn_opcode type, bool fin);

/* Whether a text goes on, and with fin ends, as UTF-8. */
bool pirn__is_text(struct pirn_utf8 *utf8, const void *payload, size_t len, bool fin);

/* The failure of an endpoint whose extension returned this error, made positive. */
enum pirn_error pirn__failure_of(int error);

/* Payload of the latest keep-alive Ping. */
void pirn__ping_payload(const struct pirn_endpoint *ep, uint8_t payload[PIRN__PING_PAYLOAD_LEN]);

#endif
