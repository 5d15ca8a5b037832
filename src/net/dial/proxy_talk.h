/* proxy_talk.h: what is said to a proxy and by it until it agrees. Bytes in, bytes out. */
#ifndef PIRN_NET_PROXY_TALK_H
#define PIRN_NET_PROXY_TALK_H

#include <pirn/http.h>

#include "dial/proxy.h"

struct pirn__talk;
typedef int pirn__talk_fn(struct pirn__talk *talk);

/* Its user says what is wanted, then sends what is in out, and feeds what comes. Large: not for the
 * stack. */
struct pirn__talk {
    struct pirn__proxy proxy; /* set before, as is all down to digest_only; lent */
    struct pirn_str host;     /* an IPv6 address without brackets */
    uint16_t port;
    const struct pirn__ip *ip; /* if pirn__proxy_wants_address() */
    struct pirn_str cnonce;    /* for Digest, as in pirn/auth.h; lent; without one there is none */
    bool digest_only;          /* the password does not leave as Basic */

    uint8_t out[4096]; /* to be sent, then out_len is to be set to 0; the bytes stay */
    size_t out_len;
    uint8_t in[PIRN_HTTP_MAX_HEAD_BYTES]; /* received: in_len is to be moved on */
    size_t in_len;
    size_t used; /* of it; what is behind it at the end comes from the host */

    int status;    /* of HTTP, or the reply code of SOCKS; 0 for none yet */
    char text[96]; /* of a failure: "407 Proxy Authentication Required" */
    bool again;    /* out is for a new connection: this one is of no more use. To be set to false
                    * when that is there */

    pirn__talk_fn *next; /* private */
    bool answered;       /* a challenge */
    bool kept;           /* for that, the connection on which it came */
    size_t body;         /* of the challenge, to be skipped */
    size_t request_len;  /* of the answer to it, in out */
    struct pirn_str user, password;
    char decoded[PIRN__PROXY_URL_MAX];
    char credentials[3072]; /* out has room for it, a host twice, and the rest */
    struct pirn_http_head head;
    struct pirn_header headers[PIRN_HTTP_MAX_HEADERS];
};

/* Begins: returns 0 with something to send, or, with text set, -PIRN_E_PROXY_REFUSED (this proxy
 * cannot be asked for this host: a name that is too long for SOCKS, no IPv4 address for SOCKS4), or
 * -PIRN_E_PROXY_AUTHENTICATION (the password is too long). */
int pirn__talk_start(struct pirn__talk *talk);

/* Reads on, after more has come: 1 when the proxy agrees, 0 when something is to be sent (maybe on
 * a new connection, see `again`) or more to come, or with text set -PIRN_E_PROXY_REFUSED,
 * -PIRN_E_PROXY_AUTHENTICATION, or -PIRN_E_PROXY_ANSWER (it makes no sense, or is endless). */
int pirn__talk_read(struct pirn__talk *talk);

/* The connection has ended. Whether that is no failure, but something is to be said `again`: to a
 * proxy that closed where it had promised to read on. */
bool pirn__talk_lost(struct pirn__talk *talk);

/* Of proxy_http.c and proxy_socks.c, for pirn__talk_start(). */
pirn__talk_fn pirn__talk_start_http, pirn__talk_start_socks4, pirn__talk_start_socks5;

/* For those: sets the text, and returns minus error. */
__attribute__((format(printf, 3, 4))) int
pirn__talk_fail(struct pirn__talk *talk, enum pirn_error error, const char *format, ...);

#endif
