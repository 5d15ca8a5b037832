/* How it works: all knowledge is in the tables of close_table.h. row_of() finds the row of a code,
 * the functions about a code read one field of it. Names are compared with their separators and
 * letters folded, so that one spelling in the table serves for all that people write. */
#include <pirn/close.h>

#include <string.h>

#include <pirn/utf8.h>

#include "ascii.h"
#include "close_table.h"

#define INDEXED_ROWS 16 /* the rows that row_of() finds by index: 1000 to 1015 */
#define LARGEST_CODE 65535

#define ROWS       (sizeof close_rows / sizeof close_rows[0])
#define MORE_NAMES (sizeof close_more_names / sizeof close_more_names[0])

static const struct close_row *row_of(int code)
{
    if (code >= PIRN_CLOSE_NORMAL && code < PIRN_CLOSE_NORMAL + INDEXED_ROWS)
        return &close_rows[code - PIRN_CLOSE_NORMAL];
    const struct close_row *row = &close_rows[INDEXED_ROWS];
    while (code < row->first || code > row->last)
        row++;
    return row;
}

const char *pirn_close_name(int code)
{
    const struct close_row *row = row_of(code);
    return row->names[PIRN_NAMES_IANA] ? row->names[PIRN_NAMES_IANA] : row->range_name;
}

const char *pirn_close_alias(int code, enum pirn_close_names set)
{
    if ((unsigned)set >= PIRN_NAMES_COUNT)
        return NULL;
    const char *name = row_of(code)->names[set];
    for (size_t i = 0; !name && i < MORE_NAMES; i++)
        if (close_more_names[i].code == code && close_more_names[i].set == set)
            name = close_more_names[i].name;
    return name;
}

const char *pirn_close_text(int code)
{
    return row_of(code)->text;
}

const char *pirn_close_advice(int code)
{
    return row_of(code)->advice;
}

enum pirn_close_class pirn_close_class(int code)
{
    return row_of(code)->class;
}

bool pirn_close_may_send(int code)
{
    enum pirn_close_class class = pirn_close_class(code);
    return class == PIRN_CLOSE_CLASS_STANDARD || class == PIRN_CLOSE_CLASS_REGISTERED ||
           class == PIRN_CLOSE_CLASS_PRIVATE;
}

bool pirn_close_may_receive(int code)
{
    return pirn_close_may_send(code);
}

bool pirn_close_may_send_from_browser(int code)
{
    return code == PIRN_CLOSE_NORMAL ||
           (pirn_close_may_send(code) && pirn_close_class(code) != PIRN_CLOSE_CLASS_STANDARD);
}

enum pirn_retry pirn_close_retry(int code)
{
    return row_of(code)->retry;
}

static char fold(char c)
{
    return c == ' ' || c == '-' || c == '.' ? '_' : pirn__lower(c);
}

static struct pirn_str trim(struct pirn_str text)
{
    while (text.len > 0 && fold(text.data[text.len - 1]) == '_')
        text.len--;
    return text;
}

static bool same(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (fold(a[i]) != fold(b[i]))
            return false;
    return true;
}

static bool is_name(struct pirn_str text, const char *name)
{
    struct pirn_str trimmed = trim(pirn_cstr(name));
    return text.len == trimmed.len && same(text.data, trimmed.data, text.len);
}

static int code_in_set(struct pirn_str text, size_t set)
{
    size_t skip = close_vendors[set].name_skip;
    for (size_t i = 0; i < ROWS; i++)
        if (close_rows[i].names[set] && is_name(text, close_rows[i].names[set] + skip))
            return close_rows[i].first;
    for (size_t i = 0; i < MORE_NAMES; i++)
        if (close_more_names[i].set == set && is_name(text, close_more_names[i].name + skip))
            return close_more_names[i].code;
    return -PIRN_E_ARGUMENT;
}

/* Takes what the vendor of a set writes around its names off the text, or returns false. */
static bool unwrap(struct pirn_str *text, size_t set)
{
    struct pirn_str prefix = pirn_cstr(close_vendors[set].prefix);
    struct pirn_str suffix = pirn_cstr(close_vendors[set].suffix);
    if (prefix.len == 0 || text->len < prefix.len || !same(text->data, prefix.data, prefix.len))
        return false;
    text->data += prefix.len;
    text->len -= prefix.len;
    if (text->len >= suffix.len &&
        same(text->data + text->len - suffix.len, suffix.data, suffix.len))
        text->len -= suffix.len;
    return true;
}

static int code_of_number(struct pirn_str digits)
{
    int number = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (!pirn__is_digit(digits.data[i]))
            return -PIRN_E_ARGUMENT;
        number = number * 10 + (digits.data[i] - '0');
        if (number > LARGEST_CODE)
            return -PIRN_E_ARGUMENT;
    }
    return number;
}

int pirn_close_from_name(struct pirn_str name)
{
    struct pirn_str text = trim(name);
    if (text.len > 0 && pirn__is_digit(text.data[0]))
        return code_of_number(text);
    for (size_t set = 0; set < PIRN_NAMES_COUNT; set++)
        if (unwrap(&text, set))
            return code_in_set(text, set);
    int code = -PIRN_E_ARGUMENT;
    for (size_t set = 0; code < 0 && set < PIRN_NAMES_COUNT; set++)
        code = code_in_set(text, set);
    return code;
}

struct pirn_str pirn_close_reason_clip(struct pirn_str reason)
{
    reason.len = pirn_utf8_clip(reason.data, reason.len, PIRN_CLOSE_REASON_MAX);
    return reason;
}

int pirn_close_build(uint8_t payload[PIRN_CONTROL_MAX], int code, struct pirn_str reason)
{
    if (!payload || (!reason.data && reason.len > 0))
        return -PIRN_E_ARGUMENT;
    if (code == PIRN_CLOSE_NONE)
        return reason.len > 0 ? -PIRN_E_CLOSE_REASON_WITHOUT_CODE : 0;
    if (!pirn_close_may_send(code))
        return -PIRN_E_CLOSE_CODE;
    if (reason.len > PIRN_CLOSE_REASON_MAX)
        return -PIRN_E_CLOSE_REASON_TOO_LONG;
    if (!pirn_utf8_valid(reason.data, reason.len))
        return -PIRN_E_CLOSE_REASON_UTF8;
    payload[0] = (uint8_t)(code >> 8);
    payload[1] = (uint8_t)(code & 0xff);
    if (reason.len > 0)
        memcpy(payload + 2, reason.data, reason.len);
    return (int)reason.len + 2;
}

int pirn_close_parse(struct pirn_close *out, const uint8_t *payload, size_t len)
{
    if (!out)
        return -PIRN_E_ARGUMENT;
    *out = (struct pirn_close){.code = PIRN_CLOSE_NO_STATUS};
    if (!payload && len > 0)
        return -PIRN_E_ARGUMENT;
    if (len > PIRN_CONTROL_MAX)
        return -PIRN_E_CONTROL_TOO_LONG;
    if (len == 0)
        return 0;
    if (len == 1)
        return -PIRN_E_CLOSE_PAYLOAD;
    out->code = payload[0] << 8 | payload[1];
    out->has_code = true;
    out->reason = (struct pirn_str){(const char *)payload + 2, len - 2};
    if (!pirn_close_may_receive(out->code))
        return -PIRN_E_CLOSE_CODE_RECEIVED;
    if (!pirn_utf8_valid(out->reason.data, out->reason.len))
        return -PIRN_E_CLOSE_REASON_RECEIVED;
    return 0;
}
