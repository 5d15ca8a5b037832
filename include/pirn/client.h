/* pirn/client.h: a WebSocket client on a loop: it connects, and connects again if so wanted.
 *
 *     static void on_message(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t
 * len);
 *     ...
 *     struct pirn_client_config config = {
 *         .url = "wss://example.org/chat",
 *         .conn.handlers.on_message = on_message,
 *         .reconnect.on = true,
 *     };
 *     struct pirn_client *client = pirn_client_new(loop, &config, NULL);
 *     pirn_client_send(client, PIRN_TEXT, "hello", 5); // leaves when it is connected
 *     pirn_loop_run(loop);
 *
 * The steps of an attempt: resolve, connect, proxy, tls, handshake; then the connection is open and
 * tells what happens to it through the handlers of pirn/conn.h, as that of a server does. An
 * attempt that does not come so far ends with on_failure. When there is no connection and none will
 * be tried on_end comes.
 *
 * Callbacks come from the loop only, never from inside a call of these functions, but for on_close
 * from pirn_client_free(). All calls are legal in every callback, also of the connection, and also
 * pirn_client_free(). Everything here belongs to the loop's thread. */
#ifndef PIRN_CLIENT_H
#define PIRN_CLIENT_H

#include <pirn/backoff.h>
#include <pirn/conn.h>
#include <pirn/cookies.h>
#include <pirn/handshake.h>
#include <pirn/http.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pirn_client;
struct pirn_tls; /* of pirn/tls.h */

/* What a client is about to do. */
enum pirn_client_step {
    PIRN_STEP_RESOLVE,   /* asks for the addresses of the host, or of the proxy */
    PIRN_STEP_CONNECT,   /* to one of them, or to the unix-domain socket */
    PIRN_STEP_PROXY,     /* asks the proxy for the way to the host */
    PIRN_STEP_TLS,       /* the TLS handshake */
    PIRN_STEP_HANDSHAKE, /* the opening handshake of the WebSocket */
    PIRN_STEP_REDIRECT,  /* the server sent it to another URL: pirn_client_url() */
    PIRN_STEP_ANSWER,    /* the server asked who we are: the same request with a Digest answer */
    PIRN_STEP_OPEN,      /* open: on_open comes next */
    PIRN_STEP_WAIT       /* until the next attempt */
};

/* "resolve", "connect", "proxy", "tls", "handshake", "redirect", "answer", "open", "wait"; static
 * memory. */
PIRN_API const char *pirn_client_step_name(enum pirn_client_step step);

struct pirn_client_progress {
    enum pirn_client_step step;
    unsigned attempt; /* which it is, from 1; since the last connection that was stable */
    uint32_t wait_ms; /* PIRN_STEP_WAIT: until the next one; else 0 */
    const char *text; /* one printable line, such as "resolve: example.org" */
};

/* An attempt that has not led to an open connection. */
struct pirn_client_failure {
    /* Layer, error and text ("http: 503 instead of 101") say why; code is 1006, or 1015 if it was
     * TLS. */
    struct pirn_close_info info;
    int status;   /* of the server's answer, or of the proxy's for layer proxy; 0: none came */
    bool retries; /* another attempt follows, in wait_ms */
    uint32_t wait_ms;
};

/* Times in ms, PIRN_OFF for none. Each step's is for all of that step in one attempt; redirects
 * begin anew. */
struct pirn_client_timeouts {
    uint32_t resolve_ms;   /* 10 s */
    uint32_t connect_ms;   /* over all addresses; 10 s */
    uint32_t proxy_ms;     /* 10 s */
    uint32_t tls_ms;       /* 10 s */
    uint32_t handshake_ms; /* from request to response, absolute: trickling does not help; 10 s */
    uint32_t total_ms;     /* of an attempt with its redirects; 30 s */
};

/* Whether and when a client connects again by itself, after an attempt that failed and after a
 * connection that was lost: as pirn_retry_judge() and pirn_retry_delay_ms() of pirn/backoff.h say,
 * from close code, HTTP status with Retry-After, and error. Not after pirn_conn_close() and
 * pirn_conn_terminate() by the program, which may call pirn_client_reconnect() from on_close,
 * on_failure or on_end when it knows better. */
struct pirn_reconnect_config {
    bool on;
    struct pirn_backoff backoff;
    unsigned max_attempts; /* attempts that fail, one after the other; 0: no limit */
    uint32_t stable_ms;    /* a connection that lived so long begins the count anew; 10 s */
};

