#include "deflate_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

void deflate_bytes_add(struct deflate_bytes *bytes, const void *data, size_t len)
{
    if (bytes->len + len > bytes->cap) {
        bytes->cap = 2 * (bytes->len + len);
        bytes->data = realloc(bytes->data, bytes->cap);
        assert_non_null(bytes->data);
    }
    if (len > 0)
        memcpy(bytes->data + bytes->len, data, len);
    bytes->len += len;
}

void deflate_bytes_free(struct deflate_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct deflate_bytes){NULL, 0, 0};
}

void deflate_side_init(struct deflate_side *side, const struct pirn_deflate_config *config,
                       enum pirn_role role)
{
    if (!pirn_deflate_available())
        skip();
    if (side->room_bytes == 0)
        side->room_bytes = PIRN_DEFLATE_ROOM_MIN;
    side->room = malloc(side->room_bytes);
    assert_non_null(side->room);
    side->ledger = (struct ledger){0};
    assert_int_equal(pirn_deflate_init(&side->deflate, config, role, ledger_realloc, &side->ledger,
                                       side->room, side->room_bytes),
                     0);
    assert_true(side->deflate.extension.state_bytes <= sizeof side->state);
    deflate_side_state(side);
}

struct pirn_extension_state *deflate_side_state(struct deflate_side *side)
{
    memset(&side->state, 0, sizeof side->state);
    side->state.base.extension = &side->deflate.extension;
    side->state.base.last = true;
    return &side->state.base;
}

static void add_param(struct pirn_extension_element *element, const char *name, int bits)
{
    static const char *const numbers[] = {"8", "9", "10", "11", "12", "13", "14", "15"};
    element->params[element->param_count++] =
        (struct pirn_extension_param){pirn_cstr(name), pirn_cstr(bits ? numbers[bits - 8] : NULL)};
}

/* By what the server answers, which is the role that can agree on anything. */
void deflate_side_agree(struct deflate_side *side, int own_bits, int peer_bits, bool own_fresh,
                        bool peer_fresh)
{
    const char *wrong = NULL;
    struct pirn_extension_element answer = {.name = side->deflate.extension.name};
    if (own_fresh)
        add_param(&answer, "client_no_context_takeover", 0);
    if (peer_fresh)
        add_param(&answer, "server_no_context_takeover", 0);
    add_param(&answer, "client_max_window_bits", own_bits);
    add_param(&answer, "server_max_window_bits", peer_bits);
    assert_true(side->deflate.extension.confirm(&side->deflate.extension, &answer,
                                                deflate_side_state(side), &wrong));
}

bool deflate_sides_negotiate(struct deflate_side *client, struct deflate_side *server)
{
    const struct pirn_extension *asks = &client->deflate.extension;
    const struct pirn_extension *answers = &server->deflate.extension;
    struct pirn_extension_element offer, answer;
    const char *wrong = NULL;
    for (unsigned i = 0; asks->offer(asks, i, &offer); i++)
        if (answers->accept(answers, &offer, deflate_side_state(server), &answer))
            return asks->confirm(asks, &answer, deflate_side_state(client), &wrong);
    return false;
}

void deflate_side_release(struct deflate_side *side)
{
    if (!side->room)
        return;
    side->deflate.extension.release(&side->state.base);
    pirn_deflate_release(&side->deflate);
    assert_int_equal(side->ledger.bytes, 0);
    assert_int_equal(side->ledger.blocks, 0);
    free(side->room);
    side->room = NULL;
}

void deflate_side_begin(struct pirn_extension_state *state)
{
    const struct pirn_message_plan plan = {.type = PIRN_TEXT, .compress = PIRN_COMPRESS_ALWAYS};
    assert_int_equal(state->extension->begin_send(state, &plan), 4);
    assert_true(state->sending);
}

void deflate_side_part(struct pirn_extension_state *state, const void *data, size_t len, bool flush,
                       bool end, size_t cap, struct deflate_bytes *out)
{
    /* In blocks of the heap of exactly their size. */
    uint8_t *room = malloc(cap), *copy = malloc(len ? len : 1);
    assert_true(room && copy);
    if (len > 0)
        memcpy(copy, data, len);
    struct pirn_transform step = {.in = copy, .in_len = len, .end = end, .flush = flush};
    do {
        step.out = room;
        step.out_cap = cap;
        assert_int_equal(state->extension->send(state, &step), 0);
        assert_true(step.out_len <= cap);
        deflate_bytes_add(out, room, step.out_len);
    } while (step.in_len > 0 || step.pending);
    free(room);
    free(copy);
}

void deflate_side_send(struct pirn_extension_state *state, const void *data, size_t len,
                       size_t step, size_t cap, struct deflate_bytes *out)
{
    const uint8_t *bytes = data;
    deflate_side_begin(state);
    size_t at = 0;
    for (; step > 0 && len - at > step; at += step)
        deflate_side_part(state, bytes + at, step, false, false, cap, out);
    deflate_side_part(state, bytes + at, len - at, false, true, cap, out);
}

static int receive_piece(struct pirn_extension_state *state, struct pirn_transform *step,
                         uint64_t limit, struct deflate_bytes *out)
{
    do {
        uint64_t left = limit - out->len;
        step->out_cap = left < SIZE_MAX ? (size_t)left + 1 : SIZE_MAX;
        int r = state->extension->receive(state, step);
        if (r != 0)
            return r;
        assert_true(step->out_len <= step->out_cap);
        if (out->len + step->out_len > limit)
            return -PIRN_E_MESSAGE_TOO_BIG;
        deflate_bytes_add(out, step->out, step->out_len);
    } while (step->in_len > 0 || step->pending);
    return 0;
}

int deflate_side_receive(struct pirn_extension_state *state, const void *wire, size_t len,
                         size_t step, uint64_t limit, struct deflate_bytes *out)
{
    const uint8_t *bytes = wire;
    const struct pirn_frame frame = {.opcode = PIRN_TEXT, .rsv = 4};
    assert_int_equal(state->extension->begin_receive(state, &frame), 0);
    assert_true(state->receiving);
    if (step == 0 || step > len)
        step = len;
    size_t start = out->len;
    limit = limit > UINT64_MAX - start - 1 ? UINT64_MAX - 1 : limit + start;
    int r = 0;
    size_t at = 0;
    do {
        size_t n = len - at < step ? len - at : step;
        uint8_t *copy = malloc(n ? n : 1);
        assert_non_null(copy);
        if (n > 0)
            memcpy(copy, bytes + at, n);
        at += n;
        struct pirn_transform piece = {.in = copy, .in_len = n, .end = at == len};
        r = receive_piece(state, &piece, limit, out);
        free(copy);
    } while (r == 0 && at < len);
    return r;
}
