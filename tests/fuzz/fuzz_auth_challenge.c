/* What challenges are found can be answered, and the answers fit into a header. */
#undef NDEBUG /* the assertions are the test */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <pirn/auth.h>
#include <pirn/error.h>

static bool fake_hash(void *context, enum pirn_hash hash, const struct pirn_str *pieces,
                      size_t count, uint8_t out[PIRN_HASH_MAX])
{
    unsigned sum = (unsigned)hash;
    (void)context;
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at < pieces[i].len; at++)
            sum = sum * 31 + (unsigned char)pieces[i].data[at];
    memset(out, (int)(sum & 0xFF), PIRN_HASH_MAX);
    return true;
}

static void answer(const struct pirn_auth_challenge *challenge)
{
    static char out[16384];
    const struct pirn_auth_answer with = {
        .user = PIRN_STR("a\"da"),
        .password = PIRN_STR("secret"),
        .method = PIRN_STR("GET"),
        .target = PIRN_STR("/chat"),
        .cnonce = PIRN_STR("0123456789abcdef"),
        .count = 1,
        .hash = fake_hash,
    };
    int len = pirn_auth_digest(challenge, &with, out, sizeof out);
    if (challenge->scheme != PIRN_AUTH_DIGEST)
        assert(len == -PIRN_E_UNSUPPORTED);
    else if (len < 0)
        assert(len == -PIRN_E_HEADER_VALUE);
    else
        assert(pirn_http_is_value((struct pirn_str){out, (size_t)len}));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 4096)
        return 0;
    char *copy = malloc(size ? size : 1);
    assert(copy);
    if (size > 0)
        memcpy(copy, data, size);
    struct pirn_http_list list;
    struct pirn_auth_challenge challenge;
    pirn_http_list_init_value(&list, (struct pirn_str){copy, size});
    while (pirn_auth_challenge_next(&list, &challenge))
        answer(&challenge);
    free(copy);
    return 0;
}
