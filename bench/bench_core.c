/* bench_core: what a frame costs in the endpoint, beside wslay's event layer and memcpy.
 *
 *     bench_core [--quick]
 *
 * A buffer of whole masked frames is read again and again, in slices of 16 KiB or 512 KiB, by each
 * reader in turn; the least of the rounds' times counts, because whatever disturbs only adds.
 * The masking key is zero: nobody looks for that, unmasking costs what it costs with any key, and
 * the buffer stays as it was for the next reader. wslay copies its input into a buffer of its own,
 * and messages into memory that it allocates: that is how its event layer is used.
 *
 * A frame longer than the slice comes in pieces, as it does from a socket. Ends with the promises
 * and whether they hold. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pirn/endpoint.h>
#include <pirn/mask.h>

#ifdef BENCH_WSLAY
#include <wslay/wslay.h>
#endif

#include "support.h"

static const size_t sizes[] = {20, 125, 1 << 10, 64 << 10};
static const size_t slices[] = {16 << 10, 512 << 10};

enum { SIZES = 4, SLICES = 2 };

/* What a reader reads: count frames in bytes[0..len), at most slice of it at a time. */
struct wire {
    uint8_t *bytes, *copy;
    size_t len, slice, count;
};

/* Reads the wire once; returns how many messages it found. */
typedef size_t reader_fn(struct wire *wire);

static size_t read_pirn(struct wire *wire)
{
    static struct pirn_control_slots slots;
    static const struct pirn_endpoint_config config = {0};
    struct pirn_endpoint endpoint;
    struct pirn_event event;
    size_t messages = 0;
    pirn_endpoint_init(&endpoint, PIRN_SERVER, &config, &slots, 0);
    for (size_t at = 0; at < wire->len; at += wire->slice) {
        size_t left = wire->len - at;
        pirn_endpoint_feed(&endpoint, wire->bytes + at, left < wire->slice ? left : wire->slice, 0);
        while (pirn_endpoint_next(&endpoint, &event))
            messages += event.type == PIRN_EVENT_MESSAGE && event.last;
    }
    return messages;
}

static size_t read_memcpy(struct wire *wire)
{
    for (size_t at = 0; at < wire->len; at += wire->slice) {
        size_t left = wire->len - at;
        memcpy(wire->copy, wire->bytes + at, left < wire->slice ? left : wire->slice);
        __asm__ volatile("" : : "r"(wire->copy) : "memory");
    }
    return wire->count;
}

#ifdef BENCH_WSLAY

struct wslay_state {
    const struct wire *wire;
    size_t at, end, messages;
};

static ssize_t wslay_take(wslay_event_context_ptr context, uint8_t *out, size_t len, int flags,
                          void *user)
{
    struct wslay_state *state = user;
    size_t left = state->end - state->at;
    (void)flags;
    if (left == 0) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    len = len < left ? len : left;
    memcpy(out, state->wire->bytes + state->at, len);
    state->at += len;
    return (ssize_t)len;
}

static void wslay_message(wslay_event_context_ptr context,
                          const struct wslay_event_on_msg_recv_arg *message, void *user)
{
    struct wslay_state *state = user;
    (void)context;
    (void)message;
    state->messages++;
}

static size_t read_wslay(struct wire *wire)
{
    const struct wslay_event_callbacks callbacks = {.recv_callback = wslay_take,
                                                    .on_msg_recv_callback = wslay_message};
    struct wslay_state state = {.wire = wire};
    wslay_event_context_ptr context;
    if (wslay_event_context_server_init(&context, &callbacks, &state) < 0)
        fail("wslay does not start");
    while (state.end < wire->len) {
        size_t left = wire->len - state.end;
        state.end += left < wire->slice ? left : wire->slice;
        if (wslay_event_recv(context) < 0)
            fail("wslay refuses its input");
    }
    wslay_event_context_free(context);
    return state.messages;
}

#endif

enum reader {
    BY_PIRN,
    BY_MEMCPY,
#ifdef BENCH_WSLAY
    BY_WSLAY,
#endif
    READERS
};

static reader_fn *const readers[READERS] = {
    [BY_PIRN] = read_pirn,
    [BY_MEMCPY] = read_memcpy,
#ifdef BENCH_WSLAY
    [BY_WSLAY] = read_wslay,
#endif
};

static struct wire wire_make(size_t size, size_t slice, enum kind kind)
{
    static const uint8_t key[4];
    size_t frame_max = size + PIRN_FRAME_HEADER_MAX;
    struct wire wire = {.slice = slice};
    wire.bytes = need(slice + frame_max);
    wire.copy = need(slice + frame_max);
    uint8_t *payload = need(size);
    fill_payload(payload, size, kind);
    do {
        wire.len += put_frame(wire.bytes + wire.len, frame_max, kind, payload, size, key);
        wire.count++;
    } while (wire.len + frame_max <= slice);
    free(payload);
    return wire;
}

/* ns a frame of one sample of about sample_ns. */
static double time_reader(reader_fn *read, struct wire *wire, uint64_t sample_ns)
{
    uint64_t begun = now_ns(), passed;
    size_t passes = 0;
    do {
        if (read(wire) != wire->count)
            fail("a reader lost messages");
        passes++;
        passed = now_ns() - begun;
    } while (passed < sample_ns);
    return (double)passed / (double)(passes * wire->count);
}

