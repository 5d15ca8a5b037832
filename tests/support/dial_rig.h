/* dial_rig.h: attempts to connect on the stage's loop, whose clock is set by hand; a resolver that
 * knows what the test tells it, in place of getaddrinfo(3); and listeners on the loopback. */
#ifndef PIRN_TESTS_DIAL_RIG_H
#define PIRN_TESTS_DIAL_RIG_H

#include "dial/dial.h"
#include "stage.h"

/* What the resolver knows: name, then addresses in numbers with blanks between, or an EAI_x. Names
 * that are not there do not exist. */
struct rig_host {
    const char *name, *addresses;
    int error;
};
void rig_hosts(const struct rig_host *hosts, size_t count);

/* From here on the resolver does not answer, until release. */
void rig_hold_resolver(void);
void rig_release_resolver(void);
unsigned rig_questions(void);

/* An attempt, and what came of it. */
struct rig_dial {
    struct pirn__dial *dial;
    bool cancel_in_done;
    int cancel_at_step; /* from 1; 0: none */
    unsigned dones;
    struct pirn__dial_result result;
    char text[PIRN__DIAL_TEXT_CAP];
    char leftover[64];
    char steps[512]; /* "resolving a.test, connecting 127.0.0.1:1, " */
    int step_count;
};

/* Fills in done, step and context. Returns as pirn__dial_start(). */
int rig_try_dial(struct rig_dial *rig, const struct pirn__dial_target *target);
/* The same, which must work. */
void rig_dial(struct rig_dial *rig, const struct pirn__dial_target *target);
/* That, and waits for the end. */
void rig_dial_through(struct rig_dial *rig, const struct pirn__dial_target *target);

/* The end was this failure; the text may hold "PORT", which stands for port. */
void rig_expect_failure(const struct rig_dial *rig, enum pirn_layer layer, int error,
                        const char *text, uint16_t port);
/* It was a connection, which is closed. */
void rig_expect_connection(struct rig_dial *rig);

/* A listener at an address of the loopback; *port 0 is chosen. Not blocking. */
int rig_listen(const char *host, uint16_t *port);
/* One that takes no more connections: SYNs are dropped. rig_unplug() closes all of it. */
struct rig_hole {
    int fds[16];
    size_t count;
};
void rig_plug(struct rig_hole *hole, const char *host, uint16_t *port);
void rig_unplug(struct rig_hole *hole);

/* Waits for the next connection, turning the stage. */
int rig_accept(int listener);

#endif
