/* A server owns two kinds of sockets: requests (request.c), from accept until their answer has
 * left, and connections (conn.c), from the 101 answer on. Both count for the limits; the address
 * entry of a socket goes with it from the one to the other.
 *
 * When descriptors or memory run out, accepting pauses: the listeners are no longer watched, so a
 * full backlog costs no time, until something of the server's ends, or a short while has passed
 * because something of somebody else's may have. */
#include "server/server.h"

#include <errno.h>
#include <string.h>

#include "loop/container.h"
#include "loop/socket.h"
#include "tls/tls.h"

#define ACCEPTS_A_TURN  64
#define ACCEPT_PAUSE_US 100000

struct listener {
    struct pirn_watch watch;
    struct pirn_server *server;
    struct listener *next;
    struct pirn_tls *tls; /* NULL: plain */
    char *unix_path;      /* to be removed at the end if it still is this file; NULL for none */
    uint64_t unix_inode;
};

static struct pirn_server *server_of_owner(struct pirn__conn_owner *owner)
{
    return (struct pirn_server *)owner;
}

/* ---- limits and defaults */

static int complete(struct pirn_server_config *config, struct pirn_loop *loop)
{
    PIRN__DEFAULT(config->handshake_timeout_ms, PIRN_DEFAULT_HANDSHAKE_TIMEOUT_MS);
    PIRN__DEFAULT(config->defer_timeout_ms, PIRN_DEFAULT_DEFER_TIMEOUT_MS);
    PIRN__DEFAULT(config->max_head_bytes, PIRN_HTTP_MAX_HEAD_BYTES);
    PIRN__DEFAULT(config->max_headers, PIRN_HTTP_MAX_HEADERS);
    PIRN__DEFAULT(config->max_connections, PIRN_DEFAULT_MAX_CONNECTIONS);
    PIRN__DEFAULT(config->max_per_address, PIRN_DEFAULT_MAX_PER_ADDRESS);
    PIRN__DEFAULT(config->max_handshakes, PIRN_DEFAULT_MAX_HANDSHAKES);
    if (config->max_headers > (SIZE_MAX - sizeof(struct pirn__parsed)) / sizeof(struct pirn_header))
        return -PIRN_E_ARGUMENT;
    return pirn__conn_config_complete(&config->conn, loop, PIRN_SERVER);
}

size_t pirn__parsed_size(const struct pirn_server *server)
{
    return sizeof(struct pirn__parsed) + server->config.max_headers * sizeof(struct pirn_header);
}

/* The status that turns a new socket away, or 0. */
static int limit_status(const struct pirn_server *server, const struct pirn__address *address)
{
    if (server->draining ||
        server->owner.count + server->request_count >= server->config.max_connections)
        return 503;
    if (address->count > server->config.max_per_address)
        return 429;
    return 0;
}

/* ---- accepting */

static void watch_listeners(struct pirn_server *server, unsigned events)
{
    for (struct listener *listener = server->listeners; listener; listener = listener->next)
        pirn_loop_rewatch(server->owner.loop, &listener->watch, events);
}

static void pause_accepting(struct pirn_server *server)
{
    struct pirn_loop *loop = server->owner.loop;
    server->paused = true;
    server->stats.accept_pauses++;
    watch_listeners(server, 0);
    pirn_timer_set(loop, &server->accept_timer, pirn_loop_now_us(loop) + ACCEPT_PAUSE_US);
}

static void go_on_accepting(struct pirn_server *server)
{
    if (!server->paused)
        return;
    server->paused = false;
    pirn_timer_stop(server->owner.loop, &server->accept_timer);
    watch_listeners(server, PIRN_READABLE);
}

static void accept_pause_over(struct pirn_loop *loop, struct pirn_timer *timer)
{
    (void)loop;
    go_on_accepting(PIRN__CONTAINER(timer, struct pirn_server, accept_timer));
}

/* A socket that is turned away without reading what it wants: the answer is a try. (With TLS it
 * would take a handshake to give one.) */
static void turn_away(struct pirn_server *server, int fd, const struct pirn_tls *tls, int status)
{
    char answer[512];
    int len = pirn_handshake_write_refusal(status, NULL, 0, PIRN_STR(""), answer, sizeof answer);
    server->stats.refused++;
    if (!tls)
        pirn__socket_send(fd, &(struct iovec){answer, (size_t)len}, 1);
    pirn__socket_close(fd);
}

/* No descriptor is left: with the one in reserve the peer who waits longest is told so. */
static void out_of_descriptors(struct pirn_server *server, const struct listener *listener)
{
    if (server->reserve_fd >= 0)
        pirn__socket_close(server->reserve_fd);
    int fd = pirn__socket_accept(listener->watch.fd);
    if (fd >= 0)
        turn_away(server, fd, listener->tls, 503);
    server->reserve_fd = pirn__socket_reserve();
    pause_accepting(server);
}

