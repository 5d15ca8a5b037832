/* conn_send.c: what programs send. A message is framed straight into the queue, which leaves at the
 * end of the connection's work; a large one of a server leaves at once from where it lies.
 *
 * Nearly all messages go the short way of send_frame(); what more there is to look at, pieces, a
 * message that is being made (conn_stream.c), goes by send_message(). */
#include <string.h>

#include <pirn/mask.h>

#include "conn/conn_state.h"

/* From here on a copy costs more than a send of its own. */
enum { LARGE_BYTES = 32 << 10 };

/* From here on it costs more than a piece of its own in the send at the end of the work. */
enum { LENT_BYTES = 4 << 10 };

/* With any of these there is more to look at than the short way does. */
enum { LONG_WAY = PIRN__DONE | PIRN__CUT | PIRN__STREAMING | PIRN__EXTENDED };

int pirn__conn_check(const struct pirn_conn *conn)
{
    unsigned flags = conn->flags & (PIRN__DONE | PIRN__CUT | PIRN__STREAMING);
    if (pirn__loop_forked(pirn__conn_loop(conn)))
        return -PIRN_E_STATE;
    if (flags == 0 || (flags == PIRN__STREAMING && !pirn__conn_busy(conn)->stream->closing))
        return 0;
    return -PIRN_E_CLOSED;
}

static bool is_full(const struct pirn_conn *conn)
{
    const struct pirn__busy *busy = pirn__conn_busy(conn);
    return busy->queued + busy->waiting + pirn__conn_ciphertext(conn) >=
           conn->owner->config->high_water_bytes;
}

/* A queue that is long because nobody has tried to send it is none. */
static bool stays_full(struct pirn_conn *conn)
{
    if (is_full(conn))
        pirn__conn_flush(conn);
    return is_full(conn);
}

int pirn__conn_note_full(struct pirn_conn *conn)
{
    if (!stays_full(conn))
        return 0;
    conn->flags |= PIRN__FULL;
    if (conn->owner->config->when_full == PIRN_FULL_REFUSE)
        conn->flags |= PIRN__HELD;
    pirn__conn_rewatch(conn);
    return 1;
}

int pirn__conn_refuse(struct pirn_conn *conn)
{
    pirn__conn_note_full(conn); /* it may not have been messages that filled it */
    if (conn->owner->config->when_full == PIRN_FULL_CLOSE) {
        pirn__stream_drop(conn);
        pirn_conn_close(conn, PIRN_CLOSE_TRY_AGAIN_LATER, PIRN_STR("send queue is full"));
    }
    return -PIRN_E_QUEUE_FULL;
}

int pirn__conn_make_room(struct pirn_conn *conn)
{
    if (!pirn__conn_wake(conn))
        return -PIRN_E_MEMORY;
    return stays_full(conn) ? pirn__conn_refuse(conn) : 0;
}

/* What a call returns that has put a message there. */
static int taken(struct pirn_conn *conn)
{
    return conn->flags & PIRN__CUT ? -PIRN_E_CLOSED : pirn__conn_note_full(conn);
}

/* ---- frames */

static int send_copy(struct pirn_conn *conn, enum pirn_opcode type, const void *data, size_t len,
                     bool fin)
{
    size_t cap = PIRN_FRAME_HEADER_MAX + len;
    uint8_t *to = len < cap ? pirn__conn_reserve(conn, cap) : NULL;
    if (!to) {
        pirn__conn_fail(conn, PIRN_E_MEMORY);
        return -PIRN_E_MEMORY;
    }
    int64_t size = pirn_endpoint_send(&conn->endpoint, type, fin, data, len, to, cap);
    if (size < 0)
        return (int)size;
    pirn__conn_commit(conn, (size_t)size);
    return 0;
}

static int send_in_place(struct pirn_conn *conn, enum pirn_opcode type, const void *data,
                         size_t len, bool fin)
{
    uint8_t header[PIRN_FRAME_HEADER_MAX];
    int header_len = pirn_endpoint_frame(&conn->endpoint, type, fin, len, header);
    if (header_len < 0)
        return header_len;
    const struct pirn_str front = {(char *)header, (size_t)header_len}, payload = {data, len};
    return pirn__conn_push(conn, front, &payload, 1) ? 0 : -PIRN_E_MEMORY;
}

