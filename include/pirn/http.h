/* pirn/http.h: the head of an HTTP/1.1 request or response, read and written (RFC 9112).
 *
 * No I/O and no allocation: everything read is a slice of the bytes that the caller holds, and the
 * array of headers is the caller's. Strict: what two programs could read in two ways is refused.
 *
 *     struct pirn_header headers[PIRN_HTTP_MAX_HEADERS];
 *     struct pirn_http_head head;
 *     pirn_http_head_init(&head, PIRN_HTTP_REQUEST, headers, PIRN_HTTP_MAX_HEADERS, 0);
 *     do
 *         len += read(fd, bytes + len, sizeof bytes - len);
 *     while ((r = pirn_http_head_feed(&head, bytes, len)) == 0);
 *
 * Then head.method, head.target and the headers are there, and whatever followed the head begins
 * at bytes + head.size. */
#ifndef PIRN_HTTP_H
#define PIRN_HTTP_H

#include <pirn/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PIRN_HTTP_MAX_HEADERS    100   /* a good size for the array of headers */
#define PIRN_HTTP_MAX_HEAD_BYTES 16384 /* default limit of a head, with its empty line */

struct pirn_header {
    struct pirn_str name, value;
};

enum pirn_http_kind {
    PIRN_HTTP_REQUEST,
    PIRN_HTTP_RESPONSE,
};

/* Read the fields, do not write them. */
struct pirn_http_head {
    enum pirn_http_kind kind;    /* as init() had them: this, header_cap and max_bytes */
    int version_minor;           /* 0 or 1: HTTP/1.0 or HTTP/1.1 */
    int status;                  /* of a response: 100 to 599 */
    int error;                   /* enum pirn_error: the first failure, sticky */
    size_t error_line;           /* the line it is in, from 1; 0 when it is in none */
    struct pirn_str method;      /* of a request, a token */
    struct pirn_str target;      /* of a request, as it came: visible ASCII without "#" */
    struct pirn_str reason;      /* of a response, may be empty */
    struct pirn_header *headers; /* in the order of arrival, values without surrounding space */
    size_t header_count;
    size_t header_cap;
    size_t max_bytes;
    size_t size;    /* bytes of the whole head with its empty line; 0 until it is complete */
    size_t scanned; /* private: bytes known to hold no end of the head */
    size_t lines;   /* private: lines that end in them */
};

/* Reading. */

/* Begins a head of this kind. `headers` is lent until the head is no longer used; it is written
 * only by the call that completes the head, so until then one array may serve many heads. More
 * than header_cap headers fail. max_bytes: 0 means PIRN_HTTP_MAX_HEAD_BYTES. */
PIRN_API void pirn_http_head_init(struct pirn_http_head *head, enum pirn_http_kind kind,
                                  struct pirn_header *headers, size_t header_cap, size_t max_bytes);

/* Reads on. `bytes` is everything that has come so far, from the first byte of the head, and may
 * have moved since the last call; bytes after the head are not looked at. Returns 1 when the head
 * is complete (its slices point into `bytes`; when the bytes have to move afterwards, call again
 * with their new place), 0 when more is needed, or an error, which is sticky. However small the
 * pieces are, each byte is looked at no more than three times.
 *
 * Lines end in CR LF and nothing else. Refused are: bare LF or CR, NUL and other controls (except
 * a tab in a value), empty lines before the first, folded lines, space around a name, names and
 * methods that are not tokens, other versions than HTTP/1.0 and HTTP/1.1. A wrong first line, too
 * many headers and too many bytes are refused as soon as they are seen, before the head ends.
 *
 * Errors: -PIRN_E_REQUEST_LINE, -PIRN_E_STATUS_LINE, -PIRN_E_HTTP_VERSION, -PIRN_E_HEADER_LINE,
 * -PIRN_E_HEAD_TOO_BIG, -PIRN_E_HEADERS_TOO_MANY. pirn_http_error_status() gives the answer. */
PIRN_API int pirn_http_head_feed(struct pirn_http_head *head, const char *bytes, size_t len);

/* For programs with an HTTP parser of their own: after pirn_http_head_init(), set the first line
 * and add the headers one by one; the head then works with everything below as if it had been fed.
 * The strings are lent as long as the head is used, and are checked as above: surrounding space of
 * a value is left out. version_minor is 0 or 1. Returns 0 or an error as above, also sticky;
 * max_bytes counts as if the head had been fed. */
PIRN_API int pirn_http_head_set_request(struct pirn_http_head *head, struct pirn_str method,
                                        struct pirn_str target, int version_minor);
