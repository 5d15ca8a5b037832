/* args.h: the options of a sub-command as rows of a table. An option's value follows as the next
 * argument or behind "="; one of a single letter may also have it behind the letter (-HName:value).
 * "--" ends the options. */
#ifndef PIRN_CLI_ARGS_H
#define PIRN_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a value is kept, at the offset of its row. */
enum args_kind {
    ARGS_FLAG,    /* bool; no value */
    ARGS_TEXT,    /* const char *; not empty */
    ARGS_LIST,    /* struct args_list: may be given several times */
    ARGS_SECONDS, /* uint32_t, in ms; decimals are allowed, 0 is kept as UINT32_MAX: never */
    ARGS_BYTES    /* uint64_t, not 0; k, M and G behind the number mean KiB, MiB and GiB */
};

struct args_option {
    const char *name;  /* "--header" */
    const char *brief; /* "-H"; NULL: none */
    enum args_kind kind;
    size_t offset;
    const char *wants; /* "a path"; NULL without a value */
};

struct args_list {
    const char **items; /* to be freed by free(3) */
    size_t count;
};

/* Reads argv[1] and the following into the struct at options, which begins as zeroes; what is no
 * option goes to operands. Returns false when they are not understood, and has then said why on
 * stderr, in one line. */
bool args_read(const char *command, const struct args_option *table, size_t count, void *options,
               struct args_list *operands, int argc, char **argv);

/* A number of bytes as above, and of milliseconds. */
bool args_bytes(const char *text, uint64_t *bytes);
bool args_seconds(const char *text, uint32_t *ms);

#endif
