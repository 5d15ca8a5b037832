/* How client and server agree on extensions, and what becomes of the states. The extensions are
 * those of toy_extensions.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/core.h>

#include "toy_extensions.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The others claim the bit of x-rle, the opcodes of x-rot, nothing, to resize; nobody agrees on the
 * last. */
static struct toy_rot rot, other_bit, other_opcode, modest;
static struct toy_rle rle, other_size;
static struct pirn_extension deaf;

struct room {
    union {
        struct pirn_extension_state state;
        uint8_t bytes[256];
    } states;
    char out[256];
    char detail[PIRN_HANDSHAKE_DETAIL_BYTES];
};

static void name_it(struct pirn_extension *extension, const char *name)
{
    extension->name = pirn_cstr(name);
}

static int set_up(void **state)
{
    (void)state;
    toy_rot_init(&rot);
    toy_rle_init(&rle);
    toy_rot_init(&other_bit);
    name_it(&other_bit.extension, "x-bit");
    other_bit.extension.rsv_first = 0;
    other_bit.extension.rsv_every = TOY_RSV_RLE;
    other_bit.extension.opcodes = 0;
    toy_rot_init(&other_opcode);
    name_it(&other_opcode.extension, "x-opcode");
    other_opcode.extension.rsv_first = 0;
    toy_rot_init(&modest);
    name_it(&modest.extension, "x-modest");
    modest.extension.rsv_first = 0;
    modest.extension.opcodes = 0;
    toy_rle_init(&other_size);
    name_it(&other_size.extension, "x-size");
    other_size.extension.rsv_first = 4;
    deaf = (struct pirn_extension){.name = PIRN_STR_INIT("x-deaf"),
                                   .state_bytes = sizeof(struct pirn_extension_state)};
    return 0;
}

static const struct pirn_extension *const all[] = {
    &rot.extension,        &rle.extension, &other_bit.extension, &other_opcode.extension,
    &other_size.extension, &deaf,          &modest.extension};

/* The names of states, and what must hold of them; returns how many bytes they take. */
static size_t name_states(struct pirn_extension_state *first, char *names)
{
    size_t bytes = 0;
    for (bool last = false; !last;) {
        void *place = (char *)first + bytes;
        const struct pirn_extension_state *state = place;
        const struct pirn_str name = state->extension->name;
        assert_ptr_equal(pirn_extension_find(first, state->extension), state);
        assert_false(state->receiving || state->sending);
        sprintf(names + strlen(names), "%s%.*s", *names ? " " : "", (int)name.len, name.data);
        bytes += pirn_extension_states_bytes(&state->extension, 1);
        last = state->last;
    }
    return bytes;
}

static int accept(struct room *room, const struct pirn_extension *const *ours, size_t count,
                  const char *value, size_t states_bytes, size_t cap)
{
    struct pirn_header headers[2];
    struct pirn_http_head head;
    const struct pirn_handshake hs = {.request = &head};
    memset(room, 0xaa, sizeof *room);
    pirn_http_head_init(&head, PIRN_HTTP_REQUEST, headers, 2, 0);
    pirn_http_head_set_request(&head, PIRN_STR("GET"), PIRN_STR("/"), 1);
    if (value)
        pirn_http_head_add(&head, PIRN_STR("sec-websocket-extensions"), pirn_cstr(value));
    return pirn_extension_accept(ours, count, &hs, &room->states, states_bytes, room->out, cap);
}

static int confirm(struct room *room, const struct pirn_extension *const *ours, size_t count,
                   const char *value, size_t states_bytes)
{
    struct pirn_header headers[2];
    struct pirn_http_head head;
    memset(room, 0xaa, sizeof *room);
    pirn_http_head_init(&head, PIRN_HTTP_RESPONSE, headers, 2, 0);
    pirn_http_head_set_response(&head, 101, PIRN_STR("Switching Protocols"), 1);
    if (value)
        pirn_http_head_add(&head, PIRN_STR("Sec-WebSocket-Extensions"), pirn_cstr(value));
    return pirn_extension_confirm(ours, count, &head, &room->states, states_bytes, room->detail);
}

