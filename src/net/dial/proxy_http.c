/* proxy_http.c: the CONNECT method (RFC 9110, 9.3.6). A 2xx has no body, whatever its head says:
 * what follows it comes from the host.
 *
 * The password leaves as Basic at once. A 407 that asks for Digest (RFC 7616) is answered once: on
 * the same connection, behind the body of the 407, if the proxy keeps it, else on a new one. */
#include "dial/proxy_talk.h"

#include <stdio.h>
#include <string.h>

#include <pirn/auth.h>

#include "tls/hash.h"

/* A longer body of a 407 costs more than a new connection. */
enum { BODY_MAX = 65536 };

/* "host:port", the target of the request. */
struct place {
    char text[300];
    struct pirn_str str;
};

static void name_place(const struct pirn__talk *talk, struct place *place)
{
    bool v6 = memchr(talk->host.data, ':', talk->host.len) != NULL;
    int len = snprintf(place->text, sizeof place->text, v6 ? "[%.*s]:%u" : "%.*s:%u",
                       (int)talk->host.len, talk->host.data, (unsigned)talk->port);
    place->str = (struct pirn_str){place->text, (size_t)len};
}

/* Has the request to be sent; credentials may be {NULL, 0}. */
static int say(struct pirn__talk *talk, const struct place *place, struct pirn_str credentials)
{
    const struct pirn_header headers[] = {
        {PIRN_STR("Host"), place->str},
        {PIRN_STR("Proxy-Authorization"), credentials},
    };
    int len =
        pirn_http_write_request(PIRN_STR("CONNECT"), place->str, headers, credentials.data ? 2 : 1,
                                (char *)talk->out, sizeof talk->out);
    if (len < 0)
        return pirn__talk_fail(talk, PIRN_E_PROXY_REFUSED, "host: %s", pirn_error_text(len));
    talk->out_len = talk->request_len = (size_t)len;
    return 0;
}

/* ---- what has come */

static void expect_head(struct pirn__talk *talk)
{
    pirn_http_head_init(&talk->head, PIRN_HTTP_RESPONSE, talk->headers, PIRN_HTTP_MAX_HEADERS,
                        sizeof talk->in - talk->used);
}

/* Makes room of what has been used, so that each answer has all of it. */
static void drop_used(struct pirn__talk *talk)
{
    talk->in_len -= talk->used;
    memmove(talk->in, talk->in + talk->used, talk->in_len);
    talk->used = 0;
}

/* Whether the body of the challenge lies behind us. */
static bool skip_body(struct pirn__talk *talk)
{
    size_t there = talk->in_len - talk->used;
    size_t len = talk->body < there ? talk->body : there;
    if (len > 0) {
        talk->used += len;
        talk->body -= len;
        drop_used(talk);
    }
    return talk->body == 0;
}

/* How much follows the head before the next; -1: the connection is of no more use. */
static int body_len(const struct pirn_http_head *head)
{
    const struct pirn_str length = PIRN_STR("Content-Length"), close = PIRN_STR("close");
    bool kept = head->version_minor == 1 && pirn_http_count(head, length) == 1 &&
                pirn_http_count(head, PIRN_STR("Transfer-Encoding")) == 0 &&
                !pirn_http_has_token(head, PIRN_STR("Connection"), close) &&
                !pirn_http_has_token(head, PIRN_STR("Proxy-Connection"), close);
    return kept ? pirn__proxy_number(pirn_http_find(head, length), BODY_MAX) : -1;
}

/* ---- challenges */

static int refuse(struct pirn__talk *talk)
{
    bool who = talk->status == 407;
    const char *text = pirn_http_status_text(talk->status);
    return pirn__talk_fail(talk, who ? PIRN_E_PROXY_AUTHENTICATION : PIRN_E_PROXY_REFUSED, "%d%s%s",
                           talk->status, text[0] ? " " : "", text);
}

static int answer_challenge(struct pirn__talk *talk)
{
    struct pirn_auth_challenge challenge;
    struct place place;
    if (talk->answered || !talk->user.data ||
        pirn_auth_choose(&talk->head, PIRN_STR("Proxy-Authenticate"), &challenge) < 0)
        return refuse(talk);
    name_place(talk, &place);
    const struct pirn_auth_answer with = {.user = talk->user,
                                          .password = talk->password,
                                          .method = PIRN_STR("CONNECT"),
                                          .target = place.str,
                                          .cnonce = talk->cnonce,
                                          .count = 1,
                                          .hash = pirn__hash};
    int len = pirn_auth_digest(&challenge, &with, talk->credentials, sizeof talk->credentials);
    if (len < 0) /* it is Basic, or cannot be answered */
        return refuse(talk);
    int body = body_len(&talk->head);
    talk->answered = true;
    talk->kept = body >= 0;
    talk->again = !talk->kept;
    talk->body = talk->kept ? (size_t)body : 0;
    talk->status = 0;
    if (talk->again)
        talk->used = talk->in_len;
    drop_used(talk);
    expect_head(talk);
    return say(talk, &place, (struct pirn_str){talk->credentials, (size_t)len});
}

bool pirn__talk_lost(struct pirn__talk *talk)
{
    if (!talk->kept || (talk->body == 0 && talk->in_len > talk->used))
        return false;
    talk->kept = false;
    talk->again = true;
    talk->in_len = talk->used = talk->body = 0;
    talk->out_len = talk->request_len;
    expect_head(talk);
    return true;
}

/* ---- the conversation */

static int read_answer(struct pirn__talk *talk)
{
    struct pirn_http_head *head = &talk->head;
    if (!skip_body(talk))
        return 0;
    for (;;) {
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
        expect_head(talk);
    }
    talk->status = head->status;
    if (talk->status == 407)
        return answer_challenge(talk);
    return talk->status < 300 ? 1 : refuse(talk);
}

int pirn__talk_start_http(struct pirn__talk *talk)
{
    struct pirn_str basic = {NULL, 0};
    struct place place;
    if (talk->user.data && !talk->digest_only) {
        int len = pirn_auth_basic(talk->user, talk->password, talk->credentials,
                                  sizeof talk->credentials);
        if (len < 0)
            return pirn__talk_fail(talk, PIRN_E_PROXY_AUTHENTICATION, "user name: %s",
                                   pirn_error_text(len));
        basic = (struct pirn_str){talk->credentials, (size_t)len};
    }
    name_place(talk, &place);
    talk->next = read_answer;
    expect_head(talk);
    return say(talk, &place, basic);
}
