#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/close.h>
#include <pirn/error.h>
#include <pirn/frame.h>

/* Each payload length that begins or ends a form, and what the length code is then. */
static const struct {
    uint64_t len;
    uint8_t code;
} lengths[] = {
    {0, 0},
    {1, 1},
    {125, 125},
    {126, 126},
    {127, 126},
    {65535, 126},
    {65536, 127},
    {(UINT64_C(1) << 31) - 1, 127},
    {UINT64_C(1) << 31, 127},
    {UINT64_C(1) << 32, 127},
    {UINT64_C(1) << 53, 127},
    {(UINT64_C(1) << 63) - 1, 127},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const size_t length_sizes[] = {[126] = 2, [127] = 8};

/* The header that these two bytes begin, with a length and key of bytes that all differ. */
static size_t make_header(uint8_t header[PIRN_FRAME_HEADER_MAX], unsigned first, unsigned second)
{
    static const uint8_t rest[12] = {0x01, 0x12, 0x23, 0x34, 0x45, 0x56,
                                     0x67, 0x78, 0xa1, 0xb2, 0xc3, 0xd4};
    header[0] = (uint8_t)first;
    header[1] = (uint8_t)second;
    memcpy(header + 2, rest, sizeof rest);
    return 2 + length_sizes[second & 127] + (second & 128 ? 4 : 0);
}

static uint64_t expected_len(const uint8_t *header)
{
    const size_t size = length_sizes[header[1] & 127];
    uint64_t len = 0;
    for (size_t i = 0; i < size; i++)
        len += (uint64_t)header[2 + i] << 8 * (size - 1 - i);
    return size ? len : header[1] & 127u;
}

static int expected_check(const struct pirn_frame *frame)
{
    static const bool known[16] = {
        [0] = true, [1] = true, [2] = true, [8] = true, [9] = true, [10] = true};
    if (!known[frame->opcode])
        return -PIRN_E_OPCODE;
    if (frame->opcode >= 8 && frame->payload_len > 125)
        return -PIRN_E_CONTROL_TOO_LONG;
    return frame->opcode >= 8 && !frame->fin ? -PIRN_E_CONTROL_FRAGMENTED : 0;
}

static void check_header(const uint8_t *header, size_t size)
{
    struct pirn_frame frame;
    for (size_t len = 0; len < size; len++)
        assert_int_equal(pirn_frame_decode(&frame, header, len), 0);
    assert_int_equal(pirn_frame_decode(&frame, header, size), size);
    assert_int_equal(frame.fin, header[0] >> 7);
    assert_int_equal(frame.rsv, header[0] >> 4 & 7);
    assert_int_equal(frame.opcode, header[0] & 15);
    assert_int_equal(frame.masked, header[1] >> 7);
    assert_true(frame.payload_len == expected_len(header));
    if (frame.masked)
        assert_memory_equal(frame.masking_key, header + size - 4, 4);
    assert_int_equal(pirn_frame_header_size(&frame), size);

    const int check = expected_check(&frame);
    uint8_t out[PIRN_FRAME_HEADER_MAX] = {0};
    assert_int_equal(pirn_frame_check(&frame), check);
    const int encoded = pirn_frame_encode_header(out, &frame);
    if (check == 0)
        assert_int_equal(encoded, size);
    if (encoded > 0)
        assert_memory_equal(out, header, size);
    else
        assert_true(frame.opcode >= 8);
}

static void all_first_two_bytes_come_and_go(void **state)
{
    (void)state;
    for (unsigned bytes = 0; bytes <= 0xffff; bytes++) {
        uint8_t header[PIRN_FRAME_HEADER_MAX];
        const size_t size = make_header(header, bytes >> 8, bytes & 0xff);
        check_header(header, size);
    }
}

static void lengths_take_their_shortest_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct pirn_frame frame = {.fin = true, .opcode = PIRN_BINARY, .masked = i % 2};
        frame.payload_len = lengths[i].len;
        uint8_t header[PIRN_FRAME_HEADER_MAX];
        struct pirn_frame back;
        const int size = pirn_frame_encode_header(header, &frame);
        assert_int_equal(header[1] & 127, lengths[i].code);
        assert_int_equal(size, pirn_frame_header_size(&frame));
        assert_int_equal(pirn_frame_decode(&back, header, (size_t)size), size);
        assert_true(back.payload_len == lengths[i].len);
        assert_int_equal(pirn_frame_check(&back), 0);
    }
}

static void a_longer_form_shows_in_the_size(void **state)
{
    (void)state;
    static const uint8_t long_125[] = {0x82, 126, 0, 125};
    static const uint8_t long_126[] = {0x82, 127, 0, 0, 0, 0, 0, 0, 0, 126};
    struct pirn_frame frame;
    assert_int_equal(pirn_frame_decode(&frame, long_125, sizeof long_125), 4);
    assert_int_equal(pirn_frame_header_size(&frame), 2);
    assert_int_equal(pirn_frame_decode(&frame, long_126, sizeof long_126), 10);
    assert_int_equal(pirn_frame_header_size(&frame), 4);
}

