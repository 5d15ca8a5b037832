/* handshake_client.c: the client's side of the opening handshake. What the application asks for is
 * checked before it is written; the response passes a table of checks. */
#include <pirn/error.h>
#include <pirn/extension.h>

#include "base64.h"
#include "chars.h"
#include "handshake.h"
#include "http_write.h"
#include "url_host.h"

/* Writing. A check returns a positive error. */

static int check_address(const struct pirn_client_handshake_config *config)
{
    struct pirn_str target = config->target;
    if (!pirn__url_is_host(config->host) && !pirn__url_is_ipv6(config->host))
        return PIRN_E_URL;
    if (target.len > 0 && target.data[0] != '/' && target.data[0] != '?')
        return PIRN_E_URL;
    return pirn__span(target, PIRN__TARGET) == target.len ? 0 : PIRN_E_URL;
}

static int check_subprotocols(const struct pirn_client_handshake_config *config)
{
    if (config->subprotocol_count > PIRN_HANDSHAKE_MAX_SUBPROTOCOLS)
        return PIRN_E_SUBPROTOCOL_HEADER;
    for (size_t i = 0; i < config->subprotocol_count; i++)
        if (!pirn_http_is_token(config->subprotocols[i]) ||
            pirn__handshake_among(config->subprotocols, i, config->subprotocols[i]))
            return PIRN_E_SUBPROTOCOL_HEADER;
    return 0;
}

static int check_offers(const struct pirn_client_handshake_config *config)
{
    struct pirn_extension_element extension;
    struct pirn_http_list list;
    struct pirn_str item;
    bool empty = true;
    pirn_http_list_init_value(&list, config->extensions);
    for (; pirn_http_list_next(&list, &item); empty = false)
        if (pirn_extension_element_parse(&extension, item) != 0)
            return PIRN_E_EXTENSION_HEADER;
    return config->extensions.data && empty ? PIRN_E_EXTENSION_HEADER : 0;
}

static int check_headers(const struct pirn_client_handshake_config *config)
{
    return pirn__handshake_has_reserved(config->headers, config->header_count, PIRN__USE_REQUEST)
               ? PIRN_E_HEADER_RESERVED
               : 0;
}

static int (*const config_checks[])(const struct pirn_client_handshake_config *) = {
    check_address,
    check_subprotocols,
    check_offers,
    check_headers,
};

static int make_key(struct pirn_client_handshake *hs, pirn_random_fn *random, void *context)
{
    unsigned char bytes[16];
    if (!random || !random(context, bytes, sizeof bytes))
        return PIRN_E_RANDOM;
    pirn__base64_encode(bytes, sizeof bytes, hs->key);
    return 0;
}

static void add_request_line(struct pirn__http_writer *writer, struct pirn_str target)
{
    pirn__http_add_raw(writer, PIRN_STR("GET "));
    if (target.len == 0 || target.data[0] == '?')
        pirn__http_add_raw(writer, PIRN_STR("/"));
    pirn__http_add_raw(writer, target);
    pirn__http_add_raw(writer, PIRN_STR(" HTTP/1.1\r\n"));
}

static void add_host(struct pirn__http_writer *writer,
                     const struct pirn_client_handshake_config *config)
{
    bool bracketed = pirn__url_is_ipv6(config->host);
    pirn__http_add_raw(writer, bracketed ? PIRN_STR("Host: [") : PIRN_STR("Host: "));
    pirn__http_add_raw(writer, config->host);
    pirn__http_add_raw(writer, bracketed ? PIRN_STR("]") : PIRN_STR(""));
    if (config->port != 0 && config->port != (config->secure ? 443 : 80)) {
        pirn__http_add_raw(writer, PIRN_STR(":"));
        pirn__http_add_number(writer, config->port);
    }
    pirn__http_add_raw(writer, PIRN_STR("\r\n"));
}

static void add_subprotocols(struct pirn__http_writer *writer,
                             const struct pirn_client_handshake_config *config)
{
    for (size_t i = 0; i < config->subprotocol_count; i++) {
        pirn__http_add_raw(writer, i ? PIRN_STR(", ") : PIRN_STR("Sec-WebSocket-Protocol: "));
        pirn__http_add_raw(writer, config->subprotocols[i]);
    }
    pirn__http_add_raw(writer, config->subprotocol_count ? PIRN_STR("\r\n") : PIRN_STR(""));
}

