/* ledger.h: an allocator for pirn_loop_config.realloc that counts what is held, checks that sizes
 * are given back as they were asked for, and fails when it is told to. */
#ifndef PIRN_TESTS_LEDGER_H
#define PIRN_TESTS_LEDGER_H

#include <stdbool.h>
#include <stddef.h>

struct ledger {
    size_t bytes, blocks; /* held now */
    size_t peak;          /* of bytes */
    size_t asked;         /* times that memory was asked for */
    size_t fail_at;       /* the asking that fails, counted from 1; 0: none */
    bool fail_on;         /* and all after it */
    size_t failed;        /* times that it did */
};

/* A pirn_realloc_fn; context is a struct ledger. */
void *ledger_realloc(void *context, void *memory, size_t old_size, size_t size);

#endif
