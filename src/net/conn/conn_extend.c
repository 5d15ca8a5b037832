/* conn_extend.c: the extensions of connections: what an owner has of them, and how messages leave
 * through them. (How they come in is conn_receive.c's: as any other event.)
 *
 * Transformed messages are written straight into the chunk that is filled, frame by frame. A
 * message that fits there is one frame.
 *
 * Idle connections: conn->used says when a message last passed, in parts of the time after which
 * the extensions give back memory. It has 16 bits; the timer looks at it long before they wrap. */
#include <string.h>

#include "conn/conn_state.h"

enum {
    ROOM_BYTES = 64 << 10,      /* for what is inflated at a time */
    OWN_CHUNK_BYTES = 16 << 10, /* of many connections that are sent to at once */
    IDLE_UNITS = 32,            /* idle_release_ms has this many */
    IDLE_SLACK_UNITS = 2        /* a unit is rounded away at each end */
};

/* ---- of an owner */

static void *realloc_of_loop(void *loop, void *memory, size_t old_size, size_t size)
{
    return pirn__realloc(loop, memory, old_size, size);
}

static bool deflates(const struct pirn_conn_config *config)
{
    return config->deflate.mode != PIRN_DEFLATE_OFF;
}

/* All but the states, of which only what is filled in knows how large they are. The room lies
 * behind the struct. */
static int fill(struct pirn__extensions *all, const struct pirn__conn_owner *owner,
                enum pirn_role role)
{
    const struct pirn_conn_config *config = owner->config;
    for (size_t i = 0; i < config->extension_count; i++)
        all->ours[all->count++] = config->extensions[i];
    if (config->idle_release_ms != PIRN_OFF)
        all->idle_unit_us = (uint64_t)config->idle_release_ms * 1000 / IDLE_UNITS + 1;
    if (!deflates(config))
        return 0;
    all->ours[all->count++] = &all->deflate.extension;
    return pirn_deflate_init(&all->deflate, &config->deflate, role, realloc_of_loop, owner->loop,
                             all + 1, ROOM_BYTES);
}

static size_t bytes_of(const struct pirn_conn_config *config)
{
    return sizeof(struct pirn__extensions) + (deflates(config) ? ROOM_BYTES : 0);
}

int pirn__extensions_open(struct pirn__conn_owner *owner, enum pirn_role role)
{
    const struct pirn_conn_config *config = owner->config;
    size_t count = config->extension_count + deflates(config);
    if (count == 0)
        return 0;
    if (count > PIRN_EXTENSION_MAX_STATES || (config->extension_count > 0 && !config->extensions))
        return -PIRN_E_ARGUMENT;
    struct pirn__extensions *all = pirn__alloc(owner->loop, bytes_of(config));
    if (!all)
        return -PIRN_E_MEMORY;
    int error = fill(all, owner, role);
    if (error) {
        pirn__free(owner->loop, all, bytes_of(config));
        return error;
    }
    owner->extensions = all;
    all->states_bytes = pirn_extension_states_bytes(all->ours, all->count);
    all->states = pirn__alloc(owner->loop, all->states_bytes);
    if (all->states)
        return 0;
    pirn__extensions_close(owner);
    return -PIRN_E_MEMORY;
}

void pirn__extensions_close(struct pirn__conn_owner *owner)
{
    struct pirn__extensions *all = owner->extensions;
    if (!all)
        return;
    if (deflates(owner->config))
        pirn_deflate_release(&all->deflate);
    owner->extensions = NULL;
    pirn__free(owner->loop, all->states, all->states_bytes);
    pirn__free(owner->loop, all, bytes_of(owner->config));
}

/* ---- what was agreed on */

bool pirn_conn_deflate(const struct pirn_conn *conn, struct pirn_deflate_params *params)
{
    return conn->flags & PIRN__EXTENDED && deflates(conn->owner->config) &&
           pirn_deflate_negotiated(&conn->owner->extensions->deflate, pirn__conn_states(conn),
                                   params);
}

struct pirn_extension_state *pirn_conn_extension(const struct pirn_conn *conn,
                                                 const struct pirn_extension *extension)
{
    return pirn_extension_find(pirn__conn_states(conn), extension);
}

/* ---- sending */

/* Whether the loop's chunk can be had. */
static bool has_large_chunk(const struct pirn_conn *conn)
{
    const struct pirn__conn_shared *shared = pirn__conn_shared(conn);
    if (conn->flags & PIRN__BLOCKED)
        return false;
    return pirn__conn_busy(conn)->last == shared->chunk ||
           (conn->flags & PIRN__AT_WORK && !shared->chunk_lent);
}

