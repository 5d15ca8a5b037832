#include "json.h"

#include <stdio.h>
#include <string.h>

#include "support.h"

static const char *const words[] = {
    "amber", "basin", "cedar",  "delta", "ember", "fjord", "grain", "harbour", "inlet", "juniper",
    "kelp",  "ledge", "meadow", "nacre", "ochre", "plume", "quarz", "ridge",   "slate", "thistle",
    "umber", "vale",  "willow", "xenon", "yarn",  "zinc",  "loom",  "weft",    "warp",  "shuttle"};

static unsigned draw(uint32_t *noise, unsigned below)
{
    *noise = *noise * 1664525 + 1013904223;
    return (*noise >> 8) % below;
}

static const char *word(uint32_t *noise)
{
    return words[draw(noise, sizeof words / sizeof *words)];
}

static size_t begin(char *out, size_t cap, unsigned number, uint32_t *noise)
{
    return (size_t)snprintf(out, cap, "{\"id\":%u,\"user\":\"%s\",\"items\":[",
                            100000 + number * 7 + draw(noise, 7), word(noise));
}

static size_t item(char *out, size_t cap, uint32_t *noise)
{
    return (size_t)snprintf(out, cap,
                            "{\"name\":\"%s %s\",\"count\":%u,\"price\":%u.%02u,\"sold\":%s},",
                            word(noise), word(noise), draw(noise, 1000), draw(noise, 500),
                            draw(noise, 100), draw(noise, 2) ? "true" : "false");
}

/* Whole items as long as there is room, then a string that fills it up. */
void fill_json(uint8_t *out, size_t len, unsigned number)
{
    char next[160];
    uint32_t noise = number * 2654435761u + 1;
    size_t at = begin(next, sizeof next, number, &noise);
    if (len < JSON_MIN_BYTES)
        fail("no JSON is so small");
    memcpy(out, next, at);
    for (size_t size; (size = item(next, sizeof next, &noise)) + 4 <= len - at; at += size)
        memcpy(out + at, next, size);
    out[at++] = '"';
    while (at < len - 3)
        out[at++] = (uint8_t)('a' + draw(&noise, 26));
    memcpy(out + at, "\"]}", 3);
}
