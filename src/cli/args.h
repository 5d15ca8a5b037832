/* args.h: the options of a sub-command as rows of a table. An option's value follows as the next
 * argument or behind "="; one of a single letter may also have it behind the letter (-HName:value).
 * Single letters may share an argument (-1k). "--" ends the options. */
#ifndef PIRN_CLI_ARGS_H
#define PIRN_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes a value to where it is kept; false if it is not what is wanted. Without memory, too. */
typedef bool args_take_fn(void *place, const char *value);

args_take_fn args_flag;  /* bool; value is NULL */
args_take_fn args_text;  /* const char *; not empty */
args_take_fn args_list;  /* struct args_list: may be given several times */
args_take_fn args_bytes; /* uint64_t; k, M and G behind the number mean KiB, MiB and GiB */

/* uint32_t, in ms, of seconds with decimals; 0 is kept as UINT32_MAX: never. */
args_take_fn args_seconds;

/* As args_bytes(), but not 0. */
args_take_fn args_some_bytes;

struct args_option {
    const char *name;  /* "--header" */
    const char *brief; /* "-H"; NULL: none */
    args_take_fn *take;
    size_t offset;     /* of its place in the struct of options */
    const char *wants; /* "a path"; NULL without a value */
};

struct args_list {
    const char **items; /* to be freed by free(3) */
    size_t count;
};

/* Reads argv[1] and the following into the struct at options, which begins as zeroes; what is no
 * option goes to operands; NULL: there may be none. Returns false when they are not understood, and
 * has then said why on stderr, in one line. */
bool args_read(const char *command, const struct args_option *table, size_t count, void *options,
               struct args_list *operands, int argc, char **argv);

/* Reads decimal digits, up to max; false if there are none, or too many. *end is behind them. */
bool args_number(const char *text, uint64_t max, uint64_t *value, const char **end);

#endif