static void start(struct pirn_server *server, int fd, struct pirn_tls *tls)
{
    struct pirn__peer_key key;
    pirn__socket_peer_key(fd, &key);
    struct pirn__address *address =
        pirn__address_take(server->owner.loop, &server->addresses, &key);
    if (!address) {
        turn_away(server, fd, tls, 503);
        return;
    }
    int status = limit_status(server, address);
    if (server->request_count >= server->config.max_handshakes) {
        turn_away(server, fd, tls, status ? status : 503);
        pirn__server_released(server, address);
        return;
    }
    pirn__request_start(server, fd, tls, address, status);
}

static void accept_ready(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    struct listener *listener = PIRN__CONTAINER(watch, struct listener, watch);
    struct pirn_server *server = listener->server;
    if (events & PIRN_HANGUP) { /* who shares the socket has shut it down: nobody comes any more */
        pirn_loop_unwatch(loop, watch);
        return;
    }
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = pirn__socket_accept(watch->fd);
        if (fd >= 0) {
            server->stats.accepted++;
            start(server, fd, listener->tls);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            out_of_descriptors(server, listener);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        }
    }
}

void pirn__server_released(struct pirn_server *server, struct pirn__address *address)
{
    if (address)
        pirn__address_drop(server->owner.loop, &server->addresses, address);
    if (server->draining) {
        if (server->owner.count == 0 && server->request_count == 0)
            pirn__loop_at_end(server->owner.loop, &server->drained);
    } else if (address) {
        go_on_accepting(server);
    }
}

static void conn_gone(struct pirn__conn_owner *owner, struct pirn_conn *conn)
{
    pirn__server_released(server_of_owner(owner), pirn__conn_owner_data(conn));
}

/* ---- listening */

static void listener_free(struct listener *listener)
{
    struct pirn_loop *loop = listener->server->owner.loop;
    pirn_loop_unwatch(loop, &listener->watch);
    if (listener->unix_path) {
        if (!pirn__loop_forked(loop))
            pirn__socket_unlink(listener->unix_path, listener->unix_inode);
        pirn__free(loop, listener->unix_path, strlen(listener->unix_path) + 1);
    }
    if (listener->watch.fd >= 0)
        pirn__socket_close(listener->watch.fd);
    pirn_tls_free(listener->tls);
    pirn__free(loop, listener, sizeof *listener);
}

static void stop_listening(struct pirn_server *server)
{
    while (server->listeners) {
        struct listener *listener = server->listeners;
        server->listeners = listener->next;
        listener_free(listener);
    }
}

/* Remembers the file that a unix-domain listener has made; an abstract name has none. */
static bool keep_unix_path(struct listener *listener, const char *path)
{
    if (!path || path[0] == '@')
        return true;
    size_t size = strlen(path) + 1;
    listener->unix_inode = pirn__socket_inode(path);
    listener->unix_path = pirn__alloc(listener->server->owner.loop, size);
    if (listener->unix_path)
        memcpy(listener->unix_path, path, size);
    return listener->unix_path != NULL;
}

int pirn_server_listen(struct pirn_server *server, const struct pirn_listen *where)
{
    struct pirn_loop *loop = server->owner.loop;
    if (server->draining)
        return -PIRN_E_STATE;
    if (where->tls && pirn__tls_role(where->tls) != PIRN_SERVER)
        return -PIRN_E_ARGUMENT;
    struct listener *listener = pirn__alloc(loop, sizeof *listener);
    if (!listener)
        return -PIRN_E_MEMORY;
    listener->server = server;
    listener->watch.ready = accept_ready;
    listener->watch.fd = pirn__socket_listen(where);
    if (listener->watch.fd < 0) {
        int error = listener->watch.fd;
        pirn__free(loop, listener, sizeof *listener);
        return error;
    }
    listener->tls = pirn__tls_hold(where->tls);
    bool prepared = !where->tls || pirn__tls_prepare(loop);
    int error = prepared && keep_unix_path(listener, where->unix_path)
                    ? pirn_loop_watch(loop, &listener->watch, PIRN_READABLE)
                    : -PIRN_E_MEMORY;
    if (error) {
        if (!where->unix_path && where->fd > 0) /* adopted: the caller's again */
            listener->watch.fd = -1;
        listener_free(listener);
        return error;
    }
    struct listener **last = &server->listeners;
    while (*last)
        last = &(*last)->next;
    *last = listener;
    return 0;
}

