/* What `pirn bench` prints: results for people or as JSON, and a line of progress on the terminal.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "buffer.h"

enum { BAR = 40, ROWS = 60 };

static const struct {
    double share;
    const char *name, *key;
} shares[] = {
    {0.5, "p50", "p50"},      {0.9, "p90", "p90"}, {0.99, "p99", "p99"},
    {0.999, "p99.9", "p999"}, {1, "max", "max"},
};

#define SHARES (sizeof shares / sizeof *shares)

typedef unsigned long long count;

static double seconds_of(const struct bench *bench)
{
    return (double)bench->passed_ns / 1e9;
}

static double per_second(const struct bench *bench, double amount)
{
    return bench->passed_ns ? amount / seconds_of(bench) : 0;
}

static double megabytes(const struct bench *bench)
{
    return (double)bench->round_trips.count * (double)bench->options->size / 1e6;
}

static double mean_us(const struct latency *latency)
{
    return latency->count ? (double)latency->sum_ns / 1000 / (double)latency->count : 0;
}

/* ---- for people */

/* Of ten characters at most. */
static const char *time_text(double us, char text[16])
{
    if (us < 1000)
        snprintf(text, 16, us < 100 ? "%.1f us" : "%.0f us", us);
    else if (us < 1e6)
        snprintf(text, 16, us < 1e5 ? "%.2f ms" : "%.0f ms", us / 1e3);
    else
        snprintf(text, 16, "%.2f s", us / 1e6);
    return text;
}

static void print_times(const char *what, const struct latency *latency)
{
    char text[16];
    if (latency->count == 0)
        return;
    printf("%-12s", what);
    for (size_t i = 0; i < SHARES; i++)
        printf("%s%s %s", i ? ", " : "", shares[i].name,
               time_text(latency_us(latency, shares[i].share), text));
    printf("\n");
}

/* The upper ends of the rows are 1, 1.5, 2, 3, 5, 7, 10, 15 and so on microseconds. */
static uint64_t row_end_ns(unsigned row)
{
    static const uint64_t steps[] = {1000, 1500, 2000, 3000, 5000, 7000};
    uint64_t ns = steps[row % 6];
    for (unsigned i = 0; i < row / 6; i++)
        ns *= 10;
    return ns;
}

static void print_row(unsigned row, uint64_t here, const struct latency *latency, uint64_t most)
{
    char from[16], to[16];
    double begin = row ? (double)row_end_ns(row - 1) / 1000 : 0;
    int len = (int)(here * BAR / most);
    time_text(begin, from);
    time_text((double)row_end_ns(row) / 1000, to);
    printf("%10s - %-10s %-*.*s %6.2f%% %llu\n", from, to, BAR, len,
           "########################################", 100 * (double)here / (double)latency->count,
           (count)here);
}

static void print_histogram(const struct latency *latency)
{
    uint64_t rows[ROWS] = {0}, most = 0;
    unsigned row = 0, first = ROWS, last = 0;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        while (row < ROWS - 1 && latency_begin_ns(i) >= row_end_ns(row))
            row++;
        rows[row] += latency->buckets[i];
    }
    for (row = 0; row < ROWS; row++) {
        first = row < first && rows[row] ? row : first;
        last = rows[row] ? row : last;
        most = rows[row] > most ? rows[row] : most;
    }
    printf("\n");
    for (row = first; row <= last; row++)
        print_row(row, rows[row], latency, most);
}

static void print_faults(const struct bench *bench)
{
    if (bench->errors)
        printf("\n%llu errors:\n", (count)bench->errors);
    for (size_t i = 0; i < BENCH_CAUSES; i++)
        if (bench->causes[i].count)
            printf("%8llu  %s\n", (count)bench->causes[i].count, bench->causes[i].text);
    if (bench->silent)
        printf("\nIt ended early: nothing came any more.\n");
    if (bench->mismatches)
        printf("\n%llu messages that came are not what was sent: does the server echo?\n",
               (count)bench->mismatches);
    else if (bench->passed_ns && bench->round_trips.count == 0)
        printf("\nNothing came back: does the server echo?\n");
}

static void report_to_people(const struct bench *bench)
{
    const struct bench_options *options = bench->options;
    printf("%s: %zu of %llu connections, %llu outstanding on each, %s of %llu bytes%s\n",
           options->url, bench->connected, (count)options->connections, (count)options->outstanding,
           options->text ? "text" : "binary", (count)options->size,
           options->deflate ? ", compressed" : "");
    printf("%-12s%llu in %.2f s%s, %.0f a second\n", "messages", (count)bench->round_trips.count,
           seconds_of(bench), bench->interrupted ? " (interrupted)" : "",
           per_second(bench, (double)bench->round_trips.count));
    printf("%-12s%.2f MB/s each way\n", "data", per_second(bench, megabytes(bench)));
    print_times("round trip", &bench->round_trips);
    print_times("set-up", &bench->set_ups);
    printf("%-12s%.0f%% of a processor\n", "own work",
           100 * per_second(bench, (double)bench->cpu_ns / 1e9));
    if (bench->round_trips.count)
        print_histogram(&bench->round_trips);
    print_faults(bench);
}

