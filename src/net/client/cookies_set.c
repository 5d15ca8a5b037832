/* cookies_set.c: Set-Cookie (RFC 6265, 5.2 and 5.3; what RFC 6265bis adds is said where it is). */
#include <string.h>

#include "client/cookies.h"
#include "dial/socket_connect.h"

/* ---- text */

static struct pirn_str trim(struct pirn_str text)
{
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = (struct pirn_str){text.data + 1, text.len - 1};
    return text;
}

/* Cuts what is before the first `c` off the beginning of *rest, and the `c` too; found (may be
 * NULL) says whether there was one. */
static struct pirn_str take_until(struct pirn_str *rest, char c, bool *found)
{
    const char *at = rest->len ? memchr(rest->data, c, rest->len) : NULL;
    struct pirn_str taken = {rest->data, at ? (size_t)(at - rest->data) : rest->len};
    size_t used = taken.len + (at != NULL);
    *rest = (struct pirn_str){rest->data + used, rest->len - used};
    if (found)
        *found = at != NULL;
    return taken;
}

/* ---- attributes */

struct attributes {
    struct pirn_str domain, path; /* empty: none */
    int64_t expires_s, max_age_s; /* PIRN__COOKIE_SESSION: none. max_age_s is a date too */
    bool secure, http_only;
};

static void set_expires(struct attributes *attributes, struct pirn_str value)
{
    int64_t seconds;
    if (pirn_http_date(value, &seconds) == 0)
        attributes->expires_s = seconds;
}

static void set_max_age(struct attributes *attributes, struct pirn_str value, int64_t now_s)
{
    const int64_t most = INT64_C(1) << 40; /* farther than dates go */
    bool negative = value.len > 0 && value.data[0] == '-';
    int64_t seconds = 0;
    for (size_t i = negative; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return;
        if (seconds < most)
            seconds = seconds * 10 + (value.data[i] - '0');
    }
    if (value.len == negative)
        return;
    attributes->max_age_s = negative || seconds == 0 ? INT64_MIN : now_s + seconds;
}

static void set_domain(struct attributes *attributes, struct pirn_str value)
{
    if (value.len > 0 && value.data[0] == '.')
        value = (struct pirn_str){value.data + 1, value.len - 1};
    attributes->domain = value;
}

static void set_path(struct attributes *attributes, struct pirn_str value)
{
    bool absolute = value.len > 0 && value.data[0] == '/';
    attributes->path = absolute ? value : (struct pirn_str){NULL, 0};
}

static void read_attributes(struct attributes *attributes, struct pirn_str rest, int64_t now_s)
{
    *attributes =
        (struct attributes){.expires_s = PIRN__COOKIE_SESSION, .max_age_s = PIRN__COOKIE_SESSION};
    while (rest.len > 0) {
        struct pirn_str value = take_until(&rest, ';', NULL);
        struct pirn_str name = trim(take_until(&value, '=', NULL));
        value = trim(value);
        if (pirn_str_equal_nocase(name, PIRN_STR("Expires")))
            set_expires(attributes, value);
        else if (pirn_str_equal_nocase(name, PIRN_STR("Max-Age")))
            set_max_age(attributes, value, now_s);
        else if (pirn_str_equal_nocase(name, PIRN_STR("Domain")))
            set_domain(attributes, value);
        else if (pirn_str_equal_nocase(name, PIRN_STR("Path")))
            set_path(attributes, value);
        else if (pirn_str_equal_nocase(name, PIRN_STR("Secure")))
            attributes->secure = true;
        else if (pirn_str_equal_nocase(name, PIRN_STR("HttpOnly")))
            attributes->http_only = true;
    }
}

/* ---- where it belongs */

static bool is_suffix(const struct pirn_cookies *cookies, struct pirn_str domain)
{
    const char *dot = memchr(domain.data, '.', domain.len);
    if (!dot || dot == domain.data + domain.len - 1)
        return true;
    return cookies->config.is_public_suffix &&
           cookies->config.is_public_suffix(cookies->config.suffix_context, domain);
}

/* Decides for the host alone or for a domain it belongs to; false for one it does not. Both are in
 * lower case. */
