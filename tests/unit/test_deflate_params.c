#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/deflate.h>
#include <pirn/error.h>
#include <pirn/http.h>

#include "deflate_rig.h"
#include "instructions.h"

/* What the cases are configured with. */
#define SHARED     .mode = PIRN_DEFLATE_SHARED
#define DEDICATED  .mode = PIRN_DEFLATE_DEDICATED
#define WIDE       DEDICATED, .window_bits = 15
#define NARROW     DEDICATED, .peer_window_bits = 10
#define OWN_FRESH  DEDICATED, .no_context_takeover = true
#define PEER_FRESH DEDICATED, .peer_no_context_takeover = true

enum kind { ACCEPTS, DECLINES, OFFERS, CONFIRMS, REFUSES };

struct negotiation {
    enum kind kind;
    int line;
    struct pirn_deflate_config config;
    const char *theirs; /* what the peer sends */
    const char *ours;   /* what we answer, offer, or say is wrong */
    const char *agreed;
};

#define CONFIG(...)                                                                                \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static const struct negotiation negotiations[] = {
#define ACCEPT(config, offers, answer, agreed)                                                     \
    {ACCEPTS, __LINE__, CONFIG config, offers, answer, agreed},
#define DECLINE(config, offers)         {DECLINES, __LINE__, CONFIG config, offers, "", ""},
#define OFFER(config, offers)           {OFFERS, __LINE__, CONFIG config, "", offers, ""},
#define CONFIRM(config, answer, agreed) {CONFIRMS, __LINE__, CONFIG config, answer, "", agreed},
#define REFUSE(config, answer, wrong)   {REFUSES, __LINE__, CONFIG config, answer, wrong, ""},
#include "cases/deflate.def"
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct deflate_side side;
static char text[4096];

static void add_element(const struct pirn_extension_element *element)
{
    size_t len = strlen(text);
    if (len > 0)
        len += (size_t)snprintf(text + len, sizeof text - len, ", ");
    assert_true(pirn_extension_element_write(element, text + len, sizeof text - len) > 0);
}

static void add_offers(void)
{
    struct pirn_extension_element offer;
    const struct pirn_extension *extension = &side.deflate.extension;
    for (unsigned i = 0; extension->offer(extension, i, &offer); i++)
        add_element(&offer);
}

/* As a server does: the first offer that is good. */
static bool accept_one(const char *offers)
{
    struct pirn_http_list list;
    struct pirn_str item;
    struct pirn_extension_element offer, answer;
    const struct pirn_extension *extension = &side.deflate.extension;
    pirn_http_list_init_value(&list, pirn_cstr(offers));
    while (pirn_http_list_next(&list, &item)) {
        assert_int_equal(pirn_extension_element_parse(&offer, item), 0);
        if (!pirn_str_equal(offer.name, extension->name) ||
            !extension->accept(extension, &offer, deflate_side_state(&side), &answer))
            continue;
        add_element(&answer);
        return true;
    }
    return false;
}

static bool confirm(const char *theirs, const char **wrong)
{
    struct pirn_extension_element answer;
    const struct pirn_extension *extension = &side.deflate.extension;
    assert_int_equal(pirn_extension_element_parse(&answer, pirn_cstr(theirs)), 0);
    return extension->confirm(extension, &answer, deflate_side_state(&side), wrong);
}

static const char *agreed(void)
{
    static char said[32];
    struct pirn_deflate_params params;
    said[0] = '\0';
    if (pirn_deflate_negotiated(&side.deflate, &side.state.base, &params))
        snprintf(said, sizeof said, "%d%s %d%s", params.own_window_bits,
                 params.own_no_context_takeover ? "-" : "", params.peer_window_bits,
                 params.peer_no_context_takeover ? "-" : "");
    return said;
}

