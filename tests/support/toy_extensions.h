/* toy_extensions.h: extensions that show what the interface of pirn/extension.h can do, for tests
 * of it. A header only, as fuzz targets are single files.
 *
 * x-rot adds to each byte of a message its position and a number: RSV2, in place. Its parameter
 * `by` is that number; without one it is 1. It has opcode 5 for messages and 12 for control frames
 * of its own, which it tells `hear`.
 *
 * x-rle packs runs: RSV3, changes lengths. A message is pairs of a count, 1 to 255, and a byte. It
 * keeps a run back until another byte, a flush or the end comes. Its parameter `max` limits the
 * counts of the one who answers it. */
#ifndef PIRN_TESTS_TOY_EXTENSIONS_H
#define PIRN_TESTS_TOY_EXTENSIONS_H

#include <string.h>

#include <pirn/endpoint.h>

enum { TOY_RSV_ROT = 2, TOY_RSV_RLE = 1, TOY_OWN_DATA = 5, TOY_OWN_CONTROL = 12 };

/* ---- x-rot */

struct toy_rot {
    struct pirn_extension extension; /* first: state->extension points here */
    void (*hear)(void *context, const struct pirn_event *event);
    void *context;
    unsigned offers; /* 0: none; 1: without `by`; 2: with by="7", else without */
};

struct toy_rot_state {
    struct pirn_extension_state base;
    uint8_t by, received, sent; /* positions */
};

static inline struct toy_rot_state *toy_rot_state(struct pirn_extension_state *state)
{
    return (struct toy_rot_state *)(void *)state;
}

static inline bool toy_rot_offer(const struct pirn_extension *extension, unsigned index,
                                 struct pirn_extension_element *offer)
{
    const unsigned offers = ((const struct toy_rot *)(const void *)extension)->offers;
    if (index >= offers)
        return false;
    if (index + 1 < offers) {
        offer->params[0] = (struct pirn_extension_param){PIRN_STR_INIT("by"), PIRN_STR_INIT("7")};
        offer->param_count = 1;
    }
    return true;
}

/* One digit, or no parameter at all. */
static inline bool toy_rot_read(const struct pirn_extension_element *element,
                                struct pirn_extension_state *state)
{
    const struct pirn_extension_param *by = &element->params[0];
    toy_rot_state(state)->by = 1;
    if (element->param_count == 0)
        return true;
    if (element->param_count > 1 || !pirn_str_equal(by->name, PIRN_STR("by")))
        return false;
    if (by->value.len != 1 || by->value.data[0] < '1' || by->value.data[0] > '9')
        return false;
    toy_rot_state(state)->by = (uint8_t)(by->value.data[0] - '0');
    return true;
}

static inline bool toy_rot_accept(const struct pirn_extension *extension,
                                  const struct pirn_extension_element *offer,
                                  struct pirn_extension_state *state,
                                  struct pirn_extension_element *answer)
{
    (void)extension;
    if (!toy_rot_read(offer, state))
        return false;
    answer->param_count = offer->param_count;
    answer->params[0] = offer->params[0];
    return true;
}

static inline bool toy_rot_confirm(const struct pirn_extension *extension,
                                   const struct pirn_extension_element *answer,
                                   struct pirn_extension_state *state, const char **wrong)
{
    const bool offered = ((const struct toy_rot *)(const void *)extension)->offers > 1;
    if (!toy_rot_read(answer, state))
        *wrong = "by is not a digit";
    else if (answer->param_count == 0 || (offered && toy_rot_state(state)->by == 7))
        return true;
    else
        *wrong = "by was not offered";
    return false;
}

static inline int toy_rot_begin_receive(struct pirn_extension_state *state,
                                        const struct pirn_frame *frame)
{
    if (frame->opcode == PIRN_CONTINUATION)
        return 0;
    state->receiving = (frame->rsv & TOY_RSV_ROT) != 0;
    toy_rot_state(state)->received = 0;
    return 0;
}

static inline int toy_rot_receive(struct pirn_extension_state *state, uint8_t *data, size_t len)
{
    struct toy_rot_state *rot = toy_rot_state(state);
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(data[i] - rot->by - rot->received++);
    return 0;
}

static inline int toy_rot_receive_own(struct pirn_extension_state *state,
                                      const struct pirn_event *event)
{
    const struct toy_rot *rot = (const struct toy_rot *)(const void *)state->extension;
    if (rot->hear)
        rot->hear(rot->context, event);
    const bool bad = event->offset == 0 && event->len > 0 && event->data[0] == '!';
    return bad ? -PIRN_E_EXTENSION_DATA : 0;
}

