/* tls_library.h: what a TLS library does for tls.c: a table of functions, as loop backends are. It
 * turns bytes into records and back, and knows certificates; sockets, queues and memory of a
 * session are tls.c's. */
#ifndef PIRN_NET_TLS_LIBRARY_H
#define PIRN_NET_TLS_LIBRARY_H

#include <stdatomic.h>

#include "tls/tls.h"

/* What the calls of a session below return, besides a count of bytes. */
enum { PIRN__TLS_AGAIN = 0, PIRN__TLS_END = -1, PIRN__TLS_FAILED = -2 };

struct pirn__tls_library {
    /* A context of its own, as configured; NULL with a text of why. Counted by tls.c. */
    void *(*context_new)(enum pirn_role role, const struct pirn_tls_config *config, char *error,
                         size_t cap);
    void (*context_free)(void *context);

    /* Sets tls->state for tls->context; false without memory or for a name that cannot be. */
    bool (*open)(struct pirn__tls *tls, const char *name);
    void (*free)(struct pirn__tls *tls);

    /* All of these pull and push ciphertext while they run. FAILED: tls->error is set. handshake
     * returns 1 when it is done; write takes all, or has failed. */
    int (*handshake)(struct pirn__tls *tls);
    int (*read)(struct pirn__tls *tls, void *data, size_t cap);
    int (*write)(struct pirn__tls *tls, const void *data, size_t len);
    void (*close_notify)(struct pirn__tls *tls);

    bool (*pending)(const struct pirn__tls *tls); /* read would give something without pulling */
    void (*text)(const struct pirn__tls *tls, char *text, size_t cap);
    void (*info)(const struct pirn__tls *tls, struct pirn_tls_info *info);
};

extern const struct pirn__tls_library pirn__tls_openssl;

/* What a struct pirn_tls was configured with at some time, shared by the sessions that began then
 * and counted. */
struct pirn__tls_context {
    void *state; /* the library's */
    enum pirn_role role;
    atomic_size_t users;
};

struct pirn__tls_bytes {
    uint8_t *data;
    size_t at, len, cap; /* data[at..len) is there */
};

/* A session. Bytes wait in memory of its own only if the loop's scratch cannot be emptied. */
struct pirn__tls {
    struct pirn__tls_context *context;
    void *state; /* the library's */
    struct pirn_loop *loop;
    int fd;
    uint8_t error;              /* enum pirn_error; sticky */
    bool open;                  /* the handshake is done */
    bool dry;                   /* the socket has nothing more at this time */
    bool ended;                 /* the peer's side of the stream: there is no more to pull */
    bool closed;                /* by the peer's close_notify */
    bool shut;                  /* by ours */
    bool shaken, owes_ticket;   /* the library's, see there */
    int recv_error, send_error; /* errno of the socket */
    long reason, detail;        /* the library's, for its text */
    struct pirn__tls_bytes in;  /* came, and not yet pulled */
    struct pirn__tls_bytes out; /* pushed, and not yet taken by the socket */
};

/* For libraries: takes up to cap bytes that came; 0 when there are none now (or ever, if
 * tls->ended). And hands over bytes to be sent; false without memory. */
size_t pirn__tls_pull(struct pirn__tls *tls, void *data, size_t cap);
bool pirn__tls_push(struct pirn__tls *tls, const void *data, size_t len);

#endif
