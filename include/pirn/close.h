/* pirn/close.h: close codes by number and by every name they go by, what to do about them, and
 * the payload of a Close frame (RFC 6455, 5.5.1 and 7.4; IANA registry of June 2026).
 *
 * Every function takes any int as a code; numbers that are no close code have answers too. Nothing
 * here allocates, and all strings returned are static. */
#ifndef PIRN_CLOSE_H
#define PIRN_CLOSE_H

#include <pirn/base.h>
#include <pirn/error.h>
#include <pirn/frame.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PIRN_CLOSE_REASON_MAX 123 /* what the code leaves of a control frame (RFC 6455, 5.5) */

enum pirn_close_code {
    PIRN_CLOSE_NONE = 0, /* never on the wire: asks for a Close frame without a code */
    PIRN_CLOSE_NORMAL = 1000,
    PIRN_CLOSE_GOING_AWAY = 1001,
    PIRN_CLOSE_PROTOCOL_ERROR = 1002,
    PIRN_CLOSE_UNSUPPORTED_DATA = 1003,
    PIRN_CLOSE_RESERVED = 1004,
    PIRN_CLOSE_NO_STATUS = 1005, /* never on the wire: a Close frame without a code came */
    PIRN_CLOSE_ABNORMAL = 1006,  /* never on the wire: the connection ended without a Close frame */
    PIRN_CLOSE_INVALID_DATA = 1007,
    PIRN_CLOSE_POLICY_VIOLATION = 1008,
    PIRN_CLOSE_MESSAGE_TOO_BIG = 1009,
    PIRN_CLOSE_MANDATORY_EXTENSION = 1010,
    PIRN_CLOSE_INTERNAL_ERROR = 1011,
    PIRN_CLOSE_SERVICE_RESTART = 1012,
    PIRN_CLOSE_TRY_AGAIN_LATER = 1013,
    PIRN_CLOSE_BAD_GATEWAY = 1014,
    PIRN_CLOSE_TLS_HANDSHAKE = 1015, /* never on the wire: TLS failed before the WebSocket began */
    PIRN_CLOSE_UNAUTHORIZED = 3000,
    PIRN_CLOSE_FORBIDDEN = 3003,
    PIRN_CLOSE_TIMEOUT = 3008,
    PIRN_CLOSE_PRIVATE_FIRST = 4000, /* 4000-4999 mean what an application wants them to mean */
    PIRN_CLOSE_PRIVATE_LAST = 4999
};

/* Whose names: the sets in the order in which a name without a prefix is looked up. */
enum pirn_close_names {
    PIRN_NAMES_IANA,      /* "Normal Closure" */
    PIRN_NAMES_MICROSOFT, /* "SUCCESS", as Net::WebSocket has them (WEB_SOCKET_*_CLOSE_STATUS) */
    PIRN_NAMES_DEGUEST,   /* "WS_OK": the prefix is part of the name */
    PIRN_NAMES_EFL,       /* "normal" (EFL_NET_DIALER_WEBSOCKET_CLOSE_REASON_*) */
    PIRN_NAMES_LWS,       /* "NORMAL" (LWS_CLOSE_STATUS_*) */
    PIRN_NAMES_PYTHON,    /* "NORMAL_CLOSURE" (CloseCode.*) */
    PIRN_NAMES_PIRN,      /* "NORMAL" (PIRN_CLOSE_*) */
    PIRN_NAMES_COUNT
};

enum pirn_close_class {
    PIRN_CLOSE_CLASS_STANDARD,   /* 1000-1003, 1007-1014: defined by RFC 6455 and its registry */
    PIRN_CLOSE_CLASS_LOCAL_ONLY, /* 1005, 1006, 1015: how an ending is reported, never sent */
    PIRN_CLOSE_CLASS_RESERVED,   /* 1004, 1016-2999: for future versions of the protocol */
    PIRN_CLOSE_CLASS_REGISTERED, /* 3000-3999: for libraries and frameworks, through IANA */
    PIRN_CLOSE_CLASS_PRIVATE,    /* 4000-4999: for applications, by agreement of the two ends */
    PIRN_CLOSE_CLASS_INVALID     /* every other number */
};

/* Whether to connect again after a close. */
enum pirn_retry {
    PIRN_RETRY_NEVER,      /* would end the same way, or the peer wanted to end */
    PIRN_RETRY_AFTER_WAIT, /* seconds, with a random part, longer each time */
    PIRN_RETRY_AT_ONCE     /* the first time without a wait, from then on as above */
};

/* The name of a code in IANA's registry, such as "Going Away". Codes without one have the name of
 * their range: "Unassigned" (1016-2999 and free ones of 3000-3999), "Private Use" (4000-4999) or
 * "Not Defined". Never NULL. */
PIRN_API const char *pirn_close_name(int code);

/* The name of a code in one set, as it stands in enum pirn_close_names (without the vendor's
 * prefix except WS_), or NULL when the set has none for it or there is no such set. */
