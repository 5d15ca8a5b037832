/* The opening handshake of a server, and its plain HTTP requests up to the answer.
 *
 * A head that comes in one read is parsed and answered where it lies, in the loop's receive buffer;
 * else it is gathered in memory of the request, which grows with what has come. A head whose answer
 * is deferred moves there too, with its headers; until then the one array of headers that the
 * server has serves every request, as it is only filled when a head is complete. Nothing behind the
 * first head is parsed unless the socket becomes a connection. */
#include "server/request.h"

#include <stdio.h>
#include <string.h>

#include "loop/container.h"
#include "server/files.h"
#include "loop/socket.h"

#define FIRST_HEAD_BYTES   256
#define ORIGIN_SHOWN_BYTES 128
#define SHUTTING_DOWN      "server is shutting down"
#define NOT_PLAIN          "this port speaks TLS: https:// and wss://"
#define EXTENSIONS_BYTES   512  /* of what a 101 answer says of them */
#define EARLY_BYTES        1024 /* taken from a peer that sends frames before our deferred answer */

static void fire(struct pirn_loop *loop, struct pirn_timer *timer);
static void ready(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events);

/* ---- life and death */

void pirn__request_deadline(struct pirn_request *request, uint32_t after_ms)
{
    struct pirn_loop *loop = pirn__request_loop(request);
    pirn_timer_set(loop, &request->timer, pirn_loop_now_us(loop) + (uint64_t)after_ms * 1000);
}

static void link_request(struct pirn_server *server, struct pirn_request *request)
{
    request->link = &server->requests;
    request->next = server->requests;
    if (request->next)
        request->next->link = &request->next;
    server->requests = request;
    server->request_count++;
}

static void request_free(struct pirn_request *request)
{
    struct pirn_server *server = request->server;
    struct pirn_loop *loop = server->owner.loop;
    struct pirn__address *address = NULL;
    pirn_timer_stop(loop, &request->timer);
    if (request->phase != REQUEST_TAKEN) {
        address = request->address;
        pirn_loop_unwatch(loop, &request->watch);
        (request->too_late ? pirn__socket_reset : pirn__socket_close)(request->watch.fd);
    }
    pirn__tls_free(request->tls);
    if (request->file >= 0)
        pirn__file_close(request->file);
    *request->link = request->next;
    if (request->next)
        request->next->link = request->link;
    server->request_count--;
    pirn__free(loop, request->own, request->own_cap);
    if (request->parsed != server->parsed)
        pirn__free(loop, request->parsed, pirn__parsed_size(server));
    pirn__free(loop, request->out, request->out_cap);
    pirn__free(loop, request, sizeof *request);
    pirn__server_released(server, address);
}

/* While the program is told, it counts as answered: nothing that it does there, draining the server
 * say, may answer or free it. */
static void tell_gone(struct pirn_request *request)
{
    pirn_gone_fn *gone = request->gone;
    enum request_phase phase = request->phase;
    request->gone = NULL;
    request->phase = REQUEST_TAKEN;
    if (gone)
        gone(request, request->gone_context);
    request->phase = phase;
}

void pirn__request_drop(struct pirn_request *request)
{
    if (request->phase == REQUEST_DEFERRED)
        tell_gone(request);
    if (request->in_hook)
        request->phase = REQUEST_LINGERING; /* which ask() cuts short */
    else
        request_free(request);
}

/* Rejects, or drops when not even that is possible. */
static void refuse(struct pirn_request *request, int status, const char *text)
{
    bool mute = request->tls && !pirn__tls_is_open(request->tls);
    if (mute || pirn_request_reject(request, status, NULL, 0, text) < 0)
        pirn__request_drop(request);
}

void pirn__request_start(struct pirn_server *server, int fd, struct pirn_tls *tls,
                         struct pirn__address *address, int status)
{
    struct pirn_loop *loop = server->owner.loop;
    struct pirn_request *request = pirn__alloc(loop, sizeof *request);
    if (!request) {
        pirn__socket_close(fd);
        pirn__server_released(server, address);
        return;
    }
    request->watch.ready = ready;
    request->watch.fd = fd;
    request->timer.fire = fire;
    request->server = server;
    request->address = address;
    request->file = -1;
    request->parsed = server->parsed;
    pirn_http_head_init(&request->head, PIRN_HTTP_REQUEST, server->parsed->headers,
                        server->config.max_headers, server->config.max_head_bytes);
    link_request(server, request);
    pirn__request_deadline(request, server->config.handshake_timeout_ms);
    request->turn_away = status;
    request->tls = tls ? pirn__tls_start(tls, loop, fd, NULL) : NULL;
    if ((tls && !request->tls) || pirn_loop_watch(loop, &request->watch, PIRN_READABLE) < 0)
        pirn__request_drop(request);
    else if (status && !tls)
        refuse(request, status, NULL);
}

