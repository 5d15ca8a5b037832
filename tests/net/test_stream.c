/* A connection as a pair of pipes. */
#include <stdio.h>
#include <sys/socket.h>

#include <pirn/stream.h>

#include "conn_rig.h"
#include "listener.h"

enum { KIB = 1 << 10, MIB = 1 << 20 };

static uint8_t pattern[MIB];

/* A stream that reads what comes, if it is to, and checks that it goes on with the pattern. */
struct pipe {
    struct rig *rig;
    struct pirn_stream *stream;
    size_t size; /* of a read; 0: none */
    uint64_t at;
    int can_read, can_write, ended;
    int free_at; /* the so-many-th call frees it */
    int calls;
};

static int64_t read_all(struct pipe *pipe, size_t size)
{
    uint8_t bytes[64 * KIB];
    int64_t len;
    while ((len = pirn_stream_read(pipe->stream, bytes, size)) > 0) {
        assert_memory_equal(bytes, pattern + pipe->at, (size_t)len);
        pipe->at += (uint64_t)len;
    }
    return len;
}

static void count_call(struct pipe *pipe)
{
    if (++pipe->calls != pipe->free_at)
        return;
    pirn_stream_free(pipe->stream);
    pipe->stream = NULL;
}

static void can_read(struct pirn_stream *stream)
{
    struct pipe *pipe = pirn_stream_context(stream);
    pipe->can_read++;
    assert_true(pirn_stream_unread(stream) > 0);
    if (pipe->size > 0)
        assert_int_equal(read_all(pipe, pipe->size), 0);
    count_call(pipe);
}

static void can_write(struct pirn_stream *stream)
{
    struct pipe *pipe = pirn_stream_context(stream);
    pipe->can_write++;
    count_call(pipe);
}

static void ended(struct pirn_stream *stream, const struct pirn_close_info *info)
{
    struct pipe *pipe = pirn_stream_context(stream);
    pipe->ended++;
    assert_null(pirn_stream_conn(stream));
    assert_ptr_equal(pirn_stream_ending(stream), info);
    rig_note(pipe->rig, "ended %d\n", info->code);
    count_call(pipe);
}

static struct pirn_stream *make(struct pipe *pipe, enum pirn_opcode type, size_t max_unread)
{
    const struct pirn_stream_config config = {.type = type,
                                              .max_unread_bytes = max_unread,
                                              .context = pipe,
                                              .can_read = can_read,
                                              .can_write = can_write,
                                              .ended = ended};
    int error = -1;
    pipe->stream = pirn_stream_new(pipe->rig->conn, &config, &error);
    assert_int_equal(error, pipe->stream ? 0 : PIRN_E_MEMORY);
    return pipe->stream;
}

static void open_pipe(struct pipe *pipe, struct rig *rig, enum pirn_opcode type)
{
    rig_open(rig);
    rig_expects(rig, "open\n");
    pipe->rig = rig;
    assert_non_null(make(pipe, type, 0));
}

/* ---- in */

/* Messages of many sizes, whole and in fragments, with control frames between. */
static void send_pattern(struct rig *rig)
{
    static const size_t sizes[] = {1, 0, 125, 126, 5000, 65536, 100 * KIB, 3};
    size_t at = 0;
    for (size_t i = 0; i < COUNT(sizes); at += sizes[i++]) {
        size_t half = sizes[i] / 2;
        raw_frame(rig, PIRN_BINARY, i % 2, pattern + at, i % 2 ? sizes[i] : half);
        raw_frame(rig, PIRN_PING, true, "p", 1);
        if (i % 2 == 0)
            raw_frame(rig, PIRN_CONTINUATION, true, pattern + at + half, sizes[i] - half);
    }
    raw_write(rig, "", 0);
    rig_turns(rig);
}

enum { SENT = 1 + 125 + 126 + 5000 + 65536 + 100 * KIB + 3 };

