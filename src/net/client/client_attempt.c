/* The steps of an attempt: dial, TLS, opening handshake. dial.c has its own clocks; each of the
 * others is a row of a table: what to do when its socket is ready, how long it may take, and what
 * is said when it takes longer. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "client/client_state.h"
#include "loop/container.h"
#include "client/location.h"
#include "dial/proxy.h"

static void shake_hands(struct pirn_client *client);
static void exchange(struct pirn_client *client);

static const struct step {
    void (*go)(struct pirn_client *client);
    size_t timeout; /* in struct pirn_client_timeouts */
    enum pirn_error error;
    const char *missing;
} steps[] = {
    [PIRN__CLIENT_TLS] = {shake_hands, offsetof(struct pirn_client_timeouts, tls_ms),
                          PIRN_E_TLS_TIMEOUT, "no end of the TLS handshake"},
    [PIRN__CLIENT_HANDSHAKE] = {exchange, offsetof(struct pirn_client_timeouts, handshake_ms),
                                PIRN_E_HANDSHAKE_TIMEOUT, "no answer to the opening handshake"},
};

/* ---- time */

static void set_timer(struct pirn_client *client, struct pirn_timer *timer, uint32_t ms)
{
    struct pirn_loop *loop = pirn__client_loop(client);
    if (ms == PIRN_OFF)
        pirn_timer_stop(loop, timer);
    else
        pirn_timer_set(loop, timer, pirn_loop_now_us(loop) + (uint64_t)ms * 1000);
}

static uint32_t timeout_of(const struct pirn_client *client, const struct step *step)
{
    const char *timeouts = (const char *)&client->config.timeouts;
    return *(const uint32_t *)(const void *)(timeouts + step->timeout);
}

static void fail_late(struct pirn_client *client, enum pirn_error error, const char *missing,
                      uint32_t ms)
{
    char text[128];
    snprintf(text, sizeof text, "%s within %u ms", missing, (unsigned)ms);
    pirn__client_fail(client, &(struct pirn__client_fault){
                                  .layer = PIRN_LAYER_TIMEOUT, .error = error, .text = text});
}

void pirn__client_late(struct pirn_loop *loop, struct pirn_timer *timer)
{
    struct pirn_client *client = PIRN__CONTAINER(timer, struct pirn_client, timer);
    const struct step *step = &steps[client->phase];
    (void)loop;
    if (!pirn__client_goes_on(client))
        return;
    if (client->phase == PIRN__CLIENT_WAITING)
        pirn__client_begin(client);
    else
        fail_late(client, step->error, step->missing, timeout_of(client, step));
}

void pirn__client_too_late(struct pirn_loop *loop, struct pirn_timer *timer)
{
    struct pirn_client *client = PIRN__CONTAINER(timer, struct pirn_client, total);
    (void)loop;
    if (pirn__client_goes_on(client))
        fail_late(client, PIRN_E_ATTEMPT_TIMEOUT, "no open connection",
                  client->config.timeouts.total_ms);
}

static void enter(struct pirn_client *client, enum pirn__client_phase phase)
{
    client->phase = (uint8_t)phase;
    set_timer(client, &client->timer, timeout_of(client, &steps[phase]));
}

/* ---- the socket */

static void on_ready(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    struct pirn_client *client = PIRN__CONTAINER(watch, struct pirn_client, watch);
    (void)loop, (void)events;
    if (pirn__client_goes_on(client))
        steps[client->phase].go(client);
}

/* Waits for the socket, if the step is not over by now. */
static void wait_for(struct pirn_client *client, enum pirn__client_phase phase, unsigned events)
{
    if (client->phase != phase || client->watch.fd < 0)
        return;
    int error = pirn_loop_rewatch(pirn__client_loop(client), &client->watch, events);
    if (error)
        pirn__client_fail_plainly(client, PIRN_LAYER_APPLICATION, error);
}

