/* client.h: the client's side of a connection to 127.0.0.1, with calls that wait. */
#ifndef PIRN_BENCH_CLIENT_H
#define PIRN_BENCH_CLIENT_H

#include <stddef.h>
#include <stdint.h>

int client_connect(uint16_t port);

/* From now on this socket speaks TLS, by a session that client_session() gives (NULL: plain), and
 * does not block; the calls below wait nevertheless. No certificate is verified. */
struct pirn__tls;
void client_secure(int fd);

/* The same in two parts, so that many servers' answers can be waited for at a time. */
void client_begin_tls(int fd);
void client_end_tls(int fd);

struct pirn__tls *client_session(int fd);

/* The opening handshake, in two parts so that many servers' answers can be waited for at a time. An
 * offer of extensions may be NULL; the answer's head is a string. */
enum { CLIENT_HEAD_BYTES = 2048 };
void client_ask(int fd, const char *offer);
void client_read_head(int fd, char head[CLIENT_HEAD_BYTES]);
void client_read_answer(int fd);

void client_write(int fd, const void *data, size_t len);
void client_read(int fd, void *data, size_t len);
void client_unblock(int fd);

/* Closes without leaving the port in TIME_WAIT. */
void client_close(int fd);

#endif
