#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "handshake.h"

static void keys_have_their_answers(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}, /* RFC 6455, 1.3 */
        {"x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="}, /* Wikipedia */
        {"", "Kfh9QIsMVZcl6xEPYxPHzW8SZ8w="},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char accept[PIRN_HANDSHAKE_ACCEPT_CHARS + 1];
        pirn_handshake_accept_key(pirn_cstr(rows[i][0]), accept);
        assert_string_equal(accept, rows[i][1]);
    }
}

static void explanations_are_one_printable_line(void **state)
{
    (void)state;
    char detail[PIRN_HANDSHAKE_DETAIL_BYTES], value[300];
    for (size_t i = 0; i < sizeof value; i++)
        value[i] = (char)i;
    for (size_t len = 0; len <= sizeof value; len++) {
        struct pirn_str text = {value + (sizeof value - len), len};
        pirn__handshake_explain(detail, "Sec-WebSocket-Extensions", text, "is malformed");
        size_t n = strlen(detail);
        assert_true(n < sizeof detail - 1);
        assert_string_equal(detail + n - 12, "is malformed");
        for (size_t i = 0; i < n; i++)
            assert_true(detail[i] >= 0x20 && detail[i] < 0x7f);
    }
    pirn__handshake_explain(detail, "Host", pirn_cstr(NULL), "is missing");
    assert_string_equal(detail, "Host is missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_have_their_answers),
        cmocka_unit_test(explanations_are_one_printable_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
