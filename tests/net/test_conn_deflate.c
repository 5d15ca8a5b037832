/* Connections that agreed on permessage-deflate: what passes, what it costs, and every end. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn_rig.h"
#include "listener.h"

enum { KIB = 1 << 10, MIB = 1 << 20, SECOND = 1000 };

static const struct pirn_deflate_config shared = {.mode = PIRN_DEFLATE_SHARED};
static const struct pirn_deflate_config dedicated = {.mode = PIRN_DEFLATE_DEDICATED};

/* Words, which compress, at least 2 MiB of them. */
static char words[2 * MIB];

static uint32_t dice(void)
{
    static uint32_t state = 12345;
    state = state * 1664525 + 1013904223;
    return state >> 8;
}

static void make_words(void)
{
    static const char *const some[] = {"{\"name\":", "\"pirn\"",  ",\"value\":", "1234",
                                       "},",         "\"shuttle", "loom\"",      "[weft, warp],"};
    size_t at = 0;
    while (at < sizeof words - 16)
        at += (size_t)snprintf(words + at, 16, "%s", some[dice() % COUNT(some)]);
}

/* A rig and a listener that have agreed. */
struct talk {
    struct rig rig;
    struct listener listener;
};

static void talk_open(struct talk *talk, const struct pirn_deflate_config *config)
{
    struct pirn_deflate_config peers = *config;
    peers.mode = PIRN_DEFLATE_DEDICATED;
    peers.peer_no_context_takeover = peers.no_context_takeover = false;
    peers.peer_window_bits = 0;
    peers.window_bits = 15;
    peers.mem_level = 8;
    if (peers.threshold_bytes == 0)
        peers.threshold_bytes = 1;
    talk->rig.plain = true;
    talk->rig.config.deflate = *config;
    listener_offer(&talk->listener, &talk->rig, &peers);
    rig_open(&talk->rig);
    listener_begin(&talk->listener, &talk->rig);
    talk->rig.log[0] = 0;
}

static void talk_end(struct talk *talk)
{
    listener_end(&talk->listener);
    rig_end(&talk->rig);
}

static struct pirn_deflate_totals *totals(struct talk *talk)
{
    return &talk->rig.owner.extensions->deflate.totals;
}

/* ---- what passes */

static void echo_back(struct rig *rig, struct pirn_conn *conn, enum pirn_opcode type, void *data,
                      size_t len)
{
    rig->messages++;
    rig->received_bytes += len;
    assert_true(pirn_conn_send_back(conn, type, data, len, true) >= 0);
}

static void on_echo(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    echo_back(pirn_conn_context(conn), conn, type, data, len);
}

static void on_echo_chunk(struct pirn_conn *conn, const struct pirn_chunk *chunk)
{
    struct rig *rig = pirn_conn_context(conn);
    rig->messages += chunk->last;
    assert_true(pirn_conn_send_back(conn, chunk->type, chunk->data, chunk->len, chunk->last) >= 0);
}

/* Sizes mostly small, sometimes large, also empty. */
static size_t random_size(void)
{
    static const size_t limits[] = {1, 20, 200, 2000, 2000, 20000, 200000};
    return dice() % limits[dice() % COUNT(limits)];
}

static void fill_randomly(uint8_t *data, size_t len)
{
    if (dice() % 4 == 0)
        for (size_t i = 0; i < len; i++)
            data[i] = (uint8_t)dice();
    else if (len > 0)
        memcpy(data, words + dice() % MIB, len);
}

/* What is sent comes back, byte for byte: checked by the sum of what was sent and of what comes,
 * message by message. */
static void messages_pass(const struct pirn_deflate_config *config, bool chunks, int peer_buffer)
{
    static struct talk talk;
    static uint8_t sent[200000];
    memset(&talk, 0, sizeof talk);
    talk.rig.quiet = true;
    talk.rig.peer_buffer = peer_buffer;
    talk.rig.config.endpoint.max_message_bytes = MIB;
    talk_open(&talk, config);
    talk.rig.config.handlers.on_message = on_echo;
    if (chunks)
        talk.rig.config.handlers.on_chunk = on_echo_chunk;
    for (int i = 0; i < 250; i++) {
        char log[64];
        size_t len = random_size(), cut = dice() % 3 == 0 && len > 0 ? dice() % len : 0;
        fill_randomly(sent, len);
        talk.listener.whole = sent;
        if (cut > 0)
            listener_send(&talk.listener, PIRN_BINARY, sent, cut, false);
        listener_send(&talk.listener, PIRN_BINARY, sent + cut, len - cut, true);
        snprintf(log, sizeof log, "binary %zu\n", len);
        listener_expects(&talk.listener, log);
    }
    assert_int_equal(talk.rig.messages, 250);
    assert_true(totals(&talk)->received_messages > 100);
    assert_true(totals(&talk)->sent_messages > 50);
    assert_true(totals(&talk)->sent_wire_bytes < totals(&talk)->sent_bytes);
    talk_end(&talk);
}

