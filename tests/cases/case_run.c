/* One case, one role, one way. What is fed is a heap copy of exactly its size, so that a sanitizer
 * sees each read past its end; it is overwritten and freed as soon as next() has returned false. */
#include "case.h"

#include <stdlib.h>
#include <string.h>

#include "support/deflate_rig.h"
#include "support/toy_extensions.h"

/* How many calls of next() a piece of n bytes may take: no frame is shorter than two bytes, and
 * none gives more than one event beside the pieces of its payload; x-rle makes 128 of one, and
 * permessage-deflate less. */
#define EVENTS_MAX(run, n) (((run)->ep.extensions ? 128 : 1) * (n) + 4)

struct runner {
    struct pirn_endpoint ep;
    struct pirn_endpoint_config config;
    struct pirn_control_slots own, shared;
    struct toys toys;
    struct deflate_side deflate;
    struct buffer own_message; /* as message, of x-rot */
    enum pirn_role role;
    const struct test_case *test;
    const struct case_way *way;
    struct case_result *result;
    struct buffer message; /* the pieces of it that have come */
    uint8_t message_opcode;
    uint64_t now_us;
    uint32_t random;
    uint8_t last_key[4];
    bool hold, over;
};

static bool test_random(void *context, void *out, size_t len)
{
    uint32_t *state = context;
    for (size_t i = 0; i < len; i++) {
        *state = *state * 1664525U + 1013904223U;
        ((uint8_t *)out)[i] = (uint8_t)(*state >> 24);
    }
    return true;
}

/* How `do text` sends. */
struct send_options {
    bool encode, small, never, flush;
};

static void trouble(struct runner *run, const char *what)
{
    buffer_addf(&run->result->trouble, "%s\n", what);
}

static void expect(struct runner *run, bool holds, const char *what)
{
    if (!holds)
        trouble(run, what);
}

/* --- configuration ---------------------------------------------------------------------------- */

static bool set_number(struct cursor *cursor, const char *name, uint64_t *number)
{
    const char *value;
    if (!cursor_option(cursor, name, &value))
        return false;
    bool unlimited = strncmp(value, "unlimited", 9) == 0;
    *number = unlimited ? PIRN_UNLIMITED : strtoull(value, NULL, 0);
    return true;
}

static bool set_number32(struct cursor *cursor, const char *name, uint32_t *number)
{
    uint64_t wide;
    if (!set_number(cursor, name, &wide))
        return false;
    *number = (uint32_t)wide;
    return true;
}

static bool set_flag(struct cursor *cursor, const char *name, bool *flag)
{
    if (!cursor_word(cursor, name))
        return false;
    *flag = true;
    return true;
}

/* extensions=ORDER room=BYTES */
static bool set_extensions(struct runner *run, struct cursor *cursor)
{
    const char *value;
    uint64_t room;
    char order[3] = "";
    if (set_number(cursor, "room", &room)) {
        run->toys.rle.room_len = (size_t)room;
        return true;
    }
    if (!cursor_option(cursor, "extensions", &value))
        return false;
    memcpy(order, value, strspn(value, "tl") % sizeof order);
    toys_init(&run->toys, order);
    return true;
}

/* deflate=OWN,PEER: bits, and a minus behind them where the context is not taken over. */
static bool set_deflate(struct runner *run, struct cursor *cursor)
{
    const char *value;
    if (!cursor_option(cursor, "deflate", &value))
        return false;
    char *end;
    const int own = (int)strtol(value, &end, 10);
    const bool own_fresh = *end == '-';
    const int peer = (int)strtol(end + own_fresh + 1, &end, 10);
    const struct pirn_deflate_config config = {.mode = PIRN_DEFLATE_DEDICATED, .window_bits = 15};
    deflate_side_init(&run->deflate, &config, PIRN_CLIENT);
    deflate_side_agree(&run->deflate, own, peer, own_fresh, *end == '-');
    return true;
}

