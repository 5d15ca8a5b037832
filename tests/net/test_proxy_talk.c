/* Conversations with proxies as data. Each runs with all of an answer at once, cut in two at every
 * byte, byte by byte, and with the next answer right behind it; the end must be the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/tls.h>

#include "dial/proxy_talk.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define S(literal)   PIRN_STR_INIT(literal)

enum { TURNS = 3 };

/* In each turn it says something and gets an answer. */
struct talk_case {
    const char *proxy, *host;
    uint16_t port;
    const char *ip; /* of the host, if the proxy wants it */
    struct pirn_str says[TURNS], answers[TURNS];
    int result; /* 1: agreed; 0: the answer is not at its end; else the error */
    int status;
    const char *text;
    bool digest_only;
    bool again; /* what is said second is for a new connection */
};

#define CONNECT    "CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n"
#define HTTP       "http://p", "a.test", 80, NULL
#define ASK        .says = {S(CONNECT "\r\n")}
#define GREET      S("\5\1\0")
#define GREET_USER S("\5\2\0\2")
#define ADA        S("\1\3ada\6secret")
#define NAME       S("\5\1\0\3\6a.test\0\120")
#define SOCKS5H    "socks5h://p", "a.test", 80, NULL
#define SOCKS4A    "socks4a://p", "a.test", 80, NULL
#define NAME4      S("\4\1\0\120\0\0\0\1\0a.test\0")

#define REFUSED  (-PIRN_E_PROXY_REFUSED)
#define PASSWORD (-PIRN_E_PROXY_AUTHENTICATION)
#define NONSENSE (-PIRN_E_PROXY_ANSWER)

