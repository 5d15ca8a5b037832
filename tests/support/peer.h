/* peer.h: a client of the stage's server, down to its bytes: a socket, an HTTP head read by
 * pirn/http.h, and an endpoint in the client's role. It does what the test tells it and nothing by
 * itself, but for the Pong and Close that its endpoint has ready when events are taken.
 *
 * Whatever waits turns the stage meanwhile. */
#ifndef PIRN_TESTS_PEER_H
#define PIRN_TESTS_PEER_H

#include <sys/socket.h>

#include <pirn/endpoint.h>

#include "stage.h"

struct peer {
    int fd;                /* -1: none */
    struct pirn__tls *tls; /* NULL: plain */
    uint8_t plain[4096];   /* of TLS: received, and perhaps only looked at */
    size_t plain_len;
    bool ended; /* the server has closed */
    int error;  /* ECONNRESET if it did so with a reset, else 0 */
    struct pirn_client_handshake handshake;
    struct pirn_http_head head; /* of the answer */
    struct pirn_header headers[24];
    char *text; /* the answer, whole when it ends the connection */
    size_t text_len, text_cap;
    struct pirn_endpoint endpoint;
    struct pirn_control_slots slots;
    uint8_t in[4096];
};

/* A socket to where the stage listens, connected; to its port from 127.0.0.x. */
void peer_connect(struct peer *peer);
void peer_connect_from(struct peer *peer, unsigned last_byte);

/* To a unix-domain socket, "@name" for an abstract one; and to any address: 0, or the errno of
 * connect(2). */
int peer_connect_unix(struct peer *peer, const char *path);
int peer_connect_to(struct peer *peer, const void *address, socklen_t len);

/* connect, and the opening handshake up to a verified 101. Without config (its host is set): no
 * more than a path, NULL for "/". */
void peer_open(struct peer *peer, const char *path);
void peer_open_with(struct peer *peer, const struct pirn_client_handshake_config *config);
void peer_upgrade(struct peer *peer, const struct pirn_client_handshake_config *config);

/* The handshake alone; false if it is refused. half_way is called between two parts of the request,
 * unless NULL. */
bool peer_try_upgrade(struct peer *peer, const struct pirn_client_handshake_config *config,
                      void (*half_way)(void));

/* Sends all; false when the server has closed. print makes the text. */
bool peer_send(struct peer *peer, const void *data, size_t len);
__attribute__((format(printf, 2, 3))) bool peer_print(struct peer *peer, const char *format, ...);

/* Sends what the socket takes at once: a count, 0 when it is full, -1 when it is closed. */
ssize_t peer_try_send(struct peer *peer, const void *data, size_t len);

/* A good upgrade request, with further header lines. */
bool peer_ask(struct peer *peer, const char *path, const char *lines);

/* Waits for the answer that ends the connection, until its end. It must be one well-formed answer
 * with Connection: close and a body as long as its Content-Length (0 for HEAD). Returns its status,
 * or 0 if the connection ended without a byte. */
int peer_answer(struct peer *peer);

/* Waits for that end, whatever comes before it. */
void peer_await_answer(struct peer *peer);
struct pirn_str peer_header(const struct peer *peer, const char *name);
struct pirn_str peer_body(const struct peer *peer);

/* Waits for the head of an answer; bytes behind it stay in the socket. Its status, 0 for an end. */
int peer_head(struct peer *peer);

/* ---- the WebSocket */

/* The endpoint begins, if the handshake was none of this file's. */
void peer_begin(struct peer *peer);

/* A frame as it is asked for, whatever the rules say, with an all-zero masking key. */
bool peer_frame(struct peer *peer, int first_byte, const void *payload, size_t len);

/* A message of one frame, made by the endpoint. */
void peer_message(struct peer *peer, enum pirn_opcode type, const void *data, size_t len);
void peer_text(struct peer *peer, const char *text);

/* Waits for the next event; false at the end of the connection. try: false if there is none now. */
bool peer_event(struct peer *peer, struct pirn_event *event);
bool peer_try_event(struct peer *peer, struct pirn_event *event);

/* Waits for the next message, which must be this (or, all of len bytes, any). */
void peer_expect(struct peer *peer, enum pirn_opcode type, const void *data, size_t len);
void peer_expect_text(struct peer *peer, const char *text);

/* Waits for the server's Close, passing over everything else: its code. The endpoint's answer is
 * sent. */
int peer_expect_close(struct peer *peer);

/* Sends a text and waits for it to come back. */
void peer_echo(struct peer *peer, const char *text);

/* The whole end begun by the peer: Close, its answer, the end of the stream. */
void peer_leave(struct peer *peer, int code);

/* ---- ends */

/* Whether the server has closed as far as can be seen now; takes and drops what has come. */
bool peer_is_ended(struct peer *peer);

/* Waits for that. */
void peer_await_end(struct peer *peer);

/* Closes, if it is open: with a reset, or in the usual way. */
void peer_reset(struct peer *peer);
void peer_drop(struct peer *peer);

#endif
