/* conn_receive.c: from the socket to the program.
 *
 * One read takes at most one receive buffer, so that every connection has its turn. While a message
 * is being put together (busy->message) the read is split: what the current frame still lacks goes
 * straight behind what is there, as far as there is room, and what is over into the loop's buffer.
 * The endpoint is fed both in turn; a piece that lies at its place already is not copied.
 *
 * When the program pauses, or its queue is full, what was read and not delivered is put aside
 * (busy->stash) and delivered before the socket is read again. */
#include <errno.h>
#include <string.h>

#include "conn/conn_state.h"
#include "loop/socket.h"

enum { MESSAGE_MIN_BYTES = 256 };

static bool bytes_resize(struct pirn_conn *conn, struct pirn__bytes *bytes, size_t cap)
{
    uint8_t *data = pirn__realloc(pirn__conn_loop(conn), bytes->data, bytes->cap, cap);
    if (!data)
        return false;
    bytes->data = data;
    bytes->cap = cap;
    return true;
}

static void bytes_free(struct pirn_conn *conn, struct pirn__bytes *bytes)
{
    pirn__free(pirn__conn_loop(conn), bytes->data, bytes->cap);
}

/* ---- messages */

static void tell_message(struct pirn_conn *conn, enum pirn_opcode type, uint8_t *data, size_t len)
{
    if (conn->handlers->on_message)
        conn->handlers->on_message(conn, type, data, len);
}

static void tell_chunk(struct pirn_conn *conn, const struct pirn_event *event)
{
    struct pirn_chunk chunk = {.type = (enum pirn_opcode)event->opcode,
                               .first = event->first,
                               .last = event->last,
                               .data = event->data,
                               .len = event->len,
                               .offset = event->offset,
                               .remaining = event->remaining};
    conn->handlers->on_chunk(conn, &chunk);
}

/* Room for what is there and as much again: for what is announced only in so far as that much has
 * come already. */
static bool grow_message(struct pirn_conn *conn, size_t need, uint64_t remaining)
{
    struct pirn__bytes *message = &pirn__conn_busy(conn)->message;
    size_t more = need < MESSAGE_MIN_BYTES ? MESSAGE_MIN_BYTES - need : need;
    if (need <= message->cap)
        return true;
    if (remaining > 0 && remaining < more)
        more = (size_t)remaining;
    return need <= SIZE_MAX - more && bytes_resize(conn, message, need + more);
}

static bool append_piece(struct pirn_conn *conn, const struct pirn_event *event)
{
    struct pirn__bytes *message = &pirn__conn_busy(conn)->message;
    if (event->len == 0)
        return true;
    if (!message->data || event->data != message->data + message->len) {
        if (event->len > SIZE_MAX - message->len ||
            !grow_message(conn, message->len + event->len, event->remaining))
            return false;
        memcpy(message->data + message->len, event->data, event->len);
    }
    message->len += event->len;
    return true;
}

/* The memory leaves the connection before the program is called: whatever it does there, the
 * message stays until it returns. */
static void tell_assembled(struct pirn_conn *conn, const struct pirn_event *event)
{
    struct pirn__bytes message = pirn__conn_busy(conn)->message;
    pirn__conn_busy(conn)->message = (struct pirn__bytes){0};
    tell_message(conn, (enum pirn_opcode)event->opcode, message.data ? message.data : event->data,
                 message.len);
    bytes_free(conn, &message);
}

static void take_message(struct pirn_conn *conn, const struct pirn_event *event)
{
    if (conn->handlers->on_chunk)
        tell_chunk(conn, event);
    else if (event->first && event->last)
        tell_message(conn, (enum pirn_opcode)event->opcode, event->data, event->len);
    else if (!conn->handlers->on_message)
        return;
    else if (!append_piece(conn, event))
        pirn__conn_fail(conn, PIRN_E_MEMORY);
    else if (event->last)
        tell_assembled(conn, event);
}

/* ---- control frames, and the end */

static void take_ping(struct pirn_conn *conn, const struct pirn_event *event)
{
    if (conn->handlers->on_ping)
        conn->handlers->on_ping(conn, event->data, event->len);
    pirn__conn_answer_ping(conn);
}

static void take_pong(struct pirn_conn *conn, const struct pirn_event *event)
{
    if (conn->handlers->on_pong)
        conn->handlers->on_pong(conn, event->data, event->len, event->rtt_us);
}

