/* Sessions over a pair of sockets, both ends in this thread: every cut of a record, resumption,
 * reload, ends, damage, much at a time, and memory that runs out. */
#include "tls_pair.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certificates.h"
#include "tls/tls_library.h"

/* ---- resumption, reload */

/* TLS 1.2 only, which no configuration asks for. */
__attribute__((weak)) long SSL_ctrl(void *ssl, int command, long number, void *pointer);
enum { SET_MAX_VERSION = 124, TLS_1_2 = 0x303 };

/* Another connection with the same contexts; whether it resumed. Both ends know their peer, as its
 * certificate was shown some time. */
static bool again(struct tls_pair *pair, bool old)
{
    static const char *const peers[] = {
        [A] = "CN=client,O=pirn tests", [B] = "CN=localhost,O=pirn tests"};
    struct pirn_tls_info infos[2];
    pair_end_sessions(pair);
    pair_connect_fds(pair, false);
    pair_start(pair, "localhost");
    if (old)
        assert_int_equal(SSL_ctrl(pair->ends[B]->state, SET_MAX_VERSION, TLS_1_2, NULL), 1);
    assert_true(pair_shake_hands(pair));
    pair_exchange(pair); /* which takes the client's ticket in */
    for (int end = A; end <= B; end++) {
        pirn__tls_info(pair->ends[end], &infos[end]);
        assert_string_equal(infos[end].version, old ? "TLSv1.2" : "TLSv1.3");
        assert_string_equal(infos[end].peer_subject, peers[end]);
        assert_true(infos[end].verified);
    }
    assert_int_equal(infos[A].resumed, infos[B].resumed);
    return infos[A].resumed;
}

static void resume(bool old, int off)
{
    struct pirn_tls_config server = pair_server_of("localhost"), client = pair_server_of("client");
    struct tls_pair pair;
    server.client_certificates = PIRN_TLS_CLIENTS_REQUIRED;
    server.ca.file = client.ca.file = certificate("ca.pem");
    client.no_resumption = off & 1;
    server.no_resumption = off & 2;
    pair_open(&pair, &server, &client, "localhost");
    assert_false(again(&pair, old));
    for (int i = 0; i < 3; i++)
        assert_int_equal(again(&pair, old), off == 0);
    assert_int_equal(pirn_tls_reload(pair.contexts[A], NULL, pair_why, sizeof pair_why), 0);
    assert_false(again(&pair, old));
    assert_int_equal(again(&pair, old), off == 0);
    pair_close(&pair);
}

static void test_resumption(void **state)
{
    (void)state;
    for (int off = 0; off < 4; off++)
        for (int old = 0; old <= (SSL_ctrl != NULL); old++)
            resume(old, off);
}

static void test_reload(void **state)
{
    (void)state;
    struct pirn_tls_config first = pair_server_of("localhost"), second = pair_server_of("other"),
                           bad = pair_server_of("nobody");
    const struct pirn_tls_config client = {.insecure = true, .no_resumption = true};
    struct pirn_tls_info info;
    struct tls_pair pair, later;
    pair_open(&pair, &first, &client, "localhost");
    assert_int_equal(pirn_tls_reload(pair.contexts[A], &second, pair_why, sizeof pair_why), 0);
    assert_true(pair_shake_hands(&pair)); /* begun before */
    pirn__tls_info(pair.ends[B], &info);
    assert_string_equal(info.peer_subject, "CN=localhost,O=pirn tests");
    for (int failing = 0; failing < 2; failing++) {
        if (failing) {
            assert_int_equal(pirn_tls_reload(pair.contexts[A], &bad, pair_why, sizeof pair_why),
                             -PIRN_E_TLS_CONFIG);
            assert_non_null(strstr(pair_why, "nobody.pem: No such file"));
        }
        memset(&later, 0, sizeof later);
        later.loop = pair.loop;
        memcpy(later.contexts, pair.contexts, sizeof pair.contexts);
        pair_connect_fds(&later, false);
        pair_start(&later, "localhost");
        assert_true(pair_shake_hands(&later));
        pirn__tls_info(later.ends[B], &info);
        assert_string_equal(info.peer_subject, "CN=other,O=pirn tests");
        pair_end_sessions(&later);
    }
    assert_int_equal(pirn_tls_reload(pair.contexts[A], NULL, pair_why, sizeof pair_why), 0);
    pair_exchange(&pair);
    pirn_tls_free(pair.contexts[A]);
    pirn_tls_free(pair.contexts[B]);
    pair.contexts[A] = pair.contexts[B] = NULL;
    pair_exchange(&pair);
    pair_close(&pair);
}

