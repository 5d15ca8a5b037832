/* Extensions of an endpoint: what they claim of headers, and messages that they transform on their
 * way in. A message is read by way of them (PIRN__READ_EXTENDED) from its first frame to its last
 * if one says so at the first; every other message passes as if there were no extensions.
 *
 * On its way from wire to program a piece is unmasked and changed in place by the extensions nearer
 * to the wire than the one that resizes, taken by that one, and changed in place by those behind
 * it. The first part happens once to all that has come of the frame; as the resizing one may take
 * only some of it at a time, the length that is ready for it is kept in the middle of ep->header,
 * which is not in use then, and holds also after unfeed() and feed(). Without one that resizes all
 * of it is taken at once.
 *
 * What comes out is delivered up to the first thing that is wrong with it: so where the steps of a
 * transformation end does not show, and no more than one step is made in vain. */
#include <pirn/endpoint.h>

#include <string.h>

#include "endpoint_parts.h"
#include "extension_parts.h"
#include "frame_header.h"

#define READY_AT 2 /* in ep->header */

void pirn_endpoint_extend(struct pirn_endpoint *ep, struct pirn_extension_state *states)
{
    const uint64_t limit = pirn__least(pirn__max_message_bytes(ep), pirn__max_frame_bytes(ep));
    ep->extensions = states;
    ep->flags &= ~(uint32_t)PIRN__EVERY;
    for (struct pirn_extension_state *s = states; s; s = pirn__state_next(s))
        ep->flags |= s->extension->every_message ? PIRN__EVERY : 0;
    ep->whole_below =
        ep->flags & PIRN__EVERY ? 0 : (uint32_t)pirn__least(limit, UINT32_MAX - 1) + 1;
    ep->sending = ep->flags & PIRN__EVERY ? PIRN__ENCODED : 0;
}

bool pirn_endpoint_is_pending(const struct pirn_endpoint *ep)
{
    return (ep->flags & PIRN__PENDING) != 0 || ep->reading == PIRN__READ_FAILURE;
}

/* ---- Claims */

/* The bits that an extension may set in the first frame of a message, or a later one. */
static unsigned bits_of(const struct pirn_extension *extension, bool first)
{
    return ((first ? extension->rsv_first : 0u) | extension->rsv_every) << PIRN__RSV_SHIFT;
}

static bool is_first(const uint8_t *header)
{
    return (header[0] & PIRN__OPCODE_BITS) != PIRN_CONTINUATION;
}

unsigned pirn__extend_wrong_rsv(const struct pirn_endpoint *ep, const uint8_t *header)
{
    unsigned wrong = header[0] & PIRN__RSV_BITS;
    if ((header[0] & PIRN__OPCODE_BITS) > PIRN_BINARY || ep->message_opcode > PIRN_BINARY)
        return wrong;
    for (struct pirn_extension_state *s = ep->extensions; s; s = pirn__state_next(s))
        wrong &= ~bits_of(s->extension, is_first(header));
    return wrong;
}

unsigned pirn__extend_rsv_every(const struct pirn_endpoint *ep)
{
    unsigned bits = 0;
    for (struct pirn_extension_state *s = ep->extensions; s; s = pirn__state_next(s))
        bits |= bits_of(s->extension, false);
    return bits & PIRN__SENDING_RSV;
}

static struct pirn_extension_state *owner_of(const struct pirn_endpoint *ep, unsigned opcode)
{
    struct pirn_extension_state *state = ep->extensions;
    while (state && !(state->extension->opcodes & 1u << opcode))
        state = pirn__state_next(state);
    return state;
}

bool pirn__extend_has_opcode(const struct pirn_endpoint *ep, unsigned opcode)
{
    return owner_of(ep, opcode) != NULL;
}

enum pirn__taken pirn__extend_hand_over(struct pirn_endpoint *ep, const struct pirn_event *event)
{
    struct pirn_extension_state *state = owner_of(ep, event->opcode);
    const int error =
        state->extension->receive_own ? state->extension->receive_own(state, event) : 0;
    if (error < 0)
        pirn__endpoint_fail(ep, pirn__failure_of(-error), 0);
    return PIRN__SILENT;
}

/* ---- A frame begins */

/* Whether an extension is shown this frame. */
static bool is_concerned(const struct pirn_extension_state *state, const uint8_t *header)
{
    return state->receiving || state->extension->every_message ||
           (header[0] & bits_of(state->extension, is_first(header))) != 0;
}

