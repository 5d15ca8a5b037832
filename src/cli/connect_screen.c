/* The prompt, by libedit, one key at a time: el_gets() returns after each (EL_UNBUFFERED), with the
 * bytes that the loop has found on standard input. A sequence of an arrow key that has come in part
 * waits for its rest, so that libedit does not make the loop wait, but for what asks for more keys
 * (^R, ^V): until they come nothing else happens.
 *
 * A line that comes in while one is typed: the cursor goes up to the first row of what is typed,
 * the screen is cleared from there, the line is printed, and libedit draws its line anew below. */
#include <errno.h>
#include <histedit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "connect.h"

#define HISTORY_LINES 1000
#define CONTROL_D     4
#define READ_BYTES    1024
#define REPLACEMENT   0xFFFD /* U+FFFD, for a byte that is not UTF-8 */

struct connect_screen {
    EditLine *line;
    History *history;
    struct buffer keys; /* read and not taken yet */
    size_t taken;
    unsigned hidden; /* how often; drawn when 0 */
    bool ended;
};

static char *prompt(EditLine *line)
{
    static char text[] = "> ";
    (void)line;
    return text;
}

/* ---- keys */

/* The bytes of the key that comes first, 0 if it has not come whole: a letter in UTF-8, a byte that
 * is none, or ESC with what belongs to it. */
static size_t key_len(const unsigned char *keys, size_t len)
{
    if (len == 0)
        return 0;
    if (keys[0] == 0x1B) {
        size_t at = 2;
        if (len < 2 || (keys[1] != '[' && keys[1] != 'O'))
            return len < 2 ? 0 : 2;
        while (at < len && keys[at] < 0x40)
            at++;
        return at < len ? at + 1 : 0;
    }
    size_t wants = keys[0] > 0xF4 || keys[0] < 0xC2 ? 1
                   : keys[0] >= 0xF0                ? 4
                   : keys[0] >= 0xE0                ? 3
                                                    : 2;
    for (size_t i = 1; i < wants && i < len; i++)
        if ((keys[i] & 0xC0) != 0x80)
            return 1;
    return wants <= len ? wants : 0;
}

