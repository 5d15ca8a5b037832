/* A client and a server that misbehaves: each way is caught, and named by layer, error and text. */
#include <stdio.h>
#include <string.h>

#include "guest.h"

enum after {
    KEEP,  /* the server leaves the connection open */
    CLOSE, /* it closes */
    RESET
};

#define S101  "HTTP/1.1 101 Switching Protocols\r\n"
#define UP    "Upgrade: websocket\r\n"
#define CONN  "Connection: Upgrade\r\n"
#define ACC   "Sec-WebSocket-Accept: ~\r\n"
#define GOOD  S101 UP CONN ACC
#define WRONG "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static const struct row {
    const char *response;
    enum after after;
    enum pirn_layer layer;
    enum pirn_error error;
    const char *text;
} rows[] = {
    /* The status. */
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", KEEP, PIRN_LAYER_HTTP, PIRN_E_STATUS,
     "http: 200 OK instead of 101"},
    {"HTTP/1.1 404 Not Found\r\n\r\n", CLOSE, PIRN_LAYER_HTTP, PIRN_E_STATUS,
     "http: 404 Not Found instead of 101"},
    {"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n", KEEP,
     PIRN_LAYER_HTTP, PIRN_E_STATUS, "http: 401 Unauthorized instead of 101"},
    {"HTTP/1.1 302 Found\r\nLocation: /there\r\n\r\n", KEEP, PIRN_LAYER_HTTP, PIRN_E_STATUS,
     "http: 302 Found instead of 101"},
    {"HTTP/1.1 500 \r\n\r\n", RESET, PIRN_LAYER_HTTP, PIRN_E_STATUS, "http: 500 instead of 101"},
    {"HTTP/1.1 400 \x1b[31mred\x07\r\n\r\n", KEEP, PIRN_LAYER_HTTP, PIRN_E_STATUS_LINE,
     "http: status line is malformed (line 1)"},
    {"HTTP/1.0 101 Switching Protocols\r\n" UP CONN ACC "\r\n", KEEP, PIRN_LAYER_HTTP,
     PIRN_E_HTTP_VERSION, "http: version \"HTTP/1.0\" is not HTTP/1.1"},
    {"HTTP/2 101\r\n\r\n", KEEP, PIRN_LAYER_HTTP, PIRN_E_STATUS_LINE,
     "http: status line is malformed (line 1)"},

    /* What belongs to the upgrade: wrong, missing, doubled. */
    {S101 CONN ACC "\r\n", KEEP, PIRN_LAYER_HTTP, PIRN_E_UPGRADE, "http: Upgrade is missing"},
    {GOOD UP "\r\n", KEEP, PIRN_LAYER_HTTP, PIRN_E_UPGRADE,
     "http: Upgrade is there more than once"},
    {S101 "Upgrade: h2c\r\n" CONN ACC "\r\n", KEEP, PIRN_LAYER_HTTP, PIRN_E_UPGRADE,
     "http: Upgrade \"h2c\" is not websocket"},
    {S101 UP ACC "\r\n", KEEP, PIRN_LAYER_HTTP, PIRN_E_CONNECTION, "http: Connection is missing"},
    {S101 UP ACC "Connection: close\r\n\r\n", KEEP, PIRN_LAYER_HTTP, PIRN_E_CONNECTION,
     "http: Connection \"close\" does not name upgrade"},
    {S101 UP CONN "\r\n", KEEP, PIRN_LAYER_HTTP, PIRN_E_ACCEPT,
     "http: Sec-WebSocket-Accept is missing"},
    {GOOD ACC "\r\n", KEEP, PIRN_LAYER_HTTP, PIRN_E_ACCEPT,
     "http: Sec-WebSocket-Accept is there more than once"},
    {S101 UP CONN "Sec-WebSocket-Accept: " WRONG "\r\n\r\n", KEEP, PIRN_LAYER_HTTP, PIRN_E_ACCEPT,
     "http: Sec-WebSocket-Accept \"" WRONG "\" does not match the key"},

    /* What was not asked for. */
    {GOOD "Sec-WebSocket-Protocol: soap\r\n\r\n", KEEP, PIRN_LAYER_HTTP, PIRN_E_SUBPROTOCOL_UNKNOWN,
     "http: Sec-WebSocket-Protocol \"soap\" was not offered"},
    {GOOD "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n\r\n", KEEP,
     PIRN_LAYER_HTTP, PIRN_E_SUBPROTOCOL_HEADER,
     "http: Sec-WebSocket-Protocol is there more than once"},
    {GOOD "Sec-WebSocket-Protocol: CHAT\r\n\r\n", KEEP, PIRN_LAYER_HTTP, PIRN_E_SUBPROTOCOL_UNKNOWN,
     "http: Sec-WebSocket-Protocol \"CHAT\" was not offered"},
    {GOOD "Sec-WebSocket-Extensions: x-snappy\r\n\r\n", KEEP, PIRN_LAYER_HTTP,
     PIRN_E_EXTENSION_UNKNOWN, "http: Sec-WebSocket-Extensions \"x-snappy\" was not offered"},

    /* Heads without end, and too big. */
    {"GARBAGE\r\n", KEEP, PIRN_LAYER_HTTP, PIRN_E_STATUS_LINE,
     "http: status line is malformed (line 1)"},
    {"\x15\x03\x01\x00\x02\x02\x16", KEEP, PIRN_LAYER_HTTP, PIRN_E_STATUS_LINE,
     "http: status line is malformed (line 1)"},
    {GOOD " folded\r\n\r\n", KEEP, PIRN_LAYER_HTTP, PIRN_E_HEADER_LINE,
     "http: header line is malformed*"},
    {S101 "Upgrade: websocket\n" CONN ACC "\r\n", KEEP, PIRN_LAYER_HTTP, PIRN_E_HEADER_LINE,
     "http: header line is malformed*"},

    /* The end comes early. */
    {"", CLOSE, PIRN_LAYER_HTTP, PIRN_E_EOF, "http: connection ended before a response"},
    {S101 UP, CLOSE, PIRN_LAYER_HTTP, PIRN_E_EOF, "http: connection ended within the response"},
    {"", RESET, PIRN_LAYER_TCP, PIRN_E_SYSTEM,
     "tcp: connection reset by peer during the opening handshake"},
    {S101 UP, RESET, PIRN_LAYER_TCP, PIRN_E_SYSTEM,
     "tcp: connection reset by peer during the opening handshake"},
    {"HTTP/1.1 102 Processing\r\n\r\n", CLOSE, PIRN_LAYER_HTTP, PIRN_E_EOF,
     "http: connection ended before a response"},
};