static void test_holders(void **state)
{
    (void)state;
    struct pirn_tls *tls = pair_context(PIRN_CLIENT, NULL);
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
static size_t relay(struct tls_pair *pair, int from, size_t len)
{
    static uint8_t bytes[1 << 16];
    ssize_t got = recv(pair->far[from], bytes, len < sizeof bytes ? len : sizeof bytes, 0);
    if (got <= 0)
        return 0;
    assert_int_equal(send(pair->far[!from], bytes, (size_t)got, 0), got);
    return (size_t)got;
}

static void open_relayed(struct tls_pair *pair)
{
    const struct pirn_tls_config server = pair_server_of("localhost"),
                                 client = {.ca.file = certificate("ca.pem")};
    pair_open(pair, &server, &client, "localhost");
    pair_end_sessions(pair);
    pair_connect_fds(pair, true);
    pair_start(pair, "localhost");
}

static void test_handshakes_in_pieces(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 7, 100, 1000, 1 << 16};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct tls_pair pair;
        int results[2] = {0, 0};
        open_relayed(&pair);
        for (int round = 0; round < 10000 && (results[A] < 1 || results[B] < 1); round++)
            for (int end = B; end >= A; end--) {
                results[end] = pirn__tls_handshake(pair.ends[end]);
                assert_true(results[end] >= 0);
                relay(&pair, end, sizes[i]);
            }
        assert_true(results[A] == 1 && results[B] == 1);
        pair_close(&pair);
    }
}

static void shake_hands_relayed(struct tls_pair *pair)
{
    char none;
    while (!pirn__tls_is_open(pair->ends[A]) || !pirn__tls_is_open(pair->ends[B]))
        for (int end = B; end >= A; end--) {
            assert_true(pirn__tls_handshake(pair->ends[end]) >= 0);
            relay(pair, end, SIZE_MAX);
        }
    while (relay(pair, A, SIZE_MAX) > 0)
        continue;
    pair_would_block(pair_receive(pair->ends[B], &none, 1)); /* takes the tickets */
}

/* A record that has come in part gives nothing, wherever it is cut. */
static void test_every_cut(void **state)
{
    (void)state;
    struct tls_pair pair;
    char got[64];
    size_t size = 1;
    open_relayed(&pair);
    shake_hands_relayed(&pair);
    for (size_t cut = 1; cut < size; cut++) {
        assert_int_equal(pair_give(pair.ends[A], "in one record", 13), 13);
        assert_int_equal(relay(&pair, A, cut), cut);
        pair_would_block(pair_receive(pair.ends[B], got, sizeof got));
        assert_false(pirn__tls_has_input(pair.ends[B]));
        size = cut + relay(&pair, A, SIZE_MAX);
        assert_in_range(size, 13 + 5 + 16, 64);
        assert_int_equal(pair_receive(pair.ends[B], got, sizeof got), 13);
        assert_memory_equal(got, "in one record", 13);
    }
    pair_close(&pair);
}

/* A record that is read little by little is inside while the socket is empty. */
static void test_little_room(void **state)
{
    (void)state;
    const struct pirn_tls_config server = pair_server_of("localhost"), client = {.insecure = true};
    struct tls_pair pair;
    char got = 0;
    pair_open(&pair, &server, &client, "localhost");
    assert_true(pair_shake_hands(&pair));
    pair_exchange(&pair);
    assert_false(pirn__tls_has_input(pair.ends[B]));
    for (int i = 0; i < 3; i++)
        assert_int_equal(pair_give(pair.ends[A], "abcdefghijklmnopqrstuvwxyz", 26), 26);
    for (int i = 0; i < 3 * 26; i++) {
        assert_int_equal(pair_receive(pair.ends[B], &got, 1), 1);
        assert_int_equal(got, 'a' + i % 26);
        assert_int_equal(pirn__tls_has_input(pair.ends[B]), i < 3 * 26 - 1);
    }
    pair_would_block(pair_receive(pair.ends[B], &got, 1));
    pair_close(&pair);
}

/* ---- much */

