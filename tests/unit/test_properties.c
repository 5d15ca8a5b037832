/* What must hold for every input: the endpoint against the model on random streams (C02, C09, C20),
 * a round trip of random messages between two endpoints (C21), fragments without number (C06),
 * every close code both ways (C08). Random numbers come from a fixed seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pirn/endpoint.h>
#include <pirn/mask.h>

#include "support/model.h"

#define STREAMS  10000
#define MESSAGES 100000

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint32_t random_number(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32);
}

static size_t random_below(size_t bound)
{
    return random_number() % bound;
}

static void random_bytes(uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)random_number();
}

static bool random_key(void *context, void *out, size_t len)
{
    (void)context;
    random_bytes(out, len);
    return true;
}

/* --- random streams against the model --------------------------------------------------------- */

static size_t put_text(uint8_t *out, size_t len)
{
    static const char *const parts[] = {"a",
                                        "Zz~",
                                        "\xc3\xa9",
                                        "\xe2\x82\xac",
                                        "\xed\x9f\xbf",
                                        "\xf0\x9f\x98\x80",
                                        "\xf4\x8f\xbf\xbf",
                                        ""};
    size_t at = 0;
    while (at + 4 <= len) {
        const char *part = parts[random_below(sizeof parts / sizeof *parts)];
        size_t part_len = *part ? strlen(part) : 1;
        memcpy(out + at, part, part_len);
        at += part_len;
    }
    return at;
}

static size_t random_payload_len(void)
{
    static const uint16_t sizes[] = {0, 0, 1, 2, 3, 4, 5, 8, 30, 64, 120, 125, 126, 127, 300, 600};
    return sizes[random_below(sizeof sizes / sizeof *sizes)];
}

/* A frame that fits where it stands, most of the time; *in_message is its opcode or 0. */
static size_t put_random_frame(uint8_t *out, enum pirn_role role, uint8_t *in_message)
{
    uint8_t payload[600];
    size_t len = random_payload_len();
    struct pirn_frame frame = {.fin = random_below(3) != 0, .masked = role == PIRN_SERVER};
    frame.opcode = *in_message ? PIRN_CONTINUATION : (uint8_t)(1 + random_below(2));
    bool text = frame.opcode == PIRN_TEXT || *in_message == PIRN_TEXT;
    if (random_below(4) == 0) {
        frame.opcode = (uint8_t)(PIRN_PING + random_below(2));
        frame.fin = true;
        len = len > PIRN_CONTROL_MAX ? PIRN_CONTROL_MAX : len;
    } else {
        *in_message = frame.fin ? 0 : *in_message ? *in_message : frame.opcode;
    }
    random_bytes(payload, len);
    len = text && random_below(20) ? put_text(payload, len) : len;
    random_bytes(frame.masking_key, 4);
    frame.payload_len = len;
    return (size_t)pirn_frame_encode(out, PIRN_FRAME_HEADER_MAX + sizeof payload, &frame, payload);
}

static size_t put_random_close(uint8_t *out, enum pirn_role role)
{
    static const uint16_t codes[] = {1000, 1001, 1004, 1005, 1012, 2000, 3000, 4999, 5000, 0};
    uint8_t payload[PIRN_CONTROL_MAX];
    unsigned code = codes[random_below(sizeof codes / sizeof *codes)];
    size_t len = random_below(4) ? 2 + put_text(payload + 2, random_below(124)) : random_below(3);
    payload[0] = (uint8_t)(code >> 8);
    payload[1] = (uint8_t)code;
    struct pirn_frame frame = {
        .fin = true, .masked = role == PIRN_SERVER, .opcode = PIRN_CLOSE, .payload_len = len};
    return (size_t)pirn_frame_encode(out, sizeof payload + 14, &frame, payload);
}

