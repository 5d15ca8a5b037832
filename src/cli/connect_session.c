/* What the client and its connection tell, and what is sent over it. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "connect.h"

static struct connect *of(const struct pirn_conn *conn)
{
    return pirn_client_context(pirn_client_of(conn));
}

/* ---- sending */

/* The queue of the client is only for what is typed while there is no connection: of its being full
 * no on_drain tells. */
int connect_send(struct connect *connect, enum pirn_opcode type, const void *data, size_t len)
{
    struct pirn_conn *conn = pirn_client_conn(connect->client);
    bool open = conn && pirn_conn_state(conn) == PIRN_OPEN;
    bool directly = open && pirn_client_queued(connect->client, NULL) == 0;
    if (len > connect->options->max_message_bytes)
        return -PIRN_E_MESSAGE_TOO_BIG;
    int result = directly ? pirn_conn_send(conn, type, data, len)
                          : pirn_client_send(connect->client, type, data, len);
    connect->full = connect->full || result == 1 || result == -PIRN_E_QUEUE_FULL;
    if (result < 0)
        return result;
    if (connect->options->json) {
        connect_format(connect, CONNECT_OUT, type, data, len, 0);
        connect_output_soon(connect);
    }
    return result;
}

int connect_control(struct connect *connect, enum pirn_opcode opcode, struct pirn_str payload)
{
    struct pirn_conn *conn = pirn_client_conn(connect->client);
    if (!conn)
        return -PIRN_E_CLOSED;
    int result = opcode == PIRN_PING ? pirn_conn_ping(conn, payload.data, payload.len)
                                     : pirn_conn_pong(conn, payload.data, payload.len);
    if (result < 0)
        return result;
    if (opcode == PIRN_PING) {
        connect->pinged_us = pirn_loop_now_us(connect->loop);
        connect->ping_len = payload.len;
        memcpy(connect->ping, payload.data, payload.len);
    }
    return result;
}

/* ---- receiving */

static void receive(struct connect *connect, enum pirn_opcode opcode, const void *data, size_t len,
                    uint64_t rtt_us)
{
    if (connect->output.gone)
        return;
    connect_screen_hide(connect);
    connect_format(connect, CONNECT_IN, opcode, data, len, rtt_us);
    connect_output_soon(connect);
    connect_screen_show(connect);
}

/* With --one: the first message behind the one that was sent, or behind the end of an input without
 * one. A prompt may send nothing. */
static bool is_wanted(const struct connect *connect)
{
    bool asked = connect->input.done || connect->screen;
    return !connect->options->one || (asked && !connect->received);
}

static void on_message(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    struct connect *connect = of(conn);
    if (!is_wanted(connect))
        return;
    connect->received = true;
    receive(connect, type, data, len, connect->screen ? 0 : pirn_conn_rtt_us(conn));
    if (connect->options->one)
        connect_close(connect, PIRN_CLOSE_NORMAL, PIRN_STR(""));
    connect_set_late(connect);
    connect_input_not_quiet(connect);
}

static void on_ping(struct pirn_conn *conn, const void *data, size_t len)
{
    struct connect *connect = of(conn);
    receive(connect, PIRN_PING, data, len, 0);
}

/* Answers to keep-alive are not worth a line at a prompt. */
static void on_pong(struct pirn_conn *conn, const void *data, size_t len, uint64_t rtt_us)
{
    struct connect *connect = of(conn);
    bool ours = connect->pinged_us > 0 && len == connect->ping_len &&
                (len == 0 || memcmp(data, connect->ping, len) == 0);
    if (rtt_us > 0 && connect->screen)
        return;
    if (ours && rtt_us == 0) {
        rtt_us = pirn_loop_now_us(connect->loop) - connect->pinged_us;
        connect->pinged_us = 0;
    }
    receive(connect, PIRN_PONG, data, len, rtt_us);
}

static void on_close_request(struct pirn_conn *conn, const struct pirn_close *close)
{
    struct connect *connect = of(conn);
    connect_note(connect, false, '<', "close %d %.*s", close->code, (int)close->reason.len,
                 close->reason.len ? close->reason.data : "");
    connect->closing = true;
    connect_set_late(connect);
}

/* As it is on the wire: "< text, fin, rsv1, 12 bytes". That a connection has failed nothing tells
 * before its end but the Close that leaves. */
static void on_frame(const struct pirn_conn *conn, bool sent, const struct pirn_frame *frame)
{
    struct connect *connect = of(conn);
    connect_note(connect, false, sent ? '>' : '<', "%s%s%s%s%s, %llu bytes",
                 pirn_opcode_name(frame->opcode), frame->fin ? ", fin" : "",
                 frame->rsv & 4 ? ", rsv1" : "", frame->rsv & 2 ? ", rsv2" : "",
                 frame->rsv & 1 ? ", rsv3" : "", (unsigned long long)frame->payload_len);
    if (sent && frame->opcode == PIRN_CLOSE && conn == pirn_client_conn(connect->client)) {
        connect->closing = true;
        connect_set_late(connect);
    }
}

/* ---- its life */

static void note_agreement(struct connect *connect, struct pirn_conn *conn)
{
    struct pirn_str subprotocol = pirn_conn_subprotocol(conn);
    const char *extensions = pirn_client_extensions(connect->client);
    struct pirn_tls_info tls;
    if (pirn_conn_tls(conn, &tls))
        connect_note(connect, false, '*', "tls: %s %s, %s %s", tls.version, tls.cipher,
                     tls.verified ? "verified" : "not verified", tls.peer_subject);
    if (subprotocol.len > 0)
        connect_note(connect, false, '*', "subprotocol: %.*s", (int)subprotocol.len,
                     subprotocol.data);
    if (*extensions)
        connect_note(connect, false, '*', "extensions: %s", extensions);
}

