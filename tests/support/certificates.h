/* certificates.h: the certificates of certificates.sh, and contexts for both ends that use them. */
#ifndef PIRN_TESTS_CERTIFICATES_H
#define PIRN_TESTS_CERTIFICATES_H

#include <pirn/tls.h>

/* Whether there is TLS, and the openssl command to make certificates. */
bool certificates_available(void);

/* The path of one of the files; made when first asked for, removed at exit. Several may be had at a
 * time. */
const char *certificate(const char *name);

/* First: with those of RSA keys too. */
void certificates_with_rsa(void);

/* A context for either end: the server is localhost, and the client trusts its CA. One each for the
 * whole test program, where tests are to run over TLS: PIRN_TEST_TLS is set; else NULL. */
struct pirn_tls *certificates_tls(enum pirn_role role);

/* A loop for the sessions of peers, whose memory no test counts. */
struct pirn_loop *certificates_loop(void);

#endif
