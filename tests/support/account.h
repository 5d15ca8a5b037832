/* account.h: who holds how much of malloc's memory: OpenSSL's, and that of loops that are given
 * account_realloc(). */
#ifndef PIRN_TESTS_ACCOUNT_H
#define PIRN_TESTS_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>

struct account {
    size_t bytes;          /* with what glibc's malloc adds */
    size_t record_buffers; /* blocks of the size of a TLS record */
};

/* Has OpenSSL's memory counted; before it has any. False without OpenSSL. */
bool account_openssl(void);

/* For whom what is taken from here on counts, until it is given back, whenever that is; NULL:
 * nobody. It stays: OpenSSL keeps some for good. */
void account_use(struct account *account);

/* A pirn_realloc_fn; context is ignored. */
void *account_realloc(void *context, void *memory, size_t old_size, size_t size);

#endif
