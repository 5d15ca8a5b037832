/* conn_output.c: the queue from a connection to its socket.
 *
 * The queue is a chain of chunks, each with whole frames one behind the other; only the first may
 * have left in part. A connection at work fills the chunk of the loop first; what is left of it at
 * the end of the work moves to a chunk of the connection's own.
 *
 * Control frames that should pass the queue stand in a chunk of their own. They may go in between
 * two frames only, so the rest of the frame in transmission leaves before them: where that ends is
 * found by reading our own headers, from the last border known on; nothing is kept for it. As soon
 * as a control frame has begun to leave, the queue stands at a border, and stays there until the
 * control frames are through. */
#include <errno.h>
#include <string.h>

#include "conn/conn_state.h"
#include "loop/socket.h"

enum {
    MAX_PIECES = 16,
    CHUNK_MIN_BYTES = 512,
    CHUNK_MAX_BYTES = 64 << 10,
    PONGS_MAX_BYTES = 16 << 10,
    PROGRAM_CONTROLS_MAX = 64,
    WAITING_MAX_BYTES = 3 * PIRN_CONTROL_FRAME_MAX, /* what pirn_endpoint_control() gives */
    CONTROL_BYTES = PROGRAM_CONTROLS_MAX * PIRN_CONTROL_FRAME_MAX + WAITING_MAX_BYTES
};

/* ---- chunks */

static struct pirn__chunk *make_chunk(struct pirn_conn *conn, size_t cap)
{
    struct pirn__chunk *chunk =
        cap <= SIZE_MAX - sizeof *chunk
            ? pirn__realloc(pirn__conn_loop(conn), NULL, 0, sizeof *chunk + cap)
            : NULL;
    if (chunk)
        *chunk = (struct pirn__chunk){.cap = cap};
    return chunk;
}

static void free_chunk(struct pirn_conn *conn, struct pirn__chunk *chunk)
{
    struct pirn__conn_shared *shared = pirn__conn_shared(conn);
    if (chunk != shared->chunk) {
        pirn__free(pirn__conn_loop(conn), chunk, chunk ? sizeof *chunk + chunk->cap : 0);
        return;
    }
    shared->chunk_lent = false;
    shared->loan_count = 0;
}

static struct pirn__chunk *borrow_chunk(struct pirn_conn *conn)
{
    struct pirn__conn_shared *shared = pirn__conn_shared(conn);
    *shared->chunk = (struct pirn__chunk){.cap = shared->chunk->cap};
    shared->chunk_lent = true;
    return shared->chunk;
}

/* Chunks of a connection's own grow with the queue, so that they are few and not much too large. */
static struct pirn__chunk *next_chunk(struct pirn_conn *conn, size_t need)
{
    struct pirn__conn_shared *shared = pirn__conn_shared(conn);
    size_t cap = pirn__conn_busy(conn)->queued;
    if (conn->flags & PIRN__AT_WORK && !shared->chunk_lent && need <= shared->chunk->cap)
        return borrow_chunk(conn);
    cap = cap < CHUNK_MIN_BYTES ? CHUNK_MIN_BYTES : cap;
    cap = cap > CHUNK_MAX_BYTES ? CHUNK_MAX_BYTES : cap;
    return make_chunk(conn, need > cap ? need : cap);
}

static void append_chunk(struct pirn__busy *busy, struct pirn__chunk *chunk)
{
    if (busy->last)
        busy->last->next = chunk;
    else
        busy->first = chunk;
    busy->last = chunk;
}

static size_t chunk_room(const struct pirn__chunk *chunk)
{
    return chunk ? chunk->cap - chunk->len : 0;
}

static size_t chunk_left(const struct pirn__chunk *chunk)
{
    return chunk ? chunk->len - chunk->sent : 0;
}