static size_t put_random_stream(uint8_t *out, size_t cap, enum pirn_role role)
{
    uint8_t in_message = 0;
    size_t at = 0, frames = 1 + random_below(8);
    while (frames-- > 0 && at + 700 < cap)
        at += put_random_frame(out + at, role, &in_message);
    if (random_below(3) == 0)
        at += put_random_close(out + at, role);
    if (random_below(3) == 0)
        for (size_t i = 0; i < 1 + random_below(3); i++)
            out[random_below(at)] ^= (uint8_t)(1U << random_below(8));
    if (random_below(4) == 0)
        at = random_below(at + 1);
    return at;
}

static void run_pieces(const struct model_setting *setting, const uint8_t *bytes, size_t len,
                       size_t piece_max, struct trace *trace)
{
    struct subject subject;
    subject_begin(&subject, setting, trace);
    for (size_t at = 0, piece; at < len; at += piece) {
        piece = 1 + random_below(piece_max);
        piece = piece < len - at ? piece : len - at;
        subject_feed(&subject, bytes + at, piece);
    }
    subject_end(&subject);
}

static void check_stream(const struct model_setting *setting, const uint8_t *bytes, size_t len)
{
    static const size_t pieces[] = {SIZE_MAX / 2, 1, 20};
    struct trace expected = {0};
    model_run(setting, bytes, len, &expected);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct trace got = {0};
        run_pieces(setting, bytes, len, pieces[i], &got);
        assert_true(trace_equal(&expected, &got));
        trace_release(&got);
    }
    trace_release(&expected);
}

static struct model_setting random_setting(void)
{
    static const uint64_t limits[] = {PIRN_UNLIMITED, 1 << 20, 1, 10, 126, 300, 1000};
    static const uint32_t fragments[] = {UINT32_MAX, UINT32_MAX, 1, 2, 3};
    const size_t count = sizeof limits / sizeof *limits;
    return (struct model_setting){
        .role = random_below(2) ? PIRN_CLIENT : PIRN_SERVER,
        .max_message = random_below(2) ? PIRN_UNLIMITED : limits[random_below(count)],
        .max_frame = random_below(4) ? PIRN_UNLIMITED : limits[random_below(count)],
        .max_fragments = fragments[random_below(5)],
    };
}

static void random_streams_are_read_as_the_model_reads_them(void **state)
{
    (void)state;
    static uint8_t bytes[8192];
    for (int i = 0; i < STREAMS; i++) {
        const struct model_setting setting = random_setting();
        check_stream(&setting, bytes, put_random_stream(bytes, sizeof bytes, setting.role));
    }
}

static void garbage_is_read_as_the_model_reads_it(void **state)
{
    (void)state;
    static uint8_t bytes[300];
    for (int i = 0; i < STREAMS; i++) {
        const struct model_setting setting = random_setting();
        size_t len = random_below(sizeof bytes);
        random_bytes(bytes, len);
        check_stream(&setting, bytes, len);
    }
}

/* --- a round trip ----------------------------------------------------------------------------- */

/* One end of a pair: what it has sent and the other has not read yet, and the message that the
 * other is to receive. */
struct end {
    struct pirn_endpoint ep;
    struct pirn_endpoint_config config;
    struct pirn_control_slots slots;
    struct trace wire, sent, received;
    uint8_t type;
    bool begun, done;
    unsigned pings, pongs;
};

static void end_begin(struct end *end, enum pirn_role role)
{
    *end = (struct end){.config = {.max_message_bytes = PIRN_UNLIMITED,
                                   .ping_interval_ms = PIRN_OFF,
                                   .random = random_key}};
    assert_int_equal(pirn_endpoint_init(&end->ep, role, &end->config, &end->slots, 1), 0);
}

static void put_send(struct end *end, bool fin, const uint8_t *payload, size_t len)
{
    static uint8_t out[PIRN_FRAME_HEADER_MAX + 70000];
    int64_t size = pirn_endpoint_send(&end->ep, (enum pirn_opcode)end->type, fin, payload, len, out,
                                      PIRN_FRAME_HEADER_MAX + len);
    assert_true(size > 0);
    trace_put(&end->wire, out, (size_t)size);
}

