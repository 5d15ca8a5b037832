/* Sending: headers and frames of messages, Pings and Pongs of the program, and control(), which
 * writes what waits: Pong, keep-alive Ping, Close, in this order, and nothing after Close.
 *
 * A waiting frame is a flag and, for Pong and Close, its payload in the slots. It is encoded only
 * when it leaves, so a client draws a masking key for frames that leave and for no other. */
#include <pirn/endpoint.h>

#include <string.h>

#include <pirn/mask.h>

#include "cpu.h"
#include "endpoint_parts.h"
#include "frame_header.h"
#include "message_header.h"

void pirn__ping_payload(const struct pirn_endpoint *ep, uint8_t payload[PIRN__PING_PAYLOAD_LEN])
{
    memcpy(payload, "pirn", 4);
    for (int i = 0; i < 4; i++)
        payload[4 + i] = (uint8_t)(ep->ping_number >> 8 * (3 - i));
}

/* Encodes a frame as the role wants it. */
static int64_t put_frame(const struct pirn_endpoint *ep, struct pirn_frame *frame,
                         const void *payload, void *out, size_t cap)
{
    if (!pirn__is_client(ep))
        return pirn_frame_encode(out, cap, frame, payload);
    return pirn_frame_encode_masked(out, cap, frame, payload, ep->config->random,
                                    ep->config->random_context);
}

static int put_control(const struct pirn_endpoint *ep, enum pirn_opcode opcode, const void *payload,
                       size_t len, void *out, size_t cap)
{
    struct pirn_frame frame = {.fin = true, .opcode = (uint8_t)opcode, .payload_len = len};
    return (int)put_frame(ep, &frame, payload, out, cap);
}

static int put_waiting(const struct pirn_endpoint *ep, enum pirn__flag which, void *out, size_t cap)
{
    uint8_t ping[PIRN__PING_PAYLOAD_LEN];
    switch (which) {
    case PIRN__PONG_WAITS:
        return put_control(ep, PIRN_PONG, ep->slots->pong, ep->pong_len, out, cap);
    case PIRN__PING_WAITS:
        pirn__ping_payload(ep, ping);
        return put_control(ep, PIRN_PING, ping, sizeof ping, out, cap);
    default:
        return put_control(ep, PIRN_CLOSE, ep->slots->close, ep->close_len, out, cap);
    }
}

/* A waiting frame has left. */
static void forget(struct pirn_endpoint *ep, enum pirn__flag which)
{
    ep->flags &= ~(uint32_t)which;
    if (which == PIRN__PONG_WAITS)
        ep->pong_len = 0;
    if (which != PIRN__CLOSE_WAITS)
        return;
    ep->close_len = 0;
    ep->flags |= PIRN__CLOSE_SENT;
}

int pirn_endpoint_control(struct pirn_endpoint *ep, void *out, size_t cap, bool with_close)
{
    static const enum pirn__flag order[] = {PIRN__PONG_WAITS, PIRN__PING_WAITS, PIRN__CLOSE_WAITS};
    uint8_t *to = out;
    int used = 0;
    for (size_t i = 0; i < (with_close ? 3 : 2); i++) {
        if (!(ep->flags & order[i]))
            continue;
        const int size = put_waiting(ep, order[i], to + used, cap - (size_t)used);
        if (size < 0)
            return used > 0 ? used : size;
        forget(ep, order[i]);
        used += size;
    }
    return used;
}

bool pirn_endpoint_has_control(const struct pirn_endpoint *ep)
{
    return (ep->flags & PIRN__WAITS) != 0;
}

bool pirn_endpoint_has_close(const struct pirn_endpoint *ep)
{
    return (ep->flags & PIRN__CLOSE_WAITS) != 0;
}

/* An extension's own messages are never begun by way of the others. */
static int check_begun(const struct pirn_endpoint *ep, enum pirn_opcode type)
{
    if (ep->sending == PIRN__ENCODED)
        return type > PIRN_BINARY ? 0 : -PIRN_E_STATE;
    const unsigned begun = ep->sending & (PIRN__SENDING_OPCODE | PIRN__ENCODED);
    return begun == (unsigned)type ? 0 : -PIRN_E_STATE;
}

static bool is_data_opcode(const struct pirn_endpoint *ep, enum pirn_opcode type)
{
    if (type == PIRN_TEXT || type == PIRN_BINARY)
        return true;
    return type > PIRN_BINARY && type < PIRN_CLOSE && pirn__extend_has_opcode(ep, type);
}

static int check_message(const struct pirn_endpoint *ep, enum pirn_opcode type, uint64_t len)
{
    if (!is_data_opcode(ep, type) || len > PIRN__PAYLOAD_MAX)
        return -PIRN_E_ARGUMENT;
    if (!pirn__is_open(ep))
        return -PIRN_E_CLOSED;
    return ep->sending != 0 ? check_begun(ep, type) : 0;
}

uint8_t pirn__next_sending(const struct pirn_endpoint *ep, enum pirn_opcode type, bool fin)
{
    if (fin)
        return ep->flags & PIRN__EVERY ? PIRN__ENCODED : 0;
    const unsigned rsv = ep->sending & pirn__extend_rsv_every(ep);
    const unsigned encoded = type <= PIRN_BINARY ? ep->sending & PIRN__ENCODED : 0;
    return (uint8_t)((unsigned)type | rsv | encoded);
}

