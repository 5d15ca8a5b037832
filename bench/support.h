/* support.h: what the benchmarks share: payloads, frames of them, clocks, medians. */
#ifndef PIRN_BENCH_SUPPORT_H
#define PIRN_BENCH_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pirn/frame.h>

/* text is of Chinese and ASCII: almost every character takes three bytes. The first three are the
 * same for all messages of a run, json is hundreds of different ones. */
enum kind { KIND_BINARY, KIND_ASCII, KIND_TEXT, KIND_JSON, KIND_COUNT, KIND_SAME = KIND_JSON };

extern const char *const kind_names[KIND_COUNT];

/* KIND_COUNT for none. */
enum kind kind_named(const char *name);

/* Exactly len bytes of payload. */
void fill_payload(uint8_t *out, size_t len, enum kind kind);

/* Encodes a header, with the key of a masked frame unless it is NULL, and its payload; returns the
 * size of both. */
size_t put_frame_of(uint8_t *out, size_t cap, struct pirn_frame frame, const uint8_t *payload,
                    const uint8_t *key);

/* Writes one whole frame, masked with key unless it is NULL; returns its size. */
size_t put_frame(uint8_t *out, size_t cap, enum kind kind, const uint8_t *payload, size_t len,
                 const uint8_t *key);

uint64_t now_ns(void);

/* Sorts. */
double median(double *values, size_t count);

/* Memory, zeroed; a program that gets none ends. */
void *need(size_t bytes);

/* Says what failed, with errno if it is set, and ends the program. */
_Noreturn void fail(const char *what);

#endif