static void a_server_accepts_what_it_can(void **state)
{
    (void)state;
    static const struct {
        const char *offers, *answer, *names;
    } rows[] = {
        {NULL, "", ""},
        {"", "", ""},
        {" , ,, ", "", ""},
        {"x-rot", "x-rot", "x-rot"},
        {"x-rot; by=3", "x-rot; by=3", "x-rot"},
        {"x-rot; by=\"3\"", "x-rot; by=3", "x-rot"},
        {"x-rot; by=\"\\3\"", "x-rot; by=3", "x-rot"},
        /* Fallbacks: the first that can be met; the rest is passed over. */
        {"x-rot; by=33, x-rot; by=4, x-rot", "x-rot; by=4", "x-rot"},
        {"x-rot; by, x-rot", "x-rot", "x-rot"},
        {"x-rot; bye=1, x-rot; by=2; by=3, x-rot; by=", "", ""},
        {"x-rot, x-rot, x-rot; by=2", "x-rot", "x-rot"},
        /* The client's order is that of the states. */
        {"x-rle, x-rot", "x-rle, x-rot", "x-rle x-rot"},
        {"x-rot,x-rle", "x-rot, x-rle", "x-rot x-rle"},
        {"x-rot; by=0, x-rle; max=7, x-rot; by=9", "x-rle, x-rot; by=9", "x-rle x-rot"},
        /* Conflicts: a bit, an opcode, a second one that resizes. */
        {"x-rle, x-bit, x-rot", "x-rle, x-rot", "x-rle x-rot"},
        {"x-bit, x-rle, x-rot", "x-bit, x-rot", "x-bit x-rot"},
        {"x-rot, x-opcode", "x-rot", "x-rot"},
        {"x-opcode, x-rot", "x-opcode", "x-opcode"},
        {"x-size, x-rle", "x-size", "x-size"},
        {"x-rle, x-size, x-opcode", "x-rle, x-opcode", "x-rle x-opcode"},
        {"x-modest, x-modest, x-rot, x-rle", "x-modest, x-rot, x-rle", "x-modest x-rot x-rle"},
        /* Names that are none of ours, whatever they mean elsewhere. */
        {"constructor, __proto__; toString=1, x-deaf, X-ROT, x-rot2, x-ro", "", ""},
        {"permessage-deflate; client_max_window_bits, x-rot", "x-rot", "x-rot"},
        /* Malformed: read_request() has refused it before; here it is no offer. */
        {"x-rot; by=\"1, x-rle", "", ""},
        {"x-rot;, x-rle", "x-rle", "x-rle"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct room room;
        char names[64] = "";
        const int bytes =
            accept(&room, all, COUNT(all), rows[i].offers, sizeof room.states, sizeof room.out);
        assert_string_equal(room.out, rows[i].answer);
        assert_true(bytes >= 0);
        if (bytes > 0)
            assert_int_equal(name_states(&room.states.state, names), bytes);
        assert_string_equal(names, rows[i].names);
        pirn_extension_release(bytes > 0 ? &room.states.state : NULL);
        assert_int_equal(rle.states, 0);
    }
}

static void a_server_needs_room(void **state)
{
    (void)state;
    const char *offers = "x-rle, x-rot; by=3";
    const size_t bytes = pirn_extension_states_bytes(all, 2);
    const size_t cap = sizeof "x-rle, x-rot; by=3";
    struct room room;
    assert_int_equal(bytes % sizeof(void *), 0);
    assert_int_equal(accept(&room, all, 2, offers, bytes, cap), bytes);
    pirn_extension_release(&room.states.state);
    for (size_t less = 0; less < bytes; less++)
        assert_int_equal(accept(&room, all, 2, offers, less, cap), -PIRN_E_ROOM);
    for (size_t less = 0; less < cap; less++)
        assert_int_equal(accept(&room, all, 2, offers, bytes, less), -PIRN_E_ROOM);
    assert_int_equal(rle.states, 0);
    assert_int_equal(accept(&room, all, 9, offers, bytes, cap), -PIRN_E_ARGUMENT);
    assert_int_equal(accept(&room, NULL, 0, offers, 0, cap), 0);
    assert_string_equal(room.out, "");
}

static bool answer_nonsense(const struct pirn_extension *extension,
                            const struct pirn_extension_element *offer,
                            struct pirn_extension_state *state,
                            struct pirn_extension_element *answer)
{
    (void)extension, (void)offer, (void)state;
    answer->params[0].name = PIRN_STR("no token");
    answer->param_count = 1;
    return true;
}

static void an_answer_is_made_of_tokens(void **state)
{
    (void)state;
    struct pirn_extension nonsense = {.name = PIRN_STR_INIT("x-nonsense"),
                                      .state_bytes = sizeof(struct pirn_extension_state),
                                      .accept = answer_nonsense};
    const struct pirn_extension *const ours[] = {&rle.extension, &nonsense};
    struct room room;
    assert_int_equal(accept(&room, ours, 2, "x-rle, x-nonsense", sizeof room.states, 99),
                     -PIRN_E_TOKEN);
    assert_int_equal(rle.states, 0);
}

static void a_client_offers(void **state)
{
    (void)state;
    char out[128];
    const char *expected = "x-rot; by=7, x-rot, x-rle";
    assert_int_equal(pirn_extension_offer(all, 2, out, sizeof out), strlen(expected));
    assert_string_equal(out, expected);
    for (size_t cap = 0; cap <= strlen(expected); cap++)
        assert_int_equal(pirn_extension_offer(all, 2, out, cap), -PIRN_E_ROOM);
    assert_int_equal(pirn_extension_offer(all, 2, out, strlen(expected) + 1), strlen(expected));
    assert_int_equal(
        pirn_extension_offer((const struct pirn_extension *const[]){&deaf}, 1, out, sizeof out), 0);
    assert_string_equal(out, "");
    assert_int_equal(pirn_extension_offer(NULL, 0, out, sizeof out), 0);
    assert_int_equal(pirn_extension_offer(all, 9, out, sizeof out), -PIRN_E_ARGUMENT);
    struct toy_rle nameless = rle;
    const struct pirn_extension *const ours[] = {&nameless.extension};
    name_it(&nameless.extension, "not a token");
    assert_int_equal(pirn_extension_offer(ours, 1, out, sizeof out), -PIRN_E_TOKEN);
}

static void a_client_confirms_what_it_offered(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        int error;
        const char *text; /* names, or what is wrong */
    } rows[] = {
        {NULL, 0, ""},
        {"x-rot", 0, "x-rot"},
        {"x-rot; by=7", 0, "x-rot"},
        {"x-rot; by=\"7\"", 0, "x-rot"},
        {"x-rle, x-rot", 0, "x-rle x-rot"},
        {"x-rot; by=7, x-rle; max=12", 0, "x-rot x-rle"},
        {"x-rot; by=3", PIRN_E_EXTENSION_ANSWER, "x-rot: by was not offered"},
        {"x-rot; by", PIRN_E_EXTENSION_ANSWER, "x-rot: by is not a digit"},
        {"x-rle; max=100", PIRN_E_EXTENSION_ANSWER, "x-rle: answers what was not offered"},
        {"x-rle; min=1", PIRN_E_EXTENSION_ANSWER, "x-rle: answers what was not offered"},
        {"x-modest, x-modest", PIRN_E_EXTENSION_ANSWER, "x-modest: is there twice"},
        {"x-rle, x-rot, x-rle", PIRN_E_EXTENSION_ANSWER, "x-rle: is there twice"},
        {"x-rle, x-rot;", PIRN_E_EXTENSION_ANSWER, "Sec-WebSocket-Extensions: is malformed"},
        {"x-rle, x-deaf", PIRN_E_EXTENSION_UNKNOWN, "x-deaf: was not offered"},
        {"constructor", PIRN_E_EXTENSION_UNKNOWN, "constructor: was not offered"},
        {"permessage-deflate", PIRN_E_EXTENSION_UNKNOWN, "permessage-deflate: was not offered"},
        {"x-rle, x-bit", PIRN_E_EXTENSION_UNKNOWN, "x-bit: cannot go with x-rle"},
        {"x-rle, x-size", PIRN_E_EXTENSION_UNKNOWN, "x-size: cannot go with x-rle"},
        {"x-opcode, x-rot", PIRN_E_EXTENSION_UNKNOWN, "x-rot: cannot go with x-opcode"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct room room;
        char names[64] = "";
        const int bytes = confirm(&room, all, COUNT(all), rows[i].answer, sizeof room.states);
        if (bytes > 0)
            assert_int_equal(name_states(&room.states.state, names), bytes);
        assert_int_equal(bytes < 0 ? -bytes : 0, rows[i].error);
        assert_string_equal(bytes < 0 ? room.detail : names, rows[i].text);
        if (bytes >= 0)
            assert_string_equal(room.detail, "");
        pirn_extension_release(bytes > 0 ? &room.states.state : NULL);
        assert_int_equal(rle.states, 0);
    }
}

static void a_client_needs_room_too(void **state)
{
    (void)state;
    const size_t bytes = pirn_extension_states_bytes(all, 2);
    struct room room;
    assert_int_equal(confirm(&room, all, 2, "x-rle, x-rot", bytes - 1), -PIRN_E_ROOM);
    assert_string_equal(room.detail, "x-rot: no room for its state");
    assert_int_equal(rle.states, 0);
    assert_int_equal(confirm(&room, all, 9, "x-rle", bytes), -PIRN_E_ARGUMENT);
    assert_string_equal(room.detail, "");
    struct toy_rot mute = rot;
    const struct pirn_extension *const ours[] = {&mute.extension};
    mute.extension.confirm = NULL;
    assert_int_equal(confirm(&room, ours, 1, "x-rot", bytes), -PIRN_E_EXTENSION_UNKNOWN);
}

static void states_are_found_told_and_released(void **state)
{
    (void)state;
    struct room room;
    assert_true(accept(&room, all, 2, "x-rot; by=5, x-rle; max=7", sizeof room.states, 99) > 0);
    struct pirn_extension_state *states = &room.states.state;
    struct pirn_extension_state *second = pirn_extension_find(states, &rle.extension);
    assert_ptr_equal(pirn_extension_find(states, &rot.extension), states);
    assert_int_equal(toy_rot_state(states)->by, 5);
    assert_int_equal(toy_rle_state(second)->max, 7);
    assert_false(states->last);
    assert_true(second->last);
    assert_null(pirn_extension_find(states, &other_bit.extension));
    assert_null(pirn_extension_find(NULL, &rle.extension));
    pirn_extension_idle(states);
    assert_int_equal(rle.idle, 1);
    pirn_extension_idle(NULL);
    assert_int_equal(rle.states, 1);
    pirn_extension_release(states);
    assert_int_equal(rle.states, 0);
    pirn_extension_release(NULL);
}

/* What one side writes the other agrees to, and both then have the same states. */
static void both_sides_agree(void **state)
{
    (void)state;
    static const struct pirn_extension *const orders[][2] = {{&rot.extension, &rle.extension},
                                                             {&rle.extension, &rot.extension}};
    for (size_t client = 0; client < 2; client++)
        for (size_t server = 0; server < 2; server++)
            for (size_t count = 0; count <= 2; count++) {
                struct room ours, theirs;
                char offer[128], here[64] = "", there[64] = "";
                assert_true(pirn_extension_offer(orders[client], 2, offer, sizeof offer) > 0);
                const int n = accept(&ours, orders[server], count, offer, sizeof ours.states, 128);
                const int m = confirm(&theirs, orders[client], 2, ours.out, sizeof theirs.states);
                assert_int_equal(n, m);
                if (n > 0)
                    name_states(&ours.states.state, here);
                if (m > 0)
                    name_states(&theirs.states.state, there);
                assert_string_equal(here, there);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_server_accepts_what_it_can, set_up),
        cmocka_unit_test_setup(a_server_needs_room, set_up),
        cmocka_unit_test_setup(an_answer_is_made_of_tokens, set_up),
        cmocka_unit_test_setup(a_client_offers, set_up),
        cmocka_unit_test_setup(a_client_confirms_what_it_offered, set_up),
        cmocka_unit_test_setup(a_client_needs_room_too, set_up),
        cmocka_unit_test_setup(states_are_found_told_and_released, set_up),
        cmocka_unit_test_setup(both_sides_agree, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
