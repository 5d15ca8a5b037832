/* proxy.c: names of proxies, and when to use one. */
#include "dial/proxy.h"

#include <stdlib.h>
#include <string.h>

#include <pirn/auth.h>
#include <pirn/url.h>

static struct pirn_str skip(struct pirn_str text, size_t at)
{
    return (struct pirn_str){text.data + at, text.len - at};
}

/* ---- the URL */

static const struct scheme {
    struct pirn_str name;
    enum pirn__proxy_kind kind;
    uint16_t port;
    bool wants_address;
} schemes[] = {
    [PIRN__PROXY_HTTP] = {PIRN_STR_INIT("http"), PIRN__PROXY_HTTP, 8080, false},
    [PIRN__PROXY_SOCKS4] = {PIRN_STR_INIT("socks4"), PIRN__PROXY_SOCKS4, 1080, true},
    [PIRN__PROXY_SOCKS4A] = {PIRN_STR_INIT("socks4a"), PIRN__PROXY_SOCKS4A, 1080, false},
    [PIRN__PROXY_SOCKS5] = {PIRN_STR_INIT("socks5"), PIRN__PROXY_SOCKS5, 1080, true},
    [PIRN__PROXY_SOCKS5H] = {PIRN_STR_INIT("socks5h"), PIRN__PROXY_SOCKS5H, 1080, false},
    {PIRN_STR_INIT("socks"), PIRN__PROXY_SOCKS4, 1080, true},
};

static const struct scheme *find_scheme(struct pirn_str name)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (pirn_str_equal_nocase(schemes[i].name, name))
            return &schemes[i];
    return NULL;
}

bool pirn__proxy_wants_address(const struct pirn__proxy *proxy)
{
    return schemes[proxy->kind].wants_address;
}

/* Cuts "scheme://" off the beginning of the text. */
static const struct scheme *take_scheme(struct pirn_str *text)
{
    for (size_t i = 0; i + 3 <= text->len; i++)
        if (memcmp(text->data + i, "://", 3) == 0) {
            struct pirn_str name = {text->data, i};
            *text = skip(*text, i + 3);
            return find_scheme(name);
        }
    return &schemes[PIRN__PROXY_HTTP];
}

/* Cuts "user:password@" off the beginning of the text; {NULL, 0} if there is none. */
static struct pirn_str take_userinfo(struct pirn_str *text)
{
    for (size_t i = text->len; i > 0; i--)
        if (text->data[i - 1] == '@') {
            struct pirn_str userinfo = {text->data, i - 1};
            *text = skip(*text, i);
            return userinfo;
        }
    return (struct pirn_str){NULL, 0};
}

static bool is_userinfo(struct pirn_str userinfo)
{
    char decoded[PIRN__PROXY_URL_MAX];
    struct pirn_str user, password;
    return !userinfo.data ||
           pirn_auth_userinfo(userinfo, &user, &password, decoded, sizeof decoded) == 0;
}

int pirn__proxy_parse(struct pirn__proxy *proxy, struct pirn_str text)
{
    struct pirn_url url;
    *proxy = (struct pirn__proxy){.port = 0};
    if (text.len > PIRN__PROXY_URL_MAX)
        return -PIRN_E_PROXY_URL;
    const struct scheme *scheme = take_scheme(&text);
    if (text.len > 0 && text.data[text.len - 1] == '/')
        text.len--;
    struct pirn_str userinfo = take_userinfo(&text);
    if (!scheme || !is_userinfo(userinfo) || pirn_url_parse_authority(&url, text) != 0)
        return -PIRN_E_PROXY_URL;
    *proxy = (struct pirn__proxy){
        .kind = scheme->kind,
        .port = url.port ? url.port : scheme->port,
        .host = url.host,
        .userinfo = userinfo,
    };
    return 0;
}

/* ---- the environment */

static struct pirn_str find_variable(const char *const *names)
{
    for (; *names; names++) {
        struct pirn_str value = pirn_cstr(getenv(*names));
        if (value.len > 0)
            return value;
    }
    return (struct pirn_str){NULL, 0};
}