static void a_thousand_messages_pass(void **state)
{
    (void)state;
    messages_pass(&shared, false, 0);
    messages_pass(&shared, true, 0);
    messages_pass(&dedicated, false, 0);
    messages_pass(&dedicated, true, 4096);
    const struct pirn_deflate_config small = {.mode = PIRN_DEFLATE_DEDICATED,
                                              .window_bits = 9,
                                              .mem_level = 1,
                                              .no_context_takeover = true,
                                              .threshold_bytes = 1};
    messages_pass(&small, false, 4096);
}

static void what_was_agreed_on_is_told(void **state)
{
    (void)state;
    static struct talk talk;
    memset(&talk, 0, sizeof talk);
    talk_open(&talk, &shared);
    struct pirn_deflate_params params;
    assert_true(pirn_conn_deflate(talk.rig.conn, &params));
    assert_int_equal(params.own_window_bits, 15);
    assert_true(params.own_no_context_takeover);
    assert_true(params.peer_no_context_takeover);
    struct pirn__extensions *all = talk.rig.owner.extensions;
    assert_non_null(pirn_conn_extension(talk.rig.conn, &all->deflate.extension));
    assert_null(pirn_conn_extension(talk.rig.conn, &talk.listener.deflate.extension));
    talk_end(&talk);

    struct rig plain = {.config.deflate = shared};
    rig_open(&plain);
    assert_false(pirn_conn_deflate(plain.conn, &params));
    assert_null(pirn_conn_extension(plain.conn, &all->deflate.extension));
    rig_end(&plain);
    struct rig none = {0};
    rig_open(&none);
    assert_false(pirn_conn_deflate(none.conn, &params));
    rig_end(&none);
}

/* Each way of sending, plain or compressed as it is wanted. */
static void every_way_of_sending_is_compressed(void **state)
{
    (void)state;
    static struct talk talk;
    memset(&talk, 0, sizeof talk);
    talk_open(&talk, &shared);
    struct pirn_conn *conn = talk.rig.conn;
    const struct pirn_message_plan plan = {.type = PIRN_TEXT};
    struct pirn_str pieces[10];
    for (size_t i = 0; i < COUNT(pieces); i++)
        pieces[i] = (struct pirn_str){words + i * 1000, 1000};
    talk.listener.whole = (uint8_t *)words;
    assert_int_equal(pirn_conn_send(conn, PIRN_TEXT, words, 100), 0);
    listener_expects(&talk.listener, "text 100\n");
    assert_int_equal(totals(&talk)->sent_messages, 0);
    assert_int_equal(pirn_conn_send(conn, PIRN_TEXT, words, 10000), 0);
    listener_expects(&talk.listener, "text 10000\n");
    assert_int_equal(totals(&talk)->sent_messages, 1);
    assert_int_equal(pirn_conn_send_pieces(conn, PIRN_TEXT, pieces, 10, PIRN_COMPRESS_NEVER), 0);
    listener_expects(&talk.listener, "text 10000\n");
    assert_int_equal(totals(&talk)->sent_messages, 1);
    assert_int_equal(pirn_conn_send_pieces(conn, PIRN_TEXT, pieces, 10, PIRN_COMPRESS_AUTO), 0);
    listener_expects(&talk.listener, "text 10000\n");
    assert_int_equal(pirn_conn_send_pieces(conn, PIRN_TEXT, pieces, 1, PIRN_COMPRESS_ALWAYS), 0);
    listener_expects(&talk.listener, "text 1000\n");
    assert_int_equal(pirn_conn_send_pieces(conn, PIRN_TEXT, NULL, 0, PIRN_COMPRESS_ALWAYS), 0);
    listener_expects(&talk.listener, "text 0\n");
    assert_int_equal(totals(&talk)->sent_messages, 3); /* an empty one gets no shorter */
    pirn_conn_send_fragment(conn, PIRN_TEXT, words, 5000, false);
    pirn_conn_send_fragment(conn, PIRN_TEXT, words + 5000, 5000, true);
    listener_expects(&talk.listener, "text 10000\n");
    assert_int_equal(totals(&talk)->sent_messages, 4);
    assert_int_equal(pirn_conn_begin(conn, &plan), 0);
    for (int i = 0; i < 10; i++)
        pirn_conn_write(conn, words + 1000 * i, 1000);
    pirn_conn_send(conn, PIRN_TEXT, words, 2000);
    pirn_conn_flush(conn);
    pirn_conn_write(conn, words + 10000, 1);
    pirn_conn_end(conn);
    listener_expects(&talk.listener, "text 10001\ntext 2000\n");
    assert_int_equal(totals(&talk)->sent_messages, 6);
    talk_end(&talk);
}

