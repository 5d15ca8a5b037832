#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/utf8.h>

#include "guarded.h"
#include "utf8_paths.h"
#include "utf8_reference.h"

typedef size_t path_fn(struct pirn_utf8 *validator, const uint8_t *data, size_t len);

static size_t by_public(struct pirn_utf8 *validator, const uint8_t *data, size_t len)
{
    return pirn_utf8_feed(validator, data, len);
}

#if PIRN__X86
static size_t by_ssse3(struct pirn_utf8 *validator, const uint8_t *data, size_t len)
{
    return pirn__utf8_feed_scan(validator, data, len, pirn__utf8_scan_ssse3);
}

static size_t by_avx2(struct pirn_utf8 *validator, const uint8_t *data, size_t len)
{
    return pirn__utf8_feed_scan(validator, data, len, pirn__utf8_scan_avx2);
}

static size_t by_avx512(struct pirn_utf8 *validator, const uint8_t *data, size_t len)
{
    return pirn__utf8_feed_scan(validator, data, len, pirn__utf8_scan_avx512);
}
#endif

static struct path {
    const char *name;
    path_fn *feed;
} paths[5];
static size_t path_count;

/* The text under test lies flush with the end of this, so that reading too far is a crash. */
static uint8_t *guarded;

static int find_paths(void **state)
{
    (void)state;
    guarded = guarded_new();
    paths[path_count++] = (struct path){"public", by_public};
    paths[path_count++] = (struct path){"scalar", pirn__utf8_feed_scalar};
#if PIRN__X86
    if (PIRN__CPU_HAS("ssse3"))
        paths[path_count++] = (struct path){"ssse3", by_ssse3};
    if (PIRN__CPU_HAS("avx2"))
        paths[path_count++] = (struct path){"avx2", by_avx2};
    if (PIRN__CPU_HAS_AVX512)
        paths[path_count++] = (struct path){"avx512", by_avx512};
#endif
    return guarded ? 0 : -1;
}

/* Feeds data[0..cut) and data[cut..len) and compares both answers with the reference. */
static void check_cut(const struct path *path, const uint8_t *data, size_t len, size_t cut)
{
    bool complete;
    const size_t expected = reference_feed(data, len, &complete);
    struct pirn_utf8 validator = {0};
    size_t got = path->feed(&validator, data, cut);
    if (got == cut)
        got += path->feed(&validator, data + cut, len - cut);
    if (got != expected || pirn_utf8_complete(&validator) != complete)
        fail_msg("%s: len %zu cut at %zu: %zu (%s), expected %zu (%s)", path->name, len, cut, got,
                 pirn_utf8_complete(&validator) ? "complete" : "not complete", expected,
                 complete ? "complete" : "not complete");
}

static void check_all_paths(const uint8_t *data, size_t len)
{
    uint8_t *copy = guarded + GUARDED_SIZE - len;
    memcpy(copy, data, len);
    for (size_t p = 0; p < path_count; p++)
        check_cut(&paths[p], copy, len, len);
}

static void check_all_cuts(const uint8_t *data, size_t len)
{
    uint8_t *copy = guarded + GUARDED_SIZE - len;
    memcpy(copy, data, len);
    for (size_t p = 0; p < path_count; p++)
        for (size_t cut = 0; cut <= len; cut++)
            check_cut(&paths[p], copy, len, cut);
}

#define TEXT(literal) (const uint8_t *)(literal), sizeof(literal) - 1

