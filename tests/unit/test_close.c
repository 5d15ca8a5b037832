#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/close.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* What the registry and the libraries call each code, taken from them and not from our table. */
static const struct {
    int code;
    const char *names[PIRN_NAMES_COUNT];
} known[] = {
    {0, {NULL, NULL, NULL, NULL, "NOSTATUS", NULL, "NONE"}},
    {1000, {"Normal Closure", "SUCCESS", "WS_OK", "normal", "NORMAL", "NORMAL_CLOSURE", "NORMAL"}},
    {1001,
     {"Going Away", "ENDPOINT_UNAVAILABLE", "WS_GONE", "going_away", "GOINGAWAY", "GOING_AWAY",
      "GOING_AWAY"}},
    {1002,
     {"Protocol error", "PROTOCOL_ERROR", "WS_PROTOCOL_ERROR", "protocol_error", "PROTOCOL_ERR",
      "PROTOCOL_ERROR", "PROTOCOL_ERROR"}},
    {1003,
     {"Unsupported Data", "INVALID_DATA_TYPE", "WS_NOT_ACCEPTABLE", "unexpected_data",
      "UNACCEPTABLE_OPCODE", "UNSUPPORTED_DATA", "UNSUPPORTED_DATA"}},
    {1004, {"Reserved", NULL, NULL, NULL, "RESERVED", NULL, "RESERVED"}},
    {1005,
     {"No Status Rcvd", "EMPTY_CLOSE", "WS_NO_STATUS", "no_reason", "NO_STATUS", "NO_STATUS_RCVD",
      "NO_STATUS"}},
    {1006,
     {"Abnormal Closure", "ABORTED_CLOSE", "WS_CLOSED_ABNORMALLY", "abruptly", "ABNORMAL_CLOSE",
      "ABNORMAL_CLOSURE", "ABNORMAL"}},
    {1007,
     {"Invalid frame payload data", "INVALID_PAYLOAD", "WS_BAD_MESSAGE", "inconsistent_data",
      "INVALID_PAYLOAD", "INVALID_DATA", "INVALID_DATA"}},
    {1008,
     {"Policy Violation", "POLICY_VIOLATION", "WS_FORBIDDEN", "policy_violation",
      "POLICY_VIOLATION", "POLICY_VIOLATION", "POLICY_VIOLATION"}},
    {1009,
     {"Message Too Big", "MESSAGE_TOO_BIG", "WS_MESSAGE_TOO_LARGE", "too_big", "MESSAGE_TOO_LARGE",
      "MESSAGE_TOO_BIG", "MESSAGE_TOO_BIG"}},
    {1010,
     {"Mandatory Ext.", "UNSUPPORTED_EXTENSIONS", "WS_EXTENSIONS_NOT_AVAILABLE",
      "missing_extension", "EXTENSION_REQUIRED", "MANDATORY_EXTENSION", "MANDATORY_EXTENSION"}},
    {1011,
     {"Internal Error", "INTERNAL_ERROR", "WS_INTERNAL_SERVER_ERROR", "server_error",
      "UNEXPECTED_CONDITION", "INTERNAL_ERROR", "INTERNAL_ERROR"}},
    {1012,
     {"Service Restart", "SERVICE_RESTART", NULL, NULL, NULL, "SERVICE_RESTART",
      "SERVICE_RESTART"}},
    {1013,
     {"Try Again Later", "TRY_AGAIN_LATER", NULL, NULL, NULL, "TRY_AGAIN_LATER",
      "TRY_AGAIN_LATER"}},
    {1014, {"Bad Gateway", "BAD_GATEWAY", NULL, NULL, NULL, "BAD_GATEWAY", "BAD_GATEWAY"}},
    {1015,
     {"TLS handshake", "SECURE_HANDSHAKE_ERROR", "WS_TLS_HANDSHAKE_FAIL", NULL, "TLS_FAILURE",
      "TLS_HANDSHAKE", "TLS_HANDSHAKE"}},
    {2000, {NULL, NULL, NULL, NULL, "CLIENT_TRANSACTION_DONE", NULL, NULL}},
    {3000, {"Unauthorized", NULL, NULL, "iana_registry_start", NULL, NULL, "UNAUTHORIZED"}},
    {3003, {"Forbidden", NULL, NULL, NULL, NULL, NULL, "FORBIDDEN"}},
    {3008, {"Timeout", NULL, NULL, NULL, NULL, NULL, "TIMEOUT"}},
    {3999, {NULL, NULL, NULL, "iana_registry_end", NULL, NULL, NULL}},
    {4000, {NULL, NULL, NULL, "private_start", NULL, NULL, "PRIVATE_FIRST"}},
    {4999, {NULL, NULL, NULL, "private_end", NULL, NULL, "PRIVATE_LAST"}},
    {9999, {NULL, NULL, NULL, NULL, "NOSTATUS_CONTEXT_DESTROY", NULL, NULL}},
};

