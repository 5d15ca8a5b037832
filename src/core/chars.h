/* chars.h: the sets of characters that the opening handshake is made of, in one table. */
#ifndef PIRN_CORE_CHARS_H
#define PIRN_CORE_CHARS_H

#include <pirn/base.h>

enum pirn__chars {
    PIRN__TOKEN = 1,   /* RFC 9110, 5.6.2: tchar */
    PIRN__TARGET = 2,  /* visible ASCII without "#" */
    PIRN__HOST = 4,    /* RFC 3986, 3.2.2: reg-name */
    PIRN__VALUE = 8,   /* what we write into a header: no controls */
    PIRN__FIELD = 16,  /* what we read in one: the same and tab */
    PIRN__BASE64 = 32, /* RFC 4648, 4, without "=" */
};

extern const uint8_t pirn__char_sets[256];

static inline bool pirn__char_is(char c, enum pirn__chars set)
{
    return (pirn__char_sets[(unsigned char)c] & set) != 0;
}

/* How many characters at the beginning of text are in the set. */
size_t pirn__span(struct pirn_str text, enum pirn__chars set);

/* Whether text is not empty and all of it is in the set. */
bool pirn__all(struct pirn_str text, enum pirn__chars set);

/* The text from `at` on; `at` is at most its length. */
struct pirn_str pirn__skip(struct pirn_str text, size_t at);

/* Cuts what is in the set off the beginning of *rest. */
struct pirn_str pirn__take(struct pirn_str *rest, enum pirn__chars set);

/* Cuts this character off the beginning of *rest; returns false when another is there. */
bool pirn__take_char(struct pirn_str *rest, char c);

/* Cuts what is before the first `c` off the beginning of *rest, and the `c` too. */
struct pirn_str pirn__take_until(struct pirn_str *rest, char c);

/* The text without the spaces and tabs around it. */
struct pirn_str pirn__trim(struct pirn_str text);

#endif
