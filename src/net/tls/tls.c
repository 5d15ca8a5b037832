/* tls.c: TLS sessions between the library that makes records (tls_library.h) and the socket.
 *
 * Ciphertext passes through scratch memory of the loop: one recv fills it, as many records are read
 * as there is room for, and as many are made before one send. Between calls it is empty: what could
 * not be looked at (no room for the plaintext) or sent (the socket is full) has moved to memory of
 * the session. So an idle session holds no buffers, and costs the few system calls of a plain
 * socket.
 *
 * The library asks for bytes and hands bytes over by pirn__tls_pull() and pirn__tls_push() and
 * never waits: there is nothing that could be "wanted" in the other direction of a call. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/tls_library.h"

#ifdef PIRN_TLS_OPENSSL
static const struct pirn__tls_library *const library = &pirn__tls_openssl;
#else
static const struct pirn__tls_library *const library = NULL;
#endif

enum {
    RECORD_BYTES = 16 << 10,
    RECORD_ROOM = RECORD_BYTES + 512, /* more than a record adds */
    RECORDS_A_SEND = 16,
    IN_BYTES = 256 << 10,
    IN_BYTES_MIN = 4 << 10,
    OUT_BYTES = RECORDS_A_SEND * RECORD_ROOM
};

struct scratch {
    size_t in_at, in_len, out_len;
    size_t wanted; /* of ciphertext, by the call that is at work */
    uint8_t in[IN_BYTES], out[OUT_BYTES];
    uint8_t record[RECORD_BYTES]; /* plaintext that lay in pieces */
    struct pirn_tls *usual;       /* of clients that have no context of their own; */
    size_t usual_users;           /* freed by the last of them */
};

static struct scratch *scratch_of(const struct pirn__tls *tls)
{
    return pirn__loop_shared(tls->loop)->tls;
}

bool pirn__tls_prepare(struct pirn_loop *loop)
{
    struct pirn__loop_shared *shared = pirn__loop_shared(loop);
    struct scratch *scratch = shared->tls;
    if (scratch)
        return true;
    shared->tls = scratch = pirn__realloc(loop, NULL, 0, sizeof *scratch);
    if (!scratch)
        return false;
    shared->tls_bytes = sizeof *scratch;
    scratch->in_at = scratch->in_len = scratch->out_len = scratch->usual_users = 0;
    return true;
}

/* ---- contexts */

struct pirn_tls {
    pthread_mutex_t lock; /* over current and config */
    struct pirn__tls_context *current;
    struct pirn_tls_config config;
    enum pirn_role role;
    atomic_size_t holders;
};

static struct pirn__tls_context *
context_new(enum pirn_role role, const struct pirn_tls_config *config, char *error, size_t cap)
{
    struct pirn__tls_context *context = calloc(1, sizeof *context);
    if (!context) {
        snprintf(error, cap, "%s", pirn_error_text(PIRN_E_MEMORY));
        return NULL;
    }
    context->role = role;
    atomic_init(&context->users, 1);
    context->state = library->context_new(role, config, error, cap);
    if (context->state)
        return context;
    free(context);
    return NULL;
}

static void context_release(struct pirn__tls_context *context)
{
    if (atomic_fetch_sub(&context->users, 1) > 1)
        return;
    library->context_free(context->state);
    free(context);
}

static struct pirn__tls_context *context_of(struct pirn_tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    struct pirn__tls_context *context = tls->current;
    atomic_fetch_add(&context->users, 1);
    pthread_mutex_unlock(&tls->lock);
    return context;
}

bool pirn_tls_available(void)
{
    return library != NULL;
}

struct pirn_tls *pirn_tls_new(enum pirn_role role, const struct pirn_tls_config *config,
                              char *error, size_t cap)
{
    static const struct pirn_tls_config defaults = {.insecure = false};
    if (!library) {
        snprintf(error, cap, "TLS: %s", pirn_error_text(PIRN_E_UNSUPPORTED));
        return NULL;
    }
    struct pirn_tls *tls = calloc(1, sizeof *tls);
    if (!tls) {
        snprintf(error, cap, "%s", pirn_error_text(PIRN_E_MEMORY));
        return NULL;
    }
    tls->role = role;
    tls->config = config ? *config : defaults;
    tls->current = context_new(role, &tls->config, error, cap);
    if (!tls->current) {
        free(tls);
        return NULL;
    }
    atomic_init(&tls->holders, 1);
    pthread_mutex_init(&tls->lock, NULL);
    return tls;
}

