/* conn_stream.c: messages that are made while they are sent, by the program (begin, write, end) or
 * out of a file.
 *
 * Such a message is a struct pirn__stream from its beginning to its end, with PIRN__STREAMING set
 * in the connection. Its parts go to the queue as fragments; small ones gather first. Messages that
 * are sent meanwhile are copied and wait, whole and as they are, in the stream; they count for the
 * high-water mark, but not for the parts of the message before them, or those would wait for each
 * other. At the end they go to the queue at once.
 *
 * Of a file one chunk a turn is read, when nothing waits any more. A Close of the program's leaves
 * behind a file, which has an end; but a message of the program's own may have none, so closing
 * breaks it off. */
#include <stddef.h>
#include <string.h>

#include <pirn/mask.h>

#include "conn/conn_state.h"
#include "server/files.h"

enum { FILE_CHUNK_BYTES = 64 << 10 };

static struct pirn__stream *stream_of(const struct pirn_conn *conn)
{
    return conn->flags & PIRN__STREAMING ? pirn__conn_busy(conn)->stream : NULL;
}

static bool is_file(const struct pirn__stream *stream)
{
    return stream->file >= 0;
}

/* What was taken cannot be sent: the connection cannot go on without it. */
static int give_up(struct pirn_conn *conn, int error)
{
    if (error < 0 && error != -PIRN_E_CLOSED)
        pirn__conn_fail(conn, (enum pirn_error) - error);
    return error;
}

/* ---- the beginning */

static int check_begin(const struct pirn_conn *conn, const struct pirn_message_plan *plan)
{
    int error = pirn__conn_check(conn);
    if (error)
        return error;
    if (!plan || (plan->type != PIRN_TEXT && plan->type != PIRN_BINARY))
        return -PIRN_E_ARGUMENT;
    if (pirn_endpoint_state(&conn->endpoint) != PIRN_OPEN)
        return -PIRN_E_CLOSED;
    return stream_of(conn) || pirn_endpoint_is_sending(&conn->endpoint) ? -PIRN_E_STATE : 0;
}

static int begin(struct pirn_conn *conn, const struct pirn_message_plan *plan)
{
    struct pirn__stream *stream;
    int error = check_begin(conn, plan);
    if (!error)
        error = pirn__conn_make_room(conn);
    if (error)
        return error;
    stream = pirn__realloc(pirn__conn_loop(conn), NULL, 0, sizeof *stream);
    if (!stream) {
        pirn__conn_fail(conn, PIRN_E_MEMORY);
        return -PIRN_E_MEMORY;
    }
    int encoded = pirn_endpoint_begin(&conn->endpoint, plan);
    if (encoded < 0) {
        pirn__free(pirn__conn_loop(conn), stream, sizeof *stream);
        return encoded;
    }
    memset(stream, 0, offsetof(struct pirn__stream, gather));
    stream->type = plan->type;
    stream->encoded = encoded;
    stream->file = -1;
    stream->last = &stream->waiting;
    pirn__conn_busy(conn)->stream = stream;
    conn->flags |= PIRN__STREAMING;
    return 0;
}

int pirn_conn_begin(struct pirn_conn *conn, const struct pirn_message_plan *plan)
{
    return begin(conn, plan);
}

/* ---- what waits */

int pirn__stream_wait(struct pirn_conn *conn, const struct pirn__message *message)
{
    struct pirn__stream *stream = stream_of(conn);
    const struct pirn_str *pieces = message->pieces;
    size_t len = pirn__pieces_len(pieces, message->count);
    struct pirn__waiting *waiting =
        len < SIZE_MAX - sizeof *waiting
            ? pirn__realloc(pirn__conn_loop(conn), NULL, 0, sizeof *waiting + len)
            : NULL;
    if (!waiting) {
        pirn__conn_fail(conn, PIRN_E_MEMORY);
        return -PIRN_E_MEMORY;
    }
    *waiting = (struct pirn__waiting){.type = message->type, .compress = message->compress};
    for (size_t i = 0; i < message->count; i++) {
        if (pieces[i].len > 0)
            memcpy(waiting->bytes + waiting->len, pieces[i].data, pieces[i].len);
        waiting->len += pieces[i].len;
    }
    *stream->last = waiting;
    stream->last = &waiting->next;
    pirn__conn_busy(conn)->waiting += len;
    return 0;
}

