/* handshake_server.c: the server's side of the opening handshake. A request passes a table of
 * checks; each fills in what it read and explains what it refuses. */
#include <pirn/error.h>
#include <pirn/extension.h>
#include <pirn/url.h>

#include <string.h>

#include "chars.h"
#include "handshake.h"
#include "http_write.h"

static const struct pirn_str none = {NULL, 0};

/* Reading. A check returns a positive error. */

static int refuse(struct pirn_handshake *hs, int error, const char *name, struct pirn_str value,
                  const char *problem)
{
    pirn__handshake_explain(hs->detail, name, value, problem);
    return error;
}

static int check_head(struct pirn_handshake *hs)
{
    if (hs->request->error)
        pirn__handshake_explain_head(hs->detail, hs->request);
    else if (!hs->request->method.data)
        return refuse(hs, PIRN_E_STATE, "request", none, "is not complete");
    return hs->request->error;
}

static int check_method(struct pirn_handshake *hs)
{
    struct pirn_str method = hs->request->method;
    if (pirn_str_equal(method, PIRN_STR("GET")))
        return 0;
    return refuse(hs, PIRN_E_METHOD, "method", method, "is not GET");
}

static int check_version(struct pirn_handshake *hs)
{
    if (hs->request->version_minor == 1)
        return 0;
    return refuse(hs, PIRN_E_HTTP_VERSION, "version", PIRN_STR("HTTP/1.0"), "is not HTTP/1.1");
}

static int check_target(struct pirn_handshake *hs)
{
    struct pirn_str target = hs->request->target;
    struct pirn_url url;
    if (target.data[0] == '/')
        hs->resource = target;
    else if (pirn_url_parse(&url, target) == 0 && !url.userinfo.data)
        hs->resource = url.target.len > 0 ? url.target : PIRN_STR("/");
    if (hs->resource.len > 0 && hs->resource.data[0] == '/')
        return 0;
    return refuse(hs, PIRN_E_REQUEST_LINE, "target", target, "is not a path");
}

/* A target that is a URL names the host too, and a proxy before us may have believed either. */
static bool same_host(struct pirn_str target, const struct pirn_url *host)
{
    struct pirn_url url;
    if (target.data[0] == '/')
        return true;
    pirn_url_parse(&url, target);
    unsigned port = host->port ? host->port : url.secure ? 443 : 80;
    return url.port == port && pirn_str_equal_nocase(url.host, host->host);
}

static int check_host(struct pirn_handshake *hs)
{
    struct pirn_url url;
    if (!pirn__handshake_single(hs->request, "Host", &hs->host, hs->detail))
        return PIRN_E_HOST;
    if (pirn_url_parse_authority(&url, hs->host) != 0)
        return refuse(hs, PIRN_E_HOST, "Host", hs->host, "is not host[:port]");
    if (!same_host(hs->request->target, &url))
        return refuse(hs, PIRN_E_HOST, "Host", hs->host, "is not the one in the target");
    return 0;
}

static int check_body(struct pirn_handshake *hs)
{
    static const char *const names[] = {"Content-Length", "Transfer-Encoding"};
    for (size_t i = 0; i < 2; i++)
        if (pirn_http_find(hs->request, pirn_cstr(names[i])).data)
            return refuse(hs, PIRN_E_BODY, names[i], none, "in an upgrade request");
    return 0;
}

static int check_upgrade(struct pirn_handshake *hs)
{
    struct pirn_str value = pirn_http_find(hs->request, PIRN_STR("Upgrade"));
    if (pirn_http_has_token(hs->request, PIRN_STR("Upgrade"), PIRN_STR("websocket")))
        return 0;
    return refuse(hs, PIRN_E_UPGRADE, "Upgrade", value,
                  value.data ? "does not name websocket" : "is missing");
}

static int check_connection(struct pirn_handshake *hs)
{
    struct pirn_str value = pirn_http_find(hs->request, PIRN_STR("Connection"));
    if (pirn_http_has_token(hs->request, PIRN_STR("Connection"), PIRN_STR("upgrade")))
        return 0;
    return refuse(hs, PIRN_E_CONNECTION, "Connection", value,
                  value.data ? "does not name upgrade" : "is missing");
}

