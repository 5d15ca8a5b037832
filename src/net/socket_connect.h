/* socket_connect.h: addresses, and sockets that connect without blocking. */
#ifndef PIRN_NET_SOCKET_CONNECT_H
#define PIRN_NET_SOCKET_CONNECT_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <pirn/base.h>

/* Enough for IPv4 and IPv6. */
struct pirn__ip {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } of;
};

/* An address written in numbers, IPv6 with or without a zone; false if the text is none. */
bool pirn__ip_parse(struct pirn__ip *address, struct pirn_str text);

void pirn__ip_set_port(struct pirn__ip *address, uint16_t port);

#endif
