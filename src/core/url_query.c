/* url_query.c: finds a parameter in a query and decodes it on its way out. */
#include <pirn/error.h>
#include <pirn/url.h>

#include <limits.h>

#include "ascii.h"
#include "chars.h"

/* The value of a hexadecimal digit, -1 of anything else. */
static int hexadecimal(char c)
{
    if (pirn__is_digit(c))
        return c - '0';
    c = pirn__lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Cuts the next decoded byte off the beginning of *rest, which is not empty; -1: malformed. */
static int take_byte(struct pirn_str *rest)
{
    char c = rest->data[0];
    *rest = pirn__skip(*rest, 1);
    if (c != '%')
        return c == '+' ? ' ' : (unsigned char)c;
    int high = rest->len >= 2 ? hexadecimal(rest->data[0]) : -1;
    int low = rest->len >= 2 ? hexadecimal(rest->data[1]) : -1;
    if (high < 0 || low < 0)
        return -1;
    *rest = pirn__skip(*rest, 2);
    return high << 4 | low;
}

static int decode(struct pirn_str value, char *out, size_t cap)
{
    size_t len = 0;
    while (value.len > 0) {
        int byte = take_byte(&value);
        if (byte < 0)
            return -PIRN_E_URL;
        if (len + 1 >= cap)
            return -PIRN_E_ROOM;
        out[len++] = (char)byte;
    }
    if (len >= cap)
        return -PIRN_E_ROOM;
    out[len] = '\0';
    return (int)len;
}

static int find(struct pirn_str query, struct pirn_str name, char *out, size_t cap)
{
    while (query.len > 0) {
        struct pirn_str value = pirn__take_until(&query, '&');
        bool is_there = value.len > 0;
        if (pirn_str_equal(pirn__take_until(&value, '='), name) && is_there)
            return decode(value, out, cap);
    }
    return -PIRN_E_URL;
}

int pirn_url_parameter(struct pirn_str query, struct pirn_str name, char *out, size_t cap)
{
    int result = find(query, name, out, cap < INT_MAX ? cap : INT_MAX);
    if (result < 0 && cap > 0)
        out[0] = '\0';
    return result;
}
