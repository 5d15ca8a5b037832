#include "messages.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"

enum { FRAMES_BYTES = 256 << 10, DIFFERENT = 400, DIFFERENT_BYTES = 4 << 20, DIFFERENT_MIN = 16 };

static size_t different(enum kind kind, size_t size)
{
    if (kind != KIND_JSON)
        return 1;
    size_t count = DIFFERENT_BYTES / size;
    count = count < DIFFERENT ? count : DIFFERENT;
    return count > DIFFERENT_MIN ? count : DIFFERENT_MIN;
}

/* All if they are different; else as many as a large write takes. */
static size_t frame_count(const struct messages *messages)
{
    size_t count = FRAMES_BYTES / (messages->size + PIRN_FRAME_HEADER_MAX);
    if (messages->count > 1)
        return messages->count;
    return count > 0 ? count : 1;
}

static void fill_payloads(struct messages *messages, enum kind kind)
{
    messages->payloads = need(messages->count * messages->size);
    for (size_t i = 0; i < messages->count; i++) {
        uint8_t *payload = messages->payloads + i * messages->size;
        if (kind == KIND_JSON)
            fill_json(payload, messages->size, (unsigned)i);
        else
            fill_payload(payload, messages->size, kind);
    }
}

/* Keys differ from frame to frame, and from run to run: some server might know a cheap one. */
static void put_frames(struct messages *messages, enum kind kind, struct deflater *deflater)
{
    size_t most = messages->size + 1024,
           cap = messages->frame_count * (most + PIRN_FRAME_HEADER_MAX);
    uint8_t *packed = need(most);
    uint32_t key = (uint32_t)now_ns() | 0x01010101;
    struct pirn_frame frame = {.fin = true,
                               .rsv = deflater ? 4 : 0,
                               .opcode = kind == KIND_BINARY ? PIRN_BINARY : PIRN_TEXT,
                               .payload_len = messages->size};
    messages->frames = need(cap);
    for (size_t i = 0; i < messages->frame_count; i++, key = key * 5 + 0x01010101) {
        const uint8_t *payload = messages_payload(messages, i);
        size_t at = messages->begins[i];
        if (deflater) {
            frame.payload_len = deflater_message(deflater, payload, messages->size, packed, most);
            payload = packed;
        }
        messages->begins[i + 1] = at + put_frame_of(messages->frames + at, cap - at, frame, payload,
                                                    (const uint8_t *)&key);
    }
    free(packed);
}

struct messages messages_make(enum kind kind, size_t size, const struct deflate_terms *terms)
{
    struct messages messages = {.size = size, .count = different(kind, size)};
    struct deflater *deflater = terms ? deflater_new(terms) : NULL;
    messages.frame_count = frame_count(&messages);
    messages.begins = need((messages.frame_count + 1) * sizeof *messages.begins);
    fill_payloads(&messages, kind);
    put_frames(&messages, kind, deflater);
    if (deflater)
        deflater_free(deflater);
    return messages;
}

const uint8_t *messages_payload(const struct messages *messages, uint64_t number)
{
    return messages->payloads + number % messages->count * messages->size;
}

size_t messages_len(const struct messages *messages)
{
    return messages->begins[messages->frame_count];
}

size_t messages_bytes(const struct messages *messages, uint64_t number, size_t count)
{
    size_t first = number % messages->frame_count, last = (first + count) % messages->frame_count;
    size_t rounds = (first + count) / messages->frame_count;
    return rounds * messages_len(messages) + messages->begins[last] - messages->begins[first];
}
