/* base64.h: RFC 4648, 4, as far as the opening handshake needs it. */
#ifndef PIRN_CORE_BASE64_H
#define PIRN_CORE_BASE64_H

#include <stddef.h>

/* The characters that `len` bytes become, without a NUL. */
#define PIRN__BASE64_CHARS(len) (((len) + 2) / 3 * 4)

/* Writes PIRN__BASE64_CHARS(len) characters and a NUL. */
void pirn__base64_encode(const unsigned char *bytes, size_t len, char *out);

#endif
