/* A client on a loop of its own, which turns while a call waits. What comes in is kept in an inbox,
 * in as many turns as it takes; at a MiB the connection is paused until that has been received. */
#include <pirn/blocking.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/client_state.h"

#define INBOX_BYTES ((size_t)1 << 20)

struct letter {
    struct letter *next;
    enum pirn_opcode type;
    size_t len;
    char bytes[]; /* and a NUL */
};

struct pirn_blocking {
    struct pirn_loop *loop;
    struct pirn_client *client;
    struct pirn_client_config config; /* the program's */
    struct letter *first, **last;     /* the inbox */
    struct letter *read;              /* what receive() gave last */
    size_t inbox_bytes;
    bool opened, ended;
    bool closing;  /* what does not fit into the inbox is dropped, as the end is waited for */
    bool starving; /* there was no memory for a message */
    struct pirn__ending ending;
};

/* ---- the inbox */

static size_t letter_size(size_t len)
{
    return sizeof(struct letter) + len + 1;
}

static void free_letter(struct pirn_blocking *ws, struct letter *letter)
{
    if (letter)
        pirn__free(ws->loop, letter, letter_size(letter->len));
}

static bool put(struct pirn_blocking *ws, enum pirn_opcode type, const void *data, size_t len)
{
    struct letter *letter = pirn__realloc(ws->loop, NULL, 0, letter_size(len));
    if (!letter)
        return false;
    letter->next = NULL;
    letter->type = type;
    letter->len = len;
    if (len > 0)
        memcpy(letter->bytes, data, len);
    letter->bytes[len] = '\0';
    *ws->last = letter;
    ws->last = &letter->next;
    ws->inbox_bytes += letter_size(len);
    return true;
}

static struct letter *take(struct pirn_blocking *ws)
{
    struct letter *letter = ws->first;
    if (!letter)
        return NULL;
    ws->first = letter->next;
    if (!ws->first)
        ws->last = &ws->first;
    ws->inbox_bytes -= letter_size(letter->len);
    return letter;
}

/* ---- what the client tells */

static struct pirn_blocking *blocking_of(const struct pirn_conn *conn)
{
    return pirn_client_of(conn)->keeper;
}

static void on_open(struct pirn_conn *conn)
{
    blocking_of(conn)->opened = true;
}

static void on_message(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    struct pirn_blocking *ws = blocking_of(conn);
    if (ws->closing && ws->inbox_bytes >= INBOX_BYTES)
        return;
    if (!put(ws, type, data, len)) {
        ws->starving = true;
        pirn_conn_terminate(conn);
    } else if (!ws->closing && ws->inbox_bytes >= INBOX_BYTES) {
        pirn_conn_pause(conn);
    }
}

static void on_end(struct pirn_client *client, const struct pirn_close_info *info)
{
    struct pirn_blocking *ws = client->keeper;
    ws->ended = true;
    pirn__ending_keep(&ws->ending, info);
}

/* ---- waiting */

/* Turns the loop once; false at the end of the time. until_us is set in the first turn. */
static int turn(struct pirn_blocking *ws, uint32_t timeout_ms, uint64_t *until_us)
{
    if (*until_us == 0) {
        int result = pirn__loop_turn(ws->loop, 0);
        uint64_t now_us = pirn_loop_now_us(ws->loop);
        *until_us = timeout_ms == PIRN_OFF ? UINT64_MAX : now_us + (uint64_t)timeout_ms * 1000;
        return result < 0 ? result : 1;
    }
    uint64_t now_us = pirn_loop_now_us(ws->loop);
    if (now_us >= *until_us)
        return 0;
    uint64_t left_ms = (*until_us - now_us + 999) / 1000;
    int result = pirn__loop_turn(ws->loop, left_ms < INT32_MAX ? (int)left_ms : -1);
    return result < 0 ? result : 1;
}

/* ---- connecting */

static void explain(char *error, size_t cap, const char *text)
{
    if (error && cap > 0)
        snprintf(error, cap, "%s", text);
}

static void explain_error(char *error, size_t cap, int number)
{
    char text[64];
    explain(error, cap,
            number == PIRN_E_SYSTEM ? pirn__line_system_error(errno, text, sizeof text)
                                    : pirn_error_text(number));
}

static struct pirn_client_config make_config(const struct pirn_blocking *ws, const char *url)
{
    struct pirn_client_config config = ws->config;
    struct pirn_handlers handlers = {
        .on_open = on_open,
        .on_message = on_message,
        .on_ping = config.conn.handlers.on_ping,
        .on_pong = config.conn.handlers.on_pong,
        .on_close_request = config.conn.handlers.on_close_request,
    };
    config.url = url;
    config.conn.handlers = handlers;
    config.reconnect = (struct pirn_reconnect_config){.on = false};
    config.on_end = on_end;
    return config;
}

