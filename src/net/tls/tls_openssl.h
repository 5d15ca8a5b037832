/* tls_openssl.h: what tls_openssl.c (sessions), tls_openssl_idle.c and tls_openssl_context.c
 * (contexts) share.
 * OpenSSL's types go by their struct names, so that this includes none of its headers. */
#ifndef PIRN_NET_TLS_OPENSSL_H
#define PIRN_NET_TLS_OPENSSL_H

#include <pthread.h>

#include "tls/tls_library.h"

struct bio_method_st;
struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;

enum { PIRN__TLS_KEPT_MAX = 32, PIRN__TLS_NAME_CAP = 256 };

/* The latest session of a server, to be resumed by the next connection to it. */
struct pirn__tls_kept {
    struct ssl_session_st *session;
    char name[PIRN__TLS_NAME_CAP];
};

/* The state of a context. An SSL_CTX an identity: the first is what sessions begin with. */
struct pirn__tls_openssl {
    struct ssl_ctx_st **each;
    size_t count;
    struct bio_method_st *method;
    int key_log; /* -1: none */
    bool insecure;
    bool gives_tickets;   /* of TLS 1.3 */
    pthread_mutex_t lock; /* over kept: a client's, by name; the oldest makes room */
    struct pirn__tls_kept *kept;
    size_t kept_next;
};

void *pirn__tls_openssl_context_new(enum pirn_role role, const struct pirn_tls_config *config,
                                    char *error, size_t cap);
void pirn__tls_openssl_context_free(void *context);

/* The name a session's peer was verified by, in name[0..PIRN__TLS_NAME_CAP); false if too long. */
bool pirn__tls_openssl_name(struct ssl_st *ssl, char *name);

/* Puts the peer's name in the place of its certificates, when hands have been shaken; does nothing
 * if that is done or there are none. False without memory. */
bool pirn__tls_openssl_note_peer(struct ssl_st *ssl);
/* The name that was noted, as RFC 2253 has it; NULL: the peer has shown no certificate. */
const char *pirn__tls_openssl_peer(const struct ssl_st *ssl);

/* Lets go of what the key exchange was done with, likewise; and of the ticket that came. */
void pirn__tls_openssl_drop_keys(struct ssl_st *ssl);
void pirn__tls_openssl_drop_ticket(struct ssl_st *ssl);

/* OpenSSL's info callback: notes that messages of the handshake have come or gone. */
void pirn__tls_openssl_watch(const struct ssl_st *ssl, int where, int value);

/* BIOs of this method pull and push; their data is the struct pirn__tls. NULL without memory. */
struct bio_method_st *pirn__tls_openssl_method(void);

#endif