PIRN_API const char *pirn_close_alias(int code, enum pirn_close_names set);

/* What a code means, in one sentence; of a code without a meaning of its own, what its range is
 * for. Never NULL. */
PIRN_API const char *pirn_close_text(int code);

/* What to do about a code, in one sentence for the person who reads a log. Never NULL. */
PIRN_API const char *pirn_close_advice(int code);

/* The code that a name or a decimal number from 0 to 65535 stands for, or -PIRN_E_ARGUMENT.
 * Takes the names of all sets, also those that a set has beside its first one (SERVER_ERROR), in
 * any case; blanks, underscores, hyphens and dots are alike, at the end they do not count. The
 * vendor's prefix may stand before the name: WEB_SOCKET_ (with _CLOSE_STATUS after it), WS_, LWS_,
 * EFL_ and Efl.Net., CloseCode., PIRN_CLOSE_ as above; then only that vendor's names count. So
 * "WS_FORBIDDEN" is 1008 and "Forbidden", which IANA registered, is 3003: the only name that means
 * two codes. 0 is an answer: of "0", "none" and LWS_CLOSE_STATUS_NOSTATUS. */
PIRN_API int pirn_close_from_name(struct pirn_str name);

/* The class of a code: what its range is for. */
PIRN_API enum pirn_close_class pirn_close_class(int code);

/* May a Close frame that we send carry this code? Yes for the classes standard, registered and
 * private; 1010 is meant for clients, but nothing forbids it to a server (RFC 6455, 7.4). */
PIRN_API bool pirn_close_may_send(int code);

/* May a Close frame that we receive carry this code? As above: what may be sent may come. */
PIRN_API bool pirn_close_may_receive(int code);

/* May a page pass this code to WebSocket.close() of a browser? Only 1000 and 3000-4999; any other
 * makes it throw InvalidAccessError (WHATWG WebSockets, 3.1). */
PIRN_API bool pirn_close_may_send_from_browser(int code);

/* Whether connecting again makes sense after a code was received or reported.
 * Never: 1000 and 1005 (the peer wanted to end; a close() without arguments sends no code), 1002,
 * 1003, 1007-1010, 1015, 3000 and 3003 (the same would happen again until somebody changes
 * something), reserved and invalid codes (the peer is broken). Also 4000-4999 and unassigned codes
 * of 3000-3999: only the application knows what they mean and may know better; connecting again
 * blindly after "banned" or "replaced by a newer session" does harm.
 * After a wait: 1001, 1011-1014: the server goes, restarts, fails or has too much to do; clients
 * that all come back at the same moment would make it worse.
 * At once: 1006 (the network broke; most often it is back already) and 3008 (a timeout). */
PIRN_API enum pirn_retry pirn_close_retry(int code);

/* The longest beginning of a reason that fits into a Close frame and cuts no code point. */
PIRN_API struct pirn_str pirn_close_reason_clip(struct pirn_str reason);

/* Writes the payload of a Close frame: the code in network byte order, then the reason. Code 0
 * (PIRN_CLOSE_NONE) with an empty reason makes an empty payload. Returns the length, 0 or 2-125,
 * or, with nothing written, the first of
 *   -PIRN_E_ARGUMENT                   payload is NULL, or the reason has a length but no data
 *   -PIRN_E_CLOSE_REASON_WITHOUT_CODE  code 0, but a reason
 *   -PIRN_E_CLOSE_CODE                 a code for which pirn_close_may_send() is false
 *   -PIRN_E_CLOSE_REASON_TOO_LONG      over 123 bytes (see pirn_close_reason_clip())
 *   -PIRN_E_CLOSE_REASON_UTF8          not UTF-8
 * The reason may not overlap the payload. */
PIRN_API int pirn_close_build(uint8_t payload[PIRN_CONTROL_MAX], int code, struct pirn_str reason);

/* What a Close frame said. An empty one has code 1005 and has_code false, which tells it from the
 * forbidden one that carries 1005: that one has has_code true, and comes with an error. */
struct pirn_close {
    int code;
    bool has_code;
    struct pirn_str reason; /* UTF-8; points into the payload; absent without a code */
};

/* Reads the payload of a Close frame, which must be unmasked and whole. Returns 0 or the first of
 *   -PIRN_E_ARGUMENT               out is NULL, or payload is NULL and len is not 0
 *   -PIRN_E_CONTROL_TOO_LONG       len over 125
 *   -PIRN_E_CLOSE_PAYLOAD          len 1
 *   -PIRN_E_CLOSE_CODE_RECEIVED    a code for which pirn_close_may_receive() is false
 *   -PIRN_E_CLOSE_REASON_RECEIVED  a reason that is not UTF-8
 * The answer to these is 1002, to the last one 1007 (RFC 6455, 7.4.1). After the last two *out
 * holds what was received, for a message that names it; after the others 1005 and no reason. */
PIRN_API int pirn_close_parse(struct pirn_close *out, const uint8_t *payload, size_t len);

#ifdef __cplusplus
}
#endif
#endif
