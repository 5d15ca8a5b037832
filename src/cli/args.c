/* Options by tables: a row names the function that takes the value, and where to. */
#include "args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_S (7 * 24 * 3600)

struct reading {
    const char *command;
    const struct args_option *table;
    size_t count;
    unsigned char *options;
    char **argv;
    size_t argc;
};

bool args_number(const char *text, uint64_t max, uint64_t *value, const char **end)
{
    *value = 0;
    for (*end = text; **end >= '0' && **end <= '9'; ++*end) {
        uint64_t digit = (uint64_t)(**end - '0');
        if (digit > max || *value > (max - digit) / 10)
            return false;
        *value = *value * 10 + digit;
    }
    return *end > text;
}

bool args_bytes(void *place, const char *value)
{
    static const char units[] = "kKmMgG";
    uint64_t *bytes = place;
    const char *end;
    if (!args_number(value, INT64_MAX, bytes, &end))
        return false;
    const char *unit = *end ? strchr(units, *end) : NULL;
    unsigned shift = unit ? 10 * (unsigned)((unit - units) / 2 + 1) : 0;
    end += unit != NULL;
    if (*end || *bytes > (uint64_t)INT64_MAX >> shift)
        return false;
    *bytes <<= shift;
    return true;
}

bool args_some_bytes(void *place, const char *value)
{
    return args_bytes(place, value) && *(uint64_t *)place > 0;
}

bool args_seconds(void *place, const char *value)
{
    uint64_t ms;
    uint64_t scale = 1000;
    const char *end;
    if (!args_number(value, LONGEST_S, &ms, &end))
        return false;
    ms *= scale;
    if (*end == '.')
        for (end++; *end >= '0' && *end <= '9'; end++)
            ms += (uint64_t)(*end - '0') * (scale /= 10);
    *(uint32_t *)place = ms > 0 ? (uint32_t)ms : UINT32_MAX;
    return *end == '\0';
}

bool args_flag(void *place, const char *value)
{
    (void)value;
    return *(bool *)place = true;
}

bool args_text(void *place, const char *value)
{
    *(const char **)place = value;
    return *value != '\0';
}

bool args_list(void *place, const char *value)
{
    struct args_list *list = place;
    const char **items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (!items)
        return false;
    list->items = items;
    items[list->count++] = value;
    return *value != '\0';
}

static bool not_understood(const struct reading *reading, const char *argument)
{
    fprintf(stderr, "pirn %s: '%s' is not understood; see `pirn help %s`\n", reading->command,
            argument, reading->command);
    return false;
}

/* NULL: its value, if it wants one, is the argument behind argv[*at]. */
static bool take_value(const struct reading *reading, const struct args_option *option,
                       const char *name, const char *value, size_t *at)
{
    if (option->wants && !value && !(value = reading->argv[++*at])) {
        fprintf(stderr, "pirn %s: %s wants %s\n", reading->command, name, option->wants);
        return false;
    }
    if (!option->take(reading->options + option->offset, value)) {
        fprintf(stderr, "pirn %s: %s wants %s, not '%s'\n", reading->command, name, option->wants,
                value);
        return false;
    }
    return true;
}

/* "--name", "--name value" or "--name=value". */
static bool take_long(const struct reading *reading, size_t *at)
{
    const char *argument = reading->argv[*at];
    size_t len = strcspn(argument, "="), i = 0;
    while (i < reading->count && (strlen(reading->table[i].name) != len ||
                                  memcmp(reading->table[i].name, argument, len) != 0))
        i++;
    const struct args_option *option = &reading->table[i];
    if (i == reading->count || (argument[len] && !option->wants))
        return not_understood(reading, argument);
    return take_value(reading, option, option->name, argument[len] ? argument + len + 1 : NULL, at);
}

static const struct args_option *find_brief(const struct reading *reading, char letter)
{
    for (size_t i = 0; i < reading->count; i++)
        if (reading->table[i].brief && reading->table[i].brief[1] == letter)
            return &reading->table[i];
    return NULL;
}

/* Letters in a row; the first that wants a value has it from what is left of them. */
static bool take_brief(const struct reading *reading, size_t *at)
{
    const char *argument = reading->argv[*at];
    for (const char *letter = argument + 1; *letter; letter++) {
        const struct args_option *option = find_brief(reading, *letter);
        const char *rest = letter + 1 + (letter[1] == '=');
        if (!option)
            return not_understood(reading, argument);
        if (option->wants)
            return take_value(reading, option, option->brief, letter[1] ? rest : NULL, at);
        if (!take_value(reading, option, option->brief, NULL, at))
            return false;
    }
    return true;
}

static bool take_option(const struct reading *reading, size_t *at)
{
    return reading->argv[*at][1] == '-' ? take_long(reading, at) : take_brief(reading, at);
}

static bool take_operand(const struct reading *reading, struct args_list *operands,
                         const char *argument)
{
    return (operands && args_list(operands, argument)) || not_understood(reading, argument);
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
        else if (is_option ? !take_option(&reading, &at)
                           : !take_operand(&reading, operands, argv[at]))
            return false;
    }
    return true;
}
