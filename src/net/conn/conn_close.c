/* conn_close.c: what is told of an ending. The cause is what conn->error says, else the endpoint;
 * its layer and the beginning of the text follow from it by a table. */
#include <stdio.h>
#include <string.h>

#include "conn/conn_state.h"
#include "loop/line.h"

const char *pirn_layer_name(enum pirn_layer layer)
{
    static const char *const names[] = {"dns",  "tcp",       "proxy",       "tls",
                                        "http", "websocket", "application", "timeout"};
    return (size_t)layer < sizeof names / sizeof *names ? names[layer] : "?";
}

/* What is no violation of the protocol. */
static const struct cause {
    enum pirn_error error;
    enum pirn_layer layer;
    bool local; /* we began the end, whatever the endpoint knows */
} causes[] = {
    {PIRN_E_MEMORY, PIRN_LAYER_APPLICATION, true},
    {PIRN_E_RANDOM, PIRN_LAYER_APPLICATION, true},
    {PIRN_E_TERMINATED, PIRN_LAYER_APPLICATION, true},
    {PIRN_E_FILE_READ, PIRN_LAYER_APPLICATION, true},
    {PIRN_E_TEXT_UTF8, PIRN_LAYER_APPLICATION, true},
    {PIRN_E_SYSTEM, PIRN_LAYER_TCP, false},
    {PIRN_E_EOF, PIRN_LAYER_TCP, false},
    {PIRN_E_TLS_TRUNCATED, PIRN_LAYER_TLS, false},
    {PIRN_E_TLS_RECORD, PIRN_LAYER_TLS, false},
    {PIRN_E_PING_TIMEOUT, PIRN_LAYER_TIMEOUT, false},
    {PIRN_E_CLOSE_TIMEOUT, PIRN_LAYER_TIMEOUT, false},
    {PIRN_E_STALLED, PIRN_LAYER_TIMEOUT, true},
};

static const struct cause *find_cause(enum pirn_error error)
{
    static const struct cause protocol = {PIRN_E_NONE, PIRN_LAYER_WEBSOCKET, false};
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (causes[i].error == error)
            return &causes[i];
    return &protocol;
}

static enum pirn_error error_of(const struct pirn_conn *conn)
{
    return conn->error ? (enum pirn_error)conn->error : pirn_endpoint_error(&conn->endpoint);
}

static const char *error_text(const struct pirn_conn *conn, char *text, size_t cap)
{
    if (conn->error == PIRN_E_SYSTEM)
        return pirn__line_system_error(conn->system_error, text, cap);
    if (pirn__conn_socket_error(conn) == (enum pirn_error)conn->error)
        return pirn__tls_text(pirn__conn_tls(conn), text, cap);
    if (conn->error)
        return pirn_error_text(conn->error);
    return pirn_endpoint_error_text(&conn->endpoint, text, cap);
}

static int write_close(const char *who, int code, struct pirn_str reason, char *text, size_t cap)
{
    const char *quote = reason.len > 0 ? "\"" : "";
    return snprintf(text, cap, "%s: %d %s%s%s%.*s%s", who, code, pirn_close_name(code),
                    *quote ? " " : "", quote, (int)reason.len, reason.len > 0 ? reason.data : "",
                    quote);
}

/* The Close that began it: the peer's; or ours, and what was answered if it says something else. */
static int write_closing(const struct pirn_close_info *info, char *text, size_t cap)
{
    if (info->origin == PIRN_ORIGIN_REMOTE)
        return write_close("closed by peer", info->code, info->reason, text, cap);
    int len = write_close("closed by us", info->sent_code, PIRN_STR(""), text, cap);
    if (info->clean && info->code != info->sent_code && info->code != PIRN_CLOSE_NO_STATUS)
        len += write_close("; answered", info->code, info->reason, text + len, cap - (size_t)len);
    return len;
}

static void write_text(const struct pirn_close_info *info, const struct pirn_conn *conn, char *text)
{
    const size_t cap = PIRN__CLOSE_TEXT_CAP;
    char buffer[PIRN_CLOSE_REASON_MAX + 1];
    const char *why = error_text(conn, buffer, sizeof buffer);
    bool lost = info->layer == PIRN_LAYER_TCP || info->layer == PIRN_LAYER_TLS ||
                info->layer == PIRN_LAYER_TIMEOUT;
    if (info->clean)
        write_closing(info, text, cap);
    else if (info->error == PIRN_E_TERMINATED)
        snprintf(text, cap, "terminated by us");
    else if (lost && info->code != PIRN_CLOSE_ABNORMAL)
        snprintf(text + write_closing(info, text, cap / 2), cap / 2,
                 "; our close was lost (%s): %s", pirn_layer_name(info->layer), why);
    else if (lost)
        snprintf(text, cap, "lost (%s): %s", pirn_layer_name(info->layer), why);
    else if (info->sent_code)
        snprintf(text, cap, "failed: %d %s", info->sent_code, why);
    else
        snprintf(text, cap, "failed: %s", why);
    pirn__line_clean(text);
}

void pirn__close_info(struct pirn_close_info *info, const struct pirn_conn *conn,
                      char text[PIRN__CLOSE_TEXT_CAP])
{
    struct pirn_ending ending = pirn_endpoint_ending(&conn->endpoint);
    enum pirn_error error = error_of(conn);
    const struct cause *cause = find_cause(error);
    bool left = (conn->flags & PIRN__CLOSE_LEFT) != 0;
    bool clean = ending.clean && error == PIRN_E_NONE;
    *info = (struct pirn_close_info){
        .code = ending.received_code,
        .has_code = ending.received_close && ending.received_code != PIRN_CLOSE_NO_STATUS,
        .sent_code = left ? ending.sent_code : 0,
        .origin = cause->local && !ending.received_close ? PIRN_ORIGIN_LOCAL : ending.origin,
        .layer = cause->layer,
        .clean = clean,
        .error = error,
        .system_error = conn->error == PIRN_E_SYSTEM ? conn->system_error : 0,
        .text = text,
    };
    if (pirn__conn_busy(conn) && pirn__conn_busy(conn)->reason_len > 0)
        info->reason =
            (struct pirn_str){pirn__conn_busy(conn)->reason, pirn__conn_busy(conn)->reason_len};
    write_text(info, conn, text);
}

void pirn__ending_keep(struct pirn__ending *ending, const struct pirn_close_info *info)
{
    ending->info = *info;
    snprintf(ending->text, sizeof ending->text, "%s", info->text);
    ending->info.text = ending->text;
    if (info->reason.len > 0)
        memcpy(ending->reason, info->reason.data, info->reason.len);
    ending->info.reason.data = info->reason.data ? ending->reason : NULL;
}