static void set_config(struct runner *run, struct cursor *cursor)
{
    struct pirn_endpoint_config *config = &run->config;
    while (!cursor_done(cursor)) {
        bool known = set_number(cursor, "max_message", &config->max_message_bytes) ||
                     set_number(cursor, "max_frame", &config->max_frame_bytes) ||
                     set_number32(cursor, "max_fragments", &config->max_fragments) ||
                     set_number32(cursor, "ping_interval", &config->ping_interval_ms) ||
                     set_number32(cursor, "ping_timeout", &config->ping_timeout_ms) ||
                     set_number32(cursor, "close_timeout", &config->close_timeout_ms) ||
                     set_flag(cursor, "traffic_is_alive", &config->traffic_is_alive) ||
                     set_flag(cursor, "manual_pong", &config->manual_pong) ||
                     set_flag(cursor, "check_sent_text", &config->check_sent_text) ||
                     set_flag(cursor, "hold", &run->hold) || set_extensions(run, cursor) ||
                     set_deflate(run, cursor);
        if (!known)
            cursor_die(cursor, "unknown setting");
    }
}

/* --- what goes out ---------------------------------------------------------------------------- */

static const char *opcode_word(uint8_t opcode)
{
    switch (opcode) {
    case 0:
        return "cont";
    case 1:
        return "text";
    case 2:
        return "binary";
    case 9:
        return "ping";
    case 10:
        return "pong";
    case TOY_OWN_DATA:
        return "own";
    case TOY_OWN_CONTROL:
        return "own-control";
    default:
        return "reserved";
    }
}

/* A Close that tells of a failure is written without its reason, which must be the error's text. */
static void add_close_out(struct runner *run, const uint8_t *payload, size_t len)
{
    struct buffer *out = &run->result->out;
    char text[PIRN_CONTROL_MAX];
    buffer_addf(out, "close ");
    if (pirn_endpoint_error(&run->ep) == PIRN_E_NONE || len < 2) {
        case_add_close(out, payload, len);
        return;
    }
    pirn_endpoint_error_text(&run->ep, text, sizeof text);
    if (strlen(text) == len - 2 && memcmp(text, payload + 2, len - 2) == 0)
        case_add_close(out, payload, 2);
    else if (len == 2)
        buffer_addf(out, "%u without the error's text", (unsigned)(payload[0] << 8 | payload[1]));
    else
        case_add_close(out, payload, len);
}

static size_t read_out_length(const uint8_t *at, size_t *header)
{
    size_t len = at[1] & 0x7f;
    size_t octets = len == 126 ? 2 : len == 127 ? 8 : 0;
    if (octets)
        len = 0;
    for (size_t i = 0; i < octets; i++)
        len = len << 8 | at[2 + i];
    *header = 2 + octets;
    return len;
}

static void check_key(struct runner *run, const uint8_t key[4])
{
    expect(run, memcmp(run->last_key, key, 4) != 0, "masking key used twice");
    memcpy(run->last_key, key, 4);
}

/* Writes a line for the frame at bytes[0..len), which it unmasks, and returns its size. */
static size_t add_frame_out(struct runner *run, uint8_t *bytes, size_t len)
{
    size_t header;
    size_t payload_len = read_out_length(bytes, &header);
    bool masked = (bytes[1] & 0x80) != 0;
    expect(run, masked == (run->role == PIRN_CLIENT), "masked the wrong way");
    expect(run, run->ep.extensions || (bytes[0] & 0x70) == 0, "reserved bit sent");
    uint8_t *payload = bytes + header + (masked ? 4 : 0);
    if (payload + payload_len > bytes + len) {
        trouble(run, "half a frame sent");
        return len;
    }
    if (masked)
        check_key(run, bytes + header);
    for (size_t i = 0; masked && i < payload_len; i++)
        payload[i] ^= bytes[header + i % 4];
    uint8_t opcode = bytes[0] & 0x0f;
    if (opcode == 8) {
        add_close_out(run, payload, payload_len);
    } else {
        bool fin = (bytes[0] & 0x80) != 0;
        buffer_addf(&run->result->out, "%s %s", opcode_word(opcode), fin ? "" : "nofin ");
        if (bytes[0] & 0x70)
            buffer_addf(&run->result->out, "rsv=%d ", bytes[0] >> 4 & 7);
        case_add_payload(&run->result->out, payload, payload_len);
    }
    buffer_addf(&run->result->out, "\n");
    return (size_t)(payload - bytes) + payload_len;
}

