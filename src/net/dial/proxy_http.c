/* proxy_http.c: the CONNECT method (RFC 9110, 9.3.6). A 2xx has no body, whatever its head says:
 * what follows it comes from the host. */
#include "dial/proxy_talk.h"

#include <stdio.h>
#include <string.h>

#include <pirn/auth.h>

static int refuse(struct pirn__talk *talk)
{
    bool who = talk->status == 407;
    const char *text = pirn_http_status_text(talk->status);
    return pirn__talk_fail(talk, who ? PIRN_E_PROXY_AUTHENTICATION : PIRN_E_PROXY_REFUSED, "%d%s%s",
                           talk->status, text[0] ? " " : "", text);
}

static int read_answer(struct pirn__talk *talk)
{
    for (;;) {
        struct pirn_http_head *head = &talk->head;
        int result =
            pirn_http_head_feed(head, (char *)talk->in + talk->used, talk->in_len - talk->used);
        if (result < 0)
            return pirn__talk_fail(talk, PIRN_E_PROXY_ANSWER, "answer: %s",
                                   pirn_error_text(result));
        if (result == 0)
            return 0;
        talk->used += head->size;
        if (head->status >= 200)
            break;
        pirn_http_head_init(head, PIRN_HTTP_RESPONSE, talk->headers, PIRN_HTTP_MAX_HEADERS,
                            sizeof talk->in - talk->used);
    }
    talk->status = talk->head.status;
    if (talk->status < 300)
        return 1;
    return refuse(talk);
}

int pirn__talk_start_http(struct pirn__talk *talk)
{
    char place[300], credentials[PIRN__PROXY_URL_MAX * 4 / 3 + 16];
    struct pirn_header headers[2] = {{PIRN_STR("Host"), {place, 0}}};
    size_t count = 1;
    bool v6 = memchr(talk->host.data, ':', talk->host.len) != NULL;
    int len = snprintf(place, sizeof place, v6 ? "[%.*s]:%u" : "%.*s:%u", (int)talk->host.len,
                       talk->host.data, (unsigned)talk->port);
    headers[0].value.len = (size_t)len;
    if (talk->user.data) {
        len = pirn_auth_basic(talk->user, talk->password, credentials, sizeof credentials);
        if (len < 0)
            return pirn__talk_fail(talk, PIRN_E_PROXY_AUTHENTICATION, "user name: %s",
                                   pirn_error_text(len));
        headers[count++] =
            (struct pirn_header){PIRN_STR("Proxy-Authorization"), {credentials, (size_t)len}};
    }
    len = pirn_http_write_request(PIRN_STR("CONNECT"), headers[0].value, headers, count,
                                  (char *)talk->out, sizeof talk->out);
    if (len < 0)
        return pirn__talk_fail(talk, PIRN_E_PROXY_REFUSED, "host: %s", pirn_error_text(len));
    talk->out_len = (size_t)len;
    talk->next = read_answer;
    pirn_http_head_init(&talk->head, PIRN_HTTP_RESPONSE, talk->headers, PIRN_HTTP_MAX_HEADERS,
                        sizeof talk->in);
    return 0;
}