/* The same by frame(): header, then the payload masked by the program. */
static void put_by_frame(struct end *end, bool fin, const uint8_t *payload, size_t len)
{
    uint8_t header[PIRN_FRAME_HEADER_MAX];
    int size = pirn_endpoint_frame(&end->ep, (enum pirn_opcode)end->type, fin, len, header);
    assert_in_range(size, 2, PIRN_FRAME_HEADER_MAX);
    trace_put(&end->wire, header, (size_t)size);
    trace_put(&end->wire, payload, len);
    if (pirn_endpoint_role(&end->ep) == PIRN_CLIENT)
        pirn_mask(end->wire.data + end->wire.len - len, end->wire.data + end->wire.len - len, len,
                  header + size - 4, 0);
}

static void put_ping(struct end *end)
{
    uint8_t out[PIRN_CONTROL_FRAME_MAX], payload[PIRN_CONTROL_MAX];
    size_t len = random_below(sizeof payload + 1);
    random_bytes(payload, len);
    int size = pirn_endpoint_ping(&end->ep, payload, len, out);
    assert_in_range(size, 2, sizeof out);
    trace_put(&end->wire, out, (size_t)size);
    end->pings++;
}

static void put_message(struct end *end)
{
    static uint8_t payload[70000];
    static const size_t sizes[] = {4, 20, 130, 400, 70000};
    size_t kind = random_below(1000);
    size_t len = random_below(sizes[kind == 0 ? 4 : kind % 4] + 1), at = 0;
    end->type = (uint8_t)(1 + random_below(2));
    if (end->type == PIRN_TEXT)
        len = put_text(payload, len);
    else
        random_bytes(payload, len);
    trace_put(&end->sent, payload, len);
    size_t fragments = random_below(3) ? 1 : 1 + random_below(6);
    while (fragments-- > 0) {
        size_t size = fragments ? random_below(len - at + 1) : len - at;
        (random_below(2) ? put_send : put_by_frame)(end, fragments == 0, payload + at, size);
        at += size;
        if (random_below(8) == 0)
            put_ping(end);
    }
}

static void on_event(struct end *from, struct end *to, const struct pirn_event *event)
{
    if (event->type == PIRN_EVENT_PONG) {
        to->pongs++;
        return;
    }
    if (event->type == PIRN_EVENT_PING)
        return;
    assert_int_equal(event->type, PIRN_EVENT_MESSAGE);
    assert_int_equal(event->opcode, from->type);
    assert_int_equal(event->offset, to->received.len);
    assert_int_equal(event->first, !to->begun);
    to->begun = true;
    trace_put(&to->received, event->data, event->len);
    to->done = event->last;
}

static void deliver(struct end *from, struct end *to)
{
    uint8_t out[3 * PIRN_CONTROL_FRAME_MAX];
    struct pirn_event event;
    size_t piece_max = 1 + random_below(random_below(2) ? 20 : 100000);
    for (size_t at = 0, piece; at < from->wire.len; at += piece) {
        piece = 1 + random_below(piece_max);
        piece = piece < from->wire.len - at ? piece : from->wire.len - at;
        assert_int_equal(pirn_endpoint_feed(&to->ep, from->wire.data + at, piece, 1), 0);
        while (pirn_endpoint_next(&to->ep, &event)) {
            on_event(from, to, &event);
            int size = pirn_endpoint_control(&to->ep, out, sizeof out, true);
            assert_true(size >= 0);
            trace_put(&to->wire, out, (size_t)size);
        }
    }
    from->wire.len = 0;
}

