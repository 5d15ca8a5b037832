/* Messages that are made while they are sent: bit by bit, out of pieces, out of a file. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn_rig.h"
#include "listener.h"

enum { KIB = 1 << 10, MIB = 1 << 20 };

static const struct pirn_message_plan text = {.type = PIRN_TEXT};
static const struct pirn_message_plan binary = {.type = PIRN_BINARY};

static uint8_t pattern[MIB];

static int write_text(struct pirn_conn *conn, const char *bytes)
{
    return pirn_conn_write(conn, bytes, strlen(bytes));
}

/* ---- bit by bit */

static void parts_gather_until_they_are_flushed(void **state)
{
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    assert_int_equal(pirn_conn_begin(rig.conn, &text), 0);
    assert_int_equal(write_text(rig.conn, "he"), 0);
    assert_int_equal(write_text(rig.conn, "llo"), 0);
    assert_int_equal(pirn_conn_write(rig.conn, NULL, 0), 0);
    assert_int_equal(pirn_conn_buffered(rig.conn), 5);
    RAW_EXPECTS(&rig, "");
    assert_int_equal(pirn_conn_flush(rig.conn), 0);
    assert_int_equal(pirn_conn_flush(rig.conn), 0);
    RAW_EXPECTS(&rig, "\x01\x05hello");
    assert_int_equal(pirn_conn_end(rig.conn), 0);
    RAW_EXPECTS(&rig, "\x80\x00");
    pirn_conn_begin(rig.conn, &binary);
    write_text(rig.conn, "all");
    pirn_conn_end(rig.conn);
    pirn_conn_begin(rig.conn, &binary);
    pirn_conn_end(rig.conn);
    RAW_EXPECTS(&rig, "\x82\x03"
                      "all\x82\x00");
    size_t idle = rig.memory.bytes;
    pirn_conn_begin(rig.conn, &binary);
    pirn_conn_end(rig.conn);
    rig_turns(&rig);
    assert_int_equal(rig.memory.bytes, idle);
    rig_end(&rig);
}

/* Whatever the sizes, both roles, with and without a check of text. */
static void any_sizes_make_the_message(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 100, 4095, 4096, 4097, 32 * KIB, 100 * KIB};
    for (unsigned how = 0; how < 4; how++)
        for (size_t i = 0; i < COUNT(sizes); i++) {
            struct rig rig = {.role = how & 1 ? PIRN_CLIENT : PIRN_SERVER};
            struct listener listener = {.patterned = true};
            size_t at = 0;
            rig.config.endpoint.check_sent_text = how & 2;
            rig_open(&rig);
            listener_begin(&listener, &rig);
            assert_int_equal(pirn_conn_begin(rig.conn, &binary), 0);
            for (int n = 1; n <= 5; n++, at += sizes[i])
                assert_true(pirn_conn_write(rig.conn, pattern + at, sizes[i]) >= 0);
            assert_true(pirn_conn_write(rig.conn, pattern + at, 3) >= 0);
            assert_true(pirn_conn_end(rig.conn) >= 0);
            listener_hear(&listener);
            assert_int_equal(listener.pattern_at, at + 3);
            listener.log[0] = 0;
            rig_end(&rig);
        }
}

