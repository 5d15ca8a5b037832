/* bench_load: keeps an echo server busy, and measures it.
 *
 *     bench_load --port PORT [--connections N] [--outstanding N] [--size BYTES]
 *                [--kind binary|ascii|text] [--raw] [--server PID]
 *                [--warm-up MS] [--run MS | --messages N]
 *
 * Every connection has as many messages on their way as --outstanding says: each echo that is whole
 * is answered by a new message, and what one read completes is sent by one write. Each echo is
 * compared with what was sent; it may come in fragments. --raw is for bench_floor: the same bytes
 * without a handshake, all of one value, and the echo 4 bytes shorter, as an unmasked frame is.
 *
 * Prints one line of JSON: messages and seconds of the run, latencies in microseconds (from the
 * write of a message to the read that completes its echo), the processor time that this program and
 * the server (--server, all its threads) took meanwhile. Counting begins when --warm-up is over;
 * with --messages it begins at once, and the run ends when so many echoes have come. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <pirn/frame.h>

#include "client.h"
#include "latency.h"
#include "options.h"
#include "process.h"
#include "support.h"

enum { RECEIVE_BYTES = 256 << 10, BLOCK_BYTES = 256 << 10, READY_MAX = 256 };

static struct {
    long port, connections, outstanding, size, raw, server, warm_up, run, messages;
    const char *kind;
} options = {.connections = 1, .outstanding = 1, .size = 20, .warm_up = 300, .run = 1000};

/* Frames one behind the other, each with a key of its own. Connections send it again and again. */
static struct {
    uint8_t *bytes;
    size_t frame_len, frames, len;
} block;

static uint8_t *payload; /* what every echo must hold */
static uint8_t *echo;    /* a whole echo in one frame, the common case */
static size_t echo_len;  /* bytes of it */
static enum kind kind;

struct conn {
    int fd;
    bool blocked;
    bool in_message;    /* a fragment of an echo has come, or its frame, but not the last */
    bool in_frame;      /* a header is whole */
    uint8_t header_len; /* bytes of one that is not */
    uint8_t header[PIRN_FRAME_HEADER_MAX];
    uint64_t frame_left;
    size_t echoed;           /* payload of the current echo that has come */
    size_t at, unsent;       /* where in the block, and how many bytes, are to be sent next */
    uint32_t sent, received; /* messages */
    uint64_t *sent_ns;       /* when, by number modulo outstanding */
};

static struct conn *conns;
static int poller;
static uint64_t completed;
static struct latency latency;

/* In the middle of a page, to where the kernel copies fastest: see loop.c. */
static _Alignas(4096) uint8_t memory[2048 + RECEIVE_BYTES];
static uint8_t *const receive_buffer = memory + 2048;

/* ---- sending */

static void watch(struct conn *conn, int how, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = conn};
    if (epoll_ctl(poller, how, conn->fd, &event) < 0)
        fail("epoll_ctl");
}

/* At most one write takes the end of the block and its beginning. */
static ssize_t write_some(const struct conn *conn)
{
    size_t here = block.len - conn->at;
    here = here < conn->unsent ? here : conn->unsent;
    size_t rest = conn->unsent - here;
    rest = rest < conn->at ? rest : conn->at;
    struct iovec pieces[2] = {{block.bytes + conn->at, here}, {block.bytes, rest}};
    return writev(conn->fd, pieces, rest > 0 ? 2 : 1);
}