static int check_websocket_version(struct pirn_handshake *hs)
{
    struct pirn_str version;
    if (!pirn__handshake_single(hs->request, "Sec-WebSocket-Version", &version, hs->detail)) {
        hs->status = 400;
        return PIRN_E_WEBSOCKET_VERSION;
    }
    if (pirn_str_equal(version, PIRN_STR("13")))
        return 0;
    return refuse(hs, PIRN_E_WEBSOCKET_VERSION, "Sec-WebSocket-Version", version, "is not 13");
}

/* Bits of the last character that belong to no byte may be set, as most decoders have it. */
static bool is_key(struct pirn_str key)
{
    return key.len == PIRN_HANDSHAKE_KEY_CHARS && pirn__span(key, PIRN__BASE64) == key.len - 2 &&
           memcmp(key.data + key.len - 2, "==", 2) == 0;
}

static int check_key(struct pirn_handshake *hs)
{
    if (!pirn__handshake_single(hs->request, "Sec-WebSocket-Key", &hs->key, hs->detail))
        return PIRN_E_KEY;
    if (!is_key(hs->key))
        return refuse(hs, PIRN_E_KEY, "Sec-WebSocket-Key", hs->key, "is not 16 bytes in base64");
    return 0;
}

static int check_origin(struct pirn_handshake *hs)
{
    hs->origin = pirn_http_find(hs->request, PIRN_STR("Origin"));
    if (pirn_http_count(hs->request, PIRN_STR("Origin")) <= 1)
        return 0;
    hs->status = 400;
    return refuse(hs, PIRN_E_ORIGIN, "Origin", none, "is there more than once");
}

static int check_subprotocols(struct pirn_handshake *hs)
{
    static const char name[] = "Sec-WebSocket-Protocol";
    struct pirn_str seen[PIRN_HANDSHAKE_MAX_SUBPROTOCOLS], item;
    size_t count = 0;
    struct pirn_http_list list;
    pirn_http_list_init(&list, hs->request, pirn_cstr(name));
    for (; pirn_http_list_next(&list, &item); count++) {
        if (!pirn_http_is_token(item))
            return refuse(hs, PIRN_E_SUBPROTOCOL_HEADER, name, item, "is not a token");
        if (pirn__handshake_among(seen, count, item))
            return refuse(hs, PIRN_E_SUBPROTOCOL_HEADER, name, item, "is there twice");
        if (count == PIRN_HANDSHAKE_MAX_SUBPROTOCOLS)
            return refuse(hs, PIRN_E_SUBPROTOCOL_HEADER, name, none, "has too many elements");
        seen[count] = item;
    }
    if (count == 0 && pirn_http_find(hs->request, pirn_cstr(name)).data)
        return refuse(hs, PIRN_E_SUBPROTOCOL_HEADER, name, none, "is empty");
    return 0;
}

static int check_extensions(struct pirn_handshake *hs)
{
    static const char name[] = "Sec-WebSocket-Extensions";
    struct pirn_extension_element extension;
    struct pirn_str item;
    bool empty = true;
    struct pirn_http_list list;
    pirn_http_list_init(&list, hs->request, pirn_cstr(name));
    for (; pirn_http_list_next(&list, &item); empty = false)
        if (pirn_extension_element_parse(&extension, item) != 0)
            return refuse(hs, PIRN_E_EXTENSION_HEADER, name, item, "is malformed");
    if (empty && pirn_http_find(hs->request, pirn_cstr(name)).data)
        return refuse(hs, PIRN_E_EXTENSION_HEADER, name, none, "is empty");
    return 0;
}

static int (*const checks[])(struct pirn_handshake *) = {
    check_head,       check_method,     check_version,
    check_target,     check_host,       check_body,
    check_upgrade,    check_connection, check_websocket_version,
    check_key,        check_origin,     check_subprotocols,
    check_extensions,
};

int pirn_handshake_read_request(struct pirn_handshake *hs, const struct pirn_http_head *request)
{
    *hs = (struct pirn_handshake){.request = request, .status = 101};
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        hs->error = checks[i](hs);
        if (!hs->error)
            continue;
        if (hs->status == 101)
            hs->status = pirn_http_error_status(hs->error);
        return -hs->error;
    }
    return 0;
}

