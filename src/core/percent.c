#include "percent.h"

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

int pirn__percent_take(struct pirn_str *rest)
{
    char c = rest->data[0];
    *rest = pirn__skip(*rest, 1);
    if (c != '%')
        return (unsigned char)c;
    int high = rest->len >= 2 ? hexadecimal(rest->data[0]) : -1;
    int low = rest->len >= 2 ? hexadecimal(rest->data[1]) : -1;
    if (high < 0 || low < 0)
        return -1;
    *rest = pirn__skip(*rest, 2);
    return high << 4 | low;
}
