/* model.h: a second endpoint, as naive as can be, to compare the real one with. It has all input
 * at once and reads it frame by frame as RFC 6455, 5.2, 5.4, 5.5 and 8.1, state it; nothing of
 * Pirn is called. A header only, as fuzz targets are single files.
 *
 * Both write a trace: records of a kind, a length and bytes.
 *     t, b  text, binary message      T, B  what has come of one that was not completed
 *     i, o  Ping, Pong                c     Close: code (1005 if none), reason
 *     f     failure: its error        p, e  what control() has to give: Pong, then Close: code
 *     x     what an extension heard, as it came; the model knows none
 *
 * Where two things are wrong with one header, this is the order: what its first two bytes show
 * (reserved bits, opcode, its place, mask, length of a control frame), then the length. */
#ifndef PIRN_TESTS_MODEL_H
#define PIRN_TESTS_MODEL_H

#include <stdlib.h>
#include <string.h>

#include <pirn/endpoint.h>

#include "toy_extensions.h"
#include "utf8_reference.h"

struct trace {
    uint8_t *data;
    size_t len, cap;
};

struct model_setting {
    enum pirn_role role;
    uint64_t max_message, max_frame;
    uint32_t max_fragments; /* UINT32_MAX: none */
    const char *extensions; /* see toys_init(); NULL: none */
    size_t room_len;        /* of x-rle */
};

static inline void trace_put(struct trace *trace, const void *data, size_t len)
{
    if (len == 0)
        return;
    if (trace->len + len > trace->cap) {
        trace->cap = (trace->len + len) * 2;
        trace->data = realloc(trace->data, trace->cap);
        if (!trace->data)
            abort();
    }
    memcpy(trace->data + trace->len, data, len);
    trace->len += len;
}

static inline void trace_add(struct trace *trace, char kind, const void *data, size_t len)
{
    uint64_t size = len;
    trace_put(trace, &kind, 1);
    trace_put(trace, &size, sizeof size);
    trace_put(trace, data, len);
}

static inline void trace_add_code(struct trace *trace, char kind, unsigned code,
                                  const uint8_t *reason, size_t reason_len)
{
    uint8_t payload[2 + PIRN_CONTROL_MAX] = {(uint8_t)(code >> 8), (uint8_t)code};
    if (reason_len)
        memcpy(payload + 2, reason, reason_len);
    trace_add(trace, kind, payload, 2 + reason_len);
}

