#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"
#include "tls/tls.h"

enum { SESSIONS_MAX = 1 << 16 };
static struct pirn__tls *sessions[SESSIONS_MAX]; /* by descriptor */

int client_connect(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("cannot connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

struct pirn__tls *client_session(int fd)
{
    return fd < SESSIONS_MAX ? sessions[fd] : NULL;
}

static void await(int fd)
{
    struct pirn__tls *tls = client_session(fd);
    bool writes = tls && pirn__tls_waiting(tls) > 0;
    struct pollfd ready = {.fd = fd, .events = (short)(POLLIN | (writes ? POLLOUT : 0))};
    poll(&ready, 1, -1);
}

void client_begin_tls(int fd)
{
    static struct pirn_loop *loop;
    static struct pirn_tls *context;
    const struct pirn_tls_config config = {.insecure = true, .no_resumption = true};
    char error[256] = "no TLS";
    if (!context) {
        loop = pirn_loop_new(NULL);
        context = pirn_tls_new(PIRN_CLIENT, &config, error, sizeof error);
    }
    if (!loop || !context || fd >= SESSIONS_MAX)
        fail(error);
    client_unblock(fd);
    sessions[fd] = pirn__tls_start(context, loop, fd, "localhost");
    if (!sessions[fd] || pirn__tls_handshake(sessions[fd]) < 0)
        fail("no TLS handshake");
}

void client_end_tls(int fd)
{
    int result;
    while ((result = pirn__tls_handshake(sessions[fd])) == 0)
        await(fd);
    if (result != 1)
        fail("no TLS handshake");
}

void client_secure(int fd)
{
    client_begin_tls(fd);
    client_end_tls(fd);
}

/* As recv(2) and send(2) that wait. */
static ssize_t take(int fd, void *data, size_t cap)
{
    const struct iovec piece = {data, cap};
    ssize_t n;
    while ((n = pirn__wire_recv(fd, client_session(fd), &piece, 1)) < 0 && errno == EAGAIN)
        await(fd);
    return n;
}

static ssize_t give(int fd, const void *data, size_t len)
{
    const struct iovec piece = {(void *)(uintptr_t)data, len};
    ssize_t n;
    while ((n = pirn__wire_send(fd, client_session(fd), &piece, 1)) < 0 && errno == EAGAIN)
        await(fd);
    while (client_session(fd) && pirn__tls_flush(client_session(fd)) < 0 && errno == EAGAIN)
        await(fd);
    return n;
}

/* The key and its answer are those of RFC 6455, 1.3. */
void client_ask(int fd, const char *offer)
{
    char request[512];
    int len = snprintf(request, sizeof request,
                       "GET / HTTP/1.1\r\n"
                       "Host: 127.0.0.1\r\n"
                       "Upgrade: websocket\r\n"
                       "Connection: Upgrade\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                       "Sec-WebSocket-Version: 13\r\n"
                       "%s%s%s\r\n",
                       offer ? "Sec-WebSocket-Extensions: " : "", offer ? offer : "",
                       offer ? "\r\n" : "");
    client_write(fd, request, (size_t)len);
}

/* A server says nothing behind the head before it is spoken to. */
void client_read_head(int fd, char head[CLIENT_HEAD_BYTES])
{
    size_t len = 0;
    do {
        ssize_t got = take(fd, head + len, CLIENT_HEAD_BYTES - 1 - len);
        if (got <= 0)
            fail("no answer to the handshake");
        len += (size_t)got;
        head[len] = 0;
    } while (!strstr(head, "\r\n\r\n"));
    if (strncmp(head, "HTTP/1.1 101 ", 13) != 0 || !strstr(head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
        fail("the server refuses the handshake");
}

void client_read_answer(int fd)
{
    char head[CLIENT_HEAD_BYTES];
    client_read_head(fd, head);
}

void client_write(int fd, const void *data, size_t len)
{
    const char *from = data;
    while (len > 0) {
        ssize_t sent = give(fd, from, len);
        if (sent < 0)
            fail("cannot write");
        from += sent;
        len -= (size_t)sent;
    }
}

void client_read(int fd, void *data, size_t len)
{
    char *to = data;
    while (len > 0) {
        ssize_t got = take(fd, to, len);
        if (got <= 0)
            fail("the server has ended a connection");
        to += got;
        len -= (size_t)got;
    }
}

void client_unblock(int fd)
{
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
        fail("fcntl");
}

void client_close(int fd)
{
    const struct linger at_once = {.l_onoff = 1};
    if (client_session(fd)) {
        pirn__tls_free(sessions[fd]);
        sessions[fd] = NULL;
    }
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}
