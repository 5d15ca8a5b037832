/* A client and our own server: opening, talking, closing, and what it tells of that. */
#include <stdio.h>
#include <string.h>

#include "guest.h"

static void begin(void)
{
    stage_open(NULL);
}

static void finish(void)
{
    guest_close();
    stage_close();
}

static void opens_talks_and_closes(void **state)
{
    (void)state;
    char steps[512];
    begin();
    struct pirn_client_config config = guest_config("/chat?room=1");
    guest_open(&config);
    assert_int_equal(pirn_client_state(guest.client), PIRN_CLIENT_CONNECTING);
    assert_int_equal(guest.told.steps, 0);
    AWAIT(guest.told.opens == 1);
    snprintf(steps, sizeof steps, "connect: 127.0.0.1:%u\nhandshake: %s\nopen: %s\n",
             (unsigned)stage.port, guest.url, guest.url);
    assert_string_equal(guest.told.log, steps);
    assert_int_equal(pirn_client_state(guest.client), PIRN_CLIENT_OPEN);
    assert_string_equal(pirn_client_url(guest.client), guest.url);
    assert_int_equal(pirn_client_attempts(guest.client), 1);
    assert_ptr_equal(pirn_client_context(guest.client), &guest);
    assert_ptr_equal(pirn_conn_context(pirn_client_conn(guest.client)), &guest);
    assert_int_equal(guest.told.status, 101);
    assert_int_equal(pirn_client_send(guest.client, PIRN_TEXT, "hello", 5), 0);
    AWAIT(guest.told.messages == 1);
    assert_string_equal(guest.told.message, "hello");
    assert_int_equal(pirn_client_close(guest.client, 1000, PIRN_STR("bye")), 0);
    assert_int_equal(pirn_client_close(guest.client, 1000, PIRN_STR("bye")), -PIRN_E_CLOSED);
    assert_int_equal(pirn_client_send(guest.client, PIRN_TEXT, "late", 4), -PIRN_E_CLOSED);
    AWAIT(guest.told.ends == 1);
    assert_int_equal(guest.told.closes, 1);
    assert_true(guest.told.close.clean);
    assert_int_equal(guest.told.close.code, 1000);
    assert_int_equal(guest.told.failures, 0);
    assert_null(pirn_client_conn(guest.client));
    assert_string_equal(guest.told.end_text, guest.told.close_text);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GUEST_TEST(opens_talks_and_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
