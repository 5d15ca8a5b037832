/* deflate.h: permessage-deflate (RFC 7692) on the client's side, by zlib. */
#ifndef PIRN_BENCH_DEFLATE_H
#define PIRN_BENCH_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What browsers offer. */
#define DEFLATE_OFFER "permessage-deflate; client_max_window_bits"

/* What the server has agreed to. */
struct deflate_terms {
    bool agreed;
    bool client_resets, server_resets; /* nothing is kept from one message to the next */
    int client_bits;
};

/* Takes the terms from the head of an answer, a string. */
void deflate_read_terms(struct deflate_terms *terms, const char *head);

/* The compressor of one connection's messages. */
struct deflater;
struct deflater *deflater_new(const struct deflate_terms *terms);
void deflater_free(struct deflater *deflater);

/* Compresses a message; returns its size. */
size_t deflater_message(struct deflater *deflater, const uint8_t *data, size_t len, uint8_t *out,
                        size_t cap);

struct inflater;
struct inflater *inflater_new(const struct deflate_terms *terms);

/* Takes the next piece of a message; adds what it holds to out, of which *len bytes are filled, and
 * ends the program if that is broken or more than cap. */
void inflater_piece(struct inflater *inflater, const uint8_t *data, size_t data_len, uint8_t *out,
                    size_t *len, size_t cap);
void inflater_end_message(struct inflater *inflater, uint8_t *out, size_t *len, size_t cap);

#endif
