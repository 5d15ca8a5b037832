/* pirn/base.h: what every other header of Pirn needs: export macro, version, byte strings. */
#ifndef PIRN_BASE_H
#define PIRN_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(PIRN_BUILD) && defined(__GNUC__)
#define PIRN_API __attribute__((visibility("default")))
#else
#define PIRN_API
#endif

#define PIRN_VERSION_MAJOR  0
#define PIRN_VERSION_MINOR  1
#define PIRN_VERSION_PATCH  0
#define PIRN_VERSION_STRING "0.1.0"

/* The version of the library that is linked, such as "0.1.0"; static memory. */
PIRN_API const char *pirn_version(void);

/* Bytes that somebody else owns; not terminated by a NUL. {NULL, 0} is the absent string, which is
 * not the same as an empty one: a header without a value has data != NULL and len == 0. */
struct pirn_str {
    const char *data;
    size_t len;
};

/* A pirn_str over a string literal; and its initialiser, which static ones need. */
#define PIRN_STR_INIT(literal)                                                                     \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
#ifdef __cplusplus
typedef struct pirn_str pirn__str_type; /* there the function below hides the struct's short name */
#define PIRN_STR(literal) (pirn__str_type PIRN_STR_INIT(literal))
#else
#define PIRN_STR(literal) ((struct pirn_str)PIRN_STR_INIT(literal))
#endif

/* A pirn_str over a NUL-terminated string; {NULL, 0} for NULL. (It hides the struct's short name in
 * C++, where a variable is a `struct pirn_str` therefore, as in C.) */
PIRN_API struct pirn_str pirn_cstr(const char *text);

/* Equal byte for byte. */
PIRN_API bool pirn_str_equal(struct pirn_str a, struct pirn_str b);

/* Equal byte for byte, found out in a time that depends on the lengths alone: for tokens, passwords
 * and other secrets that a peer may guess at. */
PIRN_API bool pirn_str_equal_secret(struct pirn_str a, struct pirn_str b);

/* Equal when the ASCII letters A-Z and a-z count as the same. */
PIRN_API bool pirn_str_equal_nocase(struct pirn_str a, struct pirn_str b);

/* Resizes memory as realloc(3) does: allocates when memory is NULL, frees and returns NULL when
 * size is 0, and returns NULL with memory untouched when there is no more. old_size is what was
 * asked for before. */
typedef void *pirn_realloc_fn(void *context, void *memory, size_t old_size, size_t size);

/* Fills out[0..len) with strong random bytes, as getrandom(2) gives them; masking keys and
 * handshake keys are made of them (RFC 6455, 10.3). Returns false when it cannot: what needed the
 * bytes then fails with PIRN_E_RANDOM, a weak key is never used. */
typedef bool pirn_random_fn(void *context, void *out, size_t len);

#ifdef __cplusplus
}
#endif
#endif
