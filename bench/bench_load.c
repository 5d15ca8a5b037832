/* bench_load: keeps an echo server busy, and measures it.
 *
 *     bench_load --port PORT [--connections N] [--outstanding N] [--size BYTES]
 *                [--kind binary|ascii|text|json] [--deflate | --raw] [--tls] [--server PID]
 *                [--warm-up MS] [--run MS | --messages N]
 *
 * Every connection has as many messages on their way as --outstanding says: each echo that is whole
 * is answered by a new message, and what one read completes is sent by one write. Each echo is
 * compared with what was sent; it may come in fragments. --raw is for bench_floor: the same bytes
 * without a handshake, all of one value, and the echo 4 bytes shorter, as an unmasked frame is.
 * With --deflate the messages are compressed beforehand, the echoes decompressed as they come. With
 * --tls all of it goes over TLS.
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
#include "deflate.h"
#include "../src/cli/latency.h"
#include "messages.h"
#include "options.h"
#include "process.h"
#include "support.h"
#include "tls/tls.h"

enum { RECEIVE_BYTES = 260 << 10, READY_MAX = 256, COMPRESSED = 4, PATIENCE_NS = 1000000000 };

static struct {
    long port, connections, outstanding, size, raw, deflate, tls, server, warm_up, run, messages;
    const char *kind;
} options = {.connections = 1, .outstanding = 1, .size = 20, .warm_up = 300, .run = 1000};

static struct messages messages; /* connections send them again and again */
static struct deflate_terms terms;
static enum kind kind;

/* A whole echo in one frame, the common case: its header, which is the same for all. */
static uint8_t echo_head[PIRN_FRAME_HEADER_MAX];
static size_t echo_head_len;

/* All of it, without WebSocket. */
static uint8_t *raw_echo;
static size_t echo_len;

struct conn {
    int fd;
    bool blocked;
    bool in_message;    /* a fragment of an echo has come, or its frame, but not the last */
    bool in_frame;      /* a header is whole */
    bool compressed;    /* the current echo */
    uint8_t header_len; /* bytes of one that is not */
    uint8_t header[PIRN_FRAME_HEADER_MAX];
    uint64_t frame_left;
    size_t echoed;     /* payload of the current echo that has come */
    uint8_t *inflated; /* and what it is, if it is compressed */
    struct inflater *inflater;
    size_t at, unsent;       /* where in the frames, and how many bytes, are to be sent next */
    uint64_t sent, received; /* messages */
    uint64_t *sent_ns;       /* when, by number modulo outstanding */
};

static struct conn *conns;
static int poller;
static uint64_t completed, completed_bytes;
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

/* At most one write takes the end of the frames and their beginning. */
static ssize_t write_some(const struct conn *conn)
{
    size_t here = messages_len(&messages) - conn->at;
    here = here < conn->unsent ? here : conn->unsent;
    size_t rest = conn->unsent - here;
    rest = rest < conn->at ? rest : conn->at;
    struct iovec pieces[2] = {{messages.frames + conn->at, here}, {messages.frames, rest}};
    return pirn__wire_send(conn->fd, client_session(conn->fd), pieces, rest > 0 ? 2 : 1);
}

static void flush(struct conn *conn)
{
    while (conn->unsent > 0) {
        ssize_t sent = write_some(conn);
        if (sent < 0 && errno != EAGAIN)
            fail("write");
        if (sent < 0)
            break;
        conn->at = (conn->at + (size_t)sent) % messages_len(&messages);
        conn->unsent -= (size_t)sent;
    }
    struct pirn__tls *tls = client_session(conn->fd);
    bool blocked = conn->unsent > 0 || (tls && pirn__tls_flush(tls) < 0);
    if (blocked != conn->blocked)
        watch(conn, EPOLL_CTL_MOD, blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
    conn->blocked = blocked;
}

static void send_messages(struct conn *conn, size_t count, uint64_t now)
{
    conn->unsent += messages_bytes(&messages, conn->sent, count);
    for (size_t i = 0; i < count; i++)
        conn->sent_ns[conn->sent++ % (uint64_t)options.outstanding] = now;
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
    bool first = !conn->in_message;
    if (frame.opcode != (first ? echo_head[0] & 15 : PIRN_CONTINUATION))
        mismatch("an echo has the wrong opcode");
    if (first)
        conn->compressed = conn->inflater && frame.rsv == COMPRESSED;
    if (frame.masked || frame.rsv != (first && conn->compressed ? COMPRESSED : 0))
        mismatch("an echo has the wrong header");
    conn->in_message = !frame.fin;
    conn->header_len = 0;
    conn->frame_left = frame.payload_len;
    return took;
}

/* One byte more than a message has, to see when an echo has more. */
static void take_compressed(struct conn *conn, const uint8_t *data, size_t len)
{
    size_t cap = messages.size + 1;
    inflater_piece(conn->inflater, data, len, conn->inflated, &conn->echoed, cap);
    if (len < conn->frame_left || conn->in_message)
        return;
    inflater_end_message(conn->inflater, conn->inflated, &conn->echoed, cap);
    if (memcmp(conn->inflated, messages_payload(&messages, conn->received), messages.size) != 0)
        mismatch("an echo differs from what was sent");
}

static void take_plain(struct conn *conn, const uint8_t *data, size_t len)
{
    const uint8_t *payload = messages_payload(&messages, conn->received);
    if (len > messages.size - conn->echoed || memcmp(data, payload + conn->echoed, len) != 0)
        mismatch("an echo differs from what was sent");
    conn->echoed += len;
}

/* Takes what there is of one frame, and returns the bytes of it. */
static size_t take_frame(struct conn *conn, const uint8_t *data, size_t len)
{
    size_t head = conn->in_frame ? 0 : take_header(conn, data, len), here = len - head;
    if (!conn->in_frame)
        return head;
    here = here < conn->frame_left ? here : (size_t)conn->frame_left;
    (conn->compressed ? take_compressed : take_plain)(conn, data + head, here);
    conn->frame_left -= here;
    conn->in_frame = conn->frame_left > 0;
    if (conn->in_frame || conn->in_message)
        return head + here;
    if (conn->echoed != messages.size)
        mismatch("an echo has the wrong length");
    conn->echoed = 0;
    conn->received++;
    return head + here;
}

static bool is_whole_echo(const struct conn *conn, const uint8_t *data, size_t len)
{
    if (conn->header_len > 0 || conn->in_frame || conn->in_message || len < echo_len)
        return false;
    return memcmp(data, echo_head, echo_head_len) == 0 &&
           memcmp(data + echo_head_len, messages_payload(&messages, conn->received),
                  messages.size) == 0;
}

static void take_frames(struct conn *conn, const uint8_t *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        bool whole = is_whole_echo(conn, data + at, len - at);
        at += whole ? echo_len : take_frame(conn, data + at, len - at);
        conn->received += whole;
    }
}

