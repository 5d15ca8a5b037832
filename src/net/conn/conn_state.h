/* conn_state.h: the inside of struct pirn_conn, for conn*.c only. What belongs where: conn.c begins
 * and ends, and says when; conn_receive.c is the way in, conn_output.c the queue out, conn_send.c
 * what programs send, conn_close.c what is told of an ending. */
#ifndef PIRN_NET_CONN_STATE_H
#define PIRN_NET_CONN_STATE_H

#include "conn/conn.h"
#include "loop/loop.h"
#include "tls/tls.h"

/* Nothing leads back. */
enum pirn__phase {
    PIRN__PHASE_OPEN,
    PIRN__PHASE_AWAITING,  /* our Close has left, the peer's is to come */
    PIRN__PHASE_FINISHING, /* nothing is received any more; what is queued, and our Close, leave */
    PIRN__PHASE_LINGERING, /* all has left; input is thrown away until the peer ends its side */
    PIRN__PHASE_ENDED      /* the socket is closed; on_close is to be told */
};

enum pirn__conn_flag {
    PIRN__PAUSED = 1, /* by the program */
    PIRN__HELD = 2,   /* by PIRN_FULL_REFUSE, until the queue has drained */
    PIRN__DONE = 4,   /* by the phase */
    PIRN__DEAF = PIRN__PAUSED | PIRN__HELD | PIRN__DONE, /* any of these: no event is delivered */
    PIRN__BLOCKED = 8,    /* the socket takes no more; it will be writable */
    PIRN__CUT = 0x10,     /* writing failed: nothing will ever leave */
    PIRN__FULL = 0x20,    /* the high-water mark was reached: on_drain is owed */
    PIRN__AT_WORK = 0x40, /* between begin and end */
    PIRN__HUNG_UP = 0x80, /* while paused; not watched, or the loop would spin */
    PIRN__MORE = 0x100,   /* the last read filled its buffer: there may be more behind it */
    PIRN__CLOSE_LEFT = 0x200,
    PIRN__MISSED = 0x400,     /* the timer fired in a pause */
    PIRN__EXCUSED = 0x800,    /* for a pause, and nothing has been delivered since */
    PIRN__NAMED = 0x1000,     /* a subprotocol lies behind it */
    PIRN__STREAMING = 0x2000, /* a message is sent bit by bit: busy->stream */
    PIRN__EXTENDED = 0x4000,  /* extensions were agreed on: their states lie behind it */
    PIRN__TLS = 0x8000        /* a TLS session lies behind it */
};

/* Bytes that wait to leave: whole frames, but the first may have left in part. */
struct pirn__chunk {
    struct pirn__chunk *next;
    size_t cap, len, sent;
    size_t border; /* where some frame ends and the next begins, as far as was looked */
    uint8_t bytes[];
};

struct pirn__bytes {
    uint8_t *data;
    size_t len, cap;
};

/* A message that is sent while another one is made, and waits for its end. */
struct pirn__waiting {
    struct pirn__waiting *next;
    enum pirn_opcode type;
    enum pirn_compress compress;
    size_t len;
    char bytes[];
};

/* What gathers of a message's small parts before it is worth a frame. */
enum { PIRN__GATHER_BYTES = 4 << 10 };

/* A message that is sent bit by bit: by the program, or out of a file. */
struct pirn__stream {
    enum pirn_opcode type;
    bool encoded; /* an extension transforms it */
    bool thirsty; /* a part of it was refused, or the last that was not: on_drain is owed */
    bool closing; /* our Close leaves behind it, and behind what waits */
    uint8_t close_len;
    int file;                              /* -1: none */
    uint64_t offset, left;                 /* in it */
    struct pirn_utf8 utf8;                 /* of what was taken, if it is checked */
    struct pirn__waiting *waiting, **last; /* what leaves behind it */
    size_t gathered;
    uint8_t gather[PIRN__GATHER_BYTES]; /* not sent yet; of a file: just read */
    uint8_t close[PIRN_CONTROL_MAX];    /* payload of the Close */
};

/* What only a connection at work needs. The loop lends its own; one that is not idle again at the
 * end of its work gets its own. */
