/* http_write.c: writes heads. Every string passes a check before it is added, and the first check
 * that fails decides what pirn__http_end() returns. */
#include "http_write.h"

#include <limits.h>

#include <pirn/error.h>

#include "chars.h"

void pirn__http_begin(struct pirn__http_writer *writer, char *out, size_t cap)
{
    writer->error = out && cap > 0 ? 0 : PIRN_E_ROOM;
    if (!writer->error)
        pirn__text_init(&writer->text, out, cap < INT_MAX ? cap : INT_MAX);
}

void pirn__http_refuse(struct pirn__http_writer *writer, int error)
{
    if (!writer->error)
        writer->error = error;
}

void pirn__http_add_request_line(struct pirn__http_writer *writer, struct pirn_str method,
                                 struct pirn_str target)
{
    if (!pirn__all(method, PIRN__TOKEN))
        pirn__http_refuse(writer, PIRN_E_TOKEN);
    if (!pirn__all(target, PIRN__TARGET))
        pirn__http_refuse(writer, PIRN_E_URL);
    pirn__http_add_raw(writer, method);
    pirn__http_add_raw(writer, PIRN_STR(" "));
    pirn__http_add_raw(writer, target);
    pirn__http_add_raw(writer, PIRN_STR(" HTTP/1.1\r\n"));
}

void pirn__http_add_status_line(struct pirn__http_writer *writer, int status)
{
    if (status < 100 || status > 599)
        pirn__http_refuse(writer, PIRN_E_ARGUMENT);
    pirn__http_add_raw(writer, PIRN_STR("HTTP/1.1 "));
    pirn__http_add_number(writer, (uint64_t)status);
    pirn__http_add_raw(writer, PIRN_STR(" "));
    pirn__http_add_raw(writer, pirn_cstr(pirn_http_status_text(status)));
    pirn__http_add_raw(writer, PIRN_STR("\r\n"));
}

static void add_header(struct pirn__http_writer *writer, struct pirn_str name,
                       struct pirn_str value)
{
    if (!pirn_http_is_token(name))
        pirn__http_refuse(writer, PIRN_E_HEADER_NAME);
    if (!pirn_http_is_value(value))
        pirn__http_refuse(writer, PIRN_E_HEADER_VALUE);
    pirn__http_add_raw(writer, name);
    pirn__http_add_raw(writer, PIRN_STR(": "));
    pirn__http_add_raw(writer, value);
    pirn__http_add_raw(writer, PIRN_STR("\r\n"));
}

void pirn__http_add_header(struct pirn__http_writer *writer, const char *name,
                           struct pirn_str value)
{
    add_header(writer, pirn_cstr(name), value);
}

void pirn__http_add_headers(struct pirn__http_writer *writer, const struct pirn_header *headers,
                            size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_header(writer, headers[i].name, headers[i].value);
}

void pirn__http_add_raw(struct pirn__http_writer *writer, struct pirn_str bytes)
{
    if (!writer->error)
        pirn__text_add(&writer->text, bytes);
}

void pirn__http_add_number(struct pirn__http_writer *writer, uint64_t number)
{
    if (!writer->error)
        pirn__text_add_number(&writer->text, number);
}

int pirn__http_end(struct pirn__http_writer *writer)
{
    if (writer->error)
        return -writer->error;
    return writer->text.len < writer->text.cap ? (int)writer->text.len : -PIRN_E_ROOM;
}

int pirn_http_write_request(struct pirn_str method, struct pirn_str target,
                            const struct pirn_header *headers, size_t header_count, char *out,
                            size_t cap)
{
    struct pirn__http_writer writer;
    pirn__http_begin(&writer, out, cap);
    pirn__http_add_request_line(&writer, method, target);
    pirn__http_add_headers(&writer, headers, header_count);
    pirn__http_add_raw(&writer, PIRN_STR("\r\n"));
    return pirn__http_end(&writer);
}

int pirn_http_write_response(int status, const struct pirn_header *headers, size_t header_count,
                             char *out, size_t cap)
{
    struct pirn__http_writer writer;
    pirn__http_begin(&writer, out, cap);
    pirn__http_add_status_line(&writer, status);
    pirn__http_add_headers(&writer, headers, header_count);
    pirn__http_add_raw(&writer, PIRN_STR("\r\n"));
    return pirn__http_end(&writer);
}
