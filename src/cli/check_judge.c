/* From what came to a verdict. Where the RFC leaves a choice, every choice is right; what a server
 * may refuse for reasons of its own (too big, too busy, not its application's) is not judged. */
#include <stdio.h>
#include <string.h>

#include "check.h"

static void set(struct check_result *result, enum check_verdict verdict, enum check_level level,
                const char *clause)
{
    result->verdict = verdict;
    result->level = level;
    result->clause = clause;
}

static void violated(const struct check_run *run)
{
    set(run->result, CHECK_VIOLATED, run->kase->level, run->kase->clause);
}

static void not_judged(const struct check_run *run)
{
    run->result->verdict = CHECK_NOT_JUDGED;
}

static bool has_code(const struct check_case *kase, int code)
{
    for (size_t i = 0; i < 4 && kase->codes[i]; i++)
        if (kase->codes[i] == code)
            return true;
    return kase->codes[0] == 0;
}

static bool opened(const struct check_run *run)
{
    return run->has_head && run->head.error == 0 && run->head.status == 101;
}

/* ---- texts */

static void codes_text(const struct check_case *kase, char *out, size_t cap)
{
    size_t len = (size_t)snprintf(out, cap, "Close");
    for (size_t i = 0; i < 4 && kase->codes[i]; i++)
        len += (size_t)snprintf(out + len, cap - len, "%s %d", i ? " or" : "", kase->codes[i]);
}

static void expected_text(const struct check_run *run, const char *head_fault)
{
    const struct check_case *kase = run->kase;
    char *out = run->result->expected, codes[64];
    size_t cap = sizeof run->result->expected;
    bool echo = run->check->echoes && run->script.message_count > 0;
    codes_text(kase, codes, sizeof codes);
    switch (kase->see) {
    case SEE_OPEN:
        snprintf(out, cap, "101%s%s", head_fault ? ", not: " : "", head_fault ? head_fault : "");
        break;
    case SEE_REFUSED:
        snprintf(out, cap, "refused%s%s", head_fault ? ", not: " : "",
                 head_fault ? head_fault : "");
        break;
    case SEE_EITHER:
        snprintf(out, cap, head_fault ? "not: %s" : "any answer", head_fault);
        break;
    case SEE_ON:
        snprintf(out, cap, "goes on: Pong%s", echo ? " and echo" : "");
        break;
    case SEE_FAILED:
        snprintf(out, cap, kase->codes[0] ? "fails the connection with %s" : "ends the connection",
                 codes);
        break;
    case SEE_CLOSED:
        snprintf(out, cap, "%s, end", codes);
        break;
    case SEE_ENDED:
        snprintf(out, cap, kase->codes[0] ? "%s, end" : "end", codes);
        break;
    case SEE_WATCHED:
        snprintf(out, cap, "never");
        break;
    }
}

static void came_text(struct check_run *run)
{
    if (run->unreadable)
        check_log(run, "a frame too large to look at");
    if (run->timed_out && !run->in_time)
        check_log(run, "%s in %g s", run->log[0] ? "no more" : "nothing",
                  (double)run->check->timeout_ms / 1000);
    if (run->log[0] == '\0' && opened(run))
        check_log(run, "101");
    snprintf(run->result->came, sizeof run->result->came, "%s", run->log);
}

/* ---- verdicts */

static void judge_head(const struct check_run *run, const char *fault)
{
    enum check_see see = run->kase->see;
    if (see == SEE_OPEN && !opened(run))
        violated(run);
    else if (see == SEE_REFUSED && opened(run))
        violated(run);
    else if (see == SEE_REFUSED && run->timed_out) /* the RFC does not say how soon */
        set(run->result, CHECK_VIOLATED,
            run->kase->level == CHECK_MUST ? CHECK_SHOULD : run->kase->level, run->kase->clause);
    else if (see == SEE_EITHER && !run->has_head)
        not_judged(run);
    else if (fault)
        violated(run);
}

static void judge_on(const struct check_run *run)
{
    bool wrong_close =
        run->close_code == PIRN_CLOSE_PROTOCOL_ERROR || run->close_code == PIRN_CLOSE_INVALID_DATA;
    bool all = run->has_pong && (!run->check->echoes || run->echoed == run->script.message_count);
    if (all)
        return;
    if (run->has_close && !wrong_close &&
        (!run->check->echoes || run->close_code == PIRN_CLOSE_MESSAGE_TOO_BIG))
        not_judged(run); /* what it wants to hear is its own business */
    else if (!run->check->echoes && run->ended && !run->has_close && run->script.message_count)
        not_judged(run);
    else
        violated(run);
}