static struct pirn__waiting *take_waiting(struct pirn__stream *stream)
{
    struct pirn__waiting *waiting = stream->waiting;
    if (waiting)
        stream->waiting = waiting->next;
    return waiting;
}

static void free_waiting(struct pirn_conn *conn, struct pirn__waiting *waiting)
{
    pirn__free(pirn__conn_loop(conn), waiting, sizeof *waiting + waiting->len);
}

/* The stream, which is no longer the connection's; NULL if there was none. */
static struct pirn__stream *take_stream(struct pirn_conn *conn)
{
    struct pirn__stream *stream = stream_of(conn);
    if (!stream)
        return NULL;
    conn->flags &= (uint16_t)~PIRN__STREAMING;
    pirn__conn_busy(conn)->stream = NULL;
    pirn__conn_busy(conn)->waiting = 0;
    return stream;
}

static void free_stream(struct pirn_conn *conn, struct pirn__stream *stream)
{
    struct pirn__waiting *waiting;
    while ((waiting = take_waiting(stream)))
        free_waiting(conn, waiting);
    if (is_file(stream))
        pirn__file_close(stream->file);
    pirn__free(pirn__conn_loop(conn), stream, sizeof *stream);
}

void pirn__stream_drop(struct pirn_conn *conn)
{
    struct pirn__stream *stream = take_stream(conn);
    if (stream)
        free_stream(conn, stream);
}

/* ---- the end */

static void send_close(struct pirn_conn *conn, const struct pirn__stream *stream)
{
    struct pirn_close close;
    pirn_close_parse(&close, stream->close, stream->close_len);
    pirn_endpoint_close(&conn->endpoint, close.has_code ? close.code : PIRN_CLOSE_NONE,
                        close.reason, pirn_loop_now_us(pirn__conn_loop(conn)));
}

/* The message has ended: what waited for it goes to the queue. */
static void finish(struct pirn_conn *conn)
{
    struct pirn__stream *stream = take_stream(conn);
    struct pirn__waiting *waiting;
    while ((waiting = take_waiting(stream))) {
        const struct pirn_str piece = {waiting->bytes, waiting->len};
        const struct pirn__message message = {
            .type = waiting->type, .compress = waiting->compress, .pieces = &piece, .count = 1};
        give_up(conn, pirn__conn_put(conn, &message));
        free_waiting(conn, waiting);
    }
    if (stream->closing)
        send_close(conn, stream);
    free_stream(conn, stream);
}

bool pirn__stream_close(struct pirn_conn *conn, int code, struct pirn_str reason, int *result)
{
    struct pirn__stream *stream = stream_of(conn);
    uint8_t payload[PIRN_CONTROL_MAX];
    if (!is_file(stream) || conn->phase != PIRN__PHASE_OPEN ||
        pirn_endpoint_state(&conn->endpoint) != PIRN_OPEN)
        return false;
    int len = stream->closing ? -PIRN_E_CLOSED : pirn_close_build(payload, code, reason);
    *result = len < 0 ? len : 0;
    if (len < 0)
        return true;
    memcpy(stream->close, payload, (size_t)len);
    stream->close_len = (uint8_t)len;
    stream->closing = true;
    return true;
}

/* ---- the parts */

static bool may_write(const struct pirn_conn *conn, int *error)
{
    const struct pirn__stream *stream = stream_of(conn);
    *error = pirn__conn_check(conn);
    if (!*error && (!stream || is_file(stream)))
        *error = -PIRN_E_STATE;
    if (!*error && pirn_endpoint_state(&conn->endpoint) != PIRN_OPEN)
        *error = -PIRN_E_CLOSED;
    return !*error;
}

/* Whether its text is to be checked here: what is encoded is checked by that. */
static bool is_checked(const struct pirn_conn *conn, const struct pirn__stream *stream)
{
    return !stream->encoded && stream->type == PIRN_TEXT &&
           conn->owner->config->endpoint.check_sent_text;
}

/* Data through the extensions; flush: all that they have. */
static int encode(struct pirn_conn *conn, const void *data, size_t len, bool flush, bool fin)
{
    struct pirn_outgoing out = {
        .type = stream_of(conn)->type, .data = data, .len = len, .flush = flush, .fin = fin};
    return pirn__conn_encode(conn, &out);
}