static void take_raw(struct conn *conn, const uint8_t *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t took = echo_len - conn->echoed;
        took = took < len - at ? took : len - at;
        if (memcmp(data + at, raw_echo, took) != 0)
            mismatch("an echo differs from what was sent");
        at += took;
        conn->echoed += took;
        conn->received += conn->echoed == echo_len;
        conn->echoed %= echo_len;
    }
}

static void receive(struct conn *conn)
{
    uint64_t before = conn->received;
    const struct iovec room = {receive_buffer, RECEIVE_BYTES};
    ssize_t got = pirn__wire_recv(conn->fd, client_session(conn->fd), &room, 1);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        fail("the server has ended a connection");
    (options.raw ? take_raw : take_frames)(conn, receive_buffer, (size_t)got);
    completed_bytes += (size_t)got;
    if (conn->received == before)
        return;
    uint64_t now = now_ns();
    for (uint64_t i = before; i < conn->received; i++)
        latency_add(&latency, now - conn->sent_ns[i % (uint64_t)options.outstanding]);
    completed += conn->received - before;
    send_messages(conn, (size_t)(conn->received - before), now);
}

/* Asks again instead of sleeping: it has a processor of its own, and to wake one that sleeps costs
 * whoever sends to it more than the sending, in a virtual machine above all. */
static int await_ready(struct epoll_event ready[READY_MAX])
{
    const uint64_t asked = now_ns();
    int count;
    while ((count = epoll_wait(poller, ready, READY_MAX, 0)) == 0)
        if (now_ns() - asked > PATIENCE_NS)
            mismatch("no echo has come for a second");
    return count;
}

static void turn(void)
{
    struct epoll_event ready[READY_MAX];
    int count = await_ready(ready);
    for (int i = 0; i < count; i++) {
        struct conn *conn = ready[i].data.ptr;
        if (ready[i].events & EPOLLOUT)
            flush(conn);
        struct pirn__tls *tls = client_session(conn->fd);
        if (ready[i].events & ~(uint32_t)EPOLLOUT)
            do
                receive(conn);
            while (tls && pirn__tls_has_input(tls));
    }
}

/* ---- start, run, end */

static void make_messages(void)
{
    messages = messages_make(kind, (size_t)options.size, options.deflate ? &terms : NULL);
    const struct pirn_frame frame = {.fin = true,
                                     .opcode = kind == KIND_BINARY ? PIRN_BINARY : PIRN_TEXT,
                                     .payload_len = messages.size};
    echo_head_len = (size_t)pirn_frame_encode_header(echo_head, &frame);
    echo_len = echo_head_len + messages.size;
    if (!options.raw)
        return;
    raw_echo = need(echo_len);
    memset(raw_echo, 'x', echo_len);
    memset(messages.frames, 'x', messages_len(&messages));
}

static void shake_hands(struct conn *conn)
{
    struct deflate_terms agreed;
    char head[CLIENT_HEAD_BYTES];
    client_ask(conn->fd, options.deflate ? DEFLATE_OFFER : NULL);
    client_read_head(conn->fd, head);
    deflate_read_terms(&agreed, head);
    if (!options.deflate)
        return;
    if (!agreed.agreed)
        mismatch("the server does not compress");
    terms = agreed; /* the same for all */
    conn->inflated = need((size_t)options.size + 1);
    conn->inflater = inflater_new(&terms);
}

static void open_all(void)
{
    poller = epoll_create1(0);
    conns = need((size_t)options.connections * sizeof *conns);
    for (long i = 0; i < options.connections; i++) {
        struct conn *conn = &conns[i];
        conn->fd = client_connect((uint16_t)options.port);
        if (options.tls)
            client_secure(conn->fd);
        if (!options.raw)
            shake_hands(conn);
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
    completed = completed_bytes = 0;
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
    printf("\"echo_bytes\": %llu, ", (unsigned long long)completed_bytes);
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
        {"deflate", .flag = &options.deflate},
        {"tls", .flag = &options.tls},
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
    open_all();
    make_messages();
    run();
    return 0;
}
