/* http.c: reads the head of an HTTP/1.1 message.
 *
 * Two passes. The first only looks for line ends, from where it stopped the last time, and so finds
 * out when the head is complete: `scanned` bytes hold `lines` whole lines, none of them empty. It
 * keeps no pointers, so the bytes may move between calls. The second pass takes the complete head
 * apart. The first line is read once more, as soon as it is there, to refuse early what is no HTTP.
 * So each byte is looked at twice or, in the first line and in space after a value, three times.
 *
 * What is refused does not depend on how the bytes were cut: the first pass fails at a position,
 * the second only after the first has passed the whole head. */
#include <pirn/http.h>
#include <pirn/error.h>

#include <string.h>

#include "ascii.h"
#include "chars.h"

void pirn_http_head_init(struct pirn_http_head *head, enum pirn_http_kind kind,
                         struct pirn_header *headers, size_t header_cap, size_t max_bytes)
{
    *head = (struct pirn_http_head){
        .kind = kind,
        .headers = headers,
        .header_cap = header_cap,
        .max_bytes = max_bytes ? max_bytes : PIRN_HTTP_MAX_HEAD_BYTES,
    };
}

static int fail(struct pirn_http_head *head, int error, size_t line)
{
    head->error = error;
    head->error_line = line;
    head->size = 0;
    return -error;
}

static int first_line_error(const struct pirn_http_head *head)
{
    return head->kind == PIRN_HTTP_REQUEST ? PIRN_E_REQUEST_LINE : PIRN_E_STATUS_LINE;
}

/* The second pass. A line is given without its CR LF; errors are positive here. */

/* Takes "HTTP/x.y"; returns what is wrong with it, `malformed` when it is not that at all. */
static int take_version(struct pirn_str *line, int malformed, int *minor)
{
    const char *v = line->data;
    if (line->len < 8 || memcmp(v, "HTTP/", 5) != 0 || !pirn__is_digit(v[5]) || v[6] != '.' ||
        !pirn__is_digit(v[7]))
        return malformed;
    if (v[5] != '1' || v[7] > '1')
        return PIRN_E_HTTP_VERSION;
    *minor = v[7] - '0';
    *line = pirn__skip(*line, 8);
    return 0;
}

static int parse_request_line(struct pirn_http_head *head, struct pirn_str line)
{
    head->method = pirn__take(&line, PIRN__TOKEN);
    if (head->method.len == 0 || !pirn__take_char(&line, ' '))
        return PIRN_E_REQUEST_LINE;
    head->target = pirn__take(&line, PIRN__TARGET);
    if (head->target.len == 0 || !pirn__take_char(&line, ' '))
        return PIRN_E_REQUEST_LINE;
    int error = take_version(&line, PIRN_E_REQUEST_LINE, &head->version_minor);
    return error || line.len == 0 ? error : PIRN_E_REQUEST_LINE;
}

static int parse_status_line(struct pirn_http_head *head, struct pirn_str line)
{
    int error = take_version(&line, PIRN_E_STATUS_LINE, &head->version_minor);
    if (error)
        return error;
    const char *s = line.data; /* " 101 reason" */
    if (line.len < 5 || s[0] != ' ' || s[1] < '1' || s[1] > '5' || !pirn__is_digit(s[2]) ||
        !pirn__is_digit(s[3]) || s[4] != ' ')
        return PIRN_E_STATUS_LINE;
    head->status = (s[1] - '0') * 100 + (s[2] - '0') * 10 + (s[3] - '0');
    line = pirn__skip(line, 5);
    head->reason = pirn__take(&line, PIRN__FIELD);
    return line.len == 0 ? 0 : PIRN_E_STATUS_LINE;
}

static int parse_first_line(struct pirn_http_head *head, struct pirn_str line)
{
    return head->kind == PIRN_HTTP_REQUEST ? parse_request_line(head, line)
                                           : parse_status_line(head, line);
}

static bool take_line_end(struct pirn_str *rest)
{
    return pirn__take_char(rest, '\r') && pirn__take_char(rest, '\n');
}

/* Reads a header line at the beginning of *rest and cuts it off. */
static int parse_header_line(struct pirn_http_head *head, struct pirn_str *rest)
{
    if (head->header_count == head->header_cap)
        return PIRN_E_HEADERS_TOO_MANY;
    struct pirn_str name = pirn__take(rest, PIRN__TOKEN);
    if (name.len == 0 || !pirn__take_char(rest, ':'))
        return PIRN_E_HEADER_LINE;
    struct pirn_str value = pirn__take(rest, PIRN__FIELD);
    if (!take_line_end(rest))
        return PIRN_E_HEADER_LINE;
    head->headers[head->header_count++] = (struct pirn_header){name, pirn__trim(value)};
    return 0;
}

/* Relies on nothing but the size: bytes that changed after the first pass are judged, not trusted.
 */
