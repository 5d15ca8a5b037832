/* request.h: a request inside libpirn: what request.c, answer.c and static.c share. */
#ifndef PIRN_NET_REQUEST_H
#define PIRN_NET_REQUEST_H

#include "server/server.h"
#include "tls/tls.h"

/* A request lives from accept until its socket has become a connection or is closed. Each phase has
 * one absolute deadline, but for ANSWERING, where progress moves it. */
enum request_phase {
    REQUEST_READING,   /* the head comes in */
    REQUEST_ASKING,    /* it is complete, and the route's hook is being called */
    REQUEST_DEFERRED,  /* the hook has promised an answer; the head is in own memory now */
    REQUEST_ANSWERING, /* the answer leaves */
    REQUEST_LINGERING, /* it has left, and our side of the socket is shut */
    REQUEST_TAKEN      /* the socket is a connection's; only the struct is left, to be freed */
};

struct pirn_request {
    struct pirn_watch watch;
    struct pirn_timer timer;
    struct pirn_server *server;
    struct pirn_request *next, **link;
    struct pirn__address *address;
    struct pirn__tls *tls; /* NULL: plain */
    int turn_away;         /* with this status, as soon as TLS lets us; 0: no */
    const struct pirn_route *route;
    enum request_phase phase;
    bool is_websocket;
    bool in_hook;  /* the route's hook is being called: nothing but its caller frees this */
    bool failed;   /* the hook has tried to answer, in vain: it is not accepted by default then */
    bool too_late; /* the socket is reset rather than closed */
    struct pirn_http_head head;
    struct pirn__parsed *parsed; /* the server's; own memory when deferred */

    uint8_t *input; /* the head and what came behind it: own memory, or the receive buffer */
    size_t input_len;
    uint8_t *own; /* NULL while there was no need */
    size_t own_cap;

    uint8_t *out; /* the answer, as far as it was made */
    size_t out_cap, out_len, out_sent;
    int file; /* the rest of its body; -1 for none */
    uint64_t file_offset, file_len;

    pirn_gone_fn *gone;
    void *gone_context;
};

static inline struct pirn_loop *pirn__request_loop(const struct pirn_request *request)
{
    return request->server->owner.loop;
}

static inline bool pirn__request_is(const struct pirn_request *request, const char *method)
{
    return pirn_str_equal(request->head.method, pirn_cstr(method));
}

/* Whether there is still an answer to give. */
static inline bool pirn__request_waits(const struct pirn_request *request)
{
    return request->phase <= REQUEST_DEFERRED;
}

/* Notes that an answer could not be made; returns the error. */
static inline int pirn__request_fails(struct pirn_request *request, int error)
{
    request->failed = true;
    return error;
}

void pirn__request_deadline(struct pirn_request *request, uint32_t after_ms);

/* The peer is gone, or not worth waiting for: tells who deferred it, closes, frees. */
void pirn__request_drop(struct pirn_request *request);

/* Makes room in out for an answer with these headers, our own, and extra bytes. 0 or
 * -PIRN_E_MEMORY. */
int pirn__answer_room(struct pirn_request *request, const struct pirn_header *headers,
                      size_t header_count, size_t extra);

/* Sends what the socket takes of the answer, and goes on to linger at its end; may free it. */
void pirn__answer_pump(struct pirn_request *request);

/* As pirn_request_reply(), but the body is the first len bytes of a file: fd is the request's from
 * now on, also on failure; -1 sends none of it, as for HEAD. */
int pirn__answer_file(struct pirn_request *request, const struct pirn_header *headers,
                      size_t header_count, int fd, uint64_t len);

#endif
