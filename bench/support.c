#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"
const char *const kind_names[KIND_COUNT] = {"binary", "ascii", "text", "json"};

enum kind kind_named(const char *name)
{
    int kind = 0;
    while (kind < KIND_COUNT && strcmp(kind_names[kind], name) != 0)
        kind++;
    return (enum kind)kind;
}

static void repeat(uint8_t *out, size_t len, const char *unit)
{
    size_t unit_len = strlen(unit), at = 0;
    for (; len - at >= unit_len; at += unit_len)
        memcpy(out + at, unit, unit_len);
    memset(out + at, '.', len - at);
}

void fill_payload(uint8_t *out, size_t len, enum kind kind)
{
    uint32_t noise = 1;
    switch (kind) {
    case KIND_ASCII:
        repeat(out, len, "{\"id\":1,\"name\":\"pirn\"}");
        break;
    case KIND_JSON:
        fill_json(out, len, 0);
        break;
    case KIND_TEXT:
        repeat(out, len, "\xE6\xBC\xA2\xE5\xAD\x97\xE4\xBB\xAE\xE5\x90\x8D");
        break;
    default:
        for (size_t i = 0; i < len; i++) {
            noise = noise * 1664525 + 1013904223;
            out[i] = (uint8_t)(noise >> 24);
        }
    }
}

size_t put_frame_of(uint8_t *out, size_t cap, struct pirn_frame frame, const uint8_t *payload,
                    const uint8_t *key)
{
    frame.masked = key != NULL;
    if (key)
        memcpy(frame.masking_key, key, sizeof frame.masking_key);
    int64_t size = pirn_frame_encode(out, cap, &frame, payload);
    if (size < 0)
        fail("a frame has no room");
    return (size_t)size;
}

size_t put_frame(uint8_t *out, size_t cap, enum kind kind, const uint8_t *payload, size_t len,
                 const uint8_t *key)
{
    const struct pirn_frame frame = {
        .fin = true, .opcode = kind == KIND_BINARY ? PIRN_BINARY : PIRN_TEXT, .payload_len = len};
    return put_frame_of(out, cap, frame, payload, key);
}

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

void *need(size_t bytes)
{
    void *memory = calloc(1, bytes);
    if (!memory)
        fail("no memory");
    return memory;
}

_Noreturn void fail(const char *what)
{
    fprintf(stderr, "bench: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(1);
}
