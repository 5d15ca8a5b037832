/* Receiving: feed() lends a buffer, next() takes one event from it.
 *
 * next() is a machine of few states (ep->reading): it reads a header if one is due, then the
 * payload, and goes on only if that came to nothing that the program hears of, which is so with
 * extensions alone.
 *
 *   HEADER   -> DATA, EXTENDED or CONTROL as soon as the header is whole, in the same call
 *   DATA     -> HEADER with the frame's last byte; each piece of it is an event
 *   EXTENDED -> HEADER the same, by way of extensions: see endpoint_extend.c
 *   CONTROL  -> HEADER with the frame's last byte, which makes the event
 *   any      -> FAILURE when the peer breaks the protocol; -> NOTHING with the event of the end
 *
 * Nearly every frame takes none of these steps: see take_whole_message().
 *
 * A header that is certainly whole in the buffer is read where it lies; another gathers in
 * ep->header. Either way ep->header then has the frame's first two bytes at its front and in its
 * last four, where a header of full size has it anyway, the masking key, which turns with each
 * piece so that it fits the next.
 *
 * Invariants: message_len never exceeds the limit, so limit - message_len cannot wrap.
 * message_opcode is set from the first frame's header until the last byte of the final frame; that
 * the first frame is not yet delivered shows as fragments == 1 and message_len == 0, because empty
 * pieces are delivered only of empty frames. */
#include <pirn/endpoint.h>

#include <string.h>

#include "endpoint_parts.h"
#include "frame_header.h"
#include "mask_paths.h"

#define MASKING_KEY_AT (PIRN_FRAME_HEADER_MAX - 4)

/* What a frame's first byte means, RSV bits aside: one of these or an error, by opcode, then for
 * FIN 0 and 1 between messages, then for FIN 0 and 1 inside a message. */
enum { RESERVED, DATA, CONTROL, FIRST_ERROR = 100 };

static const uint8_t meanings[16][4] = {
    [PIRN_CONTINUATION] = {PIRN_E_CONTINUATION_UNEXPECTED, PIRN_E_CONTINUATION_UNEXPECTED, DATA,
                           DATA},
    [PIRN_TEXT] = {DATA, DATA, PIRN_E_CONTINUATION_EXPECTED, PIRN_E_CONTINUATION_EXPECTED},
    [PIRN_BINARY] = {DATA, DATA, PIRN_E_CONTINUATION_EXPECTED, PIRN_E_CONTINUATION_EXPECTED},
    [PIRN_CLOSE] = {PIRN_E_CONTROL_FRAGMENTED, CONTROL, PIRN_E_CONTROL_FRAGMENTED, CONTROL},
    [PIRN_PING] = {PIRN_E_CONTROL_FRAGMENTED, CONTROL, PIRN_E_CONTROL_FRAGMENTED, CONTROL},
    [PIRN_PONG] = {PIRN_E_CONTROL_FRAGMENTED, CONTROL, PIRN_E_CONTROL_FRAGMENTED, CONTROL},
};

int pirn_endpoint_feed(struct pirn_endpoint *ep, void *data, size_t len, uint64_t now_us)
{
    pirn__endpoint_at(ep, now_us);
    if (ep->reading >= PIRN__READ_FAILURE)
        return 0;
    if (ep->in != ep->in_end || !ep->slots)
        return -PIRN_E_STATE;
    if (len == 0)
        return 0;
    if (!data)
        return -PIRN_E_ARGUMENT;
    ep->in = data;
    ep->in_end = ep->in + len;
    if (ep->config->traffic_is_alive)
        ep->flags &= ~(uint32_t)PIRN__PING_UNANSWERED;
    return 0;
}

uint64_t pirn_endpoint_remaining(const struct pirn_endpoint *ep)
{
    if (ep->message_opcode > PIRN_BINARY || ep->flags & PIRN__RESIZED)
        return 0;
    return ep->reading == PIRN__READ_DATA || ep->reading == PIRN__READ_EXTENDED ? ep->frame_left
                                                                                : 0;
}

static bool reject(struct pirn_endpoint *ep, const uint8_t *header, unsigned error, uint64_t detail)
{
    ep->header[0] = header[0];
    ep->header[1] = header[1];
    pirn__endpoint_fail(ep, (enum pirn_error)error, detail);
    return false;
}

/* What the first byte of a header means: a reserved opcode that an extension has for its own is
 * like another of its kind. */