static void add_optional(struct pirn__http_writer *writer, const char *name, struct pirn_str value)
{
    if (value.data)
        pirn__http_add_header(writer, name, value);
}

int pirn_client_handshake_write(struct pirn_client_handshake *hs,
                                const struct pirn_client_handshake_config *config,
                                pirn_random_fn *random, void *random_context, char *out, size_t cap)
{
    *hs = (struct pirn_client_handshake){.config = config};
    int error = 0;
    for (size_t i = 0; i < sizeof config_checks / sizeof config_checks[0] && !error; i++)
        error = config_checks[i](config);
    if (!error)
        error = make_key(hs, random, random_context);
    if (error)
        return -error;
    struct pirn__http_writer writer;
    pirn__http_begin(&writer, out, cap);
    add_request_line(&writer, config->target);
    add_host(&writer, config);
    pirn__http_add_header(&writer, "Upgrade", PIRN_STR("websocket"));
    pirn__http_add_header(&writer, "Connection", PIRN_STR("Upgrade"));
    pirn__http_add_header(&writer, "Sec-WebSocket-Key", pirn_cstr(hs->key));
    pirn__http_add_header(&writer, "Sec-WebSocket-Version", PIRN_STR("13"));
    add_optional(&writer, "Origin", config->origin);
    add_subprotocols(&writer, config);
    add_optional(&writer, "Sec-WebSocket-Extensions", config->extensions);
    add_optional(&writer, "User-Agent", config->user_agent);
    pirn__http_add_headers(&writer, config->headers, config->header_count);
    pirn__http_add_raw(&writer, PIRN_STR("\r\n"));
    return pirn__http_end(&writer);
}

/* Reading. A check returns a positive error. */

typedef struct pirn_client_handshake client;
typedef struct pirn_http_head http_head;

static int refuse(client *hs, int error, const char *name, struct pirn_str value,
                  const char *problem)
{
    pirn__handshake_explain(hs->detail, name, value, problem);
    return error;
}

static int check_head(client *hs, const http_head *response)
{
    if (response->error)
        pirn__handshake_explain_head(hs->detail, response);
    else if (response->status == 0)
        return refuse(hs, PIRN_E_STATE, "response", (struct pirn_str){NULL, 0}, "is not complete");
    return response->error;
}

static int check_status(client *hs, const http_head *response)
{
    if (response->status == 101)
        return 0;
    struct pirn__text text;
    pirn__text_init(&text, hs->detail, sizeof hs->detail);
    pirn__text_add_cstr(&text, "status ");
    pirn__text_add_number(&text, (uint64_t)response->status);
    pirn__text_add_cstr(&text, response->reason.len > 0 ? " " : "");
    pirn__handshake_add_printable(&text, response->reason);
    pirn__text_add_cstr(&text, " instead of 101");
    return PIRN_E_STATUS;
}

static int check_version(client *hs, const http_head *response)
{
    if (response->version_minor == 1)
        return 0;
    return refuse(hs, PIRN_E_HTTP_VERSION, "version", PIRN_STR("HTTP/1.0"), "is not HTTP/1.1");
}

static int check_upgrade(client *hs, const http_head *response)
{
    struct pirn_str upgrade;
    if (!pirn__handshake_single(response, "Upgrade", &upgrade, hs->detail))
        return PIRN_E_UPGRADE;
    if (!pirn_str_equal_nocase(upgrade, PIRN_STR("websocket")))
        return refuse(hs, PIRN_E_UPGRADE, "Upgrade", upgrade, "is not websocket");
    return 0;
}

static int check_connection(client *hs, const http_head *response)
{
    struct pirn_str value = pirn_http_find(response, PIRN_STR("Connection"));
    if (pirn_http_has_token(response, PIRN_STR("Connection"), PIRN_STR("upgrade")))
        return 0;
    return refuse(hs, PIRN_E_CONNECTION, "Connection", value,
                  value.data ? "does not name upgrade" : "is missing");
}