static void add_out(struct runner *run, uint8_t *bytes, size_t len)
{
    for (size_t at = 0; at + 2 <= len;)
        at += add_frame_out(run, bytes + at, len - at);
}

static void take(struct runner *run)
{
    uint8_t out[3 * PIRN_CONTROL_FRAME_MAX];
    int len = pirn_endpoint_control(&run->ep, out, sizeof out, true);
    expect(run, len >= 0, "control() failed");
    expect(run, !pirn_endpoint_has_control(&run->ep), "control() left something");
    expect(run, !pirn_endpoint_has_close(&run->ep), "control() left a Close");
    if (len > 0)
        add_out(run, out, (size_t)len);
}

/* --- what comes in ---------------------------------------------------------------------------- */

static void flush_partial(struct runner *run)
{
    struct buffer *events = &run->result->events;
    if (run->message.len > 0) {
        buffer_addf(events, "partial %s ", opcode_word(run->message_opcode));
        case_add_payload(events, run->message.data, run->message.len);
        buffer_addf(events, "\n");
    }
    run->message.len = 0;
    run->message_opcode = 0;
}

static void on_message(struct runner *run, const struct pirn_event *event)
{
    struct buffer *events = &run->result->events;
    expect(run, event->first == (run->message_opcode == 0), "first is wrong");
    expect(run, event->offset == run->message.len, "offset is wrong");
    expect(run, event->opcode == PIRN_TEXT || event->opcode == PIRN_BINARY, "opcode is wrong");
    expect(run, event->first || event->opcode == run->message_opcode, "opcode changed");
    expect(run, event->remaining == pirn_endpoint_remaining(&run->ep), "remaining is wrong");
    expect(run, !event->last || event->remaining == 0, "last, but something remains");
    run->message_opcode = event->opcode;
    buffer_add(&run->message, event->data, event->len);
    if (!event->last)
        return;
    buffer_addf(events, "%s ", opcode_word(event->opcode));
    case_add_payload(events, run->message.data, run->message.len);
    buffer_addf(events, "\n");
    run->message.len = 0;
    run->message_opcode = 0;
}

static void on_control(struct runner *run, const struct pirn_event *event, const char *type)
{
    expect(run, event->len <= PIRN_CONTROL_MAX, "control frame is too long");
    buffer_addf(&run->result->events, "%s ", type);
    case_add_payload(&run->result->events, event->data, event->len);
    buffer_addf(&run->result->events, "\n");
}

/* What x-rot hears of messages and control frames of its own. */
static void on_own(void *context, const struct pirn_event *event)
{
    struct runner *run = context;
    struct buffer *events = &run->result->events;
    if (event->opcode == TOY_OWN_CONTROL) {
        expect(run, event->first && event->last, "own control frame is not whole");
        on_control(run, event, opcode_word(event->opcode));
        return;
    }
    expect(run, event->type == PIRN_EVENT_MESSAGE, "own type is wrong");
    expect(run, !event->first || run->own_message.len == 0, "own first is wrong");
    expect(run, event->offset == run->own_message.len, "own offset is wrong");
    buffer_add(&run->own_message, event->data, event->len);
    if (!event->last)
        return;
    buffer_addf(events, "%s ", opcode_word(event->opcode));
    case_add_payload(events, run->own_message.data, run->own_message.len);
    buffer_addf(events, "\n");
    run->own_message.len = 0;
}

