/* bench_options.h: what the command line of `pirn bench` says. */
#ifndef PIRN_CLI_BENCH_OPTIONS_H
#define PIRN_CLI_BENCH_OPTIONS_H

#include "args.h"

struct bench_options {
    char *url; /* own memory; NULL when only help is wanted */
    struct args_list operands;
    const char *ca, *unix_path;
    uint64_t connections, outstanding, size;
    uint64_t messages, rate; /* 0: not given */
    uint32_t duration_ms, timeout_ms;
    bool text, binary, deflate, insecure, json, help;
};

/* As args_read(); to be released however it went. */
bool bench_options_read(struct bench_options *options, int argc, char **argv);
void bench_options_release(struct bench_options *options);

#endif
