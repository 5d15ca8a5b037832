/* json.h: messages as services send them: alike in form, different in content. */
#ifndef PIRN_BENCH_JSON_H
#define PIRN_BENCH_JSON_H

#include <stddef.h>
#include <stdint.h>

/* A JSON object of exactly len bytes, at least JSON_MIN_BYTES; the same for the same number. */
enum { JSON_MIN_BYTES = 64 };
void fill_json(uint8_t *out, size_t len, unsigned number);

#endif
