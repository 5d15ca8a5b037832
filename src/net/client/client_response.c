/* What a server answers: its head is read, interim answers passed over, and then it leads to an
 * open connection, to another request (a redirect, a challenge) or to the end of the attempt. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/client_state.h"
#include "client/location.h"

#define FIRST_BYTES 1024

/* ---- failures */

static void fail_http(struct pirn_client *client, int error, const char *text)
{
    struct pirn__client_fault fault = {
        .layer = PIRN_LAYER_HTTP,
        .error = (enum pirn_error)(error < 0 ? -error : error),
        .status = client->attempt->head.status,
        .text = text,
    };
    pirn__client_fail(client, &fault);
}

/* The core's line, "status 404 Not Found instead of 101", without its first word. */
static void fail_response(struct pirn_client *client, int error)
{
    const char *detail = client->attempt->handshake.detail, status[] = "status ";
    if (error == -PIRN_E_STATUS && strncmp(detail, status, sizeof status - 1) == 0)
        detail += sizeof status - 1;
    fail_http(client, error, detail[0] ? detail : pirn_error_text(error));
}

static void fail_ended(struct pirn_client *client)
{
    bool begun = client->response.len > 0;
    fail_http(client, PIRN_E_EOF,
              begun ? "connection ended within the response"
                    : "connection ended before a response");
}

/* ---- another request */

