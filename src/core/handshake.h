/* handshake.h: what both sides of the opening handshake share. */
#ifndef PIRN_CORE_HANDSHAKE_H
#define PIRN_CORE_HANDSHAKE_H

#include <pirn/handshake.h>

#include "text.h"

/* Which headers an application must not add. */
enum pirn__head_use {
    PIRN__USE_REQUEST = 1, /* of a client */
    PIRN__USE_ACCEPT = 2,  /* 101 */
    PIRN__USE_REFUSAL = 4, /* any other status */
};

/* Whether one of these headers is reserved in a head for this use. */
bool pirn__handshake_has_reserved(const struct pirn_header *headers, size_t count,
                                  enum pirn__head_use use);

/* Writes `name "value" problem` as one line of printable ASCII, without the value when it is
 * {NULL, 0}. A long value is cut, and what is not printable becomes "?". */
void pirn__handshake_explain(char detail[PIRN_HANDSHAKE_DETAIL_BYTES], const char *name,
                             struct pirn_str value, const char *problem);

/* Adds text as above to an explanation. */
void pirn__handshake_add_printable(struct pirn__text *text, struct pirn_str value);

/* Explains why the reading of this head failed. */
void pirn__handshake_explain_head(char detail[PIRN_HANDSHAKE_DETAIL_BYTES],
                                  const struct pirn_http_head *head);

/* Gets the value of a header that must be there once; explains and returns false if it is not. */
bool pirn__handshake_single(const struct pirn_http_head *head, const char *name,
                            struct pirn_str *value, char detail[PIRN_HANDSHAKE_DETAIL_BYTES]);

/* Whether `text` is among them, byte for byte. */
bool pirn__handshake_among(const struct pirn_str *list, size_t count, struct pirn_str text);

/* Whether one of the first `count` elements of `list`, which are extensions, has this name. */
bool pirn__handshake_names_extension(struct pirn_http_list list, size_t count,
                                     struct pirn_str name);

#endif