static const struct talk_case cases[] = {
    /* ---- HTTP */
    {HTTP, ASK, .answers = {S("HTTP/1.1 200 OK\r\n\r\n")}, .result = 1, .status = 200},
    {HTTP, ASK, .answers = {S("HTTP/1.0 200 \r\nVia: x\r\n\r\n")}, .result = 1, .status = 200},
    {HTTP, ASK,
     .answers = {S("HTTP/1.1 299 x\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n"
                   "\r\n")},
     .result = 1, .status = 299},
    {HTTP, ASK,
     .answers = {S("HTTP/1.1 100 x\r\n\r\nHTTP/1.1 199 x\r\nA: b\r\n\r\n"
                   "HTTP/1.1 204 x\r\n\r\n")},
     .result = 1, .status = 204},
    {"http://ada:secret@p", "a.test", 80,
     .says = {S(CONNECT "Proxy-Authorization: Basic YWRhOnNlY3JldA==\r\n\r\n")},
     .answers = {S("HTTP/1.1 200 OK\r\n\r\n")}, .result = 1, .status = 200},
    {"http://a%40@p", "::1", 65535,
     .says = {S("CONNECT [::1]:65535 HTTP/1.1\r\nHost: [::1]:65535\r\n"
                "Proxy-Authorization: Basic YUA6\r\n\r\n")},
     .answers = {S("HTTP/1.1 200 OK\r\n\r\n")}, .result = 1, .status = 200},
    {HTTP, ASK, .answers = {S("HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\n\r\n")},
     .result = PASSWORD, .status = 407, .text = "407 Proxy Authentication Required"},
    {HTTP, ASK, .answers = {S("HTTP/1.1 502 x\r\n\r\n")}, .result = REFUSED, .status = 502,
     .text = "502 Bad Gateway"},
    {HTTP, ASK, .answers = {S("HTTP/1.1 599 x\r\n\r\n")}, .result = REFUSED, .status = 599,
     .text = "599"},
    {HTTP, ASK, .answers = {S("HTTP/1.1 301 x\r\nLocation: y\r\n\r\n")}, .result = REFUSED,
     .status = 301, .text = "301 Moved Permanently"},
    {HTTP, ASK, .answers = {S("HTTP/1.1 200 OK\r\n")}},
    {HTTP, ASK, .answers = {S("SSH-2.0-OpenSSH_9.2\r\n")}, .result = NONSENSE,
     .text = "answer: status line is malformed"},
    {HTTP, ASK, .answers = {S("HTTP/2.0 200 OK\r\n\r\n")}, .result = NONSENSE,
     .text = "answer: HTTP version is not 1.1"},
    {HTTP, ASK, .answers = {S("HTTP/1.1 200 OK\r\nA b\r\n\r\n")}, .result = NONSENSE,
     .text = "answer: header line is malformed"},
    {HTTP, ASK, .answers = {S("\5\0")}, .result = NONSENSE,
     .text = "answer: status line is malformed"},

    /* ---- SOCKS 4 */
    {SOCKS4A, .says = {NAME4}, .answers = {S("\0\x5A\1\2\3\4\5\6")}, .result = 1},
    {"socks4a://ada:x@p", "10.1.2.3", 443, .says = {S("\4\1\1\xBB\x0A\1\2\3\141da\0")},
     .answers = {S("\0\x5A\0\0\0\0\0\0")}, .result = 1},
    {"socks4://p", "a.test", 80, "10.1.2.3", .says = {S("\4\1\0\120\x0A\1\2\3\0")},
     .answers = {S("\0\x5A\0\0\0\0\0\0")}, .result = 1},
    {SOCKS4A, .says = {NAME4}, .answers = {S("\0\x5B\1\2\3\4\5\6")}, .result = REFUSED,
     .status = 91, .text = "SOCKS reply 91, rejected or failed"},
    {SOCKS4A, .says = {NAME4}, .answers = {S("\0\x5C\1\2\3\4\5\6")}, .result = PASSWORD,
     .status = 92, .text = "SOCKS reply 92, identd of the client does not answer"},
    {SOCKS4A, .says = {NAME4}, .answers = {S("\0\x5D\1\2\3\4\5\6")}, .result = PASSWORD,
     .status = 93, .text = "SOCKS reply 93, identd of the client names another user"},
    {SOCKS4A, .says = {NAME4}, .answers = {S("\0\0\1\2\3\4\5\6")}, .result = NONSENSE,
     .text = "SOCKS reply 0, which is unknown"},
    {SOCKS4A, .says = {NAME4}, .answers = {S("\5")}, .result = NONSENSE,
     .text = "answer is not of SOCKS 4"},
    {SOCKS4A, .says = {NAME4}, .answers = {S("HTTP/1.1 400 x\r\n\r\n")}, .result = NONSENSE,
     .text = "answer is not of SOCKS 4"},
    {SOCKS4A, .says = {NAME4}, .answers = {S("\0\x5A\1\2\3\4\5")}},
    {"socks4a://p", "::1", 80, .says = {S("\4\1\0\120\0\0\0\1\0::1\0")},
     .answers = {S("\0\x5A\0\0\0\0\0\0")}, .result = 1},

    /* ---- SOCKS 5 */
    {SOCKS5H, .says = {GREET, NAME}, .answers = {S("\5\0"), S("\5\0\0\1\1\2\3\4\0\1")},
     .result = 1},
    {SOCKS5H, .says = {GREET, NAME}, .answers = {S("\5\0"), S("\5\0\0\3\3abc\0\1")}, .result = 1},
    {SOCKS5H, .says = {GREET, NAME}, .answers = {S("\5\0"), S("\5\0\0\3\0\0\1")}, .result = 1},
    {SOCKS5H, .says = {GREET, NAME},
     .answers = {S("\5\0"), S("\5\0\0\4\1\2\3\4\5\6\7\1\1\2\3\4\5\6\7\1\0\1")}, .result = 1},
    {"socks5h://ada:secret@p", "a.test", 80, .says = {GREET_USER, ADA, NAME},
     .answers = {S("\5\2"), S("\1\0"), S("\5\0\0\1\1\2\3\4\0\1")}, .result = 1},
    {"socks5h://ada:secret@p", "a.test", 80, .says = {GREET_USER, ADA, NAME},
     .answers = {S("\5\2"), S("\5\0"), S("\5\0\0\1\1\2\3\4\0\1")}, .result = 1},
    {"socks5h://ada:secret@p", "a.test", 80, .says = {GREET_USER, NAME},
     .answers = {S("\5\0"), S("\5\0\0\1\1\2\3\4\0\1")}, .result = 1},
    {"socks5h://p", "10.1.2.3", 80, .says = {GREET, S("\5\1\0\1\x0A\1\2\3\0\120")},
     .answers = {S("\5\0"), S("\5\0\0\1\1\2\3\4\0\1")}, .result = 1},
    {"socks5://p", "a.test", 80, "::1",
     .says = {GREET, S("\5\1\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\120")},
     .answers = {S("\5\0"), S("\5\0\0\1\1\2\3\4\0\1")}, .result = 1},
    {"socks5://p", "a.test", 80, "10.1.2.3", .says = {GREET, S("\5\1\0\1\x0A\1\2\3\0\120")},
     .answers = {S("\5\0"), S("\5\0\0\1\1\2\3\4\0\1")}, .result = 1},
    {SOCKS5H, .says = {GREET}, .answers = {S("\5\xFF")}, .result = PASSWORD,
     .text = "it wants a password"},
    {"socks5h://ada:secret@p", "a.test", 80, .says = {GREET_USER}, .answers = {S("\5\xFF")},
     .result = PASSWORD, .text = "it takes no password"},
    {"socks5h://ada:secret@p", "a.test", 80, .says = {GREET_USER, ADA},
     .answers = {S("\5\2"), S("\1\1")}, .result = PASSWORD, .status = 1,
     .text = "user name or password is wrong"},
    {SOCKS5H, .says = {GREET}, .answers = {S("\5\2")}, .result = NONSENSE,
     .text = "it chose a method that was not offered"},
    {SOCKS5H, .says = {GREET}, .answers = {S("\5\1")}, .result = NONSENSE,
     .text = "it chose a method that was not offered"},
    {SOCKS5H, .says = {GREET}, .answers = {S("\4\0")}, .result = NONSENSE,
     .text = "answer is not of SOCKS 5"},
    {SOCKS5H, .says = {GREET}, .answers = {S("HTTP/1.1 400 Bad Request\r\n\r\n")},
     .result = NONSENSE, .text = "answer is not of SOCKS 5"},
    {SOCKS5H, .says = {GREET, NAME}, .answers = {S("\5\0"), S("\4\0\0\1\1\2\3\4\0\1")},
     .result = NONSENSE, .text = "answer is not of SOCKS 5"},
    {SOCKS5H, .says = {GREET, NAME}, .answers = {S("\5\0"), S("\5\0\1\1\1\2\3\4\0\1")},
     .result = NONSENSE, .text = "answer is not of SOCKS 5"},
    {SOCKS5H, .says = {GREET, NAME}, .answers = {S("\5\0"), S("\5\0\0\2\1\2\3\4\0\1")},
     .result = NONSENSE, .text = "answer is not of SOCKS 5"},
    {SOCKS5H, .says = {GREET, NAME}, .answers = {S("\5\0"), S("\5\0\0\1\1\2\3\4\0")}},
    {SOCKS5H, .says = {GREET, NAME}, .answers = {S("\5\0"), S("\5\1\0\1\1\2\3\4\0\1")},
     .result = REFUSED, .status = 1, .text = "SOCKS reply 1, general failure"},
    {SOCKS5H, .says = {GREET, NAME}, .answers = {S("\5\0"), S("\5\2")}, .result = REFUSED,
     .status = 2, .text = "SOCKS reply 2, not allowed by its rules"},
    {SOCKS5H, .says = {GREET, NAME}, .answers = {S("\5\0"), S("\5\3")}, .result = REFUSED,
     .status = 3, .text = "SOCKS reply 3, network is unreachable"},
    {SOCKS5H, .says = {GREET, NAME}, .answers = {S("\5\0"), S("\5\4")}, .result = REFUSED,
     .status = 4, .text = "SOCKS reply 4, host is unreachable"},
    {SOCKS5H, .says = {GREET, NAME}, .answers = {S("\5\0"), S("\5\5\0\1\0\0\0\0\0\0")},
     .result = REFUSED, .status = 5, .text = "SOCKS reply 5, connection refused"},
    {SOCKS5H, .says = {GREET, NAME}, .answers = {S("\5\0"), S("\5\6")}, .result = REFUSED,
     .status = 6, .text = "SOCKS reply 6, time to live expired"},
    {SOCKS5H, .says = {GREET, NAME}, .answers = {S("\5\0"), S("\5\7")}, .result = REFUSED,
     .status = 7, .text = "SOCKS reply 7, command is not supported"},
    {SOCKS5H, .says = {GREET, NAME}, .answers = {S("\5\0"), S("\5\x08")}, .result = REFUSED,
     .status = 8, .text = "SOCKS reply 8, address type is not supported"},
    {SOCKS5H, .says = {GREET, NAME}, .answers = {S("\5\0"), S("\5\x09")}, .result = NONSENSE,
     .status = 9, .text = "SOCKS reply 9, which is unknown"},
};