/* Bytes from what has left of a chunk to the end of the frame that has left in part. */
static size_t rest_of_frame(struct pirn__chunk *chunk)
{
    struct pirn_frame frame;
    while (chunk->border < chunk->sent) {
        size_t size =
            pirn_frame_decode(&frame, chunk->bytes + chunk->border, chunk->len - chunk->border);
        chunk->border += size + (size_t)frame.payload_len;
    }
    return chunk->border - chunk->sent;
}

static void drop_queue(struct pirn_conn *conn)
{
    struct pirn__busy *busy = pirn__conn_busy(conn);
    while (busy->first) {
        struct pirn__chunk *chunk = busy->first;
        busy->first = chunk->next;
        free_chunk(conn, chunk);
    }
    busy->last = NULL;
    busy->queued = 0;
}

/* ---- filling */

void pirn__conn_trim(struct pirn_conn *conn)
{
    struct pirn__busy *busy = pirn__conn_busy(conn);
    struct pirn__chunk **link = &busy->first, *last = busy->last;
    if (!last || last == pirn__conn_shared(conn)->chunk || last->len == 0)
        return;
    while (*link != last)
        link = &(*link)->next;
    last = pirn__realloc(pirn__conn_loop(conn), last, sizeof *last + last->cap,
                         sizeof *last + last->len);
    if (!last)
        return;
    last->cap = last->len;
    busy->last = *link = last;
}

static uint8_t *make_room(struct pirn_conn *conn, size_t need)
{
    struct pirn__busy *busy = pirn__conn_busy(conn);
    if (chunk_room(busy->last) < need) {
        struct pirn__chunk *chunk;
        if (busy->queued == 0)
            drop_queue(conn);
        chunk = next_chunk(conn, need);
        if (!chunk)
            return NULL;
        append_chunk(busy, chunk);
    }
    return busy->last->bytes + busy->last->len;
}

uint8_t *pirn__conn_reserve(struct pirn_conn *conn, size_t need)
{
    const struct pirn__busy *busy = pirn__conn_busy(conn);
    if (chunk_room(busy->last) < need && busy->queued > 0 && busy->queued + need > CHUNK_MAX_BYTES)
        pirn__conn_flush(conn);
    return make_room(conn, need);
}

/* What comes now may be the first that waits: it is not stalled before its time. */
static void note_waiting(struct pirn_conn *conn)
{
    struct pirn__busy *busy = pirn__conn_busy(conn);
    if (busy->queued == 0 && !busy->control)
        busy->progress_us = pirn_loop_now_us(pirn__conn_loop(conn));
}

void pirn__conn_commit(struct pirn_conn *conn, size_t len)
{
    struct pirn__busy *busy = pirn__conn_busy(conn);
    note_waiting(conn);
    busy->last->len += len;
    busy->queued += len;
}

size_t pirn__conn_room(const struct pirn_conn *conn)
{
    return chunk_room(pirn__conn_busy(conn)->last);
}

/* With room for need bytes more; mostly one frame is all. NULL without memory. */
static struct pirn__chunk *control_chunk(struct pirn_conn *conn, size_t need)
{
    struct pirn__chunk **control = &pirn__conn_busy(conn)->control, *larger;
    note_waiting(conn);
    if (!*control)
        *control = make_chunk(conn, CHUNK_MIN_BYTES);
    if (!*control || chunk_room(*control) >= need)
        return *control;
    larger = pirn__realloc(pirn__conn_loop(conn), *control, sizeof *larger + (*control)->cap,
                           sizeof *larger + CONTROL_BYTES);
    if (!larger)
        return NULL;
    larger->cap = CONTROL_BYTES;
    return *control = larger;
}

int pirn__conn_queue_control(struct pirn_conn *conn, const uint8_t *frame, size_t len)
{
    if (pirn__conn_busy(conn)->controls == PROGRAM_CONTROLS_MAX)
        pirn__conn_flush(conn);
    if (pirn__conn_busy(conn)->controls == PROGRAM_CONTROLS_MAX)
        return -PIRN_E_QUEUE_FULL;
    struct pirn__chunk *control = control_chunk(conn, len);
    if (!control)
        return -PIRN_E_MEMORY;
    memcpy(control->bytes + control->len, frame, len);
    control->len += len;
    pirn__conn_busy(conn)->controls++;
    return 0;
}

