/* Messages that extensions transform on their way out.
 *
 * encode() makes one frame a call, in place: the payload is put into out behind room for the
 * header, changed and masked there, and moved if the header turned out shorter.
 *
 * From program to wire data passes the extensions in their order. If none resizes, it is copied to
 * its place and all change it there. One that resizes reads the program's data itself and writes to
 * that place; only those in front of it, which must not change the program's data, get it in slices
 * of outgoing->held, where what it leaves over waits for the next call. */
#include <pirn/endpoint.h>

#include <string.h>

#include <pirn/mask.h>

#include "endpoint_parts.h"
#include "extension_parts.h"
#include "message_header.h"

#define STEP_ROOM_MIN 64 /* as struct pirn_transform promises */

int pirn_endpoint_begin(struct pirn_endpoint *ep, const struct pirn_message_plan *plan)
{
    if (plan->type != PIRN_TEXT && plan->type != PIRN_BINARY)
        return -PIRN_E_ARGUMENT;
    if (!pirn__is_open(ep))
        return -PIRN_E_CLOSED;
    if (ep->sending & ~(unsigned)PIRN__ENCODED)
        return -PIRN_E_STATE;
    unsigned rsv = 0;
    bool transforms = false;
    for (struct pirn_extension_state *s = ep->extensions; s; s = pirn__state_next(s)) {
        const struct pirn_extension *extension = s->extension;
        const unsigned may_set = extension->rsv_first | extension->rsv_every;
        rsv |= extension->begin_send ? extension->begin_send(s, plan) & may_set : 0;
        transforms |= s->sending;
    }
    ep->sending = (uint8_t)(PIRN__UNTOUCHED | rsv << PIRN__RSV_SHIFT |
                            (transforms ? PIRN__ENCODED : 0u) | (unsigned)plan->type);
    ep->flags &= ~(uint32_t)PIRN__FED;
    return transforms;
}

/* The payload of a frame in the making. */
struct payload {
    uint8_t *data;
    size_t room, len;
    bool whole; /* all that was to be taken has been taken, and all that was to leave is in it */
};

static struct pirn_extension_state *find_resizing(const struct pirn_endpoint *ep)
{
    struct pirn_extension_state *state = ep->extensions;
    while (state && !(state->sending && state->extension->resizes))
        state = pirn__state_next(state);
    return state;
}

/* Has the extensions from one on, up to another, change data in place. */
static int change(struct pirn_extension_state *from, const struct pirn_extension_state *to,
                  uint8_t *data, size_t len)
{
    int error = 0;
    for (; from != to && error == 0 && len > 0; from = pirn__state_next(from))
        if (from->sending && from->extension->send_in_place)
            error = from->extension->send_in_place(from, data, len);
    return error;
}

static void advance(struct pirn_outgoing *outgoing, size_t len)
{
    if (len > 0)
        outgoing->data = (const uint8_t *)outgoing->data + len;
    outgoing->len -= len;
}

/* Moves as much as there is room for. */
static void move(struct pirn_outgoing *outgoing, uint8_t *to, size_t *len, size_t room)
{
    *len = outgoing->len < room ? outgoing->len : room;
    if (*len > 0)
        memcpy(to, outgoing->data, *len);
    advance(outgoing, *len);
}

static int take_same_size(struct pirn_endpoint *ep, struct pirn_outgoing *outgoing,
                          struct payload *payload)
{
    move(outgoing, payload->data, &payload->len, payload->room);
    payload->whole = outgoing->len == 0;
    return change(ep->extensions, NULL, payload->data, payload->len);
}

/* Whether an extension in front of the one that resizes changes the message. */
static bool needs_slices(const struct pirn_endpoint *ep,
                         const struct pirn_extension_state *resizing)
{
    struct pirn_extension_state *state = ep->extensions;
    while (state != resizing && !state->sending)
        state = pirn__state_next(state);
    return state != resizing;
}

