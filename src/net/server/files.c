#include "server/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int pirn__file_open_folder(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int pirn__file_open_at(int folder, const char *name)
{
    return openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

bool pirn__file_look(int fd, struct pirn__file *file)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return false;
    file->is_folder = S_ISDIR(status.st_mode);
    file->len = (uint64_t)status.st_size;
    return file->is_folder || S_ISREG(status.st_mode);
}

int64_t pirn__file_read(int fd, void *data, size_t len, uint64_t offset)
{
    ssize_t n;
    do
        n = pread(fd, data, len, (off_t)offset);
    while (n < 0 && errno == EINTR);
    return n;
}

void pirn__file_close(int fd)
{
    close(fd);
}