bool pirn_handshake_wants_upgrade(const struct pirn_http_head *request)
{
    return pirn_http_has_token(request, PIRN_STR("Upgrade"), PIRN_STR("websocket")) ||
           pirn_http_find(request, PIRN_STR("Sec-WebSocket-Key")).data;
}

/* Choosing. */

static struct pirn_str choose_in_client_order(const struct pirn_handshake *hs,
                                              const struct pirn_str *supported, size_t count)
{
    struct pirn_http_list list;
    struct pirn_str item;
    pirn_http_list_init(&list, hs->request, PIRN_STR("Sec-WebSocket-Protocol"));
    while (pirn_http_list_next(&list, &item))
        for (size_t i = 0; i < count; i++)
            if (pirn_str_equal(supported[i], item))
                return supported[i];
    return none;
}

bool pirn_handshake_offers_subprotocol(const struct pirn_handshake *hs, struct pirn_str subprotocol)
{
    return choose_in_client_order(hs, &subprotocol, 1).data;
}

struct pirn_str pirn_handshake_choose_subprotocol(const struct pirn_handshake *hs,
                                                  const struct pirn_str *supported,
                                                  size_t supported_count,
                                                  enum pirn_subprotocol_order order)
{
    if (order == PIRN_CLIENT_ORDER)
        return choose_in_client_order(hs, supported, supported_count);
    for (size_t i = 0; i < supported_count; i++)
        if (pirn_handshake_offers_subprotocol(hs, supported[i]))
            return supported[i];
    return none;
}

/* Reads scheme://host[:port] of http or https; false for any other origin. */
static bool parse_origin(struct pirn_url *url, struct pirn_str origin)
{
    return pirn_url_parse(url, origin) == 0 && !url->userinfo.data && url->target.len == 0 &&
           (url->scheme == PIRN_URL_HTTP || url->scheme == PIRN_URL_HTTPS);
}

static bool same_origin(const struct pirn_url *a, const struct pirn_url *b)
{
    return a->secure == b->secure && a->port == b->port && pirn_str_equal_nocase(a->host, b->host);
}

static bool is_own_origin(const struct pirn_handshake *hs, bool secure,
                          const struct pirn_url *origin)
{
    struct pirn_url own;
    if (pirn_url_parse_authority(&own, hs->host) != 0)
        return false;
    own.secure = secure;
    if (own.port == 0)
        own.port = secure ? 443 : 80;
    return same_origin(origin, &own);
}

bool pirn_handshake_origin_allowed(const struct pirn_handshake *hs, bool secure,
                                   const struct pirn_str *allowed, size_t allowed_count)
{
    struct pirn_url origin, other;
    if (!hs->origin.data)
        return true;
    if (!parse_origin(&origin, hs->origin))
        return pirn__handshake_among(allowed, allowed_count, hs->origin);
    if (is_own_origin(hs, secure, &origin))
        return true;
    for (size_t i = 0; i < allowed_count; i++)
        if (parse_origin(&other, allowed[i]) && same_origin(&origin, &other))
            return true;
    return false;
}

/* Answering. */

/* Checks that the extensions of an answer are well-formed and were offered. */
static int check_chosen_extensions(const struct pirn_handshake *hs, struct pirn_str extensions)
{
    struct pirn_http_list chosen, offers;
    struct pirn_extension_element extension;
    struct pirn_str item;
    bool empty = true;
    pirn_http_list_init_value(&chosen, extensions);
    pirn_http_list_init(&offers, hs->request, PIRN_STR("Sec-WebSocket-Extensions"));
    for (; pirn_http_list_next(&chosen, &item); empty = false) {
        if (pirn_extension_element_parse(&extension, item) != 0)
            return PIRN_E_EXTENSION_HEADER;
        if (!pirn__handshake_names_extension(offers, SIZE_MAX, extension.name))
            return PIRN_E_EXTENSION_UNKNOWN;
    }
    return empty ? PIRN_E_EXTENSION_HEADER : 0;
}