bool pirn__extend_may_resize(const struct pirn_endpoint *ep, const uint8_t *header)
{
    if (!is_first(header))
        return (ep->flags & PIRN__RESIZED) != 0;
    if ((header[0] & PIRN__OPCODE_BITS) > PIRN_BINARY)
        return false;
    for (struct pirn_extension_state *s = ep->extensions; s; s = pirn__state_next(s))
        if (s->extension->resizes && is_concerned(s, header))
            return true;
    return false;
}

void pirn__extend_end_message(struct pirn_endpoint *ep)
{
    ep->flags &= ~(uint32_t)(PIRN__RESIZED | PIRN__PENDING);
    for (struct pirn_extension_state *s = ep->extensions; s; s = pirn__state_next(s))
        s->receiving = false;
}

/* Notes what the extensions have decided about the message. */
static void choose_way(struct pirn_endpoint *ep)
{
    for (struct pirn_extension_state *s = ep->extensions; s; s = pirn__state_next(s)) {
        if (!s->receiving)
            continue;
        ep->reading = PIRN__READ_EXTENDED;
        ep->flags |= s->extension->resizes ? PIRN__RESIZED : 0;
    }
}

int pirn__extend_begin_frame(struct pirn_endpoint *ep, const uint8_t *header, unsigned *rsv)
{
    struct pirn_frame frame = {
        .fin = (header[0] & PIRN__FIN) != 0,
        .masked = !pirn__is_client(ep),
        .rsv = (header[0] & PIRN__RSV_BITS) >> PIRN__RSV_SHIFT,
        .opcode = header[0] & PIRN__OPCODE_BITS,
        .payload_len = ep->frame_left,
    };
    memset(ep->header + READY_AT, 0, sizeof(uint64_t));
    for (struct pirn_extension_state *s = ep->extensions; s; s = pirn__state_next(s)) {
        if (!s->extension->begin_receive || !is_concerned(s, header))
            continue;
        const int error = s->extension->begin_receive(s, &frame);
        *rsv = header[0] & bits_of(s->extension, is_first(header));
        if (error < 0)
            return (int)pirn__failure_of(-error);
    }
    choose_way(ep);
    return 0;
}

/* ---- A piece of a message */

/* The extensions of an endpoint that transform the message being received, nearest to the wire
 * first. */
struct way {
    struct pirn_extension_state *states[PIRN_EXTENSION_MAX_STATES];
    size_t count;
    size_t resizing; /* where the one is that resizes; count if there is none */
};

static void find_way(struct way *way, const struct pirn_endpoint *ep)
{
    struct pirn_extension_state *in_order[PIRN_EXTENSION_MAX_STATES];
    size_t count = 0;
    for (struct pirn_extension_state *s = ep->extensions; s; s = pirn__state_next(s))
        if (s->receiving && count < PIRN_EXTENSION_MAX_STATES)
            in_order[count++] = s;
    way->count = way->resizing = count;
    for (size_t i = 0; i < count; i++) {
        way->states[i] = in_order[count - 1 - i];
        if (way->states[i]->extension->resizes)
            way->resizing = i;
    }
}

/* Has the extensions from..to of the way change data in place. Returns 0 or an error, positive. */
static int change(const struct way *way, size_t from, size_t to, uint8_t *data, size_t len)
{
    int error = 0;
    for (size_t i = from; i < to && error >= 0 && len > 0; i++) {
        const struct pirn_extension *extension = way->states[i]->extension;
        if (extension->receive_in_place)
            error = extension->receive_in_place(way->states[i], data, len);
    }
    return -error;
}

/* Brings what has come of the frame and is not ready yet to where the one that resizes takes it;
 * or, if there is none, to the program. */
static int make_ready(struct pirn_endpoint *ep, const struct way *way, size_t here, uint64_t *ready)
{
    memcpy(ready, ep->header + READY_AT, sizeof *ready);
    if (here <= *ready)
        return 0;
    uint8_t *data = ep->in + *ready;
    const size_t len = here - (size_t)*ready;
    *ready = here;
    pirn__endpoint_unmask(ep, data, len);
    return change(way, 0, way->resizing, data, len);
}

/* What one step made of the message. */
struct piece {
    uint8_t *data;
    size_t len;
    bool last;
    int error; /* found behind it, positive; 0: none */
    uint64_t detail;
};

