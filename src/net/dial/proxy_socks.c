/* proxy_socks.c: SOCKS 4 and 4a, SOCKS 5 (RFC 1928) with user name and password (RFC 1929). An
 * answer is read when all of it is there; every answer has a length that its first bytes say. */
#include "dial/proxy_talk.h"

#include <string.h>

/* ---- bytes to be sent */

static void put(struct pirn__talk *talk, const void *bytes, size_t len)
{
    if (len > 0)
        memcpy(talk->out + talk->out_len, bytes, len);
    talk->out_len += len;
}

static void put_byte(struct pirn__talk *talk, size_t byte)
{
    talk->out[talk->out_len++] = (uint8_t)byte;
}

static void put_port(struct pirn__talk *talk)
{
    put_byte(talk, talk->port >> 8);
    put_byte(talk, talk->port & 0xFF);
}

/* A string of at most 255 bytes behind its length. */
static void put_string(struct pirn__talk *talk, struct pirn_str text)
{
    put_byte(talk, text.len);
    put(talk, text.data, text.len);
}

/* ---- answers */

/* The next len bytes, or NULL if they are not all there. */
static const uint8_t *take(struct pirn__talk *talk, size_t len)
{
    if (talk->in_len - talk->used < len)
        return NULL;
    talk->used += len;
    return talk->in + talk->used - len;
}

struct reply {
    int code;
    enum pirn_error error;
    const char *text;
};

static int refuse(struct pirn__talk *talk, const struct reply *replies, size_t count, int code)
{
    talk->status = code;
    for (size_t i = 0; i < count; i++)
        if (replies[i].code == code)
            return pirn__talk_fail(talk, replies[i].error, "SOCKS reply %d, %s", code,
                                   replies[i].text);
    return pirn__talk_fail(talk, PIRN_E_PROXY_ANSWER, "SOCKS reply %d, which is unknown", code);
}

/* ---- SOCKS 4 */

static int read_socks4(struct pirn__talk *talk)
{
    static const struct reply replies[] = {
        {91, PIRN_E_PROXY_REFUSED, "rejected or failed"},
        {92, PIRN_E_PROXY_AUTHENTICATION, "identd of the client does not answer"},
        {93, PIRN_E_PROXY_AUTHENTICATION, "identd of the client names another user"},
    };
    enum { GRANTED = 90 };
    if (talk->in_len > talk->used && talk->in[talk->used] != 0)
        return pirn__talk_fail(talk, PIRN_E_PROXY_ANSWER, "answer is not of SOCKS 4");
    const uint8_t *answer = take(talk, 8);
    if (!answer)
        return 0;
    if (answer[1] == GRANTED)
        return 1;
    return refuse(talk, replies, sizeof replies / sizeof *replies, answer[1]);
}

int pirn__talk_start_socks4(struct pirn__talk *talk)
{
    static const uint8_t name_follows[] = {0, 0, 0, 1};
    const struct pirn__ip *ip = talk->ip;
    struct pirn__ip numeric;
    if (!ip && pirn__ip_parse(&numeric, talk->host) && numeric.name.any.sa_family == AF_INET)
        ip = &numeric;
    if (ip && ip->name.any.sa_family != AF_INET)
        return pirn__talk_fail(talk, PIRN_E_PROXY_REFUSED, "SOCKS 4 has no IPv6");
    if (talk->user.len > 255)
        return pirn__talk_fail(talk, PIRN_E_PROXY_AUTHENTICATION, "user name is too long");
    put_byte(talk, 4);
    put_byte(talk, 1); /* CONNECT */
    put_port(talk);
    put(talk, ip ? (const void *)&ip->name.v4.sin_addr : name_follows, 4);
    put(talk, talk->user.data, talk->user.len);
    put_byte(talk, 0);
    if (!ip) {
        put(talk, talk->host.data, talk->host.len);
        put_byte(talk, 0);
    }
    talk->next = read_socks4;
    return 0;
}

/* ---- SOCKS 5 */

enum { V5 = 5, NO_AUTHENTICATION = 0, PASSWORD = 2, NONE_ACCEPTABLE = 0xFF };
enum { TYPE_IPV4 = 1, TYPE_NAME = 3, TYPE_IPV6 = 4 };

static int not_socks5(struct pirn__talk *talk)
{
    return pirn__talk_fail(talk, PIRN_E_PROXY_ANSWER, "answer is not of SOCKS 5");
}