static void what_no_header_may_say_is_refused(void **state)
{
    (void)state;
    static const struct {
        struct pirn_frame frame;
        int check, encode;
    } rows[] = {
        {{.fin = true, .opcode = 2, .payload_len = UINT64_C(1) << 63},
         -PIRN_E_LENGTH_64BIT,
         -PIRN_E_LENGTH_64BIT},
        {{.fin = true, .opcode = 2, .payload_len = UINT64_MAX},
         -PIRN_E_LENGTH_64BIT,
         -PIRN_E_LENGTH_64BIT},
        {{.fin = true, .opcode = 16}, -PIRN_E_ARGUMENT, -PIRN_E_ARGUMENT},
        {{.fin = true, .opcode = 1, .rsv = 8}, -PIRN_E_ARGUMENT, -PIRN_E_ARGUMENT},
        {{.fin = true, .opcode = 3, .rsv = 8}, -PIRN_E_ARGUMENT, -PIRN_E_ARGUMENT},
        {{.opcode = 9}, -PIRN_E_CONTROL_FRAGMENTED, -PIRN_E_CONTROL_FRAGMENTED},
        {{.fin = true, .opcode = 8, .payload_len = 126},
         -PIRN_E_CONTROL_TOO_LONG,
         -PIRN_E_CONTROL_TOO_LONG},
        {{.fin = true, .opcode = 3}, -PIRN_E_OPCODE, 2},
        {{.fin = true, .opcode = 15, .rsv = 7}, -PIRN_E_OPCODE, 2},
        {{.fin = false, .opcode = 11}, -PIRN_E_OPCODE, -PIRN_E_CONTROL_FRAGMENTED},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t out[PIRN_FRAME_HEADER_MAX];
        assert_int_equal(pirn_frame_check(&rows[i].frame), rows[i].check);
        assert_int_equal(pirn_frame_encode_header(out, &rows[i].frame), rows[i].encode);
        if (rows[i].encode < 0)
            assert_int_equal(pirn_frame_encode(out, sizeof out, &rows[i].frame, ""),
                             rows[i].encode);
    }
}

/* RFC 6455, 5.7. */
static void whole_frames_are_those_of_the_rfc(void **state)
{
    (void)state;
    static const struct {
        struct pirn_frame frame;
        const char *payload;
        size_t size;
        const char *bytes;
    } rows[] = {
        {{.fin = true, .opcode = 1, .payload_len = 5}, "Hello", 7, "\x81\x05Hello"},
        {{.fin = true,
          .opcode = 1,
          .payload_len = 5,
          .masked = true,
          .masking_key = {0x37, 0xfa, 0x21, 0x3d}},
         "Hello",
         11,
         "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"},
        {{.opcode = 1, .payload_len = 3}, "Hel", 5, "\x01\x03Hel"},
        {{.fin = true, .payload_len = 2}, "lo", 4, "\x80\x02lo"},
        {{.fin = true, .opcode = 9, .payload_len = 5}, "Hello", 7, "\x89\x05Hello"},
        {{.fin = true, .opcode = 10, .payload_len = 5, .masked = true},
         "Hello",
         11,
         "\x8a\x85\0\0\0\0Hello"},
        {{.fin = true, .opcode = 8}, NULL, 2, "\x88\0"},
        {{.fin = true, .rsv = 5, .opcode = 2}, NULL, 2, "\xd2\0"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t out[16];
        memset(out, 0xee, sizeof out);
        for (size_t cap = 0; cap < rows[i].size; cap++)
            assert_int_equal(pirn_frame_encode(out, cap, &rows[i].frame, rows[i].payload),
                             -PIRN_E_ROOM);
        assert_int_equal(out[0], 0xee);
        assert_int_equal(pirn_frame_encode(out, rows[i].size, &rows[i].frame, rows[i].payload),
                         rows[i].size);
        assert_memory_equal(out, rows[i].bytes, rows[i].size);
        assert_int_equal(out[rows[i].size], 0xee);
    }
}

static void a_payload_at_its_place_stays_there(void **state)
{
    (void)state;
    struct pirn_frame frame = {.fin = true, .opcode = 2, .payload_len = 300};
    uint8_t payload[300], out[310];
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 7);
    memcpy(out + 4, payload, sizeof payload);
    assert_int_equal(pirn_frame_encode(out, sizeof out, &frame, out + 4), 304);
    assert_memory_equal(out + 4, payload, sizeof payload);

    frame.masked = true;
    memcpy(frame.masking_key, "abcd", 4);
    memcpy(out + 8, payload, sizeof payload);
    assert_int_equal(pirn_frame_encode(out, sizeof out, &frame, out + 8), 308);
    for (size_t i = 0; i < sizeof payload; i++)
        assert_int_equal(out[8 + i] ^ "abcd"[i % 4], payload[i]);
}

