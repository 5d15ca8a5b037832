/* tls_pair.h: two TLS sessions, a server's and a client's, over a pair of sockets, both driven by
 * the test. */
#ifndef PIRN_TESTS_TLS_PAIR_H
#define PIRN_TESTS_TLS_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ledger.h"
#include "tls/tls.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { A = PIRN_SERVER, B = PIRN_CLIENT };

/* Two ends, and the contexts they were begun with. relayed: bytes go from one socket to the other
 * by the test's hand. */
struct tls_pair {
    struct pirn_tls *contexts[2];
    struct pirn__tls *ends[2];
    int fds[2], far[2]; /* far: the other sides, if relayed */
    struct pirn_loop *loop;
    struct ledger memory;
};

extern char pair_why[256]; /* for texts */

/* A context, which must be good; and the configuration of a server by its certificate's name. */
struct pirn_tls *pair_context(enum pirn_role role, const struct pirn_tls_config *config);
struct pirn_tls_config pair_server_of(const char *name);

/* The whole; the client expects a server of this name. */
void pair_open(struct tls_pair *pair, const struct pirn_tls_config *server,
               const struct pirn_tls_config *client, const char *name);
void pair_close(struct tls_pair *pair);

/* Parts of it: sockets, sessions, and the end of both. */
void pair_connect_fds(struct tls_pair *pair, bool relayed);
void pair_start(struct tls_pair *pair, const char *name);
void pair_end_sessions(struct tls_pair *pair);

/* Both go on until both are done; whether well. */
bool pair_shake_hands(struct tls_pair *pair);

/* As recv and send; expect: exactly this text comes. */
ssize_t pair_receive(struct pirn__tls *tls, void *data, size_t cap);
ssize_t pair_give(struct pirn__tls *tls, const void *data, size_t len);
void pair_expect(struct pirn__tls *tls, const char *text);

/* A word each way. */
void pair_exchange(struct tls_pair *pair);

const char *pair_text_of(const struct pirn__tls *tls);
void pair_would_block(ssize_t result);

#endif
