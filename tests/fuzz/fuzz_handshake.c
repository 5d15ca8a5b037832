/* Requests and responses of a stranger. A request that is taken is answered, and a client with that
 * key takes the answer; a refusal explains itself in one printable line. The first byte says
 * whether the rest is a request, a response or a URL. */
#undef NDEBUG /* the assertions are the test */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <pirn/error.h>
#include <pirn/handshake.h>
#include <pirn/url.h>

static struct pirn_header headers[PIRN_HTTP_MAX_HEADERS];

static void assert_explained(int error, const char *detail)
{
    assert((error == 0) == (detail[0] == '\0'));
    for (; *detail; detail++)
        assert(*detail >= 0x20 && *detail < 0x7f);
}

static bool zeros(void *context, void *out, size_t len)
{
    (void)context;
    memset(out, 0, len);
    return true;
}

/* The client offers what the answer may choose, and has the key of the request. */
static void take_answer(const struct pirn_handshake *hs, struct pirn_str subprotocol,
                        const char *answer, size_t len)
{
    const struct pirn_client_handshake_config config = {
        .host = PIRN_STR("a"),
        .subprotocols = &subprotocol,
        .subprotocol_count = subprotocol.data ? 1 : 0,
        .require_subprotocol = subprotocol.data != NULL,
    };
    static char out[8192];
    struct pirn_client_handshake client;
    struct pirn_http_head response;
    assert(pirn_client_handshake_write(&client, &config, zeros, NULL, out, sizeof out) > 0);
    memcpy(client.key, hs->key.data, hs->key.len);
    pirn_http_head_init(&response, PIRN_HTTP_RESPONSE, headers, PIRN_HTTP_MAX_HEADERS, 0);
    assert(pirn_http_head_feed(&response, answer, len) == 1);
    assert(pirn_client_handshake_read_response(&client, &response) == 0);
    assert(pirn_str_equal(client.subprotocol, subprotocol));
}

static void answer_request(const struct pirn_handshake *hs)
{
    static char out[8192];
    struct pirn_http_list list;
    struct pirn_str subprotocol = {NULL, 0};
    const struct pirn_str origin = PIRN_STR("https://listed.example");
    pirn_handshake_origin_allowed(hs, true, &origin, 1);
    assert(pirn_handshake_wants_upgrade(hs->request));
    assert(hs->resource.data[0] == '/');
    pirn_http_list_init(&list, hs->request, PIRN_STR("Sec-WebSocket-Protocol"));
    if (pirn_http_list_next(&list, &subprotocol))
        assert(pirn_handshake_offers_subprotocol(hs, subprotocol));
    int len = pirn_handshake_write_accept(hs, subprotocol, (struct pirn_str){NULL, 0}, NULL, 0, out,
                                          sizeof out);
    assert(len > 0);
    take_answer(hs, subprotocol, out, (size_t)len);
}

static void read_request(const char *bytes, size_t len)
{
    static char out[8192];
    struct pirn_http_head head;
    struct pirn_handshake hs;
    pirn_http_head_init(&head, PIRN_HTTP_REQUEST, headers, PIRN_HTTP_MAX_HEADERS, 0);
    if (pirn_http_head_feed(&head, bytes, len) == 0)
        return;
    int error = pirn_handshake_read_request(&hs, &head);
    assert_explained(error, hs.detail);
    if (error == 0)
        answer_request(&hs);
    else
        assert(pirn_handshake_write_refusal(hs.status, NULL, 0, pirn_cstr(hs.detail), out,
                                            sizeof out) > 0);
}

static void read_response(const char *bytes, size_t len)
{
    static char out[8192];
    const struct pirn_str subprotocols[] = {PIRN_STR("chat"), PIRN_STR("superchat")};
    const struct pirn_client_handshake_config config = {
        .host = PIRN_STR("a"),
        .subprotocols = subprotocols,
        .subprotocol_count = 2,
        .extensions = PIRN_STR("permessage-deflate, x"),
    };
    struct pirn_http_head head;
    struct pirn_client_handshake hs;
    assert(pirn_client_handshake_write(&hs, &config, zeros, NULL, out, sizeof out) > 0);
    pirn_http_head_init(&head, PIRN_HTTP_RESPONSE, headers, PIRN_HTTP_MAX_HEADERS, 0);
    if (pirn_http_head_feed(&head, bytes, len) != 0)
        assert_explained(pirn_client_handshake_read_response(&hs, &head), hs.detail);
}

static void read_url(const char *bytes, size_t len)
{
    static char out[16384];
    struct pirn_url url;
    if (pirn_url_parse(&url, (struct pirn_str){bytes, len}) != 0)
        return;
    const struct pirn_client_handshake_config config = {
        .host = url.host, .port = url.port, .secure = url.secure, .target = url.target};
    struct pirn_client_handshake hs;
    int size = pirn_client_handshake_write(&hs, &config, zeros, NULL, out, sizeof out);
    assert(size > 0);
    read_request(out, (size_t)size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(const char *, size_t) = {read_request, read_response, read_url};
    if (size < 1 || size > 4096)
        return 0;
    char *copy = malloc(size);
    assert(copy);
    memcpy(copy, data, size);
    /* A block that ends where the bytes end; the first one is the choice. */
    readers[data[0] % 3](copy + 1, size - 1);
    free(copy);
    return 0;
}
