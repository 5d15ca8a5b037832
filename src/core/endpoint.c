/* The endpoint: its state, its time and its end. How it receives and sends is in files of their
 * own; what they share, and the states of receiving, is in endpoint_parts.h.
 *
 * The three public states are not stored, they follow from two facts:
 *   CLOSED   reading has come to FAILURE or NOTHING: pirn__endpoint_end() is the only way there
 *   CLOSING  else, if our Close waits or is sent
 *   OPEN     else
 * After the end no function reads, and time stands still (wake_us is NEVER), but what waits may
 * still leave by control(): an answer to a Ping, then our Close, then nothing ever.
 *
 * Time: wake_us is the only timer. While open it is the next moment at which the keep-alive must
 * be looked at, while closing the moment at which the peer's Close is given up. What is received
 * only clears PING_UNANSWERED and never touches wake_us; tick() finds out when it wakes. A Ping is
 * looked at again after the interval or the timeout, whichever is shorter. */
#include <pirn/endpoint.h>

#include <string.h>

#include "endpoint_parts.h"

static const struct pirn_endpoint_config defaults;

/* Long after any clock's end is never. */
static uint64_t later(uint64_t from_us, uint32_t ms)
{
    const uint64_t us = (uint64_t)ms * 1000;
    return ms == PIRN_OFF || from_us > UINT64_MAX - us ? PIRN__NEVER : from_us + us;
}

int pirn_endpoint_init(struct pirn_endpoint *ep, enum pirn_role role,
                       const struct pirn_endpoint_config *config, struct pirn_control_slots *slots,
                       uint64_t now_us)
{
    if (role != PIRN_SERVER && role != PIRN_CLIENT)
        return -PIRN_E_ARGUMENT;
    if (role == PIRN_CLIENT && (!config || !config->random))
        return -PIRN_E_ARGUMENT;
    *ep = (struct pirn_endpoint){
        .config = config ? config : &defaults,
        .slots = slots,
        .flags = role == PIRN_CLIENT ? PIRN__CLIENT : 0,
        .now_us = now_us,
        .ping_us = now_us,
    };
    pirn_endpoint_extend(ep, NULL);
    ep->wake_us = later(now_us, pirn__ping_interval_ms(ep));
    return 0;
}

int pirn_endpoint_lend(struct pirn_endpoint *ep, struct pirn_control_slots *slots)
{
    const bool needed = !pirn_endpoint_settled(ep);
    if (!slots && (needed || ep->in != ep->in_end))
        return -PIRN_E_STATE;
    if (needed && slots != ep->slots) {
        memcpy(slots->arriving, ep->slots->arriving, ep->arriving_len);
        memcpy(slots->pong, ep->slots->pong, ep->pong_len);
        memcpy(slots->close, ep->slots->close, ep->close_len);
    }
    ep->slots = slots;
    return 0;
}

bool pirn_endpoint_settled(const struct pirn_endpoint *ep)
{
    return ep->arriving_len == 0 && !(ep->flags & (PIRN__PONG_WAITS | PIRN__CLOSE_WAITS));
}

enum pirn_role pirn_endpoint_role(const struct pirn_endpoint *ep)
{
    return pirn__is_client(ep) ? PIRN_CLIENT : PIRN_SERVER;
}

enum pirn_endpoint_state pirn_endpoint_state(const struct pirn_endpoint *ep)
{
    if (ep->reading >= PIRN__READ_FAILURE)
        return PIRN_CLOSED;
    return ep->flags & (PIRN__CLOSE_WAITS | PIRN__CLOSE_SENT) ? PIRN_CLOSING : PIRN_OPEN;
}

enum pirn_error pirn_endpoint_error(const struct pirn_endpoint *ep)
{
    return (enum pirn_error)ep->error;
}

uint64_t pirn_endpoint_rtt_us(const struct pirn_endpoint *ep)
{
    return ep->rtt_us;
}

uint64_t pirn_endpoint_deadline(const struct pirn_endpoint *ep)
{
    return ep->wake_us;
}

static void begin_by(struct pirn_endpoint *ep, enum pirn__flag origin)
{
    if (!(ep->flags & (PIRN__LOCAL | PIRN__REMOTE)))
        ep->flags |= (uint32_t)origin;
}

void pirn__endpoint_end(struct pirn_endpoint *ep, enum pirn__reading reading,
                        enum pirn__flag origin)
{
    begin_by(ep, origin);
    ep->reading = (uint8_t)reading;
    ep->in = ep->in_end = NULL;
    ep->arriving_len = 0;
    ep->wake_us = PIRN__NEVER;
    pirn__extend_end_message(ep);
}

int pirn__endpoint_queue_close(struct pirn_endpoint *ep, int code, struct pirn_str reason)
{
    if (!ep->slots)
        return -PIRN_E_STATE;
    const int len = pirn_close_build(ep->slots->close, code, reason);
    if (len < 0)
        return len;
    ep->close_len = (uint8_t)len;
    ep->sent_code = (uint16_t)code;
    ep->flags |= PIRN__CLOSE_WAITS;
    return 0;
}

