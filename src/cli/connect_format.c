/* What a message looks like on standard output: as it is, base64, JSON, or, on a terminal, safe:
 * nothing that a peer sends is a command to the terminal. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "connect.h"

#define SHOWN_BYTES 256 /* of a binary message on a terminal */

static const char *opcode_name(enum pirn_opcode opcode)
{
    return opcode == PIRN_TEXT     ? "text"
           : opcode == PIRN_BINARY ? "binary"
           : opcode == PIRN_PING   ? "ping"
           : opcode == PIRN_PONG   ? "pong"
                                   : "close";
}

/* ---- terminals */

static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7F;
}

/* A control character of more than one byte that begins at text[0]: its length, or 0. They are
 * U+0080 to U+009F, and those that turn the direction of writing around. */
static size_t long_control(const unsigned char *text, size_t len)
{
    if (len >= 2 && text[0] == 0xC2 && text[1] < 0xA0)
        return 2;
    if (len < 3 || text[0] != 0xE2)
        return 0;
    bool turns = (text[1] == 0x80 && text[2] >= 0xAA && text[2] <= 0xAE) ||
                 (text[1] == 0x81 && text[2] >= 0xA6 && text[2] <= 0xA9);
    return turns ? 3 : 0;
}

/* The bytes from text[0] on that are shown as hexadecimal digits; 0: as it is. */
static size_t hidden(const unsigned char *text, size_t len, bool is_utf8)
{
    if (is_control(text[0]))
        return text[0] != '\t' && text[0] != '\n';
    if (text[0] < 0x80)
        return 0;
    return is_utf8 ? long_control(text, len) : 1;
}

void connect_escape(struct buffer *out, const char *text, size_t len)
{
    const unsigned char *in = (const unsigned char *)text, *end = in + len, *plain = in;
    bool is_utf8 = pirn_utf8_valid(text, len);
    while (in < end) {
        size_t hide = hidden(in, (size_t)(end - in), is_utf8);
        if (hide == 0 && *in != '\n') {
            in++;
            continue;
        }
        buffer_add(out, plain, (size_t)(in - plain));
        if (hide == 0) { /* what follows must not look like a line of ours */
            buffer_add_text(out, "\n  ");
            in++;
        }
        for (; hide > 0; hide--)
            buffer_print(out, "\\x%02x", *in++);
        plain = in;
    }
    buffer_add(out, plain, (size_t)(end - plain));
}

static void show_bytes(struct buffer *out, const unsigned char *data, size_t len)
{
    buffer_print(out, "[binary, %zu bytes]", len);
    for (size_t i = 0; i < len && i < SHOWN_BYTES; i++)
        buffer_print(out, " %02x", data[i]);
    if (len > SHOWN_BYTES)
        buffer_add_text(out, " ...");
}

/* At a prompt what was typed stands there already. */
static void format_terminal(struct connect *connect, enum pirn_opcode opcode, const void *data,
                            size_t len, uint64_t rtt_us)
{
    struct buffer *out = &connect->output.bytes;
    bool is_message = opcode == PIRN_TEXT || opcode == PIRN_BINARY;
    if (connect->screen)
        buffer_add_text(out, !connect->colours ? "< " : is_message ? "\033[32m< " : "\033[2m< ");
    if (!is_message)
        buffer_print(out, len > 0 ? "%s " : "%s", opcode_name(opcode));
    if (opcode == PIRN_BINARY)
        show_bytes(out, data, len);
    else
        connect_escape(out, data, len);
    if (rtt_us > 0)
        buffer_print(out, " (%.1f ms)", (double)rtt_us / 1000);
    buffer_add_text(out, connect->screen && connect->colours ? "\033[0m\n" : "\n");
}

/* ---- JSON */

static void begin_record(struct buffer *out, enum connect_direction direction, const char *opcode)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    buffer_print(out,
                 "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ\",\"direction\":\"%s\","
                 "\"opcode\":\"%s\",",
                 utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                 utc.tm_sec, now.tv_nsec / 1000, direction == CONNECT_IN ? "in" : "out", opcode);
}

static void format_json(struct connect *connect, enum connect_direction direction,
                        enum pirn_opcode opcode, const void *data, size_t len, uint64_t rtt_us)
{
    struct buffer *out = &connect->output.bytes;
    begin_record(out, direction, opcode_name(opcode));
    buffer_add_text(out, "\"payload\":");
    if (connect->options->base64 || opcode == PIRN_BINARY || !pirn_utf8_valid(data, len)) {
        buffer_add_text(out, "\"");
        buffer_add_base64(out, data, len);
        buffer_add_text(out, "\",\"encoding\":\"base64\"");
    } else {
        buffer_add_json(out, data, len);
    }
    if (rtt_us > 0)
        buffer_print(out, ",\"rtt_ms\":%.3f", (double)rtt_us / 1000);
    buffer_add_text(out, "}\n");
}

void connect_format_close(struct connect *connect, const struct pirn_close_info *info)
{
    struct buffer *out = &connect->output.bytes;
    begin_record(out, info->origin == PIRN_ORIGIN_LOCAL ? CONNECT_OUT : CONNECT_IN, "close");
    buffer_print(out, "\"code\":%d,\"clean\":%s,\"payload\":", info->code,
                 info->clean ? "true" : "false");
    buffer_add_json(out, info->reason.data, info->reason.len);
    buffer_add_text(out, ",\"text\":");
    buffer_add_json(out, info->text, strlen(info->text));
    buffer_add_text(out, "}\n");
}

/* ---- all of it */

static void format_plain(struct connect *connect, const void *data, size_t len)
{
    struct buffer *out = &connect->output.bytes;
    if (connect->options->base64)
        buffer_add_base64(out, data, len);
    else
        buffer_add(out, data, len);
    buffer_add(out, connect->options->nul ? "\0" : "\n", 1);
}

void connect_format(struct connect *connect, enum connect_direction direction,
                    enum pirn_opcode opcode, const void *data, size_t len, uint64_t rtt_us)
{
    bool is_control_frame = opcode == PIRN_PING || opcode == PIRN_PONG;
    if (connect->options->json)
        format_json(connect, direction, opcode, data, len, rtt_us);
    else if (direction == CONNECT_OUT || (is_control_frame && !connect->screen))
        return;
    else if (connect->out_is_terminal && !connect->options->base64)
        format_terminal(connect, opcode, data, len, rtt_us);
    else
        format_plain(connect, data, len);
}
