/* Sessions over a pair of sockets, both ends in this thread: whom they trust, what is told of a
 * failure, every cut of a record, resumption, reload, ends, and memory that runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certificates.h"
#include "ledger.h"
#include "tls.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { A = PIRN_SERVER, B = PIRN_CLIENT, ROUNDS = 200 };

static char why[256];

/* Two ends, and the contexts they were begun with. relayed: bytes go from one socket to the other
 * by the test's hand. */
struct pair {
    struct pirn_tls *contexts[2];
    struct pirn__tls *ends[2];
    int fds[2], far[2]; /* far: the other sides, if relayed */
    struct pirn_loop *loop;
    struct ledger memory;
};

static struct pirn_tls *context(enum pirn_role role, const struct pirn_tls_config *config)
{
    struct pirn_tls *made = pirn_tls_new(role, config, why, sizeof why);
    if (!made)
        fail_msg("%s", why);
    return made;
}

static struct pirn_tls_config server_of(const char *name)
{
    static char chains[4][128], keys[4][128];
    static unsigned next;
    char *chain = chains[next % 4], *key = keys[next++ % 4], file[64];
    snprintf(file, sizeof file, "%s.pem", name);
    snprintf(chain, sizeof *chains, "%s", certificate(file));
    snprintf(file, sizeof file, "%s.key", strcmp(name, "chain") == 0 ? "below" : name);
    snprintf(key, sizeof *keys, "%s", certificate(file));
    return (struct pirn_tls_config){.identity = {.chain.file = chain, .key.file = key}};
}

static void open_loop(struct pair *pair)
{
    const struct pirn_loop_config config = {.realloc = ledger_realloc,
                                            .realloc_context = &pair->memory};
    pair->loop = pirn_loop_new(&config);
    assert_non_null(pair->loop);
}

static void connect_fds(struct pair *pair, bool relayed)
{
    int pairs[2][2];
    for (int i = 0; i <= relayed; i++)
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pairs[i]), 0);
    pair->fds[A] = pairs[0][0];
    pair->fds[B] = relayed ? pairs[1][0] : pairs[0][1];
    pair->far[A] = relayed ? pairs[0][1] : -1;
    pair->far[B] = relayed ? pairs[1][1] : -1;
}

static void start(struct pair *pair, const char *name)
{
    for (int end = A; end <= B; end++) {
        pair->ends[end] = pirn__tls_start(pair->contexts[end], pair->loop, pair->fds[end],
                                          end == B ? name : NULL);
        assert_non_null(pair->ends[end]);
    }
}

static void open_pair(struct pair *pair, const struct pirn_tls_config *server,
                      const struct pirn_tls_config *client, const char *name)
{
    memset(pair, 0, sizeof *pair);
    pair->contexts[A] = context(PIRN_SERVER, server);
    pair->contexts[B] = context(PIRN_CLIENT, client);
    open_loop(pair);
    connect_fds(pair, false);
    start(pair, name);
}

/* The sessions, with their sockets. */
static void end_sessions(struct pair *pair)
{
    for (int end = A; end <= B; end++) {
        pirn__tls_free(pair->ends[end]);
        pair->ends[end] = NULL;
        if (pair->fds[end] >= 0)
            close(pair->fds[end]);
        if (pair->far[end] > 0)
            close(pair->far[end]);
    }
}

static void close_pair(struct pair *pair)
{
    end_sessions(pair);
    pirn_tls_free(pair->contexts[A]);
    pirn_tls_free(pair->contexts[B]);
    pirn_loop_free(pair->loop);
    assert_int_equal(pair->memory.blocks, 0);
}

/* Both go on until both are done, whether well or not. */
static bool shake_hands(struct pair *pair)
{
    int results[2] = {0, 0};
    for (int round = 0; round < ROUNDS && (results[A] == 0 || results[B] == 0); round++)
        for (int end = B; end >= A; end--)
            results[end] = pirn__tls_handshake(pair->ends[end]);
    return results[A] == 1 && results[B] == 1;
}

static ssize_t receive(struct pirn__tls *tls, void *data, size_t cap)
{
    const struct iovec room = {data, cap};
    return pirn__tls_recv(tls, &room, 1);
}

