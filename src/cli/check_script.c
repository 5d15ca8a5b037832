/* What a case sends, out of a notation that is much like that of tests/cases.
 *
 * Frames: steps with ';' between them, each a type, options and a payload:
 *     text nofin "Hel"; ping; await; cont "lo"; close 1000 "bye"
 * Types are text, binary, cont, close, ping, pong, op=HEX; options nofin, rsv=N (RSV1 counts 4),
 * unmasked, form=16 or 64 (the length in that form), len=N (the length that is claimed). A payload
 * is any row of "text" (with \xHH), xHEX and N*"text"; before that of a Close may stand a code.
 * `raw xHEX` are bytes as they are; `await` goes on when the last Ping is answered; `echo PAYLOAD`
 * is a text that an echo server sends back, which without it are those of all frames that have no
 * RSV bit; `end` closes our direction.
 *
 * Requests: lines that change a good one. `Name: value` takes the place of the headers of this
 * name, `-Name` takes them away, `+LINE` is added as it is, `first LINE` is the request line,
 * `flood N` adds so many headers, `body TEXT` is what follows them. $HOST and $TARGET stand for
 * those of the URL, $CRLF for the end of a line. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "check.h"

#define MAX_LINES 24

static bool reserve(struct check_bytes *bytes, size_t more)
{
    if (bytes->len + more <= bytes->cap)
        return true;
    size_t cap = 2 * (bytes->len + more) + 256;
    uint8_t *larger = realloc(bytes->data, cap);
    if (!larger)
        return false;
    bytes->data = larger;
    bytes->cap = cap;
    return true;
}

static void put(struct check_script *script, struct check_bytes *to, const void *data, size_t len)
{
    script->broken |= !reserve(to, len);
    if (script->broken || len == 0)
        return;
    memcpy(to->data + to->len, data, len);
    to->len += len;
}

static void put_bytes(struct check_script *script, const void *data, size_t len)
{
    put(script, &script->bytes, data, len);
}

static void put_text(struct check_script *script, const char *text)
{
    put_bytes(script, text, strlen(text));
}

void check_script_release(struct check_script *script)
{
    free(script->bytes.data);
    free(script->plain.data);
    free(script->payload.data);
}

/* ---- frames */

struct step {
    uint8_t opcode;
    unsigned rsv, form;
    uint64_t claimed;
    bool nofin, unmasked, claims, raw;
};

static const struct {
    const char *name;
    uint8_t opcode;
} types[] = {
    {"cont", PIRN_CONTINUATION}, {"text", PIRN_TEXT}, {"binary", PIRN_BINARY},
    {"close", PIRN_CLOSE},       {"ping", PIRN_PING}, {"pong", PIRN_PONG},
};

/* Whether the next word is this; it is passed then. */
static bool word(const char **at, const char *name)
{
    size_t len = strlen(name);
    if (strncmp(*at, name, len) != 0 || isalnum((unsigned char)(*at)[len]))
        return false;
    *at += len;
    *at += strspn(*at, " \n");
    return true;
}

/* Whether the next word is NAME=NUMBER. */
static bool setting(const char **at, const char *name, int base, uint64_t *value)
{
    size_t len = strlen(name);
    char *end;
    if (strncmp(*at, name, len) != 0 || (*at)[len] != '=')
        return false;
    *value = strtoull(*at + len + 1, &end, base);
    *at = end + strspn(end, " \n");
    return true;
}

