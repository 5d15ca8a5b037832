/* `pirn code`: what is known about close codes, for people. Everything comes from pirn/close.h;
 * here is only how it looks. */
#include <stdio.h>
#include <string.h>

#include <pirn/close.h>

#include "cli.h"

#define LARGEST_CODE 65535

const char cli_code_help[] =
    "usage: pirn code [CODE | NAME ...]\n"
    "       pirn code --names\n"
    "\n"
    "Explains WebSocket close codes, or without an argument prints a table of all.\n"
    "A NAME is what IANA, Windows and Net::WebSocket, DEGUEST, EFL, libwebsockets,\n"
    "Python websockets or Pirn call a code, with or without the vendor's prefix; letter\n"
    "case does not count, and blanks, '_', '-' and '.' are the same.\n"
    "\n"
    "  --names   print every name: code, whose, name, with tabs between\n"
    "\n"
    "Exit status: 0; 1 if the output cannot be written; 2 if an argument is no close\n"
    "code (the others are explained nevertheless).\n";

static const struct {
    const char *key, *owner;
} sets[PIRN_NAMES_COUNT] = {
    [PIRN_NAMES_IANA] = {"iana", "IANA"},
    [PIRN_NAMES_MICROSOFT] = {"microsoft", "Windows, Net::WebSocket"},
    [PIRN_NAMES_DEGUEST] = {"deguest", "DEGUEST"},
    [PIRN_NAMES_EFL] = {"efl", "EFL"},
    [PIRN_NAMES_LWS] = {"lws", "libwebsockets"},
    [PIRN_NAMES_PYTHON] = {"python", "Python websockets"},
    [PIRN_NAMES_PIRN] = {"pirn", "Pirn"},
};

static const struct {
    const char *name, *meaning;
} classes[] = {
    [PIRN_CLOSE_CLASS_STANDARD] = {"standard", "defined by RFC 6455 and IANA"},
    [PIRN_CLOSE_CLASS_LOCAL_ONLY] = {"local only", "how an ending is reported, never sent"},
    [PIRN_CLOSE_CLASS_RESERVED] = {"reserved", "for future versions of the protocol"},
    [PIRN_CLOSE_CLASS_REGISTERED] = {"registered", "for libraries, through IANA (3000-3999)"},
    [PIRN_CLOSE_CLASS_PRIVATE] = {"private", "for applications (4000-4999)"},
    [PIRN_CLOSE_CLASS_INVALID] = {"invalid", "outside of all ranges"},
};

static const struct retry {
    const char *name, *meaning;
} retries[] = {
    [PIRN_RETRY_NEVER] = {"never", "never by itself"},
    [PIRN_RETRY_AFTER_WAIT] = {"after wait", "after a wait, longer each time, partly random"},
    [PIRN_RETRY_AT_ONCE] = {"at once", "at once; if that fails, after a wait, longer each time"},
};

static const struct retry private_retry = {"depends", "only the application knows"};

static const struct retry *retry(int code)
{
    return pirn_close_class(code) == PIRN_CLOSE_CLASS_PRIVATE ? &private_retry
                                                              : &retries[pirn_close_retry(code)];
}

static const char *yes_no(bool yes)
{
    return yes ? "yes" : "no";
}

static void print_names(int code)
{
    const char *heading = "names";
    for (int set = 0; set < PIRN_NAMES_COUNT; set++) {
        const char *alias = pirn_close_alias(code, (enum pirn_close_names)set);
        if (!alias)
            continue;
        const char *prefix = set == PIRN_NAMES_PIRN ? "PIRN_CLOSE_" : "";
        printf("  %-10s %s%s (%s)\n", heading, prefix, alias, sets[set].owner);
        heading = "";
    }
}

static void explain(int code)
{
    enum pirn_close_class class = pirn_close_class(code);
    printf("%d %s\n", code, pirn_close_name(code));
    printf("  %-10s %s\n", "means", pirn_close_text(code));
    printf("  %-10s %s\n", "what to do", pirn_close_advice(code));
    printf("  %-10s %s\n", "reconnect", retry(code)->meaning);
    printf("  %-10s %s: %s\n", "class", classes[class].name, classes[class].meaning);
    printf("  %-10s may be sent: %s; sent by a browser: %s; received: %s\n", "on wire",
           yes_no(pirn_close_may_send(code)), yes_no(pirn_close_may_send_from_browser(code)),
           yes_no(pirn_close_may_receive(code)));
    print_names(code);
}

/* One row can stand for both codes: nothing in it but the number would differ. */
static bool same_row(int a, int b)
{
    return strcmp(pirn_close_name(a), pirn_close_name(b)) == 0 &&
           pirn_close_class(a) == pirn_close_class(b) &&
           pirn_close_retry(a) == pirn_close_retry(b) && !pirn_close_alias(a, PIRN_NAMES_PIRN) &&
           !pirn_close_alias(b, PIRN_NAMES_PIRN);
}

static void print_row(int first, int last)
{
    char range[32];
    const char *own = pirn_close_alias(first, PIRN_NAMES_PIRN);
    snprintf(range, sizeof range, first == last ? "%d" : "%d-%d", first, last);
    printf("%-10s  %-26s  %-19s  %-4s  %-7s  %-10s  %s\n", range, pirn_close_name(first),
           own ? own : "-", yes_no(pirn_close_may_send(first)),
           yes_no(pirn_close_may_send_from_browser(first)), retry(first)->name,
           classes[pirn_close_class(first)].name);
}

static void print_table(void)
{
    printf("%-10s  %-26s  %-19s  %-4s  %-7s  %-10s  %s\n", "CODE", "NAME", "PIRN_CLOSE_", "SENT",
           "BROWSER", "RECONNECT", "CLASS");
    for (int first = 0, last; first <= LARGEST_CODE; first = last + 1) {
        last = first;
        while (last < LARGEST_CODE && same_row(first, last + 1))
            last++;
        print_row(first, last);
    }
}

static void print_all_names(void)
{
    for (int code = 0; code <= LARGEST_CODE; code++)
        for (int set = 0; set < PIRN_NAMES_COUNT; set++) {
            const char *alias = pirn_close_alias(code, (enum pirn_close_names)set);
            if (alias)
                printf("%d\t%s\t%s\n", code, sets[set].key, alias);
        }
}

static int explain_all(int count, char **names)
{
    int status = CLI_OK;
    const char *gap = "";
    for (int i = 0; i < count; i++) {
        int code = pirn_close_from_name(pirn_cstr(names[i]));
        if (code < 0) {
            fprintf(stderr,
                    "pirn code: '%s' is no close code and no name of one; see `pirn code`\n",
                    names[i]);
            status = CLI_USAGE;
            continue;
        }
        fputs(gap, stdout);
        explain(code);
        gap = "\n";
    }
    return status;
}

int cli_code(int argc, char **argv)
{
    int first = 1;
    if (argc > 1 && argv[1][0] == '-') {
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
            fputs(cli_code_help, stdout);
            return CLI_OK;
        }
        if (strcmp(argv[1], "--names") == 0 && argc > 2) {
            fputs("pirn code: --names stands alone\n", stderr);
            return CLI_USAGE;
        }
        if (strcmp(argv[1], "--names") == 0) {
            print_all_names();
            return CLI_OK;
        }
        if (strcmp(argv[1], "--") != 0) {
            fprintf(stderr, "pirn code: '%s' is not understood; see `pirn help code`\n", argv[1]);
            return CLI_USAGE;
        }
        first = 2;
    }
    if (argc == first)
        print_table();
    return explain_all(argc - first, argv + first);
}
