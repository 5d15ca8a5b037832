/* dial.c: the steps of an attempt, one behind the other.
 *
 *     look up the host, if the connection goes there or the proxy wants an address
 *     look up the proxy, if there is one
 *     race to the addresses; or connect to the unix-domain socket
 *     talk to the proxy, if there is one; it may want to be raced to and talked to again
 *
 * The first begins in the loop's next turn. What is numeric, or given, is not looked up. A timer
 * limits look-ups and the talk, the race has its own. An attempt that is cancelled in one of its
 * own callbacks is freed at the end of the turn. */
#include "dial/dial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "loop/container.h"
#include "dial/dial_race.h"
#include "loop/line.h"
#include "dial/proxy_talk.h"
#include "dial/resolve.h"
#include "loop/socket.h"
#include "tls/hash.h"

struct pirn__dial {
    struct pirn_loop *loop;
    pirn__dial_done_fn *done;
    void *context;
    size_t size; /* of this, with the strings behind it */
    bool calling, cancelled;
    struct pirn__dial_target target; /* its strings are behind */
    struct pirn__proxy proxy;
    bool proxied;
    bool at_proxy; /* what is looked up, or connected to, is the proxy */
    struct pirn__task first;
    struct pirn_timer limit;
    struct pirn__lookup lookup;
    struct pirn__race race;
    struct pirn__talk *talk; /* with a proxy, from its connection on */
    char cnonce[PIRN__CNONCE_CAP];
    size_t out_sent;         /* of talk->out */
    struct pirn_watch watch; /* of the proxy's connection */
    uint64_t step_us;        /* when the step began */
    struct pirn__dial_result result;
    struct sockaddr_un local;
    struct pirn__ip from;
    struct pirn__ip host_ip; /* of the host, for a proxy that wants it */
    size_t ip_count;
    struct pirn__ip ips[PIRN__RESOLVE_ADDRESSES];
    char text[PIRN__DIAL_TEXT_CAP];
    char strings[];
};

/* ---- the end */

static void release(struct pirn__dial *dial)
{
    struct pirn_loop *loop = dial->loop;
    pirn__loop_not_at_end(&dial->first);
    pirn_timer_stop(loop, &dial->limit);
    pirn__resolve_cancel(loop, &dial->lookup);
    pirn__race_stop(&dial->race);
    if (dial->watch.fd >= 0) {
        pirn_loop_unwatch(loop, &dial->watch);
        pirn__socket_close(dial->watch.fd);
    }
    pirn__free(loop, dial->talk, sizeof *dial->talk);
    pirn__free(loop, dial, dial->size);
}

void pirn__dial_cancel(struct pirn__dial *dial)
{
    if (!dial)
        return;
    if (dial->calling)
        dial->cancelled = true;
    else
        release(dial);
}

static void release_at_end(struct pirn_loop *loop, struct pirn__task *task)
{
    (void)loop;
    release(PIRN__CONTAINER(task, struct pirn__dial, first));
}

/* Cancelled by a callback: who called that may still look at the attempt. */
static void abandon(struct pirn__dial *dial)
{
    pirn__race_stop(&dial->race);
    dial->first.run = release_at_end;
    pirn__loop_at_end(dial->loop, &dial->first);
}

/* The step that is under way ends. */
static void end_step(struct pirn__dial *dial, uint64_t *took_us)
{
    pirn_timer_stop(dial->loop, &dial->limit);
    *took_us += pirn_loop_now_us(dial->loop) - dial->step_us;
}

static void finish(struct pirn__dial *dial)
{
    pirn_timer_stop(dial->loop, &dial->limit);
    dial->calling = true; /* a cancel from inside is too late, and does nothing */
    dial->done(dial->context, &dial->result);
    release(dial);
}

static void succeed(struct pirn__dial *dial, int fd)
{
    dial->result.fd = fd;
    finish(dial);
}

