/* A stream of frames: the endpoint, fed whole and in pieces, must do what the model does (see
 * tests/support/model.h). The first four bytes choose the role, the limits and the pieces, and the
 * extensions that messages pass: as the model knows none, then both must do the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "support/model.h"

#define SETTINGS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed_all(const struct model_setting *setting, const uint8_t *bytes, size_t len,
                     uint32_t pieces, struct trace *trace)
{
    struct subject subject;
    subject_begin(&subject, setting, trace);
    for (size_t at = 0; at < len;) {
        size_t piece = len - at;
        if (pieces != 0) {
            pieces = pieces * 1664525U + 1013904223U;
            size_t wanted = 1 + (pieces >> 24) % 17;
            piece = wanted < piece ? wanted : piece;
        }
        subject_feed(&subject, bytes + at, piece);
        at += piece;
    }
    subject_end(&subject);
}

static void compare(const struct model_setting *setting, const uint8_t *bytes, size_t len,
                    uint32_t pieces, const struct trace *expected)
{
    struct trace got = {0};
    feed_all(setting, bytes, len, pieces, &got);
    if (!trace_equal(expected, &got)) {
        fprintf(stderr, "the endpoint does not do what was expected (pieces %u)\n", pieces);
        abort();
    }
    trace_release(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t limits[] = {1 << 20, 1, 10, 126, 1000, 65536, PIRN_UNLIMITED, 7};
    static const uint32_t fragments[] = {UINT32_MAX, 1, 2, 5};
    static const char *const extensions[] = {NULL, "t", "l", "tl", "lt", NULL, NULL, NULL};
    if (size < SETTINGS)
        return 0;
    const struct model_setting setting = {
        .role = data[0] & 1 ? PIRN_CLIENT : PIRN_SERVER,
        .max_message = limits[data[1] & 7],
        .max_frame = data[1] & 8 ? limits[data[1] >> 4 & 7] : PIRN_UNLIMITED,
        .max_fragments = fragments[data[2] & 3],
        .extensions = extensions[data[0] >> 1 & 7],
        .room_len = 1 + (data[2] >> 2),
    };
    struct trace expected = {0};
    if (setting.extensions)
        feed_all(&setting, data + SETTINGS, size - SETTINGS, 0, &expected);
    else
        model_run(&setting, data + SETTINGS, size - SETTINGS, &expected);
    compare(&setting, data + SETTINGS, size - SETTINGS, 0, &expected);
    compare(&setting, data + SETTINGS, size - SETTINGS, 1U + data[3], &expected);
    trace_release(&expected);
    return 0;
}
