/* What a client asks for: the request of the opening handshake, with its credentials and cookies.
 *
 * Secrets of the configuration (user, password, bearer, and the headers that carry such) go to the
 * origin of its URL and nowhere else; cookies of a jar go where the jar says. */
#include <string.h>
#include <time.h>

#include "client/client_state.h"
#include "tls/hash.h"
#include "client/location.h"

#define FIRST_BYTES 512
#define MOST_BYTES  ((size_t)1 << 20) /* nothing that makes sense is longer */

/* ---- text of unknown length */

typedef int write_fn(struct pirn_client *client, const void *what, char *out, size_t cap);

/* Has write fill bytes, with more room as long as it says that there is too little. Returns what
 * write did, or -PIRN_E_MEMORY. */
static int fill(struct pirn_client *client, struct pirn__client_bytes *bytes, write_fn *write,
                const void *what)
{
    int len = -PIRN_E_ROOM;
    for (size_t cap = FIRST_BYTES; len == -PIRN_E_ROOM && cap <= MOST_BYTES; cap *= 2) {
        if (!pirn__client_reserve(client, bytes, cap))
            return -PIRN_E_MEMORY;
        len = write(client, what, bytes->data, bytes->cap);
    }
    bytes->len = len > 0 ? (size_t)len : 0;
    return len;
}

/* ---- credentials */

bool pirn__client_trusts(const struct pirn_client *client)
{
    struct pirn_url start;
    return pirn_url_parse(&start, pirn__client_str(&client->attempt->start)) == 0 &&
           pirn__location_same_origin(&start, &client->attempt->target);
}

struct credentials {
    struct pirn_str user, password;
};

/* The program's, or those of its URL, which are decoded to room. */
static int find_credentials(struct pirn_client *client, struct credentials *found,
                            struct pirn__client_bytes *room)
{
    struct pirn_url start;
    *found = (struct credentials){pirn_cstr(client->attempt->now.user),
                                  pirn_cstr(client->attempt->now.password)};
    int error = pirn_url_parse(&start, pirn__client_str(&client->attempt->start));
    if (error || found->user.data || !start.userinfo.data)
        return error;
    if (!pirn__client_reserve(client, room, start.userinfo.len + 1))
        return -PIRN_E_MEMORY;
    return pirn_auth_userinfo(start.userinfo, &found->user, &found->password, room->data,
                              room->cap);
}

static int write_basic(struct pirn_client *client, const void *what, char *out, size_t cap)
{
    const struct credentials *with = what;
    (void)client;
    return pirn_auth_basic(with->user, with->password, out, cap);
}

static int write_bearer(struct pirn_client *client, const void *what, char *out, size_t cap)
{
    (void)what;
    return pirn_auth_bearer(pirn_cstr(client->attempt->now.bearer), out, cap);
}

/* Fills client->attempt->authorization, unless the answer to a challenge stands there. */
static int authorize(struct pirn_client *client)
{
    struct pirn__client_bytes room = {.data = NULL}, *bytes = &client->attempt->authorization;
    struct credentials with;
    int result = 0;
    if (client->answers > 0 || !pirn__client_trusts(client))
        return 0;
    if (client->attempt->now.bearer)
        return fill(client, bytes, write_bearer, NULL);
    result = find_credentials(client, &with, &room);
    if (result == 0 && with.user.data && !client->attempt->now.digest_only)
        result = fill(client, bytes, write_basic, &with);
    pirn__client_drop(client, &room);
    return result;
}

/* ---- Digest */

struct digest {
    struct pirn_auth_challenge challenge;
    struct pirn_auth_answer with;
};

static int write_digest(struct pirn_client *client, const void *what, char *out, size_t cap)
{
    const struct digest *digest = what;
    (void)client;
    return pirn_auth_digest(&digest->challenge, &digest->with, out, cap);
}

/* A nonce is answered once; another time when all was right but its age. */
static bool may_answer(const struct pirn_client *client,
                       const struct pirn_auth_challenge *challenge)
{
    return challenge->scheme == PIRN_AUTH_DIGEST && pirn__client_trusts(client) &&
           !client->attempt->now.bearer &&
           (client->answers == 0 || (client->answers == 1 && challenge->stale));
}

int pirn__client_answer(struct pirn_client *client)
{
    struct pirn__client_bytes room = {.data = NULL};
    char cnonce[PIRN__CNONCE_CAP];
    struct credentials with;
    struct digest digest;
    if (pirn_auth_choose(&client->attempt->head, PIRN_STR("WWW-Authenticate"), &digest.challenge) <
            0 ||
        !may_answer(client, &digest.challenge))
        return 0;
    if (!pirn__cnonce(pirn__client_loop(client), cnonce))
        return -PIRN_E_RANDOM;
    int result = find_credentials(client, &with, &room);
    digest.with = (struct pirn_auth_answer){.user = with.user,
                                            .password = with.password,
                                            .method = PIRN_STR("GET"),
                                            .target = client->attempt->target.target,
                                            .cnonce = pirn_cstr(cnonce),
                                            .count = 1,
                                            .hash = pirn__hash};
    if (result == 0 && with.user.data)
        result = fill(client, &client->attempt->authorization, write_digest, &digest);
    pirn__client_drop(client, &room);
    client->answers += result > 0;
    return result > 0 || result == -PIRN_E_MEMORY ? result : 0;
}