/* What we make of theirs is in text then. */
static bool negotiate(const struct negotiation *row)
{
    const char *wrong = "";
    bool good = true;
    text[0] = '\0';
    if (row->kind == OFFERS)
        add_offers();
    else if (row->kind == ACCEPTS || row->kind == DECLINES)
        good = accept_one(row->theirs);
    else
        good = confirm(row->theirs, &wrong);
    strcat(text, wrong);
    return good;
}

static void negotiations_end_as_the_cases_say(void **state)
{
    (void)state;
    assert_true(COUNT(negotiations) >= 120);
    for (size_t i = 0; i < COUNT(negotiations); i++) {
        const struct negotiation *row = &negotiations[i];
        bool good = row->kind != DECLINES && row->kind != REFUSES;
        deflate_side_init(&side, &row->config,
                          row->kind == ACCEPTS || row->kind == DECLINES ? PIRN_SERVER
                                                                        : PIRN_CLIENT);
        if (negotiate(row) != good || strcmp(text, row->ours) != 0 ||
            (row->agreed[0] && strcmp(agreed(), row->agreed) != 0))
            fail_msg("deflate.def:%d: \"%s\", agreed on %s", row->line, text, agreed());
        assert_int_equal(side.ledger.asked, 0);
        deflate_side_release(&side);
    }
}

/* Every client of ours with every server of ours: they agree, and mean the same. */
static void both_sides_agree_on_the_same(void **state)
{
    (void)state;
    struct deflate_side client = {0}, server = {0};
    for (int i = 0; i < 2 * 2 * 4 * 4 * 4 * 4; i++) {
        struct pirn_deflate_config ask = {DEDICATED}, answer = {DEDICATED};
        static const int own[] = {9, 11, 12, 15}, peer[] = {8, 9, 11, 15};
        ask.mode = i & 1 ? PIRN_DEFLATE_SHARED : PIRN_DEFLATE_DEDICATED;
        answer.mode = i & 2 ? PIRN_DEFLATE_SHARED : PIRN_DEFLATE_DEDICATED;
        ask.window_bits = own[(i >> 2) & 3];
        ask.peer_window_bits = peer[(i >> 4) & 3];
        answer.window_bits = own[(i >> 6) & 3];
        answer.peer_window_bits = peer[(i >> 8) & 3];
        deflate_side_init(&client, &ask, PIRN_CLIENT);
        deflate_side_init(&server, &answer, PIRN_SERVER);
        assert_true(deflate_sides_negotiate(&client, &server));
        struct pirn_deflate_params c, s;
        pirn_deflate_negotiated(&client.deflate, &client.state.base, &c);
        pirn_deflate_negotiated(&server.deflate, &server.state.base, &s);
        assert_true(c.own_window_bits <= s.peer_window_bits);
        assert_true(s.own_window_bits <= c.peer_window_bits);
        assert_true(s.own_window_bits >= 9);
        assert_true(c.own_no_context_takeover || !s.peer_no_context_takeover);
        assert_true(s.own_no_context_takeover || !c.peer_no_context_takeover);
        deflate_side_release(&client);
        deflate_side_release(&server);
    }
}