/* What was written before a flush can be read, and no later than that. */
static void a_flush_lets_the_peer_read(void **state)
{
    (void)state;
    static struct talk talk;
    const struct pirn_message_plan plan = {.type = PIRN_TEXT};
    memset(&talk, 0, sizeof talk);
    talk_open(&talk, &dedicated);
    talk.listener.whole = (uint8_t *)words;
    pirn_conn_begin(talk.rig.conn, &plan);
    for (size_t at = 0; at < 1000; at += 100) {
        pirn_conn_write(talk.rig.conn, words + at, 100);
        pirn_conn_flush(talk.rig.conn);
        listener_hear(&talk.listener);
        assert_int_equal(talk.listener.bytes, at + 100);
    }
    pirn_conn_end(talk.rig.conn);
    listener_expects(&talk.listener, "text 1000\n");
    talk_end(&talk);
}

static void a_file_is_compressed(void **state)
{
    (void)state;
    static struct talk talk;
    for (int slow = 0; slow < 2; slow++) {
        memset(&talk, 0, sizeof talk);
        FILE *file = tmpfile();
        assert_int_equal(fwrite(words, 1, MIB, file), MIB);
        fflush(file);
        int fd = dup(fileno(file));
        fclose(file);
        talk.rig.peer_buffer = slow ? 4096 : 0;
        talk_open(&talk, &shared);
        talk.listener.whole = (uint8_t *)words;
        assert_int_equal(
            pirn_conn_send_file(talk.rig.conn, PIRN_TEXT, fd, 0, MIB, PIRN_COMPRESS_AUTO), 0);
        pirn_conn_close(talk.rig.conn, 1000, PIRN_STR(""));
        listener_expects(&talk.listener, "text 1048576\nclose 1000\n");
        assert_true(totals(&talk)->sent_wire_bytes < MIB / 2);
        assert_true(fcntl(fd, F_GETFD) < 0);
        talk_end(&talk);
    }
}

/* ---- what comes */

/* Control frames between compressed fragments. */
static void control_frames_pass_between_fragments(void **state)
{
    (void)state;
    static struct talk talk;
    memset(&talk, 0, sizeof talk);
    talk_open(&talk, &shared);
    listener_send(&talk.listener, PIRN_TEXT, words, 20, false);
    raw_frame(&talk.rig, PIRN_PING, true, "p", 1);
    listener_send(&talk.listener, PIRN_TEXT, words + 20, 20, false);
    raw_frame(&talk.rig, PIRN_PONG, true, "q", 1);
    listener_send(&talk.listener, PIRN_TEXT, words + 40, 0, true);
    rig_turns(&talk.rig);
    char log[128];
    snprintf(log, sizeof log, "ping p\npong q\ntext %.40s\n", words);
    rig_expects(&talk.rig, log);
    talk_end(&talk);
}

static void pause_at_each(struct rig *rig, struct pirn_conn *conn, enum rig_moment moment)
{
    if (moment == ON_MESSAGE || moment == ON_CHUNK)
        pirn_conn_pause(conn);
    (void)rig;
}

/* Nothing is delivered in a pause, though it is inflated out of what has come; and goes on where it
 * was. */