/* Messages given to pirn_client_send() while there is no open connection. */
enum pirn_queue_policy {
    PIRN_QUEUE_REFUSE,      /* at queue_bytes -PIRN_E_QUEUE_FULL */
    PIRN_QUEUE_DROP_OLDEST, /* the oldest that wait make room */
    PIRN_QUEUE_NONE         /* nothing waits: -PIRN_E_STATE */
};

#define PIRN_DEFAULT_CLIENT_STEP_TIMEOUT_MS  10000
#define PIRN_DEFAULT_CLIENT_TOTAL_TIMEOUT_MS 30000
#define PIRN_DEFAULT_CLIENT_STABLE_MS        10000
#define PIRN_DEFAULT_CLIENT_QUEUE_BYTES      ((size_t)1 << 20)
#define PIRN_CLIENT_MAX_INTERIM              16 /* 1xx answers before the one that counts */

/* Zero in any field means its default, NULL leaves a thing out. Copied, with url; what else it
 * points to must outlive the client. */
struct pirn_client_config {
    struct pirn_conn_config conn; /* of the connection: its handlers, its limits, deflate */

    const char *url; /* ws, wss; http and https mean the same; user:password@ before the host is as
                      * user and password below, percent-decoded */
    const char *unix_path; /* connects to this socket in place of the URL's host and port; "@name":
                            * abstract (Linux) */
    const char *address;   /* an address in numbers, such as "10.0.0.7" or "::1": connects to it
                            * without a look-up of the URL's host, which stays what is asked for and
                            * verified. Not for redirects to other origins, nor through a proxy that
                            * looks up names itself */
    const char *local_address; /* one of this machine, in numbers: connections are made from it, to
                                * addresses of its kind only, be they a proxy's */
    const char *proxy;         /* "http://[user:password@]host:port", also socks4a, socks5, socks5h;
                                * its password as the server's: Basic, then Digest if a 407 asks;
                                * NULL: by http_proxy, https_proxy, all_proxy, no_proxy; "": none */
    struct pirn_tls *tls; /* for wss; NULL: one with the defaults, which all such clients of the
                           * loop share */

    const struct pirn_str *subprotocols; /* best first */
    size_t subprotocol_count;
    bool require_subprotocol; /* a server that chooses none is refused */
    bool require_deflate;     /* a server that does not agree on permessage-deflate is told 1010 */
    const struct pirn_str *required_extensions; /* as are those that lack one of these: the attempt
                                                 * fails with PIRN_E_EXTENSION_REQUIRED, after the
                                                 * closing handshake (RFC 6455, 7.4.1) */
    size_t required_extension_count;

    const char *origin;
    const char *user_agent; /* "pirn/" and the version; "": none */
    const struct pirn_header *headers;
    size_t header_count;
    const char *user, *password;  /* Basic at once; Digest (RFC 7616) when a 401 asks for it */
    bool digest_only;             /* neither this password nor the proxy's ever leaves as Basic:
                                   * waits for the 401, the 407 */
    const char *bearer;           /* Authorization: Bearer */
    struct pirn_cookies *cookies; /* a jar: what it has for the URL is sent, what the server sets is
                                   * kept */
    unsigned max_redirects; /* 301, 302, 303, 307, 308 followed; 0: none. Never from wss to ws. Of
                             * another origin than url's, nothing secret is sent: no user, password,
                             * bearer, Cookie or Authorization header, proxies apart */

    struct pirn_client_timeouts timeouts;
    size_t max_head_bytes; /* of a response; 16 KiB */
    size_t max_headers;    /* 100 */
    struct pirn_reconnect_config reconnect;
    size_t queue_bytes; /* of messages that wait, each counted with 64 bytes more; 1 MiB */
    enum pirn_queue_policy queue_policy;

    /* All may be NULL. */

    /* Before each attempt (not each redirect): may change in config, a copy of the client's own,
     * what stands there from url to max_redirects, but for tls, require_deflate and
     * required_extensions; what it changes of the rest is ignored. It need not copy url. */
    void (*on_attempt)(struct pirn_client *client, struct pirn_client_config *config);
    void (*on_step)(struct pirn_client *client, const struct pirn_client_progress *progress);
    /* The head of a response that is not 1xx but 101, whatever is thought of it then; slices are
     * good until it returns. */
    void (*on_response)(struct pirn_client *client, const struct pirn_http_head *response);
    void (*on_failure)(struct pirn_client *client, const struct pirn_client_failure *failure);
    /* After the last on_close or on_failure, if no attempt follows; info is that one's. Also after
     * pirn_client_close() of what was not open. */
    void (*on_end)(struct pirn_client *client, const struct pirn_close_info *info);
    void *context; /* pirn_client_context(), and pirn_conn_context() at first */
};

