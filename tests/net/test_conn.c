/* Connections: messages in and out, pausing, what belongs to a connection. */
#include <stdio.h>

#include <pirn/mask.h>

#include "conn_rig.h"

enum { MIB = 1 << 20 };

static void messages_come_in(void **state)
{
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    raw_text(&rig, "hello");
    raw_frame(&rig, PIRN_BINARY, true, "", 0);
    raw_frame(&rig, PIRN_TEXT, false, "a", 1);
    raw_frame(&rig, PIRN_PING, true, "p", 1);
    raw_frame(&rig, PIRN_CONTINUATION, false, "", 0);
    raw_frame(&rig, PIRN_CONTINUATION, true, "bc", 2);
    raw_frame(&rig, PIRN_BINARY, false, "", 0);
    raw_frame(&rig, PIRN_CONTINUATION, true, "", 0);
    raw_frame(&rig, PIRN_PONG, true, "q", 1);
    RAW_EXPECTS(&rig, "\x8a\x01p");
    rig_expects(&rig, "open\ntext hello\nbinary \nping p\ntext abc\nbinary \npong q\n");
    rig_end(&rig);
}

static void what_came_with_the_handshake_counts(void **state)
{
    (void)state;
    struct rig rig = {.output = "101\r\n",
                      .output_len = 5,
                      .input = "\x89\x80\0\0\0\0\x81\x81\0\0\0\0a",
                      .input_len = 13};
    rig_open(&rig);
    rig_expects(&rig, "open\nping \ntext a\n");
    RAW_EXPECTS(&rig, "101\r\n\x8a\x00");
    rig_end(&rig);
}

/* Every byte in a read of its own, and cut in two everywhere. */
static void cuts_change_nothing(void **state)
{
    (void)state;
    struct rig rig = {.quiet = true};
    rig_open(&rig);
    uint8_t frames[2048], *end = frames;
    struct pirn_frame frame = {.fin = false, .masked = true, .opcode = 1, .payload_len = 300};
    char payload[400];
    memset(payload, 'm', sizeof payload);
    end += pirn_frame_encode(end, 512, &frame, payload);
    frame = (struct pirn_frame){.fin = true, .masked = true, .opcode = 9, .payload_len = 3};
    end += pirn_frame_encode(end, 512, &frame, "png");
    frame = (struct pirn_frame){.fin = true, .masked = true, .payload_len = 400};
    frame.masking_key[2] = 7;
    end += pirn_frame_encode(end, 512, &frame, payload);
    size_t len = (size_t)(end - frames);
    for (size_t cut = 1; cut < len; cut++) {
        raw_write(&rig, frames, cut);
        rig_turn(&rig);
        raw_write(&rig, frames + cut, len - cut);
        RAW_EXPECTS(&rig, "\x8a\x03png");
    }
    for (size_t i = 0; i < len; i++) {
        raw_write(&rig, frames + i, 1);
        rig_turn(&rig);
    }
    RAW_EXPECTS(&rig, "\x8a\x03png");
    assert_int_equal(rig.messages, len);
    assert_int_equal(rig.received_bytes, len * 700);
    rig.log[0] = 0;
    rig_end(&rig);
}

/* A read into a message that is begun ends where the frame ends, whatever stands behind it. */
static void the_next_frame_is_not_taken_along(void **state)
{
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    char some[3000] = {0};
    raw_frame(&rig, PIRN_BINARY, false, some, sizeof some);
    rig_turns(&rig);
    raw_write(&rig, "\x80\x8a\0\0\0\0abcde", 11);
    rig_turns(&rig);
    raw_write(&rig, "fghij\x81\x83\0\0\0\0two\x89\x80\0\0\0\0", 20);
    rig_turns(&rig);
    rig_expects(&rig, "open\nbinary of 3010\ntext two\nping \n");
    rig_end(&rig);
}

static void fill(uint8_t *data, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)((i * 2654435761u + seed) >> 16);
}

struct copy {
    uint8_t *data;
    size_t len;
    bool same;
};

static void compare_and_echo(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    struct rig *rig = pirn_conn_context(conn);
    struct copy *copy = rig->extra;
    copy->same = len == copy->len && memcmp(data, copy->data, len) == 0;
    rig->messages++;
    assert_true(pirn_conn_send(conn, type, data, len) >= 0);
}