/* What one end sends, however it is framed and cut, is what the other receives, once. */
static void messages_survive_the_way(void **state)
{
    (void)state;
    struct end ends[2];
    end_begin(&ends[0], PIRN_CLIENT);
    end_begin(&ends[1], PIRN_SERVER);
    for (int i = 0; i < MESSAGES; i++) {
        struct end *from = &ends[i % 2], *to = &ends[1 - i % 2];
        put_message(from);
        deliver(from, to);
        assert_true(to->done);
        assert_true(trace_equal(&from->sent, &to->received));
        from->sent.len = to->received.len = 0;
        to->begun = to->done = false;
        deliver(to, from); /* the Pongs */
        assert_int_equal(from->pings, from->pongs);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pirn_endpoint_error(&ends[i].ep), PIRN_E_NONE);
        trace_release(&ends[i].wire);
        trace_release(&ends[i].sent);
        trace_release(&ends[i].received);
    }
}

/* --- fragments without number ----------------------------------------------------------------- */

static uint64_t feed_fragments(struct end *end, uint8_t first, size_t len, size_t count)
{
    uint64_t bytes = 0;
    struct pirn_event event;
    for (size_t i = 0; i < count; i++) {
        uint8_t frame[3] = {i == 0 ? first : 0x00, (uint8_t)len, 'x'};
        pirn_endpoint_feed(&end->ep, frame, 2 + len, 1);
        while (pirn_endpoint_next(&end->ep, &event)) {
            if (event.type == PIRN_EVENT_FAILURE)
                return bytes;
            bytes += event.len;
        }
    }
    return bytes;
}

static void a_million_fragments_are_one_message(void **state)
{
    (void)state;
    for (size_t len = 0; len < 2; len++)
        for (uint8_t first = PIRN_TEXT; first <= PIRN_BINARY; first++) {
            struct end end;
            end_begin(&end, PIRN_CLIENT);
            assert_int_equal(feed_fragments(&end, first, len, 1000000), len * 1000000);
            assert_int_equal(pirn_endpoint_error(&end.ep), PIRN_E_NONE);
            assert_true(pirn_endpoint_settled(&end.ep));
        }
}

static void too_many_fragments_are_refused(void **state)
{
    (void)state;
    static const uint32_t limits[] = {1, 2, 1000, 65536};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        for (size_t len = 0; len < 2; len++) {
            struct end end;
            uint8_t out[3 * PIRN_CONTROL_FRAME_MAX];
            end_begin(&end, PIRN_CLIENT);
            end.config.max_fragments = limits[i];
            assert_int_equal(feed_fragments(&end, PIRN_TEXT, len, 1000000), len * limits[i]);
            assert_int_equal(pirn_endpoint_error(&end.ep), PIRN_E_FRAGMENTS);
            assert_in_range(pirn_endpoint_control(&end.ep, out, sizeof out, true), 2, 131);
            assert_int_equal(pirn_endpoint_ending(&end.ep).sent_code, 1008);
        }
}

/* --- every close code ------------------------------------------------------------------------- */

static const size_t close_lengths[] = {2, 3, 3 + 59, PIRN_CONTROL_MAX};

static void close_comes(enum pirn_role role, unsigned code, size_t len)
{
    struct end end;
    uint8_t frame[PIRN_CONTROL_FRAME_MAX] = {0x88, (uint8_t)len};
    size_t at = 2;
    end_begin(&end, role);
    if (role == PIRN_SERVER) {
        frame[1] |= 0x80;
        at += 4;
    }
    frame[at] = (uint8_t)(code >> 8);
    frame[at + 1] = (uint8_t)code;
    memset(frame + at + 2, 'r', len - 2);
    struct pirn_event event;
    bool good = model_close_code_good(code);
    assert_int_equal(pirn_endpoint_feed(&end.ep, frame, at + len, 1), 0);
    assert_true(pirn_endpoint_next(&end.ep, &event));
    assert_int_equal(event.type, good ? PIRN_EVENT_CLOSE : PIRN_EVENT_FAILURE);
    if (good) {
        assert_int_equal(event.code, code);
        assert_int_equal(event.len, len - 2);
    } else {
        assert_int_equal(pirn_endpoint_error(&end.ep), PIRN_E_CLOSE_CODE_RECEIVED);
    }
    assert_false(pirn_endpoint_next(&end.ep, &event));
    assert_int_equal(pirn_endpoint_ending(&end.ep).sent_code, good ? code : 1002);
}