static void a_pause_holds_the_inflater(void **state)
{
    (void)state;
    static struct talk talk;
    memset(&talk, 0, sizeof talk);
    talk.rig.config.handlers.on_chunk = (void (*)(struct pirn_conn *, const struct pirn_chunk *))1;
    talk.rig.quiet = true;
    talk.rig.act = pause_at_each;
    talk_open(&talk, &shared);
    listener_send(&talk.listener, PIRN_TEXT, words, 500000, true);
    listener_send(&talk.listener, PIRN_TEXT, words, 10, true);
    uint64_t before = 0;
    int steps = 0;
    for (; before < 500010; steps++) {
        rig_turns(&talk.rig);
        assert_in_range(talk.rig.received_bytes - before, 1, 64 * KIB);
        before = talk.rig.received_bytes;
        pirn_conn_resume(talk.rig.conn);
    }
    assert_true(steps >= 9);
    rig_turns(&talk.rig);
    assert_int_equal(talk.rig.received_bytes, 500010);
    talk_end(&talk);
}

/* One message of some hundred bytes that is a megabyte: others get their turns meanwhile. */
static void an_inflater_leaves_turns_to_others(void **state)
{
    (void)state;
    static struct talk talk;
    static char zeros[MIB];
    memset(&talk, 0, sizeof talk);
    talk.rig.config.handlers.on_chunk = (void (*)(struct pirn_conn *, const struct pirn_chunk *))1;
    talk.rig.quiet = true;
    talk_open(&talk, &shared);
    int other;
    talk.rig.offer[0] = 0;
    struct pirn_conn *conn = talk.rig.conn;
    assert_non_null(rig_connect(&talk.rig, &other));
    talk.rig.conn = conn;
    listener_send(&talk.listener, PIRN_BINARY, zeros, sizeof zeros, true);
    uint64_t before = 0;
    int turns = 0;
    for (; talk.rig.received_bytes < sizeof zeros; turns++) {
        send(other, "\x81\x80\0\0\0\0", 6, 0);
        rig_turn(&talk.rig);
        assert_true(talk.rig.received_bytes - before <= 2 * 64 * KIB);
        before = talk.rig.received_bytes;
    }
    assert_true(turns >= 8);
    close(other);
    rig_turns(&talk.rig);
    talk_end(&talk);
}

/* A gigabyte out of a megabyte costs no more than a message may have. */
static void a_bomb_costs_the_limit_at_most(void **state)
{
    (void)state;
    static struct talk talk;
    static char zeros[MIB];
    for (int mode = 0; mode < 2; mode++) {
        memset(&talk, 0, sizeof talk);
        talk.rig.quiet = true;
        talk_open(&talk, mode ? &dedicated : &shared);
        size_t before = talk.rig.memory.bytes;
        talk.rig.memory.peak = before;
        for (int i = 0; i < 1024 && talk.rig.conn; i++) {
            listener_send(&talk.listener, PIRN_BINARY, zeros, sizeof zeros, false);
            rig_turn(&talk.rig);
            if (pirn_conn_state(talk.rig.conn) == PIRN_CLOSED)
                break;
        }
        listener_expects(&talk.listener, "close 1009\n");
        assert_int_equal(talk.rig.messages, 0);
        assert_in_range(talk.rig.memory.peak - before, 100 * KIB, 2 * MIB + 200 * KIB);
        talk_end(&talk);
    }
}

static void broken_data_fails_the_connection(void **state)
{
    (void)state;
    static struct talk talk;
    memset(&talk, 0, sizeof talk);
    talk_open(&talk, &shared);
    raw_write(&talk.rig, "\xc1\x85\0\0\0\0\xff\xff\xff\xff\xff", 11);
    listener_expects(&talk.listener, "close 1007\n");
    talk_end(&talk);
}

/* ---- what it costs */

static void an_idle_connection_costs_32_bytes_more(void **state)
{
    (void)state;
    enum { MANY = 100 };
    static struct talk talk;
    for (int mode = 0; mode < 2; mode++) {
        memset(&talk, 0, sizeof talk);
        talk.rig.quiet = true;
        talk.rig.act = NULL;
        talk_open(&talk, mode ? &dedicated : &shared);
        int peers[MANY];
        struct pirn_conn *conn = talk.rig.conn;
        size_t before = talk.rig.memory.bytes;
        for (int i = 0; i < MANY; i++) {
            assert_non_null(rig_connect(&talk.rig, &peers[i]));
            talk.rig.log[0] = 0;
        }
        assert_int_equal((talk.rig.memory.bytes - before) / MANY, 232 + 32);
        for (int i = 0; i < MANY; i++)
            close(peers[i]);
        talk.rig.conn = conn;
        rig_turns(&talk.rig);
        talk_end(&talk);
    }
}

