/* Whatever is offered, what we answer is taken by a client of ours, and means the same to it. */
#undef NDEBUG /* the assertions are the test */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <pirn/deflate.h>
#include <pirn/http.h>

struct side {
    struct pirn_deflate deflate;
    union {
        struct pirn_extension_state base;
        uint64_t bytes[8];
    } state;
    struct pirn_deflate_params params;
};

static struct side server, client;

static void *no_memory(void *context, void *memory, size_t old_size, size_t size)
{
    (void)context, (void)memory, (void)old_size, (void)size;
    abort();
}

static bool begin(struct side *side, enum pirn_role role, uint8_t settings)
{
    static uint8_t room[PIRN_DEFLATE_ROOM_MIN];
    const struct pirn_deflate_config config = {
        .mode = settings & 1 ? PIRN_DEFLATE_SHARED : PIRN_DEFLATE_DEDICATED,
        .no_context_takeover = settings & 2,
        .peer_no_context_takeover = settings & 4,
        .window_bits = 9 + (settings >> 3) % 7,
        .peer_window_bits = 8 + (settings >> 5),
    };
    memset(&side->state, 0, sizeof side->state);
    side->state.base.extension = &side->deflate.extension;
    side->state.base.last = true;
    return pirn_deflate_init(&side->deflate, &config, role, no_memory, NULL, room, sizeof room) ==
           0;
}

static void check(struct side *side)
{
    assert(pirn_deflate_negotiated(&side->deflate, &side->state.base, &side->params));
    assert(side->params.own_window_bits >= 8 && side->params.own_window_bits <= 15);
    assert(side->params.peer_window_bits >= 8 && side->params.peer_window_bits <= 15);
}

static void answer_and_confirm(const struct pirn_extension_element *offer)
{
    struct pirn_extension_element answer, parsed;
    const struct pirn_extension *ours = &server.deflate.extension;
    const struct pirn_extension *theirs = &client.deflate.extension;
    const char *wrong = NULL;
    char text[512];
    if (!ours->accept(ours, offer, &server.state.base, &answer))
        return;
    int len = pirn_extension_element_write(&answer, text, sizeof text);
    assert(len > 0);
    assert(pirn_extension_element_parse(&parsed, (struct pirn_str){text, (size_t)len}) == 0);
    assert(theirs->confirm(theirs, &parsed, &client.state.base, &wrong));
    check(&server);
    check(&client);
    assert(server.params.own_window_bits >= 9);
    assert(client.params.own_window_bits <= server.params.peer_window_bits);
    assert(client.params.own_no_context_takeover || !server.params.peer_no_context_takeover);
    assert(server.params.own_no_context_takeover || !client.params.peer_no_context_takeover);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 4096 || !begin(&server, PIRN_SERVER, data[0]) ||
        !begin(&client, PIRN_CLIENT, data[1]))
        return 0;
    size_t len = size - 2;
    char *copy = malloc(len ? len : 1);
    assert(copy);
    if (len > 0)
        memcpy(copy, data + 2, len);
    struct pirn_http_list list;
    struct pirn_str item;
    struct pirn_extension_element element;
    const char *wrong = NULL;
    pirn_http_list_init_value(&list, (struct pirn_str){copy, len});
    while (pirn_http_list_next(&list, &item)) {
        if (pirn_extension_element_parse(&element, item) != 0)
            continue;
        answer_and_confirm(&element);
        const struct pirn_extension *extension = &client.deflate.extension;
        assert(extension->confirm(extension, &element, &client.state.base, &wrong) || wrong);
    }
    free(copy);
    return 0;
}