static void on_close(struct runner *run, const struct pirn_event *event)
{
    struct buffer *events = &run->result->events;
    flush_partial(run);
    expect(run, event->has_code || (event->code == 1005 && event->len == 0), "code without one");
    if (!event->has_code) {
        buffer_addf(events, "close empty\n");
        return;
    }
    buffer_addf(events, "close %d%s", event->code, event->len ? " " : "");
    if (event->len)
        case_add_payload(events, event->data, event->len);
    buffer_addf(events, "\n");
}

static void on_failure(struct runner *run)
{
    char text[PIRN_CONTROL_MAX];
    flush_partial(run);
    enum pirn_error error = pirn_endpoint_error(&run->ep);
    expect(run, error != PIRN_E_NONE, "failed without an error");
    expect(run, pirn_endpoint_state(&run->ep) == PIRN_CLOSED, "failed, but is not closed");
    buffer_addf(&run->result->events, "fail %s \"%s\"\n",
                pirn_error_name((int)error) + strlen("PIRN_E_"),
                pirn_endpoint_error_text(&run->ep, text, sizeof text));
    run->over = true;
}

static void on_event(struct runner *run, const struct pirn_event *event)
{
    expect(run, !run->over, "event after the last");
    switch (event->type) {
    case PIRN_EVENT_MESSAGE:
        on_message(run, event);
        break;
    case PIRN_EVENT_PING:
        on_control(run, event, "ping");
        break;
    case PIRN_EVENT_PONG:
        on_control(run, event, "pong");
        break;
    case PIRN_EVENT_CLOSE:
        on_close(run, event);
        run->over = true;
        break;
    case PIRN_EVENT_FAILURE:
        on_failure(run);
        break;
    }
}

static void borrow(struct runner *run)
{
    if (run->way->lend && !run->ep.slots)
        expect(run, pirn_endpoint_lend(&run->ep, &run->shared) == 0, "lend() failed");
}

static void give_back(struct runner *run)
{
    if (!run->way->lend)
        return;
    int result = pirn_endpoint_lend(&run->ep, pirn_endpoint_settled(&run->ep) ? NULL : &run->own);
    expect(run, result == 0, "lend() failed");
    memset(&run->shared, 0xaa, sizeof run->shared);
    if (!run->ep.slots)
        memset(&run->own, 0xaa, sizeof run->own);
}

static bool within(const struct pirn_event *event, const void *data, size_t len)
{
    const uint8_t *begin = data;
    return event->data >= begin && event->data + event->len <= begin + len;
}

static bool inside(const struct runner *run, const struct pirn_event *event, const uint8_t *data,
                   size_t len)
{
    return event->len == 0 || within(event, data, len) ||
           within(event, run->ep.slots, sizeof *run->ep.slots) ||
           within(event, run->toys.rle.room, sizeof run->toys.rle.room) ||
           (run->deflate.room && within(event, run->deflate.room, run->deflate.room_bytes));
}

/* Hears all events there are, or when pausing one; returns how many. */
static size_t hear(struct runner *run, const uint8_t *data, size_t len)
{
    struct pirn_event event;
    size_t count = 0;
    while (count <= EVENTS_MAX(run, len) && pirn_endpoint_next(&run->ep, &event)) {
        count++;
        expect(run, inside(run, &event, data, len), "event points elsewhere");
        on_event(run, &event);
        if (event.len > 0)
            memset(event.data, 0x55, event.len); /* it is the program's own to change */
        if (run->way->eager && !run->hold)
            take(run);
        if (run->way->pause)
            return count;
    }
    expect(run, count <= EVENTS_MAX(run, len), "too many events");
    expect(run, !pirn_endpoint_next(&run->ep, &event), "event after none");
    expect(run, !pirn_endpoint_is_pending(&run->ep), "pending after none");
    return count;
}

