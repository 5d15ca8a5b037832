/* Options by tables; every list has room for as many items as there are arguments. */
#include "args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_MS (UINT64_C(7) * 24 * 3600 * 1000)

struct reading {
    const char *command;
    const struct args_option *table;
    size_t count;
    unsigned char *options;
    char **argv;
    size_t argc;
};

static const char *take_digits(const char *text, uint64_t max, uint64_t *value)
{
    for (*value = 0; *text >= '0' && *text <= '9'; text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        if (*value > (max - digit) / 10)
            return "too large";
        *value = *value * 10 + digit;
    }
    return text;
}

bool args_bytes(const char *text, uint64_t *bytes)
{
    static const char units[] = "kKmMgG";
    const char *end = take_digits(text, INT64_MAX, bytes);
    const char *unit = *end ? strchr(units, *end) : NULL;
    unsigned shift = unit ? 10 * (unsigned)((unit - units) / 2 + 1) : 0;
    end += unit != NULL;
    if (text[0] < '0' || text[0] > '9' || *end || *bytes == 0 ||
        *bytes > (uint64_t)INT64_MAX >> shift)
        return false;
    *bytes <<= shift;
    return true;
}

bool args_seconds(const char *text, uint32_t *ms)
{
    uint64_t whole, thousandths = 0;
    unsigned scale = 1000;
    const char *end = take_digits(text, LONGEST_MS / 1000, &whole);
    if (end == text)
        return false;
    if (*end == '.')
        for (end++; *end >= '0' && *end <= '9'; end++)
            thousandths += (uint64_t)(*end - '0') * (scale /= 10);
    *ms = whole + thousandths == 0 ? UINT32_MAX : (uint32_t)(whole * 1000 + thousandths);
    return *end == '\0';
}

static bool take_item(const struct reading *reading, struct args_list *list, const char *value)
{
    if (!list->items && !(list->items = calloc(reading->argc, sizeof *list->items)))
        return false;
    list->items[list->count++] = value;
    return *value != '\0';
}

static bool take(const struct reading *reading, const struct args_option *option, const char *value)
{
    void *place = reading->options + option->offset;
    switch (option->kind) {
    case ARGS_FLAG:
        return *(bool *)place = true;
    case ARGS_TEXT:
        *(const char **)place = value;
        return *value != '\0';
    case ARGS_LIST:
        return take_item(reading, place, value);
    case ARGS_SECONDS:
        return args_seconds(value, place);
    case ARGS_BYTES:
        return args_bytes(value, place);
    }
    return false;
}

/* The option that an argument names, and its value if it is in the same argument. */
static const struct args_option *find(const struct reading *reading, const char *argument,
                                      const char **value)
{
    size_t len = strcspn(argument, "=");
    for (size_t i = 0; i < reading->count; i++) {
        const struct args_option *row = &reading->table[i];
        bool is_long = row->name && strlen(row->name) == len && !memcmp(argument, row->name, len);
        bool is_brief = row->brief && !strncmp(argument, row->brief, 2) && argument[1] != '-';
        const char *rest = argument + (is_long ? len : 2);
        if (is_long || (is_brief && (!*rest || row->wants))) {
            *value = *rest ? rest + (is_long || *rest == '=') : NULL;
            return row;
        }
    }
    return NULL;
}

/* Takes argv[*at], and the argument behind it if that is its value. */
static bool take_option(const struct reading *reading, size_t *at)
{
    const char *argument = reading->argv[*at], *value = NULL;
    const struct args_option *option = find(reading, argument, &value);
    if (!option || (value && !option->wants)) {
        fprintf(stderr, "pirn %s: '%s' is not understood; see `pirn help %s`\n", reading->command,
                argument, reading->command);
        return false;
    }
    const char *name = argument[1] == '-' || !option->brief ? option->name : option->brief;
    if (option->wants && !value && !(value = reading->argv[++*at])) {
        fprintf(stderr, "pirn %s: %s wants %s\n", reading->command, name, option->wants);
        return false;
    }
    if (!take(reading, option, value)) {
        fprintf(stderr, "pirn %s: %s wants %s, not '%s'\n", reading->command, name, option->wants,
                value);
        return false;
    }
    return true;
}

bool args_read(const char *command, const struct args_option *table, size_t count, void *options,
               struct args_list *operands, int argc, char **argv)
{
    const struct reading reading = {command, table, count, options, argv, (size_t)argc};
    bool ended = false;
    for (size_t at = 1; at < reading.argc; at++) {
        bool is_option = !ended && argv[at][0] == '-' && argv[at][1];
        if (is_option && strcmp(argv[at], "--") == 0)
            ended = true;
        else if (is_option ? !take_option(&reading, &at) : !take_item(&reading, operands, argv[at]))
            return false;
    }
    return true;
}
