/* pirn/handshake.h: the opening handshake of both sides (RFC 6455, 4), on heads of pirn/http.h.
 *
 * Server: read a head, then
 *     if (pirn_handshake_read_request(&hs, &head) == 0)
 *         n = pirn_handshake_write_accept(&hs, subprotocol, extensions, NULL, 0, out, cap);
 *     else
 *         n = pirn_handshake_write_refusal(hs.status, NULL, 0, pirn_cstr(hs.detail), out, cap);
 * Client: pirn_client_handshake_write(), read the head of the response, then
 * pirn_client_handshake_read_response().
 *
 * No I/O, no allocation, no state beyond the structs. */
#ifndef PIRN_HANDSHAKE_H
#define PIRN_HANDSHAKE_H

#include <pirn/base.h>
#include <pirn/http.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PIRN_HANDSHAKE_KEY_CHARS        24 /* a Sec-WebSocket-Key */
#define PIRN_HANDSHAKE_ACCEPT_CHARS     28 /* a Sec-WebSocket-Accept */
#define PIRN_HANDSHAKE_DETAIL_BYTES     160
#define PIRN_HANDSHAKE_MAX_SUBPROTOCOLS 64

/* The Sec-WebSocket-Accept that belongs to a Sec-WebSocket-Key (RFC 6455, 4.2.2), with a NUL. */
PIRN_API void pirn_handshake_accept_key(struct pirn_str key,
                                        char out[PIRN_HANDSHAKE_ACCEPT_CHARS + 1]);

/* Server. */

/* What a request says. Read the fields, do not write them; the slices are those of the head. */
struct pirn_handshake {
    const struct pirn_http_head *request; /* with all its headers */
    struct pirn_str resource; /* path and query, begins with "/" (RFC 6455, 3: resource name) */
    struct pirn_str host;     /* the Host header: host[:port] */
    struct pirn_str origin;   /* the Origin header, or {NULL, 0} */
    struct pirn_str key;      /* the Sec-WebSocket-Key */
    int error;                /* enum pirn_error: why it is refused, or PIRN_E_NONE */
    int status;               /* 101, or the status to refuse with */
    char detail[PIRN_HANDSHAKE_DETAIL_BYTES]; /* what is wrong, in one printable line, or "" */
};

/* Whether a request asks for a WebSocket at all, well or badly (Upgrade names websocket, or there
 * is a Sec-WebSocket-Key); otherwise it is plain HTTP. */
PIRN_API bool pirn_handshake_wants_upgrade(const struct pirn_http_head *request);

/* Checks a complete request by RFC 6455, 4.2.1, in this order, and stops at the first fault:
 *   -PIRN_E_METHOD              405  the method is GET
 *   -PIRN_E_HTTP_VERSION        505  the version is HTTP/1.1
 *   -PIRN_E_REQUEST_LINE        400  the target is a path, or an http(s) or ws(s) URL
 *   -PIRN_E_HOST                400  Host is there once, is host[:port], equals the host of a URL
 *   -PIRN_E_BODY                400  there is no Content-Length and no Transfer-Encoding
 *   -PIRN_E_UPGRADE             400  Upgrade names websocket
 *   -PIRN_E_CONNECTION          400  Connection names upgrade
 *   -PIRN_E_WEBSOCKET_VERSION   426  Sec-WebSocket-Version is there once and 13; 400 when it is
 *                                    missing or doubled
 *   -PIRN_E_KEY                 400  Sec-WebSocket-Key is there once and 16 bytes in base64
 *   -PIRN_E_ORIGIN              400  Origin is there at most once
 *   -PIRN_E_SUBPROTOCOL_HEADER  400  the subprotocols are tokens, none twice, 64 at most
 *   -PIRN_E_EXTENSION_HEADER    400  the extensions are well-formed
 * and before all, -PIRN_E_STATE, 500: the head is that of a request and complete.
 * Returns 0, with status 101, or the error, with error, status and detail set; request, resource,
 * host, origin and key are set as far as they could be read. A head whose reading failed is refused
 * with its own error and status. `request` must outlive `hs`. */
