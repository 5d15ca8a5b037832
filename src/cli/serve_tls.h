/* serve_tls.h: the TLS of `pirn serve`. */
#ifndef PIRN_CLI_SERVE_TLS_H
#define PIRN_CLI_SERVE_TLS_H

#include <pirn/tls.h>

#include "options.h"

/* The context that the options ask for, with $SSLKEYLOGFILE; *tls is NULL if they ask for none.
 * False, and said why on stderr, if it cannot be made. The options must outlive it. */
bool serve_tls_new(const struct serve_options *options, struct pirn_tls **tls);

/* Reads the files anew; if they are of no use says why on stderr, and goes on with the old. */
void serve_tls_reload(struct pirn_tls *tls);

#endif
