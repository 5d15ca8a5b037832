/* The cases of frames, fragments and control frames (RFC 6455, 5.1 to 5.5). Where the RFC forbids
 * something to the sender and does not say what the receiver does about it, section 10.7 does:
 * validate always, and end with a Close; that is a SHOULD. */
#include "check.h"

#define COUNT(cases) (sizeof(cases) / sizeof *(cases))
#define REFUSE       "\"" CHECK_REFUSE "\""

#define RSV(bits, kind, what)                                                                      \
    {                                                                                              \
        "rsv-" #bits "-" kind, "6455 5.2", CHECK_MUST, SEE_FAILED, "RSV bits " #bits " in " what,  \
            .send = kind " rsv=" #bits " " REFUSE, .codes = {                                      \
                1002                                                                               \
            }                                                                                      \
    }

/* Opcodes are hexadecimal. */
#define OPCODE(op, payload)                                                                        \
    {                                                                                              \
        "opcode-" #op, "6455 5.2", CHECK_MUST, SEE_FAILED, "the reserved opcode " #op,             \
            .send = "op=" #op " " payload, .codes = {                                              \
                1002,                                                                              \
                1003                                                                               \
            }                                                                                      \
    }

static const struct check_case frames[] = {
    {"mask-none", "6455 5.1", CHECK_MUST, SEE_FAILED, "a text that is not masked",
     .send = "text unmasked " REFUSE},
    {"mask-none-empty", "6455 5.1", CHECK_MUST, SEE_FAILED, "an empty text that is not masked",
     .send = "text unmasked"},
    {"mask-none-binary", "6455 5.1", CHECK_MUST, SEE_FAILED, "a binary that is not masked",
     .send = "binary unmasked " REFUSE},
    {"mask-none-ping", "6455 5.1", CHECK_MUST, SEE_FAILED, "a Ping that is not masked",
     .send = "ping unmasked \"not masked\""},
    {"mask-none-pong", "6455 5.1", CHECK_MUST, SEE_FAILED, "a Pong that is not masked",
     .send = "pong unmasked \"not masked\""},
    {"mask-none-later", "6455 5.1", CHECK_MUST, SEE_FAILED, "not masked after a frame that was",
     .send = "text \"masked\"; text unmasked " REFUSE},
    {"mask-none-cont", "6455 5.1", CHECK_MUST, SEE_FAILED, "a last fragment that is not masked",
     .send = "text nofin \"refuse \"; cont unmasked \"me\""},

    RSV(4, "text", "a text"),
    RSV(2, "text", "a text"),
    RSV(1, "text", "a text"),
    RSV(7, "text", "a text"),
    RSV(4, "binary", "a binary"),
    RSV(2, "binary", "a binary"),
    RSV(4, "ping", "a Ping"),
    RSV(2, "ping", "a Ping"),
    RSV(1, "ping", "a Ping"),
    RSV(4, "pong", "a Pong"),
    RSV(1, "pong", "a Pong"),
    {"rsv-cont", "6455 5.2", CHECK_MUST, SEE_FAILED, "RSV1 in a last fragment",
     .send = "text nofin \"refuse \"; cont rsv=4 \"me\"", .codes = {1002}},
    {"rsv-close", "6455 5.2", CHECK_MUST, SEE_FAILED, "RSV1 in a Close", .send = "close rsv=4 1000",
     .codes = {1002}},

    OPCODE(3, REFUSE),
    OPCODE(4, REFUSE),
    OPCODE(5, REFUSE),
    OPCODE(6, REFUSE),
    OPCODE(7, REFUSE),
    OPCODE(b, ""),
    OPCODE(c, ""),
    OPCODE(d, ""),
    OPCODE(e, ""),
    OPCODE(f, ""),
    {"opcode-3-nofin", "6455 5.2", CHECK_MUST, SEE_FAILED, "a fragment of the reserved opcode 3",
     .send = "op=3 nofin \"refuse \"; cont \"me\"", .codes = {1002, 1003}},
    {"opcode-in-message", "6455 5.2", CHECK_MUST, SEE_FAILED,
     "the reserved opcode 3 between fragments",
     .send = "text nofin \"refuse \"; op=3 \"x\"; cont \"me\"", .codes = {1002, 1003}},

    {"length-0", "6455 5.2", CHECK_MUST, SEE_ON, "an empty text", .send = "text"},
    {"length-0-binary", "6455 5.2", CHECK_MUST, SEE_ON, "an empty binary", .send = "binary"},
    {"length-1", "6455 5.2", CHECK_MUST, SEE_ON, "a text of 1 byte", .send = "text \"x\""},
    {"length-125", "6455 5.2", CHECK_MUST, SEE_ON, "125 bytes", .send = "text 125*\"x\""},
    {"length-126", "6455 5.2", CHECK_MUST, SEE_ON, "126 bytes", .send = "text 126*\"x\""},
    {"length-127", "6455 5.2", CHECK_MUST, SEE_ON, "127 bytes", .send = "binary 127*xfe"},
    {"length-65535", "6455 5.2", CHECK_MUST, SEE_ON, "65535 bytes", .send = "binary 65535*xfe"},
    {"length-65536", "6455 5.2", CHECK_MUST, SEE_ON, "65536 bytes", .send = "text 65536*\"x\""},
    {"length-chopped", "6455 5.2", CHECK_MUST, SEE_ON, "a long header and its key byte by byte",
     .send = "binary 300*x00", .chopped = true},
    {"length-minimal-16", "6455 5.2, 10.7", CHECK_SHOULD, SEE_FAILED,
     "a length of 9 in the form of 16 bits", .send = "text form=16 " REFUSE, .codes = {1002}},
    {"length-minimal-64", "6455 5.2, 10.7", CHECK_SHOULD, SEE_FAILED,
     "a length of 9 in the form of 64 bits", .send = "text form=64 " REFUSE, .codes = {1002}},
    {"length-minimal-64-16", "6455 5.2, 10.7", CHECK_SHOULD, SEE_FAILED,
     "a length of 300 in the form of 64 bits", .send = "binary form=64 300*x00", .codes = {1002}},
    {"length-top-bit", "6455 5.2, 10.7", CHECK_SHOULD, SEE_FAILED,
     "a length of 2^63: its top bit must be 0",
     .send = "binary form=64 len=0x8000000000000000 \"x\"", .codes = {1002, 1009}},
    {"length-top-bits", "6455 5.2, 10.7", CHECK_SHOULD, SEE_FAILED, "a length of 2^64 - 1",
     .send = "binary form=64 len=0xffffffffffffffff \"x\"", .codes = {1002, 1009}},
    {"binary-all", "6455 5.6", CHECK_MUST, SEE_ON, "a binary that is not UTF-8",
     .send = "binary x00fffefdc080eda080f4908080ff00"},
    {"example-text", "6455 5.7", CHECK_MUST, SEE_ON, "the masked text of the RFC",
     .send = "raw x818537fa213d7f9f4d5158; ping \"Hello\""},
    {"mask-zero", "6455 5.3", CHECK_MUST, SEE_ON, "a masking key of zeroes",
     .send = "raw x818500000000 \"Hello\"; ping \"zero\""},
};

