/* proxy_talk.c: which protocol a proxy speaks. Each is a function that says the first word, and
 * leaves in talk->next the one that reads the answer. */
#include "dial/proxy_talk.h"

#include <stdarg.h>
#include <stdio.h>

#include <pirn/auth.h>

int pirn__talk_fail(struct pirn__talk *talk, enum pirn_error error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(talk->text, sizeof talk->text, format, arguments);
    va_end(arguments);
    return -(int)error;
}

int pirn__talk_start(struct pirn__talk *talk)
{
    static pirn__talk_fn *const starts[] = {
        [PIRN__PROXY_HTTP] = pirn__talk_start_http,
        [PIRN__PROXY_SOCKS4] = pirn__talk_start_socks4,
        [PIRN__PROXY_SOCKS4A] = pirn__talk_start_socks4,
        [PIRN__PROXY_SOCKS5] = pirn__talk_start_socks5,
        [PIRN__PROXY_SOCKS5H] = pirn__talk_start_socks5,
    };
    talk->out_len = talk->in_len = talk->used = talk->body = 0;
    talk->again = talk->answered = talk->kept = false;
    talk->status = 0;
    talk->text[0] = '\0';
    talk->user = talk->password = (struct pirn_str){NULL, 0};
    if (talk->proxy.userinfo.data)
        pirn_auth_userinfo(talk->proxy.userinfo, &talk->user, &talk->password, talk->decoded,
                           sizeof talk->decoded);
    return starts[talk->proxy.kind](talk);
}

int pirn__talk_read(struct pirn__talk *talk)
{
    int result = talk->next(talk);
    if (result == 0 && talk->out_len == 0 && talk->in_len == sizeof talk->in)
        return pirn__talk_fail(talk, PIRN_E_PROXY_ANSWER, "answer has no end");
    return result;
}