struct pirn__busy {
    struct pirn_control_slots slots; /* first: see pirn__conn_busy() */
    struct pirn_conn *conn;
    struct pirn__task task;           /* work at the end of the turn */
    struct pirn__chunk *first, *last; /* the queue */
    size_t queued;                    /* bytes in it */
    struct pirn__stream *stream;      /* NULL: none */
    size_t waiting;                   /* bytes of messages that wait behind it */
    struct pirn__chunk *control;      /* Pings and Pongs that pass the queue; NULL: none */
    uint64_t progress_us;             /* when the queue last became shorter, or began */
    struct pirn__bytes message;       /* as far as it has come */
    struct pirn__bytes stash;         /* received, not delivered: the program paused */
    size_t stash_at;                  /* what of it has been delivered since */
    uint8_t controls;                 /* the program's in control */
    uint8_t reason_len;               /* of the peer's Close */
    char reason[PIRN_CLOSE_REASON_MAX];
};

/* How far the bytes of one direction have been looked at for frames. */
struct pirn__passing {
    uint64_t payload_left;
    uint8_t header_len, header[PIRN_FRAME_HEADER_MAX];
};

struct pirn__frames {
    struct pirn__passing received, sent;
};

/* All that an idle connection costs: 256 bytes with an allocator's own and the server's share. What
 * not every one has lies behind it in the same memory: see conn_memory.c. */
struct pirn_conn {
    struct pirn_endpoint endpoint;
    struct pirn_watch watch;
    union {
        struct pirn_timer timer;
        struct pirn__task end; /* PIRN__PHASE_ENDED */
    } at;
    struct pirn__conn_owner *owner;
    struct pirn_conn *next, **link; /* in owner->first */
    const struct pirn_handlers *handlers;
    void *context, *owner_data;
    uint16_t flags;
    uint16_t system_error;
    uint16_t used; /* when extensions were last at work: see conn_extend.c. 0: they are idle */
    uint8_t phase;
    uint8_t error; /* how it ended, if the endpoint does not know; below 256 */
};

_Static_assert(sizeof(struct pirn_conn) <= 232, "idle connections are small");

/* Payload in the receive buffer that leaves from where it lies: it belongs behind the header that
 * ends at this place of the loop's chunk. */
struct pirn__loan {
    size_t at, len;
    const uint8_t *data;
};

enum { PIRN__LOANS_MAX = 31 };

/* Shared by the connections of a loop. */
struct pirn__conn_shared {
    struct pirn__busy busy;
    struct pirn__chunk *chunk;
    bool busy_lent, chunk_lent;
    bool receiving; /* what is in the receive buffer, or what extensions make, is delivered */
    unsigned loan_count;
    struct pirn__loan loans[PIRN__LOANS_MAX]; /* of the one that has the chunk */
};

static inline struct pirn_loop *pirn__conn_loop(const struct pirn_conn *conn)
{
    return conn->owner->loop;
}

/* NULL: idle. The endpoint points to the slots of busy, or to none; so they are one pointer. */
static inline struct pirn__busy *pirn__conn_busy(const struct pirn_conn *conn)
{
    return (struct pirn__busy *)(void *)conn->endpoint.slots;
}

static inline struct pirn__conn_shared *pirn__conn_shared(const struct pirn_conn *conn)
{
    return pirn__loop_shared(conn->owner->loop)->conn;
}

/* NULL: plain. The first of what lies behind the connection. */
static inline struct pirn__tls *pirn__conn_tls(const struct pirn_conn *conn)
{
    return conn->flags & PIRN__TLS ? *(struct pirn__tls **)(uintptr_t)(conn + 1) : NULL;
}

/* Bytes that TLS has made and the socket has not taken yet. */
static inline size_t pirn__conn_ciphertext(const struct pirn_conn *conn)
{
    return conn->flags & PIRN__TLS ? pirn__tls_waiting(pirn__conn_tls(conn)) : 0;
}

/* Why the socket, or TLS upon it, has just failed. */
static inline enum pirn_error pirn__conn_socket_error(const struct pirn_conn *conn)
{
    struct pirn__tls *tls = pirn__conn_tls(conn);
    return tls && pirn__tls_error(tls) ? pirn__tls_error(tls) : PIRN_E_SYSTEM;
}

static inline bool pirn__conn_is_deaf(const struct pirn_conn *conn)
{
    return (conn->flags & PIRN__DEAF) != 0;
}

