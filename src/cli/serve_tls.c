/* The TLS of `pirn serve`: files given by options, read again when they have changed. */
#include "serve_tls.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli.h"

bool serve_tls_new(const struct serve_options *options, struct pirn_tls **tls)
{
    char error[512];
    const char *key_log = getenv("SSLKEYLOGFILE");
    *tls = NULL;
    if (options->identity_count == 0)
        return true;
    const struct pirn_tls_config config = {
        .identity = options->identities[0],
        .others = options->identities + 1,
        .other_count = options->identity_count - 1,
        .ca.file = options->client_ca,
        .client_certificates =
            options->client_ca ? PIRN_TLS_CLIENTS_REQUIRED : PIRN_TLS_CLIENTS_ANONYMOUS,
        .min_version = options->tls_min,
        .key_log_file = key_log && *key_log ? key_log : NULL,
    };
    *tls = pirn_tls_new(PIRN_SERVER, &config, error, sizeof error);
    if (!*tls)
        fprintf(stderr, "pirn: %s\n", error);
    return *tls != NULL;
}

void serve_tls_reload(struct pirn_tls *tls)
{
    char error[512];
    if (pirn_tls_reload(tls, NULL, error, sizeof error) < 0) {
        fprintf(stderr, "pirn: the certificate stays as it was: %s\n", error);
        return;
    }
    puts("certificate read again");
    cli_flush();
}