static void flush(struct conn *conn)
{
    while (conn->unsent > 0) {
        ssize_t sent = write_some(conn);
        if (sent < 0 && errno != EAGAIN)
            fail("write");
        if (sent < 0)
            break;
        conn->at = (conn->at + (size_t)sent) % block.len;
        conn->unsent -= (size_t)sent;
    }
    bool blocked = conn->unsent > 0;
    if (blocked != conn->blocked)
        watch(conn, EPOLL_CTL_MOD, blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
    conn->blocked = blocked;
}

static void send_messages(struct conn *conn, size_t count, uint64_t now)
{
    for (size_t i = 0; i < count; i++)
        conn->sent_ns[conn->sent++ % (uint32_t)options.outstanding] = now;
    conn->unsent += count * block.frame_len;
    flush(conn);
}

/* ---- receiving */

static void mismatch(const char *what)
{
    errno = 0;
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static size_t take_header(struct conn *conn, const uint8_t *data, size_t len)
{
    struct pirn_frame frame;
    size_t took = 0;
    while (!conn->in_frame && took < len) {
        conn->header[conn->header_len++] = data[took++];
        conn->in_frame = pirn_frame_decode(&frame, conn->header, conn->header_len) > 0;
    }
    if (!conn->in_frame)
        return took;
    if (frame.opcode != (conn->in_message ? PIRN_CONTINUATION : echo[0] & 15))
        mismatch("an echo has the wrong opcode");
    if (frame.masked || frame.rsv != 0 || frame.payload_len > (size_t)options.size - conn->echoed)
        mismatch("an echo has the wrong header");
    conn->in_message = !frame.fin;
    conn->header_len = 0;
    conn->frame_left = frame.payload_len;
    return took;
}

static size_t take_payload(struct conn *conn, const uint8_t *data, size_t len)
{
    size_t took = len < conn->frame_left ? len : (size_t)conn->frame_left;
    if (memcmp(data, payload + conn->echoed, took) != 0)
        mismatch("an echo differs from what was sent");
    conn->echoed += took;
    conn->frame_left -= took;
    conn->in_frame = conn->frame_left > 0;
    return took;
}

/* Takes what there is of one frame, and returns the bytes of it; adds to count if an echo ends. */
static size_t take_frame(struct conn *conn, const uint8_t *data, size_t len, size_t *count)
{
    size_t took = conn->in_frame ? 0 : take_header(conn, data, len);
    if (!conn->in_frame)
        return took;
    took += take_payload(conn, data + took, len - took);
    if (conn->in_frame || conn->in_message)
        return took;
    if (conn->echoed != (size_t)options.size)
        mismatch("an echo is too short");
    conn->echoed = 0;
    ++*count;
    return took;
}

/* Returns how many echoes are complete with data. */
static size_t take_frames(struct conn *conn, const uint8_t *data, size_t len)
{
    size_t count = 0, at = 0;
    while (at < len) {
        bool between = conn->header_len == 0 && !conn->in_frame && !conn->in_message;
        if (between && len - at >= echo_len && memcmp(data + at, echo, echo_len) == 0) {
            at += echo_len;
            count++;
        } else {
            at += take_frame(conn, data + at, len - at, &count);
        }
    }
    return count;
}

static size_t take_raw(struct conn *conn, const uint8_t *data, size_t len)
{
    size_t count = 0, at = 0;
    while (at < len) {
        size_t took = echo_len - conn->echoed;
        took = took < len - at ? took : len - at;
        if (memcmp(data + at, echo, took) != 0)
            mismatch("an echo differs from what was sent");
        at += took;
        conn->echoed += took;
        count += conn->echoed == echo_len;
        conn->echoed %= echo_len;
    }
    return count;
}

static void receive(struct conn *conn)
{
    ssize_t got = read(conn->fd, receive_buffer, RECEIVE_BYTES);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        fail("the server has ended a connection");
    size_t count = (options.raw ? take_raw : take_frames)(conn, receive_buffer, (size_t)got);
    if (count == 0)
        return;
    uint64_t now = now_ns();
    for (size_t i = 0; i < count; i++)
        latency_add(&latency,
                    now - conn->sent_ns[conn->received++ % (uint32_t)options.outstanding]);
    completed += count;
    send_messages(conn, count, now);
}

static void turn(void)
{
    struct epoll_event ready[READY_MAX];
    int count = epoll_wait(poller, ready, READY_MAX, 1000);
    if (count == 0)
        mismatch("no echo has come for a second");
    for (int i = 0; i < count; i++) {
        struct conn *conn = ready[i].data.ptr;
        if (ready[i].events & EPOLLOUT)
            flush(conn);
        if (ready[i].events & ~(uint32_t)EPOLLOUT)
            receive(conn);
    }
}

/* ---- start, run, end */

/* Keys differ from frame to frame, and from run to run: some server might know a cheap one. */
static void make_block(void)
{
    size_t size = (size_t)options.size, frame_max = size + PIRN_FRAME_HEADER_MAX;
    uint32_t key = (uint32_t)now_ns() | 0x01010101;
    payload = need(size);
    echo = need(frame_max);
    fill_payload(payload, size, kind);
    echo_len = put_frame(echo, frame_max, kind, payload, size, NULL);
    block.frame_len = echo_len + sizeof key;
    block.frames = BLOCK_BYTES / block.frame_len;
    block.frames = block.frames > 0 ? block.frames : 1;
    block.len = block.frames * block.frame_len;
    block.bytes = need(block.len);
    for (size_t i = 0; i < block.frames; i++, key = key * 5 + 0x01010101)
        put_frame(block.bytes + i * block.frame_len, block.frame_len, kind, payload, size,
                  (const uint8_t *)&key);
    if (!options.raw)
        return;
    memset(block.bytes, 'x', block.len);
    memset(echo, 'x', echo_len);
}

static void open_all(void)
{
    poller = epoll_create1(0);
    conns = need((size_t)options.connections * sizeof *conns);
    for (long i = 0; i < options.connections; i++) {
        struct conn *conn = &conns[i];
        conn->fd = client_connect((uint16_t)options.port);
        if (!options.raw) {
            client_ask(conn->fd);
            client_read_answer(conn->fd);
        }
        client_unblock(conn->fd);
        conn->sent_ns = need((size_t)options.outstanding * sizeof *conn->sent_ns);
        watch(conn, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void run(void)
{
    uint64_t begun = now_ns(), end = begun + (uint64_t)options.warm_up * 1000000;
    for (long i = 0; i < options.connections; i++)
        send_messages(&conns[i], (size_t)options.outstanding, now_ns());
    while (options.messages == 0 && now_ns() < end)
        turn();
    uint64_t server = process_cpu_ns(options.server), own = process_cpu_ns(getpid());
    completed = 0;
    latency_reset(&latency);
    begun = now_ns();
    end = begun + (uint64_t)options.run * 1000000;
    while (options.messages > 0 ? completed < (uint64_t)options.messages : now_ns() < end)
        turn();
    uint64_t passed = now_ns() - begun;
    printf("{\"messages\": %llu, \"seconds\": %.6f, \"server_cpu\": %.6f, \"load_cpu\": %.6f, ",
           (unsigned long long)completed, (double)passed / 1e9,
           (double)(process_cpu_ns(options.server) - server) / 1e9,
           (double)(process_cpu_ns(getpid()) - own) / 1e9);
    printf("\"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f}\n",
           latency_us(&latency, 0.5), latency_us(&latency, 0.9), latency_us(&latency, 0.99),
           latency_us(&latency, 0.999), latency_us(&latency, 1));
}

int main(int argc, char **argv)
{
    static const struct option_row rows[] = {
        {"port", .number = &options.port},
        {"connections", .number = &options.connections},
        {"outstanding", .number = &options.outstanding},
        {"size", .number = &options.size},
        {"kind", .text = &options.kind},
        {"raw", .flag = &options.raw},
        {"server", .number = &options.server},
        {"warm-up", .number = &options.warm_up},
        {"run", .number = &options.run},
        {"messages", .number = &options.messages},
        {NULL, .flag = NULL},
    };
    options.kind = kind_names[KIND_BINARY];
    options_read(rows, argc, argv);
    kind = kind_named(options.kind);
    if (kind == KIND_COUNT || options.port == 0 || options.size == 0 || options.outstanding == 0 ||
        options.connections == 0)
        return options_usage(rows, argv[0]);
    make_block();
    open_all();
    run();
    return 0;
}
