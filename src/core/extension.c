/* extension.c: how client and server agree on extensions, and what becomes of their states.
 *
 * Both sides go through the elements of a header once, in their order, with a struct agreement that
 * has the states so far. A state is tried behind them and joined to them if its extension wants it;
 * so states lie in the order of the answer on both sides, and what a failure leaves is released by
 * the walk that releases everything. Names are compared with the few that are ours: time is linear
 * in the header. */
#include <pirn/error.h>
#include <pirn/extension.h>

#include <string.h>

#include "extension_parts.h"
#include "text.h"

size_t pirn_extension_states_bytes(const struct pirn_extension *const *ours, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += pirn__state_bytes(ours[i]);
    return bytes;
}

void pirn_extension_release(struct pirn_extension_state *states)
{
    for (struct pirn_extension_state *next, *state = states; state; state = next) {
        next = pirn__state_next(state);
        if (state->extension->release)
            state->extension->release(state);
    }
}

void pirn_extension_idle(struct pirn_extension_state *states)
{
    for (struct pirn_extension_state *state = states; state; state = pirn__state_next(state))
        if (state->extension->idle)
            state->extension->idle(state);
}

struct pirn_extension_state *pirn_extension_find(struct pirn_extension_state *states,
                                                 const struct pirn_extension *extension)
{
    struct pirn_extension_state *state = states;
    while (state && state->extension != extension)
        state = pirn__state_next(state);
    return state;
}

/* ---- Agreeing */

struct agreement {
    const struct pirn_extension *const *ours;
    size_t count;
    char *states;
    size_t cap, used;                  /* bytes of states */
    struct pirn_extension_state *last; /* NULL: none yet */
};

static struct pirn_extension_state *first_state(const struct agreement *agreement)
{
    void *first = agreement->states;
    return agreement->last ? first : NULL;
}

static void give_up(struct agreement *agreement)
{
    pirn_extension_release(first_state(agreement));
}

static const struct pirn_extension *find_ours(const struct agreement *agreement,
                                              struct pirn_str name)
{
    for (size_t i = 0; i < agreement->count; i++)
        if (pirn_str_equal(agreement->ours[i]->name, name))
            return agreement->ours[i];
    return NULL;
}

static bool in_conflict(const struct pirn_extension *a, const struct pirn_extension *b)
{
    const unsigned bits = (a->rsv_first | a->rsv_every) & (b->rsv_first | b->rsv_every);
    return bits != 0 || (a->opcodes & b->opcodes) != 0 || (a->resizes && b->resizes);
}

/* One that is there already and claims what this one claims, or is this one; NULL: none. */
static const struct pirn_extension *find_conflict(const struct agreement *agreement,
                                                  const struct pirn_extension *extension)
{
    struct pirn_extension_state *state = first_state(agreement);
    for (; state; state = pirn__state_next(state))
        if (state->extension == extension || in_conflict(state->extension, extension))
            return state->extension;
    return NULL;
}

/* A state behind the others, not yet one of them; NULL if there is no room. */
static struct pirn_extension_state *new_state(const struct agreement *agreement,
                                              const struct pirn_extension *extension)
{
    if (pirn__state_bytes(extension) > agreement->cap - agreement->used)
        return NULL;
    void *place = agreement->states + agreement->used;
    struct pirn_extension_state *state = place;
    memset(place, 0, extension->state_bytes);
    state->extension = extension;
    return state;
}

static void join(struct agreement *agreement, struct pirn_extension_state *state)
{
    if (agreement->last)
        agreement->last->last = false;
    state->last = true;
    agreement->last = state;
    agreement->used += pirn__state_bytes(state->extension);
}

/* ---- Server */

/* Returns 0 also for an offer that is passed over, or an error, positive. */
static int consider(struct agreement *agreement, const struct pirn_extension_element *offer,
                    struct pirn__http_writer *answers)
{
    const struct pirn_extension *extension = find_ours(agreement, offer->name);
    if (!extension || !extension->accept || find_conflict(agreement, extension))
        return 0;
    struct pirn_extension_state *state = new_state(agreement, extension);
    if (!state)
        return PIRN_E_ROOM;
    struct pirn_extension_element answer = {.name = extension->name};
    if (!extension->accept(extension, offer, state, &answer))
        return 0;
    join(agreement, state);
    pirn__extension_add(answers, &answer);
    return 0;
}

