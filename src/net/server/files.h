/* files.h: the few calls that touch the file system. Descriptors close on exec. */
#ifndef PIRN_NET_FILES_H
#define PIRN_NET_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pirn__file {
    bool is_folder;
    uint64_t len;
};

/* A folder, symbolic links followed: whoever configures the root means what it leads to. -1: none.
 */
int pirn__file_open_folder(const char *path);

/* What one name in a folder is, for reading; never through a symbolic link, and without waiting, as
 * it may be a FIFO. -1: none. */
int pirn__file_open_at(int folder, const char *name);

/* False for what is neither a regular file nor a folder. */
bool pirn__file_look(int fd, struct pirn__file *file);

/* Bytes read, 0 at the end, -1 on failure. */
int64_t pirn__file_read(int fd, void *data, size_t len, uint64_t offset);

void pirn__file_close(int fd);

#endif