const struct check_group check_frames = {"frames", frames, COUNT(frames)};

static const struct check_case fragments[] = {
    {"fragments-2", "6455 5.4", CHECK_MUST, SEE_ON, "a text in two fragments",
     .send = "text nofin \"Hel\"; cont \"lo\""},
    {"fragments-3-binary", "6455 5.4", CHECK_MUST, SEE_ON, "a binary in three fragments",
     .send = "binary nofin x00; cont nofin xff; cont x80"},
    {"fragments-empty", "6455 5.4", CHECK_MUST, SEE_ON, "fragments that are all empty",
     .send = "text nofin; cont nofin; cont"},
    {"fragments-empty-last", "6455 5.4", CHECK_MUST, SEE_ON, "an empty fragment at the end",
     .send = "text nofin \"Hello\"; cont"},
    {"fragments-empty-first", "6455 5.4", CHECK_MUST, SEE_ON, "empty fragments before the text",
     .send = "text nofin; cont nofin; cont \"Hello\""},
    {"fragments-sizes", "6455 5.4", CHECK_MUST, SEE_ON, "fragments of all kinds of length",
     .send = "binary nofin 126*x01; cont nofin 1*x02; cont nofin 65536*x03; cont 300*x04"},
    {"fragments-chopped", "6455 5.4", CHECK_MUST, SEE_ON, "fragments byte by byte",
     .send = "text nofin \"Hel\"; cont nofin; cont \"lo\"", .chopped = true},
    {"fragments-two-messages", "6455 5.4", CHECK_MUST, SEE_ON, "two messages in fragments",
     .send = "text nofin \"a\"; cont \"b\"; binary nofin x01; cont x02; text \"c\""},
    {"fragments-ping", "6455 5.4", CHECK_MUST, SEE_ON, "a Ping between fragments is answered",
     .send = "text nofin \"Hel\"; ping \"between\"; await; cont \"lo\""},
    {"fragments-pong", "6455 5.4", CHECK_MUST, SEE_ON, "a Pong between fragments",
     .send = "text nofin \"Hel\"; pong \"between\"; cont \"lo\""},
    {"fragments-cont-first", "6455 5.4, 10.7", CHECK_SHOULD, SEE_FAILED,
     "a continuation of nothing", .send = "cont " REFUSE, .codes = {1002}},
    {"fragments-cont-first-nofin", "6455 5.4, 10.7", CHECK_SHOULD, SEE_FAILED,
     "a continuation of nothing that is to go on", .send = "cont nofin \"refuse \"; cont \"me\"",
     .codes = {1002}},
    {"fragments-cont-empty", "6455 5.4, 10.7", CHECK_SHOULD, SEE_FAILED,
     "an empty continuation of nothing", .send = "cont", .codes = {1002}},
    {"fragments-cont-after", "6455 5.4, 10.7", CHECK_SHOULD, SEE_FAILED,
     "a continuation after the end of a message",
     .send = "text nofin \"Hel\"; cont \"lo\"; cont " REFUSE, .codes = {1002}},
    {"fragments-new-text", "6455 5.4, 10.7", CHECK_SHOULD, SEE_FAILED,
     "a new text before the end of the last", .send = "text nofin \"Hel\"; text " REFUSE,
     .codes = {1002}},
    {"fragments-new-binary", "6455 5.4, 10.7", CHECK_SHOULD, SEE_FAILED,
     "a binary before the end of a text", .send = "text nofin \"Hel\"; binary " REFUSE,
     .codes = {1002}},
    {"fragments-new-nofin", "6455 5.4, 10.7", CHECK_SHOULD, SEE_FAILED,
     "a first fragment before the end of the last message",
     .send = "text nofin \"a\"; text nofin \"refuse \"; cont \"me\"", .codes = {1002}},
};

