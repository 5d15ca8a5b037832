/* target.h: where the commands that are clients connect to, and how they trust it. */
#ifndef PIRN_CLI_TARGET_H
#define PIRN_CLI_TARGET_H

#include <pirn/tls.h>
#include <pirn/url.h>

/* A URL in memory of the caller's: "localhost:9001" is "ws://localhost:9001". NULL without memory.
 */
char *target_url(const char *given);

/* Takes a URL apart; false if it is none, and has then said why on stderr, in one line. */
bool target_parse(const char *command, const char *text, struct pirn_url *url);

/* The TLS of a client that has this configuration, and SSLKEYLOGFILE; *tls is NULL if that is what
 * clients have by default. False, with error as of pirn_tls_new(), if it cannot be used. */
bool target_tls(struct pirn_tls **tls, const struct pirn_tls_config *config, char *error,
                size_t cap);

#endif