int pirn_extension_accept(const struct pirn_extension *const *ours, size_t count,
                          const struct pirn_handshake *hs, void *states, size_t states_bytes,
                          char *out, size_t cap)
{
    struct agreement agreement = {
        .ours = ours, .count = count, .states = states, .cap = states_bytes};
    struct pirn__http_writer answers;
    struct pirn_extension_element offer;
    struct pirn_http_list list;
    struct pirn_str item;
    if (count > PIRN_EXTENSION_MAX_STATES)
        return -PIRN_E_ARGUMENT;
    pirn__http_begin(&answers, out, cap);
    pirn_http_list_init(&list, hs->request, PIRN_STR("Sec-WebSocket-Extensions"));
    for (int error = 0; !error && pirn_http_list_next(&list, &item);) {
        if (pirn_extension_element_parse(&offer, item) < 0)
            continue;
        error = consider(&agreement, &offer, &answers);
        if (error)
            pirn__http_refuse(&answers, error);
    }
    const int len = pirn__http_end(&answers);
    if (len >= 0)
        return (int)agreement.used;
    give_up(&agreement);
    return len;
}

/* ---- Client */

int pirn_extension_offer(const struct pirn_extension *const *ours, size_t count, char *out,
                         size_t cap)
{
    struct pirn__http_writer offers;
    if (count > PIRN_EXTENSION_MAX_STATES)
        return -PIRN_E_ARGUMENT;
    pirn__http_begin(&offers, out, cap);
    for (size_t i = 0; i < count; i++) {
        struct pirn_extension_element offer = {.name = ours[i]->name};
        for (unsigned index = 0; ours[i]->offer && ours[i]->offer(ours[i], index, &offer);
             index++) {
            pirn__extension_add(&offers, &offer);
            offer = (struct pirn_extension_element){.name = ours[i]->name};
        }
    }
    return pirn__http_end(&offers);
}

/* `name: problem other`, as one line. */
static int explain(char *detail, int error, struct pirn_str name, const char *problem,
                   struct pirn_str other)
{
    struct pirn__text text;
    pirn__text_init(&text, detail, PIRN_HANDSHAKE_DETAIL_BYTES);
    pirn__text_add(&text, name);
    pirn__text_add_cstr(&text, ": ");
    pirn__text_add_cstr(&text, problem);
    pirn__text_add(&text, other);
    return error;
}

/* Returns 0 or an error, positive. */
static int confirm(struct agreement *agreement, const struct pirn_extension_element *answer,
                   char *detail)
{
    const struct pirn_str none = {NULL, 0};
    const struct pirn_extension *extension = find_ours(agreement, answer->name);
    if (!extension || !extension->offer || !extension->confirm)
        return explain(detail, PIRN_E_EXTENSION_UNKNOWN, answer->name, "was not offered", none);
    const struct pirn_extension *other = find_conflict(agreement, extension);
    if (other == extension)
        return explain(detail, PIRN_E_EXTENSION_ANSWER, answer->name, "is there twice", none);
    if (other)
        return explain(detail, PIRN_E_EXTENSION_UNKNOWN, answer->name, "cannot go with ",
                       other->name);
    struct pirn_extension_state *state = new_state(agreement, extension);
    if (!state)
        return explain(detail, PIRN_E_ROOM, answer->name, "no room for its state", none);
    const char *wrong = "answers what was not offered";
    if (!extension->confirm(extension, answer, state, &wrong))
        return explain(detail, PIRN_E_EXTENSION_ANSWER, answer->name, wrong, none);
    join(agreement, state);
    return 0;
}

int pirn_extension_confirm(const struct pirn_extension *const *ours, size_t count,
                           const struct pirn_http_head *response, void *states, size_t states_bytes,
                           char detail[PIRN_HANDSHAKE_DETAIL_BYTES])
{
    struct agreement agreement = {
        .ours = ours, .count = count, .states = states, .cap = states_bytes};
    struct pirn_extension_element answer;
    struct pirn_http_list list;
    struct pirn_str item;
    int error = count > PIRN_EXTENSION_MAX_STATES ? PIRN_E_ARGUMENT : 0;
    detail[0] = '\0';
    pirn_http_list_init(&list, response, PIRN_STR("Sec-WebSocket-Extensions"));
    while (!error && pirn_http_list_next(&list, &item))
        error = pirn_extension_element_parse(&answer, item) < 0
                    ? explain(detail, PIRN_E_EXTENSION_ANSWER, PIRN_STR("Sec-WebSocket-Extensions"),
                              "is malformed", (struct pirn_str){NULL, 0})
                    : confirm(&agreement, &answer, detail);
    if (!error)
        return (int)agreement.used;
    give_up(&agreement);
    return -error;
}
