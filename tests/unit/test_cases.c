/* Runs tests/cases: each case in each of its roles, whole, cut in two at every byte, and byte by
 * byte; with control frames taken at once and at the end; with slots of its own and lent ones.
 *
 *     test_cases                     the test
 *     test_cases --table             the table of README.md
 *     test_cases --corpus DIRECTORY  writes the inputs, as seeds for the fuzzer
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pirn/deflate.h>

#include "cases/case.h"
#include "cases/clause.h"

/* Longer inputs are cut only near their ends and here and there, and fed in pieces longer than a
 * byte. */
#define CUT_ALL_MAX  400
#define STEP_ALL_MAX 6000
#define LONG_STEP    250

static struct case_list list;

/* --- comparing -------------------------------------------------------------------------------- */

/* What is expected of an `event fail NAME` without a text is any text. */
static bool line_matches(const char *expected, size_t expected_len, const char *got, size_t got_len)
{
    bool same = expected_len == got_len && memcmp(expected, got, got_len) == 0;
    bool open = expected_len > 5 && memcmp(expected, "fail ", 5) == 0 &&
                !memchr(expected, '"', expected_len);
    return same || (open && got_len > expected_len && got[expected_len] == ' ' &&
                    memcmp(expected, got, expected_len) == 0);
}

static bool lines_match(const char *expected, const char *got)
{
    while (*expected && *got) {
        size_t expected_len = strcspn(expected, "\n"), got_len = strcspn(got, "\n");
        if (!line_matches(expected, expected_len, got, got_len))
            return false;
        expected += expected_len + 1;
        got += got_len + 1;
    }
    return *expected == *got;
}

/* What remains of the frames sent when control() is called late: of Pongs that waited together the
 * last one. "--" stands where it was called anyway, and is left out. */
static void merge_pongs(const char *out, bool late, struct buffer *merged)
{
    for (const char *next; *out; out = next) {
        next = out + strcspn(out, "\n") + 1;
        bool pong = strncmp(out, "pong ", 5) == 0 && strncmp(next, "pong ", 5) == 0;
        if ((late && pong) || strncmp(out, "--\n", 3) == 0)
            continue;
        buffer_add(merged, out, (size_t)(next - out));
    }
}

static void collect(const struct test_case *test, enum case_keyword keyword, struct buffer *lines)
{
    for (size_t i = 0; i < test->line_count; i++) {
        if (test->lines[i].keyword == keyword)
            case_expected(test, &test->lines[i], lines);
        else if (keyword == CASE_OUT && test->lines[i].keyword == CASE_DO)
            buffer_addf(lines, "--\n");
    }
}

static const char *missing_end_word(const struct test_case *test, const char *end)
{
    static char word[80];
    for (size_t i = 0; i < test->line_count; i++) {
        const char *at = test->lines[i].text;
        while (test->lines[i].keyword == CASE_END && *at) {
            size_t len = strcspn(at, " ");
            snprintf(word, sizeof word, " %.*s ", (int)len, at);
            if (!strstr(end, word))
                return word;
            at += len + strspn(at + len, " ");
        }
    }
    return NULL;
}

/* --- running ---------------------------------------------------------------------------------- */

struct check {
    const struct test_case *test;
    enum pirn_role role;
    const char *events, *out_early, *out_late; /* expected */
    const char *events_whole;                  /* got when fed whole */
    bool hold;                                 /* the case itself says when to call control() */
};

static bool complain(const struct check *check, const struct case_way *way, const char *what,
                     const char *expected, const char *got)
{
    print_message("%s.case:%d: %s as %s, %s", check->test->file, check->test->line, check->test->id,
                  check->role == PIRN_SERVER ? "server" : "client", way->name);
    if (way->cut)
        print_message(" at %zu", way->cut);
    print_message(": %s\n--- expected:\n%s--- got:\n%s", what, expected, got);
    return false;
}

