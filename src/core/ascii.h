/* ascii.h: character classes that do not depend on a locale. */
#ifndef PIRN_CORE_ASCII_H
#define PIRN_CORE_ASCII_H

#include <stdbool.h>

static inline char pirn__lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline bool pirn__is_digit(char c)
{
    return c >= '0' && c <= '9';
}

#endif
