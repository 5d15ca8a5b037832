/* Where a stranger's redirect leads: the first line is the URL that was asked, the rest the
 * Location. What comes out is a URL of a WebSocket in its one form, without a user. */
#undef NDEBUG /* the assertions are the test */
#include <assert.h>
#include <string.h>

#include <pirn/error.h>

#include "client/location.h"

static char out[65536], again[65536];

/* With a URL that is whole the base plays no part. */
static void resolve_again(const struct pirn_url *base, int len)
{
    int second =
        pirn__location_resolve(base, (struct pirn_str){out, (size_t)len}, again, sizeof again);
    assert(second == len && memcmp(out, again, (size_t)len) == 0);
}

static void assert_no_dots(struct pirn_str target)
{
    static char path[65536];
    memcpy(path, target.data, target.len);
    path[target.len] = '\0';
    path[strcspn(path, "?")] = '\0';
    assert(!strstr(path, "/../") && !strstr(path, "/./"));
}

static void resolve(const struct pirn_url *base, struct pirn_str reference)
{
    struct pirn_url url;
    int len = pirn__location_resolve(base, reference, out, sizeof out);
    assert(len > 0 || len == -PIRN_E_URL || len == -PIRN_E_ROOM);
    if (len < 0)
        return;
    assert(out[len] == '\0' && strlen(out) == (size_t)len);
    assert(pirn_url_parse(&url, (struct pirn_str){out, (size_t)len}) == 0);
    assert(url.scheme == PIRN_URL_WS || url.scheme == PIRN_URL_WSS);
    assert(!url.userinfo.data && url.target.data[0] == '/');
    assert(!strchr(out, '#'));
    assert_no_dots(url.target);
    resolve_again(base, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char normal[65536];
    const char *text = (const char *)data;
    const char *end = size > 0 ? memchr(text, '\n', size) : NULL;
    struct pirn_url base;
    const struct pirn_str whole = {text, end ? (size_t)(end - text) : 0};
    if (pirn_url_parse(&base, whole) < 0)
        return 0;
    int len = pirn__location_resolve(&base, whole, normal, sizeof normal); /* without dots */
    if (len < 0)
        return 0;
    assert(pirn_url_parse(&base, (struct pirn_str){normal, (size_t)len}) == 0);
    resolve(&base, (struct pirn_str){end + 1, size - (size_t)(end + 1 - text)});
    return 0;
}