static void run(const struct row *row, bool bytewise)
{
    static const struct pirn_str subprotocols[] = {PIRN_STR_INIT("chat")};
    script_listen();
    struct pirn_client_config config = guest_config("/");
    config.subprotocols = subprotocols;
    config.subprotocol_count = 1;
    guest_open(&config);
    script_accept();
    script_await_request();
    for (const char *c = row->response; bytewise && *c; c++)
        script_send((char[]){*c, '\0'});
    if (!bytewise)
        script_send(row->response);
    if (row->after == CLOSE)
        script_drop();
    else if (row->after == RESET) {
        stage_settle();
        script_reset();
    }
    guest_expect_failure(row->layer, row->error, row->text);
    assert_false(guest.told.failure.retries);
    assert_int_equal(guest.told.opens, 0);
    assert_int_equal(guest.told.ends, 1);
    assert_string_equal(guest.told.end_text, guest.told.failure_text);
    guest_close();
    script_close();
}

static void every_fault_is_named(void **state)
{
    (void)state;
    stage_open(NULL);
    for (size_t i = 0; i < 2 * COUNT(rows); i++)
        run(&rows[i / 2], i % 2);
    stage_close();
}

/* ---- heads without end */

/* Opens a client on the script, up to the request. */
static void meet(struct pirn_client_config *config)
{
    script_listen();
    *config = guest_config("/");
}

static void ask(const struct pirn_client_config *config)
{
    guest_open(config);
    script_accept();
    script_await_request();
}