/* Feeds a heap copy, from which what is left over goes back to bytes; returns how much that is. */
static size_t feed_some(struct runner *run, uint8_t *bytes, size_t len, bool *paused)
{
    uint8_t *copy = malloc(len + 1);
    if (!copy)
        abort();
    memcpy(copy, bytes, len);
    borrow(run);
    if (len > 0)
        expect(run, pirn_endpoint_feed(&run->ep, copy, len, run->now_us) == 0, "feed() failed");
    *paused = hear(run, copy, len) > 0 && run->way->pause;
    const size_t left = pirn_endpoint_unfeed(&run->ep);
    expect(run, left <= len && (*paused || left == 0), "left over");
    memcpy(bytes + len - left, copy + len - left, left);
    memset(copy, 0xaa, len);
    free(copy);
    give_back(run);
    return left;
}

static void feed(struct runner *run, const uint8_t *bytes, size_t len)
{
    struct buffer rest = {0};
    bool paused = false;
    buffer_add(&rest, bytes, len);
    for (size_t at = 0; at < len || paused;) {
        const size_t left = len - at;
        const size_t some = paused ? (left + 1) / 2 : left;
        at += some - feed_some(run, rest.data + at, some, &paused);
    }
    buffer_release(&rest);
}

/* --- what the program does -------------------------------------------------------------------- */

/* By way of the extensions, into as small a buffer as may be, or a large one. */
static int64_t do_encode(struct runner *run, const struct buffer *payload, bool nofin,
                         enum pirn_opcode type, const struct send_options *options)
{
    const size_t cap = options->small ? PIRN_ENCODE_MIN : PIRN_ENCODE_MIN + 3 * payload->len;
    uint8_t *out = malloc(cap);
    if (!out)
        abort();
    struct pirn_outgoing outgoing = {
        .type = type,
        .compress = options->never ? PIRN_COMPRESS_NEVER : PIRN_COMPRESS_AUTO,
        .data = payload->data,
        .len = payload->len,
        .fin = !nofin,
        .flush = options->flush,
    };
    int64_t len;
    do {
        len = pirn_endpoint_encode(&run->ep, &outgoing, out, cap);
        if (len > 0)
            add_out(run, out, (size_t)len);
    } while (len >= 0 && !outgoing.done);
    free(out);
    return len;
}

static int64_t do_send(struct runner *run, struct cursor *cursor, const struct buffer *payload,
                       bool nofin, enum pirn_opcode type)
{
    size_t cap = PIRN_FRAME_HEADER_MAX + payload->len;
    uint8_t *out = malloc(cap);
    if (!out || !cursor_done(cursor))
        abort();
    int64_t len = pirn_endpoint_send(&run->ep, type, !nofin, payload->data, payload->len, out, cap);
    if (len > 0)
        add_out(run, out, (size_t)len);
    free(out);
    return len;
}

static int64_t do_own_control(struct runner *run, const struct buffer *payload)
{
    uint8_t out[PIRN_CONTROL_FRAME_MAX];
    int len =
        pirn_endpoint_own_control(&run->ep, TOY_OWN_CONTROL, payload->data, payload->len, out);
    if (len > 0)
        add_out(run, out, (size_t)len);
    return len;
}

static int64_t do_ping(struct runner *run, const struct buffer *payload, bool pong)
{
    uint8_t out[PIRN_CONTROL_FRAME_MAX];
    int len = (pong ? pirn_endpoint_pong : pirn_endpoint_ping)(&run->ep, payload->data,
                                                               payload->len, out);
    if (len > 0)
        add_out(run, out, (size_t)len);
    return len;
}

static int64_t do_close(struct runner *run, struct cursor *cursor)
{
    struct buffer reason = {0};
    int code = cursor_word(cursor, "empty") ? 0 : (int)cursor_number(cursor);
    cursor_payload(cursor, &reason);
    struct pirn_str text = {reason.len ? (char *)reason.data : "", reason.len};
    int result = pirn_endpoint_close(&run->ep, code, text, run->now_us);
    buffer_release(&reason);
    return result;
}

