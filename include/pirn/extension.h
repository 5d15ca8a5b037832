/* pirn/extension.h: an element of Sec-WebSocket-Extensions (RFC 6455, 9.1), read and written.
 *
 *     struct pirn_http_list list;
 *     struct pirn_extension offer;
 *     struct pirn_str item;
 *     pirn_http_list_init(&list, &head, PIRN_STR("Sec-WebSocket-Extensions"));
 *     while (pirn_http_list_next(&list, &item))
 *         if (pirn_extension_parse(&offer, item) == 0)
 *             consider(&offer); */
#ifndef PIRN_EXTENSION_H
#define PIRN_EXTENSION_H

#include <pirn/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PIRN_EXTENSION_MAX_PARAMS 16

struct pirn_extension_param {
    struct pirn_str name;
    struct pirn_str value; /* a token without its quotes; {NULL, 0} when there is no value */
};

/* An extension with its parameters in the order they have; a name may come twice, which is for the
 * extension to judge. Do not copy one that was parsed: a value may point into `unquoted`. */
struct pirn_extension {
    struct pirn_str name; /* a token, such as permessage-deflate */
    size_t param_count;
    struct pirn_extension_param params[PIRN_EXTENSION_MAX_PARAMS];
    char unquoted[64]; /* private: values that came with backslashes */
};

/* Parses a single element, such as `permessage-deflate; client_max_window_bits="10"`. The slices
 * point into `item` and into the struct. Time is linear in the length. Returns 0, or
 * -PIRN_E_EXTENSION_HEADER: a name or value is not a token (quoted or not), a quote is not closed,
 * a semicolon with nothing behind it, more than PIRN_EXTENSION_MAX_PARAMS parameters, more than 64
 * bytes of values with backslashes. */
PIRN_API int pirn_extension_parse(struct pirn_extension *extension, struct pirn_str item);

/* The first parameter of this name (case-sensitive), or NULL. */
PIRN_API const struct pirn_extension_param *
pirn_extension_find(const struct pirn_extension *extension, struct pirn_str name);

/* Writes an element into out[0..cap), with a NUL that is not counted. Values never need quotes,
 * because they are tokens. Returns the length, or -PIRN_E_ROOM, -PIRN_E_TOKEN (a name or a value is
 * not a token), -PIRN_E_ARGUMENT (param_count above the maximum). */
PIRN_API int pirn_extension_write(const struct pirn_extension *extension, char *out, size_t cap);

#ifdef __cplusplus
}
#endif
#endif
