/* The notation of frames, payloads and expectations. */
#include "case.h"

#include <stdlib.h>
#include <string.h>

#define LONGEST_QUOTED 130

static const struct {
    const char *name;
    uint8_t opcode;
} opcodes[] = {{"cont", 0}, {"text", 1}, {"binary", 2}, {"close", 8}, {"ping", 9}, {"pong", 10}};

struct cursor cursor_of(const struct test_case *test, const struct case_line *line)
{
    return (struct cursor){test, line, line->text};
}

void cursor_die(const struct cursor *cursor, const char *what)
{
    case_die(cursor->test, cursor->line->number, "%s at \"%s\"", what, cursor->at);
}

static void skip_blanks(struct cursor *cursor)
{
    cursor->at += strspn(cursor->at, " ");
}

bool cursor_done(struct cursor *cursor)
{
    skip_blanks(cursor);
    return *cursor->at == '\0';
}

bool cursor_word(struct cursor *cursor, const char *word)
{
    skip_blanks(cursor);
    size_t len = strlen(word);
    if (strcspn(cursor->at, " ") != len || memcmp(cursor->at, word, len) != 0)
        return false;
    cursor->at += len;
    return true;
}

bool cursor_option(struct cursor *cursor, const char *name, const char **value)
{
    skip_blanks(cursor);
    size_t len = strlen(name);
    if (strncmp(cursor->at, name, len) != 0 || cursor->at[len] != '=')
        return false;
    *value = cursor->at + len + 1;
    cursor->at += strcspn(cursor->at, " ");
    return true;
}

