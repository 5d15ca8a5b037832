/* C01 in full: every header (all first bytes, masked and not, each class of length) after every two
 * frames that may stand before it, whole and cut, in both roles, against the model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/model.h"

/* A frame by its first two bytes; long payloads are left out. */
struct shape {
    uint8_t first, second;
};

static const uint8_t length_classes[] = {0, 1, 2, 125, 126, 127};

static struct shape all[256 * 2 * sizeof length_classes];
static struct shape good[256 * 2 * sizeof length_classes];
static size_t all_count, good_count;

static size_t put_shape(uint8_t *out, struct shape shape)
{
    static const uint8_t octets_126[] = {0, 126}, octets_127[] = {0, 0, 0, 0, 0, 1, 0, 0};
    uint8_t len = shape.second & 0x7f;
    size_t at = 2;
    out[0] = shape.first;
    out[1] = shape.second;
    if (len > 125) {
        memcpy(out + at, len == 126 ? octets_126 : octets_127, len == 126 ? 2 : 8);
        at += len == 126 ? 2 : 8;
    }
    for (int i = 0; i < 4 && shape.second & 0x80; i++)
        out[at++] = 0;
    size_t payload = len == 127 ? 0 : len;
    memset(out + at, 'a', payload);
    if ((shape.first & 0x0f) == PIRN_CLOSE && payload >= 2) {
        out[at] = 1000 >> 8;
        out[at + 1] = 1000 & 0xff;
    }
    return at + payload;
}

static void check(const struct model_setting *setting, const uint8_t *bytes, size_t len, size_t cut)
{
    struct trace expected = {0}, got = {0};
    struct subject subject;
    model_run(setting, bytes, len, &expected);
    subject_begin(&subject, setting, &got);
    if (cut > 0)
        subject_feed(&subject, bytes, cut);
    subject_feed(&subject, bytes + cut, len - cut);
    subject_end(&subject);
    assert_true(trace_equal(&expected, &got));
    trace_release(&expected);
    trace_release(&got);
}

/* Those after which something may follow: the model makes no failure and no end of them, in or
 * after a message. */
static bool may_be_followed(const struct model_setting *setting, struct shape shape)
{
    uint8_t bytes[600];
    bool follows = false;
    for (uint8_t before = 0; before < 2 && (shape.second & 0x7f) < 127; before++) {
        struct trace trace = {0};
        const struct shape begin = {PIRN_TEXT, setting->role == PIRN_SERVER ? 0x80 : 0};
        size_t at = before ? put_shape(bytes, begin) : 0;
        model_run(setting, bytes, at + put_shape(bytes + at, shape), &trace);
        bool over = false;
        for (size_t i = 0; i + 9 <= trace.len;) {
            uint64_t size;
            memcpy(&size, trace.data + i + 1, sizeof size);
            over = over || trace.data[i] == 'e';
            i += 9 + (size_t)size;
        }
        follows = follows || !over;
        trace_release(&trace);
    }
    return follows;
}

static void make_shapes(const struct model_setting *setting)
{
    all_count = good_count = 0;
    for (unsigned first = 0; first < 256; first++)
        for (unsigned mask = 0; mask < 2; mask++)
            for (size_t i = 0; i < sizeof length_classes; i++) {
                const struct shape shape = {(uint8_t)first,
                                            (uint8_t)(mask << 7 | length_classes[i])};
                all[all_count++] = shape;
                if (may_be_followed(setting, shape))
                    good[good_count++] = shape;
            }
}

static void every_header_after_every_two_frames(void **state)
{
    static uint8_t bytes[1000];
    const int *role = *state;
    const struct model_setting setting = {
        .role = (enum pirn_role) * role,
        .max_message = PIRN_UNLIMITED,
        .max_frame = PIRN_UNLIMITED,
        .max_fragments = UINT32_MAX,
    };
    make_shapes(&setting);
    size_t cut = 0;
    for (size_t a = 0; a < good_count; a++)
        for (size_t b = 0; b < good_count; b++) {
            size_t before = put_shape(bytes, good[a]);
            before += put_shape(bytes + before, good[b]);
            for (size_t c = 0; c < all_count; c++) {
                size_t len = before + put_shape(bytes + before, all[c]);
                cut = (cut * 31 + 7) % len;
                check(&setting, bytes, len, 0);
                check(&setting, bytes, len, cut);
            }
        }
}

int main(void)
{
    static int server = PIRN_SERVER, client = PIRN_CLIENT;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(every_header_after_every_two_frames, &server),
        cmocka_unit_test_prestate(every_header_after_every_two_frames, &client),
    };
    return cmocka_run_group_tests_name("headers", tests, NULL, NULL);
}