static unsigned meaning_of(const struct pirn_endpoint *ep, uint8_t first)
{
    const unsigned opcode = first & PIRN__OPCODE_BITS;
    const unsigned place = (ep->message_opcode != 0 ? 2u : 0u) + (first >> 7);
    const unsigned meaning = meanings[opcode][place];
    if (meaning != RESERVED || !pirn__extend_has_opcode(ep, opcode))
        return meaning;
    return meanings[opcode < PIRN_CLOSE ? PIRN_BINARY : PIRN_PING][place];
}

/* Whether the first two bytes of a header may stand where they stand. The order of what is judged
 * is part of the contract of next(), here and in accept_length(). */
static bool accept_start(struct pirn_endpoint *ep, const uint8_t *header)
{
    const unsigned meaning = meaning_of(ep, header[0]);
    const unsigned wrong_rsv = header[0] & PIRN__RSV_BITS ? pirn__extend_wrong_rsv(ep, header) : 0;
    if (wrong_rsv != 0)
        return reject(ep, header, PIRN_E_RSV, wrong_rsv);
    if (meaning == RESERVED)
        return reject(ep, header, PIRN_E_OPCODE, 0);
    if (meaning >= FIRST_ERROR)
        return reject(ep, header, meaning, 0);
    if (!((header[1] ^ ep->flags) & PIRN__MASK))
        return reject(ep, header, pirn__is_client(ep) ? PIRN_E_MASKED : PIRN_E_UNMASKED, 0);
    if (meaning == CONTROL && (header[1] & PIRN__LENGTH_BITS) > PIRN_CONTROL_MAX)
        return reject(ep, header, PIRN_E_CONTROL_TOO_LONG, 0);
    return true;
}

static bool is_minimal(const uint8_t *header, uint64_t len)
{
    const unsigned code = header[1] & PIRN__LENGTH_BITS;
    if (code < PIRN__LENGTH_16)
        return true;
    return len > (code == PIRN__LENGTH_16 ? PIRN__LENGTH_16 - 1 : UINT16_MAX);
}

