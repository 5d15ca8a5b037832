/* Files to cases. A case with an `each` line becomes one case for each of its words: "$" in the
 * lines after it stands for the word, "$1" and "$2" for its parts if it has a comma. */
#include "case.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const keywords[] = {"of", "set", "in", "do", "event", "out", "end"};

void buffer_add(struct buffer *buffer, const void *data, size_t len)
{
    if (len == 0)
        return;
    if (buffer->len + len > buffer->cap) {
        buffer->cap = (buffer->len + len) * 2;
        buffer->data = realloc(buffer->data, buffer->cap);
        if (!buffer->data)
            abort();
    }
    memcpy(buffer->data + buffer->len, data, len);
    buffer->len += len;
}

void buffer_addf(struct buffer *buffer, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (len < 0 || (size_t)len >= sizeof text)
        abort();
    buffer_add(buffer, text, (size_t)len);
}

void buffer_release(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

const char *buffer_text(struct buffer *buffer)
{
    buffer_add(buffer, "", 1);
    buffer->len--;
    return (const char *)buffer->data;
}

void case_die(const struct test_case *test, int line, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "%s.case:%d: ", test->file, line);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(2);
}

/* What is being read: the case before its `each` is applied, and the words of that. */
struct reader {
    struct case_list *list;
    struct test_case draft;
    char *each;
    char *file;
    int number;
};

static char *copy_text(const char *text, size_t len)
{
    char *copy = malloc(len + 1);
    if (!copy)
        abort();
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

static void *grown(void *array, size_t count, size_t size)
{
    array = realloc(array, (count + 1) * size);
    if (!array)
        abort();
    return array;
}

static void add_line(struct test_case *test, enum case_keyword keyword, char *text, int number)
{
    test->lines = grown(test->lines, test->line_count, sizeof *test->lines);
    test->lines[test->line_count++] = (struct case_line){keyword, text, number};
}

/* The part of a word that "$", "$1" or "$2" stands for; moves *at past it. */
static struct pirn_str part_of(const char *word, size_t len, const char **at)
{
    const char *comma = memchr(word, ',', len);
    char which = **at;
    if (!comma || (which != '1' && which != '2'))
        return (struct pirn_str){word, len};
    ++*at;
    if (which == '1')
        return (struct pirn_str){word, (size_t)(comma - word)};
    return (struct pirn_str){comma + 1, (size_t)(word + len - comma - 1)};
}

static char *substituted(const char *text, const char *word, size_t len)
{
    struct buffer out = {0};
    while (*text) {
        if (*text != '$') {
            buffer_add(&out, text++, 1);
            continue;
        }
        text++;
        struct pirn_str part = part_of(word, len, &text);
        buffer_add(&out, part.data, part.len);
    }
    char *copy = copy_text(buffer_text(&out), out.len);
    buffer_release(&out);
    return copy;
}

/* Adds the drafted case with word in the place of "$"; without words len is 0. */
static void add_case(struct reader *reader, const char *word, size_t len)
{
    struct case_list *list = reader->list;
    const struct test_case *draft = &reader->draft;
    struct test_case test = *draft;
    struct buffer id = {0};
    buffer_addf(&id, "%s%s%.*s", draft->id, len ? "-" : "", (int)len, word);
    test.id = copy_text(buffer_text(&id), id.len);
    for (char *comma = test.id; (comma = strchr(comma, ','));)
        *comma = '-';
    test.stem_len = strlen(draft->id);
    buffer_release(&id);
    test.lines = NULL;
    test.line_count = 0;
    for (size_t i = 0; i < draft->line_count; i++) {
        const struct case_line *line = &draft->lines[i];
        add_line(&test, line->keyword, substituted(line->text, word, len), line->number);
    }
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->cases[i].id, test.id) == 0)
            case_die(&test, test.line, "second case %s", test.id);
    list->cases = grown(list->cases, list->count, sizeof *list->cases);
    list->cases[list->count++] = test;
}