/* Makes a client that begins to connect in the loop's next turn. Returns NULL with *error (may be
 * NULL) set to PIRN_E_MEMORY, PIRN_E_ARGUMENT (config is NULL, a number out of its range, an
 * address that is none, a context of TLS for servers, an extension that is required and not
 * offered), PIRN_E_PROXY_URL, PIRN_E_UNSUPPORTED (wss or deflate, which are not built in),
 * PIRN_E_RANDOM, or what is wrong with the request: PIRN_E_URL, PIRN_E_SUBPROTOCOL_HEADER,
 * PIRN_E_HEADER_x as in pirn_client_handshake_write(), PIRN_E_ROOM (longer than a MiB). */
PIRN_API struct pirn_client *pirn_client_new(struct pirn_loop *loop,
                                             const struct pirn_client_config *config, int *error);

/* Ends everything at once, and frees the client: on_close comes from inside this call if the
 * connection is open, as an "application" ending, and no callback after it. What is queued is lost.
 * For a friendly end close first, and wait for on_end. NULL is let be. */
PIRN_API void pirn_client_free(struct pirn_client *client);

/* Sends a message: over the open connection as pirn_conn_send(), or else queued until there is one.
 * What is queued leaves in order, when on_open has returned, as fast as the connection takes it;
 * meanwhile new messages queue behind it. Each message is sent at most once: one that was handed to
 * a connection is not sent again on the next when that is lost, whether it has arrived or not.
 * Returns as pirn_conn_send(), 0 also when it is queued, or -PIRN_E_QUEUE_FULL (the queue is full),
 * -PIRN_E_STATE (PIRN_QUEUE_NONE), -PIRN_E_CLOSED (no connection, and none will be tried). */
PIRN_API int pirn_client_send(struct pirn_client *client, enum pirn_opcode type, const void *data,
                              size_t len);

/* Ends it with a closing handshake, as pirn_conn_close(), and connects no more. What is queued
 * leaves first if the connection is open; if it is not the attempt or the wait is given up and the
 * queue dropped. on_end says when it is done. Returns 0, -PIRN_E_CLOSED when it has ended or is
 * closing, -PIRN_E_MEMORY or an error of pirn_close_build(). */
PIRN_API int pirn_client_close(struct pirn_client *client, int code, struct pirn_str reason);

/* Connects now: after the end; or when it waits for the next attempt, without more waiting; or when
 * it is closing, as soon as that is done. The count of attempts begins anew. Returns 0, or
 * -PIRN_E_STATE when it is connecting or open already. */
PIRN_API int pirn_client_reconnect(struct pirn_client *client);

enum pirn_client_state {
    PIRN_CLIENT_CONNECTING,
    PIRN_CLIENT_OPEN,    /* until its connection's on_close has returned */
    PIRN_CLIENT_WAITING, /* for the next attempt */
    PIRN_CLIENT_ENDED
};
PIRN_API enum pirn_client_state pirn_client_state(const struct pirn_client *client);

/* The open connection, or NULL. And whose a connection is; NULL for a server's. */
PIRN_API struct pirn_conn *pirn_client_conn(const struct pirn_client *client);
PIRN_API struct pirn_client *pirn_client_of(const struct pirn_conn *conn);

/* The URL of the latest attempt, after redirects, without user and password. Good until the next
 * turn of the loop. */
PIRN_API const char *pirn_client_url(const struct pirn_client *client);

/* What the server chose from the extensions offered, as it wrote it; "" for nothing. Good as long
 * as the connection. (The subprotocol: pirn_conn_subprotocol().) */
PIRN_API const char *pirn_client_extensions(const struct pirn_client *client);

/* Attempts since the last stable connection, the running one and the open one included. */
PIRN_API unsigned pirn_client_attempts(const struct pirn_client *client);

/* What waits for a connection: messages, and bytes as queue_bytes counts them. */
PIRN_API size_t pirn_client_queued(const struct pirn_client *client, size_t *bytes);

PIRN_API struct pirn_loop *pirn_client_loop(const struct pirn_client *client);
PIRN_API void *pirn_client_context(const struct pirn_client *client);

#ifdef __cplusplus
}
#endif
#endif