/* ---- Digest */

#define ADA_AT_HTTP "http://ada:secret@p", "a.test", 80
#define BASIC       S(CONNECT "Proxy-Authorization: Basic YWRhOnNlY3JldA==\r\n\r\n")
#define CHALLENGE   "HTTP/1.1 407 x\r\nProxy-Authenticate: Digest realm=\"r\", nonce=\"n1\""
#define SHA256      CHALLENGE ", qop=\"auth\", algorithm=SHA-256\r\n"
#define DIGEST(algorithm, response, rest)                                                          \
    "Proxy-Authorization: Digest username=\"ada\", realm=\"r\", nonce=\"n1\", uri=\"a.test:80\", " \
    "algorithm=" algorithm ", response=\"" response "\"" rest "\r\n\r\n"
#define SHA256_ANSWER                                                                              \
    S(CONNECT DIGEST("SHA-256",                                                                    \
                     "94b44be706d7a07356399e5e6cf541f1224d9fce2b86a5a9594fdb9902be36a9",           \
                     ", qop=auth, nc=00000001, cnonce=\"0123456789abcdef\""))
#define OK_ANSWER S("HTTP/1.1 200 OK\r\n\r\n")

/* The responses were computed by another program. */
static const struct talk_case digests[] = {
    /* on the same connection */
    {ADA_AT_HTTP, .says = {BASIC, SHA256_ANSWER},
     .answers = {S(SHA256 "Content-Length: 0\r\n\r\n"), OK_ANSWER}, .result = 1, .status = 200},
    {ADA_AT_HTTP, .says = {BASIC, SHA256_ANSWER},
     .answers = {S("HTTP/1.1 100 x\r\n\r\n" SHA256 "Content-Length: 6\r\n\r\nWho?\r\n"),
                 S("HTTP/1.1 100 x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")},
     .result = 1, .status = 200},
    {ADA_AT_HTTP, .says = {S(CONNECT "\r\n"), SHA256_ANSWER},
     .answers = {S(SHA256 "Content-Length: 4\r\nProxy-Authenticate: Basic realm=\"r\"\r\n"
                          "Connection: keep-alive\r\n\r\nWho?"),
                 OK_ANSWER},
     .result = 1, .status = 200, .digest_only = true},
    {ADA_AT_HTTP, .says = {BASIC, SHA256_ANSWER},
     .answers = {S(SHA256 "Content-Length: 0\r\n\r\n"), S("HTTP/1.1 502 x\r\n\r\n")},
     .result = REFUSED, .status = 502, .text = "502 Bad Gateway"},
    /* on another */
    {ADA_AT_HTTP, .says = {BASIC, SHA256_ANSWER}, .answers = {S(SHA256 "\r\n"), OK_ANSWER},
     .result = 1, .status = 200, .again = true},
    {ADA_AT_HTTP, .says = {BASIC, SHA256_ANSWER},
     .answers = {S(SHA256 "Content-Length: 4\r\nConnection: x, Close\r\n\r\n"), OK_ANSWER},
     .result = 1, .status = 200, .again = true},
    {ADA_AT_HTTP, .says = {BASIC, SHA256_ANSWER},
     .answers = {S(SHA256 "Content-Length: 4\r\nProxy-Connection: close\r\n\r\n"), OK_ANSWER},
     .result = 1, .status = 200, .again = true},
    {ADA_AT_HTTP, .says = {BASIC, SHA256_ANSWER},
     .answers = {S(SHA256 "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"), OK_ANSWER},
     .result = 1, .status = 200, .again = true},
    {ADA_AT_HTTP, .says = {BASIC, SHA256_ANSWER},
     .answers = {S(SHA256 "Content-Length: 4\r\nContent-Length: 4\r\n\r\n"), OK_ANSWER},
     .result = 1, .status = 200, .again = true},
    {ADA_AT_HTTP, .says = {BASIC, SHA256_ANSWER},
     .answers = {S(SHA256 "Content-Length: 65537\r\n\r\n"), OK_ANSWER}, .result = 1, .status = 200,
     .again = true},
    {ADA_AT_HTTP, .says = {BASIC, S(CONNECT DIGEST("MD5", "e42ba3690683c4a9c32113ae77a04255", ""))},
     .answers = {S("HTTP/1.0 407 x\r\nContent-Length: 0\r\nProxy-Authenticate: "
                   "Digest realm=\"r\", nonce=\"n1\"\r\n\r\n"),
                 OK_ANSWER},
     .result = 1, .status = 200, .again = true},
    /* once */
    {ADA_AT_HTTP, .says = {BASIC, SHA256_ANSWER},
     .answers = {S(SHA256 "Content-Length: 0\r\n\r\n"), S(SHA256 "Content-Length: 0\r\n\r\n")},
     .result = PASSWORD, .status = 407, .text = "407 Proxy Authentication Required"},
    /* not at all */
    {ADA_AT_HTTP, .says = {BASIC},
     .answers = {S("HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=x\r\n\r\n")},
     .result = PASSWORD, .status = 407, .text = "407 Proxy Authentication Required"},
    {ADA_AT_HTTP, .says = {S(CONNECT "\r\n")},
     .answers = {S("HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=x\r\n\r\n")},
     .result = PASSWORD, .status = 407, .text = "407 Proxy Authentication Required",
     .digest_only = true},
    {ADA_AT_HTTP, .says = {BASIC},
     .answers = {S("HTTP/1.1 407 x\r\nWWW-Authenticate: Digest realm=x, nonce=x\r\n\r\n")},
     .result = PASSWORD, .status = 407, .text = "407 Proxy Authentication Required"},
    {ADA_AT_HTTP, .says = {BASIC},
     .answers = {S("HTTP/1.1 401 x\r\nProxy-Authenticate: Digest realm=x, nonce=x\r\n\r\n")},
     .result = REFUSED, .status = 401, .text = "401 Unauthorized"},
    {HTTP, ASK, .answers = {S(SHA256 "Content-Length: 0\r\n\r\n")}, .result = PASSWORD,
     .status = 407, .text = "407 Proxy Authentication Required"},
};