static ssize_t give(struct pirn__tls *tls, const void *data, size_t len)
{
    const struct iovec piece = {(void *)(uintptr_t)data, len};
    return pirn__tls_send(tls, &piece, 1);
}

static void expect(struct pirn__tls *tls, const char *text)
{
    char got[256];
    assert_int_equal(receive(tls, got, sizeof got), strlen(text));
    assert_memory_equal(got, text, strlen(text));
}

static void exchange(struct pair *pair)
{
    for (int end = A; end <= B; end++) {
        assert_int_equal(give(pair->ends[end], "hello", 5), 5);
        expect(pair->ends[!end], "hello");
    }
}

static const char *text_of(const struct pirn__tls *tls)
{
    return pirn__tls_text(tls, why, sizeof why);
}

static void would_block(ssize_t result)
{
    assert_int_equal(result, -1);
    assert_int_equal(errno, EAGAIN);
}

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
        struct pirn_tls_config server = server_of(row->server);
        struct pirn_tls_config client = {
            .ca.file = row->ca ? certificate(row->ca) : NULL,
            .ca_folder = row->folder ? certificate(row->folder) : NULL,
            .crl.file = row->crl ? certificate(row->crl) : NULL,
            .insecure = row->insecure,
        };
        struct pirn_tls_info info;
        struct pair pair;
        open_pair(&pair, &server, &client, row->name);
        bool good = shake_hands(&pair);
        if (good == (row->error != 0) || pirn__tls_error(pair.ends[B]) != row->error)
            fail_msg("%s as %s: %s", row->server, row->name, text_of(pair.ends[B]));
        if (good) {
            exchange(&pair);
            pirn__tls_info(pair.ends[B], &info);
            assert_int_equal(info.verified, !row->insecure);
            assert_true(strncmp(info.peer_subject, "CN=", 3) == 0);
        } else {
            assert_string_equal(text_of(pair.ends[B]), row->text);
            assert_int_equal(pirn__tls_error(pair.ends[A]), PIRN_E_TLS_HANDSHAKE);
            assert_non_null(strstr(text_of(pair.ends[A]), "alert"));
            assert_int_equal(receive(pair.ends[B], why, 1), -1);
            assert_int_equal(errno, EPROTO);
        }
        close_pair(&pair);
    }
}

static void test_names_that_cannot_be(void **state)
{
    (void)state;
    static char longest[300];
    static const char *const names[] = {"", "[]", longest, NULL};
    struct pair pair;
    struct pirn_tls_config server = server_of("localhost");
    memset(longest, 'a', sizeof longest - 1);
    open_pair(&pair, &server, NULL, "localhost");
    for (size_t i = 0; i < COUNT(names); i++)
        assert_null(pirn__tls_start(pair.contexts[B], pair.loop, pair.fds[B], names[i]));
    close_pair(&pair);
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
        struct pirn_tls_config server = server_of("localhost");
        struct pirn_tls_config client =
            rows[i].client ? server_of(rows[i].client) : (struct pirn_tls_config){.insecure = 0};
        struct pirn_tls_info info;
        struct pair pair;
        server.ca.file = client.ca.file = certificate("ca.pem");
        server.client_certificates = rows[i].asked;
        open_pair(&pair, &server, &client, "localhost");
        assert_int_equal(shake_hands(&pair), rows[i].good);
        if (rows[i].good) {
            pirn__tls_info(pair.ends[A], &info);
            assert_string_equal(info.peer_subject, rows[i].named ? "CN=client,O=pirn tests" : "");
            assert_int_equal(info.verified, rows[i].named);
            exchange(&pair);
        } else {
            assert_int_equal(pirn__tls_error(pair.ends[A]), PIRN_E_TLS_CERTIFICATE);
            assert_int_equal(receive(pair.ends[B], why, sizeof why), -1); /* it thought all well */
            assert_int_equal(errno, EPROTO);
            assert_non_null(strstr(text_of(pair.ends[B]), "alert"));
        }
        close_pair(&pair);
    }
}

/* ---- which certificate a server shows */

