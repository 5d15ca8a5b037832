/* http_write.h: a head, or a part of one, written piece by piece. */
#ifndef PIRN_CORE_HTTP_WRITE_H
#define PIRN_CORE_HTTP_WRITE_H

#include <pirn/http.h>

#include "text.h"

struct pirn__http_writer {
    struct pirn__text text;
    int error; /* the first one, positive; what comes after it is not written */
};

void pirn__http_begin(struct pirn__http_writer *writer, char *out, size_t cap);
void pirn__http_add_request_line(struct pirn__http_writer *writer, struct pirn_str method,
                                 struct pirn_str target);
void pirn__http_add_status_line(struct pirn__http_writer *writer, int status);
void pirn__http_add_header(struct pirn__http_writer *writer, const char *name,
                           struct pirn_str value);
void pirn__http_add_headers(struct pirn__http_writer *writer, const struct pirn_header *headers,
                            size_t count);

/* Remembers this error, positive, unless there was one before. */
void pirn__http_refuse(struct pirn__http_writer *writer, int error);

/* Adds bytes as they are: the empty line that ends the head, a body. */
void pirn__http_add_raw(struct pirn__http_writer *writer, struct pirn_str bytes);

/* Adds a number in decimal. */
void pirn__http_add_number(struct pirn__http_writer *writer, uint64_t number);

/* Returns the length of everything, or minus the first error. */
int pirn__http_end(struct pirn__http_writer *writer);

#endif
