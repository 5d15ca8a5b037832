/* What connections cost: idle ones, refused allocations, storms of resets. */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn/conn_state.h"
#include "conn_rig.h"

enum { KIB = 1 << 10 };

static void echo(struct rig *rig, struct pirn_conn *conn, enum rig_moment moment)
{
    (void)rig;
    if (moment == ON_MESSAGE)
        pirn_conn_send(conn, PIRN_TEXT, "echo", 4);
}

/* glibc's malloc adds 8 bytes and rounds up to 16. */
static size_t with_overhead(size_t size)
{
    return (size + 8 + 15) / 16 * 16;
}

static size_t bytes_of_an_idle_one(bool plain)
{
    enum { MANY = 200 };
    struct rig rig = {.act = echo, .quiet = true, .plain = plain};
    rig_open(&rig);
    int peers[MANY];
    size_t before = rig.memory.bytes;
    for (int i = 0; i < MANY; i++) {
        rig_connect(&rig, &peers[i]);
        assert_int_equal(send(peers[i], "\x81\x85\0\0\0\0hello", 11, 0), 11);
        rig_turn(&rig);
        rig.log[0] = 0;
    }
    rig_turns(&rig);
    assert_int_equal(rig.messages, MANY);
    size_t each = (rig.memory.bytes - before) / MANY;
    for (int i = 0; i < MANY; i++)
        close(peers[i]);
    rig_turns(&rig);
    assert_int_equal(rig.memory.bytes, before);
    rig_end(&rig);
    return each;
}

static void an_idle_connection_is_its_struct(void **state)
{
    (void)state;
    size_t plain = bytes_of_an_idle_one(true);
    assert_true(with_overhead(plain) <= 240);
    assert_int_equal(bytes_of_an_idle_one(false), plain + sizeof(struct pirn_str));
}

/* A whole session, with everything that takes memory: a message in pieces, a pause, a queue of many
 * sizes, control frames, large payloads, fragments, a Ping cut in two, a close with a reason. */
static void send_much(struct rig *rig, struct pirn_conn *conn, enum rig_moment moment)
{
    static char large[40 * KIB];
    if (moment == ON_OPEN) {
        pirn_conn_send(conn, PIRN_TEXT, "hello", 5);
        pirn_conn_ping(conn, "one", 3);
    }
    if (moment == ON_MESSAGE && rig->messages == 1) {
        pirn_conn_send(conn, PIRN_BINARY, large, sizeof large);
        pirn_conn_send_fragment(conn, PIRN_TEXT, large, 5000, false);
        pirn_conn_ping(conn, "two", 3);
        pirn_conn_send_fragment(conn, PIRN_TEXT, large, 5000, true);
        pirn_conn_pause(conn);
    }
}

static void peer_says(struct rig *rig, const void *data, size_t len)
{
    if (rig->peer >= 0)
        send(rig->peer, data, len, MSG_NOSIGNAL);
    rig_turn(rig);
}

static void read_away(struct rig *rig, int times)
{
    static char bytes[64 * KIB];
    for (int i = 0; i < times; i++) {
        rig_turn(rig);
        raw_read(rig, bytes, sizeof bytes);
    }
}

static void talk(struct rig *rig)
{
    peer_says(rig, "\x01\x83\0\0\0\0abc", 9);
    peer_says(rig, "\x89\x84\0\0\0\0pi", 8);
    peer_says(rig, "ng\x80\x83\0\0\0\0def\x81\x81\0\0\0\0g", 18);
    read_away(rig, 20);
    if (rig->conn) {
        pirn_conn_resume(rig->conn);
        for (int i = 0; i < 50; i++)
            pirn_conn_send(rig->conn, PIRN_BINARY, rig->log, 2000);
        pirn_conn_pong(rig->conn, "three", 5);
    }
    read_away(rig, 40);
    rig_pass(rig, 20005);
    read_away(rig, 40);
    peer_says(rig,
              "\x88\x86\0\0\0\0\x03\xe8"
              "done",
              12);
    read_away(rig, 40);
}

