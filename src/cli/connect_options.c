/* The options of `pirn connect`. */
#include "connect_options.h"

#include <stdio.h>
#include <stdlib.h>

#include "target.h"

#define AT(field) offsetof(struct connect_options, field)

static const struct args_option table[] = {
    {"--header", "-H", ARGS_LIST, AT(headers), "a header, as in 'Name: value'"},
    {"--origin", NULL, ARGS_TEXT, AT(origin), "an origin, such as https://example.org"},
    {"--subprotocol", NULL, ARGS_LIST, AT(subprotocols), "a name"},
    {"--user", "-u", ARGS_TEXT, AT(user), "user:password"},
    {"--bearer", NULL, ARGS_TEXT, AT(bearer), "a token"},
    {"--cookie", NULL, ARGS_TEXT, AT(cookie), "name=value, or a file of cookies"},
    {"--proxy", NULL, ARGS_TEXT, AT(proxy), "the URL of a proxy, or 'none'"},
    {"--insecure", "-k", ARGS_FLAG, AT(insecure), NULL},
    {"--ca", NULL, ARGS_TEXT, AT(ca), "a file of certificates in PEM"},
    {"--cert", NULL, ARGS_TEXT, AT(cert), "a file of certificates in PEM"},
    {"--key", NULL, ARGS_TEXT, AT(key), "a file in PEM"},
    {"--location", "-L", ARGS_FLAG, AT(location), NULL},
    {"--unix", NULL, ARGS_TEXT, AT(unix_path), "the path of a socket"},
    {"--text", NULL, ARGS_FLAG, AT(text), NULL},
    {"--binary", NULL, ARGS_FLAG, AT(binary), NULL},
    {"--base64", NULL, ARGS_FLAG, AT(base64), NULL},
    {"--null", "-0", ARGS_FLAG, AT(nul), NULL},
    {"--one", "-1", ARGS_FLAG, AT(one), NULL},
    {"--json", NULL, ARGS_FLAG, AT(json), NULL},
    {"--no-close", NULL, ARGS_FLAG, AT(no_close), NULL},
    {"--ping", NULL, ARGS_SECONDS, AT(ping_ms), "a number of seconds"},
    {"--timeout", NULL, ARGS_SECONDS, AT(timeout_ms), "a number of seconds"},
    {"--reconnect", NULL, ARGS_FLAG, AT(reconnect), NULL},
    {"--deflate", NULL, ARGS_FLAG, AT(deflate), NULL},
    {"--no-deflate", NULL, ARGS_FLAG, AT(no_deflate), NULL},
    {"--max-message", NULL, ARGS_BYTES, AT(max_message_bytes), "a number of bytes, such as 64k"},
    {"--verbose", "-v", ARGS_FLAG, AT(verbose), NULL},
    {"--help", "-h", ARGS_FLAG, AT(help), NULL},
};

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
        {options->deflate, options->no_deflate, "--deflate and --no-deflate exclude each other"},
        {options->user, options->bearer, "--user and --bearer exclude each other"},
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

static bool take_url(struct connect_options *options)
{
    options->url = target_url(options->operands.count ? options->operands.items[0] : "localhost");
    return options->url != NULL;
}

bool connect_options_read(struct connect_options *options, int argc, char **argv)
{
    *options = (struct connect_options){.url = NULL};
    if (!args_read(argv[0], table, sizeof table / sizeof *table, options, &options->operands, argc,
                   argv))
        return false;
    return options->help || (consistent(options) && take_url(options));
}

void connect_options_release(struct connect_options *options)
{
    free((char *)options->url);
    free(options->operands.items);
    free(options->headers.items);
    free(options->subprotocols.items);
}
