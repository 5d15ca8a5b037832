/* auth_text.h: how auth*.c writes. */
#ifndef PIRN_CORE_AUTH_TEXT_H
#define PIRN_CORE_AUTH_TEXT_H

#include "text.h"

/* Begins an empty text; false if there is no room for that. */
bool pirn__auth_begin(struct pirn__text *text, char *out, size_t cap);

/* The length of the text, or an error, this one or -PIRN_E_ROOM; then it is empty. */
int pirn__auth_finish(struct pirn__text *text, int error);

#endif
