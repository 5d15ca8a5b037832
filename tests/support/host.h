/* host.h: a server in a thread of its own, for tests of what needs no loop. */
#ifndef PIRN_TESTS_HOST_H
#define PIRN_TESTS_HOST_H

#include <pirn/server.h>

extern struct host {
    struct pirn_loop *loop;
    struct pirn_server *server;
    char url[64];
} host;

/* Starts it, on a free port of 127.0.0.1, by TLS unless tls is NULL; stop ends and frees it. Where
 * on_message is NULL it echoes. */
void host_start(const struct pirn_server_config *config, struct pirn_tls *tls);
void host_stop(void);

#endif