/* text is what stands between the layer and, in brackets, what it is about (NULL: nothing). */
static void fail(struct pirn__dial *dial, enum pirn_layer layer, int error, int system_error,
                 const char *text, const char *about)
{
    struct pirn__dial_failure *failure = &dial->result.failure;
    char number[32];
    if (error < 0)
        error = -error;
    if (!text)
        text = error == PIRN_E_SYSTEM ? pirn__line_system_error(system_error, number, sizeof number)
                                      : pirn_error_text(error);
    bool by_proxy = dial->at_proxy && layer != PIRN_LAYER_PROXY;
    const char *who = dial->target.unix_path.data ? "unix" : pirn_layer_name(layer);
    snprintf(dial->text, sizeof dial->text, "%s%s: %s%s%s%s", by_proxy ? "proxy: " : "", who, text,
             about ? " (" : "", about ? about : "", about ? ")" : "");
    pirn__line_clean(dial->text);
    *failure = (struct pirn__dial_failure){
        .layer = by_proxy ? PIRN_LAYER_PROXY : layer,
        .error = (enum pirn_error)error,
        .system_error = system_error,
        .proxy_status = dial->talk ? dial->talk->status : 0,
        .text = dial->text,
    };
    if (error == PIRN_E_MEMORY)
        failure->layer = PIRN_LAYER_APPLICATION;
    dial->result.fd = -1;
    finish(dial);
}

/* Begins a step, and tells of it; false if the attempt is no more. */
static bool begin_step(struct pirn__dial *dial, enum pirn__dial_step step, const char *what)
{
    if (dial->target.step) {
        dial->calling = true;
        dial->target.step(dial->context, step, what);
        dial->calling = false;
    }
    if (dial->cancelled)
        abandon(dial);
    return !dial->cancelled;
}

static void set_limit(struct pirn__dial *dial, uint32_t ms)
{
    dial->step_us = pirn_loop_now_us(dial->loop);
    if (ms != PIRN_OFF)
        pirn_timer_set(dial->loop, &dial->limit, dial->step_us + (uint64_t)ms * 1000);
}

/* ---- the talk with a proxy */

static void fail_at_proxy(struct pirn__dial *dial, int error, int system_error, const char *text)
{
    fail(dial, PIRN_LAYER_PROXY, error, system_error, text, NULL);
}

static void connect_to_ips(struct pirn__dial *dial);

/* To the proxy, once more. */
static void connect_again(struct pirn__dial *dial)
{
    int fd = dial->watch.fd;
    end_step(dial, &dial->result.proxy_us);
    pirn_loop_unwatch(dial->loop, &dial->watch);
    dial->watch.fd = -1;
    pirn__socket_close(fd);
    connect_to_ips(dial);
}

/* The connection to the proxy has ended, in its midst. */
static void lose_proxy(struct pirn__dial *dial, int error, int system_error, const char *text)
{
    if (pirn__talk_lost(dial->talk))
        connect_again(dial);
    else
        fail_at_proxy(dial, error, system_error, text);
}

/* Sends what there is; false if that failed. */
static bool send_out(struct pirn__dial *dial)
{
    struct pirn__talk *talk = dial->talk;
    while (talk->out_len > 0) {
        const struct iovec piece = {talk->out + dial->out_sent, talk->out_len - dial->out_sent};
        ssize_t sent = pirn__socket_send(dial->watch.fd, &piece, 1);
        if (sent < 0 && !pirn__socket_would_block())
            return false;
        if (sent < 0)
            break;
        dial->out_sent += (size_t)sent;
        if (dial->out_sent == talk->out_len)
            dial->out_sent = talk->out_len = 0;
    }
    unsigned events = talk->out_len > 0 ? PIRN_WRITABLE : PIRN_READABLE;
    return pirn_loop_rewatch(dial->loop, &dial->watch, events) == 0;
}

static void agree(struct pirn__dial *dial)
{
    struct pirn__talk *talk = dial->talk;
    int fd = dial->watch.fd;
    end_step(dial, &dial->result.proxy_us);
    pirn_loop_unwatch(dial->loop, &dial->watch);
    dial->watch.fd = -1;
    dial->result.leftover =
        (struct pirn_str){(char *)talk->in + talk->used, talk->in_len - talk->used};
    succeed(dial, fd);
}

/* After something was sent or received, as far as that leads. */
static void talk_on(struct pirn__dial *dial)
{
    struct pirn__talk *talk = dial->talk;
    int result = 0;
    bool unread = true;
    while (unread && result == 0 && talk->out_len == 0) {
        result = pirn__talk_read(talk);
        if (talk->again)
            break;
        unread = talk->out_len > 0; /* it has come further: maybe the next is there already */
        if (unread && !send_out(dial)) {
            lose_proxy(dial, PIRN_E_SYSTEM, errno, NULL);
            return;
        }
    }
    if (result > 0)
        agree(dial);
    else if (result == 0 && talk->again)
        connect_again(dial);
    else if (result < 0)
        fail_at_proxy(dial, result, 0, talk->text);
}

