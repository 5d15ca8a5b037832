/* pirn/tls.h: TLS for both ends: certificates, what to trust, and what was agreed on.
 *
 * A context says with what an end of a connection identifies itself and whom it trusts. Listeners
 * and clients point to it (pirn_listen.tls); any number of connections, also on loops of other
 * threads, share it. It is counted inside: a connection keeps what it was made with, so that
 * freeing and reloading a context never harm one that lives.
 *
 * Verification cannot be forgotten: a client verifies the chain and the name unless it asks for
 * `insecure`. TLS 1.2 and 1.3; renegotiation and compression are off; the application protocol
 * (ALPN) is http/1.1. The library is OpenSSL 3, and its memory is its own: the loop's realloc sees
 * only the queues of a connection. Without OpenSSL the same functions are there, and refuse. */
#ifndef PIRN_TLS_H
#define PIRN_TLS_H

#include <stddef.h>

#include <pirn/base.h>
#include <pirn/endpoint.h>
#include <pirn/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pirn_conn;
struct pirn_loop;
struct pirn_request;
struct pirn_tls;

/* Certificates or a key in PEM: a file, or else its bytes. All zero: none. */
struct pirn_tls_pem {
    const char *file;
    struct pirn_str data;
};

/* With what an end identifies itself. */
struct pirn_tls_identity {
    struct pirn_tls_pem chain; /* its certificate, then those between it and the root */
    struct pirn_tls_pem key;   /* none: the key is in the chain's file or bytes */
    const char *key_password;  /* NULL: the key is not encrypted */
};

/* Whether a server asks clients for a certificate. One that is given must be good. */
enum pirn_tls_client_certificates {
    PIRN_TLS_CLIENTS_ANONYMOUS,
    PIRN_TLS_CLIENTS_OPTIONAL,
    PIRN_TLS_CLIENTS_REQUIRED
};

enum pirn_tls_version { PIRN_TLS_1_2, PIRN_TLS_1_3 };

/* Zero in any field means its default. Copied; what it points to must stay until
 * pirn_tls_free(), or another configuration takes its place. */
struct pirn_tls_config {
    struct pirn_tls_identity identity; /* servers must have one; of clients that are asked for it */
    const struct pirn_tls_identity *others; /* servers: taken when its certificate, and not the */
    size_t other_count;                     /* first's, has the name the client asks for (SNI) */
    struct pirn_tls_pem ca;  /* roots that are trusted. Clients without ca and ca_folder trust the
                              * system's; servers need either to ask for certificates */
    const char *ca_folder;   /* more of them, as made by `openssl rehash` */
    struct pirn_tls_pem crl; /* what was revoked; each issuer in the chain needs a list then */
    enum pirn_tls_client_certificates client_certificates; /* of servers; anonymous */
    enum pirn_tls_version min_version;                     /* TLS 1.2 */
    const char *ciphers;      /* of TLS 1.2, OpenSSL's notation, the best first: servers choose by
                               * their own order; NULL: OpenSSL's default */
    const char *ciphersuites; /* of TLS 1.3, likewise; NULL: AES-128-GCM comes first */
    bool no_resumption;       /* every handshake is a full one */
    bool insecure;            /* clients: nothing is verified; who is in between reads all */
    const char *key_log_file; /* secrets are appended to this file, for Wireshark; NULL: none. The
                               * environment is not looked at: programs pass SSLKEYLOGFILE */
};

/* Whether this library was built with TLS. */
PIRN_API bool pirn_tls_available(void);

/* Makes a context for servers or for clients; config may be NULL for clients. Files are read now.
 * Returns NULL and one line of text in error[0..cap) (may be NULL with cap 0) that says what is
 * wrong with what, such as "cannot read cert.pem: No such file or directory", or "not built into
 * this library". Freed by pirn_tls_free(). */
PIRN_API struct pirn_tls *pirn_tls_new(enum pirn_role role, const struct pirn_tls_config *config,
                                       char *error, size_t cap);

/* Reads all anew, as configured, or with another configuration if config is not NULL: handshakes
 * that begin from now on use it, connections that are open go on, and sessions of before are not
 * resumed. If that fails all stays as it was, error says why as in pirn_tls_new(), and
 * -PIRN_E_TLS_CONFIG is returned; else 0. From any thread. */
PIRN_API int pirn_tls_reload(struct pirn_tls *tls, const struct pirn_tls_config *config,
                             char *error, size_t cap);