static void set_buffers(struct tls_pair *pair, int bytes)
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
    const struct pirn_tls_config server = pair_server_of("localhost"), client = {.insecure = true};
    for (size_t i = 0; i < LEN; i++)
        data[i] = pattern(i);
    for (size_t row = 0; row < COUNT(buffers); row++) {
        struct tls_pair pair;
        size_t sent[2] = {0, 0}, came[2] = {0, 0}, room = 1;
        pair_open(&pair, &server, &client, "localhost");
        if (buffers[row])
            set_buffers(&pair, buffers[row]);
        assert_true(pair_shake_hands(&pair));
        for (int round = 0; came[A] < LEN || came[B] < LEN; round++) {
            assert_true(round < 100000);
            for (int end = A; end <= B; end++) {
                if (sent[end] < LEN)
                    pour(pair.ends[end], data, LEN, &sent[end]);
                else
                    pirn__tls_flush(pair.ends[end]);
                room = room * 5 % sizeof got + 1;
                ssize_t n = pair_receive(pair.ends[end], got, room);
                assert_true(n > 0 || errno == EAGAIN);
                if (n > 0)
                    assert_memory_equal(got, data + came[end], (size_t)n);
                came[end] += n > 0 ? (size_t)n : 0;
            }
        }
        assert_int_equal(pirn__tls_waiting(pair.ends[A]), 0);
        pair_close(&pair);
    }
}

/* One send and one recv for what a turn made, and nothing kept when it is idle. */
static void test_idle_memory(void **state)
{
    (void)state;
    static char block[60000];
    const struct pirn_tls_config server = pair_server_of("localhost"), client = {.insecure = true};
    struct tls_pair pair;
    pair_open(&pair, &server, &client, "localhost");
    assert_true(pair_shake_hands(&pair));
    pair_exchange(&pair);
    size_t before = pair.memory.bytes, asked = pair.memory.asked;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(pair_give(pair.ends[A], block, sizeof block), sizeof block);
        for (size_t came = 0; came < sizeof block;) {
            ssize_t n = pair_receive(pair.ends[B], block, sizeof block);
            assert_true(n > 0);
            came += (size_t)n;
        }
    }
    assert_int_equal(pair.memory.bytes, before);
    assert_int_equal(pair.memory.asked, asked);
    pair_close(&pair);
}

/* ---- ends */

static void test_ends(void **state)
{
    (void)state;
    for (int clean = 0; clean < 2; clean++)
        for (int end = A; end <= B; end++) {
            const struct pirn_tls_config server = pair_server_of("localhost"),
                                         client = {.insecure = true};
            struct tls_pair pair;
            char got[16];
            pair_open(&pair, &server, &client, "localhost");
            assert_true(pair_shake_hands(&pair));
            pair_exchange(&pair);
            assert_int_equal(pair_give(pair.ends[end], "last", 4), 4);
            for (int twice = 0; twice < 2 && clean; twice++)
                pirn__tls_shutdown(pair.ends[end]);
            close(pair.fds[end]);
            pair.fds[end] = -1;
            assert_int_equal(pair_receive(pair.ends[!end], got, sizeof got), 4);
            assert_int_equal(pair_receive(pair.ends[!end], got, sizeof got), clean ? 0 : -1);
            assert_int_equal(pirn__tls_error(pair.ends[!end]), clean ? 0 : PIRN_E_TLS_TRUNCATED);
            if (!clean) {
                assert_int_equal(errno, EPROTO);
                assert_string_equal(pair_text_of(pair.ends[!end]), "unexpected eof while reading");
            }
            assert_true(pirn__tls_has_input(pair.ends[!end]));
            pair_close(&pair);
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
        const struct pirn_tls_config server = pair_server_of("localhost");
        struct tls_pair pair;
        char none;
        pair_open(&pair, &server, NULL, "localhost");
        assert_int_equal(send(pair.fds[B], rows[i].bytes, rows[i].len, 0), rows[i].len);
        shutdown(pair.fds[B], SHUT_WR);
        for (int turn = 0; turn < 2; turn++) /* the bytes, and their end */
            assert_int_equal(pair_receive(pair.ends[A], &none, 1), -1);
        if (rows[i].text)
            assert_string_equal(pair_text_of(pair.ends[A]), rows[i].text);
        assert_int_equal(pirn__tls_error(pair.ends[A]), rows[i].error);
        assert_int_equal(pirn__tls_handshake(pair.ends[A]), -(int)rows[i].error);
        pair_close(&pair);
    }
}

