#include "tls_pair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificates.h"

enum { ROUNDS = 200 };

char pair_why[256];

struct pirn_tls *pair_context(enum pirn_role role, const struct pirn_tls_config *config)
{
    struct pirn_tls *made = pirn_tls_new(role, config, pair_why, sizeof pair_why);
    if (!made)
        fail_msg("%s", pair_why);
    return made;
}

struct pirn_tls_config pair_server_of(const char *name)
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

static void open_loop(struct tls_pair *pair)
{
    const struct pirn_loop_config config = {.realloc = ledger_realloc,
                                            .realloc_context = &pair->memory};
    pair->loop = pirn_loop_new(&config);
    assert_non_null(pair->loop);
}

void pair_connect_fds(struct tls_pair *pair, bool relayed)
{
    int pairs[2][2];
    for (int i = 0; i <= relayed; i++)
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pairs[i]), 0);
    pair->fds[A] = pairs[0][0];
    pair->fds[B] = relayed ? pairs[1][0] : pairs[0][1];
    pair->far[A] = relayed ? pairs[0][1] : -1;
    pair->far[B] = relayed ? pairs[1][1] : -1;
}

void pair_start(struct tls_pair *pair, const char *name)
{
    for (int end = A; end <= B; end++) {
        pair->ends[end] = pirn__tls_start(pair->contexts[end], pair->loop, pair->fds[end],
                                          end == B ? name : NULL);
        assert_non_null(pair->ends[end]);
    }
}

void pair_open(struct tls_pair *pair, const struct pirn_tls_config *server,
               const struct pirn_tls_config *client, const char *name)
{
    memset(pair, 0, sizeof *pair);
    pair->contexts[A] = pair_context(PIRN_SERVER, server);
    pair->contexts[B] = pair_context(PIRN_CLIENT, client);
    open_loop(pair);
    pair_connect_fds(pair, false);
    pair_start(pair, name);
}

/* The sessions, with their sockets. */
void pair_end_sessions(struct tls_pair *pair)
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

void pair_close(struct tls_pair *pair)
{
    pair_end_sessions(pair);
    pirn_tls_free(pair->contexts[A]);
    pirn_tls_free(pair->contexts[B]);
    pirn_loop_free(pair->loop);
    assert_int_equal(pair->memory.blocks, 0);
}

/* Both go on until both are done, whether well or not. */
bool pair_shake_hands(struct tls_pair *pair)
{
    int results[2] = {0, 0};
    for (int round = 0; round < ROUNDS && (results[A] == 0 || results[B] == 0); round++)
        for (int end = B; end >= A; end--)
            results[end] = pirn__tls_handshake(pair->ends[end]);
    return results[A] == 1 && results[B] == 1;
}

ssize_t pair_receive(struct pirn__tls *tls, void *data, size_t cap)
{
    const struct iovec room = {data, cap};
    return pirn__tls_recv(tls, &room, 1);
}

ssize_t pair_give(struct pirn__tls *tls, const void *data, size_t len)
{
    const struct iovec piece = {(void *)(uintptr_t)data, len};
    return pirn__tls_send(tls, &piece, 1);
}

void pair_expect(struct pirn__tls *tls, const char *text)
{
    char got[256];
    assert_int_equal(pair_receive(tls, got, sizeof got), strlen(text));
    assert_memory_equal(got, text, strlen(text));
}

void pair_exchange(struct tls_pair *pair)
{
    for (int end = A; end <= B; end++) {
        assert_int_equal(pair_give(pair->ends[end], "hello", 5), 5);
        pair_expect(pair->ends[!end], "hello");
    }
}

const char *pair_text_of(const struct pirn__tls *tls)
{
    return pirn__tls_text(tls, pair_why, sizeof pair_why);
}

void pair_would_block(ssize_t result)
{
    assert_int_equal(result, -1);
    assert_int_equal(errno, EAGAIN);
}