void pirn__client_let_go(struct pirn_client *client)
{
    struct pirn_loop *loop = pirn__client_loop(client);
    pirn__dial_cancel(client->dial);
    client->dial = NULL;
    pirn_timer_stop(loop, &client->timer);
    pirn__tls_free(client->tls);
    client->tls = NULL;
    pirn_loop_unwatch(loop, &client->watch);
    if (client->watch.fd >= 0)
        pirn__socket_close(client->watch.fd);
    client->watch.fd = -1;
    if (client->states_bytes > 0)
        pirn_extension_release(client->owner.extensions->states);
    client->states_bytes = 0;
    pirn__client_drop(client, &client->request);
    pirn__client_drop(client, &client->response);
    pirn__client_drop(client, &client->offers);
    pirn__free(loop, client->headers, client->config.max_headers * sizeof *client->headers);
    client->headers = NULL;
    client->request_sent = 0;
}

void pirn__client_abandon(struct pirn_client *client)
{
    struct pirn_loop *loop = pirn__client_loop(client);
    struct pirn__client_attempt *attempt = client->attempt;
    pirn__client_let_go(client);
    pirn_timer_stop(loop, &client->total);
    if (!attempt)
        return;
    pirn__client_drop(client, &attempt->start);
    pirn__client_drop(client, &attempt->authorization);
    pirn__free(loop, attempt, sizeof *attempt);
    client->attempt = NULL;
}

/* ---- URLs */

int pirn__client_take_url(struct pirn_client *client)
{
    struct pirn_str text = pirn_cstr(client->attempt->now.url ? client->attempt->now.url : "");
    struct pirn_url url;
    if (pirn_url_parse(&url, text) < 0)
        return -PIRN_E_URL;
    if (!pirn__client_keep(client, &client->attempt->start, text) ||
        !pirn__client_reserve(client, &client->url, text.len + sizeof "wss:///"))
        return -PIRN_E_MEMORY;
    int len = pirn__location_write(&url, client->url.data, client->url.cap);
    client->url.len = len < 0 ? 0 : (size_t)len;
    client->attempt->now.url = client->attempt->start.data;
    return pirn_url_parse(&client->attempt->target, pirn__client_str(&client->url));
}

void pirn__client_move(struct pirn_client *client, struct pirn__client_bytes *url)
{
    pirn__client_drop(client, &client->url);
    client->url = *url;
    *url = (struct pirn__client_bytes){.data = NULL};
    pirn_url_parse(&client->attempt->target, pirn__client_str(&client->url));
}

/* The proxy for the target: 1 with it, 0 for none, or -PIRN_E_PROXY_URL. */
static int find_proxy(const struct pirn_client *client, struct pirn__proxy *proxy)
{
    const struct pirn_url *target = &client->attempt->target;
    struct pirn_str text = pirn_cstr(client->attempt->now.proxy);
    if (client->attempt->now.unix_path)
        return 0;
    if (!text.data)
        text = pirn__proxy_from_environment(target->secure, target->host, target->port);
    if (text.len == 0)
        return 0;
    int error = pirn__proxy_parse(proxy, text);
    return error ? error : 1;
}

int pirn__client_check_proxy(struct pirn_client *client)
{
    struct pirn__proxy proxy;
    int found = find_proxy(client, &proxy);
    return found < 0 ? found : 0;
}

/* ---- dialing */

static void start_tls(struct pirn_client *client);
static void start_handshake(struct pirn_client *client);

static void dial_step(void *context, enum pirn__dial_step step, const char *to)
{
    static const enum pirn_client_step names[] = {
        [PIRN__DIAL_RESOLVING] = PIRN_STEP_RESOLVE,
        [PIRN__DIAL_CONNECTING] = PIRN_STEP_CONNECT,
        [PIRN__DIAL_PROXYING] = PIRN_STEP_PROXY,
    };
    struct pirn_client *client = context;
    if (pirn__client_goes_on(client))
        pirn__client_tell(client, names[step], "%s", to);
}

static void fail_dial(struct pirn_client *client, const struct pirn__dial_failure *failure)
{
    pirn__client_fail(client, &(struct pirn__client_fault){.layer = failure->layer,
                                                           .error = failure->error,
                                                           .system_error = failure->system_error,
                                                           .status = failure->proxy_status,
                                                           .text = failure->text});
}