static int check_answer(const struct pirn_handshake *hs, struct pirn_str subprotocol,
                        struct pirn_str extensions, const struct pirn_header *headers,
                        size_t header_count)
{
    if (hs->error)
        return PIRN_E_STATE;
    if (subprotocol.data && !pirn_handshake_offers_subprotocol(hs, subprotocol))
        return PIRN_E_SUBPROTOCOL_UNKNOWN;
    if (pirn__handshake_has_reserved(headers, header_count, PIRN__USE_ACCEPT))
        return PIRN_E_HEADER_RESERVED;
    return extensions.data ? check_chosen_extensions(hs, extensions) : 0;
}

int pirn_handshake_write_accept(const struct pirn_handshake *hs, struct pirn_str subprotocol,
                                struct pirn_str extensions, const struct pirn_header *headers,
                                size_t header_count, char *out, size_t cap)
{
    int error = check_answer(hs, subprotocol, extensions, headers, header_count);
    if (error)
        return -error;
    char accept[PIRN_HANDSHAKE_ACCEPT_CHARS + 1];
    pirn_handshake_accept_key(hs->key, accept);
    struct pirn__http_writer writer;
    pirn__http_begin(&writer, out, cap);
    pirn__http_add_status_line(&writer, 101);
    pirn__http_add_header(&writer, "Upgrade", PIRN_STR("websocket"));
    pirn__http_add_header(&writer, "Connection", PIRN_STR("Upgrade"));
    pirn__http_add_header(&writer, "Sec-WebSocket-Accept", pirn_cstr(accept));
    if (subprotocol.data)
        pirn__http_add_header(&writer, "Sec-WebSocket-Protocol", subprotocol);
    if (extensions.data)
        pirn__http_add_header(&writer, "Sec-WebSocket-Extensions", extensions);
    pirn__http_add_headers(&writer, headers, header_count);
    pirn__http_add_raw(&writer, PIRN_STR("\r\n"));
    return pirn__http_end(&writer);
}

/* What a refusal says unless the application says it; status 0 stands for every one. Upgrade must
 * be named in Connection (RFC 9110, 7.8). */
static const struct {
    int status;
    const char *name;
    const char *value;
} defaults[] = {
    {0, "Content-Type", "text/plain; charset=utf-8"},
    {0, "Cache-Control", "no-store"},
    {0, "X-Content-Type-Options", "nosniff"},
    {405, "Allow", "GET"},
    {426, "Connection", "Upgrade"},
    {426, "Upgrade", "websocket"},
    {426, "Sec-WebSocket-Version", "13"},
};

static bool has_header(const struct pirn_header *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (pirn_str_equal_nocase(headers[i].name, pirn_cstr(name)))
            return true;
    return false;
}

int pirn_handshake_write_refusal(int status, const struct pirn_header *headers, size_t header_count,
                                 struct pirn_str text, char *out, size_t cap)
{
    if (status < 300 || status > 599 || status == 304)
        return -PIRN_E_ARGUMENT;
    if (pirn__handshake_has_reserved(headers, header_count, PIRN__USE_REFUSAL))
        return -PIRN_E_HEADER_RESERVED;
    if (text.len == 0)
        text = pirn_cstr(pirn_http_status_text(status));
    struct pirn__http_writer writer;
    pirn__http_begin(&writer, out, cap);
    pirn__http_add_status_line(&writer, status);
    pirn__http_add_header(&writer, "Connection", PIRN_STR("close"));
    pirn__http_add_raw(&writer, PIRN_STR("Content-Length: "));
    pirn__http_add_number(&writer, text.len + 1);
    pirn__http_add_raw(&writer, PIRN_STR("\r\n"));
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++)
        if ((defaults[i].status == 0 || defaults[i].status == status) &&
            !has_header(headers, header_count, defaults[i].name))
            pirn__http_add_header(&writer, defaults[i].name, pirn_cstr(defaults[i].value));
    pirn__http_add_headers(&writer, headers, header_count);
    pirn__http_add_raw(&writer, PIRN_STR("\r\n"));
    pirn__http_add_raw(&writer, text);
    pirn__http_add_raw(&writer, PIRN_STR("\n"));
    return pirn__http_end(&writer);
}
