/* tls_openssl_idle.c: what an idle session keeps of its handshake, and what it lets go of.
 *
 * OpenSSL keeps the peer's certificates, 5 to 13 KiB, the keys of the key exchange, and a client's
 * ticket. All that is told of the certificates is a name; so that takes their place, as the
 * "application data" of OpenSSL's session, which goes where that goes: into tickets, and to the
 * connection that is resumed. Nobody else holds a session of OpenSSL's when it is changed here: a
 * client keeps a copy.
 *
 * No call takes anything from a session, but one reads an encoded session over it; what that does
 * not have is freed. */
#include <string.h>

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tls/tls_openssl.h"

enum element { PEER = 3, TICKET = 10 }; /* tags in a session's encoding */

/* ---- the name */

static bool note_name(SSL_SESSION *session, X509 *peer)
{
    char name[PIRN_TLS_SUBJECT_CAP];
    BIO *text = BIO_new(BIO_s_mem());
    bool noted = text && X509_NAME_print_ex(text, X509_get_subject_name(peer), 0,
                                            XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0;
    int len = noted ? BIO_read(text, name, sizeof name - 1) : 0;
    size_t size = len > 0 ? (size_t)len : 0;
    name[size] = '\0';
    BIO_free(text);
    return noted && SSL_SESSION_set1_ticket_appdata(session, name, size + 1) == 1;
}

const char *pirn__tls_openssl_peer(const SSL *ssl)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    void *name = NULL;
    size_t len = 0;
    if (session)
        SSL_SESSION_get0_ticket_appdata(session, &name, &len);
    return len > 0 ? name : NULL;
}

/* ---- elements of a session */

/* Takes an element out of an encoded session; returns where the rest begins, NULL if it is not in
 * there. */
static unsigned char *cut(unsigned char *der, long *size, enum element element)
{
    const unsigned char *at = der;
    long len;
    int tag, class;
    if (ASN1_get_object(&at, &len, &tag, &class, *size) & 0x80)
        return NULL;
    unsigned char *body = der + (at - der), *end = body + len;
    while (at < end) {
        unsigned char *begin = der + (at - der);
        if (ASN1_get_object(&at, &len, &tag, &class, end - at) & 0x80)
            return NULL;
        at += len;
        if (class != V_ASN1_CONTEXT_SPECIFIC || tag != (int)element)
            continue;
        memmove(begin, at, (size_t)(end - at));
        int left = (int)(end - body - (at - begin));
        *size = ASN1_object_size(1, left, V_ASN1_SEQUENCE);
        unsigned char *whole = body - (*size - left), *head = whole;
        ASN1_put_object(&head, 1, left, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
        return whole;
    }
    return NULL;
}

static void drop(SSL_SESSION *session, enum element element)
{
    unsigned char *der = NULL;
    long size = i2d_SSL_SESSION(session, &der);
    size_t whole = size > 0 ? (size_t)size : 0;
    const unsigned char *rest = size > 0 ? cut(der, &size, element) : NULL;
    if (rest)
        d2i_SSL_SESSION(&session, &rest, size);
    OPENSSL_clear_free(der, whole);
}

void pirn__tls_openssl_drop_ticket(SSL *ssl)
{
    drop(SSL_get_session(ssl), TICKET);
}

/* ---- the certificates */

static void drop_chain(STACK_OF(X509) * chain)
{
    while (chain && sk_X509_num(chain) > 0)
        X509_free(sk_X509_pop(chain));
}

bool pirn__tls_openssl_note_peer(SSL *ssl)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    X509 *peer = SSL_SESSION_get0_peer(session);
    if (!peer)
        return true;
    if (!note_name(session, peer))
        return false;
    drop(session, PEER);
    drop_chain(SSL_get_peer_cert_chain(ssl));
    drop_chain(SSL_get0_verified_chain(ssl));
    return true;
}

/* ---- the keys of the key exchange */

/* A key that is given another type loses what it was. */
static void drop_key(EVP_PKEY *key)
{
    EVP_PKEY_set_type(key, EVP_PKEY_HMAC);
    EVP_PKEY_free(key);
}

void pirn__tls_openssl_drop_keys(SSL *ssl)
{
    EVP_PKEY *key;
    if (SSL_get_tmp_key(ssl, &key) == 1)
        drop_key(key);
    if (SSL_get_peer_tmp_key(ssl, &key) == 1)
        drop_key(key);
}
