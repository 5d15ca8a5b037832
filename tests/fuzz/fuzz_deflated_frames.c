/* Compressed frames through an endpoint that has agreed on permessage-deflate, in every class and
 * both roles: fed whole, in pieces, and in pieces with pauses it must do the same; no message is
 * ever over the limit, nor memory over what an inflater needs. The first bytes are settings; then
 * come frames as they are on the wire, or messages that our own compressor makes frames of, some of
 * their bytes changed. If none is, what comes out must be what went in. */
#undef NDEBUG /* the assertions are the test */
#include <assert.h>

#include <pirn/deflate.h>

#include "support/model.h"

enum { SETTINGS = 6, INFLATER_BYTES = 64 << 10, WIRE_BYTES = 256 << 10, MESSAGE_BYTES = 64 << 10 };

struct side {
    struct pirn_deflate deflate;
    union {
        struct pirn_extension_state base;
        uint64_t bytes[8];
    } state;
    uint8_t room[PIRN_DEFLATE_ROOM_MIN];
    struct pirn_endpoint_config config;
    struct pirn_control_slots slots;
    struct pirn_endpoint endpoint;
    size_t held; /* bytes of memory */
    struct trace trace;
    uint32_t pauses; /* 0: none */
};

static struct side whole, cut, paused, sender;

static void *resize(void *context, void *memory, size_t old_size, size_t size)
{
    struct side *side = context;
    side->held += size - old_size;
    assert(side == &sender || side->held <= INFLATER_BYTES);
    if (size > 0)
        return realloc(memory, size);
    free(memory);
    return NULL;
}

static bool give_key(void *context, void *out, size_t len)
{
    (void)context;
    memset(out, 'k', len);
    return true;
}

static uint32_t chance(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 24;
}

static void begin(struct side *side, enum pirn_role role, const uint8_t *settings)
{
    static const uint64_t limits[] = {MESSAGE_BYTES, 1, 100, 5000};
    const struct pirn_deflate_config config = {
        .mode = settings[0] & 2 ? PIRN_DEFLATE_SHARED : PIRN_DEFLATE_DEDICATED,
        .window_bits = 9 + (settings[0] >> 2 & 7) % 7,
        .peer_window_bits = settings[1] & 7 ? 8 + (settings[1] & 7) : 15,
        .no_context_takeover = settings[1] & 8,
        .peer_no_context_takeover = settings[1] & 16,
        .threshold_bytes = 1,
    };
    memset(side, 0, sizeof *side);
    side->config.random = give_key;
    side->config.max_message_bytes = limits[settings[1] >> 6];
    assert(pirn_deflate_init(&side->deflate, &config, role, resize, side, side->room,
                             sizeof side->room) == 0);
    side->state.base.extension = &side->deflate.extension;
    side->state.base.last = true;
    assert(pirn_endpoint_init(&side->endpoint, role, &side->config, &side->slots, 0) == 0);
}

/* As handshakes do, with what a client of this configuration offers. */
static void agree(struct side *client, struct side *server)
{
    const struct pirn_extension *ours = &client->deflate.extension;
    const struct pirn_extension *theirs = &server->deflate.extension;
    struct pirn_extension_element offer = {.name = ours->name}, answer = {.name = ours->name};
    const char *wrong;
    assert(ours->offer(ours, 0, &offer));
    assert(theirs->accept(theirs, &offer, &server->state.base, &answer));
    assert(ours->confirm(ours, &answer, &client->state.base, &wrong));
    pirn_endpoint_extend(&client->endpoint, &client->state.base);
    pirn_endpoint_extend(&server->endpoint, &server->state.base);
}

static void end(struct side *side)
{
    pirn_extension_release(&side->state.base);
    pirn_deflate_release(&side->deflate);
    assert(side->held == 0);
    trace_release(&side->trace);
}

/* ---- receiving */

static void hear(struct side *side, const struct pirn_event *event)
{
    const uint8_t number = (uint8_t)pirn_endpoint_error(&side->endpoint);
    if (event->type != PIRN_EVENT_MESSAGE) {
        trace_add_code(&side->trace, (char)('0' + (int)event->type), (unsigned)event->code, &number,
                       1);
        return;
    }
    assert(event->offset + event->len <= side->config.max_message_bytes);
    if (event->first)
        trace_put(&side->trace, "m", 1);
    trace_put(&side->trace, event->data, event->len);
    if (event->last)
        trace_add(&side->trace, 'l', &event->offset, 0);
}

static void feed(struct side *side, uint8_t *data, size_t len)
{
    struct pirn_event event;
    do {
        pirn_endpoint_feed(&side->endpoint, data, len, 0);
        while (pirn_endpoint_next(&side->endpoint, &event)) {
            hear(side, &event);
            if (side->pauses && chance(&side->pauses) & 1)
                break;
        }
        size_t rest = pirn_endpoint_unfeed(&side->endpoint);
        data += len - rest;
        len = rest;
    } while (len > 0 || pirn_endpoint_is_pending(&side->endpoint));
}