static int send_lent(struct pirn_conn *conn, uint8_t *header, enum pirn_opcode type,
                     const void *data, size_t len, bool fin)
{
    int header_len = pirn_endpoint_frame(&conn->endpoint, type, fin, len, header);
    if (header_len < 0)
        return header_len;
    pirn__conn_lend(conn, (size_t)header_len, data, len);
    return 0;
}

/* A payload that is neither masked nor checked can leave from where it lies. */
static bool may_stay(const struct pirn_conn *conn, enum pirn_opcode type)
{
    return pirn_endpoint_role(&conn->endpoint) == PIRN_SERVER &&
           !(type == PIRN_TEXT && conn->owner->config->endpoint.check_sent_text);
}

/* lent: data stays unchanged until the end of the work if it lies in the receive buffer. */
static int send_somehow(struct pirn_conn *conn, enum pirn_opcode type, const void *data, size_t len,
                        bool fin, bool lent)
{
    if (len >= LENT_BYTES && may_stay(conn, type)) {
        uint8_t *header = lent ? pirn__conn_reserve_header(conn, data) : NULL;
        if (header)
            return send_lent(conn, header, type, data, len, fin);
        if (len >= LARGE_BYTES)
            return send_in_place(conn, type, data, len, fin);
    }
    return send_copy(conn, type, data, len, fin);
}

/* ---- pieces */

size_t pirn__pieces_len(const struct pirn_str *pieces, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        if ((!pieces[i].data && pieces[i].len > 0) || pieces[i].len >= PIRN__TOO_MANY - len)
            return PIRN__TOO_MANY;
        len += pieces[i].len;
    }
    return len;
}

bool pirn__pieces_are_text(struct pirn_utf8 *utf8, const struct pirn_str *pieces, size_t count,
                           bool fin)
{
    for (size_t i = 0; i < count; i++)
        if (pirn_utf8_feed(utf8, pieces[i].data, pieces[i].len) != pieces[i].len)
            return false;
    return !fin || pirn_utf8_complete(utf8);
}

/* Copies, masking by the way if there is a key. */
static void copy_pieces(uint8_t *to, const struct pirn_str *pieces, size_t count,
                        const uint8_t *key)
{
    unsigned phase = 0;
    for (size_t i = 0; i < count; i++) {
        if (key)
            phase = pirn_mask(to, pieces[i].data, pieces[i].len, key, phase);
        else if (pieces[i].len > 0)
            memcpy(to, pieces[i].data, pieces[i].len);
        to += pieces[i].len;
    }
}

static int copy_frame(struct pirn_conn *conn, enum pirn_opcode type, const struct pirn_str *pieces,
                      size_t count, size_t len, bool fin)
{
    uint8_t *to = len <= SIZE_MAX - PIRN_FRAME_HEADER_MAX
                      ? pirn__conn_reserve(conn, PIRN_FRAME_HEADER_MAX + len)
                      : NULL;
    if (!to)
        return -PIRN_E_MEMORY;
    int header_len = pirn_endpoint_frame(&conn->endpoint, type, fin, len, to);
    if (header_len < 0)
        return header_len;
    bool masked = pirn_endpoint_role(&conn->endpoint) == PIRN_CLIENT;
    copy_pieces(to + header_len, pieces, count, masked ? to + header_len - 4 : NULL);
    pirn__conn_commit(conn, (size_t)header_len + len);
    return 0;
}

static int push_frame(struct pirn_conn *conn, enum pirn_opcode type, const struct pirn_str *pieces,
                      size_t count, size_t len, bool fin)
{
    uint8_t header[PIRN_FRAME_HEADER_MAX];
    int header_len = pirn_endpoint_frame(&conn->endpoint, type, fin, len, header);
    if (header_len < 0)
        return header_len;
    const struct pirn_str front = {(char *)header, (size_t)header_len};
    return pirn__conn_push(conn, front, pieces, count) ? 0 : -PIRN_E_MEMORY;
}

