/* From the socket to the connection, and what happens to that. The program's handlers are called as
 * they are but for three: what is queued leaves after on_open and on_drain, and on_close ends the
 * client or leads to the next attempt. A connection without a required extension has handlers of
 * its own: it is closed, and the program knows it as an attempt that failed. */
#include <stdio.h>

#include "client/client_state.h"

static struct pirn_client *client_of(struct pirn_conn *conn)
{
    return pirn__conn_owner_data(conn);
}

/* ---- handlers */

static void on_open(struct pirn_conn *conn)
{
    struct pirn_client *client = client_of(conn);
    client->conn = conn;
    client->opened_us = pirn_loop_now_us(pirn__client_loop(client));
    client->opening = true;
    if (client->config.conn.handlers.on_open)
        client->config.conn.handlers.on_open(conn);
    client->opening = false;
    if (!client->freed && pirn_conn_state(conn) == PIRN_OPEN)
        pirn__client_flush(client);
}

/* The program is told only when there is room for more than what is queued. */
static void on_drain(struct pirn_conn *conn)
{
    struct pirn_client *client = client_of(conn);
    if (!client->freed && client->queue.first && pirn_conn_state(conn) == PIRN_OPEN)
        pirn__client_flush(client);
    if (!client->freed && !client->queue.first && client->config.conn.handlers.on_drain)
        client->config.conn.handlers.on_drain(conn);
}

static void on_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    struct pirn_client *client = client_of(conn);
    if (client->told)
        return;
    client->told = true;
    if (client->config.conn.handlers.on_close)
        client->config.conn.handlers.on_close(conn, info);
    client->conn = NULL;
    if (!client->freed)
        pirn__client_lost(client, info);
}

static void on_open_lacking(struct pirn_conn *conn)
{
    struct pirn_client *client = client_of(conn);
    struct pirn_str reason = pirn_close_reason_clip(client->lacking);
    if (pirn_conn_close(conn, PIRN_CLOSE_MANDATORY_EXTENSION, reason) < 0)
        pirn_conn_terminate(conn);
}

static void on_close_lacking(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    struct pirn_client *client = client_of(conn);
    char text[PIRN__CLIENT_TEXT_CAP];
    (void)info;
    if (client->freed)
        return;
    snprintf(text, sizeof text, "server did not agree on %.*s, which is required",
             (int)client->lacking.len, client->lacking.data);
    pirn__client_fail(client, &(struct pirn__client_fault){.layer = PIRN_LAYER_WEBSOCKET,
                                                           .error = PIRN_E_EXTENSION_REQUIRED,
                                                           .status = 101,
                                                           .text = text});
}

static const struct pirn_handlers lacking_handlers = {.on_open = on_open_lacking,
                                                      .on_close = on_close_lacking};

void pirn__client_interpose(struct pirn_client *client)
{
    client->handlers = client->config.conn.handlers;
    client->handlers.on_open = on_open;
    client->handlers.on_drain = on_drain;
    client->handlers.on_close = on_close;
}

void pirn__client_end_conn(struct pirn_client *client)
{
    struct pirn_conn *conn = client->conn;
    if (!conn || client->told)
        return;
    pirn_conn_terminate(conn);
    pirn__conn_tell_end(conn);
}

/* ---- opening */

/* The configuration's own slice, which lasts, of what the response says. */
static struct pirn_str own_subprotocol(const struct pirn_client *client)
{
    const struct pirn_client_config *config = &client->attempt->now;
    for (size_t i = 0; i < config->subprotocol_count; i++)
        if (pirn_str_equal(config->subprotocols[i], client->attempt->handshake.subprotocol))
            return config->subprotocols[i];
    return (struct pirn_str){NULL, 0};
}

static struct pirn__conn_start make_start(struct pirn_client *client)
{
    const struct pirn__client_bytes *request = &client->request, *response = &client->response;
    return (struct pirn__conn_start){
        .fd = client->watch.fd,
        .tls = client->tls,
        .role = PIRN_CLIENT,
        .handlers = client->lacking.data ? &lacking_handlers : &client->handlers,
        .subprotocol = own_subprotocol(client),
        .states_bytes = client->states_bytes,
        .context = client->config.context,
        .owner_data = client,
        .output = request->data + client->request_sent,
        .output_len = request->len - client->request_sent,
        .input = response->data + client->attempt->head.size,
        .input_len = response->len - client->attempt->head.size,
    };
}

void pirn__client_open(struct pirn_client *client)
{
    struct pirn_loop *loop = pirn__client_loop(client);
    struct pirn__conn_start start = make_start(client);
    if (!client->lacking.data && !pirn__client_tell(client, PIRN_STEP_OPEN, "%s", client->url.data))
        return;
    pirn_timer_stop(loop, &client->timer);
    pirn_timer_stop(loop, &client->total);
    pirn_loop_unwatch(loop, &client->watch);
    client->phase = PIRN__CLIENT_OPEN;
    client->told = false;
    if (!pirn__conn_open(&client->owner, &start)) {
        client->phase = PIRN__CLIENT_HANDSHAKE;
        pirn__client_fail_plainly(client, PIRN_LAYER_APPLICATION, PIRN_E_MEMORY);
        return;
    }
    client->watch.fd = -1;
    client->tls = NULL;
    client->states_bytes = 0;
    pirn__client_abandon(client);
}