static void every_code_comes(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 65536; code++)
        for (size_t i = 0; i < sizeof close_lengths / sizeof *close_lengths; i++)
            close_comes(code % 2 ? PIRN_SERVER : PIRN_CLIENT, code, close_lengths[i]);
}

static void close_goes(enum pirn_role role, int code, size_t len)
{
    struct end end;
    uint8_t out[PIRN_CONTROL_FRAME_MAX];
    char reason[PIRN_CLOSE_REASON_MAX];
    memset(reason, 'r', sizeof reason);
    memset(out, 0xaa, sizeof out);
    end_begin(&end, role);
    bool good = code >= 0 && code < 65536 && model_close_code_good((unsigned)code);
    int result = pirn_endpoint_close(&end.ep, code, (struct pirn_str){reason, len - 2}, 1);
    int size = pirn_endpoint_control(&end.ep, out, sizeof out, true);
    if (!good) {
        assert_int_equal(result, code      ? -PIRN_E_CLOSE_CODE
                                 : len > 2 ? -PIRN_E_CLOSE_REASON_WITHOUT_CODE
                                           : 0);
        assert_int_equal(size, result ? 0 : role == PIRN_CLIENT ? 6 : 2);
        return;
    }
    size_t header = role == PIRN_CLIENT ? 6 : 2;
    assert_int_equal(size, header + len);
    assert_int_equal(out[0], 0x88);
    assert_int_equal(out[1] & 0x7f, len);
    for (size_t i = 0; i < len && role == PIRN_CLIENT; i++)
        out[header + i] ^= out[2 + i % 4];
    assert_int_equal(out[header] << 8 | out[header + 1], code);
    assert_memory_equal(out + header + 2, reason, len - 2);
}

static void every_code_goes(void **state)
{
    (void)state;
    for (int code = -2; code < 65538; code++)
        for (size_t i = 0; i < sizeof close_lengths / sizeof *close_lengths; i++)
            close_goes(code % 2 ? PIRN_SERVER : PIRN_CLIENT, code, close_lengths[i]);
}

/* Without a code, and with half of one. */
static void a_close_without_a_code(void **state)
{
    (void)state;
    for (uint8_t len = 0; len < 2; len++)
        for (unsigned byte = 0; byte < 256; byte++) {
            struct end end;
            struct pirn_event event;
            uint8_t frame[3] = {0x88, len, (uint8_t)byte};
            end_begin(&end, PIRN_CLIENT);
            assert_int_equal(pirn_endpoint_feed(&end.ep, frame, 2U + len, 1), 0);
            assert_true(pirn_endpoint_next(&end.ep, &event));
            assert_int_equal(event.type, len ? PIRN_EVENT_FAILURE : PIRN_EVENT_CLOSE);
            assert_int_equal(pirn_endpoint_error(&end.ep), len ? PIRN_E_CLOSE_PAYLOAD : 0);
            assert_int_equal(pirn_endpoint_ending(&end.ep).sent_code, len ? 1002 : 1005);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_streams_are_read_as_the_model_reads_them),
        cmocka_unit_test(garbage_is_read_as_the_model_reads_it),
        cmocka_unit_test(messages_survive_the_way),
        cmocka_unit_test(a_million_fragments_are_one_message),
        cmocka_unit_test(too_many_fragments_are_refused),
        cmocka_unit_test(every_code_comes),
        cmocka_unit_test(every_code_goes),
        cmocka_unit_test(a_close_without_a_code),
    };
    return cmocka_run_group_tests_name("properties", tests, NULL, NULL);
}
