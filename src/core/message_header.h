/* message_header.h: the header of a frame of a message that is being sent, for frame() and send(),
 * which nearly all messages leave by, and encode(). What ep->sending is 0 for comes first. */
#ifndef PIRN_CORE_MESSAGE_HEADER_H
#define PIRN_CORE_MESSAGE_HEADER_H

#include "endpoint_parts.h"
#include "frame_header.h"

/* The first byte, but for FIN, in a message that was begun. */
static inline unsigned pirn__message_first_byte(const struct pirn_endpoint *ep,
                                                enum pirn_opcode type)
{
    const unsigned rsv = ep->sending & PIRN__SENDING_RSV;
    const bool goes_on = ep->sending & PIRN__SENDING_OPCODE && !(ep->sending & PIRN__UNTOUCHED);
    return rsv | (goes_on ? PIRN_CONTINUATION : (unsigned)type);
}

/* The second byte. */
static inline uint8_t pirn__message_second_byte(const struct pirn_endpoint *ep,
                                                uint64_t payload_len)
{
    return (uint8_t)((pirn__is_client(ep) ? PIRN__MASK : 0) | pirn__length_code(payload_len));
}

static inline size_t pirn__message_header_size(const struct pirn_endpoint *ep, uint64_t payload_len)
{
    return pirn__header_size(pirn__message_second_byte(ep, payload_len));
}

/* Returns its size, or -PIRN_E_RANDOM for a client that got no masking key. */
static inline int pirn__put_message_header(const struct pirn_endpoint *ep, enum pirn_opcode type,
                                           bool fin, uint64_t payload_len, uint8_t *out)
{
    const unsigned first = ep->sending != 0 ? pirn__message_first_byte(ep, type) : (unsigned)type;
    const uint8_t second = pirn__message_second_byte(ep, payload_len);
    const size_t size = pirn__header_size(second);
    pirn__put_header(out, (uint8_t)((fin ? PIRN__FIN : 0u) | first), second, payload_len);
    if (second & PIRN__MASK && !ep->config->random(ep->config->random_context, out + size - 4, 4))
        return -PIRN_E_RANDOM;
    return (int)size;
}

/* A frame has been made. */
static inline void pirn__message_go_on(struct pirn_endpoint *ep, enum pirn_opcode type, bool fin,
                                       struct pirn_utf8 utf8)
{
    if (!fin || ep->sending != 0)
        ep->sending = pirn__next_sending(ep, type, fin);
    ep->sending_utf8 = utf8;
}

#endif
