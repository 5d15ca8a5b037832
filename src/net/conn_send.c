/* conn_send.c: what programs send. A message is framed straight into the queue, which leaves at the
 * end of the connection's work; a large one of a server leaves at once from where it lies. */
#include "conn_state.h"

/* From here on a copy costs more than a send of its own. */
enum { LARGE_BYTES = 32 << 10 };

/* From here on it costs more than a piece of its own in the send at the end of the work. */
enum { LENT_BYTES = 4 << 10 };

static int check(const struct pirn_conn *conn)
{
    if (pirn__loop_forked(pirn__conn_loop(conn)))
        return -PIRN_E_STATE;
    return conn->flags & (PIRN__DONE | PIRN__CUT) ? -PIRN_E_CLOSED : 0;
}

static bool is_full(const struct pirn_conn *conn)
{
    return pirn__conn_busy(conn)->queued >= conn->owner->config->high_water_bytes;
}

/* A queue that is long because nobody has tried to send it is none. */
static bool is_still_full(struct pirn_conn *conn)
{
    if (is_full(conn))
        pirn__conn_flush(conn);
    return is_full(conn);
}

static int note_full(struct pirn_conn *conn)
{
    if (!is_still_full(conn))
        return 0;
    conn->flags |= PIRN__FULL;
    if (conn->owner->config->when_full == PIRN_FULL_REFUSE)
        conn->flags |= PIRN__HELD;
    pirn__conn_rewatch(conn);
    return 1;
}

static int refuse(struct pirn_conn *conn)
{
    note_full(conn); /* it may not have been messages that filled it */
    if (conn->owner->config->when_full == PIRN_FULL_CLOSE)
        pirn_conn_close(conn, PIRN_CLOSE_TRY_AGAIN_LATER, PIRN_STR("send queue is full"));
    return -PIRN_E_QUEUE_FULL;
}

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
    return pirn__conn_push(conn, header, (size_t)header_len, data, len) ? 0 : -PIRN_E_MEMORY;
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

static int send_frame(struct pirn_conn *conn, enum pirn_opcode type, const void *data, size_t len,
                      bool fin, bool lent)
{
    int error = check(conn);
    if (error)
        return error;
    if (!data && len > 0)
        return -PIRN_E_ARGUMENT;
    if (!pirn__conn_wake(conn))
        return -PIRN_E_MEMORY;
    if (is_still_full(conn))
        return refuse(conn);
    error = send_somehow(conn, type, data, len, fin, lent);
    if (error)
        return error;
    return conn->flags & PIRN__CUT ? -PIRN_E_CLOSED : note_full(conn);
}

int pirn_conn_send_fragment(struct pirn_conn *conn, enum pirn_opcode type, const void *data,
                            size_t len, bool fin)
{
    return send_frame(conn, type, data, len, fin, false);
}

int pirn_conn_send_back(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len,
                        bool fin)
{
    return send_frame(conn, type, data, len, fin, true);
}

int pirn_conn_send(struct pirn_conn *conn, enum pirn_opcode type, const void *data, size_t len)
{
    if (pirn_endpoint_is_sending(&conn->endpoint))
        return check(conn) ? check(conn) : -PIRN_E_STATE;
    return send_frame(conn, type, data, len, true, false);
}

/* ---- control frames */

typedef int control_fn(struct pirn_endpoint *ep, const void *payload, size_t len,
                       uint8_t out[PIRN_CONTROL_FRAME_MAX]);

static int send_control(struct pirn_conn *conn, control_fn *put, const void *data, size_t len)
{
    int error = check(conn);
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
    if (pirn__loop_forked(pirn__conn_loop(conn)))
        return -PIRN_E_STATE;
    if (conn->phase > PIRN__PHASE_FINISHING || conn->flags & PIRN__CUT)
        return -PIRN_E_CLOSED;
    bool woken = pirn__conn_wake(conn);
    if (!woken && !pirn__conn_begin(conn))
        return -PIRN_E_MEMORY;
    int error =
        pirn_endpoint_close(&conn->endpoint, code, reason, pirn_loop_now_us(pirn__conn_loop(conn)));
    if (!woken)
        pirn__conn_end(conn);
    return error;
}
