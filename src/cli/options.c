/* The options of `pirn serve`. */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"

#define DEFAULT_PORT 9001

static bool take_port(void *place, const char *value)
{
    struct serve_options *options = place;
    const char *end;
    uint64_t port;
    if (!args_number(value, UINT16_MAX, &port, &end) || *end)
        return false;
    options->port = (uint16_t)port;
    options->port_given = true;
    return true;
}

/* The windows of both sides, and what zlib needs beside a window of that size. */
static bool take_deflate_bits(struct pirn_deflate_config *config, const char *value)
{
    const char *end;
    uint64_t bits;
    if (!args_number(value, 15, &bits, &end) || *end || bits < 9)
        return false;
    config->window_bits = config->peer_window_bits = (int)bits;
    config->mem_level = (int)bits - 7;
    return true;
}

static bool take_deflate(void *place, const char *value)
{
    struct serve_options *options = place;
    static const char *const modes[] = {
        [PIRN_DEFLATE_OFF] = "off",
        [PIRN_DEFLATE_SHARED] = "shared",
        [PIRN_DEFLATE_DEDICATED] = "dedicated",
    };
    const char *bits = strchr(value, ':');
    size_t len = bits ? (size_t)(bits - value) : strlen(value), mode = 0;
    while (strlen(modes[mode]) != len || memcmp(modes[mode], value, len) != 0)
        if (++mode == sizeof modes / sizeof *modes)
            return false;
    options->deflate = (struct pirn_deflate_config){
        .mode = (enum pirn_deflate_mode)mode, .threshold_bytes = options->deflate.threshold_bytes};
    return !bits ||
           (mode == PIRN_DEFLATE_DEDICATED && take_deflate_bits(&options->deflate, bits + 1));
}

/* 0 is the library's default, 1 the same as none: empty messages are never compressed. */
static bool take_deflate_threshold(void *place, const char *value)
{
    struct serve_options *options = place;
    uint64_t *bytes = &options->deflate.threshold_bytes;
    bool understood = args_bytes(bytes, value);
    *bytes += *bytes == 0;
    return understood;
}

/* A path behind the host is a common mistake, and would never match. */
static bool take_origin(void *place, const char *value)
{
    struct serve_options *options = place;
    const char *host = strstr(value, "://");
    if (strcmp(value, "null") != 0 && (!host || !host[3] || strchr(host + 3, '/')))
        return false;
    options->origins[options->origin_count++] = pirn_cstr(value);
    return true;
}

static bool take_cert(void *place, const char *value)
{
    struct serve_options *options = place;
    options->identities[options->identity_count++].chain.file = value;
    return *value != '\0';
}

/* Of the certificate before it. */
static bool take_key(void *place, const char *value)
{
    struct serve_options *options = place;
    if (options->identity_count == 0 || options->identities[options->identity_count - 1].key.file)
        return false;
    options->identities[options->identity_count - 1].key.file = value;
    return *value != '\0';
}

static bool take_tls_min(void *place, const char *value)
{
    struct serve_options *options = place;
    options->tls_min_given = true;
    options->tls_min = strcmp(value, "1.3") == 0 ? PIRN_TLS_1_3 : PIRN_TLS_1_2;
    return strcmp(value, "1.2") == 0 || strcmp(value, "1.3") == 0;
}

#define AT(field) offsetof(struct serve_options, field)

static const struct args_option table[] = {
    {"--host", NULL, args_text, AT(host), "an address"},
    {"--port", NULL, take_port, 0, "a number from 0 to 65535"},
    {"--max-message", NULL, args_some_bytes, AT(max_message_bytes),
     "a number of bytes, such as 65536 or 64k"},
    {"--deflate", NULL, take_deflate, 0, "off, shared, dedicated, or dedicated:9 to dedicated:15"},
    {"--deflate-threshold", NULL, take_deflate_threshold, 0,
     "a number of bytes, such as 256 or 4k"},
    {"--unix", NULL, args_text, AT(unix_path), "a path"},
    {"--root", NULL, args_text, AT(root), "a directory"},
    {"--any-origin", NULL, args_flag, AT(any_origin), NULL},
    {"--origin", NULL, take_origin, 0, "an origin, such as https://example.org, without a path"},
    {"--cert", NULL, take_cert, 0, "a file of certificates in PEM"},
    {"--key", NULL, take_key, 0, "a file in PEM, and a --cert before it"},
    {"--client-ca", NULL, args_text, AT(client_ca), "a file of certificates in PEM"},
    {"--tls-min", NULL, take_tls_min, 0, "1.2 or 1.3"},
    {"--quiet", NULL, args_flag, AT(quiet), NULL},
    {"--help", "-h", args_flag, AT(help), NULL},
};

static bool tls_is_whole(const struct serve_options *options)
{
    const char *lone = options->client_ca       ? "--client-ca"
                       : options->tls_min_given ? "--tls-min"
                                                : NULL;
    if (!lone || options->identity_count > 0)
        return true;
    fprintf(stderr, "pirn serve: %s wants a --cert\n", lone);
    return false;
}

static bool deflate_is_possible(const struct serve_options *options)
{
    if (options->deflate.mode == PIRN_DEFLATE_OFF || pirn_deflate_available())
        return true;
    fputs("pirn serve: --deflate wants zlib, which this pirn was built without\n", stderr);
    return false;
}

static bool consistent(const struct serve_options *options)
{
    const char *one = "--any-origin", *other = NULL;
    if (options->any_origin && options->origin_count > 0)
        other = "--origin";
    else if (options->unix_path && options->host)
        one = "--unix", other = "--host";
    else if (options->unix_path && options->port_given)
        one = "--unix", other = "--port";
    if (other)
        fprintf(stderr, "pirn serve: %s and %s exclude each other\n", one, other);
    return !other && tls_is_whole(options) && deflate_is_possible(options);
}

bool serve_options_read(struct serve_options *options, int argc, char **argv)
{
    *options = (struct serve_options){
        .port = DEFAULT_PORT,
        .deflate.mode = pirn_deflate_available() ? PIRN_DEFLATE_SHARED : PIRN_DEFLATE_OFF,
    };
    options->origins = calloc((size_t)argc, sizeof *options->origins);
    options->identities = calloc((size_t)argc, sizeof *options->identities);
    if (!options->origins || !options->identities) {
        fputs("pirn serve: out of memory\n", stderr);
        return false;
    }
    return args_read(argv[0], table, sizeof table / sizeof *table, options, NULL, argc, argv) &&
           consistent(options);
}