/* Takes from the ready bytes, here of which are there, and notes what is left. */
static void take(struct pirn_endpoint *ep, const struct way *way, size_t here, uint64_t ready,
                 struct piece *piece)
{
    const uint64_t room = pirn__max_message_bytes(ep) - ep->message_len;
    struct pirn_transform step = {
        .in = ep->in,
        .in_len = here,
        .end = here == ep->frame_left && ep->header[0] & PIRN__FIN,
        .out = ep->in,
        .out_cap = (size_t)pirn__least(room, SIZE_MAX - 1) + 1,
        .out_len = here,
    };
    int error = 0;
    if (way->resizing < way->count) {
        struct pirn_extension_state *state = way->states[way->resizing];
        step.out_len = 0;
        error = state->extension->receive ? state->extension->receive(state, &step) : 0;
    } else {
        step.in_len = 0;
    }
    const size_t taken = here - step.in_len;
    if (error == 0 && taken == 0 && step.out_len == 0 && (here > 0 || step.pending))
        error = -PIRN_E_EXTENSION_DATA; /* it would go on so for ever */
    ready -= taken;
    memcpy(ep->header + READY_AT, &ready, sizeof ready);
    if (taken > 0)
        ep->in += taken; /* without bytes it may be NULL */
    ep->frame_left -= taken;
    ep->flags = (ep->flags & ~(uint32_t)PIRN__PENDING) | (step.pending ? PIRN__PENDING : 0);
    piece->data = step.out;
    piece->len = step.out_len;
    piece->last = step.end && step.in_len == 0 && !step.pending && error == 0;
    piece->error = error < 0 ? (int)pirn__failure_of(-error) : 0;
}

/* Cuts the piece before the first thing that is wrong with it. */
static void stop_before(struct piece *piece, size_t len, int error, uint64_t detail)
{
    piece->len = len;
    piece->last = false;
    piece->error = error;
    piece->detail = detail;
}

static void judge(struct pirn_endpoint *ep, const struct way *way, struct piece *piece)
{
    const uint64_t room = pirn__max_message_bytes(ep) - ep->message_len;
    if (piece->len > room)
        stop_before(piece, (size_t)room, PIRN_E_MESSAGE_TOO_BIG, PIRN__UNKNOWN);
    if (way->resizing < way->count) {
        const int error = change(way, way->resizing + 1, way->count, piece->data, piece->len);
        if (error != 0)
            stop_before(piece, 0, (int)pirn__failure_of(error), 0);
    }
    if (ep->message_opcode != PIRN_TEXT)
        return;
    const size_t good = pirn_utf8_feed(&ep->utf8, piece->data, piece->len);
    if (good < piece->len)
        stop_before(piece, good, PIRN_E_UTF8, ep->message_len + good);
    else if (piece->last && !pirn_utf8_complete(&ep->utf8))
        stop_before(piece, good, PIRN_E_UTF8, PIRN__NO_OFFSET);
}

static enum pirn__taken deliver(struct pirn_endpoint *ep, const struct piece *piece,
                                struct pirn_event *event)
{
    const bool unknown = piece->error != 0 || ep->flags & PIRN__RESIZED;
    *event = (struct pirn_event){
        .type = PIRN_EVENT_MESSAGE,
        .opcode = ep->message_opcode,
        .first = ep->message_len == 0,
        .last = piece->last,
        .data = piece->data,
        .len = piece->len,
        .offset = ep->message_len,
        .remaining = unknown ? 0 : ep->frame_left,
    };
    ep->message_len += piece->len;
    if (piece->error != 0)
        pirn__endpoint_fail(ep, (enum pirn_error)piece->error, piece->detail);
    return piece->len > 0 || piece->last ? PIRN__EVENT : PIRN__SILENT;
}

static void end_frame(struct pirn_endpoint *ep)
{
    ep->reading = PIRN__READ_HEADER;
    if (!(ep->header[0] & PIRN__FIN))
        return;
    ep->message_opcode = 0;
    pirn__extend_end_message(ep);
}

enum pirn__taken pirn__extend_read(struct pirn_endpoint *ep, struct pirn_event *event)
{
    const size_t here = (size_t)pirn__least((uint64_t)(ep->in_end - ep->in), ep->frame_left);
    const bool is_pending = (ep->flags & PIRN__PENDING) != 0;
    if (!ep->slots || (here == 0 && ep->frame_left > 0 && !is_pending))
        return PIRN__NOTHING;
    struct way way;
    struct piece piece = {.error = 0};
    uint64_t ready;
    find_way(&way, ep);
    const int error = make_ready(ep, &way, here, &ready);
    if (error != 0) {
        pirn__endpoint_fail(ep, pirn__failure_of(error), 0);
        return PIRN__SILENT;
    }
    take(ep, &way, here, ready, &piece);
    judge(ep, &way, &piece);
    const enum pirn__taken taken = deliver(ep, &piece, event);
    if (ep->reading == PIRN__READ_EXTENDED && ep->frame_left == 0 && !(ep->flags & PIRN__PENDING))
        end_frame(ep);
    return taken;
}
