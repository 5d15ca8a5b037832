/* head_feed.h: feeds the head of an HTTP message in every way it may arrive. */
#ifndef PIRN_TEST_HEAD_FEED_H
#define PIRN_TEST_HEAD_FEED_H

#include <pirn/http.h>

/* Given the head after the call that ended it, or after the last one, and what that returned. */
typedef void head_feed_fn(void *context, struct pirn_http_head *head, int result);

/* Feeds it whole, cut at every byte, and byte by byte. Each call gets the bytes at another place,
 * in a block of the heap that ends where they end. */
void head_feed_every_way(enum pirn_http_kind kind, struct pirn_str bytes, head_feed_fn *check,
                         void *context);

#endif
