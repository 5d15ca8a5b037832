/* server.h: what server.c, request.c and static.c share. */
#ifndef PIRN_NET_SERVER_H
#define PIRN_NET_SERVER_H

#include <pirn/server.h>

#include "server/address.h"
#include "conn/conn.h"
#include "loop/loop.h"

struct listener;

/* What is only known of a request when its head is complete. Its size depends on the limit of
 * headers: pirn__parsed_size(). */
struct pirn__parsed {
    struct pirn_handshake handshake;
    struct pirn_header headers[];
};

struct pirn_server {
    struct pirn__conn_owner owner; /* the open connections; first, so that it is the server */
    struct pirn_server_config config;
    struct pirn__parsed *parsed; /* for the one request that is being answered, see request.c */
    struct listener *listeners;
    struct pirn_request *requests; /* sockets that are not, or will never be, connections */
    size_t request_count;
    struct pirn__addresses addresses;
    struct pirn_stats stats;
    int reserve_fd; /* given up for a moment to answer 503 when descriptors run out */
    bool paused;    /* accepting waits for a descriptor or memory to come free */
    bool draining;
    struct pirn_timer accept_timer;
    struct pirn_timer drain_timer;
    struct pirn__task drained;
    pirn_drained_fn *done;
    void *done_context;
    size_t left; /* connections that the drain's deadline terminated */
};

/* Something of the server's has ended: its address counts one less, and what waited for that goes
 * on. NULL: its socket lives on, as a connection. */
void pirn__server_released(struct pirn_server *server, struct pirn__address *address);

size_t pirn__parsed_size(const struct pirn_server *server);

/* ---- request.c */

/* Takes a socket that was accepted, to speak TLS if tls is not NULL: reads its request and answers
 * it, or answers it with status at once if that is not 0. Without memory the socket is closed;
 * either way address is released. */
void pirn__request_start(struct pirn_server *server, int fd, struct pirn_tls *tls,
                         struct pirn__address *address, int status);

/* Answers 503 to all that wait for an answer. */
void pirn__requests_refuse(struct pirn_server *server);

/* Ends all at once. */
void pirn__requests_free(struct pirn_server *server);

#endif
