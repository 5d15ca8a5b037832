/* `pirn serve`: an echo server. Messages go back piece by piece as they come, straight out of the
 * receive buffer: none is ever held whole, however large --max-message lets it be. A client that
 * does not read its echoes is not read from either. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pirn/pirn.h>

#include "cli.h"
#include "options.h"
#include "page.h"
#include "serve_tls.h"
#include "signals.h"

#define DEFAULT_HOST "127.0.0.1"
#define DRAIN_MS     5000

const char cli_serve_help[] =
    "usage: pirn serve [OPTION ...]\n"
    "\n"
    "Sends every WebSocket message back to where it came from, on every path. GET / shows\n"
    "a page to try it, GET /pirn.js the JavaScript client, GET /stats numbers as JSON.\n"
    "Prints its address when it is ready, then a line for each connection that ended.\n"
    "SIGTERM and SIGINT make it close all connections and end; a second one does not wait\n"
    "for them. SIGHUP makes it read its certificates again; without any it ends, too.\n"
    "\n"
    "  --host ADDRESS        listen on this address: a number or a name; \"*\" is all of\n"
    "                        them (127.0.0.1)\n"
    "  --port PORT           listen on this port; 0: the system chooses one (9001)\n"
    "  --unix PATH           listen on a socket in the file system instead\n"
    "  --max-message BYTES   close with 1009 when a message is larger; k, M and G behind\n"
    "                        the number mean KiB, MiB and GiB (1M)\n"
    "  --deflate CLASS       compress for clients that can (permessage-deflate): off; shared:\n"
    "                        nothing is kept for a connection; dedicated: windows for each\n"
    "                        connection, smaller messages for more memory; dedicated:9 to\n"
    "                        dedicated:15: windows of 2^9 to 2^15 bytes (shared, or off if\n"
    "                        built without zlib)\n"
    "  --deflate-threshold BYTES\n"
    "                        send shorter messages uncompressed (1k)\n"
    "  --root DIRECTORY      serve the files of this directory; the page stays at / unless\n"
    "                        there is an index.html\n"
    "  --any-origin          accept browsers whatever page they show\n"
    "  --origin ORIGIN       accept browsers that show a page of this origin, such as\n"
    "                        https://example.org; may be given several times\n"
    "  --cert FILE           speak TLS (https and wss) with this certificate, followed by\n"
    "                        those up to its CA, in PEM; several times: chosen by the name\n"
    "                        that clients ask for\n"
    "  --key FILE            the key of the certificate before it; not needed if it is in\n"
    "                        the same file\n"
    "  --client-ca FILE      accept only clients with a certificate of one of these CAs\n"
    "  --tls-min VERSION     1.2 or 1.3 (1.2)\n"
    "  --quiet               print no line for each connection\n"
    "\n"
    "Exit status: 0; 1 if it cannot listen, or print; 2 if an option is not understood.\n";

struct serve {
    const struct serve_options *options;
    struct pirn_loop *loop;
    struct pirn_server *server;
    struct pirn_tls *tls; /* NULL: plain */
    struct signals signals;
    char *page;
    size_t page_len;
    bool page_at_root; /* --root has no index.html */
};

struct counts {
    uint64_t messages_in, bytes_in, messages_out, bytes_out;
};

/* What is known of a connection until its line is printed. */
struct session {
    uint64_t opened_us;
    struct counts counts;
    struct pirn_str path, subprotocol; /* in text */
    char text[];
};

/* Stands for all connections of which nothing needs to be known. */
static struct session nobody;

static struct counts of_all;

/* ---- echo */

static void count_in(struct counts *counts, const struct pirn_chunk *chunk)
{
    counts->messages_in += chunk->last;
    counts->bytes_in += chunk->len;
}

static void count_out(struct counts *counts, const struct pirn_chunk *chunk)
{
    counts->messages_out += chunk->last;
    counts->bytes_out += chunk->len;
}