static void large_messages_go_round(struct rig *rig, size_t len)
{
    struct copy copy = {malloc(len + 14), len, false};
    uint8_t *back = malloc(len + 14);
    rig->extra = &copy;
    rig_start(rig);
    rig->config.handlers.on_message = compare_and_echo;
    rig->conn = rig_connect(rig, &rig->peer);
    for (unsigned round = 0; round < 3; round++) {
        fill(copy.data, len, round);
        raw_frame(rig, PIRN_BINARY, true, copy.data, len);
        int header = len < 126 ? 2 : len < 65536 ? 4 : 10;
        header += rig->role == PIRN_CLIENT ? 4 : 0;
        raw_read_all(rig, back, len + (size_t)header);
        assert_true(copy.same);
        if (rig->role == PIRN_CLIENT)
            pirn_mask(back + header, back + header, len, back + header - 4, 0);
        assert_memory_equal(back + header, copy.data, len);
    }
    assert_int_equal(pirn_conn_buffered(rig->conn), 0);
    free(copy.data);
    free(back);
    rig->log[0] = 0;
    rig_end(rig);
}

static void messages_of_all_sizes_go_round(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 125, 126, 4096, 16383, 16384, 65521, 65536, 70000, MIB};
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int way = 0; way < 6; way++) {
            struct rig rig = {.role = way & 1 ? PIRN_CLIENT : PIRN_SERVER,
                              .tcp = way / 2 == 1,
                              .peer_buffer = way / 2 == 2 ? 4096 : 0,
                              .config = {.high_water_bytes = 4 * MIB}};
            large_messages_go_round(&rig, sizes[i]);
        }
}

/* What is announced costs nothing; what has come costs at most as much again. */
static void memory_follows_what_has_come(void **state)
{
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    size_t before = rig.memory.bytes;
    raw_write(&rig, "\x82\xff\0\0\0\0\0\x10\0\0\0\0\0\0x", 15);
    rig_turns(&rig);
    assert_in_range(rig.memory.bytes - before, 1, 1200);
    char some[50000] = {0};
    size_t sent = 1;
    while (sent + sizeof some < MIB) {
        raw_write(&rig, some, sizeof some);
        rig_turns(&rig);
        sent += sizeof some;
        assert_in_range(rig.memory.bytes - before, sent, 2 * sent + 1200);
    }
    raw_write(&rig, some, MIB - sent);
    rig_turns(&rig);
    assert_int_equal(rig.memory.bytes, before);
    rig_expects(&rig, "open\nbinary of 1048576\n");
    raw_write(&rig, "\x82\xfe\x03\xe8\0\0\0\0", 8);
    raw_write(&rig, some, 900);
    rig_turns(&rig);
    assert_in_range(rig.memory.bytes - before, 1000, 1000 + 700);
    rig_end(&rig);
}

static void chunks_are_not_put_together(void **state)
{
    (void)state;
    struct rig rig = {.config.handlers.on_chunk =
                          (void (*)(struct pirn_conn *, const struct pirn_chunk *))1};
    rig_open(&rig);
    size_t before = rig.memory.bytes;
    raw_write(&rig, "\x02\xfe\x01\x2c\0\0\0\0abc", 11);
    rig_turns(&rig);
    assert_int_equal(rig.memory.bytes, before);
    char rest[297] = {0};
    raw_write(&rig, rest, sizeof rest);
    raw_write(&rig, "\x80\x82\0\0\0\0yz", 8);
    rig_turns(&rig);
    assert_int_equal(rig.memory.bytes, before);
    rig_expects(&rig, "open\nfirst binary at 0 of 3, 297 more\nbinary at 3 of 297, 0 more\n"
                      "last binary at 300 of 2, 0 more\n");
    rig_end(&rig);
}

static void fragments_go_out(void **state)
{
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    struct pirn_conn *conn = rig.conn;
    assert_int_equal(pirn_conn_send_fragment(conn, PIRN_TEXT, "a", 1, false), 0);
    assert_int_equal(pirn_conn_send(conn, PIRN_TEXT, "x", 1), -PIRN_E_STATE);
    assert_int_equal(pirn_conn_send_fragment(conn, PIRN_BINARY, "x", 1, true), -PIRN_E_STATE);
    assert_int_equal(pirn_conn_send_fragment(conn, PIRN_TEXT, "", 0, false), 0);
    assert_int_equal(pirn_conn_send_fragment(conn, PIRN_TEXT, "b", 1, true), 0);
    assert_int_equal(pirn_conn_send(conn, PIRN_BINARY, "c", 1), 0);
    assert_int_equal(pirn_conn_buffered(conn), 3 + 2 + 3 + 3);
    RAW_EXPECTS(&rig, "\x01\x01"
                      "a\x00\x00\x80\x01"
                      "b\x82\x01"
                      "c");
    assert_int_equal(pirn_conn_buffered(conn), 0);
    rig_end(&rig);
}

