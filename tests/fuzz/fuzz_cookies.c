/* Lines of Set-Cookie from two hosts; what goes back is fit for a header, and goes nowhere else. */
#undef NDEBUG /* the assertions are the test */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <pirn/cookies.h>

static const char *const urls[] = {"ws://www.a.test/b/c", "wss://b.test/"};

static struct pirn_url url_of(const char *text)
{
    struct pirn_url url;
    assert(pirn_url_parse(&url, pirn_cstr(text)) == 0);
    return url;
}

static void read_back(struct pirn_cookies *jar, const char *text, bool foreign)
{
    static char out[1 << 17];
    struct pirn_url url = url_of(text);
    int len = pirn_cookies_header(jar, &url, 1000, out, sizeof out);
    assert(len >= 0 && len == (int)strlen(out));
    assert(pirn_http_is_value((struct pirn_str){out, (size_t)len}));
    assert(!foreign || len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct pirn_cookies_config config = {.max_cookies = 16, .max_per_domain = 8};
    struct pirn_cookies *jar = pirn_cookies_new(&config);
    assert(jar);
    for (size_t from = 0, at = 0, line = 0; size <= 8192 && at <= size; at++) {
        if (at < size && data[at] != '\n')
            continue;
        char *copy = malloc(at - from + 1);
        assert(copy);
        memcpy(copy, data + from, at - from);
        struct pirn_url url = url_of(urls[line++ % 2]);
        int result = pirn_cookies_set(jar, &url, (struct pirn_str){copy, at - from}, 1000);
        assert(result == 0 || result == 1);
        free(copy);
        from = at + 1;
    }
    assert(pirn_cookies_count(jar) <= 16);
    for (size_t i = 0; i < 2; i++)
        read_back(jar, urls[i], false);
    read_back(jar, "wss://www.a.test/b/c/d?e", false);
    read_back(jar, "wss://test/", true);
    read_back(jar, "wss://aa.test/", true);
    read_back(jar, "wss://127.0.0.1/", true);
    pirn_cookies_free(jar);
    return 0;
}