static void misuse_is_refused(void **state)
{
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    struct pirn_conn *conn = rig.conn;
    const struct pirn_message_plan ping = {.type = PIRN_PING};
    int fd = open("/dev/null", O_RDONLY);
    assert_int_equal(pirn_conn_write(conn, "x", 1), -PIRN_E_STATE);
    assert_int_equal(pirn_conn_flush(conn), -PIRN_E_STATE);
    assert_int_equal(pirn_conn_end(conn), -PIRN_E_STATE);
    assert_int_equal(pirn_conn_abort(conn, 1000, PIRN_STR("")), -PIRN_E_STATE);
    assert_int_equal(pirn_conn_begin(conn, &ping), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_conn_begin(conn, NULL), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_conn_send_fragment(conn, PIRN_TEXT, "a", 1, false), 0);
    assert_int_equal(pirn_conn_begin(conn, &text), -PIRN_E_STATE);
    assert_int_equal(pirn_conn_send_pieces(conn, PIRN_TEXT, NULL, 0, PIRN_COMPRESS_AUTO),
                     -PIRN_E_STATE);
    assert_int_equal(pirn_conn_send_fragment(conn, PIRN_TEXT, "b", 1, true), 0);
    assert_int_equal(pirn_conn_begin(conn, &text), 0);
    assert_int_equal(pirn_conn_begin(conn, &text), -PIRN_E_STATE);
    assert_int_equal(pirn_conn_send_file(conn, PIRN_TEXT, fd, 0, 1, PIRN_COMPRESS_AUTO),
                     -PIRN_E_STATE);
    assert_int_equal(pirn_conn_send_fragment(conn, PIRN_TEXT, "c", 1, false), -PIRN_E_STATE);
    assert_int_equal(pirn_conn_write(conn, NULL, 1), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_conn_abort(conn, 1005, PIRN_STR("")), -PIRN_E_CLOSE_CODE);
    assert_int_equal(pirn_conn_end(conn), 0);
    assert_int_equal(pirn_conn_send_file(conn, PIRN_TEXT, -1, 0, 1, PIRN_COMPRESS_AUTO),
                     -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_conn_send_file(conn, PIRN_TEXT, fd, 1, INT64_MAX, PIRN_COMPRESS_AUTO),
                     -PIRN_E_ARGUMENT);
    RAW_EXPECTS(&rig, "\x01\x01"
                      "a\x80\x01"
                      "b\x81\x00");
    close(fd);
    rig_end(&rig);
}

static void text_is_checked_if_it_is_to_be(void **state)
{
    (void)state;
    struct rig rig = {.config.endpoint.check_sent_text = true};
    const struct pirn_str pieces[] = {PIRN_STR("\xc3"), PIRN_STR("\xa4"), PIRN_STR("\xc3")};
    rig_open(&rig);
    pirn_conn_begin(rig.conn, &text);
    assert_int_equal(write_text(rig.conn, "a\xc3"), 0);
    assert_int_equal(write_text(rig.conn, "b"), -PIRN_E_TEXT_UTF8);
    assert_int_equal(pirn_conn_end(rig.conn), -PIRN_E_TEXT_UTF8);
    assert_int_equal(pirn_conn_send_pieces(rig.conn, PIRN_TEXT, pieces, 3, PIRN_COMPRESS_AUTO),
                     -PIRN_E_TEXT_UTF8);
    assert_int_equal(pirn_conn_send_pieces(rig.conn, PIRN_TEXT, pieces, 2, PIRN_COMPRESS_AUTO), 0);
    assert_int_equal(write_text(rig.conn, "\xa4"), 0);
    assert_int_equal(pirn_conn_end(rig.conn), 0);
    RAW_EXPECTS(&rig, "\x81\x03"
                      "a\xc3\xa4\x81\x02\xc3\xa4");
    rig_end(&rig);
}

/* ---- what is sent meanwhile */

static void messages_wait_and_control_frames_pass(void **state)
{
    (void)state;
    struct rig rig = {0};
    const struct pirn_str pieces[] = {PIRN_STR("th"), PIRN_STR("ree")};
    rig_open(&rig);
    struct pirn_conn *conn = rig.conn;
    pirn_conn_begin(conn, &text);
    write_text(conn, "a");
    pirn_conn_flush(conn);
    assert_int_equal(pirn_conn_send(conn, PIRN_TEXT, "one", 3), 0);
    assert_int_equal(pirn_conn_send_fragment(conn, PIRN_BINARY, "two", 3, true), 0);
    assert_int_equal(pirn_conn_send_pieces(conn, PIRN_TEXT, pieces, 2, PIRN_COMPRESS_AUTO), 0);
    assert_int_equal(pirn_conn_send(conn, PIRN_TEXT, NULL, 0), 0);
    assert_int_equal(pirn_conn_ping(conn, "p", 1), 0);
    raw_frame(&rig, PIRN_PING, true, "q", 1);
    rig_turns(&rig);
    assert_int_equal(pirn_conn_buffered(conn), 11);
    write_text(conn, "b");
    pirn_conn_flush(conn);
    pirn_conn_end(conn);
    RAW_EXPECTS(&rig, "\x89\x01p\x01\x01"
                      "a\x8a\x01q\x00\x01"
                      "b\x80\x00\x81\x03one\x82\x03two\x81\x05three\x81\x00");
    assert_int_equal(pirn_conn_buffered(conn), 0);
    rig_end(&rig);
}

