/* endpoint_fixture.h: what the tests of endpoint*.c share. */
#ifndef PIRN_TESTS_ENDPOINT_FIXTURE_H
#define PIRN_TESTS_ENDPOINT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/endpoint.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define MS           UINT64_C(1000)
#define SECOND       UINT64_C(1000000)
#define START        (UINT64_C(5) * SECOND)
#define NEVER        UINT64_MAX

static inline bool give_key(void *context, void *out, size_t len)
{
    (void)context;
    memset(out, 'k', len);
    return true;
}

/* An endpoint with slots of its own and a buffer for what it writes. */
struct fixture {
    struct pirn_endpoint ep;
    struct pirn_endpoint_config config;
    struct pirn_control_slots slots;
    struct pirn_event event;
    uint8_t out[3 * PIRN_CONTROL_FRAME_MAX];
    uint8_t in[256];
};

static inline struct pirn_endpoint *begin_as(struct fixture *f, enum pirn_role role)
{
    memset(&f->slots, 0xdb, sizeof f->slots);
    if (!f->config.random)
        f->config.random = give_key;
    assert_int_equal(pirn_endpoint_init(&f->ep, role, &f->config, &f->slots, START), 0);
    return &f->ep;
}

static inline struct pirn_endpoint *begin(struct fixture *f)
{
    return begin_as(f, PIRN_SERVER);
}

/* Feeds a frame of the peer (with an all-zero key where it must be masked) and takes an event. */
static inline bool receive_at(struct fixture *f, uint64_t now_us, unsigned opcode,
                              const void *payload, size_t len)
{
    const struct pirn_frame frame = {
        .fin = true,
        .masked = pirn_endpoint_role(&f->ep) == PIRN_SERVER,
        .opcode = (uint8_t)opcode,
        .payload_len = len,
    };
    const int64_t size = pirn_frame_encode(f->in, sizeof f->in, &frame, payload);
    assert_true(size > 0);
    assert_int_equal(pirn_endpoint_feed(&f->ep, f->in, (size_t)size, now_us), 0);
    return pirn_endpoint_next(&f->ep, &f->event);
}

static inline bool receive(struct fixture *f, unsigned opcode, const char *payload)
{
    return receive_at(f, START, opcode, payload, strlen(payload));
}

static inline int control(struct fixture *f)
{
    return pirn_endpoint_control(&f->ep, f->out, sizeof f->out, true);
}

static inline void expect_error_text(const struct pirn_endpoint *ep, const char *expected)
{
    char text[PIRN_CLOSE_REASON_MAX + 1];
    assert_string_equal(pirn_endpoint_error_text(ep, text, sizeof text), expected);
}

#endif