/* Whether there is something to deliver that was received: it comes before all that is read. */
static inline bool pirn__conn_has_backlog(const struct pirn_conn *conn)
{
    const struct pirn__busy *busy = pirn__conn_busy(conn);
    return busy && (busy->stash.len > 0 ||
                    (conn->flags & PIRN__EXTENDED && pirn_endpoint_is_pending(&conn->endpoint)));
}

/* ---- conn.c */

/* Work on a connection: everything that sends, receives or tells is done between begin, which gives
 * it a busy, and end, which flushes, goes on to the next phase and takes busy back. begin is false
 * when there is no memory; the connection has ended then. */
bool pirn__conn_begin(struct pirn_conn *conn);
void pirn__conn_end(struct pirn_conn *conn);

/* For calls of the program from anywhere: gives it a busy, and has the connection worked on at the
 * end of the turn. False without memory. */
bool pirn__conn_wake(struct pirn_conn *conn);

/* Has the timer fire by then. */
void pirn__conn_alarm_by(struct pirn_conn *conn, uint64_t due_us);

/* Sees to it that the socket is watched for what is wanted now. */
void pirn__conn_rewatch(struct pirn_conn *conn);

/* Nothing is delivered any more: what is queued leaves, then the connection ends. */
void pirn__conn_wind_up(struct pirn_conn *conn);

/* The same, with a Close of 1011 if none is queued yet. */
void pirn__conn_fail(struct pirn_conn *conn, enum pirn_error error);

/* Remembers why it will end, if that is not known yet. */
void pirn__conn_note(struct pirn_conn *conn, enum pirn_error error, int system_error);

/* The socket is closed, by a reset if so wanted, and on_close told at the end of the turn. What was
 * known before of the cause remains. */
void pirn__conn_finish(struct pirn_conn *conn, enum pirn_error error, int system_error, bool reset);

/* ---- conn_memory.c */

/* Takes the memory of a connection, and sets what of it lies behind the struct. NULL without. */
struct pirn_conn *pirn__conn_alloc(struct pirn__conn_owner *owner,
                                   const struct pirn__conn_start *start);
void pirn__conn_free(struct pirn_conn *conn);

/* The states of its extensions; NULL: none. */
struct pirn_extension_state *pirn__conn_states(const struct pirn_conn *conn);

/* If there is an on_frame. */
struct pirn__frames *pirn__conn_frames(const struct pirn_conn *conn);

/* ---- conn_frames.c: for on_frame, which must be there */

/* Bytes have come; the first len of the pieces have left. */
void pirn__frames_received(const struct pirn_conn *conn, const uint8_t *data, size_t len);
void pirn__frames_sent(const struct pirn_conn *conn, const struct iovec *pieces, int count,
                       size_t len);

/* ---- conn_receive.c */

void pirn__conn_read(struct pirn_conn *conn);
void pirn__conn_discard(struct pirn_conn *conn);

/* Whether what TLS holds already, of which no event would tell, says that the peer has ended. */
bool pirn__conn_peer_ended(struct pirn_conn *conn);
void pirn__conn_take_input(struct pirn_conn *conn, uint8_t *data, size_t len);
void pirn__conn_take_stash(struct pirn_conn *conn);

/* ---- conn_output.c */

/* Room for need bytes at the end of the queue, together; NULL without memory. Then commit says how
 * many were written. */
uint8_t *pirn__conn_reserve(struct pirn_conn *conn, size_t need);
void pirn__conn_commit(struct pirn_conn *conn, size_t len);

/* Gives back the room at the end of a queue, when there is not enough. */
void pirn__conn_trim(struct pirn_conn *conn);

/* How much room there is where the last reservation lies. */
size_t pirn__conn_room(const struct pirn_conn *conn);

/* Room for the header of a frame whose payload stays in the receive buffer until the end of the
 * work; NULL if it does not lie there, or the queue is not such that it could leave from there.
 * Then lend says how long the header has become. */
uint8_t *pirn__conn_reserve_header(struct pirn_conn *conn, const void *payload);
void pirn__conn_lend(struct pirn_conn *conn, size_t header_len, const void *payload, size_t len);

/* Sends what waits until the socket is full. */
void pirn__conn_flush(struct pirn_conn *conn);