/* What waits behind a message fills the queue for others, but not for the message itself. */
static void what_waits_does_not_hold_up_what_it_waits_for(void **state)
{
    (void)state;
    struct rig rig = {.peer_buffer = 4096, .config.high_water_bytes = 64 * KIB};
    struct listener listener = {0};
    rig_open(&rig);
    listener_begin(&listener, &rig);
    pirn_conn_begin(rig.conn, &binary);
    assert_int_equal(pirn_conn_send(rig.conn, PIRN_BINARY, pattern, 63 * KIB), 0);
    assert_int_equal(pirn_conn_send(rig.conn, PIRN_BINARY, pattern, 2 * KIB), 1);
    assert_int_equal(pirn_conn_send(rig.conn, PIRN_BINARY, pattern, 1), -PIRN_E_QUEUE_FULL);
    raw_text(&rig, "held");
    for (int i = 0; i < 20; i++) { /* and is told when to go on */
        int result = 0;
        while (result == 0)
            result = pirn_conn_write(rig.conn, pattern, 5000);
        assert_int_equal(result, 1);
        assert_int_equal(pirn_conn_write(rig.conn, pattern, 5000), -PIRN_E_QUEUE_FULL);
        rig.log[0] = 0;
        listener_hear(&listener);
        rig_expects(&rig, "drain\n");
    }
    assert_true(pirn_conn_end(rig.conn) >= 0);
    listener_hear(&listener);
    rig_expects(&rig, "drain\ntext held\n");
    assert_non_null(strstr(listener.log, "binary 64512\nbinary 2048\n"));
    rig_end(&rig);
}

static void a_full_queue_may_close(void **state)
{
    (void)state;
    struct rig rig = {.peer_buffer = 4096,
                      .config = {.high_water_bytes = 64 * KIB, .when_full = PIRN_FULL_CLOSE}};
    struct listener listener = {0};
    rig_open(&rig);
    listener_begin(&listener, &rig);
    pirn_conn_begin(rig.conn, &binary);
    while (pirn_conn_write(rig.conn, pattern, 5000) == 0)
        ;
    assert_int_equal(pirn_conn_write(rig.conn, pattern, 1), -PIRN_E_QUEUE_FULL);
    assert_int_equal(pirn_conn_state(rig.conn), PIRN_CLOSING);
    assert_int_equal(pirn_conn_write(rig.conn, pattern, 1), -PIRN_E_STATE);
    listener_expects(&listener, "close 1013\n");
    rig_end(&rig);
}

/* ---- ends */

static void closing_breaks_it_off(void **state)
{
    (void)state;
    for (int abort = 0; abort < 2; abort++) {
        struct rig rig = {0};
        rig_open(&rig);
        pirn_conn_begin(rig.conn, &text);
        write_text(rig.conn, "a");
        pirn_conn_flush(rig.conn);
        write_text(rig.conn, "never");
        pirn_conn_send(rig.conn, PIRN_TEXT, "never", 5);
        assert_int_equal((abort ? pirn_conn_abort : pirn_conn_close)(rig.conn, 1001, PIRN_STR("")),
                         0);
        assert_int_equal(write_text(rig.conn, "never"), -PIRN_E_STATE);
        assert_int_equal(pirn_conn_end(rig.conn), -PIRN_E_STATE);
        assert_int_equal(pirn_conn_send(rig.conn, PIRN_TEXT, "x", 1), -PIRN_E_CLOSED);
        RAW_EXPECTS(&rig, "\x01\x01"
                          "a\x88\x02\x03\xe9");
        raw_frame(&rig, PIRN_CLOSE, true, "\x03\xe9", 2);
        rig_turns(&rig);
        assert_true(rig.info.clean);
        rig_end(&rig);
    }
}

static void the_peers_close_breaks_it_off(void **state)
{
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    pirn_conn_begin(rig.conn, &text);
    write_text(rig.conn, "a");
    pirn_conn_flush(rig.conn);
    pirn_conn_send(rig.conn, PIRN_TEXT, "never", 5);
    raw_frame(&rig, PIRN_CLOSE, true, "\x03\xe8", 2);
    RAW_EXPECTS(&rig, "\x01\x01"
                      "a\x88\x02\x03\xe8");
    assert_null(rig.conn);
    assert_true(rig.info.clean);
    rig_end(&rig);
}

static void end_in_the_middle(struct rig *rig, struct pirn_conn *conn, enum rig_moment moment)
{
    if (moment != ON_CLOSE)
        return;
    assert_int_equal(pirn_conn_write(conn, "x", 1), -PIRN_E_CLOSED);
    assert_int_equal(pirn_conn_end(conn), -PIRN_E_CLOSED);
    assert_int_equal(pirn_conn_begin(conn, &text), -PIRN_E_CLOSED);
    assert_int_equal(pirn_conn_abort(conn, 1000, PIRN_STR("")), -PIRN_E_CLOSED);
    (void)rig;
}

