/* options.h: --name VALUE, as a table. Values that are given go where the row says. */
#ifndef PIRN_BENCH_OPTIONS_H
#define PIRN_BENCH_OPTIONS_H

struct option_row {
    const char *name; /* NULL ends the table */
    long *number;
    const char **text;
    long *flag; /* takes no value; becomes 1 */
};

/* Ends the program, with a line of usage and status 2, at what is not in the table. */
void options_read(const struct option_row *rows, int argc, char **argv);

/* Prints the line of usage; returns the status. */
int options_usage(const struct option_row *rows, const char *program);

#endif
