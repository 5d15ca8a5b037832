/* pirn/conn.h: one open WebSocket connection on a loop.
 *
 * A connection comes to life in on_open and ends with on_close, which comes exactly once for every
 * on_open; the pointer is good until on_close returns. All calls are legal in every callback, also
 * closing and terminating: on_close never comes from inside a call, but at the end of the turn.
 *
 * Everything here belongs to the loop's thread. */
#ifndef PIRN_CONN_H
#define PIRN_CONN_H

#include <pirn/close.h>
#include <pirn/deflate.h>
#include <pirn/endpoint.h>
#include <pirn/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pirn_conn;

/* Where an ending came from. */
enum pirn_layer {
    PIRN_LAYER_DNS,
    PIRN_LAYER_TCP,
    PIRN_LAYER_PROXY,
    PIRN_LAYER_TLS,
    PIRN_LAYER_HTTP,
    PIRN_LAYER_WEBSOCKET,
    PIRN_LAYER_APPLICATION,
    PIRN_LAYER_TIMEOUT
};

/* "dns", "tcp", "proxy", "tls", "http", "websocket", "application", "timeout"; static memory. */
PIRN_API const char *pirn_layer_name(enum pirn_layer layer);

/* How a connection ended. 1006 never comes without a cause: layer, error and text give it. */
struct pirn_close_info {
    int code;                      /* what RFC 6455, 7.1.5 calls the close code: of the first Close
                                    * that was received, else 1006 */
    bool has_code;                 /* false: the Close received was empty (code is 1005), or none */
    struct pirn_str reason;        /* of the Close received */
    int sent_code;                 /* of our Close; 1005 for an empty one, 0 if none left */
    enum pirn_close_origin origin; /* who began */
    enum pirn_layer layer;         /* where the cause lies */
    bool clean;                    /* both Close frames are through */
    enum pirn_error error;         /* PIRN_E_NONE for a clean ending */
    int system_error;              /* errno, for layer tcp; else 0 */
    const char *text;              /* all of it in one line without a newline, such as "closed by
                                    * peer: 1001 Going Away \"tab closed\"" */
};

/* A piece of a message, for on_chunk. Good until the callback returns. */
struct pirn_chunk {
    enum pirn_opcode type; /* PIRN_TEXT or PIRN_BINARY */
    bool first, last;
    void *data; /* may be written to */
    size_t len;
    uint64_t offset;    /* in the message */
    uint64_t remaining; /* bytes of this frame still to come, 0 when it came compressed; the
                         * message may have more frames */
};

/* What a connection tells. Any may be NULL. Text is UTF-8, checked; it may hold NUL. data is good
 * until the callback returns, and may be written to. */
struct pirn_handlers {
    /* The opening handshake is done: what it sends leaves behind the answer. */
    void (*on_open)(struct pirn_conn *conn);
    /* A whole message. Not called if on_chunk is there. */
    void (*on_message)(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len);
    /* Pieces of messages as they come: nothing is put together, no message is held in memory. */
    void (*on_chunk)(struct pirn_conn *conn, const struct pirn_chunk *chunk);
    /* A Ping came; it is answered already (unless endpoint.manual_pong). */
    void (*on_ping)(struct pirn_conn *conn, const void *data, size_t len);
    /* A Pong came; rtt_us is set if it answers the latest keep-alive Ping, else 0. */
    void (*on_pong)(struct pirn_conn *conn, const void *data, size_t len, uint64_t rtt_us);
    /* The peer's Close came. pirn_conn_close() from here gives the answer another code and reason,
     * pirn_conn_terminate() gives none; otherwise its code is sent back. */
    void (*on_close_request)(struct pirn_conn *conn, const struct pirn_close *close);
    /* What was queued has fallen to the low-water mark after it had reached the high one. */
    void (*on_drain)(struct pirn_conn *conn);
    /* The end, and why: the last call for this connection. */
    void (*on_close)(struct pirn_conn *conn, const struct pirn_close_info *info);
};

/* What happens to a message that is sent while the queue stands at or above the high-water mark. */
enum pirn_full_policy {
    PIRN_FULL_REFUSE, /* pirn_conn_send() returns -PIRN_E_QUEUE_FULL, and the connection delivers
                       * and reads no more until the queue has fallen to the low-water mark: what
                       * answers each message once loses nothing */
    PIRN_FULL_DROP,   /* the message is dropped: -PIRN_E_QUEUE_FULL too, but reading goes on */
    PIRN_FULL_CLOSE   /* the connection is closed with 1013 */
};

#define PIRN_DEFAULT_HIGH_WATER_BYTES ((size_t)1 << 20)
#define PIRN_DEFAULT_STALL_TIMEOUT_MS 30000
#define PIRN_DEFAULT_IDLE_RELEASE_MS  30000

