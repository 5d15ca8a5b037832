/* Sessions as programs have them: by pirn/tls.h alone. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pirn/loop.h>

#include "certificates.h"
#include "tls_pair.h"

/* As struct tls_pair, of what is public. */
struct ends {
    struct pirn_loop *loop;
    struct pirn_tls *contexts[2];
    struct pirn_tls_session *ends[2];
    int fds[2];
};

static void begin(struct ends *pair, const char *name)
{
    const struct pirn_tls_config server = pair_server_of("localhost"),
                                 client = {.ca.file = certificate("ca.pem")};
    pair->loop = pirn_loop_new(NULL);
    pair->contexts[A] = pair_context(PIRN_SERVER, &server);
    pair->contexts[B] = pair_context(PIRN_CLIENT, &client);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair->fds), 0);
    for (int end = A; end <= B; end++) {
        pair->ends[end] = pirn_tls_session_new(pair->contexts[end], pair->loop, pair->fds[end],
                                               end == B ? name : NULL);
        assert_non_null(pair->ends[end]);
        pirn_tls_free(pair->contexts[end]);
    }
}

/* Until both are done, or one has failed: what the client says, or else the server. */
static int shake_hands(struct ends *pair)
{
    int results[2] = {0, 0};
    while (results[A] >= 0 && results[B] >= 0 && results[A] + results[B] < 2)
        for (int end = B; end >= A; end--)
            results[end] = pirn_tls_session_handshake(pair->ends[end]);
    return results[B] < 0 ? results[B] : results[A];
}

static void open_ends(struct ends *pair)
{
    begin(pair, "localhost");
    assert_int_equal(shake_hands(pair), 1);
}

static void end(struct ends *pair)
{
    for (int end = A; end <= B; end++) {
        pirn_tls_session_free(pair->ends[end]);
        if (pair->fds[end] >= 0)
            close(pair->fds[end]);
    }
    pirn_loop_free(pair->loop);
}

static void would_block(struct pirn_tls_session *session)
{
    char byte;
    errno = 0;
    assert_int_equal(pirn_tls_session_receive(session, &byte, 1), -PIRN_E_SYSTEM);
    assert_int_equal(errno, EAGAIN);
    assert_false(pirn_tls_session_has_input(session));
    assert_int_equal(pirn_tls_session_events(session), PIRN_READABLE);
}

static void bytes_pass(void **state)
{
    struct ends pair;
    struct pirn_tls_info info;
    char got[8] = "";
    (void)state;
    begin(&pair, "localhost");
    assert_int_equal(pirn_tls_session_send(pair.ends[B], "x", 1), -PIRN_E_SYSTEM);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(shake_hands(&pair), 1);
    would_block(pair.ends[B]);
    assert_int_equal(pirn_tls_session_send(pair.ends[A], "hello", 5), 5);
    assert_int_equal(pirn_tls_session_receive(pair.ends[B], got, 2), 2);
    assert_true(pirn_tls_session_has_input(pair.ends[B])); /* and the socket is empty */
    assert_int_equal(pirn_tls_session_receive(pair.ends[B], got + 2, sizeof got - 2), 3);
    assert_string_equal(got, "hello");
    would_block(pair.ends[B]);
    assert_int_equal(pirn_tls_session_send(pair.ends[B], "bye", 3), 3);
    assert_int_equal(pirn_tls_session_receive(pair.ends[A], got, sizeof got), 3);
    assert_memory_equal(got, "bye", 3);
    pirn_tls_session_info(pair.ends[B], &info);
    assert_true(info.verified);
    assert_string_equal(info.server_name, "localhost");
    end(&pair);
}

/* More than the socket holds. */
static void much_waits_and_leaves(void **state)
{
    static char sent[1 << 20], got[1 << 20];
    struct ends pair;
    size_t given = 0, taken = 0;
    bool waited = false;
    (void)state;
    open_ends(&pair);
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (char)(i * 7 + i / 251);
    while (taken < sizeof got) {
        int n = pirn_tls_session_send(pair.ends[A], sent + given, sizeof sent - given);
        given += n > 0 ? (size_t)n : 0;
        waited |= (pirn_tls_session_events(pair.ends[A]) & PIRN_WRITABLE) != 0;
        n = pirn_tls_session_receive(pair.ends[B], got + taken, sizeof got - taken);
        taken += n > 0 ? (size_t)n : 0;
    }
    assert_true(waited);
    assert_memory_equal(got, sent, sizeof got);
    end(&pair);
}

static void ends_are_told(void **state)
{
    struct ends pair;
    char byte, text[128];
    (void)state;
    open_ends(&pair);
    would_block(pair.ends[B]);
    pirn_tls_session_shutdown(pair.ends[A]);
    assert_int_equal(pirn_tls_session_receive(pair.ends[B], &byte, 1), 0);
    assert_int_equal(pirn_tls_session_send(pair.ends[B], "x", 1), 1); /* it may go on */
    end(&pair);

    open_ends(&pair);
    would_block(pair.ends[B]);
    close(pair.fds[A]);
    pair.fds[A] = -1;
    assert_int_equal(pirn_tls_session_receive(pair.ends[B], &byte, 1), -PIRN_E_TLS_TRUNCATED);
    assert_non_null(strstr(pirn_tls_session_text(pair.ends[B], text, sizeof text), "eof"));
    end(&pair);
}

static void failures_are_told(void **state)
{
    struct ends pair;
    char text[128];
    (void)state;
    begin(&pair, "other.test");
    assert_int_equal(shake_hands(&pair), -PIRN_E_TLS_CERTIFICATE);
    assert_non_null(strstr(pirn_tls_session_text(pair.ends[B], text, sizeof text), "mismatch"));
    end(&pair);

    begin(&pair, "localhost");
    assert_int_equal(write(pair.fds[B], "GET / HTTP/1.1\r\n\r\n", 18), 18);
    assert_int_equal(pirn_tls_session_handshake(pair.ends[A]), -PIRN_E_TLS_PLAIN);
    end(&pair);
    assert_null(pirn_tls_session_new(NULL, NULL, -1, NULL));
    pirn_tls_session_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_pass),
        cmocka_unit_test(much_waits_and_leaves),
        cmocka_unit_test(ends_are_told),
        cmocka_unit_test(failures_are_told),
    };
    if (!certificates_available())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
