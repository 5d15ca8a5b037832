/* client_state.h: the inside of struct pirn_client, for client*.c only. What belongs where:
 * client.c is its life and what programs call; client_attempt.c goes from step to step until the
 * connection is open; client_request.c writes what is asked, client_response.c reads the answer;
 * client_retry.c decides after an ending; client_queue.c keeps messages in the meantime. */
#ifndef PIRN_NET_CLIENT_STATE_H
#define PIRN_NET_CLIENT_STATE_H

#include <pirn/auth.h>
#include <pirn/client.h>
#include <pirn/error.h>

#include "conn/conn.h"
#include "dial/dial.h"
#include "loop/line.h"
#include "loop/loop.h"
#include "tls/tls.h"

/* Where a client stands. Between turns of the loop exactly what the phase needs is there. */
enum pirn__client_phase {
    PIRN__CLIENT_ENDED,     /* nothing */
    PIRN__CLIENT_WAITING,   /* a timer */
    PIRN__CLIENT_DIALING,   /* dial; total runs from here to OPEN */
    PIRN__CLIENT_TLS,       /* a socket, a timer, tls */
    PIRN__CLIENT_HANDSHAKE, /* the same, request and response; tls for wss */
    PIRN__CLIENT_OPEN       /* conn */
};

/* Memory that grows, and begins anew in each attempt. */
struct pirn__client_bytes {
    char *data;
    size_t len, cap;
};

/* A message that waits; its bytes lie behind it. */
struct pirn__client_message;

struct pirn__client_queue {
    struct pirn__client_message *first, **last;
    size_t count, bytes;
};

/* What the program wants, for the end of the turn: nothing is begun or ended from inside its calls.
 */
enum pirn__client_wish {
    PIRN__WISH_NOTHING,
    PIRN__WISH_CONNECT, /* anew, at once */
    PIRN__WISH_END
};

/* What only attempts need; there from pirn__client_begin() to pirn__client_abandon(). */
struct pirn__client_attempt {
    struct pirn_client_config now;           /* as on_attempt made it of the client's */
    struct pirn__client_bytes start;         /* now.url, which what is secret belongs to */
    struct pirn_url target;                  /* the client's url, taken apart */
    struct pirn__client_bytes authorization; /* the answer for the next request */
    struct pirn_client_handshake_config asked;
    struct pirn_client_handshake handshake;
    struct pirn_http_head head;
};

struct pirn_client {
    struct pirn__conn_owner owner;    /* of conn; first, so that it is the client */
    struct pirn_client_config config; /* complete; url is own memory */
    struct pirn_handlers handlers;    /* the program's, with ours before some of them */
    struct pirn__task task;           /* wishes, and the end of one that was freed */
    struct pirn_timer timer;          /* of the step, or of the wait */
    struct pirn_timer total;
    uint8_t phase; /* enum pirn__client_phase */
    uint8_t wish;  /* enum pirn__client_wish */
    bool freed;    /* by the program: no callback comes any more */
    bool told;     /* on_close of conn has been called */
    bool closing;  /* pirn_client_close() was called: it connects no more */
    bool opening;  /* on_open is being called: what is queued comes behind what it sends */

    unsigned attempts; /* since the last stable connection */
    uint32_t wait_ms;  /* of WAITING */

    /* The attempt. */
    struct pirn__client_attempt *attempt;
    struct pirn__client_bytes base; /* config.url */
    struct pirn__client_bytes url;  /* the one being asked, normalised */
    unsigned redirects;
    unsigned answers; /* requests with a Digest answer */
    struct pirn__dial *dial;
    struct pirn_watch watch; /* the socket; fd -1: none */
    struct pirn__tls *tls;
    struct pirn_tls *context; /* held: the one configured, or the usual once it needs it */

    /* The opening handshake. */
    struct pirn__client_bytes request;
    size_t request_sent;
    struct pirn__client_bytes response;
    struct pirn_header *headers;          /* config.max_headers of them */
    unsigned interim;                     /* 1xx answers so far */
    struct pirn__client_bytes offers;     /* what we offered; then */
    struct pirn__client_bytes extensions; /* what the server chose */
    size_t states_bytes;                  /* of the extensions agreed on; 0 once conn has them */
    struct pirn_str lacking;              /* a required one that was not; or {NULL, 0} */

    /* The connection that the program knows of, until its on_close has returned. */
    struct pirn_conn *conn;
    uint64_t opened_us;
    struct pirn__client_queue queue;
    void *keeper;   /* blocking.c's */
    int close_code; /* what pirn_client_close() wants, once the queue is empty; -1: nothing */
    uint8_t close_reason_len;
    char close_reason[PIRN_CLOSE_REASON_MAX];
};

#define PIRN__CLIENT_TEXT_CAP 512

static inline struct pirn_loop *pirn__client_loop(const struct pirn_client *client)
{
    return client->owner.loop;
}

static inline struct pirn_str pirn__client_str(const struct pirn__client_bytes *bytes)
{
    return (struct pirn_str){bytes->data, bytes->len};
}

