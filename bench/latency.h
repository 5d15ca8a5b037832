/* latency.h: a histogram of times, exact to 3 percent, from 1 ns to hours. */
#ifndef PIRN_BENCH_LATENCY_H
#define PIRN_BENCH_LATENCY_H

#include <stdint.h>

enum { LATENCY_STEPS = 32, LATENCY_BUCKETS = 48 * LATENCY_STEPS };

struct latency {
    uint64_t count;
    uint64_t buckets[LATENCY_BUCKETS];
};

void latency_reset(struct latency *latency);
void latency_add(struct latency *latency, uint64_t ns);

/* The time that a share of all (0 to 1) did not exceed; 0 if there are none. */
double latency_us(const struct latency *latency, double share);

#endif
