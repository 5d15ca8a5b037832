#include "endpoint_fixture.h"

static void failures_say_what_was_wrong(void **state)
{
    (void)state;
#define BYTES(literal) literal, sizeof(literal) - 1
#define KEY            "\0\0\0\0"
    static const struct {
        const char *bytes;
        size_t len;
        int code;
        const char *text;
    } rows[] = {
        {BYTES("\xc1\x80"), 1002, "RSV1 set without an extension"},
        {BYTES("\xb1\x80"), 1002, "RSV2 and RSV3 set without an extension"},
        {BYTES("\xf1\x80"), 1002, "RSV1, RSV2 and RSV3 set without an extension"},
        {BYTES("\x8f\x80"), 1002, "reserved opcode 15"},
        {BYTES("\x81\x00"), 1002, "frame from a client is not masked"},
        {BYTES("\x82\xfe\0\x7d"), 1002, "frame of 125 bytes uses the 16-bit length"},
        {BYTES("\x82\xff\0\0\0\0\0\0\0\x7f"), 1002, "frame of 127 bytes uses the 64-bit length"},
        {BYTES("\x82\xff\0\0\0\0\0\0\0\x7e"), 1002, "frame of 126 bytes uses the 64-bit length"},
        {BYTES("\x82\xff\0\0\0\0\0\0\xff\xff"), 1002,
         "frame of 65535 bytes uses the 64-bit length"},
        {BYTES("\x82\xff\x80\0\0\0\0\0\0\0"), 1002,
         "payload length has its most significant bit set"},
        {BYTES("\x89\xfe"), 1002, "ping frame is longer than 125 bytes"},
        {BYTES("\x08\x80"), 1002, "close frame is fragmented"},
        {BYTES("\x80\x80"), 1002, "continuation frame without a message to continue"},
        {BYTES("\x01\x80" KEY "\x81\x80"), 1002, "text frame before the last message was complete"},
        {BYTES("\x88\x81" KEY "a"), 1002, "close payload of one byte"},
        {BYTES("\x88\x82" KEY "\x03\xed"), 1002, "close code 1005 must not be on the wire"},
        {BYTES("\x88\x84" KEY "\x03\xe8"
               "a\xff"),
         1007, "close reason is not UTF-8 at byte 1"},
        {BYTES("\x88\x84" KEY "\x03\xe8"
               "a\xc3"),
         1007, "close reason ends inside a character"},
        {BYTES("\x01\x82" KEY "ab\x80\x82" KEY "c\xff"), 1007, "text is not UTF-8 at byte 3"},
        {BYTES("\x81\x83" KEY "ab\xc3"), 1007, "text ends inside a character"},
        {BYTES("\x82\xb4"), 1009, "frame of 52 bytes is over the limit of 50"},
        {BYTES("\x02\xb2" KEY "12345678901234567890123456789012345678901234567890\x80\x8b"), 1009,
         "message of 61 bytes is over the limit of 60"},
        {BYTES("\x02\x80" KEY "\0\x80" KEY "\0\x80" KEY "\0\x80"), 1008,
         "message has more than 3 fragments"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fixture f = {
            .config = {.max_frame_bytes = 50, .max_message_bytes = 60, .max_fragments = 3}};
        struct pirn_endpoint *ep = begin(&f);
        assert_true(rows[i].len <= sizeof f.in);
        memcpy(f.in, rows[i].bytes, rows[i].len);
        assert_int_equal(pirn_endpoint_feed(ep, f.in, rows[i].len, START), 0);
        while (pirn_endpoint_next(ep, &f.event))
            assert_int_equal(pirn_endpoint_ending(ep).received_code, 1006);
        assert_int_equal(f.event.type, PIRN_EVENT_FAILURE);
        expect_error_text(ep, rows[i].text);
        const size_t len = strlen(rows[i].text);
        assert_int_equal(control(&f), 4 + len);
        assert_int_equal(f.out[2] << 8 | f.out[3], rows[i].code);
        assert_memory_equal(f.out + 4, rows[i].text, len);
    }
}

static void a_client_takes_no_masked_frame(void **state)
{
    (void)state;
    struct fixture f = {0};
    begin_as(&f, PIRN_CLIENT);
    uint8_t masked[] = {0x81, 0x80};
    assert_int_equal(pirn_endpoint_feed(&f.ep, masked, 2, START), 0);
    assert_true(pirn_endpoint_next(&f.ep, &f.event));
    expect_error_text(&f.ep, "frame from a server is masked");
}

static void sums_of_lengths_do_not_wrap(void **state)
{
    (void)state;
    struct fixture f = {.config = {.max_message_bytes = PIRN_UNLIMITED - 1}};
    struct pirn_endpoint *ep = begin(&f);
    uint8_t bytes[] = {0x02, 0x81, 0,    0,    0,    0,    'a', 0x00, 0xff, 0x7f, 0xff,
                       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0,   0,    0,    0};
    assert_int_equal(pirn_endpoint_feed(ep, bytes, sizeof bytes, START), 0);
    assert_true(pirn_endpoint_next(ep, &f.event));
    assert_false(pirn_endpoint_next(ep, &f.event));
    assert_int_equal(pirn_endpoint_remaining(ep), INT64_MAX);
    ep->message_len = PIRN_UNLIMITED - 2; /* as if it had all come, twice */
    ep->reading = 0;
    ep->frame_left = 0;
    assert_int_equal(pirn_endpoint_feed(ep, bytes + 7, sizeof bytes - 7, START), 0);
    assert_true(pirn_endpoint_next(ep, &f.event));
    expect_error_text(ep, "message of 18446744073709551615 bytes is over the limit of "
                          "18446744073709551614");
}

static void a_short_buffer_cuts_the_text(void **state)
{
    (void)state;
    struct fixture f = {0};
    begin(&f);
    assert_true(receive(&f, 3, ""));
    char text[9];
    assert_string_equal(pirn_endpoint_error_text(&f.ep, text, sizeof text), "reserved");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_say_what_was_wrong),
        cmocka_unit_test(a_client_takes_no_masked_frame),
        cmocka_unit_test(sums_of_lengths_do_not_wrap),
        cmocka_unit_test(a_short_buffer_cuts_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
