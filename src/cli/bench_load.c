/* The connections of `pirn bench`, and the messages on them.
 *
 * Replies come in the order of what was sent, so that the time of a round trip is that between the
 * oldest message on its way and its reply: a ring of times for each connection. At a rate, a
 * message that had to wait for its turn is counted from when it was due, not from when it could
 * leave: a server that stands still delays all that should have been sent meanwhile. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench.h"

enum { ABREAST = 16 };

uint64_t bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct bench_link *link_of(const struct pirn_conn *conn)
{
    return pirn_client_context(pirn_client_of(conn));
}

/* What no other connection counts in the same way, so that replies which went astray are seen. */
static uint64_t number_of(const struct bench_link *link, uint64_t message)
{
    return (uint64_t)(link - link->bench->links) * 2654435761 + message;
}

static void count_error(struct bench *bench, const char *text)
{
    size_t i = 0;
    while (i < BENCH_CAUSES - 1 && bench->causes[i].count > 0 &&
           strncmp(bench->causes[i].text, text, BENCH_CAUSE_BYTES - 1) != 0)
        i++;
    struct bench_cause *cause = &bench->causes[i];
    if (cause->count++ == 0)
        snprintf(cause->text, sizeof cause->text, "%s", i == BENCH_CAUSES - 1 ? "others" : text);
    bench->errors++;
}

/* ---- sending */

static enum pirn_opcode type_of(const struct bench *bench)
{
    return bench->options->text ? PIRN_TEXT : PIRN_BINARY;
}

static bool may_send(const struct bench *bench)
{
    return bench->phase == BENCH_RUNNING &&
           (bench->options->messages == 0 || bench->sent < bench->options->messages);
}

static bool has_room(const struct bench_link *link)
{
    return link->conn && link->sent - link->received < link->bench->options->outstanding;
}

static void send_one(struct bench_link *link, uint64_t when_ns)
{
    struct bench *bench = link->bench;
    const struct bench_options *options = bench->options;
    size_t size = (size_t)options->size;
    bench_payload_number(bench->payload, size, number_of(link, link->sent));
    if (pirn_conn_send(link->conn, type_of(bench), bench->payload, size) < 0) {
        link->conn = NULL; /* it is closing: on_close says why */
        return;
    }
    link->sent_ns[link->sent++ % options->outstanding] = when_ns;
    bench->sent++;
}

static void fill(struct bench_link *link, uint64_t now_ns)
{
    while (may_send(link->bench) && has_room(link))
        send_one(link, now_ns);
}

static void fill_all(struct bench *bench, uint64_t now_ns)
{
    for (size_t i = 0; i < bench->tried && may_send(bench); i++)
        fill(&bench->links[i], now_ns);
}

static struct bench_link *next_with_room(struct bench *bench)
{
    for (size_t tries = 0; tries < bench->tried; tries++) {
        struct bench_link *link = &bench->links[bench->next];
        bench->next = (bench->next + 1) % bench->tried;
        if (has_room(link))
            return link;
    }
    return NULL;
}

/* When the next message of those at a rate was to be sent, if it was to be by the last tick. */
static uint64_t was_due_ns(const struct bench *bench)
{
    double seconds = (double)bench->scheduled / (double)bench->options->rate;
    return bench->begun_ns + (uint64_t)(seconds * 1e9);
}

static void send_at_rate(struct bench *bench, uint64_t now_ns)
{
    double seconds = (double)(now_ns - bench->begun_ns) / 1e9;
    uint64_t due_before = bench->due;
    struct bench_link *link;
    bench->due = (uint64_t)(seconds * (double)bench->options->rate) + 1;
    while (may_send(bench) && bench->scheduled < bench->due && (link = next_with_room(bench))) {
        send_one(link, bench->scheduled < due_before ? was_due_ns(bench) : now_ns);
        bench->scheduled++;
    }
}

void bench_send(struct bench *bench, uint64_t now_ns)
{
    (bench->options->rate ? send_at_rate : fill_all)(bench, now_ns);
}

/* There is room for one more. */
static void send_next(struct bench_link *link, uint64_t now_ns)
{
    struct bench *bench = link->bench;
    if (!bench->options->rate) {
        fill(link, now_ns);
    } else if (may_send(bench) && link->conn && bench->scheduled < bench->due) {
        send_one(link, was_due_ns(bench));
        bench->scheduled++;
    }
}

/* ---- receiving */

static bool is_reply(const struct bench_link *link, enum pirn_opcode type, const void *data)
{
    const struct bench *bench = link->bench;
    size_t size = (size_t)bench->options->size;
    bench_payload_number(bench->payload, size, number_of(link, link->received));
    return type == type_of(bench) && memcmp(data, bench->payload, size) == 0;
}

/* A message of another size is no reply but something else that the server had to say. */
static void on_message(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    struct bench_link *link = link_of(conn);
    struct bench *bench = link->bench;
    uint64_t now = bench_now_ns();
    bool counts = len == bench->options->size && link->received < link->sent;
    if (bench->phase != BENCH_RUNNING && bench->phase != BENCH_OPENING)
        return;
    bench->heard_ns = now;
    if (counts && is_reply(link, type, data))
        latency_add(&bench->round_trips,
                    now - link->sent_ns[link->received % bench->options->outstanding]);
    else
        bench->mismatches++;
    if (!counts)
        return;
    link->received++;
    if (++bench->answered == bench->options->messages)
        bench_finish(bench);
    else
        send_next(link, now);
}

/* ---- opening */

