#include "deflate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "support.h"

void deflate_read_terms(struct deflate_terms *terms, const char *head)
{
    const char *bits = strstr(head, "client_max_window_bits=");
    *terms = (struct deflate_terms){
        .agreed = strstr(head, "permessage-deflate") != NULL,
        .client_resets = strstr(head, "client_no_context_takeover") != NULL,
        .server_resets = strstr(head, "server_no_context_takeover") != NULL,
        .client_bits = 15,
    };
    if (!bits)
        return;
    bits += strlen("client_max_window_bits=");
    terms->client_bits = (int)strtol(bits + (*bits == '"'), NULL, 10);
}

static _Noreturn void broken(const char *what)
{
    errno = 0;
    fail(what);
}

static const uint8_t tail[4] = {0, 0, 0xFF, 0xFF}; /* RFC 7692, 7.2.1 */

struct deflater {
    z_stream stream;
    bool resets;
};

struct inflater {
    z_stream stream;
    bool resets;
};

/* zlib makes no raw window of 8 bits, and 9 would be more than was agreed. */
struct deflater *deflater_new(const struct deflate_terms *terms)
{
    struct deflater *deflater = need(sizeof *deflater);
    deflater->resets = terms->client_resets;
    if (terms->client_bits < 9 || deflateInit2(&deflater->stream, 6, Z_DEFLATED,
                                               -terms->client_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        broken("no compressor as agreed");
    return deflater;
}

void deflater_free(struct deflater *deflater)
{
    deflateEnd(&deflater->stream);
    free(deflater);
}

size_t deflater_message(struct deflater *deflater, const uint8_t *data, size_t len, uint8_t *out,
                        size_t cap)
{
    z_stream *stream = &deflater->stream;
    stream->next_in = (Bytef *)(uintptr_t)data;
    stream->avail_in = (uInt)len;
    stream->next_out = out;
    stream->avail_out = (uInt)cap;
    if (deflate(stream, Z_SYNC_FLUSH) != Z_OK || stream->avail_out == 0)
        broken("a message cannot be compressed");
    if (deflater->resets)
        deflateReset(&deflater->stream);
    return cap - stream->avail_out - sizeof tail;
}

struct inflater *inflater_new(const struct deflate_terms *terms)
{
    struct inflater *inflater = need(sizeof *inflater);
    inflater->resets = terms->server_resets;
    if (inflateInit2(&inflater->stream, -15) != Z_OK)
        broken("no decompressor");
    return inflater;
}

void inflater_piece(struct inflater *inflater, const uint8_t *data, size_t data_len, uint8_t *out,
                    size_t *len, size_t cap)
{
    z_stream *stream = &inflater->stream;
    stream->next_in = (Bytef *)(uintptr_t)data;
    stream->avail_in = (uInt)data_len;
    stream->next_out = out + *len;
    stream->avail_out = (uInt)(cap - *len);
    int result = inflate(stream, Z_SYNC_FLUSH);
    if ((result != Z_OK && result != Z_BUF_ERROR) || stream->avail_in > 0)
        broken("an echo cannot be decompressed");
    *len = cap - stream->avail_out;
}

void inflater_end_message(struct inflater *inflater, uint8_t *out, size_t *len, size_t cap)
{
    inflater_piece(inflater, tail, sizeof tail, out, len, cap);
    if (inflater->resets)
        inflateReset(&inflater->stream);
}
