#include "options.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int options_usage(const struct option_row *rows, const char *program)
{
    fprintf(stderr, "usage: %s", program);
    for (const struct option_row *row = rows; row->name; row++)
        fprintf(stderr, row->flag ? " [--%s]" : " [--%s ...]", row->name);
    fprintf(stderr, "\n");
    return 2;
}

static const struct option_row *find(const struct option_row *rows, const char *word)
{
    if (strncmp(word, "--", 2) != 0)
        return NULL;
    while (rows->name && strcmp(rows->name, word + 2) != 0)
        rows++;
    return rows->name ? rows : NULL;
}

static bool take(const struct option_row *row, const char *value)
{
    char *end = "";
    if (row->number)
        *row->number = strtol(value, &end, 10);
    else
        *row->text = value;
    return *value && !*end;
}

void options_read(const struct option_row *rows, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const struct option_row *row = find(rows, argv[i]);
        if (row && row->flag)
            *row->flag = 1;
        else if (!row || i + 1 == argc || !take(row, argv[++i]))
            exit(options_usage(rows, argv[0]));
    }
}
