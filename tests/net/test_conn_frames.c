/* on_frame: every frame of both directions is seen once, as it is on the wire. */
#include <stdio.h>

#include "conn_rig.h"

static void on_frame(const struct pirn_conn *conn, bool sent, const struct pirn_frame *frame)
{
    struct rig *rig = pirn_conn_context(conn);
    rig_note(rig, "%s %s%s%s rsv %d, %d\n", sent ? "-->" : "<--", pirn_opcode_name(frame->opcode),
             frame->fin ? " fin" : "", frame->masked ? " masked" : "", (int)frame->rsv,
             (int)frame->payload_len);
}

static void frames_are_seen_before_they_are_delivered(void **state)
{
    (void)state;
    struct rig rig = {.config.on_frame = on_frame,
                      .config.keep_peer = true,
                      .config.user_bytes = 1,
                      .output = "101\r\n",
                      .output_len = 5,
                      .input = "\x81\x81\0\0\0\0a",
                      .input_len = 7};
    rig_open(&rig);
    raw_frame(&rig, PIRN_TEXT, false, "b", 1);
    raw_frame(&rig, PIRN_PING, true, "ping", 4);
    raw_frame(&rig, PIRN_CONTINUATION, true, "", 0);
    RAW_EXPECTS(&rig, "101\r\n\x8a\4ping");
    rig_expects(&rig, "open\n"
                      "<-- text fin masked rsv 0, 1\n"
                      "text a\n"
                      "<-- text masked rsv 0, 1\n"
                      "<-- ping fin masked rsv 0, 4\n"
                      "<-- continuation fin masked rsv 0, 0\n"
                      "ping ping\n"
                      "text b\n"
                      "--> pong fin rsv 0, 4\n");
    pirn_conn_send_fragment(rig.conn, PIRN_BINARY, "cd", 2, false);
    pirn_conn_ping(rig.conn, "e", 1);
    pirn_conn_send_fragment(rig.conn, PIRN_BINARY, "", 0, true);
    pirn_conn_close(rig.conn, PIRN_CLOSE_NORMAL, PIRN_STR("end"));
    RAW_EXPECTS(&rig, "\x89\1e\2\2cd\x80\0\x88\5\3\xe8"
                      "end");
    rig_expects(&rig, "--> ping fin rsv 0, 1\n"
                      "--> binary rsv 0, 2\n"
                      "--> continuation fin rsv 0, 0\n"
                      "--> close fin rsv 0, 5\n");
    rig.log[0] = 0;
    rig_end(&rig);
}

/* What breaks the rules is seen too, and all that stands behind it. */
static void frames_are_seen_before_they_are_judged(void **state)
{
    (void)state;
    struct rig rig = {.config.on_frame = on_frame, .quiet = true};
    rig_open(&rig);
    raw_write(&rig, "\xf3\x81\0\0\0\0a\x8f\0\x81\x83\0\0\0\0abc", 18);
    rig_turns(&rig);
    assert_non_null(strstr(rig.log, "open\n<-- reserved fin masked rsv 7, 1\n"
                                    "<-- reserved fin rsv 0, 0\n"
                                    "<-- text fin masked rsv 0, 3\n"
                                    "--> close fin rsv 0, "));
    rig.log[0] = 0;
    rig_end(&rig);
}

/* Of all lengths of header and payload, cut everywhere. */
static void cuts_change_nothing(void **state)
{
    static const size_t sizes[] = {0, 1, 125, 126, 300};
    (void)state;
    struct rig rig = {.config.on_frame = on_frame, .quiet = true};
    uint8_t bytes[1024], *end = bytes;
    char payload[300] = {0};
    rig_open(&rig);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const struct pirn_frame frame = {
            .fin = true, .masked = true, .opcode = PIRN_BINARY, .payload_len = sizes[i]};
        end += pirn_frame_encode(end, 512, &frame, payload);
    }
    rig.log[0] = 0;
    for (size_t cut = 1; cut < (size_t)(end - bytes); cut++) {
        raw_write(&rig, bytes, cut);
        rig_turn(&rig);
        raw_write(&rig, bytes + cut, (size_t)(end - bytes) - cut);
        rig_turns(&rig);
        rig_expects(&rig, "<-- binary fin masked rsv 0, 0\n<-- binary fin masked rsv 0, 1\n"
                          "<-- binary fin masked rsv 0, 125\n<-- binary fin masked rsv 0, 126\n"
                          "<-- binary fin masked rsv 0, 300\n");
    }
    rig_end(&rig);
}

static void echo(struct rig *rig, struct pirn_conn *conn, enum rig_moment moment)
{
    static char large[200000];
    if (moment != ON_OPEN)
        return;
    rig->log[0] = 0;
    pirn_conn_send(conn, PIRN_BINARY, large, sizeof large);
    pirn_conn_send(conn, PIRN_TEXT, "small", 5);
    pirn_conn_send(conn, PIRN_BINARY, large, sizeof large);
}

/* Large ones leave bit by bit, small ones behind them. */
static void what_leaves_in_parts_is_seen_once(void **state)
{
    static char all[400000 + 2 * 10 + 7];
    (void)state;
    struct rig rig = {.config.on_frame = on_frame, .peer_buffer = 4096, .act = echo};
    rig_open(&rig);
    assert_string_equal(rig.log, "--> binary fin rsv 0, 200000\n");
    raw_read_all(&rig, all, sizeof all);
    rig_expects(&rig, "--> binary fin rsv 0, 200000\n--> text fin rsv 0, 5\n"
                      "--> binary fin rsv 0, 200000\n");
    rig_end(&rig);
}

static void send_back(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    assert_true(pirn_conn_send_back(conn, type, data, len, true) >= 0);
}

/* Payload that leaves from where it came. */
static void what_is_sent_back_is_seen(void **state)
{
    static char payload[9000], all[2 * (9000 + 4)];
    (void)state;
    struct rig rig = {.config.on_frame = on_frame};
    rig_start(&rig);
    rig.config.handlers.on_message = send_back;
    rig.conn = rig_connect(&rig, &rig.peer);
    rig.log[0] = 0;
    raw_frame(&rig, PIRN_BINARY, true, payload, sizeof payload);
    raw_frame(&rig, PIRN_BINARY, true, payload, sizeof payload);
    raw_read_all(&rig, all, sizeof all);
    assert_non_null(strstr(rig.log, "--> binary fin rsv 0, 9000\n--> binary fin rsv 0, 9000\n"));
    rig.log[0] = 0;
    rig_end(&rig);
}

static void compressed_ones_are_seen_as_they_leave(void **state)
{
    (void)state;
    if (!pirn_deflate_available())
        skip();
    struct rig rig = {.config.on_frame = on_frame,
                      .config.deflate = {.mode = PIRN_DEFLATE_SHARED, .threshold_bytes = 1},
                      .offer = "permessage-deflate"};
    rig_open(&rig);
    pirn_conn_send(rig.conn, PIRN_TEXT, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 30);
    rig_turns(&rig);
    assert_non_null(strstr(rig.log, "--> text fin rsv 4, "));
    assert_null(strstr(rig.log, ", 30"));
    rig.log[0] = 0;
    rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_seen_before_they_are_delivered),
        cmocka_unit_test(frames_are_seen_before_they_are_judged),
        cmocka_unit_test(cuts_change_nothing),
        cmocka_unit_test(what_leaves_in_parts_is_seen_once),
        cmocka_unit_test(what_is_sent_back_is_seen),
        cmocka_unit_test(compressed_ones_are_seen_as_they_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
