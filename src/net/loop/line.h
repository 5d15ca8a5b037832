/* line.h: what is told of failures, in one printable line. */
#ifndef PIRN_NET_LINE_H
#define PIRN_NET_LINE_H

#include <stddef.h>

/* What an errno means, such as "connection refused": static, or a number in text[0..cap). */
const char *pirn__line_system_error(int number, char *text, size_t cap);

/* Replaces the control characters of a text, which would break the line or the terminal that shows
 * it. */
void pirn__line_clean(char *text);

#endif
