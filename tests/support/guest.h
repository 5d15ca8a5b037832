/* guest.h: a client under test on the stage's loop, of which everything is written down; and a
 * server for it that sends just what a test wants. */
#ifndef PIRN_TESTS_GUEST_H
#define PIRN_TESTS_GUEST_H

#include <pirn/client.h>

#include "stage.h"
#include "tls/tls.h"

/* What the client told since guest_open(). */
struct guest_told {
    unsigned attempts, steps, responses, opens, messages, drains, closes, failures, ends;
    char log[4096];    /* the lines of on_step, each with a newline */
    char message[256]; /* the latest, with a NUL */
    size_t message_len;
    int status;                         /* of the latest response */
    uint32_t wait_ms;                   /* of the latest PIRN_STEP_WAIT */
    struct pirn_client_failure failure; /* the latest; its text is below */
    struct pirn_close_info close, end;
    char failure_text[512], close_text[512], end_text[512];
};

extern struct guest {
    struct pirn_client *client;
    struct guest_told told;
    unsigned seen; /* failures that guest_expect_failure() has seen */
    char url[128];
} guest;

/* They write down. For a copy in which a test changes what it wants. */
extern const struct pirn_handlers guest_handlers;

/* A configuration with those and the other callbacks, and a URL of the stage's server (or of the
 * script, if that listens) with this path. Good until the next. */
struct pirn_client_config guest_config(const char *path);

/* Makes the client; close frees it. Both need an open stage; close leaves that open. */
void guest_open(const struct pirn_client_config *config);
void guest_close(void);

/* guest_open(), and waits until it is open. */
void guest_connect(const struct pirn_client_config *config);

/* The stage, with the script listening; and the end of both and of the client. */
void guest_begin(void);
void guest_finish(void);

/* A source of random bytes, which fails while there is no luck. */
extern bool guest_lucky;
bool guest_random(void *context, void *out, size_t len);

/* A configuration with a user and a password for a URL of server.test:81 behind a proxy, which are
 * the script both. */
struct pirn_client_config guest_proxied(void);

/* For tests that do not end well: frees client, script and stage. */
int guest_clear(void **state);
#define GUEST_TEST(function) cmocka_unit_test_teardown(function, guest_clear)

/* Fails unless text is this, or, if it ends in "*", begins so. */
void guest_expect_text(const char *text, const char *pattern);

/* Waits for the next failure, if it has not come yet, which must be this. */
void guest_expect_failure(enum pirn_layer layer, enum pirn_error error, const char *pattern);

/* ---- the server that does as it is told */

struct script {
    int listener;
    uint16_t port;
    int fd;                /* the connection; -1: none */
    struct pirn__tls *tls; /* over it, or NULL */
    bool ended;            /* the client has closed it */
    char request[8192];    /* what came, with a NUL */
    size_t len;
    char accept[32]; /* what belongs to the key */
};
extern struct script script;

/* Listens; and stops, with the connection if there is one. */
void script_listen(void);
void script_close(void);

/* Waits for a connection, and for the request on it; or for both. */
void script_accept(void);
void script_await_request(void);
void script_take(void);

/* From here on the connection speaks TLS, by this context. */
void script_secure(struct pirn_tls *tls);

/* The same without waiting: whether it is there. */
bool script_try_accept(void);
bool script_try_request(void);

/* Takes what has come, whatever it is. */
void script_discard(void);

/* Sends; "~" is the Sec-WebSocket-Accept that belongs to the request. */
void script_send(const char *text);
void script_send_bytes(const void *data, size_t len);

/* What opens a connection: a head without the empty line at its end. */
#define SCRIPT_101                                                                                 \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Accept: ~\r\n"

/* Sends that with frames behind it, and waits until the client is open. */
void script_let_in(const char *frames);

/* The value of a header of the request in a buffer of its own, or NULL. */
const char *script_header(const char *name);

/* Waits for bytes behind the request: as many. And for the end. */
void script_await_bytes(void *data, size_t len);
void script_await_end(void);

/* Ends the connection: in the usual way, or with a reset. */
void script_drop(void);
void script_reset(void);

#endif