struct pirn_str pirn__proxy_from_environment(bool secure, struct pirn_str host, uint16_t port)
{
    static const char *const plain[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
    static const char *const tls[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
    static const char *const none[] = {"no_proxy", "NO_PROXY", NULL};
    if (pirn__proxy_excludes(find_variable(none), host, port))
        return (struct pirn_str){NULL, 0};
    return find_variable(secure ? tls : plain);
}

/* ---- no_proxy */

static const uint8_t *bytes_of(const struct pirn__ip *ip, unsigned *bits)
{
    bool v6 = ip->name.any.sa_family == AF_INET6;
    *bits = v6 ? 128 : 32;
    return v6 ? ip->name.v6.sin6_addr.s6_addr : (const uint8_t *)&ip->name.v4.sin_addr;
}

static bool same_prefix(const struct pirn__ip *a, const struct pirn__ip *b, unsigned prefix)
{
    unsigned bits;
    const uint8_t *of_a = bytes_of(a, &bits), *of_b = bytes_of(b, &bits);
    unsigned whole = prefix / 8, rest = prefix % 8;
    if (a->name.any.sa_family != b->name.any.sa_family || memcmp(of_a, of_b, whole) != 0)
        return false;
    return rest == 0 || (of_a[whole] ^ of_b[whole]) >> (8 - rest) == 0;
}

int pirn__proxy_number(struct pirn_str text, int most)
{
    int number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -1;
        number = number * 10 + (text.data[i] - '0');
        if (number > most)
            return -1;
    }
    return text.len > 0 ? number : -1;
}

/* Where `c` is first, or the end. */
static size_t position(struct pirn_str text, char c)
{
    const char *found = text.len ? memchr(text.data, c, text.len) : NULL;
    return found ? (size_t)(found - text.data) : text.len;
}

/* "10.0.0.0/8", "fe80::/10", or without a length. */
static bool excludes_ip(struct pirn_str entry, const struct pirn__ip *host)
{
    struct pirn__ip net;
    unsigned bits;
    size_t slash = position(entry, '/');
    if (!pirn__ip_parse(&net, (struct pirn_str){entry.data, slash}))
        return false;
    bytes_of(&net, &bits);
    int prefix = (int)bits;
    if (slash < entry.len)
        prefix = pirn__proxy_number(skip(entry, slash + 1), (int)bits);
    return prefix >= 0 && same_prefix(&net, host, (unsigned)prefix);
}

/* The name itself, or one below it. */
static bool excludes_name(struct pirn_str entry, struct pirn_str host)
{
    if (entry.len > 1 && entry.data[0] == '*' && entry.data[1] == '.')
        entry = skip(entry, 1);
    if (entry.len > 0 && entry.data[0] == '.')
        entry = skip(entry, 1);
    if (entry.len > 0 && entry.data[entry.len - 1] == '.')
        entry.len--;
    if (entry.len == 0 || entry.len > host.len)
        return false;
    size_t before = host.len - entry.len;
    return (before == 0 || host.data[before - 1] == '.') &&
           pirn_str_equal_nocase(entry, skip(host, before));
}

/* Cuts ":port" off the end of an entry, and brackets; false if it is for another port. */
static bool take_port(struct pirn_str *entry, uint16_t port)
{
    bool bracket = entry->len > 0 && entry->data[0] == '[';
    size_t end = position(*entry, bracket ? ']' : ':');
    struct pirn_str rest = skip(*entry, end);
    if (bracket && rest.len > 0)
        rest = skip(rest, 1);
    else if (position(skip(*entry, end + (end < entry->len)), ':') + end + 1 < entry->len)
        return true; /* more than one colon: an IPv6 address without brackets */
    *entry = (struct pirn_str){entry->data + bracket, end - bracket};
    return rest.len == 0 ||
           (rest.data[0] == ':' && pirn__proxy_number(skip(rest, 1), 65535) == port);
}

static bool excludes(struct pirn_str entry, struct pirn_str host, uint16_t port)
{
    struct pirn__ip ip;
    if (pirn_str_equal(entry, PIRN_STR("*")))
        return true;
    if (!take_port(&entry, port))
        return false;
    return pirn__ip_parse(&ip, host) ? excludes_ip(entry, &ip) : excludes_name(entry, host);
}

bool pirn__proxy_excludes(struct pirn_str list, struct pirn_str host, uint16_t port)
{
    if (host.len > 0 && host.data[host.len - 1] == '.')
        host.len--;
    size_t from = 0;
    for (size_t at = 0; at <= list.len; at++) {
        if (at < list.len && !memchr(", \t", list.data[at], 3))
            continue;
        if (at > from && excludes((struct pirn_str){list.data + from, at - from}, host, port))
            return true;
        from = at + 1;
    }
    return false;
}
