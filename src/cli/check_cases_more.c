/* The cases of permessage-deflate (RFC 7692), of limits, and what is watched in all others. */
#include "check.h"

#define COUNT(cases) (sizeof(cases) / sizeof *(cases))
#define OFFER(text)  "Sec-WebSocket-Extensions: permessage-deflate" text
#define DEFLATE      "permessage-deflate"

#define DECLINED(id, text, offer)                                                                  \
    {                                                                                              \
        "deflate-" id, "7692 7", CHECK_MUST, SEE_EITHER, text, .request = OFFER(offer),            \
                                                               .judge = check_no_deflate           \
    }
#define TAKEN(id, section, text, bytes)                                                            \
    {                                                                                              \
        "deflate-" id, "7692 " section, CHECK_MUST, SEE_ON, text,                                  \
            .send = bytes, .request = OFFER(""), .agreed = DEFLATE                                 \
    }
#define FAILED(id, clause_text, level, text, bytes, ...)                                           \
    {                                                                                              \
        "deflate-" id, clause_text, level, SEE_FAILED, text, .send = bytes, .request = OFFER(""),  \
                                                             .agreed = DEFLATE, .codes = {         \
                                                                 __VA_ARGS__                       \
                                                             }                                     \
    }

/* f2 48 cd c9 c9 07 00 is "Hello" in the RFC, 7.2.3.1. */
static const struct check_case deflate[] = {
    {"deflate-answer", "7692 7.1", CHECK_MUST, SEE_EITHER, "the answer to an offer",
     .request = OFFER(""), .judge = check_deflate_answer},
    {"deflate-window", "7692 7.1.2.1", CHECK_MUST, SEE_EITHER, "server_max_window_bits=10",
     .request = OFFER("; server_max_window_bits=10"), .judge = check_deflate_window_10},
    {"deflate-forget", "7692 7.1.1.1", CHECK_MUST, SEE_EITHER, "server_no_context_takeover",
     .request = OFFER("; server_no_context_takeover"), .judge = check_deflate_forgets},
    DECLINED("unknown", "a parameter that does not exist", "; x_pirn=1"),
    DECLINED("twice", "a parameter twice",
             "; server_no_context_takeover; server_no_context_takeover"),
    DECLINED("value", "a value where there is none", "; server_no_context_takeover=1"),
    DECLINED("no-value", "server_max_window_bits without a value", "; server_max_window_bits"),
    DECLINED("bits-7", "server_max_window_bits=7", "; server_max_window_bits=7"),
    DECLINED("bits-16", "server_max_window_bits=16", "; server_max_window_bits=16"),
    DECLINED("bits-010", "server_max_window_bits=010", "; server_max_window_bits=010"),
    DECLINED("bits-text", "server_max_window_bits=many", "; server_max_window_bits=many"),
    DECLINED("client-7", "client_max_window_bits=7", "; client_max_window_bits=7"),
    DECLINED("client-16", "client_max_window_bits=16", "; client_max_window_bits=16"),
    TAKEN("text", "7.2.3.1", "a compressed text", "text rsv=4 xf248cdc9c90700; echo \"Hello\""),
    TAKEN("fragments", "7.2.3.1", "a compressed text in fragments",
          "text nofin rsv=4 xf248cd; cont xc9c90700; echo \"Hello\""),
    TAKEN("fragments-ping", "7.2.3.1", "a Ping between compressed fragments",
          "text nofin rsv=4 xf248cd; ping \"in\"; await; cont xc9c90700; echo \"Hello\""),
    TAKEN("stored", "7.2.3.3", "a block without compression",
          "text rsv=4 x000500faff48656c6c6f00; echo \"Hello\""),
    TAKEN("final", "7.2.1", "a block with BFINAL", "text rsv=4 xf348cdc9c9070000; echo \"Hello\""),
    TAKEN("blocks", "7.2.3.5", "two blocks",
          "text rsv=4 xf24805000000ffffcac9c90700; echo \"Hello\""),
    TAKEN("empty", "7.2.3.6", "an empty text", "text rsv=4 x00; echo"),
    TAKEN("plain", "6", "a text that is not compressed", "text \"Hello\""),
    TAKEN("mixed", "6", "one that is compressed behind one that is not",
          "text \"plain\"; text rsv=4 xf248cdc9c90700; echo \"Hello\""),
    TAKEN("twice-text", "7.2.3.2", "two texts that do not refer to each other",
          "text rsv=4 xf248cdc9c90700; echo \"Hello\"; text rsv=4 xf248cdc9c90700; echo "
          "\"Hello\""),
    FAILED("rsv2", "6455 5.2", CHECK_MUST, "RSV2, which means nothing",
           "text rsv=6 xf248cdc9c90700", 1002),
    FAILED("rsv-ping", "7692 6", CHECK_MUST, "RSV1 in a Ping", "ping rsv=4 \"x\"", 1002),
    FAILED("rsv-cont", "7692 6", CHECK_MUST, "RSV1 in a continuation",
           "text nofin rsv=4 xf248cd; cont rsv=4 xc9c90700", 1002),
    FAILED("broken", "6455 10.7", CHECK_SHOULD, "what no inflater takes", "binary rsv=4 x07ffffff",
           1002, 1003, 1007, 1011),
    FAILED("utf8", "6455 8.1", CHECK_MUST, "a text that is not UTF-8 when it is inflated",
           "text rsv=4 x000200fdffc32800", 1007),
    FAILED("utf8-fragments", "6455 8.1", CHECK_MUST, "the same in fragments",
           "text nofin rsv=4 x000200; cont nofin xfdffc3; cont x2800", 1007),
};

