#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "sha1.h"

static void assert_digest(struct pirn__sha1 *sha1, const char *expected)
{
    unsigned char digest[PIRN__SHA1_BYTES];
    char hex[2 * PIRN__SHA1_BYTES + 1];
    pirn__sha1_final(sha1, digest);
    for (size_t i = 0; i < PIRN__SHA1_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(hex, expected);
}

/* The examples of FIPS 180, and lengths around the block; made with coreutils' sha1sum. */
static void known_digests(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t times;
        const char *digest;
    } rows[] = {
        {"", 0, "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
        {"abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
         "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
        {"a", 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"},
        {"a", 55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"},
        {"a", 56, "c2db330f6083854c99d4b5bfb6e8f29f201be699"},
        {"a", 57, "f08f24908d682555111be7ff6f004e78283d989a"},
        {"a", 63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5"},
        {"a", 64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"},
        {"a", 65, "11655326c708d70319be2610e8a57d9a5b959d3b"},
        {"a", 119, "ee971065aaa017e0632a8ca6c77bb3bf8b1dfc56"},
        {"a", 120, "f34c1488385346a55709ba056ddd08280dd4c6d6"},
        {"a", 128, "ad5b3fdbcb526778c2839d2f151ea753995e26a0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pirn__sha1 sha1;
        pirn__sha1_init(&sha1);
        for (size_t n = 0; n < rows[i].times; n++)
            pirn__sha1_update(&sha1, rows[i].text, strlen(rows[i].text));
        assert_digest(&sha1, rows[i].digest);
    }
}

static void pieces_make_no_difference(void **state)
{
    (void)state;
    char text[200];
    memset(text, 'x', sizeof text);
    for (size_t cut = 0; cut <= sizeof text; cut++) {
        struct pirn__sha1 sha1;
        pirn__sha1_init(&sha1);
        pirn__sha1_update(&sha1, text, cut);
        pirn__sha1_update(&sha1, text + cut, sizeof text - cut);
        assert_digest(&sha1, "94218caae9904e93a3d7bf578bf4791926fc5e82");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests),
        cmocka_unit_test(pieces_make_no_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
