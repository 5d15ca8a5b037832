/* Whom the ends of TLS sessions trust, by what names they know each other, and contexts that cannot
 * be. */
#include "tls_pair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificates.h"

/* ---- whom a client trusts */

static const struct trust {
    const char *server, *ca, *folder, *name, *crl;
    bool insecure;
    enum pirn_error error;
    const char *text;
} trusts[] = {
    {"localhost", "ca.pem", NULL, "localhost", NULL, false, 0, NULL},
    {"localhost", "ca.pem", NULL, "LocalHost", NULL, false, 0, NULL},
    {"localhost", "ca.pem", NULL, "localhost.", NULL, false, 0, NULL},
    {"localhost", "ca.pem", NULL, "127.0.0.1", NULL, false, 0, NULL},
    {"localhost", "ca.pem", NULL, "::1", NULL, false, 0, NULL},
    {"localhost", "ca.pem", NULL, "[::1]", NULL, false, 0, NULL},
    {"localhost", "ca.pem", NULL, "::1%lo", NULL, false, 0, NULL},
    {"localhost", "ca.pem", NULL, "127.0.0.2", NULL, false, PIRN_E_TLS_CERTIFICATE,
     "certificate verify failed: IP address mismatch"},
    {"localhost", "ca.pem", NULL, "localhost.test", NULL, false, PIRN_E_TLS_CERTIFICATE,
     "certificate verify failed: hostname mismatch"},
    {"wrong-host", "ca.pem", NULL, "localhost", NULL, false, PIRN_E_TLS_CERTIFICATE,
     "certificate verify failed: hostname mismatch"},
    {"wrong-host", "ca.pem", NULL, "elsewhere.test", NULL, false, 0, NULL},
    {"other", "ca.pem", NULL, "deep.wild.test", NULL, false, 0, NULL},
    {"other", "ca.pem", NULL, "too.deep.wild.test", NULL, false, PIRN_E_TLS_CERTIFICATE,
     "certificate verify failed: hostname mismatch"},
    {"expired", "ca.pem", NULL, "localhost", NULL, false, PIRN_E_TLS_CERTIFICATE,
     "certificate verify failed: certificate has expired"},
    {"early", "ca.pem", NULL, "localhost", NULL, false, PIRN_E_TLS_CERTIFICATE,
     "certificate verify failed: certificate is not yet valid"},
    {"self-signed", "ca.pem", NULL, "localhost", NULL, false, PIRN_E_TLS_CERTIFICATE,
     "certificate verify failed: self-signed certificate"},
    {"self-signed", "self-signed.pem", NULL, "localhost", NULL, false, 0, NULL},
    {"localhost", "other-ca.pem", NULL, "localhost", NULL, false, PIRN_E_TLS_CERTIFICATE,
     "certificate verify failed: unable to get local issuer certificate"},
    {"localhost", NULL, NULL, "localhost", NULL, false, PIRN_E_TLS_CERTIFICATE,
     "certificate verify failed: unable to get local issuer certificate"},
    {"localhost", NULL, "folder", "localhost", NULL, false, 0, NULL},
    {"chain", "ca.pem", NULL, "localhost", NULL, false, 0, NULL},
    {"below", "ca.pem", NULL, "localhost", NULL, false, PIRN_E_TLS_CERTIFICATE,
     "certificate verify failed: unable to get local issuer certificate"},
    {"below", "intermediate.pem", NULL, "localhost", NULL, false, 0, NULL},
    {"revoked", "ca.pem", NULL, "localhost", "crl.pem", false, PIRN_E_TLS_CERTIFICATE,
     "certificate verify failed: certificate revoked"},
    {"revoked", "ca.pem", NULL, "localhost", NULL, false, 0, NULL},
    {"localhost", "ca.pem", NULL, "localhost", "crl.pem", false, 0, NULL},
    {"expired", NULL, NULL, "anything.test", NULL, true, 0, NULL},
};

static void test_trust(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(trusts); i++) {
        const struct trust *row = &trusts[i];
        struct pirn_tls_config server = pair_server_of(row->server);
        struct pirn_tls_config client = {
            .ca.file = row->ca ? certificate(row->ca) : NULL,
            .ca_folder = row->folder ? certificate(row->folder) : NULL,
            .crl.file = row->crl ? certificate(row->crl) : NULL,
            .insecure = row->insecure,
        };
        struct pirn_tls_info info;
        struct tls_pair pair;
        pair_open(&pair, &server, &client, row->name);
        bool good = pair_shake_hands(&pair);
        if (good == (row->error != 0) || pirn__tls_error(pair.ends[B]) != row->error)
            fail_msg("%s as %s: %s", row->server, row->name, pair_text_of(pair.ends[B]));
        if (good) {
            pair_exchange(&pair);
            pirn__tls_info(pair.ends[B], &info);
            assert_int_equal(info.verified, !row->insecure);
            assert_true(strncmp(info.peer_subject, "CN=", 3) == 0);
        } else {
            assert_string_equal(pair_text_of(pair.ends[B]), row->text);
            assert_int_equal(pirn__tls_error(pair.ends[A]), PIRN_E_TLS_HANDSHAKE);
            assert_non_null(strstr(pair_text_of(pair.ends[A]), "alert"));
            assert_int_equal(pair_receive(pair.ends[B], pair_why, 1), -1);
            assert_int_equal(errno, EPROTO);
        }
        pair_close(&pair);
    }
}