static void every_size_of_read_gives_the_same_bytes(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 7, 100, 4096, 64 * KIB};
    for (unsigned how = 0; how < 4; how++)
        for (size_t i = 0; i < COUNT(sizes); i++) {
            struct rig rig = {.role = how & 1 ? PIRN_CLIENT : PIRN_SERVER, .quiet = true};
            bool at_once = how & 2;
            struct pipe pipe = {.size = at_once ? sizes[i] : 0};
            open_pipe(&pipe, &rig, PIRN_BINARY);
            size_t idle = rig.memory.bytes;
            if (!at_once) { /* all of it may wait */
                pirn_stream_free(pipe.stream);
                make(&pipe, PIRN_BINARY, MIB);
            }
            send_pattern(&rig);
            if (!at_once) {
                assert_int_equal(pirn_stream_unread(pipe.stream), SENT);
                assert_int_equal(read_all(&pipe, sizes[i]), 0);
            }
            assert_int_equal(pipe.at, SENT);
            assert_int_equal(pirn_stream_unread(pipe.stream), 0);
            char pongs[256];
            while (raw_read(&rig, pongs, sizeof pongs) > 0)
                rig_turns(&rig);
            assert_int_equal(rig.memory.bytes, idle); /* a stream that is read owns no buffer */
            assert_true(pipe.can_read >= 8);
            assert_int_equal(rig.messages, 0);
            pirn_stream_free(pipe.stream);
            rig_end(&rig);
        }
}

static void what_is_not_read_holds_up_the_peer(void **state)
{
    (void)state;
    struct rig rig = {.peer_buffer = 4096, .quiet = true};
    struct pipe pipe = {0};
    uint8_t frame[4 + 4 + 10000];
    size_t sent = 0, at = 0;
    open_pipe(&pipe, &rig, PIRN_BINARY);
    size_t idle = rig.memory.bytes;
    while (sent < MIB) { /* as much as it takes */
        size_t len = MIB - sent < 10000 ? MIB - sent : 10000;
        const uint8_t header[8] = {0x82, 0xfe, (uint8_t)(len >> 8), (uint8_t)len};
        memcpy(frame, header, sizeof header);
        memcpy(frame + 8, pattern + sent, len);
        for (int idle_turns = 0; at < len + 8 && idle_turns < 20; idle_turns++) {
            ssize_t n = send(rig.peer, frame + at, len + 8 - at, MSG_NOSIGNAL);
            at += n > 0 ? (size_t)n : 0;
            rig_turns(&rig);
        }
        if (at < len + 8) { /* held up: read some, and it goes on */
            uint8_t byte;
            size_t unread = pirn_stream_unread(pipe.stream);
            assert_in_range(unread, 64 * KIB, 128 * KIB);
            assert_in_range(rig.memory.bytes - idle, unread, 270 * KIB);
            assert_int_equal(pirn_stream_read(pipe.stream, &byte, 1), 1);
            assert_int_equal(byte, pattern[pipe.at++]);
            rig_turns(&rig);
            assert_int_equal(pirn_stream_unread(pipe.stream), unread - 1);
            assert_int_equal(read_all(&pipe, 100), 0);
            continue;
        }
        sent += len;
        at = 0;
    }
    rig_turns(&rig);
    while (pirn_stream_unread(pipe.stream) > 0) {
        assert_int_equal(read_all(&pipe, 5000), 0);
        rig_turns(&rig);
    }
    assert_int_equal(pipe.at, MIB);
    assert_int_equal(rig.memory.bytes, idle);
    pirn_stream_free(pipe.stream);
    rig_end(&rig);
}

/* ---- out */

static int64_t write_string(struct pirn_stream *stream, const char *text)
{
    return pirn_stream_write(stream, text, strlen(text));
}

static void a_write_is_a_message(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct pipe pipe = {0};
    open_pipe(&pipe, &rig, PIRN_BINARY);
    assert_int_equal(write_string(pipe.stream, "one"), 3);
    assert_int_equal(pirn_stream_write(pipe.stream, NULL, 0), 0);
    assert_int_equal(pirn_stream_write(pipe.stream, "\xff", 1), 1);
    RAW_EXPECTS(&rig, "\x82\x03one\x82\x01\xff");
    pirn_stream_free(pipe.stream);
    rig_end(&rig);
}

