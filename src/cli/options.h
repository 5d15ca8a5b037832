/* options.h: what the command line of `pirn serve` says. */
#ifndef PIRN_CLI_OPTIONS_H
#define PIRN_CLI_OPTIONS_H

#include <pirn/deflate.h>
#include <pirn/tls.h>

struct serve_options {
    const char *host; /* NULL: not given */
    const char *unix_path;
    const char *root;
    struct pirn_str *origins; /* to be freed by free(3) */
    size_t origin_count;
    struct pirn_tls_identity *identities; /* of --cert and --key; to be freed likewise */
    size_t identity_count;
    const char *client_ca;
    enum pirn_tls_version tls_min;
    bool tls_min_given;
    uint64_t max_message_bytes; /* 0: not given */
    struct pirn_deflate_config deflate;
    uint16_t port;
    bool port_given, any_origin, quiet, help;
};

/* Reads argv[1] and the following. Returns false when they are not understood, and has then said
 * why on stderr, in one line. */
bool serve_options_read(struct serve_options *options, int argc, char **argv);

#endif
