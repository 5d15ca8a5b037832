/* auth_digest.c: the answer to a Digest challenge (RFC 7616, 3.4).
 *
 *     A1 = user:realm:password, and with -sess H(A1):nonce:cnonce
 *     A2 = method:target
 *     response = H(H(A1):nonce:count:cnonce:auth:H(A2)), and without qop H(H(A1):nonce:H(A2))
 *
 * Nothing is put together: hash functions take pieces. */
#include <pirn/auth.h>

#include <string.h>

#include "auth_text.h"
#include "chars.h"

enum { HEX_MAX = 2 * PIRN_HASH_MAX, COUNT_DIGITS = 8, PARTS_MAX = 6 };

static const char digits[] = "0123456789abcdef";

struct hex {
    char text[HEX_MAX];
    size_t len;
};

static struct pirn_str of(const struct hex *hex)
{
    return (struct pirn_str){hex->text, hex->len};
}

/* The hash of the pieces with colons between them. */
static bool hash(const struct pirn_auth_challenge *challenge, const struct pirn_auth_answer *with,
                 const struct pirn_str *parts, size_t count, struct hex *hex)
{
    struct pirn_str pieces[2 * PARTS_MAX];
    uint8_t bytes[PIRN_HASH_MAX];
    for (size_t i = 0; i < count; i++) {
        pieces[2 * i] = parts[i];
        pieces[2 * i + 1] = PIRN_STR(":");
    }
    if (!with->hash(with->hash_context, challenge->hash, pieces, 2 * count - 1, bytes))
        return false;
    size_t len = challenge->hash == PIRN_HASH_MD5 ? 16 : 32;
    for (size_t i = 0; i < len; i++) {
        hex->text[2 * i] = digits[bytes[i] >> 4];
        hex->text[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex->len = 2 * len;
    return true;
}

static bool hash_secret(const struct pirn_auth_challenge *challenge,
                        const struct pirn_auth_answer *with, struct hex *a1)
{
    const struct pirn_str plain[] = {with->user, challenge->realm, with->password};
    if (!hash(challenge, with, plain, 3, a1))
        return false;
    if (!challenge->session)
        return true;
    struct hex first = *a1;
    const struct pirn_str session[] = {of(&first), challenge->nonce, with->cnonce};
    return hash(challenge, with, session, 3, a1);
}

static bool hash_all(const struct pirn_auth_challenge *challenge,
                     const struct pirn_auth_answer *with, struct pirn_str count,
                     struct hex *response)
{
    struct hex a1, a2;
    const struct pirn_str request[] = {with->method, with->target};
    if (!hash_secret(challenge, with, &a1) || !hash(challenge, with, request, 2, &a2))
        return false;
    const struct pirn_str with_qop[] = {of(&a1),      challenge->nonce, count,
                                        with->cnonce, PIRN_STR("auth"), of(&a2)};
    const struct pirn_str without[] = {of(&a1), challenge->nonce, of(&a2)};
    return challenge->qop ? hash(challenge, with, with_qop, 6, response)
                          : hash(challenge, with, without, 3, response);
}

/* ---- writing */

/* The first is the name of the user: all others have one before them. */
static void add_name(struct pirn__text *text, const char *name)
{
    pirn__text_add_cstr(text, ", ");
    pirn__text_add_cstr(text, name);
    pirn__text_add_char(text, '=');
}

static void add_plain(struct pirn__text *text, const char *name, struct pirn_str value)
{
    add_name(text, name);
    pirn__text_add(text, value);
}

/* value as it is between quotes. */
static void add_quoted(struct pirn__text *text, const char *name, struct pirn_str value)
{
    add_name(text, name);
    pirn__text_add_char(text, '"');
    pirn__text_add(text, value);
    pirn__text_add_char(text, '"');
}

static bool is_ascii(struct pirn_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] >= 0x80)
            return false;
    return true;
}

/* RFC 8187: a name in other letters. */
static void add_encoded_name(struct pirn__text *text, struct pirn_str user)
{
    pirn__text_add_cstr(text, "username*=UTF-8''");
    for (size_t i = 0; i < user.len; i++) {
        unsigned char byte = (unsigned char)user.data[i];
        if (pirn__char_is((char)byte, PIRN__BASE64) && byte != '+' && byte != '/') {
            pirn__text_add_char(text, (char)byte);
        } else {
            pirn__text_add_char(text, '%');
            pirn__text_add_char(text, digits[byte >> 4]);
            pirn__text_add_char(text, digits[byte & 15]);
        }
    }
}