/* ---- JSON */

static void put_string(const char *text)
{
    struct buffer buffer = {.data = NULL};
    buffer_add_json(&buffer, text, strlen(text));
    fwrite(buffer.data, 1, buffer.len, stdout);
    buffer_release(&buffer);
}

static void put_times(const char *key, const struct latency *latency)
{
    printf(",\n \"%s\":{\"count\":%llu,\"min\":%.1f,\"mean\":%.1f", key, (count)latency->count,
           latency_us(latency, 0), mean_us(latency));
    for (size_t i = 0; i < SHARES; i++)
        printf(",\"%s\":%.1f", shares[i].key, latency_us(latency, shares[i].share));
    printf("}");
}

static void put_histogram(const struct latency *latency)
{
    const char *comma = "";
    printf(",\n \"histogram\":[");
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        if (latency->buckets[i] == 0)
            continue;
        printf("%s{\"from_us\":%.3f,\"to_us\":%.3f,\"count\":%llu}", comma,
               (double)latency_begin_ns(i) / 1000, (double)latency_begin_ns(i + 1) / 1000,
               (count)latency->buckets[i]);
        comma = ",\n  ";
    }
    printf("]");
}

static void put_errors(const struct bench *bench)
{
    printf(",\n \"errors\":[");
    for (size_t i = 0; i < BENCH_CAUSES && bench->causes[i].count; i++) {
        printf("%s{\"count\":%llu,\"text\":", i ? ",\n  " : "", (count)bench->causes[i].count);
        put_string(bench->causes[i].text);
        printf("}");
    }
    printf("]");
}

static const char *boolean(bool value)
{
    return value ? "true" : "false";
}

static void report_as_json(const struct bench *bench)
{
    const struct bench_options *options = bench->options;
    double messages = (double)bench->round_trips.count;
    printf("{\"url\":");
    put_string(options->url);
    printf(",\"connections\":%llu,\"connected\":%zu,\"outstanding\":%llu,\"size\":%llu,\n"
           " \"type\":\"%s\",\"deflate\":%s,\"rate\":%llu,\"interrupted\":%s,\"silent\":%s,\n",
           (count)options->connections, bench->connected, (count)options->outstanding,
           (count)options->size, options->text ? "text" : "binary", boolean(options->deflate),
           (count)options->rate, boolean(bench->interrupted), boolean(bench->silent));
    printf(" \"seconds\":%.6f,\"cpu_seconds\":%.6f,\"messages\":%.0f,\"mismatches\":%llu,\n"
           " \"messages_per_second\":%.1f,\"megabytes_per_second\":%.3f",
           seconds_of(bench), (double)bench->cpu_ns / 1e9, messages, (count)bench->mismatches,
           per_second(bench, messages), per_second(bench, megabytes(bench)));
    put_times("round_trip_us", &bench->round_trips);
    put_times("set_up_us", &bench->set_ups);
    put_histogram(&bench->round_trips);
    put_errors(bench);
    printf("}\n");
}

void bench_report(const struct bench *bench)
{
    (bench->options->json ? report_as_json : report_to_people)(bench);
}

/* ---- progress */

void bench_show_progress(struct bench *bench, uint64_t now_ns)
{
    char median[16];
    uint64_t messages = bench->round_trips.count - bench->shown;
    double seconds = (double)(now_ns - bench->shown_ns) / 1e9;
    if (bench->phase == BENCH_OPENING)
        fprintf(stderr, "\r\033[K%zu of %llu connections", bench->connected,
                (count)bench->options->connections);
    else if (bench->phase == BENCH_RUNNING)
        fprintf(stderr, "\r\033[K%.1f s, %.0f messages a second, p50 %s, %llu errors",
                (double)(now_ns - bench->begun_ns) / 1e9, (double)messages / seconds,
                time_text(latency_us(&bench->round_trips, 0.5), median),
                (count)(bench->errors + bench->mismatches));
    bench->shown_ns = now_ns;
    bench->shown = bench->round_trips.count;
}

void bench_hide_progress(const struct bench *bench)
{
    if (bench->progress)
        fputs("\r\033[K", stderr);
}
