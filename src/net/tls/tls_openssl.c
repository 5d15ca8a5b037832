/* tls_openssl.c: TLS sessions by OpenSSL 3. An SSL reads and writes through a BIO that pulls from
 * and pushes to tls.c, which never blocks on writing: so only SSL_ERROR_WANT_READ ever comes, and a
 * write takes all of its record or fails.
 *
 * OpenSSL's queue of errors belongs to the thread, so it is emptied before each call and after each
 * failure, which keeps what is told of it: a code, and what verification found. As emptying an
 * empty one takes 400 instructions, it is looked at first. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tls/tls_openssl.h"

static SSL *ssl_of(const struct pirn__tls *tls)
{
    return tls->state;
}

static struct pirn__tls_openssl *context_of(const struct pirn__tls *tls)
{
    return tls->context->state;
}

/* ---- the BIO */

static int bio_read(BIO *bio, char *data, int cap)
{
    struct pirn__tls *tls = BIO_get_data(bio);
    size_t got = cap > 0 ? pirn__tls_pull(tls, data, (size_t)cap) : 0;
    BIO_clear_retry_flags(bio);
    if (got > 0)
        return (int)got;
    if (tls->ended)
        return 0;
    if (!tls->recv_error)
        BIO_set_retry_read(bio);
    return -1;
}

static int bio_write(BIO *bio, const char *data, int len)
{
    BIO_clear_retry_flags(bio);
    return pirn__tls_push(BIO_get_data(bio), data, (size_t)len) ? len : -1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    const struct pirn__tls *tls = BIO_get_data(bio);
    (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH || (command == BIO_CTRL_EOF && tls->ended);
}

void pirn__tls_openssl_watch(const SSL *ssl, int where, int value)
{
    struct pirn__tls *tls = BIO_get_data(SSL_get_rbio(ssl));
    (void)value;
    if (where & SSL_CB_LOOP)
        tls->shaken = true;
}

struct bio_method_st *pirn__tls_openssl_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "pirn");
    if (!method)
        return NULL;
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_control);
    return method;
}

/* ---- failures */

static void forget_errors(void)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}

static const struct failure {
    int reason; /* of ERR_LIB_SSL */
    enum pirn_error error;
} failures[] = {
    {SSL_R_CERTIFICATE_VERIFY_FAILED, PIRN_E_TLS_CERTIFICATE},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, PIRN_E_TLS_CERTIFICATE},
    {SSL_R_HTTP_REQUEST, PIRN_E_TLS_PLAIN},
};

static enum pirn_error classify(const struct pirn__tls *tls, unsigned long code)
{
    int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
    if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
        return PIRN_E_MEMORY;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
        if (failures[i].reason == reason)
            return failures[i].error;
    if (!tls->open)
        return PIRN_E_TLS_HANDSHAKE;
    return reason == SSL_R_UNEXPECTED_EOF_WHILE_READING ? PIRN_E_TLS_TRUNCATED : PIRN_E_TLS_RECORD;
}

static int fail(struct pirn__tls *tls)
{
    unsigned long code = ERR_peek_error();
    if (!tls->error && tls->recv_error) {
        tls->error = PIRN_E_SYSTEM;
    } else if (!tls->error) {
        tls->error = (uint8_t)classify(tls, code);
        tls->reason = (long)code;
        if (tls->error == PIRN_E_TLS_CERTIFICATE)
            tls->detail = SSL_get_verify_result(ssl_of(tls));
    }
    forget_errors();
    return PIRN__TLS_FAILED;
}

/* What a call of SSL_x() that gave no bytes means. */
static int judge(struct pirn__tls *tls, int result)
{
    switch (SSL_get_error(ssl_of(tls), result)) {
    case SSL_ERROR_WANT_READ:
        return PIRN__TLS_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return PIRN__TLS_END;
    default:
        return fail(tls);
    }
}