static void nothing_is_left_of_it(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        struct rig rig = {.peer_buffer = 4096, .act = end_in_the_middle};
        rig_open(&rig);
        pirn_conn_begin(rig.conn, &binary);
        pirn_conn_write(rig.conn, pattern, 100 * KIB);
        pirn_conn_write(rig.conn, pattern, 100);
        pirn_conn_send(rig.conn, PIRN_TEXT, "waits", 5);
        if (how == 1)
            rig_turns(&rig);
        if (how == 2)
            raw_reset(&rig);
        if (how < 2)
            pirn_conn_terminate(rig.conn);
        rig_turns(&rig);
        rig_end(&rig); /* checks */
    }
}

/* ---- pieces */

static void pieces_make_one_frame(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 10, 125, 4000, 33 * KIB};
    static const size_t counts[] = {0, 1, 2, 7, 20};
    for (int role = 0; role < 2; role++)
        for (size_t i = 0; i < COUNT(sizes); i++)
            for (size_t j = 0; j < COUNT(counts); j++) {
                struct rig rig = {.role = (enum pirn_role)role, .peer_buffer = 40000};
                struct listener listener = {.patterned = true};
                struct pirn_str pieces[20];
                char log[64];
                size_t at = 0;
                for (size_t k = 0; k < counts[j]; k++, at += sizes[i])
                    pieces[k] = (struct pirn_str){(char *)pattern + at, sizes[i]};
                rig_open(&rig);
                listener_begin(&listener, &rig);
                listener.config.max_fragments = 1;
                int result = pirn_conn_send_pieces(rig.conn, PIRN_BINARY, pieces, counts[j], 0);
                assert_true(result == 0);
                snprintf(log, sizeof log, "binary %zu\n", at);
                listener_expects(&listener, log);
                rig_end(&rig);
            }
}

static void bad_pieces_are_refused(void **state)
{
    (void)state;
    struct rig rig = {0};
    const struct pirn_str nothing[] = {{"a", 1}, {NULL, 1}};
    const struct pirn_str endless[] = {{"a", SIZE_MAX / 2}, {"b", SIZE_MAX / 2 + 1}};
    rig_open(&rig);
    assert_int_equal(pirn_conn_send_pieces(rig.conn, PIRN_TEXT, nothing, 2, 0), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_conn_send_pieces(rig.conn, PIRN_TEXT, endless, 2, 0), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_conn_send_pieces(rig.conn, PIRN_PING, NULL, 0, 0), -PIRN_E_ARGUMENT);
    pirn_conn_close(rig.conn, 1000, PIRN_STR(""));
    assert_int_equal(pirn_conn_send_pieces(rig.conn, PIRN_TEXT, NULL, 0, 0), -PIRN_E_CLOSED);
    rig_end(&rig);
}

/* ---- files */

/* A file of len bytes of the pattern, open and without a name. */
static int make_file(size_t len)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(pattern, 1, len, file), len);
    fflush(file);
    int fd = dup(fileno(file));
    fclose(file);
    return fd;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void a_file_is_a_message(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 65522, 65523, 300000, MIB};
    for (unsigned how = 0; how < 4; how++)
        for (size_t i = 0; i < COUNT(sizes); i++) {
            struct rig rig = {.role = how & 1 ? PIRN_CLIENT : PIRN_SERVER,
                              .peer_buffer = how & 2 ? 4096 : 0};
            struct listener listener = {.patterned = true};
            char log[64];
            size_t skip = sizes[i] > 5 ? 5 : 0, len = sizes[i] - skip;
            int fd = make_file(sizes[i]);
            rig_open(&rig);
            listener_begin(&listener, &rig);
            listener.pattern_at = skip;
            assert_int_equal(pirn_conn_send_file(rig.conn, PIRN_BINARY, fd, skip, len, 0), 0);
            assert_int_equal(pirn_conn_send(rig.conn, PIRN_TEXT, "behind", 6), 0);
            assert_int_equal(pirn_conn_write(rig.conn, "x", 1), -PIRN_E_STATE);
            snprintf(log, sizeof log, "binary %zu\ntext 6\n", len);
            listener_expects(&listener, log);
            assert_int_equal(listener.pattern_at, sizes[i]);
            assert_false(is_open(fd));
            assert_true(listener.most <= 64 * KIB + 6);
            rig_end(&rig);
        }
}

