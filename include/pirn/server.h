/* pirn/server.h: a WebSocket server on a loop, with plain HTTP answers on the same port. */
#ifndef PIRN_SERVER_H
#define PIRN_SERVER_H

#include <pirn/conn.h>
#include <pirn/handshake.h>
#include <pirn/http.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pirn_server;
struct pirn_request;
struct pirn_tls;

/* Asked for every request that is well-formed, WebSocket or not, whose path no other route takes
 * first. It answers with one of pirn_request_accept(), _reject(), _reply(), _file() at once, or
 * calls pirn_request_defer() and answers later. If it returns having done none of these, the
 * request is answered as without a hook, but with 500 if it has tried one and that has failed. */
typedef void pirn_request_fn(struct pirn_request *request, void *context);

/* What happens under a path. Strings and arrays must outlive the server. */
struct pirn_route {
    const char *path; /* "/chat": just this. "/chat/..." written as "/chat/" + "*":
                       * all below it. NULL: every path */
    const struct pirn_str *subprotocols; /* supported, best first */
    size_t subprotocol_count;
    pirn_request_fn *on_request; /* NULL: WebSocket requests are accepted, others get 426 */
    const struct pirn_handlers *handlers; /* NULL: the server's */
    void *context; /* for on_request, and pirn_conn_context(); NULL: the server's */
};

/* Defaults of the limits; pirn_conn_config and pirn_endpoint_config have theirs.
 *
 *   opening handshake        10 s, absolute: trickling bytes do not extend it; with TLS's own
 *   answer after defer       30 s, then 503
 *   head of a request        16 KiB, 100 headers; then 431
 *   connections              100,000 in all; 10,000 from one address; 1,000 not past the opening
 *                            handshake; then 503 (429 for the address) and closed */
#define PIRN_DEFAULT_HANDSHAKE_TIMEOUT_MS 10000
#define PIRN_DEFAULT_DEFER_TIMEOUT_MS     30000
#define PIRN_DEFAULT_MAX_CONNECTIONS      100000
#define PIRN_DEFAULT_MAX_PER_ADDRESS      10000
#define PIRN_DEFAULT_MAX_HANDSHAKES       1000

/* Zero in any field means its default. Copied; what it points to must outlive the server. */
struct pirn_server_config {
    struct pirn_conn_config conn;    /* of all connections */
    const struct pirn_route *routes; /* the first that fits is taken */
    size_t route_count;              /* none: every path is a WebSocket with conn.handlers */
    const struct pirn_str *origins;  /* cross-site origins that may connect, as
                                      * "https://example.org". Requests without an Origin are no
                                      * browsers' and pass, as does the server's own; else 403 */
    size_t origin_count;
    bool any_origin;   /* every origin may connect */
    bool secure;       /* browsers come by https, as TLS ends in a proxy: the server's own origin is
                        * https://Host. (Known by itself of listeners that speak TLS) */
    bool server_order; /* the subprotocol is the server's best, not the client's */
    const char *root;  /* folder of static files for GET and HEAD; NULL: none. Looked at after
                        * routes, for requests that are no WebSocket's */
    void *context;     /* for on_request of a route without one, and pirn_conn_context() */

    /* The limits, in the order of the table above. */
    uint32_t handshake_timeout_ms;
    uint32_t defer_timeout_ms;
    size_t max_head_bytes;
    size_t max_headers;
    size_t max_connections;
    size_t max_per_address;
    size_t max_handshakes;
};

/* Makes a server that listens nowhere yet; config may be NULL. Returns NULL without memory, or with
 * errno EINVAL for a configuration that cannot be, ENOTSUP for compression in a library that was
 * built without zlib. */
PIRN_API struct pirn_server *pirn_server_new(struct pirn_loop *loop,
                                             const struct pirn_server_config *config);

/* Ends all its connections at once (on_close comes for each, from inside this call, as
 * "application" endings), and frees it. For a friendly end drain first. Legal in any callback but
 * those of its own connections and requests. NULL is let be. */
PIRN_API void pirn_server_free(struct pirn_server *server);

/* Where to listen: unix_path, or fd, or host and port. */
struct pirn_listen {
    const char *host;      /* name or number, v4 or v6; NULL: "127.0.0.1"; "*": every address, v6
                            * and v4 */
    uint16_t port;         /* 0: the kernel chooses; see pirn_server_port() */
    const char *unix_path; /* a socket in the file system, made new (a dead one of that name is
                            * replaced) and removed at the end; "@name": abstract (Linux) */
    int fd;                /* > 0: a listening socket of any family, adopted, closed at the end; but
                            * still the caller's when listening fails */
    int backlog;           /* 0: 1024 */
    bool reuse_port;       /* SO_REUSEPORT: several processes or loops share the port */
    struct pirn_tls *tls; /* speaks TLS, as https and wss, by a server's context, which the listener
                           * holds; NULL: plain. A server may listen both ways */
};

/* Begins to listen. May be called several times. Returns 0, -PIRN_E_ARGUMENT, -PIRN_E_MEMORY,
 * -PIRN_E_STATE when the server is draining, or -PIRN_E_SYSTEM (errno says, ENOENT for a host that
 * does not resolve). Waits for name resolution if host is a name. */
PIRN_API int pirn_server_listen(struct pirn_server *server, const struct pirn_listen *where);

/* The port of the first TCP listener; 0 if there is none. */
PIRN_API uint16_t pirn_server_port(const struct pirn_server *server);

/* Drains: stops listening, refuses requests that are under way with 503, closes every connection
 * with code (1001 or 1012, say), and when all are gone, or after deadline_ms, terminates what is
 * left and calls done once with the number of connections that had to be terminated. done may free
 * the server, and be NULL. Returns 0, -PIRN_E_STATE when it is draining already, or an error of
 * pirn_close_build(). */
