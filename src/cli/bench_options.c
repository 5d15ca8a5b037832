/* The options of `pirn bench`. */
#include "bench_options.h"

#include <stdio.h>
#include <stdlib.h>

#include <pirn/deflate.h>

#include "target.h"

enum { CONNECTIONS_MAX = 1 << 20, OUTSTANDING_MAX = 1 << 16, SIZE_MAX_BYTES = 1 << 28 };

#define AT(field) offsetof(struct bench_options, field)

static const struct args_option table[] = {
    {"--connections", "-c", args_some_bytes, AT(connections), "a number from 1 on"},
    {"--outstanding", "-n", args_some_bytes, AT(outstanding), "a number from 1 on"},
    {"--size", "-s", args_some_bytes, AT(size), "a number of bytes, such as 20 or 16k"},
    {"--duration", "-d", args_seconds, AT(duration_ms), "a number of seconds"},
    {"--messages", "-m", args_some_bytes, AT(messages), "a number from 1 on"},
    {"--rate", NULL, args_some_bytes, AT(rate), "a number of messages a second"},
    {"--text", NULL, args_flag, AT(text), NULL},
    {"--binary", NULL, args_flag, AT(binary), NULL},
    {"--deflate", NULL, args_flag, AT(deflate), NULL},
    {"--insecure", "-k", args_flag, AT(insecure), NULL},
    {"--ca", NULL, args_text, AT(ca), "a file of certificates in PEM"},
    {"--unix", NULL, args_text, AT(unix_path), "the path of a socket"},
    {"--timeout", NULL, args_seconds, AT(timeout_ms), "a number of seconds"},
    {"--json", NULL, args_flag, AT(json), NULL},
    {"--help", "-h", args_flag, AT(help), NULL},
};

static bool consistent(const struct bench_options *options)
{
    const struct {
        bool wrong;
        const char *text;
    } rows[] = {
        {options->operands.count > 1, "one URL is enough"},
        {options->operands.count == 0 && !options->unix_path,
         "wants a URL, such as ws://localhost:9001/"},
        {options->text && options->binary, "--text and --binary exclude each other"},
        {options->duration_ms && options->messages, "-d and -m exclude each other"},
        {options->insecure && options->ca, "--insecure and --ca exclude each other"},
        {options->deflate && !pirn_deflate_available(),
         "--deflate wants zlib, which this pirn was built without"},
        {options->connections > CONNECTIONS_MAX, "-c is at most 1048576"},
        {options->outstanding > OUTSTANDING_MAX, "-n is at most 65536"},
        {options->size > SIZE_MAX_BYTES, "-s is at most 256M"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].wrong) {
            fprintf(stderr, "pirn bench: %s\n", rows[i].text);
            return false;
        }
    return true;
}

static void take_defaults(struct bench_options *options)
{
    options->connections += options->connections == 0;
    options->outstanding += options->outstanding == 0;
    if (options->size == 0)
        options->size = 20;
    if (options->duration_ms == 0)
        options->duration_ms = options->messages ? UINT32_MAX : 10000;
    if (options->timeout_ms == 0)
        options->timeout_ms = 10000;
}

bool bench_options_read(struct bench_options *options, int argc, char **argv)
{
    struct pirn_url url;
    *options = (struct bench_options){.help = false};
    if (!args_read("bench", table, sizeof table / sizeof *table, options, &options->operands, argc,
                   argv))
        return false;
    if (options->help)
        return true;
    if (!consistent(options))
        return false;
    take_defaults(options);
    options->url = target_url(options->operands.count ? options->operands.items[0] : "localhost");
    return options->url && target_parse("bench", options->url, &url);
}

void bench_options_release(struct bench_options *options)
{
    free(options->url);
    free(options->operands.items);
}