static void endless_head(void **state)
{
    (void)state;
    struct pirn_client_config config;
    stage_open(NULL);
    meet(&config);
    config.max_headers = 1000000;
    ask(&config);
    size_t before = stage.memory.peak;
    script_send(S101);
    for (int i = 0; i < 20000 && guest.told.failures == 0; i++)
        script_send("X-Again: and again, and again, and again, and again, and again\r\n");
    assert_int_equal(guest.told.failures, 1);
    guest_expect_text(guest.told.failure_text, "http: head is larger than the limit*");
    assert_int_equal(guest.told.failure.info.error, PIRN_E_HEAD_TOO_BIG);
    assert_in_range(stage.memory.peak, 0, before + 2 * PIRN_HTTP_MAX_HEAD_BYTES);
    guest_finish();
}

static void endless_line(void **state)
{
    (void)state;
    static char line[PIRN_HTTP_MAX_HEAD_BYTES + 1];
    struct pirn_client_config config;
    stage_open(NULL);
    meet(&config);
    ask(&config);
    memset(line, 'x', sizeof line - 1);
    script_send(S101 "X: ");
    script_send(line);
    AWAIT(guest.told.failures == 1);
    assert_int_equal(guest.told.failure.info.error, PIRN_E_HEAD_TOO_BIG);
    guest_finish();
}

static void too_many_headers(void **state)
{
    (void)state;
    struct pirn_client_config config;
    stage_open(NULL);
    meet(&config);
    config.max_headers = 8;
    ask(&config);
    script_send(S101 UP CONN ACC "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: 6\r\n\r\n");
    guest_expect_failure(PIRN_LAYER_HTTP, PIRN_E_HEADERS_TOO_MANY,
                         "http: more headers than the limit*");
    guest_finish();
}

/* ---- interim answers */

static void interim_answers_are_skipped(void **state)
{
    (void)state;
    struct pirn_client_config config;
    stage_open(NULL);
    meet(&config);
    ask(&config);
    script_send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" GOOD
                "\r\n\x81\x02hi");
    AWAIT(guest.told.messages == 1);
    assert_string_equal(guest.told.message, "hi");
    assert_int_equal(guest.told.responses, 1);
    guest_finish();
}

static void interim_answers_end(void **state)
{
    (void)state;
    struct pirn_client_config config;
    stage_open(NULL);
    meet(&config);
    ask(&config);
    for (int i = 0; i <= PIRN_CLIENT_MAX_INTERIM; i++)
        script_send("HTTP/1.1 102 Processing\r\n\r\n");
    guest_expect_failure(PIRN_LAYER_HTTP, PIRN_E_INTERIM,
                         "http: more interim responses than the limit");
    guest_finish();
}

/* ---- behind the head */

static void frames_come_with_the_head(void **state)
{
    (void)state;
    char many[3000] = "";
    struct pirn_client_config config;
    stage_open(NULL);
    meet(&config);
    ask(&config);
    strcpy(many, GOOD "\r\n");
    for (int i = 0; i < 200; i++)
        strcat(many, "\x81\x05hello");
    script_send(many);
    AWAIT(guest.told.messages == 200);
    assert_string_equal(guest.told.message, "hello");
    guest_finish();
}

static const struct {
    const char *frame;
    size_t len;
    enum pirn_error error;
    int code;
} frames[] = {
    {"\x81\x85\x01\x02\x03\x04hello", 11, PIRN_E_MASKED, 1002},
    {"\xc1\x05hello", 7, PIRN_E_RSV, 1002},
    {"\x83\x00", 2, PIRN_E_OPCODE, 1002},
    {"\x81\x02\xff\xff", 4, PIRN_E_UTF8, 1007},
    {"HTTP/1.1 200 OK\r\n", 17, PIRN_E_RSV, 1002},
};

