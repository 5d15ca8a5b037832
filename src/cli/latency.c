/* A bucket is a power of two and 64 equal steps of it: the seven highest bits of a time. */
#include "latency.h"

#include <string.h>

static unsigned bucket_of(uint64_t ns)
{
    unsigned power = ns < LATENCY_STEPS ? 0 : 63 - 6 - (unsigned)__builtin_clzll(ns);
    unsigned bucket = (unsigned)(ns >> power) + power * LATENCY_STEPS;
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

uint64_t latency_begin_ns(unsigned bucket)
{
    unsigned power = bucket < 2 * LATENCY_STEPS ? 0 : bucket / LATENCY_STEPS - 1;
    return (uint64_t)(bucket - power * LATENCY_STEPS) << power;
}

void latency_reset(struct latency *latency)
{
    memset(latency, 0, sizeof *latency);
}

void latency_add(struct latency *latency, uint64_t ns)
{
    if (latency->count++ == 0 || ns < latency->least_ns)
        latency->least_ns = ns;
    if (ns > latency->most_ns)
        latency->most_ns = ns;
    latency->sum_ns += ns;
    latency->buckets[bucket_of(ns)]++;
}

/* The middle of a bucket, but nothing that no time has reached. */
static double time_of(const struct latency *latency, unsigned bucket)
{
    uint64_t ns = (latency_begin_ns(bucket) + latency_begin_ns(bucket + 1)) / 2;
    ns = ns < latency->least_ns ? latency->least_ns : ns;
    return (double)(ns < latency->most_ns ? ns : latency->most_ns) / 1000;
}

double latency_us(const struct latency *latency, double share)
{
    double wanted = share * (double)latency->count;
    uint64_t seen = 0;
    if (share <= 0)
        return (double)latency->least_ns / 1000;
    for (unsigned i = 0; i < LATENCY_BUCKETS && share < 1; i++) {
        seen += latency->buckets[i];
        if (seen > 0 && (double)seen >= wanted)
            return time_of(latency, i);
    }
    return (double)latency->most_ns / 1000;
}