static void test_names_that_cannot_be(void **state)
{
    (void)state;
    static char longest[300];
    static const char *const names[] = {"", "[]", longest, NULL};
    struct tls_pair pair;
    struct pirn_tls_config server = pair_server_of("localhost");
    memset(longest, 'a', sizeof longest - 1);
    pair_open(&pair, &server, NULL, "localhost");
    for (size_t i = 0; i < COUNT(names); i++)
        assert_null(pirn__tls_start(pair.contexts[B], pair.loop, pair.fds[B], names[i]));
    pair_close(&pair);
}

/* ---- whom a server trusts */

static void test_client_certificates(void **state)
{
    (void)state;
    static const struct {
        enum pirn_tls_client_certificates asked;
        const char *client;
        bool good, named;
    } rows[] = {
        {PIRN_TLS_CLIENTS_ANONYMOUS, NULL, true, false},
        {PIRN_TLS_CLIENTS_ANONYMOUS, "client", true, false},
        {PIRN_TLS_CLIENTS_OPTIONAL, NULL, true, false},
        {PIRN_TLS_CLIENTS_OPTIONAL, "client", true, true},
        {PIRN_TLS_CLIENTS_OPTIONAL, "foreign-client", false, false},
        {PIRN_TLS_CLIENTS_REQUIRED, NULL, false, false},
        {PIRN_TLS_CLIENTS_REQUIRED, "client", true, true},
        {PIRN_TLS_CLIENTS_REQUIRED, "foreign-client", false, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pirn_tls_config server = pair_server_of("localhost");
        struct pirn_tls_config client = rows[i].client ? pair_server_of(rows[i].client)
                                                       : (struct pirn_tls_config){.insecure = 0};
        struct pirn_tls_info info;
        struct tls_pair pair;
        server.ca.file = client.ca.file = certificate("ca.pem");
        server.client_certificates = rows[i].asked;
        pair_open(&pair, &server, &client, "localhost");
        assert_int_equal(pair_shake_hands(&pair), rows[i].good);
        if (rows[i].good) {
            pirn__tls_info(pair.ends[A], &info);
            assert_string_equal(info.peer_subject, rows[i].named ? "CN=client,O=pirn tests" : "");
            assert_int_equal(info.verified, rows[i].named);
            pair_exchange(&pair);
        } else {
            assert_int_equal(pirn__tls_error(pair.ends[A]), PIRN_E_TLS_CERTIFICATE);
            assert_int_equal(pair_receive(pair.ends[B], pair_why, sizeof pair_why),
                             -1); /* it thought all well */
            assert_int_equal(errno, EPROTO);
            assert_non_null(strstr(pair_text_of(pair.ends[B]), "alert"));
        }
        pair_close(&pair);
    }
}

/* ---- which certificate a server shows */

static void test_names_of_servers(void **state)
{
    (void)state;
    static const struct {
        const char *name, *subject;
        const char *sent; /* RFC 6066, 3: no addresses, no dot behind */
    } rows[] = {
        {"localhost", "CN=localhost,O=pirn tests", "localhost"},
        {"localhost.", "CN=localhost,O=pirn tests", "localhost"},
        {"other.test", "CN=other,O=pirn tests", "other.test"},
        {"a.wild.test", "CN=other,O=pirn tests", "a.wild.test"},
        {"elsewhere.test", "CN=wrong-host,O=pirn tests", "elsewhere.test"},
        {"unknown.test", "CN=localhost,O=pirn tests", "unknown.test"},
        {"127.0.0.1", "CN=localhost,O=pirn tests", NULL},
        {"::1", "CN=localhost,O=pirn tests", NULL},
        {"[fe80::1%lo]", "CN=localhost,O=pirn tests", NULL},
    };
    struct pirn_tls_config server = pair_server_of("localhost");
    const struct pirn_tls_identity others[] = {pair_server_of("other").identity,
                                               pair_server_of("wrong-host").identity};
    const struct pirn_tls_config client = {.insecure = true};
    server.others = others;
    server.other_count = COUNT(others);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pirn_tls_info info;
        struct tls_pair pair;
        pair_open(&pair, &server, &client, rows[i].name);
        assert_true(pair_shake_hands(&pair));
        pirn__tls_info(pair.ends[B], &info);
        assert_string_equal(info.peer_subject, rows[i].subject);
        assert_string_equal(info.alpn, "http/1.1");
        pirn__tls_info(pair.ends[A], &info);
        assert_string_equal(info.server_name ? info.server_name : "none",
                            rows[i].sent ? rows[i].sent : "none");
        assert_string_equal(info.alpn, "http/1.1");
        assert_string_equal(info.version, "TLSv1.3");
        pair_close(&pair);
    }
}

