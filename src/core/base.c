#include <pirn/base.h>

#include <string.h>

#include "ascii.h"

const char *pirn_version(void)
{
    return PIRN_VERSION_STRING;
}

struct pirn_str pirn_cstr(const char *text)
{
    return (struct pirn_str){text, text ? strlen(text) : 0};
}

bool pirn_str_equal(struct pirn_str a, struct pirn_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* What is volatile is read to the end, however early the answer is known. */
bool pirn_str_equal_secret(struct pirn_str a, struct pirn_str b)
{
    const volatile char *one = a.data, *two = b.data;
    int differing = 0;
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        differing |= one[i] ^ two[i];
    return differing == 0;
}

/* Mostly both are written as in the RFC, and memcmp is several times as fast. */
bool pirn_str_equal_nocase(struct pirn_str a, struct pirn_str b)
{
    if (a.len != b.len)
        return false;
    if (pirn_str_equal(a, b))
        return true;
    for (size_t i = 0; i < a.len; i++)
        if (pirn__lower(a.data[i]) != pirn__lower(b.data[i]))
            return false;
    return true;
}