/* Room for a frame of len bytes that got no shorter, as far as one chunk goes. Mostly a fraction of
 * it is used; so what waits gives back the rest. */
static uint8_t *reserve(struct pirn_conn *conn, size_t len)
{
    size_t cap = has_large_chunk(conn) ? pirn__conn_shared(conn)->chunk->cap : OWN_CHUNK_BYTES;
    size_t worst = len < cap ? len + len / 64 + PIRN_ENCODE_MIN : cap;
    size_t need = worst < cap ? worst : cap;
    if (pirn__conn_room(conn) < need)
        pirn__conn_trim(conn);
    return pirn__conn_reserve(conn, need);
}

/* Errors of encode() after which the message cannot be ended. */
static bool is_fatal(int error)
{
    return error != -PIRN_E_ARGUMENT && error != -PIRN_E_STATE && error != -PIRN_E_CLOSED &&
           error != -PIRN_E_TEXT_UTF8;
}

int pirn__conn_encode(struct pirn_conn *conn, struct pirn_outgoing *out)
{
    pirn__conn_note_use(conn);
    while (!out->done && !(conn->flags & PIRN__CUT)) {
        uint8_t *to = reserve(conn, out->len);
        int64_t size = to ? pirn_endpoint_encode(&conn->endpoint, out, to, pirn__conn_room(conn))
                          : -PIRN_E_MEMORY;
        if (size < 0 && is_fatal((int)size))
            pirn__conn_fail(conn, (enum pirn_error) - size);
        if (size < 0)
            return (int)size;
        if (size > 0)
            pirn__conn_commit(conn, (size_t)size);
    }
    return 0;
}

/* Piece by piece; the last ends the message. */
static int encode_pieces(struct pirn_conn *conn, const struct pirn__message *message)
{
    static const struct pirn_str nothing = {"", 0};
    const struct pirn_str *piece = message->count > 0 ? message->pieces : &nothing;
    const struct pirn_str *last = piece + (message->count > 0 ? message->count - 1 : 0);
    for (;; piece++) {
        struct pirn_outgoing out = {.type = message->type,
                                    .compress = message->compress,
                                    .data = piece->data,
                                    .len = piece->len,
                                    .fin = piece == last};
        int error = pirn__conn_encode(conn, &out);
        if (error || piece == last)
            return error;
    }
}

int pirn__conn_encode_message(struct pirn_conn *conn, const struct pirn__message *message)
{
    const struct pirn_message_plan plan = {.type = message->type,
                                           .compress = message->compress,
                                           .has_total = true,
                                           .total =
                                               pirn__pieces_len(message->pieces, message->count)};
    pirn__conn_note_use(conn);
    int transforms = pirn_endpoint_begin(&conn->endpoint, &plan);
    if (transforms <= 0)
        return transforms;
    int error = encode_pieces(conn, message);
    return error ? error : 1;
}

/* ---- idle connections */

static uint16_t time_now(const struct pirn_conn *conn)
{
    uint64_t unit_us = conn->owner->extensions->idle_unit_us;
    return (uint16_t)(pirn_loop_now_us(pirn__conn_loop(conn)) / unit_us);
}

/* Units till it is time; 0: now. */
static unsigned units_left(const struct pirn_conn *conn)
{
    int16_t age = (int16_t)(uint16_t)(time_now(conn) - conn->used);
    int left = IDLE_UNITS + IDLE_SLACK_UNITS - (age > 0 ? age : 0);
    return left > 0 ? (unsigned)left : 0;
}

void pirn__conn_note_use(struct pirn_conn *conn)
{
    if (conn->owner->extensions->idle_unit_us == 0 || conn->phase != PIRN__PHASE_OPEN)
        return;
    bool idle = conn->used == 0;
    conn->used = time_now(conn) | 1; /* which may be a unit too late */
    if (idle)
        pirn__conn_alarm_by(conn, pirn__conn_idle_us(conn));
}

uint64_t pirn__conn_idle_us(const struct pirn_conn *conn)
{
    if (conn->used == 0)
        return UINT64_MAX;
    return pirn_loop_now_us(pirn__conn_loop(conn)) +
           units_left(conn) * conn->owner->extensions->idle_unit_us;
}

void pirn__conn_release_idle(struct pirn_conn *conn)
{
    if (units_left(conn) > 0)
        return;
    conn->used = 0;
    pirn_extension_idle(pirn__conn_states(conn));
}
