#include "ledger.h"

#include <stdio.h>
#include <stdlib.h>

/* Before each block stands its size; the union keeps what follows aligned. */
union prefix {
    size_t size;
    max_align_t align;
};

static bool refuses(struct ledger *ledger)
{
    ledger->asked++;
    if (ledger->fail_at == 0 || ledger->asked < ledger->fail_at ||
        (ledger->asked > ledger->fail_at && !ledger->fail_on))
        return false;
    ledger->failed++;
    return true;
}

void *ledger_realloc(void *context, void *memory, size_t old_size, size_t size)
{
    struct ledger *ledger = context;
    union prefix *old = memory ? (union prefix *)memory - 1 : NULL;
    if (old && old->size != old_size) {
        fprintf(stderr, "block of %zu bytes given back as %zu\n", old->size, old_size);
        abort();
    }
    if (size > 0 && refuses(ledger))
        return NULL;
    ledger->bytes += size - (old ? old_size : 0);
    ledger->blocks += (size_t)(size > 0) - (size_t)(old != NULL);
    if (ledger->bytes > ledger->peak)
        ledger->peak = ledger->bytes;
    if (size == 0) {
        free(old);
        return NULL;
    }
    union prefix *block = realloc(old, sizeof *block + size);
    if (!block)
        abort();
    block->size = size;
    return block + 1;
}