/* ---- contexts that cannot be */

static void test_bad_configurations(void **state)
{
    (void)state;
    const struct pirn_tls_pem good = {.file = certificate("localhost.pem")};
    const struct pirn_tls_pem key = {.file = certificate("localhost.key")};
    const struct pirn_tls_pem other = {.file = certificate("other.key")};
    const struct pirn_tls_pem locked = {.file = certificate("locked.key")};
    const struct pirn_tls_pem none = {.file = certificate("there.is.none")};
    const struct pirn_tls_pem text = {.file = certificate("ca.cnf")};
    const struct pirn_tls_pem torn = {
        .data = PIRN_STR("-----BEGIN CERTIFICATE-----\nabcd\n-----END CERTIFICATE-----\n")};
    const struct pirn_tls_pem broken = {
        .data = PIRN_STR("-----BEGIN PRIVATE KEY-----\nabcd\n-----END PRIVATE KEY-----\n")};
    const struct {
        enum pirn_role role;
        struct pirn_tls_config config;
        const char *text;
    } rows[] = {
        {PIRN_SERVER, {.insecure = false}, "a server needs a certificate"},
        {PIRN_SERVER, {.identity = {.chain = none}}, "there.is.none: No such file or directory"},
        {PIRN_SERVER, {.identity = {.chain = text}}, "no certificate in "},
        {PIRN_SERVER, {.identity = {.chain = torn}}, "cannot use the certificates in memory"},
        {PIRN_SERVER, {.identity = {.chain = good}}, "no private key in "},
        {PIRN_SERVER, {.identity = {.chain = good, .key = broken}}, "cannot use the key in memory"},
        {PIRN_SERVER, {.identity = {.chain = good, .key = none}}, "there.is.none: No such file"},
        {PIRN_SERVER,
         {.identity = {.chain = good, .key = other}},
         "is not that of the certificate"},
        {PIRN_SERVER, {.identity = {.chain = good, .key = locked}}, "cannot use the key in "},
        {PIRN_SERVER, {.identity = {good, key, NULL}, .ciphers = "NO-SUCH"}, "ciphers 'NO-SUCH'"},
        {PIRN_SERVER, {.identity = {good, key, NULL}, .ciphersuites = "NO"}, "ciphersuites 'NO'"},
        {PIRN_SERVER,
         {.identity = {good, key, NULL}, .client_certificates = PIRN_TLS_CLIENTS_REQUIRED},
         "a CA is needed"},
        {PIRN_SERVER,
         {.identity = {good, key, NULL},
          .ca = key,
          .client_certificates = PIRN_TLS_CLIENTS_OPTIONAL},
         "no certificate in "},
        {PIRN_CLIENT, {.ca = none}, "there.is.none: No such file or directory"},
        {PIRN_CLIENT, {.crl = good}, "no revocation list in "},
        {PIRN_CLIENT, {.key_log_file = "/no/such/folder/log"}, "cannot write /no/such/folder/log"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pirn_tls *made =
            pirn_tls_new(rows[i].role, &rows[i].config, pair_why, sizeof pair_why);
        if (made || !strstr(pair_why, rows[i].text))
            fail_msg("%zu: %s", i, made ? "it was made" : pair_why);
        assert_null(strchr(pair_why, '\n'));
        assert_null(pirn_tls_new(rows[i].role, &rows[i].config, NULL, 0));
    }
}

static void test_from_memory(void **state)
{
    (void)state;
    static char both[8192];
    FILE *file = fopen(certificate("both.pem"), "r");
    size_t len = fread(both, 1, sizeof both, file);
    fclose(file);
    const struct pirn_tls_config server = {.identity = {.chain.data = {both, len}}};
    const struct pirn_tls_config client = {.ca.data = {both, len}};
    const struct pirn_tls_config locked = {.identity = {{.file = certificate("localhost.pem")},
                                                        {.file = certificate("locked.key")},
                                                        "secret"}};
    struct tls_pair pair;
    pair_open(&pair, &server, &client, "localhost");
    assert_true(pair_shake_hands(&pair));
    pair_exchange(&pair);
    pair_close(&pair);
    pirn_tls_free(pair_context(PIRN_SERVER, &locked));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trust),
        cmocka_unit_test(test_names_that_cannot_be),
        cmocka_unit_test(test_client_certificates),
        cmocka_unit_test(test_names_of_servers),
        cmocka_unit_test(test_bad_configurations),
        cmocka_unit_test(test_from_memory),
    };
    return certificates_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