void pirn__endpoint_fail(struct pirn_endpoint *ep, enum pirn_error error, uint64_t detail)
{
    char reason[PIRN_CLOSE_REASON_MAX + 1];
    const int code = pirn__failure_close_code(error);
    ep->error = (uint8_t)error;
    ep->detail = detail;
    pirn__endpoint_end(ep, PIRN__READ_FAILURE, PIRN__LOCAL);
    if (code != 0 && !(ep->flags & PIRN__CLOSE_SENT))
        pirn__endpoint_queue_close(ep, code,
                                   pirn_cstr(pirn_endpoint_error_text(ep, reason, sizeof reason)));
}

/* The answer to the peer's Close, which has not left. */
static bool answer_waits(const struct pirn_endpoint *ep)
{
    const uint32_t wanted = PIRN__REMOTE | PIRN__CLOSE_RECEIVED | PIRN__CLOSE_WAITS;
    return (ep->flags & wanted) == wanted;
}

int pirn_endpoint_close(struct pirn_endpoint *ep, int code, struct pirn_str reason, uint64_t now_us)
{
    pirn__endpoint_at(ep, now_us);
    if (answer_waits(ep))
        return pirn__endpoint_queue_close(ep, code, reason);
    if (pirn_endpoint_state(ep) != PIRN_OPEN)
        return -PIRN_E_CLOSED;
    const int error = pirn__endpoint_queue_close(ep, code, reason);
    if (error < 0)
        return error;
    begin_by(ep, PIRN__LOCAL);
    ep->wake_us = later(ep->now_us, pirn__close_timeout_ms(ep));
    return 0;
}

bool pirn_endpoint_eof(struct pirn_endpoint *ep)
{
    if (pirn_endpoint_ending(ep).clean)
        return true;
    if (ep->error == PIRN_E_NONE) {
        begin_by(ep, PIRN__REMOTE);
        pirn__endpoint_fail(ep, PIRN_E_EOF, 0);
        ep->reading = PIRN__READ_NOTHING;
    }
    ep->flags &= ~(uint32_t)PIRN__WAITS;
    return false;
}

/* A failure that tick() tells of itself. */
static bool time_out(struct pirn_endpoint *ep, enum pirn_error error)
{
    pirn__endpoint_fail(ep, error, 0);
    ep->reading = PIRN__READ_NOTHING;
    return false;
}

static bool keep_alive(struct pirn_endpoint *ep)
{
    const uint64_t due_us = later(ep->ping_us, pirn__ping_interval_ms(ep));
    const uint64_t lost_us = later(ep->ping_us, pirn__ping_timeout_ms(ep));
    if (ep->flags & PIRN__PING_UNANSWERED && lost_us != PIRN__NEVER) {
        if (ep->now_us >= lost_us)
            return time_out(ep, PIRN_E_PING_TIMEOUT);
        ep->wake_us = lost_us;
        return true;
    }
    if (ep->now_us < due_us) {
        ep->wake_us = due_us;
        return true;
    }
    ep->ping_us = ep->now_us;
    ep->ping_number++;
    ep->flags |= PIRN__PING_WAITS | PIRN__PING_UNANSWERED | PIRN__RTT_WANTED;
    ep->wake_us = pirn__least(later(ep->ping_us, pirn__ping_interval_ms(ep)),
                              later(ep->ping_us, pirn__ping_timeout_ms(ep)));
    return true;
}

bool pirn_endpoint_tick(struct pirn_endpoint *ep, uint64_t now_us)
{
    pirn__endpoint_at(ep, now_us);
    if (ep->wake_us == PIRN__NEVER || ep->now_us < ep->wake_us)
        return true;
    if (pirn_endpoint_state(ep) == PIRN_CLOSING)
        return time_out(ep, PIRN_E_CLOSE_TIMEOUT);
    return keep_alive(ep);
}

static enum pirn_close_origin origin(const struct pirn_endpoint *ep)
{
    if (ep->flags & PIRN__LOCAL)
        return PIRN_ORIGIN_LOCAL;
    return ep->flags & PIRN__REMOTE ? PIRN_ORIGIN_REMOTE : PIRN_ORIGIN_NONE;
}

/* The code of a Close: 0 in the fields is an empty one. */
static int reported(bool there, int code, int absent)
{
    if (!there)
        return absent;
    return code != 0 ? code : PIRN_CLOSE_NO_STATUS;
}

struct pirn_ending pirn_endpoint_ending(const struct pirn_endpoint *ep)
{
    const bool sent = (ep->flags & PIRN__CLOSE_SENT) != 0;
    const bool queued = (ep->flags & PIRN__CLOSE_WAITS) != 0;
    const bool received = (ep->flags & PIRN__CLOSE_RECEIVED) != 0;
    return (struct pirn_ending){
        .origin = origin(ep),
        .sent_close = sent,
        .received_close = received,
        .sent_code = reported(sent || queued, ep->sent_code, 0),
        .received_code = reported(received, ep->received_code, PIRN_CLOSE_ABNORMAL),
        .clean = sent && received, /* what failed hears no Close any more */
    };
}