static void bad_sends_are_refused(void **state)
{
    (void)state;
    struct rig rig = {.config.endpoint.check_sent_text = true};
    char long_text[20000], *bad = long_text;
    memset(long_text, 'a', sizeof long_text);
    rig_open(&rig);
    size_t before = rig.memory.bytes;
    struct pirn_conn *conn = rig.conn;
    bad[19999] = '\xff';
    assert_int_equal(pirn_conn_send(conn, PIRN_TEXT, "\xff", 1), -PIRN_E_TEXT_UTF8);
    assert_int_equal(pirn_conn_send(conn, PIRN_TEXT, bad, 20000), -PIRN_E_TEXT_UTF8);
    assert_int_equal(pirn_conn_send(conn, PIRN_PING, "a", 1), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_conn_send(conn, PIRN_TEXT, NULL, 1), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_conn_ping(conn, bad, 126), -PIRN_E_CONTROL_TOO_LONG);
    assert_int_equal(pirn_conn_close(conn, 1005, PIRN_STR("")), -PIRN_E_CLOSE_CODE);
    RAW_EXPECTS(&rig, "");
    assert_int_equal(rig.memory.bytes, before);
    rig_end(&rig);
}

static void echo(struct rig *rig, struct pirn_conn *conn, enum rig_moment moment)
{
    (void)rig;
    if (moment == ON_MESSAGE)
        assert_true(pirn_conn_send(conn, PIRN_TEXT, "echo", 4) >= 0);
}

/* All that a batch brings leaves with one send: the peer could not see it in one read otherwise. */
static void answers_leave_together(void **state)
{
    (void)state;
    struct rig rig = {.act = echo, .quiet = true};
    rig_open(&rig);
    for (int i = 0; i < 100; i++)
        raw_text(&rig, "x");
    size_t before = rig.memory.calls;
    rig_turn(&rig);
    uint8_t got[1000];
    assert_int_equal(raw_read(&rig, got, sizeof got), 600);
    assert_int_equal(rig.memory.calls, before);
    rig_end(&rig);
}

/* ---- pausing */

static void pause_at(struct rig *rig, struct pirn_conn *conn, enum rig_moment moment)
{
    if (moment == ON_MESSAGE && rig->messages == (size_t)(uintptr_t)rig->extra)
        pirn_conn_pause(conn);
}

static void a_pause_stops_at_once(void **state)
{
    (void)state;
    struct rig rig = {.act = pause_at, .extra = (void *)2};
    rig_open(&rig);
    const char *const texts[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < COUNT(texts); i++)
        raw_text(&rig, texts[i]);
    rig_turns(&rig);
    rig_expects(&rig, "open\ntext a\ntext b\n");
    raw_text(&rig, "e");
    rig_turns(&rig);
    rig_expects(&rig, "");
    rig.extra = (void *)3;
    pirn_conn_resume(rig.conn);
    rig_expects(&rig, "");
    rig_turns(&rig);
    rig_expects(&rig, "text c\n");
    pirn_conn_resume(rig.conn);
    rig_turns(&rig);
    rig_expects(&rig, "text d\ntext e\n");
    rig_end(&rig);
}

static void a_program_may_take_one_at_a_time(void **state)
{
    (void)state;
    struct rig rig = {.quiet = true, .act = pause_at, .extra = (void *)1};
    rig_open(&rig);
    char texts[7 * 1000];
    for (int i = 0; i < 1000; i++)
        memcpy(texts + 7 * i, "\x81\x81\0\0\0\0s", 7);
    raw_write(&rig, texts, sizeof texts);
    for (size_t i = 1; i <= 1000; i++) {
        rig.extra = (void *)(uintptr_t)i;
        pirn_conn_resume(rig.conn);
        rig_turns(&rig);
        assert_int_equal(rig.messages, i);
    }
    rig_end(&rig);
}

static void a_message_in_pieces_survives_a_pause(void **state)
{
    (void)state;
    struct rig rig = {.act = pause_at, .extra = (void *)1};
    rig_open(&rig);
    char payload[300];
    memset(payload, 'z', sizeof payload);
    raw_frame(&rig, PIRN_TEXT, false, payload, 300);
    rig_turns(&rig);
    raw_frame(&rig, PIRN_CONTINUATION, true, payload, 300);
    raw_frame(&rig, PIRN_TEXT, false, payload, 300);
    rig_turns(&rig);
    rig_expects(&rig, "open\ntext of 600\n");
    pirn_conn_resume(rig.conn);
    rig_turns(&rig);
    raw_frame(&rig, PIRN_CONTINUATION, true, payload, 100);
    rig_turns(&rig);
    rig_expects(&rig, "text of 400\n");
    rig_end(&rig);
}