/* wrong: the offset of the first wrong byte; the length when there is none. */
static const struct {
    const uint8_t *data;
    size_t len, wrong;
    bool complete;
} corpus[] = {
    {TEXT(""), 0, true},
    {TEXT("a"), 1, true},
    {TEXT("a\0b"), 3, true},
    {TEXT("\x7F"), 1, true},
    {TEXT("\xC2\x80"), 2, true},
    {TEXT("\xDF\xBF"), 2, true},
    {TEXT("\xE0\xA0\x80"), 3, true},
    {TEXT("\xEC\xBF\xBF"), 3, true},
    {TEXT("\xED\x9F\xBF"), 3, true},
    {TEXT("\xEE\x80\x80"), 3, true},
    {TEXT("\xEF\xBF\xBD"), 3, true},
    {TEXT("\xEF\xBF\xBE"), 3, true},
    {TEXT("\xEF\xBF\xBF"), 3, true},
    {TEXT("\xF0\x90\x80\x80"), 4, true},
    {TEXT("\xF3\xBF\xBF\xBF"), 4, true},
    {TEXT("\xF4\x8F\xBF\xBF"), 4, true},
    {TEXT("Hello-\xC2\xB5@\xC3\x9F\xC3\xB6\xC3\xA4\xC3\xBC\xC3\xA0\xC3\xA1-UTF-8!!"), 29, true},
    {TEXT("\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5"), 11, true},
    {TEXT("\xEF\xBB\xBF"), 3, true},

    /* unfinished */
    {TEXT("\xC2"), 1, false},
    {TEXT("a\xDF"), 2, false},
    {TEXT("\xE0\xA0"), 2, false},
    {TEXT("\xE1"), 1, false},
    {TEXT("\xED\x9F"), 2, false},
    {TEXT("\xF0\x90\x80"), 3, false},
    {TEXT("\xF1\x80"), 2, false},
    {TEXT("\xF4\x8F\xBF"), 3, false},

    /* wrong at once */
    {TEXT("\x80"), 0, false},
    {TEXT("\xBF"), 0, false},
    {TEXT("\xC0"), 0, false},
    {TEXT("\xC1\xBF"), 0, false},
    {TEXT("\xF5\x80\x80\x80"), 0, false},
    {TEXT("\xF8\x88\x80\x80\x80"), 0, false},
    {TEXT("\xFC\x84\x80\x80\x80\x80"), 0, false},
    {TEXT("\xFE"), 0, false},
    {TEXT("\xFF"), 0, false},
    {TEXT("abc\xC0\x80"), 3, false},

    /* wrong at the second byte: overlong, surrogate, too large, no tail */
    {TEXT("\xE0\x80\x80"), 1, false},
    {TEXT("\xE0\x9F\xBF"), 1, false},
    {TEXT("\xED\xA0\x80"), 1, false},
    {TEXT("\xED\xBF\xBF"), 1, false},
    {TEXT("\xF0\x80\x80\x80"), 1, false},
    {TEXT("\xF0\x8F\xBF\xBF"), 1, false},
    {TEXT("\xF4\x90\x80\x80"), 1, false},
    {TEXT("\xF4\xBF\xBF\xBF"), 1, false},
    {TEXT("\xC2\x41"), 1, false},
    {TEXT("\xC2\xC2\x80"), 1, false},
    {TEXT("\xE1\x41"), 1, false},
    {TEXT("\xF1\xF1"), 1, false},

    /* wrong later */
    {TEXT("\xC2\x80\x80"), 2, false},
    {TEXT("\xE1\x80\x41"), 2, false},
    {TEXT("\xE1\x80\xC2"), 2, false},
    {TEXT("\xE1\x80\x80\x80"), 3, false},
    {TEXT("\xF1\x80\x41"), 2, false},
    {TEXT("\xF1\x80\x80\x41"), 3, false},
    {TEXT("\xF1\x80\x80\x80\x80"), 4, false},

    /* Autobahn 6.4: the same text each time, then something above U+10FFFF */
    {TEXT("\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xF4\x90\x80\x80"
          "edited"),
     12, false},
    {TEXT("\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xED\xA0\x80"
          "edited"),
     12, false},
};

enum { CORPUS_SIZE = sizeof corpus / sizeof corpus[0] };

static void the_corpus_has_its_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < CORPUS_SIZE; i++) {
        struct pirn_utf8 validator = {0};
        const uint8_t *data = corpus[i].data;
        const size_t got = pirn_utf8_feed(&validator, data, corpus[i].len);
        if (got != corpus[i].wrong || pirn_utf8_complete(&validator) != corpus[i].complete)
            fail_msg("row %zu: %zu", i, got);
        assert_int_equal(pirn_utf8_valid(data, corpus[i].len), corpus[i].complete);
        check_all_cuts(data, corpus[i].len);
    }
}

