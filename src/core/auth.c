/* auth.c: Basic, Bearer, and what URLs say of users. */
#include <pirn/auth.h>

#include <limits.h>
#include <string.h>

#include "auth_text.h"
#include "base64.h"
#include "chars.h"
#include "percent.h"

int pirn__auth_finish(struct pirn__text *text, int error)
{
    if (!error && text->len >= text->cap)
        error = -PIRN_E_ROOM;
    if (!error)
        return (int)text->len;
    text->data[0] = '\0';
    return error;
}

bool pirn__auth_begin(struct pirn__text *text, char *out, size_t cap)
{
    if (cap == 0)
        return false;
    pirn__text_init(text, out, cap < INT_MAX ? cap : INT_MAX);
    return true;
}

/* ---- Basic */

/* Gathers three bytes at a time, so that user and password need not be put together. */
struct encoder {
    struct pirn__text *text;
    unsigned char group[3];
    size_t count;
};

static void flush(struct encoder *encoder)
{
    char four[PIRN__BASE64_CHARS(3) + 1];
    pirn__base64_encode(encoder->group, encoder->count, four);
    pirn__text_add_cstr(encoder->text, four);
    encoder->count = 0;
}

static void encode(struct encoder *encoder, struct pirn_str bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        encoder->group[encoder->count++] = (unsigned char)bytes.data[i];
        if (encoder->count == sizeof encoder->group)
            flush(encoder);
    }
}

int pirn_auth_basic(struct pirn_str user, struct pirn_str password, char *out, size_t cap)
{
    struct pirn__text text;
    struct encoder encoder = {.text = &text};
    if (!pirn__auth_begin(&text, out, cap))
        return -PIRN_E_ROOM;
    if (!pirn_http_is_value(user) || !pirn_http_is_value(password) ||
        (user.len > 0 && memchr(user.data, ':', user.len)))
        return pirn__auth_finish(&text, -PIRN_E_HEADER_VALUE);
    pirn__text_add_cstr(&text, "Basic ");
    encode(&encoder, user);
    encode(&encoder, PIRN_STR(":"));
    encode(&encoder, password);
    if (encoder.count > 0)
        flush(&encoder);
    return pirn__auth_finish(&text, 0);
}

/* ---- Bearer */

static bool is_token68(struct pirn_str text)
{
    size_t i = 0;
    while (i < text.len &&
           (pirn__char_is(text.data[i], PIRN__BASE64) || memchr("-._~", text.data[i], 4)))
        i++;
    bool some = i > 0;
    while (i < text.len && text.data[i] == '=')
        i++;
    return some && i == text.len;
}

int pirn_auth_bearer(struct pirn_str token, char *out, size_t cap)
{
    struct pirn__text text;
    if (!pirn__auth_begin(&text, out, cap))
        return -PIRN_E_ROOM;
    if (!is_token68(token))
        return pirn__auth_finish(&text, -PIRN_E_HEADER_VALUE);
    pirn__text_add_cstr(&text, "Bearer ");
    pirn__text_add(&text, token);
    return pirn__auth_finish(&text, 0);
}

/* ---- users of URLs */

/* Decodes to *out, which has room, and moves it on. */
static int decode(struct pirn_str from, struct pirn_str *to, char **out)
{
    *to = (struct pirn_str){*out, 0};
    while (from.len > 0) {
        int byte = pirn__percent_take(&from);
        if (byte < 0)
            return -PIRN_E_URL;
        if (!pirn__char_is((char)byte, PIRN__VALUE))
            return -PIRN_E_HEADER_VALUE;
        *(*out)++ = (char)byte;
        to->len++;
    }
    return 0;
}

int pirn_auth_userinfo(struct pirn_str userinfo, struct pirn_str *user, struct pirn_str *password,
                       char *out, size_t cap)
{
    struct pirn_str rest = userinfo;
    struct pirn_str name = pirn__take_until(&rest, ':');
    bool has_password = name.len < userinfo.len;
    *user = *password = (struct pirn_str){NULL, 0};
    if (cap < userinfo.len)
        return -PIRN_E_ROOM;
    int error = decode(name, user, &out);
    if (!error && has_password)
        error = decode(rest, password, &out);
    if (error)
        *user = *password = (struct pirn_str){NULL, 0};
    return error;
}
