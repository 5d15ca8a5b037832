#include "head_feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Feeds the first len bytes from a fresh block, which replaces the last one. */
static int feed_copy(struct pirn_http_head *head, struct pirn_str bytes, size_t len, char **block)
{
    size_t before = head->scanned;
    free(*block);
    *block = malloc(len ? len : 1);
    assert_non_null(*block);
    memcpy(*block, bytes.data, len);
    int result = pirn_http_head_feed(head, *block, len);
    assert_true(head->scanned >= before);
    if (result == 0)
        assert_int_equal(head->scanned, len);
    return result;
}

/* Feeds bytes up to each of the ends that `step` leads to. */
static void feed_in_steps(enum pirn_http_kind kind, struct pirn_str bytes, size_t first,
                          size_t step, head_feed_fn *check, void *context)
{
    struct pirn_header headers[PIRN_HTTP_MAX_HEADERS];
    struct pirn_http_head head;
    char *block = NULL;
    pirn_http_head_init(&head, kind, headers, PIRN_HTTP_MAX_HEADERS, 0);
    int result = feed_copy(&head, bytes, first, &block);
    for (size_t len = first; result == 0 && len < bytes.len;) {
        len = bytes.len - len < step ? bytes.len : len + step;
        result = feed_copy(&head, bytes, len, &block);
    }
    check(context, &head, result);
    free(block);
}

void head_feed_every_way(enum pirn_http_kind kind, struct pirn_str bytes, head_feed_fn *check,
                         void *context)
{
    for (size_t cut = 0; cut <= bytes.len; cut++)
        feed_in_steps(kind, bytes, cut, bytes.len, check, context);
    feed_in_steps(kind, bytes, 0, 1, check, context);
}
