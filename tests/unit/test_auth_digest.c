/* The hash functions are those of hash.c; without OpenSSL only what needs none is tested. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/auth.h>
#include <pirn/error.h>

#include "tls/hash.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define S(literal)   PIRN_STR_INIT(literal)

static bool have_hashes(void)
{
    uint8_t out[PIRN_HASH_MAX];
    return pirn__hash(NULL, PIRN_HASH_MD5, NULL, 0, out);
}

static struct pirn_auth_challenge challenge_of(const char *value)
{
    struct pirn_http_list list;
    struct pirn_auth_challenge challenge;
    pirn_http_list_init_value(&list, pirn_cstr(value));
    assert_true(pirn_auth_challenge_next(&list, &challenge));
    return challenge;
}

static struct pirn_auth_answer answer_of(const char *user, const char *password, const char *target,
                                         const char *cnonce)
{
    return (struct pirn_auth_answer){
        .user = pirn_cstr(user),
        .password = pirn_cstr(password),
        .method = PIRN_STR("GET"),
        .target = pirn_cstr(target),
        .cnonce = pirn_cstr(cnonce),
        .count = 1,
        .hash = pirn__hash,
    };
}

#define NONCE  "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
#define CNONCE "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
#define OPAQUE "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
#define MUFASA "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", nonce=\"" NONCE "\", "

static void answers_are_those_of_the_rfcs(void **state)
{
    static const struct {
        const char *challenge, *user, *password, *target, *cnonce, *answer;
    } rows[] = {
        /* RFC 7616, 3.9.1 */
        {"Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, "
         "nonce=\"" NONCE "\", opaque=\"" OPAQUE "\"",
         "Mufasa", "Circle of Life", "/dir/index.html", CNONCE,
         MUFASA "uri=\"/dir/index.html\", algorithm=SHA-256, "
                "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\", "
                "qop=auth, nc=00000001, cnonce=\"" CNONCE "\", opaque=\"" OPAQUE "\""},
        {"Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=MD5, "
         "nonce=\"" NONCE "\", opaque=\"" OPAQUE "\"",
         "Mufasa", "Circle of Life", "/dir/index.html", CNONCE,
         MUFASA "uri=\"/dir/index.html\", algorithm=MD5, "
                "response=\"8ca523f5e9506fed4657c9700eebdbec\", "
                "qop=auth, nc=00000001, cnonce=\"" CNONCE "\", opaque=\"" OPAQUE "\""},
        /* RFC 7616, 3.9.2 with its erratum 4897, for SHA-512/256 is not SHA-512 cut off */
        {"Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, "
         "nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", "
         "opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", charset=UTF-8, userhash=true",
         "J\xC3\xA4s\xC3\xB8n Doe", "Secret, or not?", "/doe.json",
         "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
         "Digest username=\"793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b\", "
         "realm=\"api@example.org\", nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", "
         "uri=\"/doe.json\", algorithm=SHA-512-256, "
         "response=\"3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5\", "
         "qop=auth, nc=00000001, cnonce=\"NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v\", "
         "opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", userhash=true"},
        /* RFC 2617, 3.5 */
        {"Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", "
         "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
         "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
         "Mufasa", "Circle Of Life", "/dir/index.html", "0a4f113b",
         "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", "
         "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", algorithm=MD5, "
         "response=\"6629fae49393a05397450978507c4ef1\", qop=auth, nc=00000001, "
         "cnonce=\"0a4f113b\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""},
        /* RFC 2069, 2.4, with its erratum 749; no qop */
        {"Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"",
         "Mufasa", "CircleOfLife", "/dir/index.html", "",
         "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", "
         "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", algorithm=MD5, "
         "response=\"1949323746fe6a43ef61f9606e7febea\""},
    };
    (void)state;
    if (!have_hashes())
        skip();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pirn_auth_challenge challenge = challenge_of(rows[i].challenge);
        struct pirn_auth_answer with =
            answer_of(rows[i].user, rows[i].password, rows[i].target, rows[i].cnonce);
        char out[1024];
        int len = pirn_auth_digest(&challenge, &with, out, sizeof out);
        assert_string_equal(out, rows[i].answer);
        assert_int_equal(len, strlen(out));
        for (int cap = 0; cap <= len + 1; cap++) {
            char *exact = malloc((size_t)cap + 1);
            assert_non_null(exact);
            assert_int_equal(pirn_auth_digest(&challenge, &with, exact + 1, (size_t)cap),
                             cap > len ? len : -PIRN_E_ROOM);
            free(exact);
        }
    }
}