uint16_t pirn_server_port(const struct pirn_server *server)
{
    for (const struct listener *listener = server->listeners; listener; listener = listener->next) {
        uint16_t port = pirn__socket_port(listener->watch.fd);
        if (port)
            return port;
    }
    return 0;
}

/* ---- draining */

static void drained(struct pirn_loop *loop, struct pirn__task *task)
{
    struct pirn_server *server = PIRN__CONTAINER(task, struct pirn_server, drained);
    pirn_timer_stop(loop, &server->drain_timer);
    pirn_drained_fn *done = server->done;
    server->done = NULL;
    if (done)
        done(server, server->left, server->done_context);
}

static void drain_deadline(struct pirn_loop *loop, struct pirn_timer *timer)
{
    struct pirn_server *server = PIRN__CONTAINER(timer, struct pirn_server, drain_timer);
    server->left = server->owner.count;
    pirn__requests_free(server);
    for (struct pirn_conn *conn = server->owner.first; conn; conn = pirn__conn_next(conn))
        pirn_conn_terminate(conn);
    if (server->owner.count == 0)
        pirn__loop_at_end(loop, &server->drained);
}

int pirn_server_drain(struct pirn_server *server, int code, struct pirn_str reason,
                      uint32_t deadline_ms, pirn_drained_fn *done, void *context)
{
    uint8_t payload[PIRN_CONTROL_MAX];
    if (server->draining)
        return -PIRN_E_STATE;
    int error = pirn_close_build(payload, code, reason);
    if (error < 0)
        return error;
    struct pirn_loop *loop = server->owner.loop;
    server->draining = true;
    server->done = done;
    server->done_context = context;
    stop_listening(server);
    pirn__requests_refuse(server);
    for (struct pirn_conn *conn = server->owner.first; conn; conn = pirn__conn_next(conn))
        pirn_conn_close(conn, code, reason);
    pirn_timer_set(loop, &server->drain_timer,
                   pirn_loop_now_us(loop) + (uint64_t)deadline_ms * 1000);
    pirn__server_released(server, NULL);
    return 0;
}

/* ---- the server itself */

static int errno_of(int error)
{
    switch (-error) {
    case PIRN_E_ARGUMENT:
        return EINVAL;
    case PIRN_E_UNSUPPORTED:
        return ENOTSUP;
    default:
        return ENOMEM;
    }
}

struct pirn_server *pirn_server_new(struct pirn_loop *loop, const struct pirn_server_config *config)
{
    struct pirn_server *server = pirn__alloc(loop, sizeof *server);
    if (!server)
        return NULL;
    if (config)
        server->config = *config;
    server->owner =
        (struct pirn__conn_owner){.loop = loop, .config = &server->config.conn, .gone = conn_gone};
    server->accept_timer.fire = accept_pause_over;
    server->drain_timer.fire = drain_deadline;
    server->drained.run = drained;
    server->reserve_fd = pirn__socket_reserve();
    if (complete(&server->config, loop) < 0) {
        pirn_server_free(server);
        errno = EINVAL;
        return NULL;
    }
    int error = pirn__extensions_open(&server->owner, PIRN_SERVER);
    if (error == 0)
        server->parsed = pirn__alloc(loop, pirn__parsed_size(server));
    if (server->parsed)
        return server;
    pirn_server_free(server);
    errno = errno_of(error);
    return NULL;
}

void pirn_server_free(struct pirn_server *server)
{
    if (!server)
        return;
    struct pirn_loop *loop = server->owner.loop;
    server->draining = true;
    stop_listening(server);
    pirn__requests_free(server);
    while (server->owner.first)
        pirn__conn_destroy(server->owner.first);
    pirn_timer_stop(loop, &server->accept_timer);
    pirn_timer_stop(loop, &server->drain_timer);
    pirn__loop_not_at_end(&server->drained);
    pirn__addresses_release(loop, &server->addresses);
    pirn__extensions_close(&server->owner);
    pirn__free(loop, server->parsed, pirn__parsed_size(server));
    if (server->reserve_fd >= 0)
        pirn__socket_close(server->reserve_fd);
    pirn__free(loop, server, sizeof *server);
}

size_t pirn_server_connections(const struct pirn_server *server)
{
    return server->owner.count;
}

void pirn_server_each(struct pirn_server *server, pirn_each_fn *fn, void *context)
{
    struct pirn_conn *next;
    for (struct pirn_conn *conn = server->owner.first; conn; conn = next) {
        next = pirn__conn_next(conn);
        fn(conn, context);
    }
}

struct pirn_stats pirn_server_stats(const struct pirn_server *server)
{
    struct pirn_stats stats = server->stats;
    if (server->owner.extensions)
        stats.deflate = server->owner.extensions->deflate.totals;
    return stats;
}
