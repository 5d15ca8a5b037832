/* A reference is made whole from the left: what it has not (scheme, authority, path) the base
 * gives. */
#include "client/location.h"

#include <stdio.h>
#include <string.h>

#include <pirn/error.h>

/* Text that grows to the end of its memory; once it does not fit nothing is added any more. */
struct line {
    char *data;
    size_t cap, len;
    bool full;
};

static void add(struct line *line, struct pirn_str text)
{
    line->full = line->full || text.len >= line->cap - line->len;
    if (line->full || text.len == 0)
        return;
    memcpy(line->data + line->len, text.data, text.len);
    line->len += text.len;
}

static int finish(struct line *line)
{
    if (line->full || line->len >= line->cap)
        return -PIRN_E_ROOM;
    line->data[line->len] = '\0';
    return (int)line->len;
}

static void add_port(struct line *line, const struct pirn_url *url)
{
    char port[8];
    int len = snprintf(port, sizeof port, ":%u", (unsigned)url->port);
    if (url->port != (url->secure ? 443 : 80))
        add(line, (struct pirn_str){port, (size_t)len});
}

static void add_origin(struct line *line, const struct pirn_url *url)
{
    add(line, url->secure ? PIRN_STR("wss://") : PIRN_STR("ws://"));
    add(line, url->ipv6 ? PIRN_STR("[") : PIRN_STR(""));
    add(line, url->host);
    add(line, url->ipv6 ? PIRN_STR("]") : PIRN_STR(""));
    add_port(line, url);
}

static size_t path_length(struct pirn_str target)
{
    const char *query = target.len > 0 ? memchr(target.data, '?', target.len) : NULL;
    return query ? (size_t)(query - target.data) : target.len;
}

static struct pirn_str from(struct pirn_str text, size_t at)
{
    return (struct pirn_str){text.data + at, text.len - at};
}

/* Takes the last segment of the path that begins at root off. */
static void go_up(struct line *line, size_t root)
{
    while (line->len > root && line->data[line->len - 1] != '/')
        line->len--;
    if (line->len > root)
        line->len--;
}

static bool is_dots(struct pirn_str segment, size_t count)
{
    return segment.len == count && memcmp(segment.data, "..", count) == 0;
}

/* Adds segments behind a path that ends before root, or has whole segments from there on, none of
 * which ends in "/": "." and ".." are followed (RFC 3986, 5.2.4). */
static void add_segments(struct line *line, size_t root, struct pirn_str path)
{
    for (;;) {
        const char *slash = path.len > 0 ? memchr(path.data, '/', path.len) : NULL;
        struct pirn_str segment = {path.data, slash ? (size_t)(slash - path.data) : path.len};
        bool up = is_dots(segment, 2), stay = is_dots(segment, 1);
        if (up)
            go_up(line, root);
        if (!up && !stay) {
            add(line, PIRN_STR("/"));
            add(line, segment);
        } else if (!slash) {
            add(line, PIRN_STR("/"));
        }
        if (!slash)
            return;
        path = from(path, segment.len + 1);
    }
}

/* The target that a reference without an authority leads to. */
static void add_target(struct line *line, struct pirn_str base, struct pirn_str reference)
{
    size_t root = line->len, base_path = path_length(base), path = path_length(reference);
    struct pirn_str directory = {base.data, base_path};
    while (directory.len > 0 && directory.data[directory.len - 1] != '/')
        directory.len--;
    if (path > 0 && reference.data[0] == '/') {
        add_segments(line, root, (struct pirn_str){reference.data + 1, path - 1});
    } else if (path > 0) {
        if (directory.len > 1)
            add_segments(line, root, (struct pirn_str){directory.data + 1, directory.len - 2});
        add_segments(line, root, (struct pirn_str){reference.data, path});
    } else {
        add(line, base_path > 0 ? (struct pirn_str){base.data, base_path} : PIRN_STR("/"));
    }
    if (path < reference.len)
        add(line, from(reference, path));
    else if (path == 0)
        add(line, from(base, base_path));
}

int pirn__location_write(const struct pirn_url *url, char *out, size_t cap)
{
    struct line line = {.data = out, .cap = cap};
    add_origin(&line, url);
    if (path_length(url->target) == 0)
        add(&line, PIRN_STR("/"));
    add(&line, url->target);
    return finish(&line);
}

/* RFC 3986, 3.1. */
static bool has_scheme(struct pirn_str text)
{
    for (size_t i = 0; i < text.len && !strchr("/?", text.data[i]); i++)
        if (text.data[i] == ':')
            return true;
    return false;
}

/* "//host/path": all but the scheme. */
static int parse_network_path(struct pirn_url *url, const struct pirn_url *base,
                              struct pirn_str text)
{
    size_t end = 0;
    while (end < text.len && text.data[end] != '/' && text.data[end] != '?')
        end++;
    const char *at = end > 0 ? memchr(text.data, '@', end) : NULL;
    size_t begin = at ? (size_t)(at - text.data) + 1 : 0;
    if (pirn_url_parse_authority(url, (struct pirn_str){text.data + begin, end - begin}) < 0)
        return -PIRN_E_URL;
    url->secure = base->secure;
    if (url->port == 0)
        url->port = url->secure ? 443 : 80;
    url->target = from(text, end);
    return 0;
}

int pirn__location_resolve(const struct pirn_url *base, struct pirn_str reference, char *out,
                           size_t cap)
{
    struct line line = {.data = out, .cap = cap};
    struct pirn_url url = *base;
    int error = 0;
    reference = pirn_url_without_fragment(reference);
    if (has_scheme(reference))
        error = pirn_url_parse(&url, reference);
    else if (reference.len > 1 && memcmp(reference.data, "//", 2) == 0)
        error = parse_network_path(&url, base, from(reference, 2));
    else
        url.target = (struct pirn_str){NULL, 0};
    if (error)
        return error;
    add_origin(&line, &url);
    if (url.target.data)
        add_target(&line, PIRN_STR("/"), url.target);
    else
        add_target(&line, base->target, reference);
    int len = finish(&line);
    if (len >= 0 && pirn_url_parse(&url, (struct pirn_str){out, (size_t)len}) < 0)
        return -PIRN_E_URL;
    return len;
}

bool pirn__location_same_origin(const struct pirn_url *a, const struct pirn_url *b)
{
    return a->secure == b->secure && a->port == b->port && pirn_str_equal_nocase(a->host, b->host);
}
