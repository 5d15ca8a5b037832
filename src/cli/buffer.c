/* Bytes that grow, at least to twice what they were. */
#include "buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST 4096

char *buffer_reserve(struct buffer *buffer, size_t more)
{
    size_t cap = buffer->cap ? buffer->cap : FIRST;
    if (buffer->failed || more > SIZE_MAX / 4 - buffer->len) {
        buffer->failed = true;
        return NULL;
    }
    while (cap < buffer->len + more)
        cap *= 2;
    char *data = cap == buffer->cap ? buffer->data : realloc(buffer->data, cap);
    if (!data) {
        buffer->failed = true;
        return NULL;
    }
    buffer->data = data;
    buffer->cap = cap;
    return data + buffer->len;
}

void buffer_add(struct buffer *buffer, const void *data, size_t len)
{
    char *room = buffer_reserve(buffer, len);
    if (room && len > 0) {
        memcpy(room, data, len);
        buffer->len += len;
    }
}

void buffer_add_text(struct buffer *buffer, const char *text)
{
    buffer_add(buffer, text, strlen(text));
}

void buffer_print(struct buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int len = vsnprintf(NULL, 0, format, arguments);
    char *room = len > 0 ? buffer_reserve(buffer, (size_t)len + 1) : NULL;
    if (room) {
        vsnprintf(room, (size_t)len + 1, format, again);
        buffer->len += (size_t)len;
    }
    va_end(again);
    va_end(arguments);
}

void buffer_add_json(struct buffer *buffer, const char *text, size_t len)
{
    const unsigned char *in = (const unsigned char *)text, *end = len > 0 ? in + len : in,
                        *plain = in;
    buffer_add_text(buffer, "\"");
    for (; in < end; in++) {
        bool two = in[0] == 0xC2 && in[1] < 0xA0; /* text is UTF-8: there is a second byte */
        if (!two && *in >= 0x20 && *in != 0x7F && *in != '"' && *in != '\\')
            continue;
        buffer_add(buffer, plain, (size_t)(in - plain));
        buffer_print(buffer, "\\u%04x", two ? *++in : *in);
        plain = in + 1;
    }
    buffer_add(buffer, plain, (size_t)(end - plain));
    buffer_add_text(buffer, "\"");
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void buffer_add_base64(struct buffer *buffer, const void *data, size_t len)
{
    const unsigned char *in = data;
    char *out = buffer_reserve(buffer, len / 3 * 4 + 4);
    if (!out)
        return;
    buffer->len += (len + 2) / 3 * 4;
    for (; len > 0; in += 3, out += 4) {
        uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)(len > 1 ? in[1] : 0) << 8 |
                        (uint32_t)(len > 2 ? in[2] : 0);
        out[0] = digits[bits >> 18];
        out[1] = digits[bits >> 12 & 63];
        out[2] = digits[bits >> 6 & 63];
        out[3] = digits[bits & 63];
        if (len < 3) {
            out[3] = '=';
            out[2] = len < 2 ? '=' : out[2];
            break;
        }
        len -= 3;
    }
}

bool buffer_add_decoded(struct buffer *buffer, const char *text, size_t len)
{
    uint32_t bits = 0;
    size_t count = 0;
    while (len > 0 && text[len - 1] && strchr(" \t\r", text[len - 1]))
        len--;
    if (len > 0 && len % 4 == 0)
        len -= text[len - 1] != '=' ? 0 : text[len - 2] != '=' ? 1 : 2;
    char *out = buffer_reserve(buffer, len / 4 * 3 + 3);
    if (!out || len % 4 == 1)
        return false;
    for (size_t i = 0; i < len; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit)
            return false;
        bits = bits << 6 | (uint32_t)(digit - digits);
        if (i % 4 > 0)
            out[count++] = (char)(bits >> (6 - 2 * (i % 4)));
    }
    buffer->len += count;
    return true;
}

void buffer_drop(struct buffer *buffer, size_t len)
{
    if (len == 0)
        return;
    buffer->len -= len;
    memmove(buffer->data, buffer->data + len, buffer->len);
}

void buffer_release(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){.data = NULL};
}
