/* bench.h: what the files of `pirn bench` share. */
#ifndef PIRN_CLI_BENCH_H
#define PIRN_CLI_BENCH_H

#include <stdio.h>

#include <pirn/client.h>

#include "bench_options.h"
#include "latency.h"
#include "signals.h"

/* How attempts and connections ended that should not have; the last row is for all the others. */
enum { BENCH_CAUSES = 16, BENCH_CAUSE_BYTES = 160 };
struct bench_cause {
    uint64_t count;
    char text[BENCH_CAUSE_BYTES];
};

enum bench_phase { BENCH_OPENING, BENCH_RUNNING, BENCH_CLOSING, BENCH_ENDED };

struct bench_link {
    struct bench *bench;
    struct pirn_client *client;
    struct pirn_conn *conn;  /* NULL: not open */
    uint64_t begun_ns;       /* to connect */
    uint64_t sent, received; /* messages: those between them are on their way */
    uint64_t *sent_ns;       /* when, by number modulo outstanding */
};

struct bench {
    const struct bench_options *options;
    struct pirn_loop *loop;
    struct pirn_tls *tls;
    struct pirn_timer tick;
    struct signals signals;
    enum bench_phase phase;

    struct bench_link *links;
    uint64_t *times;                        /* of all of them */
    size_t tried, opening, open, connected; /* of options->connections */
    size_t next;                            /* whose turn it is, at a rate */

    uint8_t *payload;
    uint64_t sent, answered;    /* messages; without those that were lost */
    uint64_t scheduled, due;    /* at a rate: messages that were sent, that should be */
    uint64_t heard_ns;          /* when a message came last */
    uint64_t begun_ns;          /* the load */
    uint64_t passed_ns, cpu_ns; /* until its end, and the processor time in it */
    uint64_t finished_ns;
    uint64_t shown_ns, shown; /* progress: when last, and the messages until then */

    /* What is measured. */
    struct latency round_trips, set_ups;
    uint64_t mismatches, errors;
    struct bench_cause causes[BENCH_CAUSES];
    bool interrupted, silent;
    bool progress; /* is shown */
};

uint64_t bench_now_ns(void);

/* ---- bench_load.c: connections and what is on their way. */

bool bench_new(struct bench *bench);

/* Begins to open as many connections as may open at a time; the load begins when all are open.
 * Returns 0 or the first error of pirn_client_new(). */
int bench_open(struct bench *bench);

/* Sends what is due. */
void bench_send(struct bench *bench, uint64_t now_ns);

/* Stops the clock and closes all connections; the loop stops when that is done. */
void bench_finish(struct bench *bench);
void bench_release(struct bench *bench);

/* ---- bench_payload.c */

/* The payload of all messages, in which the first bytes are the number of one; NULL without memory.
 */
uint8_t *bench_payload_new(size_t size, bool text);
void bench_payload_number(uint8_t *payload, size_t size, uint64_t number);

/* ---- bench_report.c */

void bench_report(const struct bench *bench);
void bench_show_progress(struct bench *bench, uint64_t now_ns);
void bench_hide_progress(const struct bench *bench);

#endif