static void settings_have_ranges(void **state)
{
    (void)state;
    static const struct pirn_deflate_config wrong[] = {
        {.mode = PIRN_DEFLATE_OFF},
        {.mode = (enum pirn_deflate_mode)3},
        {SHARED, .level = 10},
        {SHARED, .level = -1},
        {SHARED, .window_bits = 8},
        {SHARED, .window_bits = 16},
        {SHARED, .window_bits = -15},
        {SHARED, .mem_level = 10},
        {SHARED, .mem_level = -1},
        {SHARED, .peer_window_bits = 7},
        {SHARED, .peer_window_bits = 16},
    };
    static uint8_t room[PIRN_DEFLATE_ROOM_MIN];
    static struct pirn_deflate deflate;
    const struct pirn_deflate_config good = {SHARED};
    if (!pirn_deflate_available()) {
        assert_int_equal(pirn_deflate_init(&deflate, &good, PIRN_SERVER, ledger_realloc, NULL, room,
                                           sizeof room),
                         -PIRN_E_UNSUPPORTED);
        skip();
    }
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_int_equal(pirn_deflate_init(&deflate, &wrong[i], PIRN_SERVER, ledger_realloc, NULL,
                                           room, sizeof room),
                         -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_deflate_init(&deflate, &good, PIRN_SERVER, ledger_realloc, NULL, room,
                                       sizeof room - 1),
                     -PIRN_E_ARGUMENT);
    assert_int_equal(
        pirn_deflate_init(&deflate, NULL, PIRN_SERVER, ledger_realloc, NULL, room, sizeof room),
        -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_deflate_init(&deflate, &good, PIRN_SERVER, NULL, NULL, room, sizeof room),
                     -PIRN_E_ARGUMENT);
    assert_int_equal(
        pirn_deflate_init(&deflate, &good, PIRN_SERVER, ledger_realloc, NULL, NULL, sizeof room),
        -PIRN_E_ARGUMENT);
}

static void nothing_is_negotiated_without_a_state(void **state)
{
    (void)state;
    const struct pirn_deflate_config config = {SHARED};
    struct pirn_deflate_params params;
    deflate_side_init(&side, &config, PIRN_SERVER);
    assert_false(pirn_deflate_negotiated(&side.deflate, NULL, &params));
    struct pirn_extension other = {.state_bytes = sizeof(struct pirn_extension_state)};
    struct pirn_extension_state lone = {.extension = &other, .last = true};
    assert_false(pirn_deflate_negotiated(&side.deflate, &lone, &params));
    deflate_side_release(&side);
}

/* ---- C15: the time of a negotiation grows as its header does. */

static char header[512];

static void accept_header(size_t size)
{
    struct pirn_http_list list;
    struct pirn_str item;
    struct pirn_extension_element offer, answer;
    const struct pirn_extension *extension = &side.deflate.extension;
    pirn_http_list_init_value(&list, (struct pirn_str){header, size});
    while (pirn_http_list_next(&list, &item))
        if (pirn_extension_element_parse(&offer, item) == 0)
            extension->accept(extension, &offer, deflate_side_state(&side), &answer);
}

static void time_is_linear_in_the_header(void **state)
{
    (void)state;
    static const char *const items[] = {
        "permessage-deflate; server_max_window_bits=16,",
        "permessage-deflate; client_max_window_bits; client_max_window_bits,",
        "permessage-deflate; a; b; c; d; e; f; g; h; i; j; k; l; m; n; o; p,",
        "constructor,",
    };
    const struct pirn_deflate_config config = {SHARED};
    const char *sanitizers = getenv("PIRN_SANITIZE");
    if (sanitizers && *sanitizers)
        skip();
    deflate_side_init(&side, &config, PIRN_SERVER);
    for (size_t i = 0; i < COUNT(items); i++) {
        size_t len = strlen(items[i]);
        for (size_t at = 0; at < sizeof header; at++)
            header[at] = items[i][at % len];
        uint64_t none = instructions_of(accept_header, 0);
        uint64_t once = instructions_of(accept_header, 3 * len);
        uint64_t twice = instructions_of(accept_header, 6 * len);
        if (none == 0)
            skip();
        if (twice - none > 2 * (once - none) + once / 5)
            fail_msg("%s: %llu, %llu, %llu", items[i], (unsigned long long)none,
                     (unsigned long long)once, (unsigned long long)twice);
    }
    deflate_side_release(&side);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(negotiations_end_as_the_cases_say),
        cmocka_unit_test(both_sides_agree_on_the_same),
        cmocka_unit_test(settings_have_ranges),
        cmocka_unit_test(nothing_is_negotiated_without_a_state),
        cmocka_unit_test(time_is_linear_in_the_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