/* ---- cookies */

static int write_cookies(struct pirn_client *client, const void *what, char *out, size_t cap)
{
    (void)what;
    return pirn_cookies_header(client->attempt->now.cookies, &client->attempt->target,
                               (int64_t)time(NULL), out, cap);
}

/* ---- headers */

static bool is_secret(struct pirn_str name)
{
    return pirn_str_equal_nocase(name, PIRN_STR("Authorization")) ||
           pirn_str_equal_nocase(name, PIRN_STR("Cookie"));
}

static bool has_header(const struct pirn_client *client, struct pirn_str name)
{
    for (size_t i = 0; i < client->attempt->now.header_count; i++)
        if (pirn_str_equal_nocase(client->attempt->now.headers[i].name, name))
            return true;
    return false;
}

/* The program's headers, and those of ours that are not among them. Returns how many. */
static size_t gather(const struct pirn_client *client, struct pirn_header *headers,
                     struct pirn_str cookie)
{
    const struct pirn_header own[] = {
        {PIRN_STR("Authorization"), pirn__client_str(&client->attempt->authorization)},
        {PIRN_STR("Cookie"), cookie},
    };
    bool trusted = pirn__client_trusts(client);
    size_t count = 0;
    for (size_t i = 0; i < client->attempt->now.header_count; i++)
        if (trusted || !is_secret(client->attempt->now.headers[i].name))
            headers[count++] = client->attempt->now.headers[i];
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (own[i].value.len > 0 && !(trusted && has_header(client, own[i].name)))
            headers[count++] = own[i];
    return count;
}

/* ---- extensions */

bool pirn__client_offers(const struct pirn_client *client, struct pirn_str name)
{
    const struct pirn__extensions *extensions = client->owner.extensions;
    for (size_t i = 0; extensions && i < extensions->count; i++)
        if (pirn_str_equal(extensions->ours[i]->name, name))
            return true;
    return false;
}

static int write_offers(struct pirn_client *client, const void *what, char *out, size_t cap)
{
    const struct pirn__extensions *extensions = what;
    (void)client;
    return pirn_extension_offer(extensions->ours, extensions->count, out, cap);
}

/* ---- the request */

static struct pirn_str or_absent(const char *text)
{
    return text && *text ? pirn_cstr(text) : (struct pirn_str){NULL, 0};
}

static void ask(struct pirn_client *client)
{
    const struct pirn_client_config *config = &client->attempt->now;
    const struct pirn_url *target = &client->attempt->target;
    client->attempt->asked = (struct pirn_client_handshake_config){
        .host = target->host,
        .port = target->port,
        .secure = target->secure,
        .require_subprotocol = config->require_subprotocol,
        .target = target->target,
        .origin = or_absent(config->origin),
        .user_agent =
            or_absent(config->user_agent ? config->user_agent : "pirn/" PIRN_VERSION_STRING),
        .subprotocols = config->subprotocols,
        .subprotocol_count = config->subprotocol_count,
        .extensions = or_absent(client->offers.data),
    };
}

static int write_handshake(struct pirn_client *client, const void *what, char *out, size_t cap)
{
    const struct pirn_endpoint_config *endpoint = &client->config.conn.endpoint;
    (void)what;
    return pirn_client_handshake_write(&client->attempt->handshake, &client->attempt->asked,
                                       endpoint->random, endpoint->random_context, out, cap);
}

static int write_with(struct pirn_client *client, struct pirn_str cookie)
{
    struct pirn_loop *loop = pirn__client_loop(client);
    size_t size = (client->attempt->now.header_count + 2) * sizeof(struct pirn_header);
    struct pirn_header *headers = pirn__alloc(loop, size);
    if (!headers)
        return -PIRN_E_MEMORY;
    ask(client);
    client->attempt->asked.headers = headers;
    client->attempt->asked.header_count = gather(client, headers, cookie);
    int len = fill(client, &client->request, write_handshake, NULL);
    client->attempt->asked.headers = NULL;
    client->attempt->asked.header_count = 0;
    pirn__free(loop, headers, size);
    return len < 0 ? len : 0;
}

int pirn__client_write_request(struct pirn_client *client)
{
    struct pirn__client_bytes cookie = {.data = NULL};
    int result = authorize(client);
    if (result >= 0 && client->owner.extensions)
        result = fill(client, &client->offers, write_offers, client->owner.extensions);
    if (result >= 0 && client->attempt->now.cookies)
        result = fill(client, &cookie, write_cookies, NULL);
    if (result >= 0)
        result = write_with(client, pirn__client_str(&cookie));
    pirn__client_drop(client, &cookie);
    return result;
}
