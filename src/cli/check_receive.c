/* What a server sends after its head, taken apart frame by frame. Everything that no server may
 * send is noted for the watches; what the case wants to know is noted in the run. Nothing is
 * refused: a server that errs is listened to as long as its frames can be told apart. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

void check_log(struct check_run *run, const char *format, ...)
{
    size_t len = strlen(run->log);
    va_list arguments;
    if (len > 0 && len + 3 < sizeof run->log) {
        memcpy(run->log + len, ", ", 3);
        len += 2;
    }
    va_start(arguments, format);
    vsnprintf(run->log + len, sizeof run->log - len, format, arguments);
    va_end(arguments);
}

/* The first sight of a violation is the one that is told. */
static void watched(struct check_run *run, enum check_watch what, const char *text)
{
    char *place = run->check->watched[what];
    if (!*place)
        snprintf(place, CHECK_TEXT_CAP, "%s, in the case %s", text, run->kase->id);
}

/* ---- what a frame means */

static const char *printable(const void *data, size_t len, char *out, size_t cap)
{
    const unsigned char *bytes = data;
    size_t used = 0;
    for (size_t i = 0; i < len && used + 5 < cap; i++) {
        bool plain = bytes[i] >= 0x20 && bytes[i] < 0x7f && bytes[i] != '\\' && bytes[i] != '"';
        used += (size_t)snprintf(out + used, cap - used, plain ? "%c" : "\\x%02x", bytes[i]);
    }
    out[used] = '\0';
    return out;
}

static void take_pong(struct check_run *run, const uint8_t *payload, size_t len)
{
    const struct check_script *script = &run->script;
    char text[48];
    check_log(run, "Pong \"%s\"%s", printable(payload, len < 20 ? len : 20, text, sizeof text),
              len > 20 ? "..." : "");
    run->any_pong = true;
    if (len == script->ping_len && memcmp(payload, script->ping, len) == 0)
        run->has_pong = true;
}

static void take_close(struct check_run *run, const uint8_t *payload, size_t len)
{
    struct pirn_close close;
    char text[96];
    int error = pirn_close_parse(&close, payload, len);
    run->close_code = close.has_code ? close.code : len >= 2 ? payload[0] << 8 | payload[1] : 0;
    if (error == -PIRN_E_CLOSE_PAYLOAD)
        watched(run, WATCH_CLOSE_BODY, pirn_error_text(error));
    if (error == -PIRN_E_CLOSE_REASON_RECEIVED)
        watched(run, WATCH_CLOSE_REASON, pirn_error_text(error));
    if (pirn_close_class(run->close_code) == PIRN_CLOSE_CLASS_LOCAL_ONLY) {
        snprintf(text, sizeof text, "Close %d", run->close_code);
        watched(run, WATCH_CLOSE_CODE, text);
    }
    if (run->close_code == 0)
        check_log(run, "Close without a code");
    else if (len == 2)
        check_log(run, "Close %d", run->close_code);
    else
        check_log(run, "Close %d \"%s\"", run->close_code,
                  printable(payload + 2, len > 62 ? 60 : len - 2, text, sizeof text));
    run->has_close = true;
}

static bool is_expected(const struct check_run *run)
{
    const struct check_script *script = &run->script;
    if (run->echoed == script->message_count)
        return false;
    const struct check_message *message = &script->messages[run->echoed];
    if (run->message_compressed) /* not inflated: that it came is what can be told */
        return run->message_opcode == message->opcode;
    return run->message_opcode == message->opcode && run->message_len == message->len &&
           (message->len == 0 ||
            memcmp(run->message, script->plain.data + message->at, message->len) == 0);
}

static void take_message(struct check_run *run)
{
    char text[64];
    const char *kind = pirn_opcode_name(run->message_opcode);
    size_t shown = run->message_len < 20 ? run->message_len : 20;
    run->in_message = false;
    if (run->message_compressed)
        check_log(run, "compressed %s of %zu bytes", kind, run->message_len);
    else
        check_log(run, "%s \"%s\"%s", kind, printable(run->message, shown, text, sizeof text),
                  run->message_len > shown ? "..." : "");
    if (run->message_opcode == PIRN_TEXT && !run->message_compressed &&
        !pirn_utf8_valid(run->message, run->message_len))
        watched(run, WATCH_UTF8, text);
    if (run->message_len == strlen(CHECK_REFUSE) &&
        memcmp(run->message, CHECK_REFUSE, run->message_len) == 0)
        run->refused_came = true;
    if (is_expected(run))
        run->echoed++;
}