static int64_t do_tick(struct runner *run, struct cursor *cursor)
{
    run->now_us = cursor_number(cursor) * 1000;
    bool failed = pirn_endpoint_error(&run->ep) != PIRN_E_NONE;
    if (!pirn_endpoint_tick(&run->ep, run->now_us))
        on_failure(run);
    else
        expect(run, failed == (pirn_endpoint_error(&run->ep) != PIRN_E_NONE), "failed silently");
    return 0;
}

static int64_t do_eof(struct runner *run)
{
    bool failed = pirn_endpoint_error(&run->ep) != PIRN_E_NONE;
    bool clean = pirn_endpoint_eof(&run->ep);
    expect(run, clean == pirn_endpoint_ending(&run->ep).clean, "eof() and ending() disagree");
    if (!failed && pirn_endpoint_error(&run->ep) != PIRN_E_NONE)
        on_failure(run);
    return 0;
}

static struct send_options send_options(struct cursor *cursor)
{
    struct send_options options = {0};
    while (set_flag(cursor, "encode", &options.encode) ||
           set_flag(cursor, "small", &options.small) || set_flag(cursor, "never", &options.never) ||
           set_flag(cursor, "flush", &options.flush))
        continue;
    return options;
}

static int64_t do_frame(struct runner *run, struct cursor *cursor)
{
    static const struct {
        const char *word;
        int opcode;
    } types[] = {{"text", PIRN_TEXT}, {"binary", PIRN_BINARY}, {"ping", PIRN_PING},
                 {"pong", PIRN_PONG}, {"own", TOY_OWN_DATA},   {"own-control", TOY_OWN_CONTROL}};
    size_t type = 0;
    while (type < sizeof types / sizeof *types && !cursor_word(cursor, types[type].word))
        type++;
    if (type == sizeof types / sizeof *types)
        cursor_die(cursor, "unknown action");
    struct buffer payload = {0};
    const int opcode = types[type].opcode;
    const bool nofin = cursor_word(cursor, "nofin");
    const struct send_options options = send_options(cursor);
    int64_t result;
    cursor_payload(cursor, &payload);
    if (opcode == TOY_OWN_CONTROL)
        result = do_own_control(run, &payload);
    else if (opcode >= PIRN_CLOSE)
        result = do_ping(run, &payload, opcode == PIRN_PONG);
    else if (options.encode)
        result = do_encode(run, &payload, nofin, (enum pirn_opcode)opcode, &options);
    else
        result = do_send(run, cursor, &payload, nofin, (enum pirn_opcode)opcode);
    buffer_release(&payload);
    return result;
}

/* [fails ERROR] close CODE REASON | tick MS | now MS | eof | take | text, binary, ping, pong */
static void do_action(struct runner *run, const struct case_line *line)
{
    struct cursor cursor = cursor_of(run->test, line);
    char name[40] = "";
    if (cursor_word(&cursor, "fails")) {
        size_t len = strcspn(cursor.at += strspn(cursor.at, " "), " ");
        memcpy(name, cursor.at, len < sizeof name ? len : 0);
        cursor.at += len;
    }
    int64_t result = 0;
    borrow(run);
    if (!run->hold)
        take(run);
    if (cursor_word(&cursor, "close"))
        result = do_close(run, &cursor);
    else if (cursor_word(&cursor, "tick"))
        result = do_tick(run, &cursor);
    else if (cursor_word(&cursor, "now"))
        run->now_us = cursor_number(&cursor) * 1000;
    else if (cursor_word(&cursor, "eof"))
        result = do_eof(run);
    else if (cursor_word(&cursor, "take"))
        take(run);
    else
        result = do_frame(run, &cursor);
    if (!run->hold)
        take(run);
    buffer_addf(&run->result->out, "--\n");
    give_back(run);
    const char *got = result < 0 ? pirn_error_name((int)result) + strlen("PIRN_E_") : "";
    if (strcmp(got, name) != 0)
        buffer_addf(&run->result->trouble, "%s: result is \"%s\"\n", line->text, got);
}

/* --- the whole case --------------------------------------------------------------------------- */

