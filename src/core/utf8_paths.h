/* utf8_paths.h: the ways to validate that pirn_utf8_feed() chooses from, here for it and for the
 * tests. */
#ifndef PIRN_CORE_UTF8_PATHS_H
#define PIRN_CORE_UTF8_PATHS_H

#include <pirn/utf8.h>

#include "cpu.h"

/* pirn_utf8_feed() without vectors. */
size_t pirn__utf8_feed_scalar(struct pirn_utf8 *validator, const uint8_t *data, size_t len);

/* Given text that begins with a whole code point, returns n <= len such that data[0..n) has nothing
 * wrong in it, but for its last code point, which may be unfinished or wrong. When 0 < n < len,
 * then something is wrong within the 64 bytes that begin at n, or in the code point across n; 0 is
 * also the answer to texts that are too short for it. */
typedef size_t pirn__utf8_scan_fn(const uint8_t *data, size_t len);

/* pirn_utf8_feed() with most of the work given to scan. */
size_t pirn__utf8_feed_scan(struct pirn_utf8 *validator, const uint8_t *data, size_t len,
                            pirn__utf8_scan_fn *scan);

#if PIRN__X86
#define PIRN__UTF8_SCAN_MIN 19 /* the shortest text that they look at */

pirn__utf8_scan_fn pirn__utf8_scan_ssse3;
pirn__utf8_scan_fn pirn__utf8_scan_avx2;
pirn__utf8_scan_fn pirn__utf8_scan_avx512;
#endif

#endif
