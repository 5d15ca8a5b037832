/* A head read whole, cut once and byte by byte comes out the same, and what was read can be written
 * and read again. The first byte says which kind, the second where to cut. */
#undef NDEBUG /* the assertions are the test */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <pirn/error.h>
#include <pirn/http.h>

struct outcome {
    struct pirn_http_head head;
    struct pirn_header headers[PIRN_HTTP_MAX_HEADERS];
    int result;
    char *bytes; /* where the slices point */
};

/* Each call gets a block of the heap that ends where the bytes end. */
static void feed(struct outcome *outcome, const uint8_t *data, size_t len)
{
    free(outcome->bytes);
    outcome->bytes = malloc(len ? len : 1);
    assert(outcome->bytes);
    memcpy(outcome->bytes, data, len);
    outcome->result = pirn_http_head_feed(&outcome->head, outcome->bytes, len);
    assert(outcome->result <= 1);
    assert(outcome->result != 0 || outcome->head.scanned == len);
}

static void read_in_steps(struct outcome *outcome, enum pirn_http_kind kind, const uint8_t *data,
                          size_t size, size_t first, size_t step)
{
    memset(outcome, 0, sizeof *outcome);
    pirn_http_head_init(&outcome->head, kind, outcome->headers, PIRN_HTTP_MAX_HEADERS, 2048);
    feed(outcome, data, first);
    for (size_t len = first; outcome->result == 0 && len < size;) {
        len = size - len < step ? size : len + step;
        feed(outcome, data, len);
    }
}

static void assert_same_slice(const struct outcome *a, struct pirn_str x, const struct outcome *b,
                              struct pirn_str y)
{
    assert(x.len == y.len);
    if (x.data)
        assert(x.data - a->bytes == y.data - b->bytes);
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
    assert(a->result == b->result);
    assert(a->head.error_line == b->head.error_line);
    assert(a->head.size == b->head.size);
    if (a->result != 1)
        return;
    assert(a->head.header_count == b->head.header_count);
    assert_same_slice(a, a->head.method, b, b->head.method);
    assert_same_slice(a, a->head.target, b, b->head.target);
    assert_same_slice(a, a->head.reason, b, b->head.reason);
    for (size_t i = 0; i < a->head.header_count; i++) {
        assert_same_slice(a, a->headers[i].name, b, b->headers[i].name);
        assert_same_slice(a, a->headers[i].value, b, b->headers[i].value);
    }
}

static void look_up(const struct pirn_http_head *head)
{
    for (size_t i = 0; i < head->header_count; i++) {
        struct pirn_http_list list;
        struct pirn_str item;
        size_t bytes = 0;
        assert(pirn_http_count(head, head->headers[i].name) > 0);
        pirn_http_list_init(&list, head, head->headers[i].name);
        while (pirn_http_list_next(&list, &item))
            bytes += item.len;
        assert(bytes <= head->size);
        pirn_http_cookie(head, head->headers[i].value);
    }
}

/* A tab in a value is read but not written. */
static void write_and_read(const struct outcome *outcome)
{
    static char out[4096];
    const struct pirn_http_head *head = &outcome->head;
    int len = head->kind == PIRN_HTTP_REQUEST
                  ? pirn_http_write_request(head->method, head->target, head->headers,
                                            head->header_count, out, sizeof out)
                  : pirn_http_write_response(head->status, head->headers, head->header_count, out,
                                             sizeof out);
    assert(len > 0 || len == -PIRN_E_HEADER_VALUE);
    if (len < 0)
        return;
    struct pirn_header headers[PIRN_HTTP_MAX_HEADERS];
    struct pirn_http_head again;
    pirn_http_head_init(&again, head->kind, headers, PIRN_HTTP_MAX_HEADERS, 0);
    assert(pirn_http_head_feed(&again, out, (size_t)len) == 1);
    assert(again.size == (size_t)len && again.header_count == head->header_count);
    for (size_t i = 0; i < again.header_count; i++)
        assert(pirn_str_equal(headers[i].value, head->headers[i].value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome whole, other;
    if (size < 2 || size > 4096)
        return 0;
    enum pirn_http_kind kind = data[0] & 1 ? PIRN_HTTP_RESPONSE : PIRN_HTTP_REQUEST;
    size_t cut = data[1] % (size - 1);
    data += 2;
    size -= 2;
    read_in_steps(&whole, kind, data, size, size, 1);
    read_in_steps(&other, kind, data, size, cut, size);
    assert_same(&whole, &other);
    free(other.bytes);
    read_in_steps(&other, kind, data, size, 0, 1);
    assert_same(&whole, &other);
    if (whole.result == 1) {
        look_up(&whole.head);
        write_and_read(&whole);
    }
    free(whole.bytes);
    free(other.bytes);
    return 0;
}