static struct pirn_request *first_waiting(const struct pirn_server *server)
{
    struct pirn_request *request = server->requests;
    while (request && (request->phase == REQUEST_ASKING || !pirn__request_waits(request)))
        request = request->next;
    return request;
}

void pirn__requests_refuse(struct pirn_server *server)
{
    struct pirn_request *request;
    while ((request = first_waiting(server))) {
        if (request->phase == REQUEST_DEFERRED)
            tell_gone(request);
        refuse(request, 503, SHUTTING_DOWN);
    }
}

void pirn__requests_free(struct pirn_server *server)
{
    while (server->requests)
        pirn__request_drop(server->requests);
}

static void fire(struct pirn_loop *loop, struct pirn_timer *timer)
{
    (void)loop;
    struct pirn_request *request = PIRN__CONTAINER(timer, struct pirn_request, timer);
    switch (request->phase) {
    case REQUEST_READING:
        request->server->stats.timeouts++;
        refuse(request, 408, pirn_error_text(PIRN_E_HANDSHAKE_TIMEOUT));
        break;
    case REQUEST_DEFERRED:
        tell_gone(request);
        refuse(request, 503, "no answer in time");
        break;
    default: /* the end of an answer that has left may still be on its way in the kernel */
        request->too_late = request->phase == REQUEST_ANSWERING;
        pirn__request_drop(request);
    }
}

/* ---- routes */

static bool route_fits(const struct pirn_route *route, struct pirn_str path)
{
    struct pirn_str pattern = pirn_cstr(route->path);
    if (pattern.len == 0 || pattern.data[pattern.len - 1] != '*')
        return pattern.data == NULL || pirn_str_equal(pattern, path);
    pattern.len--;
    return path.len >= pattern.len && memcmp(path.data, pattern.data, pattern.len) == 0;
}

static const struct pirn_route *find_route(const struct pirn_server *server, struct pirn_str path)
{
    static const struct pirn_route everything = {.path = NULL};
    const struct pirn_server_config *config = &server->config;
    for (size_t i = 0; i < config->route_count; i++)
        if (route_fits(&config->routes[i], path))
            return &config->routes[i];
    return config->route_count == 0 ? &everything : NULL;
}

static void *route_context(const struct pirn_request *request)
{
    return request->route->context ? request->route->context : request->server->config.context;
}

/* ---- from a complete head to its answer */

static void answer_by_default(struct pirn_request *request)
{
    const struct pirn_server *server = request->server;
    int error = 0;
    if (server->draining)
        pirn_request_reject(request, 503, NULL, 0, SHUTTING_DOWN);
    else if (request->failed)
        pirn_request_reject(request, 500, NULL, 0, NULL);
    else if (request->is_websocket && request->route)
        pirn_request_accept(request, NULL, &error);
    else if (!request->is_websocket && server->config.root)
        error = -pirn_request_file(request, server->config.root);
    else if (request->route)
        pirn_request_reject(request, 426, NULL, 0, "this is a WebSocket");
    else
        pirn_request_reject(request, 404, NULL, 0, NULL);
    if (error)
        pirn_request_reject(request, 500, NULL, 0, pirn_error_text(error));
}

/* The request may be freed by this. */
static void ask(struct pirn_request *request)
{
    request->phase = REQUEST_ASKING;
    request->route = find_route(request->server, pirn_request_path(request));
    request->in_hook = true;
    if (request->route && request->route->on_request)
        request->route->on_request(request, route_context(request));
    if (request->phase == REQUEST_ASKING)
        answer_by_default(request);
    request->in_hook = false;
    if (request->phase == REQUEST_ANSWERING)
        pirn__answer_pump(request);
    else if (request->phase != REQUEST_DEFERRED)
        request_free(request); /* taken, or there is no memory even for a refusal */
}

static bool origin_allowed(const struct pirn_request *request)
{
    const struct pirn_server_config *config = &request->server->config;
    return config->any_origin || pirn_handshake_origin_allowed(
                                     &request->parsed->handshake, config->secure || request->tls,
                                     config->origins, config->origin_count);
}

