/* What is typed at the prompt: a line that begins with "/" is a command, "//" sends a "/". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connect.h"

static void complain(struct connect *connect, int error)
{
    connect_note(connect, true, '!', "%s", pirn_error_text(error));
}

static void run_ping(struct connect *connect, const char *text)
{
    int result = connect_control(connect, PIRN_PING, pirn_cstr(text));
    if (result < 0)
        complain(connect, result);
}

static void run_pong(struct connect *connect, const char *text)
{
    int result = connect_control(connect, PIRN_PONG, pirn_cstr(text));
    if (result < 0)
        complain(connect, result);
}

/* The code is a number or a name that `pirn code` knows. */
static void run_close(struct connect *connect, const char *text)
{
    size_t len = strcspn(text, " ");
    const char *reason = text + len + strspn(text + len, " ");
    int code = len > 0 ? pirn_close_from_name((struct pirn_str){text, len}) : PIRN_CLOSE_NORMAL;
    int result = code < 0 ? code : connect_close(connect, code, pirn_cstr(reason));
    if (code < 0)
        connect_note(connect, true, '!', "'%.*s' is no close code", (int)len, text);
    else if (result < 0)
        complain(connect, result);
}

static void run_help(struct connect *connect, const char *text);

static const struct command {
    const char *name;
    void (*run)(struct connect *connect, const char *text);
    const char *usage, *summary;
} commands[] = {
    {"ping", run_ping, "/ping [TEXT]", "send a Ping; its Pong is printed with the time it took"},
    {"pong", run_pong, "/pong [TEXT]", "send a Pong"},
    {"close", run_close, "/close [CODE [REASON]]", "close, with 1000 or this code; so does ^D"},
    {"help", run_help, "/help", "print this; // at the beginning of a line sends /"},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static void run_help(struct connect *connect, const char *text)
{
    (void)text;
    for (size_t i = 0; i < COMMANDS; i++)
        connect_note(connect, true, ' ', "%-23s %s", commands[i].usage, commands[i].summary);
}

static void run_command(struct connect *connect, const char *line)
{
    size_t len = strcspn(line, " ");
    const char *rest = line + len + strspn(line + len, " ");
    for (size_t i = 0; i < COMMANDS; i++)
        if (strlen(commands[i].name) == len && memcmp(commands[i].name, line, len) == 0) {
            commands[i].run(connect, rest);
            return;
        }
    connect_note(connect, true, '!', "no command /%.*s; see /help", (int)len, line);
}

void connect_take_line(struct connect *connect, const char *line, size_t len)
{
    if (line[0] == '/' && line[1] != '/') {
        run_command(connect, line + 1);
        return;
    }
    size_t skip = line[0] == '/';
    enum pirn_opcode type = connect->options->binary ? PIRN_BINARY : PIRN_TEXT;
    int result = connect_send(connect, type, line + skip, len - skip);
    if (result < 0)
        complain(connect, result);
}
