/* conn_memory.c: what lies behind a connection, in the same memory: what not every connection has,
 * one behind the other in the order of struct places. */
#include <stdalign.h>
#include <stddef.h>
#include <string.h>

#include "conn/conn_state.h"
#include "loop/socket.h"

/* Offsets from the connection; where something is missing that of the next. */
struct places {
    size_t tls, states, subprotocol, frames, peer, user, end;
};

static struct places places(const struct pirn__conn_owner *owner, unsigned flags)
{
    const struct pirn_conn_config *config = owner->config;
    const size_t align = alignof(max_align_t);
    struct places at = {.tls = sizeof(struct pirn_conn)};
    at.states = at.tls + (flags & PIRN__TLS ? sizeof(struct pirn__tls *) : 0);
    at.subprotocol = at.states + (flags & PIRN__EXTENDED ? owner->extensions->states_bytes : 0);
    at.frames = at.subprotocol + (flags & PIRN__NAMED ? sizeof(struct pirn_str) : 0);
    at.peer = at.frames + (config->on_frame ? sizeof(struct pirn__frames) : 0);
    at.user = at.peer + (config->keep_peer ? sizeof(struct pirn__peer) : 0);
    if (config->user_bytes > 0)
        at.user = (at.user + align - 1) & ~(align - 1);
    at.end = at.user + config->user_bytes;
    return at;
}

static void *behind(const struct pirn_conn *conn, size_t at)
{
    return (char *)(uintptr_t)conn + at;
}

static struct places places_of(const struct pirn_conn *conn)
{
    return places(conn->owner, conn->flags);
}

struct pirn_conn *pirn__conn_alloc(struct pirn__conn_owner *owner,
                                   const struct pirn__conn_start *start)
{
    unsigned flags = (start->subprotocol.data ? PIRN__NAMED : 0) | (start->tls ? PIRN__TLS : 0) |
                     (start->states_bytes > 0 ? PIRN__EXTENDED : 0);
    struct places at = places(owner, flags);
    struct pirn_conn *conn = pirn__alloc(owner->loop, at.end);
    if (!conn)
        return NULL;
    conn->owner = owner;
    conn->flags = (uint16_t)flags;
    if (flags & PIRN__TLS)
        *(struct pirn__tls **)behind(conn, at.tls) = start->tls;
    if (flags & PIRN__EXTENDED)
        memcpy(behind(conn, at.states), owner->extensions->states, start->states_bytes);
    if (flags & PIRN__NAMED)
        *(struct pirn_str *)behind(conn, at.subprotocol) = start->subprotocol;
    if (owner->config->on_frame) /* what leaves first is none */
        pirn__conn_frames(conn)->sent.payload_left = start->output_len;
    if (owner->config->keep_peer)
        pirn__socket_peer(start->fd, behind(conn, at.peer));
    return conn;
}

struct pirn_extension_state *pirn__conn_states(const struct pirn_conn *conn)
{
    return conn->flags & PIRN__EXTENDED ? behind(conn, places_of(conn).states) : NULL;
}

struct pirn__frames *pirn__conn_frames(const struct pirn_conn *conn)
{
    return behind(conn, places_of(conn).frames);
}

void pirn__conn_free(struct pirn_conn *conn)
{
    pirn__free(pirn__conn_loop(conn), conn, places_of(conn).end);
}

struct pirn_str pirn_conn_subprotocol(const struct pirn_conn *conn)
{
    if (!(conn->flags & PIRN__NAMED))
        return (struct pirn_str){NULL, 0};
    return *(struct pirn_str *)behind(conn, places_of(conn).subprotocol);
}

const char *pirn_conn_peer(const struct pirn_conn *conn, char *text, size_t cap)
{
    if (conn->owner->config->keep_peer)
        return pirn__peer_text(behind(conn, places_of(conn).peer), text, cap);
    return pirn__socket_peer_text(conn->watch.fd, text, cap);
}

const char *pirn_conn_local(const struct pirn_conn *conn, char *text, size_t cap)
{
    return pirn__socket_local_text(conn->watch.fd, text, cap);
}

void *pirn_conn_user(const struct pirn_conn *conn)
{
    if (conn->owner->config->user_bytes == 0)
        return NULL;
    return behind(conn, places_of(conn).user);
}