static bool judge(struct check *check, const struct case_way *way, struct case_result *result)
{
    const char *events = buffer_text(&result->events);
    const char *trouble = buffer_text(&result->trouble);
    if (*trouble)
        return complain(check, way, "trouble", "", trouble);
    if (!lines_match(check->events, events))
        return complain(check, way, "events", check->events, events);
    if (check->events_whole && strcmp(check->events_whole, events) != 0)
        return complain(check, way, "events differ from those of the whole", check->events_whole,
                        events);
    struct buffer out = {0};
    merge_pongs(buffer_text(&result->out), false, &out);
    const char *expected = way->eager || check->hold ? check->out_early : check->out_late;
    bool good = strcmp(expected, buffer_text(&out)) == 0 ||
                complain(check, way, "sent", expected, buffer_text(&out));
    buffer_release(&out);
    const char *missing = missing_end_word(check->test, buffer_text(&result->end));
    if (good && missing)
        return complain(check, way, "end", missing, buffer_text(&result->end));
    return good;
}

static bool run_way(struct check *check, const struct case_way *way)
{
    struct case_result result = {0};
    case_run(check->test, check->role, way, &result);
    bool good = judge(check, way, &result);
    case_result_release(&result);
    return good;
}

static bool run_cuts(struct check *check, size_t len)
{
    for (size_t cut = 1; cut < len; cut++) {
        struct case_way way = {"cut", .cut = cut, .eager = cut % 2 == 0};
        bool near = cut < 12 || len - cut < 12 || cut % 9973 == 0;
        if ((len <= CUT_ALL_MAX || near) && !run_way(check, &way))
            return false;
    }
    return true;
}

static bool run_ways(struct check *check)
{
    static const struct case_way ways[] = {
        {"whole", 0, 0, false, false, false},
        {"whole, eager", 0, 0, true, false, false},
        {"byte by byte", 0, 1, false, false, false},
        {"byte by byte, eager", 0, 1, true, false, false},
        {"by three bytes", 0, 3, true, false, false},
        {"whole, lent slots", 0, 0, false, true, false},
        {"byte by byte, lent slots", 0, 1, true, true, false},
        {"paused", 0, 0, false, false, true},
        {"by three bytes, paused, lent slots", 0, 3, true, true, true},
    };
    struct case_result whole = {0};
    case_run(check->test, check->role, &ways[0], &whole);
    bool good = judge(check, &ways[0], &whole);
    check->events_whole = buffer_text(&whole.events);
    struct buffer bytes = {0};
    case_input(check->test, check->role, &bytes);
    for (size_t i = 1; good && i < sizeof ways / sizeof *ways; i++) {
        struct case_way way = ways[i];
        if (bytes.len > STEP_ALL_MAX)
            way.step *= LONG_STEP;
        good = run_way(check, &way);
    }
    good = good && run_cuts(check, bytes.len);
    buffer_release(&bytes);
    case_result_release(&whole);
    return good;
}

static bool holds(const struct test_case *test)
{
    for (size_t i = 0; i < test->line_count; i++)
        if (test->lines[i].keyword == CASE_SET && strstr(test->lines[i].text, "hold"))
            return true;
    return false;
}

static bool run_case(const struct test_case *test)
{
    struct buffer events = {0}, out = {0}, early = {0}, late = {0};
    collect(test, CASE_EVENT, &events);
    collect(test, CASE_OUT, &out);
    merge_pongs(buffer_text(&out), false, &early);
    merge_pongs(buffer_text(&out), true, &late);
    bool good = true;
    for (int role = PIRN_SERVER; role <= PIRN_CLIENT; role++) {
        struct check check = {test,
                              (enum pirn_role)role,
                              buffer_text(&events),
                              buffer_text(&early),
                              buffer_text(&late),
                              NULL,
                              holds(test)};
        if (test->roles[role] && !run_ways(&check))
            good = false;
    }
    buffer_release(&events);
    buffer_release(&out);
    buffer_release(&early);
    buffer_release(&late);
    return good;
}