PIRN_API int pirn_http_head_set_response(struct pirn_http_head *head, int status,
                                         struct pirn_str reason, int version_minor);
PIRN_API int pirn_http_head_add(struct pirn_http_head *head, struct pirn_str name,
                                struct pirn_str value);

/* Looking up (names of headers in any case). */

/* The value of the first header of this name, or {NULL, 0}. */
PIRN_API struct pirn_str pirn_http_find(const struct pirn_http_head *head, struct pirn_str name);

/* The next header of this name after `previous`, or the first when that is NULL; NULL when there
 * is none. */
PIRN_API const struct pirn_header *pirn_http_next(const struct pirn_http_head *head,
                                                  struct pirn_str name,
                                                  const struct pirn_header *previous);

/* How many headers have this name. */
PIRN_API size_t pirn_http_count(const struct pirn_http_head *head, struct pirn_str name);

/* Whether one of the elements of all headers of this name is this token, in any case: such as
 * "upgrade" in "Connection: keep-alive, Upgrade". */
PIRN_API bool pirn_http_has_token(const struct pirn_http_head *head, struct pirn_str name,
                                  struct pirn_str token);

/* The value of a cookie (RFC 6265; names are case-sensitive), as it came and the first when there
 * are several, or {NULL, 0}. */
PIRN_API struct pirn_str pirn_http_cookie(const struct pirn_http_head *head, struct pirn_str name);

/* The elements of a comma-separated list (RFC 9110, 5.6.1), in a single value or over all headers
 * of a name. A comma inside a quoted string does not separate; empty elements are skipped, spaces
 * and tabs around an element left out. Linear however long the list is. */
struct pirn_http_list { /* private; begin one with init or init_value */
    const struct pirn_http_head *head;
    const struct pirn_header *header;
    struct pirn_str name;
    struct pirn_str rest;
};

/* Begins at the first element of all headers of this name, or of one value. */
PIRN_API void pirn_http_list_init(struct pirn_http_list *list, const struct pirn_http_head *head,
                                  struct pirn_str name);
PIRN_API void pirn_http_list_init_value(struct pirn_http_list *list, struct pirn_str value);

/* Puts the next element into *item and returns true, or returns false at the end. */
PIRN_API bool pirn_http_list_next(struct pirn_http_list *list, struct pirn_str *item);

/* The time that a date stands for, in seconds since 1970 (Unix time): in the three forms of HTTP
 * (RFC 9110, 5.6.7), and as loosely as cookies have it (RFC 6265, 5.1.1). Returns 0, or
 * -PIRN_E_ARGUMENT when it is none. */
PIRN_API int pirn_http_date(struct pirn_str text, int64_t *seconds);

/* Whether this is a token: at least one character, all of them as RFC 9110, 5.6.2 has them. */
PIRN_API bool pirn_http_is_token(struct pirn_str text);

/* Whether this may be the value of a header that we write: no control characters (CR, LF and NUL
 * among them); bytes from 0x80 on may be there. */
PIRN_API bool pirn_http_is_value(struct pirn_str text);

/* The reason phrase of a status, such as "Not Found", or "" for one that has none; static. */
PIRN_API const char *pirn_http_status_text(int status);

/* The status that answers a request with this error, an enum pirn_error or its negative: 431 for a
 * head too big, 505, 405, 426, 403 for an origin, 408 for a handshake timeout, 500 for errors
 * below 100, otherwise 400. */
PIRN_API int pirn_http_error_status(int error);

/* Writing. */

/* Writes a whole head with its empty line into out[0..cap). Every string is checked and refused
 * rather than cleaned. A NUL that is not counted is written after it. Returns the length, or
 *   -PIRN_E_ROOM          it does not fit (with its NUL);
 *   -PIRN_E_HEADER_NAME   a name is not a token;
 *   -PIRN_E_HEADER_VALUE  a value has a control character;
 *   -PIRN_E_TOKEN         the method is not a token;
 *   -PIRN_E_URL           the target is empty or has controls, space, "#" or 8-bit characters;
 *   -PIRN_E_ARGUMENT      the status is not 100 to 599. */
PIRN_API int pirn_http_write_request(struct pirn_str method, struct pirn_str target,
                                     const struct pirn_header *headers, size_t header_count,
                                     char *out, size_t cap);
PIRN_API int pirn_http_write_response(int status, const struct pirn_header *headers,
                                      size_t header_count, char *out, size_t cap);

#ifdef __cplusplus
}
#endif
#endif