static void a_payload_that_cannot_be_is_refused(void **state)
{
    (void)state;
    uint8_t out[16];
    const struct pirn_frame frame = {.fin = true, .opcode = 2, .payload_len = 1};
    assert_int_equal(pirn_frame_encode(out, sizeof out, &frame, NULL), -PIRN_E_ARGUMENT);
    const struct pirn_frame huge = {.fin = true, .opcode = 2, .payload_len = INT64_MAX};
    assert_int_equal(pirn_frame_encode(out, sizeof out, &huge, out), -PIRN_E_ROOM);
}

static bool give_key(void *context, void *out, size_t len)
{
    assert_int_equal(len, 4);
    if (context)
        memcpy(out, context, len);
    return context != NULL;
}

static void a_random_mask_is_left_in_the_frame(void **state)
{
    (void)state;
    struct pirn_frame frame = {.fin = true, .opcode = 1, .payload_len = 5};
    uint8_t out[16];
    char key[] = "\x37\xfa\x21\x3d";
    assert_int_equal(pirn_frame_encode_masked(out, sizeof out, &frame, "Hello", give_key, key), 11);
    assert_memory_equal(out, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11);
    assert_true(frame.masked);
    assert_memory_equal(frame.masking_key, key, 4);
    assert_int_equal(pirn_frame_encode_masked(out, sizeof out, &frame, "Hello", give_key, NULL),
                     -PIRN_E_RANDOM);
    assert_int_equal(pirn_frame_encode_masked(out, sizeof out, &frame, "Hello", NULL, NULL),
                     -PIRN_E_RANDOM);
    assert_int_equal(pirn_frame_encode_masked(out, 10, &frame, "Hello", give_key, key),
                     -PIRN_E_ROOM);
}

static void close_frames_are_made_of_codes_and_names(void **state)
{
    (void)state;
    uint8_t out[PIRN_CONTROL_FRAME_MAX];
    char reason[124];
    memset(reason, 'x', sizeof reason);
    const struct pirn_str longest = {reason, 123}, too_long = {reason, 124};
    assert_int_equal(pirn_frame_encode_close(out, 0, PIRN_STR("")), 2);
    assert_memory_equal(out, "\x88\0", 2);
    assert_int_equal(pirn_frame_encode_close(out, 1000, PIRN_STR("bye")), 7);
    assert_memory_equal(out,
                        "\x88\x05\x03\xe8"
                        "bye",
                        7);
    assert_int_equal(pirn_frame_encode_close(out, pirn_close_from_name(PIRN_STR("Going Away")),
                                             (struct pirn_str){NULL, 0}),
                     4);
    assert_memory_equal(out, "\x88\x02\x03\xe9", 4);
    assert_int_equal(pirn_frame_encode_close(out, 4999, longest), 127);
    assert_int_equal(pirn_frame_encode_close(out, 4999, too_long), -PIRN_E_CLOSE_REASON_TOO_LONG);
    assert_int_equal(pirn_frame_encode_close(out, 1006, longest), -PIRN_E_CLOSE_CODE);
    assert_int_equal(pirn_frame_encode_close(out, 0, longest), -PIRN_E_CLOSE_REASON_WITHOUT_CODE);
}

static void opcodes_have_names(void **state)
{
    (void)state;
    static const char *const names[] = {[0] = "continuation", [1] = "text", [2] = "binary",
                                        [8] = "close",        [9] = "ping", [10] = "pong"};
    for (int opcode = -1; opcode <= 17; opcode++) {
        const bool known = opcode >= 0 && opcode <= 10 && names[opcode];
        assert_string_equal(pirn_opcode_name(opcode), known ? names[opcode] : "reserved");
        assert_int_equal(pirn_opcode_is_reserved(opcode), !known);
        assert_int_equal(pirn_opcode_is_control(opcode), opcode >= 8 && opcode < 16);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_first_two_bytes_come_and_go),
        cmocka_unit_test(lengths_take_their_shortest_form),
        cmocka_unit_test(a_longer_form_shows_in_the_size),
        cmocka_unit_test(what_no_header_may_say_is_refused),
        cmocka_unit_test(whole_frames_are_those_of_the_rfc),
        cmocka_unit_test(a_payload_at_its_place_stays_there),
        cmocka_unit_test(a_payload_that_cannot_be_is_refused),
        cmocka_unit_test(a_random_mask_is_left_in_the_frame),
        cmocka_unit_test(close_frames_are_made_of_codes_and_names),
        cmocka_unit_test(opcodes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