static void test_names_of_servers(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"localhost", "CN=localhost,O=pirn tests"},
        {"other.test", "CN=other,O=pirn tests"},
        {"a.wild.test", "CN=other,O=pirn tests"},
        {"elsewhere.test", "CN=wrong-host,O=pirn tests"},
        {"unknown.test", "CN=localhost,O=pirn tests"},
        {"127.0.0.1", "CN=localhost,O=pirn tests"},
    };
    struct pirn_tls_config server = server_of("localhost");
    const struct pirn_tls_identity others[] = {server_of("other").identity,
                                               server_of("wrong-host").identity};
    const struct pirn_tls_config client = {.insecure = true};
    server.others = others;
    server.other_count = COUNT(others);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pirn_tls_info info;
        struct pair pair;
        open_pair(&pair, &server, &client, rows[i][0]);
        assert_true(shake_hands(&pair));
        pirn__tls_info(pair.ends[B], &info);
        assert_string_equal(info.peer_subject, rows[i][1]);
        assert_string_equal(info.alpn, "http/1.1");
        pirn__tls_info(pair.ends[A], &info);
        if (strcmp(rows[i][0], "127.0.0.1") == 0)
            assert_null(info.server_name); /* RFC 6066, 3: no addresses */
        else
            assert_string_equal(info.server_name, rows[i][0]);
        assert_string_equal(info.alpn, "http/1.1");
        assert_string_equal(info.version, "TLSv1.3");
        close_pair(&pair);
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
    const struct {
        enum pirn_role role;
        struct pirn_tls_config config;
        const char *text;
    } rows[] = {
        {PIRN_SERVER, {.insecure = false}, "a server needs a certificate"},
        {PIRN_SERVER, {.identity = {.chain = none}}, "there.is.none: No such file or directory"},
        {PIRN_SERVER, {.identity = {.chain = text}}, "no certificate in "},
        {PIRN_SERVER, {.identity = {.chain = torn}}, "cannot use the certificates in memory"},
        {PIRN_SERVER, {.identity = {.chain = good}}, "cannot use the key in "},
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
        struct pirn_tls *made = pirn_tls_new(rows[i].role, &rows[i].config, why, sizeof why);
        if (made || !strstr(why, rows[i].text))
            fail_msg("%zu: %s", i, made ? "it was made" : why);
        assert_null(strchr(why, '\n'));
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
    struct pair pair;
    open_pair(&pair, &server, &client, "localhost");
    assert_true(shake_hands(&pair));
    exchange(&pair);
    close_pair(&pair);
    pirn_tls_free(context(PIRN_SERVER, &locked));
}

/* ---- resumption, reload */

/* Another connection with the same contexts; whether it resumed. */
static bool again(struct pair *pair)
{
    struct pirn_tls_info infos[2];
    end_sessions(pair);
    connect_fds(pair, false);
    start(pair, "localhost");
    assert_true(shake_hands(pair));
    exchange(pair); /* which takes the client's ticket in */
    for (int end = A; end <= B; end++)
        pirn__tls_info(pair->ends[end], &infos[end]);
    assert_int_equal(infos[A].resumed, infos[B].resumed);
    assert_string_equal(infos[B].peer_subject, "CN=localhost,O=pirn tests");
    assert_true(infos[B].verified);
    return infos[A].resumed;
}

static void test_resumption(void **state)
{
    (void)state;
    for (int off = 0; off < 4; off++) {
        struct pirn_tls_config server = server_of("localhost");
        struct pirn_tls_config client = {.ca.file = certificate("ca.pem"),
                                         .no_resumption = off & 1};
        struct pair pair;
        server.no_resumption = off & 2;
        open_pair(&pair, &server, &client, "localhost");
        assert_false(again(&pair));
        for (int i = 0; i < 3; i++)
            assert_int_equal(again(&pair), off == 0);
        assert_int_equal(pirn_tls_reload(pair.contexts[A], NULL, why, sizeof why), 0);
        assert_false(again(&pair));
        assert_int_equal(again(&pair), off == 0);
        close_pair(&pair);
    }
}