/* Escaped where it has to be; the hash is over what it means. */
static void add_escaped_name(struct pirn__text *text, struct pirn_str user)
{
    pirn__text_add_cstr(text, "username=\"");
    for (size_t i = 0; i < user.len; i++) {
        if (user.data[i] == '"' || user.data[i] == '\\')
            pirn__text_add_char(text, '\\');
        pirn__text_add_char(text, user.data[i]);
    }
    pirn__text_add_char(text, '"');
}

static bool add_user(struct pirn__text *text, const struct pirn_auth_challenge *challenge,
                     const struct pirn_auth_answer *with)
{
    const struct pirn_str parts[] = {with->user, challenge->realm};
    struct hex hashed;
    if (challenge->userhash) {
        if (!hash(challenge, with, parts, 2, &hashed))
            return false;
        add_escaped_name(text, of(&hashed));
    } else if (is_ascii(with->user)) {
        add_escaped_name(text, with->user);
    } else {
        add_encoded_name(text, with->user);
    }
    return true;
}

static int write(struct pirn__text *text, const struct pirn_auth_challenge *challenge,
                 const struct pirn_auth_answer *with)
{
    static const char *const names[][2] = {
        [PIRN_HASH_MD5] = {"MD5", "MD5-sess"},
        [PIRN_HASH_SHA256] = {"SHA-256", "SHA-256-sess"},
        [PIRN_HASH_SHA512_256] = {"SHA-512-256", "SHA-512-256-sess"},
    };
    char count[COUNT_DIGITS];
    for (unsigned i = 0; i < COUNT_DIGITS; i++)
        count[i] = digits[with->count >> (4 * (COUNT_DIGITS - 1 - i)) & 15];
    struct hex response;
    pirn__text_add_cstr(text, "Digest ");
    if (!hash_all(challenge, with, (struct pirn_str){count, sizeof count}, &response) ||
        !add_user(text, challenge, with))
        return -PIRN_E_UNSUPPORTED;
    add_quoted(text, "realm", challenge->realm);
    add_quoted(text, "nonce", challenge->nonce);
    add_quoted(text, "uri", with->target);
    add_plain(text, "algorithm", pirn_cstr(names[challenge->hash][challenge->session]));
    add_quoted(text, "response", of(&response));
    if (challenge->qop) {
        add_plain(text, "qop", PIRN_STR("auth"));
        add_plain(text, "nc", (struct pirn_str){count, sizeof count});
    }
    if (challenge->qop || challenge->session)
        add_quoted(text, "cnonce", with->cnonce);
    if (challenge->opaque.data)
        add_quoted(text, "opaque", challenge->opaque);
    if (challenge->userhash)
        add_plain(text, "userhash", PIRN_STR("true"));
    return 0;
}

/* ---- checking */

/* What may stand between quotes as it is. */
static bool is_quotable(struct pirn_str text)
{
    return pirn_http_is_value(text) && is_ascii(text) &&
           (text.len == 0 ||
            (!memchr(text.data, '"', text.len) && !memchr(text.data, '\\', text.len)));
}

static int check(const struct pirn_auth_challenge *challenge, const struct pirn_auth_answer *with)
{
    bool client_nonce = challenge->qop || challenge->session;
    if (challenge->scheme != PIRN_AUTH_DIGEST || !with->hash)
        return -PIRN_E_UNSUPPORTED;
    if (with->method.len == 0 || with->target.len == 0 || (challenge->qop && with->count == 0) ||
        (client_nonce && with->cnonce.len == 0))
        return -PIRN_E_ARGUMENT;
    bool good = pirn_http_is_value(with->user) && pirn_http_is_value(with->password) &&
                pirn_http_is_value(challenge->realm) && pirn_http_is_value(challenge->nonce) &&
                pirn_http_is_value(challenge->opaque) && is_quotable(with->target) &&
                is_quotable(with->cnonce);
    return good ? 0 : -PIRN_E_HEADER_VALUE;
}

int pirn_auth_digest(const struct pirn_auth_challenge *challenge,
                     const struct pirn_auth_answer *with, char *out, size_t cap)
{
    struct pirn__text text;
    if (!pirn__auth_begin(&text, out, cap))
        return -PIRN_E_ROOM;
    int error = check(challenge, with);
    if (!error)
        error = write(&text, challenge, with);
    return pirn__auth_finish(&text, error);
}
