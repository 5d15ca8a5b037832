/* connect_options.h: what the command line of `pirn connect` says. */
#ifndef PIRN_CLI_CONNECT_OPTIONS_H
#define PIRN_CLI_CONNECT_OPTIONS_H

#include "args.h"

struct connect_options {
    const char *url; /* own memory; NULL when only help is wanted */
    struct args_list operands, headers, subprotocols;
    const char *origin, *user, *bearer, *cookie, *proxy, *ca, *cert, *key, *unix_path;
    uint64_t max_message_bytes;            /* of what is sent, and of what comes */
    uint32_t ping_ms, timeout_ms, wait_ms; /* 0: not given */
    bool insecure, location, text, binary, base64, nul, one, json, reconnect, deflate, no_deflate;
    bool no_close, verbose, help;
};

/* As args_read(); to be released however it went. */
bool connect_options_read(struct connect_options *options, int argc, char **argv);
void connect_options_release(struct connect_options *options);

#endif