static int next_slice(struct pirn_endpoint *ep, struct pirn_outgoing *outgoing,
                      const struct pirn_extension_state *resizing)
{
    size_t len;
    if (outgoing->held_at < outgoing->held_len)
        return 0;
    move(outgoing, outgoing->held, &len, sizeof outgoing->held);
    outgoing->held_at = 0;
    outgoing->held_len = (uint8_t)len;
    return change(ep->extensions, resizing, outgoing->held, len);
}

/* One step, from the program's data or from a slice; rest: bytes that are in neither. */
static int step(struct pirn_outgoing *outgoing, struct pirn_extension_state *resizing, bool sliced,
                struct payload *payload)
{
    const size_t rest = sliced ? outgoing->len : 0;
    const size_t len = sliced ? (size_t)(outgoing->held_len - outgoing->held_at) : outgoing->len;
    struct pirn_transform step = {
        .in = sliced ? outgoing->held + outgoing->held_at : outgoing->data,
        .in_len = len,
        .end = outgoing->fin && rest == 0,
        .flush = outgoing->flush && rest == 0,
        .out = payload->data + payload->len,
        .out_cap = payload->room - payload->len,
    };
    const int error = resizing->extension->send ? resizing->extension->send(resizing, &step) : 0;
    const size_t taken = len - step.in_len;
    if (sliced)
        outgoing->held_at = (uint8_t)(outgoing->held_at + taken);
    else
        advance(outgoing, taken);
    payload->len += step.out_len;
    payload->whole = step.in_len == 0 && rest == 0 && !step.pending;
    if (error == 0 && taken == 0 && step.out_len == 0 && !payload->whole)
        return -PIRN_E_EXTENSION_DATA; /* it would go on so for ever */
    return error;
}

static int take_resized(struct pirn_endpoint *ep, struct pirn_outgoing *outgoing,
                        struct pirn_extension_state *resizing, struct payload *payload)
{
    const bool sliced = needs_slices(ep, resizing);
    int error = 0;
    while (error == 0 && !payload->whole && payload->room - payload->len >= STEP_ROOM_MIN) {
        error = sliced ? next_slice(ep, outgoing, resizing) : 0;
        if (error == 0)
            error = step(outgoing, resizing, sliced, payload);
    }
    return error != 0 ? error
                      : change(pirn__state_next(resizing), NULL, payload->data, payload->len);
}

/* Whether a message that lay there whole has become no shorter by send(), and may go as it was:
 * then there is room for it too. */
static bool undo(struct pirn_endpoint *ep, struct pirn_extension_state *resizing,
                 const struct pirn_outgoing *whole, const struct payload *payload)
{
    const struct pirn_extension *extension = resizing->extension;
    if (ep->flags & PIRN__FED || !whole->fin || !payload->whole || payload->len < whole->len)
        return false;
    for (struct pirn_extension_state *s = ep->extensions; s; s = pirn__state_next(s))
        if (s != resizing && s->sending)
            return false;
    if (!extension->undo_send || !extension->undo_send(resizing))
        return false;
    ep->sending &= (uint8_t) ~((extension->rsv_first | extension->rsv_every) << PIRN__RSV_SHIFT);
    return true;
}

/* Fills the payload of the next frame. */
static int fill(struct pirn_endpoint *ep, struct pirn_outgoing *outgoing, struct payload *payload,
                uint8_t *out, size_t cap)
{
    struct pirn_extension_state *resizing = ep->sending & PIRN__ENCODED ? find_resizing(ep) : NULL;
    const struct pirn_outgoing before = {
        .fin = outgoing->fin, .data = outgoing->data, .len = outgoing->len};
    size_t size =
        pirn__message_header_size(ep, resizing || cap < outgoing->len ? cap : outgoing->len);
    *payload = (struct payload){.data = out + size, .room = cap - size};
    if (!resizing)
        return take_same_size(ep, outgoing, payload);
    const int error = take_resized(ep, outgoing, resizing, payload);
    if (error != 0 || !undo(ep, resizing, &before, payload))
        return error;
    size = pirn__message_header_size(ep, before.len);
    *payload = (struct payload){.data = out + size, .len = before.len, .whole = true};
    if (before.len > 0)
        memcpy(payload->data, before.data, before.len);
    return 0;
}

