/* memory.c: every byte of libpirn passes through here, to the allocator of the loop's maker. */
#include <stdlib.h>
#include <string.h>

#include "loop/loop_private.h"

void *pirn__default_realloc(void *context, void *memory, size_t old_size, size_t size)
{
    (void)context, (void)old_size;
    if (size > 0)
        return realloc(memory, size);
    free(memory);
    return NULL;
}

void *pirn__alloc(struct pirn_loop *loop, size_t size)
{
    void *memory = pirn__realloc(loop, NULL, 0, size);
    return memory ? memset(memory, 0, size) : NULL;
}

void *pirn__realloc(struct pirn_loop *loop, void *memory, size_t old_size, size_t size)
{
    return loop->config.realloc(loop->config.realloc_context, memory, old_size, size);
}

void pirn__free(struct pirn_loop *loop, void *memory, size_t size)
{
    if (memory)
        pirn__realloc(loop, memory, size, 0);
}