/* ---- running them */

static struct pirn__talk *start(const struct talk_case *row, struct pirn__ip *ip, int *error)
{
    struct pirn__talk *talk = calloc(1, sizeof *talk);
    assert_non_null(talk);
    assert_int_equal(pirn__proxy_parse(&talk->proxy, pirn_cstr(row->proxy)), 0);
    talk->host = pirn_cstr(row->host);
    talk->port = row->port;
    talk->cnonce = PIRN_STR("0123456789abcdef");
    talk->digest_only = row->digest_only;
    assert_int_equal(pirn__proxy_wants_address(&talk->proxy), row->ip != NULL);
    if (row->ip) {
        assert_true(pirn__ip_parse(ip, pirn_cstr(row->ip)));
        talk->ip = ip;
    }
    *error = pirn__talk_start(talk);
    return talk;
}

static void expect_said(struct pirn__talk *talk, struct pirn_str text)
{
    assert_int_equal(talk->out_len, text.len);
    if (text.len > 0)
        assert_memory_equal(talk->out, text.data, text.len);
    talk->out_len = 0;
}

static int feed(struct pirn__talk *talk, const char *bytes, size_t len)
{
    memcpy(talk->in + talk->in_len, bytes, len);
    talk->in_len += len;
    return pirn__talk_read(talk);
}

