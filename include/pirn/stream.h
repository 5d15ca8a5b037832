/* pirn/stream.h: an open connection as a pair of pipes: bytes in, bytes out, no messages.
 *
 * What comes in is one row of bytes, wherever its messages begin and end, text as well as binary;
 * what is not read waits, and while too much waits the peer has to. Each write is one message.
 *
 *     static void can_read(struct pirn_stream *stream)
 *     {
 *         char bytes[4096];
 *         int64_t len;
 *         while ((len = pirn_stream_read(stream, bytes, sizeof bytes)) > 0)
 *             fwrite(bytes, 1, (size_t)len, stdout);
 *     }
 *
 * A stream is made on a connection, also in the middle of a message, and outlives it, so that what
 * has come can be read to its end. While it is there on_message and on_chunk are not called, and
 * pausing and resuming are its own; all other handlers are called as ever, on_drain and on_close
 * next to can_write and ended. Everything here belongs to the loop's thread. */
#ifndef PIRN_STREAM_H
#define PIRN_STREAM_H

#include <pirn/conn.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pirn_stream;

#define PIRN_DEFAULT_STREAM_UNREAD_BYTES ((size_t)64 << 10)

/* Zero means the default. A stream may be read, written, closed and freed in any of the calls. */
struct pirn_stream_config {
    enum pirn_opcode type;       /* of what is written: PIRN_BINARY, or PIRN_TEXT */
    enum pirn_compress compress; /* each write */
    size_t max_unread_bytes;     /* so many wait: nothing more is received until half of them are
                                  * read; 64 KiB. A read of the loop may go above it */
    void *context;               /* pirn_stream_context() */
    /* Bytes have come. What is not read waits, and comes up again with the next ones only. */
    void (*can_read)(struct pirn_stream *stream);
    /* What was written has left so far that more may follow; as on_drain. */
    void (*can_write)(struct pirn_stream *stream);
    /* The connection has ended: no more bytes come, but those that wait can be read. info is that
     * of on_close, which comes next, and pirn_stream_ending() from now on. */
    void (*ended)(struct pirn_stream *stream, const struct pirn_close_info *info);
};

/* Makes a stream of a connection; config may be NULL. What has come of a message that is not whole
 * yet is its first bytes; a connection that is paused goes on. The stream is freed by
 * pirn_stream_free(), before its loop. Returns NULL with *error (may be NULL) set to
 * PIRN_E_ARGUMENT (a type that is neither), PIRN_E_STATE (it is a stream already), PIRN_E_CLOSED
 * (it has ended) or PIRN_E_MEMORY. */
PIRN_API struct pirn_stream *pirn_stream_new(struct pirn_conn *conn,
                                             const struct pirn_stream_config *config, int *error);

/* Frees a stream. If the connection is still open its handlers have it again, and it goes on with
 * the next message: what was not read is dropped, and the rest of a message that has come in part.
 * Until that has come the connection cannot be a stream again. NULL is let be. */
PIRN_API void pirn_stream_free(struct pirn_stream *stream);

/* Takes up to cap bytes, at least 1, of what waits; as much as there is. Returns how many: 0 when
 * nothing waits, which is no end; -PIRN_E_CLOSED when the peer has closed and all is read; after
 * any other end what it was (pirn_close_info.error), such as -PIRN_E_EOF: there may have been more
 * to come; or -PIRN_E_ARGUMENT. */
PIRN_API int64_t pirn_stream_read(struct pirn_stream *stream, void *data, size_t cap);

/* How many bytes wait. */
PIRN_API size_t pirn_stream_unread(const struct pirn_stream *stream);

/* Writes one message, of all of data or nothing of it; none for len 0. Text must be UTF-8, but may
 * be cut anywhere: the beginning of a character, 3 bytes at most, is held back until a write has
 * the rest of it. Returns len; or -PIRN_E_QUEUE_FULL (wait for can_write), -PIRN_E_TEXT_UTF8,
 * -PIRN_E_CLOSED, or another error of pirn_conn_send(), when nothing was taken. */
PIRN_API int64_t pirn_stream_write(struct pirn_stream *stream, const void *data, size_t len);

/* Closes the connection behind what was written, as pirn_conn_close(); what the peer still sends
 * can be read. -PIRN_E_TEXT_UTF8, and nothing is closed, while a character is held back. */
PIRN_API int pirn_stream_close(struct pirn_stream *stream, int code, struct pirn_str reason);

/* How the connection has ended; NULL as long as it has not. As long as the stream. */
PIRN_API const struct pirn_close_info *pirn_stream_ending(const struct pirn_stream *stream);

/* The connection; NULL when it has ended. And the context of the configuration. */
PIRN_API struct pirn_conn *pirn_stream_conn(const struct pirn_stream *stream);
PIRN_API void *pirn_stream_context(const struct pirn_stream *stream);

#ifdef __cplusplus
}
#endif
#endif