const struct check_group check_deflate = {"permessage-deflate", deflate, COUNT(deflate)};

#define HUGE_FRAME(id, text, len)                                                                  \
    {                                                                                              \
        "limit-" id, "6455 10.4", CHECK_MAY, SEE_FAILED, text,                                     \
            .send = "binary form=64 len=" len " \"x\"", .codes = {                                 \
                1009,                                                                              \
                1002                                                                               \
            }                                                                                      \
    }

/* The RFC asks for limits and for protection, not for numbers: so all of these are MAY. */
static const struct check_case limits[] = {
    HUGE_FRAME("4-gib", "4 GiB are announced: refused at the header", "0x100000000"),
    HUGE_FRAME("2-53", "2^53 bytes are announced: refused at the header", "0x20000000000000"),
    HUGE_FRAME("2-62", "2^62 bytes are announced: refused at the header", "0x4000000000000000"),
    HUGE_FRAME("2-63", "2^63 - 1 bytes are announced: refused at the header", "0x7fffffffffffffff"),
    {"limit-sum", "6455 10.4", CHECK_MAY, SEE_FAILED,
     "fragments of 2^63 bytes in all: refused at the header",
     .send = "binary nofin \"x\"; cont form=64 len=0x7fffffffffffffff \"x\"",
     .codes = {1009, 1002}},
    {"limit-head", "9110 5.4", CHECK_MAY, SEE_REFUSED, "a head of 1 MiB", .request = "flood 16384",
     .judge = check_status_4xx},
    {"limit-headers", "9110 5.4", CHECK_MAY, SEE_REFUSED, "2000 headers", .request = "flood 2000",
     .judge = check_status_4xx},
};

const struct check_group check_limits = {"limits", limits, COUNT(limits)};

#define NEVER(id, section, which, text)                                                            \
    {                                                                                              \
        "sends-" id, section, CHECK_MUST, SEE_WATCHED, text, .watch = which                        \
    }

static const struct check_case watched[] = {
    NEVER("http", "9112 4", WATCH_HEAD, "an answer that is no HTTP/1.1"),
    NEVER("masked", "6455 5.1", WATCH_MASKED, "a masked frame"),
    NEVER("rsv", "6455 5.2", WATCH_RSV, "RSV bits that no extension gives a meaning"),
    NEVER("opcode", "6455 5.2", WATCH_OPCODE, "a reserved opcode"),
    NEVER("length", "6455 5.2", WATCH_LENGTH, "a length that is not in its shortest form"),
    NEVER("control-126", "6455 5.5", WATCH_CONTROL_LONG, "a control frame over 125 bytes"),
    NEVER("control-nofin", "6455 5.5", WATCH_CONTROL_FRAGMENTED, "a control frame in fragments"),
    NEVER("fragments", "6455 5.4", WATCH_FRAGMENTS, "fragments out of order"),
    NEVER("utf8", "6455 5.6", WATCH_UTF8, "a text that is not UTF-8"),
    NEVER("close-body", "6455 5.5.1", WATCH_CLOSE_BODY, "a Close with half a code"),
    NEVER("close-code", "6455 7.4.1", WATCH_CLOSE_CODE, "the codes 1005, 1006 and 1015"),
    {"sends-close-reason", "6455 5.5.1", CHECK_SHOULD, SEE_WATCHED, "a reason that is not UTF-8",
     .watch = WATCH_CLOSE_REASON},
    NEVER("after-close", "6455 5.5.1", WATCH_AFTER_CLOSE, "a data frame after its Close"),
};

const struct check_group check_watched = {"what it sends", watched, COUNT(watched)};