static const char *const prefixes[PIRN_NAMES_COUNT] = {
    [PIRN_NAMES_IANA] = "",
    [PIRN_NAMES_MICROSOFT] = "WEB_SOCKET_",
    [PIRN_NAMES_DEGUEST] = "",
    [PIRN_NAMES_EFL] = "EFL_NET_DIALER_WEBSOCKET_CLOSE_REASON_",
    [PIRN_NAMES_LWS] = "LWS_CLOSE_STATUS_",
    [PIRN_NAMES_PYTHON] = "CloseCode.",
    [PIRN_NAMES_PIRN] = "PIRN_CLOSE_",
};

static size_t known_row(int code)
{
    size_t row = 0;
    while (row < COUNT(known) && known[row].code != code)
        row++;
    return row;
}

static void every_alias_of_every_code(void **state)
{
    (void)state;
    for (int code = -1; code <= 65536; code++) {
        size_t row = known_row(code);
        for (int set = 0; set < PIRN_NAMES_COUNT; set++) {
            const char *name = row < COUNT(known) ? known[row].names[set] : NULL;
            const char *alias = pirn_close_alias(code, (enum pirn_close_names)set);
            if (name)
                assert_string_equal(alias, name);
            else
                assert_null(alias);
        }
    }
    assert_null(pirn_close_alias(1000, PIRN_NAMES_COUNT));
}

static const char *range_name(int code)
{
    if ((code >= 1016 && code <= 2999) || (code >= 3000 && code <= 3999))
        return "Unassigned";
    return code >= 4000 && code <= 4999 ? "Private Use" : "Not Defined";
}

static void every_code_has_name_text_and_advice(void **state)
{
    (void)state;
    for (int code = -1; code <= 65536; code++) {
        size_t row = known_row(code);
        const char *name = row < COUNT(known) ? known[row].names[PIRN_NAMES_IANA] : NULL;
        assert_string_equal(pirn_close_name(code), name ? name : range_name(code));
        const char *sentences[] = {pirn_close_text(code), pirn_close_advice(code)};
        for (size_t i = 0; i < COUNT(sentences); i++) {
            assert_non_null(sentences[i]);
            assert_in_range(strlen(sentences[i]), 10, 86);
            assert_int_equal(sentences[i][strlen(sentences[i]) - 1], '.');
        }
    }
    assert_string_not_equal(pirn_close_text(1005), pirn_close_text(1006));
    assert_string_equal(pirn_close_name(INT_MIN), "Not Defined");
    assert_string_equal(pirn_close_name(INT_MAX), "Not Defined");
}

/* The spellings of a name that must all be found. */
static void spell(char *out, size_t size, const char *prefix, const char *name, int spelling)
{
    static const char separators[] = "_- ._";
    snprintf(out, size, "%s%s", prefix, name);
    for (char *c = out; *c; c++) {
        if (*c == '_' || *c == '-' || *c == ' ' || *c == '.')
            *c = separators[spelling];
        else if (spelling % 2 && *c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
        else if (spelling % 2 == 0 && *c >= 'a' && *c <= 'z')
            *c = (char)(*c - 32);
    }
}

static void every_name_gives_its_code(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(known); row++)
        for (int set = 0; set < PIRN_NAMES_COUNT; set++)
            for (int spelling = 0; known[row].names[set] && spelling < 5; spelling++) {
                char name[128];
                spell(name, sizeof name, "", known[row].names[set], spelling);
                assert_int_equal(pirn_close_from_name(pirn_cstr(name)), known[row].code);
                spell(name, sizeof name, prefixes[set], known[row].names[set], spelling);
                assert_int_equal(pirn_close_from_name(pirn_cstr(name)), known[row].code);
            }
}

