/* stage.h: a server under test in the test's own thread: its loop's clock is moved by the test
 * alone, its memory is counted, and what its callbacks tell is written down. There is one stage at
 * a time. */
#ifndef PIRN_TESTS_STAGE_H
#define PIRN_TESTS_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pirn/server.h>

#include "ledger.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What the handlers below were told since the stage was opened. */
struct told {
    unsigned opens, messages, chunks, pings, pongs, close_requests, drains, closes;
    struct pirn_conn *conn; /* the latest that opened */
    /* of the latest on_close */
    struct pirn_close_info close;
    char text[256];
    char reason[128];
};

extern struct stage {
    struct pirn_loop_config loop_config; /* for stage_open(); cleared by stage_close(); without an
                                          * allocator: that of memory, below */
    struct pirn_loop *loop;
    struct pirn_server *server;
    uint16_t port;         /* of the first TCP listener; 0: none */
    const char *unix_path; /* else */
    struct ledger memory;
    struct told told;
    uint64_t now_us;
    size_t base_fds;
} stage;

/* They write down, and on_message echoes. For a copy in which a test changes what it wants. */
extern const struct pirn_handlers stage_handlers;

/* Makes the loop, and the server listening on a port of the loopback. A configuration without
 * handlers gets those above; NULL is one of defaults only. */
void stage_open(const struct pirn_server_config *config);

/* The parts of it, for tests that need them apart. start: 0, or as pirn_server_listen(), or
 * -PIRN_E_MEMORY when there is not even a server. */
bool stage_open_loop(void);
int stage_start(const struct pirn_server_config *config, const struct pirn_listen *where);

/* Frees what there is of server and loop. No byte and no descriptor may be left, and every on_open
 * must have had its on_close. Peers have to be gone before. */
void stage_close(void);

/* First in a test that sees the bytes on the wire, counts the memory of a session, or awaits an
 * answer that TLS has no time for. */
bool stage_over_tls(void);
#define STAGE_PLAIN_ONLY()                                                                         \
    if (stage_over_tls())                                                                          \
    skip()

/* A cmocka test whose stage is cleared away also when it fails half-way. */
#define STAGE_TEST(function) cmocka_unit_test_teardown(function, stage_clear)
int stage_clear(void **state);

/* One turn of the loop, which does not wait; how many events it had. */
int stage_turn(void);

/* Turns until there is nothing to do. What has not been sent yet, or is still in the kernel, is not
 * waited for. */
void stage_settle(void);

/* A turn, or if there is nothing to do a moment of waiting for something. */
void stage_step(void);

/* Lets time pass for the loop: moves its clock, and turns. */
void stage_pass_ms(uint64_t ms);

/* Descriptors that this process has open. */
size_t stage_fds(void);

/* For AWAIT. */
uint64_t stage_real_ms(void);

enum { AWAIT_MS = 20000 };

/* Steps until the condition holds; fails the test when that takes absurdly long. */
#define AWAIT(condition)                                                                           \
    for (uint64_t await_end = stage_real_ms() + AWAIT_MS; !(condition); stage_step())              \
        if (stage_real_ms() > await_end)                                                           \
    fail_msg("waited in vain for: %s", #condition)

#endif