/* In pieces of `first` bytes and then `piece`. */
static int feed_cut(struct pirn__talk *talk, struct pirn_str text, size_t first, size_t piece)
{
    int result = 0;
    for (size_t at = 0; at < text.len && result == 0;) {
        size_t len = at == 0 && first ? first : piece;
        if (len > text.len - at)
            len = text.len - at;
        result = feed(talk, text.data + at, len);
        at += len;
    }
    return result;
}

static void expect_end(const struct talk_case *row, struct pirn__talk *talk, int result,
                       size_t behind)
{
    if (result != row->result || strcmp(talk->text, row->text ? row->text : "") != 0)
        fail_msg("%s: %d \"%s\" instead of %d \"%s\"", row->proxy, result, talk->text, row->result,
                 row->text ? row->text : "");
    if (result == 1)
        assert_int_equal(talk->in_len - talk->used, behind);
    if (row->status)
        assert_int_equal(talk->status, row->status);
}

static void run_cut(const struct talk_case *row, size_t first, size_t piece)
{
    struct pirn__ip ip;
    int result;
    struct pirn__talk *talk = start(row, &ip, &result);
    for (size_t turn = 0; turn < TURNS && result == 0 && row->says[turn].data; turn++) {
        expect_said(talk, row->says[turn]);
        assert_int_equal(talk->again, row->again && turn == 1);
        talk->again = false;
        result = feed_cut(talk, row->answers[turn], first, piece);
    }
    expect_end(row, talk, result, 0);
    expect_said(talk, (struct pirn_str){NULL, 0});
    free(talk);
}

