#include "account.h"

#include <stdlib.h>

enum { RECORD_BYTES = 16 << 10, MORE_BYTES = 2 << 10, LEAST_BYTES = 32 };

/* Before each block stands its size; the union keeps what follows aligned. */
union prefix {
    struct {
        size_t size;
        struct account *account;
    } block;
    max_align_t align;
};

static struct account *in_use;

/* malloc adds 8 bytes and rounds up to 16. */
static void count(const union prefix *prefix, bool taken)
{
    size_t size = prefix->block.size, cost = (size + 8 + 15) / 16 * 16;
    struct account *account = prefix->block.account;
    bool record = size >= RECORD_BYTES && size < RECORD_BYTES + MORE_BYTES;
    cost = cost < LEAST_BYTES ? LEAST_BYTES : cost;
    if (!account)
        return;
    account->bytes += taken ? cost : 0 - cost;
    account->record_buffers += taken ? record : 0 - (size_t)record;
}

void account_use(struct account *account)
{
    in_use = account;
}

void *account_realloc(void *context, void *memory, size_t old_size, size_t size)
{
    union prefix *prefix = memory ? (union prefix *)memory - 1 : NULL;
    struct account *account = prefix ? prefix->block.account : in_use;
    (void)context, (void)old_size;
    if (prefix)
        count(prefix, false);
    if (size == 0) {
        free(prefix);
        return NULL;
    }
    prefix = realloc(prefix, sizeof *prefix + size);
    if (!prefix)
        abort();
    prefix->block.size = size;
    prefix->block.account = account;
    count(prefix, true);
    return prefix + 1;
}

/* ---- OpenSSL */

typedef void *malloc_fn(size_t, const char *, int);
typedef void *realloc_fn(void *, size_t, const char *, int);
typedef void free_fn(void *, const char *, int);
__attribute__((weak)) int CRYPTO_set_mem_functions(malloc_fn *, realloc_fn *, free_fn *);

static void *crypto_realloc(void *memory, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return account_realloc(NULL, memory, 0, size);
}

static void *crypto_malloc(size_t size, const char *file, int line)
{
    return size > 0 ? crypto_realloc(NULL, size, file, line) : NULL;
}

static void crypto_free(void *memory, const char *file, int line)
{
    crypto_realloc(memory, 0, file, line);
}

bool account_openssl(void)
{
    return CRYPTO_set_mem_functions &&
           CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) == 1;
}
