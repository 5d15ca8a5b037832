/* Every answer but 101 closes the connection: its bytes are made in out, a file's follow in chunks,
 * then our side is shut, and what the peer still sends is dropped for a while, as closing a socket
 * with unread bytes would reset it and could lose the answer. */
#include "server/request.h"

#include <stdio.h>
#include <string.h>

#include "server/files.h"
#include "loop/socket.h"

#define STANDARD_HEADERS_BYTES 512 /* more than all that is added to the caller's headers */
#define FILE_CHUNK_BYTES       65536
#define STEPS_A_TURN           8
#define STALL_MS               10000
#define LINGER_MS              2000

static void linger(struct pirn_request *request)
{
    request->phase = REQUEST_LINGERING;
    pirn__wire_shutdown(request->watch.fd, request->tls);
    pirn_loop_rewatch(pirn__request_loop(request), &request->watch, PIRN_READABLE);
    pirn__request_deadline(request, LINGER_MS);
}

static int make_room(struct pirn_request *request, size_t cap)
{
    if (cap <= request->out_cap)
        return 0;
    void *out = pirn__realloc(pirn__request_loop(request), request->out, request->out_cap, cap);
    if (!out)
        return -PIRN_E_MEMORY;
    request->out = out;
    request->out_cap = cap;
    return 0;
}

/* Fills out anew from the file; false when that is not what it was. */
static bool refill(struct pirn_request *request)
{
    uint64_t left = request->file_len - request->file_offset;
    size_t want = left < FILE_CHUNK_BYTES ? (size_t)left : FILE_CHUNK_BYTES;
    if (make_room(request, want) < 0)
        return false;
    int64_t n = pirn__file_read(request->file, request->out, want, request->file_offset);
    if (n <= 0)
        return false;
    request->file_offset += (uint64_t)n;
    request->out_len = (size_t)n;
    request->out_sent = 0;
    return true;
}

/* As send_out(), when only TLS may have something left. */
static int all_left(struct pirn_request *request)
{
    if (!request->tls || pirn__tls_flush(request->tls) == 0)
        return 1;
    return pirn__socket_would_block() ? 0 : -1;
}

/* 1 when all has left, 0 when there is more, for the next turn, -1 when it cannot go on. A peer
 * that reads as fast as we send must not keep the loop for itself. */
static int send_out(struct pirn_request *request)
{
    for (int i = 0; i < STEPS_A_TURN; i++) {
        struct iovec rest = {request->out + request->out_sent,
                             request->out_len - request->out_sent};
        if (rest.iov_len == 0) {
            if (request->file_offset == request->file_len)
                return all_left(request);
            if (!refill(request))
                return -1;
            continue;
        }
        ssize_t n = pirn__wire_send(request->watch.fd, request->tls, &rest, 1);
        if (n < 0)
            return pirn__socket_would_block() ? 0 : -1;
        request->out_sent += (size_t)n;
        pirn__request_deadline(request, STALL_MS);
    }
    return 0;
}

void pirn__answer_pump(struct pirn_request *request)
{
    switch (send_out(request)) {
    case 1:
        linger(request);
        break;
    case 0:
        pirn_loop_rewatch(pirn__request_loop(request), &request->watch, PIRN_WRITABLE);
        break;
    default:
        pirn__request_drop(request);
    }
}

/* The answer stands in out[0..len) and leaves by itself from now on; that of a request whose hook
 * is being called leaves when it has returned, as pumping may free the request. */
static void answer(struct pirn_request *request, int status, size_t len)
{
    request->out_len = len;
    request->phase = REQUEST_ANSWERING;
    request->server->stats.refused += status >= 400;
    pirn__request_deadline(request, STALL_MS);
    if (!request->in_hook)
        pirn__answer_pump(request);
}

int pirn__answer_room(struct pirn_request *request, const struct pirn_header *headers,
                      size_t header_count, size_t extra)
{
    size_t cap = STANDARD_HEADERS_BYTES + extra;
    for (size_t i = 0; i < header_count; i++)
        cap += headers[i].name.len + headers[i].value.len + 4;
    return make_room(request, cap);
}

