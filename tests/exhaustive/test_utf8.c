/* All 2^32 strings of four bytes, alone and in the middle of a text that is long enough for the
 * vector paths, against the reference. It takes some minutes.
 *
 * The inner loop runs over the last byte, so that the reference walks the first three once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/utf8.h>

#include "utf8_reference.h"

enum { TEXT_SIZE = 80, FIRST_PLACE = 27, PLACES = 9 };

struct answer {
    size_t wrong;
    bool complete;
};

static void expect(uint32_t number, const char *how, struct answer got, struct answer expected)
{
    if (got.wrong != expected.wrong || got.complete != expected.complete)
        fail_msg("%08x %s: wrong at %zu, expected %zu", number, how, got.wrong, expected.wrong);
}

static struct answer feed(const uint8_t *data, size_t len)
{
    struct pirn_utf8 validator = {0};
    const size_t wrong = pirn_utf8_feed(&validator, data, len);
    return (struct answer){wrong, pirn_utf8_complete(&validator)};
}

/* What the reference says of the four bytes alone. */
static struct answer reference(const uint8_t four[4], struct answer of_three)
{
    struct answer answer = of_three;
    if (of_three.wrong == 3)
        answer.wrong = reference_feed(four, 4, &answer.complete);
    return answer;
}

/* Of a text with ASCII before the four bytes, that begin at `place`, and behind them. */
static struct answer in_ascii(struct answer alone, size_t place)
{
    if (alone.complete)
        return (struct answer){TEXT_SIZE, true};
    return (struct answer){place + alone.wrong, false};
}

static void check_last_bytes(uint32_t three)
{
    uint8_t text[TEXT_SIZE];
    memset(text, 'x', sizeof text);
    /* Across the end of a vector of 32 bytes in all ways. */
    const size_t place = FIRST_PLACE + three % PLACES;
    uint8_t *four = text + place;
    four[0] = (uint8_t)(three >> 16);
    four[1] = (uint8_t)(three >> 8);
    four[2] = (uint8_t)three;
    struct answer of_three;
    of_three.wrong = reference_feed(four, 3, &of_three.complete);
    for (uint32_t last = 0; last < 256; last++) {
        four[3] = (uint8_t)last;
        const struct answer expected = reference(four, of_three);
        expect(three << 8 | last, "alone", feed(four, 4), expected);
        expect(three << 8 | last, "in a text", feed(text, sizeof text), in_ascii(expected, place));
    }
}

static void all_strings_of_four_bytes(void **state)
{
    (void)state;
    for (uint32_t three = 0; three < 1U << 24; three++)
        check_last_bytes(three);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_strings_of_four_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