static uint64_t cpu_ns(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

static void begin(struct bench *bench)
{
    bench->phase = BENCH_RUNNING;
    bench->cpu_ns = cpu_ns();
    bench->begun_ns = bench->heard_ns = bench_now_ns();
    bench_send(bench, bench->begun_ns);
}

/* An attempt has ended, well or not. */
static void settle(struct bench *bench)
{
    bench->opening--;
    if (bench->phase != BENCH_OPENING)
        return;
    bench_open(bench);
    if (bench->opening > 0)
        return;
    if (bench->open > 0)
        begin(bench);
    else
        bench_finish(bench);
}

static void on_step(struct pirn_client *client, const struct pirn_client_progress *progress)
{
    struct bench_link *link = pirn_client_context(client);
    (void)progress;
    if (link->begun_ns == 0)
        link->begun_ns = bench_now_ns();
}

static void on_open(struct pirn_conn *conn)
{
    struct bench_link *link = link_of(conn);
    struct bench *bench = link->bench;
    latency_add(&bench->set_ups, bench_now_ns() - link->begun_ns);
    link->conn = conn;
    bench->open++;
    bench->connected++;
    settle(bench);
}

static void on_failure(struct pirn_client *client, const struct pirn_client_failure *failure)
{
    struct bench_link *link = pirn_client_context(client);
    if (link->bench->phase == BENCH_OPENING)
        count_error(link->bench, failure->info.text);
    settle(link->bench);
}

/* ---- the end */

/* What was on its way is lost; with a number of messages to be had, others take its place. */
static void lose(struct bench_link *link, const char *text)
{
    struct bench *bench = link->bench;
    count_error(bench, text);
    bench->sent -= link->sent - link->received;
    link->received = link->sent;
    if (bench->phase != BENCH_RUNNING)
        return;
    if (bench->open == 0)
        bench_finish(bench);
    else
        bench_send(bench, bench_now_ns());
}

static void on_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    struct bench_link *link = link_of(conn);
    struct bench *bench = link->bench;
    link->conn = NULL;
    bench->open--;
    if (bench->phase == BENCH_OPENING || bench->phase == BENCH_RUNNING)
        lose(link, info->text);
    else if (bench->phase == BENCH_CLOSING && bench->open == 0)
        pirn_loop_stop(bench->loop);
}

void bench_finish(struct bench *bench)
{
    bench->finished_ns = bench_now_ns();
    if (bench->phase == BENCH_RUNNING) {
        bench->passed_ns = bench->finished_ns - bench->begun_ns;
        bench->cpu_ns = cpu_ns() - bench->cpu_ns;
    }
    bench->phase = BENCH_CLOSING;
    for (size_t i = 0; i < bench->tried; i++)
        if (bench->links[i].client)
            pirn_client_close(bench->links[i].client, PIRN_CLOSE_NORMAL, PIRN_STR(""));
    if (bench->open == 0)
        pirn_loop_stop(bench->loop);
}

/* ---- all of it */

/* All that may be on its way has room in the queue of a connection. */
static size_t queue_bytes(const struct bench_options *options)
{
    uint64_t all = options->outstanding * (options->size + PIRN_FRAME_HEADER_MAX) + 1;
    return all > PIRN_DEFAULT_HIGH_WATER_BYTES ? (size_t)all : PIRN_DEFAULT_HIGH_WATER_BYTES;
}

static int open_one(struct bench *bench)
{
    const struct bench_options *options = bench->options;
    const uint32_t most = options->timeout_ms;
    struct bench_link *link = &bench->links[bench->tried];
    struct pirn_client_config config = {
        .conn.handlers = {.on_open = on_open, .on_message = on_message, .on_close = on_close},
        .conn.endpoint.max_message_bytes = options->size + PIRN_DEFAULT_MAX_MESSAGE_CLIENT,
        .conn.high_water_bytes = queue_bytes(options),
        .conn.deflate = {.mode = options->deflate ? PIRN_DEFLATE_DEDICATED : PIRN_DEFLATE_OFF,
                         .threshold_bytes = 1},
        .require_deflate = options->deflate,
        .url = options->url,
        .unix_path = options->unix_path,
        .proxy = "",
        .tls = bench->tls,
        .timeouts = {most, most, most, most, most, most},
        .on_step = on_step,
        .on_failure = on_failure,
        .context = link,
    };
    int error = 0;
    *link = (struct bench_link){.bench = bench,
                                .sent_ns = bench->times + bench->tried * options->outstanding};
    link->client = pirn_client_new(bench->loop, &config, &error);
    bench->tried++;
    bench->opening += link->client != NULL;
    return error;
}

int bench_open(struct bench *bench)
{
    int error, first = 0;
    while (bench->opening < ABREAST && bench->tried < bench->options->connections) {
        error = open_one(bench);
        if (error)
            count_error(bench, pirn_error_text(error));
        first = first ? first : error;
    }
    return first;
}

bool bench_new(struct bench *bench)
{
    const struct bench_options *options = bench->options;
    bench->links = calloc(options->connections, sizeof *bench->links);
    bench->times = calloc(options->connections * options->outstanding, sizeof *bench->times);
    bench->payload = bench_payload_new((size_t)options->size, options->text);
    return bench->links && bench->times && bench->payload;
}

void bench_release(struct bench *bench)
{
    bench->phase = BENCH_ENDED;
    for (size_t i = 0; bench->links && i < bench->tried; i++)
        pirn_client_free(bench->links[i].client);
    free(bench->links);
    free(bench->times);
    free(bench->payload);
}