/* Only as long as they are few: of more Pings than the peer takes answers for, the latest is enough
 * (RFC 6455, 5.5.3). */
void pirn__conn_answer_ping(struct pirn_conn *conn)
{
    uint8_t *to;
    if (conn->flags & PIRN__BLOCKED || pirn__conn_busy(conn)->queued > PONGS_MAX_BYTES ||
        !pirn_endpoint_has_control(&conn->endpoint))
        return;
    to = pirn__conn_reserve(conn, WAITING_MAX_BYTES);
    int len = to ? pirn_endpoint_control(&conn->endpoint, to, WAITING_MAX_BYTES, false) : 0;
    if (len > 0)
        pirn__conn_commit(conn, (size_t)len);
}

/* ---- emptying */

static void drop_control(struct pirn_conn *conn)
{
    free_chunk(conn, pirn__conn_busy(conn)->control);
    pirn__conn_busy(conn)->control = NULL;
    pirn__conn_busy(conn)->controls = 0;
}

void pirn__conn_drop_output(struct pirn_conn *conn)
{
    drop_queue(conn);
    drop_control(conn);
}

/* Nothing will ever leave; so nothing waits. If the peer has gone reading goes on until it says so
 * too: what it sent last may tell why. */
static void lose(struct pirn_conn *conn, int system_error)
{
    if (system_error != EPIPE && system_error != ECONNRESET) {
        pirn__conn_finish(conn, pirn__conn_socket_error(conn), system_error, true);
        return;
    }
    conn->flags |= PIRN__CUT;
    conn->flags &= (uint16_t) ~(PIRN__BLOCKED | PIRN__FULL | PIRN__HELD);
    pirn__conn_note(conn, PIRN_E_SYSTEM, system_error);
    pirn__conn_drop_output(conn);
}

static int fetch_behind(struct pirn_conn *conn)
{
    uint8_t *to = make_room(conn, WAITING_MAX_BYTES);
    if (!to)
        return -PIRN_E_MEMORY;
    int len = pirn_endpoint_control(&conn->endpoint, to, WAITING_MAX_BYTES, true);
    if (len > 0)
        pirn__conn_commit(conn, (size_t)len);
    return len;
}

/* A Pong that passes the queue must not pass an older one: of those that have not begun to leave
 * the latest is enough (RFC 6455, 5.5.3). Further behind pirn__conn_answer_ping() puts none. */
static void drop_older_pongs(struct pirn__busy *busy)
{
    struct pirn_frame frame;
    size_t ahead = 0;
    for (struct pirn__chunk *chunk = busy->first; chunk; chunk = chunk->next) {
        size_t at = chunk->sent + rest_of_frame(chunk);
        while (at < chunk->len && ahead + at - chunk->sent <= PONGS_MAX_BYTES) {
            size_t size = pirn_frame_decode(&frame, chunk->bytes + at, chunk->len - at);
            size += (size_t)frame.payload_len;
            at += size;
            if (frame.opcode != PIRN_PONG)
                continue;
            memmove(chunk->bytes + at - size, chunk->bytes + at, chunk->len - at);
            at -= size;
            chunk->len -= size;
            busy->queued -= size;
        }
        ahead += chunk_left(chunk);
        if (ahead > PONGS_MAX_BYTES)
            return;
    }
}

static int fetch_before(struct pirn_conn *conn)
{
    struct pirn__chunk *control = control_chunk(conn, WAITING_MAX_BYTES);
    if (!control)
        return -PIRN_E_MEMORY;
    int len = pirn_endpoint_control(&conn->endpoint, control->bytes, WAITING_MAX_BYTES, false);
    if (len > 0)
        control->len = (size_t)len;
    else
        drop_control(conn);
    if (len > 0 && (control->bytes[0] & 15) == PIRN_PONG)
        drop_older_pongs(pirn__conn_busy(conn));
    return len;
}

