/* buffer.h: bytes that grow. */
#ifndef PIRN_CLI_BUFFER_H
#define PIRN_CLI_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

/* All zero at first. Without memory nothing more is added, and failed says so. */
struct buffer {
    char *data;
    size_t len, cap;
    bool failed;
};

/* Makes room for `more` bytes behind data + len; NULL without memory. */
char *buffer_reserve(struct buffer *buffer, size_t more);

void buffer_add(struct buffer *buffer, const void *data, size_t len);
void buffer_add_text(struct buffer *buffer, const char *text);
void buffer_print(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A string of JSON, in quotation marks, of text that is UTF-8; without control characters. */
void buffer_add_json(struct buffer *buffer, const char *text, size_t len);

/* Base64 (RFC 4648, 4). Decoding leaves out blanks at the end; padding may be missing. False if it
 * is none. */
void buffer_add_base64(struct buffer *buffer, const void *data, size_t len);
bool buffer_add_decoded(struct buffer *buffer, const char *text, size_t len);

/* Takes the first bytes away. */
void buffer_drop(struct buffer *buffer, size_t len);

void buffer_release(struct buffer *buffer);

#endif