static void echo(struct pirn_conn *conn, const struct pirn_chunk *chunk)
{
    struct session *session = pirn_conn_context(conn);
    count_in(&session->counts, chunk);
    count_in(&of_all, chunk);
    if (chunk->len == 0 && !chunk->last)
        return;
    int error = pirn_conn_send_back(conn, chunk->type, chunk->data, chunk->len, chunk->last);
    if (error >= 0) {
        count_out(&session->counts, chunk);
        count_out(&of_all, chunk);
    } else if (error == -PIRN_E_QUEUE_FULL) {
        pirn_conn_close(conn, PIRN_CLOSE_TRY_AGAIN_LATER, PIRN_STR("echoes are not read"));
    } else if (error != -PIRN_E_CLOSED) {
        pirn_conn_close(conn, PIRN_CLOSE_INTERNAL_ERROR, pirn_cstr(pirn_error_text(error)));
    }
}

static void print_ending(struct pirn_conn *conn, const struct session *session,
                         const struct pirn_close_info *info)
{
    char peer[64];
    const struct counts *counts = &session->counts;
    uint64_t open_us = pirn_loop_now_us(pirn_conn_loop(conn)) - session->opened_us;
    printf("%s %.*s %.3f s, in %llu messages %llu bytes, out %llu messages %llu bytes, %s\n",
           pirn_conn_peer(conn, peer, sizeof peer), (int)session->path.len, session->path.data,
           (double)open_us / 1e6, (unsigned long long)counts->messages_in,
           (unsigned long long)counts->bytes_in, (unsigned long long)counts->messages_out,
           (unsigned long long)counts->bytes_out, info->text);
}

static void on_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    struct session *session = pirn_conn_context(conn);
    if (session == &nobody)
        return;
    if (session->path.data) {
        print_ending(conn, session, info);
        cli_flush();
    }
    free(session);
}

/* ---- requests */

/* An echo speaks every subprotocol; browsers fail the connection if none of theirs is chosen. */
static struct pirn_str first_subprotocol(const struct pirn_request *request)
{
    struct pirn_http_list list;
    struct pirn_str element = {NULL, 0};
    pirn_http_list_init(&list, pirn_request_head(request), PIRN_STR("Sec-WebSocket-Protocol"));
    pirn_http_list_next(&list, &element);
    return element;
}

static struct pirn_str copy(struct pirn_str text, char **place)
{
    if (text.len == 0)
        return (struct pirn_str){NULL, 0};
    char *data = memcpy(*place, text.data, text.len);
    *place += text.len;
    return (struct pirn_str){data, text.len};
}

/* NULL without memory. */
static struct session *session_new(const struct serve *serve, const struct pirn_request *request)
{
    struct pirn_str subprotocol = first_subprotocol(request);
    struct pirn_str path = {NULL, 0};
    if (!serve->options->quiet)
        path = pirn_request_path(request);
    size_t text_len = path.len + subprotocol.len;
    if (text_len == 0)
        return &nobody;
    struct session *session = calloc(1, sizeof *session + text_len);
    if (!session)
        return NULL;
    char *place = session->text;
    session->opened_us = pirn_loop_now_us(serve->loop);
    session->path = copy(path, &place);
    session->subprotocol = copy(subprotocol, &place);
    return session;
}

static void accept_websocket(const struct serve *serve, struct pirn_request *request)
{
    struct session *session = session_new(serve, request);
    int error = PIRN_E_MEMORY;
    if (session) {
        struct pirn_accept how = {.context = session, .subprotocol = session->subprotocol};
        if (pirn_request_accept(request, &how, &error))
            return;
        if (session != &nobody)
            free(session);
    }
    pirn_request_reject(request, 503, NULL, 0, pirn_error_text(error));
}