static void write_text(const struct pirn__tls *tls, char *text, size_t cap)
{
    const char *reason = ERR_reason_error_string((unsigned long)tls->reason);
    const char *detail =
        tls->detail == X509_V_OK ? NULL : X509_verify_cert_error_string(tls->detail);
    snprintf(text, cap, "%s%s%s", reason ? reason : pirn_error_text(tls->error), detail ? ": " : "",
             detail ? detail : "");
}

/* ---- the beginning */

bool pirn__tls_openssl_name(struct ssl_st *ssl, char *name)
{
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    char *address = host ? NULL : X509_VERIFY_PARAM_get1_ip_asc(SSL_get0_param(ssl));
    int len = host || address ? snprintf(name, PIRN__TLS_NAME_CAP, "%s", host ? host : address)
                              : PIRN__TLS_NAME_CAP;
    OPENSSL_free(address);
    return len < PIRN__TLS_NAME_CAP;
}

/* Tickets of TLS 1.3 are for one use each (RFC 8446, C.4). */
static void resume(struct pirn__tls *tls)
{
    struct pirn__tls_openssl *context = context_of(tls);
    char name[PIRN__TLS_NAME_CAP];
    if (!context->kept || !pirn__tls_openssl_name(ssl_of(tls), name))
        return;
    pthread_mutex_lock(&context->lock);
    for (size_t i = 0; i < PIRN__TLS_KEPT_MAX; i++) {
        struct pirn__tls_kept *kept = &context->kept[i];
        if (!kept->session || strcmp(kept->name, name) != 0)
            continue;
        SSL_set_session(ssl_of(tls), kept->session);
        if (SSL_SESSION_get_protocol_version(kept->session) >= TLS1_3_VERSION) {
            SSL_SESSION_free(kept->session);
            kept->session = NULL;
        }
        break;
    }
    pthread_mutex_unlock(&context->lock);
}

/* As certificates have it: without an IPv6 address's brackets and zone, or a root's dot. */
static bool plain_name(const char *name, char plain[PIRN__TLS_NAME_CAP])
{
    size_t len = strlen(name);
    if (len > 1 && name[0] == '[' && name[len - 1] == ']') {
        name++;
        len -= 2;
    }
    const char *zone = memchr(name, ':', len) ? memchr(name, '%', len) : NULL;
    if (zone)
        len = (size_t)(zone - name);
    else if (len > 1 && name[len - 1] == '.')
        len--;
    if (len == 0 || len >= PIRN__TLS_NAME_CAP)
        return false;
    memcpy(plain, name, len);
    plain[len] = '\0';
    return true;
}

/* Addresses are not sent (RFC 6066, 3). */
static bool set_name(SSL *ssl, const char *name)
{
    char plain[PIRN__TLS_NAME_CAP];
    if (!name || !plain_name(name, plain))
        return false;
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), plain))
        return true;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, plain) && SSL_set_tlsext_host_name(ssl, plain);
}

static bool set_bio(struct pirn__tls *tls)
{
    BIO *bio = BIO_new(context_of(tls)->method);
    if (!bio)
        return false;
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_of(tls), bio, bio);
    return true;
}

/* One that ends without its close_notify may be resumed (RFC 8446, 6.1), which SSL_free() would see
 * to that it is not. */
static void free_session(struct pirn__tls *tls)
{
    if (tls->state && tls->error != PIRN_E_TLS_CERTIFICATE && tls->error != PIRN_E_TLS_RECORD)
        SSL_set_shutdown(ssl_of(tls), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl_of(tls));
    tls->state = NULL;
}

static bool open_session(struct pirn__tls *tls, const char *name)
{
    bool client = tls->context->role == PIRN_CLIENT;
    tls->state = SSL_new(context_of(tls)->each[0]);
    bool made = tls->state && set_bio(tls) && (!client || set_name(ssl_of(tls), name));
    forget_errors();
    if (!made) {
        free_session(tls);
        return false;
    }
    if (client) {
        SSL_set_connect_state(ssl_of(tls));
        resume(tls);
    } else {
        SSL_set_accept_state(ssl_of(tls));
    }
    return true;
}

/* ---- calls */

