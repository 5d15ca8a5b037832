/* `pirn connect`: lines of standard input become messages, messages become lines on standard
 * output. Nothing here waits but the loop, and nothing is read that cannot be passed on: each end
 * makes the other wait (connect_input.c, connect_output.c). */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "connect.h"

const char cli_connect_help[] =
    "usage: pirn connect [OPTION ...] URL\n"
    "\n"
    "Sends each line of standard input as a message, and prints each message as a line.\n"
    "At the end of the input it closes with 1000 and waits for the answer. On a terminal\n"
    "it has a prompt; /help says what can be typed there. SIGINT closes, too; a second one\n"
    "ends at once. URL is ws://, wss://, or without a scheme ws.\n"
    "\n"
    "  --text                lines are sent as text messages; so it is without the option\n"
    "  --binary              ... as binary messages\n"
    "  --base64              lines are base64 both ways; what is decoded is sent as binary\n"
    "  -0, --null            messages end in NUL instead of a newline, both ways\n"
    "  -1, --one             send one message, wait for one, and close\n"
    "  --wait SECONDS        at the end of the input close only when nothing came for so long;\n"
    "                        with --one that is a timeout\n"
    "  --no-close            go on when the input has ended\n"
    "  --json                print a record of JSON for each message in and out\n"
    "  --max-message BYTES   of what is sent and received; k, M and G are understood (16M)\n"
    "\n"
    "  -H, --header 'N: V'   send this header, too; several times\n"
    "  --origin ORIGIN       say that a page of this origin connects\n"
    "  --subprotocol NAME    offer this subprotocol; several times, the best first\n"
    "  -u, --user NAME:PASS  Basic or Digest authentication\n"
    "  --bearer TOKEN        Bearer authentication\n"
    "  --cookie NAME=VALUE   send a cookie; what has no \"=\" names a file of cookies\n"
    "  -L, --location        follow redirects, 10 at most\n"
    "  --deflate             insist on compression; without the option it is offered\n"
    "  --no-deflate          do not offer it\n"
    "\n"
    "  --proxy URL           http, socks4a, socks5 or socks5h; \"none\" for none. Without the\n"
    "                        option the environment says: http_proxy, https_proxy, all_proxy\n"
    "  --unix PATH           connect to this socket; the URL may be left out\n"
    "  -k, --insecure        verify no certificate\n"
    "  --ca FILE             trust these CAs in place of the system's\n"
    "  --cert FILE           show this certificate if asked for one\n"
    "  --key FILE            its key; not needed if it is in the same file\n"
    "  --timeout SECONDS     for connecting (30), and for closing (5)\n"
    "  --ping SECONDS        between keep-alive pings (20); 0: none\n"
    "  --reconnect           connect again when the connection is lost\n"
    "  -v, --verbose         print the handshake and a line for each frame on stderr\n"
    "\n"
    "Exit status: 0 closed with 1000 or 1001; 1 output or input cannot be used; 2 an option\n"
    "is not understood; 3 closed with another code; 4 host name; 5 TCP; 6 proxy; 7 TLS;\n"
    "8 HTTP answer; 9 violation of the protocol; 10 timeout; 130 interrupted.\n";

/* ---- what is said */

static void print_line(struct connect *connect, const char *before, const char *format,
                       va_list arguments)
{
    char text[1024];
    struct buffer line = {.data = NULL};
    vsnprintf(text, sizeof text, format, arguments);
    connect_escape(&line, text, strlen(text));
    if (connect->screen)
        connect_screen_hide(connect);
    fprintf(stderr, "%s%.*s\n", before, (int)line.len, line.data ? line.data : "");
    if (connect->screen)
        connect_screen_show(connect);
    buffer_release(&line);
}

void connect_say(struct connect *connect, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line(connect, "pirn: connect: ", format, arguments);
    va_end(arguments);
}

void connect_note(struct connect *connect, bool always, char mark, const char *format, ...)
{
    const char before[] = {mark, ' ', '\0'};
    va_list arguments;
    if (!always && !connect->options->verbose)
        return;
    va_start(arguments, format);
    print_line(connect, before, format, arguments);
    va_end(arguments);
}

