#include "certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <pirn/loop.h>

static char folder[] = "/tmp/pirn-certificates-XXXXXX";
static bool made, rsa;

static int run(const char *format, const char *argument)
{
    char command[512];
    snprintf(command, sizeof command, format, argument, folder);
    return system(command);
}

static void remove_folder(void)
{
    run("rm -rf %.0s'%s'", "");
}

static void make_folder(void)
{
    const char *source = getenv("PIRN_SOURCE_DIR");
    assert_non_null(mkdtemp(folder));
    made = true;
    atexit(remove_folder);
    assert_int_equal(run(rsa ? "sh '%s/tests/support/certificates.sh' '%s' rsa"
                             : "sh '%s/tests/support/certificates.sh' '%s'",
                         source ? source : "."),
                     0);
}

bool certificates_available(void)
{
    return pirn_tls_available() && system("openssl version >/dev/null 2>&1") == 0;
}

void certificates_with_rsa(void)
{
    rsa = true;
}

const char *certificate(const char *name)
{
    static char paths[8][sizeof folder + 64];
    static unsigned next;
    char *path = paths[next++ % 8];
    if (!made)
        make_folder();
    snprintf(path, sizeof *paths, "%s/%s", folder, name);
    return path;
}

static struct pirn_tls *contexts[2];

static void free_contexts(void)
{
    pirn_tls_free(contexts[PIRN_SERVER]);
    pirn_tls_free(contexts[PIRN_CLIENT]);
}

struct pirn_tls *certificates_tls(enum pirn_role role)
{
    static char error[256];
    if (!getenv("PIRN_TEST_TLS") || contexts[role])
        return contexts[role];
    const struct pirn_tls_config server = {.identity = {.chain.file = certificate("both.pem")}};
    const struct pirn_tls_config client = {.ca.file = certificate("ca.pem")};
    contexts[PIRN_SERVER] = pirn_tls_new(PIRN_SERVER, &server, error, sizeof error);
    contexts[PIRN_CLIENT] = pirn_tls_new(PIRN_CLIENT, &client, error, sizeof error);
    if (!contexts[PIRN_SERVER] || !contexts[PIRN_CLIENT])
        fail_msg("no TLS: %s", error);
    atexit(free_contexts);
    return contexts[role];
}

static struct pirn_loop *loop;

static void free_loop(void)
{
    pirn_loop_free(loop);
}

struct pirn_loop *certificates_loop(void)
{
    if (loop)
        return loop;
    loop = pirn_loop_new(NULL);
    assert_non_null(loop);
    atexit(free_loop);
    return loop;
}