static struct pirn_blocking *make(const char *url, const struct pirn_client_config *config,
                                  int *error)
{
    struct pirn_loop *loop = pirn_loop_new(NULL);
    struct pirn_blocking *ws = loop ? pirn__alloc(loop, sizeof *ws) : NULL;
    *error = loop ? PIRN_E_MEMORY : PIRN_E_SYSTEM;
    if (!ws) {
        pirn_loop_free(loop);
        return NULL;
    }
    ws->loop = loop;
    ws->last = &ws->first;
    if (config)
        ws->config = *config;
    struct pirn_client_config whole = make_config(ws, url);
    ws->client = pirn_client_new(loop, &whole, error);
    if (ws->client) {
        ws->client->keeper = ws;
        return ws;
    }
    pirn_blocking_free(ws);
    return NULL;
}

struct pirn_blocking *pirn_blocking_connect(const char *url,
                                            const struct pirn_client_config *config, char *error,
                                            size_t cap)
{
    int why, result = 1;
    uint64_t until_us = 0;
    struct pirn_blocking *ws = make(url, config, &why);
    if (!ws) {
        explain_error(error, cap, why);
        return NULL;
    }
    explain(error, cap, "");
    while (result > 0 && !ws->opened && !ws->ended)
        result = turn(ws, PIRN_OFF, &until_us);
    if (ws->opened)
        return ws;
    if (ws->ended)
        explain(error, cap, ws->ending.text);
    else
        explain_error(error, cap, -result);
    pirn_blocking_free(ws);
    return NULL;
}

void pirn_blocking_free(struct pirn_blocking *ws)
{
    struct letter *letter;
    if (!ws)
        return;
    struct pirn_loop *loop = ws->loop;
    pirn_client_free(ws->client);
    while ((letter = take(ws)) != NULL)
        free_letter(ws, letter);
    free_letter(ws, ws->read);
    pirn__free(loop, ws, sizeof *ws);
    pirn_loop_free(loop);
}

/* ---- talking */

struct pirn_conn *pirn_blocking_conn(const struct pirn_blocking *ws)
{
    return pirn_client_conn(ws->client);
}

const struct pirn_close_info *pirn_blocking_ending(const struct pirn_blocking *ws)
{
    return ws->ended ? &ws->ending.info : NULL;
}

/* Waits until nothing of ours is queued. */
static int drain(struct pirn_blocking *ws)
{
    uint64_t until_us = 0;
    int result = 1;
    do
        result = turn(ws, PIRN_OFF, &until_us);
    while (result > 0 && !ws->ended && pirn_conn_buffered(pirn_blocking_conn(ws)) > 0);
    if (result < 0)
        return result;
    if (!ws->ended)
        return 0;
    return ws->ending.info.error == PIRN_E_STALLED ? -PIRN_E_STALLED : -PIRN_E_CLOSED;
}

int pirn_blocking_send(struct pirn_blocking *ws, enum pirn_opcode type, const void *data,
                       size_t len)
{
    if (ws->ended)
        return -PIRN_E_CLOSED;
    int result = pirn_conn_send(pirn_blocking_conn(ws), type, data, len);
    if (result == -PIRN_E_QUEUE_FULL && (result = drain(ws)) == 0)
        result = pirn_conn_send(pirn_blocking_conn(ws), type, data, len);
    return result < 0 ? result : drain(ws);
}

static void resume(struct pirn_blocking *ws)
{
    if (!ws->ended && ws->inbox_bytes < INBOX_BYTES / 2)
        pirn_conn_resume(pirn_blocking_conn(ws));
}

int pirn_blocking_receive(struct pirn_blocking *ws, uint32_t timeout_ms,
                          struct pirn_blocking_message *message)
{
    uint64_t until_us = 0;
    int result = 1;
    free_letter(ws, ws->read);
    ws->read = NULL;
    while (result > 0 && !ws->first && !ws->ended)
        result = turn(ws, timeout_ms, &until_us);
    if (!ws->first && ws->ended)
        return ws->starving ? -PIRN_E_MEMORY : -PIRN_E_CLOSED;
    if (!ws->first)
        return result;
    ws->read = take(ws);
    resume(ws);
    *message = (struct pirn_blocking_message){
        .type = ws->read->type, .data = ws->read->bytes, .len = ws->read->len};
    return 1;
}

int pirn_blocking_close(struct pirn_blocking *ws, int code, struct pirn_str reason)
{
    uint64_t until_us = 0;
    int result = ws->ended ? -PIRN_E_CLOSED : pirn_client_close(ws->client, code, reason);
    if (ws->ended || (result < 0 && result != -PIRN_E_CLOSED))
        return result;
    ws->closing = true;
    pirn_conn_resume(pirn_blocking_conn(ws));
    for (result = 1; result > 0 && !ws->ended;)
        result = turn(ws, PIRN_OFF, &until_us);
    if (result < 0)
        return result;
    return ws->ending.info.clean ? 0 : -PIRN_E_CLOSED;
}
