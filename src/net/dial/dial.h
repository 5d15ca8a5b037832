/* dial.h: from the name of a host to a connected socket: resolution off the loop's thread (see
 * resolve.h), Happy Eyeballs (RFC 8305), proxies (see proxy.h). */
#ifndef PIRN_NET_DIAL_H
#define PIRN_NET_DIAL_H

#include <pirn/conn.h>

#include "dial/proxy.h"
#include "dial/socket_connect.h"

struct pirn__dial;

#define PIRN__DIAL_RESOLVE_TIMEOUT_MS 10000
#define PIRN__DIAL_CONNECT_TIMEOUT_MS 10000
#define PIRN__DIAL_PROXY_TIMEOUT_MS   10000
#define PIRN__DIAL_HOST_MAX           255 /* bytes */
#define PIRN__DIAL_TEXT_CAP           256

/* What it is about to do; told as it happens, also again for a second look-up. To whom: the name
 * that is looked up, the address that is tried, the proxy that is asked; one printable line. */
enum pirn__dial_step { PIRN__DIAL_RESOLVING, PIRN__DIAL_CONNECTING, PIRN__DIAL_PROXYING };

/* Copied, with all strings, by pirn__dial_start(). Zero in a timeout means its default, PIRN_OFF
 * none. */
struct pirn__dial_target {
    struct pirn_str host; /* a name or an address; an IPv6 address without brackets */
    uint16_t port;
    struct pirn_str unix_path;        /* a unix-domain socket instead, "@name" for an abstract one;
                                       * {NULL, 0}: none. Else host and proxy are not looked at */
    const struct pirn__proxy *proxy;  /* NULL for none */
    bool digest_only;                 /* the proxy never gets the password as Basic */
    const struct pirn__ip *from;      /* the own address: that family only; NULL: any */
    uint32_t resolve_timeout_ms;      /* of one look-up; through some proxies there are two */
    uint32_t connect_timeout_ms;      /* of all addresses together */
    uint32_t proxy_timeout_ms;        /* from the connection to the proxy until its consent */
    const struct pirn__ip *addresses; /* what host stands for, if it is known already: then */
    size_t address_count;             /* nothing is looked up. Their ports are replaced */
    /* NULL: nobody wants to know. From the loop, never from inside start; pirn__dial_cancel() is
     * legal in it. context is done's. */
    void (*step)(void *context, enum pirn__dial_step step, const char *to);
};

struct pirn__dial_failure {
    enum pirn_layer layer; /* DNS, TCP or PROXY; APPLICATION for the machine's (memory) */
    enum pirn_error error; /* RESOLVE, RESOLVE_TIMEOUT, SYSTEM, CONNECT_TIMEOUT, PROXY_REFUSED,
                            * PROXY_AUTHENTICATION, PROXY_ANSWER, PROXY_TIMEOUT, MEMORY. With layer
                            * PROXY the first four too: the proxy itself was not reached */
    int system_error;      /* errno, for PIRN_E_SYSTEM; else 0 */
    int proxy_status;      /* of the answer to CONNECT, or the reply code of SOCKS; 0 for none */
    const char *text;      /* one printable line, such as "dns: no such host",
                            * "tcp: connection refused (127.0.0.1:9)",
                            * "proxy: 407 Proxy Authentication Required" */
};

struct pirn__dial_result {
    int fd;                   /* connected, not blocking, closed on exec, TCP_NODELAY, not watched:
                               * the receiver's from now on. -1 on failure */
    struct pirn_str leftover; /* what a proxy sent behind its consent: the first bytes of the peer,
                               * to be taken for received. Good until done returns */
    /* What each step took; 0 for one that was not made. */
    uint64_t resolve_us, connect_us, proxy_us;
    struct pirn__dial_failure failure; /* if fd is -1; error is PIRN_E_NONE otherwise */
};

/* Called once, from the loop, never from inside pirn__dial_start(); not after a cancel. The attempt
 * is gone as soon as it is called. Every call is legal in it, a new start too. */
typedef void pirn__dial_done_fn(void *context, const struct pirn__dial_result *result);

/* Begins an attempt. Between start and done the loop goes on running.
 * Returns 0 with *dial set, or with it NULL
 *   -PIRN_E_MEMORY
 *   -PIRN_E_ARGUMENT  host is empty, longer than PIRN__DIAL_HOST_MAX, or has a NUL; port is 0;
 *                     unix_path is empty, too long, or has a NUL
 *   -PIRN_E_STATE     in a forked child. */
int pirn__dial_start(struct pirn_loop *loop, const struct pirn__dial_target *target,
                     pirn__dial_done_fn *done, void *context, struct pirn__dial **dial);

/* Ends an attempt: done is not called, sockets are closed, an answer of the resolver that is still
 * to come is dropped. NULL is let be. To be called before the loop is freed. */
void pirn__dial_cancel(struct pirn__dial *dial);

#endif