/* All of it is of this turn, and not much: as of Pings that came together. */
static bool queue_is_short(const struct pirn_conn *conn)
{
    const struct pirn__busy *busy = pirn__conn_busy(conn);
    return busy->first == pirn__conn_shared(conn)->chunk && !busy->control &&
           busy->queued <= PONGS_MAX_BYTES + WAITING_MAX_BYTES;
}

/* The frames of the endpoint that wait: behind the queue if it is short, or a Close is among them,
 * which leaves last; else before it, but not before those of the last time have left, so that not
 * more than three of them are ever there. Negative: an error. */
static int fetch_control(struct pirn_conn *conn)
{
    struct pirn__busy *busy = pirn__conn_busy(conn);
    if (!pirn_endpoint_has_control(&conn->endpoint))
        return 0;
    if (busy->queued == 0 || pirn_endpoint_has_close(&conn->endpoint) || queue_is_short(conn))
        return fetch_behind(conn);
    return busy->control ? 0 : fetch_before(conn);
}

struct batch {
    struct iovec pieces[MAX_PIECES];
    int count;
    size_t bytes;
    size_t head; /* of the queue, before the control frames */
};

static void add_piece(struct batch *batch, const void *data, size_t len)
{
    if (len == 0 || batch->count == MAX_PIECES)
        return;
    batch->pieces[batch->count++] = (struct iovec){(void *)(uintptr_t)data, len};
    batch->bytes += len;
}

static void add_chunk(struct batch *batch, const struct pirn__chunk *chunk, size_t from, size_t to)
{
    add_piece(batch, chunk->bytes + from, to - from);
}

static void add_waiting(struct pirn_conn *conn, struct batch *batch)
{
    struct pirn__busy *busy = pirn__conn_busy(conn);
    struct pirn__chunk *first = busy->first;
    batch->count = 0; /* and not all of its pieces, which would cost more than the rest */
    batch->bytes = batch->head = 0;
    if (busy->control) {
        batch->head = first ? rest_of_frame(first) : 0;
        if (batch->head > 0)
            add_chunk(batch, first, first->sent, first->sent + batch->head);
        add_chunk(batch, busy->control, busy->control->sent, busy->control->len);
    }
    for (struct pirn__chunk *chunk = first; chunk; chunk = chunk->next)
        add_chunk(batch, chunk, chunk->sent + (chunk == first ? batch->head : 0), chunk->len);
}

/* Takes up to len bytes that have left from the queue; returns how many of len were others. */
static size_t take_from_queue(struct pirn_conn *conn, size_t len)
{
    struct pirn__busy *busy = pirn__conn_busy(conn);
    while (busy->first && len > 0) {
        struct pirn__chunk *chunk = busy->first;
        size_t here = chunk_left(chunk) < len ? chunk_left(chunk) : len;
        chunk->sent += here;
        busy->queued -= here;
        len -= here;
        if (chunk_left(chunk) > 0)
            break;
        busy->first = chunk->next;
        busy->last = busy->first ? busy->last : NULL;
        free_chunk(conn, chunk);
    }
    return len;
}

static size_t take_from_control(struct pirn_conn *conn, size_t len)
{
    struct pirn__chunk *control = pirn__conn_busy(conn)->control;
    size_t left = chunk_left(control), here = left < len ? left : len;
    if (!control)
        return len;
    control->sent += here;
    if (here == left)
        drop_control(conn);
    return len - here;
}

/* Returns how many bytes of what was added behind the waiting have left. */
static size_t take_sent(struct pirn_conn *conn, const struct batch *batch, size_t len)
{
    size_t head = batch->head < len ? batch->head : len;
    take_from_queue(conn, head);
    return take_from_queue(conn, take_from_control(conn, len - head));
}