/* Returns whether the allocation that was to fail was reached. */
static bool try_session(size_t fail_at, bool onward)
{
    struct rig rig = {
        .act = send_much, .peer_buffer = 4096, .config = {.high_water_bytes = 4096 * KIB}};
    rig_start(&rig);
    struct rig other = {0};
    rig_open(&other);
    size_t start = rig.memory.calls;
    rig.memory.fail_at = fail_at ? start + fail_at : 0;
    rig.memory.fail_onward = onward;
    rig.conn = rig_connect(&rig, &rig.peer);
    bool opened = rig.conn != NULL;
    if (opened)
        talk(&rig);
    rig_pass(&rig, 6000);
    assert_int_equal(rig.closes, opened);
    assert_null(rig.conn);
    bool reached = fail_at != 0 && rig.memory.calls >= start + fail_at;
    if (fail_at == 0)
        assert_string_equal(rig.text, "closed by peer: 1000 Normal Closure \"done\"");
    else if (opened && reached)
        assert_true(rig.info.error == PIRN_E_MEMORY || rig.info.clean);
    if (rig.info.error == PIRN_E_MEMORY) {
        assert_int_equal(rig.info.layer, PIRN_LAYER_APPLICATION);
        assert_int_equal(rig.info.code, 1006);
        assert_string_equal(rig.text, rig.info.sent_code ? "failed: 1011 out of memory"
                                                         : "failed: out of memory");
    }
    rig.memory.fail_at = 0;
    rig_end(&rig);
    rig_end(&other);
    return reached;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    try_session(0, false);
    size_t k = 1;
    while (try_session(k, false))
        k++;
    assert_true(k > 8);
    for (size_t i = 1; i < k; i++)
        assert_true(try_session(i, true));
}

/* With memory for the way out, the peer is told. */
static void the_peer_is_told(void **state)
{
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    raw_write(&rig, "\x82\xff\0\0\0\0\0\x10\0\0\0\0\0\0x", 15);
    rig.memory.fail_at = rig.memory.calls + 1;
    RAW_EXPECTS(&rig, "\x88\x0f\x03\xf3out of memory");
    raw_close(&rig);
    rig_turns(&rig);
    rig_expects(&rig, "open\nfailed: 1011 out of memory\n");
    rig_end(&rig);
}

static void a_send_without_memory_says_so(void **state)
{
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    for (size_t at = 1; at <= 2; at++) {
        rig.memory.fail_at = rig.memory.calls + at;
        assert_int_equal(pirn_conn_send(rig.conn, PIRN_TEXT, "x", 1), -PIRN_E_MEMORY);
        assert_int_equal(pirn_conn_state(rig.conn), at == 1 ? PIRN_OPEN : PIRN_CLOSED);
    }
    assert_int_equal(pirn_conn_send(rig.conn, PIRN_TEXT, "x", 1), -PIRN_E_CLOSED);
    RAW_EXPECTS(&rig, "\x88\x0f\x03\xf3out of memory");
    rig_end(&rig);
}

static void a_close_needs_no_memory(void **state)
{
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    rig.memory.fail_at = rig.memory.calls + 1;
    rig.memory.fail_onward = true;
    assert_int_equal(pirn_conn_close(rig.conn, 1000, PIRN_STR("")), 0);
    RAW_EXPECTS(&rig, "\x88\x02\x03\xe8");
    raw_frame(&rig, PIRN_CLOSE, true, "\x03\xe8", 2);
    rig_turns(&rig);
    rig_expects(&rig, "open\nrequest 1000 \nclosed by us: 1000 Normal Closure\n");
    rig.memory.fail_at = 0;
    rig_end(&rig);
}

