/* text.h: text of bounded length, made without printf.
 *
 * A pirn__text writes into memory that its user lends and keeps it terminated by a NUL. What does
 * not fit is left out, but counted: len is the length that all of it would have had, so
 * len >= cap means that it was cut. */
#ifndef PIRN_CORE_TEXT_H
#define PIRN_CORE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include <pirn/base.h>

struct pirn__text {
    char *data;
    size_t cap;
    size_t len;
};

/* Starts an empty text in data[0..cap); cap is at least 1. */
void pirn__text_init(struct pirn__text *text, char *data, size_t cap);

void pirn__text_add(struct pirn__text *text, struct pirn_str bytes);
void pirn__text_add_cstr(struct pirn__text *text, const char *cstr);
void pirn__text_add_char(struct pirn__text *text, char c);

/* In decimal. */
void pirn__text_add_number(struct pirn__text *text, uint64_t number);

#endif