static bool set_scope(const struct pirn_cookies *cookies, struct pirn__cookie *cookie,
                      struct pirn_str host, struct pirn_str domain)
{
    struct pirn__ip ip;
    cookie->domain = host;
    cookie->host_only = true;
    if (domain.len == 0 || pirn_str_equal(domain, host)) {
        bool alone = domain.len == 0 || pirn__ip_parse(&ip, host) || is_suffix(cookies, domain);
        cookie->host_only = alone;
        return true;
    }
    if (pirn__ip_parse(&ip, host) || !pirn__cookie_is_below(host, domain) ||
        is_suffix(cookies, domain))
        return false;
    cookie->domain = domain;
    cookie->host_only = false;
    return true;
}

/* RFC 6265, 5.1.4: up to the last slash. */
static struct pirn_str default_path(struct pirn_str target)
{
    struct pirn_str path = take_until(&target, '?', NULL);
    size_t len = path.len;
    while (len > 0 && path.data[len - 1] != '/')
        len--;
    return len > 1 ? (struct pirn_str){path.data, len - 1} : PIRN_STR("/");
}

static bool has_prefix(struct pirn_str name, struct pirn_str prefix)
{
    return name.len >= prefix.len &&
           pirn_str_equal_nocase((struct pirn_str){name.data, prefix.len}, prefix);
}

/* RFC 6265bis: names that promise something; and what was set by way of TLS is not overlaid by what
 * comes without. */
static bool is_allowed(const struct pirn_cookies *cookies, const struct pirn__cookie *cookie,
                       const struct pirn_url *url, const struct attributes *attributes)
{
    if (cookie->secure && !url->secure)
        return false;
    if (has_prefix(cookie->name, PIRN_STR("__Secure-")) && !cookie->secure)
        return false;
    if (has_prefix(cookie->name, PIRN_STR("__Host-")) &&
        !(cookie->secure && attributes->domain.len == 0 &&
          pirn_str_equal(cookie->path, PIRN_STR("/"))))
        return false;
    for (size_t i = 0; i < cookies->count && !url->secure; i++) {
        const struct pirn__cookie *each = cookies->list[i];
        bool related = pirn_str_equal(each->domain, cookie->domain) ||
                       pirn__cookie_is_below(each->domain, cookie->domain) ||
                       pirn__cookie_is_below(cookie->domain, each->domain);
        if (each->secure && related && pirn_str_equal(each->name, cookie->name))
            return false;
    }
    return true;
}

/* ---- */

static struct pirn_str lower(char *to, struct pirn_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        to[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    return (struct pirn_str){to, text.len};
}

int pirn_cookies_set(struct pirn_cookies *cookies, const struct pirn_url *url,
                     struct pirn_str set_cookie, int64_t now_s)
{
    struct pirn__cookie cookie = {.secure = false};
    struct attributes attributes;
    char host[256], domain[256];
    bool has_value;
    struct pirn_str value = take_until(&set_cookie, ';', NULL);
    cookie.name = trim(take_until(&value, '=', &has_value));
    cookie.value = trim(value);
    read_attributes(&attributes, set_cookie, now_s);
    cookie.secure = attributes.secure;
    cookie.http_only = attributes.http_only;
    cookie.path = attributes.path.len ? attributes.path : default_path(url->target);
    cookie.expiry_s =
        attributes.max_age_s != PIRN__COOKIE_SESSION ? attributes.max_age_s : attributes.expires_s;
    if (!has_value || url->host.len > sizeof host || attributes.domain.len > sizeof domain ||
        !set_scope(cookies, &cookie, lower(host, url->host), lower(domain, attributes.domain)) ||
        !is_allowed(cookies, &cookie, url, &attributes) || !pirn__cookie_is_good(cookies, &cookie))
        return 0;
    return pirn__cookies_keep(cookies, &cookie, now_s);
}

int pirn_cookies_receive(struct pirn_cookies *cookies, const struct pirn_url *url,
                         const struct pirn_http_head *head, int64_t now_s)
{
    const struct pirn_str name = PIRN_STR("Set-Cookie");
    int kept = 0;
    for (const struct pirn_header *h = NULL; (h = pirn_http_next(head, name, h)) != NULL;) {
        int result = pirn_cookies_set(cookies, url, h->value, now_s);
        if (result < 0)
            return result;
        kept += result;
    }
    return kept;
}