/* All answers at once, with bytes of the host behind them. */
static void run_at_once(const struct talk_case *row)
{
    struct pirn__ip ip;
    int result;
    struct pirn__talk *talk = start(row, &ip, &result);
    expect_said(talk, row->says[0]);
    for (size_t turn = 0; turn < TURNS; turn++)
        for (size_t i = 0; i < row->answers[turn].len; i++)
            talk->in[talk->in_len++] = (uint8_t)row->answers[turn].data[i];
    if (row->result == 1)
        memcpy(talk->in + talk->in_len, "host", 4), talk->in_len += 4;
    result = pirn__talk_read(talk);
    for (size_t turn = 1; turn < TURNS && row->says[turn].data; turn++) {
        assert_int_equal(result, 0);
        expect_said(talk, row->says[turn]);
        result = pirn__talk_read(talk);
    }
    expect_end(row, talk, result, 4);
    free(talk);
}

static void run(const struct talk_case *row)
{
    run_cut(row, 0, SIZE_MAX);
    run_cut(row, 0, 1);
    for (size_t cut = 1; cut < row->answers[0].len; cut++)
        run_cut(row, cut, SIZE_MAX);
    if (!row->again)
        run_at_once(row);
}

static void conversations_end_as_they_must(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        run(&cases[i]);
}

static void challenges_are_answered_once(void **state)
{
    (void)state;
    if (!pirn_tls_available()) /* whose hash functions Digest takes */
        skip();
    for (size_t i = 0; i < COUNT(digests); i++)
        run(&digests[i]);
}

/* A connection that was to be kept and ends, before anything of the second answer has come. */
static void a_lost_connection_is_replaced_once(void **state)
{
    static const struct talk_case *row = &digests[1];
    const struct pirn_str challenge = row->answers[0];
    (void)state;
    if (!pirn_tls_available())
        skip();
    for (size_t lack = 0; lack < 6; lack++) {
        struct pirn__ip ip;
        int result;
        struct pirn__talk *talk = start(row, &ip, &result);
        assert_false(pirn__talk_lost(talk));
        talk->out_len = 0;
        assert_int_equal(feed(talk, challenge.data, challenge.len - lack), 0);
        expect_said(talk, row->says[1]);
        assert_true(pirn__talk_lost(talk));
        assert_true(talk->again);
        talk->again = false;
        expect_said(talk, row->says[1]);
        assert_false(pirn__talk_lost(talk));
        assert_int_equal(feed(talk, row->answers[1].data, row->answers[1].len), 1);
        free(talk);
    }
    struct pirn__ip ip;
    int result;
    struct pirn__talk *talk = start(row, &ip, &result);
    assert_int_equal(feed(talk, challenge.data, challenge.len), 0);
    assert_int_equal(feed(talk, "H", 1), 0);
    assert_false(pirn__talk_lost(talk));
    free(talk);
}

