/* What the options of `pirn connect` mean for the client: its configuration, TLS, cookies. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "connect.h"
#include "target.h"

#define MAX_REDIRECTS  10
#define LAST_RESORT_MS 600000 /* connect_set_late() has a shorter time, without blocked output */

/* ---- strings */

static bool take_header(struct connect *connect, struct pirn_header *header, const char *text)
{
    const char *colon = strchr(text, ':');
    if (!colon) {
        connect_say(connect, "'%s' is no header: wants 'Name: value'", text);
        return false;
    }
    header->name = (struct pirn_str){text, (size_t)(colon - text)};
    header->value = pirn_cstr(colon + 1 + strspn(colon + 1, " \t"));
    return true;
}

static bool take_headers(struct connect *connect, struct pirn_client_config *config)
{
    const struct connect_options *options = connect->options;
    connect->headers = calloc(options->headers.count + 1, sizeof *connect->headers);
    if (!connect->headers)
        return false;
    config->headers = connect->headers;
    for (size_t i = 0; i < options->headers.count; i++)
        if (!take_header(connect, &connect->headers[config->header_count++],
                         options->headers.items[i]))
            return false;
    if (options->cookie && !connect->cookies)
        connect->headers[config->header_count++] =
            (struct pirn_header){PIRN_STR("Cookie"), pirn_cstr(options->cookie)};
    return true;
}

static bool take_subprotocols(struct connect *connect, struct pirn_client_config *config)
{
    const struct args_list *given = &connect->options->subprotocols;
    connect->subprotocols = calloc(given->count + 1, sizeof *connect->subprotocols);
    if (!connect->subprotocols)
        return false;
    config->subprotocols = connect->subprotocols;
    config->subprotocol_count = given->count;
    for (size_t i = 0; i < given->count; i++)
        connect->subprotocols[i] = pirn_cstr(given->items[i]);
    return true;
}

/* What stands behind the first colon is the password. */
static bool take_user(struct connect *connect, struct pirn_client_config *config)
{
    if (!connect->options->user)
        return true;
    connect->user = strdup(connect->options->user);
    if (!connect->user)
        return false;
    char *colon = strchr(connect->user, ':');
    config->user = connect->user;
    config->password = "";
    if (colon) {
        *colon = '\0';
        config->password = colon + 1;
    }
    return true;
}

/* ---- cookies and TLS */

/* A value has a "=", the name of a file has none (or is written ./a=b: a name has no "/"). */
static bool take_cookies(struct connect *connect, struct pirn_client_config *config)
{
    const char *given = connect->options->cookie;
    const char *equals = given ? strchr(given, '=') : NULL;
    if (!given || (equals && !memchr(given, '/', (size_t)(equals - given))))
        return true;
    connect->cookies = config->cookies = pirn_cookies_new(NULL);
    int result = connect->cookies ? pirn_cookies_load(connect->cookies, given, (int64_t)time(NULL))
                                  : -PIRN_E_MEMORY;
    if (result < 0)
        connect_say(connect, "cannot read the cookies of %s: %s", given,
                    result == -PIRN_E_SYSTEM ? strerror(errno) : pirn_error_text(result));
    return result >= 0;
}

static bool take_tls(struct connect *connect, struct pirn_client_config *config)
{
    const struct connect_options *options = connect->options;
    const struct pirn_tls_config tls = {
        .identity = {.chain.file = options->cert, .key.file = options->key},
        .ca.file = options->ca,
        .insecure = options->insecure,
    };
    char error[512];
    bool usable = target_tls(&connect->tls, &tls, error, sizeof error);
    if (!usable)
        connect_say(connect, "tls: %s", error);
    config->tls = connect->tls;
    return usable;
}

/* ---- all of it */

static void take_times(const struct connect_options *options, struct pirn_client_config *config)
{
    struct pirn_endpoint_config *endpoint = &config->conn.endpoint;
    const uint32_t most = options->timeout_ms;
    endpoint->ping_interval_ms = options->ping_ms;
    endpoint->close_timeout_ms = LAST_RESORT_MS;
    config->timeouts = (struct pirn_client_timeouts){most, most, most, most, most, most};
}

static void take_rest(const struct connect_options *options, struct pirn_client_config *config)
{
    config->url = options->url;
    config->unix_path = options->unix_path;
    config->proxy = options->proxy && strcmp(options->proxy, "none") == 0 ? "" : options->proxy;
    config->origin = options->origin;
    config->bearer = options->bearer;
    config->max_redirects = options->location ? MAX_REDIRECTS : 0;
    config->reconnect.on = options->reconnect;
    config->conn.when_full = PIRN_FULL_DROP;
    config->conn.endpoint.check_sent_text = true;
    config->conn.endpoint.max_message_bytes = options->max_message_bytes;
    if (options->deflate || (!options->no_deflate && pirn_deflate_available()))
        config->conn.deflate.mode = PIRN_DEFLATE_DEDICATED;
    config->require_deflate = options->deflate;
}

int connect_client_open(struct connect *connect)
{
    struct pirn_client_config config = {.context = connect};
    int error = 0;
    take_rest(connect->options, &config);
    take_times(connect->options, &config);
    connect_set_callbacks(connect, &config);
    if (!take_cookies(connect, &config) || !take_headers(connect, &config) ||
        !take_subprotocols(connect, &config) || !take_user(connect, &config) ||
        !take_tls(connect, &config))
        return CLI_USAGE;
    connect->client = pirn_client_new(connect->loop, &config, &error);
    if (!connect->client)
        connect_say(connect, "%s", pirn_error_text(error));
    return connect->client ? CLI_OK : error == PIRN_E_MEMORY ? CLI_FAILED : CLI_USAGE;
}

void connect_client_close(struct connect *connect)
{
    pirn_client_free(connect->client);
    pirn_cookies_free(connect->cookies);
    pirn_tls_free(connect->tls);
    free(connect->headers);
    free(connect->subprotocols);
    free(connect->user);
}