void connect_fail(struct connect *connect, const char *why)
{
    connect_say(connect, "%s", why);
    connect->failed = CLI_FAILED;
    connect_close(connect, PIRN_CLOSE_GOING_AWAY, PIRN_STR(""));
}

/* ---- its end */

void connect_set_late(struct connect *connect)
{
    uint32_t wait_ms =
        connect->options->timeout_ms ? connect->options->timeout_ms : PIRN_DEFAULT_CLOSE_TIMEOUT_MS;
    uint64_t now_us = pirn_loop_now_us(connect->loop);
    if (connect->closing && !connect->output.blocked && !connect->ended && wait_ms != PIRN_OFF)
        pirn_timer_set(connect->loop, &connect->late, now_us + (uint64_t)wait_ms * 1000);
    else
        pirn_timer_stop(connect->loop, &connect->late);
}

int connect_close(struct connect *connect, int code, struct pirn_str reason)
{
    int result = pirn_client_close(connect->client, code, reason);
    if (result == 0) {
        connect_note(connect, false, '>', "close %d %.*s", code, (int)reason.len, reason.data);
        connect->closing = true;
        connect_set_late(connect);
    }
    return result;
}

static void too_late(struct pirn_loop *loop, struct pirn_timer *timer)
{
    struct connect *connect = (struct connect *)((char *)timer - offsetof(struct connect, late));
    struct pirn_conn *conn = pirn_client_conn(connect->client);
    (void)loop;
    connect->was_late = true;
    if (conn)
        pirn_conn_terminate(conn);
}

void connect_finish(struct connect *connect)
{
    if (connect->ended && (connect->output.bytes.len == 0 || connect->output.gone))
        pirn_loop_stop(connect->loop);
}

static void signal_came(void *context, int number)
{
    struct connect *connect = context;
    if (number == SIGWINCH) {
        connect_screen_resize(connect);
        return;
    }
    connect->interrupted = true;
    if (connect_close(connect, PIRN_CLOSE_NORMAL, PIRN_STR("")) < 0) {
        connect->status = CONNECT_INTERRUPTED;
        pirn_loop_stop(connect->loop);
    }
}

/* ---- its start */

static void look_at_terminals(struct connect *connect)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    bool dumb = !term || !*term || strcmp(term, "dumb") == 0;
    connect->out_is_terminal = isatty(STDOUT_FILENO);
    connect->colours = connect->out_is_terminal && !dumb && !(no_color && *no_color);
    if (connect->out_is_terminal && isatty(STDIN_FILENO) && !dumb && !connect->options->json &&
        !connect->options->nul && !connect->options->base64)
        connect_screen_open(connect);
}

static int run(struct connect *connect)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, 0};
    connect->loop = pirn_loop_new(NULL);
    if (!connect->loop ||
        !signals_open(&connect->signals, connect->loop, numbers, signal_came, connect)) {
        connect_say(connect, "cannot start: %s", strerror(errno));
        return CLI_FAILED;
    }
    signal(SIGPIPE, SIG_IGN);
    connect->late.fire = too_late;
    connect->status = connect_client_open(connect);
    if (connect->status != CLI_OK)
        return connect->status;
    look_at_terminals(connect);
    connect_output_open(connect);
    connect_input_open(connect);
    if (pirn_loop_run(connect->loop) < 0) {
        connect_say(connect, "cannot wait for events: %s", strerror(errno));
        connect->status = CLI_FAILED;
    }
    return connect->status;
}

static void release(struct connect *connect)
{
    connect_screen_close(connect);
    if (connect->loop) {
        connect_input_close(connect);
        connect_output_close(connect);
        pirn_timer_stop(connect->loop, &connect->late);
    }
    connect_client_close(connect);
    signals_close(&connect->signals);
    pirn_loop_free(connect->loop);
}

int cli_connect(int argc, char **argv)
{
    struct connect_options options;
    struct connect connect = {.options = &options};
    int status = CLI_USAGE;
    setlocale(LC_CTYPE, ""); /* for the widths of letters at the prompt */
    if (connect_options_read(&options, argc, argv)) {
        if (options.help) {
            fputs(cli_connect_help, stdout);
            status = CLI_OK;
        } else {
            status = run(&connect);
            release(&connect);
        }
    }
    connect_options_release(&options);
    return status;
}
