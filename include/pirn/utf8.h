/* pirn/utf8.h: is this UTF-8 (RFC 3629)? For text messages, that come in pieces and must fail at
 * the first wrong byte (RFC 6455, 5.6 and 8.1), and for close reasons.
 *
 * UTF-8 here is what Unicode and RFC 3629 say and no more: no overlong forms (C0 80), no surrogates
 * (ED A0 80), nothing above U+10FFFF (F4 90 80 80). U+0000 and noncharacters are allowed. */
#ifndef PIRN_UTF8_H
#define PIRN_UTF8_H

#include <pirn/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A validator for one text that comes in pieces; nothing but zero bytes is the start of a text. It
 * owns nothing and may be copied and thrown away. */
struct pirn_utf8 {
    uint8_t state; /* private */
};

/* Looks at the next piece of the text, data[0..len), and returns
 * - len, when the text up to here is UTF-8 or the beginning of it: the piece may end inside a code
 *   point, which the next piece then goes on with;
 * - else the offset in data of the first byte that is wrong: there is UTF-8 that begins with all
 *   bytes before it, none that also has this one. So E0 80 fails at the 80, not at the byte that
 *   would have been the third, and C0 at once.
 * After a wrong byte the validator stays failed: each further piece that is not empty is wrong at
 * its offset 0. data may be NULL when len is 0. How a text is cut does not change the answer. */
PIRN_API size_t pirn_utf8_feed(struct pirn_utf8 *validator, const void *data, size_t len);

/* True when the text fed so far, which may be empty, is UTF-8 that ends with a whole code point;
 * false inside a code point and after a wrong byte. To be asked at the end of a message. */
PIRN_API bool pirn_utf8_complete(const struct pirn_utf8 *validator);

/* True when data[0..len) is UTF-8; the empty text is. data may be NULL when len is 0. */
PIRN_API bool pirn_utf8_valid(const void *data, size_t len);

/* How many bytes of the UTF-8 text data[0..len) fit in max bytes without cutting a code point: the
 * largest n <= len, n <= max, such that data[0..n) ends with a whole code point. For close reasons,
 * which have room for 123 bytes (RFC 6455, 5.5). Looks at no more than the last 3 bytes before the
 * cut: what data[0..len) has that is not UTF-8, the result has too, and n is still at least
 * min(len, max) - 3. data may be NULL when len is 0. */
PIRN_API size_t pirn_utf8_clip(const void *data, size_t len, size_t max);

#ifdef __cplusplus
}
#endif
#endif
