/* A client goes from phase to phase (client_state.h), driven by the loop alone: what the program
 * calls sets a wish, which a task at the end of the turn fulfils. So a callback may call anything;
 * whoever made it asks pirn__client_goes_on() and, if not, leaves all as it is.
 *
 * A client that is freed in a turn is silent from then on, and its memory goes with the task, as
 * code of it or of its connection may be on the stack. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/client_state.h"
#include "loop/container.h"

const char *pirn_client_step_name(enum pirn_client_step step)
{
    static const char *const names[] = {"resolve",  "connect", "proxy", "tls", "handshake",
                                        "redirect", "answer",  "open",  "wait"};
    return (size_t)step < sizeof names / sizeof *names ? names[step] : "?";
}

/* ---- memory */

bool pirn__client_reserve(struct pirn_client *client, struct pirn__client_bytes *bytes, size_t cap)
{
    if (cap <= bytes->cap)
        return true;
    char *data = pirn__realloc(pirn__client_loop(client), bytes->data, bytes->cap, cap);
    if (!data)
        return false;
    bytes->data = data;
    bytes->cap = cap;
    return true;
}

bool pirn__client_keep(struct pirn_client *client, struct pirn__client_bytes *bytes,
                       struct pirn_str text)
{
    if (!pirn__client_reserve(client, bytes, text.len + 1))
        return false;
    if (text.len > 0)
        memmove(bytes->data, text.data, text.len);
    bytes->data[text.len] = '\0';
    bytes->len = text.len;
    return true;
}

void pirn__client_drop(struct pirn_client *client, struct pirn__client_bytes *bytes)
{
    pirn__free(pirn__client_loop(client), bytes->data, bytes->cap);
    *bytes = (struct pirn__client_bytes){.data = NULL};
}

/* ---- what is told */

bool pirn__client_tell(struct pirn_client *client, enum pirn_client_step step, const char *format,
                       ...)
{
    char text[PIRN__CLIENT_TEXT_CAP];
    struct pirn_client_progress progress = {
        .step = step, .attempt = client->attempts, .text = text};
    int begin = snprintf(text, sizeof text, "%s: ", pirn_client_step_name(step));
    va_list arguments;
    if (!client->config.on_step)
        return true;
    va_start(arguments, format);
    vsnprintf(text + begin, sizeof text - (size_t)begin, format, arguments);
    va_end(arguments);
    pirn__line_clean(text);
    if (step == PIRN_STEP_WAIT)
        progress.wait_ms = client->wait_ms;
    client->config.on_step(client, &progress);
    return pirn__client_goes_on(client);
}

/* ---- wishes */

static void destroy(struct pirn_client *client)
{
    struct pirn_loop *loop = pirn__client_loop(client);
    pirn__client_abandon(client);
    while (client->owner.first)
        pirn__conn_destroy(client->owner.first);
    pirn__loop_not_at_end(&client->task);
    pirn__client_drop_queue(client);
    pirn__client_drop(client, &client->base);
    pirn__client_drop(client, &client->url);
    pirn__client_drop(client, &client->extensions);
    pirn__extensions_close(&client->owner);
    if (client->config.tls)
        pirn_tls_free(client->context);
    else if (client->context)
        pirn__tls_usual_free(loop);
    pirn__free(loop, client, sizeof *client);
}

static void on_task(struct pirn_loop *loop, struct pirn__task *task)
{
    struct pirn_client *client = PIRN__CONTAINER(task, struct pirn_client, task);
    enum pirn__client_wish wish = client->wish;
    (void)loop;
    if (client->freed) {
        destroy(client);
        return;
    }
    if (client->phase == PIRN__CLIENT_OPEN) /* on_close of the connection sees to it */
        return;
    client->wish = PIRN__WISH_NOTHING;
    if (wish == PIRN__WISH_CONNECT) {
        pirn__client_abandon(client);
        client->attempts = 0;
        pirn__client_begin(client);
    } else if (wish == PIRN__WISH_END) {
        pirn__client_give_up(client);
    }
}

void pirn__client_wish(struct pirn_client *client, enum pirn__client_wish wish)
{
    client->wish = (uint8_t)wish;
    pirn__loop_at_end(pirn__client_loop(client), &client->task);
}

/* ---- the beginning */

static void complete_timeouts(struct pirn_client_timeouts *timeouts)
{
    const uint32_t step_ms = PIRN_DEFAULT_CLIENT_STEP_TIMEOUT_MS;
    PIRN__DEFAULT(timeouts->resolve_ms, step_ms);
    PIRN__DEFAULT(timeouts->connect_ms, step_ms);
    PIRN__DEFAULT(timeouts->proxy_ms, step_ms);
    PIRN__DEFAULT(timeouts->tls_ms, step_ms);
    PIRN__DEFAULT(timeouts->handshake_ms, step_ms);
    PIRN__DEFAULT(timeouts->total_ms, PIRN_DEFAULT_CLIENT_TOTAL_TIMEOUT_MS);
}

