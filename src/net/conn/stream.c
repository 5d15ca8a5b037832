/* stream.c: a connection as a pair of pipes. A stream puts handlers of its own before those of the
 * connection, which lie in it, so that it is found by them.
 *
 * A chunk that comes is lent first: reads from inside can_read take it from where it lies. What is
 * left of it then waits in memory of the stream, `kept`, which goes when all is read. While too
 * much waits the connection is paused.
 *
 * A stream that is freed in one of its calls, or while a message has come in part, is `leaving`: it
 * swallows the rest, and goes when the call returns or the message ends. */
#include <pirn/stream.h>

#include <string.h>

#include "conn/conn_state.h"
#include "loop/container.h"

enum { KEPT_MIN_BYTES = 512, HELD_MAX_BYTES = 3 };

struct pirn_stream {
    struct pirn_loop *loop;
    struct pirn_conn *conn;             /* NULL: it has ended */
    struct pirn_handlers handlers;      /* the connection's now */
    const struct pirn_handlers *before; /* and before */
    struct pirn_stream_config config;
    struct pirn__bytes kept;
    size_t kept_at; /* what of it is read */
    const uint8_t *lent;
    size_t lent_len;
    struct pirn_utf8 utf8; /* of what is written */
    uint8_t held[HELD_MAX_BYTES];
    uint8_t held_len;
    bool in_message; /* a message has come in part */
    bool paused;     /* by us */
    bool in_call;    /* a function of the program's runs */
    bool leaving;
    struct pirn__ending ending;
};

/* ---- its end */

static void drop_kept(struct pirn_stream *stream)
{
    pirn__free(stream->loop, stream->kept.data, stream->kept.cap);
    stream->kept = (struct pirn__bytes){0};
    stream->kept_at = 0;
}

static void go_on(struct pirn_stream *stream)
{
    stream->paused = false;
    if (stream->conn)
        pirn_conn_resume(stream->conn);
}

/* The stream goes if it is to, and nothing needs it any more. */
static void leave(struct pirn_stream *stream)
{
    if (!stream->leaving || stream->in_call || (stream->conn && stream->in_message))
        return;
    if (stream->conn)
        stream->conn->handlers = stream->before;
    drop_kept(stream);
    pirn__free(stream->loop, stream, sizeof *stream);
}

void pirn_stream_free(struct pirn_stream *stream)
{
    if (!stream)
        return;
    stream->leaving = true;
    stream->lent_len = 0;
    drop_kept(stream);
    if (stream->paused)
        go_on(stream);
    leave(stream);
}

/* ---- in */

static bool keep(struct pirn_stream *stream, const uint8_t *data, size_t len)
{
    struct pirn__bytes *kept = &stream->kept;
    size_t unread = kept->len - stream->kept_at;
    if (len == 0)
        return true;
    if (stream->kept_at > 0)
        memmove(kept->data, kept->data + stream->kept_at, unread);
    kept->len = unread;
    stream->kept_at = 0;
    if (len > kept->cap - unread) {
        size_t need = unread + len, more = need < SIZE_MAX / 2 ? need / 2 : 0;
        size_t cap = need < KEPT_MIN_BYTES ? KEPT_MIN_BYTES : need + more;
        uint8_t *larger = pirn__realloc(stream->loop, kept->data, kept->cap, cap);
        if (!larger)
            return false;
        kept->data = larger;
        kept->cap = cap;
    }
    memcpy(kept->data + unread, data, len);
    kept->len += len;
    return true;
}

static void tell(struct pirn_stream *stream, void (*callback)(struct pirn_stream *stream))
{
    if (stream->leaving || !stream->conn || !callback)
        return;
    stream->in_call = true;
    callback(stream);
    stream->in_call = false;
}

static size_t waiting(const struct pirn_stream *stream)
{
    return stream->kept.len - stream->kept_at;
}

static void pause_if_full(struct pirn_stream *stream)
{
    if (waiting(stream) < stream->config.max_unread_bytes || !stream->conn)
        return;
    stream->paused = true;
    pirn_conn_pause(stream->conn);
}

static struct pirn_stream *stream_of(const struct pirn_conn *conn)
{
    return PIRN__CONTAINER(conn->handlers, struct pirn_stream, handlers);
}

