/* pirn/blocking.h: a WebSocket client for programs without a loop.
 *
 *     char why[256];
 *     struct pirn_blocking_message message;
 *     struct pirn_blocking *ws =
 *         pirn_blocking_connect("wss://example.org/", NULL, why, sizeof why);
 *     if (!ws) {
 *         fprintf(stderr, "%s\n", why);
 *         return 1;
 *     }
 *     pirn_blocking_send(ws, PIRN_TEXT, "hello", 5);
 *     if (pirn_blocking_receive(ws, 5000, &message) == 1)
 *         printf("%.*s\n", (int)message.len, (const char *)message.data);
 *     pirn_blocking_close(ws, 1000, PIRN_STR("bye"));
 *     pirn_blocking_free(ws);
 *
 * It is a struct pirn_client with a loop of its own that turns while these functions wait. So Pings
 * are answered, and keep-alive works, inside them only: a program that receives now and then is
 * well, one that stays away for longer than its server's patience is not.
 *
 * Any number of threads may have any number of these; each is used by one thread at a time. */
#ifndef PIRN_BLOCKING_H
#define PIRN_BLOCKING_H

#include <pirn/client.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pirn_blocking;

/* A message; data is good until the next call of receive, close or free, and may be written to. */
struct pirn_blocking_message {
    enum pirn_opcode type; /* PIRN_TEXT or PIRN_BINARY */
    void *data;            /* a NUL that is not counted follows */
    size_t len;
};

/* Connects and waits for it; times are those of config->timeouts. config may be NULL; url and
 * conn.handlers (but for on_ping, on_pong and on_close_request), reconnect and on_end in it are
 * ignored, the rest is as in pirn/client.h. Returns NULL when it cannot, with one line that says
 * why in error[0..cap), which may be NULL: "http: 403 instead of 101". */
PIRN_API struct pirn_blocking *pirn_blocking_connect(const char *url,
                                                     const struct pirn_client_config *config,
                                                     char *error, size_t cap);

/* Sends a message, and waits until the kernel has all of it; what comes in meanwhile is kept for
 * receive, up to about a MiB. Returns 0, -PIRN_E_CLOSED, -PIRN_E_STALLED (the peer took nothing for
 * conn.stall_timeout_ms: the connection has ended), or an error of pirn_conn_send(). */
PIRN_API int pirn_blocking_send(struct pirn_blocking *ws, enum pirn_opcode type, const void *data,
                                size_t len);

/* Waits for the next message, at most timeout_ms (0: takes what is there; PIRN_OFF: for ever).
 * Returns 1; 0 when the time is up; -PIRN_E_CLOSED when the connection has ended and all that came
 * before was received; -PIRN_E_MEMORY or -PIRN_E_SYSTEM (errno says). */
PIRN_API int pirn_blocking_receive(struct pirn_blocking *ws, uint32_t timeout_ms,
                                   struct pirn_blocking_message *message);

/* Closes and waits for the peer's answer, at most conn.endpoint.close_timeout_ms. Messages that
 * come before it are kept for receive as far as there is room. Returns 0 when both Close frames are
 * through, or -PIRN_E_CLOSED (it has ended already, or ended in another way: see
 * pirn_blocking_ending()), or an error of pirn_conn_close(). */
PIRN_API int pirn_blocking_close(struct pirn_blocking *ws, int code, struct pirn_str reason);

/* Frees it; a connection that is open still is ended at once. NULL is let be. */
PIRN_API void pirn_blocking_free(struct pirn_blocking *ws);

/* How the connection has ended, or NULL as long as it has not. Good until free. */
PIRN_API const struct pirn_close_info *pirn_blocking_ending(const struct pirn_blocking *ws);

/* The connection, for what pirn/conn.h has more: subprotocol, ping, peer. NULL when it has ended;
 * what is done to it leaves in the next call that waits. */
PIRN_API struct pirn_conn *pirn_blocking_conn(const struct pirn_blocking *ws);

#ifdef __cplusplus
}
#endif
#endif