/* False at the end. */
static bool read_keys(struct connect_screen *screen)
{
    char *room = buffer_reserve(&screen->keys, READ_BYTES);
    ssize_t n = room ? read(STDIN_FILENO, room, READ_BYTES) : 0;
    screen->keys.len += n > 0 ? (size_t)n : 0;
    return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

static int read_char(EditLine *line, wchar_t *out)
{
    struct connect_screen *screen;
    mbstate_t state;
    memset(&state, 0, sizeof state);
    el_get(line, EL_CLIENTDATA, &screen);
    while (screen->taken == screen->keys.len)
        if (!read_keys(screen))
            return 0;
    const char *first = screen->keys.data + screen->taken;
    size_t len = screen->keys.len - screen->taken, n = mbrtowc(out, first, len, &state);
    if (n == 0 || n > len) { /* no letter of this locale */
        unsigned char byte = (unsigned char)*first;
        *out = byte >= 0x80 && MB_CUR_MAX > 1 ? REPLACEMENT : (wchar_t)byte;
        n = 1;
    }
    screen->taken += n;
    return 1;
}

/* ---- the line on the screen */

static size_t columns(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* How many columns text takes. */
static size_t width(const char *text, size_t len)
{
    size_t sum = 0;
    mbstate_t state;
    memset(&state, 0, sizeof state);
    while (len > 0) {
        wchar_t letter;
        size_t n = mbrtowc(&letter, text, len, &state);
        int letter_width = n == 0 || n > len ? 1 : wcwidth(letter);
        n = n == 0 || n > len ? 1 : n;
        sum += letter_width < 0 ? 2 : (size_t)letter_width; /* ^A */
        text += n;
        len -= n;
    }
    return sum;
}

void connect_screen_hide(struct connect *connect)
{
    struct connect_screen *screen = connect->screen;
    if (!screen || screen->hidden++ > 0 || screen->ended)
        return;
    const LineInfo *info = el_line(screen->line);
    size_t before =
        strlen(prompt(NULL)) + width(info->buffer, (size_t)(info->cursor - info->buffer));
    size_t rows = before / columns();
    if (rows > 0)
        printf("\033[%zuA", rows);
    fputs("\r\033[J", stdout);
    fflush(stdout);
}

void connect_screen_show(struct connect *connect)
{
    struct connect_screen *screen = connect->screen;
    if (screen && --screen->hidden == 0 && !screen->ended)
        el_set(screen->line, EL_REFRESH);
}

void connect_screen_resize(struct connect *connect)
{
    if (connect->screen)
        el_resize(connect->screen->line);
}

/* ---- lines */

/* The prompt is away while a line is acted upon, and comes back empty. */
static void take_line(struct connect *connect, const char *typed, size_t len)
{
    struct connect_screen *screen = connect->screen;
    HistEvent event;
    char *line = strndup(typed, len);
    screen->hidden++;
    el_set(screen->line, EL_UNBUFFERED, 0);
    if (line && len > 0) {
        history(screen->history, &event, H_ENTER, line);
        connect_take_line(connect, line, len);
    }
    free(line);
    el_set(screen->line, EL_UNBUFFERED, 1);
    screen->hidden--;
}

static void take_key(struct connect *connect)
{
    struct connect_screen *screen = connect->screen;
    int len = 0;
    const char *line = el_gets(screen->line, &len);
    if (line && len == 1 && line[0] == CONTROL_D) {
        screen->ended = true;
        el_set(screen->line, EL_UNBUFFERED, 0);
        putchar('\n');
        fflush(stdout);
    } else if (line && len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r')) {
        take_line(connect, line, (size_t)len - 1);
    }
}

/* A key may read more of them. */
static bool has_key(const struct connect_screen *screen)
{
    return key_len((unsigned char *)screen->keys.data + screen->taken,
                   screen->keys.len - screen->taken) > 0;
}

void connect_screen_read(struct connect *connect)
{
    struct connect_screen *screen = connect->screen;
    screen->ended = !read_keys(screen);
    while (!screen->ended && has_key(screen))
        take_key(connect);
    buffer_drop(&screen->keys, screen->taken);
    screen->taken = 0;
    if (!screen->ended)
        return;
    pirn_loop_unwatch(connect->loop, &connect->input.watch);
    connect_close(connect, PIRN_CLOSE_NORMAL, PIRN_STR(""));
}

/* ---- its life */

bool connect_screen_open(struct connect *connect)
{
    struct connect_screen *screen = calloc(1, sizeof *screen);
    HistEvent event;
    if (!screen)
        return false;
    screen->line = el_init("pirn", stdin, stdout, stderr);
    screen->history = history_init();
    connect->screen = screen;
    if (!screen->line || !screen->history) {
        connect_screen_close(connect);
        return false;
    }
    history(screen->history, &event, H_SETSIZE, HISTORY_LINES);
    history(screen->history, &event, H_SETUNIQUE, 1);
    el_set(screen->line, EL_CLIENTDATA, screen);
    el_set(screen->line, EL_PROMPT, prompt);
    el_set(screen->line, EL_EDITOR, "emacs");
    el_set(screen->line, EL_HIST, history, screen->history);
    el_set(screen->line, EL_GETCFN, read_char);
    el_source(screen->line, NULL); /* ~/.editrc */
    el_set(screen->line, EL_UNBUFFERED, 1);
    return true;
}

void connect_screen_close(struct connect *connect)
{
    struct connect_screen *screen = connect->screen;
    if (!screen)
        return;
    connect_screen_hide(connect);
    if (screen->line) {
        el_set(screen->line, EL_UNBUFFERED, 0);
        el_end(screen->line);
    }
    if (screen->history)
        history_end(screen->history);
    buffer_release(&screen->keys);
    free(screen);
    connect->screen = NULL;
}