/* Of MANY that talk both ways: bytes of each after that, and after a long silence. */
struct cost {
    size_t talking, silent;
};

static struct cost cost_of(const struct pirn_deflate_config *config)
{
    enum { MANY = 20 };
    static struct talk talks[MANY];
    struct rig *rig = &talks[0].rig;
    struct pirn_conn *conns[MANY];
    int peers[MANY];
    memset(talks, 0, sizeof talks);
    rig->quiet = true;
    rig->config.endpoint.ping_interval_ms = PIRN_OFF;
    talk_open(&talks[0], config);
    conns[0] = rig->conn;
    peers[0] = rig->peer;
    size_t before = rig->memory.bytes;
    for (int i = 1; i < MANY; i++) {
        struct rig other = *rig;
        listener_offer(&talks[i].listener, &other, &talks[0].listener.deflate.config);
        conns[i] = rig_connect(rig, &peers[i]);
        rig->log[0] = 0;
        listener_begin(&talks[i].listener, rig);
    }
    size_t first = rig->memory.bytes;
    assert_int_equal((first - before) / (MANY - 1), 232 + 32);
    struct cost cost = {0};
    for (int i = 0; i < MANY; i++) {
        rig->conn = conns[i];
        rig->peer = peers[i];
        listener_send(&talks[i].listener, PIRN_TEXT, words, 5000, true);
        rig_turns(rig);
        pirn_conn_send(conns[i], PIRN_TEXT, words, 5000);
        talks[i].listener.rig = rig;
        listener_expects(&talks[i].listener, "text 5000\n");
        first = i == 0 ? rig->memory.bytes : first;
    }
    cost.talking = 32 + (rig->memory.bytes - first) / (MANY - 1);
    rig_pass(rig, 100 * SECOND);
    cost.silent = 32 + (rig->memory.bytes - first) / (MANY - 1);
    rig->conn = conns[0];
    rig->peer = peers[0];
    for (int i = 1; i < MANY; i++) {
        close(peers[i]);
        listener_end(&talks[i].listener);
    }
    rig_turns(rig);
    talk_end(&talks[0]);
    return cost;
}

/* As pirn_conn(3) says, in KiB. */
static void classes_cost_what_the_manual_says(void **state)
{
    (void)state;
    static const struct {
        struct pirn_deflate_config config;
        size_t talking_kib, silent_kib;
    } rows[] = {
        {{.mode = PIRN_DEFLATE_SHARED}, 0, 0},
        {{.mode = PIRN_DEFLATE_DEDICATED, .peer_no_context_takeover = true}, 39, 0},
        {{.mode = PIRN_DEFLATE_DEDICATED, .peer_window_bits = 10}, 47, 9},
        {{.mode = PIRN_DEFLATE_DEDICATED}, 78, 40},
        {{.mode = PIRN_DEFLATE_DEDICATED, .window_bits = 15, .mem_level = 8}, 303, 40},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cost cost = cost_of(&rows[i].config);
        assert_in_range(cost.talking, 32, rows[i].talking_kib * KIB + 32);
        assert_in_range(cost.silent, 32, rows[i].silent_kib * KIB + 32);
    }
}

static void converse(struct talk *talk)
{
    talk->listener.whole = NULL;
    listener_send(&talk->listener, PIRN_TEXT, words, 5000, true);
    rig_turns(&talk->rig);
    pirn_conn_send(talk->rig.conn, PIRN_TEXT, words, 5000);
    listener_expects(&talk->listener, "text 5000\n");
}