static uint64_t add_up_to_max(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Whether a header that may stand there announces no more than it may; it is there up to its key.
 * A control frame was judged by its first two bytes. */
static bool accept_length(struct pirn_endpoint *ep, const uint8_t *header)
{
    const unsigned opcode = header[0] & PIRN__OPCODE_BITS;
    if (opcode >= PIRN_CLOSE)
        return true;
    const uint64_t len = pirn__payload_len(header);
    const uint64_t before = opcode == PIRN_CONTINUATION ? ep->message_len : 0;
    const uint32_t fragments = opcode == PIRN_CONTINUATION ? ep->fragments : 0;
    if (len > PIRN__PAYLOAD_MAX)
        return reject(ep, header, PIRN_E_LENGTH_64BIT, len);
    if (!is_minimal(header, len))
        return reject(ep, header, PIRN_E_LENGTH_NOT_MINIMAL, len);
    if (len > pirn__max_frame_bytes(ep))
        return reject(ep, header, PIRN_E_FRAME_TOO_BIG, len);
    if (len > pirn__max_message_bytes(ep) - before && !pirn__extend_may_resize(ep, header))
        return reject(ep, header, PIRN_E_MESSAGE_TOO_BIG, add_up_to_max(before, len));
    if (fragments >= pirn__max_fragments(ep))
        return reject(ep, header, PIRN_E_FRAGMENTS, 0);
    return true;
}

/* Shows a frame of a message to the extensions, and makes up for what accept_length() left to
 * them. */
static bool begin_extended(struct pirn_endpoint *ep, const uint8_t *header)
{
    unsigned rsv = 0;
    const uint64_t room = pirn__max_message_bytes(ep) - ep->message_len;
    const int error = pirn__extend_begin_frame(ep, header, &rsv);
    if (error != 0)
        return reject(ep, header, (unsigned)error, rsv);
    if (ep->frame_left > room && !(ep->flags & PIRN__RESIZED))
        return reject(ep, header, PIRN_E_MESSAGE_TOO_BIG,
                      add_up_to_max(ep->message_len, ep->frame_left));
    return true;
}

/* The header is whole and accepted: its payload comes next. */
static void begin_payload(struct pirn_endpoint *ep, const uint8_t *header, size_t key_at)
{
    const unsigned opcode = header[0] & PIRN__OPCODE_BITS;
    ep->frame_left = pirn__payload_len(header);
    if (!pirn__is_client(ep))
        memmove(ep->header + MASKING_KEY_AT, header + key_at, 4);
    ep->header[0] = header[0];
    ep->header[1] = header[1];
    ep->header_len = 0;
    if (opcode >= PIRN_CLOSE) {
        ep->reading = PIRN__READ_CONTROL;
        return;
    }
    ep->reading = PIRN__READ_DATA;
    if (opcode != PIRN_CONTINUATION) {
        ep->message_opcode = (uint8_t)opcode;
        ep->message_len = 0;
        ep->fragments = 0;
        ep->utf8 = (struct pirn_utf8){0};
    }
    ep->fragments++;
    if (ep->extensions && ep->message_opcode <= PIRN_BINARY)
        begin_extended(ep, header);
}

static size_t unread(const struct pirn_endpoint *ep)
{
    return (size_t)(ep->in_end - ep->in);
}

/* Takes bytes of a cut header until ep->header has size of them. */
static void gather(struct pirn_endpoint *ep, size_t size)
{
    const size_t missing = size - ep->header_len;
    const size_t len = missing < unread(ep) ? missing : unread(ep);
    if (len == 0)
        return;
    memcpy(ep->header + ep->header_len, ep->in, len);
    ep->header_len = (uint8_t)(ep->header_len + len);
    ep->in += len;
}

/* Takes what has come of a header to ep->header, and returns how much that is now. */
static size_t gather_header(struct pirn_endpoint *ep)
{
    if (ep->header_len < 2)
        gather(ep, 2);
    if (ep->header_len >= 2)
        gather(ep, pirn__header_size(ep->header[1]));
    return ep->header_len;
}

static void read_header(struct pirn_endpoint *ep)
{
    const uint8_t *header = ep->in;
    size_t there = unread(ep);
    if (ep->header_len > 0 || there < PIRN_FRAME_HEADER_MAX) {
        header = ep->header;
        there = gather_header(ep);
    }
    if (there < 2 || !accept_start(ep, header))
        return;
    const size_t key_at = 2 + pirn__length_size(header[1]);
    const size_t size = key_at + (pirn__is_client(ep) ? 0 : 4);
    if (there < key_at || !accept_length(ep, header) || there < size)
        return;
    if (header == ep->in)
        ep->in += size;
    begin_payload(ep, header, key_at);
}

static enum pirn__taken report_failure(struct pirn_endpoint *ep, struct pirn_event *event)
{
    ep->reading = PIRN__READ_NOTHING;
    *event = (struct pirn_event){.type = PIRN_EVENT_FAILURE};
    return PIRN__EVENT;
}

static enum pirn__taken fail(struct pirn_endpoint *ep, struct pirn_event *event, int error,
                             uint64_t detail)
{
    pirn__endpoint_fail(ep, (enum pirn_error)error, detail);
    return report_failure(ep, event);
}

/* Shortens a piece of text to what is UTF-8, and does not let it end the frame then: so the next
 * call finds the validator where it stopped, with nothing good left. False if that is now. */
static bool check_text(struct pirn_endpoint *ep, const uint8_t *data, size_t *len, bool *ends_frame,
                       uint64_t *detail)
{
    const size_t good = pirn_utf8_feed(&ep->utf8, data, *len);
    const bool ends_message = *ends_frame && ep->header[0] & PIRN__FIN;
    if (good == *len && !(ends_message && !pirn_utf8_complete(&ep->utf8)))
        return true;
    *detail = good == *len ? PIRN__NO_OFFSET : ep->message_len;
    *len = good;
    *ends_frame = false;
    return good > 0;
}

bool pirn__endpoint_unmask(struct pirn_endpoint *ep, uint8_t *data, size_t len)
{
    if (pirn__is_client(ep))
        return false;
    uint8_t *key = ep->header + MASKING_KEY_AT;
    const uint32_t word = pirn__load_4(key);
    const uint32_t next = pirn__mask_turn(word, len);
    memcpy(key, &next, sizeof next);
    return pirn__mask(data, data, len, word);
}

static enum pirn__taken read_data(struct pirn_endpoint *ep, struct pirn_event *event)
{
    uint8_t *data = ep->in;
    size_t len = unread(ep);
    if (len == 0 && ep->frame_left > 0)
        return PIRN__NOTHING;
    bool ends_frame = len >= ep->frame_left;
    if (ends_frame)
        len = (size_t)ep->frame_left;
    const bool good = pirn__endpoint_unmask(ep, data, len) && pirn_utf8_complete(&ep->utf8);
    const bool unsure = ep->message_opcode == PIRN_TEXT && !good;
    uint64_t detail;
    if (unsure && !check_text(ep, data, &len, &ends_frame, &detail))
        return fail(ep, event, PIRN_E_UTF8, detail);
    const bool last = ends_frame && ep->header[0] & PIRN__FIN;
    ep->in += len;
    ep->frame_left -= len;
    *event = (struct pirn_event){
        .type = PIRN_EVENT_MESSAGE,
        .opcode = ep->message_opcode,
        .first = ep->fragments == 1 && ep->message_len == 0,
        .last = last,
        .data = data,
        .len = len,
        .offset = ep->message_len,
        .remaining = ep->frame_left,
    };
    ep->message_len += len;
    if (ends_frame)
        ep->reading = PIRN__READ_HEADER;
    if (last)
        ep->message_opcode = 0;
    return event->opcode <= PIRN_BINARY ? PIRN__EVENT : pirn__extend_hand_over(ep, event);
}

static uint64_t what_is_wrong(const struct pirn_close *close)
{
    struct pirn_utf8 utf8 = {0};
    const size_t good = pirn_utf8_feed(&utf8, close->reason.data, close->reason.len);
    return good == close->reason.len ? PIRN__NO_OFFSET : good;
}

static enum pirn__taken take_close(struct pirn_endpoint *ep, struct pirn_event *event)
{
    struct pirn_close close;
    const int error = pirn_close_parse(&close, event->data, event->len);
    if (error == -PIRN_E_CLOSE_REASON_RECEIVED)
        return fail(ep, event, -error, what_is_wrong(&close));
    if (error < 0)
        return fail(ep, event, -error, (uint64_t)close.code);
    const int code = close.has_code ? close.code : PIRN_CLOSE_NONE;
    ep->flags |= PIRN__CLOSE_RECEIVED;
    ep->received_code = (uint16_t)code;
    if (!(ep->flags & (PIRN__CLOSE_WAITS | PIRN__CLOSE_SENT)))
        pirn__endpoint_queue_close(ep, code, (struct pirn_str){NULL, 0});
    pirn__endpoint_end(ep, PIRN__READ_NOTHING, PIRN__REMOTE);
    event->type = PIRN_EVENT_CLOSE;
    event->data += event->len - close.reason.len;
    event->len = close.reason.len;
    event->code = close.code;
    event->has_code = close.has_code;
    return PIRN__EVENT;
}

static enum pirn__taken take_ping(struct pirn_endpoint *ep, struct pirn_event *event)
{
    event->type = PIRN_EVENT_PING;
    if (ep->config->manual_pong || ep->flags & PIRN__CLOSE_SENT)
        return PIRN__EVENT;
    memcpy(ep->slots->pong, event->data, event->len);
    ep->pong_len = (uint8_t)event->len;
    ep->flags |= PIRN__PONG_WAITS;
    return PIRN__EVENT;
}

/* At least 1, as 0 says that there is none. */
static uint32_t round_trip_us(const struct pirn_endpoint *ep)
{
    const uint64_t us = ep->now_us - ep->ping_us;
    if (us > UINT32_MAX)
        return UINT32_MAX;
    return us > 0 ? (uint32_t)us : 1;
}

static enum pirn__taken take_pong(struct pirn_endpoint *ep, struct pirn_event *event)
{
    uint8_t expected[PIRN__PING_PAYLOAD_LEN];
    pirn__ping_payload(ep, expected);
    event->type = PIRN_EVENT_PONG;
    if (!(ep->flags & PIRN__RTT_WANTED) || event->len != sizeof expected ||
        memcmp(event->data, expected, sizeof expected) != 0)
        return PIRN__EVENT;
    ep->rtt_us = round_trip_us(ep);
    ep->flags &= ~(uint32_t)(PIRN__RTT_WANTED | PIRN__PING_UNANSWERED);
    event->rtt_us = ep->rtt_us;
    return PIRN__EVENT;
}

/* The payload of a control frame, where it lies if it lies whole in the buffer; NULL if bytes are
 * missing. */
static uint8_t *take_control_payload(struct pirn_endpoint *ep, size_t *len)
{
    const bool whole = unread(ep) >= ep->frame_left;
    const size_t here = whole ? (size_t)ep->frame_left : unread(ep);
    uint8_t *payload = ep->in;
    *len = here;
    ep->in += here;
    ep->frame_left -= here;
    if (whole && ep->arriving_len == 0)
        return payload;
    memcpy(ep->slots->arriving + ep->arriving_len, payload, here);
    *len = ep->arriving_len + here;
    ep->arriving_len = whole ? 0 : (uint8_t)*len;
    return whole ? ep->slots->arriving : NULL;
}

/* A control frame with the opcode of an extension. */
static enum pirn__taken take_own(struct pirn_endpoint *ep, struct pirn_event *event)
{
    event->opcode = ep->header[0] & PIRN__OPCODE_BITS;
    event->first = event->last = true;
    return pirn__extend_hand_over(ep, event);
}

static enum pirn__taken read_control(struct pirn_endpoint *ep, struct pirn_event *event)
{
    size_t len;
    if (unread(ep) == 0 && ep->frame_left > 0)
        return PIRN__NOTHING;
    uint8_t *payload = take_control_payload(ep, &len);
    if (!payload)
        return PIRN__NOTHING;
    pirn__endpoint_unmask(ep, payload, len);
    ep->reading = PIRN__READ_HEADER;
    *event = (struct pirn_event){.data = payload, .len = len};
    switch (ep->header[0] & PIRN__OPCODE_BITS) {
    case PIRN_CLOSE:
        return take_close(ep, event);
    case PIRN_PING:
        return take_ping(ep, event);
    case PIRN_PONG:
        return take_pong(ep, event);
    default:
        return take_own(ep, event);
    }
}

size_t pirn_endpoint_unfeed(struct pirn_endpoint *ep)
{
    const size_t len = unread(ep);
    ep->in = ep->in_end = NULL;
    return len;
}

/* The size of the header of a message that lies whole in the buffer, in one frame, with nothing
 * wrong in front of its payload; 0 if that is not certain. */
static size_t whole_header(const struct pirn_endpoint *ep, size_t *payload_len)
{
    const uint8_t *header = ep->in;
    const size_t there = unread(ep);
    if ((ep->reading | ep->header_len | ep->message_opcode) != 0 || there < 2)
        return 0;
    if (header[0] != (PIRN__FIN | PIRN_TEXT) && header[0] != (PIRN__FIN | PIRN_BINARY))
        return 0;
    if (!((header[1] ^ ep->flags) & PIRN__MASK))
        return 0;
    const size_t size = pirn__header_size(header[1]);
    if (there < size)
        return 0;
    const uint64_t len = pirn__payload_len(header);
    if (len > there - size || len >= ep->whole_below || !is_minimal(header, len))
        return 0;
    *payload_len = (size_t)len;
    return size;
}

/* Unmasks a whole payload and, if it is text, judges it. What is not UTF-8 is left masked. */
static bool take_payload(const struct pirn_endpoint *ep, uint8_t *data, size_t len, bool text)
{
    if (pirn__is_client(ep))
        return !text || pirn_utf8_valid(data, len);
    const bool ascii = pirn__mask(data, data, len, pirn__load_4(data - 4));
    if (ascii || !text || pirn_utf8_valid(data, len))
        return true;
    pirn__mask(data, data, len, pirn__load_4(data - 4));
    return false;
}

/* The short way of nearly every frame. A message that is whole in one frame and in the buffer needs
 * nothing of what the general way keeps from one call to the next, so nothing of the endpoint
 * changes here but its place in the buffer. And nothing fails here: whatever is not certainly good
 * is left as it came to the general way, which alone knows what is wrong. */
static bool take_whole_message(struct pirn_endpoint *ep, struct pirn_event *event)
{
    size_t len;
    const size_t size = whole_header(ep, &len);
    if (size == 0)
        return false;
    const unsigned opcode = ep->in[0] & PIRN__OPCODE_BITS;
    uint8_t *data = ep->in + size;
    if (!take_payload(ep, data, len, opcode == PIRN_TEXT))
        return false;
    ep->in = data + len;
    *event = (struct pirn_event){
        .type = PIRN_EVENT_MESSAGE,
        .opcode = (uint8_t)opcode,
        .first = true,
        .last = true,
        .data = data,
        .len = len,
    };
    return true;
}

static enum pirn__taken take_step(struct pirn_endpoint *ep, struct pirn_event *event)
{
    if (ep->reading == PIRN__READ_HEADER)
        read_header(ep);
    switch (ep->reading) {
    case PIRN__READ_DATA:
        return read_data(ep, event);
    case PIRN__READ_EXTENDED:
        return pirn__extend_read(ep, event);
    case PIRN__READ_CONTROL:
        return read_control(ep, event);
    case PIRN__READ_FAILURE:
        return report_failure(ep, event);
    default:
        return PIRN__NOTHING;
    }
}

/* Apart from the short way, which then has few registers to save. */
PIRN__NOINLINE
static bool take_event(struct pirn_endpoint *ep, struct pirn_event *event)
{
    enum pirn__taken taken;
    do
        taken = take_step(ep, event);
    while (taken == PIRN__SILENT);
    return taken == PIRN__EVENT;
}

bool pirn_endpoint_next(struct pirn_endpoint *ep, struct pirn_event *event)
{
    return take_whole_message(ep, event) || take_event(ep, event);
}