static void measure(struct wire *wire, bool quick, double best[READERS])
{
    int rounds = quick ? 7 : 25;
    for (int reader = 0; reader < READERS; reader++)
        best[reader] = 1e18;
    for (int round = 0; round < rounds; round++) {
        for (int reader = 0; reader < READERS; reader++) {
            double ns = time_reader(readers[reader], wire, quick ? 2000000 : 5000000);
            best[reader] = ns < best[reader] ? ns : best[reader];
        }
    }
}

static double results[SIZES][SLICES][KIND_SAME][READERS];

static void measure_all(bool quick)
{
    for (int size = 0; size < SIZES; size++) {
        for (int slice = 0; slice < SLICES; slice++) {
            for (int kind = 0; kind < KIND_SAME; kind++) {
                struct wire wire = wire_make(sizes[size], slices[slice], (enum kind)kind);
                measure(&wire, quick, results[size][slice][kind]);
                free(wire.bytes);
                free(wire.copy);
            }
        }
    }
}

static void print_row(int size, int slice, int kind)
{
    const double *ns = results[size][slice][kind];
    double bytes = (double)sizes[size];
    printf("%7zu  %-6s %4zu KiB %9.1f %6.1f %9.1f", sizes[size], kind_names[kind],
           slices[slice] >> 10, ns[BY_PIRN], bytes / ns[BY_PIRN], ns[BY_MEMCPY]);
#ifdef BENCH_WSLAY
    printf(" %10.1f %6.1f", ns[BY_WSLAY], ns[BY_WSLAY] / ns[BY_PIRN]);
#endif
    printf("\n");
}

static void print_all(void)
{
    printf("One masked frame in the endpoint; wslay/pirn is how many times as fast Pirn is.\n\n");
    printf("   size  kind     slice   pirn ns   GB/s memcpy ns");
#ifdef BENCH_WSLAY
    printf("   wslay ns wslay/pirn");
#endif
    printf("\n");
    for (int size = 0; size < SIZES; size++)
        for (int kind = 0; kind < KIND_SAME; kind++)
            for (int slice = 0; slice < SLICES; slice++)
                print_row(size, slice, kind);
}

/* ---- promises */

static void promise(const char *what, size_t size, double value, bool kept)
{
    printf("%s  %s at %zu bytes: %.2f\n", kept ? "kept  " : "BROKEN", what, size, value);
}

static void promise_wslay(void)
{
#ifdef BENCH_WSLAY
    for (int size = 0; size < SIZES; size++) {
        double wanted = sizes[size] < 125 ? 4 : 10, least = 1e18;
        for (int i = 0; i < SLICES * KIND_SAME; i++) {
            const double *ns = results[size][i / KIND_SAME][i % KIND_SAME];
            double ratio = ns[BY_WSLAY] / ns[BY_PIRN];
            least = ratio < least ? ratio : least;
        }
        promise(wanted < 10 ? "wslay takes 4 times as long" : "wslay takes 10 times as long",
                sizes[size], least, least >= wanted);
    }
#else
    printf("skipped wslay: Debian's libwslay-dev was not there when this was built\n");
#endif
}

static void promise_text(void)
{
    for (int size = 1; size < SIZES; size++) {
        for (int kind = KIND_ASCII; kind <= KIND_TEXT; kind++) {
            double most = 0, wanted = kind == KIND_ASCII ? 1.3 : 2;
            for (int slice = 0; slice < SLICES; slice++) {
                double ratio = results[size][slice][kind][BY_PIRN] /
                               results[size][slice][KIND_BINARY][BY_PIRN];
                most = ratio > most ? ratio : most;
            }
            promise(kind == KIND_ASCII ? "ASCII costs at most 1.3 times as much as binary"
                                       : "other text costs at most 2 times as much as binary",
                    sizes[size], most, most <= wanted);
        }
    }
}

static double time_masking(uint8_t *bytes, uint8_t *copy, size_t len, bool mask)
{
    static const uint8_t key[4] = {1, 2, 3, 4};
    uint64_t begun = now_ns();
    for (int i = 0; i < 50; i++) {
        if (mask)
            pirn_mask(bytes, bytes, len, key, 0);
        else
            memcpy(copy, bytes, len);
        __asm__ volatile("" : : "r"(copy), "r"(bytes) : "memory");
    }
    return (double)(now_ns() - begun) / 50;
}

/* The payload lies where it lies behind a header: not aligned. */
static void promise_masking(void)
{
    size_t len = 64 << 10;
    uint8_t *bytes = need(len + 64), *copy = need(len + 64);
    double masking = 1e18, copying = 1e18;
    for (int round = 0; round < 101; round++) {
        double ns = time_masking(bytes + 14, copy, len, true);
        masking = ns < masking ? ns : masking;
        ns = time_masking(bytes + 14, copy, len, false);
        copying = ns < copying ? ns : copying;
    }
    promise("masking is 0.5 times as fast as memcpy", len, copying / masking,
            copying / masking >= 0.5);
    free(bytes);
    free(copy);
}

int main(int argc, char **argv)
{
    bool quick = argc == 2 && strcmp(argv[1], "--quick") == 0;
    if (argc > 1 && !quick) {
        fprintf(stderr, "usage: bench_core [--quick]\n");
        return 2;
    }
    errno = 0;
    measure_all(quick);
    print_all();
    printf("\n");
    promise_wslay();
    promise_masking();
    promise_text();
    return 0;
}