int pirn_tls_reload(struct pirn_tls *tls, const struct pirn_tls_config *config, char *error,
                    size_t cap)
{
    pthread_mutex_lock(&tls->lock);
    struct pirn_tls_config wanted = config ? *config : tls->config;
    pthread_mutex_unlock(&tls->lock);
    struct pirn__tls_context *made = context_new(tls->role, &wanted, error, cap);
    if (!made)
        return -PIRN_E_TLS_CONFIG;
    pthread_mutex_lock(&tls->lock);
    struct pirn__tls_context *old = tls->current;
    tls->current = made;
    tls->config = wanted;
    pthread_mutex_unlock(&tls->lock);
    context_release(old);
    return 0;
}

struct pirn_tls *pirn__tls_hold(struct pirn_tls *tls)
{
    if (tls)
        atomic_fetch_add(&tls->holders, 1);
    return tls;
}

void pirn_tls_free(struct pirn_tls *tls)
{
    if (!tls || atomic_fetch_sub(&tls->holders, 1) > 1)
        return;
    context_release(tls->current);
    pthread_mutex_destroy(&tls->lock);
    free(tls);
}

struct pirn_tls *pirn__tls_usual(struct pirn_loop *loop, char *error, size_t cap)
{
    if (!pirn__tls_prepare(loop)) {
        snprintf(error, cap, "%s", pirn_error_text(PIRN_E_MEMORY));
        return NULL;
    }
    struct scratch *scratch = pirn__loop_shared(loop)->tls;
    if (scratch->usual_users == 0)
        scratch->usual = pirn_tls_new(PIRN_CLIENT, NULL, error, cap);
    scratch->usual_users += scratch->usual != NULL;
    return scratch->usual;
}

void pirn__tls_usual_free(struct pirn_loop *loop)
{
    struct scratch *scratch = pirn__loop_shared(loop)->tls;
    if (--scratch->usual_users == 0)
        pirn_tls_free(scratch->usual);
}

enum pirn_role pirn__tls_role(const struct pirn_tls *tls)
{
    return tls->role;
}

/* ---- ciphertext that waits */

static size_t bytes_left(const struct pirn__tls_bytes *bytes)
{
    return bytes->len - bytes->at;
}

static void bytes_free(struct pirn__tls *tls, struct pirn__tls_bytes *bytes)
{
    pirn__free(tls->loop, bytes->data, bytes->cap);
    *bytes = (struct pirn__tls_bytes){0};
}

static void bytes_take(struct pirn__tls *tls, struct pirn__tls_bytes *bytes, size_t len)
{
    bytes->at += len;
    if (bytes->at == bytes->len)
        bytes_free(tls, bytes);
}

static bool bytes_add(struct pirn__tls *tls, struct pirn__tls_bytes *bytes, const void *data,
                      size_t len)
{
    if (len > bytes->cap - bytes->len) {
        uint8_t *larger = pirn__realloc(tls->loop, bytes->data, bytes->cap, bytes->len + len);
        if (!larger) {
            tls->error = PIRN_E_MEMORY;
            return false;
        }
        bytes->data = larger;
        bytes->cap = bytes->len + len;
    }
    memcpy(bytes->data + bytes->len, data, len);
    bytes->len += len;
    return true;
}

/* ---- in */

/* A short read has emptied the socket: asking again would be for nothing. */
static bool fill(struct pirn__tls *tls)
{
    struct scratch *scratch = scratch_of(tls);
    size_t cap = scratch->wanted < IN_BYTES ? scratch->wanted : IN_BYTES;
    if (cap == 0 || tls->dry || tls->ended || tls->recv_error)
        return false;
    ssize_t got = pirn__socket_recv(tls->fd, scratch->in, cap);
    scratch->wanted -= got > 0 ? (size_t)got : 0;
    tls->dry = got < (ssize_t)cap;
    tls->ended = got == 0;
    if (got < 0 && !pirn__socket_would_block())
        tls->recv_error = errno;
    scratch->in_at = 0;
    scratch->in_len = got > 0 ? (size_t)got : 0;
    return got > 0;
}

size_t pirn__tls_pull(struct pirn__tls *tls, void *data, size_t cap)
{
    struct scratch *scratch = scratch_of(tls);
    size_t left = bytes_left(&tls->in);
    if (left > 0) {
        size_t len = left < cap ? left : cap;
        memcpy(data, tls->in.data + tls->in.at, len);
        bytes_take(tls, &tls->in, len);
        return len;
    }
    if (scratch->in_at == scratch->in_len && !fill(tls))
        return 0;
    left = scratch->in_len - scratch->in_at;
    size_t len = left < cap ? left : cap;
    memcpy(data, scratch->in + scratch->in_at, len);
    scratch->in_at += len;
    return len;
}

/* ---- out */