static void on_proxy(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    struct pirn__dial *dial = PIRN__CONTAINER(watch, struct pirn__dial, watch);
    struct pirn__talk *talk = dial->talk;
    (void)loop;
    if (!(events & PIRN_READABLE)) {
        if (!send_out(dial))
            lose_proxy(dial, PIRN_E_SYSTEM, errno, NULL);
        else
            talk_on(dial);
        return;
    }
    ssize_t got =
        pirn__socket_recv(watch->fd, talk->in + talk->in_len, sizeof talk->in - talk->in_len);
    if (got > 0) {
        talk->in_len += (size_t)got;
        talk_on(dial);
    } else if (got == 0) {
        lose_proxy(dial, PIRN_E_PROXY_REFUSED, 0, "connection closed before its answer");
    } else if (!pirn__socket_would_block()) {
        lose_proxy(dial, PIRN_E_SYSTEM, errno, NULL);
    }
}

static int start_talk(struct pirn__dial *dial)
{
    struct pirn__talk *talk = pirn__alloc(dial->loop, sizeof *talk);
    dial->talk = talk;
    if (!talk)
        return -PIRN_E_MEMORY;
    talk->proxy = dial->proxy;
    talk->host = dial->target.host;
    talk->port = dial->target.port;
    talk->ip = pirn__proxy_wants_address(&dial->proxy) ? &dial->host_ip : NULL;
    talk->digest_only = dial->target.digest_only;
    if (dial->proxy.userinfo.data && pirn__cnonce(dial->loop, dial->cnonce))
        talk->cnonce = pirn_cstr(dial->cnonce);
    return pirn__talk_start(talk);
}

/* The first word, or what is to be said again. */
static void talk_to_proxy(struct pirn__dial *dial)
{
    int error = dial->talk ? 0 : start_talk(dial);
    if (!error)
        error = pirn_loop_watch(dial->loop, &dial->watch, 0);
    if (error) {
        bool told = dial->talk && dial->talk->text[0];
        fail_at_proxy(dial, error, error == -PIRN_E_SYSTEM ? errno : 0,
                      told ? dial->talk->text : NULL);
        return;
    }
    dial->talk->again = false;
    dial->out_sent = 0;
    if (!send_out(dial))
        fail_at_proxy(dial, PIRN_E_SYSTEM, errno, NULL);
}

static void ask_proxy(struct pirn__dial *dial, int fd)
{
    char what[PIRN__DIAL_HOST_MAX + 16];
    dial->watch = (struct pirn_watch){.ready = on_proxy, .fd = fd};
    set_limit(dial, dial->target.proxy_timeout_ms);
    snprintf(what, sizeof what, "%.*s:%u", (int)dial->proxy.host.len, dial->proxy.host.data,
             (unsigned)dial->proxy.port);
    if (begin_step(dial, PIRN__DIAL_PROXYING, what))
        talk_to_proxy(dial);
}

/* ---- the connection */

static void on_try(struct pirn__race *race, const struct sockaddr *name, socklen_t size)
{
    struct pirn__dial *dial = PIRN__CONTAINER(race, struct pirn__dial, race);
    char text[PIRN__DIAL_TEXT_CAP];
    (void)race;
    begin_step(dial, PIRN__DIAL_CONNECTING, pirn__name_text(name, size, text, sizeof text));
}

static void on_race_end(struct pirn__race *race, int fd)
{
    struct pirn__dial *dial = PIRN__CONTAINER(race, struct pirn__dial, race);
    char text[PIRN__DIAL_TEXT_CAP], about[PIRN__DIAL_TEXT_CAP / 2];
    end_step(dial, &dial->result.connect_us);
    if (fd >= 0 && dial->proxied) {
        ask_proxy(dial, fd);
        return;
    }
    if (fd >= 0) {
        succeed(dial, fd);
        return;
    }
    snprintf(text, sizeof text, "no answer within %u ms",
             (unsigned)dial->target.connect_timeout_ms);
    fail(dial, PIRN_LAYER_TCP, race->error, race->system_error,
         race->error == -PIRN_E_CONNECT_TIMEOUT ? text : NULL,
         race->name_size ? pirn__name_text(race->name, race->name_size, about, sizeof about)
                         : NULL);
}