/* What has gathered, and data behind it, as one frame. */
static int send_gathered(struct pirn_conn *conn, const void *data, size_t len, bool fin)
{
    struct pirn__stream *stream = stream_of(conn);
    const struct pirn_str pieces[2] = {{(char *)stream->gather, stream->gathered}, {data, len}};
    int error = pirn__conn_put_frame(conn, stream->type, pieces, 2, fin);
    stream->gathered = 0;
    return give_up(conn, error);
}

static int put_part(struct pirn_conn *conn, const void *data, size_t len)
{
    struct pirn__stream *stream = stream_of(conn);
    if (stream->encoded)
        return encode(conn, data, len, false, false);
    if (len >= sizeof stream->gather - stream->gathered)
        return send_gathered(conn, data, len, false);
    memcpy(stream->gather + stream->gathered, data, len);
    stream->gathered += len;
    return 0;
}

/* Messages that wait are no reason to hold back what they wait for. */
static bool queue_is_full(struct pirn_conn *conn)
{
    const size_t high = conn->owner->config->high_water_bytes;
    if (pirn__conn_busy(conn)->queued >= high)
        pirn__conn_flush(conn);
    return pirn__conn_busy(conn)->queued >= high;
}

/* What a call returns that was taken. */
static int taken(struct pirn_conn *conn)
{
    struct pirn__stream *stream = stream_of(conn);
    if (conn->flags & PIRN__CUT)
        return -PIRN_E_CLOSED;
    int full = pirn__conn_note_full(conn);
    if (!stream)
        return full;
    stream->thirsty = queue_is_full(conn);
    return stream->thirsty;
}

bool pirn__stream_drank(struct pirn_conn *conn)
{
    struct pirn__stream *stream = stream_of(conn);
    bool drank = stream && stream->thirsty;
    if (drank)
        stream->thirsty = false;
    return drank;
}

int pirn_conn_write(struct pirn_conn *conn, const void *data, size_t len)
{
    int error;
    if (!may_write(conn, &error))
        return error;
    struct pirn__stream *stream = stream_of(conn);
    struct pirn_utf8 utf8 = stream->utf8;
    const struct pirn_str piece = {data, len};
    if (pirn__pieces_len(&piece, 1) == PIRN__TOO_MANY)
        return -PIRN_E_ARGUMENT;
    if (is_checked(conn, stream) && !pirn__pieces_are_text(&utf8, &piece, 1, false))
        return -PIRN_E_TEXT_UTF8;
    if (!pirn__conn_wake(conn))
        return -PIRN_E_MEMORY;
    if (queue_is_full(conn)) {
        stream->thirsty = true;
        return pirn__conn_refuse(conn);
    }
    stream->utf8 = utf8;
    error = len > 0 ? put_part(conn, data, len) : 0;
    return error ? error : taken(conn);
}

int pirn_conn_flush(struct pirn_conn *conn)
{
    int error;
    if (!may_write(conn, &error))
        return error;
    if (!pirn__conn_wake(conn))
        return -PIRN_E_MEMORY;
    if (stream_of(conn)->encoded)
        error = encode(conn, NULL, 0, true, false);
    else if (stream_of(conn)->gathered > 0)
        error = send_gathered(conn, NULL, 0, false);
    return error ? error : taken(conn);
}

int pirn_conn_end(struct pirn_conn *conn)
{
    int error;
    if (!may_write(conn, &error))
        return error;
    struct pirn__stream *stream = stream_of(conn);
    if (is_checked(conn, stream) && !pirn_utf8_complete(&stream->utf8))
        return -PIRN_E_TEXT_UTF8;
    if (!pirn__conn_wake(conn))
        return -PIRN_E_MEMORY;
    error =
        stream->encoded ? encode(conn, NULL, 0, false, true) : send_gathered(conn, NULL, 0, true);
    if (error)
        return error;
    finish(conn);
    return taken(conn);
}

/* A Close that waits behind a file can still come before. */
static int check_abort(const struct pirn_conn *conn)
{
    const struct pirn__stream *stream = stream_of(conn);
    int error = pirn__conn_check(conn);
    if (error == -PIRN_E_CLOSED && stream && !(conn->flags & (PIRN__DONE | PIRN__CUT)))
        return 0;
    return error || stream ? error : -PIRN_E_STATE;
}

