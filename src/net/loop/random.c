/* random.c: random bytes for masking keys, a page of them fetched at a time.
 *
 * The page is one that the kernel wipes in a forked child (MADV_WIPEONFORK): the child finds no
 * byte available and fetches its own, and the loop finds itself dead there, at the price of one
 * load. Where the kernel cannot do that, the process number is compared instead. Bytes that were
 * handed out are wiped from the page. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "loop/loop_private.h"

static bool wiped_on_fork(void *memory, size_t size)
{
#ifdef MADV_WIPEONFORK
    return madvise(memory, size, MADV_WIPEONFORK) == 0;
#else
    (void)memory, (void)size;
    return false;
#endif
}

bool pirn__private_open(struct pirn_loop *loop)
{
    size_t size = sizeof *loop->private;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    loop->private = memory;
    loop->private->alive = 1;
    loop->private_pid = wiped_on_fork(memory, size) ? 0 : (long)getpid();
    return true;
}

void pirn__private_close(struct pirn_loop *loop)
{
    if (loop->private)
        munmap(loop->private, sizeof *loop->private);
}

bool pirn__loop_forked(const struct pirn_loop *loop)
{
    if (loop->private_pid == 0)
        return loop->private->alive == 0;
    return loop->private_pid != (long)getpid();
}

static bool fetch(uint8_t *out, size_t len)
{
    while (len > 0) {
        size_t want = len < 256 ? len : 256; /* what getentropy(3) gives at most */
#ifdef __linux__
        ssize_t got = getrandom(out, want, 0);
#else
        ssize_t got = getentropy(out, want) == 0 ? (ssize_t)want : -1;
#endif
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        out += got;
        len -= (size_t)got;
    }
    return true;
}

static bool from_page(struct pirn_loop *loop, uint8_t *out, size_t len)
{
    struct pirn__private *page = loop->private;
    if (page->available < len) {
        if (!fetch(page->random, sizeof page->random))
            return false;
        page->available = sizeof page->random;
    }
    uint8_t *from = page->random + sizeof page->random - page->available;
    memcpy(out, from, len);
    memset(from, 0, len);
    page->available -= (uint32_t)len;
    return true;
}

bool pirn__loop_random(struct pirn_loop *loop, void *out, size_t len)
{
    if (loop->config.random)
        return loop->config.random(loop->config.random_context, out, len);
    if (len > 256 || pirn__loop_forked(loop))
        return fetch(out, len);
    return from_page(loop, out, len);
}