/* Wherever text is cut, each message is text, and nothing of it is lost. */
static void text_is_never_cut_inside_a_character(void **state)
{
    (void)state;
    static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z\xf0\x9f\x98\x80\xc3\xa4.";
    const size_t len = sizeof text - 1;
    for (size_t step = 1; step <= len; step++) {
        struct rig rig = {.config.endpoint.check_sent_text = true};
        struct pipe pipe = {0};
        uint8_t got[256];
        char put_together[64] = "";
        size_t got_len, at = 0;
        open_pipe(&pipe, &rig, PIRN_TEXT);
        for (size_t i = 0; i < len; i += step) {
            size_t part = len - i < step ? len - i : step;
            assert_int_equal(pirn_stream_write(pipe.stream, text + i, part), part);
        }
        rig_turns(&rig);
        got_len = raw_read(&rig, got, sizeof got);
        while (at < got_len) {
            assert_int_equal(got[at], 0x81);
            assert_true(got[at + 1] > 0 && pirn_utf8_valid(got + at + 2, got[at + 1]));
            strncat(put_together, (char *)got + at + 2, got[at + 1]);
            at += 2u + got[at + 1];
        }
        assert_string_equal(put_together, text);
        pirn_stream_free(pipe.stream);
        rig_end(&rig);
    }
}

static void what_is_no_text_is_refused(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct pipe pipe = {0};
    open_pipe(&pipe, &rig, PIRN_TEXT);
    assert_int_equal(write_string(pipe.stream, "a\xff"), -PIRN_E_TEXT_UTF8);
    assert_int_equal(write_string(pipe.stream, "\xe2"), 1);
    assert_int_equal(write_string(pipe.stream, "b"), -PIRN_E_TEXT_UTF8);
    assert_int_equal(write_string(pipe.stream, "\x82"), 1);
    assert_int_equal(pirn_stream_close(pipe.stream, 1000, PIRN_STR("")), -PIRN_E_TEXT_UTF8);
    RAW_EXPECTS(&rig, "");
    assert_int_equal(write_string(pipe.stream, "\xac"
                                               "b"),
                     2);
    assert_int_equal(pirn_stream_close(pipe.stream, 1000, PIRN_STR("")), 0);
    assert_int_equal(write_string(pipe.stream, "c"), -PIRN_E_CLOSED);
    RAW_EXPECTS(&rig, "\x81\x04\xe2\x82\xac"
                      "b\x88\x02\x03\xe8");
    pirn_stream_free(pipe.stream);
    rig_end(&rig);
}

static void a_full_queue_takes_nothing_until_it_has_drained(void **state)
{
    (void)state;
    struct rig rig = {.peer_buffer = 4096, .config.high_water_bytes = 64 * KIB};
    struct listener listener = {.patterned = true};
    struct pipe pipe = {0};
    int64_t result = 0;
    open_pipe(&pipe, &rig, PIRN_BINARY);
    listener_begin(&listener, &rig);
    for (size_t at = 0; at < MIB;) {
        while (at < MIB && (result = pirn_stream_write(pipe.stream, pattern + at, 4096)) > 0)
            at += (size_t)result;
        if (at < MIB)
            assert_int_equal(result, -PIRN_E_QUEUE_FULL);
        int before = pipe.can_write;
        listener_hear(&listener);
        listener.log[0] = 0;
        assert_true(pipe.can_write > before || at == MIB);
        rig.log[0] = 0;
    }
    assert_int_equal(listener.pattern_at, MIB);
    pirn_stream_free(pipe.stream);
    rig_end(&rig);
}

/* ---- ends */

static void an_end_comes_behind_all_that_was_sent(void **state)
{
    (void)state;
    static const struct {
        const char *frames;
        size_t len;
        int64_t end;
        int code;
    } ends[] = {
        {"\x88\x82\0\0\0\0\x03\xe8", 8, -PIRN_E_CLOSED, 1000},
        {"\x88\x82\0\0\0\0\x03\xf3", 8, -PIRN_E_CLOSED, 1011},
        {"\x88\x80\0\0\0\0", 6, -PIRN_E_CLOSED, 1005},
        {"\x83\x80\0\0\0\0", 6, -PIRN_E_OPCODE, 1006},
        {"", 0, -PIRN_E_EOF, 1006},
    };
    for (size_t i = 0; i < COUNT(ends); i++) {
        struct rig rig = {0};
        struct pipe pipe = {0};
        char log[16];
        open_pipe(&pipe, &rig, PIRN_BINARY);
        assert_null(pirn_stream_ending(pipe.stream));
        raw_frame(&rig, PIRN_BINARY, true, pattern, 100);
        raw_write(&rig, ends[i].frames, ends[i].len);
        rig_turns(&rig);
        raw_close(&rig);
        rig_turns(&rig);
        assert_int_equal(pipe.ended, 1);
        snprintf(log, sizeof log, "ended %d\n", ends[i].code);
        assert_non_null(strstr(rig.log, log));
        assert_int_equal(rig.closes, 1);
        assert_null(rig.conn);
        assert_int_equal(pirn_stream_unread(pipe.stream), 100);
        assert_int_equal(read_all(&pipe, 30), ends[i].end);
        assert_int_equal(pipe.at, 100);
        assert_int_equal(pirn_stream_ending(pipe.stream)->code, ends[i].code);
        assert_string_equal(pirn_stream_ending(pipe.stream)->text, rig.text);
        assert_int_equal(pirn_stream_write(pipe.stream, "x", 1), -PIRN_E_CLOSED);
        assert_int_equal(pirn_stream_close(pipe.stream, 1000, PIRN_STR("")), -PIRN_E_CLOSED);
        pirn_stream_free(pipe.stream);
        rig_end(&rig);
    }
}