static void a_gone_peer_is_told_after_the_pause(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        struct rig rig = {.tcp = tcp};
        rig_open(&rig);
        pirn_conn_pause(rig.conn);
        raw_text(&rig, "last");
        tcp ? raw_reset(&rig) : raw_close(&rig);
        for (int i = 0; i < 3; i++)
            rig_turn(&rig);
        assert_int_equal(pirn_loop_dispatch(rig.loop), 0); /* it does not spin */
        rig_expects(&rig, "open\n");
        pirn_conn_resume(rig.conn);
        rig_turns(&rig);
        assert_string_equal(rig.log + strlen(rig.log) - 1, "\n");
        if (!tcp)
            rig_expects(&rig, "text last\nlost (tcp): connection ended without a close frame\n");
        else
            assert_non_null(strstr(rig.log, "lost (tcp): connection reset by peer\n"));
        rig_end(&rig);
    }
}

/* ---- what belongs to it */

static void a_connection_has_its_own(void **state)
{
    (void)state;
    struct rig rig = {.config.user_bytes = 40};
    rig_open(&rig);
    struct pirn_conn *conn = rig.conn;
    static const char zeroes[40];
    assert_int_equal((uintptr_t)pirn_conn_user(conn) % _Alignof(max_align_t), 0);
    assert_memory_equal(pirn_conn_user(conn), zeroes, 40);
    memset(pirn_conn_user(conn), 1, 40);
    assert_ptr_equal(pirn_conn_context(conn), &rig);
    assert_ptr_equal(pirn_conn_loop(conn), rig.loop);
    assert_ptr_equal(pirn__conn_owner_data(conn), &rig.owner);
    assert_ptr_equal(rig.owner.first, conn);
    assert_null(pirn__conn_next(conn));
    assert_int_equal(rig.owner.count, 1);
    assert_true(pirn_str_equal(pirn_conn_subprotocol(conn), PIRN_STR("chat")));
    assert_int_equal(pirn_conn_state(conn), PIRN_OPEN);
    char text[64];
    assert_string_equal(pirn_conn_peer(conn, text, sizeof text), "unix");
    rig_end(&rig);
    struct rig bare = {0};
    rig_open(&bare);
    assert_null(pirn_conn_user(bare.conn));
    rig_end(&bare);
}

static void configurations_are_completed(void **state)
{
    (void)state;
    struct rig rig = {0};
    rig_start(&rig);
    struct pirn_conn_config config = {.high_water_bytes = 1000};
    assert_int_equal(pirn__conn_config_complete(&config, rig.loop, PIRN_CLIENT), 0);
    assert_int_equal(config.low_water_bytes, 250);
    assert_int_equal(config.stall_timeout_ms, 30000);
    assert_int_equal(config.endpoint.max_message_bytes, 16 * MIB);
    assert_int_equal(config.endpoint.close_timeout_ms, 5000);
    uint8_t bytes[2][16];
    assert_true(config.endpoint.random(config.endpoint.random_context, bytes[0], 16));
    assert_true(config.endpoint.random(config.endpoint.random_context, bytes[1], 16));
    assert_memory_not_equal(bytes[0], bytes[1], 16);
    config = (struct pirn_conn_config){.high_water_bytes = 10, .low_water_bytes = 11};
    assert_int_equal(pirn__conn_config_complete(&config, rig.loop, PIRN_SERVER), -PIRN_E_ARGUMENT);
    config = (struct pirn_conn_config){.when_full = (enum pirn_full_policy)7};
    assert_int_equal(pirn__conn_config_complete(&config, rig.loop, PIRN_SERVER), -PIRN_E_ARGUMENT);
    rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_in),
        cmocka_unit_test(what_came_with_the_handshake_counts),
        cmocka_unit_test(cuts_change_nothing),
        cmocka_unit_test(the_next_frame_is_not_taken_along),
        cmocka_unit_test(messages_of_all_sizes_go_round),
        cmocka_unit_test(memory_follows_what_has_come),
        cmocka_unit_test(chunks_are_not_put_together),
        cmocka_unit_test(fragments_go_out),
        cmocka_unit_test(bad_sends_are_refused),
        cmocka_unit_test(answers_leave_together),
        cmocka_unit_test(a_pause_stops_at_once),
        cmocka_unit_test(a_program_may_take_one_at_a_time),
        cmocka_unit_test(a_message_in_pieces_survives_a_pause),
        cmocka_unit_test(a_gone_peer_is_told_after_the_pause),
        cmocka_unit_test(a_connection_has_its_own),
        cmocka_unit_test(configurations_are_completed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
