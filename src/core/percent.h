/* percent.h: bytes that URLs write as %41 (RFC 3986, 2.1). */
#ifndef PIRN_CORE_PERCENT_H
#define PIRN_CORE_PERCENT_H

#include <pirn/base.h>

/* Cuts the next byte off the beginning of *rest, which is not empty, and decodes it; -1: a "%"
 * without two hexadecimal digits. */
int pirn__percent_take(struct pirn_str *rest);

#endif
