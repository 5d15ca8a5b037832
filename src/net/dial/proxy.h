/* proxy.h: which proxy to use, and what is said to it and by it. No I/O: bytes in, bytes out. */
#ifndef PIRN_NET_PROXY_H
#define PIRN_NET_PROXY_H

#include <pirn/error.h>

#include "dial/socket_connect.h"

enum pirn__proxy_kind {
    PIRN__PROXY_HTTP,    /* http://    CONNECT (RFC 9110, 9.3.6); port 8080 */
    PIRN__PROXY_SOCKS4,  /* socks4://  the address is looked up here, IPv4 only; port 1080 */
    PIRN__PROXY_SOCKS4A, /* socks4a:// the proxy looks up; as are */
    PIRN__PROXY_SOCKS5,  /* socks5://  looked up here (RFC 1928) */
    PIRN__PROXY_SOCKS5H  /* socks5h:// by the proxy */
};

struct pirn__proxy {
    enum pirn__proxy_kind kind;
    uint16_t port;
    struct pirn_str host;     /* an IPv6 address without its brackets */
    struct pirn_str userinfo; /* "user:password", still percent-encoded; {NULL, 0} for none */
};

#define PIRN__PROXY_URL_MAX 2048 /* bytes */

/* Takes the URL of a proxy apart: [scheme://][user[:password]@]host[:port][/]. Without a scheme it
 * is http; socks means socks4, as curl has it. The slices point into the text. Returns 0, or
 * -PIRN_E_PROXY_URL. */
int pirn__proxy_parse(struct pirn__proxy *proxy, struct pirn_str text);

/* The URL of the proxy that the environment names for this host, or {NULL, 0} for none. The first
 * of these variables that is not empty counts: http_proxy, all_proxy, ALL_PROXY for ws;
 * https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY for wss. (HTTP_PROXY in capitals does not: a CGI
 * program has it from a request's Proxy header.) None if no_proxy or NO_PROXY excludes the host.
 * Points into the environment. */
struct pirn_str pirn__proxy_from_environment(bool secure, struct pirn_str host, uint16_t port);

/* Whether the host itself is to be looked up here, not by the proxy. */
bool pirn__proxy_wants_address(const struct pirn__proxy *proxy);

/* Whether a list such as "localhost,.example.com,10.0.0.0/8,[::1],db:5432" excludes a host. Entries
 * are separated by commas and blanks; a name stands for itself and all below it, with or without a
 * dot before it; a port restricts an entry to it; an address may have a length of prefix; "*" is
 * all. */
bool pirn__proxy_excludes(struct pirn_str list, struct pirn_str host, uint16_t port);

/* The number, of at most `most`, that the text is in decimal, or -1. */
int pirn__proxy_number(struct pirn_str text, int most);

#endif
