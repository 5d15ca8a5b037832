/* What comes after an ending: another attempt, now or later, or the end. Whether and when is judged
 * by pirn/backoff.h; here is what only the client knows. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/client_state.h"

#define NO_MORE UINT32_MAX

/* ---- judging */

/* How long to wait for the next attempt, or NO_MORE. */
static uint32_t decide(struct pirn_client *client, const struct pirn_retry_cause *cause)
{
    const struct pirn_reconnect_config *config = &client->config.reconnect;
    uint32_t random = 0, attempt = client->attempts > 0 ? client->attempts - 1 : 0;
    if (client->closing || !config->on)
        return NO_MORE;
    if (config->max_attempts > 0 && client->attempts >= config->max_attempts)
        return NO_MORE;
    struct pirn_retry_advice advice = pirn_retry_judge(cause, (int64_t)time(NULL));
    if (!pirn__loop_random(pirn__client_loop(client), &random, sizeof random))
        random = UINT32_MAX; /* the longest wait */
    return pirn_retry_delay_ms(&advice, &config->backoff, attempt, random);
}

/* The program closed or terminated it. 1013 for a full queue is its configuration's doing. */
static bool by_program(const struct pirn_client *client, const struct pirn_close_info *info)
{
    bool full = info->sent_code == PIRN_CLOSE_TRY_AGAIN_LATER &&
                client->config.conn.when_full == PIRN_FULL_CLOSE;
    switch ((int)info->error) {
    case PIRN_E_NONE:
    case PIRN_E_TERMINATED:
    case PIRN_E_CLOSE_TIMEOUT:
    case PIRN_E_EOF:
    case PIRN_E_SYSTEM:
    case PIRN_E_TLS_TRUNCATED:
        return info->origin == PIRN_ORIGIN_LOCAL && !full;
    default: /* a fault, of the peer or of the machine */
        return false;
    }
}

/* ---- going on */

static void wait_for_next(struct pirn_client *client, uint32_t wait_ms)
{
    struct pirn_loop *loop = pirn__client_loop(client);
    uint64_t due_us = pirn_loop_now_us(loop) + (uint64_t)wait_ms * 1000;
    client->phase = PIRN__CLIENT_WAITING;
    client->wait_ms = wait_ms;
    pirn_timer_set(loop, &client->timer, due_us);
}

static void go_on(struct pirn_client *client, uint32_t wait_ms)
{
    client->phase = PIRN__CLIENT_ENDED;
    if (wait_ms != NO_MORE)
        wait_for_next(client, wait_ms);
}

/* Tells what go_on() has led to, unless the program has another wish. */
static void tell_next(struct pirn_client *client, const struct pirn_close_info *info)
{
    if (client->wish != PIRN__WISH_NOTHING)
        pirn__client_wish(client, client->wish);
    else if (client->freed)
        return;
    else if (client->phase == PIRN__CLIENT_WAITING)
        pirn__client_tell(client, PIRN_STEP_WAIT, "%u ms before attempt %u",
                          (unsigned)client->wait_ms, client->attempts + 1);
    else if (client->config.on_end)
        client->config.on_end(client, info);
}

/* ---- endings */

static struct pirn_close_info failure_info(const struct pirn__client_fault *fault, const char *text)
{
    return (struct pirn_close_info){
        .code = fault->layer == PIRN_LAYER_TLS ? PIRN_CLOSE_TLS_HANDSHAKE : PIRN_CLOSE_ABNORMAL,
        .layer = fault->layer,
        .error = fault->error,
        .system_error = fault->system_error,
        .text = text,
    };
}

static void write_text(const struct pirn__client_fault *fault, char text[PIRN__CLIENT_TEXT_CAP])
{
    const char *layer = pirn_layer_name(fault->layer);
    size_t len = strlen(layer);
    bool whole = strncmp(fault->text, layer, len) == 0 && fault->text[len] == ':';
    snprintf(text, PIRN__CLIENT_TEXT_CAP, "%s%s%s", whole ? "" : layer, whole ? "" : ": ",
             fault->text);
    pirn__line_clean(text);
}

