/* close_table.h: everything that close.c knows about close codes, for close.c alone.
 *
 * Rows 0 to 15 are the codes 1000 to 1015. Behind them the first row whose range has the code is
 * the one that counts: single codes stand before the ranges around them, and the last row takes
 * every number. */
#ifndef PIRN_CORE_CLOSE_TABLE_H
#define PIRN_CORE_CLOSE_TABLE_H

#include <limits.h>

#include <pirn/close.h>

struct close_row {
    int first, last;
    enum pirn_close_class class;
    enum pirn_retry retry;
    const char *text;
    const char *advice;
    const char *range_name; /* when names[PIRN_NAMES_IANA] is NULL */
    const char *names[PIRN_NAMES_COUNT];
};

/* After the three: the names in the order of enum pirn_close_names, but ours, the last of them. */
#define CODE(name, class_name, retry_name, ...)                                                    \
    .first = PIRN_CLOSE_##name, .last = PIRN_CLOSE_##name, .class = PIRN_CLOSE_CLASS_##class_name, \
    .retry = PIRN_RETRY_##retry_name, .names = {__VA_ARGS__, #name}

#define RANGE(first_code, last_code, class_name)                                                   \
    .first = (first_code), .last = (last_code), .class = PIRN_CLOSE_CLASS_##class_name,            \
    .retry = PIRN_RETRY_NEVER