PIRN_API int pirn_handshake_read_request(struct pirn_handshake *hs,
                                         const struct pirn_http_head *request);

/* Whether the client offers this subprotocol (case-sensitive). All of them are to be read with
 * pirn_http_list_init(&list, hs->request, PIRN_STR("Sec-WebSocket-Protocol")). */
PIRN_API bool pirn_handshake_offers_subprotocol(const struct pirn_handshake *hs,
                                                struct pirn_str subprotocol);

enum pirn_subprotocol_order {
    PIRN_CLIENT_ORDER, /* the first offered one that is supported */
    PIRN_SERVER_ORDER, /* the first supported one that is offered */
};

/* Chooses one of `supported`, or {NULL, 0} when none is in both lists. The request need not outlive
 * what is returned. */
PIRN_API struct pirn_str pirn_handshake_choose_subprotocol(const struct pirn_handshake *hs,
                                                           const struct pirn_str *supported,
                                                           size_t supported_count,
                                                           enum pirn_subprotocol_order order);

/* Whether to let this Origin in (RFC 6455, 10.2): there is none (not a browser); or it equals the
 * request's own http(s)://Host, https when `secure`, in scheme, host (any case) and port; or it
 * equals one of `allowed` in the same way. An origin that is no http(s) URL, such as "null", is
 * let in only when `allowed` has it letter by letter. */
PIRN_API bool pirn_handshake_origin_allowed(const struct pirn_handshake *hs, bool secure,
                                            const struct pirn_str *allowed, size_t allowed_count);

/* Writes the 101 answer to a request that was read without error. `subprotocol` is {NULL, 0} or
 * one that the client offers; `extensions` is {NULL, 0} or the value of Sec-WebSocket-Extensions,
 * with offered names only; `headers` are added. A NUL that is not counted follows. Returns the
 * length, or
 *   -PIRN_E_STATE                the request was refused;
 *   -PIRN_E_SUBPROTOCOL_UNKNOWN  the client does not offer this subprotocol;
 *   -PIRN_E_EXTENSION_HEADER     `extensions` is malformed;
 *   -PIRN_E_EXTENSION_UNKNOWN    it names an extension that the client does not offer;
 *   -PIRN_E_HEADER_RESERVED      a header is Upgrade, Connection, Sec-WebSocket-*, Content-Length,
 *                                Transfer-Encoding or the like, in any case;
 *   -PIRN_E_HEADER_NAME, -PIRN_E_HEADER_VALUE, -PIRN_E_ROOM as in pirn_http_write_response(). */
PIRN_API int pirn_handshake_write_accept(const struct pirn_handshake *hs,
                                         struct pirn_str subprotocol, struct pirn_str extensions,
                                         const struct pirn_header *headers, size_t header_count,
                                         char *out, size_t cap);

/* Writes a whole answer that ends the connection: status 300 to 599 but not 304, `Connection:
 * close`, `text` and a line end as body. With it go Content-Length and, unless `headers` has them,
 * Content-Type (text/plain; charset=utf-8), Cache-Control (no-store), X-Content-Type-Options
 * (nosniff), for 405 Allow (GET), for 426 Upgrade (websocket, also named in Connection) and
 * Sec-WebSocket-Version (13). An empty `text` means the reason phrase. A NUL that is not counted
 * follows. Returns the length, or -PIRN_E_ARGUMENT (status), -PIRN_E_HEADER_RESERVED (Connection,
 * Content-Length, Transfer-Encoding or the like), -PIRN_E_HEADER_NAME, -PIRN_E_HEADER_VALUE,
 * -PIRN_E_ROOM. */
PIRN_API int pirn_handshake_write_refusal(int status, const struct pirn_header *headers,
                                          size_t header_count, struct pirn_str text, char *out,
                                          size_t cap);

/* Client. */

