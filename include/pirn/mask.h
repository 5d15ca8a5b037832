/* pirn/mask.h: masking and unmasking of payloads, which are the same (RFC 6455, 5.3). */
#ifndef PIRN_MASK_H
#define PIRN_MASK_H

#include <pirn/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes to out[0..len) the bytes in[0..len) XORed with the masking key: in[i] with
 * key[(phase + i) % 4]. Masking a second time with the same key and phase gives the bytes back.
 *
 * key    the four bytes of the masking key, in the order in which they are on the wire.
 * phase  how many bytes of this payload went before, modulo 4: 0 at its start. Only the two lowest
 *        bits count, so the whole count may be passed.
 * out    may be in itself (masking in place); otherwise the two must not overlap. Neither needs any
 *        alignment. Both may be NULL when len is 0.
 *
 * Returns the phase of the byte after these, (phase + len) % 4, with which the next piece of the
 * same payload goes on. There are no errors. */
PIRN_API unsigned pirn_mask(void *out, const void *in, size_t len, const uint8_t key[4],
                            unsigned phase);

#ifdef __cplusplus
}
#endif
#endif
