/* bench_deflate: zlib beside libdeflate on JSON of 1 to 16 KiB without context takeover, as a
 * shared compressor works; and what blocks that hold nothing cost an inflater. Printed: MB a second
 * of plain text, for floods of wire. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#ifdef BENCH_LIBDEFLATE
#include <libdeflate.h>
#endif

#include <pirn/deflate.h>

#include "json.h"
#include "support.h"

enum { MESSAGES = 64, PLAIN_MAX = 16384, WIRE_MAX = 2 * PLAIN_MAX, TAIL = 4 };
#define RUN_NS 150000000

struct message {
    size_t len, wire_len;
    uint8_t plain[PLAIN_MAX];
    uint8_t wire[WIRE_MAX];
};

static struct message messages[MESSAGES];
static uint8_t out[WIRE_MAX];

static void make_messages(size_t len)
{
    for (int i = 0; i < MESSAGES; i++) {
        fill_json(messages[i].plain, len, (unsigned)i);
        messages[i].len = len;
    }
}

static z_stream deflater, inflater;

static void zlib_compress(struct message *message)
{
    deflateReset(&deflater);
    deflater.next_in = message->plain;
    deflater.avail_in = (uInt)message->len;
    deflater.next_out = message->wire;
    deflater.avail_out = WIRE_MAX;
    deflate(&deflater, Z_SYNC_FLUSH);
    message->wire_len = WIRE_MAX - deflater.avail_out - TAIL;
}

static void zlib_decompress(struct message *message)
{
    static uint8_t tail[TAIL] = {0, 0, 0xff, 0xff};
    inflateReset(&inflater);
    inflater.next_in = message->wire;
    inflater.avail_in = (uInt)message->wire_len;
    inflater.next_out = out;
    inflater.avail_out = WIRE_MAX;
    inflate(&inflater, Z_SYNC_FLUSH);
    inflater.next_in = tail;
    inflater.avail_in = TAIL;
    inflate(&inflater, Z_SYNC_FLUSH);
    if (memcmp(out, message->plain, message->len) != 0)
        abort();
}

#ifdef BENCH_LIBDEFLATE
static struct libdeflate_compressor *fast_compressor;
static struct libdeflate_decompressor *fast_decompressor;

/* Its one block is final, so one byte of an empty block follows: RFC 7692, 7.2.3.4. */
static void libdeflate_compress(struct message *message)
{
    size_t len = libdeflate_deflate_compress(fast_compressor, message->plain, message->len,
                                             message->wire, WIRE_MAX - 1);
    message->wire[len] = 0;
    message->wire_len = len + 1;
}

/* It wants a final block at the end, so what peers send is copied and gets one. */
static void libdeflate_decompress(struct message *message)
{
    static const uint8_t end[] = {0, 0, 0xff, 0xff, 3, 0};
    static uint8_t wire[WIRE_MAX + sizeof end];
    memcpy(wire, message->wire, message->wire_len);
    memcpy(wire + message->wire_len, end, sizeof end);
    size_t len;
    if (libdeflate_deflate_decompress(fast_decompressor, wire, message->wire_len + sizeof end, out,
                                      WIRE_MAX, &len) != LIBDEFLATE_SUCCESS ||
        memcmp(out, message->plain, message->len) != 0)
        abort();
}
#endif

/* Seconds for each message. */
static double measure(void (*work)(struct message *))
{
    uint64_t start = now_ns(), spent;
    unsigned rounds = 0;
    do {
        for (int i = 0; i < MESSAGES; i++)
            work(&messages[i]);
        rounds++;
        spent = now_ns() - start;
    } while (spent < RUN_NS);
    return (double)spent / 1e9 / rounds / MESSAGES;
}

static double mean_wire(void)
{
    double sum = 0;
    for (int i = 0; i < MESSAGES; i++)
        sum += (double)messages[i].wire_len;
    return sum / MESSAGES;
}

/* Microseconds of the whole for each message. */
static double compare(const char *name, int level, void (*compress)(struct message *),
                      void (*decompress)(struct message *))
{
    double in = measure(compress);
    double size = mean_wire();
    double back = measure(decompress);
    printf("%-10s level %d %6zu bytes: %6.2f us + %6.2f us = %6.2f us, %5.1f %% of its size\n",
           name, level, messages[0].len, in * 1e6, back * 1e6, (in + back) * 1e6,
           100 * size / (double)messages[0].len);
    return in + back;
}