static void test_file(void **state)
{
    const char *file = *state;
    size_t bad = 0, count = 0;
    if (strcmp(file, "deflate") == 0 && !pirn_deflate_available())
        skip();
    for (size_t i = 0; i < list.count; i++) {
        if (list.cases[i].file != file)
            continue;
        count++;
        bad += !run_case(&list.cases[i]);
    }
    print_message("%zu cases\n", count);
    assert_int_equal(bad, 0);
    assert_true(count > 0);
}

/* --- the table of clauses --------------------------------------------------------------------- */

static char *directory;

/* README.md holds the table as --table prints it. */
static void test_table(void **state)
{
    (void)state;
    struct buffer table = {0};
    assert_true(clause_table(directory, &list, &table));
    char path[4096];
    snprintf(path, sizeof path, "%s/README.md", directory);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    struct buffer readme = {0};
    char block[4096];
    for (size_t n; (n = fread(block, 1, sizeof block, file)) > 0;)
        buffer_add(&readme, block, n);
    fclose(file);
    bool current = strstr(buffer_text(&readme), buffer_text(&table)) != NULL;
    buffer_release(&readme);
    buffer_release(&table);
    if (!current)
        fail_msg("tests/cases/README.md is old: run tests/cases/table.sh");
}

static void print_table(void)
{
    struct buffer table = {0};
    bool good = clause_table(directory, &list, &table);
    fputs(buffer_text(&table), stdout);
    buffer_release(&table);
    if (!good)
        exit(1);
}

/* --- seeds for the fuzzer --------------------------------------------------------------------- */

/* As the fuzzer numbers them. */
static unsigned extensions_of(const struct test_case *test)
{
    static const char *const orders[] = {"=t", "=l", "=tl", "=lt"};
    for (size_t i = 0; i < test->line_count; i++)
        for (unsigned k = 4; k > 0 && test->lines[i].keyword == CASE_SET; k--)
            if (strstr(test->lines[i].text, orders[k - 1]))
                return k;
    return 0;
}

static void write_seed(const char *to, const struct test_case *test, enum pirn_role role)
{
    char path[4096];
    struct buffer bytes = {0};
    const uint8_t settings[4] = {(uint8_t)((unsigned)role | extensions_of(test) << 1), 0, 0, 0};
    buffer_add(&bytes, settings, sizeof settings);
    case_input(test, role, &bytes);
    snprintf(path, sizeof path, "%s/%s-%c", to, test->id, role == PIRN_SERVER ? 's' : 'c');
    char *slash = strrchr(path, '/');
    *slash = '-';
    FILE *file = bytes.len < 400 ? fopen(path, "wb") : NULL;
    if (file) {
        fwrite(bytes.data, 1, bytes.len, file);
        fclose(file);
    }
    buffer_release(&bytes);
}

static void write_corpus(const char *to)
{
    for (size_t i = 0; i < list.count; i++)
        for (int role = PIRN_SERVER; role <= PIRN_CLIENT; role++)
            if (list.cases[i].roles[role])
                write_seed(to, &list.cases[i], (enum pirn_role)role);
}

static int run_all(void)
{
    struct CMUnitTest tests[64] = {cmocka_unit_test(test_table)};
    size_t count = 1;
    for (size_t i = 0; i < list.file_count; i++)
        tests[count++] = (struct CMUnitTest){list.files[i], test_file, NULL, NULL, list.files[i]};
    return _cmocka_run_group_tests("cases", tests, count, NULL, NULL);
}

int main(int argc, char **argv)
{
    char path[4096];
    const char *root = getenv("PIRN_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/cases", root ? root : ".");
    directory = path;
    list = case_list_read(directory);
    int status = 0;
    if (argc > 1 && strcmp(argv[1], "--table") == 0)
        print_table();
    else if (argc > 2 && strcmp(argv[1], "--corpus") == 0)
        write_corpus(argv[2]);
    else
        status = run_all();
    case_list_release(&list);
    return status;
}
