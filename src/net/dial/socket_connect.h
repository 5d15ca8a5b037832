/* socket_connect.h: addresses, and sockets that connect without blocking. */
#ifndef PIRN_NET_SOCKET_CONNECT_H
#define PIRN_NET_SOCKET_CONNECT_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <pirn/base.h>

/* An address of the Internet, of either version, with its port. */
struct pirn__ip {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name;
};

/* An address written in numbers, without a zone; its port is 0. False if the text is none. */
bool pirn__ip_parse(struct pirn__ip *ip, struct pirn_str text);

void pirn__ip_set_port(struct pirn__ip *ip, uint16_t port);

/* Of the struct sockaddr. */
socklen_t pirn__ip_size(const struct pirn__ip *ip);

/* The address of a unix-domain socket, "@name" for an abstract one. Returns its size, or 0 if the
 * path is empty or too long, or has a NUL. */
socklen_t pirn__unix_name(struct sockaddr_un *name, struct pirn_str path);

/* A name as "127.0.0.1:80", "[::1]:80", "/run/x.sock", "@name", in text[0..cap); returns text. */
const char *pirn__name_text(const struct sockaddr *name, socklen_t size, char *text, size_t cap);

/* Makes a socket and begins to connect it, from an address of this machine unless from is NULL; a
 * TCP socket sends without delay. Returns it, connected or about to be (then it becomes writable,
 * or hangs up), or -PIRN_E_SYSTEM: errno says, EAFNOSUPPORT if from is of another family. */
int pirn__socket_connect(const struct sockaddr *name, socklen_t size, const struct pirn__ip *from);

/* What has become of it: 0 for connected, EINPROGRESS, or the errno of its failure. */
int pirn__socket_connected(int fd);

#endif
