/* url_query.c: finds a parameter in a query and decodes it on its way out. */
#include <pirn/error.h>
#include <pirn/url.h>

#include <limits.h>

#include "chars.h"
#include "percent.h"

static int decode(struct pirn_str value, char *out, size_t cap)
{
    size_t len = 0;
    while (value.len > 0) {
        int byte = pirn__take_char(&value, '+') ? ' ' : pirn__percent_take(&value);
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
