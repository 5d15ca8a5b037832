/* The cases of UTF-8 (RFC 6455, 5.6 and 8.1) and of the closing handshake (5.5.1, 7). */
#include "check.h"

#define COUNT(cases) (sizeof(cases) / sizeof *(cases))

#define GOOD(id, text, hex)                                                                        \
    {                                                                                              \
        "utf8-" id, "6455 5.6", CHECK_MUST, SEE_ON, text, .send = "text " hex                      \
    }
#define BAD(id, text, hex)                                                                         \
    {                                                                                              \
        "utf8-" id, "6455 8.1", CHECK_MUST, SEE_FAILED, text, .send = "text " hex, .codes = {      \
            1007                                                                                   \
        }                                                                                          \
    }

static const struct check_case utf8[] = {
    GOOD("greek", "a text of two bytes a letter", "xcebae1bdb9cf83cebcceb5"),
    GOOD("borders", "the first and the last of each length",
         "x007fc280dfbfe0a080efbfbff0908080f48fbfbf"),
    GOOD("around-surrogates", "the letters beside the surrogates", "xed9fbfee8080"),
    GOOD("noncharacters", "noncharacters, which are legal", "xefbfbeefbfbff09fbfbeefb790"),
    GOOD("nul", "a text with NUL", "x6100620063"),
    {"utf8-cut", "6455 5.6", CHECK_MUST, SEE_ON, "a letter cut by the border of fragments",
     .send = "text nofin xf09f; cont x9881"},
    {"utf8-cut-each", "6455 5.6", CHECK_MUST, SEE_ON, "each byte of a letter in a fragment",
     .send = "text nofin xf0; cont nofin x9f; cont nofin; cont nofin x98; cont x81"},
    {"utf8-cut-ping", "6455 5.6", CHECK_MUST, SEE_ON, "a Ping inside a letter",
     .send = "text nofin xf09f; ping xff; await; cont x9881"},
    {"utf8-chopped", "6455 5.6", CHECK_MUST, SEE_ON, "letters byte by byte",
     .send = "text xcebaf09f9881e282ac", .chopped = true},
    BAD("lone-80", "a lone continuation byte", "x80"),
    BAD("lone-bf", "a continuation byte behind a text", "x48656c6c6fbf"),
    BAD("lone-c2", "a first byte alone", "xc220"),
    BAD("ff", "FF", "xff"),
    BAD("fe", "FE", "xfe"),
    BAD("c0-80", "NUL in two bytes", "xc080"),
    BAD("c1-bf", "an overlong form of two bytes", "xc1bf"),
    BAD("e0-80-80", "NUL in three bytes", "xe08080"),
    BAD("e0-9f-bf", "an overlong form of three bytes", "xe09fbf"),
    BAD("f0-80-80-80", "NUL in four bytes", "xf0808080"),
    BAD("f0-8f-bf-bf", "an overlong form of four bytes", "xf08fbfbf"),
    BAD("d800", "the surrogate D800", "xeda080"),
    BAD("dfff", "the surrogate DFFF", "xedbfbf"),
    BAD("pair", "a pair of surrogates", "xeda080edb080"),
    BAD("110000", "a letter above U+10FFFF", "xf4908080"),
    BAD("f5", "a first byte F5", "xf5808080"),
    BAD("five", "a form of five bytes", "xf888808080"),
    BAD("six", "a form of six bytes", "xfc8480808080"),
    BAD("open-2", "a text that ends inside a letter of two bytes", "x61c2"),
    BAD("open-3", "a text that ends inside a letter of three bytes", "x61e282"),
    BAD("open-4", "a text that ends inside a letter of four bytes", "x61f09f98"),
    BAD("late", "a wrong byte behind 1000 good ones", "1000*\"x\" xff \"x\""),
    {"utf8-bad-fragment", "6455 8.1", CHECK_MUST, SEE_FAILED, "a wrong byte in the second fragment",
     .send = "text nofin \"good\"; cont x80", .codes = {1007}},
    {"utf8-bad-cut", "6455 8.1", CHECK_MUST, SEE_FAILED, "a letter that a fragment does not end",
     .send = "text nofin xf09f; cont \"no\"", .codes = {1007}},
    {"utf8-open-fragments", "6455 8.1", CHECK_MUST, SEE_FAILED,
     "fragments that end inside a letter", .send = "text nofin \"a\"; cont xe282", .codes = {1007}},
    {"utf8-fast-fragment", "6455 8.1", CHECK_MAY, SEE_FAILED,
     "a wrong byte: fails before the message ends", .send = "text nofin \"good\"; cont nofin xff",
     .codes = {1007}},
    {"utf8-fast-frame", "6455 8.1", CHECK_MAY, SEE_FAILED,
     "a wrong byte: fails before the frame ends", .send = "raw x8194000000006161ff",
     .codes = {1007}},
};

const struct check_group check_utf8 = {"UTF-8", utf8, COUNT(utf8)};

#define CLOSE(code, clause, text)                                                                  \
    {                                                                                              \
        "close-" #code, clause, CHECK_MUST, SEE_CLOSED, text, .send = "close " #code, .codes = {   \
            code,                                                                                  \
            1000                                                                                   \
        }                                                                                          \
    }