/* To be asked after every callback: false when the program has freed the client, or has ended or
 * begun something; what is under way is let be then, the task sees to it. */
static inline bool pirn__client_goes_on(const struct pirn_client *client)
{
    return !client->freed && client->wish == PIRN__WISH_NOTHING;
}

/* ---- client.c */

/* Room for cap bytes in all; what is there remains. False without memory. */
bool pirn__client_reserve(struct pirn_client *client, struct pirn__client_bytes *bytes, size_t cap);
/* The bytes become text, and a NUL. */
bool pirn__client_keep(struct pirn_client *client, struct pirn__client_bytes *bytes,
                       struct pirn_str text);
void pirn__client_drop(struct pirn_client *client, struct pirn__client_bytes *bytes);

/* Tells on_step "NAME: ..." made as by printf. As pirn__client_goes_on(). */
bool pirn__client_tell(struct pirn_client *client, enum pirn_client_step step, const char *format,
                       ...) __attribute__((format(printf, 3, 4)));

/* Has the task run at the end of the turn. */
void pirn__client_wish(struct pirn_client *client, enum pirn__client_wish wish);

/* ---- client_attempt.c */

/* Takes memory for an attempt, with the client's configuration; false without. And begins it. */
bool pirn__client_prepare(struct pirn_client *client);
void pirn__client_begin(struct pirn_client *client);

/* Takes the URL of now as the one to be asked: 0, -PIRN_E_URL, -PIRN_E_MEMORY. */
int pirn__client_take_url(struct pirn_client *client);
/* The same for another URL, as pirn__location_resolve() gave it; its bytes change hands. */
void pirn__client_move(struct pirn_client *client, struct pirn__client_bytes *url);

/* Whether the proxy and the address that are configured are some: 0, -PIRN_E_PROXY_URL or
 * -PIRN_E_ARGUMENT. */
int pirn__client_check_proxy(struct pirn_client *client);
int pirn__client_check_addresses(struct pirn_client *client);

/* Dials client->target. */
void pirn__client_dial(struct pirn_client *client);

/* Lets go of socket, dial and all that belongs to one request; and of all of an attempt. */
void pirn__client_let_go(struct pirn_client *client);
void pirn__client_abandon(struct pirn_client *client);

/* The timers of the step and of the attempt. */
void pirn__client_late(struct pirn_loop *loop, struct pirn_timer *timer);
void pirn__client_too_late(struct pirn_loop *loop, struct pirn_timer *timer);

/* ---- client_open.c */

/* The response is good: the socket becomes a connection. */
void pirn__client_open(struct pirn_client *client);

/* The program's handlers with those of the client before them. */
void pirn__client_interpose(struct pirn_client *client);

/* Ends the connection, and tells on_close from inside. */
void pirn__client_end_conn(struct pirn_client *client);

/* ---- client_request.c */

/* Writes the request for client->target to client->request. 0, or an error of
 * pirn_client_handshake_write(), -PIRN_E_MEMORY. */
int pirn__client_write_request(struct pirn_client *client);

/* Whether this extension is offered. */
bool pirn__client_offers(const struct pirn_client *client, struct pirn_str name);

/* Whether what is secret may be sent to the target. */
bool pirn__client_trusts(const struct pirn_client *client);

/* Answers a 401 with client->authorization for the next request. Returns above 0; 0 if there is no
 * answer to it; -PIRN_E_MEMORY or -PIRN_E_RANDOM. */
int pirn__client_answer(struct pirn_client *client);

/* ---- client_response.c */

/* The socket of PIRN__CLIENT_HANDSHAKE can be read. */
void pirn__client_read_response(struct pirn_client *client);

/* ---- client_retry.c */

/* Why an attempt ends. */
struct pirn__client_fault {
    enum pirn_layer layer;
    enum pirn_error error;
    int system_error;
    int status;       /* the server's, or for layer proxy the proxy's */
    const char *text; /* "LAYER: " is put before it unless it stands there */
};

/* The attempt has failed: tells so, and waits for the next or ends. */
void pirn__client_fail(struct pirn_client *client, const struct pirn__client_fault *fault);

/* The same, with the error's own text; and with what errno says, or the TLS session over the
 * socket.
 */
void pirn__client_fail_plainly(struct pirn_client *client, enum pirn_layer layer, int error);
void pirn__client_fail_socket(struct pirn_client *client, const char *when);

/* The connection has ended, and its on_close returned. */
void pirn__client_lost(struct pirn_client *client, const struct pirn_close_info *info);

/* The program does not want to wait for a connection any more. */
void pirn__client_give_up(struct pirn_client *client);

/* ---- client_queue.c */

/* As pirn_client_send() of what has to wait. */
int pirn__client_enqueue(struct pirn_client *client, enum pirn_opcode type, const void *data,
                         size_t len);

/* Hands over to the connection what it takes; then closes it, if that is wanted. */
void pirn__client_flush(struct pirn_client *client);

void pirn__client_drop_queue(struct pirn_client *client);

#endif