static void a_failed_validator_stays_failed(void **state)
{
    (void)state;
    static const uint8_t ascii[100] = {0};
    for (size_t p = 0; p < path_count; p++) {
        struct pirn_utf8 validator = {0};
        assert_int_equal(paths[p].feed(&validator, TEXT("ab\xFF")), 2);
        assert_int_equal(paths[p].feed(&validator, ascii, 0), 0);
        assert_int_equal(paths[p].feed(&validator, ascii, 1), 0);
        assert_int_equal(paths[p].feed(&validator, ascii, sizeof ascii), 0);
        assert_false(pirn_utf8_complete(&validator));
    }
}

static void nothing_is_a_text(void **state)
{
    (void)state;
    struct pirn_utf8 validator = {0};
    assert_int_equal(pirn_utf8_feed(&validator, NULL, 0), 0);
    assert_true(pirn_utf8_complete(&validator));
    assert_true(pirn_utf8_valid(NULL, 0));
    assert_int_equal(pirn_utf8_clip(NULL, 0, 123), 0);
    assert_true(sizeof validator <= 4);
}

static void all_strings_of_up_to_three_bytes(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 1U << 24; n++) {
        const uint8_t data[3] = {(uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
        const size_t len = n < 256 ? 1 : n < 65536 ? 2 : 3;
        struct pirn_utf8 validator = {0};
        bool complete;
        const size_t expected = reference_feed(data + 3 - len, len, &complete);
        const size_t got = pirn_utf8_feed(&validator, data + 3 - len, len);
        if (got != expected || pirn_utf8_complete(&validator) != complete)
            fail_msg("%06x: %zu", n, got);
    }
}

/* Backgrounds of 1, 2, 3, 4 bytes a code point and mixed ones. */
static const char *const grounds[] = {
    "abcdefg ",
    "\xC3\xA4",
    "\xE6\x97\xA5",
    "\xF0\x9F\xA7\xB5",
    "a\xC3\xA4\xE6\x97\xA5\xF0\x9F\xA7\xB5",
    "The quick brown fox jumps over the lazy dog and a \xE2\x82\xAC",
};

enum { GROUND_COUNT = sizeof grounds / sizeof grounds[0] };

/* Room for two turns of 256 bytes, and the places from which on that cannot matter. */
enum { TEXT_SIZE = 640, PLACES = 360 };

static void fill_ground(uint8_t *out, size_t len, const char *ground)
{
    const size_t period = strlen(ground);
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)ground[i % period];
}

static void every_length_of_good_text(void **state)
{
    (void)state;
    uint8_t text[TEXT_SIZE];
    for (size_t g = 0; g < GROUND_COUNT; g++) {
        fill_ground(text, sizeof text, grounds[g]);
        for (size_t len = 0; len <= sizeof text; len++)
            check_all_paths(text, len);
        check_all_cuts(text, sizeof text);
    }
}

/* ASCII before and behind, so that the row's own answer is the answer at every place. */
static void every_wrong_at_every_offset_in_ascii(void **state)
{
    (void)state;
    uint8_t text[TEXT_SIZE];
    for (size_t i = 0; i < CORPUS_SIZE; i++)
        for (size_t at = 0; at < PLACES; at++) {
            memset(text, 'x', sizeof text);
            memcpy(text + at, corpus[i].data, corpus[i].len);
            const bool unfinished = corpus[i].wrong == corpus[i].len && !corpus[i].complete;
            const bool wrong = corpus[i].wrong < corpus[i].len || unfinished;
            const size_t expected = wrong ? at + corpus[i].wrong : sizeof text;
            for (size_t p = 0; p < path_count; p++) {
                struct pirn_utf8 validator = {0};
                const size_t got = paths[p].feed(&validator, text, sizeof text);
                if (got != expected)
                    fail_msg("%s: row %zu at %zu: %zu", paths[p].name, i, at, got);
            }
        }
}