/* Compressors are given back by connections that are silent, and inflaters if they can be. */
static void silence_gives_memory_back(void **state)
{
    (void)state;
    static struct talk talk;
    const struct pirn_deflate_config fresh = {.mode = PIRN_DEFLATE_DEDICATED,
                                              .peer_no_context_takeover = true};
    for (int i = 0; i < 4; i++) {
        memset(&talk, 0, sizeof talk);
        talk.rig.quiet = true;
        talk.rig.config.endpoint.ping_interval_ms = i == 2 ? PIRN_OFF : 0;
        talk.rig.config.endpoint.ping_timeout_ms = PIRN_OFF;
        if (i == 3)
            talk.rig.config.idle_release_ms = PIRN_OFF;
        talk_open(&talk, i == 0 ? &dedicated : &fresh);
        size_t new = talk.rig.memory.bytes;
        converse(&talk);
        size_t busy = talk.rig.memory.bytes;
        assert_true(busy - new > 20 * KIB);
        rig_pass(&talk.rig, 15 * SECOND);
        converse(&talk); /* not idle */
        rig_pass(&talk.rig, 20 * SECOND);
        rig_pass(&talk.rig, 5 * SECOND);
        assert_int_equal(talk.rig.memory.bytes, busy);
        rig_pass(&talk.rig, 10 * SECOND);
        rig_pass(&talk.rig, 10 * SECOND);
        /* a compressor is kept for whoever needs one next; inflaters are what is left */
        struct pirn_extension_state *states =
            pirn_conn_extension(talk.rig.conn, &talk.rig.owner.extensions->deflate.extension);
        void *const *streams = (void *const *)(const void *)(states + 1);
        assert_true((streams[0] == NULL) == (i != 3));
        assert_true((streams[1] == NULL) == (i != 0));
        listener_hear(&talk.listener);
        talk.listener.log[0] = 0;
        converse(&talk);
        talk_end(&talk);
    }
}

/* What comes behind our Close is no reason to look at the clock: the timer waits for the peer's. */
static void silence_ends_no_closing_handshake(void **state)
{
    (void)state;
    static struct talk talk;
    memset(&talk, 0, sizeof talk);
    talk.rig.quiet = true;
    talk.rig.config.idle_release_ms = 1000;
    talk.rig.config.endpoint.close_timeout_ms = 60 * SECOND;
    talk_open(&talk, &dedicated);
    pirn_conn_close(talk.rig.conn, 1000, PIRN_STR(""));
    listener_expects(&talk.listener, "close 1000\n");
    raw_write(&talk.rig, "\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\0", 13);
    rig_turns(&talk.rig);
    assert_int_equal(talk.rig.messages, 1);
    for (int i = 0; i < 10; i++)
        rig_pass(&talk.rig, 2 * SECOND);
    assert_non_null(talk.rig.conn);
    talk_end(&talk);
}

static void fill_stream(struct rig *rig, struct pirn_conn *conn, enum rig_moment moment)
{
    size_t *at = rig->extra;
    if (moment != ON_OPEN && moment != ON_DRAIN)
        return;
    while (*at < MIB) {
        int result = pirn_conn_write(conn, words + *at, 10000);
        *at += result >= 0 ? 10000 : 0;
        if (result != 0)
            return;
    }
    assert_true(pirn_conn_end(conn) >= 0);
}

/* A stream that is compressed waits for its peer at the high-water mark as any other. */
static void a_stream_waits_for_its_peer(void **state)
{
    (void)state;
    static struct talk talk;
    const struct pirn_message_plan plan = {.type = PIRN_TEXT};
    size_t at = 0;
    memset(&talk, 0, sizeof talk);
    talk.rig.peer_buffer = 4096;
    talk.rig.config.high_water_bytes = 32 * KIB;
    talk.rig.extra = &at;
    talk_open(&talk, &dedicated);
    talk.listener.whole = (uint8_t *)words;
    size_t before = talk.rig.memory.bytes;
    talk.rig.act = fill_stream;
    assert_int_equal(pirn_conn_begin(talk.rig.conn, &plan), 0);
    fill_stream(&talk.rig, talk.rig.conn, ON_DRAIN);
    rig_turns(&talk.rig);
    assert_true(at < MIB / 2);
    listener_expects(&talk.listener, "text 1050000\n");
    assert_true(talk.listener.most < 48 * KIB);
    assert_in_range(talk.rig.memory.peak - before, 64 * KIB, 256 * KIB);
    assert_non_null(strstr(talk.rig.log, "drain\ndrain\n"));
    talk_end(&talk);
}