/* Begins anew with the target as it is now. */
static void ask_again(struct pirn_client *client, enum pirn_client_step step, int status)
{
    pirn__client_let_go(client);
    if (pirn__client_tell(client, step, "%d, %s", status, client->url.data))
        pirn__client_dial(client);
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Where the response leads, to next, which has room for it. NULL, or what is wrong. */
static const char *find_next(struct pirn_client *client, struct pirn__client_bytes *next)
{
    struct pirn_str location = pirn_http_find(&client->attempt->head, PIRN_STR("Location"));
    struct pirn_url url;
    if (pirn_http_count(&client->attempt->head, PIRN_STR("Location")) != 1)
        return location.data ? "redirect with more than one Location"
                             : "redirect without a Location";
    int len = pirn__location_resolve(&client->attempt->target, location, next->data, next->cap);
    if (len < 0)
        return "redirect to what is no WebSocket URL";
    next->len = (size_t)len;
    pirn_url_parse(&url, pirn__client_str(next));
    if (client->attempt->target.secure && !url.secure)
        return "redirect from wss to ws";
    return client->redirects >= client->attempt->now.max_redirects ? "more redirects than the limit"
                                                                   : NULL;
}

static void redirect(struct pirn_client *client)
{
    struct pirn__client_bytes next = {.data = NULL};
    size_t most = client->url.len + client->attempt->head.size + 16;
    int status = client->attempt->head.status;
    if (!pirn__client_reserve(client, &next, most)) {
        pirn__client_fail_plainly(client, PIRN_LAYER_APPLICATION, PIRN_E_MEMORY);
        return;
    }
    const char *problem = find_next(client, &next);
    if (problem) {
        pirn__client_drop(client, &next);
        fail_http(client, PIRN_E_REDIRECT, problem);
        return;
    }
    client->redirects++;
    client->answers = 0;
    pirn__client_drop(client, &client->attempt->authorization);
    pirn__client_move(client, &next);
    ask_again(client, PIRN_STEP_REDIRECT, status);
}

/* ---- the answer that counts */

/* Whether the server agreed on this extension. */
static bool agreed_on(const struct pirn_client *client, struct pirn_str name)
{
    struct pirn_extension_element element;
    struct pirn_http_list list;
    struct pirn_str item;
    pirn_http_list_init(&list, &client->attempt->head, PIRN_STR("Sec-WebSocket-Extensions"));
    while (pirn_http_list_next(&list, &item))
        if (pirn_extension_element_parse(&element, item) == 0 && pirn_str_equal(element.name, name))
            return true;
    return false;
}

/* The first of the required extensions that the server did not agree on. */
static struct pirn_str find_lacking(const struct pirn_client *client)
{
    const struct pirn_client_config *config = &client->config;
    const struct pirn_str deflate = PIRN_STR("permessage-deflate");
    if (config->require_deflate && !agreed_on(client, deflate))
        return deflate;
    for (size_t i = 0; i < config->required_extension_count; i++)
        if (!agreed_on(client, config->required_extensions[i]))
            return config->required_extensions[i];
    return (struct pirn_str){NULL, 0};
}

/* Keeps what the server chose, the values of several headers joined. False without memory. */
static bool keep_extensions(struct pirn_client *client)
{
    const struct pirn_str name = PIRN_STR("Sec-WebSocket-Extensions");
    struct pirn__client_bytes *kept = &client->extensions;
    const struct pirn_header *header = NULL;
    kept->len = 0;
    if (!pirn__client_reserve(client, kept, client->attempt->head.size + 1))
        return false;
    while ((header = pirn_http_next(&client->attempt->head, name, header)) != NULL) {
        memcpy(kept->data + kept->len, ", ", kept->len > 0 ? 2 : 0);
        kept->len += kept->len > 0 ? 2 : 0;
        memcpy(kept->data + kept->len, header->value.data, header->value.len);
        kept->len += header->value.len;
    }
    kept->data[kept->len] = '\0';
    return true;
}

/* Makes the states of the extensions that the server chose; 0 or an error. */
static int confirm(struct pirn_client *client)
{
    const struct pirn__extensions *all = client->owner.extensions;
    if (!keep_extensions(client))
        return -PIRN_E_MEMORY;
    if (!all)
        return 0;
    int bytes = pirn_extension_confirm(all->ours, all->count, &client->attempt->head, all->states,
                                       all->states_bytes, client->attempt->handshake.detail);
    client->states_bytes = bytes > 0 ? (size_t)bytes : 0;
    return bytes < 0 ? bytes : 0;
}

static void take_handshake(struct pirn_client *client)
{
    int error =
        pirn_client_handshake_read_response(&client->attempt->handshake, &client->attempt->head);
    if (!error)
        error = confirm(client);
    if (error == -PIRN_E_MEMORY) {
        pirn__client_fail_plainly(client, PIRN_LAYER_APPLICATION, error);
    } else if (error) {
        fail_response(client, error);
    } else {
        client->lacking = find_lacking(client);
        pirn__client_open(client);
    }
}

static bool keep_cookies(struct pirn_client *client)
{
    return !client->attempt->now.cookies ||
           pirn_cookies_receive(client->attempt->now.cookies, &client->attempt->target,
                                &client->attempt->head, (int64_t)time(NULL)) >= 0;
}

/* Whether that was all: the challenge of a 401 was answered, or could have been. */
static bool answer(struct pirn_client *client)
{
    int result = client->attempt->head.status == 401 ? pirn__client_answer(client) : 0;
    if (result > 0)
        ask_again(client, PIRN_STEP_ANSWER, 401);
    else if (result < 0)
        pirn__client_fail_plainly(client, PIRN_LAYER_APPLICATION, result);
    return result != 0;
}

static void judge(struct pirn_client *client)
{
    if (client->config.on_response)
        client->config.on_response(client, &client->attempt->head);
    if (!pirn__client_goes_on(client))
        return;
    if (!keep_cookies(client))
        pirn__client_fail_plainly(client, PIRN_LAYER_APPLICATION, PIRN_E_MEMORY);
    else if (is_redirect(client->attempt->head.status) && client->attempt->now.max_redirects > 0)
        redirect(client);
    else if (!answer(client))
        take_handshake(client);
}

/* ---- reading */

static bool is_interim(const struct pirn_http_head *head)
{
    return head->status < 200 && head->status != 101;
}

/* What follows an interim answer is the next one. */
static void skip_interim(struct pirn_client *client)
{
    struct pirn__client_bytes *response = &client->response;
    response->len -= client->attempt->head.size;
    memmove(response->data, response->data + client->attempt->head.size, response->len);
    client->interim++;
    pirn_http_head_init(&client->attempt->head, PIRN_HTTP_RESPONSE, client->headers,
                        client->config.max_headers, client->config.max_head_bytes);
}

static void parse(struct pirn_client *client)
{
    const struct pirn__client_bytes *response = &client->response;
    int result;
    while ((result = pirn_http_head_feed(&client->attempt->head, response->data, response->len)) >
               0 &&
           is_interim(&client->attempt->head) && client->interim < PIRN_CLIENT_MAX_INTERIM)
        skip_interim(client);
    if (result < 0)
        fail_response(client, pirn_client_handshake_read_response(&client->attempt->handshake,
                                                                  &client->attempt->head));
    else if (result > 0 && is_interim(&client->attempt->head))
        fail_http(client, PIRN_E_INTERIM, pirn_error_text(PIRN_E_INTERIM));
    else if (result > 0)
        judge(client);
}

/* Room for more, up to a head that is too big by one byte. */
static bool make_room(struct pirn_client *client)
{
    struct pirn__client_bytes *response = &client->response;
    size_t most = client->config.max_head_bytes + 1;
    size_t more = response->cap < FIRST_BYTES ? FIRST_BYTES : 2 * response->cap;
    return response->len < response->cap ||
           pirn__client_reserve(client, response,
                                more < most || most <= response->cap ? more : most);
}

/* One receive; false when nothing came, or it failed. */
static bool receive(struct pirn_client *client)
{
    struct pirn__client_bytes *response = &client->response;
    if (!make_room(client)) {
        pirn__client_fail_plainly(client, PIRN_LAYER_APPLICATION, PIRN_E_MEMORY);
        return false;
    }
    struct iovec room = {response->data + response->len, response->cap - response->len};
    ssize_t n = pirn__wire_recv(client->watch.fd, client->tls, &room, 1);
    if (n == 0)
        fail_ended(client);
    else if (n < 0 && !pirn__socket_would_block())
        pirn__client_fail_socket(client, "during the opening handshake");
    response->len += n > 0 ? (size_t)n : 0;
    return n > 0;
}

/* TLS may hold more than one receive had room for, of which no socket tells. */
void pirn__client_read_response(struct pirn_client *client)
{
    bool more = true;
    if (client->response.len > 0)
        parse(client);
    while (more && client->phase == PIRN__CLIENT_HANDSHAKE && pirn__client_goes_on(client)) {
        if (!receive(client))
            return;
        parse(client);
        more = client->phase == PIRN__CLIENT_HANDSHAKE && client->tls &&
               pirn__tls_has_input(client->tls);
    }
}
