/* endpoint_parts.h: what the endpoint_*.c files share.
 *
 * endpoint.c: state, time and the end. endpoint_receive.c: feed() and next(). endpoint_send.c: all
 * that is written. endpoint_failure.c: what each failure says and closes with. */
#ifndef PIRN_CORE_ENDPOINT_PARTS_H
#define PIRN_CORE_ENDPOINT_PARTS_H

#include <pirn/endpoint.h>

/* ep->reading: what next() expects. Nothing leads out of the last. */
enum pirn__reading {
    PIRN__READ_HEADER = 0, /* a frame, of whose header header_len bytes have come */
    PIRN__READ_DATA,       /* frame_left bytes of a data frame */
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
    PIRN__REMOTE = 0x200
};

#define PIRN__NEVER            UINT64_MAX
#define PIRN__NO_OFFSET        UINT64_MAX /* detail of a text that ends inside a character */
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

/* Payload of the latest keep-alive Ping. */
void pirn__ping_payload(const struct pirn_endpoint *ep, uint8_t payload[PIRN__PING_PAYLOAD_LEN]);

#endif