static void release_case(struct test_case *test)
{
    for (size_t i = 0; i < test->line_count; i++)
        free(test->lines[i].text);
    free(test->lines);
    free(test->id);
    *test = (struct test_case){0};
}

static void finish_case(struct reader *reader)
{
    if (!reader->draft.id)
        return;
    if (reader->draft.line_count == 0 || reader->draft.lines[0].keyword != CASE_OF)
        case_die(&reader->draft, reader->draft.line, "case without `of`");
    if (!reader->each)
        add_case(reader, "", 0);
    else
        for (char *word = strtok(reader->each, " "); word; word = strtok(NULL, " "))
            add_case(reader, word, strlen(word));
    free(reader->each);
    reader->each = NULL;
    release_case(&reader->draft);
}

static void begin_case(struct reader *reader, char *text)
{
    finish_case(reader);
    reader->draft = (struct test_case){.file = reader->file, .line = reader->number};
    char *role = strchr(text, ' ');
    char *colon = strchr(text, ':');
    if (!role || !colon || colon < role)
        case_die(&reader->draft, reader->number, "expected: case NAME ROLE: title");
    *colon = '\0';
    *role++ = '\0';
    bool both = strcmp(role, "both") == 0;
    reader->draft.roles[PIRN_SERVER] = both || strcmp(role, "server") == 0;
    reader->draft.roles[PIRN_CLIENT] = both || strcmp(role, "client") == 0;
    if (!reader->draft.roles[PIRN_SERVER] && !reader->draft.roles[PIRN_CLIENT])
        case_die(&reader->draft, reader->number, "role %s", role);
    struct buffer id = {0};
    buffer_addf(&id, "%s/%s", reader->file, text);
    reader->draft.id = copy_text(buffer_text(&id), id.len);
    buffer_release(&id);
}

static void read_line(struct reader *reader, char *line)
{
    line[strcspn(line, "\r\n")] = '\0';
    line += strspn(line, " ");
    if (*line == '\0' || *line == '#')
        return;
    char *text = line + strcspn(line, " ");
    if (*text)
        *text++ = '\0';
    text += strspn(text, " ");
    if (strcmp(line, "case") == 0) {
        begin_case(reader, text);
        return;
    }
    if (!reader->draft.id)
        case_die(&(struct test_case){.file = reader->file}, reader->number, "no case yet");
    if (strcmp(line, "each") == 0) {
        reader->each = copy_text(text, strlen(text));
        return;
    }
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (strcmp(line, keywords[i]) == 0) {
            add_line(&reader->draft, (enum case_keyword)i, copy_text(text, strlen(text)),
                     reader->number);
            return;
        }
    case_die(&reader->draft, reader->number, "unknown keyword %s", line);
}

static void read_file(struct case_list *list, const char *directory, const char *name)
{
    char path[4096], line[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        exit(2);
    }
    struct reader reader = {.list = list, .file = copy_text(name, strcspn(name, "."))};
    list->files = grown(list->files, list->file_count, sizeof *list->files);
    list->files[list->file_count++] = reader.file;
    while (fgets(line, sizeof line, file)) {
        reader.number++;
        read_line(&reader, line);
    }
    finish_case(&reader);
    fclose(file);
}

static int is_case_file(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 5 && strcmp(entry->d_name + len - 5, ".case") == 0;
}

struct case_list case_list_read(const char *directory)
{
    struct case_list list = {0};
    struct dirent **entries;
    int count = scandir(directory, &entries, is_case_file, alphasort);
    if (count <= 0) {
        fprintf(stderr, "%s: no cases\n", directory);
        exit(2);
    }
    for (int i = 0; i < count; i++) {
        read_file(&list, directory, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return list;
}

void case_list_release(struct case_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        release_case(&list->cases[i]);
    for (size_t i = 0; i < list->file_count; i++)
        free(list->files[i]);
    free(list->cases);
    free(list->files);
    *list = (struct case_list){0};
}