static void refuse_origin(struct pirn_request *request)
{
    struct pirn_str origin = request->parsed->handshake.origin;
    int shown = origin.len < ORIGIN_SHOWN_BYTES ? (int)origin.len : ORIGIN_SHOWN_BYTES;
    char text[ORIGIN_SHOWN_BYTES + 32];
    snprintf(text, sizeof text, "origin %.*s is not allowed", shown, origin.data);
    refuse(request, 403, text);
}

/* Reads what the handshake says, also of a head that failed; false when it refuses the request. */
static bool read_handshake(struct pirn_request *request)
{
    struct pirn_handshake *handshake = &request->parsed->handshake;
    request->is_websocket = true;
    if (pirn_handshake_read_request(handshake, &request->head) == 0)
        return true;
    refuse(request, handshake->status, handshake->detail);
    return false;
}

static void complete(struct pirn_request *request)
{
    if (request->server->draining) {
        refuse(request, 503, SHUTTING_DOWN);
    } else if (pirn_handshake_wants_upgrade(&request->head)) {
        if (!read_handshake(request))
            return;
        if (origin_allowed(request))
            ask(request);
        else
            refuse_origin(request);
    } else if (pirn_http_count(&request->head, PIRN_STR("Host")) == 1) {
        ask(request);
    } else {
        refuse(request, 400, pirn_error_text(PIRN_E_HOST));
    }
}

/* ---- the head comes in */

/* Moves the head to memory of the request's own, with room for more bytes behind it. */
static bool own_input(struct pirn_request *request, size_t room)
{
    size_t need = request->input_len + room;
    if (need > request->own_cap) {
        uint8_t *own =
            pirn__realloc(pirn__request_loop(request), request->own, request->own_cap, need);
        if (!own)
            return false;
        if (!request->own)
            memcpy(own, request->input, request->input_len);
        request->own = own;
        request->own_cap = need;
    }
    request->input = request->own;
    return true;
}

/* Who speaks HTTP to a TLS port is told so. */
static void lose(struct pirn_request *request)
{
    bool shook_hands = !request->tls || pirn__tls_is_open(request->tls);
    request->server->stats.tls_failures += !shook_hands;
    if (!request->tls || pirn__tls_error(request->tls) != PIRN_E_TLS_PLAIN) {
        pirn__request_drop(request);
        return;
    }
    pirn__tls_free(request->tls);
    request->tls = NULL;
    refuse(request, 400, NOT_PLAIN);
}

/* False when the request was turned away. */
static bool go_on_with_tls(struct pirn_request *request)
{
    pirn_loop_rewatch(pirn__request_loop(request), &request->watch, pirn__tls_events(request->tls));
    if (!request->turn_away || !pirn__tls_is_open(request->tls))
        return true;
    refuse(request, request->turn_away, NULL);
    return false;
}

/* One receive to where the head is gathered, or the shared buffer as long as there is nothing to
 * gather. False when the request was dropped or nothing came. */
static bool receive(struct pirn_request *request)
{
    struct pirn__loop_shared *shared = pirn__loop_shared(pirn__request_loop(request));
    uint8_t *place = shared->receive;
    size_t cap = shared->receive_cap;
    if (request->own) {
        place = request->own + request->input_len;
        cap = request->own_cap - request->input_len;
    } else {
        request->input = place;
    }
    const struct iovec piece = {place, cap};
    ssize_t n = pirn__wire_recv(request->watch.fd, request->tls, &piece, 1);
    if (n == 0 || (n < 0 && !pirn__socket_would_block())) {
        lose(request);
        return false;
    }
    if (n > 0)
        request->input_len += (size_t)n;
    return (!request->tls || go_on_with_tls(request)) && n > 0;
}

/* As much again, but no more than a head may have and the byte that is too many. */
static size_t more_room(const struct pirn_request *request)
{
    size_t left = request->head.max_bytes + 1 - request->own_cap;
    return request->own_cap < left ? request->own_cap : left;
}

/* Returns whether there is more to be read at once, inside TLS. */
static bool read_head(struct pirn_request *request)
{
    if (request->own && request->input_len == request->own_cap &&
        !own_input(request, more_room(request))) {
        refuse(request, 503, pirn_error_text(PIRN_E_MEMORY));
        return false;
    }
    if (!receive(request))
        return false;
    int result =
        pirn_http_head_feed(&request->head, (const char *)request->input, request->input_len);
    if (result < 0)
        read_handshake(request);
    else if (result > 0)
        complete(request);
    else if (!request->own && !own_input(request, FIRST_HEAD_BYTES))
        refuse(request, 503, pirn_error_text(PIRN_E_MEMORY));
    else
        return request->tls && pirn__tls_has_input(request->tls);
    return false;
}