int pirn_request_reject(struct pirn_request *request, int status, const struct pirn_header *headers,
                        size_t header_count, const char *text)
{
    if (!pirn__request_waits(request))
        return -PIRN_E_STATE;
    struct pirn_str body = pirn_cstr(text ? text : "");
    int len = pirn__answer_room(request, headers, header_count, body.len);
    if (len == 0)
        len = pirn_handshake_write_refusal(status, headers, header_count, body,
                                           (char *)request->out, request->out_cap);
    if (len < 0)
        return pirn__request_fails(request, len);
    if (pirn__request_is(request, "HEAD")) {
        const char *end = memmem(request->out, (size_t)len, "\r\n\r\n", 4);
        len = (int)(end + 4 - (const char *)request->out);
    }
    answer(request, status, (size_t)len);
    return 0;
}

/* Whether one of them is ours to write, or would change where the answer ends. */
static bool has_reserved(const struct pirn_header *headers, size_t count)
{
    static const char *const reserved[] = {
        "Connection", "Content-Length",    "Keep-Alive", "Proxy-Connection",
        "Trailer",    "Transfer-Encoding", "Upgrade",    "X-Content-Type-Options"};
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < sizeof reserved / sizeof *reserved; j++)
            if (pirn_str_equal_nocase(headers[i].name, pirn_cstr(reserved[j])))
                return true;
    return false;
}

/* RFC 9110, 15.3.5 and 15.4.5. */
static bool has_no_body(int status)
{
    return status == 204 || status == 304;
}

/* Writes the head of an answer with a body of len bytes, leaving room for extra bytes behind it. */
static int write_head(struct pirn_request *request, int status, const struct pirn_header *headers,
                      size_t header_count, uint64_t len, size_t extra)
{
    char number[24];
    if (status < 200 || status > 599)
        return -PIRN_E_ARGUMENT;
    if (has_reserved(headers, header_count))
        return -PIRN_E_HEADER_RESERVED;
    snprintf(number, sizeof number, "%llu", (unsigned long long)len);
    const struct pirn_header standard[] = {
        {PIRN_STR("Connection"), PIRN_STR("close")},
        {PIRN_STR("X-Content-Type-Options"), PIRN_STR("nosniff")},
        {PIRN_STR("Content-Length"), pirn_cstr(number)},
    };
    size_t standard_bytes = sizeof standard - (has_no_body(status) ? sizeof *standard : 0);
    struct pirn_loop *loop = pirn__request_loop(request);
    size_t own = header_count * sizeof *headers, size = own + standard_bytes;
    uint8_t *all = pirn__alloc(loop, size);
    if (!all)
        return -PIRN_E_MEMORY;
    if (own)
        memcpy(all, headers, own);
    memcpy(all + own, standard, standard_bytes);
    int result = pirn__answer_room(request, headers, header_count, extra);
    if (result == 0)
        result = pirn_http_write_response(status, (struct pirn_header *)(void *)all,
                                          size / sizeof *headers, (char *)request->out,
                                          request->out_cap - extra);
    pirn__free(loop, all, size);
    return result;
}

int pirn_request_reply(struct pirn_request *request, int status, const struct pirn_header *headers,
                       size_t header_count, const void *body, size_t len)
{
    if (!pirn__request_waits(request))
        return -PIRN_E_STATE;
    if (len > 0 && (!body || has_no_body(status)))
        return pirn__request_fails(request, -PIRN_E_ARGUMENT);
    int head_len = write_head(request, status, headers, header_count, len, len);
    if (head_len < 0)
        return pirn__request_fails(request, head_len);
    size_t out_len = (size_t)head_len;
    if (len > 0 && !pirn__request_is(request, "HEAD")) {
        memcpy(request->out + out_len, body, len);
        out_len += len;
    }
    answer(request, status, out_len);
    return 0;
}

int pirn__answer_file(struct pirn_request *request, const struct pirn_header *headers,
                      size_t header_count, int fd, uint64_t len)
{
    int head_len = pirn__request_waits(request)
                       ? write_head(request, 200, headers, header_count, len, 0)
                       : -PIRN_E_STATE;
    if (head_len < 0) {
        if (fd >= 0)
            pirn__file_close(fd);
        return pirn__request_fails(request, head_len);
    }
    request->file = fd;
    request->file_len = fd >= 0 ? len : 0;
    answer(request, 200, (size_t)head_len);
    return 0;
}