/* A close of the program's leaves behind the file and what waits for its end. */
static void a_close_leaves_behind_the_file(void **state)
{
    (void)state;
    struct rig rig = {.peer_buffer = 4096};
    struct listener listener = {.patterned = true};
    int fd = make_file(MIB);
    rig_open(&rig);
    listener_begin(&listener, &rig);
    pirn_conn_send_file(rig.conn, PIRN_BINARY, fd, 0, MIB, 0);
    pirn_conn_send(rig.conn, PIRN_TEXT, "behind", 6);
    assert_int_equal(pirn_conn_close(rig.conn, 1005, PIRN_STR("")), -PIRN_E_CLOSE_CODE);
    assert_int_equal(pirn_conn_close(rig.conn, 1000, PIRN_STR("done")), 0);
    assert_int_equal(pirn_conn_close(rig.conn, 1000, PIRN_STR("done")), -PIRN_E_CLOSED);
    assert_int_equal(pirn_conn_send(rig.conn, PIRN_TEXT, "x", 1), -PIRN_E_CLOSED);
    assert_int_equal(pirn_conn_ping(rig.conn, "x", 1), -PIRN_E_CLOSED);
    assert_int_equal(pirn_conn_state(rig.conn), PIRN_CLOSING);
    listener_expects(&listener, "binary 1048576\ntext 6\nclose 1000\n");
    raw_frame(&rig, PIRN_CLOSE, true, "\x03\xe8", 2);
    rig_turns(&rig);
    assert_string_equal(rig.text, "closed by us: 1000 Normal Closure");
    assert_false(is_open(fd));
    rig_end(&rig);
}

static void a_file_that_ends_early_closes(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct listener listener = {.patterned = true};
    int fd = make_file(100000);
    rig_open(&rig);
    listener_begin(&listener, &rig);
    assert_int_equal(pirn_conn_send_file(rig.conn, PIRN_BINARY, fd, 0, 100001, 0), 0);
    listener_expects(&listener, "close 1011\n");
    assert_false(is_open(fd));
    raw_frame(&rig, PIRN_CLOSE, true, "\x03\xf3", 2);
    rig_pass(&rig, 6000);
    assert_string_equal(rig.text, "failed: 1011 file ended early or could not be read");
    assert_int_equal(rig.info.layer, PIRN_LAYER_APPLICATION);
    rig_end(&rig);
}

static void a_file_that_is_no_text_closes(void **state)
{
    (void)state;
    struct rig rig = {.config.endpoint.check_sent_text = true};
    struct listener listener = {0};
    int fd = make_file(1000);
    rig_open(&rig);
    listener_begin(&listener, &rig);
    assert_int_equal(pirn_conn_send_file(rig.conn, PIRN_TEXT, fd, 0, 1000, 0), 0);
    listener_expects(&listener, "close 1011\n");
    rig_end(&rig);
}

static void an_end_closes_the_file(void **state)
{
    (void)state;
    for (int how = 0; how < 6; how++) {
        struct rig rig = {.peer_buffer = 4096};
        int fd = make_file(MIB);
        rig_open(&rig);
        pirn_conn_send_file(rig.conn, PIRN_BINARY, fd, 0, MIB, 0);
        rig_turns(&rig);
        assert_true(is_open(fd));
        if (how == 0)
            pirn_conn_terminate(rig.conn);
        if (how == 1)
            raw_reset(&rig);
        if (how == 2)
            assert_int_equal(pirn_conn_abort(rig.conn, 1000, PIRN_STR("")), 0);
        if (how == 3)
            raw_frame(&rig, PIRN_CLOSE, true, "\x03\xe8", 2);
        if (how == 4) { /* also when a Close waits behind it */
            assert_int_equal(pirn_conn_close(rig.conn, 1000, PIRN_STR("")), 0);
            assert_int_equal(pirn_conn_abort(rig.conn, 1001, PIRN_STR("")), 0);
            assert_int_equal(pirn_conn_abort(rig.conn, 1001, PIRN_STR("")), -PIRN_E_STATE);
        }
        rig_turns(&rig);
        assert_int_equal(is_open(fd), how == 5);
        rig_end(&rig);
        assert_false(is_open(fd));
    }
}

