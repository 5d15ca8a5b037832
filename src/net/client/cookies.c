/* cookies.c: a jar is an array of cookies, searched from one end to the other: it is small, and
 * looked into once a handshake. Each cookie is one block, with its strings behind it. */
#include "client/cookies.h"

#include <string.h>

#include "conn/conn.h"
#include "loop/loop.h"

/* So that what a cookie has, and a line of a file, is a number that an int can be. */
enum { MOST_BYTES = 16 << 20 };

/* ---- the jar */

void *pirn__cookies_resize(struct pirn_cookies *cookies, void *memory, size_t old_size, size_t size)
{
    return cookies->config.realloc(cookies->config.realloc_context, memory, old_size, size);
}

struct pirn_cookies *pirn_cookies_new(const struct pirn_cookies_config *config)
{
    struct pirn_cookies_config whole = {0};
    if (config)
        whole = *config;
    PIRN__DEFAULT(whole.max_cookies, PIRN_COOKIES_MAX);
    PIRN__DEFAULT(whole.max_per_domain, PIRN_COOKIES_MAX_PER_DOMAIN);
    PIRN__DEFAULT(whole.max_bytes, PIRN_COOKIES_MAX_BYTES);
    if (whole.max_bytes > MOST_BYTES)
        whole.max_bytes = MOST_BYTES;
    PIRN__DEFAULT(whole.realloc, pirn__default_realloc);
    struct pirn_cookies *cookies = whole.realloc(whole.realloc_context, NULL, 0, sizeof *cookies);
    if (cookies)
        *cookies = (struct pirn_cookies){.config = whole};
    return cookies;
}

static size_t size_of(const struct pirn__cookie *cookie)
{
    return sizeof *cookie + cookie->name.len + cookie->value.len + cookie->domain.len +
           cookie->path.len;
}

static void drop(struct pirn_cookies *cookies, size_t place)
{
    struct pirn__cookie *cookie = cookies->list[place];
    cookies->list[place] = cookies->list[--cookies->count];
    pirn__cookies_resize(cookies, cookie, size_of(cookie), 0);
}

void pirn_cookies_clear(struct pirn_cookies *cookies)
{
    while (cookies->count > 0)
        drop(cookies, cookies->count - 1);
}

void pirn_cookies_free(struct pirn_cookies *cookies)
{
    if (!cookies)
        return;
    pirn_cookies_clear(cookies);
    if (cookies->list)
        pirn__cookies_resize(cookies, cookies->list, cookies->cap * sizeof *cookies->list, 0);
    pirn__cookies_resize(cookies, cookies, sizeof *cookies, 0);
}

size_t pirn_cookies_count(const struct pirn_cookies *cookies)
{
    return cookies->count;
}

/* ---- keeping */

bool pirn__cookie_is_expired(const struct pirn__cookie *cookie, int64_t now_s)
{
    return cookie->expiry_s <= now_s;
}

bool pirn__cookie_is_good(const struct pirn_cookies *cookies, const struct pirn__cookie *cookie)
{
    return cookie->name.len > 0 && pirn_http_is_value(cookie->name) &&
           pirn_http_is_value(cookie->value) && pirn_http_is_value(cookie->domain) &&
           pirn_http_is_value(cookie->path) &&
           size_of(cookie) - sizeof *cookie <= cookies->config.max_bytes;
}

static void drop_expired(struct pirn_cookies *cookies, int64_t now_s)
{
    for (size_t i = cookies->count; i > 0; i--)
        if (pirn__cookie_is_expired(cookies->list[i - 1], now_s))
            drop(cookies, i - 1);
}

/* Drops the cookie, of this domain or (NULL) of any, that was not used for longest, if there are
 * `most` of them. */
static void make_room_in(struct pirn_cookies *cookies, const struct pirn_str *domain, size_t most)
{
    size_t count = 0, oldest = 0;
    for (size_t i = 0; i < cookies->count; i++) {
        if (domain && !pirn_str_equal(cookies->list[i]->domain, *domain))
            continue;
        if (count++ == 0 || cookies->list[i]->used < cookies->list[oldest]->used)
            oldest = i;
    }
    if (count >= most)
        drop(cookies, oldest);
}

static bool make_room(struct pirn_cookies *cookies)
{
    size_t slot = sizeof *cookies->list;
    if (cookies->count < cookies->cap)
        return true;
    size_t cap = cookies->cap ? 2 * cookies->cap : 8;
    void *list = pirn__cookies_resize(cookies, cookies->list, cookies->cap * slot, cap * slot);
    if (!list)
        return false;
    cookies->list = list;
    cookies->cap = cap;
    return true;
}

static void copy(struct pirn_str *text, char **at)
{
    if (text->len > 0)
        memcpy(*at, text->data, text->len);
    text->data = *at;
    *at += text->len;
}

