#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base64.h"

/* RFC 4648, 10, and the whole alphabet. */
static void bytes_are_encoded(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        const char *text;
    } rows[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xef\xbe\xff\xff\xff", "++++////"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[16];
        size_t len = strlen(rows[i].bytes);
        pirn__base64_encode((const unsigned char *)rows[i].bytes, len, out);
        assert_string_equal(out, rows[i].text);
        assert_int_equal(strlen(out), PIRN__BASE64_CHARS(len));
    }
}

static void the_alphabet_is_in_order(void **state)
{
    (void)state;
    unsigned char bytes[48];
    char out[65];
    for (unsigned i = 0; i < 64; i += 4) {
        uint32_t group = i << 18 | (i + 1) << 12 | (i + 2) << 6 | (i + 3);
        bytes[i / 4 * 3] = (unsigned char)(group >> 16);
        bytes[i / 4 * 3 + 1] = (unsigned char)(group >> 8 & 255);
        bytes[i / 4 * 3 + 2] = (unsigned char)(group & 255);
    }
    pirn__base64_encode(bytes, sizeof bytes, out);
    assert_string_equal(out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_encoded),
        cmocka_unit_test(the_alphabet_is_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
