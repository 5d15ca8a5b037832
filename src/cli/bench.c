/* `pirn bench`: connections are opened, loaded until the end of the run, and closed. A timer looks
 * after what no message drives: the end, what is due at a rate, silence, progress. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <pirn/tls.h>

#include "bench.h"
#include "cli.h"
#include "target.h"

#define CLOSE_NS    UINT64_C(2000000000)
#define PROGRESS_NS UINT64_C(250000000)

const char cli_bench_help[] =
    "usage: pirn bench [OPTION ...] URL\n"
    "\n"
    "Keeps a server busy and measures it. The server must send each message back, as\n"
    "`pirn serve` does: what comes is compared with what was sent. Prints messages a second,\n"
    "data a second, the times of round trips and of setting up connections. SIGINT ends it\n"
    "early, with what was measured until then.\n"
    "\n"
    "  -c, --connections N   connections (1)\n"
    "  -n, --outstanding N   messages on their way at a time on each of them (1)\n"
    "  -s, --size BYTES      the size of a message; k and M behind the number mean KiB and\n"
    "                        MiB (20)\n"
    "  -d, --duration SECONDS\n"
    "                        how long it lasts when all are connected; 0: until SIGINT (10)\n"
    "  -m, --messages N      end when so many have come back instead\n"
    "  --rate N              send so many messages a second in all, not as many as possible;\n"
    "                        one that is late counts from when it was due\n"
    "  --text, --binary      what the messages are (binary)\n"
    "  --deflate             compress them; the server must do so too\n"
    "  -k, --insecure        do not verify the server's certificate\n"
    "  --ca FILE             trust the CAs of this file, in PEM, instead of the system's\n"
    "  --unix PATH           connect to this socket; the URL may be left out\n"
    "  --timeout SECONDS     for connecting, and until silence is taken for the end; 0: none\n"
    "                        (10)\n"
    "  --json                print all of it as JSON\n"
    "\n"
    "Exit status: 0; 1 if not all connections opened and stayed, not all replies were those\n"
    "expected, or none came; 2 if an option is not understood.\n";

static void set_tick(struct bench *bench)
{
    const struct bench_options *options = bench->options;
    uint64_t now = bench_now_ns(), wait_us = options->rate ? 1000 : 50000;
    if (bench->phase == BENCH_RUNNING && options->duration_ms != UINT32_MAX) {
        uint64_t passed_us = (now - bench->begun_ns) / 1000;
        uint64_t run_us = (uint64_t)options->duration_ms * 1000;
        uint64_t left_us = passed_us < run_us ? run_us - passed_us : 0;
        wait_us = left_us < wait_us ? left_us : wait_us;
    }
    pirn_timer_set(bench->loop, &bench->tick, pirn_loop_now_us(bench->loop) + wait_us);
}

static bool is_over(const struct bench *bench, uint64_t now)
{
    const struct bench_options *options = bench->options;
    return options->duration_ms != UINT32_MAX &&
           now - bench->begun_ns >= (uint64_t)options->duration_ms * 1000000;
}

static bool is_silent(const struct bench *bench, uint64_t now)
{
    const struct bench_options *options = bench->options;
    return options->timeout_ms != UINT32_MAX && bench->sent > bench->answered &&
           now - bench->heard_ns >= (uint64_t)options->timeout_ms * 1000000;
}

static void look_after_load(struct bench *bench, uint64_t now)
{
    bench->silent = is_silent(bench, now);
    if (bench->silent || is_over(bench, now))
        bench_finish(bench);
    else if (bench->options->rate)
        bench_send(bench, now);
}

static void tick(struct pirn_loop *loop, struct pirn_timer *timer)
{
    struct bench *bench = (struct bench *)((char *)timer - offsetof(struct bench, tick));
    uint64_t now = bench_now_ns();
    if (bench->phase == BENCH_RUNNING)
        look_after_load(bench, now);
    else if (bench->phase == BENCH_CLOSING && now - bench->finished_ns >= CLOSE_NS)
        pirn_loop_stop(loop);
    if (bench->progress && now - bench->shown_ns >= PROGRESS_NS)
        bench_show_progress(bench, now);
    set_tick(bench);
}

/* The second signal does not wait for closing handshakes. */
static void signal_came(void *context, int number)
{
    struct bench *bench = context;
    (void)number;
    bench->interrupted = true;
    if (bench->phase == BENCH_CLOSING)
        pirn_loop_stop(bench->loop);
    else
        bench_finish(bench);
}

static int failed(const char *what)
{
    fprintf(stderr, "pirn bench: %s\n", what);
    return CLI_FAILED;
}

static bool make_tls(struct bench *bench)
{
    const struct pirn_tls_config config = {.ca.file = bench->options->ca,
                                           .insecure = bench->options->insecure};
    char error[512];
    bool usable = target_tls(&bench->tls, &config, error, sizeof error);
    if (!usable)
        fprintf(stderr, "pirn bench: tls: %s\n", error);
    return usable;
}

/* The first connection tells whether there can be any: its options are those of all. */
static int open_first(struct bench *bench)
{
    int error = bench_open(bench);
    if (bench->opening > 0)
        return CLI_OK;
    failed(pirn_error_text(error));
    return error == PIRN_E_MEMORY ? CLI_FAILED : CLI_USAGE;
}

static int run(struct bench *bench)
{
    static const int numbers[] = {SIGINT, SIGTERM, 0};
    const struct bench_options *options = bench->options;
    if (!make_tls(bench))
        return CLI_USAGE;
    bench->loop = pirn_loop_new(NULL);
    if (!bench->loop || !bench_new(bench) ||
        !signals_open(&bench->signals, bench->loop, numbers, signal_came, bench))
        return failed(strerror(errno));
    int status = open_first(bench);
    if (status != CLI_OK)
        return status;
    bench->tick.fire = tick;
    bench->progress = isatty(STDERR_FILENO);
    bench->shown_ns = bench_now_ns();
    set_tick(bench);
    if (pirn_loop_run(bench->loop) < 0)
        return failed(strerror(errno));
    bench_hide_progress(bench);
    bench_report(bench);
    bool whole = bench->connected == options->connections && bench->round_trips.count > 0;
    return whole && bench->errors + bench->mismatches == 0 && !bench->silent ? CLI_OK : CLI_FAILED;
}

int cli_bench(int argc, char **argv)
{
    struct bench_options options;
    struct bench bench = {.options = &options};
    int status = CLI_USAGE;
    if (bench_options_read(&options, argc, argv)) {
        if (options.help) {
            fputs(cli_bench_help, stdout);
            status = CLI_OK;
        } else {
            cli_raise_descriptor_limit();
            status = run(&bench);
        }
    }
    if (bench.loop)
        pirn_timer_stop(bench.loop, &bench.tick);
    bench_release(&bench);
    signals_close(&bench.signals);
    pirn_loop_free(bench.loop);
    pirn_tls_free(bench.tls);
    bench_options_release(&options);
    return status;
}