/* What the connections of one server or client have in common. Zero means the default. */
struct pirn_conn_config {
    struct pirn_endpoint_config endpoint; /* random is the loop's if NULL */
    struct pirn_handlers handlers;        /* of connections that get no others */
    size_t user_bytes;               /* zeroed memory beside each connection: pirn_conn_user() */
    bool keep_peer;                  /* pirn_conn_peer() is known to the end: 20 bytes more each */
    size_t high_water_bytes;         /* queued bytes from which on the policy holds; 1 MiB */
    size_t low_water_bytes;          /* a quarter of it */
    enum pirn_full_policy when_full; /* PIRN_FULL_REFUSE */
    uint32_t stall_timeout_ms; /* the peer takes nothing of the queue: reset; 30 s; or PIRN_OFF */
    struct pirn_deflate_config deflate; /* permessage-deflate; its mode is off by default */
    const struct pirn_extension *const *extensions; /* others that are supported, nearer to the
                                                     * program than deflate */
    size_t extension_count;
    uint32_t idle_release_ms; /* no message for so long: extensions give back what they can make
                               * again; 30 s, up to a keep-alive interval more; or PIRN_OFF */

    /* For debugging: each frame as it is on the wire, when its header has come, before anything of
     * it is judged or delivered, or when its header has left. It only looks: nothing is sent, and
     * nothing changed, from inside. 48 bytes more each connection; NULL: next to nothing. */
    void (*on_frame)(const struct pirn_conn *conn, bool sent, const struct pirn_frame *frame);
};

/* Sends a message: type is PIRN_TEXT or PIRN_BINARY. Text must be UTF-8, which is not checked
 * unless endpoint.check_sent_text. data is free again on return. Messages sent while input is being
 * handled leave together at the end of the turn. Returns 0; or 1 when it was taken and the queue
 * has now reached the high-water mark (wait for on_drain); or -PIRN_E_QUEUE_FULL, -PIRN_E_CLOSED
 * (our Close is queued already), -PIRN_E_STATE (a fragmented message is not ended, or this is a
 * forked child), -PIRN_E_ARGUMENT, -PIRN_E_TEXT_UTF8, -PIRN_E_RANDOM (a client got no masking key),
 * -PIRN_E_MEMORY (the connection may have failed then, with 1011 or by a reset: pirn_conn_state()
 * is PIRN_CLOSED if so): it was not taken. */
PIRN_API int pirn_conn_send(struct pirn_conn *conn, enum pirn_opcode type, const void *data,
                            size_t len);

/* Sends one fragment of a message; the first and all others with the same type, the last with fin.
 * As pirn_conn_send(), which is the same with fin alone. */
PIRN_API int pirn_conn_send_fragment(struct pirn_conn *conn, enum pirn_opcode type,
                                     const void *data, size_t len, bool fin);

/* Sends a fragment of what has just come, as pirn_conn_send_fragment(): data is, or is part of,
 * what the running on_message or on_chunk of this connection was given, and must not be changed any
 * more then. Where it can, a large payload leaves from where it lies, together with all else that
 * is sent in this turn. data of any other origin is copied. */
PIRN_API int pirn_conn_send_back(struct pirn_conn *conn, enum pirn_opcode type, void *data,
                                 size_t len, bool fin);

/* Sends a message that lies in pieces, none of them put together before; and says whether to
 * compress it. As pirn_conn_send(), which sends one piece with PIRN_COMPRESS_AUTO. */
PIRN_API int pirn_conn_send_pieces(struct pirn_conn *conn, enum pirn_opcode type,
                                   const struct pirn_str *pieces, size_t count,
                                   enum pirn_compress compress);

/* Sends a message that is made while it is sent: begin, write as often as need be, end. What is
 * written leaves in fragments: when enough has gathered, and at the latest when flush is called (a
 * compressor keeps some till then). Control frames pass between them. Messages sent in the meantime
 * wait behind the end, and count as queued for everything but write; another begin, a fragment or a
 * file is -PIRN_E_STATE. A full queue refuses begin and write, never flush and end.
 *
 * A message cannot be taken back: abort closes the connection with a code and reason, as
 * pirn_conn_close(), which before the end does the same: the message never ends, and what waits
 * behind it is lost.
 *
 * All return as pirn_conn_send(), errors of pirn_close_build() for abort, and -PIRN_E_STATE for
 * write, flush, end and abort with none begun. What makes it impossible to go on once it has begun
 * (no memory, no masking key) closes the connection with 1011; if it is open still after
 * -PIRN_E_MEMORY nothing was taken, and the call can be made again. */
PIRN_API int pirn_conn_begin(struct pirn_conn *conn, const struct pirn_message_plan *plan);
PIRN_API int pirn_conn_write(struct pirn_conn *conn, const void *data, size_t len);
PIRN_API int pirn_conn_flush(struct pirn_conn *conn);
PIRN_API int pirn_conn_end(struct pirn_conn *conn);
PIRN_API int pirn_conn_abort(struct pirn_conn *conn, int code, struct pirn_str reason);