static int parse(struct pirn_http_head *head, const char *bytes)
{
    struct pirn_str rest = {bytes, head->size - 2};
    const char *end = memchr(bytes, '\r', rest.len);
    struct pirn_str line = {bytes, end ? (size_t)(end - bytes) : rest.len};
    int error = parse_first_line(head, line);
    rest = pirn__skip(rest, line.len);
    if (error || !take_line_end(&rest))
        return fail(head, error ? error : first_line_error(head), 1);
    for (head->header_count = 0; rest.len > 0;) {
        error = parse_header_line(head, &rest);
        if (error)
            return fail(head, error, head->header_count + 2);
    }
    return 1;
}

/* The first pass. */

/* Takes note of the line whose LF is at bytes[at]; that is not the first byte, which may_begin().
 * Returns 1 when it is the empty one. */
static int count_line(struct pirn_http_head *head, const char *bytes, size_t at)
{
    size_t line = head->lines + 1;
    if (bytes[at - 1] != '\r')
        return fail(head, line == 1 ? first_line_error(head) : PIRN_E_HEADER_LINE, line);
    if (line == 1) {
        /* Into a copy: slices of bytes that may move are not to be seen. */
        struct pirn_http_head copy = *head;
        int error = parse_first_line(&copy, (struct pirn_str){bytes, at - 1});
        if (error)
            return fail(head, error, line);
    } else if (bytes[at - 2] == '\n') {
        head->size = at + 1;
        return 1;
    } else if (line > head->header_cap + 1) {
        return fail(head, PIRN_E_HEADERS_TOO_MANY, line);
    }
    head->lines = line;
    head->scanned = at + 1;
    return 0;
}

static int find_end(struct pirn_http_head *head, const char *bytes, size_t len)
{
    size_t limit = len < head->max_bytes ? len : head->max_bytes;
    const char *lf;
    while (head->scanned < limit &&
           (lf = memchr(bytes + head->scanned, '\n', limit - head->scanned)) != NULL) {
        int r = count_line(head, bytes, (size_t)(lf - bytes));
        if (r != 0)
            return r;
    }
    head->scanned = limit;
    return limit < head->max_bytes ? 0 : fail(head, PIRN_E_HEAD_TOO_BIG, head->lines + 1);
}

static bool may_begin(enum pirn_http_kind kind, char c)
{
    return kind == PIRN_HTTP_REQUEST ? pirn__char_is(c, PIRN__TOKEN) : c == 'H';
}

int pirn_http_head_feed(struct pirn_http_head *head, const char *bytes, size_t len)
{
    if (head->error)
        return -head->error;
    if (head->size > 0)
        return parse(head, bytes);
    if (head->scanned == 0 && len > 0 && !may_begin(head->kind, bytes[0]))
        return fail(head, first_line_error(head), 1);
    int r = find_end(head, bytes, len);
    return r == 1 ? parse(head, bytes) : r;
}

/* Part by part. `scanned` counts what the bytes of the head would be. */

static int spend(struct pirn_http_head *head, size_t len)
{
    if (len > head->max_bytes - head->scanned)
        return fail(head, PIRN_E_HEAD_TOO_BIG, head->lines);
    head->scanned += len;
    return 0;
}

static int set_version(struct pirn_http_head *head, int version_minor)
{
    head->version_minor = version_minor;
    head->lines = 1;
    return version_minor == 0 || version_minor == 1 ? 0 : fail(head, PIRN_E_HTTP_VERSION, 1);
}

int pirn_http_head_set_request(struct pirn_http_head *head, struct pirn_str method,
                               struct pirn_str target, int version_minor)
{
    if (head->error)
        return -head->error;
    if (head->kind != PIRN_HTTP_REQUEST || !pirn__all(method, PIRN__TOKEN) ||
        !pirn__all(target, PIRN__TARGET))
        return fail(head, first_line_error(head), 1);
    head->method = method;
    head->target = target;
    int r = set_version(head, version_minor);
    return r ? r : spend(head, method.len + target.len + sizeof "  HTTP/1.1\r\n\r\n" - 1);
}

int pirn_http_head_set_response(struct pirn_http_head *head, int status, struct pirn_str reason,
                                int version_minor)
{
    if (head->error)
        return -head->error;
    if (head->kind != PIRN_HTTP_RESPONSE || status < 100 || status > 599 ||
        pirn__span(reason, PIRN__FIELD) != reason.len)
        return fail(head, first_line_error(head), 1);
    head->status = status;
    head->reason = reason;
    int r = set_version(head, version_minor);
    return r ? r : spend(head, reason.len + sizeof "HTTP/1.1 101 \r\n\r\n" - 1);
}

int pirn_http_head_add(struct pirn_http_head *head, struct pirn_str name, struct pirn_str value)
{
    if (head->error)
        return -head->error;
    head->lines++;
    if (!pirn__all(name, PIRN__TOKEN) || pirn__span(value, PIRN__FIELD) != value.len)
        return fail(head, PIRN_E_HEADER_LINE, head->lines);
    if (head->header_count >= head->header_cap)
        return fail(head, PIRN_E_HEADERS_TOO_MANY, head->lines);
    int r = spend(head, name.len + value.len + sizeof ":\r\n" - 1);
    if (r == 0)
        head->headers[head->header_count++] = (struct pirn_header){name, pirn__trim(value)};
    return r;
}
