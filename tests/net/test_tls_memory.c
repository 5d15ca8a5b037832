/* What a connection over TLS costs its process while nothing happens: everything that is malloc's,
 * OpenSSL's too, of a server's side and of a client's. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include <pirn/client.h>
#include <pirn/server.h>
#include <pirn/tls.h>

#include "account.h"
#include "certificates.h"
#include "tls_pair.h"

enum { MANY = 10, MOST_BYTES = 16 << 10, OPENSSL_3_0 = 0x300 };

/* Other versions have other sizes. */
__attribute__((weak)) unsigned long OpenSSL_version_num(void);

/* Each end on a loop of its own, with what it holds. */
static struct end {
    struct pirn_loop *loop;
    struct pirn_tls *tls;
    struct account account;
} ends[2];

static struct pirn_server *server;
static struct pirn_client *clients[MANY + 1];
static size_t answers;

static void turn(void)
{
    struct pollfd fds[2];
    int wait_ms = 1000;
    for (int end = A; end <= B; end++) {
        int ms = pirn_loop_timeout_ms(ends[end].loop);
        fds[end] = (struct pollfd){.fd = pirn_loop_fd(ends[end].loop), .events = POLLIN};
        wait_ms = ms >= 0 && ms < wait_ms ? ms : wait_ms;
    }
    poll(fds, 2, wait_ms);
    for (int end = A; end <= B; end++) {
        account_use(&ends[end].account);
        assert_true(pirn_loop_dispatch(ends[end].loop) >= 0);
    }
    account_use(NULL);
}

static void echo(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    pirn_conn_send(conn, type, data, len);
}

static void count_answer(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    (void)conn, (void)type, (void)data, (void)len;
    answers++;
}

static void say_hello(struct pirn_conn *conn)
{
    pirn_conn_send(conn, PIRN_TEXT, "hello", 5);
}

static void refuse_failure(struct pirn_client *client, const struct pirn_client_failure *failure)
{
    (void)client;
    fail_msg("%s", failure->info.text);
}

/* One more client, which has had its answer. */
static struct pirn_client *connect_one(void)
{
    char url[64];
    size_t before = answers;
    snprintf(url, sizeof url, "wss://localhost:%u/", (unsigned)pirn_server_port(server));
    const struct pirn_client_config config = {
        .url = url,
        .tls = ends[B].tls,
        .proxy = "",
        .on_failure = refuse_failure,
        .conn.handlers = {.on_open = say_hello, .on_message = count_answer},
    };
    account_use(&ends[B].account);
    struct pirn_client *client = pirn_client_new(ends[B].loop, &config, NULL);
    account_use(NULL);
    assert_non_null(client);
    while (answers == before)
        turn();
    return client;
}

struct row {
    const char *chain, *key;
    bool resumes;
    const char *ciphersuites;
    bool plain; /* the client has no configuration of TLS */
};

static void open_ends(const struct row *row)
{
    char why[256];
    const struct pirn_loop_config loop = {.realloc = account_realloc};
    const struct pirn_server_config config = {.conn.handlers.on_message = echo};
    const struct pirn_tls_config configs[] = {
        [A] = {.identity = {.chain.file = certificate(row->chain),
                            .key.file = certificate(row->key)},
               .ciphersuites = row->ciphersuites},
        [B] = {.ca.file = certificate("ca.pem"), .no_resumption = !row->resumes}};
    for (int end = A; end <= B; end++) {
        ends[end].loop = pirn_loop_new(&loop);
        if (end == B && row->plain)
            continue;
        ends[end].tls = pirn_tls_new((enum pirn_role)end, &configs[end], why, sizeof why);
        if (!ends[end].tls)
            fail_msg("%s", why);
    }
    server = pirn_server_new(ends[A].loop, &config);
    assert_int_equal(pirn_server_listen(server, &(struct pirn_listen){.tls = ends[A].tls}), 0);
}

static void close_ends(void)
{
    for (size_t i = 0; i < COUNT(clients); i++)
        pirn_client_free(clients[i]);
    pirn_server_free(server);
    for (int end = A; end <= B; end++) {
        pirn_tls_free(ends[end].tls);
        pirn_loop_free(ends[end].loop);
        ends[end] = (struct end){.loop = NULL};
    }
}

static void measure(const struct row *row)
{
    struct pirn_tls_info info;
    size_t before[2];
    open_ends(row);
    for (size_t i = 0; i < COUNT(clients); i++) {
        clients[i] = connect_one();
        for (int end = A; end <= B && i == 0; end++) /* with what all have in common */
            before[end] = ends[end].account.bytes;
    }
    assert_true(pirn_conn_tls(pirn_client_conn(clients[MANY]), &info));
    assert_int_equal(info.resumed, row->resumes);
    assert_true(info.verified);
    assert_string_equal(info.cipher,
                        row->ciphersuites ? row->ciphersuites : "TLS_AES_128_GCM_SHA256");
    for (int end = A; end <= B; end++) {
        size_t each = (ends[end].account.bytes - before[end]) / MANY;
        assert_int_equal(ends[end].account.record_buffers, 0);
        print_message("%s%s, %s: %zu bytes\n", row->chain, row->resumes ? ", resumed" : "",
                      end == A ? "server" : "client", each);
        if (OpenSSL_version_num() >> 20 == OPENSSL_3_0)
            assert_in_range(each, 1, MOST_BYTES);
    }
    close_ends();
}

static void an_idle_connection(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"chain.pem", "below.key", .resumes = false},
        {"chain.pem", "below.key", .resumes = true},
        {"chain.pem", "below.key", .resumes = true, .ciphersuites = "TLS_AES_256_GCM_SHA384"},
        {"chain.pem", "below.key", .resumes = true, .plain = true},
        {"rsa-chain.pem", "rsa-below.key", .resumes = false},
        {"rsa-chain.pem", "rsa-below.key", .resumes = true},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        measure(&rows[i]);
}

/* Not even a client has any that has taken in a ticket, and has said nothing since. */
static void record_buffers(void **state)
{
    (void)state;
    const struct pirn_tls_config own = pair_server_of("localhost"), other = {.insecure = true};
    static struct account account;
    struct tls_pair pair;
    account_use(&account);
    pair_open(&pair, &own, &other, "localhost");
    assert_true(pair_shake_hands(&pair));
    assert_int_equal(pair_give(pair.ends[A], "hello", 5), 5);
    pair_expect(pair.ends[B], "hello");
    account_use(NULL);
    assert_int_equal(account.record_buffers, 0);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_idle_connection),
                                       cmocka_unit_test(record_buffers)};
    certificates_with_rsa();
    if (!account_openssl() || !certificates_available())
        return 77;
    setenv("SSL_CERT_FILE", certificate("ca.pem"), 1); /* the system's roots */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