/* Two files and an echo take turns. */
static void a_file_leaves_turns_to_others(void **state)
{
    (void)state;
    struct rig rig = {.act = NULL};
    static uint8_t bytes[64 * KIB];
    int other, fd = make_file(MIB);
    rig_open(&rig);
    struct pirn_conn *conn = rig.conn;
    rig.conn = rig_connect(&rig, &other);
    rig.log[0] = 0;
    pirn_conn_send_file(conn, PIRN_BINARY, fd, 0, MIB, 0);
    for (int i = 0; i < 8; i++) {
        assert_true(recv(rig.peer, bytes, sizeof bytes, 0) > 0 || i == 0);
        assert_int_equal(send(other, "\x81\x82\0\0\0\0hi", 8, 0), 8);
        rig_turn(&rig);
        rig_expects(&rig, "text hi\n");
        assert_true(is_open(fd));
    }
    close(other);
    rig_turns(&rig);
    rig.conn = conn;
    rig_end(&rig);
}

/* ---- without memory */

static void stream_much(struct rig *rig, int fd)
{
    struct pirn_conn *conn = rig->conn;
    pirn_conn_begin(conn, &binary);
    pirn_conn_send(conn, PIRN_BINARY, pattern, 10);
    pirn_conn_write(conn, pattern, 10);
    pirn_conn_write(conn, pattern, 50 * KIB);
    pirn_conn_send(conn, PIRN_BINARY, pattern, 70 * KIB);
    pirn_conn_flush(conn);
    pirn_conn_write(conn, pattern, 10);
    pirn_conn_end(conn);
    if (pirn_conn_send_file(conn, PIRN_BINARY, fd, 0, 100 * KIB, 0) < 0)
        close(fd);
    pirn_conn_send(conn, PIRN_TEXT, "waits", 5);
    pirn_conn_close(conn, 1000, PIRN_STR("done"));
}

static bool try_without(size_t fail_at, bool onward)
{
    struct rig rig = {.peer_buffer = 4096};
    struct listener listener = {0};
    int fd = make_file(100 * KIB);
    rig_open(&rig);
    listener_begin(&listener, &rig);
    size_t start = rig.memory.calls;
    rig.memory.fail_at = fail_at ? start + fail_at : 0;
    rig.memory.fail_onward = onward;
    stream_much(&rig, fd);
    listener_hear(&listener);
    bool reached = fail_at != 0 && rig.memory.calls >= start + fail_at;
    if (rig.conn)
        raw_frame(&rig, PIRN_CLOSE, true, "\x03\xe8", 2);
    rig_pass(&rig, 6000);
    assert_false(is_open(fd));
    assert_null(rig.conn);
    assert_true(rig.info.clean || rig.info.error == PIRN_E_MEMORY);
    if (fail_at == 0)
        assert_string_equal(listener.log, "binary 51220\nbinary 10\nbinary 71680\nbinary 102400\n"
                                          "text 5\nclose 1000\n");
    rig.memory.fail_at = 0;
    rig_end(&rig);
    return reached;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    try_without(0, false);
    size_t k = 1;
    while (try_without(k, false))
        k++;
    assert_true(k > 8);
    for (size_t i = 1; i < k; i++)
        assert_true(try_without(i, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_gather_until_they_are_flushed),
        cmocka_unit_test(any_sizes_make_the_message),
        cmocka_unit_test(misuse_is_refused),
        cmocka_unit_test(text_is_checked_if_it_is_to_be),
        cmocka_unit_test(messages_wait_and_control_frames_pass),
        cmocka_unit_test(what_waits_does_not_hold_up_what_it_waits_for),
        cmocka_unit_test(a_full_queue_may_close),
        cmocka_unit_test(closing_breaks_it_off),
        cmocka_unit_test(the_peers_close_breaks_it_off),
        cmocka_unit_test(nothing_is_left_of_it),
        cmocka_unit_test(pieces_make_one_frame),
        cmocka_unit_test(bad_pieces_are_refused),
        cmocka_unit_test(a_file_is_a_message),
        cmocka_unit_test(a_close_leaves_behind_the_file),
        cmocka_unit_test(a_file_that_ends_early_closes),
        cmocka_unit_test(a_file_that_is_no_text_closes),
        cmocka_unit_test(an_end_closes_the_file),
        cmocka_unit_test(a_file_leaves_turns_to_others),
        cmocka_unit_test(every_allocation_may_fail),
    };
    pattern_fill(pattern, sizeof pattern, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