int pirn_conn_abort(struct pirn_conn *conn, int code, struct pirn_str reason)
{
    int error = check_abort(conn);
    if (error)
        return error;
    uint8_t payload[PIRN_CONTROL_MAX];
    error = pirn_close_build(payload, code, reason);
    if (error < 0)
        return error;
    pirn__stream_drop(conn);
    return pirn_conn_close(conn, code, reason);
}

/* ---- files */

static bool read_all(struct pirn__stream *stream, uint8_t *to, size_t len)
{
    while (len > 0) {
        int64_t got = pirn__file_read(stream->file, to, len, stream->offset);
        if (got <= 0)
            return false;
        to += got;
        len -= (size_t)got;
        stream->offset += (uint64_t)got;
        stream->left -= (uint64_t)got;
    }
    return true;
}

/* As much of it as of another in one chunk, through the extensions. */
static int encode_chunk(struct pirn_conn *conn, struct pirn__stream *stream)
{
    for (size_t taken = 0; taken < FILE_CHUNK_BYTES; taken += sizeof stream->gather) {
        size_t len =
            stream->left < sizeof stream->gather ? (size_t)stream->left : sizeof stream->gather;
        if (!read_all(stream, stream->gather, len))
            return -PIRN_E_FILE_READ;
        int error = encode(conn, stream->gather, len, false, stream->left == 0);
        if (error || stream->left == 0)
            return error;
    }
    return 0;
}

/* One frame of it. */
static int send_chunk(struct pirn_conn *conn, struct pirn__stream *stream)
{
    size_t len = FILE_CHUNK_BYTES - PIRN_FRAME_HEADER_MAX;
    len = stream->left < len ? (size_t)stream->left : len;
    uint8_t *to = pirn__conn_reserve(conn, PIRN_FRAME_HEADER_MAX + len);
    if (!to)
        return -PIRN_E_MEMORY;
    bool fin = len == stream->left;
    int header_len = pirn_endpoint_frame(&conn->endpoint, stream->type, fin, len, to);
    if (header_len < 0)
        return header_len;
    uint8_t *payload = to + header_len;
    if (!read_all(stream, payload, len))
        return -PIRN_E_FILE_READ;
    const struct pirn_str piece = {(char *)payload, len};
    if (is_checked(conn, stream) && !pirn__pieces_are_text(&stream->utf8, &piece, 1, fin))
        return -PIRN_E_TEXT_UTF8;
    if (pirn_endpoint_role(&conn->endpoint) == PIRN_CLIENT)
        pirn_mask(payload, payload, len, payload - 4, 0);
    pirn__conn_commit(conn, (size_t)header_len + len);
    return 0;
}

static bool may_pump(const struct pirn_conn *conn, const struct pirn__stream *stream)
{
    return stream && is_file(stream) && conn->phase == PIRN__PHASE_OPEN &&
           pirn_endpoint_state(&conn->endpoint) == PIRN_OPEN &&
           !(conn->flags & (PIRN__BLOCKED | PIRN__CUT)) && pirn__conn_busy(conn)->queued == 0;
}

void pirn__stream_pump(struct pirn_conn *conn)
{
    struct pirn__stream *stream = stream_of(conn);
    if (!may_pump(conn, stream))
        return;
    int error = (stream->encoded ? encode_chunk : send_chunk)(conn, stream);
    if (error < 0)
        pirn__conn_fail(conn, (enum pirn_error) - error);
    else if (stream->left == 0)
        finish(conn);
    pirn__conn_flush(conn);
}

bool pirn__stream_goes_on(const struct pirn_conn *conn)
{
    return may_pump(conn, stream_of(conn));
}

int pirn_conn_send_file(struct pirn_conn *conn, enum pirn_opcode type, int fd, uint64_t offset,
                        uint64_t len, enum pirn_compress compress)
{
    const struct pirn_message_plan plan = {
        .type = type, .compress = compress, .has_total = true, .total = len};
    if (fd < 0 || offset > INT64_MAX || len > INT64_MAX - offset)
        return -PIRN_E_ARGUMENT;
    int error = begin(conn, &plan);
    if (error)
        return error;
    struct pirn__stream *stream = stream_of(conn);
    stream->file = fd;
    stream->offset = offset;
    stream->left = len;
    return 0;
}
