/* What each failure of an endpoint says, and the close code that reports it, as one table. In a
 * text $ and a letter stand for what the failure is about: see add_part(). A failure without a text
 * here has that of error.h. */
#include <pirn/endpoint.h>

#include "endpoint_parts.h"
#include "frame_header.h"
#include "text.h"

static const struct failure {
    uint16_t error;
    uint16_t close_code;
    const char *text;
} failures[] = {
    {PIRN_E_NONE, 0, ""},
    {PIRN_E_RSV, PIRN_CLOSE_PROTOCOL_ERROR, "$r set $s"},
    {PIRN_E_OPCODE, PIRN_CLOSE_PROTOCOL_ERROR, "reserved opcode $x"},
    {PIRN_E_UNMASKED, PIRN_CLOSE_PROTOCOL_ERROR, NULL},
    {PIRN_E_MASKED, PIRN_CLOSE_PROTOCOL_ERROR, NULL},
    {PIRN_E_LENGTH_NOT_MINIMAL, PIRN_CLOSE_PROTOCOL_ERROR,
     "frame of $d bytes uses the $w-bit length"},
    {PIRN_E_LENGTH_64BIT, PIRN_CLOSE_PROTOCOL_ERROR, NULL},
    {PIRN_E_CONTROL_TOO_LONG, PIRN_CLOSE_PROTOCOL_ERROR, "$o frame is longer than 125 bytes"},
    {PIRN_E_CONTROL_FRAGMENTED, PIRN_CLOSE_PROTOCOL_ERROR, "$o frame is fragmented"},
    {PIRN_E_CONTINUATION_UNEXPECTED, PIRN_CLOSE_PROTOCOL_ERROR, NULL},
    {PIRN_E_CONTINUATION_EXPECTED, PIRN_CLOSE_PROTOCOL_ERROR,
     "$o frame before the last message was complete"},
    {PIRN_E_CLOSE_PAYLOAD, PIRN_CLOSE_PROTOCOL_ERROR, NULL},
    {PIRN_E_CLOSE_CODE_RECEIVED, PIRN_CLOSE_PROTOCOL_ERROR,
     "close code $d must not be on the wire"},
    {PIRN_E_CLOSE_REASON_RECEIVED, PIRN_CLOSE_INVALID_DATA, "close reason $u"},
    {PIRN_E_UTF8, PIRN_CLOSE_INVALID_DATA, "text $u"},
    {PIRN_E_FRAME_TOO_BIG, PIRN_CLOSE_MESSAGE_TOO_BIG, "frame of $d bytes is over the limit of $f"},
    {PIRN_E_MESSAGE_TOO_BIG, PIRN_CLOSE_MESSAGE_TOO_BIG, "message $bis over the limit of $m"},
    {PIRN_E_FRAGMENTS, PIRN_CLOSE_POLICY_VIOLATION, "message has more than $n fragments"},
    {PIRN_E_PING_TIMEOUT, PIRN_CLOSE_INTERNAL_ERROR, "ping timeout: no pong within $p ms"},
    {PIRN_E_CLOSE_TIMEOUT, 0, "no close frame within $c ms"},
    {PIRN_E_EOF, 0, "$e"},
    {PIRN_E_MEMORY, PIRN_CLOSE_INTERNAL_ERROR, NULL},
    {PIRN_E_COMPRESSED_DATA, PIRN_CLOSE_INVALID_DATA, NULL},
    {PIRN_E_COMPRESSED_WINDOW, PIRN_CLOSE_PROTOCOL_ERROR, NULL},
    {PIRN_E_EXTENSION_DATA, PIRN_CLOSE_PROTOCOL_ERROR, NULL},
};

static const struct failure *find(unsigned error)
{
    size_t i = sizeof failures / sizeof *failures - 1;
    while (i > 0 && failures[i].error != error)
        i--;
    return &failures[i];
}

int pirn__failure_close_code(enum pirn_error error)
{
    return find(error)->close_code;
}

enum pirn_error pirn__failure_of(int error)
{
    return find((unsigned)error)->error != 0 ? (enum pirn_error)error : PIRN_E_EXTENSION_DATA;
}

static void add_utf8(struct pirn__text *text, uint64_t offset)
{
    if (offset == PIRN__NO_OFFSET) {
        pirn__text_add_cstr(text, "ends inside a character");
        return;
    }
    pirn__text_add_cstr(text, "is not UTF-8 at byte ");
    pirn__text_add_number(text, offset);
}

/* Of a message whose end was not waited for nobody knows it. */
static void add_size(struct pirn__text *text, uint64_t bytes)
{
    if (bytes == PIRN__UNKNOWN)
        return;
    pirn__text_add_cstr(text, "of ");
    pirn__text_add_number(text, bytes);
    pirn__text_add_cstr(text, " bytes ");
}

static const char *rsv_names(uint64_t rsv)
{
    static const char *const names[8] = {
        "",     "RSV3",          "RSV2",          "RSV2 and RSV3",
        "RSV1", "RSV1 and RSV3", "RSV1 and RSV2", "RSV1, RSV2 and RSV3"};
    return names[rsv];
}

static const char *eof_text(const struct pirn_endpoint *ep)
{
    return ep->flags & PIRN__CLOSE_RECEIVED ? "connection ended before our close frame had left"
                                            : pirn_error_text(PIRN_E_EOF);
}

static void add_part(struct pirn__text *text, const struct pirn_endpoint *ep, char part)
{
    const unsigned opcode = ep->header[0] & PIRN__OPCODE_BITS;
    switch (part) {
    case 'b':
        add_size(text, ep->detail);
        break;
    case 'c':
        pirn__text_add_number(text, pirn__close_timeout_ms(ep));
        break;
    case 'd':
        pirn__text_add_number(text, ep->detail);
        break;
    case 'e':
        pirn__text_add_cstr(text, eof_text(ep));
        break;
    case 'f':
        pirn__text_add_number(text, pirn__max_frame_bytes(ep));
        break;
    case 'm':
        pirn__text_add_number(text, pirn__max_message_bytes(ep));
        break;
    case 'n':
        pirn__text_add_number(text, pirn__max_fragments(ep));
        break;
    case 'o':
        pirn__text_add_cstr(text, pirn_opcode_name((int)opcode));
        break;
    case 'p':
        pirn__text_add_number(text, pirn__ping_timeout_ms(ep));
        break;
    case 'r':
        pirn__text_add_cstr(text, rsv_names(ep->detail >> PIRN__RSV_SHIFT & 7));
        break;
    case 's':
        pirn__text_add_cstr(text, ep->extensions ? "where no extension allows it"
                                                 : "without an extension");
        break;
    case 'u':
        add_utf8(text, ep->detail);
        break;
    case 'w':
        pirn__text_add_number(text, 8 * pirn__length_size(ep->header[1]));
        break;
    case 'x':
        pirn__text_add_number(text, opcode);
        break;
    }
}

const char *pirn_endpoint_error_text(const struct pirn_endpoint *ep, char *text, size_t cap)
{
    if (cap == 0)
        return "";
    struct pirn__text out;
    pirn__text_init(&out, text, cap);
    const struct failure *failure = find(ep->error);
    if (!failure->text)
        pirn__text_add_cstr(&out, pirn_error_text(ep->error));
    for (const char *c = failure->text; c && *c; c++) {
        if (*c == '$')
            add_part(&out, ep, *++c);
        else
            pirn__text_add_char(&out, *c);
    }
    return text;
}
