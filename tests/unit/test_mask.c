#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/mask.h>

#include "guarded.h"
#include "mask_paths.h"

static const uint8_t key[4] = {0x37, 0xFA, 0x21, 0x3D};

typedef bool path_fn(uint8_t *out, const uint8_t *in, size_t len, uint32_t word);

static bool by_public(uint8_t *out, const uint8_t *in, size_t len, uint32_t word)
{
    uint8_t bytes[4];
    memcpy(bytes, &word, sizeof bytes);
    bool ascii = true;
    assert_int_equal(pirn_mask(out, in, len, bytes, 0), len % 4);
    for (size_t i = 0; i < len; i++)
        ascii = ascii && out[i] < 0x80;
    return ascii;
}

enum { PATHS = 5 };

struct path {
    const char *name;
    path_fn *mask;
    size_t min;
};

/* Fills paths with those that this machine can run. */
static size_t paths_here(struct path paths[PATHS])
{
    size_t n = 0;
    paths[n++] = (struct path){"public", by_public, 0};
    paths[n++] = (struct path){"chosen", pirn__mask, 0};
    paths[n++] = (struct path){"scalar", pirn__mask_scalar, 0};
#if PIRN__X86
    if (PIRN__CPU_HAS("sse2"))
        paths[n++] = (struct path){"sse2", pirn__mask_sse2, 16};
    if (PIRN__CPU_HAS("avx2"))
        paths[n++] = (struct path){"avx2", pirn__mask_avx2, 64};
#endif
    return n;
}

static uint8_t plain_byte(size_t i)
{
    return (uint8_t)(i * 151 + (i >> 3));
}

static void naive(uint8_t *out, size_t len, unsigned phase)
{
    for (size_t i = 0; i < len; i++)
        out[i] = plain_byte(i) ^ key[(phase + i) % 4];
}

static uint32_t word_at(unsigned phase)
{
    uint8_t bytes[4];
    uint32_t word;
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = key[(phase + i) % 4];
    memcpy(&word, bytes, sizeof word);
    return word;
}

static void fill_plain(uint8_t *in, size_t len)
{
    for (size_t i = 0; i < len; i++)
        in[i] = plain_byte(i);
}

static void all_are(const uint8_t *bytes, size_t len, uint8_t value)
{
    for (size_t i = 0; i < len; i++)
        assert_int_equal(bytes[i], value);
}

enum { MARGIN = 40, LONGEST = 300, FENCE = 0xA5 };

static void one_in_place(const struct path *path, size_t len, size_t shift, unsigned phase)
{
    static uint8_t room[MARGIN + LONGEST + MARGIN + 32];
    uint8_t expected[LONGEST];
    uint8_t *at = room + MARGIN + shift;
    memset(room, FENCE, sizeof room);
    fill_plain(at, len);
    naive(expected, len, phase);
    path->mask(at, at, len, word_at(phase));
    if (memcmp(at, expected, len) != 0)
        fail_msg("%s: in place, len %zu shift %zu phase %u", path->name, len, shift, phase);
    all_are(room, MARGIN + shift, FENCE);
    all_are(at + len, MARGIN, FENCE);
}

static void one_copying(const struct path *path, size_t len, size_t shift, unsigned phase)
{
    static uint8_t from[LONGEST + 32], to[MARGIN + LONGEST + MARGIN + 32];
    uint8_t expected[LONGEST];
    uint8_t *in = from + shift;
    uint8_t *out = to + MARGIN + (shift * 7 + 3) % 32;
    memset(to, FENCE, sizeof to);
    fill_plain(in, len);
    naive(expected, len, phase);
    path->mask(out, in, len, word_at(phase));
    if (memcmp(out, expected, len) != 0)
        fail_msg("%s: copying, len %zu shift %zu phase %u", path->name, len, shift, phase);
    all_are(out - MARGIN, MARGIN, FENCE);
    all_are(out + len, MARGIN, FENCE);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(in[i], plain_byte(i));
}

static void every_path_masks_like_a_byte_loop(void **state)
{
    (void)state;
    struct path paths[PATHS];
    const size_t n = paths_here(paths);
    for (size_t p = 0; p < n; p++)
        for (size_t len = paths[p].min; len <= LONGEST; len++)
            for (unsigned phase = 0; phase < 4; phase++)
                for (size_t shift = 0; shift < 32; shift++) {
                    one_in_place(&paths[p], len, shift, phase);
                    one_copying(&paths[p], len, shift, phase);
                }
}