static const struct close_row close_rows[] = {
    {CODE(NORMAL, STANDARD, NEVER, "Normal Closure", "SUCCESS", "WS_OK", "normal", "NORMAL",
          "NORMAL_CLOSURE"),
     .text = "The connection did what it was opened for.",
     .advice = "Nothing is wrong; connect again when there is something new to do."},
    {CODE(GOING_AWAY, STANDARD, AFTER_WAIT, "Going Away", "ENDPOINT_UNAVAILABLE", "WS_GONE",
          "going_away", "GOINGAWAY", "GOING_AWAY"),
     .text = "The endpoint goes away: a server shuts down, or a browser leaves the page.",
     .advice = "Nothing is wrong; if the server went, connect again after a wait."},
    {CODE(PROTOCOL_ERROR, STANDARD, NEVER, "Protocol error", "PROTOCOL_ERROR", "WS_PROTOCOL_ERROR",
          "protocol_error", "PROTOCOL_ERR", "PROTOCOL_ERROR"),
     .text = "The endpoint received something that violates the WebSocket protocol.",
     .advice = "Record the frames and find out which of the two implementations is wrong."},
    {CODE(UNSUPPORTED_DATA, STANDARD, NEVER, "Unsupported Data", "INVALID_DATA_TYPE",
          "WS_NOT_ACCEPTABLE", "unexpected_data", "UNACCEPTABLE_OPCODE", "UNSUPPORTED_DATA"),
     .text = "The endpoint received a type of data that it cannot take, such as binary messages.",
     .advice = "Send the type that it expects: text or binary."},
    {CODE(RESERVED, RESERVED, NEVER, "Reserved", NULL, NULL, NULL, "RESERVED", NULL),
     .text = "Reserved; no meaning was ever defined.",
     .advice = "Must not be on the wire: whoever sent it has a bug."},
    {CODE(NO_STATUS, LOCAL_ONLY, NEVER, "No Status Rcvd", "EMPTY_CLOSE", "WS_NO_STATUS",
          "no_reason", "NO_STATUS", "NO_STATUS_RCVD"),
     .text = "The Close frame that was received had no code.",
     .advice = "Take it for 1000: the peer closed on purpose and did not say why."},
    {CODE(ABNORMAL, LOCAL_ONLY, AT_ONCE, "Abnormal Closure", "ABORTED_CLOSE",
          "WS_CLOSED_ABNORMALLY", "abruptly", "ABNORMAL_CLOSE", "ABNORMAL_CLOSURE"),
     .text = "The connection ended without a Close frame.",
     .advice = "Look at the network, at time limits of proxies, and whether the peer crashed."},
    {CODE(INVALID_DATA, STANDARD, NEVER, "Invalid frame payload data", "INVALID_PAYLOAD",
          "WS_BAD_MESSAGE", "inconsistent_data", "INVALID_PAYLOAD", "INVALID_DATA"),
     .text = "A message is not what its type says, such as text that is not UTF-8.",
     .advice = "Send text as UTF-8 and everything else as binary messages."},
    {CODE(POLICY_VIOLATION, STANDARD, NEVER, "Policy Violation", "POLICY_VIOLATION", "WS_FORBIDDEN",
          "policy_violation", "POLICY_VIOLATION", "POLICY_VIOLATION"),
     .text = "A message breaks a rule of the endpoint; also for what no other code fits.",
     .advice = "Read the reason; then look at authorization, origin and rate limits."},
    {CODE(MESSAGE_TOO_BIG, STANDARD, NEVER, "Message Too Big", "MESSAGE_TOO_BIG",
          "WS_MESSAGE_TOO_LARGE", "too_big", "MESSAGE_TOO_LARGE", "MESSAGE_TOO_BIG"),
     .text = "The endpoint received a message that is larger than its limit.",
     .advice = "Send smaller messages, or raise the limit of the receiver."},
    {CODE(MANDATORY_EXTENSION, STANDARD, NEVER, "Mandatory Ext.", "UNSUPPORTED_EXTENSIONS",
          "WS_EXTENSIONS_NOT_AVAILABLE", "missing_extension", "EXTENSION_REQUIRED",
          "MANDATORY_EXTENSION"),
     .text = "The client needs an extension that the server did not accept.",
     .advice = "Switch the extension on in the server, or let the client do without it."},
    {CODE(INTERNAL_ERROR, STANDARD, AFTER_WAIT, "Internal Error", "INTERNAL_ERROR",
          "WS_INTERNAL_SERVER_ERROR", "server_error", "UNEXPECTED_CONDITION", "INTERNAL_ERROR"),
     .text = "The endpoint met something unexpected that keeps it from going on.",
     .advice = "Look in the log of the endpoint that sent it; connect again after a wait."},
    {CODE(SERVICE_RESTART, STANDARD, AFTER_WAIT, "Service Restart", "SERVICE_RESTART", NULL, NULL,
          NULL, "SERVICE_RESTART"),
     .text = "The server is being restarted.",
     .advice = "Connect again after 5 to 30 seconds, chosen at random by each client."},
    {CODE(TRY_AGAIN_LATER, STANDARD, AFTER_WAIT, "Try Again Later", "TRY_AGAIN_LATER", NULL, NULL,
          NULL, "TRY_AGAIN_LATER"),
     .text = "The server has too much to do at the moment.",
     .advice = "Connect to another address of the service, or to this one after a longer wait."},
    {CODE(BAD_GATEWAY, STANDARD, AFTER_WAIT, "Bad Gateway", "BAD_GATEWAY", NULL, NULL, NULL,
          "BAD_GATEWAY"),
     .text = "A gateway got an invalid answer from the server behind it, as in HTTP 502.",
     .advice = "Look at the server behind the gateway; connect again after a wait."},
    {CODE(TLS_HANDSHAKE, LOCAL_ONLY, NEVER, "TLS handshake", "SECURE_HANDSHAKE_ERROR",
          "WS_TLS_HANDSHAKE_FAIL", NULL, "TLS_FAILURE", "TLS_HANDSHAKE"),
     .text = "The TLS handshake failed, such as for a certificate that could not be verified.",
     .advice = "Look at the certificate, its host name and dates, and the TLS versions."},

    {CODE(NONE, INVALID, NEVER, NULL, NULL, NULL, NULL, "NOSTATUS", NULL),
     .text = "No code: stands for a Close frame with an empty payload.",
     .advice = "Only for sending such a frame; its receiver reports 1005.",
     .range_name = "Not Defined"},
    {CODE(UNAUTHORIZED, REGISTERED, NEVER, "Unauthorized", NULL, NULL, NULL, NULL, NULL),
     .text = "The endpoint wants to know who asks before it goes on, as in HTTP 401.",
     .advice = "Log in, or renew the token, and then connect again."},
    {CODE(FORBIDDEN, REGISTERED, NEVER, "Forbidden", NULL, NULL, NULL, NULL, NULL),
     .text = "The endpoint knows who asks and refuses, as in HTTP 403.",
     .advice = "Ask for the permission that is missing; connecting again changes nothing."},
    {CODE(TIMEOUT, REGISTERED, AT_ONCE, "Timeout", NULL, NULL, NULL, NULL, NULL),
     .text = "The other endpoint took too long to answer, as in HTTP 408.",
     .advice = "Connect again; if it happens often, look at the load and at the time limits."},

    {RANGE(1016, 2999, RESERVED),
     .text = "Reserved for future versions of the protocol and for extensions.",
     .advice = "Must not be on the wire: whoever sent it has a bug, or is newer than we are.",
     .range_name = "Unassigned"},
    {RANGE(3000, 3999, REGISTERED),
     .text = "For libraries and frameworks, which register a code with IANA; this one is free.",
     .advice = "Look in the documentation of the library that the peer uses.",
     .range_name = "Unassigned"},
    {RANGE(PIRN_CLOSE_PRIVATE_FIRST, PIRN_CLOSE_PRIVATE_LAST, PRIVATE),
     .text = "Means what the application at both ends has agreed on.",
     .advice = "Look in the documentation of the application.", .range_name = "Private Use"},
    {RANGE(INT_MIN, INT_MAX, INVALID), .text = "Not a close code.",
     .advice = "Must not be on the wire: whoever sent it has a bug.", .range_name = "Not Defined"},
};