static void take_close(struct pirn_conn *conn, const struct pirn_event *event)
{
    struct pirn__busy *busy = pirn__conn_busy(conn);
    struct pirn_close close = {event->code, event->has_code, {(char *)event->data, event->len}};
    memcpy(busy->reason, event->data, event->len);
    busy->reason_len = (uint8_t)event->len;
    pirn__conn_wind_up(conn);
    if (conn->handlers->on_close_request)
        conn->handlers->on_close_request(conn, &close);
}

static void take_event(struct pirn_conn *conn, const struct pirn_event *event)
{
    switch (event->type) {
    case PIRN_EVENT_MESSAGE:
        take_message(conn, event);
        break;
    case PIRN_EVENT_PING:
        take_ping(conn, event);
        break;
    case PIRN_EVENT_PONG:
        take_pong(conn, event);
        break;
    case PIRN_EVENT_CLOSE:
        take_close(conn, event);
        break;
    case PIRN_EVENT_FAILURE:
        pirn__conn_wind_up(conn);
        break;
    }
}

/* ---- input */

/* Counts what extensions have made of late, which does not lie in the buffer that was fed: whether
 * it is enough for a turn. */
static bool made_enough(struct pirn_conn *conn, const struct pirn_event *event,
                        const struct iovec *fed, size_t *made)
{
    bool lies_there = (uintptr_t)event->data - (uintptr_t)fed->iov_base < fed->iov_len;
    if (event->type == PIRN_EVENT_MESSAGE)
        pirn__conn_note_use(conn);
    *made += lies_there ? 0 : event->len;
    return *made >= pirn__loop_shared(pirn__conn_loop(conn))->receive_cap;
}

static bool is_enough(struct pirn_conn *conn, const struct pirn_event *latest,
                      const struct iovec *fed, size_t *made)
{
    unsigned flags = conn->flags & (PIRN__DEAF | PIRN__EXTENDED);
    return flags != 0 && (flags != PIRN__EXTENDED || made_enough(conn, latest, fed, made));
}

/* Delivers until nothing is left or the program wants no more; and of what extensions make, which
 * may be much, not more than a buffer or so in one turn, so that others have theirs. Returns how
 * many bytes, of the end of data, were not looked at. */
static size_t deliver(struct pirn_conn *conn, uint8_t *data, size_t len)
{
    struct pirn_endpoint *endpoint = &conn->endpoint;
    const struct iovec fed = {data, len};
    struct pirn_event event;
    size_t made = 0;
    event.type = PIRN_EVENT_PING; /* no message was */
    event.data = NULL;
    event.len = 0;
    conn->flags &= (uint16_t)~PIRN__EXCUSED;
    pirn_endpoint_feed(endpoint, data, len, pirn_loop_now_us(pirn__conn_loop(conn)));
    while (!is_enough(conn, &event, &fed, &made) && pirn_endpoint_next(endpoint, &event))
        take_event(conn, &event);
    return pirn_endpoint_unfeed(endpoint);
}

static void put_aside(struct pirn_conn *conn, const uint8_t *data, size_t len)
{
    struct pirn__bytes *stash = &pirn__conn_busy(conn)->stash;
    if (len == 0 || conn->flags & PIRN__DONE)
        return;
    if (!bytes_resize(conn, stash, stash->len + len)) {
        pirn__conn_fail(conn, PIRN_E_MEMORY);
        return;
    }
    memcpy(stash->data + stash->len, data, len);
    stash->len += len;
}

void pirn__conn_take_input(struct pirn_conn *conn, uint8_t *data, size_t len)
{
    if (len == 0)
        return;
    if (conn->owner->config->on_frame)
        pirn__frames_received(conn, data, len);
    struct pirn__conn_shared *shared = pirn__conn_shared(conn);
    bool nested = shared->receiving; /* opened in a callback of another, with early bytes */
    shared->receiving = true;
    bool waits = pirn__conn_is_deaf(conn) || (nested && conn->flags & PIRN__EXTENDED);
    size_t unread = waits ? len : deliver(conn, data, len);
    shared->receiving = nested;
    put_aside(conn, data + len - unread, unread);
}

