/* bad_network.h: what tests/network/badnet.c does to the packets, from inside of its command; and a
 * server at the far end for clients at the near one, on one loop with the time as it is. */
#ifndef PIRN_TESTS_BAD_NETWORK_H
#define PIRN_TESTS_BAD_NETWORK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pirn/client.h>
#include <pirn/server.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What is swallowed: a bit for each direction. */
enum { HOLE_NONE, HOLE_OUT, HOLE_BACK, HOLE_BOTH };

/* Packets since the plan before, [0] from near to far. */
struct bad_network_counts {
    unsigned long passed, dropped, doubled, late, swallowed;
};
extern struct bad_network_counts bad_network_counts[2];

/* Sets the plan, as in "drop=10 late=20"; holds on return. */
void bad_network_plan(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Runs the tests under a plan whose seed is that of PIRN_SEED, or a fixed one; says which it is if
 * one fails. */
int bad_network_run(const struct CMUnitTest *tests, size_t count);

/* Whether this is the long form: PIRN_LONG is set. */
bool bad_network_long(void);

/* Sockets belong to the end that their thread was at when they were made; a test begins at the near
 * one. */
void bad_network_enter_far(void);
void bad_network_enter_near(void);

/* A server at the far end, and its URL. Fails the test if there can be none. */
struct pirn_server *bad_network_server(struct pirn_loop *loop,
                                       const struct pirn_server_config *config);
extern char bad_network_url[64];

uint64_t bad_network_now_ms(void);

/* Waits for something to do for at most a moment, and does it. */
void bad_network_step(struct pirn_loop *loop);

/* Steps until the condition holds; fails the test when that takes ms. */
#define AWAIT(loop, ms, condition)                                                                 \
    for (uint64_t await_end = bad_network_now_ms() + (ms); !(condition); bad_network_step(loop))   \
        if (bad_network_now_ms() > await_end)                                                      \
    fail_msg("waited in vain for: %s", #condition)

#endif