/* A peer that has gone while too much waited: nothing is lost. */
static void an_end_in_a_pause_waits_for_the_reader(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct pipe pipe = {0};
    rig_open(&rig);
    pipe.rig = &rig;
    make(&pipe, PIRN_BINARY, 100);
    for (int i = 0; i < 10; i++)
        raw_frame(&rig, PIRN_BINARY, true, pattern + 100 * i, 100);
    raw_frame(&rig, PIRN_CLOSE, true, "\x03\xe8", 2);
    rig_turns(&rig);
    assert_int_equal(pirn_stream_unread(pipe.stream), 100);
    while (!pipe.ended) {
        assert_int_equal(read_all(&pipe, 60), 0);
        rig_turns(&rig);
    }
    assert_int_equal(read_all(&pipe, 60), -PIRN_E_CLOSED);
    assert_int_equal(pipe.at, 1000);
    pirn_stream_free(pipe.stream);
    rig_end(&rig);
}

/* ---- from messages and back */

static void make_on_open(struct rig *rig, struct pirn_conn *conn, enum rig_moment moment)
{
    rig->conn = conn;
    if (moment == ON_OPEN)
        make(rig->extra, PIRN_BINARY, 0);
}

static void it_may_begin_in_on_open(void **state)
{
    (void)state;
    struct pipe pipe = {.size = 10};
    struct rig rig = {
        .act = make_on_open, .extra = &pipe, .input = "\x82\x83\0\0\0\0", .input_len = 6};
    pipe.rig = &rig;
    rig_open(&rig);
    raw_write(&rig, pattern, 3);
    rig_turns(&rig);
    assert_int_equal(pipe.at, 3);
    pirn_stream_free(pipe.stream);
    rig_end(&rig);
}

static void it_may_begin_and_end_inside_a_message(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct pipe pipe = {.rig = &rig};
    int error = 0;
    rig_open(&rig);
    raw_text(&rig, "before");
    raw_frame(&rig, PIRN_BINARY, false, pattern, 10);
    rig_turns(&rig);
    pirn_conn_pause(rig.conn);
    make(&pipe, PIRN_BINARY, 0);
    assert_int_equal(pirn_stream_unread(pipe.stream), 10);
    raw_frame(&rig, PIRN_CONTINUATION, false, pattern + 10, 10);
    rig_turns(&rig);
    assert_int_equal(read_all(&pipe, 3), 0);
    assert_int_equal(pipe.at, 20);
    pirn_stream_free(pipe.stream);
    raw_frame(&rig, PIRN_CONTINUATION, false, "dropped", 7);
    rig_turns(&rig);
    assert_null(pirn_stream_new(rig.conn, NULL, &error));
    assert_int_equal(error, PIRN_E_STATE);
    raw_frame(&rig, PIRN_CONTINUATION, true, "dropped", 7);
    raw_text(&rig, "after");
    rig_turns(&rig);
    rig_expects(&rig, "open\ntext before\ntext after\n");
    rig_end(&rig);
}

