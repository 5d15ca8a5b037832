/* The options of `pirn connect`. */
#include "connect_options.h"

#include <pirn/endpoint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pirn/auth.h>
#include <pirn/handshake.h>

#include "target.h"

#define AT(field) offsetof(struct connect_options, field)

static const struct args_option table[] = {
    {"--header", "-H", args_list, AT(headers), "a header, as in 'Name: value'"},
    {"--origin", NULL, args_text, AT(origin), "an origin, such as https://example.org"},
    {"--subprotocol", NULL, args_list, AT(subprotocols), "a name"},
    {"--user", "-u", args_text, AT(user), "user:password"},
    {"--bearer", NULL, args_text, AT(bearer), "a token"},
    {"--cookie", NULL, args_text, AT(cookie), "name=value, or a file of cookies"},
    {"--proxy", NULL, args_text, AT(proxy), "the URL of a proxy, or 'none'"},
    {"--insecure", "-k", args_flag, AT(insecure), NULL},
    {"--ca", NULL, args_text, AT(ca), "a file of certificates in PEM"},
    {"--cert", NULL, args_text, AT(cert), "a file of certificates in PEM"},
    {"--key", NULL, args_text, AT(key), "a file in PEM"},
    {"--location", "-L", args_flag, AT(location), NULL},
    {"--unix", NULL, args_text, AT(unix_path), "the path of a socket"},
    {"--text", NULL, args_flag, AT(text), NULL},
    {"--binary", NULL, args_flag, AT(binary), NULL},
    {"--base64", NULL, args_flag, AT(base64), NULL},
    {"--null", "-0", args_flag, AT(nul), NULL},
    {"--one", "-1", args_flag, AT(one), NULL},
    {"--json", NULL, args_flag, AT(json), NULL},
    {"--no-close", NULL, args_flag, AT(no_close), NULL},
    {"--wait", NULL, args_seconds, AT(wait_ms), "a number of seconds"},
    {"--ping", NULL, args_seconds, AT(ping_ms), "a number of seconds"},
    {"--timeout", NULL, args_seconds, AT(timeout_ms), "a number of seconds"},
    {"--reconnect", NULL, args_flag, AT(reconnect), NULL},
    {"--deflate", NULL, args_flag, AT(deflate), NULL},
    {"--no-deflate", NULL, args_flag, AT(no_deflate), NULL},
    {"--max-message", NULL, args_some_bytes, AT(max_message_bytes),
     "a number of bytes, such as 64k"},
    {"--verbose", "-v", args_flag, AT(verbose), NULL},
    {"--help", "-h", args_flag, AT(help), NULL},
};

/* The header is not wanted, nor has it room here. */
static bool is_token(const char *bearer)
{
    char header[1];
    return pirn_auth_bearer(pirn_cstr(bearer), header, sizeof header) != -PIRN_E_HEADER_VALUE;
}

/* Which of them were given together and must not be. */
static bool consistent(const struct connect_options *options)
{
    const struct {
        bool one, other;
        const char *text;
    } pairs[] = {
        {options->text, options->binary, "--text and --binary exclude each other"},
        {options->text, options->base64, "--text and --base64 exclude each other"},
        {options->binary, options->base64, "--binary and --base64 exclude each other"},
        {options->no_close, options->wait_ms > 0, "--no-close and --wait exclude each other"},
        {options->deflate, options->no_deflate, "--deflate and --no-deflate exclude each other"},
        {options->user, options->bearer, "--user and --bearer exclude each other"},
        {options->bearer, options->bearer && !is_token(options->bearer),
         "--bearer wants letters, digits, -._~+/ and = at the end"},
        {options->key, !options->cert, "--key wants a --cert"},
        {options->insecure, options->ca, "--insecure and --ca exclude each other"},
        {options->unix_path, options->proxy, "--unix and --proxy exclude each other"},
        {options->operands.count > 1, true, "one URL is enough"},
        {options->operands.count == 0, !options->unix_path, "wants a URL, such as ws://localhost/"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i].one && pairs[i].other) {
            fprintf(stderr, "pirn connect: %s\n", pairs[i].text);
            return false;
        }
    return true;
}

/* With no room and no random numbers nothing is written, but what is refused is told. */
static bool is_reserved(struct pirn_str name)
{
    const struct pirn_header header = {.name = name};
    const struct pirn_client_handshake_config config = {
        .host = PIRN_STR("localhost"), .headers = &header, .header_count = 1};
    struct pirn_client_handshake handshake;
    char out[1];
    return pirn_client_handshake_write(&handshake, &config, NULL, NULL, out, sizeof out) ==
           -PIRN_E_HEADER_RESERVED;
}

static bool headers_are_free(const struct args_list *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        struct pirn_str name = {headers->items[i], strcspn(headers->items[i], ":")};
        if (!is_reserved(name))
            continue;
        fprintf(stderr, "pirn connect: header '%.*s' belongs to the opening handshake\n",
                (int)name.len, name.data);
        return false;
    }
    return true;
}

static bool take_url(struct connect_options *options)
{
    struct pirn_url url;
    options->url = target_url(options->operands.count ? options->operands.items[0] : "localhost");
    return options->url && target_parse("connect", options->url, &url);
}

bool connect_options_read(struct connect_options *options, int argc, char **argv)
{
    *options = (struct connect_options){.max_message_bytes = PIRN_DEFAULT_MAX_MESSAGE_CLIENT};
    if (!args_read(argv[0], table, sizeof table / sizeof *table, options, &options->operands, argc,
                   argv))
        return false;
    return options->help ||
           (consistent(options) && headers_are_free(&options->headers) && take_url(options));
}

void connect_options_release(struct connect_options *options)
{
    free((char *)options->url);
    free(options->operands.items);
    free(options->headers.items);
    free(options->subprotocols.items);
}
