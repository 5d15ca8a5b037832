/* tls_openssl_context.c: from a configuration to OpenSSL's contexts.
 *
 * Each identity has an SSL_CTX of its own, all alike but for the certificate; a session begins with
 * the first, and moves to the one whose certificate has the name that the client asks for. What is
 * trusted is one store for all. Servers keep no sessions: tickets hold them, encrypted with a key
 * of the context, so that those of another context are not accepted. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tls/tls_openssl.h"

/* What is being made, and where to say why it cannot. */
struct maker {
    struct pirn__tls_openssl *context;
    const struct pirn_tls_config *config;
    enum pirn_role role;
    X509_STORE *trusted;
    char *error;
    size_t cap;
};

/* ---- failing with a text */

/* OpenSSL's own reason goes behind, if it has one. */
__attribute__((format(printf, 2, 3))) static bool fail(const struct maker *maker,
                                                       const char *format, ...)
{
    char text[512];
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    snprintf(maker->error, maker->cap, "%s%s%s", text, reason ? ": " : "", reason ? reason : "");
    ERR_clear_error();
    return false;
}

static const char *name_of(const struct pirn_tls_pem *pem)
{
    return pem->file ? pem->file : "memory";
}

static bool is_given(const struct pirn_tls_pem *pem)
{
    return pem->file || pem->data.data;
}

static BIO *open_pem(const struct maker *maker, const struct pirn_tls_pem *pem)
{
    if (pem->file) {
        BIO *bio = BIO_new_file(pem->file, "r");
        int why = errno;
        ERR_clear_error();
        if (!bio)
            fail(maker, "cannot read %s: %s", pem->file, strerror(why));
        return bio;
    }
    return BIO_new_mem_buf(pem->data.data, pem->data.len < INT_MAX ? (int)pem->data.len : INT_MAX);
}

/* ---- PEM */

/* Without one nothing is asked for on the terminal. */
static int give_password(char *text, int cap, int writing, void *password)
{
    (void)writing;
    size_t len = password ? strlen(password) : 0;
    if (len == 0 || cap < 0 || len > (size_t)cap)
        return -1;
    memcpy(text, password, len);
    return (int)len;
}

/* Reading ends with "no start line" behind the last one; anything else is damage. */
static bool at_end(void)
{
    unsigned long code = ERR_peek_last_error();
    bool end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    if (end)
        ERR_clear_error();
    return end;
}

typedef bool take_fn(const struct maker *maker, void *what, X509 *certificate);

/* Hands over every certificate of a file; they are freed afterwards. */
static bool each_certificate(const struct maker *maker, const struct pirn_tls_pem *pem,
                             take_fn *take, void *what)
{
    BIO *bio = open_pem(maker, pem);
    X509 *certificate;
    size_t count = 0;
    bool good = true;
    if (!bio)
        return false;
    while (good && (certificate = PEM_read_bio_X509(bio, NULL, give_password, NULL))) {
        good = take(maker, what, certificate);
        X509_free(certificate);
        count++;
    }
    BIO_free(bio);
    if (!good || !at_end())
        return fail(maker, "cannot use the certificates in %s", name_of(pem));
    return count > 0 || fail(maker, "no certificate in %s", name_of(pem));
}

/* ---- identities */

static bool take_chain(const struct maker *maker, void *what, X509 *certificate)
{
    SSL_CTX *ctx = what;
    (void)maker;
    if (!SSL_CTX_get0_certificate(ctx))
        return SSL_CTX_use_certificate(ctx, certificate) == 1;
    return SSL_CTX_add1_chain_cert(ctx, certificate) == 1;
}

/* Whether there is one, of use or not; what cannot be read twice may have one. */
static bool has_key(BIO *bio)
{
    static const char ending[] = "PRIVATE KEY";
    const size_t ending_len = sizeof ending - 1;
    char *name, *header;
    unsigned char *data;
    long len;
    ERR_set_mark();
    bool found = BIO_reset(bio) < 0;
    while (!found && PEM_read_bio(bio, &name, &header, &data, &len)) {
        size_t name_len = strlen(name);
        found = name_len >= ending_len && strcmp(name + name_len - ending_len, ending) == 0;
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, (size_t)len);
    }
    ERR_pop_to_mark();
    return found;
}

