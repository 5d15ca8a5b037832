/* socket.c: sockets.
 *
 * Options are set on the listener, for accepted sockets inherit them: accepting is one system call.
 * A unix-domain name that is taken is tried: only if nobody answers there is it removed. */
#include "loop/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "dial/socket_connect.h"

enum { DEFAULT_BACKLOG = 1024 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

static int fail(int error, int why)
{
    errno = why;
    return -error;
}

/* Closes fd and gives the error of what failed before. */
static int fail_close(int fd)
{
    int why = errno;
    close(fd);
    return fail(PIRN_E_SYSTEM, why);
}

static int set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value);
}

static int new_socket(int family)
{
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* ---- listening */

static int backlog_of(const struct pirn_listen *where)
{
    return where->backlog > 0 ? where->backlog : DEFAULT_BACKLOG;
}

static int listen_tcp(const struct pirn_listen *where, const struct sockaddr *address,
                      socklen_t len, bool v6_only)
{
    int fd = new_socket(address->sa_family);
    if (fd < 0)
        return -PIRN_E_SYSTEM;
    bool v6 = address->sa_family == AF_INET6;
    if (set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0 ||
        set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) < 0 ||
        (v6 && set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6_only) < 0) ||
        (where->reuse_port && set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0) ||
        bind(fd, address, len) < 0 || listen(fd, backlog_of(where)) < 0)
        return fail_close(fd);
    return fd;
}

static int listen_everywhere(const struct pirn_listen *where)
{
    union address all = {.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(where->port)}};
    int fd = listen_tcp(where, &all.any, sizeof all.v6, false);
    if (fd >= 0 || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
        return fd;
    all.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(where->port)};
    return listen_tcp(where, &all.any, sizeof all.v4, false);
}

static int listen_host(const struct pirn_listen *where)
{
    const char *host = where->host ? where->host : "127.0.0.1";
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found, *each;
    char port[8];
    if (strcmp(host, "*") == 0)
        return listen_everywhere(where);
    snprintf(port, sizeof port, "%u", (unsigned)where->port);
    int why = getaddrinfo(host, port, &hints, &found);
    if (why == EAI_MEMORY)
        return fail(PIRN_E_MEMORY, ENOMEM);
    if (why != 0)
        return fail(PIRN_E_SYSTEM, why == EAI_SYSTEM ? errno : ENOENT);
    int fd = fail(PIRN_E_SYSTEM, ENOENT);
    for (each = found; each && fd < 0; each = each->ai_next)
        fd = listen_tcp(where, each->ai_addr, each->ai_addrlen, true);
    why = errno;
    freeaddrinfo(found);
    errno = why;
    return fd;
}

static bool name_is_dead(const struct sockaddr *name, socklen_t len, const char *path)
{
    struct stat status;
    if (path[0] == '@' || lstat(path, &status) < 0 || !S_ISSOCK(status.st_mode))
        return false;
    int fd = new_socket(AF_UNIX);
    if (fd < 0)
        return false;
    bool refused = connect(fd, name, len) < 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static int bind_unix(int fd, const struct sockaddr *name, socklen_t len, const char *path)
{
    int result = bind(fd, name, len);
    if (result == 0 || errno != EADDRINUSE)
        return result;
    if (name_is_dead(name, len, path) && unlink(path) == 0)
        return bind(fd, name, len);
    errno = EADDRINUSE;
    return -1;
}

static int listen_unix(const struct pirn_listen *where)
{
    const char *path = where->unix_path;
    struct sockaddr_un name;
    socklen_t len = pirn__unix_name(&name, pirn_cstr(path));
    if (len == 0)
        return fail(PIRN_E_ARGUMENT, EINVAL);
    int fd = new_socket(AF_UNIX);
    if (fd < 0)
        return -PIRN_E_SYSTEM;
    if (bind_unix(fd, (struct sockaddr *)&name, len, path) < 0 || listen(fd, backlog_of(where)) < 0)
        return fail_close(fd);
    return fd;
}

static int adopt(int fd)
{
    int listens = 0;
    socklen_t len = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 || !listens)
        return fail(PIRN_E_ARGUMENT, EINVAL);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -PIRN_E_SYSTEM;
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* fails where there is no TCP: well */
    return fd;
}

int pirn__socket_listen(const struct pirn_listen *where)
{
    if (where->unix_path)
        return listen_unix(where);
    return where->fd > 0 ? adopt(where->fd) : listen_host(where);
}

uint64_t pirn__socket_inode(const char *unix_path)
{
    struct stat status;
    return lstat(unix_path, &status) == 0 ? (uint64_t)status.st_ino : 0;
}