/* An idle session keeps nothing of its handshake. */
static int settle(struct pirn__tls *tls)
{
    if (!pirn__tls_openssl_note_peer(ssl_of(tls))) {
        tls->error = PIRN_E_MEMORY;
        return fail(tls);
    }
    pirn__tls_openssl_drop_keys(ssl_of(tls));
    SSL_set1_host(ssl_of(tls), NULL);
    tls->owes_ticket = tls->owes_ticket && SSL_version(ssl_of(tls)) >= TLS1_3_VERSION;
    forget_errors();
    return 1;
}

static int shake_hands(struct pirn__tls *tls)
{
    forget_errors();
    int result = SSL_do_handshake(ssl_of(tls));
    if (result == 1)
        return settle(tls);
    result = judge(tls, result);
    return result == PIRN__TLS_END ? fail(tls) : result;
}

/* Messages of the handshake that come between records of data, tickets and updates of keys, leave a
 * buffer for writing that SSL_MODE_RELEASE_BUFFERS forgets. Not in the midst of a record, which
 * SSL_free_buffers() of before 3.0.14 would lose (CVE-2024-4741). */
static void release_buffers(struct pirn__tls *tls)
{
    SSL *ssl = ssl_of(tls);
    if (SSL_pending(ssl) > 0 || strcmp(SSL_rstate_string(ssl), "RH") != 0)
        return;
    SSL_free_buffers(ssl);
    tls->shaken = false;
}

static int read_records(struct pirn__tls *tls, void *data, size_t cap)
{
    forget_errors();
    int result = SSL_read(ssl_of(tls), data, cap < INT_MAX ? (int)cap : INT_MAX);
    if (tls->shaken && (result > 0 || SSL_want_read(ssl_of(tls))))
        release_buffers(tls);
    return result > 0 ? result : judge(tls, result);
}

/* A server's ticket leaves with the first thing that it has to say. */
static int write_record(struct pirn__tls *tls, const void *data, size_t len)
{
    forget_errors();
    if (tls->owes_ticket)
        SSL_new_session_ticket(ssl_of(tls));
    tls->owes_ticket = false;
    int result = SSL_write(ssl_of(tls), data, (int)len);
    if (tls->shaken && result > 0)
        release_buffers(tls);
    return result > 0 ? result : fail(tls);
}

static void close_notify(struct pirn__tls *tls)
{
    forget_errors();
    SSL_shutdown(ssl_of(tls));
    forget_errors();
}

static bool is_pending(const struct pirn__tls *tls)
{
    return SSL_pending(ssl_of(tls)) > 0;
}

/* ---- what is told */

static void tell_peer(const struct pirn__tls *tls, struct pirn_tls_info *info)
{
    const char *name = pirn__tls_openssl_peer(ssl_of(tls));
    if (!name)
        return;
    info->verified = !context_of(tls)->insecure && SSL_get_verify_result(ssl_of(tls)) == X509_V_OK;
    snprintf(info->peer_subject, sizeof info->peer_subject, "%s", name);
}

static void tell(const struct pirn__tls *tls, struct pirn_tls_info *info)
{
    SSL *ssl = ssl_of(tls);
    const unsigned char *alpn;
    unsigned alpn_len;
    SSL_get0_alpn_selected(ssl, &alpn, &alpn_len);
    info->version = SSL_get_version(ssl);
    info->cipher = SSL_get_cipher_name(ssl);
    info->alpn = alpn_len > 0 ? "http/1.1" : NULL; /* we offer and choose no other */
    info->server_name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    info->resumed = SSL_session_reused(ssl) == 1;
    tell_peer(tls, info);
    forget_errors();
}

const struct pirn__tls_library pirn__tls_openssl = {
    .context_new = pirn__tls_openssl_context_new,
    .context_free = pirn__tls_openssl_context_free,
    .open = open_session,
    .free = free_session,
    .handshake = shake_hands,
    .read = read_records,
    .write = write_record,
    .close_notify = close_notify,
    .pending = is_pending,
    .text = write_text,
    .info = tell,
};
