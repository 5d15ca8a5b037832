/* tls_session.c: sessions (tls.h) for programs, under a name and with errors of the public API. */
#include <limits.h>
#include <pirn/tls.h>

#include "tls/tls.h"

/* It is the same struct. */
static struct pirn__tls *of(const struct pirn_tls_session *session)
{
    return (struct pirn__tls *)(uintptr_t)session;
}

static int result(const struct pirn_tls_session *session, ssize_t count)
{
    enum pirn_error error = pirn__tls_error(of(session));
    if (count >= 0)
        return (int)count;
    return -(int)(error ? error : PIRN_E_SYSTEM);
}

static struct iovec piece(const void *data, size_t len)
{
    return (struct iovec){(void *)(uintptr_t)data, len < INT_MAX ? len : INT_MAX};
}

struct pirn_tls_session *pirn_tls_session_new(struct pirn_tls *tls, struct pirn_loop *loop, int fd,
                                              const char *name)
{
    return (struct pirn_tls_session *)(tls ? pirn__tls_start(tls, loop, fd, name) : NULL);
}

void pirn_tls_session_free(struct pirn_tls_session *session)
{
    pirn__tls_free(of(session));
}

int pirn_tls_session_handshake(struct pirn_tls_session *session)
{
    return pirn__tls_handshake(of(session));
}

int pirn_tls_session_receive(struct pirn_tls_session *session, void *data, size_t len)
{
    const struct iovec room = piece(data, len);
    return result(session, pirn__tls_recv(of(session), &room, 1));
}

int pirn_tls_session_send(struct pirn_tls_session *session, const void *data, size_t len)
{
    const struct iovec bytes = piece(data, len);
    return result(session, pirn__tls_send(of(session), &bytes, 1));
}

unsigned pirn_tls_session_events(const struct pirn_tls_session *session)
{
    return pirn__tls_events(of(session));
}

bool pirn_tls_session_has_input(const struct pirn_tls_session *session)
{
    return pirn__tls_has_input(of(session));
}

void pirn_tls_session_shutdown(struct pirn_tls_session *session)
{
    pirn__tls_shutdown(of(session));
}

const char *pirn_tls_session_text(const struct pirn_tls_session *session, char *text, size_t cap)
{
    return pirn__tls_text(of(session), text, cap);
}

void pirn_tls_session_info(const struct pirn_tls_session *session, struct pirn_tls_info *info)
{
    pirn__tls_info(of(session), info);
}