uint64_t cursor_number(struct cursor *cursor)
{
    char *end;
    skip_blanks(cursor);
    uint64_t number = strtoull(cursor->at, &end, 0);
    if (end == cursor->at)
        cursor_die(cursor, "expected a number");
    cursor->at = end;
    return number;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

static bool hex_byte(const char *text, uint8_t *byte)
{
    int high = hex_digit(text[0]);
    int low = high < 0 ? -1 : hex_digit(text[1]);
    *byte = (uint8_t)((unsigned)high << 4 | (unsigned)low);
    return low >= 0;
}

static void read_quoted(struct cursor *cursor, struct buffer *payload)
{
    for (cursor->at++; *cursor->at != '"'; cursor->at++) {
        uint8_t byte = (uint8_t)*cursor->at;
        if (byte == '\0')
            cursor_die(cursor, "expected a quote");
        if (byte == '\\') {
            cursor->at++;
            byte = (uint8_t)*cursor->at;
            if (byte == 'x') {
                if (!hex_byte(cursor->at + 1, &byte))
                    cursor_die(cursor, "expected two digits");
                cursor->at += 2;
            }
        }
        buffer_add(payload, &byte, 1);
    }
    cursor->at++;
}

static void read_hex(struct cursor *cursor, struct buffer *payload)
{
    uint8_t byte;
    for (; hex_byte(cursor->at, &byte); cursor->at += 2)
        buffer_add(payload, &byte, 1);
    if (*cursor->at != ' ' && *cursor->at != '\0')
        cursor_die(cursor, "expected bytes in hexadecimal");
}

static void read_piece(struct cursor *cursor, struct buffer *payload)
{
    if (*cursor->at == '"') {
        read_quoted(cursor, payload);
    } else if (*cursor->at == 'x') {
        cursor->at++;
        read_hex(cursor, payload);
    } else {
        cursor_die(cursor, "expected a payload");
    }
}

void cursor_payload(struct cursor *cursor, struct buffer *payload)
{
    while (!cursor_done(cursor)) {
        size_t digits = strspn(cursor->at, "0123456789");
        if (digits == 0 || cursor->at[digits] != '*') {
            read_piece(cursor, payload);
            continue;
        }
        struct buffer piece = {0};
        uint64_t times = cursor_number(cursor);
        cursor->at++;
        read_piece(cursor, &piece);
        while (times-- > 0)
            buffer_add(payload, piece.data, piece.len);
        buffer_release(&piece);
    }
}

/* A frame as its line describes it: what its header says need not be true. */
struct frame_line {
    uint8_t opcode, rsv, key[4];
    bool fin, masked;
    unsigned form; /* 7, 16, 64; 0: the shortest */
    uint64_t times;
    bool lies;
    uint64_t len; /* what it lies */
    struct buffer payload;
};

static bool read_opcode(struct cursor *cursor, uint8_t *opcode)
{
    const char *value;
    for (size_t i = 0; i < sizeof opcodes / sizeof *opcodes; i++)
        if (cursor_word(cursor, opcodes[i].name)) {
            *opcode = opcodes[i].opcode;
            return true;
        }
    if (!cursor_option(cursor, "op", &value))
        return false;
    *opcode = (uint8_t)hex_digit(*value);
    return true;
}

static bool read_frame_option(struct cursor *cursor, struct frame_line *frame)
{
    const char *value;
    if (cursor_word(cursor, "nofin")) {
        frame->fin = false;
    } else if (cursor_word(cursor, "masked")) {
        frame->masked = true;
    } else if (cursor_word(cursor, "unmasked")) {
        frame->masked = false;
    } else if (cursor_option(cursor, "rsv", &value)) {
        frame->rsv = (uint8_t)hex_digit(*value);
    } else if (cursor_option(cursor, "form", &value)) {
        frame->form = (unsigned)strtoul(value, NULL, 10);
    } else if (cursor_option(cursor, "times", &value)) {
        frame->times = strtoull(value, NULL, 10);
    } else if (cursor_option(cursor, "len", &value)) {
        frame->lies = true;
        frame->len = strtoull(value, NULL, 0);
    } else if (cursor_option(cursor, "key", &value)) {
        for (size_t i = 0; i < 4; i++)
            if (!hex_byte(value + 2 * i, &frame->key[i]))
                cursor_die(cursor, "expected a key");
    } else {
        return false;
    }
    return true;
}

/* A Close frame's code stands before the payload, in decimal. */
static void read_close_code(struct cursor *cursor, struct buffer *payload)
{
    size_t digits = strspn(cursor->at, "0123456789");
    if (digits == 0 || (cursor->at[digits] != ' ' && cursor->at[digits] != '\0'))
        return;
    uint64_t code = cursor_number(cursor);
    const uint8_t bytes[2] = {(uint8_t)(code >> 8), (uint8_t)code};
    buffer_add(payload, bytes, 2);
}

static void add_length(struct buffer *bytes, const struct frame_line *frame)
{
    uint64_t len = frame->lies ? frame->len : frame->payload.len;
    unsigned form = frame->form ? frame->form : len < 126 ? 7 : len < 65536 ? 16 : 64;
    uint8_t mask_bit = frame->masked ? 0x80 : 0;
    uint8_t octets[9] = {(uint8_t)(mask_bit | (form == 7 ? len : form == 16 ? 126 : 127))};
    unsigned count = form == 7 ? 0 : form / 8;
    for (unsigned i = 0; i < count; i++)
        octets[1 + i] = (uint8_t)(len >> (8 * (count - 1 - i)));
    buffer_add(bytes, octets, 1 + count);
}

static void add_frame(struct buffer *bytes, const struct frame_line *frame)
{
    uint8_t first = (uint8_t)((frame->fin ? 0x80 : 0) | frame->rsv << 4 | frame->opcode);
    buffer_add(bytes, &first, 1);
    add_length(bytes, frame);
    if (frame->masked)
        buffer_add(bytes, frame->key, 4);
    size_t begin = bytes->len;
    buffer_add(bytes, frame->payload.data, frame->payload.len);
    for (size_t i = 0; frame->masked && i < frame->payload.len; i++)
        bytes->data[begin + i] ^= frame->key[i % 4];
}

void case_frames(const struct test_case *test, const struct case_line *line, enum pirn_role role,
                 struct buffer *bytes)
{
    struct cursor cursor = cursor_of(test, line);
    struct frame_line frame = {
        .fin = true, .masked = role == PIRN_SERVER, .key = {0x37, 0xfa, 0x21, 0x3d}, .times = 1};
    if (cursor_word(&cursor, "raw")) {
        read_hex((skip_blanks(&cursor), &cursor), bytes);
        while (!cursor_done(&cursor))
            read_hex(&cursor, bytes);
        return;
    }
    if (!read_opcode(&cursor, &frame.opcode))
        cursor_die(&cursor, "expected an opcode");
    while (read_frame_option(&cursor, &frame))
        ;
    if (frame.opcode == 8)
        read_close_code(&cursor, &frame.payload);
    cursor_payload(&cursor, &frame.payload);
    while (frame.times-- > 0)
        add_frame(bytes, &frame);
    buffer_release(&frame.payload);
}

void case_add_payload(struct buffer *line, const uint8_t *payload, size_t len)
{
    if (len > LONGEST_QUOTED) {
        uint32_t hash = 2166136261U;
        for (size_t i = 0; i < len; i++)
            hash = (hash ^ payload[i]) * 16777619U;
        buffer_addf(line, "%zu bytes #%08x", len, hash);
        return;
    }
    buffer_add(line, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        bool plain = payload[i] >= 0x20 && payload[i] < 0x7f && payload[i] != '"';
        if (plain && payload[i] != '\\')
            buffer_add(line, &payload[i], 1);
        else
            buffer_addf(line, "\\x%02x", payload[i]);
    }
    buffer_add(line, "\"", 1);
}

void case_add_close(struct buffer *line, const uint8_t *payload, size_t len)
{
    if (len == 0) {
        buffer_addf(line, "empty");
    } else if (len == 1) {
        buffer_addf(line, "of one byte");
    } else {
        buffer_addf(line, "%u", (unsigned)(payload[0] << 8 | payload[1]));
        if (len > 2)
            buffer_add(line, " ", 1);
        if (len > 2)
            case_add_payload(line, payload + 2, len - 2);
    }
}

/* fail NAME ["text"], close empty | CODE ["reason"], or a type with a payload. */
static void expected_line(struct cursor *cursor, struct buffer *line)
{
    struct buffer payload = {0};
    if (cursor_word(cursor, "fail")) {
        buffer_addf(line, "fail%s", cursor->at);
        cursor->at += strlen(cursor->at);
    } else if (cursor_word(cursor, "close")) {
        buffer_addf(line, "close ");
        skip_blanks(cursor);
        if (!cursor_word(cursor, "empty"))
            read_close_code(cursor, &payload);
        cursor_payload(cursor, &payload);
        case_add_close(line, payload.data, payload.len);
    } else {
        const char *types[] = {"partial", "text",        "binary", "cont",  "ping",  "pong",
                               "own",     "own-control", "nofin",  "rsv=1", "rsv=2", "rsv=3"};
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            if (cursor_word(cursor, types[i]))
                buffer_addf(line, "%s ", types[i]);
        cursor_payload(cursor, &payload);
        case_add_payload(line, payload.data, payload.len);
    }
    buffer_release(&payload);
}

void case_expected(const struct test_case *test, const struct case_line *line, struct buffer *lines)
{
    struct cursor cursor = cursor_of(test, line);
    struct buffer text = {0};
    const char *value;
    uint64_t times = cursor_option(&cursor, "times", &value) ? strtoull(value, NULL, 10) : 1;
    expected_line(&cursor, &text);
    if (!cursor_done(&cursor))
        cursor_die(&cursor, "expected the end of the line");
    buffer_add(&text, "\n", 1);
    while (times-- > 0)
        buffer_add(lines, text.data, text.len);
    buffer_release(&text);
}
