/* container.h: from a watch, timer or task to the struct that it is part of. */
#ifndef PIRN_NET_CONTAINER_H
#define PIRN_NET_CONTAINER_H

#include <stddef.h>

#define PIRN__CONTAINER(member_pointer, type, member)                                              \
    ((type *)(void *)((char *)(member_pointer)-offsetof(type, member)))

#endif