/* Only the peer's going away is of interest, but early bytes stand before it; when there is no more
 * room for those, a hang-up is told all the same, and would be again in every turn. */
static void read_while_deferred(struct pirn_request *request, unsigned events)
{
    if (request->input_len < request->own_cap)
        receive(request);
    else if (events & PIRN_HANGUP)
        pirn__request_drop(request);
    else
        pirn_loop_rewatch(pirn__request_loop(request), &request->watch, 0);
}

static void discard(struct pirn_request *request)
{
    struct pirn__loop_shared *shared = pirn__loop_shared(pirn__request_loop(request));
    ssize_t n = pirn__socket_recv(request->watch.fd, shared->receive, shared->receive_cap);
    if (n == 0 || (n < 0 && !pirn__socket_would_block()))
        pirn__request_drop(request);
}

static void ready(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    (void)loop;
    struct pirn_request *request = PIRN__CONTAINER(watch, struct pirn_request, watch);
    switch (request->phase) {
    case REQUEST_READING:
        while (read_head(request))
            continue;
        break;
    case REQUEST_DEFERRED:
        read_while_deferred(request, events);
        break;
    case REQUEST_ANSWERING:
        pirn__answer_pump(request);
        break;
    default:
        discard(request);
    }
}

/* ---- what a hook may ask and do */

const struct pirn_http_head *pirn_request_head(const struct pirn_request *request)
{
    return &request->head;
}

/* Path and query: the target, without scheme and authority should it be a whole URL; its path may
 * be empty then. */
static struct pirn_str resource(const struct pirn_request *request)
{
    struct pirn_str target = request->head.target;
    if (request->is_websocket)
        return request->parsed->handshake.resource;
    const char *authority = memmem(target.data, target.len, "://", 3);
    if (target.data[0] == '/' || !authority)
        return target;
    const char *at = authority + 3, *end = target.data + target.len;
    while (at < end && *at != '/' && *at != '?')
        at++;
    return (struct pirn_str){at, (size_t)(end - at)};
}

struct pirn_str pirn_request_path(const struct pirn_request *request)
{
    struct pirn_str path = resource(request);
    const char *query = memchr(path.data, '?', path.len);
    if (query)
        path.len = (size_t)(query - path.data);
    return path.len > 0 ? path : PIRN_STR("/");
}

struct pirn_str pirn_request_query(const struct pirn_request *request)
{
    struct pirn_str whole = resource(request);
    const char *mark = memchr(whole.data, '?', whole.len);
    if (!mark)
        return (struct pirn_str){NULL, 0};
    return (struct pirn_str){mark + 1, (size_t)(whole.data + whole.len - mark - 1)};
}

const struct pirn_handshake *pirn_request_handshake(const struct pirn_request *request)
{
    return request->is_websocket ? &request->parsed->handshake : NULL;
}

const char *pirn_request_peer(const struct pirn_request *request, char *text, size_t cap)
{
    return pirn__socket_peer_text(request->watch.fd, text, cap);
}

bool pirn_request_tls(const struct pirn_request *request, struct pirn_tls_info *info)
{
    if (request->tls)
        pirn__tls_info(request->tls, info);
    return request->tls != NULL;
}

struct pirn_loop *pirn_request_loop(const struct pirn_request *request)
{
    return pirn__request_loop(request);
}

static struct pirn_str choose_subprotocol(const struct pirn_request *request,
                                          const struct pirn_accept *how)
{
    const struct pirn_route *route = request->route;
    if (how->subprotocol.data)
        return how->subprotocol.len ? how->subprotocol : (struct pirn_str){NULL, 0};
    return pirn_handshake_choose_subprotocol(
        &request->parsed->handshake, route->subprotocols, route->subprotocol_count,
        request->server->config.server_order ? PIRN_SERVER_ORDER : PIRN_CLIENT_ORDER);
}

/* What a 101 answer agrees on. */
struct agreement {
    struct pirn_str subprotocol;
    size_t states_bytes; /* of the extensions; 0: none */
    char extensions[EXTENSIONS_BYTES];
};