static inline unsigned toy_rot_begin_send(struct pirn_extension_state *state,
                                          const struct pirn_message_plan *plan)
{
    toy_rot_state(state)->sent = 0;
    state->sending = plan->compress != PIRN_COMPRESS_NEVER;
    return state->sending ? TOY_RSV_ROT : 0;
}

static inline int toy_rot_send(struct pirn_extension_state *state, uint8_t *data, size_t len)
{
    struct toy_rot_state *rot = toy_rot_state(state);
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(data[i] + rot->by + rot->sent++);
    return 0;
}

static inline void toy_rot_init(struct toy_rot *rot)
{
    *rot = (struct toy_rot){
        .offers = 2,
        .extension =
            {
                .name = PIRN_STR_INIT("x-rot"),
                .state_bytes = sizeof(struct toy_rot_state),
                .rsv_first = TOY_RSV_ROT,
                .opcodes = 1 << TOY_OWN_DATA | 1 << TOY_OWN_CONTROL,
                .offer = toy_rot_offer,
                .accept = toy_rot_accept,
                .confirm = toy_rot_confirm,
                .begin_receive = toy_rot_begin_receive,
                .receive_in_place = toy_rot_receive,
                .receive_own = toy_rot_receive_own,
                .begin_send = toy_rot_begin_send,
                .send_in_place = toy_rot_send,
            },
    };
}

/* ---- x-rle */

struct toy_rle {
    struct pirn_extension extension;
    uint8_t room[64]; /* for what is unpacked, by all connections */
    size_t room_len;  /* of it, in use at a time */
    int states;       /* made and not released */
    int idle;         /* times that a state was told so */
};

struct toy_rle_state {
    struct pirn_extension_state base;
    uint8_t max;
    bool has_count;       /* received: of a pair whose byte has not come */
    uint8_t count, byte;  /* received: that is still to be given */
    uint8_t kept, repeat; /* sending: the byte of the run that is kept back, and its length */
};

static inline struct toy_rle *toy_rle_of(const struct pirn_extension *extension)
{
    return (struct toy_rle *)(uintptr_t)extension;
}

static inline struct toy_rle_state *toy_rle_state(struct pirn_extension_state *state)
{
    return (struct toy_rle_state *)(void *)state;
}

static inline bool toy_rle_offer(const struct pirn_extension *extension, unsigned index,
                                 struct pirn_extension_element *offer)
{
    (void)extension;
    (void)offer;
    return index == 0;
}

/* A parameter `max` with one or two digits. */
static inline bool toy_rle_read(const struct pirn_extension_element *element,
                                struct pirn_extension_state *state)
{
    const struct pirn_extension_param *max = pirn_extension_element_find(element, PIRN_STR("max"));
    unsigned number = 0;
    toy_rle_state(state)->max = 255;
    if (element->param_count > 1 || (element->param_count == 1 && !max))
        return false;
    for (size_t i = 0; max && i < max->value.len; i++)
        number = number * 10 + (unsigned)(max->value.data[i] - '0') % 10;
    if (max && (number == 0 || number > 99 || max->value.len > 2))
        return false;
    if (max)
        toy_rle_state(state)->max = (uint8_t)number;
    toy_rle_of(state->extension)->states++;
    return true;
}

static inline bool toy_rle_accept(const struct pirn_extension *extension,
                                  const struct pirn_extension_element *offer,
                                  struct pirn_extension_state *state,
                                  struct pirn_extension_element *answer)
{
    (void)extension;
    (void)answer;
    return toy_rle_read(offer, state);
}

static inline bool toy_rle_confirm(const struct pirn_extension *extension,
                                   const struct pirn_extension_element *answer,
                                   struct pirn_extension_state *state, const char **wrong)
{
    (void)extension;
    (void)wrong;
    return toy_rle_read(answer, state);
}

static inline void toy_rle_release(struct pirn_extension_state *state)
{
    toy_rle_of(state->extension)->states--;
}

static inline void toy_rle_idle(struct pirn_extension_state *state)
{
    toy_rle_of(state->extension)->idle++;
}

static inline int toy_rle_begin_receive(struct pirn_extension_state *state,
                                        const struct pirn_frame *frame)
{
    if (frame->opcode == PIRN_CONTINUATION)
        return 0;
    state->receiving = (frame->rsv & TOY_RSV_RLE) != 0;
    toy_rle_state(state)->count = 0;
    toy_rle_state(state)->has_count = false;
    return 0;
}

