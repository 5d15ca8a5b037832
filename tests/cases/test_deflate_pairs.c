/* A client and a server of ours, from the offer to the last message: every window and every
 * takeover of either side, messages of many sizes in one part and in several, cut at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/core.h>

#include "deflate_rig.h"

struct end {
    struct deflate_side side;
    struct pirn_endpoint ep;
    struct pirn_endpoint_config config;
    struct pirn_control_slots slots;
};

static struct end client, server;
static struct deflate_bytes wire, got;
static uint8_t message[70000];
static uint32_t seed;

static uint32_t number(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

static bool give_key(void *context, void *out, size_t len)
{
    (void)context;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)number(256);
    return true;
}

/* ---- The opening handshake */

static void read_head(struct pirn_http_head *head, enum pirn_http_kind kind, const char *bytes,
                      struct pirn_header *headers)
{
    pirn_http_head_init(head, kind, headers, PIRN_HTTP_MAX_HEADERS, 0);
    assert_int_equal(pirn_http_head_feed(head, bytes, strlen(bytes)), 1);
}

static void shake_hands(void)
{
    static char request[2048], response[2048], offers[512], answer[512];
    static struct pirn_header headers[PIRN_HTTP_MAX_HEADERS];
    char detail[PIRN_HANDSHAKE_DETAIL_BYTES];
    const struct pirn_extension *asks = &client.side.deflate.extension;
    const struct pirn_extension *answers = &server.side.deflate.extension;
    struct pirn_client_handshake_config config = {.host = PIRN_STR_INIT("a.example")};
    struct pirn_client_handshake hs;
    struct pirn_handshake server_hs;
    struct pirn_http_head head;

    assert_true(pirn_extension_offer(&asks, 1, offers, sizeof offers) > 0);
    config.extensions = pirn_cstr(offers);
    assert_true(pirn_client_handshake_write(&hs, &config, give_key, NULL, request, sizeof request) >
                0);
    read_head(&head, PIRN_HTTP_REQUEST, request, headers);
    assert_int_equal(pirn_handshake_read_request(&server_hs, &head), 0);
    assert_int_equal(pirn_extension_accept(&answers, 1, &server_hs, &server.side.state,
                                           sizeof server.side.state, answer, sizeof answer),
                     pirn_extension_states_bytes(&answers, 1));
    assert_true(pirn_handshake_write_accept(&server_hs, (struct pirn_str){NULL, 0},
                                            pirn_cstr(answer), NULL, 0, response,
                                            sizeof response) > 0);
    read_head(&head, PIRN_HTTP_RESPONSE, response, headers);
    assert_int_equal(pirn_client_handshake_read_response(&hs, &head), 0);
    assert_int_equal(pirn_extension_confirm(&asks, 1, &head, &client.side.state,
                                            sizeof client.side.state, detail),
                     pirn_extension_states_bytes(&asks, 1));
}

static void open_end(struct end *end, enum pirn_role role)
{
    end->config = (struct pirn_endpoint_config){.random = give_key, .ping_interval_ms = PIRN_OFF};
    assert_int_equal(pirn_endpoint_init(&end->ep, role, &end->config, &end->slots, 1), 0);
    pirn_endpoint_extend(&end->ep, &end->side.state.base);
}

static void open_both(const struct pirn_deflate_config *ask,
                      const struct pirn_deflate_config *answer)
{
    deflate_side_init(&client.side, ask, PIRN_CLIENT);
    deflate_side_init(&server.side, answer, PIRN_SERVER);
    shake_hands();
    open_end(&client, PIRN_CLIENT);
    open_end(&server, PIRN_SERVER);
}

static int close_both(void **state)
{
    (void)state;
    deflate_side_release(&client.side);
    deflate_side_release(&server.side);
    deflate_bytes_free(&wire);
    deflate_bytes_free(&got);
    return 0;
}

/* ---- Messages */

/* Half of it noise, which grows when it is compressed. */
static size_t make_message(void)
{
    static const size_t sizes[] = {0, 1, 20, 125, 126, 1000, 1024, 5000, 65535, 65536};
    size_t len = sizes[number(number(8) ? 8 : 10)];
    bool noise = number(2);
    for (size_t at = 0; at < len; at++)
        message[at] = (uint8_t)(noise ? number(256) : 'a' + at % (7 + number(3)));
    return len;
}