static void on_chunk(struct pirn_conn *conn, const struct pirn_chunk *chunk)
{
    struct pirn_stream *stream = stream_of(conn);
    stream->in_message = !chunk->last;
    if (!stream->leaving && chunk->len > 0) {
        stream->lent = chunk->data;
        stream->lent_len = chunk->len;
        tell(stream, stream->config.can_read);
        if (!keep(stream, stream->lent, stream->lent_len))
            pirn__conn_fail(conn, PIRN_E_MEMORY);
        stream->lent_len = 0;
        pause_if_full(stream);
    }
    leave(stream);
}

static void on_drain(struct pirn_conn *conn)
{
    struct pirn_stream *stream = stream_of(conn);
    stream->in_call = true;
    if (stream->before->on_drain)
        stream->before->on_drain(conn);
    stream->in_call = false;
    tell(stream, stream->config.can_write);
    leave(stream);
}

/* The program may free the stream in either call; on_close may be the connection's last. A client
 * that is freed in a call of the stream's tells of the end from inside that. */
static void on_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    struct pirn_stream *stream = stream_of(conn);
    const struct pirn_handlers *before = stream->before;
    bool in_call = stream->in_call;
    pirn__ending_keep(&stream->ending, info);
    conn->handlers = before;
    stream->conn = NULL;
    stream->in_call = true;
    if (!stream->leaving && stream->config.ended)
        stream->config.ended(stream, &stream->ending.info);
    stream->in_call = in_call;
    leave(stream);
    if (before->on_close)
        before->on_close(conn, info);
}

static size_t take(void *to, size_t cap, const uint8_t *from, size_t len)
{
    size_t taken = len < cap ? len : cap;
    if (taken > 0)
        memcpy(to, from, taken);
    return taken;
}

static size_t take_kept(struct pirn_stream *stream, void *data, size_t cap)
{
    const uint8_t *from = stream->kept.data ? stream->kept.data + stream->kept_at : NULL;
    size_t taken = take(data, cap, from, waiting(stream));
    stream->kept_at += taken;
    if (waiting(stream) == 0)
        drop_kept(stream);
    if (stream->paused && waiting(stream) <= stream->config.max_unread_bytes / 2)
        go_on(stream);
    return taken;
}

static int64_t end_of(const struct pirn_stream *stream)
{
    const struct pirn_close_info *info = &stream->ending.info;
    if (stream->conn)
        return 0;
    if (info->code != PIRN_CLOSE_ABNORMAL)
        return -PIRN_E_CLOSED;
    return -(int64_t)(info->error ? info->error : PIRN_E_EOF);
}

int64_t pirn_stream_read(struct pirn_stream *stream, void *data, size_t cap)
{
    uint8_t *to = data;
    if (!data || cap == 0 || cap > INT64_MAX)
        return -PIRN_E_ARGUMENT;
    size_t got = take_kept(stream, to, cap);
    size_t more = take(to + got, cap - got, stream->lent, stream->lent_len);
    if (more > 0) {
        stream->lent += more;
        stream->lent_len -= more;
    }
    return got + more > 0 ? (int64_t)(got + more) : end_of(stream);
}

size_t pirn_stream_unread(const struct pirn_stream *stream)
{
    return waiting(stream) + stream->lent_len;
}

/* ---- out */

/* Bytes at the end of text that are the beginning of a character. */
static size_t begun_character(const struct pirn_utf8 *utf8, const char *text, size_t len)
{
    size_t begun = 0;
    if (pirn_utf8_complete(utf8))
        return 0;
    while (begun < len && ((unsigned char)text[len - ++begun] & 0xc0) == 0x80)
        ;
    return begun;
}

static int send_pieces(struct pirn_stream *stream, const char *data, size_t len)
{
    const struct pirn_str pieces[] = {{(const char *)stream->held, stream->held_len}, {data, len}};
    bool holds = stream->held_len > 0;
    return pirn_conn_send_pieces(stream->conn, stream->config.type, pieces + !holds, 1 + holds,
                                 stream->config.compress);
}