static inline int toy_rle_receive(struct pirn_extension_state *state, struct pirn_transform *step)
{
    struct toy_rle_state *rle = toy_rle_state(state);
    struct toy_rle *toy = toy_rle_of(state->extension);
    const size_t room = toy->room_len < step->out_cap ? toy->room_len : step->out_cap;
    step->out = toy->room;
    for (;;) {
        for (; !rle->has_count && rle->count > 0 && step->out_len < room; rle->count--)
            step->out[step->out_len++] = rle->byte;
        if (step->out_len == room || step->in_len == 0)
            break;
        const uint8_t byte = *step->in++;
        step->in_len--;
        if (rle->has_count)
            rle->byte = byte;
        else if (byte == 0)
            return -PIRN_E_COMPRESSED_DATA;
        else
            rle->count = byte;
        rle->has_count = !rle->has_count;
    }
    step->pending = !rle->has_count && rle->count > 0;
    return step->end && step->in_len == 0 && rle->has_count ? -PIRN_E_COMPRESSED_DATA : 0;
}

static inline unsigned toy_rle_begin_send(struct pirn_extension_state *state,
                                          const struct pirn_message_plan *plan)
{
    toy_rle_state(state)->repeat = 0;
    state->sending = plan->compress != PIRN_COMPRESS_NEVER;
    return state->sending ? TOY_RSV_RLE : 0;
}

static inline int toy_rle_send(struct pirn_extension_state *state, struct pirn_transform *step)
{
    struct toy_rle_state *rle = toy_rle_state(state);
    for (;;) {
        if (step->in_len > 0 && rle->repeat < rle->max &&
            (rle->repeat == 0 || *step->in == rle->kept)) {
            rle->kept = *step->in++;
            rle->repeat++;
            step->in_len--;
            continue;
        }
        const bool has_to = step->in_len > 0 || step->end || step->flush;
        step->pending = rle->repeat > 0 && has_to;
        if (!step->pending || step->out_cap - step->out_len < 2)
            return 0;
        step->out[step->out_len++] = rle->repeat;
        step->out[step->out_len++] = rle->kept;
        rle->repeat = 0;
    }
}

static inline bool toy_rle_undo_send(struct pirn_extension_state *state)
{
    (void)state;
    return true;
}

static inline void toy_rle_init(struct toy_rle *rle)
{
    *rle = (struct toy_rle){
        .room_len = sizeof rle->room,
        .extension =
            {
                .name = PIRN_STR_INIT("x-rle"),
                .state_bytes = sizeof(struct toy_rle_state),
                .rsv_first = TOY_RSV_RLE,
                .resizes = true,
                .offer = toy_rle_offer,
                .accept = toy_rle_accept,
                .confirm = toy_rle_confirm,
                .release = toy_rle_release,
                .idle = toy_rle_idle,
                .begin_receive = toy_rle_begin_receive,
                .receive = toy_rle_receive,
                .begin_send = toy_rle_begin_send,
                .send = toy_rle_send,
                .undo_send = toy_rle_undo_send,
            },
    };
}

/* ---- Both, in an order of their own */

struct toys {
    struct toy_rot rot;
    struct toy_rle rle;
    union {
        struct pirn_extension_state state;
        uint8_t bytes[96];
    } states;
    struct pirn_extension_state *first;
};

/* As if these had been agreed on: 't' x-rot, 'l' x-rle, nearest to the program first. */
static inline void toys_init(struct toys *toys, const char *order)
{
    const size_t unit = sizeof(void *);
    void *place = &toys->states;
    toy_rot_init(&toys->rot);
    toy_rle_init(&toys->rle);
    toys->first = *order ? place : NULL;
    for (; *order; order++) {
        struct pirn_extension_state *state = place;
        const struct pirn_extension *extension =
            *order == 't' ? &toys->rot.extension : &toys->rle.extension;
        memset(place, 0, extension->state_bytes);
        *state = (struct pirn_extension_state){.extension = extension, .last = order[1] == '\0'};
        if (*order == 't')
            toy_rot_state(state)->by = 1;
        else
            toy_rle_state(state)->max = 255;
        place = (char *)place + (extension->state_bytes + unit - 1) / unit * unit;
    }
}

/* Whether one of them transforms what is being sent. */
static inline bool toys_sending(const struct toys *toys)
{
    const struct pirn_extension *const extensions[] = {&toys->rot.extension, &toys->rle.extension};
    for (size_t i = 0; i < 2; i++) {
        const struct pirn_extension_state *state = pirn_extension_find(toys->first, extensions[i]);
        if (state && state->sending)
            return true;
    }
    return false;
}

#endif