static void reply_text(struct pirn_request *request, const char *type, const char *text, size_t len)
{
    const struct pirn_header headers[] = {
        {PIRN_STR("Content-Type"), pirn_cstr(type)},
        {PIRN_STR("Content-Security-Policy"), pirn_cstr(page_policy)},
        {PIRN_STR("Referrer-Policy"), PIRN_STR("no-referrer")},
        {PIRN_STR("Cache-Control"), PIRN_STR("no-cache")},
    };
    const struct pirn_header allow = {PIRN_STR("Allow"), PIRN_STR("GET, HEAD")};
    struct pirn_str method = pirn_request_head(request)->method;
    if (pirn_str_equal(method, PIRN_STR("GET")) || pirn_str_equal(method, PIRN_STR("HEAD")))
        pirn_request_reply(request, 200, headers, sizeof headers / sizeof *headers, text, len);
    else
        pirn_request_reject(request, 405, &allow, 1, NULL);
}

static void reply_stats(const struct serve *serve, struct pirn_request *request)
{
    static const char form[] =
        "{\"connections\":%zu,\"opened\":%llu,\n"
        "\"received\":{\"messages\":%llu,\"bytes\":%llu},\n"
        "\"sent\":{\"messages\":%llu,\"bytes\":%llu},\n"
        "\"deflate\":{"
        "\"received\":{\"messages\":%llu,\"bytes\":%llu,\"wire_bytes\":%llu},\n"
        "\"sent\":{\"messages\":%llu,\"bytes\":%llu,\"wire_bytes\":%llu}}}\n";
    typedef unsigned long long count;
    const struct pirn_stats stats = pirn_server_stats(serve->server);
    const struct pirn_deflate_totals *packed = &stats.deflate;
    char text[sizeof form + 11 * 20];
    int len = snprintf(text, sizeof text, form, pirn_server_connections(serve->server),
                       (count)stats.opened, (count)of_all.messages_in, (count)of_all.bytes_in,
                       (count)of_all.messages_out, (count)of_all.bytes_out,
                       (count)packed->received_messages, (count)packed->received_bytes,
                       (count)packed->received_wire_bytes, (count)packed->sent_messages,
                       (count)packed->sent_bytes, (count)packed->sent_wire_bytes);
    reply_text(request, "application/json", text, (size_t)len);
}

static void on_request(struct pirn_request *request, void *context)
{
    const struct serve *serve = context;
    const char *root = serve->options->root;
    struct pirn_str path = pirn_request_path(request);
    bool has_page = !root || serve->page_at_root;
    if (pirn_request_handshake(request))
        accept_websocket(serve, request);
    else if (has_page && pirn_str_equal(path, PIRN_STR("/")))
        reply_text(request, "text/html; charset=utf-8", serve->page, serve->page_len);
    else if (has_page && pirn_str_equal(path, PIRN_STR("/pirn.js")))
        reply_text(request, "text/javascript; charset=utf-8", page_client, strlen(page_client));
    else if (has_page && pirn_str_equal(path, PIRN_STR("/stats")))
        reply_stats(serve, request);
    else if (root)
        pirn_request_file(request, root);
}

/* ---- signals */

static void drained(struct pirn_server *server, size_t left, void *context)
{
    struct serve *serve = context;
    (void)server;
    if (left > 0)
        fprintf(stderr, "pirn: %zu connections did not close in time\n", left);
    pirn_loop_stop(serve->loop);
}

static void signal_came(void *context, int number)
{
    struct serve *serve = context;
    if (number == SIGHUP && serve->tls) {
        serve_tls_reload(serve->tls);
        return;
    }
    /* The second signal finds it draining already. */
    if (pirn_server_drain(serve->server, PIRN_CLOSE_GOING_AWAY, PIRN_STR("server is shutting down"),
                          DRAIN_MS, drained, serve) < 0)
        pirn_loop_stop(serve->loop);
}

/* Under nohup(1) a hangup ends nothing. */
static bool watch_signals(struct serve *serve)
{
    static const int all[] = {SIGTERM, SIGINT, SIGHUP, 0}, without_hangup[] = {SIGTERM, SIGINT, 0};
    struct sigaction hangup;
    bool ignored = sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler == SIG_IGN;
    return signals_open(&serve->signals, serve->loop, ignored && !serve->tls ? without_hangup : all,
                        signal_came, serve);
}

/* ---- start and end */

static int failed(const char *what, const char *on)
{
    fprintf(stderr, "pirn: cannot %s%s: %s\n", what, on, strerror(errno));
    return CLI_FAILED;
}

