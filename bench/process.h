/* process.h: what Linux says of another process; 0 for one that is not there. */
#ifndef PIRN_BENCH_PROCESS_H
#define PIRN_BENCH_PROCESS_H

#include <stdint.h>

/* Processor time of all its threads. */
uint64_t process_cpu_ns(long pid);

uint64_t process_resident_bytes(long pid);

#endif
