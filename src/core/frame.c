/* A header is two bytes (FIN, RSV and opcode; MASK and a length code), then 0, 2 or 8 bytes of
 * length, then 0 or 4 of masking key. The length is read and written byte by byte, so it needs
 * neither alignment nor a machine of one byte order. */
#include <pirn/frame.h>

#include <string.h>

#include <pirn/close.h>
#include <pirn/error.h>
#include <pirn/mask.h>

#include "frame_header.h"

static const char *const opcode_names[16] = {
    "continuation", "text", "binary", "reserved", "reserved", "reserved", "reserved", "reserved",
    "close",        "ping", "pong",   "reserved", "reserved", "reserved", "reserved", "reserved",
};

const char *pirn_opcode_name(int opcode)
{
    return opcode < 0 || opcode > 15 ? "reserved" : opcode_names[opcode];
}

bool pirn_opcode_is_control(int opcode)
{
    return opcode >= 8 && opcode <= 15;
}

bool pirn_opcode_is_reserved(int opcode)
{
    return opcode < 0 || (opcode > PIRN_BINARY && opcode < PIRN_CLOSE) || opcode > PIRN_PONG;
}

size_t pirn_frame_decode(struct pirn_frame *out, const void *data, size_t len)
{
    const uint8_t *header = data;
    if (len < 2 || len < pirn__header_size(header[1]))
        return 0;
    const size_t size = pirn__header_size(header[1]);
    *out = (struct pirn_frame){
        .fin = (header[0] & PIRN__FIN) != 0,
        .masked = (header[1] & PIRN__MASK) != 0,
        .rsv = (header[0] & PIRN__RSV_BITS) >> PIRN__RSV_SHIFT,
        .opcode = header[0] & PIRN__OPCODE_BITS,
        .payload_len = pirn__payload_len(header),
    };
    if (out->masked)
        memcpy(out->masking_key, header + size - 4, 4);
    return size;
}

/* pirn_frame_check(), reserved opcodes aside. */
static int check_form(const struct pirn_frame *frame)
{
    if (frame->rsv > 7 || frame->opcode > 15)
        return -PIRN_E_ARGUMENT;
    if (frame->payload_len > PIRN__PAYLOAD_MAX)
        return -PIRN_E_LENGTH_64BIT;
    if (!pirn_opcode_is_control(frame->opcode))
        return 0;
    if (frame->payload_len > PIRN_CONTROL_MAX)
        return -PIRN_E_CONTROL_TOO_LONG;
    return frame->fin ? 0 : -PIRN_E_CONTROL_FRAGMENTED;
}

int pirn_frame_check(const struct pirn_frame *frame)
{
    if (frame->opcode <= 15 && frame->rsv <= 7 && pirn_opcode_is_reserved(frame->opcode))
        return -PIRN_E_OPCODE;
    return check_form(frame);
}

static uint8_t second_byte(const struct pirn_frame *frame)
{
    return (uint8_t)((frame->masked ? PIRN__MASK : 0) | pirn__length_code(frame->payload_len));
}

size_t pirn_frame_header_size(const struct pirn_frame *frame)
{
    return pirn__header_size(second_byte(frame));
}

int pirn_frame_encode_header(uint8_t out[PIRN_FRAME_HEADER_MAX], const struct pirn_frame *frame)
{
    const int error = check_form(frame);
    if (error < 0)
        return error;
    const unsigned first = (frame->fin ? PIRN__FIN : 0u) | frame->opcode;
    const uint8_t second = second_byte(frame);
    const size_t size = pirn__header_size(second);
    pirn__put_header(out, (uint8_t)(first | (unsigned)frame->rsv << PIRN__RSV_SHIFT), second,
                     frame->payload_len);
    if (frame->masked)
        memcpy(out + size - 4, frame->masking_key, 4);
    return (int)size;
}

int64_t pirn_frame_encode(void *out, size_t cap, const struct pirn_frame *frame,
                          const void *payload)
{
    uint8_t header[PIRN_FRAME_HEADER_MAX];
    const int encoded = pirn_frame_encode_header(header, frame);
    if (encoded < 0)
        return encoded;
    const size_t size = (size_t)encoded;
    if (cap < size || frame->payload_len > cap - size)
        return -PIRN_E_ROOM;
    const size_t len = (size_t)frame->payload_len;
    if (len > 0 && !payload)
        return -PIRN_E_ARGUMENT;
    uint8_t *to = out;
    memcpy(to, header, size);
    if (frame->masked)
        pirn_mask(to + size, payload, len, frame->masking_key, 0);
    else if (len > 0 && payload != to + size)
        memcpy(to + size, payload, len);
    return (int64_t)(size + len);
}

int64_t pirn_frame_encode_masked(void *out, size_t cap, struct pirn_frame *frame,
                                 const void *payload, pirn_random_fn *random, void *context)
{
    frame->masked = true;
    if (!random || !random(context, frame->masking_key, sizeof frame->masking_key))
        return -PIRN_E_RANDOM;
    return pirn_frame_encode(out, cap, frame, payload);
}

int pirn_frame_encode_close(uint8_t out[PIRN_CONTROL_FRAME_MAX], int code, struct pirn_str reason)
{
    const int len = pirn_close_build(out + 2, code, reason);
    if (len < 0)
        return len;
    const struct pirn_frame frame = {
        .fin = true,
        .opcode = PIRN_CLOSE,
        .payload_len = (uint64_t)len,
    };
    return pirn_frame_encode_header(out, &frame) + len;
}