/* Sends len bytes of an open file from offset as one message, read little by little as the queue
 * drains. fd is the connection's if this returns 0, and is closed when all is read or the
 * connection ends. Messages sent in the meantime wait behind it, and so does the Close of
 * pirn_conn_close(); pirn_conn_abort() breaks it off, then too. If the file cannot be read to the
 * end of len, or is not the text it is to be (endpoint.check_sent_text), the connection is closed
 * with 1011. Returns as pirn_conn_begin(), -PIRN_E_ARGUMENT also for a place that no file has. */
PIRN_API int pirn_conn_send_file(struct pirn_conn *conn, enum pirn_opcode type, int fd,
                                 uint64_t offset, uint64_t len, enum pirn_compress compress);

/* Sends a Ping or a Pong of at most 125 bytes; it passes the data that is queued. Returns 0,
 * -PIRN_E_CONTROL_TOO_LONG, -PIRN_E_ARGUMENT for len bytes at NULL, -PIRN_E_CLOSED, -PIRN_E_RANDOM,
 * -PIRN_E_MEMORY, -PIRN_E_QUEUE_FULL when 64 of them wait already, or -PIRN_E_STATE in a forked
 * child. */
PIRN_API int pirn_conn_ping(struct pirn_conn *conn, const void *data, size_t len);
PIRN_API int pirn_conn_pong(struct pirn_conn *conn, const void *data, size_t len);

/* Begins the closing handshake: what is queued leaves first, then a Close with this code and reason
 * (code 0: an empty one). Messages still come in until the peer's Close. If it does not come within
 * endpoint.close_timeout_ms of ours leaving the connection is reset. Returns 0, -PIRN_E_CLOSED when
 * it is closing already, -PIRN_E_MEMORY, -PIRN_E_STATE in a forked child, or an error of
 * pirn_close_build(). */
PIRN_API int pirn_conn_close(struct pirn_conn *conn, int code, struct pirn_str reason);

/* Ends the connection at once: what is queued is lost, the peer sees a reset or an end without a
 * Close. No message comes any more; on_close does, at the end of the turn. When only the end of TCP
 * was waited for, both Close frames being through, that changes nothing of what on_close tells. */
PIRN_API void pirn_conn_terminate(struct pirn_conn *conn);

/* Stops and goes on delivering and reading: no message, Ping, Pong or Close is told after a pause,
 * even if it is received already. While it is paused so is keep-alive, but for closing and stall
 * timeouts. That the peer has gone is told when reading goes on. */
PIRN_API void pirn_conn_pause(struct pirn_conn *conn);
PIRN_API void pirn_conn_resume(struct pirn_conn *conn);

/* Bytes that were sent and that the kernel has not taken yet; of a file only what is read. */
PIRN_API size_t pirn_conn_buffered(const struct pirn_conn *conn);

/* user_bytes of memory, zeroed, aligned for any type, until on_close returns; NULL if there are
 * none. */
PIRN_API void *pirn_conn_user(const struct pirn_conn *conn);

/* A pointer of the program's own to go with the connection; NULL at first. (In place of, or beside,
 * user_bytes.) Servers set it to what pirn_request_accept() was given. */
PIRN_API void pirn_conn_set_context(struct pirn_conn *conn, void *context);
PIRN_API void *pirn_conn_context(const struct pirn_conn *conn);

PIRN_API struct pirn_loop *pirn_conn_loop(const struct pirn_conn *conn);
PIRN_API enum pirn_endpoint_state pirn_conn_state(const struct pirn_conn *conn);

/* The subprotocol agreed on; {NULL, 0} for none. Good as long as the server's configuration. */
PIRN_API struct pirn_str pirn_conn_subprotocol(const struct pirn_conn *conn);

/* What was agreed on for permessage-deflate; false if the connection does not compress. */
PIRN_API bool pirn_conn_deflate(const struct pirn_conn *conn, struct pirn_deflate_params *params);

/* The state of an extension of the configuration, or NULL if it was not agreed on. */
PIRN_API struct pirn_extension_state *pirn_conn_extension(const struct pirn_conn *conn,
                                                          const struct pirn_extension *extension);

/* Writes the peer's address ("127.0.0.1:4711", "[::1]:4711", "unix") to text[0..cap) with a NUL;
 * returns text. 64 bytes are enough. "unknown" when the peer has gone, as in on_close, unless
 * keep_peer is configured. */
PIRN_API const char *pirn_conn_peer(const struct pirn_conn *conn, char *text, size_t cap);

/* The address of this end, in the same way; "unknown" once the connection has ended. */
PIRN_API const char *pirn_conn_local(const struct pirn_conn *conn, char *text, size_t cap);

/* Round-trip time of the latest keep-alive Ping that was answered; 0 if none was yet. */
PIRN_API uint64_t pirn_conn_rtt_us(const struct pirn_conn *conn);

#ifdef __cplusplus
}
#endif
#endif
