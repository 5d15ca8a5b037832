#include "handshake.h"

#include <pirn/error.h>

#include "base64.h"
#include "chars.h"
#include "sha1.h"

void pirn_handshake_accept_key(struct pirn_str key, char out[PIRN_HANDSHAKE_ACCEPT_CHARS + 1])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char digest[PIRN__SHA1_BYTES];
    struct pirn__sha1 sha1;
    pirn__sha1_init(&sha1);
    pirn__sha1_update(&sha1, key.data, key.len);
    pirn__sha1_update(&sha1, guid, sizeof guid - 1);
    pirn__sha1_final(&sha1, digest);
    pirn__base64_encode(digest, sizeof digest, out);
}

/* What the handshake itself says, and what would change how the head or its end is understood. */
static const struct {
    const char *name;
    unsigned uses;
} reserved[] = {
    {"Connection", PIRN__USE_REQUEST | PIRN__USE_ACCEPT | PIRN__USE_REFUSAL},
    {"Content-Length", PIRN__USE_REQUEST | PIRN__USE_ACCEPT | PIRN__USE_REFUSAL},
    {"Transfer-Encoding", PIRN__USE_REQUEST | PIRN__USE_ACCEPT | PIRN__USE_REFUSAL},
    {"Trailer", PIRN__USE_REQUEST | PIRN__USE_ACCEPT | PIRN__USE_REFUSAL},
    {"TE", PIRN__USE_REQUEST | PIRN__USE_ACCEPT | PIRN__USE_REFUSAL},
    {"Keep-Alive", PIRN__USE_REQUEST | PIRN__USE_ACCEPT | PIRN__USE_REFUSAL},
    {"Proxy-Connection", PIRN__USE_REQUEST | PIRN__USE_ACCEPT | PIRN__USE_REFUSAL},
    {"Upgrade", PIRN__USE_REQUEST | PIRN__USE_ACCEPT},
    {"Content-Type", PIRN__USE_REQUEST},
    {"Expect", PIRN__USE_REQUEST},
    {"Host", PIRN__USE_REQUEST},
    {"Origin", PIRN__USE_REQUEST},
    {"User-Agent", PIRN__USE_REQUEST},
};

static bool is_reserved(struct pirn_str name, enum pirn__head_use use)
{
    const struct pirn_str ours = PIRN_STR("Sec-WebSocket-");
    if (use != PIRN__USE_REFUSAL && name.len >= ours.len &&
        pirn_str_equal_nocase((struct pirn_str){name.data, ours.len}, ours))
        return true;
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if ((reserved[i].uses & use) && pirn_str_equal_nocase(name, pirn_cstr(reserved[i].name)))
            return true;
    return false;
}

bool pirn__handshake_has_reserved(const struct pirn_header *headers, size_t count,
                                  enum pirn__head_use use)
{
    for (size_t i = 0; i < count; i++)
        if (is_reserved(headers[i].name, use))
            return true;
    return false;
}

void pirn__handshake_add_printable(struct pirn__text *text, struct pirn_str value)
{
    enum { LONGEST = 64 };
    for (size_t i = 0; i < value.len && i < LONGEST; i++) {
        bool printable = value.data[i] >= 0x20 && value.data[i] < 0x7f;
        pirn__text_add_char(text, printable ? value.data[i] : '?');
    }
    pirn__text_add_cstr(text, value.len > LONGEST ? "..." : "");
}

void pirn__handshake_explain(char detail[PIRN_HANDSHAKE_DETAIL_BYTES], const char *name,
                             struct pirn_str value, const char *problem)
{
    struct pirn__text text;
    pirn__text_init(&text, detail, PIRN_HANDSHAKE_DETAIL_BYTES);
    pirn__text_add_cstr(&text, name);
    if (value.data) {
        pirn__text_add_cstr(&text, " \"");
        pirn__handshake_add_printable(&text, value);
        pirn__text_add_char(&text, '"');
    }
    pirn__text_add_char(&text, ' ');
    pirn__text_add_cstr(&text, problem);
}

void pirn__handshake_explain_head(char detail[PIRN_HANDSHAKE_DETAIL_BYTES],
                                  const struct pirn_http_head *head)
{
    struct pirn__text text;
    pirn__text_init(&text, detail, PIRN_HANDSHAKE_DETAIL_BYTES);
    pirn__text_add_cstr(&text, pirn_error_text(head->error));
    pirn__text_add_cstr(&text, " (line ");
    pirn__text_add_number(&text, head->error_line);
    pirn__text_add_char(&text, ')');
}

bool pirn__handshake_single(const struct pirn_http_head *head, const char *name,
                            struct pirn_str *value, char detail[PIRN_HANDSHAKE_DETAIL_BYTES])
{
    size_t count = pirn_http_count(head, pirn_cstr(name));
    *value = pirn_http_find(head, pirn_cstr(name));
    if (count != 1)
        pirn__handshake_explain(detail, name, (struct pirn_str){NULL, 0},
                                count ? "is there more than once" : "is missing");
    return count == 1;
}

bool pirn__handshake_among(const struct pirn_str *list, size_t count, struct pirn_str text)
{
    for (size_t i = 0; i < count; i++)
        if (pirn_str_equal(list[i], text))
            return true;
    return false;
}

bool pirn__handshake_names_extension(struct pirn_http_list list, size_t count, struct pirn_str name)
{
    struct pirn_str item;
    for (; count > 0 && pirn_http_list_next(&list, &item); count--)
        if (pirn_str_equal(pirn__take(&item, PIRN__TOKEN), name))
            return true;
    return false;
}