static void connect_to_ips(struct pirn__dial *dial)
{
    uint16_t port = dial->proxied ? dial->proxy.port : dial->target.port;
    for (size_t i = 0; i < dial->ip_count; i++)
        pirn__ip_set_port(&dial->ips[i], port);
    pirn__race_interleave(dial->ips, dial->ip_count);
    dial->step_us = pirn_loop_now_us(dial->loop);
    pirn__race_start(&dial->race, dial->loop, dial->ips, dial->ip_count,
                     dial->target.connect_timeout_ms);
}

static void connect_to_path(struct pirn__dial *dial)
{
    socklen_t size = pirn__unix_name(&dial->local, dial->target.unix_path);
    dial->step_us = pirn_loop_now_us(dial->loop);
    pirn__race_start_unix(&dial->race, dial->loop, &dial->local, size,
                          dial->target.connect_timeout_ms);
}

/* ---- look-ups */

static void fail_lookup(struct pirn__dial *dial, int error, int system_error, const char *text)
{
    struct pirn_str host = dial->at_proxy ? dial->proxy.host : dial->target.host;
    char about[PIRN__DIAL_TEXT_CAP / 2];
    snprintf(about, sizeof about, "%.*s", (int)host.len, host.data);
    fail(dial, PIRN_LAYER_DNS, error, system_error, text, about);
}

static void fail_resolving(struct pirn__dial *dial, const struct pirn__answer *answer)
{
    static const struct {
        int error;
        const char *text;
    } texts[] = {
        {EAI_NONAME, "no such host"},
#ifdef EAI_NODATA
        {EAI_NODATA, "host has no address"},
#endif
        {EAI_AGAIN, "resolver gives no answer for now"},
        {EAI_FAIL, "resolver failed"},
    };
    const char *text = NULL;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].error == answer->error)
            text = texts[i].text;
    if (answer->error == EAI_SYSTEM)
        fail_lookup(dial, PIRN_E_SYSTEM, answer->system_error, NULL);
    else
        fail_lookup(dial, answer->error == EAI_MEMORY ? PIRN_E_MEMORY : PIRN_E_RESOLVE, 0, text);
}

static void have_ips(struct pirn__dial *dial);

static void on_answer(struct pirn__lookup *lookup, const struct pirn__answer *answer)
{
    struct pirn__dial *dial = PIRN__CONTAINER(lookup, struct pirn__dial, lookup);
    end_step(dial, &dial->result.resolve_us);
    if (answer->error) {
        fail_resolving(dial, answer);
        return;
    }
    dial->ip_count = answer->count;
    memcpy(dial->ips, answer->ips, answer->count * sizeof *answer->ips);
    have_ips(dial);
}

static void look_up(struct pirn__dial *dial, struct pirn_str host)
{
    char what[PIRN__DIAL_HOST_MAX + 1];
    snprintf(what, sizeof what, "%.*s", (int)host.len, host.data);
    pirn__line_clean(what);
    if (!begin_step(dial, PIRN__DIAL_RESOLVING, what))
        return;
    set_limit(dial, dial->target.resolve_timeout_ms);
    dial->lookup.done = on_answer;
    int error = pirn__resolve(dial->loop, &dial->lookup, host);
    if (error)
        fail_lookup(dial, error, error == -PIRN_E_SYSTEM ? errno : 0, "resolver does not start");
}

static bool is_numeric(struct pirn__dial *dial, struct pirn_str host)
{
    dial->ip_count = pirn__ip_parse(dial->ips, host);
    return dial->ip_count > 0;
}

static void reach_proxy(struct pirn__dial *dial)
{
    dial->at_proxy = true;
    if (is_numeric(dial, dial->proxy.host))
        connect_to_ips(dial);
    else
        look_up(dial, dial->proxy.host);
}

/* SOCKS 4 has no other addresses than IPv4; SOCKS 5 gets the one that the system likes best. */
static bool choose_host_ip(struct pirn__dial *dial)
{
    for (size_t i = 0; i < dial->ip_count; i++)
        if (dial->proxy.kind != PIRN__PROXY_SOCKS4 || dial->ips[i].name.any.sa_family == AF_INET) {
            dial->host_ip = dial->ips[i];
            return true;
        }
    return false;
}

/* Of the host, or of the proxy. */
static void have_ips(struct pirn__dial *dial)
{
    if (!dial->proxied || dial->at_proxy)
        connect_to_ips(dial);
    else if (choose_host_ip(dial))
        reach_proxy(dial);
    else
        fail_at_proxy(dial, PIRN_E_PROXY_REFUSED, 0, "SOCKS 4 has no IPv6");
}