/* What to ask for. Zero or {NULL, 0} leaves a thing out, unless said otherwise. */
struct pirn_client_handshake_config {
    struct pirn_str host;       /* name or address, an IPv6 one without brackets; required */
    uint16_t port;              /* 0: the default, 80 or 443 */
    bool secure;                /* TLS is under it; says which port is the default */
    bool require_subprotocol;   /* the server must choose one of the subprotocols */
    struct pirn_str target;     /* path and query; empty: "/"; "?x" means "/?x" */
    struct pirn_str origin;     /* of the page, for a browser; others have none */
    struct pirn_str user_agent; /* name and version of the program */
    const struct pirn_str *subprotocols; /* in the order of preference */
    size_t subprotocol_count;
    struct pirn_str extensions;        /* value of Sec-WebSocket-Extensions: the offers */
    const struct pirn_header *headers; /* further ones, such as Authorization or Cookie */
    size_t header_count;
};

/* Read the fields, do not write them. */
struct pirn_client_handshake {
    const struct pirn_client_handshake_config *config;
    char key[PIRN_HANDSHAKE_KEY_CHARS + 1]; /* the Sec-WebSocket-Key that was sent */
    int error;                              /* enum pirn_error: why the response is refused */
    struct pirn_str subprotocol; /* the server's choice, a slice of the response, or {NULL, 0} */
    char detail[PIRN_HANDSHAKE_DETAIL_BYTES]; /* what is wrong, in one printable line, or "" */
};

/* Makes a key of 16 random bytes and writes the request (RFC 6455, 4.1) into out[0..cap), with a
 * NUL that is not counted; Host gets the port unless it is the default. `config` is lent until the
 * response has been read. Returns the length, or
 *   -PIRN_E_RANDOM              the random source failed;
 *   -PIRN_E_URL                 host or target is empty or malformed (see pirn_url_parse());
 *   -PIRN_E_SUBPROTOCOL_HEADER  a subprotocol is not a token or is there twice, or over 64;
 *   -PIRN_E_EXTENSION_HEADER    `extensions` is malformed;
 *   -PIRN_E_HEADER_RESERVED     a header is Host, Origin, User-Agent, Upgrade, Connection,
 *                               Sec-WebSocket-*, Content-Length, Transfer-Encoding, Expect or the
 *                               like, in any case;
 *   -PIRN_E_HEADER_NAME, -PIRN_E_HEADER_VALUE, -PIRN_E_ROOM as in pirn_http_write_request(). */
PIRN_API int pirn_client_handshake_write(struct pirn_client_handshake *hs,
                                         const struct pirn_client_handshake_config *config,
                                         pirn_random_fn *random, void *random_context, char *out,
                                         size_t cap);

/* Checks a complete response by RFC 6455, 4.1, in this order, and stops at the first fault (a head
 * whose reading failed is refused with its own error, one that is not complete or that of a request
 * with -PIRN_E_STATE):
 *   -PIRN_E_STATUS                the status is 101
 *   -PIRN_E_HTTP_VERSION          the version is HTTP/1.1
 *   -PIRN_E_UPGRADE               Upgrade is there once and websocket, in any case
 *   -PIRN_E_CONNECTION            Connection names upgrade
 *   -PIRN_E_ACCEPT                Sec-WebSocket-Accept is there once and belongs to the key
 *   -PIRN_E_SUBPROTOCOL_HEADER    Sec-WebSocket-Protocol is at most once there, a single token
 *   -PIRN_E_SUBPROTOCOL_UNKNOWN   it is one of those offered (case-sensitive)
 *   -PIRN_E_SUBPROTOCOL_REQUIRED  it is there, when require_subprotocol
 *   -PIRN_E_EXTENSION_HEADER      the extensions are well-formed, none twice
 *   -PIRN_E_EXTENSION_UNKNOWN     their names are among those offered; their parameters are for
 *                                 the extension to check
 * Returns 0 with subprotocol set, or the error with error and detail set. A 101 response has no
 * body whatever its headers say: what follows the head are frames. */
PIRN_API int pirn_client_handshake_read_response(struct pirn_client_handshake *hs,
                                                 const struct pirn_http_head *response);

#ifdef __cplusplus
}
#endif
#endif