typedef void pirn_drained_fn(struct pirn_server *server, size_t left, void *context);
PIRN_API int pirn_server_drain(struct pirn_server *server, int code, struct pirn_str reason,
                               uint32_t deadline_ms, pirn_drained_fn *done, void *context);

/* Open connections: past the opening handshake, on_close has not returned yet. */
PIRN_API size_t pirn_server_connections(const struct pirn_server *server);

/* Calls fn for every open connection. fn may do anything to any connection. In on_close its own is
 * among them still; what is sent to it returns -PIRN_E_CLOSED. */
typedef void pirn_each_fn(struct pirn_conn *conn, void *context);
PIRN_API void pirn_server_each(struct pirn_server *server, pirn_each_fn *fn, void *context);

/* Totals since the server was made. */
struct pirn_stats {
    uint64_t accepted;      /* sockets */
    uint64_t opened;        /* WebSockets */
    uint64_t refused;       /* requests answered with 4xx or 5xx, and sockets closed by a limit */
    uint64_t timeouts;      /* opening handshakes that took too long */
    uint64_t tls_failures;  /* TLS handshakes that failed, or were given up by the peer */
    uint64_t accept_pauses; /* times that descriptors or memory ran out */
    struct pirn_deflate_totals deflate;
};
PIRN_API struct pirn_stats pirn_server_stats(const struct pirn_server *server);

/* ---- requests: good from on_request until answered */

/* The parsed head. Its slices are good until the request is answered; but pirn_request_defer()
 * moves it: slices that were taken before, and what the functions below gave, are to be asked for
 * anew. */
PIRN_API const struct pirn_http_head *pirn_request_head(const struct pirn_request *request);

/* Target up to its "?", and what is behind it ({NULL, 0} without one). Not percent-decoded:
 * pirn_url_parameter() takes a query apart. */
PIRN_API struct pirn_str pirn_request_path(const struct pirn_request *request);
PIRN_API struct pirn_str pirn_request_query(const struct pirn_request *request);

/* Whether it asks for a WebSocket, and then its handshake (else NULL): subprotocols offered,
 * origin, host. */
PIRN_API const struct pirn_handshake *pirn_request_handshake(const struct pirn_request *request);

/* As pirn_conn_peer(). */
PIRN_API const char *pirn_request_peer(const struct pirn_request *request, char *text, size_t cap);

/* Its server's loop, for a timer while the answer is deferred. */
PIRN_API struct pirn_loop *pirn_request_loop(const struct pirn_request *request);

/* How to accept. All zero: the route's subprotocols, handlers and context. */
struct pirn_accept {
    struct pirn_str subprotocol; /* one that was offered; "" : none; {NULL, 0}: chosen from the
                                  * route's. Must outlive the connection */
    const struct pirn_header *headers; /* more headers of the 101 answer */
    size_t header_count;
    const struct pirn_handlers *handlers; /* must outlive the connection */
    void *context;                        /* pirn_conn_context() */
};

/* Opens the WebSocket: the 101 answer is queued, on_open is called from inside. how may be NULL.
 * Returns the connection, or NULL with *error (may be NULL) set to PIRN_E_STATE (no WebSocket
 * request, or answered already), PIRN_E_CLOSED (the server is draining), PIRN_E_SUBPROTOCOL_UNKNOWN
 * (not offered), PIRN_E_HEADER_x, PIRN_E_MEMORY, or of an extension's answer PIRN_E_ROOM (512 bytes
 * in all) or PIRN_E_TOKEN: the request still waits for an answer then. */
PIRN_API struct pirn_conn *pirn_request_accept(struct pirn_request *request,
                                               const struct pirn_accept *how, int *error);

/* Answers with a status from 300 to 599 but 304, as pirn_handshake_write_refusal(), and closes.
 * text is the body, as plain text; NULL: the status's own. Returns 0, -PIRN_E_STATE when it is
 * answered already, -PIRN_E_ARGUMENT (status), -PIRN_E_HEADER_x, -PIRN_E_MEMORY. */
PIRN_API int pirn_request_reject(struct pirn_request *request, int status,
                                 const struct pirn_header *headers, size_t header_count,
                                 const char *text);

/* Answers with a status from 200 to 599 and a body (copied; left out for HEAD), and closes. Returns
 * as pirn_request_reject(), -PIRN_E_ARGUMENT also for len bytes at NULL, and for a body of a 204 or
 * 304, which have none. */
PIRN_API int pirn_request_reply(struct pirn_request *request, int status,
                                const struct pirn_header *headers, size_t header_count,
                                const void *body, size_t len);

/* Answers GET and HEAD with the file that the percent-decoded path names below root, its type by
 * its ending, "index.html" for a folder; never one outside root, by ".." or symbolic link; 404, 405
 * itself. As pirn_request_reject(). */
PIRN_API int pirn_request_file(struct pirn_request *request, const char *root);

/* The answer comes later, from the loop's thread, within defer_timeout_ms (else 503). If the peer
 * goes away first, the time is up, or the server drains or is freed, gone is called (once, NULL
 * allowed): in it the request may be looked at but no more answered, after it not touched. Only
 * from inside on_request. Returns 0, -PIRN_E_STATE, or -PIRN_E_MEMORY: it still waits for an answer
 * then. */
typedef void pirn_gone_fn(struct pirn_request *request, void *context);
PIRN_API int pirn_request_defer(struct pirn_request *request, pirn_gone_fn *gone, void *context);

#ifdef __cplusplus
}
#endif
#endif
