/* Whatever is inflated, whole or in pieces and into rooms of any size, comes to the same. The first
 * bytes say what was agreed on and how it is cut; then messages, each behind its length. */
#undef NDEBUG /* the assertions are the test */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <pirn/deflate.h>
#include <pirn/error.h>

enum { LIMIT = 100000 };

struct side {
    struct pirn_deflate deflate;
    union {
        struct pirn_extension_state base;
        uint64_t bytes[8];
    } state;
    uint8_t room[PIRN_DEFLATE_ROOM_MIN];
    uint8_t got[LIMIT + 1];
    size_t len;
    size_t held; /* bytes of memory */
    int error;
};

static struct side whole, cut;

static void *resize(void *context, void *memory, size_t old_size, size_t size)
{
    struct side *side = context;
    side->held += size - old_size;
    if (size > 0)
        return realloc(memory, size);
    free(memory);
    return NULL;
}

static void begin(struct side *side, uint8_t settings)
{
    static const char *const numbers[] = {"8", "9", "10", "11", "12", "13", "14", "15"};
    const struct pirn_deflate_config config = {.mode = PIRN_DEFLATE_DEDICATED};
    const char *wrong;
    struct pirn_extension_element answer = {
        .param_count = settings & 8 ? 2 : 1,
        .params = {{PIRN_STR_INIT("server_max_window_bits"), pirn_cstr(numbers[settings & 7])},
                   {PIRN_STR_INIT("server_no_context_takeover"), {NULL, 0}}},
    };
    memset(side, 0, sizeof *side);
    assert(pirn_deflate_init(&side->deflate, &config, PIRN_CLIENT, resize, side, side->room,
                             sizeof side->room) == 0);
    side->state.base.extension = &side->deflate.extension;
    side->state.base.last = true;
    assert(side->deflate.extension.confirm(&side->deflate.extension, &answer, &side->state.base,
                                           &wrong));
}

static void end(struct side *side)
{
    side->deflate.extension.release(&side->state.base);
    pirn_deflate_release(&side->deflate);
    assert(side->held == 0);
}

/* In steps of out_cap bytes at most, and in pieces of `piece` bytes. */
static void receive(struct side *side, const uint8_t *data, size_t len, size_t piece, size_t cap)
{
    const struct pirn_frame frame = {.opcode = PIRN_BINARY, .rsv = 4};
    struct pirn_extension_state *state = &side->state.base;
    state->extension->begin_receive(state, &frame);
    size_t at = 0;
    do {
        size_t n = len - at < piece ? len - at : piece;
        struct pirn_transform step = {.in = data + at, .in_len = n, .end = at + n == len};
        at += n;
        do {
            size_t left = LIMIT - side->len + 1;
            step.out_cap = left < cap ? left : cap;
            side->error = state->extension->receive(state, &step);
            assert(step.out_len <= step.out_cap);
            memcpy(side->got + side->len, step.out, step.out_len);
            side->len += step.out_len;
            if (side->len > LIMIT)
                side->error = -PIRN_E_MESSAGE_TOO_BIG;
        } while (side->error == 0 && (step.in_len > 0 || step.pending));
    } while (side->error == 0 && at < len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3 || size > 4096 || !pirn_deflate_available())
        return 0;
    const bool exact = (data[0] & 7) == 7; /* smaller windows are held where zlib can see it */
    const size_t piece = 1 + data[1] % 32, cap = 1 + data[2];
    begin(&whole, data[0]);
    begin(&cut, data[0]);
    for (size_t at = 3; at < size && whole.error == 0 && cut.error == 0;) {
        size_t len = data[at++];
        len = len < size - at ? len : size - at;
        receive(&whole, data + at, len, len + 1, LIMIT + 1);
        receive(&cut, data + at, len, piece, cap);
        at += len;
        if (!exact)
            continue;
        assert(whole.error == cut.error);
        assert(whole.len == cut.len && memcmp(whole.got, cut.got, cut.len) == 0);
    }
    end(&whole);
    end(&cut);
    return 0;
}
