/* The first byte chooses the proxy, the others are what it says until it agrees, refuses, or is to
 * be asked again: at once, or byte by byte, the end is the same. */
#undef NDEBUG /* the assertions are the test */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dial/proxy_talk.h"

static const char *const proxies[] = {"http://ada:secret@p", "socks4a://p", "socks5h://p",
                                      "socks5h://ada:secret@p"};

static int run(struct pirn__talk *talk, const uint8_t *data, size_t size, size_t piece)
{
    size_t fed = 1;
    memset(talk, 0, sizeof *talk);
    assert(pirn__proxy_parse(&talk->proxy, pirn_cstr(proxies[data[0] % 4])) == 0);
    talk->host = PIRN_STR("a.test");
    talk->port = 80;
    talk->cnonce = PIRN_STR("0123456789abcdef");
    int result = pirn__talk_start(talk);
    assert(result == 0);
    while (result == 0 && !talk->again) {
        assert(talk->out_len <= sizeof talk->out && talk->used <= talk->in_len);
        bool asked = talk->out_len > 0;
        talk->out_len = 0;
        if (!asked || talk->used == talk->in_len) {
            size_t len = size - fed < piece ? size - fed : piece;
            if (len == 0)
                return pirn__talk_lost(talk) ? 2 : 0;
            memcpy(talk->in + talk->in_len, data + fed, len);
            talk->in_len += len;
            fed += len;
        }
        result = pirn__talk_read(talk);
    }
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pirn__talk whole, bytewise;
    if (size < 1 || size > sizeof whole.in)
        return 0;
    int one = run(&whole, data, size, SIZE_MAX), other = run(&bytewise, data, size, 1);
    assert(one == other);
    assert(whole.again == bytewise.again && whole.out_len == bytewise.out_len);
    assert(whole.status == bytewise.status && strcmp(whole.text, bytewise.text) == 0);
    assert(one != 1 || whole.used == bytewise.used);
    return 0;
}
