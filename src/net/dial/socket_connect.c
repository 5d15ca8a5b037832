/* socket_connect.c: the active side of sockets.
 *
 * TCP lets a socket connect to itself: to a port of this machine where nobody listens, and which
 * the kernel just then chose for the socket's own end. A client that tries again and again would
 * get there one day, and hold the port that its server wants to have back. */
#include "dial/socket_connect.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <pirn/error.h>

bool pirn__ip_parse(struct pirn__ip *ip, struct pirn_str text)
{
    char terminated[INET6_ADDRSTRLEN];
    memset(ip, 0, sizeof *ip);
    if (text.len == 0 || text.len >= sizeof terminated || memchr(text.data, 0, text.len))
        return false;
    memcpy(terminated, text.data, text.len);
    terminated[text.len] = '\0';
    if (inet_pton(AF_INET, terminated, &ip->name.v4.sin_addr) == 1)
        ip->name.any.sa_family = AF_INET;
    else if (inet_pton(AF_INET6, terminated, &ip->name.v6.sin6_addr) == 1)
        ip->name.any.sa_family = AF_INET6;
    return ip->name.any.sa_family != AF_UNSPEC;
}

void pirn__ip_set_port(struct pirn__ip *ip, uint16_t port)
{
    if (ip->name.any.sa_family == AF_INET6)
        ip->name.v6.sin6_port = htons(port);
    else
        ip->name.v4.sin_port = htons(port);
}

socklen_t pirn__ip_size(const struct pirn__ip *ip)
{
    return ip->name.any.sa_family == AF_INET6 ? sizeof ip->name.v6 : sizeof ip->name.v4;
}

socklen_t pirn__unix_name(struct sockaddr_un *name, struct pirn_str path)
{
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (path.len == 0 || path.len >= sizeof name->sun_path || memchr(path.data, 0, path.len))
        return 0;
    memcpy(name->sun_path, path.data, path.len);
    bool abstract = path.data[0] == '@';
    if (abstract)
        name->sun_path[0] = '\0';
    /* An abstract name is exactly these bytes, no NUL behind. */
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + !abstract);
}

static void write_unix(const struct sockaddr_un *name, socklen_t size, char *text, size_t cap)
{
    size_t len = size - offsetof(struct sockaddr_un, sun_path);
    if (name->sun_path[0] == '\0')
        snprintf(text, cap, "@%.*s", (int)len - 1, name->sun_path + 1);
    else
        snprintf(text, cap, "%.*s", (int)len, name->sun_path);
}

const char *pirn__name_text(const struct sockaddr *name, socklen_t size, char *text, size_t cap)
{
    char host[INET6_ADDRSTRLEN];
    const struct pirn__ip *ip = (const void *)name;
    if (name->sa_family == AF_UNIX) {
        write_unix((const void *)name, size, text, cap);
    } else if (name->sa_family == AF_INET) {
        inet_ntop(AF_INET, &ip->name.v4.sin_addr, host, sizeof host);
        snprintf(text, cap, "%s:%u", host, (unsigned)ntohs(ip->name.v4.sin_port));
    } else {
        inet_ntop(AF_INET6, &ip->name.v6.sin6_addr, host, sizeof host);
        snprintf(text, cap, "[%s]:%u", host, (unsigned)ntohs(ip->name.v6.sin6_port));
    }
    return text;
}

/* The port is left to connect(2), which can give one to several connections to different peers. */
static bool bind_to(int fd, const struct pirn__ip *from, sa_family_t family)
{
    if (from->name.any.sa_family != family) {
        errno = EAFNOSUPPORT;
        return false;
    }
#ifdef IP_BIND_ADDRESS_NO_PORT
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
#endif
    return bind(fd, &from->name.any, pirn__ip_size(from)) == 0;
}

static bool begin_to_connect(int fd, const struct sockaddr *name, socklen_t size,
                             const struct pirn__ip *from)
{
    if (from && !bind_to(fd, from, name->sa_family))
        return false;
    return connect(fd, name, size) == 0 || errno == EINPROGRESS || errno == EINTR;
}

int pirn__socket_connect(const struct sockaddr *name, socklen_t size, const struct pirn__ip *from)
{
    const int on = 1;
    int fd = socket(name->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -PIRN_E_SYSTEM;
    if (name->sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (begin_to_connect(fd, name, size, from))
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -PIRN_E_SYSTEM;
}

int pirn__socket_connected(int fd)
{
    struct sockaddr_storage own, peer;
    socklen_t own_size = sizeof own, peer_size = sizeof peer;
    int error = 0;
    socklen_t error_size = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) < 0)
        return errno;
    if (error)
        return error;
    if (getpeername(fd, (struct sockaddr *)&peer, &peer_size) < 0)
        return errno == ENOTCONN ? EINPROGRESS : errno;
    if (peer.ss_family == AF_UNIX || getsockname(fd, (struct sockaddr *)&own, &own_size) < 0)
        return 0;
    return own_size == peer_size && memcmp(&own, &peer, own_size) == 0 ? ECONNREFUSED : 0;
}