static bool use_key(const struct maker *maker, SSL_CTX *ctx,
                    const struct pirn_tls_identity *identity)
{
    const struct pirn_tls_pem *pem = is_given(&identity->key) ? &identity->key : &identity->chain;
    BIO *bio = open_pem(maker, pem);
    if (!bio)
        return false;
    void *password = (void *)(uintptr_t)identity->key_password;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, give_password, password);
    bool good = key && SSL_CTX_use_PrivateKey(ctx, key) == 1;
    bool lacks_key = !key && !has_key(bio);
    EVP_PKEY_free(key);
    BIO_free(bio);
    if (good && SSL_CTX_check_private_key(ctx) == 1)
        return true;
    if (!key && !lacks_key)
        return fail(maker, "cannot use the key in %s", name_of(pem));
    ERR_clear_error(); /* what follows is clearer than "unsupported" or "no certificate assigned" */
    if (lacks_key)
        return fail(maker, "no private key in %s", name_of(pem));
    return fail(maker, "the key in %s is not that of the certificate in %s", name_of(pem),
                name_of(&identity->chain));
}

static bool use_identity(const struct maker *maker, SSL_CTX *ctx,
                         const struct pirn_tls_identity *identity)
{
    if (!is_given(&identity->chain))
        return maker->role == PIRN_CLIENT || fail(maker, "a server needs a certificate");
    return each_certificate(maker, &identity->chain, take_chain, ctx) &&
           use_key(maker, ctx, identity);
}

/* ---- whom to trust */

static bool take_trusted(const struct maker *maker, void *what, X509 *certificate)
{
    (void)what;
    return X509_STORE_add_cert(maker->trusted, certificate) == 1;
}

/* Names of authorities that clients are told to choose a certificate by. */
static bool take_client_ca(const struct maker *maker, void *what, X509 *certificate)
{
    (void)maker;
    return SSL_CTX_add_client_CA(what, certificate) == 1;
}