#undef CODE
#undef RANGE

/* Names of codes without a row of their own, and second names. */
static const struct {
    int code;
    enum pirn_close_names set;
    const char *name;
} close_more_names[] = {
    {PIRN_CLOSE_NO_STATUS, PIRN_NAMES_MICROSOFT, "EMPTY"},
    {PIRN_CLOSE_ABNORMAL, PIRN_NAMES_MICROSOFT, "ABORTED"},
    {PIRN_CLOSE_INTERNAL_ERROR, PIRN_NAMES_MICROSOFT, "SERVER_ERROR"},
    {2000, PIRN_NAMES_LWS, "CLIENT_TRANSACTION_DONE"},
    {3000, PIRN_NAMES_EFL, "iana_registry_start"},
    {3999, PIRN_NAMES_EFL, "iana_registry_end"},
    {PIRN_CLOSE_PRIVATE_FIRST, PIRN_NAMES_EFL, "private_start"},
    {PIRN_CLOSE_PRIVATE_LAST, PIRN_NAMES_EFL, "private_end"},
    {PIRN_CLOSE_PRIVATE_FIRST, PIRN_NAMES_PIRN, "PRIVATE_FIRST"},
    {PIRN_CLOSE_PRIVATE_LAST, PIRN_NAMES_PIRN, "PRIVATE_LAST"},
    {9999, PIRN_NAMES_LWS, "NOSTATUS_CONTEXT_DESTROY"},
};

/* What a vendor writes around its names; name_skip is how much of the prefix the names in the
 * table have already. */
static const struct {
    const char *prefix, *suffix;
    size_t name_skip;
} close_vendors[PIRN_NAMES_COUNT] = {
    [PIRN_NAMES_IANA] = {"", "", 0},
    [PIRN_NAMES_MICROSOFT] = {"WEB_SOCKET_", "_CLOSE_STATUS", 0},
    [PIRN_NAMES_DEGUEST] = {"WS_", "", 3},
    [PIRN_NAMES_EFL] = {"EFL_NET_DIALER_WEBSOCKET_CLOSE_REASON_", "", 0},
    [PIRN_NAMES_LWS] = {"LWS_CLOSE_STATUS_", "", 0},
    [PIRN_NAMES_PYTHON] = {"CLOSECODE_", "", 0},
    [PIRN_NAMES_PIRN] = {"PIRN_CLOSE_", "", 0},
};

#endif
