/* The automatic client over a path that is cut and mended: it comes back by itself, what waited
 * leaves in order, and nothing comes twice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bad_network.h"

enum { PATIENCE_MS = 20000, MESSAGES = 50 };

/* Messages are numbers behind a letter. Those that were sent while nobody knew of the cut may be
 * lost, the others not. */
static struct {
    struct pirn_loop *loop;
    struct pirn_server *server;
    struct pirn_client *client;
    unsigned sent, safe;                /* numbers given out, and messages that must arrive */
    unsigned latest, arrived, perilous; /* of the server */
    unsigned opens, failures, timeouts, waits;
} talk;

static void on_server_message(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    char text[32];
    (void)conn, (void)type;
    assert_in_range(len, 2, sizeof text - 1);
    memcpy(text, data, len);
    text[len] = '\0';
    unsigned number = (unsigned)strtoul(text + 1, NULL, 10);
    if (number <= talk.latest)
        fail_msg("%u came after %u", number, talk.latest);
    talk.latest = number;
    talk.arrived += text[0] == 's';
    talk.perilous += text[0] == 'p';
}

static void on_open(struct pirn_conn *conn)
{
    (void)conn;
    talk.opens++;
}

static void on_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    (void)conn;
    bool own = info->code == 1006 && info->error == PIRN_E_PING_TIMEOUT;
    bool servers = info->code == 1011 && !strncmp(info->reason.data, "ping timeout", 12);
    talk.timeouts += own || servers; /* where only the way out is cut, the server may be first */
}

static void on_failure(struct pirn_client *client, const struct pirn_client_failure *failure)
{
    (void)client;
    assert_true(failure->retries);
    assert_non_null(strstr(failure->info.text, "no answer within"));
    talk.failures++;
}

static void on_step(struct pirn_client *client, const struct pirn_client_progress *progress)
{
    (void)client;
    talk.waits += progress->step == PIRN_STEP_WAIT;
}

static void open_talk(uint32_t ping_timeout_ms)
{
    const struct pirn_endpoint_config alive = {.ping_interval_ms = 100,
                                               .ping_timeout_ms = ping_timeout_ms};
    const struct pirn_server_config server = {
        .conn = {.endpoint = alive, .handlers.on_message = on_server_message}};
    memset(&talk, 0, sizeof talk);
    talk.loop = pirn_loop_new(NULL);
    assert_non_null(talk.loop);
    talk.server = bad_network_server(talk.loop, &server);
    const struct pirn_client_config client = {
        .conn = {.endpoint = alive, .handlers = {.on_open = on_open, .on_close = on_close}},
        .url = bad_network_url,
        .proxy = "",
        .timeouts = {.connect_ms = 2 * ping_timeout_ms, .handshake_ms = 2 * ping_timeout_ms},
        .reconnect = {.on = true, .backoff = {.min_ms = 20, .max_ms = 100}},
        .on_failure = on_failure,
        .on_step = on_step,
    };
    talk.client = pirn_client_new(talk.loop, &client, NULL);
    assert_non_null(talk.client);
}

static int clear(void **state)
{
    (void)state;
    pirn_client_free(talk.client);
    pirn_server_free(talk.server);
    pirn_loop_free(talk.loop);
    memset(&talk, 0, sizeof talk);
    return 0;
}

static void send_some(char letter)
{
    for (unsigned i = 0; i < MESSAGES; i++) {
        char text[32];
        int len = snprintf(text, sizeof text, "%c%u", letter, ++talk.sent);
        assert_int_equal(pirn_client_send(talk.client, PIRN_TEXT, text, (size_t)len), 0);
        talk.safe += letter == 's';
    }
}

/* Cuts the path until it is known and an attempt has failed, and mends it. */
static void cut_and_mend(unsigned hole)
{
    unsigned failures = talk.failures, timeouts = talk.timeouts;
    send_some('s');
    AWAIT(talk.loop, PATIENCE_MS, talk.arrived == talk.safe);
    bad_network_plan("hole=%u", hole);
    send_some('p');
    AWAIT(talk.loop, PATIENCE_MS, pirn_client_state(talk.client) != PIRN_CLIENT_OPEN);
    assert_int_equal(talk.timeouts, timeouts + 1);
    send_some('s');
    AWAIT(talk.loop, PATIENCE_MS, talk.failures > failures);
    send_some('s');
    bad_network_plan("hole=0");
    assert_true(bad_network_counts[0].swallowed + bad_network_counts[1].swallowed > 0);
    AWAIT(talk.loop, PATIENCE_MS, talk.arrived == talk.safe);
    assert_int_equal(pirn_client_state(talk.client), PIRN_CLIENT_OPEN);
    assert_int_equal(pirn_client_queued(talk.client, NULL), 0);
}

static void run_rounds(unsigned rounds, uint32_t ping_timeout_ms)
{
    open_talk(ping_timeout_ms);
    send_some('s');
    AWAIT(talk.loop, PATIENCE_MS, talk.opens);
    for (unsigned i = 0; i < rounds; i++)
        cut_and_mend(HOLE_OUT + i % HOLE_BOTH);
    assert_true(talk.opens > rounds && talk.waits >= 2 * rounds);
    print_message(
        "%u connections, %u attempts failed; of %u that were sent into the dark %u came\n",
        talk.opens, talk.failures, rounds * MESSAGES, talk.perilous);
    AWAIT(talk.loop, PATIENCE_MS, pirn_server_connections(talk.server) == 1);
}

static void comes_back(void **state)
{
    (void)state;
    bad_network_plan("delay_us=2000 drop=0 double=0 late=0 hole=0");
    run_rounds(bad_network_long() ? 30 : 3, 150);
}

/* The keep-alive must be longer here than what TCP needs to mend a loss or two. */
static void comes_back_over_losses(void **state)
{
    (void)state;
    if (!bad_network_long())
        skip();
    bad_network_plan("delay_us=2000 drop=20 double=20 late=50 hole=0");
    run_rounds(12, 2500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(comes_back, clear),
        cmocka_unit_test_teardown(comes_back_over_losses, clear),
    };
    return bad_network_run(tests, COUNT(tests));
}
