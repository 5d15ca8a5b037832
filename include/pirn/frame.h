/* pirn/frame.h: one frame of RFC 6455, section 5.2: its header to bytes and back.
 *
 * Stateless and without judgement of what may follow what: that is the endpoint's work. What can be
 * said of a header alone (reserved bits aside, which an extension may own) is in
 * pirn_frame_check(). */
#ifndef PIRN_FRAME_H
#define PIRN_FRAME_H

#include <pirn/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* RFC 6455, 11.8. Opcodes 3-7 (data) and 11-15 (control) are reserved for extensions. */
enum pirn_opcode {
    PIRN_CONTINUATION = 0,
    PIRN_TEXT = 1,
    PIRN_BINARY = 2,
    PIRN_CLOSE = 8,
    PIRN_PING = 9,
    PIRN_PONG = 10
};

#define PIRN_FRAME_HEADER_MAX  14  /* bytes of the longest header: 2 + 8 of length + 4 of key */
#define PIRN_CONTROL_MAX       125 /* bytes of the longest payload of a control frame */
#define PIRN_CONTROL_FRAME_MAX 131 /* bytes of the longest control frame, header and all */

/* A frame's header. rsv is 0-7: RSV1 counts 4, RSV2 2, RSV3 1. masking_key means nothing unless
 * masked. payload_len is at most 2^63 - 1. */
struct pirn_frame {
    bool fin;
    bool masked;
    uint8_t rsv;
    uint8_t opcode;
    uint8_t masking_key[4];
    uint64_t payload_len;
};

/* Decodes the header at data[0..len). Returns its size, 2-14 bytes, or 0 when more bytes are needed
 * to know; nothing else can go wrong here: out->payload_len may even be 2^63 or more, which
 * pirn_frame_check() refuses. Whether the length was in its shortest form is told by comparing the
 * return value with pirn_frame_header_size(). */
PIRN_API size_t pirn_frame_decode(struct pirn_frame *out, const void *data, size_t len);

/* What RFC 6455, 5.2 and 5.5, says of a header alone: 0, or -PIRN_E_OPCODE (reserved),
 * -PIRN_E_LENGTH_64BIT, -PIRN_E_CONTROL_TOO_LONG, -PIRN_E_CONTROL_FRAGMENTED, or -PIRN_E_ARGUMENT
 * for a field out of its range (rsv over 7, opcode over 15). */
PIRN_API int pirn_frame_check(const struct pirn_frame *frame);

/* The size of the header in its shortest form, which is the only legal one: 2-14 bytes. */
PIRN_API size_t pirn_frame_header_size(const struct pirn_frame *frame);

/* Encodes the header in its shortest form. Returns its size, or what pirn_frame_check() refuses,
 * but reserved opcodes are let through, as an extension may own them. */
PIRN_API int pirn_frame_encode_header(uint8_t out[PIRN_FRAME_HEADER_MAX],
                                      const struct pirn_frame *frame);

/* Encodes a whole frame: header, then payload[0..frame->payload_len), masked on its way if
 * frame->masked (an all-zero key leaves it readable). Returns the frame's size in bytes, or, with
 * out untouched, -PIRN_E_ROOM when that is more than cap, -PIRN_E_ARGUMENT for a length at NULL, or
 * as pirn_frame_encode_header(). payload may lie at its place in out already: it is not moved then.
 */
PIRN_API int64_t pirn_frame_encode(void *out, size_t cap, const struct pirn_frame *frame,
                                   const void *payload);

/* As pirn_frame_encode(), with masked set and a masking key from random: -PIRN_E_RANDOM when it is
 * NULL or has none to give. The key is left in frame->masking_key. */
PIRN_API int64_t pirn_frame_encode_masked(void *out, size_t cap, struct pirn_frame *frame,
                                          const void *payload, pirn_random_fn *random,
                                          void *context);

/* Encodes a whole unmasked Close frame from a close code (0 for none) and a reason: its size of
 * 2-127 bytes, or an error of pirn_close_build(). For a name use pirn_close_from_name(). */
PIRN_API int pirn_frame_encode_close(uint8_t out[PIRN_CONTROL_FRAME_MAX], int code,
                                     struct pirn_str reason);

/* Opcodes 8-15 are control frames. */
PIRN_API bool pirn_opcode_is_control(int opcode);

/* Opcodes 3-7 and 11-15, and whatever is no opcode at all. */
PIRN_API bool pirn_opcode_is_reserved(int opcode);

/* "continuation", "text", "binary", "close", "ping", "pong", or "reserved"; static memory. */
PIRN_API const char *pirn_opcode_name(int opcode);

#ifdef __cplusplus
}
#endif
#endif
