/* auth_challenge.c: what WWW-Authenticate asks for (RFC 9110, 11.6.1).
 *
 * Commas separate both challenges and their parameters. An element of the list that is "name =
 * value" is a parameter of the challenge before it, anything else begins the next one: a scheme, a
 * space, and the first parameter or a token68. */
#include <pirn/auth.h>

#include "chars.h"

/* ---- parameters */

struct parameter {
    struct pirn_str name, value; /* of a quoted string what is between the quotes, as it stands */
};

/* The whole text is one. */
static bool read_value(struct pirn_str text, struct pirn_str *value)
{
    *value = text;
    if (!pirn__take_char(&text, '"'))
        return pirn__all(text, PIRN__TOKEN);
    size_t n = 0;
    while (n < text.len && text.data[n] != '"')
        n += text.data[n] == '\\' ? 2 : 1;
    *value = (struct pirn_str){text.data, n};
    return n + 1 == text.len;
}

/* Whether the element is a parameter; one that is malformed has no value. */
static bool read_parameter(struct pirn_str element, struct parameter *parameter)
{
    struct pirn_str rest = element;
    parameter->name = pirn__take(&rest, PIRN__TOKEN);
    rest = pirn__trim(rest);
    if (parameter->name.len == 0 || !pirn__take_char(&rest, '='))
        return false;
    if (!read_value(pirn__trim(rest), &parameter->value))
        parameter->value = (struct pirn_str){NULL, 0};
    return true;
}

/* ---- the parameters of Digest */

static bool is(struct pirn_str text, struct pirn_str word)
{
    return pirn_str_equal_nocase(text, word);
}

static bool set_algorithm(struct pirn_auth_challenge *challenge, struct pirn_str name)
{
    static const struct {
        struct pirn_str name;
        enum pirn_hash hash;
        bool session;
    } algorithms[] = {
        {PIRN_STR_INIT("MD5"), PIRN_HASH_MD5, false},
        {PIRN_STR_INIT("MD5-sess"), PIRN_HASH_MD5, true},
        {PIRN_STR_INIT("SHA-256"), PIRN_HASH_SHA256, false},
        {PIRN_STR_INIT("SHA-256-sess"), PIRN_HASH_SHA256, true},
        {PIRN_STR_INIT("SHA-512-256"), PIRN_HASH_SHA512_256, false},
        {PIRN_STR_INIT("SHA-512-256-sess"), PIRN_HASH_SHA512_256, true},
    };
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
        if (is(algorithms[i].name, name)) {
            challenge->hash = algorithms[i].hash;
            challenge->session = algorithms[i].session;
            return true;
        }
    return false;
}

static bool set_qop(struct pirn_auth_challenge *challenge, struct pirn_str offers)
{
    struct pirn_http_list list;
    struct pirn_str offer;
    pirn_http_list_init_value(&list, offers);
    while (pirn_http_list_next(&list, &offer))
        if (is(offer, PIRN_STR("auth")))
            challenge->qop = true;
    return challenge->qop;
}

/* What of a challenge has been seen. */
enum seen {
    REALM = 1,
    NONCE = 2,
    OPAQUE = 4,
    ALGORITHM = 8,
    QOP = 16,
    STALE = 32,
    USERHASH = 64,
    UNUSABLE = 128 /* it cannot be answered */
};

static const struct {
    struct pirn_str name;
    enum seen bit;
} names[] = {
    {PIRN_STR_INIT("realm"), REALM},       {PIRN_STR_INIT("nonce"), NONCE},
    {PIRN_STR_INIT("opaque"), OPAQUE},     {PIRN_STR_INIT("algorithm"), ALGORITHM},
    {PIRN_STR_INIT("qop"), QOP},           {PIRN_STR_INIT("stale"), STALE},
    {PIRN_STR_INIT("userhash"), USERHASH},
};

/* Returns false if it makes the challenge one that cannot be answered. */
static bool set(struct pirn_auth_challenge *challenge, enum seen bit, struct pirn_str value)
{
    switch (bit) {
    case REALM:
        challenge->realm = value;
        return true;
    case NONCE:
        challenge->nonce = value;
        return true;
    case OPAQUE:
        challenge->opaque = value;
        return true;
    case ALGORITHM:
        return set_algorithm(challenge, value);
    case QOP:
        return set_qop(challenge, value);
    case STALE:
        challenge->stale = is(value, PIRN_STR("true"));
        return true;
    default:
        challenge->userhash = is(value, PIRN_STR("true"));
        return true;
    }
}

static unsigned add(struct pirn_auth_challenge *challenge, unsigned seen,
                    const struct parameter *parameter)
{
    if (!parameter->value.data)
        return seen | UNUSABLE;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!is(names[i].name, parameter->name))
            continue;
        if (seen & names[i].bit || !set(challenge, names[i].bit, parameter->value))
            return seen | UNUSABLE;
        return seen | names[i].bit;
    }
    return seen;
}

/* ---- challenges */

/* An element that begins one. */
static unsigned begin(struct pirn_auth_challenge *challenge, struct pirn_str element)
{
    static const struct {
        struct pirn_str name;
        enum pirn_auth_scheme scheme;
    } schemes[] = {
        {PIRN_STR_INIT("Basic"), PIRN_AUTH_BASIC},
        {PIRN_STR_INIT("Bearer"), PIRN_AUTH_BEARER},
        {PIRN_STR_INIT("Digest"), PIRN_AUTH_DIGEST},
    };
    struct parameter first;
    unsigned seen = UNUSABLE;
    *challenge = (struct pirn_auth_challenge){.hash = PIRN_HASH_MD5};
    struct pirn_str scheme = pirn__take(&element, PIRN__TOKEN);
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (is(schemes[i].name, scheme)) {
            challenge->scheme = schemes[i].scheme;
            seen = 0;
        }
    if (read_parameter(pirn__trim(element), &first))
        seen = add(challenge, seen, &first);
    return seen;
}

static bool can_be_answered(const struct pirn_auth_challenge *challenge, unsigned seen)
{
    return !(seen & UNUSABLE) && (challenge->scheme != PIRN_AUTH_DIGEST || seen & NONCE);
}

bool pirn_auth_challenge_next(struct pirn_http_list *list, struct pirn_auth_challenge *challenge)
{
    struct pirn_str element;
    struct parameter parameter;
    while (pirn_http_list_next(list, &element)) {
        if (read_parameter(element, &parameter))
            continue; /* of none */
        unsigned seen = begin(challenge, element);
        struct pirn_http_list behind = *list;
        while (pirn_http_list_next(&behind, &element) && read_parameter(element, &parameter)) {
            seen = add(challenge, seen, &parameter);
            *list = behind;
        }
        if (can_be_answered(challenge, seen))
            return true;
    }
    return false;
}

/* The higher, the better. */
static int worth(const struct pirn_auth_challenge *challenge)
{
    if (challenge->scheme != PIRN_AUTH_DIGEST)
        return challenge->scheme == PIRN_AUTH_BASIC ? 1 : 0;
    return 2 + (int)challenge->hash;
}

int pirn_auth_choose(const struct pirn_http_head *head, struct pirn_str header,
                     struct pirn_auth_challenge *challenge)
{
    struct pirn_http_list list;
    struct pirn_auth_challenge each;
    int best = 0;
    pirn_http_list_init(&list, head, header);
    while (pirn_auth_challenge_next(&list, &each))
        if (worth(&each) > best) {
            best = worth(&each);
            *challenge = each;
        }
    return best > 0 ? 0 : -PIRN_E_UNSUPPORTED;
}