/* What a proxy sent behind its consent can be the beginning of an answer, not of TLS, where the
 * client speaks first. */
static void dialed(void *context, const struct pirn__dial_result *result)
{
    struct pirn_client *client = context;
    client->dial = NULL;
    client->watch = (struct pirn_watch){.ready = on_ready, .fd = result->fd};
    if (!pirn__client_goes_on(client))
        return;
    if (result->fd < 0)
        fail_dial(client, &result->failure);
    else if (result->leftover.len > 0 && client->attempt->target.secure)
        pirn__client_fail_plainly(client, PIRN_LAYER_PROXY, PIRN_E_PROXY_ANSWER);
    else if (!pirn__client_keep(client, &client->response, result->leftover))
        pirn__client_fail_plainly(client, PIRN_LAYER_APPLICATION, PIRN_E_MEMORY);
    else if (client->attempt->target.secure)
        start_tls(client);
    else
        start_handshake(client);
}

/* The program's for its own host: 1 with it, 0 for none, or -PIRN_E_ARGUMENT. */
static int find_address(const struct pirn_client *client, struct pirn__ip *address)
{
    struct pirn_str text = pirn_cstr(client->attempt->now.address);
    if (!text.data || !pirn__client_trusts(client))
        return 0;
    return pirn__ip_parse(address, text) ? 1 : -PIRN_E_ARGUMENT;
}

/* The same for its own end. */
static int find_local_address(const struct pirn_client *client, struct pirn__ip *address)
{
    struct pirn_str text = pirn_cstr(client->attempt->now.local_address);
    if (!text.data)
        return 0;
    return pirn__ip_parse(address, text) ? 1 : -PIRN_E_ARGUMENT;
}

int pirn__client_check_addresses(struct pirn_client *client)
{
    struct pirn__ip address;
    bool good = find_address(client, &address) >= 0 && find_local_address(client, &address) >= 0;
    return good ? 0 : -PIRN_E_ARGUMENT;
}

void pirn__client_dial(struct pirn_client *client)
{
    const struct pirn_client_timeouts *timeouts = &client->config.timeouts;
    struct pirn__proxy proxy;
    struct pirn__ip address, from;
    int found = find_proxy(client, &proxy), given = find_address(client, &address);
    int own = find_local_address(client, &from);
    struct pirn__dial_target target = {
        .host = client->attempt->target.host,
        .port = client->attempt->target.port,
        .unix_path = pirn_cstr(client->attempt->now.unix_path),
        .proxy = found > 0 ? &proxy : NULL,
        .digest_only = client->attempt->now.digest_only,
        .addresses = given > 0 ? &address : NULL,
        .address_count = given > 0,
        .from = own > 0 ? &from : NULL,
        .resolve_timeout_ms = timeouts->resolve_ms,
        .connect_timeout_ms = timeouts->connect_ms,
        .proxy_timeout_ms = timeouts->proxy_ms,
        .step = dial_step,
    };
    client->phase = PIRN__CLIENT_DIALING;
    int error = found < 0 ? found : given < 0 ? given : own < 0 ? own : 0;
    if (!error)
        error = pirn__dial_start(pirn__client_loop(client), &target, dialed, client, &client->dial);
    if (error)
        pirn__client_fail_plainly(client, found < 0 ? PIRN_LAYER_PROXY : PIRN_LAYER_APPLICATION,
                                  error);
}

bool pirn__client_prepare(struct pirn_client *client)
{
    client->attempt = pirn__alloc(pirn__client_loop(client), sizeof *client->attempt);
    if (client->attempt)
        client->attempt->now = client->config;
    return client->attempt;
}

void pirn__client_begin(struct pirn_client *client)
{
    client->phase = PIRN__CLIENT_DIALING;
    client->attempts++;
    client->redirects = client->answers = 0;
    if (!pirn__client_prepare(client)) {
        pirn__client_fail_plainly(client, PIRN_LAYER_APPLICATION, PIRN_E_MEMORY);
        return;
    }
    if (client->config.on_attempt)
        client->config.on_attempt(client, &client->attempt->now);
    if (!pirn__client_goes_on(client))
        return;
    set_timer(client, &client->total, client->config.timeouts.total_ms);
    int error = pirn__client_take_url(client);
    if (error)
        pirn__client_fail_plainly(client, PIRN_LAYER_APPLICATION, error);
    else
        pirn__client_dial(client);
}