/* A byte that was changed on the way ends it, on both sides. */
static void test_damage(void **state)
{
    (void)state;
    struct tls_pair pair;
    uint8_t bytes[256];
    char got[64];
    open_relayed(&pair);
    shake_hands_relayed(&pair);
    assert_int_equal(pair_give(pair.ends[B], "hello", 5), 5);
    ssize_t len = recv(pair.far[B], bytes, sizeof bytes, 0);
    bytes[len - 1] ^= 1;
    assert_int_equal(send(pair.far[A], bytes, (size_t)len, 0), len);
    assert_int_equal(pair_receive(pair.ends[A], got, sizeof got), -1);
    assert_int_equal(pirn__tls_error(pair.ends[A]), PIRN_E_TLS_RECORD);
    assert_string_equal(pair_text_of(pair.ends[A]), "decryption failed or bad record mac");
    assert_int_equal(pair_give(pair.ends[A], "hello", 5), -1);
    relay(&pair, A, SIZE_MAX);
    assert_int_equal(pair_receive(pair.ends[B], got, sizeof got), -1);
    assert_string_equal(pair_text_of(pair.ends[B]), "sslv3 alert bad record mac");
    pair_close(&pair);
}

static void test_lost_sockets(void **state)
{
    (void)state;
    const struct pirn_tls_config server = pair_server_of("localhost"), client = {.insecure = true};
    struct tls_pair pair;
    char got[16];
    pair_open(&pair, &server, &client, "localhost");
    assert_true(pair_shake_hands(&pair));
    pair_exchange(&pair);
    assert_int_equal(pair_give(pair.ends[B], "last", 4), 4);
    pirn__tls_shutdown(pair.ends[B]);
    close(pair.fds[B]);
    pair.fds[B] = -1;
    assert_int_equal(pair_give(pair.ends[A], "anybody?", 8), -1);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(pirn__tls_error(pair.ends[A]), PIRN_E_NONE); /* reading goes on */
    assert_int_equal(pair_receive(pair.ends[A], got, sizeof got), 4);
    assert_int_equal(pair_receive(pair.ends[A], got, sizeof got), 0);
    pair_close(&pair);
}

/* ---- the key log, and memory that runs out */

static void test_key_log(void **state)
{
    (void)state;
    char path[128], text[4096] = "";
    snprintf(path, sizeof path, "%s", certificate("keys.log"));
    const struct pirn_tls_config server = pair_server_of("localhost"),
                                 client = {.insecure = true, .key_log_file = path};
    struct stat status;
    struct tls_pair pair;
    pair_open(&pair, &server, &client, "localhost");
    assert_true(pair_shake_hands(&pair));
    pair_close(&pair);
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
    const struct pirn_tls_config server = pair_server_of("localhost"), client = {.insecure = true};
    struct tls_pair pair;
    size_t sent = 0, came = 0;
    pair_open(&pair, &server, &client, "localhost");
    pair_end_sessions(&pair);
    pair_connect_fds(&pair, false);
    set_buffers(&pair, 4096);
    pair.memory.fail_at = pair.memory.asked + fail_at;
    for (int end = A; end <= B; end++)
        pair.ends[end] = pirn__tls_start(pair.contexts[end], pair.loop, pair.fds[end], "localhost");
    bool good = pair.ends[A] && pair.ends[B] && pair_shake_hands(&pair);
    while (good && came < sizeof block) {
        size_t room = came % 3 ? 100 : sizeof got;
        ssize_t n = sent < sizeof block ? pair_give(pair.ends[A], block + sent, sizeof block - sent)
                                        : pirn__tls_flush(pair.ends[A]);
        good = n >= 0 || errno == EAGAIN;
        sent += n > 0 ? (size_t)n : 0;
        n = pair_receive(pair.ends[B], got, room);
        good = good && (n > 0 || errno == EAGAIN);
        came += n > 0 ? (size_t)n : 0;
    }
    bool failed = pair.memory.failed > 0;
    assert_int_equal(good, !failed);
    pair_close(&pair);
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
        cmocka_unit_test(test_resumption),     cmocka_unit_test(test_reload),
        cmocka_unit_test(test_holders),        cmocka_unit_test(test_handshakes_in_pieces),
        cmocka_unit_test(test_every_cut),      cmocka_unit_test(test_little_room),
        cmocka_unit_test(test_much_both_ways), cmocka_unit_test(test_idle_memory),
        cmocka_unit_test(test_ends),           cmocka_unit_test(test_what_is_no_tls),
        cmocka_unit_test(test_damage),         cmocka_unit_test(test_lost_sockets),
        cmocka_unit_test(test_key_log),        cmocka_unit_test(test_without_memory),
    };
    return certificates_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
