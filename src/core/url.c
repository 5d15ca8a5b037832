/* url.c: cuts a URL from the left: scheme, then the authority (up to the first of "/?"), then what
 * is left, the target. */
#include <pirn/url.h>
#include <pirn/error.h>

#include <string.h>

#include "ascii.h"
#include "chars.h"
#include "url_host.h"

static const struct {
    const char *prefix;
    enum pirn_url_scheme scheme;
    bool secure;
} schemes[] = {
    {"ws://", PIRN_URL_WS, false},
    {"wss://", PIRN_URL_WSS, true},
    {"http://", PIRN_URL_HTTP, false},
    {"https://", PIRN_URL_HTTPS, true},
};

static bool take_scheme(struct pirn_url *url, struct pirn_str *rest)
{
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        struct pirn_str prefix = pirn_cstr(schemes[i].prefix);
        if (rest->len < prefix.len ||
            !pirn_str_equal_nocase((struct pirn_str){rest->data, prefix.len}, prefix))
            continue;
        url->scheme = schemes[i].scheme;
        url->secure = schemes[i].secure;
        *rest = pirn__skip(*rest, prefix.len);
        return true;
    }
    return false;
}

/* A run of 1 to 4 hexadecimal digits at the beginning of text, or 0. */
static size_t span_group(struct pirn_str text)
{
    size_t n = 0;
    while (n < text.len && (pirn__is_digit(text.data[n]) ||
                            (pirn__lower(text.data[n]) >= 'a' && pirn__lower(text.data[n]) <= 'f')))
        n++;
    return n <= 4 ? n : 0;
}

static bool is_ipv4(struct pirn_str text)
{
    for (int part = 0; part < 4; part++) {
        if (part > 0 && !pirn__take_char(&text, '.'))
            return false;
        unsigned number = 0;
        size_t n = 0;
        while (n < text.len && n < 3 && pirn__is_digit(text.data[n]))
            number = number * 10 + (unsigned)(text.data[n++] - '0');
        if (n == 0 || number > 255 || (n > 1 && text.data[0] == '0'))
            return false;
        text = pirn__skip(text, n);
    }
    return text.len == 0;
}

static bool take_colons(struct pirn_str *text, size_t count)
{
    bool found = text->len >= count && memcmp(text->data, "::", count) == 0;
    if (found)
        *text = pirn__skip(*text, count);
    return found;
}

/* RFC 4291, 2.2: eight groups, or fewer around one "::"; the last two may be an IPv4 address. */
bool pirn__url_is_ipv6(struct pirn_str text)
{
    size_t groups = 0;
    bool gap = take_colons(&text, 2);
    while (text.len > 0 && groups < 8) {
        size_t n = span_group(text);
        if (n < text.len && text.data[n] == '.') {
            if (!is_ipv4(text))
                return false;
            groups += 2;
            text.len = 0;
            break;
        }
        if (n == 0)
            return false;
        groups++;
        text = pirn__skip(text, n);
        if (text.len == 0)
            break;
        if (!gap && take_colons(&text, 2))
            gap = true;
        else if (!take_colons(&text, 1) || text.len == 0)
            return false;
    }
    return text.len == 0 && (gap ? groups < 8 : groups == 8);
}

bool pirn__url_is_host(struct pirn_str text)
{
    return pirn__all(text, PIRN__HOST);
}

static bool take_host(struct pirn_url *url, struct pirn_str *rest)
{
    url->ipv6 = rest->len > 0 && rest->data[0] == '[';
    if (!url->ipv6) {
        url->host = pirn__take(rest, PIRN__HOST);
        return url->host.len > 0;
    }
    const char *end = memchr(rest->data, ']', rest->len);
    if (!end)
        return false;
    url->host = (struct pirn_str){rest->data + 1, (size_t)(end - rest->data) - 1};
    *rest = pirn__skip(*rest, url->host.len + 2);
    return pirn__url_is_ipv6(url->host);
}

/* Reads what follows the host: nothing, or ":" and a port, which may be empty. */
static bool parse_port(struct pirn_url *url, struct pirn_str text)
{
    if (!pirn__take_char(&text, ':'))
        return text.len == 0;
    unsigned port = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!pirn__is_digit(text.data[i]))
            return false;
        port = port * 10 + (unsigned)(text.data[i] - '0');
        if (port > 65535)
            return false;
    }
    url->port = (uint16_t)port;
    return text.len == 0 || port > 0;
}

static bool parse_authority(struct pirn_url *url, struct pirn_str text)
{
    return take_host(url, &text) && parse_port(url, text);
}

int pirn_url_parse_authority(struct pirn_url *url, struct pirn_str text)
{
    *url = (struct pirn_url){.port = 0};
    return parse_authority(url, text) ? 0 : -PIRN_E_URL;
}

static size_t authority_length(struct pirn_str text)
{
    size_t n = 0;
    while (n < text.len && text.data[n] != '/' && text.data[n] != '?')
        n++;
    return n;
}

/* A character that is not allowed here, a backslash for one, could make another parser see another
 * host. */
static bool take_userinfo(struct pirn_url *url, struct pirn_str *authority)
{
    const char *at = authority->len ? memchr(authority->data, '@', authority->len) : NULL;
    if (!at)
        return true;
    url->userinfo = (struct pirn_str){authority->data, (size_t)(at - authority->data)};
    *authority = pirn__skip(*authority, url->userinfo.len + 1);
    for (size_t i = 0; i < url->userinfo.len; i++)
        if (url->userinfo.data[i] != ':' && !pirn__char_is(url->userinfo.data[i], PIRN__HOST))
            return false;
    return true;
}

int pirn_url_parse(struct pirn_url *url, struct pirn_str text)
{
    *url = (struct pirn_url){.port = 0};
    if (!pirn__all(text, PIRN__TARGET) || !take_scheme(url, &text))
        return -PIRN_E_URL;
    struct pirn_str authority = {text.data, authority_length(text)};
    url->target = pirn__skip(text, authority.len);
    if (!take_userinfo(url, &authority))
        return -PIRN_E_URL;
    if (!parse_authority(url, authority))
        return -PIRN_E_URL;
    if (url->port == 0)
        url->port = url->secure ? 443 : 80;
    return 0;
}

struct pirn_str pirn_url_without_fragment(struct pirn_str text)
{
    const char *mark = text.len > 0 ? memchr(text.data, '#', text.len) : NULL;
    return (struct pirn_str){text.data, mark ? (size_t)(mark - text.data) : text.len};
}