/* What is hashed, and what is written, where the RFCs have no vectors: seen through a hash that
 * gives the number of its call and keeps what it got. */
static struct {
    char inputs[8][256];
    unsigned calls, fail_at;
} spy;

static bool spy_hash(void *context, enum pirn_hash hash, const struct pirn_str *pieces,
                     size_t count, uint8_t out[PIRN_HASH_MAX])
{
    assert_ptr_equal(context, &spy);
    (void)hash;
    char *at = spy.inputs[spy.calls++];
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].len)
            memcpy(at, pieces[i].data, pieces[i].len);
        at += pieces[i].len;
    }
    *at = '\0';
    memset(out, (int)spy.calls, PIRN_HASH_MAX);
    return spy.calls != spy.fail_at;
}

#define H1 "01010101010101010101010101010101"
#define H2 "02020202020202020202020202020202"
#define H3 "03030303030303030303030303030303"

static int spy_on(const char *challenge_text, struct pirn_auth_answer *with, char *out, size_t cap)
{
    struct pirn_auth_challenge challenge = challenge_of(challenge_text);
    memset(&spy, 0, sizeof spy);
    with->hash = spy_hash;
    with->hash_context = &spy;
    return pirn_auth_digest(&challenge, with, out, cap);
}

static void a_session_hashes_the_nonces_too(void **state)
{
    char out[512];
    (void)state;
    struct pirn_auth_answer with = answer_of("u", "p", "/t", "c");
    with.count = 0x1234ABCD;
    spy_on("Digest realm=r, nonce=n, algorithm=MD5-sess, qop=auth", &with, out, sizeof out);
    assert_int_equal(spy.calls, 4);
    assert_string_equal(spy.inputs[0], "u:r:p");
    assert_string_equal(spy.inputs[1], H1 ":n:c");
    assert_string_equal(spy.inputs[2], "GET:/t");
    assert_string_equal(spy.inputs[3], H2 ":n:1234abcd:c:auth:" H3);
    assert_non_null(strstr(out, ", algorithm=MD5-sess, "));
    assert_non_null(strstr(out, ", nc=1234abcd, cnonce=\"c\""));
    spy_on("Digest realm=r, nonce=n, algorithm=SHA-256-sess", &with, out, sizeof out);
    assert_string_equal(spy.inputs[3], H2 H2 ":n:" H3 H3);
    assert_null(strstr(out, "qop"));
    assert_non_null(strstr(out, ", cnonce=\"c\""));
}

static void names_are_written_so_that_they_can_be_read(void **state)
{
    static const struct {
        const char *user, *written;
    } rows[] = {
        {"ada", "Digest username=\"ada\", "},
        {"a\"b\\c", "Digest username=\"a\\\"b\\\\c\", "},
        {"J\xC3\xA4 +/a9", "Digest username*=UTF-8''J%c3%a4%20%2b%2fa9, "},
        {"", "Digest username=\"\", "},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[512];
        struct pirn_auth_answer with = answer_of(rows[i].user, "p", "/t", "c");
        spy_on("Digest realm=\"a\\\"b\", nonce=n", &with, out, sizeof out);
        assert_memory_equal(out, rows[i].written, strlen(rows[i].written));
        assert_non_null(strstr(out, "realm=\"a\\\"b\", "));
    }
}

