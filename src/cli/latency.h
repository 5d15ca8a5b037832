/* latency.h: a histogram of times, exact to 1 percent, from 1 ns to hours. */
#ifndef PIRN_CLI_LATENCY_H
#define PIRN_CLI_LATENCY_H

#include <stdint.h>

enum { LATENCY_STEPS = 64, LATENCY_BUCKETS = 40 * LATENCY_STEPS };

struct latency {
    uint64_t count, least_ns, most_ns, sum_ns;
    uint64_t buckets[LATENCY_BUCKETS];
};

void latency_reset(struct latency *latency);
void latency_add(struct latency *latency, uint64_t ns);

/* The time that a share of all (0 to 1) did not exceed; 0 if there are none. 0 and 1 are exact. */
double latency_us(const struct latency *latency, double share);

/* Where a bucket begins; that of the one behind it is where it ends. */
uint64_t latency_begin_ns(unsigned bucket);

#endif