static int look_at_root(struct serve *serve)
{
    const char *root = serve->options->root;
    struct stat status;
    if (!root)
        return CLI_OK;
    int folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return failed("serve ", root);
    serve->page_at_root = fstatat(folder, "index.html", &status, AT_SYMLINK_NOFOLLOW) < 0;
    close(folder);
    return CLI_OK;
}

static struct pirn_server *make_server(struct serve *serve, const struct pirn_route *route)
{
    const struct serve_options *options = serve->options;
    struct pirn_server_config config = {
        .conn.keep_peer = !options->quiet,
        .conn.endpoint.max_message_bytes = options->max_message_bytes,
        .conn.deflate = options->deflate,
        .conn.handlers = {.on_chunk = echo, .on_close = on_close},
        .routes = route,
        .route_count = 1,
        .origins = options->origins,
        .origin_count = options->origin_count,
        .any_origin = options->any_origin,
        .max_per_address = PIRN_DEFAULT_MAX_CONNECTIONS, /* those who try it are one address */
        .max_handshakes = PIRN_DEFAULT_MAX_CONNECTIONS,
    };
    return pirn_server_new(serve->loop, &config);
}

/* Where it listens, or was asked to, for people and as part of a URL. */
static const char *address(const struct serve_options *options, unsigned port, char *text,
                           size_t cap)
{
    const char *host = options->host ? options->host : DEFAULT_HOST;
    if (strcmp(host, "*") == 0)
        host = "::";
    if (options->unix_path)
        snprintf(text, cap, "%s", options->unix_path);
    else
        snprintf(text, cap, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
    return text;
}

static int listen_as_asked(const struct serve *serve)
{
    const struct serve_options *options = serve->options;
    const struct pirn_listen where = {.host = options->host ? options->host : DEFAULT_HOST,
                                      .port = options->port,
                                      .unix_path = options->unix_path,
                                      .tls = serve->tls};
    const char *scheme = serve->tls ? "wss" : "ws";
    char text[512];
    int error = pirn_server_listen(serve->server, &where);
    if (error) {
        const char *why = error != -PIRN_E_SYSTEM                  ? pirn_error_text(error)
                          : errno == ENOENT && !options->unix_path ? "no such host"
                                                                   : strerror(errno);
        fprintf(stderr, "pirn: cannot listen on %s: %s\n",
                address(options, options->port, text, sizeof text), why);
        return CLI_FAILED;
    }
    address(options, pirn_server_port(serve->server), text, sizeof text);
    printf(options->unix_path ? "listening on %s+unix:%s\n" : "listening on %s://%s/\n", scheme,
           text);
    return cli_flush() ? CLI_OK : CLI_FAILED;
}

static int run(struct serve *serve)
{
    const struct pirn_route route = {.on_request = on_request, .context = serve};
    int status = look_at_root(serve);
    if (status)
        return status;
    if (!serve_tls_new(serve->options, &serve->tls))
        return CLI_FAILED;
    serve->page = page_new(&serve->page_len);
    serve->loop = pirn_loop_new(NULL);
    serve->server = serve->page && serve->loop ? make_server(serve, &route) : NULL;
    if (!serve->server || !watch_signals(serve))
        return failed("start", "");
    status = listen_as_asked(serve);
    if (status == CLI_OK && pirn_loop_run(serve->loop) < 0)
        status = failed("wait for events", "");
    return status;
}

int cli_serve(int argc, char **argv)
{
    struct serve_options options;
    struct serve serve = {.options = &options};
    int status = CLI_USAGE;
    if (serve_options_read(&options, argc, argv)) {
        if (options.help) {
            fputs(cli_serve_help, stdout);
            status = CLI_OK;
        } else {
            cli_raise_descriptor_limit();
            status = run(&serve);
        }
    }
    pirn_server_free(serve.server);
    signals_close(&serve.signals);
    pirn_loop_free(serve.loop);
    pirn_tls_free(serve.tls);
    free(serve.page);
    free(options.identities);
    free(options.origins);
    return status;
}