static size_t send_batch(struct pirn_conn *conn, const struct batch *batch)
{
    ssize_t sent =
        pirn__wire_send(conn->watch.fd, pirn__conn_tls(conn), batch->pieces, batch->count);
    if (sent < 0 && !pirn__socket_would_block()) {
        lose(conn, errno);
        return 0;
    }
    size_t len = sent > 0 ? (size_t)sent : 0;
    if (conn->owner->config->on_frame)
        pirn__frames_sent(conn, batch->pieces, batch->count, len);
    if (len < batch->bytes || pirn__conn_ciphertext(conn) > 0)
        conn->flags |= PIRN__BLOCKED;
    if (len > 0)
        pirn__conn_busy(conn)->progress_us = pirn_loop_now_us(pirn__conn_loop(conn));
    return take_sent(conn, batch, len);
}

static bool may_send(const struct pirn_conn *conn)
{
    return !(conn->flags & (PIRN__BLOCKED | PIRN__CUT)) && conn->phase < PIRN__PHASE_LINGERING;
}

/* ---- loans: payload that leaves from the receive buffer. They are made while that is delivered,
 * into a queue that is the loop's chunk alone and has not begun to leave; the first flush sends
 * them all, and copies what the socket does not take. */

static bool in_receive_buffer(struct pirn_conn *conn, const uint8_t *data)
{
    const struct pirn__loop_shared *loops = pirn__loop_shared(pirn__conn_loop(conn));
    return (uintptr_t)data - (uintptr_t)loops->receive < loops->receive_cap;
}

uint8_t *pirn__conn_reserve_header(struct pirn_conn *conn, const void *payload)
{
    struct pirn__conn_shared *shared = pirn__conn_shared(conn);
    const struct pirn__busy *busy = pirn__conn_busy(conn);
    if (!shared->receiving || !may_send(conn) || busy->control || !in_receive_buffer(conn, payload))
        return NULL;
    if (shared->loan_count == PIRN__LOANS_MAX)
        pirn__conn_flush(conn);
    uint8_t *to = make_room(conn, PIRN_FRAME_HEADER_MAX);
    return may_send(conn) && busy->first == shared->chunk && busy->last == shared->chunk ? to
                                                                                         : NULL;
}

void pirn__conn_lend(struct pirn_conn *conn, size_t header_len, const void *payload, size_t len)
{
    struct pirn__conn_shared *shared = pirn__conn_shared(conn);
    pirn__conn_commit(conn, header_len);
    shared->loans[shared->loan_count++] =
        (struct pirn__loan){.at = shared->chunk->len, .len = len, .data = payload};
    pirn__conn_busy(conn)->queued += len;
}

/* The first border at or behind what has left. */
static size_t border_behind(const struct pirn__conn_shared *shared, size_t sent)
{
    const struct pirn__chunk *chunk = shared->chunk;
    struct pirn_frame frame;
    size_t border = chunk->border, at = border;
    for (unsigned loan = 0; border < sent;) {
        size_t size = pirn_frame_decode(&frame, chunk->bytes + at, chunk->len - at);
        bool lent = loan < shared->loan_count && shared->loans[loan].at == at + size;
        loan += lent;
        at += size + (lent ? 0 : (size_t)frame.payload_len);
        border += size + (size_t)frame.payload_len;
    }
    return border;
}

static int loan_pieces(const struct pirn__conn_shared *shared, struct iovec *pieces)
{
    const struct pirn__chunk *chunk = shared->chunk;
    size_t at = 0;
    int count = 0;
    for (unsigned i = 0; i < shared->loan_count; i++) {
        const struct pirn__loan *loan = &shared->loans[i];
        pieces[count++] = (struct iovec){(void *)(uintptr_t)(chunk->bytes + at), loan->at - at};
        pieces[count++] = (struct iovec){(void *)(uintptr_t)loan->data, loan->len};
        at = loan->at;
    }
    pieces[count++] = (struct iovec){(void *)(uintptr_t)(chunk->bytes + at), chunk->len - at};
    return count;
}