void pirn__socket_unlink(const char *unix_path, uint64_t inode)
{
    if (inode && pirn__socket_inode(unix_path) == inode)
        unlink(unix_path);
}

int pirn__socket_accept(int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0 || (errno != EINTR && errno != ECONNABORTED && errno != EPROTO))
            return fd;
    }
}

/* ---- the stream */

ssize_t pirn__socket_recv(int fd, void *data, size_t cap)
{
    ssize_t got;
    do
        got = recv(fd, data, cap, 0);
    while (got < 0 && errno == EINTR);
    return got;
}

ssize_t pirn__socket_recv_pieces(int fd, const struct iovec *pieces, int count)
{
    ssize_t got;
    if (count == 1)
        return pirn__socket_recv(fd, pieces->iov_base, pieces->iov_len);
    do
        got = readv(fd, pieces, count);
    while (got < 0 && errno == EINTR);
    return got;
}

ssize_t pirn__socket_send(int fd, const struct iovec *pieces, int count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)pieces,
                             .msg_iovlen = (size_t)(count < IOV_MAX ? count : IOV_MAX)};
    ssize_t sent;
    do
        sent = count == 1 ? send(fd, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL)
                          : sendmsg(fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent;
}

bool pirn__socket_would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK;
}

int pirn__socket_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? errno : error;
}

void pirn__socket_shutdown(int fd)
{
    shutdown(fd, SHUT_WR);
}

void pirn__socket_close(int fd)
{
    close(fd);
}

void pirn__socket_reset(int fd)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

int pirn__socket_reserve(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* ---- addresses */

static bool own_address(int fd, union address *address)
{
    socklen_t len = sizeof *address;
    memset(address, 0, sizeof *address);
    return getsockname(fd, &address->any, &len) == 0;
}

/* IPv4 that comes through a socket for both is given as IPv4. */
uint16_t pirn__socket_port(int fd)
{
    union address own;
    if (!own_address(fd, &own))
        return 0;
    if (own.any.sa_family == AF_INET)
        return ntohs(own.v4.sin_port);
    return own.any.sa_family == AF_INET6 ? ntohs(own.v6.sin6_port) : 0;
}

static void note_address(struct pirn__peer *peer, const union address *from)
{
    if (from->any.sa_family == AF_INET) {
        peer->family = 4;
        peer->port = ntohs(from->v4.sin_port);
        memcpy(peer->address, &from->v4.sin_addr, 4);
    } else if (from->any.sa_family == AF_INET6) {
        bool mapped = IN6_IS_ADDR_V4MAPPED(&from->v6.sin6_addr);
        peer->family = mapped ? 4 : 6;
        peer->port = ntohs(from->v6.sin6_port);
        memcpy(peer->address, from->v6.sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
    } else if (from->any.sa_family == AF_UNIX) {
        peer->family = 1;
    }
}

void pirn__socket_local(int fd, struct pirn__peer *own)
{
    union address from;
    *own = (struct pirn__peer){0};
    if (own_address(fd, &from))
        note_address(own, &from);
}

void pirn__socket_peer(int fd, struct pirn__peer *peer)
{
    union address from;
    socklen_t len = sizeof from;
    memset(&from, 0, sizeof from);
    *peer = (struct pirn__peer){0};
    if (getpeername(fd, &from.any, &len) == 0)
        note_address(peer, &from);
}

const char *pirn__peer_text(const struct pirn__peer *peer, char *text, size_t cap)
{
    char host[INET6_ADDRSTRLEN];
    if (peer->family < 4) {
        snprintf(text, cap, "%s", peer->family == 1 ? "unix" : "unknown");
        return text;
    }
    bool v4 = peer->family == 4;
    inet_ntop(v4 ? AF_INET : AF_INET6, peer->address, host, sizeof host);
    snprintf(text, cap, v4 ? "%s:%u" : "[%s]:%u", host, (unsigned)peer->port);
    return text;
}

const char *pirn__socket_peer_text(int fd, char *text, size_t cap)
{
    struct pirn__peer peer;
    pirn__socket_peer(fd, &peer);
    return pirn__peer_text(&peer, text, cap);
}

const char *pirn__socket_local_text(int fd, char *text, size_t cap)
{
    struct pirn__peer own;
    pirn__socket_local(fd, &own);
    return pirn__peer_text(&own, text, cap);
}

void pirn__socket_peer_key(int fd, struct pirn__peer_key *key)
{
    struct pirn__peer peer;
    pirn__socket_peer(fd, &peer);
    key->family = peer.family;
    memcpy(key->address, peer.address, sizeof key->address);
}