/* That there is a Close, and which, is a SHOULD. */
static void judge_failed(const struct check_run *run)
{
    const struct check_case *kase = run->kase;
    enum check_level level = kase->level == CHECK_MUST ? CHECK_SHOULD : kase->level;
    if (run->refused_came || !(run->has_close || run->ended)) {
        violated(run);
    } else if (kase->codes[0] && (!run->has_close || !has_code(kase, run->close_code))) {
        const char *clause = kase->level == CHECK_MUST ? "6455 7.1.7" : kase->clause;
        set(run->result, CHECK_VIOLATED, level, clause);
    }
}

static void judge_closed(const struct check_run *run)
{
    const struct check_case *kase = run->kase;
    if (!run->ended || (!run->has_close && kase->see == SEE_CLOSED) || run->refused_came)
        violated(run);
    else if (run->has_close && !has_code(kase, run->close_code))
        set(run->result, CHECK_VIOLATED, CHECK_MAY, kase->clause);
}

bool check_lacks_extension(const struct check_run *run)
{
    struct pirn_http_list list;
    struct pirn_str element, wanted = pirn_cstr(run->kase->agreed);
    if (!run->kase->agreed)
        return false;
    pirn_http_list_init(&list, &run->head, PIRN_STR("Sec-WebSocket-Extensions"));
    while (pirn_http_list_next(&list, &element))
        if (element.len >= wanted.len && memcmp(element.data, wanted.data, wanted.len) == 0)
            return false;
    return true;
}

static bool is_of_heads(enum check_see see)
{
    return see == SEE_OPEN || see == SEE_REFUSED || see == SEE_EITHER;
}

/* What kept it from being tried at all; NULL if nothing did. */
static const char *obstacle(const struct check_run *run)
{
    if (run->script.broken)
        return "the case could not be sent";
    if (run->connect_failed)
        return "";
    if (!is_of_heads(run->kase->see) && !opened(run))
        return "no 101";
    if (run->not_agreed)
        return "the extension was not agreed on";
    return NULL;
}

void check_judge(struct check_run *run)
{
    struct check_result *result = run->result;
    set(result, CHECK_OK, run->kase->level, run->kase->clause);
    const char *why = obstacle(run), *fault = NULL;
    if (why && *why)
        check_log(run, "%s", why);
    if (!why && run->has_head && run->head.error == 0 && run->kase->judge &&
        (run->kase->see == SEE_REFUSED ? !opened(run) : opened(run)))
        fault = run->kase->judge(run);
    came_text(run);
    expected_text(run, fault);
    if (why)
        not_judged(run);
    else if (is_of_heads(run->kase->see))
        judge_head(run, fault);
    else if (run->kase->see == SEE_ON)
        judge_on(run);
    else if (run->kase->see == SEE_FAILED)
        judge_failed(run);
    else
        judge_closed(run);
}

void check_judge_watched(const struct check *check, const struct check_case *kase,
                         struct check_result *result)
{
    const char *seen = check->watched[kase->watch];
    set(result, *seen ? CHECK_VIOLATED : CHECK_OK, kase->level, kase->clause);
    snprintf(result->expected, sizeof result->expected, "never");
    snprintf(result->came, sizeof result->came, "%s", *seen ? seen : "never");
}

/* ---- heads */

static struct pirn_str header(const struct check_run *run, struct pirn_str name)
{
    return pirn_http_find(&run->head, name);
}

const char *check_accept_fits(const struct check_run *run)
{
    char right[PIRN_HANDSHAKE_ACCEPT_CHARS + 1];
    pirn_handshake_accept_key(pirn_cstr(run->key), right);
    if (pirn_http_count(&run->head, PIRN_STR("Sec-WebSocket-Accept")) != 1)
        return "Sec-WebSocket-Accept is missing or doubled";
    bool fits = pirn_str_equal(header(run, PIRN_STR("Sec-WebSocket-Accept")), pirn_cstr(right));
    return fits ? NULL : "Sec-WebSocket-Accept does not belong to the key";
}

const char *check_upgrade_is_websocket(const struct check_run *run)
{
    bool is = pirn_str_equal_nocase(header(run, PIRN_STR("Upgrade")), PIRN_STR("websocket"));
    return is ? NULL : "Upgrade is not websocket";
}

const char *check_connection_is_upgrade(const struct check_run *run)
{
    bool has = pirn_http_has_token(&run->head, PIRN_STR("Connection"), PIRN_STR("upgrade"));
    return has ? NULL : "Connection does not name upgrade";
}

const char *check_no_subprotocol(const struct check_run *run)
{
    bool none = pirn_http_count(&run->head, PIRN_STR("Sec-WebSocket-Protocol")) == 0;
    return none ? NULL : "a subprotocol that was not offered";
}