/* Sends what waits and, behind it, a header and its payload in pieces, with one call; queues what
 * the socket does not take of them. False without memory for that: the connection has ended then.
 */
bool pirn__conn_push(struct pirn_conn *conn, struct pirn_str header, const struct pirn_str *pieces,
                     size_t count);

/* Puts a Pong that waits into the queue if it has room for it; else the next takes its place. */
void pirn__conn_answer_ping(struct pirn_conn *conn);

/* Queues a control frame of the program. 0, -PIRN_E_QUEUE_FULL or -PIRN_E_MEMORY. */
int pirn__conn_queue_control(struct pirn_conn *conn, const uint8_t *frame, size_t len);

/* Nothing waits to leave. */
bool pirn__conn_all_left(const struct pirn_conn *conn);

/* Moves what lies in the loop's chunk to one of the connection's own. False without memory. */
bool pirn__conn_own_output(struct pirn_conn *conn);
void pirn__conn_drop_output(struct pirn_conn *conn);

/* ---- conn_send.c */

/* A whole message of the program's. */
struct pirn__message {
    enum pirn_opcode type;
    enum pirn_compress compress;
    const struct pirn_str *pieces;
    size_t count;
};

/* Whether anything may be sent: 0 or an error. */
int pirn__conn_check(const struct pirn_conn *conn);

/* Does what follows when the queue stands at the high-water mark, and not only because nobody has
 * tried to send it; 1 then, else 0. */
int pirn__conn_note_full(struct pirn_conn *conn);

/* A message is not taken, as the queue is full. */
int pirn__conn_refuse(struct pirn_conn *conn);

/* The memory that output needs, and a queue that is not full: 0 or an error. */
int pirn__conn_make_room(struct pirn_conn *conn);

/* Sends a whole message, or a frame of one, in pieces; it is checked already, and nothing asks how
 * full the queue is. 0 or an error; without memory the connection has failed then. */
int pirn__conn_put(struct pirn_conn *conn, const struct pirn__message *message);
int pirn__conn_put_frame(struct pirn_conn *conn, enum pirn_opcode type,
                         const struct pirn_str *pieces, size_t count, bool fin);

/* Bytes of all pieces; PIRN__TOO_MANY if they are more than can be, or len bytes at NULL. */
#define PIRN__TOO_MANY SIZE_MAX
size_t pirn__pieces_len(const struct pirn_str *pieces, size_t count);

/* Whether the pieces go on with text that utf8 has seen, and end it if fin. */
bool pirn__pieces_are_text(struct pirn_utf8 *utf8, const struct pirn_str *pieces, size_t count,
                           bool fin);

/* ---- conn_extend.c */

/* Sends through the extensions what is in out, in as many frames as it takes. Returns 0, or an
 * error that changes nothing, or one with which the connection has failed. */
int pirn__conn_encode(struct pirn_conn *conn, struct pirn_outgoing *out);
int pirn__conn_encode_message(struct pirn_conn *conn, const struct pirn__message *message);

/* Extensions are at work. */
void pirn__conn_note_use(struct pirn_conn *conn);

/* When they will have been idle for so long that they give back what they can make again, and has
 * them do so if it is time. */
uint64_t pirn__conn_idle_us(const struct pirn_conn *conn);
void pirn__conn_release_idle(struct pirn_conn *conn);

/* ---- conn_stream.c */

/* Keeps a message until the one that is being made has ended. 0 or -PIRN_E_MEMORY. */
int pirn__stream_wait(struct pirn_conn *conn, const struct pirn__message *message);

/* Sends the next of a file if nothing else is to leave before; whether it could go on so. */
void pirn__stream_pump(struct pirn_conn *conn);
bool pirn__stream_goes_on(const struct pirn_conn *conn);

/* Whether the queue has drained for who makes a message: that is to be told. */
bool pirn__stream_drank(struct pirn_conn *conn);

/* Has a Close leave behind what is being sent: true if there is something that has an end, and
 * then 0 or an error is in *result. */
bool pirn__stream_close(struct pirn_conn *conn, int code, struct pirn_str reason, int *result);

/* The message never ends, and what waits behind it is lost. */
void pirn__stream_drop(struct pirn_conn *conn);

#endif
