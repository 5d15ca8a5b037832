/* listener.h: an endpoint at the other end of a rig's connection, which takes all that comes and
 * writes down what it was. */
#ifndef PIRN_TESTS_LISTENER_H
#define PIRN_TESTS_LISTENER_H

#include "conn_rig.h"

struct listener {
    struct rig *rig;
    struct pirn_endpoint endpoint;
    struct pirn_endpoint_config config;
    struct pirn_control_slots slots;
    size_t most;   /* bytes that ever waited in the connection */
    size_t events; /* pieces of messages, too */
    bool patterned;
    uint64_t pattern_at;  /* binary messages must go on with the pattern from here */
    char log[4096];       /* "text 5\n" "ping 3\n" "close 1000\n" */
    const uint8_t *whole; /* unless NULL: what messages are, from their beginning */
    uint64_t bytes;       /* of messages, in all */

    bool deflates;
    struct pirn_deflate deflate;
    union {
        struct pirn_extension_state first;
        uint64_t bytes[8];
    } states;
    uint8_t room[16 << 10];
};

/* Before the rig opens: what the listener offers it. Skips the test if there is no zlib. */
void listener_offer(struct listener *listener, struct rig *rig,
                    const struct pirn_deflate_config *config);
void listener_end(struct listener *listener);

/* Sends a message, or a fragment of one, compressed if that was agreed on and it is long enough. */
void listener_send(struct listener *listener, enum pirn_opcode type, const void *data, size_t len,
                   bool fin);

/* The rig is open; its role is the other one. */
void listener_begin(struct listener *listener, struct rig *rig);

/* Takes and turns until nothing more comes; once: what is there, at most cap bytes. */
void listener_hear(struct listener *listener);
size_t listener_take(struct listener *listener, size_t cap);
void listener_expects(struct listener *listener, const char *log);

/* Bytes that tell where they stand. */
uint8_t pattern_byte(uint64_t at);
void pattern_fill(void *out, size_t len, uint64_t at);

#endif