static void compare_codecs(int level)
{
    if (deflateInit2(&deflater, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        inflateInit2(&inflater, -15) != Z_OK)
        fail("zlib");
    for (size_t len = 1024; len <= PLAIN_MAX; len *= 4) {
        make_messages(len);
        double zlib = compare("zlib", level, zlib_compress, zlib_decompress);
#ifdef BENCH_LIBDEFLATE
        fast_compressor = libdeflate_alloc_compressor(level);
        fast_decompressor = libdeflate_alloc_decompressor();
        printf("%28.2f times as fast\n",
               zlib / compare("libdeflate", level, libdeflate_compress, libdeflate_decompress));
        libdeflate_free_compressor(fast_compressor);
        libdeflate_free_decompressor(fast_decompressor);
#else
        (void)zlib;
#endif
    }
    deflateEnd(&deflater);
    inflateEnd(&inflater);
}

/* ---- Floods: bytes that a peer sends and that inflate to nothing, or to little. */

enum { FLOOD_BYTES = 1 << 20, PIECE = 65536 };

static uint8_t flood[FLOOD_BYTES], room[PIECE];

static void *resize(void *context, void *memory, size_t old_size, size_t size)
{
    (void)context, (void)old_size;
    if (size > 0)
        return realloc(memory, size);
    free(memory);
    return NULL;
}

/* Nanoseconds for each byte of the wire. */
static double inflate_flood(const struct pirn_extension *extension)
{
    const struct pirn_frame frame = {.opcode = PIRN_BINARY, .rsv = 4};
    uint64_t state_memory[8] = {0};
    struct pirn_extension_state *state = (void *)state_memory;
    const char *wrong;
    struct pirn_extension_element answer = {.name = extension->name};
    state->extension = extension;
    state->last = true;
    if (!extension->confirm(extension, &answer, state, &wrong))
        fail("confirm");
    extension->begin_receive(state, &frame);
    uint64_t start = now_ns();
    for (size_t at = 0; at < FLOOD_BYTES; at += PIECE) {
        struct pirn_transform step = {.in = flood + at, .in_len = PIECE};
        do {
            step.out_cap = sizeof room;
            if (extension->receive(state, &step) != 0)
                fail("inflate");
        } while (step.in_len > 0 || step.pending);
    }
    uint64_t spent = now_ns() - start;
    extension->release(state);
    return (double)spent / FLOOD_BYTES;
}

static double copy_flood(void)
{
    double best = 1e9;
    for (int round = 0; round < 5; round++) {
        uint64_t start = now_ns();
        for (size_t at = 0; at < FLOOD_BYTES; at += PIECE) {
            memcpy(room, flood + at, PIECE);
            __asm__ volatile("" : : "r"(room) : "memory");
        }
        double spent = (double)(now_ns() - start) / FLOOD_BYTES;
        best = spent < best ? spent : best;
    }
    return best;
}

static void measure_flood(const struct pirn_extension *extension, const char *name)
{
    double best = 1e9;
    for (int round = 0; round < 5; round++) {
        double spent = inflate_flood(extension);
        best = spent < best ? spent : best;
    }
    printf("%-28s %6.2f ns a byte, copying %.3f\n", name, best, copy_flood());
}

/* The beginning of one long compressed message: what is compared with. */
static void fill_with_json(void)
{
    if (deflateInit2(&deflater, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        fail("zlib");
    deflater.next_out = flood;
    deflater.avail_out = FLOOD_BYTES;
    for (unsigned i = 0; deflater.avail_out > 0; i++) {
        fill_json(messages[0].plain, PLAIN_MAX, i);
        deflater.next_in = messages[0].plain;
        deflater.avail_in = PLAIN_MAX;
        deflate(&deflater, Z_NO_FLUSH);
    }
    deflateEnd(&deflater);
}

static void measure_floods(void)
{
    static const struct {
        const char *name;
        size_t len;
        const char *block;
    } rows[] = {
        {"empty stored blocks", 5, "\x00\x00\x00\xff\xff"},
        {"stored blocks of a byte", 6, "\x00\x01\x00\xfe\xffx"},
        {"stored blocks of 8 bytes", 13, "\x00\x08\x00\xf7\xffxxxxxxxx"},
        {"empty fixed blocks", 5, "\x02\x08\x20\x80\x00"},
        {"empty fixed blocks, final", 2, "\x03\x00"},
        {"empty stored blocks, final", 5, "\x01\x00\x00\xff\xff"},
    };
    static uint8_t lent[PIECE];
    struct pirn_deflate deflate;
    const struct pirn_deflate_config config = {.mode = PIRN_DEFLATE_SHARED};
    if (pirn_deflate_init(&deflate, &config, PIRN_CLIENT, resize, NULL, lent, sizeof lent) != 0)
        fail("pirn_deflate_init");
    fill_with_json();
    measure_flood(&deflate.extension, "JSON");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t at = 0; at < FLOOD_BYTES; at++)
            flood[at] = (uint8_t)rows[i].block[at % rows[i].len];
        measure_flood(&deflate.extension, rows[i].name);
    }
    pirn_deflate_release(&deflate);
}

int main(void)
{
    compare_codecs(1);
    compare_codecs(6);
    measure_floods();
    return 0;
}