/* ---- TLS */

static void start_tls(struct pirn_client *client)
{
    char text[PIRN__CLIENT_TEXT_CAP] = "", name[PIRN__DIAL_HOST_MAX + 1];
    if (!client->context)
        client->context = pirn__tls_usual(pirn__client_loop(client), text, sizeof text);
    if (!client->context) {
        pirn__client_fail(client, &(struct pirn__client_fault){.layer = PIRN_LAYER_TLS,
                                                               .error = PIRN_E_TLS_CONFIG,
                                                               .text = text});
        return;
    }
    snprintf(name, sizeof name, "%.*s", (int)client->attempt->target.host.len,
             client->attempt->target.host.data);
    client->tls =
        pirn__tls_start(client->context, pirn__client_loop(client), client->watch.fd, name);
    if (!client->tls ||
        pirn_loop_watch(pirn__client_loop(client), &client->watch, PIRN_READABLE) < 0) {
        pirn__client_fail_plainly(client, PIRN_LAYER_APPLICATION, PIRN_E_MEMORY);
        return;
    }
    enter(client, PIRN__CLIENT_TLS);
    if (pirn__client_tell(client, PIRN_STEP_TLS, "%s", name))
        shake_hands(client);
}

static void shake_hands(struct pirn_client *client)
{
    int result = pirn__tls_handshake(client->tls);
    if (result > 0)
        start_handshake(client);
    else if (result == 0)
        wait_for(client, PIRN__CLIENT_TLS, pirn__tls_events(client->tls));
    else
        pirn__client_fail_socket(client, "during the TLS handshake");
}

/* ---- the opening handshake */

static int make_room_for_head(struct pirn_client *client)
{
    size_t count = client->config.max_headers;
    client->headers = pirn__alloc(pirn__client_loop(client), count * sizeof *client->headers);
    if (!client->headers)
        return -PIRN_E_MEMORY;
    client->interim = 0;
    pirn_http_head_init(&client->attempt->head, PIRN_HTTP_RESPONSE, client->headers, count,
                        client->config.max_head_bytes);
    return pirn__client_write_request(client);
}

static void start_handshake(struct pirn_client *client)
{
    int error = make_room_for_head(client);
    if (!error && !client->tls)
        error = pirn_loop_watch(pirn__client_loop(client), &client->watch, PIRN_READABLE);
    if (error) {
        pirn__client_fail_plainly(client, PIRN_LAYER_APPLICATION, error);
        return;
    }
    enter(client, PIRN__CLIENT_HANDSHAKE);
    if (pirn__client_tell(client, PIRN_STEP_HANDSHAKE, "%s", client->url.data))
        exchange(client);
}

/* Sends the rest of the request. If that cannot be sent any more, what the server has answered
 * before it went says why, or reading does. */
static bool send_request(struct pirn_client *client)
{
    struct pirn__client_bytes *request = &client->request;
    while (client->request_sent < request->len) {
        struct iovec rest = {request->data + client->request_sent,
                             request->len - client->request_sent};
        ssize_t n = pirn__wire_send(client->watch.fd, client->tls, &rest, 1);
        if (n < 0)
            return !pirn__socket_would_block();
        client->request_sent += (size_t)n;
    }
    return true;
}

static void exchange(struct pirn_client *client)
{
    bool sent = send_request(client);
    if (client->tls && pirn__tls_waiting(client->tls) > 0)
        pirn__tls_flush(client->tls);
    pirn__client_read_response(client);
    if (client->phase == PIRN__CLIENT_HANDSHAKE && pirn__client_goes_on(client))
        wait_for(client, PIRN__CLIENT_HANDSHAKE,
                 (client->tls ? pirn__tls_events(client->tls) : PIRN_READABLE) |
                     (sent ? 0 : PIRN_WRITABLE));
}
