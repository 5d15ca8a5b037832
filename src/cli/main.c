/* The `pirn` command. What it can do is a row of commands[]. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <pirn/base.h>

#include "cli.h"

static int print_help(int argc, char **argv);
static int print_version(int argc, char **argv);

static const struct command {
    const char *name, *option, *short_option;
    int (*run)(int argc, char **argv);
    const char *summary;
    const char *help;
} commands[] = {
    {"serve", "", "", cli_serve, "run an echo server, with a page to try it", cli_serve_help},
    {"connect", "", "", cli_connect, "send lines and print messages, over ws and wss",
     cli_connect_help},
    {"check", "", "", cli_check, "test whether a server keeps the RFCs", cli_check_help},
    {"bench", "", "", cli_bench, "put load on an echo server and measure it", cli_bench_help},
    {"code", "", "", cli_code, "explain close codes", cli_code_help},
    {"help", "--help", "-h", print_help, "print this, or the help of a command", NULL},
    {"version", "--version", "-V", print_version, "print the version", NULL},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS && *name; i++)
        if (strcmp(name, commands[i].name) == 0 || strcmp(name, commands[i].option) == 0 ||
            strcmp(name, commands[i].short_option) == 0)
            return &commands[i];
    return NULL;
}

static void print_overview(FILE *out)
{
    fputs("usage: pirn COMMAND [ARGUMENT ...]\n\n", out);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].summary);
    fputs("\n`pirn help COMMAND` says more; so does pirn(1).\n", out);
}

static int unknown_command(const char *name)
{
    fprintf(stderr, "pirn: no command '%s'; see `pirn help`\n", name);
    return CLI_USAGE;
}

static int print_help(int argc, char **argv)
{
    const struct command *command = argc > 1 ? find_command(argv[1]) : NULL;
    if (argc > 1 && !command)
        return unknown_command(argv[1]);
    if (command && command->help)
        fputs(command->help, stdout);
    else
        print_overview(stdout);
    return CLI_OK;
}

static int print_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("pirn %s\n", pirn_version());
    return CLI_OK;
}

void cli_raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* What is opened later must not become standard input or output. Writing fails as it did. */
static void fill_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", O_RDONLY);
}

static bool lose_output(void)
{
    static bool said;
    if (!said)
        fprintf(stderr, "pirn: cannot write the output: %s\n", strerror(errno));
    said = true;
    return false;
}

bool cli_flush(void)
{
    errno = EIO; /* all that is known of a failure that was before this call */
    return (fflush(stdout) == 0 && !ferror(stdout)) || lose_output();
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        print_overview(stderr);
        return CLI_USAGE;
    }
    const struct command *command = find_command(argv[1]);
    return command ? command->run(argc - 1, argv + 1) : unknown_command(argv[1]);
}

int main(int argc, char **argv)
{
    fill_descriptors();
    int status = run(argc, argv);
    bool written = cli_flush();
    if (fclose(stdout) != 0)
        written = lose_output();
    return written ? status : CLI_FAILED;
}