static void too_late(struct pirn_loop *loop, struct pirn_timer *timer)
{
    struct pirn__dial *dial = PIRN__CONTAINER(timer, struct pirn__dial, limit);
    bool talking = dial->talk != NULL;
    char text[64];
    (void)loop;
    snprintf(text, sizeof text, "no answer within %u ms",
             (unsigned)(talking ? dial->target.proxy_timeout_ms : dial->target.resolve_timeout_ms));
    if (talking)
        fail_at_proxy(dial, PIRN_E_PROXY_TIMEOUT, 0, text);
    else
        fail_lookup(dial, PIRN_E_RESOLVE_TIMEOUT, 0, text);
}

/* ---- the beginning */

static void begin(struct pirn_loop *loop, struct pirn__task *task)
{
    struct pirn__dial *dial = PIRN__CONTAINER(task, struct pirn__dial, first);
    (void)loop;
    if (dial->target.unix_path.data)
        connect_to_path(dial);
    else if (dial->proxied && !pirn__proxy_wants_address(&dial->proxy))
        reach_proxy(dial);
    else if (dial->ip_count > 0 || is_numeric(dial, dial->target.host))
        have_ips(dial);
    else
        look_up(dial, dial->target.host);
}

static int check(const struct pirn__dial_target *target)
{
    struct sockaddr_un name;
    const struct pirn_str host = target->host;
    if (target->unix_path.data)
        return pirn__unix_name(&name, target->unix_path) ? 0 : -PIRN_E_ARGUMENT;
    bool good = host.len > 0 && host.len <= PIRN__DIAL_HOST_MAX &&
                !memchr(host.data, 0, host.len) && target->port > 0;
    return good ? 0 : -PIRN_E_ARGUMENT;
}

/* Moves *text to *at. */
static void copy(struct pirn_str *text, char **at)
{
    if (!text->data)
        return;
    memcpy(*at, text->data, text->len);
    text->data = *at;
    *at += text->len;
}

static void default_to(uint32_t *ms, uint32_t value)
{
    if (*ms == 0)
        *ms = value;
}

static void fill(struct pirn__dial *dial, const struct pirn__dial_target *target)
{
    char *at = dial->strings;
    dial->target = *target;
    default_to(&dial->target.resolve_timeout_ms, PIRN__DIAL_RESOLVE_TIMEOUT_MS);
    default_to(&dial->target.connect_timeout_ms, PIRN__DIAL_CONNECT_TIMEOUT_MS);
    default_to(&dial->target.proxy_timeout_ms, PIRN__DIAL_PROXY_TIMEOUT_MS);
    copy(&dial->target.host, &at);
    copy(&dial->target.unix_path, &at);
    if (dial->proxied) {
        dial->proxy = *target->proxy;
        copy(&dial->proxy.host, &at);
        copy(&dial->proxy.userinfo, &at);
    }
    if (target->from) {
        dial->from = *target->from;
        dial->race.from = &dial->from;
    }
    if (target->addresses) {
        size_t most = PIRN__RESOLVE_ADDRESSES;
        dial->ip_count = target->address_count < most ? target->address_count : most;
        memcpy(dial->ips, target->addresses, dial->ip_count * sizeof *dial->ips);
    }
}

int pirn__dial_start(struct pirn_loop *loop, const struct pirn__dial_target *target,
                     pirn__dial_done_fn *done, void *context, struct pirn__dial **dial)
{
    *dial = NULL;
    int error = check(target);
    if (!error && pirn__loop_forked(loop))
        error = -PIRN_E_STATE;
    if (error)
        return error;
    bool proxied = target->proxy && !target->unix_path.data;
    size_t size = sizeof **dial + target->host.len + target->unix_path.len;
    if (proxied)
        size += target->proxy->host.len + target->proxy->userinfo.len;
    struct pirn__dial *made = pirn__alloc(loop, size);
    if (!made)
        return -PIRN_E_MEMORY;
    made->loop = loop;
    made->done = done;
    made->context = context;
    made->size = size;
    made->proxied = proxied;
    made->result.fd = made->watch.fd = -1;
    made->limit.fire = too_late;
    made->race.try = on_try;
    made->race.end = on_race_end;
    made->first.run = begin;
    fill(made, target);
    pirn__loop_at_end(loop, &made->first);
    *dial = made;
    return 0;
}