static uint32_t decide_failure(struct pirn_client *client, const struct pirn__client_fault *fault)
{
    bool refused = fault->error == PIRN_E_STATUS;
    struct pirn_retry_cause cause = {
        .error = fault->layer == PIRN_LAYER_TIMEOUT ? PIRN_E_HANDSHAKE_TIMEOUT : (int)fault->error,
        .status = refused ? fault->status : 0,
        .proxy_status = fault->layer == PIRN_LAYER_PROXY ? fault->status : 0,
    };
    if (refused)
        cause.retry_after = pirn_http_find(&client->attempt->head, PIRN_STR("Retry-After"));
    return decide(client, &cause);
}

void pirn__client_fail(struct pirn_client *client, const struct pirn__client_fault *fault)
{
    char text[PIRN__CLIENT_TEXT_CAP];
    uint32_t wait_ms = decide_failure(client, fault);
    write_text(fault, text);
    struct pirn_client_failure failure = {
        .info = failure_info(fault, text),
        .status = fault->status,
        .retries = wait_ms != NO_MORE,
        .wait_ms = wait_ms != NO_MORE ? wait_ms : 0,
    };
    pirn__client_abandon(client);
    go_on(client, wait_ms);
    if (client->config.on_failure)
        client->config.on_failure(client, &failure);
    tell_next(client, &failure.info);
}

void pirn__client_fail_plainly(struct pirn_client *client, enum pirn_layer layer, int error)
{
    int number = error < 0 ? -error : error;
    struct pirn__client_fault fault = {
        .layer = layer, .error = (enum pirn_error)number, .text = pirn_error_text(number)};
    pirn__client_fail(client, &fault);
}

static void fail_session(struct pirn_client *client)
{
    char text[PIRN__CLIENT_TEXT_CAP];
    enum pirn_error error = pirn__tls_error(client->tls);
    if (error == PIRN_E_MEMORY) {
        pirn__client_fail_plainly(client, PIRN_LAYER_APPLICATION, PIRN_E_MEMORY);
        return;
    }
    pirn__client_fail(client, &(struct pirn__client_fault){
                                  .layer = PIRN_LAYER_TLS,
                                  .error = error,
                                  .text = pirn__tls_text(client->tls, text, sizeof text)});
}

void pirn__client_fail_socket(struct pirn_client *client, const char *when)
{
    char number[32], text[128];
    int error = errno;
    if (client->tls && pirn__tls_error(client->tls) != PIRN_E_SYSTEM) {
        fail_session(client);
        return;
    }
    snprintf(text, sizeof text, "%s %s", pirn__line_system_error(error, number, sizeof number),
             when);
    pirn__client_fail(client, &(struct pirn__client_fault){.layer = PIRN_LAYER_TCP,
                                                           .error = PIRN_E_SYSTEM,
                                                           .system_error = error,
                                                           .text = text});
}

void pirn__client_lost(struct pirn_client *client, const struct pirn_close_info *info)
{
    const struct pirn_reconnect_config *config = &client->config.reconnect;
    uint64_t lived_us = pirn_loop_now_us(pirn__client_loop(client)) - client->opened_us;
    struct pirn_retry_cause cause = {.close_code = info->code, .error = (int)info->error};
    if (lived_us >= (uint64_t)config->stable_ms * 1000)
        client->attempts = 0;
    client->close_code = -1;
    if (client->closing)
        pirn__client_drop_queue(client);
    go_on(client, by_program(client, info) ? NO_MORE : decide(client, &cause));
    tell_next(client, info);
}

void pirn__client_give_up(struct pirn_client *client)
{
    struct pirn__client_fault fault = {
        .layer = PIRN_LAYER_APPLICATION,
        .error = PIRN_E_TERMINATED,
        .text = "application: closed by us before it was open",
    };
    struct pirn_close_info info = failure_info(&fault, fault.text);
    info.origin = PIRN_ORIGIN_LOCAL;
    pirn__client_abandon(client);
    pirn__client_drop_queue(client);
    go_on(client, NO_MORE);
    tell_next(client, &info);
}
