/* Extensions between a client and servers: offered, agreed on, required. */
#include <stdio.h>
#include <string.h>

#include "guest.h"

static void deflate_both_ways(void **state)
{
    (void)state;
    static char text[5000];
    struct pirn_deflate_params params;
    const struct pirn_server_config server = {.conn.deflate.mode = PIRN_DEFLATE_DEDICATED};
    stage_open(&server);
    struct pirn_client_config config = guest_config("/");
    config.conn.deflate = (struct pirn_deflate_config){.mode = PIRN_DEFLATE_DEDICATED};
    config.require_deflate = true;
    guest_connect(&config);
    assert_true(pirn_conn_deflate(pirn_client_conn(guest.client), &params));
    guest_expect_text(pirn_client_extensions(guest.client), "permessage-deflate*");
    memset(text, 'x', sizeof text);
    for (int i = 0; i < 10; i++)
        assert_int_equal(pirn_client_send(guest.client, PIRN_TEXT, text, sizeof text), 0);
    AWAIT(guest.told.messages == 10);
    assert_int_equal(guest.told.message_len, sizeof text);
    assert_in_range(pirn_server_stats(stage.server).deflate.received_wire_bytes, 1, 1000);
    guest_finish();
}

/* The server does not compress: the client opens, closes with 1010, and says so. */
static void required_but_missing(void **state)
{
    (void)state;
    stage_open(NULL);
    struct pirn_client_config config = guest_config("/");
    config.conn.deflate.mode = PIRN_DEFLATE_SHARED;
    config.require_deflate = true;
    config.reconnect.on = true;
    guest_open(&config);
    guest_expect_failure(PIRN_LAYER_WEBSOCKET, PIRN_E_EXTENSION_REQUIRED,
                         "websocket: server did not agree on permessage-deflate, which is "
                         "required");
    assert_int_equal(guest.told.failure.status, 101);
    assert_false(guest.told.failure.retries);
    assert_int_equal(guest.told.opens, 0);
    assert_int_equal(guest.told.ends, 1);
    AWAIT(stage.told.closes == 1);
    assert_int_equal(stage.told.close.code, 1010);
    assert_string_equal(stage.told.reason, "permessage-deflate");
    guest_finish();
}

static void required_but_not_offered(void **state)
{
    (void)state;
    int error = 0;
    const struct pirn_str required = PIRN_STR("x-test");
    stage_open(NULL);
    struct pirn_client_config config = guest_config("/");
    config.require_deflate = true;
    assert_null(pirn_client_new(stage.loop, &config, &error));
    assert_int_equal(error, PIRN_E_ARGUMENT);
    config = guest_config("/");
    config.required_extensions = &required;
    config.required_extension_count = 1;
    assert_null(pirn_client_new(stage.loop, &config, &error));
    assert_int_equal(error, PIRN_E_ARGUMENT);
    guest_finish();
}

static const struct {
    const char *answer, *text;
    enum pirn_error error;
} rows[] = {
    {"x-snappy", "http: Sec-WebSocket-Extensions \"x-snappy\" was not offered",
     PIRN_E_EXTENSION_UNKNOWN},
    {"permessage-deflate; constructor=1", "http: *", PIRN_E_EXTENSION_ANSWER},
    {"permessage-deflate; server_max_window_bits=7", "http: *", PIRN_E_EXTENSION_ANSWER},
    {"permessage-deflate; server_max_window_bits=15; server_max_window_bits=15", "http: *",
     PIRN_E_EXTENSION_ANSWER},
    {"permessage-deflate, permessage-deflate", "http: *", PIRN_E_EXTENSION_HEADER},
    {"permessage-deflate; x=\"", "http: *", PIRN_E_EXTENSION_HEADER},
};

static void bad_answers(void **state)
{
    (void)state;
    stage_open(NULL);
    script_listen();
    struct pirn_client_config config = guest_config("/");
    config.conn.deflate.mode = PIRN_DEFLATE_SHARED;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char response[512];
        guest_open(&config);
        script_accept();
        script_await_request();
        snprintf(response, sizeof response, SCRIPT_101 "Sec-WebSocket-Extensions: %s\r\n\r\n",
                 rows[i].answer);
        script_send(response);
        guest_expect_failure(PIRN_LAYER_HTTP, rows[i].error, rows[i].text);
        assert_string_equal(pirn_error_name((int)guest.told.failure.info.error),
                            pirn_error_name((int)rows[i].error));
        guest_close();
    }
    guest_finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GUEST_TEST(deflate_both_ways),
        GUEST_TEST(required_but_missing),
        GUEST_TEST(required_but_not_offered),
        GUEST_TEST(bad_answers),
    };
    return pirn_deflate_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