static void feed_all(struct side *side, const uint8_t *wire, size_t len, uint32_t pieces)
{
    static uint8_t input[WIRE_BYTES];
    memcpy(input, wire, len);
    for (size_t at = 0; at < len;) {
        size_t piece = pieces ? 1 + chance(&pieces) % 17 : len;
        piece = piece < len - at ? piece : len - at;
        feed(side, input + at, piece);
        at += piece;
    }
}

/* ---- our own frames */

static size_t encode(const uint8_t *message, size_t len, const uint8_t *how, uint8_t *wire)
{
    struct pirn_outgoing out = {.type = PIRN_BINARY, .data = message, .len = len, .fin = true};
    size_t at = 0;
    out.compress = how[0] & 1 ? PIRN_COMPRESS_NEVER : PIRN_COMPRESS_ALWAYS;
    while (!out.done) {
        size_t cap = how[0] & 2 ? PIRN_ENCODE_MIN : 2 * MESSAGE_BYTES;
        int64_t size = pirn_endpoint_encode(&sender.endpoint, &out, wire + at, cap);
        assert(size >= 0);
        at += (size_t)size;
    }
    if (how[0] & 4)
        at += (size_t)pirn_endpoint_ping(&sender.endpoint, how, 1, wire + at);
    return at;
}

/* Each message is a byte of settings, one of length, and that many bytes, which are repeated. */
static size_t make_wire(const uint8_t *data, size_t size, uint8_t *wire, bool *in_limit)
{
    static uint8_t message[MESSAGE_BYTES];
    size_t made = 0;
    for (size_t at = 0; at + 2 <= size && made + 3 * MESSAGE_BYTES < WIRE_BYTES;) {
        const uint8_t *how = data + at;
        size_t part = how[1] < size - at - 2 ? how[1] : size - at - 2, len = 0;
        for (size_t times = (size_t)1 << (how[0] >> 4) % 9; times > 0 && part > 0; times--) {
            if (len + part > MESSAGE_BYTES)
                break;
            memcpy(message + len, how + 2, part);
            len += part;
        }
        *in_limit = *in_limit && len <= whole.config.max_message_bytes;
        trace_put(&sender.trace, "m", 1);
        trace_put(&sender.trace, message, len);
        trace_add(&sender.trace, 'l', NULL, 0);
        if (how[0] & 4)
            trace_add_code(&sender.trace, '1', 0, (const uint8_t *)"", 1);
        made += encode(message, len, how, wire + made);
        at += 2 + part;
    }
    return made;
}

/* As many bytes as settings say are changed, each by three bytes of data. */
static size_t change(const uint8_t *data, size_t size, size_t count, uint8_t *wire, size_t len)
{
    size_t at = 0;
    for (; count > 0 && at + 3 <= size && len > 0; count--, at += 3)
        wire[(size_t)(data[at] << 8 | data[at + 1]) % len] ^= data[at + 2];
    return at;
}

static void compare(const struct side *a, const struct side *b)
{
    struct pirn_deflate_params params;
    pirn_deflate_negotiated(&whole.deflate, &whole.state.base, &params);
    if (params.peer_window_bits == 15) /* smaller windows are held where zlib can see it */
        assert(trace_equal(&a->trace, &b->trace));
}

static void begin_all(const uint8_t *settings)
{
    const enum pirn_role role = settings[0] & 1 ? PIRN_CLIENT : PIRN_SERVER;
    struct side *const sides[] = {&whole, &cut, &paused};
    for (size_t i = 0; i < 3; i++) {
        if (i > 0)
            end(&sender);
        begin(&sender, role == PIRN_CLIENT ? PIRN_SERVER : PIRN_CLIENT, settings);
        begin(sides[i], role, settings);
        agree(role == PIRN_CLIENT ? sides[i] : &sender, role == PIRN_CLIENT ? &sender : sides[i]);
    }
    paused.pauses = 1U + settings[4];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t wire[WIRE_BYTES];
    if (size < SETTINGS || size > 4096 || !pirn_deflate_available())
        return 0;
    const uint8_t *settings = data;
    const bool ours = settings[5] & 1;
    const size_t changes = settings[5] >> 1 & 7;
    size_t len = size - SETTINGS;
    bool in_limit = true;
    begin_all(settings);
    if (ours) {
        size_t skip = changes * 3 < len ? changes * 3 : 0;
        len = make_wire(data + SETTINGS + skip, len - skip, wire, &in_limit);
        change(data + SETTINGS, skip, changes, wire, len);
    } else {
        memcpy(wire, data + SETTINGS, len);
    }
    feed_all(&whole, wire, len, 0);
    feed_all(&cut, wire, len, 1U + settings[2]);
    feed_all(&paused, wire, len, settings[3]);
    compare(&whole, &cut);
    compare(&whole, &paused);
    if (ours && changes == 0 && in_limit)
        assert(trace_equal(&whole.trace, &sender.trace));
    end(&whole);
    end(&cut);
    end(&paused);
    end(&sender);
    return 0;
}