static struct pirn__cookie *duplicate(struct pirn_cookies *cookies,
                                      const struct pirn__cookie *cookie)
{
    struct pirn__cookie *made = pirn__cookies_resize(cookies, NULL, 0, size_of(cookie));
    if (!made)
        return NULL;
    char *at = (char *)(made + 1);
    *made = *cookie;
    copy(&made->name, &at);
    copy(&made->value, &at);
    copy(&made->domain, &at);
    copy(&made->path, &at);
    made->order = made->used = ++cookies->turn;
    return made;
}

/* The place of the one that this would replace, or count. */
static size_t find_same(const struct pirn_cookies *cookies, const struct pirn__cookie *cookie)
{
    size_t i = 0;
    for (; i < cookies->count; i++) {
        const struct pirn__cookie *each = cookies->list[i];
        if (pirn_str_equal(each->name, cookie->name) &&
            pirn_str_equal(each->domain, cookie->domain) &&
            pirn_str_equal(each->path, cookie->path))
            break;
    }
    return i;
}

int pirn__cookies_keep(struct pirn_cookies *cookies, const struct pirn__cookie *cookie,
                       int64_t now_s)
{
    size_t place = find_same(cookies, cookie);
    bool replaces = place < cookies->count;
    if (pirn__cookie_is_expired(cookie, now_s)) {
        if (replaces)
            drop(cookies, place);
        return 0;
    }
    if (!replaces && !make_room(cookies))
        return -PIRN_E_MEMORY;
    struct pirn__cookie *made = duplicate(cookies, cookie);
    if (!made)
        return -PIRN_E_MEMORY;
    if (replaces) {
        made->order = cookies->list[place]->order;
        drop(cookies, place);
    } else {
        if (cookies->count >= cookies->config.max_cookies)
            drop_expired(cookies, now_s);
        make_room_in(cookies, &made->domain, cookies->config.max_per_domain);
        make_room_in(cookies, NULL, cookies->config.max_cookies);
    }
    cookies->list[cookies->count++] = made;
    return 1;
}

/* ---- sending */

bool pirn__cookie_is_below(struct pirn_str name, struct pirn_str domain)
{
    if (name.len <= domain.len || name.data[name.len - domain.len - 1] != '.')
        return false;
    return pirn_str_equal_nocase((struct pirn_str){name.data + name.len - domain.len, domain.len},
                                 domain);
}

/* RFC 6265, 5.1.4. */
static bool is_on_path(struct pirn_str path, struct pirn_str of_cookie)
{
    if (path.len < of_cookie.len || memcmp(path.data, of_cookie.data, of_cookie.len) != 0)
        return false;
    return path.len == of_cookie.len || of_cookie.data[of_cookie.len - 1] == '/' ||
           path.data[of_cookie.len] == '/';
}

static struct pirn_str path_of(const struct pirn_url *url)
{
    struct pirn_str path = url->target;
    const char *query = path.len ? memchr(path.data, '?', path.len) : NULL;
    if (query)
        path.len = (size_t)(query - path.data);
    return path.len ? path : PIRN_STR("/");
}

static bool goes_to(const struct pirn__cookie *cookie, const struct pirn_url *url, int64_t now_s)
{
    return (pirn_str_equal_nocase(url->host, cookie->domain) ||
            (!cookie->host_only && pirn__cookie_is_below(url->host, cookie->domain))) &&
           (!cookie->secure || url->secure) && is_on_path(path_of(url), cookie->path) &&
           !pirn__cookie_is_expired(cookie, now_s);
}

/* Longer paths first, then older ones. */
static bool comes_before(const struct pirn__cookie *a, const struct pirn__cookie *b)
{
    return a->path.len != b->path.len ? a->path.len > b->path.len : a->order < b->order;
}

/* The first that goes to the URL and comes behind `last`; NULL: none. */
static struct pirn__cookie *next_for(const struct pirn_cookies *cookies, const struct pirn_url *url,
                                     int64_t now_s, const struct pirn__cookie *last)
{
    struct pirn__cookie *first = NULL;
    for (size_t i = 0; i < cookies->count; i++) {
        struct pirn__cookie *each = cookies->list[i];
        if ((!last || comes_before(last, each)) && (!first || comes_before(each, first)) &&
            goes_to(each, url, now_s))
            first = each;
    }
    return first;
}

static size_t put(char *out, size_t cap, size_t at, struct pirn_str text)
{
    if (at + text.len < cap && text.len > 0)
        memcpy(out + at, text.data, text.len);
    return at + text.len;
}

int pirn_cookies_header(struct pirn_cookies *cookies, const struct pirn_url *url, int64_t now_s,
                        char *out, size_t cap)
{
    size_t len = 0;
    cookies->turn++;
    for (struct pirn__cookie *each = NULL; (each = next_for(cookies, url, now_s, each)) != NULL;) {
        len = put(out, cap, len, len ? PIRN_STR("; ") : PIRN_STR(""));
        len = put(out, cap, len, each->name);
        len = put(out, cap, len, PIRN_STR("="));
        len = put(out, cap, len, each->value);
        each->used = cookies->turn;
    }
    if (cap > 0)
        out[len < cap ? len : 0] = '\0';
    return len < cap ? (int)len : -PIRN_E_ROOM;
}
