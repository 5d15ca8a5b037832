/* The options of `pirn serve` are the rows of a table; a value may follow its option as the next
 * argument or behind "=". */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PORT 9001

/* Takes a value; false if it is not what is wanted. */
typedef bool take_fn(struct serve_options *options, const char *value);

static bool number(const char *text, uint64_t max, uint64_t *value, const char **end)
{
    *value = 0;
    for (*end = text; **end >= '0' && **end <= '9'; ++*end) {
        uint64_t digit = (uint64_t)(**end - '0');
        if (*value > (max - digit) / 10)
            return false;
        *value = *value * 10 + digit;
    }
    return *end > text;
}

static bool take_host(struct serve_options *options, const char *value)
{
    options->host = value;
    return *value != '\0';
}

static bool take_port(struct serve_options *options, const char *value)
{
    const char *end;
    uint64_t port;
    if (!number(value, UINT16_MAX, &port, &end) || *end)
        return false;
    options->port = (uint16_t)port;
    options->port_given = true;
    return true;
}

/* With a unit behind it, or none. */
static bool number_of_bytes(const char *text, uint64_t *value)
{
    static const char units[] = "kKmMgG";
    const char *end;
    uint64_t bytes;
    unsigned shift = 0;
    if (!number(text, INT64_MAX, &bytes, &end))
        return false;
    const char *unit = *end ? strchr(units, *end++) : NULL;
    if (unit)
        shift = 10 * (unsigned)((unit - units) / 2 + 1);
    else if (end[0] || end[-1] < '0' || end[-1] > '9')
        return false;
    if (*end || bytes > (uint64_t)INT64_MAX >> shift)
        return false;
    *value = bytes << shift;
    return true;
}

static bool take_max_message(struct serve_options *options, const char *value)
{
    return number_of_bytes(value, &options->max_message_bytes) && options->max_message_bytes > 0;
}

/* The windows of both sides, and what zlib needs beside a window of that size. */
static bool take_deflate_bits(struct pirn_deflate_config *config, const char *value)
{
    const char *end;
    uint64_t bits;
    if (!number(value, 15, &bits, &end) || *end || bits < 9)
        return false;
    config->window_bits = config->peer_window_bits = (int)bits;
    config->mem_level = (int)bits - 7;
    return true;
}

static bool take_deflate(struct serve_options *options, const char *value)
{
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
static bool take_deflate_threshold(struct serve_options *options, const char *value)
{
    uint64_t *bytes = &options->deflate.threshold_bytes;
    bool understood = number_of_bytes(value, bytes);
    *bytes += *bytes == 0;
    return understood;
}

static bool take_unix(struct serve_options *options, const char *value)
{
    options->unix_path = value;
    return *value != '\0';
}

static bool take_root(struct serve_options *options, const char *value)
{
    options->root = value;
    return *value != '\0';
}

static bool take_any_origin(struct serve_options *options, const char *value)
{
    (void)value;
    options->any_origin = true;
    return true;
}

/* A path behind the host is a common mistake, and would never match. */
static bool take_origin(struct serve_options *options, const char *value)
{
    const char *host = strstr(value, "://");
    if (strcmp(value, "null") != 0 && (!host || !host[3] || strchr(host + 3, '/')))
        return false;
    options->origins[options->origin_count++] = pirn_cstr(value);
    return true;
}

static bool take_cert(struct serve_options *options, const char *value)
{
    options->identities[options->identity_count++].chain.file = value;
    return *value != '\0';
}

/* Of the certificate before it. */
static bool take_key(struct serve_options *options, const char *value)
{
    if (options->identity_count == 0 || options->identities[options->identity_count - 1].key.file)
        return false;
    options->identities[options->identity_count - 1].key.file = value;
    return *value != '\0';
}

static bool take_client_ca(struct serve_options *options, const char *value)
{
    options->client_ca = value;
    return *value != '\0';
}

static bool take_tls_min(struct serve_options *options, const char *value)
{
    options->tls_min_given = true;
    options->tls_min = strcmp(value, "1.3") == 0 ? PIRN_TLS_1_3 : PIRN_TLS_1_2;
    return strcmp(value, "1.2") == 0 || strcmp(value, "1.3") == 0;
}

static bool take_quiet(struct serve_options *options, const char *value)
{
    (void)value;
    options->quiet = true;
    return true;
}

static bool take_help(struct serve_options *options, const char *value)
{
    (void)value;
    options->help = true;
    return true;
}

static const struct option {
    const char *name;
    take_fn *take;
    const char *wants; /* NULL: no value */
} table[] = {
    {"--host", take_host, "an address"},
    {"--port", take_port, "a number from 0 to 65535"},
    {"--max-message", take_max_message, "a number of bytes, such as 65536 or 64k"},
    {"--deflate", take_deflate, "off, shared, dedicated, or dedicated:9 to dedicated:15"},
    {"--deflate-threshold", take_deflate_threshold, "a number of bytes, such as 256 or 4k"},
    {"--unix", take_unix, "a path"},
    {"--root", take_root, "a directory"},
    {"--any-origin", take_any_origin, NULL},
    {"--origin", take_origin, "an origin, such as https://example.org, without a path"},
    {"--cert", take_cert, "a file of certificates in PEM"},
    {"--key", take_key, "a file in PEM, and a --cert before it"},
    {"--client-ca", take_client_ca, "a file of certificates in PEM"},
    {"--tls-min", take_tls_min, "1.2 or 1.3"},
    {"--quiet", take_quiet, NULL},
    {"--help", take_help, NULL},
    {"-h", take_help, NULL},
};

static const struct option *find(const char *argument, size_t len)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strlen(table[i].name) == len && memcmp(argument, table[i].name, len) == 0)
            return &table[i];
    return NULL;
}

static bool not_understood(const char *argument)
{
    fprintf(stderr, "pirn serve: '%s' is not understood; see `pirn help serve`\n", argument);
    return false;
}

/* Takes argv[*at], and the argument behind it if that is its value. */
static bool take_argument(struct serve_options *options, char **argv, int *at)
{
    const char *argument = argv[*at], *equals = strchr(argument, '=');
    size_t len = equals ? (size_t)(equals - argument) : strlen(argument);
    const struct option *option = find(argument, len);
    if (!option || (equals && !option->wants))
        return not_understood(argument);
    const char *value = equals ? equals + 1 : NULL;
    if (option->wants && !equals && !(value = argv[++*at])) {
        fprintf(stderr, "pirn serve: %s wants %s\n", option->name, option->wants);
        return false;
    }
    if (!option->take(options, value)) {
        fprintf(stderr, "pirn serve: %s wants %s, not '%s'\n", option->name, option->wants, value);
        return false;
    }
    return true;
}

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
    for (int at = 1; at < argc; at++)
        if (!take_argument(options, argv, &at))
            return false;
    return consistent(options);
}