static int write_text(struct pirn_stream *stream, const char *text, size_t len)
{
    struct pirn_utf8 utf8 = stream->utf8;
    if (pirn_utf8_feed(&utf8, text, len) != len)
        return -PIRN_E_TEXT_UTF8;
    size_t begun = begun_character(&utf8, text, len);
    int result = begun < len ? send_pieces(stream, text, len - begun) : 0;
    if (result < 0)
        return result;
    if (begun < len)
        stream->held_len = 0;
    memcpy(stream->held + stream->held_len, text + len - begun, begun);
    stream->held_len = (uint8_t)(stream->held_len + begun);
    stream->utf8 = utf8;
    return 0;
}

int64_t pirn_stream_write(struct pirn_stream *stream, const void *data, size_t len)
{
    if ((!data && len > 0) || len > INT64_MAX)
        return -PIRN_E_ARGUMENT;
    int result = stream->conn ? pirn__conn_check(stream->conn) : -PIRN_E_CLOSED;
    if (result < 0 || len == 0)
        return result;
    result = stream->config.type == PIRN_TEXT ? write_text(stream, data, len)
                                              : send_pieces(stream, data, len);
    return result < 0 ? result : (int64_t)len;
}

int pirn_stream_close(struct pirn_stream *stream, int code, struct pirn_str reason)
{
    if (!stream->conn)
        return -PIRN_E_CLOSED;
    return stream->held_len > 0 ? -PIRN_E_TEXT_UTF8 : pirn_conn_close(stream->conn, code, reason);
}

/* ---- its beginning */

static int complete(struct pirn_stream_config *config)
{
    PIRN__DEFAULT(config->type, PIRN_BINARY);
    PIRN__DEFAULT(config->max_unread_bytes, PIRN_DEFAULT_STREAM_UNREAD_BYTES);
    return config->type == PIRN_BINARY || config->type == PIRN_TEXT ? 0 : -PIRN_E_ARGUMENT;
}

static int check(const struct pirn_conn *conn, struct pirn_stream_config *config)
{
    if (conn->handlers->on_chunk == on_chunk)
        return -PIRN_E_STATE;
    return pirn_conn_state(conn) == PIRN_CLOSED ? -PIRN_E_CLOSED : complete(config);
}

/* Messages that come in part are put together in busy, unless the program takes chunks. */
static void take_message_in_part(struct pirn_stream *stream)
{
    struct pirn__busy *busy = pirn__conn_busy(stream->conn);
    if (!busy)
        return;
    stream->kept = busy->message;
    busy->message = (struct pirn__bytes){0};
}

static void take_over(struct pirn_stream *stream)
{
    stream->before = stream->conn->handlers;
    stream->handlers = *stream->before;
    stream->handlers.on_message = NULL;
    stream->handlers.on_chunk = on_chunk;
    stream->handlers.on_drain = on_drain;
    stream->handlers.on_close = on_close;
    stream->conn->handlers = &stream->handlers;
    take_message_in_part(stream);
    stream->in_message = stream->kept.len > 0;
    go_on(stream);
    pause_if_full(stream);
}

struct pirn_stream *pirn_stream_new(struct pirn_conn *conn, const struct pirn_stream_config *config,
                                    int *error)
{
    struct pirn_stream_config whole = {.type = PIRN_BINARY};
    if (config)
        whole = *config;
    int result = check(conn, &whole);
    struct pirn_stream *stream =
        result == 0 ? pirn__alloc(pirn__conn_loop(conn), sizeof *stream) : NULL;
    if (result == 0 && !stream)
        result = -PIRN_E_MEMORY;
    if (error)
        *error = -result;
    if (!stream)
        return NULL;
    stream->loop = pirn__conn_loop(conn);
    stream->conn = conn;
    stream->config = whole;
    take_over(stream);
    return stream;
}

/* ---- what programs ask */

const struct pirn_close_info *pirn_stream_ending(const struct pirn_stream *stream)
{
    return stream->conn ? NULL : &stream->ending.info;
}

struct pirn_conn *pirn_stream_conn(const struct pirn_stream *stream)
{
    return stream->conn;
}

void *pirn_stream_context(const struct pirn_stream *stream)
{
    return stream->config.context;
}