static void on_open(struct pirn_conn *conn)
{
    struct connect *connect = of(conn);
    connect->full = connect->closing = connect->was_late = false;
    note_agreement(connect, conn);
    if (connect->screen)
        connect_note(connect, true, '*', "connected to %s; /help says what can be done",
                     pirn_client_url(connect->client));
    if (connect->output.blocked)
        pirn_conn_pause(conn);
    connect_input_begin(connect);
}

static void on_drain(struct pirn_conn *conn)
{
    struct connect *connect = of(conn);
    connect->full = false;
    connect_input_pump(connect);
}

static void on_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    struct connect *connect = of(conn);
    connect->closing = false;
    connect_set_late(connect);
    if (connect->options->json && !connect->output.gone) {
        connect_format_close(connect, info);
        connect_output_flush(connect);
    }
    snprintf(connect->lost, sizeof connect->lost, "%s", info->text);
    connect_note(connect, false, '*', "%s", info->text);
    connect_input_pump(connect); /* it is not open: nothing is read */
}

/* What it waits for, and that it was not in vain, is said; at a prompt on_open does. */
static void on_step(struct pirn_client *client, const struct pirn_client_progress *progress)
{
    struct connect *connect = pirn_client_context(client);
    bool waits = progress->step == PIRN_STEP_WAIT;
    bool back = progress->step == PIRN_STEP_OPEN && connect->waited && !connect->screen;
    if (waits && *connect->lost)
        connect_say(connect, "%s", connect->lost);
    if (waits)
        *connect->lost = '\0';
    connect->waited = connect->waited || waits;
    connect_note(connect, waits || back, '*', "%s", progress->text);
}

static void on_response(struct pirn_client *client, const struct pirn_http_head *response)
{
    struct connect *connect = pirn_client_context(client);
    connect_note(connect, false, '<', "HTTP/1.%d %d %.*s", response->version_minor,
                 response->status, (int)response->reason.len, response->reason.data);
    for (size_t i = 0; i < response->header_count; i++) {
        const struct pirn_header *header = &response->headers[i];
        connect_note(connect, false, '<', "%.*s: %.*s", (int)header->name.len, header->name.data,
                     (int)header->value.len, header->value.data);
    }
}

static void on_failure(struct pirn_client *client, const struct pirn_client_failure *failure)
{
    struct connect *connect = pirn_client_context(client);
    if (failure->retries)
        connect_say(connect, "%s", failure->info.text);
}

/* ---- the end */

/* Not so when an error of the peer's crosses our Close, or is its answer: what was sent last may
 * not have been understood. */
static bool is_friendly(const struct pirn_close_info *info)
{
    return info->code == PIRN_CLOSE_NORMAL || info->code == PIRN_CLOSE_GOING_AWAY ||
           info->code == PIRN_CLOSE_NO_STATUS ||
           (info->origin == PIRN_ORIGIN_LOCAL && info->code == info->sent_code);
}

static int status_of(const struct connect *connect, const struct pirn_close_info *info)
{
    static const int layers[] = {
        [PIRN_LAYER_DNS] = CONNECT_DNS,        [PIRN_LAYER_TCP] = CONNECT_TCP,
        [PIRN_LAYER_PROXY] = CONNECT_PROXY,    [PIRN_LAYER_TLS] = CONNECT_TLS,
        [PIRN_LAYER_HTTP] = CONNECT_HTTP,      [PIRN_LAYER_WEBSOCKET] = CONNECT_WEBSOCKET,
        [PIRN_LAYER_APPLICATION] = CLI_FAILED, [PIRN_LAYER_TIMEOUT] = CONNECT_TIMEOUT,
    };
    if (connect->failed)
        return connect->failed;
    if (info->clean)
        return is_friendly(info) ? CLI_OK : CONNECT_CLOSED;
    if (connect->was_late && info->error == PIRN_E_TERMINATED)
        return CONNECT_TIMEOUT;
    if (connect->interrupted)
        return CONNECT_INTERRUPTED;
    return info->error == PIRN_E_TERMINATED ? CLI_OK : layers[info->layer];
}

static void on_end(struct pirn_client *client, const struct pirn_close_info *info)
{
    struct connect *connect = pirn_client_context(client);
    connect->status = status_of(connect, info);
    connect->ended = true;
    if (connect->status == CONNECT_TIMEOUT && connect->was_late)
        connect_say(connect, "timeout: %s", pirn_error_text(PIRN_E_CLOSE_TIMEOUT));
    else if (connect->status == CLI_OK && connect->screen && !connect->options->verbose)
        connect_note(connect, true, '*', "%s", info->text);
    else if (connect->status != CLI_OK && !connect->failed && !connect->interrupted)
        connect_say(connect, "%s", info->text);
    connect_finish(connect);
}

void connect_set_callbacks(struct connect *connect, struct pirn_client_config *config)
{
    config->context = connect;
    config->conn.handlers = (struct pirn_handlers){
        .on_open = on_open,
        .on_message = on_message,
        .on_ping = on_ping,
        .on_pong = on_pong,
        .on_close_request = on_close_request,
        .on_drain = on_drain,
        .on_close = on_close,
    };
    config->conn.on_frame = on_frame;
    config->on_step = on_step;
    config->on_response = on_response;
    config->on_failure = on_failure;
    config->on_end = on_end;
}
