/* messages.h: what a load sends in turn and expects back, as frames one behind the other. */
#ifndef PIRN_BENCH_MESSAGES_H
#define PIRN_BENCH_MESSAGES_H

#include "deflate.h"
#include "support.h"

struct messages {
    size_t size, count; /* bytes of each, and how many are different */
    uint8_t *payloads;  /* count of them */
    uint8_t *frames;    /* frame n holds message n modulo count */
    size_t *begins;     /* where in frames; one more: their end */
    size_t frame_count;
};

/* Compressed if terms are given, and as a whole so that the last frame can be followed by the first
 * again. */
struct messages messages_make(enum kind kind, size_t size, const struct deflate_terms *terms);

/* The payload of the message that is sent as number so and so. */
const uint8_t *messages_payload(const struct messages *messages, uint64_t number);

size_t messages_len(const struct messages *messages);

/* Bytes of the next count frames from number on. */
size_t messages_bytes(const struct messages *messages, uint64_t number, size_t count);

#endif
