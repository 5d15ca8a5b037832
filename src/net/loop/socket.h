/* socket.h: every touch of a socket by connections and servers. Descriptors made here are
 * non-blocking and closed on exec; nothing here raises SIGPIPE, and EINTR is never seen. */
#ifndef PIRN_NET_SOCKET_H
#define PIRN_NET_SOCKET_H

#include <sys/types.h>
#include <sys/uio.h>

#include <pirn/server.h>

/* Makes, or adopts, a listening socket: see struct pirn_listen. A host name listens on its first
 * address that can be had. Returns the descriptor, or -PIRN_E_ARGUMENT (a path too long; fd listens
 * not), -PIRN_E_MEMORY, -PIRN_E_SYSTEM: errno says, always. An fd that is not adopted stays open.
 */
int pirn__socket_listen(const struct pirn_listen *where);

/* Which file a unix-domain name stands for, 0 if none; and removes the name of a listener of ours,
 * unless it stands for another file by now. To be done before the listener is closed: from then on
 * somebody else may replace it. */
uint64_t pirn__socket_inode(const char *unix_path);
void pirn__socket_unlink(const char *unix_path, uint64_t inode);

/* The port; 0 if it is no TCP socket. */
uint16_t pirn__socket_port(int fd);

/* The next connection, or -1 with errno; those that ended while they waited are passed over. */
int pirn__socket_accept(int listener);

/* As recv(2) and send(2): a count, or -1 with errno. would_block: whether errno says that now is
 * just not the time. send takes at most IOV_MAX pieces, and may send a part of what it got. */
ssize_t pirn__socket_recv(int fd, void *data, size_t cap);
ssize_t pirn__socket_recv_pieces(int fd, const struct iovec *pieces, int count);
ssize_t pirn__socket_send(int fd, const struct iovec *pieces, int count);
bool pirn__socket_would_block(void);

/* The error that is pending on the socket (an errno, which is taken off), or 0. */
int pirn__socket_error(int fd);

/* Ends our side of the stream; closes; closes so that the peer sees a reset (TCP) whatever is still
 * to be sent. */
void pirn__socket_shutdown(int fd);
void pirn__socket_close(int fd);
void pirn__socket_reset(int fd);

/* A descriptor for nothing, to be closed when there are no others left; -1 with errno. */
int pirn__socket_reserve(void);

/* The address of a peer, for when the socket does not know it any more. */
struct pirn__peer {
    uint8_t family; /* 4, 6, 1 for a unix-domain socket, 0 unknown */
    uint8_t address[16];
    uint16_t port;
};
void pirn__socket_peer(int fd, struct pirn__peer *peer);
void pirn__socket_local(int fd, struct pirn__peer *own); /* the address of this end */

/* The peer as "127.0.0.1:4711", "[::1]:4711", "unix", or "unknown" once it is disconnected, in
 * text[0..cap); returns text. 64 bytes are enough. */
const char *pirn__peer_text(const struct pirn__peer *peer, char *text, size_t cap);
const char *pirn__socket_peer_text(int fd, char *text, size_t cap);
const char *pirn__socket_local_text(int fd, char *text, size_t cap);

/* What counts as one peer address: an IPv4 address, the first 64 bits of an IPv6 address (what one
 * customer has of them), all unix-domain sockets together. For memcmp(3). */
struct pirn__peer_key {
    uint8_t family;
    uint8_t address[8];
};
void pirn__socket_peer_key(int fd, struct pirn__peer_key *key);

#endif
