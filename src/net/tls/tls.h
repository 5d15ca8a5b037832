/* tls.h: TLS between a socket and who uses it: requests, connections, clients.
 *
 * A session takes the place of the socket's recv and send, with the same returns, so that both are
 * used alike: pirn__wire_recv() and so on choose. What differs: bytes may lie inside it while the
 * socket is not readable (pirn__tls_has_input()), and bytes that it took may not have left yet
 * (pirn__tls_waiting()): after every call pirn__tls_events() says what to watch for. */
#ifndef PIRN_NET_TLS_H
#define PIRN_NET_TLS_H

#include <pirn/tls.h>

#include "loop/loop.h"
#include "loop/socket.h"

struct pirn__tls;

/* Another holder of the context, such as a listener: pirn_tls_free() by each, and it is freed by
 * the last. Takes and returns NULL too. */
struct pirn_tls *pirn__tls_hold(struct pirn_tls *tls);
enum pirn_role pirn__tls_role(const struct pirn_tls *tls);

/* The context of clients of this loop that have none of their own, made by the first; NULL with a
 * text of why. Each that has it lets go of it, and it is freed by the last. */
struct pirn_tls *pirn__tls_usual(struct pirn_loop *loop, char *error, size_t cap);
void pirn__tls_usual_free(struct pirn_loop *loop);

/* Takes the memory that all sessions of a loop share, if none has yet; pirn__tls_start() does it
 * too. False without. */
bool pirn__tls_prepare(struct pirn_loop *loop);

/* Begins a session on a connected socket, which stays the caller's; the first call below sends or
 * awaits the first bytes. name: clients: whom to verify, a host name (sent by SNI too) or an
 * address as text, with or without brackets; NULL for servers. NULL without memory, or for a name
 * that cannot be. */
struct pirn__tls *pirn__tls_start(struct pirn_tls *context, struct pirn_loop *loop, int fd,
                                  const char *name);

/* Goes on with the handshake: 1 when it is done, 0 when it waits for the socket, or -PIRN_E_x: the
 * session is of no use any more. recv and send do it too, and would block until it is done. */
int pirn__tls_handshake(struct pirn__tls *tls);
bool pirn__tls_is_open(const struct pirn__tls *tls);

/* As pirn__socket_recv_pieces() and pirn__socket_send(): 0 is the peer's close_notify; a failure of
 * TLS is -1 with errno EPROTO, and pirn__tls_error() then. recv takes no more from the socket than
 * there is room for: less than a record perhaps, so that it would block and the socket is readable
 * still; send makes records of up to 16 KiB across the pieces, and sends several
 * with one call. */
ssize_t pirn__tls_recv(struct pirn__tls *tls, const struct iovec *pieces, int count);
ssize_t pirn__tls_send(struct pirn__tls *tls, const struct iovec *pieces, int count);

/* Something can be had from recv, be it an end, whether or not the socket is readable. */
bool pirn__tls_has_input(const struct pirn__tls *tls);

/* The last recv has found the end of what was in the socket. */
bool pirn__tls_is_dry(const struct pirn__tls *tls);

/* Bytes (of ciphertext) that wait for the socket to be writable; and tries to send them: as
 * pirn__socket_send(), 0 when all have left. */
size_t pirn__tls_waiting(const struct pirn__tls *tls);
int pirn__tls_flush(struct pirn__tls *tls);

/* What to watch the socket for, to go on: PIRN_READABLE, and PIRN_WRITABLE if bytes wait. */
unsigned pirn__tls_events(const struct pirn__tls *tls);

/* Sends close_notify, if the session is such that it can, and the socket takes it; nothing is sent
 * any more then. The socket itself stays open. */
void pirn__tls_shutdown(struct pirn__tls *tls);

/* Why it failed: PIRN_E_NONE, _TLS_HANDSHAKE, _TLS_CERTIFICATE, _TLS_TRUNCATED, _TLS_RECORD,
 * _TLS_PLAIN (the peer of a server speaks HTTP without TLS), _MEMORY; or _SYSTEM for the socket's
 * own failure, told by errno. And the library's text for it. */
enum pirn_error pirn__tls_error(const struct pirn__tls *tls);
const char *pirn__tls_text(const struct pirn__tls *tls, char *text, size_t cap);

void pirn__tls_info(const struct pirn__tls *tls, struct pirn_tls_info *info);

/* Frees the session, at any time; sends nothing. NULL is let be. */
void pirn__tls_free(struct pirn__tls *tls);

/* ---- a socket with or without TLS */

static inline ssize_t pirn__wire_recv(int fd, struct pirn__tls *tls, const struct iovec *pieces,
                                      int count)
{
    return tls ? pirn__tls_recv(tls, pieces, count) : pirn__socket_recv_pieces(fd, pieces, count);
}

static inline ssize_t pirn__wire_send(int fd, struct pirn__tls *tls, const struct iovec *pieces,
                                      int count)
{
    return tls ? pirn__tls_send(tls, pieces, count) : pirn__socket_send(fd, pieces, count);
}

/* close_notify, and then the end of our side of the stream. */
static inline void pirn__wire_shutdown(int fd, struct pirn__tls *tls)
{
    if (tls)
        pirn__tls_shutdown(tls);
    pirn__socket_shutdown(fd);
}

#endif
