/* extension_parts.h: what the files of extensions and the endpoint share.
 *
 * The states of a connection lie one behind the other, each rounded up to the alignment of a
 * pointer, the first nearest to the program. */
#ifndef PIRN_CORE_EXTENSION_PARTS_H
#define PIRN_CORE_EXTENSION_PARTS_H

#include <pirn/extension.h>

#include "http_write.h"

static inline size_t pirn__state_bytes(const struct pirn_extension *extension)
{
    const size_t unit = sizeof(void *);
    return (extension->state_bytes + unit - 1) / unit * unit;
}

/* The one behind it, nearer to the wire; NULL behind the last. */
static inline struct pirn_extension_state *pirn__state_next(struct pirn_extension_state *state)
{
    if (state->last)
        return NULL;
    void *next = (char *)state + pirn__state_bytes(state->extension);
    return next;
}

/* Adds an element to a list of them that is being written. */
void pirn__extension_add(struct pirn__http_writer *writer,
                         const struct pirn_extension_element *element);

#endif