static int complete(struct pirn_client_config *config, struct pirn_loop *loop)
{
    complete_timeouts(&config->timeouts);
    PIRN__DEFAULT(config->max_head_bytes, PIRN_HTTP_MAX_HEAD_BYTES);
    PIRN__DEFAULT(config->max_headers, PIRN_HTTP_MAX_HEADERS);
    PIRN__DEFAULT(config->reconnect.stable_ms, PIRN_DEFAULT_CLIENT_STABLE_MS);
    PIRN__DEFAULT(config->queue_bytes, PIRN_DEFAULT_CLIENT_QUEUE_BYTES);
    if ((int)config->queue_policy < 0 || config->queue_policy > PIRN_QUEUE_NONE ||
        config->max_headers > SIZE_MAX / sizeof(struct pirn_header) ||
        (config->tls && pirn__tls_role(config->tls) != PIRN_CLIENT))
        return -PIRN_E_ARGUMENT;
    return pirn__conn_config_complete(&config->conn, loop, PIRN_CLIENT);
}

/* What is required must be offered. */
static int check_required(const struct pirn_client *client)
{
    const struct pirn_client_config *config = &client->config;
    if (config->require_deflate && config->conn.deflate.mode == PIRN_DEFLATE_OFF)
        return -PIRN_E_ARGUMENT;
    for (size_t i = 0; i < config->required_extension_count; i++)
        if (!pirn__client_offers(client, config->required_extensions[i]))
            return -PIRN_E_ARGUMENT;
    return 0;
}

static void conn_gone(struct pirn__conn_owner *owner, struct pirn_conn *conn)
{
    (void)owner, (void)conn;
}

/* The first request is written once for its errors, which are the program's. */
static int prepare(struct pirn_client *client)
{
    struct pirn_client_config *config = &client->config;
    int error = complete(config, pirn__client_loop(client));
    if (!error)
        error = pirn__extensions_open(&client->owner, PIRN_CLIENT);
    if (!error)
        error = check_required(client);
    if (error)
        return error;
    if (!pirn__client_keep(client, &client->base, pirn_cstr(config->url ? config->url : "")))
        return -PIRN_E_MEMORY;
    config->url = client->base.data;
    client->context = pirn__tls_hold(config->tls);
    error = pirn__client_prepare(client) ? pirn__client_take_url(client) : -PIRN_E_MEMORY;
    if (!error)
        error = pirn__client_check_proxy(client);
    if (!error)
        error = pirn__client_check_addresses(client);
    if (!error && client->attempt->target.secure && !pirn_tls_available())
        error = -PIRN_E_UNSUPPORTED;
    if (!error)
        error = pirn__client_write_request(client);
    pirn__client_abandon(client);
    return error;
}

struct pirn_client *pirn_client_new(struct pirn_loop *loop, const struct pirn_client_config *config,
                                    int *error)
{
    int ignored = 0;
    error = error ? error : &ignored;
    *error = config ? PIRN_E_MEMORY : PIRN_E_ARGUMENT;
    struct pirn_client *client = config ? pirn__alloc(loop, sizeof *client) : NULL;
    if (!client)
        return NULL;
    client->owner =
        (struct pirn__conn_owner){.loop = loop, .config = &client->config.conn, .gone = conn_gone};
    client->config = *config;
    client->queue.last = &client->queue.first;
    client->task.run = on_task;
    client->timer.fire = pirn__client_late;
    client->total.fire = pirn__client_too_late;
    client->watch.fd = -1;
    client->close_code = -1;
    *error = -prepare(client);
    if (*error) {
        destroy(client);
        return NULL;
    }
    pirn__client_interpose(client);
    pirn__client_wish(client, PIRN__WISH_CONNECT);
    return client;
}

/* ---- the end */

void pirn_client_free(struct pirn_client *client)
{
    if (!client || client->freed)
        return;
    client->freed = true;
    pirn__client_end_conn(client);
    if (pirn__loop_in_turn(pirn__client_loop(client)))
        pirn__client_wish(client, PIRN__WISH_END);
    else
        destroy(client);
}