/* The message has ended, or cannot any more. */
static void end_message(struct pirn_endpoint *ep)
{
    for (struct pirn_extension_state *s = ep->extensions; s; s = pirn__state_next(s))
        s->sending = false;
}

static int64_t break_off(struct pirn_endpoint *ep, int error)
{
    end_message(ep);
    ep->sending = PIRN__BROKEN;
    return error;
}

/* Makes a frame around the payload. */
static int64_t finish(struct pirn_endpoint *ep, enum pirn_opcode type, bool fin,
                      const struct payload *payload, uint8_t *out)
{
    uint8_t header[PIRN_FRAME_HEADER_MAX];
    const int size = pirn__put_message_header(ep, type, fin, payload->len, header);
    if (size < 0)
        return break_off(ep, size);
    uint8_t *data = out + size;
    if (data != payload->data)
        memmove(data, payload->data, payload->len);
    memcpy(out, header, (size_t)size);
    if (pirn__is_client(ep))
        pirn_mask(data, data, payload->len, data - 4, 0);
    pirn__message_go_on(ep, type, fin, ep->sending_utf8);
    if (fin)
        end_message(ep);
    return (int64_t)((size_t)size + payload->len);
}

static int check_text(struct pirn_endpoint *ep, struct pirn_outgoing *outgoing)
{
    struct pirn_utf8 utf8 = ep->sending_utf8;
    if (!ep->config->check_sent_text || outgoing->type != PIRN_TEXT || outgoing->checked)
        return 0;
    if (!pirn__is_text(&utf8, outgoing->data, outgoing->len, outgoing->fin))
        return -PIRN_E_TEXT_UTF8;
    ep->sending_utf8 = utf8;
    outgoing->checked = true;
    return 0;
}

/* Judges what is given, and begins its message if that was not done. */
static int begin(struct pirn_endpoint *ep, struct pirn_outgoing *outgoing, size_t cap)
{
    const unsigned begun = ep->sending & PIRN__SENDING_OPCODE;
    if (!outgoing->data && outgoing->len > 0)
        return -PIRN_E_ARGUMENT;
    if (outgoing->type != PIRN_TEXT && outgoing->type != PIRN_BINARY)
        return -PIRN_E_ARGUMENT;
    if (cap < PIRN_ENCODE_MIN)
        return -PIRN_E_ROOM;
    if (!pirn__is_open(ep))
        return -PIRN_E_CLOSED;
    if (begun != 0 ? begun != (unsigned)outgoing->type : ep->sending & PIRN__UNTOUCHED)
        return -PIRN_E_STATE;
    const int error = check_text(ep, outgoing);
    if (error != 0 || begun != 0)
        return error;
    pirn_endpoint_begin(ep, &(struct pirn_message_plan){.type = outgoing->type,
                                                        .compress = outgoing->compress,
                                                        .has_total = outgoing->fin,
                                                        .total = outgoing->len});
    return 0;
}

int64_t pirn_endpoint_encode(struct pirn_endpoint *ep, struct pirn_outgoing *outgoing, void *out,
                             size_t cap)
{
    struct payload payload = {.whole = true};
    int error = begin(ep, outgoing, cap);
    if (error < 0)
        return error;
    const bool idle = outgoing->len == 0 && outgoing->held_at == outgoing->held_len &&
                      !outgoing->fin && !outgoing->flush;
    if (!idle)
        error = fill(ep, outgoing, &payload, out, cap);
    if (error < 0)
        return break_off(ep, error);
    ep->flags |= PIRN__FED;
    outgoing->done = payload.whole;
    const bool fin = outgoing->fin && payload.whole;
    if (payload.len == 0 && !fin)
        return 0;
    return finish(ep, outgoing->type, fin, &payload, out);
}
