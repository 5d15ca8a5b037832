/* conn_rig.h: one connection on a loop with a counted allocator and a clock that is set by hand,
 * and a raw socket at its other end. What the connection tells is written down in a log. */
#ifndef PIRN_TESTS_CONN_RIG_H
#define PIRN_TESTS_CONN_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pirn/conn.h>
#include "conn/conn.h"
#include "loop/loop.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum rig_moment { ON_OPEN, ON_MESSAGE, ON_CHUNK, ON_PING, ON_PONG, ON_REQUEST, ON_DRAIN, ON_CLOSE };

/* All allocations of a loop: counted, and refused on demand. */
struct rig_memory {
    size_t bytes, peak, calls;
    size_t fail_at;   /* this call fails; 0: none */
    bool fail_onward; /* and all behind it */
};

struct rig {
    struct rig_memory memory;
    struct pirn_loop_config loop_config;
    struct pirn_conn_config config;
    enum pirn_role role;
    bool tcp;        /* loopback TCP instead of a pair of unix-domain sockets */
    int peer_buffer; /* SO_SNDBUF of the connection and SO_RCVBUF of the peer; 0: the kernel's */
    bool plain;      /* no subprotocol */
    char offer[256]; /* of extensions; the answer to it is put into answer */
    char answer[256];
    const void *output, *input;
    size_t output_len, input_len;
    /* Called in each callback, behind the line in the log. */
    void (*act)(struct rig *rig, struct pirn_conn *conn, enum rig_moment moment);
    void *extra;
    bool quiet; /* messages are counted, but not written down */

    struct pirn_loop *loop;
    struct pirn__conn_owner owner;
    struct pirn_conn *conn; /* NULL once it is gone */
    int peer;               /* not blocking; -1 once closed */
    struct pirn__tls *tls;  /* the peer's, if tests run over TLS */
    struct pirn_close_info info;
    char text[512]; /* of info */
    size_t messages, closes;
    uint64_t received_bytes;
    char log[8192];
};

extern uint64_t rig_now_us;

/* First in a test that sees the bytes on the wire, or counts memory or system calls. */
bool rig_over_tls(void);
#define RIG_PLAIN_ONLY()                                                                           \
    if (rig_over_tls())                                                                            \
    skip()

/* Opens; config, role and the like are set before. */
void rig_open(struct rig *rig);
/* Only the loop and the owner; for more than one connection. */
void rig_start(struct rig *rig);
/* Connects one more; *peer is the raw side. NULL without memory. */
struct pirn_conn *rig_connect(struct rig *rig, int *peer);

/* One turn; turns until nothing happens; a turn after some time has passed. */
void rig_turn(struct rig *rig);
void rig_turns(struct rig *rig);
void rig_pass(struct rig *rig, uint64_t ms);

/* Ends all and checks that nothing is left of it. */
void rig_end(struct rig *rig);

/* The peer. write: all of it, with turns of the loop between if need be. */
void raw_write(struct rig *rig, const void *data, size_t len);
void raw_frame(struct rig *rig, unsigned opcode, bool fin, const void *payload, size_t len);
void raw_text(struct rig *rig, const char *text);
void raw_close(struct rig *rig); /* the socket */
void raw_reset(struct rig *rig);
/* Reads what is there, at most cap bytes. */
size_t raw_read(struct rig *rig, void *data, size_t cap);
/* Turns the loop until len bytes have come. */
void raw_read_all(struct rig *rig, void *data, size_t len);
/* Turns, and expects exactly these bytes. */
void raw_expects(struct rig *rig, const void *data, size_t len);
/* Turns until the connection ended its side; whether by a reset. */
bool raw_sees_end(struct rig *rig);
#define RAW_EXPECTS(rig, literal) raw_expects(rig, literal, sizeof(literal) - 1)

/* The log since the last call is expected to be this: "open\n" "text abc\n" ... */
void rig_expects(struct rig *rig, const char *log);
void rig_note(struct rig *rig, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