/* The bodies of challenges need no room. */
static void a_long_body_is_skipped(void **state)
{
    static const char head[] = SHA256 "Content-Length: 65536\r\n\r\n";
    static char piece[1024];
    struct pirn__ip ip;
    int result;
    (void)state;
    if (!pirn_tls_available())
        skip();
    struct pirn__talk *talk = start(&digests[0], &ip, &result);
    talk->out_len = 0;
    assert_int_equal(feed(talk, head, sizeof head - 1), 0);
    expect_said(talk, digests[0].says[1]);
    for (size_t i = 0; i < 65536 / sizeof piece; i++)
        assert_int_equal(feed(talk, piece, sizeof piece), 0);
    assert_int_equal(feed(talk, "HTTP/1.1 200 OK\r\n\r\n", 19), 1);
    free(talk);
}

static void what_cannot_be_asked_is_not(void **state)
{
    static char long_host[300], long_user[600];
    memset(long_host, 'h', sizeof long_host - 1);
    memset(long_user, 'u', sizeof long_user);
    memcpy(long_user, "socks5h://", 10);
    strcpy(long_user + 10 + 256, "@p");
    const struct talk_case rows[] = {
        {"socks4://p", "a.test", 80, "::1", .result = REFUSED, .text = "SOCKS 4 has no IPv6"},
        {"socks5h://p", long_host, 80, .result = REFUSED, .text = "host name is too long"},
        {long_user, "a.test", 80, .result = PASSWORD, .text = "user name or password is too long"},
        {"http://p", "a b", 80, .result = REFUSED, .text = "host: not a WebSocket URL"},
        {"http://a%3Ab:c@p", "a.test", 80, .result = PASSWORD,
         .text = "user name: header value has a control character"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pirn__ip ip;
        int result;
        struct pirn__talk *talk = start(&rows[i], &ip, &result);
        expect_end(&rows[i], talk, result, 0);
        free(talk);
    }
    memcpy(long_user + 3, "ks4a", 4);
    memcpy(long_user, "soc", 3);
    long_user[7] = ':', long_user[8] = '/', long_user[9] = '/';
    struct pirn__ip ip;
    int result;
    const struct talk_case row = {long_user, "a.test", 80, .result = PASSWORD,
                                  .text = "user name is too long"};
    struct pirn__talk *talk = start(&row, &ip, &result);
    expect_end(&row, talk, result, 0);
    free(talk);
}

static void an_answer_has_an_end(void **state)
{
    struct pirn__ip ip;
    int result;
    struct pirn__talk *talk = start(&cases[0], &ip, &result);
    (void)state;
    talk->out_len = 0;
    result = feed(talk, "HTTP/1.1 200 OK\r\nX: ", 20);
    while (result == 0 && talk->in_len < sizeof talk->in)
        result = feed(talk, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 1);
    assert_int_equal(result, NONSENSE);
    assert_true(talk->in_len <= sizeof talk->in);
    free(talk);

    talk = start(&cases[0], &ip, &result);
    talk->out_len = 0;
    for (result = 0; result == 0 && talk->in_len + 19 <= sizeof talk->in;)
        result = feed(talk, "HTTP/1.1 100 x\r\n\r\n", 18);
    if (result == 0)
        result = feed(talk, "HTTP/1.1 100 x\r\n\r\n", sizeof talk->in - talk->in_len);
    assert_int_equal(result, NONSENSE);
    free(talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversations_end_as_they_must),
        cmocka_unit_test(challenges_are_answered_once),
        cmocka_unit_test(a_lost_connection_is_replaced_once),
        cmocka_unit_test(a_long_body_is_skipped),
        cmocka_unit_test(what_cannot_be_asked_is_not),
        cmocka_unit_test(an_answer_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