static inline bool trace_equal(const struct trace *a, const struct trace *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static inline void trace_release(struct trace *trace)
{
    free(trace->data);
    *trace = (struct trace){0};
}

/* --- the model -------------------------------------------------------------------------------- */

static inline bool model_utf8_valid(const uint8_t *text, size_t len)
{
    bool complete;
    return reference_feed(text, len, &complete) == len && complete;
}

static inline bool model_close_code_good(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static inline unsigned model_close_code_of(int error)
{
    switch (error) {
    case PIRN_E_UTF8:
    case PIRN_E_CLOSE_REASON_RECEIVED:
        return 1007;
    case PIRN_E_FRAME_TOO_BIG:
    case PIRN_E_MESSAGE_TOO_BIG:
        return 1009;
    case PIRN_E_FRAGMENTS:
        return 1008;
    default:
        return 1002;
    }
}

struct model {
    const struct model_setting *setting;
    struct trace *trace;
    uint8_t *message; /* room for all input */
    size_t message_len;
    uint32_t fragments;
    uint8_t opcode; /* of the message; 0: none */
    uint8_t pong[PIRN_CONTROL_MAX];
    size_t pong_len;
    bool pong_waits;
};

struct model_frame {
    bool fin, masked;
    uint8_t rsv, opcode, len7;
    size_t octets; /* of the extended length */
    uint64_t len;
};

static inline int model_judge_start(const struct model *model, const struct model_frame *frame)
{
    bool control = frame->opcode >= 8, in_message = model->opcode != 0;
    if (frame->rsv)
        return PIRN_E_RSV;
    if ((frame->opcode > 2 && frame->opcode < 8) || frame->opcode > 10)
        return PIRN_E_OPCODE;
    if (control && !frame->fin)
        return PIRN_E_CONTROL_FRAGMENTED;
    if (frame->opcode == 0 && !in_message)
        return PIRN_E_CONTINUATION_UNEXPECTED;
    if (!control && frame->opcode != 0 && in_message)
        return PIRN_E_CONTINUATION_EXPECTED;
    if (model->setting->role == PIRN_SERVER && !frame->masked)
        return PIRN_E_UNMASKED;
    if (model->setting->role == PIRN_CLIENT && frame->masked)
        return PIRN_E_MASKED;
    return control && frame->len7 > 125 ? PIRN_E_CONTROL_TOO_LONG : 0;
}

static inline int model_judge_length(const struct model *model, const struct model_frame *frame)
{
    if (frame->opcode >= 8)
        return 0;
    if (frame->len >> 63)
        return PIRN_E_LENGTH_64BIT;
    if ((frame->octets == 2 && frame->len < 126) || (frame->octets == 8 && frame->len < 65536))
        return PIRN_E_LENGTH_NOT_MINIMAL;
    if (frame->len > model->setting->max_frame)
        return PIRN_E_FRAME_TOO_BIG;
    if (frame->len + model->message_len > model->setting->max_message)
        return PIRN_E_MESSAGE_TOO_BIG;
    return model->fragments + 1 > model->setting->max_fragments ? PIRN_E_FRAGMENTS : 0;
}

static inline void model_flush(struct model *model)
{
    if (model->message_len > 0)
        trace_add(model->trace, model->opcode == 1 ? 'T' : 'B', model->message, model->message_len);
    model->message_len = 0;
}

/* Each of these returns false at the end of the connection. */
static inline bool model_fail(struct model *model, int error)
{
    uint8_t number = (uint8_t)error;
    model_flush(model);
    trace_add(model->trace, 'f', &number, 1);
    if (model->pong_waits)
        trace_add(model->trace, 'p', model->pong, model->pong_len);
    trace_add_code(model->trace, 'e', model_close_code_of(error), NULL, 0);
    return false;
}

static inline bool model_close(struct model *model, const uint8_t *payload, size_t len)
{
    unsigned code = len >= 2 ? (unsigned)(payload[0] << 8 | payload[1]) : 1005;
    if (len == 1)
        return model_fail(model, PIRN_E_CLOSE_PAYLOAD);
    if (len >= 2 && !model_close_code_good(code))
        return model_fail(model, PIRN_E_CLOSE_CODE_RECEIVED);
    if (len > 2 && !model_utf8_valid(payload + 2, len - 2))
        return model_fail(model, PIRN_E_CLOSE_REASON_RECEIVED);
    model_flush(model);
    trace_add_code(model->trace, 'c', code, payload + 2, len > 2 ? len - 2 : 0);
    if (model->pong_waits)
        trace_add(model->trace, 'p', model->pong, model->pong_len);
    trace_add_code(model->trace, 'e', code, NULL, 0);
    return false;
}

static inline bool model_control(struct model *model, uint8_t opcode, const uint8_t *payload,
                                 size_t len)
{
    if (opcode == 8)
        return model_close(model, payload, len);
    trace_add(model->trace, opcode == 9 ? 'i' : 'o', payload, len);
    if (opcode == 9) {
        memcpy(model->pong, payload, len);
        model->pong_len = len;
        model->pong_waits = true;
    }
    return true;
}

/* Payload of a data frame, of which here bytes have come, unmasked. */
static inline bool model_data(struct model *model, const struct model_frame *frame,
                              const uint8_t *payload, size_t here)
{
    if (frame->opcode != 0)
        model->opcode = frame->opcode;
    model->fragments++;
    if (here > 0)
        memcpy(model->message + model->message_len, payload, here);
    model->message_len += here;
    bool complete = true, last = here == frame->len && frame->fin;
    size_t good = model->opcode == 1 ? reference_feed(model->message, model->message_len, &complete)
                                     : model->message_len;
    if (good < model->message_len || (last && !complete)) {
        model->message_len = good;
        return model_fail(model, PIRN_E_UTF8);
    }
    if (!last)
        return true;
    trace_add(model->trace, model->opcode == 1 ? 't' : 'b', model->message, model->message_len);
    model->opcode = 0;
    model->message_len = 0;
    model->fragments = 0;
    return true;
}

/* Reads one frame at bytes[*at..len); false when there is no more to read. */
static inline bool model_frame(struct model *model, const uint8_t *bytes, size_t len, size_t *at)
{
    const uint8_t *p = bytes + *at;
    size_t left = len - *at;
    if (left < 2)
        return false;
    struct model_frame frame = {
        p[0] >> 7, p[1] >> 7, (p[0] >> 4) & 7, (uint8_t)(p[0] & 15), (uint8_t)(p[1] & 127), 0, 0};
    frame.octets = frame.len7 == 126 ? 2 : frame.len7 == 127 ? 8 : 0;
    int error = model_judge_start(model, &frame);
    if (error)
        return model_fail(model, error);
    if (left < 2 + frame.octets)
        return false;
    frame.len = frame.octets ? 0 : frame.len7;
    for (size_t i = 0; i < frame.octets; i++)
        frame.len = frame.len << 8 | p[2 + i];
    error = model_judge_length(model, &frame);
    if (error)
        return model_fail(model, error);
    size_t header = 2 + frame.octets + (frame.masked ? 4 : 0);
    if (left < header)
        return false;
    size_t here = left - header < frame.len ? left - header : (size_t)frame.len;
    uint8_t *payload = malloc(here + 1);
    if (!payload)
        abort();
    for (size_t i = 0; i < here; i++)
        payload[i] = frame.masked ? p[header + i] ^ p[header - 4 + i % 4] : p[header + i];
    *at += header + here;
    bool go_on = true;
    if (frame.opcode < 8)
        go_on = model_data(model, &frame, payload, here);
    else if (here == frame.len)
        go_on = model_control(model, frame.opcode, payload, here);
    free(payload);
    return go_on && here == frame.len;
}

static inline void model_run(const struct model_setting *setting, const uint8_t *bytes, size_t len,
                             struct trace *trace)
{
    struct model model = {.setting = setting, .trace = trace, .message = malloc(len + 1)};
    if (!model.message)
        abort();
    for (size_t at = 0; model_frame(&model, bytes, len, &at);)
        ;
    bool over = false;
    for (size_t at = 0; at < trace->len; at += 9) {
        uint64_t size;
        over = over || trace->data[at] == 'e';
        memcpy(&size, trace->data + at + 1, sizeof size);
        at += (size_t)size;
    }
    if (!over) {
        model_flush(&model);
        if (model.pong_waits)
            trace_add(trace, 'p', model.pong, model.pong_len);
    }
    free(model.message);
}

/* --- the endpoint, with the same trace -------------------------------------------------------- */

static inline bool model_random(void *context, void *out, size_t len)
{
    (void)context;
    memset(out, 0, len); /* a key that changes nothing, so that what is sent can be read */
    return true;
}

struct subject {
    struct pirn_endpoint ep;
    struct pirn_endpoint_config config;
    struct pirn_control_slots slots;
    struct toys toys;
    struct trace *trace, message, own;
    uint8_t opcode;
    bool over;
};

/* Aborts: in a fuzzer that is how a finding is told. */
static inline void subject_check(bool holds)
{
    if (!holds)
        abort();
}

/* A message of an extension's own, when all of it has come. */
static inline void subject_own(void *context, const struct pirn_event *event)
{
    struct subject *subject = context;
    subject_check(!event->first || event->opcode > PIRN_PONG || subject->own.len == 0);
    if (event->opcode > PIRN_PONG) {
        trace_add(subject->trace, 'x', event->data, event->len);
        return;
    }
    trace_put(&subject->own, event->data, event->len);
    if (!event->last)
        return;
    trace_add(subject->trace, 'x', subject->own.data, subject->own.len);
    subject->own.len = 0;
}

static inline void subject_begin(struct subject *subject, const struct model_setting *setting,
                                 struct trace *trace)
{
    *subject = (struct subject){.trace = trace};
    subject->config = (struct pirn_endpoint_config){
        .max_message_bytes = setting->max_message,
        .max_frame_bytes = setting->max_frame,
        .max_fragments = setting->max_fragments,
        .ping_interval_ms = PIRN_OFF,
        .random = model_random,
    };
    subject_check(
        pirn_endpoint_init(&subject->ep, setting->role, &subject->config, &subject->slots, 1) == 0);
    toys_init(&subject->toys, setting->extensions ? setting->extensions : "");
    subject->toys.rle.room_len = setting->room_len;
    subject->toys.rot.hear = subject_own;
    subject->toys.rot.context = subject;
    pirn_endpoint_extend(&subject->ep, subject->toys.first);
}

static inline void subject_flush(struct subject *subject)
{
    if (subject->message.len > 0)
        trace_add(subject->trace, subject->opcode == PIRN_TEXT ? 'T' : 'B', subject->message.data,
                  subject->message.len);
    subject->message.len = 0;
}

static inline void subject_message(struct subject *subject, const struct pirn_event *event)
{
    subject_check(event->first == (subject->opcode == 0));
    subject_check(event->offset == subject->message.len);
    subject_check(event->remaining == pirn_endpoint_remaining(&subject->ep));
    subject->opcode = event->opcode;
    trace_put(&subject->message, event->data, event->len);
    if (!event->last)
        return;
    subject_check(event->opcode != PIRN_TEXT ||
                  model_utf8_valid(subject->message.data, subject->message.len));
    trace_add(subject->trace, event->opcode == PIRN_TEXT ? 't' : 'b', subject->message.data,
              subject->message.len);
    subject->message.len = 0;
    subject->opcode = 0;
}

static inline void subject_event(struct subject *subject, const struct pirn_event *event)
{
    uint8_t error = (uint8_t)pirn_endpoint_error(&subject->ep);
    subject_check(!subject->over);
    switch (event->type) {
    case PIRN_EVENT_MESSAGE:
        subject_message(subject, event);
        break;
    case PIRN_EVENT_PING:
    case PIRN_EVENT_PONG:
        trace_add(subject->trace, event->type == PIRN_EVENT_PING ? 'i' : 'o', event->data,
                  event->len);
        break;
    case PIRN_EVENT_CLOSE:
        subject_flush(subject);
        trace_add_code(subject->trace, 'c', (unsigned)event->code, event->data, event->len);
        subject->over = true;
        break;
    case PIRN_EVENT_FAILURE:
        subject_flush(subject);
        trace_add(subject->trace, 'f', &error, 1);
        subject->over = true;
        break;
    }
}

/* Feeds a copy of exactly that size, which is gone when next() has returned false. */
static inline void subject_feed(struct subject *subject, const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len);
    if (len > 0 && !copy)
        abort();
    if (len > 0)
        memcpy(copy, bytes, len);
    struct pirn_event event;
    size_t steps = 0;
    subject_check(pirn_endpoint_feed(&subject->ep, copy, len, 1) == 0);
    while (pirn_endpoint_next(&subject->ep, &event)) {
        subject_event(subject, &event);
        subject_check(++steps <= len * (subject->toys.first ? 256 : 1) + 2);
        subject_check(!subject->over || !pirn_endpoint_is_pending(&subject->ep));
    }
    subject_check(!pirn_endpoint_is_pending(&subject->ep));
    free(copy);
}

/* Adds what waits to leave to the trace. */
static inline void subject_end(struct subject *subject)
{
    uint8_t out[3 * PIRN_CONTROL_FRAME_MAX];
    subject_flush(subject);
    int len = pirn_endpoint_control(&subject->ep, out, sizeof out, true);
    bool client = pirn_endpoint_role(&subject->ep) == PIRN_CLIENT;
    subject_check(len >= 0);
    for (int at = 0; at < len;) {
        size_t size = out[at + 1] & 0x7f;
        const uint8_t *payload = out + at + (client ? 6 : 2);
        subject_check(((out[at + 1] & 0x80) != 0) == client);
        if (out[at] == (0x80 | PIRN_PONG))
            trace_add(subject->trace, 'p', payload, size);
        else
            trace_add_code(subject->trace, 'e',
                           size ? (unsigned)(payload[0] << 8 | payload[1]) : 1005, NULL, 0);
        at += (int)((size_t)(payload - (out + at)) + size);
    }
    subject_check(pirn_endpoint_settled(&subject->ep) || !subject->over);
    trace_release(&subject->message);
    trace_release(&subject->own);
}

#endif