int pirn_endpoint_frame(struct pirn_endpoint *ep, enum pirn_opcode type, bool fin,
                        uint64_t payload_len, uint8_t header[PIRN_FRAME_HEADER_MAX])
{
    const int error = check_message(ep, type, payload_len);
    if (error < 0)
        return error;
    const int size = pirn__put_message_header(ep, type, fin, payload_len, header);
    if (size > 0)
        pirn__message_go_on(ep, type, fin, (struct pirn_utf8){0});
    return size;
}

bool pirn_endpoint_is_sending(const struct pirn_endpoint *ep)
{
    return (ep->sending & PIRN__SENDING_OPCODE) != 0;
}

bool pirn__is_text(struct pirn_utf8 *utf8, const void *payload, size_t len, bool fin)
{
    return pirn_utf8_feed(utf8, payload, len) == len && (!fin || pirn_utf8_complete(utf8));
}

/* The short way of nearly every message: whole in one frame, neither masked nor checked, with no
 * message begun before. So nothing of the endpoint changes. Returns the size of the frame; 0 if
 * something is not so, or wrong, which the general way knows. */
static size_t put_whole_message(const struct pirn_endpoint *ep, enum pirn_opcode type,
                                const void *payload, size_t len, uint8_t *out, size_t cap)
{
    const uint32_t unusual = PIRN__CLIENT | PIRN__CLOSE_WAITS | PIRN__CLOSE_SENT;
    if (ep->sending != 0 || ep->flags & unusual || ep->reading >= PIRN__READ_FAILURE)
        return 0;
    if (len == 0 || len > UINT16_MAX || cap < len + 4 || !payload)
        return 0;
    if (type != PIRN_BINARY && (type != PIRN_TEXT || ep->config->check_sent_text))
        return 0;
    const uint8_t code = pirn__length_code(len);
    const size_t size = pirn__header_size(code);
    pirn__put_header(out, (uint8_t)(PIRN__FIN | (unsigned)type), code, len);
    memcpy(out + size, payload, len);
    return size + len;
}

/* Apart from the short way, which then has few registers to save. */
PIRN__NOINLINE
static int64_t put_message(struct pirn_endpoint *ep, enum pirn_opcode type, bool fin,
                           const void *payload, size_t len, void *out, size_t cap)
{
    const int error = !payload && len > 0 ? -PIRN_E_ARGUMENT : check_message(ep, type, len);
    if (error < 0)
        return error;
    struct pirn_utf8 utf8 = ep->sending_utf8;
    if (ep->config->check_sent_text && type == PIRN_TEXT &&
        !pirn__is_text(&utf8, payload, len, fin))
        return -PIRN_E_TEXT_UTF8;
    const size_t size = pirn__message_header_size(ep, len);
    uint8_t *header = out;
    if (cap < size || len > cap - size)
        return -PIRN_E_ROOM;
    if (pirn__put_message_header(ep, type, fin, len, header) < 0)
        return -PIRN_E_RANDOM;
    if (pirn__is_client(ep))
        pirn_mask(header + size, payload, len, header + size - 4, 0);
    else if (len > 0)
        memcpy(header + size, payload, len);
    pirn__message_go_on(ep, type, fin, utf8);
    return (int64_t)(size + len);
}

int64_t pirn_endpoint_send(struct pirn_endpoint *ep, enum pirn_opcode type, bool fin,
                           const void *payload, size_t len, void *out, size_t cap)
{
    const size_t size = fin ? put_whole_message(ep, type, payload, len, out, cap) : 0;
    return size > 0 ? (int64_t)size : put_message(ep, type, fin, payload, len, out, cap);
}

static int put_own(const struct pirn_endpoint *ep, enum pirn_opcode opcode, const void *payload,
                   size_t len, uint8_t out[PIRN_CONTROL_FRAME_MAX])
{
    if (!pirn__is_open(ep))
        return -PIRN_E_CLOSED;
    return put_control(ep, opcode, payload, len, out, PIRN_CONTROL_FRAME_MAX);
}

int pirn_endpoint_ping(struct pirn_endpoint *ep, const void *payload, size_t len,
                       uint8_t out[PIRN_CONTROL_FRAME_MAX])
{
    return put_own(ep, PIRN_PING, payload, len, out);
}

int pirn_endpoint_pong(struct pirn_endpoint *ep, const void *payload, size_t len,
                       uint8_t out[PIRN_CONTROL_FRAME_MAX])
{
    return put_own(ep, PIRN_PONG, payload, len, out);
}

int pirn_endpoint_own_control(struct pirn_endpoint *ep, int opcode, const void *payload, size_t len,
                              uint8_t out[PIRN_CONTROL_FRAME_MAX])
{
    if (opcode <= PIRN_PONG || opcode > 15 || !pirn__extend_has_opcode(ep, (unsigned)opcode))
        return -PIRN_E_ARGUMENT;
    return put_own(ep, (enum pirn_opcode)opcode, payload, len, out);
}
