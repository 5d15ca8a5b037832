/* What a peer can make us work: reading grows with the bytes and not with their square, however it
 * cuts them (C15, C16; CVE-2020-7662, CVE-2021-32640, CVE-2023-43669). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/core.h>

#include "instructions.h"
#include "toy_extensions.h"

static char text[4096];
static struct pirn_header headers[PIRN_HTTP_MAX_HEADERS];

/* The request line, `name`, then size bytes of `pattern` again and again. */
static size_t make_head(const char *name, const char *pattern, size_t size)
{
    size_t len = 0, cycle = strlen(pattern);
    for (const char *part = "GET / HTTP/1.1\r\nHost: a\r\n"; *part; part++)
        text[len++] = *part;
    for (; *name; name++)
        text[len++] = *name;
    for (size_t i = 0; i < size; i++)
        text[len++] = pattern[i % cycle];
    for (const char *end = "\r\n\r\n"; *end; end++)
        text[len++] = *end;
    return len;
}

static void feed(struct pirn_http_head *head, size_t len, size_t step)
{
    pirn_http_head_init(head, PIRN_HTTP_REQUEST, headers, PIRN_HTTP_MAX_HEADERS, 0);
    for (size_t n = step; n < len; n += step)
        pirn_http_head_feed(head, text, n);
    pirn_http_head_feed(head, text, len);
}

static void head_whole(size_t size)
{
    struct pirn_http_head head;
    feed(&head, make_head("X: ", "abc", size), sizeof text);
}

static void head_by_bytes(size_t size)
{
    struct pirn_http_head head;
    feed(&head, make_head("X: ", "abc", size), 1);
}

static void headers_by_bytes(size_t size)
{
    struct pirn_http_head head;
    feed(&head, make_head("", "x:123456\r\n", size), 1);
}

static void head_of_spaces(size_t size)
{
    struct pirn_http_head head;
    feed(&head, make_head("X: a", " ", size), sizeof text);
}

static void subprotocol_of_spaces(size_t size)
{
    struct pirn_http_head head;
    struct pirn_handshake hs;
    feed(&head, make_head("Sec-WebSocket-Protocol: a", " ", size), sizeof text);
    pirn_handshake_offers_subprotocol(&(struct pirn_handshake){.request = &head}, PIRN_STR("b"));
    pirn_handshake_read_request(&hs, &head);
}

static struct pirn_str fill(const char *begin, char c, size_t size)
{
    size_t len = strlen(begin);
    memcpy(text, begin, len);
    memset(text + len, c, size);
    return (struct pirn_str){text, len + size};
}

static void read_list(struct pirn_str value)
{
    struct pirn_extension_element extension;
    struct pirn_http_list list;
    struct pirn_str item;
    pirn_http_list_init_value(&list, value);
    while (pirn_http_list_next(&list, &item))
        pirn_extension_element_parse(&extension, item);
}

static void list_of_commas(size_t size)
{
    read_list(fill("", ',', size));
}

static void unclosed_quote(size_t size)
{
    read_list(fill("a; x=\"", 'a', size));
}

static void unclosed_escapes(size_t size)
{
    read_list(fill("a; x=\"", '\\', size));
}

static void many_quotes(size_t size)
{
    read_list(fill("a; x=", '"', size));
}

static void many_parameters(size_t size)
{
    read_list(fill("a", ';', size));
}

static void many_offers(size_t size)
{
    struct pirn_str value = fill("a", 'a', size);
    for (size_t i = 1; i < value.len; i += 2)
        text[i] = ',';
    read_list(value);
}

/* Offers of one that is ours but is never met, and of others. */
static void many_fallbacks(size_t size)
{
    struct toy_rot rot;
    const struct pirn_extension *const ours[] = {&rot.extension};
    struct pirn_http_head head;
    struct pirn_extension_state states[4];
    char answer[8];
    toy_rot_init(&rot);
    feed(&head, make_head("Sec-WebSocket-Extensions: ", "x-rot; by=77, x,", size), sizeof text);
    pirn_extension_accept(ours, 1, &(struct pirn_handshake){.request = &head}, states,
                          sizeof states, answer, sizeof answer);
}

static void many_cookies(size_t size)
{
    struct pirn_http_head head;
    feed(&head, make_head("Cookie: ", "a=b; ", size), sizeof text);
    pirn_http_cookie(&head, PIRN_STR("c"));
}

static const struct {
    const char *name;
    work_fn *work;
} works[] = {
    {"a head as a whole", head_whole},
    {"a head byte by byte", head_by_bytes},
    {"many headers byte by byte", headers_by_bytes},
    {"space behind a value", head_of_spaces},
    {"space behind a subprotocol", subprotocol_of_spaces},
    {"a list of commas", list_of_commas},
    {"a quote that is not closed", unclosed_quote},
    {"the same with backslashes", unclosed_escapes},
    {"quotes", many_quotes},
    {"semicolons", many_parameters},
    {"offers", many_offers},
    {"offers that are not met", many_fallbacks},
    {"cookies", many_cookies},
};

/* Were a part of it the square, twice the bytes would cost more than twice as much; what no bytes
 * cost is left out. Steps are slow, and with a sanitizer ten times as many. */
static void twice_the_bytes_cost_no_more_than_twice(void **state)
{
    (void)state;
    enum { SIZE = 64 };
    const char *sanitizers = getenv("PIRN_SANITIZE");
    if (sanitizers && *sanitizers)
        skip();
    for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
        uint64_t none = instructions_of(works[i].work, 0);
        uint64_t once = instructions_of(works[i].work, SIZE);
        uint64_t twice = instructions_of(works[i].work, 2 * SIZE);
        if (none == 0)
            skip();
        if (twice - none > 2 * (once - none) + once / 5)
            fail_msg("%s: %llu, %llu, %llu", works[i].name, (unsigned long long)none,
                     (unsigned long long)once, (unsigned long long)twice);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twice_the_bytes_cost_no_more_than_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