/* All but one byte are ASCII: every path says so, wherever that one is. */
static void every_path_tells_ascii(void **state)
{
    (void)state;
    struct path paths[PATHS];
    uint8_t bytes[LONGEST];
    const size_t n = paths_here(paths);
    for (size_t p = 0; p < n; p++)
        for (size_t len = paths[p].min; len <= LONGEST; len++) {
            for (size_t i = 0; i < len; i++)
                bytes[i] = (uint8_t)('~' ^ key[i % 4]);
            assert_true(paths[p].mask(bytes, bytes, len, word_at(0)));
            for (size_t high = 0; high < len; high++) {
                for (size_t i = 0; i < len; i++)
                    bytes[i] = (uint8_t)((i == high ? 0x80 : 0) ^ key[i % 4]);
                assert_false(paths[p].mask(bytes, bytes, len, word_at(0)));
            }
        }
}

static void nothing_outside_is_touched(void **state)
{
    (void)state;
    struct path paths[PATHS];
    const size_t n = paths_here(paths);
    uint8_t *room = guarded_new();
    assert_non_null(room);
    uint8_t *end = room + GUARDED_SIZE;
    for (size_t p = 0; p < n; p++)
        for (size_t len = paths[p].min; len <= LONGEST; len++) {
            paths[p].mask(end - len, end - len, len, 1);
            paths[p].mask(room, room, len, 1);
            paths[p].mask(room, end - len, len, 1);
            paths[p].mask(end - len, room, len, 1);
        }
}

static void pieces_mask_like_the_whole(void **state)
{
    (void)state;
    static uint8_t pieces[1000], whole[1000];
    for (unsigned start = 0; start < 4; start++) {
        naive(whole, sizeof whole, start);
        for (size_t step = 1; step < 200; step++) {
            unsigned phase = start;
            fill_plain(pieces, sizeof pieces);
            for (size_t at = 0; at < sizeof pieces; at += step) {
                const size_t rest = sizeof pieces - at;
                const size_t len = step < rest ? step : rest;
                phase = pirn_mask(pieces + at, pieces + at, len, key, phase);
                assert_int_equal(phase, (start + at + len) % 4);
            }
            assert_memory_equal(pieces, whole, sizeof whole);
        }
    }
}

static void a_long_payload_masks_and_unmasks(void **state)
{
    (void)state;
    static uint8_t masked[70001], expected[70001];
    fill_plain(masked, sizeof masked);
    naive(expected, sizeof expected, 2);
    assert_int_equal(pirn_mask(masked, masked, sizeof masked, key, 2), 3);
    assert_memory_equal(masked, expected, sizeof masked);
    pirn_mask(masked, masked, sizeof masked, key, 2);
    fill_plain(expected, sizeof expected);
    assert_memory_equal(masked, expected, sizeof masked);
}

/* RFC 6455, 5.7: a single-frame masked text message. */
static void the_example_of_the_rfc(void **state)
{
    (void)state;
    static const uint8_t expected[] = {0x7F, 0x9F, 0x4D, 0x51, 0x58};
    uint8_t out[5];
    assert_int_equal(pirn_mask(out, "Hello", 5, key, 0), 1);
    assert_memory_equal(out, expected, 5);
}

static void odd_arguments(void **state)
{
    (void)state;
    assert_int_equal(pirn_mask(NULL, NULL, 0, key, 3), 3);
    assert_int_equal(pirn_mask(NULL, NULL, 0, key, 6), 2);
    uint8_t byte = 0;
    assert_int_equal(pirn_mask(&byte, &byte, 1, key, UINT_MAX), 0);
    assert_int_equal(byte, key[3]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path_masks_like_a_byte_loop),
        cmocka_unit_test(every_path_tells_ascii),
        cmocka_unit_test(nothing_outside_is_touched),
        cmocka_unit_test(pieces_mask_like_the_whole),
        cmocka_unit_test(a_long_payload_masks_and_unmasks),
        cmocka_unit_test(the_example_of_the_rfc),
        cmocka_unit_test(odd_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