/* What pirn_client_close() means for the connection. */
static int close_open(struct pirn_client *client, int code, struct pirn_str reason)
{
    if (pirn_conn_state(client->conn) != PIRN_OPEN) {
        bool reconnects = client->config.reconnect.on && !client->closing;
        return reconnects ? 0 : -PIRN_E_CLOSED;
    }
    if (!client->queue.first)
        return pirn_conn_close(client->conn, code, reason);
    client->close_code = code;
    client->close_reason_len = (uint8_t)reason.len;
    if (reason.len > 0)
        memcpy(client->close_reason, reason.data, reason.len);
    return 0;
}

int pirn_client_close(struct pirn_client *client, int code, struct pirn_str reason)
{
    uint8_t payload[PIRN_CONTROL_MAX];
    int result = pirn_close_build(payload, code, reason);
    if (result < 0)
        return result;
    if (client->close_code >= 0 || client->wish == PIRN__WISH_END || client->freed)
        return -PIRN_E_CLOSED;
    if (client->phase == PIRN__CLIENT_OPEN && client->conn) {
        result = close_open(client, code, reason);
        if (result == 0)
            client->wish = PIRN__WISH_NOTHING;
    } else if (client->phase == PIRN__CLIENT_ENDED && client->wish == PIRN__WISH_NOTHING) {
        result = -PIRN_E_CLOSED;
    } else {
        result = 0;
        pirn__client_wish(client, PIRN__WISH_END);
    }
    client->closing = client->closing || result == 0;
    return result;
}

/* Whether its connection, if there is one, is on its way out. */
static bool leaves(const struct pirn_client *client)
{
    return client->phase == PIRN__CLIENT_OPEN &&
           (!client->conn || client->close_code >= 0 || pirn_conn_state(client->conn) != PIRN_OPEN);
}

int pirn_client_reconnect(struct pirn_client *client)
{
    bool rests = client->phase <= PIRN__CLIENT_WAITING;
    if (client->freed || client->wish == PIRN__WISH_CONNECT)
        return -PIRN_E_STATE;
    if (!rests && client->wish != PIRN__WISH_END && !leaves(client))
        return -PIRN_E_STATE;
    client->closing = false;
    pirn__client_wish(client, PIRN__WISH_CONNECT);
    return 0;
}

/* ---- sending */

/* Whether there will be a connection that could send what is queued now. */
static bool will_connect(const struct pirn_client *client)
{
    if (client->freed || client->closing)
        return false;
    if (client->wish == PIRN__WISH_CONNECT)
        return true;
    if (client->phase == PIRN__CLIENT_OPEN)
        return !leaves(client) || client->config.reconnect.on;
    return client->phase != PIRN__CLIENT_ENDED;
}

int pirn_client_send(struct pirn_client *client, enum pirn_opcode type, const void *data,
                     size_t len)
{
    bool open = client->conn && pirn_conn_state(client->conn) == PIRN_OPEN;
    if (!will_connect(client))
        return -PIRN_E_CLOSED;
    if (open && !client->opening && !client->queue.first)
        return pirn_conn_send(client->conn, type, data, len);
    int result = pirn__client_enqueue(client, type, data, len);
    if (open && !client->opening)
        pirn__client_flush(client);
    return result;
}

/* ---- what programs ask */

enum pirn_client_state pirn_client_state(const struct pirn_client *client)
{
    if (client->phase == PIRN__CLIENT_OPEN && client->conn)
        return PIRN_CLIENT_OPEN;
    if (client->wish == PIRN__WISH_CONNECT)
        return PIRN_CLIENT_CONNECTING;
    if (client->wish == PIRN__WISH_END || client->phase == PIRN__CLIENT_ENDED)
        return PIRN_CLIENT_ENDED;
    return client->phase == PIRN__CLIENT_WAITING ? PIRN_CLIENT_WAITING : PIRN_CLIENT_CONNECTING;
}

struct pirn_conn *pirn_client_conn(const struct pirn_client *client)
{
    return client->conn;
}

struct pirn_client *pirn_client_of(const struct pirn_conn *conn)
{
    struct pirn__conn_owner *owner = pirn__conn_owner(conn);
    return owner->gone == conn_gone ? (struct pirn_client *)owner : NULL;
}

const char *pirn_client_url(const struct pirn_client *client)
{
    return client->url.data;
}

const char *pirn_client_extensions(const struct pirn_client *client)
{
    return client->extensions.data ? client->extensions.data : "";
}

unsigned pirn_client_attempts(const struct pirn_client *client)
{
    return client->attempts;
}

size_t pirn_client_queued(const struct pirn_client *client, size_t *bytes)
{
    if (bytes)
        *bytes = client->queue.bytes;
    return client->queue.count;
}

struct pirn_loop *pirn_client_loop(const struct pirn_client *client)
{
    return pirn__client_loop(client);
}

void *pirn_client_context(const struct pirn_client *client)
{
    return client->config.context;
}
