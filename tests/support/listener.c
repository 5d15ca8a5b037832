#include "listener.h"

#include <stdio.h>

enum { FRAME_BYTES = 64 << 10 };

uint8_t pattern_byte(uint64_t at)
{
    return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

void pattern_fill(void *out, size_t len, uint64_t at)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = pattern_byte(at + i);
}

static bool give_key(void *context, void *out, size_t len)
{
    (void)context;
    memset(out, 'k', len);
    return true;
}

static void *plain_realloc(void *context, void *memory, size_t old_size, size_t size)
{
    (void)context;
    (void)old_size;
    if (size > 0)
        return realloc(memory, size);
    free(memory);
    return NULL;
}

void listener_offer(struct listener *listener, struct rig *rig,
                    const struct pirn_deflate_config *config)
{
    const struct pirn_extension *ours = &listener->deflate.extension;
    if (!pirn_deflate_available())
        skip();
    assert_int_equal(pirn_deflate_init(&listener->deflate, config, PIRN_CLIENT, plain_realloc, NULL,
                                       listener->room, sizeof listener->room),
                     0);
    listener->deflates = true;
    assert_true(pirn_extension_offer(&ours, 1, rig->offer, sizeof rig->offer) > 0);
}

void listener_end(struct listener *listener)
{
    if (!listener->deflates)
        return;
    pirn_extension_release(&listener->states.first);
    pirn_deflate_release(&listener->deflate);
}

static void agree(struct listener *listener)
{
    const struct pirn_extension *ours = &listener->deflate.extension;
    char response[512], detail[PIRN_HANDSHAKE_DETAIL_BYTES];
    struct pirn_header headers[4];
    struct pirn_http_head head;
    int len =
        snprintf(response, sizeof response,
                 "HTTP/1.1 101 OK\r\nSec-WebSocket-Extensions: %s\r\n\r\n", listener->rig->answer);
    pirn_http_head_init(&head, PIRN_HTTP_RESPONSE, headers, COUNT(headers), 0);
    assert_int_equal(pirn_http_head_feed(&head, response, (size_t)len), 1);
    assert_true(pirn_extension_confirm(&ours, 1, &head, &listener->states, sizeof listener->states,
                                       detail) > 0);
    pirn_endpoint_extend(&listener->endpoint, &listener->states.first);
}

void listener_send(struct listener *listener, enum pirn_opcode type, const void *data, size_t len,
                   bool fin)
{
    static uint8_t frame[FRAME_BYTES];
    struct pirn_outgoing out = {.type = type, .data = data, .len = len, .fin = fin, .flush = !fin};
    while (!out.done) {
        int64_t size = pirn_endpoint_encode(&listener->endpoint, &out, frame, sizeof frame);
        assert_true(size >= 0);
        raw_write(listener->rig, frame, (size_t)size);
    }
}

void listener_begin(struct listener *listener, struct rig *rig)
{
    enum pirn_role role = rig->role == PIRN_SERVER ? PIRN_CLIENT : PIRN_SERVER;
    listener->rig = rig;
    listener->config.max_message_bytes = PIRN_UNLIMITED;
    listener->config.random = give_key;
    assert_int_equal(pirn_endpoint_init(&listener->endpoint, role, &listener->config,
                                        &listener->slots, rig_now_us),
                     0);
    if (listener->deflates)
        agree(listener);
}

static void check_pattern(struct listener *listener, const struct pirn_event *event)
{
    for (size_t i = 0; i < event->len; i++)
        if (event->data[i] != pattern_byte(listener->pattern_at++))
            fail_msg("byte %d differs", (int)(listener->pattern_at - 1));
}

static void hear(struct listener *listener, const struct pirn_event *event)
{
    static const char *const names[] = {"message", "ping", "pong", "close", "failure"};
    const char *name = names[event->type];
    size_t at = strlen(listener->log);
    int number = (int)event->len;
    listener->events++;
    if (event->type == PIRN_EVENT_MESSAGE) {
        listener->bytes += event->len;
        if (listener->whole && event->len > 0)
            assert_memory_equal(event->data, listener->whole + event->offset, event->len);
        name = pirn_opcode_name(event->opcode);
        number = (int)(event->offset + event->len);
        if (listener->patterned && event->opcode == PIRN_BINARY)
            check_pattern(listener, event);
        if (!event->last)
            return;
    }
    if (event->type == PIRN_EVENT_CLOSE)
        number = event->code;
    if (event->type == PIRN_EVENT_FAILURE)
        number = (int)pirn_endpoint_error(&listener->endpoint);
    snprintf(listener->log + at, sizeof listener->log - at, "%s %d\n", name, number);
}

size_t listener_take(struct listener *listener, size_t cap)
{
    static uint8_t bytes[64 << 10];
    struct rig *rig = listener->rig;
    struct pirn_event event;
    size_t waits = rig->conn ? pirn_conn_buffered(rig->conn) : 0;
    listener->most = waits > listener->most ? waits : listener->most;
    size_t got = rig->peer >= 0 ? raw_read(rig, bytes, cap < sizeof bytes ? cap : sizeof bytes) : 0;
    if (got == 0)
        return 0;
    assert_int_equal(pirn_endpoint_feed(&listener->endpoint, bytes, got, rig_now_us), 0);
    while (pirn_endpoint_next(&listener->endpoint, &event))
        hear(listener, &event);
    return got;
}

void listener_hear(struct listener *listener)
{
    for (int quiet = 0; quiet < 4;) {
        rig_turn(listener->rig);
        quiet = listener_take(listener, SIZE_MAX) ? 0 : quiet + 1;
    }
}

void listener_expects(struct listener *listener, const char *log)
{
    listener_hear(listener);
    assert_string_equal(listener->log, log);
    listener->log[0] = 0;
}
