/* cli.h: the sub-commands of the `pirn` command, one file each. */
#ifndef PIRN_CLI_H
#define PIRN_CLI_H

#include <stdbool.h>

enum cli_status {
    CLI_OK = 0,
    CLI_FAILED = 1, /* could not do what was asked: output not written, address not free */
    CLI_USAGE = 2   /* asked for what does not exist: an option, a command, a close code */
};

/* Each runs one sub-command and returns the exit status; argv[0] is its name. main() flushes what
 * was printed and turns a failure of that into CLI_FAILED. */
int cli_connect(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_code(int argc, char **argv);
int cli_serve(int argc, char **argv);
int cli_bench(int argc, char **argv);

/* What `pirn help NAME` and `pirn NAME --help` print. */
extern const char cli_connect_help[];
extern const char cli_check_help[];
extern const char cli_code_help[];
extern const char cli_serve_help[];
extern const char cli_bench_help[];

/* Writes what was printed, for a reader who waits for it. False if it cannot be written; the first
 * time it says why on stderr, and the exit status is going to be CLI_FAILED. */
bool cli_flush(void);

/* Each connection takes a descriptor, and the soft limit is often 1024. */
void cli_raise_descriptor_limit(void);

#endif