static int hex(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

static void quoted(struct check_script *script, const char **at)
{
    for (++*at; **at && **at != '"'; ++*at) {
        char c = **at;
        if (c == '\\') {
            c = (char)(hex((*at)[2]) << 4 | hex((*at)[3]));
            *at += 3;
        }
        put(script, &script->payload, &c, 1);
    }
    *at += **at == '"';
}

static void in_hex(struct check_script *script, const char **at)
{
    for (++*at; isxdigit((unsigned char)**at); *at += 2) {
        char c = (char)(hex((*at)[0]) << 4 | hex((*at)[1]));
        put(script, &script->payload, &c, 1);
    }
}

/* Repeats what was just put. */
static void repeat(struct check_script *script, size_t from, unsigned long times)
{
    uint8_t piece[16];
    size_t len = script->payload.len - from;
    script->broken |= len > sizeof piece;
    if (script->broken)
        return;
    memcpy(piece, script->payload.data + from, len);
    while (times-- > 1)
        put(script, &script->payload, piece, len);
}

/* Reads a payload. */
static void payload(struct check_script *script, const char **at)
{
    while (**at && **at != ';' && !script->broken) {
        size_t from = script->payload.len;
        bool times_given = isdigit((unsigned char)**at);
        char *end = NULL;
        unsigned long times = strtoul(*at, &end, 10);
        if (times_given)
            *at = end + (*end == '*');
        if (**at == '"')
            quoted(script, at);
        else if (**at == 'x')
            in_hex(script, at);
        else
            script->broken = true;
        if (times_given)
            repeat(script, from, times);
        *at += strspn(*at, " \n");
    }
}

static void put_length(struct check_script *script, const struct step *step, uint64_t len)
{
    unsigned form = step->form ? step->form : len < 126 ? 7 : len < 65536 ? 16 : 64;
    uint8_t bytes[9] = {(uint8_t)(form == 7 ? len : form == 16 ? 126 : 127)};
    unsigned count = form == 7 ? 0 : form / 8;
    for (unsigned i = 0; i < count; i++)
        bytes[1 + i] = (uint8_t)(len >> 8 * (count - 1 - i));
    bytes[0] |= step->unmasked ? 0 : 0x80;
    put_bytes(script, bytes, 1 + count);
}

static void put_frame(struct check_script *script, const struct step *step)
{
    size_t len = script->payload.len;
    uint8_t first = (uint8_t)((step->nofin ? 0 : 0x80) | step->rsv << 4 | step->opcode);
    uint8_t key[4];
    put_bytes(script, &first, 1);
    put_length(script, step, step->claims ? step->claimed : len);
    script->broken |= getrandom(key, sizeof key, 0) != sizeof key;
    if (!step->unmasked)
        put_bytes(script, key, sizeof key);
    put_bytes(script, script->payload.data, len);
    if (!step->unmasked && !script->broken) {
        uint8_t *place = script->bytes.data + script->bytes.len - len;
        pirn_mask(place, place, len, key, 0);
    }
}

static void expect_message(struct check_script *script, uint8_t opcode, size_t at)
{
    if (script->message_count == CHECK_MAX_MESSAGES) {
        script->broken = true;
        return;
    }
    script->messages[script->message_count++] =
        (struct check_message){opcode, at, script->plain.len - at};
}

/* What the server will make of it. */
static void note_frame(struct check_script *script, const struct step *step)
{
    const struct check_bytes *payload_of = &script->payload;
    if (step->opcode == PIRN_PING && payload_of->len <= sizeof script->ping) {
        script->has_ping = true;
        script->ping_len = payload_of->len;
        if (payload_of->len > 0)
            memcpy(script->ping, payload_of->data, payload_of->len);
    }
    if (step->opcode >= PIRN_CLOSE || step->rsv != 0)
        return;
    if (step->opcode != PIRN_CONTINUATION) {
        script->message_at = script->plain.len;
        script->message_opcode = step->opcode;
        script->in_message = true;
    }
    put(script, &script->plain, payload_of->data, payload_of->len);
    if (script->in_message && !step->nofin) {
        script->in_message = false;
        expect_message(script, script->message_opcode, script->message_at);
    }
}

static bool type(const char **at, struct step *step)
{
    uint64_t opcode;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (word(at, types[i].name)) {
            step->opcode = types[i].opcode;
            return true;
        }
    if (!setting(at, "op", 16, &opcode))
        return false;
    step->opcode = (uint8_t)opcode;
    return true;
}

static bool option(const char **at, struct step *step)
{
    uint64_t value;
    if (word(at, "nofin"))
        step->nofin = true;
    else if (word(at, "unmasked"))
        step->unmasked = true;
    else if (setting(at, "rsv", 10, &value))
        step->rsv = (unsigned)value;
    else if (setting(at, "form", 10, &value))
        step->form = (unsigned)value;
    else if (setting(at, "len", 0, &step->claimed))
        step->claims = true;
    else
        return false;
    return true;
}

static void close_code(struct check_script *script, const char **at)
{
    char *end;
    unsigned long code = strtoul(*at, &end, 10);
    if (!isdigit((unsigned char)**at) || *end == '*')
        return;
    const uint8_t bytes[2] = {(uint8_t)(code >> 8), (uint8_t)code};
    put(script, &script->payload, bytes, 2);
    *at = end + strspn(end, " \n");
}

static void frame(struct check_script *script, const char **at)
{
    struct step step = {0};
    if (!type(at, &step)) {
        script->broken = true;
        return;
    }
    while (option(at, &step))
        continue;
    if (step.opcode == PIRN_CLOSE)
        close_code(script, at);
    payload(script, at);
    put_frame(script, &step);
    note_frame(script, &step);
}

static void await(struct check_script *script)
{
    if (script->stop_count == CHECK_MAX_STOPS)
        script->broken = true;
    else
        script->stops[script->stop_count++] = script->bytes.len;
    script->has_ping = false;
}

static void step(struct check_script *script, const char **at)
{
    script->payload.len = 0;
    if (word(at, "raw")) {
        payload(script, at);
        put_bytes(script, script->payload.data, script->payload.len);
    } else if (word(at, "await")) {
        await(script);
    } else if (word(at, "end")) {
        script->half_close = true;
    } else if (word(at, "echo")) {
        size_t place = script->plain.len;
        payload(script, at);
        put(script, &script->plain, script->payload.data, script->payload.len);
        expect_message(script, PIRN_TEXT, place);
    } else {
        frame(script, at);
    }
}

void check_script_frames(struct check_script *script, const char *send)
{
    for (const char *at = send; *at && !script->broken;) {
        step(script, &at);
        script->broken |= *at && *at != ';';
        at += *at == ';';
        at += strspn(at, " \n");
    }
}

/* ---- requests */

/* Lines of a request; the first is the request line. */
struct lines {
    char *text[MAX_LINES];
    size_t count;
    unsigned long flood;
    const char *body;
};

static void add_line(struct check_script *script, struct lines *lines, const char *text, size_t len)
{
    char *line = lines->count < MAX_LINES ? strndup(text, len) : NULL;
    if (line)
        lines->text[lines->count++] = line;
    else
        script->broken = true;
}

static void remove_lines(struct lines *lines, const char *name, size_t len)
{
    for (size_t i = 1; i < lines->count;)
        if (strncasecmp(lines->text[i], name, len) == 0 && lines->text[i][len] == ':') {
            free(lines->text[i]);
            memmove(lines->text + i, lines->text + i + 1,
                    (--lines->count - i) * sizeof *lines->text);
        } else {
            i++;
        }
}

static void edit(struct check_script *script, struct lines *lines, const char *text, size_t len)
{
    if (text[0] == '-') {
        remove_lines(lines, text + 1, len - 1);
    } else if (text[0] == '+') {
        add_line(script, lines, text + 1, len - 1);
    } else if (strncmp(text, "first ", 6) == 0) {
        free(lines->text[0]);
        lines->text[0] = strndup(text + 6, len - 6);
        script->broken |= !lines->text[0];
    } else if (strncmp(text, "flood ", 6) == 0) {
        lines->flood = strtoul(text + 6, NULL, 10);
    } else if (strncmp(text, "body ", 5) == 0) {
        lines->body = text + 5; /* the last of the edits */
    } else {
        remove_lines(lines, text, strcspn(text, ":"));
        add_line(script, lines, text, len);
    }
}

static void good_request(struct check_script *script, struct lines *lines,
                         const struct check_target *target, const char *key)
{
    char line[128];
    const char *good[] = {"GET $TARGET HTTP/1.1", "Host: $HOST", "Upgrade: websocket",
                          "Connection: Upgrade", "Sec-WebSocket-Version: 13"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        add_line(script, lines, good[i], strlen(good[i]));
    snprintf(line, sizeof line, "Sec-WebSocket-Key: %s", key);
    add_line(script, lines, line, strlen(line));
    for (size_t i = 0; i < target->headers.count; i++)
        edit(script, lines, target->headers.items[i], strlen(target->headers.items[i]));
    if (target->subprotocol) {
        int len = snprintf(line, sizeof line, "Sec-WebSocket-Protocol: %s", target->subprotocol);
        script->broken |= len >= (int)sizeof line;
        add_line(script, lines, line, strlen(line));
    }
}

/* A --header may say another host than the URL. */
static void put_host(struct check_script *script, const struct check_target *target)
{
    const struct pirn_url *url = &target->url;
    char port[8];
    for (size_t i = 0; i < target->headers.count; i++)
        if (strncasecmp(target->headers.items[i], "Host:", 5) == 0) {
            const char *host = target->headers.items[i] + 5;
            put_text(script, host + strspn(host, " "));
            return;
        }
    put_text(script, url->ipv6 ? "[" : "");
    put_bytes(script, url->host.data, url->host.len);
    put_text(script, url->ipv6 ? "]" : "");
    snprintf(port, sizeof port, ":%u", url->port);
    put_text(script, url->port == (url->secure ? 443 : 80) ? "" : port);
}

static void put_target(struct check_script *script, struct pirn_str target)
{
    put_text(script, target.len == 0 || target.data[0] == '?' ? "/" : "");
    put_bytes(script, target.data, target.len);
}

static void put_line(struct check_script *script, const struct check_target *target,
                     const char *line)
{
    while (*line) {
        size_t len = strcspn(line, "$");
        put_bytes(script, line, len);
        line += len;
        if (strncmp(line, "$HOST", 5) == 0) {
            put_host(script, target);
            line += 5;
        } else if (strncmp(line, "$TARGET", 7) == 0) {
            put_target(script, target->url.target);
            line += 7;
        } else if (strncmp(line, "$CRLF", 5) == 0) {
            put_text(script, "\r\n");
            line += 5;
        } else if (*line) {
            put_bytes(script, line++, 1);
        }
    }
    put_text(script, "\r\n");
}

void check_script_request(struct check_script *script, const struct check_target *target,
                          const char *key, const char *edits)
{
    struct lines lines = {.count = 0};
    good_request(script, &lines, target, key);
    while (edits && *edits && !script->broken) {
        size_t len = strcspn(edits, "\n");
        edit(script, &lines, edits, len);
        edits += len + (edits[len] == '\n');
    }
    for (size_t i = 0; i < lines.count; i++) {
        put_line(script, target, lines.text[i]);
        free(lines.text[i]);
    }
    for (unsigned long i = 0; i < lines.flood; i++) {
        char line[128];
        snprintf(line, sizeof line, "X-Flood-%06lu: %040lu\r\n", i, i);
        put_text(script, line);
    }
    put_text(script, "\r\n");
    put_text(script, lines.body ? lines.body : "");
}