/* Sends from data; the rest is dropped if the socket has failed. Returns how many are done with. */
static size_t send_bytes(struct pirn__tls *tls, const uint8_t *data, size_t len)
{
    const struct iovec piece = {(void *)(uintptr_t)data, len};
    if (tls->send_error)
        return len;
    ssize_t sent = pirn__socket_send(tls->fd, &piece, 1);
    if (sent < 0 && !pirn__socket_would_block())
        tls->send_error = errno;
    if (tls->send_error)
        return len;
    return sent > 0 ? (size_t)sent : 0;
}

static bool send_scratch(struct pirn__tls *tls)
{
    struct scratch *scratch = scratch_of(tls);
    size_t len = scratch->out_len;
    scratch->out_len = 0;
    if (len == 0)
        return true;
    size_t sent = send_bytes(tls, scratch->out, len);
    return sent == len || bytes_add(tls, &tls->out, scratch->out + sent, len - sent);
}

bool pirn__tls_push(struct pirn__tls *tls, const void *data, size_t len)
{
    struct scratch *scratch = scratch_of(tls);
    if (len > sizeof scratch->out - scratch->out_len && !send_scratch(tls))
        return false;
    if (bytes_left(&tls->out) > 0)
        return bytes_add(tls, &tls->out, data, len);
    memcpy(scratch->out + scratch->out_len, data, len);
    scratch->out_len += len;
    return true;
}

size_t pirn__tls_waiting(const struct pirn__tls *tls)
{
    return bytes_left(&tls->out);
}

int pirn__tls_flush(struct pirn__tls *tls)
{
    size_t left = bytes_left(&tls->out);
    if (left > 0)
        bytes_take(tls, &tls->out, send_bytes(tls, tls->out.data + tls->out.at, left));
    errno = tls->send_error ? tls->send_error : EAGAIN;
    return tls->send_error || bytes_left(&tls->out) > 0 ? -1 : 0;
}

/* ---- sessions */

struct pirn__tls *pirn__tls_start(struct pirn_tls *context, struct pirn_loop *loop, int fd,
                                  const char *name)
{
    struct pirn__tls *tls = pirn__tls_prepare(loop) ? pirn__alloc(loop, sizeof *tls) : NULL;
    if (!tls)
        return NULL;
    tls->loop = loop;
    tls->fd = fd;
    tls->context = context_of(context);
    if (library->open(tls, name))
        return tls;
    context_release(tls->context);
    pirn__free(loop, tls, sizeof *tls);
    return NULL;
}

void pirn__tls_free(struct pirn__tls *tls)
{
    if (!tls)
        return;
    library->free(tls);
    context_release(tls->context);
    bytes_free(tls, &tls->in);
    bytes_free(tls, &tls->out);
    pirn__free(tls->loop, tls, sizeof *tls);
}

/* No more is taken from the socket than there is room for in the end, so that little is left over,
 * and each has its turn. */
static void enter(struct pirn__tls *tls, size_t room)
{
    size_t most =
        room > 2 * RECORD_ROOM ? room - RECORD_ROOM : room; /* a record may be half there */
    scratch_of(tls)->wanted = most > IN_BYTES_MIN ? most : IN_BYTES_MIN;
    tls->dry = false;
    if (bytes_left(&tls->out) > 0)
        pirn__tls_flush(tls);
}

/* Empties the scratch for the next session. */
static void leave(struct pirn__tls *tls)
{
    struct scratch *scratch = scratch_of(tls);
    size_t left = scratch->in_len - scratch->in_at;
    if (left > 0)
        bytes_add(tls, &tls->in, scratch->in + scratch->in_at, left);
    scratch->in_at = scratch->in_len = 0;
    send_scratch(tls);
}

static int shake_hands(struct pirn__tls *tls)
{
    if (tls->open)
        return 1;
    if (!tls->error)
        tls->open = library->handshake(tls) == 1;
    return tls->open ? 1 : -(int)tls->error;
}

int pirn__tls_handshake(struct pirn__tls *tls)
{
    enter(tls, IN_BYTES);
    int result = shake_hands(tls);
    leave(tls);
    return result;
}

bool pirn__tls_is_open(const struct pirn__tls *tls)
{
    return tls->open;
}

/* What a call gives that has no bytes to give. */
static ssize_t no_bytes(const struct pirn__tls *tls)
{
    if (tls->closed)
        return 0;
    errno = tls->error == PIRN_E_SYSTEM ? tls->recv_error : tls->error ? EPROTO : EAGAIN;
    return -1;
}

/* All that came has been read: the library would ask for more in vain. */
static bool is_drained(const struct pirn__tls *tls)
{
    const struct scratch *scratch = scratch_of(tls);
    return tls->dry && scratch->in_at == scratch->in_len && bytes_left(&tls->in) == 0 &&
           !library->pending(tls);
}