/* The whole length of the reply that begins at `at`, 0 if it is not known yet, -1 for none. */
static int reply_len(const uint8_t *at, size_t len)
{
    if ((len > 0 && at[0] != V5) || (len > 2 && at[2] != 0))
        return -1;
    if (len < 5)
        return 0;
    switch (at[3]) {
    case TYPE_IPV4:
        return 4 + 4 + 2;
    case TYPE_IPV6:
        return 4 + 16 + 2;
    case TYPE_NAME:
        return 4 + 1 + at[4] + 2;
    default:
        return -1;
    }
}

static int read_reply(struct pirn__talk *talk)
{
    static const struct reply replies[] = {
        {1, PIRN_E_PROXY_REFUSED, "general failure"},
        {2, PIRN_E_PROXY_REFUSED, "not allowed by its rules"},
        {3, PIRN_E_PROXY_REFUSED, "network is unreachable"},
        {4, PIRN_E_PROXY_REFUSED, "host is unreachable"},
        {5, PIRN_E_PROXY_REFUSED, "connection refused"},
        {6, PIRN_E_PROXY_REFUSED, "time to live expired"},
        {7, PIRN_E_PROXY_REFUSED, "command is not supported"},
        {8, PIRN_E_PROXY_REFUSED, "address type is not supported"},
    };
    const uint8_t *at = talk->in + talk->used;
    size_t there = talk->in_len - talk->used;
    /* Some proxies that refuse close behind these two bytes. */
    if (there >= 2 && at[0] == V5 && at[1] != 0)
        return refuse(talk, replies, sizeof replies / sizeof *replies, at[1]);
    int len = reply_len(at, there);
    if (len < 0)
        return not_socks5(talk);
    return len > 0 && take(talk, (size_t)len) ? 1 : 0;
}

static int ask(struct pirn__talk *talk)
{
    const struct pirn__ip *ip = talk->ip;
    struct pirn__ip numeric;
    if (!ip && pirn__ip_parse(&numeric, talk->host))
        ip = &numeric;
    put_byte(talk, V5);
    put_byte(talk, 1); /* CONNECT */
    put_byte(talk, 0);
    if (!ip) {
        put_byte(talk, TYPE_NAME);
        put_string(talk, talk->host);
    } else if (ip->name.any.sa_family == AF_INET) {
        put_byte(talk, TYPE_IPV4);
        put(talk, &ip->name.v4.sin_addr, 4);
    } else {
        put_byte(talk, TYPE_IPV6);
        put(talk, &ip->name.v6.sin6_addr, 16);
    }
    put_port(talk);
    talk->next = read_reply;
    return 0;
}

/* Its first byte is 1; there are proxies that send 5, and nobody minds. */
static int read_verdict(struct pirn__talk *talk)
{
    const uint8_t *answer = take(talk, 2);
    if (!answer)
        return 0;
    if (answer[1] == 0)
        return ask(talk);
    talk->status = answer[1];
    return pirn__talk_fail(talk, PIRN_E_PROXY_AUTHENTICATION, "user name or password is wrong");
}

static int read_method(struct pirn__talk *talk)
{
    if (talk->in_len > talk->used && talk->in[talk->used] != V5)
        return not_socks5(talk);
    const uint8_t *answer = take(talk, 2);
    if (!answer)
        return 0;
    if (answer[1] == NO_AUTHENTICATION)
        return ask(talk);
    if (answer[1] == PASSWORD && talk->user.data) {
        put_byte(talk, 1); /* the version of RFC 1929 */
        put_string(talk, talk->user);
        put_string(talk, talk->password);
        talk->next = read_verdict;
        return 0;
    }
    if (answer[1] == NONE_ACCEPTABLE)
        return pirn__talk_fail(talk, PIRN_E_PROXY_AUTHENTICATION,
                               talk->user.data ? "it takes no password" : "it wants a password");
    return pirn__talk_fail(talk, PIRN_E_PROXY_ANSWER, "it chose a method that was not offered");
}

int pirn__talk_start_socks5(struct pirn__talk *talk)
{
    bool password = talk->user.data != NULL;
    if (talk->user.len > 255 || talk->password.len > 255)
        return pirn__talk_fail(talk, PIRN_E_PROXY_AUTHENTICATION,
                               "user name or password is too long");
    if (talk->host.len > 255)
        return pirn__talk_fail(talk, PIRN_E_PROXY_REFUSED, "host name is too long");
    put_byte(talk, V5);
    put_byte(talk, password ? 2 : 1);
    put_byte(talk, NO_AUTHENTICATION);
    if (password)
        put_byte(talk, PASSWORD);
    talk->next = read_method;
    return 0;
}