static void test_reload(void **state)
{
    (void)state;
    struct pirn_tls_config first = server_of("localhost"), second = server_of("other"),
                           bad = server_of("nobody");
    const struct pirn_tls_config client = {.insecure = true, .no_resumption = true};
    struct pirn_tls_info info;
    struct pair pair, later;
    open_pair(&pair, &first, &client, "localhost");
    assert_int_equal(pirn_tls_reload(pair.contexts[A], &second, why, sizeof why), 0);
    assert_true(shake_hands(&pair)); /* begun before */
    pirn__tls_info(pair.ends[B], &info);
    assert_string_equal(info.peer_subject, "CN=localhost,O=pirn tests");
    for (int failing = 0; failing < 2; failing++) {
        if (failing) {
            assert_int_equal(pirn_tls_reload(pair.contexts[A], &bad, why, sizeof why),
                             -PIRN_E_TLS_CONFIG);
            assert_non_null(strstr(why, "nobody.pem: No such file"));
        }
        memset(&later, 0, sizeof later);
        later.loop = pair.loop;
        memcpy(later.contexts, pair.contexts, sizeof pair.contexts);
        connect_fds(&later, false);
        start(&later, "localhost");
        assert_true(shake_hands(&later));
        pirn__tls_info(later.ends[B], &info);
        assert_string_equal(info.peer_subject, "CN=other,O=pirn tests");
        end_sessions(&later);
    }
    assert_int_equal(pirn_tls_reload(pair.contexts[A], NULL, why, sizeof why), 0);
    exchange(&pair);
    pirn_tls_free(pair.contexts[A]);
    pirn_tls_free(pair.contexts[B]);
    pair.contexts[A] = pair.contexts[B] = NULL;
    exchange(&pair);
    close_pair(&pair);
}

static void test_holders(void **state)
{
    (void)state;
    struct pirn_tls *tls = context(PIRN_CLIENT, NULL);
    assert_ptr_equal(pirn__tls_hold(tls), tls);
    assert_null(pirn__tls_hold(NULL));
    pirn_tls_free(tls);
    assert_int_equal(pirn__tls_role(tls), PIRN_CLIENT);
    pirn_tls_free(tls);
    pirn_tls_free(NULL);
    assert_true(pirn_tls_available());
}

/* ---- cuts */

/* Moves up to len bytes to the other end. */
static size_t relay(struct pair *pair, int from, size_t len)
{
    static uint8_t bytes[1 << 16];
    ssize_t got = recv(pair->far[from], bytes, len < sizeof bytes ? len : sizeof bytes, 0);
    if (got <= 0)
        return 0;
    assert_int_equal(send(pair->far[!from], bytes, (size_t)got, 0), got);
    return (size_t)got;
}

static void open_relayed(struct pair *pair)
{
    const struct pirn_tls_config server = server_of("localhost"),
                                 client = {.ca.file = certificate("ca.pem")};
    open_pair(pair, &server, &client, "localhost");
    end_sessions(pair);
    connect_fds(pair, true);
    start(pair, "localhost");
}

static void test_handshakes_in_pieces(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 7, 100, 1000, 1 << 16};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct pair pair;
        int results[2] = {0, 0};
        open_relayed(&pair);
        for (int round = 0; round < 10000 && (results[A] < 1 || results[B] < 1); round++)
            for (int end = B; end >= A; end--) {
                results[end] = pirn__tls_handshake(pair.ends[end]);
                assert_true(results[end] >= 0);
                relay(&pair, end, sizes[i]);
            }
        assert_true(results[A] == 1 && results[B] == 1);
        close_pair(&pair);
    }
}

static void shake_hands_relayed(struct pair *pair)
{
    char none;
    while (!pirn__tls_is_open(pair->ends[A]) || !pirn__tls_is_open(pair->ends[B]))
        for (int end = B; end >= A; end--) {
            assert_true(pirn__tls_handshake(pair->ends[end]) >= 0);
            relay(pair, end, SIZE_MAX);
        }
    while (relay(pair, A, SIZE_MAX) > 0)
        continue;
    would_block(receive(pair->ends[B], &none, 1)); /* takes the tickets */
}