void pirn__conn_take_stash(struct pirn_conn *conn)
{
    struct pirn__busy *busy = pirn__conn_busy(conn);
    struct pirn__bytes *stash = &busy->stash;
    if (pirn__conn_is_deaf(conn))
        return;
    uint8_t *rest = stash->data ? stash->data + busy->stash_at : NULL;
    pirn__conn_shared(conn)->receiving = true;
    busy->stash_at = stash->len - deliver(conn, rest, stash->len - busy->stash_at);
    pirn__conn_shared(conn)->receiving = false;
    if (busy->stash_at < stash->len && !(conn->flags & PIRN__DONE))
        return;
    bytes_free(conn, stash);
    *stash = (struct pirn__bytes){0};
    busy->stash_at = 0;
}

/* ---- reading */

/* Where the next bytes go: what the frame lacks to the message, the others to the loop's buffer. At
 * most a buffer of bytes in all. */
static int place_input(struct pirn_conn *conn, struct iovec places[2])
{
    struct pirn__loop_shared *shared = pirn__loop_shared(pirn__conn_loop(conn));
    struct pirn__bytes *message = &pirn__conn_busy(conn)->message;
    uint64_t remaining = pirn_endpoint_remaining(&conn->endpoint);
    places[0] = (struct iovec){NULL, 0};
    places[1] = (struct iovec){shared->receive, shared->receive_cap};
    if (message->len == 0 || remaining == 0)
        return 1;
    if (message->cap == message->len && !grow_message(conn, message->len + 1, remaining - 1))
        return 1;
    size_t room = message->cap - message->len;
    if (room > remaining)
        room = (size_t)remaining;
    if (room > shared->receive_cap)
        room = shared->receive_cap;
    places[0] = (struct iovec){message->data + message->len, room};
    places[1].iov_len -= room;
    return 0;
}

static void take_read(struct pirn_conn *conn, const struct iovec places[2], size_t got)
{
    size_t in_message = got < places[0].iov_len ? got : places[0].iov_len;
    bool filled = got == places[0].iov_len + places[1].iov_len;
    if (filled || (conn->flags & PIRN__TLS && !pirn__tls_is_dry(pirn__conn_tls(conn))))
        conn->flags |= PIRN__MORE;
    else
        conn->flags &= (uint16_t)~PIRN__MORE;
    pirn__conn_take_input(conn, places[0].iov_base, in_message);
    pirn__conn_take_input(conn, places[1].iov_base, got - in_message);
}

static void take_nothing(struct pirn_conn *conn, ssize_t got)
{
    if (got == 0)
        pirn__conn_finish(conn, PIRN_E_EOF, 0, false);
    else if (!pirn__socket_would_block())
        pirn__conn_finish(conn, pirn__conn_socket_error(conn), errno, false);
}

void pirn__conn_read(struct pirn_conn *conn)
{
    struct iovec places[2];
    if (pirn__conn_has_backlog(conn)) {
        pirn__conn_take_stash(conn);
        return;
    }
    if (pirn__conn_is_deaf(conn))
        return;
    int skipped = place_input(conn, places);
    ssize_t got =
        pirn__wire_recv(conn->watch.fd, pirn__conn_tls(conn), places + skipped, 2 - skipped);
    if (got > 0)
        take_read(conn, places, (size_t)got);
    else
        take_nothing(conn, got);
}

/* Reads away what goes into room; past TLS that has failed. As recv(2), but 0 also for an end by
 * error. Over TLS the peer's close_notify is an end: one that waits for ours in turn would not end
 * TCP before. */
static ssize_t discard(struct pirn_conn *conn, void *room, size_t cap)
{
    const struct iovec piece = {room, cap};
    struct pirn__tls *tls = pirn__conn_tls(conn);
    bool through = tls && !pirn__tls_error(tls);
    ssize_t got = pirn__wire_recv(conn->watch.fd, through ? tls : NULL, &piece, 1);
    return got < 0 && errno != EPROTO && !pirn__socket_would_block() ? 0 : got;
}

void pirn__conn_discard(struct pirn_conn *conn)
{
    struct pirn__loop_shared *shared = pirn__loop_shared(pirn__conn_loop(conn));
    if (discard(conn, shared->receive, shared->receive_cap) == 0)
        pirn__conn_finish(conn, PIRN_E_NONE, 0, false);
}

bool pirn__conn_peer_ended(struct pirn_conn *conn)
{
    uint8_t waste[1024];
    ssize_t got = 1;
    for (int i = 0; i < 64 && got > 0 && conn->flags & PIRN__TLS; i++)
        got = pirn__tls_has_input(pirn__conn_tls(conn)) ? discard(conn, waste, sizeof waste) : -1;
    return got == 0;
}
