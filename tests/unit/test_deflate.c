#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "deflate_rig.h"

#define SHARED    .mode = PIRN_DEFLATE_SHARED
#define DEDICATED .mode = PIRN_DEFLATE_DEDICATED
#define LIMIT     (UINT64_C(1) << 24)

static struct deflate_side ours, theirs;
static struct deflate_bytes wire, got;

/* ---- Messages: numbers of a fixed generator, text that is alike in places. */

static uint8_t message[200000];
static uint32_t seed;

static uint32_t number(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static void make_message(size_t len, bool text)
{
    static const char *const words[] = {"{\"id\":", "\"name\":\"", "shuttle", "weft", "},", " "};
    for (size_t at = 0; at < len;) {
        char word[24];
        int n = snprintf(word, sizeof word, "%s%u", words[number() % 6], number() % 1000);
        for (int i = 0; i < n && at < len; i++)
            message[at++] = text ? (uint8_t)word[i] : (uint8_t)number();
    }
}

static size_t message_len(unsigned i)
{
    static const size_t sizes[] = {0, 1, 2, 5, 60, 125, 126, 1000, 1024, 4096, 5000};
    return i % 50 == 49 ? 1 + number() % sizeof message : sizes[number() % 11];
}

static int teardown(void **state)
{
    (void)state;
    deflate_side_release(&ours);
    deflate_side_release(&theirs);
    deflate_bytes_free(&wire);
    deflate_bytes_free(&got);
    ours = theirs = (struct deflate_side){0};
    return 0;
}

static void assert_got(const void *data, size_t len)
{
    assert_int_equal(got.len, len);
    if (len > 0)
        assert_memory_equal(got.data, data, len);
}

static void pass_message(struct deflate_side *from, struct deflate_side *to, size_t len)
{
    wire.len = got.len = 0;
    size_t steps[] = {0, 0, 1 + number() % 700};
    deflate_side_send(&from->state.base, message, len, steps[number() % 3],
                      number() % 2 ? 64 + number() % 500 : 300000, &wire);
    assert_int_equal(deflate_side_receive(&to->state.base, wire.data, wire.len, steps[number() % 3],
                                          LIMIT, &got),
                     0);
    assert_got(message, len);
}

static void pass_messages(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        size_t len = message_len(i);
        make_message(len, number() % 4 != 0);
        pass_message(number() % 2 ? &ours : &theirs, &theirs, 0);
        pass_message(&ours, &theirs, len);
        pass_message(&theirs, &ours, len);
    }
}

static void begin(struct deflate_side *side, int own, int peer, bool own_fresh, bool peer_fresh)
{
    const struct pirn_deflate_config config = {DEDICATED, .window_bits = own == 8 ? 15 : own};
    deflate_side_init(side, &config, PIRN_CLIENT);
    deflate_side_agree(side, own, peer, own_fresh, peer_fresh);
}

int main(void);

static void messages_pass_with_every_agreement(void **state)
{
    (void)state;
    for (int bits = 9; bits <= 15; bits++) {
        for (int other = 9; other <= 15; other++) {
            for (int fresh = 0; fresh < 4; fresh++) {
                seed = (uint32_t)(bits * 100 + other * 4 + fresh);
                begin(&ours, bits, other, fresh & 1, fresh & 2);
                begin(&theirs, other, bits, fresh & 2, fresh & 1);
                pass_message(&ours, &theirs, 0);
                for (unsigned i = 0; i < 12; i++) {
                    size_t len = message_len(i);
                    make_message(len, number() % 4 != 0);
                    pass_message(&ours, &theirs, len);
                    pass_message(&theirs, &ours, len);
                }
                teardown(NULL);
            }
        }
    }
}

int main(void)
{
    (void)pass_messages;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(messages_pass_with_every_agreement, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