static int check_accept(client *hs, const http_head *response)
{
    struct pirn_str accept;
    char expected[PIRN_HANDSHAKE_ACCEPT_CHARS + 1];
    if (!pirn__handshake_single(response, "Sec-WebSocket-Accept", &accept, hs->detail))
        return PIRN_E_ACCEPT;
    pirn_handshake_accept_key(pirn_cstr(hs->key), expected);
    if (!pirn_str_equal(accept, pirn_cstr(expected)))
        return refuse(hs, PIRN_E_ACCEPT, "Sec-WebSocket-Accept", accept, "does not match the key");
    return 0;
}

static int check_subprotocol(client *hs, const http_head *response)
{
    static const char name[] = "Sec-WebSocket-Protocol";
    const struct pirn_client_handshake_config *config = hs->config;
    struct pirn_str chosen = pirn_http_find(response, pirn_cstr(name));
    if (!chosen.data && !config->require_subprotocol)
        return 0;
    if (!chosen.data)
        return refuse(hs, PIRN_E_SUBPROTOCOL_REQUIRED, name, chosen, "is missing");
    if (!pirn__handshake_single(response, name, &chosen, hs->detail))
        return PIRN_E_SUBPROTOCOL_HEADER;
    if (!pirn_http_is_token(chosen))
        return refuse(hs, PIRN_E_SUBPROTOCOL_HEADER, name, chosen, "is not one token");
    if (!pirn__handshake_among(config->subprotocols, config->subprotocol_count, chosen))
        return refuse(hs, PIRN_E_SUBPROTOCOL_UNKNOWN, name, chosen, "was not offered");
    hs->subprotocol = chosen;
    return 0;
}

/* Checks the element of the response with this index. The search for a double is no square of the
 * length: before the first double stand no more elements than were offered. */
static int check_extension(client *hs, const http_head *response, struct pirn_str item,
                           size_t index)
{
    static const char name[] = "Sec-WebSocket-Extensions";
    struct pirn_extension_element extension;
    struct pirn_http_list offers, chosen;
    if (pirn_extension_element_parse(&extension, item) != 0)
        return refuse(hs, PIRN_E_EXTENSION_HEADER, name, item, "is malformed");
    pirn_http_list_init_value(&offers, hs->config->extensions);
    if (!pirn__handshake_names_extension(offers, SIZE_MAX, extension.name))
        return refuse(hs, PIRN_E_EXTENSION_UNKNOWN, name, extension.name, "was not offered");
    pirn_http_list_init(&chosen, response, pirn_cstr(name));
    if (pirn__handshake_names_extension(chosen, index, extension.name))
        return refuse(hs, PIRN_E_EXTENSION_HEADER, name, extension.name, "is there twice");
    return 0;
}

static int check_extensions(client *hs, const http_head *response)
{
    static const char name[] = "Sec-WebSocket-Extensions";
    struct pirn_http_list list;
    struct pirn_str item;
    size_t count = 0;
    pirn_http_list_init(&list, response, pirn_cstr(name));
    for (; pirn_http_list_next(&list, &item); count++) {
        int error = check_extension(hs, response, item, count);
        if (error)
            return error;
    }
    struct pirn_str value = pirn_http_find(response, pirn_cstr(name));
    return count == 0 && value.data
               ? refuse(hs, PIRN_E_EXTENSION_HEADER, name, value, "has no element")
               : 0;
}

static int (*const response_checks[])(client *, const http_head *) = {
    check_head,       check_status, check_version,     check_upgrade,
    check_connection, check_accept, check_subprotocol, check_extensions,
};

int pirn_client_handshake_read_response(struct pirn_client_handshake *hs,
                                        const struct pirn_http_head *response)
{
    hs->error = 0;
    hs->detail[0] = '\0';
    hs->subprotocol = (struct pirn_str){NULL, 0};
    for (size_t i = 0; i < sizeof response_checks / sizeof response_checks[0] && !hs->error; i++)
        hs->error = response_checks[i](hs, response);
    return -hs->error;
}