/* In any call; what it has to free then it frees when the call is over. */
static void it_may_be_freed_anywhere(void **state)
{
    (void)state;
    for (int free_at = 1; free_at <= 5; free_at++)
        for (int fragments = 0; fragments < 2; fragments++) {
            struct rig rig = {.peer_buffer = 4096, .config.high_water_bytes = 16 * KIB};
            struct listener listener = {0};
            struct pipe pipe = {.free_at = free_at};
            open_pipe(&pipe, &rig, PIRN_BINARY);
            listener_begin(&listener, &rig);
            while (pirn_conn_send(rig.conn, PIRN_BINARY, pattern, 1000) == 0)
                ;
            listener_hear(&listener); /* can_write */
            raw_frame(&rig, PIRN_BINARY, !fragments, pattern, 100);
            rig_turns(&rig);
            if (fragments)
                raw_frame(&rig, PIRN_CONTINUATION, true, pattern, 100);
            raw_text(&rig, "last");
            raw_frame(&rig, PIRN_CLOSE, true, "\x03\xe8", 2);
            rig_turns(&rig);
            assert_int_equal(rig.closes, 1);
            assert_int_equal(pipe.stream == NULL, pipe.calls >= free_at);
            if (pipe.stream)
                assert_true(pipe.ended);
            pirn_stream_free(pipe.stream);
            rig_end(&rig);
        }
}

static void misuse_is_refused(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct pipe pipe = {0};
    const struct pirn_stream_config bad = {.type = PIRN_PING};
    char byte;
    int error = 0;
    open_pipe(&pipe, &rig, PIRN_BINARY);
    assert_null(pirn_stream_new(rig.conn, NULL, &error));
    assert_int_equal(error, PIRN_E_STATE);
    assert_int_equal(pirn_stream_read(pipe.stream, &byte, 0), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_stream_read(pipe.stream, NULL, 1), -PIRN_E_ARGUMENT);
    assert_int_equal(pirn_stream_read(pipe.stream, &byte, 1), 0);
    assert_int_equal(pirn_stream_write(pipe.stream, NULL, 1), -PIRN_E_ARGUMENT);
    assert_ptr_equal(pirn_stream_conn(pipe.stream), rig.conn);
    pirn_stream_free(pipe.stream);
    pirn_stream_free(NULL);
    assert_null(pirn_stream_new(rig.conn, &bad, &error));
    assert_int_equal(error, PIRN_E_ARGUMENT);
    pirn_conn_terminate(rig.conn);
    assert_null(pirn_stream_new(rig.conn, NULL, &error));
    assert_int_equal(error, PIRN_E_CLOSED);
    assert_null(pirn_stream_new(rig.conn, NULL, NULL));
    rig_end(&rig);
}

/* False when the k-th allocation was never reached. */
static bool try_without(size_t k)
{
    struct rig rig = {0};
    struct pipe pipe = {.rig = &rig};
    rig_open(&rig);
    raw_frame(&rig, PIRN_BINARY, false, pattern, 600);
    rig_turns(&rig);
    size_t calls = rig.memory.calls;
    rig.memory.fail_at = calls + k;
    if (rig.conn && make(&pipe, PIRN_BINARY, 0)) {
        for (int i = 0; i < 20; i++)
            raw_frame(&rig, PIRN_CONTINUATION, i == 19, pattern + 600 + 1000 * i, 1000);
        rig_turns(&rig);
        pirn_stream_write(pipe.stream, pattern, 100 * KIB);
        if (pirn_stream_ending(pipe.stream) == NULL)
            rig_pass(&rig, 1);
        for (int i = 0; i < 10 && read_all(&pipe, 999) == 0; i++)
            rig_turns(&rig);
        if (k == 0)
            assert_int_equal(pipe.at, 20600);
    }
    bool reached = rig.memory.calls >= rig.memory.fail_at;
    rig.memory.fail_at = 0;
    pirn_stream_free(pipe.stream);
    rig_end(&rig);
    return reached;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    size_t k = 1;
    try_without(0);
    while (try_without(k))
        k++;
    assert_true(k > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_of_read_gives_the_same_bytes),
        cmocka_unit_test(what_is_not_read_holds_up_the_peer),
        cmocka_unit_test(a_write_is_a_message),
        cmocka_unit_test(text_is_never_cut_inside_a_character),
        cmocka_unit_test(what_is_no_text_is_refused),
        cmocka_unit_test(a_full_queue_takes_nothing_until_it_has_drained),
        cmocka_unit_test(an_end_comes_behind_all_that_was_sent),
        cmocka_unit_test(an_end_in_a_pause_waits_for_the_reader),
        cmocka_unit_test(it_may_begin_in_on_open),
        cmocka_unit_test(it_may_begin_and_end_inside_a_message),
        cmocka_unit_test(it_may_be_freed_anywhere),
        cmocka_unit_test(misuse_is_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };
    pattern_fill(pattern, sizeof pattern, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