static bool use_crl(const struct maker *maker)
{
    const struct pirn_tls_pem *pem = &maker->config->crl;
    BIO *bio = open_pem(maker, pem);
    X509_CRL *crl;
    size_t count = 0;
    bool good = true;
    if (!bio)
        return false;
    while (good && (crl = PEM_read_bio_X509_CRL(bio, NULL, give_password, NULL))) {
        good = X509_STORE_add_crl(maker->trusted, crl) == 1;
        X509_CRL_free(crl);
        count++;
    }
    BIO_free(bio);
    if (!good || !at_end())
        return fail(maker, "cannot use the revocation lists in %s", name_of(pem));
    X509_STORE_set_flags(maker->trusted, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return count > 0 || fail(maker, "no revocation list in %s", name_of(pem));
}

static bool trust(struct maker *maker)
{
    const struct pirn_tls_config *config = maker->config;
    bool own = is_given(&config->ca) || config->ca_folder;
    maker->trusted = X509_STORE_new();
    if (!maker->trusted)
        return fail(maker, "%s", pirn_error_text(PIRN_E_MEMORY));
    if (own)
        X509_STORE_set_flags(maker->trusted, X509_V_FLAG_PARTIAL_CHAIN);
    else if (maker->role == PIRN_CLIENT)
        X509_STORE_set_default_paths(maker->trusted);
    else if (config->client_certificates != PIRN_TLS_CLIENTS_ANONYMOUS)
        return fail(maker, "to ask clients for certificates a CA is needed");
    if (is_given(&config->ca) && !each_certificate(maker, &config->ca, take_trusted, NULL))
        return false;
    if (config->ca_folder && X509_STORE_load_path(maker->trusted, config->ca_folder) != 1)
        return fail(maker, "cannot read the folder %s", config->ca_folder);
    return !is_given(&config->crl) || use_crl(maker);
}

/* ---- callbacks of OpenSSL */

static struct pirn__tls_openssl *context_of(const SSL *ssl)
{
    return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

static const unsigned char protocols[] = "\x08http/1.1";
enum { PROTOCOLS_LEN = sizeof protocols - 1 };

static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *len,
                           const unsigned char *offered, unsigned offered_len, void *argument)
{
    (void)ssl, (void)argument;
    int found = SSL_select_next_proto((unsigned char **)(uintptr_t)chosen, len, protocols,
                                      PROTOCOLS_LEN, offered, offered_len);
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int choose_identity(SSL *ssl, int *alert, void *argument)
{
    const struct pirn__tls_openssl *context = argument;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    for (size_t i = 0; name && i < context->count; i++) {
        X509 *certificate = SSL_CTX_get0_certificate(context->each[i]);
        if (X509_check_host(certificate, name, 0, 0, NULL) != 1)
            continue;
        if (i > 0)
            SSL_set_SSL_CTX(ssl, context->each[i]);
        break;
    }
    return SSL_TLSEXT_ERR_OK;
}

enum { PSK_DHE_KE = 1 }; /* RFC 8446, 4.2.9 */

/* Whether the client can make use of a ticket of TLS 1.3: some that cannot take one for an error.
 */
static int note_offer(SSL *ssl, int *alert, void *argument)
{
    const unsigned char *modes;
    size_t len;
    struct pirn__tls *tls = BIO_get_data(SSL_get_rbio(ssl));
    const struct pirn__tls_openssl *context = argument;
    (void)alert;
    tls->owes_ticket =
        context->gives_tickets &&
        SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_psk_kex_modes, &modes, &len) == 1 && len > 1 &&
        memchr(modes + 1, PSK_DHE_KE, len - 1);
    return SSL_CLIENT_HELLO_SUCCESS;
}

static void log_keys(const SSL *ssl, const char *line)
{
    const struct iovec pieces[] = {{(void *)(uintptr_t)line, strlen(line)},
                                   {(void *)(uintptr_t) "\n", 1}};
    ssize_t ignored = writev(context_of(ssl)->key_log, pieces, 2);
    (void)ignored;
}

/* In place of an older one of the same name, else of the oldest. */
static void keep(struct pirn__tls_openssl *context, SSL_SESSION *session, const char *name)
{
    size_t at = context->kept_next;
    for (size_t i = 0; i < PIRN__TLS_KEPT_MAX; i++)
        if (strcmp(context->kept[i].name, name) == 0)
            at = i;
    if (at == context->kept_next)
        context->kept_next = (at + 1) % PIRN__TLS_KEPT_MAX;
    SSL_SESSION_free(context->kept[at].session);
    context->kept[at].session = session;
    snprintf(context->kept[at].name, sizeof context->kept[at].name, "%s", name);
}

/* Keeps a copy, if any: a session that lives has no use for its ticket. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct pirn__tls_openssl *context = context_of(ssl);
    char name[PIRN__TLS_NAME_CAP];
    bool keeps =
        context->kept && pirn__tls_openssl_name(ssl, name) && pirn__tls_openssl_note_peer(ssl);
    SSL_SESSION *copy = keeps ? SSL_SESSION_dup(session) : NULL;
    if (SSL_version(ssl) >= TLS1_3_VERSION)
        pirn__tls_openssl_drop_ticket(ssl);
    if (!copy)
        return 0;
    pthread_mutex_lock(&context->lock);
    keep(context, copy, name);
    pthread_mutex_unlock(&context->lock);
    return 0;
}

/* ---- an SSL_CTX */

/* The suites of TLS 1.3 that OpenSSL would offer, as the system has configured it, but AES-128
 * first: it is the one that every end has, takes less time, and its SHA-256 takes less still. */
static void prefer_aes_128(SSL_CTX *ctx)
{
    static const char first[] = "TLS_AES_128_GCM_SHA256";
    STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(ctx);
    char names[512] = "";
    size_t len = 0;
    for (int want = 1; want >= 0; want--)
        for (int i = 0; i < sk_SSL_CIPHER_num(all) && len < sizeof names; i++) {
            const SSL_CIPHER *suite = sk_SSL_CIPHER_value(all, i);
            const char *name = SSL_CIPHER_get_name(suite);
            if (strcmp(SSL_CIPHER_get_version(suite), "TLSv1.3") == 0 &&
                (strcmp(name, first) == 0) == want)
                len +=
                    (size_t)snprintf(names + len, sizeof names - len, "%s%s", len ? ":" : "", name);
        }
    if (len > 0 && len < sizeof names)
        SSL_CTX_set_ciphersuites(ctx, names);
}

static bool set_protocol(const struct maker *maker, SSL_CTX *ctx)
{
    const struct pirn_tls_config *config = maker->config;
    int least = config->min_version == PIRN_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    if (SSL_CTX_set_min_proto_version(ctx, least) != 1)
        return fail(maker, "cannot set the TLS version");
    if (config->ciphers && SSL_CTX_set_cipher_list(ctx, config->ciphers) != 1)
        return fail(maker, "cannot use the ciphers '%s'", config->ciphers);
    if (!config->ciphersuites)
        prefer_aes_128(ctx);
    else if (SSL_CTX_set_ciphersuites(ctx, config->ciphersuites) != 1)
        return fail(maker, "cannot use the ciphersuites '%s'", config->ciphersuites);
    if (maker->role == PIRN_SERVER)
        SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    else if (SSL_CTX_set_alpn_protos(ctx, protocols, PROTOCOLS_LEN) != 0)
        return fail(maker, "cannot set the application protocol");
    return true;
}

static void set_resumption(const struct maker *maker, SSL_CTX *ctx)
{
    static const unsigned char id[] = "pirn";
    bool server = maker->role == PIRN_SERVER;
    SSL_CTX_set_session_id_context(ctx, id, sizeof id - 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 0); /* by themselves; see write_record() */
    maker->context->gives_tickets = server && !maker->config->no_resumption;
    if (maker->config->no_resumption)
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    if (!server) {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(ctx, keep_session);
    }
}

static bool set_verification(const struct maker *maker, SSL_CTX *ctx)
{
    static const int modes[] = {
        [PIRN_TLS_CLIENTS_ANONYMOUS] = SSL_VERIFY_NONE,
        [PIRN_TLS_CLIENTS_OPTIONAL] = SSL_VERIFY_PEER,
        [PIRN_TLS_CLIENTS_REQUIRED] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
    };
    const struct pirn_tls_config *config = maker->config;
    bool server = maker->role == PIRN_SERVER;
    unsigned asked = config->client_certificates;
    if (asked >= sizeof modes / sizeof *modes)
        return fail(maker, "%s", pirn_error_text(PIRN_E_ARGUMENT));
    SSL_CTX_set1_cert_store(ctx, maker->trusted);
    SSL_CTX_set_verify(ctx,
                       server             ? modes[asked]
                       : config->insecure ? SSL_VERIFY_NONE
                                          : SSL_VERIFY_PEER,
                       NULL);
    return !server || asked == PIRN_TLS_CLIENTS_ANONYMOUS || !is_given(&config->ca) ||
           each_certificate(maker, &config->ca, take_client_ca, ctx);
}

static SSL_CTX *make_one(const struct maker *maker, const struct pirn_tls_identity *identity)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    if (!ctx) {
        fail(maker, "%s", pirn_error_text(PIRN_E_MEMORY));
        return NULL;
    }
    SSL_CTX_set_app_data(ctx, maker->context);
    SSL_CTX_set_info_callback(ctx, pirn__tls_openssl_watch);
    SSL_CTX_set_default_passwd_cb(ctx, give_password);
    if (maker->role == PIRN_SERVER) { /* OpenSSL calls it for clients too */
        SSL_CTX_set_tlsext_servername_callback(ctx, choose_identity);
        SSL_CTX_set_tlsext_servername_arg(ctx, maker->context);
        SSL_CTX_set_client_hello_cb(ctx, note_offer, maker->context);
    }
    if (maker->context->key_log >= 0)
        SSL_CTX_set_keylog_callback(ctx, log_keys);
    set_resumption(maker, ctx);
    if (set_protocol(maker, ctx) && set_verification(maker, ctx) &&
        use_identity(maker, ctx, identity))
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

/* ---- the whole */

static bool open_key_log(const struct maker *maker)
{
    const char *file = maker->config->key_log_file;
    if (!file)
        return true;
    maker->context->key_log = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return maker->context->key_log >= 0 ||
           fail(maker, "cannot write %s: %s", file, strerror(errno));
}

static bool make_all(struct maker *maker)
{
    struct pirn__tls_openssl *context = maker->context;
    const struct pirn_tls_config *config = maker->config;
    size_t count = maker->role == PIRN_SERVER ? 1 + config->other_count : 1;
    bool keeps = maker->role == PIRN_CLIENT && !config->no_resumption;
    context->each = calloc(count, sizeof *context->each);
    context->method = pirn__tls_openssl_method();
    context->kept = keeps ? calloc(PIRN__TLS_KEPT_MAX, sizeof *context->kept) : NULL;
    if (!context->each || !context->method || (keeps && !context->kept))
        return fail(maker, "%s", pirn_error_text(PIRN_E_MEMORY));
    if (!open_key_log(maker) || !trust(maker))
        return false;
    while (context->count < count) {
        const struct pirn_tls_identity *identity =
            context->count == 0 ? &config->identity : &config->others[context->count - 1];
        SSL_CTX *made = make_one(maker, identity);
        if (!made)
            return false;
        context->each[context->count++] = made;
    }
    return true;
}

void *pirn__tls_openssl_context_new(enum pirn_role role, const struct pirn_tls_config *config,
                                    char *error, size_t cap)
{
    struct maker maker = {.config = config, .role = role, .error = error, .cap = cap};
    ERR_clear_error();
    maker.context = calloc(1, sizeof *maker.context);
    if (!maker.context) {
        fail(&maker, "%s", pirn_error_text(PIRN_E_MEMORY));
        return NULL;
    }
    maker.context->key_log = -1;
    maker.context->insecure = config->insecure;
    pthread_mutex_init(&maker.context->lock, NULL);
    bool made = make_all(&maker);
    X509_STORE_free(maker.trusted);
    if (made)
        return maker.context;
    pirn__tls_openssl_context_free(maker.context);
    return NULL;
}

void pirn__tls_openssl_context_free(void *state)
{
    struct pirn__tls_openssl *context = state;
    for (size_t i = 0; context->kept && i < PIRN__TLS_KEPT_MAX; i++)
        SSL_SESSION_free(context->kept[i].session);
    for (size_t i = 0; i < context->count; i++)
        SSL_CTX_free(context->each[i]);
    free(context->each);
    free(context->kept);
    BIO_meth_free(context->method);
    if (context->key_log >= 0)
        close(context->key_log);
    pthread_mutex_destroy(&context->lock);
    free(context);
}