static int agree(const struct pirn_request *request, const struct pirn_accept *how,
                 struct agreement *agreement)
{
    const struct pirn__extensions *all = request->server->owner.extensions;
    agreement->subprotocol = choose_subprotocol(request, how);
    agreement->states_bytes = 0;
    agreement->extensions[0] = 0;
    if (!all)
        return 0;
    int bytes = pirn_extension_accept(all->ours, all->count, &request->parsed->handshake,
                                      all->states, all->states_bytes, agreement->extensions,
                                      sizeof agreement->extensions);
    agreement->states_bytes = bytes > 0 ? (size_t)bytes : 0;
    return bytes < 0 ? bytes : 0;
}

/* Ends states that got no connection. */
static void disagree(const struct pirn_request *request, const struct agreement *agreement)
{
    if (agreement->states_bytes > 0)
        pirn_extension_release(request->server->owner.extensions->states);
}

static int write_101(struct pirn_request *request, const struct pirn_accept *how,
                     const struct agreement *agreement)
{
    struct pirn_str extensions = {NULL, 0};
    if (agreement->states_bytes > 0)
        extensions = pirn_cstr(agreement->extensions);
    if (pirn__answer_room(request, how->headers, how->header_count,
                          agreement->subprotocol.len + extensions.len) < 0)
        return -PIRN_E_MEMORY;
    return pirn_handshake_write_accept(&request->parsed->handshake, agreement->subprotocol,
                                       extensions, how->headers, how->header_count,
                                       (char *)request->out, request->out_cap);
}

/* The socket changes hands; without memory it stays, and the request waits as before. */
static struct pirn_conn *open_conn(struct pirn_request *request, const struct pirn_accept *how,
                                   const struct agreement *agreement, size_t answer_len)
{
    struct pirn_server *server = request->server;
    struct pirn__conn_start start = {
        .fd = request->watch.fd,
        .tls = request->tls,
        .role = PIRN_SERVER,
        .handlers = how->handlers ? how->handlers : request->route->handlers,
        .subprotocol = agreement->subprotocol,
        .states_bytes = agreement->states_bytes,
        .context = how->context ? how->context : route_context(request),
        .owner_data = request->address,
        .output = request->out,
        .output_len = answer_len,
        .input = request->input + request->head.size,
        .input_len = request->input_len - request->head.size,
    };
    enum request_phase phase = request->phase;
    request->phase = REQUEST_TAKEN;
    pirn_loop_unwatch(server->owner.loop, &request->watch);
    server->stats.opened++;
    struct pirn_conn *conn = pirn__conn_open(&server->owner, &start);
    if (conn) {
        request->tls = NULL;
        return conn;
    }
    server->stats.opened--;
    pirn_loop_watch(server->owner.loop, &request->watch, PIRN_READABLE);
    request->phase = phase;
    return NULL;
}

struct pirn_conn *pirn_request_accept(struct pirn_request *request, const struct pirn_accept *how,
                                      int *error)
{
    static const struct pirn_accept plainly = {.context = NULL};
    int ignored = 0;
    error = error ? error : &ignored;
    how = how ? how : &plainly;
    *error = request->server->draining ? PIRN_E_CLOSED : PIRN_E_STATE;
    if (request->server->draining || !request->is_websocket || !request->route ||
        !pirn__request_waits(request))
        return NULL;
    struct agreement agreement;
    int len = agree(request, how, &agreement);
    if (len == 0)
        len = write_101(request, how, &agreement);
    struct pirn_conn *conn = len < 0 ? NULL : open_conn(request, how, &agreement, (size_t)len);
    if (!conn)
        disagree(request, &agreement);
    *error = conn ? 0 : -pirn__request_fails(request, len < 0 ? len : -PIRN_E_MEMORY);
    if (conn && !request->in_hook)
        request_free(request);
    return conn;
}

int pirn_request_defer(struct pirn_request *request, pirn_gone_fn *gone, void *context)
{
    struct pirn_loop *loop = pirn__request_loop(request);
    if (request->phase != REQUEST_ASKING)
        return -PIRN_E_STATE;
    struct pirn__parsed *own = pirn__alloc(loop, pirn__parsed_size(request->server));
    if (!own || !own_input(request, EARLY_BYTES)) {
        pirn__free(loop, own, pirn__parsed_size(request->server));
        return pirn__request_fails(request, -PIRN_E_MEMORY);
    }
    request->parsed = own;
    request->head.headers = own->headers;
    pirn_http_head_feed(&request->head, (const char *)request->input, request->input_len);
    if (request->is_websocket)
        pirn_handshake_read_request(&request->parsed->handshake, &request->head);
    request->gone = gone;
    request->gone_context = context;
    request->phase = REQUEST_DEFERRED;
    pirn__request_deadline(request, request->server->config.defer_timeout_ms);
    return 0;
}
