/* The bytes of a case: over its socket, or over TLS on that. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

/* As system calls have it; failures of TLS are EPROTO. */
static ssize_t as_call(int result)
{
    if (result >= 0)
        return result;
    if (result != -PIRN_E_SYSTEM)
        errno = EPROTO;
    return -1;
}

int check_wire_open(struct check_run *run)
{
    const struct check_target *target = &run->check->target;
    char name[256];
    if (!target->url.secure)
        return 1;
    snprintf(name, sizeof name, "%.*s", (int)target->url.host.len, target->url.host.data);
    if (!run->tls)
        run->tls = pirn_tls_session_new(run->check->tls, run->check->loop, run->watch.fd, name);
    errno = ENOMEM;
    return run->tls ? (int)as_call(pirn_tls_session_handshake(run->tls)) : -1;
}

ssize_t check_wire_receive(struct check_run *run, void *data, size_t len)
{
    if (!run->tls)
        return recv(run->watch.fd, data, len, 0);
    return as_call(pirn_tls_session_receive(run->tls, data, len));
}

ssize_t check_wire_send(struct check_run *run, const void *data, size_t len)
{
    if (!run->tls)
        return send(run->watch.fd, data, len, MSG_NOSIGNAL);
    return as_call(pirn_tls_session_send(run->tls, data, len));
}

bool check_wire_has_input(const struct check_run *run)
{
    return run->tls && pirn_tls_session_has_input(run->tls);
}

unsigned check_wire_events(const struct check_run *run)
{
    return run->tls ? pirn_tls_session_events(run->tls) : PIRN_READABLE;
}

void check_wire_end(struct check_run *run)
{
    if (run->tls)
        pirn_tls_session_shutdown(run->tls);
    shutdown(run->watch.fd, SHUT_WR);
}

void check_wire_close(struct check_run *run)
{
    if (run->tls)
        pirn_tls_session_shutdown(run->tls);
    pirn_tls_session_free(run->tls);
    run->tls = NULL;
    if (run->watch.fd >= 0)
        close(run->watch.fd);
}

const char *check_wire_error(const struct check_run *run, char *text, size_t cap)
{
    int error = errno;
    if (error == EPROTO && run->tls)
        return pirn_tls_session_text(run->tls, text, cap);
    return error == ECONNRESET ? "reset" : strerror(error);
}