int pirn__conn_put_frame(struct pirn_conn *conn, enum pirn_opcode type,
                         const struct pirn_str *pieces, size_t count, bool fin)
{
    size_t len = pirn__pieces_len(pieces, count);
    bool large = len >= LARGE_BYTES && pirn_endpoint_role(&conn->endpoint) == PIRN_SERVER;
    int error = (large ? push_frame : copy_frame)(conn, type, pieces, count, len, fin);
    if (error == -PIRN_E_MEMORY)
        pirn__conn_fail(conn, PIRN_E_MEMORY);
    return error;
}

int pirn__conn_put(struct pirn_conn *conn, const struct pirn__message *message)
{
    if (conn->flags & PIRN__EXTENDED) {
        int encoded = pirn__conn_encode_message(conn, message);
        if (encoded)
            return encoded < 0 ? encoded : 0;
    }
    return pirn__conn_put_frame(conn, message->type, message->pieces, message->count, true);
}

static int check_message(const struct pirn_conn *conn, const struct pirn__message *message)
{
    struct pirn_utf8 utf8 = {0};
    enum pirn_opcode type = message->type;
    if (pirn__pieces_len(message->pieces, message->count) == PIRN__TOO_MANY ||
        (type != PIRN_TEXT && type != PIRN_BINARY))
        return -PIRN_E_ARGUMENT;
    if (pirn_endpoint_state(&conn->endpoint) != PIRN_OPEN)
        return -PIRN_E_CLOSED;
    if (pirn_endpoint_is_sending(&conn->endpoint) && !(conn->flags & PIRN__STREAMING))
        return -PIRN_E_STATE;
    if (type == PIRN_TEXT && conn->owner->config->endpoint.check_sent_text &&
        !pirn__pieces_are_text(&utf8, message->pieces, message->count, true))
        return -PIRN_E_TEXT_UTF8;
    return 0;
}

static int send_message(struct pirn_conn *conn, const struct pirn__message *message)
{
    int error = pirn__conn_check(conn);
    if (!error)
        error = check_message(conn, message);
    if (!error)
        error = pirn__conn_make_room(conn);
    if (error)
        return error;
    if (conn->flags & PIRN__STREAMING)
        error = pirn__stream_wait(conn, message);
    else
        error = pirn__conn_put(conn, message);
    return error ? error : taken(conn);
}

/* ---- messages */

/* There is a message that is not ended; but if it never will be, that is the reason. */
static int refuse_between(const struct pirn_conn *conn)
{
    int error = pirn__conn_check(conn);
    if (!error && pirn_endpoint_state(&conn->endpoint) != PIRN_OPEN)
        error = -PIRN_E_CLOSED;
    return error ? error : -PIRN_E_STATE;
}

/* Part of a message through the extensions, as they know it as a whole only. */
static int encode_fragment(struct pirn_conn *conn, enum pirn_opcode type, const void *data,
                           size_t len, bool fin)
{
    struct pirn_outgoing out = {.type = type, .data = data, .len = len, .fin = fin, .flush = !fin};
    int error = pirn__conn_check(conn);
    if (!error)
        error = pirn__conn_make_room(conn);
    if (!error)
        error = pirn__conn_encode(conn, &out);
    return error ? error : taken(conn);
}

static int send_otherwise(struct pirn_conn *conn, enum pirn_opcode type, const void *data,
                          size_t len, bool fin)
{
    const struct pirn_str piece = {data, len};
    const struct pirn__message message = {.type = type, .pieces = &piece, .count = 1};
    bool whole = fin && !pirn_endpoint_is_sending(&conn->endpoint);
    if (conn->flags & PIRN__EXTENDED && !whole && !(conn->flags & PIRN__STREAMING))
        return encode_fragment(conn, type, data, len, fin);
    return fin ? send_message(conn, &message) : refuse_between(conn);
}

static int send_frame(struct pirn_conn *conn, enum pirn_opcode type, const void *data, size_t len,
                      bool fin, bool lent)
{
    if (conn->flags & LONG_WAY)
        return send_otherwise(conn, type, data, len, fin);
    if (pirn__loop_forked(pirn__conn_loop(conn)))
        return -PIRN_E_STATE;
    if (!data && len > 0)
        return -PIRN_E_ARGUMENT;
    int error = pirn__conn_make_room(conn);
    if (!error)
        error = send_somehow(conn, type, data, len, fin, lent);
    return error ? error : taken(conn);
}

/* The short way, from the second message of a batch on: nothing is to be asked but for room. False
 * if something is not so, or wrong, which the general way knows. */
