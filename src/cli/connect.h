/* connect.h: the inside of `pirn connect`, for connect*.c only. What belongs where: connect.c is
 * its start and end, connect_client.c what the options mean for the client, connect_session.c what
 * the connection tells; connect_input.c makes messages
 * of standard input, connect_output.c writes to standard output without waiting for it,
 * connect_format.c says what a message looks like there; connect_command.c is what is typed at a
 * prompt, and connect_screen.c the prompt. */
#ifndef PIRN_CLI_CONNECT_H
#define PIRN_CLI_CONNECT_H

#include <pirn/pirn.h>

#include "buffer.h"
#include "connect_options.h"
#include "signals.h"

/* Exit statuses beside those of cli.h; the man page explains them. */
enum connect_status {
    CONNECT_CLOSED = 3, /* by the peer, with another code than 1000 and 1001 */
    CONNECT_DNS,
    CONNECT_TCP,
    CONNECT_PROXY,
    CONNECT_TLS,
    CONNECT_HTTP,
    CONNECT_WEBSOCKET,
    CONNECT_TIMEOUT,
    CONNECT_INTERRUPTED = 130
};

/* Standard input: what was read and not sent yet. */
struct connect_input {
    struct pirn_watch watch;
    struct buffer bytes;
    size_t begin;            /* of the message that comes next, in bytes */
    size_t scanned;          /* bytes behind it that hold no end of it */
    uint64_t count;          /* the number of the one that comes next */
    bool is_file;            /* always readable, and not to be watched */
    bool watched;            /* or, of a file, posted */
    bool ended;              /* its end was read */
    bool done;               /* nothing more of it is to be sent */
    struct pirn_timer quiet; /* --wait: nothing has come since, and it closes */
};

/* Standard output: what it has not taken yet. */
struct connect_output {
    struct pirn_watch watch;
    struct buffer bytes;
    bool is_file; /* never makes one wait, and is not to be watched */
    bool posted;  /* a flush is */
    bool blocked; /* there are bytes, and the connection is paused for it */
    bool gone;    /* nobody reads it any more */
};

struct connect_screen; /* the prompt */

struct connect {
    const struct connect_options *options;
    struct pirn_loop *loop;
    struct pirn_client *client;
    struct connect_input input;
    struct connect_output output;
    struct connect_screen *screen; /* NULL: there is no prompt */
    struct signals signals;
    struct pirn_tls *tls;         /* NULL: the client's own */
    struct pirn_cookies *cookies; /* NULL: none */
    struct pirn_str *subprotocols;
    struct pirn_header *headers;
    char *user;
    struct pirn_timer late; /* the closing handshake takes too long */
    bool out_is_terminal, colours;
    bool full;     /* the connection wants no more until on_drain */
    bool closing;  /* a Close has come, has left or is to leave */
    bool was_late; /* and the connection has not ended in time */
    bool received; /* a message, for --one */
    bool interrupted;
    bool waited;    /* for another attempt, at least once */
    char lost[512]; /* how the latest connection has ended, until that is said */
    bool ended;
    int failed; /* the status of a failure that is said already; else 0 */
    int status;
    uint64_t pinged_us; /* the latest Ping of the user, and its payload */
    size_t ping_len;
    char ping[PIRN_CONTROL_MAX];
};

/* ---- connect.c */

/* One line on stderr, which begins with "pirn: connect: "; control characters are escaped. */
void connect_say(struct connect *connect, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* With --verbose, or at a prompt if always: one line on stderr that begins with mark and blank. */
void connect_note(struct connect *connect, bool always, char mark, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* What cannot be mended: says why, and closes. */
void connect_fail(struct connect *connect, const char *why);

/* Begins the closing handshake; or ends what is not open. */
int connect_close(struct connect *connect, int code, struct pirn_str reason);

/* Sets the time until which the closing handshake must be done, anew; not while output blocks. */
void connect_set_late(struct connect *connect);

/* Leaves the loop when all has ended and all is written. */
void connect_finish(struct connect *connect);

/* ---- connect_client.c */

/* What the options say becomes a client; said why if not. What it points to is freed after it. */
int connect_client_open(struct connect *connect);
void connect_client_close(struct connect *connect);

/* ---- connect_session.c */

/* Has the client tell all to connect. */
void connect_set_callbacks(struct connect *connect, struct pirn_client_config *config);

/* Sends a message and tells so; as pirn_client_send(), and -PIRN_E_MESSAGE_TOO_BIG. */
int connect_send(struct connect *connect, enum pirn_opcode type, const void *data, size_t len);

/* Sends a Ping or a Pong of the user; as pirn_conn_ping(). */
int connect_control(struct connect *connect, enum pirn_opcode opcode, struct pirn_str payload);

/* ---- connect_input.c */

void connect_input_open(struct connect *connect);
void connect_input_close(struct connect *connect);

/* The input is done, or a message has come: --wait begins anew. */
void connect_input_not_quiet(struct connect *connect);

/* The connection is open. */
void connect_input_begin(struct connect *connect);

/* Sends what can be sent, and reads more if that was all. */
void connect_input_pump(struct connect *connect);

/* ---- connect_output.c */

void connect_output_open(struct connect *connect);
void connect_output_close(struct connect *connect);

/* Writes what was added to connect->output.bytes as far as it is taken; pauses the connection if
 * that is not all. */
void connect_output_flush(struct connect *connect);

/* The same in the next turn, unless it is much: many short lines are written together. */
void connect_output_soon(struct connect *connect);

/* ---- connect_format.c */

enum connect_direction { CONNECT_IN, CONNECT_OUT };

/* Adds a message, a Ping or a Pong to the output. rtt_us: 0 if it is not known. */
void connect_format(struct connect *connect, enum connect_direction direction,
                    enum pirn_opcode opcode, const void *data, size_t len, uint64_t rtt_us);

/* The same of an ending, for --json. */
void connect_format_close(struct connect *connect, const struct pirn_close_info *info);

/* Adds text such that no terminal takes a part of it for a command. */
void connect_escape(struct buffer *out, const char *text, size_t len);

/* ---- connect_command.c */

/* A line typed at the prompt: a command or a message. */
void connect_take_line(struct connect *connect, const char *line, size_t len);

/* ---- connect_screen.c */

/* A prompt on standard input and output; false if there is none. */
bool connect_screen_open(struct connect *connect);
void connect_screen_close(struct connect *connect);

/* There is something to read on standard input. */
void connect_screen_read(struct connect *connect);

/* Takes the line being typed off the screen, so that others can be written; and puts it back. */
void connect_screen_hide(struct connect *connect);
void connect_screen_show(struct connect *connect);

/* The window has another size. */
void connect_screen_resize(struct connect *connect);

#endif
