#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/auth.h>
#include <pirn/error.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A challenge as text: "digest realm=r nonce=n opaque=o MD5-sess qop stale userhash; ". */
static void describe(char *out, size_t cap, const struct pirn_auth_challenge *challenge)
{
    static const char *const schemes[] = {"basic", "bearer", "digest"};
    static const char *const hashes[] = {"MD5", "SHA-256", "SHA-512-256"};
    size_t len = strlen(out);
    bool digest = challenge->scheme == PIRN_AUTH_DIGEST;
    len += (size_t)snprintf(out + len, cap - len, "%s realm=%.*s", schemes[challenge->scheme],
                            (int)challenge->realm.len,
                            challenge->realm.len ? challenge->realm.data : "");
    if (digest)
        len += (size_t)snprintf(
            out + len, cap - len, " nonce=%.*s%s%.*s %s%s%s%s%s", (int)challenge->nonce.len,
            challenge->nonce.data, challenge->opaque.data ? " opaque=" : "",
            (int)challenge->opaque.len, challenge->opaque.data ? challenge->opaque.data : "",
            hashes[challenge->hash], challenge->session ? "-sess" : "",
            challenge->qop ? " qop" : "", challenge->stale ? " stale" : "",
            challenge->userhash ? " userhash" : "");
    snprintf(out + len, cap - len, "; ");
}

static void challenges_are_read(void **state)
{
    static const struct {
        const char *value, *challenges;
    } rows[] = {
        {"Basic realm=\"simple\"", "basic realm=simple; "},
        {"basic REALM=simple", "basic realm=simple; "},
        {"Basic", "basic realm=; "},
        {"Bearer", "bearer realm=; "},
        {"Bearer realm=\"r\", error=\"invalid_token\", error_description=\"a, b = c\"",
         "bearer realm=r; "},
        {"Digest realm=\"r\", nonce=\"n\"", "digest realm=r nonce=n MD5; "},
        {"DIGEST realm = \"r\" ,\tnonce = n", "digest realm=r nonce=n MD5; "},
        {"Digest realm=\"r\", nonce=\"n\", algorithm=sha-256, qop=\"auth, auth-int\", opaque=\"o\"",
         "digest realm=r nonce=n opaque=o SHA-256 qop; "},
        {"Digest nonce=\"n\", qop=auth, algorithm=\"MD5-sess\", stale=TRUE, userhash=true",
         "digest realm= nonce=n MD5-sess qop stale userhash; "},
        {"Digest nonce=\"n\", algorithm=SHA-512-256-sess, stale=false, userhash=no",
         "digest realm= nonce=n SHA-512-256-sess; "},
        {"Digest nonce=\"n\", opaque=\"\", unknown=\"x\", charset=UTF-8",
         "digest realm= nonce=n opaque= MD5; "},
        {"Digest nonce=\"a\\\"b, c=d\"", "digest realm= nonce=a\\\"b, c=d MD5; "},
        /* Several */
        {"Basic realm=\"a\", Digest realm=\"b\", nonce=\"n\", Bearer",
         "basic realm=a; digest realm=b nonce=n MD5; bearer realm=; "},
        {"Basic, Basic", "basic realm=; basic realm=; "},
        {"Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\", Basic realm=\"simple\"",
         "basic realm=simple; "}, /* RFC 9110, 11.6.1 */
        {"Negotiate, NTLM abc==, Basic realm=x", "basic realm=x; "},
        {"Negotiate a87421000492aa874209af8bc028==", ""},
        {",, Basic realm=\"x\" ,,", "basic realm=x; "},
        {"realm=lost, Basic realm=\"x\"", "basic realm=x; "},
        /* Those that cannot be answered are passed over. */
        {"", ""},
        {"Digest", ""},
        {"Digest realm=\"r\"", ""},
        {"Digest nonce=\"n\", qop=\"auth-int\", Basic", "basic realm=; "},
        {"Digest nonce=\"n\", algorithm=SHA-1, Basic", "basic realm=; "},
        {"Digest nonce=\"n\", nonce=\"m\", Basic", "basic realm=; "},
        {"Digest realm=\"n, nonce=\"m\", Basic", ""}, /* all is one broken string */
        {"Digest nonce=\"n\"x, Basic", "basic realm=; "},
        {"Digest nonce=\"n\\\"", ""},
        {"Digest nonce=, Basic", "basic realm=; "},
        {"Digest nonce=a b, Basic", "basic realm=; "},
        {"\"Basic\"", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pirn_auth_challenge challenge;
        struct pirn_http_list list;
        char described[512] = "";
        size_t len = strlen(rows[i].value);
        char *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy + 1, rows[i].value, len);
        pirn_http_list_init_value(&list, (struct pirn_str){copy + 1, len});
        while (pirn_auth_challenge_next(&list, &challenge))
            describe(described, sizeof described, &challenge);
        free(copy);
        assert_string_equal(described, rows[i].challenges);
    }
}

static void the_strongest_is_chosen(void **state)
{
    static const struct {
        const char *first, *second, *chosen; /* NULL: none */
    } rows[] = {
        {"Basic realm=\"b\"", "Digest nonce=n, realm=\"d\"", "digest realm=d nonce=n MD5; "},
        {"Digest nonce=n, realm=\"d\"", "Basic realm=\"b\"", "digest realm=d nonce=n MD5; "},
        {"Digest nonce=n, algorithm=MD5", "Digest nonce=n, algorithm=SHA-256",
         "digest realm= nonce=n SHA-256; "},
        {"Digest nonce=n, algorithm=SHA-512-256, Digest nonce=n, algorithm=SHA-256", "Basic",
         "digest realm= nonce=n SHA-512-256; "},
        {"Digest nonce=one", "Digest nonce=other", "digest realm= nonce=one MD5; "},
        {"Bearer", "Basic realm=b", "basic realm=b; "},
        {"Bearer", "Negotiate", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pirn_http_head head;
        struct pirn_header headers[4];
        struct pirn_auth_challenge challenge;
        char described[128] = "";
        const struct pirn_str name = PIRN_STR("Proxy-Authenticate");
        pirn_http_head_init(&head, PIRN_HTTP_RESPONSE, headers, COUNT(headers), 0);
        pirn_http_head_set_response(&head, 407, PIRN_STR(""), 1);
        pirn_http_head_add(&head, PIRN_STR("proxy-authenticate"), pirn_cstr(rows[i].first));
        pirn_http_head_add(&head, PIRN_STR("WWW-Authenticate"), PIRN_STR("Basic realm=\"no\""));
        pirn_http_head_add(&head, name, pirn_cstr(rows[i].second));
        int result = pirn_auth_choose(&head, name, &challenge);
        assert_int_equal(result, rows[i].chosen ? 0 : -PIRN_E_UNSUPPORTED);
        if (result == 0)
            describe(described, sizeof described, &challenge);
        assert_string_equal(described, rows[i].chosen ? rows[i].chosen : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(challenges_are_read),
        cmocka_unit_test(the_strongest_is_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