const char *check_subprotocol_is_offered(const struct check_run *run)
{
    struct pirn_str chosen = header(run, PIRN_STR("Sec-WebSocket-Protocol"));
    if (!chosen.data)
        return NULL;
    if (pirn_http_count(&run->head, PIRN_STR("Sec-WebSocket-Protocol")) > 1)
        return "more than one subprotocol";
    bool is = pirn_str_equal(chosen, PIRN_STR("x-pirn-one")) ||
              pirn_str_equal(chosen, PIRN_STR("x-pirn-two"));
    return is ? NULL : "a subprotocol that was not offered";
}

const char *check_no_extension(const struct check_run *run)
{
    bool none = pirn_http_count(&run->head, PIRN_STR("Sec-WebSocket-Extensions")) == 0;
    return none ? NULL : "an extension that was not offered";
}

const char *check_version_is_told(const struct check_run *run)
{
    struct pirn_http_list list;
    struct pirn_str element;
    pirn_http_list_init(&list, &run->head, PIRN_STR("Sec-WebSocket-Version"));
    while (pirn_http_list_next(&list, &element))
        if (pirn_str_equal(element, PIRN_STR("13")))
            return NULL;
    return "no Sec-WebSocket-Version: 13 in the answer";
}

const char *check_status_400(const struct check_run *run)
{
    return run->head.status == 400 ? NULL : "another status than 400";
}

const char *check_status_4xx(const struct check_run *run)
{
    return run->head.status >= 400 && run->head.status < 500 ? NULL : "a status that is not 4xx";
}

/* ---- permessage-deflate */

/* Finds its element in the answer; counts how often it is there. */
static size_t deflate_element(const struct check_run *run, struct pirn_str *found)
{
    struct pirn_http_list list;
    struct pirn_str element, name = PIRN_STR("permessage-deflate");
    size_t count = 0;
    pirn_http_list_init(&list, &run->head, PIRN_STR("Sec-WebSocket-Extensions"));
    while (pirn_http_list_next(&list, &element))
        if (element.len >= name.len && memcmp(element.data, name.data, name.len) == 0) {
            *found = element;
            count++;
        }
    return count;
}

/* The value of a parameter, -1 without one, -2 when the parameter is not there; how often it is. */
static int parameter(struct pirn_str element, const char *name, size_t *count)
{
    const char *at = element.data, *end = element.data + element.len;
    int value = -2;
    size_t len = strlen(name);
    *count = 0;
    while ((at = memchr(at, ';', (size_t)(end - at)))) {
        for (at++; at < end && (*at == ' ' || *at == '\t');)
            at++;
        if ((size_t)(end - at) < len || memcmp(at, name, len) != 0)
            continue;
        const char *rest = at + len;
        ++*count;
        value = -1;
        if (rest < end && *rest == '=')
            for (rest += rest + 1 < end && rest[1] == '"' ? 2 : 1, value = 0;
                 rest < end && *rest >= '0' && *rest <= '9' && value < 1000; rest++)
                value = value * 10 + *rest - '0';
    }
    return value;
}

const char *check_no_deflate(const struct check_run *run)
{
    struct pirn_str element;
    bool none = deflate_element(run, &element) == 0;
    return none ? NULL : "permessage-deflate accepted on an offer that must be declined";
}

const char *check_deflate_answer(const struct check_run *run)
{
    static const struct {
        const char *name;
        bool wants_value;
    } all[] = {{"server_no_context_takeover", false},
               {"client_no_context_takeover", false},
               {"server_max_window_bits", true},
               {"client_max_window_bits", true}};
    struct pirn_str element;
    size_t total = 0, times, found = deflate_element(run, &element);
    if (found != 1)
        return found ? "permessage-deflate twice in the answer" : NULL;
    for (size_t i = 0; i < 4; i++) {
        int value = parameter(element, all[i].name, &times);
        total += times;
        if (times > 1)
            return "a parameter twice in the answer";
        if (times == 1 && all[i].wants_value && (value < 8 || value > 15))
            return "window bits that are not 8 to 15";
        if (times == 1 && !all[i].wants_value && value != -1)
            return "a value of a parameter that has none";
    }
    size_t parameters = 0;
    for (size_t i = 0; i < element.len; i++)
        parameters += element.data[i] == ';';
    if (parameters != total)
        return "a parameter that does not exist";
    parameter(element, "client_max_window_bits", &times);
    return times == 0 ? NULL : "client_max_window_bits, which was not offered";
}

const char *check_deflate_window_10(const struct check_run *run)
{
    struct pirn_str element;
    size_t times;
    if (deflate_element(run, &element) == 0)
        return NULL;
    int bits = parameter(element, "server_max_window_bits", &times);
    return bits >= 8 && bits <= 10 ? NULL : "accepted without server_max_window_bits of 8 to 10";
}

const char *check_deflate_forgets(const struct check_run *run)
{
    struct pirn_str element;
    size_t times;
    if (deflate_element(run, &element) == 0)
        return NULL;
    parameter(element, "server_no_context_takeover", &times);
    return times == 1 ? NULL : "accepted without server_no_context_takeover";
}