/* Frees the context: for the program at once, while listeners, clients and connections that have it
 * keep what they need. NULL is let be. */
PIRN_API void pirn_tls_free(struct pirn_tls *tls);

#define PIRN_TLS_SUBJECT_CAP 256

/* What a TLS connection agreed on. Texts are good as long as the connection. */
struct pirn_tls_info {
    const char *version;     /* "TLSv1.3" */
    const char *cipher;      /* "TLS_AES_256_GCM_SHA384" */
    const char *alpn;        /* "http/1.1"; NULL: the peer offered, or took, none */
    const char *server_name; /* of SNI; NULL: none */
    bool resumed;            /* no certificates were exchanged this time */
    bool verified;           /* the peer has shown a certificate, and it was verified */
    char peer_subject[PIRN_TLS_SUBJECT_CAP]; /* of that certificate, as "CN=name,O=house" (RFC
                                              * 2253), cut if longer; "" without one */
};

/* Fills info; false, and info is let be, if the connection is plain. */
PIRN_API bool pirn_conn_tls(const struct pirn_conn *conn, struct pirn_tls_info *info);

/* The same of a request, as long as it is not answered: whether to let in whom the certificate
 * names. */
PIRN_API bool pirn_request_tls(const struct pirn_request *request, struct pirn_tls_info *info);

/* ---- A session: bytes over TLS on a socket of the program's own. Connections have theirs inside;
 * this is for what is no WebSocket, or must not be one that a library would make. It takes the
 * place of the socket's recv and send. What differs: bytes may lie inside while the socket is not
 * readable, and bytes that it took may not have left yet. All calls belong to the loop's thread. */
struct pirn_tls_session;

/* Begins a session on a connected, non-blocking socket, which stays the program's: to be watched,
 * and closed after the session is freed. The role is that of tls, which may be freed before. name:
 * clients: whom to verify, a host name (sent by SNI too) or an address; servers: NULL. Returns NULL
 * without tls, without memory, or for a name that cannot be. Nothing is sent yet. */
PIRN_API struct pirn_tls_session *pirn_tls_session_new(struct pirn_tls *tls, struct pirn_loop *loop,
                                                       int fd, const char *name);

/* Frees a session, at any time and before its loop; sends nothing. NULL is let be. */
PIRN_API void pirn_tls_session_free(struct pirn_tls_session *session);

/* Goes on with the handshake, at first beginning it: 1 when it is done, 0 when it waits for the
 * socket, or an error, with which the session is of no use any more: -PIRN_E_TLS_HANDSHAKE,
 * _TLS_CERTIFICATE, _TLS_TRUNCATED, _TLS_RECORD, _TLS_PLAIN, _MEMORY, or -PIRN_E_SYSTEM for the
 * socket's own. */
PIRN_API int pirn_tls_session_handshake(struct pirn_tls_session *session);

/* Receive and send at most len bytes. Return how many, receive 0 when the peer has ended its side
 * in the proper way; -PIRN_E_SYSTEM with errno EAGAIN when that would block, as it does until the
 * handshake is done, with another errno for a failure of the socket; or errors as above. Both send
 * what waits, if they can. */
PIRN_API int pirn_tls_session_receive(struct pirn_tls_session *session, void *data, size_t len);
PIRN_API int pirn_tls_session_send(struct pirn_tls_session *session, const void *data, size_t len);

/* To be asked after the calls above, before the program waits: whether receive has something to
 * give, be it an end, of which the socket does not tell; and for what to watch the socket:
 * PIRN_READABLE, and PIRN_WRITABLE if bytes wait to leave. */
PIRN_API bool pirn_tls_session_has_input(const struct pirn_tls_session *session);
PIRN_API unsigned pirn_tls_session_events(const struct pirn_tls_session *session);

/* Ends our side in the proper way, by close_notify, as far as the socket takes it: nothing can be
 * sent any more. The socket stays open. */
PIRN_API void pirn_tls_session_shutdown(struct pirn_tls_session *session);

/* Why it failed, in one line, with OpenSSL's words; returns text. And what was agreed on. */
PIRN_API const char *pirn_tls_session_text(const struct pirn_tls_session *session, char *text,
                                           size_t cap);
PIRN_API void pirn_tls_session_info(const struct pirn_tls_session *session,
                                    struct pirn_tls_info *info);

#ifdef __cplusplus
}
#endif
#endif