/* A record that has come in part gives nothing, wherever it is cut. */
static void test_every_cut(void **state)
{
    (void)state;
    struct pair pair;
    char got[64];
    size_t size = 1;
    open_relayed(&pair);
    shake_hands_relayed(&pair);
    for (size_t cut = 1; cut < size; cut++) {
        assert_int_equal(give(pair.ends[A], "in one record", 13), 13);
        assert_int_equal(relay(&pair, A, cut), cut);
        would_block(receive(pair.ends[B], got, sizeof got));
        assert_false(pirn__tls_has_input(pair.ends[B]));
        size = cut + relay(&pair, A, SIZE_MAX);
        assert_in_range(size, 13 + 5 + 16, 64);
        assert_int_equal(receive(pair.ends[B], got, sizeof got), 13);
        assert_memory_equal(got, "in one record", 13);
    }
    close_pair(&pair);
}

/* A record that is read little by little is inside while the socket is empty. */
static void test_little_room(void **state)
{
    (void)state;
    const struct pirn_tls_config server = server_of("localhost"), client = {.insecure = true};
    struct pair pair;
    char got = 0;
    open_pair(&pair, &server, &client, "localhost");
    assert_true(shake_hands(&pair));
    exchange(&pair);
    assert_false(pirn__tls_has_input(pair.ends[B]));
    for (int i = 0; i < 3; i++)
        assert_int_equal(give(pair.ends[A], "abcdefghijklmnopqrstuvwxyz", 26), 26);
    for (int i = 0; i < 3 * 26; i++) {
        assert_int_equal(receive(pair.ends[B], &got, 1), 1);
        assert_int_equal(got, 'a' + i % 26);
        assert_int_equal(pirn__tls_has_input(pair.ends[B]), i < 3 * 26 - 1);
    }
    would_block(receive(pair.ends[B], &got, 1));
    close_pair(&pair);
}

/* ---- much */

static void set_buffers(struct pair *pair, int bytes)
{
    for (int end = A; end <= B; end++) {
        setsockopt(pair->fds[end], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
        setsockopt(pair->fds[end], SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
}

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 7 + at / 251);
}

/* Sends what it takes of [*at, len), in three pieces of odd sizes. */
static void pour(struct pirn__tls *tls, const uint8_t *data, size_t len, size_t *at)
{
    size_t left = len - *at, first = left / 7, second = left / 3;
    const struct iovec pieces[] = {
        {(void *)(uintptr_t)(data + *at), first},
        {(void *)(uintptr_t)(data + *at + first), second},
        {(void *)(uintptr_t)(data + *at + first + second), left - first - second},
    };
    ssize_t n = pirn__tls_send(tls, pieces, COUNT(pieces));
    assert_true(n >= 0 || errno == EAGAIN);
    *at += n > 0 ? (size_t)n : 0;
    assert_int_equal(pirn__tls_events(tls),
                     PIRN_READABLE | (pirn__tls_waiting(tls) ? PIRN_WRITABLE : 0));
}

static void test_much_both_ways(void **state)
{
    (void)state;
    enum { LEN = 1 << 20 };
    static uint8_t data[LEN], got[1 << 16];
    static const int buffers[] = {0, 4096, 60000};
    const struct pirn_tls_config server = server_of("localhost"), client = {.insecure = true};
    for (size_t i = 0; i < LEN; i++)
        data[i] = pattern(i);
    for (size_t row = 0; row < COUNT(buffers); row++) {
        struct pair pair;
        size_t sent[2] = {0, 0}, came[2] = {0, 0}, room = 1;
        open_pair(&pair, &server, &client, "localhost");
        if (buffers[row])
            set_buffers(&pair, buffers[row]);
        assert_true(shake_hands(&pair));
        for (int round = 0; came[A] < LEN || came[B] < LEN; round++) {
            assert_true(round < 100000);
            for (int end = A; end <= B; end++) {
                if (sent[end] < LEN)
                    pour(pair.ends[end], data, LEN, &sent[end]);
                else
                    pirn__tls_flush(pair.ends[end]);
                room = room * 5 % sizeof got + 1;
                ssize_t n = receive(pair.ends[end], got, room);
                assert_true(n > 0 || errno == EAGAIN);
                if (n > 0)
                    assert_memory_equal(got, data + came[end], (size_t)n);
                came[end] += n > 0 ? (size_t)n : 0;
            }
        }
        assert_int_equal(pirn__tls_waiting(pair.ends[A]), 0);
        close_pair(&pair);
    }
}

/* One send and one recv for what a turn made, and nothing kept when it is idle. */
static void test_idle_memory(void **state)
{
    (void)state;
    static char block[60000];
    const struct pirn_tls_config server = server_of("localhost"), client = {.insecure = true};
    struct pair pair;
    open_pair(&pair, &server, &client, "localhost");
    assert_true(shake_hands(&pair));
    exchange(&pair);
    size_t before = pair.memory.bytes, asked = pair.memory.asked;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(give(pair.ends[A], block, sizeof block), sizeof block);
        for (size_t came = 0; came < sizeof block;) {
            ssize_t n = receive(pair.ends[B], block, sizeof block);
            assert_true(n > 0);
            came += (size_t)n;
        }
    }
    assert_int_equal(pair.memory.bytes, before);
    assert_int_equal(pair.memory.asked, asked);
    close_pair(&pair);
}