/* How it ends is free, but such a code must not come back: WATCH_CLOSE_CODE sees to that. */
#define NO_CLOSE(code, clause, text)                                                               \
    {                                                                                              \
        "close-" #code, clause, CHECK_MUST, SEE_ENDED, text, .send = "close " #code, .codes = {    \
            1002                                                                                   \
        }                                                                                          \
    }

static const struct check_case closing[] = {
    {"close-empty", "6455 5.5.1", CHECK_MUST, SEE_CLOSED, "a Close without a code",
     .send = "close"},
    CLOSE(1000, "6455 5.5.1", "Normal Closure"),
    CLOSE(1001, "6455 5.5.1", "Going Away"),
    CLOSE(1003, "6455 5.5.1", "Unsupported Data"),
    CLOSE(1008, "6455 5.5.1", "Policy Violation"),
    CLOSE(1011, "6455 5.5.1", "Internal Error"),
    CLOSE(1012, "6455 5.5.1", "Service Restart (registered after the RFC)"),
    CLOSE(1014, "6455 5.5.1", "Bad Gateway (registered after the RFC)"),
    CLOSE(3000, "6455 7.4.2", "a code for libraries"),
    CLOSE(3999, "6455 7.4.2", "the last code for libraries"),
    CLOSE(4000, "6455 7.4.2", "a private code"),
    CLOSE(4999, "6455 7.4.2", "the last private code"),
    {"close-reason", "6455 5.5.1", CHECK_MUST, SEE_CLOSED, "a reason",
     .send = "close 1000 \"that was all\""},
    {"close-reason-123", "6455 5.5.1", CHECK_MUST, SEE_CLOSED, "a reason of 123 bytes",
     .send = "close 1000 123*\"x\""},
    {"close-reason-utf8", "6455 5.5.1", CHECK_MUST, SEE_CLOSED, "a reason that is not ASCII",
     .send = "close 1000 xcebae1bdb9cf83cebcceb5"},
    {"close-chopped", "6455 5.5.1", CHECK_MUST, SEE_CLOSED, "a Close byte by byte",
     .send = "close 1000 \"chopped\"", .chopped = true},
    {"close-after-text", "6455 5.5.1", CHECK_MUST, SEE_CLOSED, "a Close right behind a text",
     .send = "text \"before\"; close 1000"},
    {"close-in-message", "6455 5.5.1", CHECK_MUST, SEE_CLOSED, "a Close between fragments",
     .send = "text nofin \"Hel\"; close 1000"},
    {"close-then-text", "6455 1.4", CHECK_SHOULD, SEE_CLOSED, "a text behind the Close is ignored",
     .send = "close 1000; text \"" CHECK_REFUSE "\""},
    {"close-then-close", "6455 5.5.1", CHECK_MUST, SEE_CLOSED, "a second Close",
     .send = "close 1000; close 1001"},
    {"close-then-ping", "6455 5.5.1", CHECK_MUST, SEE_CLOSED, "a Ping behind the Close",
     .send = "close 1000; ping \"late\""},
    {"close-one-byte", "6455 5.5.1", CHECK_MUST, SEE_ENDED, "a Close with half a code",
     .send = "close x03", .codes = {1002}},
    {"close-reason-bad", "6455 8.1", CHECK_MUST, SEE_ENDED, "a reason that is not UTF-8",
     .send = "close 1000 xce80ff", .codes = {1002, 1007}},
    {"close-reason-open", "6455 8.1", CHECK_MUST, SEE_ENDED, "a reason that ends inside a letter",
     .send = "close 1000 \"bye\" xe282", .codes = {1002, 1007}},
    NO_CLOSE(0, "6455 7.4.2", "code 0, which is not used"),
    NO_CLOSE(999, "6455 7.4.2", "code 999, which is not used"),
    NO_CLOSE(1004, "6455 7.4.1", "code 1004, which is reserved"),
    NO_CLOSE(1005, "6455 7.4.1", "code 1005, which must not be sent"),
    NO_CLOSE(1006, "6455 7.4.1", "code 1006, which must not be sent"),
    NO_CLOSE(1015, "6455 7.4.1", "code 1015, which must not be sent"),
    NO_CLOSE(1016, "6455 7.4.2", "code 1016, which is reserved"),
    NO_CLOSE(2999, "6455 7.4.2", "code 2999, which is reserved"),
    NO_CLOSE(5000, "6455 7.4.2", "code 5000, which has no meaning"),
    NO_CLOSE(65535, "6455 7.4.2", "code 65535, which has no meaning"),
    {"close-tcp", "6455 7.1.1", CHECK_MAY, SEE_ENDED, "the end of TCP without a Close",
     .send = "end"},
    {"close-tcp-message", "6455 7.1.1", CHECK_MAY, SEE_ENDED, "the end of TCP inside a frame",
     .send = "raw x8190; end"},
    {"close-after-failure", "6455 7.1.7", CHECK_MAY, SEE_ENDED,
     "after a failure the connection ends", .send = "op=3 \"x\"; close 1000"},
};

const struct check_group check_closing = {"closing handshake", closing, COUNT(closing)};
