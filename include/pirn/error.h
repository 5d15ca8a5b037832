/* pirn/error.h: every error of Pirn, with its name and its text, in one table.
 *
 * A function that can fail returns an int: 0 or a count when it succeeds, minus an error when it
 * does not (-PIRN_E_STATE). Errors below 100 are the caller's or the machine's (60-69 of TLS),
 * 100-199 are violations of the framing protocol, 200-299 of the opening handshake, 300-399 keep a
 * client from getting that far. */
#ifndef PIRN_ERROR_H
#define PIRN_ERROR_H

#include <pirn/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, number, text): the name without PIRN_E_. */
#define PIRN_ERRORS(X)                                                                             \
    X(NONE, 0, "no error")                                                                         \
    X(ARGUMENT, 1, "argument is out of range")                                                     \
    X(STATE, 2, "not allowed in this state")                                                       \
    X(MEMORY, 3, "out of memory")                                                                  \
    X(ROOM, 4, "buffer is too small")                                                              \
    X(RANDOM, 5, "random source failed")                                                           \
    X(CLOSED, 6, "connection is closed or closing")                                                \
    X(QUEUE_FULL, 7, "send queue is at its limit")                                                 \
    X(SYSTEM, 8, "system call failed")                                                             \
    X(TERMINATED, 9, "terminated by the program")                                                  \
    X(FILE_READ, 10, "file ended early or could not be read")                                      \
    X(CLOSE_CODE, 20, "close code must not be sent")                                               \
    X(CLOSE_REASON_TOO_LONG, 21, "close reason is longer than 123 bytes")                          \
    X(CLOSE_REASON_UTF8, 22, "close reason is not UTF-8")                                          \
    X(CLOSE_REASON_WITHOUT_CODE, 23, "close reason without a close code")                          \
    X(HEADER_NAME, 24, "header name is not a token")                                               \
    X(HEADER_VALUE, 25, "header value has a control character")                                    \
    X(HEADER_RESERVED, 26, "header belongs to the opening handshake")                              \
    X(TOKEN, 27, "not a token")                                                                    \
    X(URL, 28, "not a WebSocket URL")                                                              \
    X(TEXT_UTF8, 29, "text to send is not UTF-8")                                                  \
    X(UNSUPPORTED, 30, "not built into this library")                                              \
    X(PROXY_URL, 31, "not the URL of a proxy")                                                     \
    X(TLS_CONFIG, 60, "TLS configuration cannot be used")                                          \
    X(TLS_HANDSHAKE, 61, "TLS handshake failed")                                                   \
    X(TLS_CERTIFICATE, 62, "certificate of the peer is not trusted")                               \
    X(TLS_TRUNCATED, 63, "TLS stream ended without close_notify")                                  \
    X(TLS_RECORD, 64, "TLS stream is broken")                                                      \
    X(TLS_PLAIN, 65, "peer does not speak TLS")                                                    \
    X(RSV, 100, "reserved bit set without an extension")                                           \
    X(OPCODE, 101, "reserved opcode")                                                              \
    X(UNMASKED, 102, "frame from a client is not masked")                                          \
    X(MASKED, 103, "frame from a server is masked")                                                \
    X(LENGTH_NOT_MINIMAL, 104, "payload length is not in its shortest form")                       \
    X(LENGTH_64BIT, 105, "payload length has its most significant bit set")                        \
    X(CONTROL_TOO_LONG, 106, "control frame is longer than 125 bytes")                             \
    X(CONTROL_FRAGMENTED, 107, "control frame is fragmented")                                      \
    X(CONTINUATION_UNEXPECTED, 108, "continuation frame without a message to continue")            \
    X(CONTINUATION_EXPECTED, 109, "new message before the last one was complete")                  \
    X(CLOSE_PAYLOAD, 110, "close payload of one byte")                                             \
    X(CLOSE_CODE_RECEIVED, 111, "close code must not be on the wire")                              \
    X(CLOSE_REASON_RECEIVED, 112, "close reason is not UTF-8")                                     \
    X(UTF8, 113, "text is not UTF-8")                                                              \
    X(FRAME_TOO_BIG, 114, "frame is larger than the limit")                                        \
    X(MESSAGE_TOO_BIG, 115, "message is larger than the limit")                                    \
    X(FRAGMENTS, 116, "message has more fragments than the limit")                                 \
    X(PING_TIMEOUT, 117, "no pong before the keep-alive timeout")                                  \
    X(CLOSE_TIMEOUT, 118, "no close frame before the closing timeout")                             \
    X(EOF, 119, "connection ended without a close frame")                                          \
    X(STALLED, 120, "peer took no data before the stall timeout")                                  \
    X(COMPRESSED_DATA, 121, "compressed data is broken")                                           \
    X(COMPRESSED_WINDOW, 122, "compressed data refers back further than was agreed on")            \
    X(EXTENSION_DATA, 123, "frame breaks the rules of its extension")                              \
    X(REQUEST_LINE, 200, "request line is malformed")                                              \
    X(STATUS_LINE, 201, "status line is malformed")                                                \
    X(HTTP_VERSION, 202, "HTTP version is not 1.1")                                                \
    X(HEADER_LINE, 203, "header line is malformed")                                                \
    X(HEAD_TOO_BIG, 204, "head is larger than the limit")                                          \
    X(HEADERS_TOO_MANY, 205, "more headers than the limit")                                        \
    X(METHOD, 206, "method is not GET")                                                            \
    X(BODY, 207, "upgrade request has a body")                                                     \
    X(HOST, 208, "Host header is missing, doubled or malformed")                                   \
    X(UPGRADE, 209, "Upgrade header does not name websocket")                                      \
    X(CONNECTION, 210, "Connection header does not name upgrade")                                  \
    X(KEY, 211, "Sec-WebSocket-Key is missing, doubled or not 16 bytes in base64")                 \
    X(WEBSOCKET_VERSION, 212, "Sec-WebSocket-Version is not 13")                                   \
    X(SUBPROTOCOL_HEADER, 213, "Sec-WebSocket-Protocol is malformed")                              \
    X(EXTENSION_HEADER, 214, "Sec-WebSocket-Extensions is malformed")                              \
    X(ORIGIN, 215, "Origin header is doubled or not allowed")                                      \
    X(STATUS, 216, "status is not 101")                                                            \
    X(ACCEPT, 217, "Sec-WebSocket-Accept does not match the key")                                  \
    X(SUBPROTOCOL_UNKNOWN, 218, "server chose a subprotocol that was not offered")                 \
    X(SUBPROTOCOL_REQUIRED, 219, "server chose none of the subprotocols offered")                  \
    X(EXTENSION_UNKNOWN, 220, "server chose an extension that was not offered")                    \
    X(HANDSHAKE_TIMEOUT, 221, "opening handshake took too long")                                   \
    X(EXTENSION_ANSWER, 222, "server's answer to an extension offer makes no sense")               \
    X(EXTENSION_REQUIRED, 223, "server did not agree on an extension that is required")            \
    X(REDIRECT, 224, "redirect cannot be followed")                                                \
    X(INTERIM, 225, "more interim responses than the limit")                                       \
    X(RESOLVE, 300, "host name could not be resolved")                                             \
    X(RESOLVE_TIMEOUT, 301, "resolver took too long")                                              \
    X(CONNECT_TIMEOUT, 302, "connecting took too long")                                            \
    X(PROXY_REFUSED, 303, "proxy refused to connect")                                              \
    X(PROXY_AUTHENTICATION, 304, "proxy wants other credentials")                                  \
    X(PROXY_ANSWER, 305, "proxy's answer makes no sense")                                          \
    X(PROXY_TIMEOUT, 306, "proxy took too long")                                                   \
    X(TLS_TIMEOUT, 307, "TLS handshake took too long")                                             \
    X(ATTEMPT_TIMEOUT, 308, "attempt to connect took too long")

enum pirn_error {
#define PIRN_ERROR_ENUM(name, number, text) PIRN_E_##name = number,
    PIRN_ERRORS(PIRN_ERROR_ENUM)
#undef PIRN_ERROR_ENUM
};

/* The name of an error, such as "PIRN_E_UTF8", or "PIRN_E_?" for a number that is none. Takes
 * error numbers and the negative returns of functions alike; static memory. */
PIRN_API const char *pirn_error_name(int error);

/* The text of an error, such as "text is not UTF-8", or "unknown error". As above. */
PIRN_API const char *pirn_error_text(int error);

#ifdef __cplusplus
}
#endif
#endif