/* Puts a chunk of the connection's own with what has not left in place of the loop's. */
static void keep_rest(struct pirn_conn *conn, const struct iovec *pieces, int count, size_t sent,
                      size_t left)
{
    struct pirn__conn_shared *shared = pirn__conn_shared(conn);
    struct pirn__busy *busy = pirn__conn_busy(conn);
    struct pirn__chunk *own = make_chunk(conn, left);
    if (!own) {
        pirn__conn_finish(conn, PIRN_E_MEMORY, 0, true);
        return;
    }
    own->border = border_behind(shared, sent) - sent;
    for (int i = 0; i < count; i++) {
        size_t skip = sent < pieces[i].iov_len ? sent : pieces[i].iov_len;
        memcpy(own->bytes + own->len, (char *)pieces[i].iov_base + skip, pieces[i].iov_len - skip);
        own->len += pieces[i].iov_len - skip;
        sent -= skip;
    }
    own->next = shared->chunk->next;
    busy->first = own;
    if (busy->last == shared->chunk)
        busy->last = own;
    free_chunk(conn, shared->chunk);
}

static void send_loans(struct pirn_conn *conn)
{
    struct pirn__conn_shared *shared = pirn__conn_shared(conn);
    struct pirn__busy *busy = pirn__conn_busy(conn);
    struct iovec pieces[2 * PIRN__LOANS_MAX + 1];
    size_t all = shared->chunk->len;
    for (unsigned i = 0; i < shared->loan_count; i++)
        all += shared->loans[i].len;
    int count = loan_pieces(shared, pieces);
    ssize_t sent = pirn__wire_send(conn->watch.fd, pirn__conn_tls(conn), pieces, count);
    if (sent < 0 && !pirn__socket_would_block()) {
        lose(conn, errno);
        return;
    }
    size_t len = sent > 0 ? (size_t)sent : 0;
    if (conn->owner->config->on_frame)
        pirn__frames_sent(conn, pieces, count, len);
    busy->queued -= len;
    if (len > 0)
        busy->progress_us = pirn_loop_now_us(pirn__conn_loop(conn));
    if (len < all || pirn__conn_ciphertext(conn) > 0)
        conn->flags |= PIRN__BLOCKED;
    if (len == all) {
        busy->first = shared->chunk->next;
        busy->last = busy->first ? busy->last : NULL;
        free_chunk(conn, shared->chunk);
        return;
    }
    keep_rest(conn, pieces, count, len, all - len);
}

/* ---- sending */

/* The socket may be writable again, or reading may have made TLS say something. */
static void send_ciphertext(struct pirn_conn *conn)
{
    struct pirn__tls *tls = pirn__conn_tls(conn);
    size_t before = pirn__tls_waiting(tls);
    if (before == 0 || !may_send(conn))
        return;
    if (pirn__tls_flush(tls) < 0 && !pirn__socket_would_block()) {
        lose(conn, errno);
        return;
    }
    if (pirn__tls_waiting(tls) < before)
        pirn__conn_busy(conn)->progress_us = pirn_loop_now_us(pirn__conn_loop(conn));
    if (pirn__conn_ciphertext(conn) > 0)
        conn->flags |= PIRN__BLOCKED;
}

void pirn__conn_flush(struct pirn_conn *conn)
{
    struct batch batch;
    struct pirn__conn_shared *shared = pirn__conn_shared(conn);
    if (conn->flags & PIRN__TLS)
        send_ciphertext(conn);
    if (shared->loan_count > 0 && pirn__conn_busy(conn)->first == shared->chunk && may_send(conn))
        send_loans(conn);
    while (may_send(conn)) {
        int error = fetch_control(conn);
        if (error < 0)
            pirn__conn_finish(conn, (enum pirn_error) - error, 0, true);
        if (error < 0 || (pirn__conn_busy(conn)->queued == 0 && !pirn__conn_busy(conn)->control))
            return;
        add_waiting(conn, &batch);
        send_batch(conn, &batch);
    }
    if (conn->flags & PIRN__CUT) /* the cut was found while something was being queued */
        pirn__conn_drop_output(conn);
}