static void names_beside_the_first(void **state)
{
    static const struct {
        const char *name;
        int code;
    } rows[] = {
        {"SERVER_ERROR", 1011},
        {"WEB_SOCKET_SUCCESS_CLOSE_STATUS", 1000},
        {"WEB_SOCKET_EMPTY_CLOSE_STATUS", 1005},
        {"WEB_SOCKET_ABORTED_CLOSE_STATUS", 1006},
        {"web-socket-secure-handshake-error-close-status", 1015},
        {"Efl.Net.Dialer_Websocket_Close_Reason.going_away", 1001},
        {"mandatory ext", 1010},
        {"Normal Closure ", 1000},
        {"OK", 1000},
        {"gone", 1001},
        {"not acceptable", 1003},
        {"closed_abnormally", 1006},
        {"WS_FORBIDDEN", 1008},
        {"FORBIDDEN", 3003},
        {"0", 0},
        {"1000", 1000},
        {"01006", 1006},
        {"65535", 65535},
        {"no status", 1005},
        {"nostatus", 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(pirn_close_from_name(pirn_cstr(rows[i].name)), rows[i].code);
}

static void unknown_names(void **state)
{
    static const char *const names[] = {
        NULL,
        "",
        " ",
        "_",
        "65536",
        "-1",
        "+1000",
        "0x3e8",
        "1000a",
        "99999999999",
        "NORMA",
        "NORMALL",
        " NORMAL",
        "WS_",
        "WS_NORMAL_CLOSURE",
        "LWS_NORMAL",
        "PIRN_CLOSE",
        "LWS_CLOSE_STATUS_",
        "_CLOSE_STATUS",
        "PIRN_CLOSE_1000",
        "LWS_CLOSE_STATUS_SUCCESS",
        "4294968296",
        "18446744073709552616",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        assert_int_equal(pirn_close_from_name(pirn_cstr(names[i])), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_close_from_name((struct pirn_str){"NORMAL\0", 7}), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_close_from_name((struct pirn_str){"1000", 3}), 100);
}

/* RFC 6455, 7.4.1 and 7.4.2, and the registry, one clause a line. */
static enum pirn_close_class class_by_the_rfc(int code)
{
    if (code == 1005 || code == 1006 || code == 1015)
        return PIRN_CLOSE_CLASS_LOCAL_ONLY;
    if (code == 1004)
        return PIRN_CLOSE_CLASS_RESERVED;
    if (code >= 1000 && code <= 1014)
        return PIRN_CLOSE_CLASS_STANDARD;
    if (code >= 1000 && code <= 2999)
        return PIRN_CLOSE_CLASS_RESERVED;
    if (code >= 3000 && code <= 3999)
        return PIRN_CLOSE_CLASS_REGISTERED;
    if (code >= 4000 && code <= 4999)
        return PIRN_CLOSE_CLASS_PRIVATE;
    return PIRN_CLOSE_CLASS_INVALID;
}

static bool wire_by_the_rfc(int code)
{
    if (code < 1000 || code > 4999)
        return false;
    if (code >= 1000 && code <= 2999)
        return code <= 1014 && code != 1004 && code != 1005 && code != 1006;
    return true;
}

static void every_code_is_judged(void **state)
{
    static const int extremes[] = {INT_MIN, INT_MIN + 1, -1000, -1, 65536, 66536, INT_MAX};
    (void)state;
    for (int code = 0; code <= 65535; code++) {
        assert_int_equal(pirn_close_class(code), class_by_the_rfc(code));
        assert_int_equal(pirn_close_may_send(code), wire_by_the_rfc(code));
        assert_int_equal(pirn_close_may_receive(code), wire_by_the_rfc(code));
        assert_int_equal(pirn_close_may_send_from_browser(code),
                         code == 1000 || (code >= 3000 && code <= 4999));
    }
    for (size_t i = 0; i < COUNT(extremes); i++) {
        assert_int_equal(pirn_close_class(extremes[i]), PIRN_CLOSE_CLASS_INVALID);
        assert_false(pirn_close_may_send(extremes[i]));
        assert_false(pirn_close_may_receive(extremes[i]));
        assert_false(pirn_close_may_send_from_browser(extremes[i]));
        assert_int_equal(pirn_close_retry(extremes[i]), PIRN_RETRY_NEVER);
    }
}

static void every_code_says_whether_to_retry(void **state)
{
    static const int after_wait[] = {1001, 1011, 1012, 1013, 1014};
    static const int at_once[] = {1006, 3008};
    (void)state;
    for (int code = 0; code <= 65535; code++) {
        enum pirn_retry retry = PIRN_RETRY_NEVER;
        for (size_t i = 0; i < COUNT(after_wait); i++)
            if (after_wait[i] == code)
                retry = PIRN_RETRY_AFTER_WAIT;
        for (size_t i = 0; i < COUNT(at_once); i++)
            if (at_once[i] == code)
                retry = PIRN_RETRY_AT_ONCE;
        assert_int_equal(pirn_close_retry(code), retry);
    }
}

static void every_code_through_build_and_parse(void **state)
{
    (void)state;
    for (int code = 1; code <= 65535; code++) {
        uint8_t payload[PIRN_CONTROL_MAX] = {(uint8_t)(code / 256), (uint8_t)(code % 256), 'x'};
        struct pirn_close close;
        bool legal = wire_by_the_rfc(code);
        assert_int_equal(pirn_close_parse(&close, payload, 3),
                         legal ? 0 : -PIRN_E_CLOSE_CODE_RECEIVED);
        assert_int_equal(close.code, code);
        assert_true(close.has_code);
        assert_true(pirn_str_equal(close.reason, PIRN_STR("x")));

        uint8_t built[PIRN_CONTROL_MAX] = {0xee, 0xee, 0xee, 0xee};
        assert_int_equal(pirn_close_build(built, code, PIRN_STR("x")),
                         legal ? 3 : -PIRN_E_CLOSE_CODE);
        assert_memory_equal(built, legal ? payload : (const uint8_t *)"\xee\xee\xee", 3);
        assert_int_equal(built[3], 0xee);
    }
    assert_int_equal(pirn_close_build((uint8_t[125]){0}, -1, PIRN_STR("")), -PIRN_E_CLOSE_CODE);
    assert_int_equal(pirn_close_build((uint8_t[125]){0}, 66536, PIRN_STR("")), -PIRN_E_CLOSE_CODE);
}

static void every_length_is_parsed(void **state)
{
    uint8_t payload[130];
    (void)state;
    for (size_t len = 0; len <= sizeof payload; len++) {
        struct pirn_close close = {.code = -1, .has_code = true, .reason = PIRN_STR("old")};
        memset(payload, 'r', sizeof payload);
        payload[0] = 0x03;
        payload[1] = 0xe9;
        int error = len > 125 ? -PIRN_E_CONTROL_TOO_LONG : len == 1 ? -PIRN_E_CLOSE_PAYLOAD : 0;
        assert_int_equal(pirn_close_parse(&close, payload, len), error);
        bool coded = len >= 2 && len <= 125;
        assert_int_equal(close.code, coded ? 1001 : 1005);
        assert_int_equal(close.has_code, coded);
        assert_int_equal(close.reason.len, coded ? len - 2 : 0);
        assert_ptr_equal(close.reason.data, coded ? (const char *)payload + 2 : NULL);
    }
    struct pirn_close close;
    assert_int_equal(pirn_close_parse(&close, NULL, 0), 0);
    close.code = -1;
    assert_int_equal(pirn_close_parse(&close, NULL, 2), -PIRN_E_ARGUMENT);
    assert_int_equal(close.code, 1005);
    assert_int_equal(pirn_close_parse(NULL, payload, 2), -PIRN_E_ARGUMENT);
}

static void every_length_is_built(void **state)
{
    char reason[130];
    (void)state;
    memset(reason, 'r', sizeof reason);
    for (size_t len = 0; len <= sizeof reason; len++) {
        uint8_t payload[PIRN_CONTROL_MAX + 1], expected[PIRN_CONTROL_MAX + 1];
        memset(payload, 0xee, sizeof payload);
        memset(expected, 0xee, sizeof expected);
        int built = pirn_close_build(payload, 4999, (struct pirn_str){reason, len});
        assert_int_equal(built, len > 123 ? -PIRN_E_CLOSE_REASON_TOO_LONG : (int)len + 2);
        if (len <= 123) {
            memcpy(expected, "\x13\x87", 2);
            memcpy(expected + 2, reason, len);
        }
        assert_memory_equal(payload, expected, sizeof payload);
    }
}

static void close_without_a_code(void **state)
{
    uint8_t payload[PIRN_CONTROL_MAX] = {0xee};
    (void)state;
    assert_int_equal(pirn_close_build(payload, 0, PIRN_STR("")), 0);
    assert_int_equal(pirn_close_build(payload, PIRN_CLOSE_NONE, pirn_cstr(NULL)), 0);
    assert_int_equal(pirn_close_build(payload, 0, PIRN_STR("why")),
                     -PIRN_E_CLOSE_REASON_WITHOUT_CODE);
    assert_int_equal(payload[0], 0xee);
    assert_int_equal(pirn_close_build(payload, 1000, pirn_cstr(NULL)), 2);
    assert_int_equal(pirn_close_build(NULL, 1000, PIRN_STR("")), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_close_build(payload, 1000, (struct pirn_str){NULL, 1}), -PIRN_E_ARGUMENT);
}

/* Reasons cut at each byte are accepted exactly where no code point is cut. */
static void reasons_cut_in_a_code_point(void **state)
{
    static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
    static const bool whole[] = {1, 1, 0, 1, 0, 0, 1, 0, 0, 0, 1, 1};
    (void)state;
    for (size_t len = 0; len < sizeof text; len++) {
        uint8_t payload[PIRN_CONTROL_MAX] = {0x03, 0xe8};
        struct pirn_close close;
        memcpy(payload + 2, text, len);
        assert_int_equal(pirn_close_parse(&close, payload, len + 2),
                         whole[len] ? 0 : -PIRN_E_CLOSE_REASON_RECEIVED);
        assert_int_equal(close.code, 1000);
        assert_int_equal(close.reason.len, len);
        assert_int_equal(pirn_close_build(payload, 1000, (struct pirn_str){text, len}),
                         whole[len] ? (int)len + 2 : -PIRN_E_CLOSE_REASON_UTF8);
    }
}

static void reasons_that_are_not_utf8(void **state)
{
    static const struct pirn_str reasons[] = {
        {"\x80", 1},         {"\xc0\x80", 2},         {"\xed\xa0\x80", 3},
        {"\xff", 1},         {"\xf4\x90\x80\x80", 4}, {"ok\xfe", 3},
        {"\xe0\x80\x80", 3},
    };
    uint8_t payload[PIRN_CONTROL_MAX] = {0x03, 0xe8};
    struct pirn_close close;
    (void)state;
    for (size_t i = 0; i < COUNT(reasons); i++) {
        assert_int_equal(pirn_close_build(payload, 1000, reasons[i]), -PIRN_E_CLOSE_REASON_UTF8);
        memcpy(payload + 2, reasons[i].data, reasons[i].len);
        assert_int_equal(pirn_close_parse(&close, payload, reasons[i].len + 2),
                         -PIRN_E_CLOSE_REASON_RECEIVED);
    }
    assert_int_equal(pirn_close_build(payload, 1000, (struct pirn_str){"a\0b", 3}), 5);
    assert_int_equal(pirn_close_parse(&close, payload, 5), 0);
    assert_true(pirn_str_equal(close.reason, (struct pirn_str){"a\0b", 3}));
}

/* The first error of a list of several is the one that is told. */
static void the_first_error_counts(void **state)
{
    char bad[124];
    uint8_t payload[PIRN_CONTROL_MAX] = {0x03, 0xec, 0xff};
    struct pirn_close close;
    (void)state;
    memset(bad, 0xff, sizeof bad);
    struct pirn_str reason = {bad, sizeof bad};
    assert_int_equal(pirn_close_build(payload, 0, reason), -PIRN_E_CLOSE_REASON_WITHOUT_CODE);
    assert_int_equal(pirn_close_build(payload, 1005, reason), -PIRN_E_CLOSE_CODE);
    assert_int_equal(pirn_close_build(payload, 1000, reason), -PIRN_E_CLOSE_REASON_TOO_LONG);
    assert_int_equal(pirn_close_parse(&close, payload, 3), -PIRN_E_CLOSE_CODE_RECEIVED);
}

static void a_reason_is_clipped_between_code_points(void **state)
{
    char text[200];
    uint8_t payload[PIRN_CONTROL_MAX];
    (void)state;
    for (size_t before = 115; before <= 125; before++) {
        memset(text, 'a', sizeof text);
        memcpy(text + before, "\xf0\x9f\x98\x80", 4);
        struct pirn_str clipped = pirn_close_reason_clip((struct pirn_str){text, sizeof text});
        assert_ptr_equal(clipped.data, text);
        assert_int_equal(clipped.len, before + 4 <= 123 || before >= 123 ? 123 : before);
        assert_int_equal(pirn_close_build(payload, 1000, clipped), (int)clipped.len + 2);
    }
    assert_int_equal(pirn_close_reason_clip(PIRN_STR("short")).len, 5);
    assert_int_equal(pirn_close_reason_clip(pirn_cstr(NULL)).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_alias_of_every_code),
        cmocka_unit_test(every_code_has_name_text_and_advice),
        cmocka_unit_test(every_name_gives_its_code),
        cmocka_unit_test(names_beside_the_first),
        cmocka_unit_test(unknown_names),
        cmocka_unit_test(every_code_is_judged),
        cmocka_unit_test(every_code_says_whether_to_retry),
        cmocka_unit_test(every_code_through_build_and_parse),
        cmocka_unit_test(every_length_is_parsed),
        cmocka_unit_test(every_length_is_built),
        cmocka_unit_test(close_without_a_code),
        cmocka_unit_test(reasons_cut_in_a_code_point),
        cmocka_unit_test(reasons_that_are_not_utf8),
        cmocka_unit_test(the_first_error_counts),
        cmocka_unit_test(a_reason_is_clipped_between_code_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