static void add_end(struct runner *run)
{
    static const char *const states[] = {"open", "closing", "closed"};
    static const char *const origins[] = {"by-nobody", "by-us", "by-peer"};
    struct pirn_ending ending = pirn_endpoint_ending(&run->ep);
    buffer_addf(&run->result->end, " %s %s %s %s %s sent=%d received=%d ",
                states[pirn_endpoint_state(&run->ep)], origins[ending.origin],
                ending.clean ? "clean" : "unclean",
                ending.sent_close ? "close-sent" : "no-close-sent",
                ending.received_close ? "close-received" : "no-close-received", ending.sent_code,
                ending.received_code);
    bool failed = pirn_endpoint_error(&run->ep) != PIRN_E_NONE;
    expect(run, !failed || !ending.clean, "failed, but clean");
    expect(run, !ending.clean || (ending.sent_close && ending.received_close), "too clean");
    expect(run, pirn_endpoint_settled(&run->ep) || run->hold || !failed, "not settled at the end");
    expect(run, pirn_endpoint_role(&run->ep) == run->role, "role changed");
}

/* Feeds bytes[from..to) in pieces as the way wants them. */
static void feed_range(struct runner *run, const struct buffer *bytes, size_t from, size_t to)
{
    while (from < to) {
        size_t end = to;
        if (run->way->cut > from && run->way->cut < end)
            end = run->way->cut;
        if (run->way->step && end - from > run->way->step)
            end = from + run->way->step;
        feed(run, bytes->data + from, end - from);
        from = end;
    }
}

static void start(struct runner *run)
{
    run->config = (struct pirn_endpoint_config){
        .ping_interval_ms = PIRN_OFF, .random = test_random, .random_context = &run->random};
    for (size_t i = 0; i < run->test->line_count; i++)
        if (run->test->lines[i].keyword == CASE_SET) {
            struct cursor cursor = cursor_of(run->test, &run->test->lines[i]);
            set_config(run, &cursor);
        }
    memset(&run->own, 0xaa, sizeof run->own);
    memset(&run->ep, 0xaa, sizeof run->ep);
    int result = pirn_endpoint_init(&run->ep, run->role, &run->config,
                                    run->way->lend ? NULL : &run->own, run->now_us);
    expect(run, result == 0, "init() failed");
    run->toys.rot.hear = on_own;
    run->toys.rot.context = run;
    pirn_endpoint_extend(&run->ep, run->deflate.room ? &run->deflate.state.base : run->toys.first);
}

void case_input(const struct test_case *test, enum pirn_role role, struct buffer *bytes)
{
    for (size_t i = 0; i < test->line_count; i++)
        if (test->lines[i].keyword == CASE_IN)
            case_frames(test, &test->lines[i], role, bytes);
}

void case_run(const struct test_case *test, enum pirn_role role, const struct case_way *way,
              struct case_result *result)
{
    struct runner run = {.role = role, .test = test, .way = way, .result = result};
    run.now_us = 1000000;
    start(&run);
    struct buffer bytes = {0};
    size_t fed = 0;
    for (size_t i = 0; i < test->line_count; i++) {
        if (test->lines[i].keyword == CASE_IN) {
            case_frames(test, &test->lines[i], role, &bytes);
        } else if (test->lines[i].keyword == CASE_DO) {
            feed_range(&run, &bytes, fed, bytes.len);
            fed = bytes.len;
            do_action(&run, &test->lines[i]);
        }
    }
    feed_range(&run, &bytes, fed, bytes.len);
    flush_partial(&run);
    borrow(&run);
    if (!run.hold)
        take(&run);
    add_end(&run);
    give_back(&run);
    buffer_release(&bytes);
    buffer_release(&run.message);
    buffer_release(&run.own_message);
    deflate_side_release(&run.deflate);
}

void case_result_release(struct case_result *result)
{
    buffer_release(&result->events);
    buffer_release(&result->out);
    buffer_release(&result->end);
    buffer_release(&result->trouble);
}