/* Copies what lies behind the first *skip bytes of a piece, and takes its length off *skip. */
static size_t copy_rest(uint8_t *to, struct pirn_str piece, size_t *skip)
{
    size_t skipped = *skip < piece.len ? *skip : piece.len;
    *skip -= skipped;
    if (skipped < piece.len)
        memcpy(to, piece.data + skipped, piece.len - skipped);
    return piece.len - skipped;
}

/* Queues the end of a frame whose beginning has left, or all of it: left bytes. */
static bool queue_rest(struct pirn_conn *conn, struct pirn_str header,
                       const struct pirn_str *pieces, size_t count, size_t sent, size_t left)
{
    if (pirn__conn_busy(conn)->queued == 0)
        drop_queue(conn);
    struct pirn__chunk *chunk = left > 0 ? make_chunk(conn, left) : NULL;
    if (!chunk)
        return left == 0;
    size_t skip = sent, at = copy_rest(chunk->bytes, header, &skip);
    for (size_t i = 0; i < count; i++)
        at += copy_rest(chunk->bytes + at, pieces[i], &skip);
    append_chunk(pirn__conn_busy(conn), chunk);
    pirn__conn_commit(conn, left);
    chunk->border = sent > 0 ? left : 0;
    return true;
}

bool pirn__conn_push(struct pirn_conn *conn, struct pirn_str header, const struct pirn_str *pieces,
                     size_t count)
{
    struct batch batch;
    size_t sent = 0, all = header.len + pirn__pieces_len(pieces, count);
    if (pirn__conn_shared(conn)->loan_count > 0)
        pirn__conn_flush(conn);
    add_waiting(conn, &batch);
    if (may_send(conn) && batch.count + 2 <= MAX_PIECES) {
        add_piece(&batch, header.data, header.len);
        for (size_t i = 0; i < count; i++)
            add_piece(&batch, pieces[i].data, pieces[i].len);
        sent = send_batch(conn, &batch);
    }
    if (conn->flags & PIRN__CUT || queue_rest(conn, header, pieces, count, sent, all - sent))
        return true;
    pirn__conn_finish(conn, PIRN_E_MEMORY, 0, true);
    return false;
}

bool pirn__conn_all_left(const struct pirn_conn *conn)
{
    const struct pirn__busy *busy = pirn__conn_busy(conn);
    return !busy || (busy->queued == 0 && !busy->control &&
                     (conn->flags & PIRN__CUT || (!pirn_endpoint_has_control(&conn->endpoint) &&
                                                  pirn__conn_ciphertext(conn) == 0)));
}

bool pirn__conn_own_output(struct pirn_conn *conn)
{
    struct pirn__conn_shared *shared = pirn__conn_shared(conn);
    struct pirn__busy *busy = pirn__conn_busy(conn);
    struct pirn__chunk **link = &busy->first, *own;
    if (busy->queued == 0)
        drop_queue(conn);
    while (*link && *link != shared->chunk)
        link = &(*link)->next;
    if (!*link)
        return true;
    size_t left = chunk_left(*link), rest = rest_of_frame(*link);
    own = make_chunk(conn, left);
    if (!own)
        return false;
    memcpy(own->bytes, shared->chunk->bytes + shared->chunk->sent, left);
    own->len = left;
    own->border = rest;
    own->next = shared->chunk->next;
    if (busy->last == shared->chunk)
        busy->last = own;
    *link = own;
    free_chunk(conn, shared->chunk);
    return true;
}
