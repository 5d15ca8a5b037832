/* Text is words, some of them not ASCII, so that it is worth validating and compressing; binary is
 * noise. A number stands at the beginning in hexadecimal, its last digit first: small payloads have
 * those digits that differ. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { DIGITS = 8 };

static uint32_t draw(uint32_t *noise)
{
    *noise = *noise * 1664525 + 1013904223;
    return *noise >> 8;
}

static void fill_text(uint8_t *out, size_t len)
{
    static const char *const words[] = {"loom ",   "shuttle ",   "weft ",  "warp ",     "fäden ",
                                        "пряжа ",  "織機 ",      "heald ", "selvedge ", "tissé ",
                                        "bobbin ", "αργαλειός ", "reed ",  "🧵 ",     "cloth "};
    uint32_t noise = 1;
    for (size_t word_len; len > 0; out += word_len, len -= word_len) {
        const char *word = words[draw(&noise) % (sizeof words / sizeof *words)];
        word_len = strlen(word);
        if (word_len > len)
            memset(out, '.', word_len = len);
        else
            memcpy(out, word, word_len);
    }
}

static void fill_binary(uint8_t *out, size_t len)
{
    uint32_t noise = 1;
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)draw(&noise);
}

uint8_t *bench_payload_new(size_t size, bool text)
{
    size_t digits = size < DIGITS ? size : DIGITS;
    uint8_t *payload = malloc(size);
    if (payload)
        (text ? fill_text : fill_binary)(payload + digits, size - digits);
    return payload;
}

void bench_payload_number(uint8_t *payload, size_t size, uint64_t number)
{
    for (size_t i = 0; i < DIGITS && i < size; i++, number >>= 4)
        payload[i] = (uint8_t) "0123456789abcdef"[number & 15];
}
