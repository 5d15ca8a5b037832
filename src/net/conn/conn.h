/* conn.h: how a connection is made: what server.c and client.c use of conn.c. */
#ifndef PIRN_NET_CONN_H
#define PIRN_NET_CONN_H

#include <pirn/conn.h>

struct pirn__tls;

/* The extensions of an owner's connections: see conn_extend.c. */
struct pirn__extensions {
    const struct pirn_extension *ours[PIRN_EXTENSION_MAX_STATES];
    size_t count;
    size_t states_bytes;   /* of a connection */
    uint64_t idle_unit_us; /* a part of idle_release_ms; 0: never */
    struct pirn_deflate deflate;
    void *states; /* as they were agreed on, until they have a connection */
};

/* Who owns connections: a server, a client. It keeps their list, and is told of the end of each. */
struct pirn__conn_owner {
    struct pirn_loop *loop;
    const struct pirn_conn_config *config; /* complete: no field left at its default */
    struct pirn__extensions *extensions;   /* NULL: none */
    struct pirn_conn *first;               /* the open ones */
    size_t count;
    /* After on_close, right before the memory goes. */
    void (*gone)(struct pirn__conn_owner *owner, struct pirn_conn *conn);
};

/* Zero in a field of a configuration means its default. */
#define PIRN__DEFAULT(field, value) ((field) = (field) ? (field) : (value))

/* Fills what is zero in a configuration with its default, for the role. -PIRN_E_ARGUMENT for what
 * cannot be (low water above high water). */
int pirn__conn_config_complete(struct pirn_conn_config *config, struct pirn_loop *loop,
                               enum pirn_role role);

/* Makes what the configuration wants of extensions, and frees it when no connection is left. 0,
 * -PIRN_E_ARGUMENT, -PIRN_E_UNSUPPORTED or -PIRN_E_MEMORY. */
int pirn__extensions_open(struct pirn__conn_owner *owner, enum pirn_role role);
void pirn__extensions_close(struct pirn__conn_owner *owner);

struct pirn__conn_start {
    int fd;                /* non-blocking; the connection's from now on, if there is one */
    struct pirn__tls *tls; /* its session, likewise; NULL: plain */
    enum pirn_role role;
    const struct pirn_handlers *handlers; /* NULL: the configuration's */
    struct pirn_str subprotocol;          /* outlives the connection */
    size_t states_bytes; /* in use of owner->extensions->states; 0: nothing agreed on. The
                          * connection's from now on, if there is one */
    void *context;
    void *owner_data;   /* for the owner: pirn__conn_owner_data() */
    const void *output; /* leaves first: the 101 answer */
    size_t output_len;
    void *input; /* what came behind the opening handshake in the same read; writable */
    size_t input_len;
};

/* Opens a connection: calls on_open, handles the input, sends. Returns NULL without memory. The
 * connection may be closing already when this returns, but is not gone: endings are told at the end
 * of the turn. */
struct pirn_conn *pirn__conn_open(struct pirn__conn_owner *owner,
                                  const struct pirn__conn_start *start);

void *pirn__conn_owner_data(const struct pirn_conn *conn);
struct pirn__conn_owner *pirn__conn_owner(const struct pirn_conn *conn);
struct pirn_conn *pirn__conn_next(const struct pirn_conn *conn);

/* Ends it at once, and tells on_close and gone from inside. */
void pirn__conn_destroy(struct pirn_conn *conn);

/* Tells on_close how it has ended, before the end of the turn does so once more. */
void pirn__conn_tell_end(struct pirn_conn *conn);

/* Room for a text of one line: prefixes, a reason of 123 bytes, an error's text. */
#define PIRN__CLOSE_TEXT_CAP 512

/* How it ended, once it has: what on_close is told. */
void pirn__close_info(struct pirn_close_info *info, const struct pirn_conn *conn,
                      char text[PIRN__CLOSE_TEXT_CAP]);

/* An ending that is kept: info points into the struct, which stays where it is. */
struct pirn__ending {
    struct pirn_close_info info;
    char text[PIRN__CLOSE_TEXT_CAP];
    char reason[PIRN_CLOSE_REASON_MAX];
};

void pirn__ending_keep(struct pirn__ending *ending, const struct pirn_close_info *info);

#endif