/* Fills a piece; false when it could not be filled. */
static bool read_piece(struct pirn__tls *tls, const struct iovec *piece, size_t *got)
{
    size_t at = 0;
    bool more = true;
    while (more && at < piece->iov_len && !tls->error && !tls->closed) {
        int n = library->read(tls, (char *)piece->iov_base + at, piece->iov_len - at);
        at += n > 0 ? (size_t)n : 0;
        tls->closed = n == PIRN__TLS_END;
        more = n > 0 && !is_drained(tls);
    }
    *got += at;
    return more && at == piece->iov_len;
}

static size_t room_in(const struct iovec *pieces, int count)
{
    size_t room = 0;
    for (int i = 0; i < count; i++)
        room += pieces[i].iov_len;
    return room;
}

ssize_t pirn__tls_recv(struct pirn__tls *tls, const struct iovec *pieces, int count)
{
    size_t got = 0;
    enter(tls, room_in(pieces, count));
    if (shake_hands(tls) == 1)
        for (int i = 0; i < count && read_piece(tls, &pieces[i], &got); i++)
            continue;
    leave(tls);
    return got > 0 ? (ssize_t)got : no_bytes(tls);
}

bool pirn__tls_is_dry(const struct pirn__tls *tls)
{
    return tls->dry;
}

bool pirn__tls_has_input(const struct pirn__tls *tls)
{
    return tls->error || tls->closed || bytes_left(&tls->in) > 0 || library->pending(tls);
}

/* ---- sending: records across pieces */

struct reader {
    const struct iovec *piece, *end;
    size_t at; /* in piece */
};

/* Up to cap bytes that lie together; 0 at the end. */
static size_t take(struct reader *reader, size_t cap, const uint8_t **data)
{
    while (reader->piece < reader->end && reader->at == reader->piece->iov_len) {
        reader->piece++;
        reader->at = 0;
    }
    if (reader->piece == reader->end)
        return 0;
    size_t left = reader->piece->iov_len - reader->at, len = left < cap ? left : cap;
    *data = (const uint8_t *)reader->piece->iov_base + reader->at;
    reader->at += len;
    return len;
}

/* The next record's plaintext: where it lies if it lies together, else gathered. */
static size_t next_record(struct reader *reader, uint8_t *gather, const uint8_t **record)
{
    const uint8_t *data;
    size_t len = take(reader, RECORD_BYTES, record), more;
    while (len > 0 && (more = take(reader, RECORD_BYTES - len, &data)) > 0) {
        if (*record != gather)
            memcpy(gather, *record, len);
        *record = gather;
        memcpy(gather + len, data, more);
        len += more;
    }
    return len;
}

ssize_t pirn__tls_send(struct pirn__tls *tls, const struct iovec *pieces, int count)
{
    struct scratch *scratch = scratch_of(tls);
    struct reader reader = {pieces, pieces + count, 0};
    const uint8_t *record = NULL;
    size_t taken = 0, len;
    enter(tls, IN_BYTES);
    if (shake_hands(tls) != 1 || tls->error) {
        leave(tls);
        return no_bytes(tls);
    }
    if (pirn__tls_flush(tls) < 0)
        return -1;
    while (pirn__tls_waiting(tls) == 0 && !tls->send_error &&
           (len = next_record(&reader, scratch->record, &record)) > 0) {
        if (library->write(tls, record, len) < 0)
            break;
        taken += len;
        if (sizeof scratch->out - scratch->out_len < RECORD_ROOM)
            send_scratch(tls);
    }
    leave(tls);
    if (!tls->error && !tls->send_error)
        return (ssize_t)taken;
    errno = tls->send_error ? tls->send_error : EPROTO;
    return -1;
}

unsigned pirn__tls_events(const struct pirn__tls *tls)
{
    return PIRN_READABLE | (pirn__tls_waiting(tls) > 0 ? PIRN_WRITABLE : 0);
}

void pirn__tls_shutdown(struct pirn__tls *tls)
{
    if (tls->open && !tls->error && !tls->shut)
        library->close_notify(tls);
    tls->shut = true;
    leave(tls);
}

/* ---- what is told */

enum pirn_error pirn__tls_error(const struct pirn__tls *tls)
{
    return (enum pirn_error)tls->error;
}

const char *pirn__tls_text(const struct pirn__tls *tls, char *text, size_t cap)
{
    snprintf(text, cap, "%s", pirn_error_text(tls->error));
    if (tls->reason)
        library->text(tls, text, cap);
    return text;
}

void pirn__tls_info(const struct pirn__tls *tls, struct pirn_tls_info *info)
{
    *info = (struct pirn_tls_info){0};
    library->info(tls, info);
}