/* ---- ends */

static void test_ends(void **state)
{
    (void)state;
    for (int clean = 0; clean < 2; clean++)
        for (int end = A; end <= B; end++) {
            const struct pirn_tls_config server = server_of("localhost"),
                                         client = {.insecure = true};
            struct pair pair;
            char got[16];
            open_pair(&pair, &server, &client, "localhost");
            assert_true(shake_hands(&pair));
            exchange(&pair);
            assert_int_equal(give(pair.ends[end], "last", 4), 4);
            for (int twice = 0; twice < 2 && clean; twice++)
                pirn__tls_shutdown(pair.ends[end]);
            close(pair.fds[end]);
            pair.fds[end] = -1;
            assert_int_equal(receive(pair.ends[!end], got, sizeof got), 4);
            assert_int_equal(receive(pair.ends[!end], got, sizeof got), clean ? 0 : -1);
            assert_int_equal(pirn__tls_error(pair.ends[!end]), clean ? 0 : PIRN_E_TLS_TRUNCATED);
            if (!clean) {
                assert_int_equal(errno, EPROTO);
                assert_string_equal(text_of(pair.ends[!end]), "unexpected eof while reading");
            }
            assert_true(pirn__tls_has_input(pair.ends[!end]));
            close_pair(&pair);
        }
}

