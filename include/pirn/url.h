/* pirn/url.h: a WebSocket URL taken apart (RFC 6455, 3; RFC 3986).
 *
 * No I/O, no allocation; the slices point into the text that was given, not decoded. */
#ifndef PIRN_URL_H
#define PIRN_URL_H

#include <pirn/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum pirn_url_scheme {
    PIRN_URL_WS,
    PIRN_URL_WSS,
    PIRN_URL_HTTP,
    PIRN_URL_HTTPS,
};

struct pirn_url {
    enum pirn_url_scheme scheme; /* as written, but for its case */
    bool secure;                 /* wss or https */
    bool ipv6;                   /* the host was written in brackets */
    uint16_t port;               /* as written, or the scheme's own: 80 or 443 */
    struct pirn_str host;        /* an IPv6 address without its brackets */
    struct pirn_str userinfo;    /* what stands before "@", or {NULL, 0} */
    struct pirn_str target;      /* path and query as written, from "/" or "?" on; may be empty */
};

/* Takes `text` apart. The scheme is ws, wss, http or https in any case (http means ws and https
 * means wss, as in browsers); the host is a name, an IPv4 address or an IPv6 address in brackets
 * (without a zone); the port is 1 to 65535, and an empty one counts as not written. A target that
 * is empty or begins with "?" has the path "/": pirn_client_handshake_write() takes it as it is.
 * Returns 0, or -PIRN_E_URL: another scheme, no host, a fragment (RFC 6455 forbids it), a
 * character that URLs do not have (controls, space, 8-bit characters: an international name must
 * come in its ASCII form). The slices live as long as `text`. */
PIRN_API int pirn_url_parse(struct pirn_url *url, struct pirn_str text);

/* The text before its first "#". Browsers take a URL with a fragment and leave that out (WHATWG
 * WebSockets, 3.1); who wants the same gives pirn_url_parse() this. */
PIRN_API struct pirn_str pirn_url_without_fragment(struct pirn_str text);

/* Takes host[:port] apart, as the Host header has it, by the same rules as above: fills host, ipv6
 * and port (0 when none is written) and clears the rest. Returns 0, or -PIRN_E_URL. */
PIRN_API int pirn_url_parse_authority(struct pirn_url *url, struct pirn_str text);

/* Decodes a parameter of a query, such as "room" of "nick=ada&room=a%26b", to out[0..cap) with a
 * NUL that is not counted. As forms and URLSearchParams write it (WHATWG URL, 5.1): "+" is a space,
 * %26 is "&", a parameter without "=" is empty. The first of this name is taken; names are compared
 * as they came. The value may hold any byte, NUL too: what must be UTF-8 is to be checked with
 * pirn_utf8_valid(). Returns its length, or with out empty (if cap is not 0) -PIRN_E_URL when there
 * is no such parameter or a "%" in it has no two hexadecimal digits, or -PIRN_E_ROOM. */
PIRN_API int pirn_url_parameter(struct pirn_str query, struct pirn_str name, char *out, size_t cap);

#ifdef __cplusplus
}
#endif
#endif
