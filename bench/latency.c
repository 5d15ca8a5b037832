/* A bucket is a power of two and 32 equal steps of it: the six highest bits of a time. */
#include "latency.h"

#include <string.h>

static unsigned bucket_of(uint64_t ns)
{
    unsigned power = ns < LATENCY_STEPS ? 0 : 63 - 5 - (unsigned)__builtin_clzll(ns);
    unsigned bucket = (unsigned)(ns >> power) + power * LATENCY_STEPS;
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* The middle of a bucket. */
static double time_of(unsigned bucket)
{
    unsigned power = bucket < 2 * LATENCY_STEPS ? 0 : bucket / LATENCY_STEPS - 1;
    uint64_t low = (uint64_t)(bucket - power * LATENCY_STEPS) << power;
    return (double)low + (double)((uint64_t)1 << power) / 2;
}

void latency_reset(struct latency *latency)
{
    memset(latency, 0, sizeof *latency);
}

void latency_add(struct latency *latency, uint64_t ns)
{
    latency->count++;
    latency->buckets[bucket_of(ns)]++;
}

double latency_us(const struct latency *latency, double share)
{
    double wanted = share * (double)latency->count;
    uint64_t seen = 0;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        seen += latency->buckets[i];
        if (seen > 0 && (double)seen >= wanted)
            return time_of(i) / 1000;
    }
    return 0;
}