static void bad_frames_fail_it(void **state)
{
    (void)state;
    stage_open(NULL);
    for (size_t i = 0; i < COUNT(frames); i++) {
        struct pirn_client_config config;
        uint8_t answer[6];
        meet(&config);
        config.reconnect.on = true; /* which is of no use here */
        ask(&config);
        script_send(GOOD "\r\n");
        script_send_bytes(frames[i].frame, frames[i].len);
        script_await_bytes(answer, sizeof answer);
        assert_int_equal(answer[0], 0x88);
        script_drop();
        AWAIT(guest.told.ends == 1);
        assert_int_equal(guest.told.closes, 1);
        assert_int_equal(guest.told.close.layer, PIRN_LAYER_WEBSOCKET);
        assert_int_equal(guest.told.close.error, frames[i].error);
        assert_int_equal(guest.told.close.sent_code, frames[i].code);
        guest_close();
        script_close();
    }
    stage_close();
}

/* ---- time */

static void no_answer(void **state)
{
    (void)state;
    struct pirn_client_config config;
    stage_open(NULL);
    meet(&config);
    ask(&config);
    stage_pass_ms(9900);
    assert_int_equal(guest.told.failures, 0);
    stage_pass_ms(200);
    assert_int_equal(guest.told.failures, 1);
    guest_expect_text(guest.told.failure_text,
                      "timeout: no answer to the opening handshake within 10000 ms");
    assert_int_equal(guest.told.failure.info.layer, PIRN_LAYER_TIMEOUT);
    assert_int_equal(guest.told.failure.info.error, PIRN_E_HANDSHAKE_TIMEOUT);
    script_await_end();
    guest_finish();
}

/* Bytes that trickle in do not extend it. */
static void slow_answer(void **state)
{
    (void)state;
    struct pirn_client_config config;
    stage_open(NULL);
    meet(&config);
    config.timeouts.handshake_ms = 2000;
    ask(&config);
    for (const char *c = GOOD; guest.told.failures == 0 && *c; c++) {
        script_send((char[]){*c, '\0'});
        stage_pass_ms(100);
    }
    guest_expect_text(guest.told.failure_text,
                      "timeout: no answer to the opening handshake within 2000 ms");
    guest_finish();
}

static void too_long_in_all(void **state)
{
    (void)state;
    struct pirn_client_config config;
    stage_open(NULL);
    meet(&config);
    config.timeouts.handshake_ms = PIRN_OFF;
    config.timeouts.total_ms = 1500;
    ask(&config);
    stage_pass_ms(1600);
    guest_expect_text(guest.told.failure_text, "timeout: no open connection within 1500 ms");
    assert_int_equal(guest.told.failure.info.error, PIRN_E_ATTEMPT_TIMEOUT);
    guest_finish();
}

/* ---- subprotocols that must be */

static void subprotocol_required(void **state)
{
    (void)state;
    static const struct pirn_str subprotocols[] = {PIRN_STR_INIT("a"), PIRN_STR_INIT("b")};
    struct pirn_client_config config;
    stage_open(NULL);
    meet(&config);
    config.subprotocols = subprotocols;
    config.subprotocol_count = 2;
    config.require_subprotocol = true;
    ask(&config);
    assert_string_equal(script_header("Sec-WebSocket-Protocol"), "a, b");
    script_send(GOOD "\r\n");
    guest_expect_failure(PIRN_LAYER_HTTP, PIRN_E_SUBPROTOCOL_REQUIRED,
                         "http: Sec-WebSocket-Protocol is missing");
    guest_close();
    ask(&config);
    script_send(GOOD "Sec-WebSocket-Protocol: b\r\n\r\n");
    AWAIT(guest.told.opens == 1);
    assert_ptr_equal(pirn_conn_subprotocol(pirn_client_conn(guest.client)).data,
                     subprotocols[1].data);
    guest_finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GUEST_TEST(every_fault_is_named),
        GUEST_TEST(endless_head),
        GUEST_TEST(endless_line),
        GUEST_TEST(too_many_headers),
        GUEST_TEST(interim_answers_are_skipped),
        GUEST_TEST(interim_answers_end),
        GUEST_TEST(frames_come_with_the_head),
        GUEST_TEST(bad_frames_fail_it),
        GUEST_TEST(no_answer),
        GUEST_TEST(slow_answer),
        GUEST_TEST(too_long_in_all),
        GUEST_TEST(subprotocol_required),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