/* Who takes nothing costs what is queued, not what was reserved to compress it. */
static void a_queue_of_compressed_messages_is_small(void **state)
{
    (void)state;
    static struct talk talk;
    memset(&talk, 0, sizeof talk);
    talk.rig.peer_buffer = 4096;
    talk.rig.config.high_water_bytes = 256 * KIB;
    talk_open(&talk, &shared);
    converse(&talk); /* makes what all share */
    talk.rig.log[0] = 0;
    size_t before = talk.rig.memory.bytes, count = 0;
    while (pirn_conn_send(talk.rig.conn, PIRN_TEXT, words + 1000 * count, 40000) == 0) {
        rig_turn(&talk.rig);
        count++;
    }
    assert_true(count > 20);
    assert_in_range(talk.rig.memory.bytes - before, 256 * KIB, 340 * KIB);
    listener_hear(&talk.listener);
    rig_expects(&talk.rig, "drain\n");
    talk_end(&talk);
}

/* ---- without memory */

static void converse_much(struct talk *talk)
{
    struct rig *rig = &talk->rig;
    struct pirn_conn *conn = rig->conn;
    const struct pirn_message_plan plan = {.type = PIRN_TEXT};
    listener_send(&talk->listener, PIRN_TEXT, words, 100000, true);
    listener_hear(&talk->listener);
    if (!rig->conn)
        return;
    pirn_conn_send(conn, PIRN_TEXT, words, 200000);
    pirn_conn_begin(conn, &plan);
    pirn_conn_write(conn, words, 100000);
    pirn_conn_send(conn, PIRN_TEXT, words, 3000);
    pirn_conn_end(conn);
    listener_hear(&talk->listener);
    if (rig->conn)
        pirn_conn_close(rig->conn, 1000, PIRN_STR(""));
    listener_hear(&talk->listener);
}

static bool try_without(const struct pirn_deflate_config *config, size_t fail_at, bool onward)
{
    static struct talk talk;
    memset(&talk, 0, sizeof talk);
    talk.rig.quiet = true;
    talk.rig.peer_buffer = 4096;
    talk_open(&talk, config);
    size_t start = talk.rig.memory.calls;
    talk.rig.memory.fail_at = fail_at ? start + fail_at : 0;
    talk.rig.memory.fail_onward = onward;
    converse_much(&talk);
    bool reached = fail_at != 0 && talk.rig.memory.calls >= start + fail_at;
    if (talk.rig.conn)
        raw_frame(&talk.rig, PIRN_CLOSE, true, "\x03\xe8", 2);
    rig_pass(&talk.rig, 6000);
    assert_null(talk.rig.conn);
    assert_true(talk.rig.info.clean || talk.rig.info.error == PIRN_E_MEMORY);
    if (fail_at == 0)
        assert_string_equal(talk.listener.log, "text 200000\ntext 100000\ntext 3000\nclose 1000\n");
    talk.rig.memory.fail_at = 0;
    talk_end(&talk);
    return reached;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const struct pirn_deflate_config *const configs[] = {&shared, &dedicated};
    for (size_t i = 0; i < COUNT(configs); i++) {
        try_without(configs[i], 0, false);
        size_t k = 1;
        while (try_without(configs[i], k, false))
            k++;
        assert_true(k > 10);
        for (size_t at = 1; at < k; at++)
            assert_true(try_without(configs[i], at, true));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_messages_pass),
        cmocka_unit_test(what_was_agreed_on_is_told),
        cmocka_unit_test(every_way_of_sending_is_compressed),
        cmocka_unit_test(a_flush_lets_the_peer_read),
        cmocka_unit_test(a_file_is_compressed),
        cmocka_unit_test(control_frames_pass_between_fragments),
        cmocka_unit_test(a_pause_holds_the_inflater),
        cmocka_unit_test(an_inflater_leaves_turns_to_others),
        cmocka_unit_test(a_bomb_costs_the_limit_at_most),
        cmocka_unit_test(broken_data_fails_the_connection),
        cmocka_unit_test(an_idle_connection_costs_32_bytes_more),
        cmocka_unit_test(classes_cost_what_the_manual_says),
        cmocka_unit_test(silence_gives_memory_back),
        cmocka_unit_test(silence_ends_no_closing_handshake),
        cmocka_unit_test(a_stream_waits_for_its_peer),
        cmocka_unit_test(a_queue_of_compressed_messages_is_small),
        cmocka_unit_test(every_allocation_may_fail),
    };
    make_words();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
