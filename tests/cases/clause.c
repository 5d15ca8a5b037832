/* The tables are made by looking through all cases for each name; there are few of both. */
#include "clause.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names with these beginnings need no line in clauses.psv. */
static const char *const foreign[] = {"AB-", "CVE-", "C0", "C1", "C2", "S0", "bug:", "row:"};

struct names {
    char **items;
    size_t count;
};

static bool has_name(const struct names *names, const char *name, size_t len)
{
    for (size_t i = 0; i < names->count; i++)
        if (strlen(names->items[i]) == len && memcmp(names->items[i], name, len) == 0)
            return true;
    return false;
}

static void add_name(struct names *names, const char *name, size_t len)
{
    if (has_name(names, name, len))
        return;
    names->items = realloc(names->items, (names->count + 1) * sizeof *names->items);
    char *copy = names->items ? malloc(len + 1) : NULL;
    if (!copy)
        abort();
    memcpy(copy, name, len);
    copy[len] = '\0';
    names->items[names->count++] = copy;
}

static void release_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
}

/* The next word of an `of` line; false at its end. */
static bool next_word(const char **at, size_t *len)
{
    *at += strspn(*at, " ");
    *len = strcspn(*at, " ");
    return *len > 0;
}

static bool case_names(const struct test_case *test, const char *name)
{
    size_t len;
    for (size_t i = 0; i < test->line_count; i++)
        if (test->lines[i].keyword == CASE_OF)
            for (const char *at = test->lines[i].text; next_word(&at, &len); at += len)
                if (len == strlen(name) && memcmp(at, name, len) == 0)
                    return true;
    return false;
}

/* "3: a, b-*": the cases that name it; those of one `each` are one. */
static size_t add_cases(struct buffer *table, const struct case_list *list, const char *name)
{
    struct names stems = {0};
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        if (case_names(&list->cases[i], name)) {
            add_name(&stems, list->cases[i].id, list->cases[i].stem_len);
            count++;
        }
    buffer_addf(table, "%zu: ", count);
    for (size_t i = 0; i < stems.count; i++)
        buffer_addf(table, "%s%s", i ? ", " : "", stems.items[i]);
    release_names(&stems);
    return count;
}

static bool add_clauses(const char *directory, const struct case_list *list, struct buffer *table,
                        struct names *clauses)
{
    char path[4096], line[1024];
    snprintf(path, sizeof path, "%s/clauses.psv", directory);
    FILE *file = fopen(path, "r");
    bool good = file != NULL;
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *text = strchr(line, '|');
        if (line[0] == '#' || !text)
            continue;
        *text++ = '\0';
        add_name(clauses, line, strlen(line));
        buffer_addf(table, "| %s | %s | ", line, text);
        if (add_cases(table, list, line) == 0) {
            fprintf(stderr, "clause %s has no case\n", line);
            good = false;
        }
        buffer_addf(table, " |\n");
    }
    if (file)
        fclose(file);
    return good;
}

static bool is_foreign(const char *name)
{
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (strncmp(name, foreign[i], strlen(foreign[i])) == 0)
            return true;
    return false;
}

static int by_number(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

static bool collect_others(const struct case_list *list, const struct names *clauses,
                           struct names *others)
{
    bool good = true;
    size_t len;
    for (size_t i = 0; i < list->count; i++)
        for (size_t k = 0; k < list->cases[i].line_count; k++) {
            const struct case_line *line = &list->cases[i].lines[k];
            if (line->keyword != CASE_OF)
                continue;
            for (const char *at = line->text; next_word(&at, &len); at += len) {
                if (has_name(clauses, at, len))
                    continue;
                if (!is_foreign(at)) {
                    fprintf(stderr, "%s: no clause %.*s\n", list->cases[i].id, (int)len, at);
                    good = false;
                }
                add_name(others, at, len);
            }
        }
    if (others->count)
        qsort(others->items, others->count, sizeof *others->items, by_number);
    return good;
}

static size_t count_stems(const struct case_list *list)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct test_case *test = &list->cases[i];
        count += i == 0 || test->stem_len != list->cases[i - 1].stem_len ||
                 memcmp(test->id, list->cases[i - 1].id, test->stem_len) != 0;
    }
    return count;
}

bool clause_table(const char *directory, const struct case_list *list, struct buffer *table)
{
    struct names clauses = {0}, others = {0};
    buffer_addf(table, "%zu cases, written as %zu; those for both roles count once.\n\n",
                list->count, count_stems(list));
    buffer_addf(table, "| clause | what it demands | cases |\n|---|---|---|\n");
    bool good = add_clauses(directory, list, table, &clauses);
    good = collect_others(list, &clauses, &others) && good;
    buffer_addf(table, "\n| also for | cases |\n|---|---|\n");
    for (size_t i = 0; i < others.count; i++) {
        buffer_addf(table, "| %s | ", others.items[i]);
        add_cases(table, list, others.items[i]);
        buffer_addf(table, " |\n");
    }
    release_names(&clauses);
    release_names(&others);
    return good;
}