/* The text also ends where the wrong ends. */
static void every_wrong_at_every_offset_in_any_text(void **state)
{
    (void)state;
    uint8_t text[TEXT_SIZE];
    for (size_t g = 0; g < GROUND_COUNT; g++)
        for (size_t i = 0; i < CORPUS_SIZE; i++)
            for (size_t at = 0; at < PLACES; at++) {
                fill_ground(text, sizeof text, grounds[g]);
                memcpy(text + at, corpus[i].data, corpus[i].len);
                check_all_paths(text, sizeof text);
                check_all_paths(text, at + corpus[i].len);
            }
}

/* What the vector that lies flush with the end must know of the one before it. Each vector of the
 * ground ends with a lead byte, so that one vector cannot pass for another. */
static void missing_tails_at_every_distance_from_the_end(void **state)
{
    (void)state;
    static const char *const unfinished[] = {"\xC3", "\xE1\x80", "\xF1\x80\x80", "\xF1\x80"};
    uint8_t text[135];
    for (size_t i = 0; i < 4; i++)
        for (size_t at = 1; at < 100; at += 2) {
            memset(text, 'x', sizeof text);
            fill_ground(text + 1, at - 1, "\xC3\xA4");
            memcpy(text + at, unfinished[i], strlen(unfinished[i]));
            for (size_t len = at + 4; len <= at + 35; len++)
                check_all_paths(text, len);
        }
}

static uint32_t random_next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

/* What is likely to make a difference to a validator. */
static const uint8_t edges[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
                                0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
                                0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF};

static void random_wrongs(void **state)
{
    (void)state;
    uint8_t text[TEXT_SIZE];
    uint64_t seed = 6455;
    for (unsigned round = 0; round < 40000; round++) {
        const size_t len = random_next(&seed) % sizeof text;
        fill_ground(text, len, grounds[random_next(&seed) % GROUND_COUNT]);
        for (uint32_t wrongs = random_next(&seed) % 4; wrongs > 0 && len > 0; wrongs--)
            text[random_next(&seed) % len] = edges[random_next(&seed) % sizeof edges];
        const size_t cut = random_next(&seed) % (len + 1);
        uint8_t *copy = guarded + GUARDED_SIZE - len;
        memcpy(copy, text, len);
        for (size_t p = 0; p < path_count; p++)
            check_cut(&paths[p], copy, len, cut);
    }
}

static bool tail_byte(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

static void clip_keeps_code_points_whole(void **state)
{
    (void)state;
    uint8_t text[61];
    for (size_t g = 0; g < GROUND_COUNT; g++) {
        fill_ground(text, sizeof text, grounds[g]);
        for (size_t max = 0; max < 60; max++) {
            size_t expected = max;
            while (tail_byte(text[expected]))
                expected--;
            assert_int_equal(pirn_utf8_clip(text, sizeof text, max), expected);
            assert_int_equal(pirn_utf8_clip(text, max, SIZE_MAX), expected);
            assert_true(pirn_utf8_valid(text, expected));
        }
    }
}

static void clip_of_what_is_not_utf8_cuts_little(void **state)
{
    (void)state;
    assert_int_equal(pirn_utf8_clip("\x80\x80\x80\x80\x80", 5, 4), 4);
    assert_int_equal(pirn_utf8_clip("a\xFF", 2, 2), 1);
    assert_int_equal(pirn_utf8_clip("\xF0\x41\x41", 3, 3), 3);
    assert_int_equal(pirn_utf8_clip("\xF0\x90\x80", 3, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_corpus_has_its_answers),
        cmocka_unit_test(a_failed_validator_stays_failed),
        cmocka_unit_test(nothing_is_a_text),
        cmocka_unit_test(all_strings_of_up_to_three_bytes),
        cmocka_unit_test(every_length_of_good_text),
        cmocka_unit_test(every_wrong_at_every_offset_in_ascii),
        cmocka_unit_test(every_wrong_at_every_offset_in_any_text),
        cmocka_unit_test(missing_tails_at_every_distance_from_the_end),
        cmocka_unit_test(random_wrongs),
        cmocka_unit_test(clip_keeps_code_points_whole),
        cmocka_unit_test(clip_of_what_is_not_utf8_cuts_little),
    };
    return cmocka_run_group_tests(tests, find_paths, NULL);
}