static void take_data(struct check_run *run, const struct pirn_frame *frame, const uint8_t *data)
{
    bool goes_on = frame->opcode == PIRN_CONTINUATION;
    if (run->has_close)
        watched(run, WATCH_AFTER_CLOSE, "a data frame after its Close");
    if (goes_on && !run->in_message)
        watched(run, WATCH_FRAGMENTS, "a continuation of nothing");
    if (!goes_on && run->in_message)
        watched(run, WATCH_FRAGMENTS, "a new message before the end of the last");
    if (!goes_on || !run->in_message) {
        run->message_len = 0;
        run->message_opcode = frame->opcode;
        run->message_compressed = frame->rsv == 4;
        run->in_message = true;
    }
    size_t len = (size_t)frame->payload_len, room = sizeof run->message - run->message_len;
    if (len > 0)
        memcpy(run->message + run->message_len, data, len < room ? len : room);
    run->message_len += len < room ? len : room;
    if (frame->fin)
        take_message(run);
}

static bool compresses(const struct check_run *run)
{
    return pirn_http_count(&run->head, PIRN_STR("Sec-WebSocket-Extensions")) > 0;
}

static void watch_header(struct check_run *run, const struct pirn_frame *frame, size_t size)
{
    bool control = pirn_opcode_is_control(frame->opcode);
    bool may_compress = compresses(run) && !control && frame->opcode != PIRN_CONTINUATION;
    char text[64];
    snprintf(text, sizeof text, "opcode %x, RSV %u, %llu bytes", frame->opcode, frame->rsv,
             (unsigned long long)frame->payload_len);
    if (frame->masked)
        watched(run, WATCH_MASKED, text);
    if (frame->rsv & (may_compress ? 3 : 7))
        watched(run, WATCH_RSV, text);
    if (pirn_opcode_is_reserved(frame->opcode))
        watched(run, WATCH_OPCODE, text);
    if (size != pirn_frame_header_size(frame) || frame->payload_len > INT64_MAX)
        watched(run, WATCH_LENGTH, text);
    if (control && frame->payload_len > PIRN_CONTROL_MAX)
        watched(run, WATCH_CONTROL_LONG, text);
    if (control && !frame->fin)
        watched(run, WATCH_CONTROL_FRAGMENTED, text);
}

static void take_frame(struct check_run *run, const struct pirn_frame *frame, uint8_t *payload)
{
    size_t len = (size_t)frame->payload_len;
    if (frame->masked)
        pirn_mask(payload, payload, len, frame->masking_key, 0);
    if (frame->opcode == PIRN_PONG)
        take_pong(run, payload, len);
    else if (frame->opcode == PIRN_PING)
        check_log(run, "Ping");
    else if (frame->opcode == PIRN_CLOSE && !run->has_close)
        take_close(run, payload, len);
    else if (!pirn_opcode_is_reserved(frame->opcode) && !pirn_opcode_is_control(frame->opcode))
        take_data(run, frame, payload);
}

void check_receive(struct check_run *run, const uint8_t *data, size_t len)
{
    struct pirn_frame frame;
    size_t header, at = 0;
    while (len > 0 || run->in_len > at) {
        size_t room = sizeof run->in - run->in_len, now = len < room ? len : room;
        memcpy(run->in + run->in_len, data, now);
        run->in_len += now;
        data += now;
        len -= now;
        while ((header = pirn_frame_decode(&frame, run->in + at, run->in_len - at)) > 0 &&
               frame.payload_len <= run->in_len - at - header) {
            watch_header(run, &frame, header);
            take_frame(run, &frame, run->in + at + header);
            at += header + (size_t)frame.payload_len;
        }
        run->in_len -= at;
        memmove(run->in, run->in + at, run->in_len);
        run->unreadable |= run->in_len == sizeof run->in; /* a frame that is too large for us */
        at = 0;
        if (len == 0 || run->unreadable)
            return;
    }
}