static void send_part(struct end *from, size_t at, size_t len, bool fin)
{
    static uint8_t out[80000];
    const size_t cap = number(2) ? PIRN_ENCODE_MIN + number(2000) : sizeof out;
    struct pirn_outgoing outgoing = {
        .type = PIRN_BINARY, .data = message + at, .len = len, .fin = fin, .flush = number(3) == 0};
    do {
        int64_t n = pirn_endpoint_encode(&from->ep, &outgoing, out, cap);
        assert_true(n >= 0);
        deflate_bytes_add(&wire, out, (size_t)n);
    } while (!outgoing.done);
}

static void send_message(struct end *from, size_t len)
{
    const size_t parts = 1 + (number(3) == 0) * number(5);
    for (size_t i = 0; i < parts; i++)
        send_part(from, len * i / parts, len * (i + 1) / parts - len * i / parts, i + 1 == parts);
}

/* Feeds what lies on the wire in pieces; a single message comes out. */
static void hear_message(struct end *to, size_t len)
{
    bool ended = false;
    struct pirn_event event;
    got.len = 0;
    for (size_t at = 0, n; at < wire.len; at += n) {
        n = number(2) ? wire.len - at : 1 + number(500);
        n = n < wire.len - at ? n : wire.len - at;
        assert_int_equal(pirn_endpoint_feed(&to->ep, wire.data + at, n, 1), 0);
        while (pirn_endpoint_next(&to->ep, &event)) {
            assert_int_equal(event.type, PIRN_EVENT_MESSAGE);
            assert_false(ended);
            deflate_bytes_add(&got, event.data, event.len);
            ended = event.last;
        }
    }
    assert_true(ended);
    assert_int_equal(got.len, len);
    assert_true(len == 0 || memcmp(got.data, message, len) == 0);
}

static void pass_messages(int count)
{
    for (int i = 0; i < count; i++) {
        struct end *from = number(2) ? &client : &server;
        size_t len = make_message();
        wire.len = 0;
        send_message(from, len);
        hear_message(from == &client ? &server : &client, len);
        if (number(20) == 0)
            pirn_extension_idle(&from->side.state.base);
    }
}

static struct pirn_deflate_config any_config(int window_bits, int peer_window_bits, int takeover)
{
    return (struct pirn_deflate_config){
        .mode = takeover == 0 ? PIRN_DEFLATE_SHARED : PIRN_DEFLATE_DEDICATED,
        .level = 1 + (int)number(9),
        .window_bits = window_bits,
        .mem_level = 1 + (int)number(9),
        .peer_window_bits = peer_window_bits,
        .no_context_takeover = takeover & 1,
        .peer_no_context_takeover = takeover & 2,
        .threshold_bytes = number(2) ? 1 : 0,
    };
}

static void every_pair_of_settings_works(void **state)
{
    (void)state;
    for (int i = 0; i < 7 * 8 * 5; i++) {
        seed = (uint32_t)i;
        struct pirn_deflate_config ask = any_config(9 + i % 7, 8 + i / 7 % 8, i / 56);
        struct pirn_deflate_config answer =
            any_config(9 + (int)number(7), 8 + (int)number(8), (int)number(5));
        open_both(&ask, &answer);
        pass_messages(20);
        close_both(NULL);
    }
}

static void thousands_of_messages_pass(void **state)
{
    (void)state;
    const struct pirn_deflate_config shared = {.mode = PIRN_DEFLATE_SHARED, .threshold_bytes = 1};
    const struct pirn_deflate_config dedicated = {.mode = PIRN_DEFLATE_DEDICATED};
    seed = 1;
    open_both(&dedicated, &dedicated);
    pass_messages(2000);
    assert_true(client.side.deflate.totals.sent_messages > 100);
    close_both(NULL);
    open_both(&shared, &shared);
    pass_messages(2000);
    assert_true(client.side.deflate.totals.sent_messages > 100);
}

/* What grows goes as it was, where nothing will refer to it. */
static void noise_goes_plain_without_context_takeover(void **state)
{
    (void)state;
    const struct pirn_deflate_config shared = {.mode = PIRN_DEFLATE_SHARED};
    open_both(&shared, &shared);
    for (size_t i = 0; i < 5000; i++)
        message[i] = (uint8_t)number(256);
    static uint8_t out[80000];
    struct pirn_outgoing outgoing = {
        .type = PIRN_BINARY, .data = message, .len = 5000, .fin = true};
    int64_t n = pirn_endpoint_encode(&server.ep, &outgoing, out, sizeof out);
    assert_true(outgoing.done);
    assert_int_equal(n, 5004);
    assert_int_equal(out[0], 0x82);
    assert_int_equal(server.side.deflate.totals.sent_messages, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_pair_of_settings_works, close_both),
        cmocka_unit_test_teardown(thousands_of_messages_pass, close_both),
        cmocka_unit_test_teardown(noise_goes_plain_without_context_takeover, close_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
