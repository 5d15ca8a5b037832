/* guarded.h: memory in which reading or writing one byte too far is a crash, without a sanitizer
 * too. */
#ifndef PIRN_TESTS_GUARDED_H
#define PIRN_TESTS_GUARDED_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

enum { GUARDED_SIZE = 65536 };

/* GUARDED_SIZE bytes between two pieces that nobody may touch; NULL when there is no memory. Lives
 * as long as the program. */
static inline uint8_t *guarded_new(void)
{
    uint8_t *all =
        mmap(NULL, 3 * (size_t)GUARDED_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED ||
        mprotect(all + GUARDED_SIZE, GUARDED_SIZE, PROT_READ | PROT_WRITE) != 0)
        return NULL;
    return all + GUARDED_SIZE;
}

#endif