const struct check_group check_fragments = {"fragments", fragments, COUNT(fragments)};

static const struct check_case control[] = {
    {"ping", "6455 5.5.2", CHECK_MUST, SEE_ON, "a Ping", .send = "ping \"Hello\""},
    {"ping-empty", "6455 5.5.2", CHECK_MUST, SEE_ON, "an empty Ping", .send = "ping"},
    {"ping-125", "6455 5.5.3", CHECK_MUST, SEE_ON, "a Ping of 125 bytes", .send = "ping 125*\"x\""},
    {"ping-binary", "6455 5.5.3", CHECK_MUST, SEE_ON, "a Ping that is not text",
     .send = "ping x00fffefdc080eda080ff"},
    {"ping-chopped", "6455 5.5.2", CHECK_MUST, SEE_ON, "a Ping byte by byte",
     .send = "ping \"chopped\"", .chopped = true},
    {"ping-many", "6455 5.5.3", CHECK_MUST, SEE_ON, "the last of ten Pings",
     .send = "ping \"1\"; ping \"2\"; ping \"3\"; ping \"4\"; ping \"5\"; ping \"6\"; ping \"7\"; "
             "ping \"8\"; ping \"9\"; ping \"10\""},
    {"ping-twice", "6455 5.5.2", CHECK_MUST, SEE_ON, "a Ping after the Pong",
     .send = "ping \"first\"; await; ping \"second\""},
    {"ping-after-text", "6455 5.5.2", CHECK_MUST, SEE_ON, "a Ping right behind a text",
     .send = "text \"before\"; ping \"after\""},
    {"pong", "6455 5.5.3", CHECK_MUST, SEE_ON, "a Pong that nobody asked for",
     .send = "pong \"Hello\""},
    {"pong-empty", "6455 5.5.3", CHECK_MUST, SEE_ON, "an empty Pong", .send = "pong"},
    {"pong-125", "6455 5.5.3", CHECK_MUST, SEE_ON, "a Pong of 125 bytes", .send = "pong 125*x00"},
    {"control-126-ping", "6455 5.5, 10.7", CHECK_SHOULD, SEE_FAILED, "a Ping of 126 bytes",
     .send = "ping 126*\"x\"", .codes = {1002}},
    {"control-126-pong", "6455 5.5, 10.7", CHECK_SHOULD, SEE_FAILED, "a Pong of 126 bytes",
     .send = "pong 126*\"x\"", .codes = {1002}},
    {"control-126-close", "6455 5.5, 10.7", CHECK_SHOULD, SEE_FAILED, "a Close of 126 bytes",
     .send = "close 1000 124*\"x\"", .codes = {1002}},
    {"control-64k-ping", "6455 5.5, 10.7", CHECK_SHOULD, SEE_FAILED, "a Ping of 65536 bytes",
     .send = "ping 65536*\"x\"", .codes = {1002}},
    {"control-nofin-ping", "6455 5.4, 10.7", CHECK_SHOULD, SEE_FAILED, "a Ping in fragments",
     .send = "ping nofin \"a\"; cont \"b\"; ping \"" CHECK_PROBE "\"", .codes = {1002}},
    {"control-nofin-pong", "6455 5.4, 10.7", CHECK_SHOULD, SEE_FAILED, "a Pong in fragments",
     .send = "pong nofin \"a\"; cont \"b\"", .codes = {1002}},
    {"control-nofin-close", "6455 5.4, 10.7", CHECK_SHOULD, SEE_FAILED, "a Close without FIN",
     .send = "close nofin 1000", .codes = {1002}},
};

const struct check_group check_control = {"control frames", control, COUNT(control)};