/* Without memory to keep it the reason is lost, and is not told of another connection. */
static void a_reason_stays_with_its_connection(void **state)
{
    (void)state;
    RIG_PLAIN_ONLY();
    struct rig rig = {0};
    rig_open(&rig);
    int peer;
    struct pirn_conn *other = rig_connect(&rig, &peer);
    raw_frame(&rig, PIRN_CLOSE, true, "\x03\xe8why", 5);
    rig.memory.fail_at = rig.memory.calls + 1;
    rig_turns(&rig);
    rig_expects(&rig, "open\nopen\nrequest 1000 why\nclosed by peer: 1000 Normal Closure\n");
    close(rig.peer);
    rig.peer = peer;
    rig.conn = other;
    size_t calls = rig.memory.calls;
    raw_text(&rig, "idle again");
    rig_turns(&rig);
    assert_int_equal(rig.memory.calls, calls);
    rig_expects(&rig, "text idle again\n");
    raw_frame(&rig, PIRN_CLOSE, true, "\x03\xe8", 2);
    rig_turns(&rig);
    rig_expects(&rig, "request 1000 \nclosed by peer: 1000 Normal Closure\n");
    rig_end(&rig);
}

static size_t open_files(void)
{
    int fd = dup(0);
    close(fd);
    return (size_t)fd;
}

/* At every state of a connection. */
static void resets_leave_nothing(void **state)
{
    (void)state;
    struct rig rig = {.tcp = true, .quiet = true, .act = echo};
    rig_start(&rig);
    size_t files = open_files();
    size_t bytes = 0;
    for (size_t i = 0; i < 1000; i++) {
        rig.conn = rig_connect(&rig, &rig.peer);
        bytes = i == 0 ? rig.memory.bytes : bytes;
        if (i % 5 == 1)
            raw_write(&rig, "\x81\xfe\x10", 3);
        if (i % 5 == 2)
            raw_write(&rig, "\x81\x85\0\0\0\0he", 8);
        if (i % 5 == 3)
            pirn_conn_close(rig.conn, 1000, PIRN_STR(""));
        if (i % 5 == 4)
            raw_frame(&rig, PIRN_CLOSE, true, "", 0);
        if (i % 2)
            rig_turn(&rig);
        raw_reset(&rig);
        rig_turns(&rig);
        assert_null(rig.conn);
        assert_int_equal(rig.owner.count, 0);
        assert_true(rig.memory.bytes < bytes);
        rig.log[0] = 0;
    }
    assert_int_equal(open_files(), files);
    assert_int_equal(rig.closes, 1000);
    rig_end(&rig);
}

/* C14. A message that is as large as a size can be: its next piece is refused, and the allocator is
 * never asked for a sum that has gone round. */
static void a_message_does_not_grow_past_what_a_size_can_be(void **state)
{
    (void)state;
    static const size_t lens[] = {SIZE_MAX,       SIZE_MAX - 1,     SIZE_MAX - 99,
                                  SIZE_MAX - 100, SIZE_MAX / 2 + 1, SIZE_MAX / 2 - 50};
    static const uint8_t piece[100];
    for (size_t i = 0; i < COUNT(lens); i++) {
        struct rig rig = {0};
        rig_open(&rig);
        raw_frame(&rig, PIRN_BINARY, false, "x", 1);
        rig_turns(&rig);
        struct pirn__bytes *message = &pirn__conn_busy(rig.conn)->message, real = *message;
        message->data = NULL; /* no memory is so large */
        message->len = message->cap = lens[i];
        size_t calls = rig.memory.calls;
        raw_frame(&rig, PIRN_CONTINUATION, true, piece, sizeof piece);
        RAW_EXPECTS(&rig, "\x88\x0f\x03\xf3out of memory");
        assert_int_equal(rig.memory.calls, calls);
        pirn__free(rig.loop, real.data, real.cap);
        rig_end(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_connection_is_its_struct),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(the_peer_is_told),
        cmocka_unit_test(a_send_without_memory_says_so),
        cmocka_unit_test(a_close_needs_no_memory),
        cmocka_unit_test(a_reason_stays_with_its_connection),
        cmocka_unit_test(resets_leave_nothing),
        cmocka_unit_test(a_message_does_not_grow_past_what_a_size_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