static void what_cannot_be_answered_is_refused(void **state)
{
    static const char plain[] = "Digest realm=r, nonce=n", qop[] = "Digest nonce=n, qop=auth";
    char out[256];
    (void)state;
    struct pirn_auth_answer with = answer_of("u", "p", "/t", "c");
    assert_true(spy_on(plain, &with, out, sizeof out) > 0);
    assert_int_equal(spy_on("Basic realm=r", &with, out, sizeof out), -PIRN_E_UNSUPPORTED);
    assert_string_equal(out, "");
    struct pirn_auth_challenge challenge = challenge_of(plain);
    with.hash = NULL;
    assert_int_equal(pirn_auth_digest(&challenge, &with, out, sizeof out), -PIRN_E_UNSUPPORTED);

    struct pirn_auth_answer bad = with;
    bad.method = PIRN_STR("");
    assert_int_equal(spy_on(plain, &bad, out, sizeof out), -PIRN_E_ARGUMENT);
    bad = with;
    bad.target = PIRN_STR("");
    assert_int_equal(spy_on(plain, &bad, out, sizeof out), -PIRN_E_ARGUMENT);
    bad = with;
    bad.count = 0;
    assert_int_equal(spy_on(qop, &bad, out, sizeof out), -PIRN_E_ARGUMENT);
    assert_true(spy_on(plain, &bad, out, sizeof out) > 0);
    bad = with;
    bad.cnonce = PIRN_STR("");
    assert_int_equal(spy_on(qop, &bad, out, sizeof out), -PIRN_E_ARGUMENT);
}

static void nothing_breaks_out_of_the_header(void **state)
{
    static const struct pirn_str controls[] = {S("a\r\nX: y"), S("a\n"), S("\0"), S("\x7F")};
    static const struct pirn_str quotes[] = {S("a\""), S("a\\"), S("\xC3\xBC")};
    char out[256];
    (void)state;
    for (size_t i = 0; i < COUNT(controls); i++)
        for (int place = 0; place < 4; place++) {
            struct pirn_auth_answer with = answer_of("u", "p", "/t", "c");
            struct pirn_str *places[] = {&with.user, &with.password, &with.target, &with.cnonce};
            *places[place] = controls[i];
            assert_int_equal(spy_on("Digest nonce=n", &with, out, sizeof out),
                             -PIRN_E_HEADER_VALUE);
            assert_string_equal(out, "");
        }
    for (size_t i = 0; i < COUNT(quotes); i++)
        for (int place = 0; place < 2; place++) {
            struct pirn_auth_answer with = answer_of("u", "p", "/t", "c");
            struct pirn_str *places[] = {&with.target, &with.cnonce};
            *places[place] = quotes[i];
            assert_int_equal(spy_on("Digest nonce=n", &with, out, sizeof out),
                             -PIRN_E_HEADER_VALUE);
        }
    struct pirn_auth_answer with = answer_of("u", "p", "/t", "c");
    assert_int_equal(spy_on("Digest nonce=\"n\t\"", &with, out, sizeof out), -PIRN_E_HEADER_VALUE);
}

static void a_hash_that_fails_is_told(void **state)
{
    static const char text[] = "Digest nonce=n, algorithm=MD5-sess, qop=auth, userhash=true";
    struct pirn_auth_challenge challenge = challenge_of(text);
    struct pirn_auth_answer with = answer_of("u", "p", "/t", "c");
    char out[512];
    (void)state;
    with.hash = spy_hash;
    with.hash_context = &spy;
    for (unsigned at = 1; at <= 5; at++) {
        memset(&spy, 0, sizeof spy);
        spy.fail_at = at;
        assert_int_equal(pirn_auth_digest(&challenge, &with, out, sizeof out), -PIRN_E_UNSUPPORTED);
        assert_string_equal(out, "");
    }
    memset(&spy, 0, sizeof spy);
    assert_true(pirn_auth_digest(&challenge, &with, out, sizeof out) > 0);
    assert_int_equal(spy.calls, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_the_rfcs),
        cmocka_unit_test(a_session_hashes_the_nonces_too),
        cmocka_unit_test(names_are_written_so_that_they_can_be_read),
        cmocka_unit_test(what_cannot_be_answered_is_refused),
        cmocka_unit_test(nothing_breaks_out_of_the_header),
        cmocka_unit_test(a_hash_that_fails_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