static bool send_short(struct pirn_conn *conn, enum pirn_opcode type, const void *data, size_t len)
{
    const unsigned asked = PIRN__AT_WORK | LONG_WAY;
    struct pirn__busy *busy = pirn__conn_busy(conn);
    if ((conn->flags & asked) != PIRN__AT_WORK || len >= LENT_BYTES || busy->queued == 0)
        return false;
    struct pirn__chunk *chunk = busy->last;
    size_t room = chunk->cap - chunk->len, need = PIRN_FRAME_HEADER_MAX + len;
    if (room < need || busy->queued + need >= conn->owner->config->high_water_bytes ||
        pirn_endpoint_is_sending(&conn->endpoint) || pirn__loop_forked(pirn__conn_loop(conn)))
        return false;
    int64_t size =
        pirn_endpoint_send(&conn->endpoint, type, true, data, len, chunk->bytes + chunk->len, room);
    if (size < 0)
        return false;
    chunk->len += (size_t)size;
    busy->queued += (size_t)size;
    return true;
}

int pirn_conn_send_fragment(struct pirn_conn *conn, enum pirn_opcode type, const void *data,
                            size_t len, bool fin)
{
    return send_frame(conn, type, data, len, fin, false);
}

int pirn_conn_send_back(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len,
                        bool fin)
{
    if (fin && send_short(conn, type, data, len))
        return 0;
    return send_frame(conn, type, data, len, fin, true);
}

int pirn_conn_send(struct pirn_conn *conn, enum pirn_opcode type, const void *data, size_t len)
{
    if (send_short(conn, type, data, len))
        return 0;
    if (pirn_endpoint_is_sending(&conn->endpoint) && !(conn->flags & PIRN__STREAMING))
        return refuse_between(conn);
    return send_frame(conn, type, data, len, true, false);
}

int pirn_conn_send_pieces(struct pirn_conn *conn, enum pirn_opcode type,
                          const struct pirn_str *pieces, size_t count, enum pirn_compress compress)
{
    const struct pirn__message message = {
        .type = type, .compress = compress, .pieces = pieces, .count = count};
    return send_message(conn, &message);
}

/* ---- control frames */

typedef int control_fn(struct pirn_endpoint *ep, const void *payload, size_t len,
                       uint8_t out[PIRN_CONTROL_FRAME_MAX]);

static int send_control(struct pirn_conn *conn, control_fn *put, const void *data, size_t len)
{
    int error = pirn__conn_check(conn);
    if (error)
        return error;
    if (!pirn__conn_wake(conn))
        return -PIRN_E_MEMORY;
    uint8_t frame[PIRN_CONTROL_FRAME_MAX];
    int size = put(&conn->endpoint, data, len, frame);
    if (size < 0)
        return size;
    error = pirn__conn_queue_control(conn, frame, (size_t)size);
    if (error == -PIRN_E_MEMORY)
        pirn__conn_fail(conn, PIRN_E_MEMORY);
    return error;
}

int pirn_conn_ping(struct pirn_conn *conn, const void *data, size_t len)
{
    return send_control(conn, pirn_endpoint_ping, data, len);
}

int pirn_conn_pong(struct pirn_conn *conn, const void *data, size_t len)
{
    return send_control(conn, pirn_endpoint_pong, data, len);
}

int pirn_conn_close(struct pirn_conn *conn, int code, struct pirn_str reason)
{
    int error = 0;
    if (pirn__loop_forked(pirn__conn_loop(conn)))
        return -PIRN_E_STATE;
    if (conn->phase > PIRN__PHASE_FINISHING || conn->flags & PIRN__CUT)
        return -PIRN_E_CLOSED;
    if (conn->flags & PIRN__STREAMING && pirn__stream_close(conn, code, reason, &error))
        return error;
    bool woken = pirn__conn_wake(conn);
    if (!woken && !pirn__conn_begin(conn))
        return -PIRN_E_MEMORY;
    error =
        pirn_endpoint_close(&conn->endpoint, code, reason, pirn_loop_now_us(pirn__conn_loop(conn)));
    if (!error)
        pirn__stream_drop(conn);
    if (!woken)
        pirn__conn_end(conn);
    return error;
}