static void test_what_is_no_tls(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        enum pirn_error error;
        const char *text;
    } rows[] = {
        {"GET / HTTP/1.1\r\n", 16, PIRN_E_TLS_PLAIN, "http request"},
        {"POST / HTTP/1.1\r\n", 17, PIRN_E_TLS_PLAIN, "http request"},
        {"SSH-2.0-OpenSSH\r\n", 17, PIRN_E_TLS_HANDSHAKE, "wrong version number"},
        {"\x16\x03\x01\x40\x01zz", 7, PIRN_E_TLS_HANDSHAKE, NULL},
        {"\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9, PIRN_E_TLS_HANDSHAKE, "length too short"},
        {"", 0, PIRN_E_TLS_HANDSHAKE, "unexpected eof while reading"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct pirn_tls_config server = server_of("localhost");
        struct pair pair;
        char none;
        open_pair(&pair, &server, NULL, "localhost");
        assert_int_equal(send(pair.fds[B], rows[i].bytes, rows[i].len, 0), rows[i].len);
        shutdown(pair.fds[B], SHUT_WR);
        for (int turn = 0; turn < 2; turn++) /* the bytes, and their end */
            assert_int_equal(receive(pair.ends[A], &none, 1), -1);
        if (rows[i].text)
            assert_string_equal(text_of(pair.ends[A]), rows[i].text);
        assert_int_equal(pirn__tls_error(pair.ends[A]), rows[i].error);
        assert_int_equal(pirn__tls_handshake(pair.ends[A]), -(int)rows[i].error);
        close_pair(&pair);
    }
}

/* A byte that was changed on the way ends it, on both sides. */
static void test_damage(void **state)
{
    (void)state;
    struct pair pair;
    uint8_t bytes[256];
    char got[64];
    open_relayed(&pair);
    shake_hands_relayed(&pair);
    assert_int_equal(give(pair.ends[B], "hello", 5), 5);
    ssize_t len = recv(pair.far[B], bytes, sizeof bytes, 0);
    bytes[len - 1] ^= 1;
    assert_int_equal(send(pair.far[A], bytes, (size_t)len, 0), len);
    assert_int_equal(receive(pair.ends[A], got, sizeof got), -1);
    assert_int_equal(pirn__tls_error(pair.ends[A]), PIRN_E_TLS_RECORD);
    assert_string_equal(text_of(pair.ends[A]), "decryption failed or bad record mac");
    assert_int_equal(give(pair.ends[A], "hello", 5), -1);
    relay(&pair, A, SIZE_MAX);
    assert_int_equal(receive(pair.ends[B], got, sizeof got), -1);
    assert_string_equal(text_of(pair.ends[B]), "sslv3 alert bad record mac");
    close_pair(&pair);
}

static void test_lost_sockets(void **state)
{
    (void)state;
    const struct pirn_tls_config server = server_of("localhost"), client = {.insecure = true};
    struct pair pair;
    char got[16];
    open_pair(&pair, &server, &client, "localhost");
    assert_true(shake_hands(&pair));
    exchange(&pair);
    assert_int_equal(give(pair.ends[B], "last", 4), 4);
    pirn__tls_shutdown(pair.ends[B]);
    close(pair.fds[B]);
    pair.fds[B] = -1;
    assert_int_equal(give(pair.ends[A], "anybody?", 8), -1);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(pirn__tls_error(pair.ends[A]), PIRN_E_NONE); /* reading goes on */
    assert_int_equal(receive(pair.ends[A], got, sizeof got), 4);
    assert_int_equal(receive(pair.ends[A], got, sizeof got), 0);
    close_pair(&pair);
}

/* ---- the key log, and memory that runs out */

static void test_key_log(void **state)
{
    (void)state;
    char path[128], text[4096] = "";
    snprintf(path, sizeof path, "%s", certificate("keys.log"));
    const struct pirn_tls_config server = server_of("localhost"),
                                 client = {.insecure = true, .key_log_file = path};
    struct stat status;
    struct pair pair;
    open_pair(&pair, &server, &client, "localhost");
    assert_true(shake_hands(&pair));
    close_pair(&pair);
    FILE *file = fopen(path, "r");
    assert_int_not_equal(fread(text, 1, sizeof text - 1, file), 0);
    fclose(file);
    assert_non_null(strstr(text, "\nCLIENT_TRAFFIC_SECRET_0 "));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

/* A whole life in which one allocation of ours fails. */
static bool live(size_t fail_at)
{
    static char block[200000], got[70000];
    const struct pirn_tls_config server = server_of("localhost"), client = {.insecure = true};
    struct pair pair;
    size_t sent = 0, came = 0;
    open_pair(&pair, &server, &client, "localhost");
    end_sessions(&pair);
    connect_fds(&pair, false);
    set_buffers(&pair, 4096);
    pair.memory.fail_at = pair.memory.asked + fail_at;
    for (int end = A; end <= B; end++)
        pair.ends[end] = pirn__tls_start(pair.contexts[end], pair.loop, pair.fds[end], "localhost");
    bool good = pair.ends[A] && pair.ends[B] && shake_hands(&pair);
    while (good && came < sizeof block) {
        size_t room = came % 3 ? 100 : sizeof got;
        ssize_t n = sent < sizeof block ? give(pair.ends[A], block + sent, sizeof block - sent)
                                        : pirn__tls_flush(pair.ends[A]);
        good = n >= 0 || errno == EAGAIN;
        sent += n > 0 ? (size_t)n : 0;
        n = receive(pair.ends[B], got, room);
        good = good && (n > 0 || errno == EAGAIN);
        came += n > 0 ? (size_t)n : 0;
    }
    bool failed = pair.memory.failed > 0;
    assert_int_equal(good, !failed);
    close_pair(&pair);
    return failed;
}

static void test_without_memory(void **state)
{
    (void)state;
    size_t fail_at = 1;
    while (live(fail_at))
        fail_at++;
    assert_in_range(fail_at, 4, 1000);
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
        cmocka_unit_test(test_resumption),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_holders),
        cmocka_unit_test(test_handshakes_in_pieces),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_little_room),
        cmocka_unit_test(test_much_both_ways),
        cmocka_unit_test(test_idle_memory),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_what_is_no_tls),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_lost_sockets),
        cmocka_unit_test(test_key_log),
        cmocka_unit_test(test_without_memory),
    };
    return certificates_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
