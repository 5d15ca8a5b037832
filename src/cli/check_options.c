/* The options of `pirn check`, and where its URL leads. */
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "check.h"
#include "cli.h"
#include "target.h"

#define DEFAULT_TIMEOUT_MS 2000
#define AT(field)          offsetof(struct check, field)

const char cli_check_help[] =
    "usage: pirn check [OPTION ...] URL\n"
    "       pirn check [OPTION ...] --unix PATH [URL]\n"
    "\n"
    "Connects to a WebSocket server many times, sends what it must bear and what it must\n"
    "refuse, and prints a line for each case: ok, violated, or not judged; the clause of\n"
    "the RFC; what was expected and what came. What an RFC leaves free is MAY, and no\n"
    "violation. A server that echoes is tested for more.\n"
    "\n"
    "      --unix PATH        connect to this socket of the file system, or abstract (@NAME)\n"
    "  -H, --header HEADER    send this header ('Name: value') each time; may be given\n"
    "                         several times\n"
    "      --subprotocol NAME offer this subprotocol, if the server wants one\n"
    "      --only ID          these cases only; ID may end in '*'; may be given several times\n"
    "      --timeout SECONDS  how long a case waits for what must come (2)\n"
    "      --json             a record for each case and one for the sum, one a line\n"
    "  -k, --insecure         of wss: verify no certificate\n"
    "      --ca FILE          trust these CAs in place of the system's\n"
    "  -v, --verbose          print what was sent too\n"
    "\n"
    "Exit status: 0; 1 if a MUST is violated, or the server vanishes; 2 if there is no\n"
    "WebSocket to test, or an option is not understood.\n";

static const struct args_option table[] = {
    {"--unix", NULL, args_text, AT(target.unix_path), "the path of a socket"},
    {"--header", "-H", args_list, AT(target.headers), "a header, as in 'Name: value'"},
    {"--subprotocol", NULL, args_text, AT(target.subprotocol), "a name"},
    {"--only", NULL, args_list, AT(only), "the name of a case, such as 'utf8-*'"},
    {"--timeout", NULL, args_seconds, AT(timeout_ms), "a number of seconds"},
    {"--insecure", "-k", args_flag, AT(insecure), NULL},
    {"--ca", NULL, args_text, AT(ca), "a file of CAs in PEM"},
    {"--json", NULL, args_flag, AT(json), NULL},
    {"--verbose", "-v", args_flag, AT(verbose), NULL},
    {"--help", "-h", args_flag, AT(help), NULL},
};

static bool complain(const char *what, const char *text)
{
    fprintf(stderr, "pirn check: %s%s%s\n", text, what ? ": " : "", what ? what : "");
    return false;
}

static bool matches(const char *pattern, const char *id)
{
    size_t len = strlen(pattern);
    if (len > 0 && pattern[len - 1] == '*')
        return strncmp(pattern, id, len - 1) == 0;
    return strcmp(pattern, id) == 0;
}

bool check_is_wanted(const struct check *check, const struct check_case *kase)
{
    for (size_t i = 0; i < check->only.count; i++)
        if (matches(check->only.items[i], kase->id))
            return true;
    return check->only.count == 0;
}

static bool only_what_exists(const struct check *check)
{
    for (size_t i = 0; i < check->only.count; i++) {
        const struct check_case *kase;
        const struct check_group *group;
        size_t number = 0;
        while ((kase = check_case_at(number, &group)) && !matches(check->only.items[i], kase->id))
            number++;
        if (!kase)
            return complain(check->only.items[i], "there is no such case");
    }
    return true;
}

static bool find_unix(struct check_target *target)
{
    struct sockaddr_un *address = (struct sockaddr_un *)&target->address;
    if (strlen(target->unix_path) >= sizeof address->sun_path)
        return complain(target->unix_path, "the path is too long");
    address->sun_family = AF_UNIX;
    size_t len = strlen(target->unix_path);
    bool abstract = target->unix_path[0] == '@';
    memcpy(address->sun_path, target->unix_path, len + 1);
    if (abstract)
        address->sun_path[0] = '\0';
    target->address_len =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (abstract ? 0 : 1));
    return true;
}

static bool find_host(struct check_target *target)
{
    char host[256], port[8];
    struct addrinfo *found, hints = {.ai_socktype = SOCK_STREAM};
    snprintf(host, sizeof host, "%.*s", (int)target->url.host.len, target->url.host.data);
    snprintf(port, sizeof port, "%u", target->url.port);
    int error = getaddrinfo(host, port, &hints, &found);
    if (error != 0)
        return complain(gai_strerror(error), host);
    memcpy(&target->address, found->ai_addr, found->ai_addrlen);
    target->address_len = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static bool find_tls(struct check *check)
{
    const struct pirn_tls_config config = {.ca.file = check->ca, .insecure = check->insecure};
    char error[512];
    if (check->insecure && check->ca)
        return complain(NULL, "--insecure and --ca exclude each other");
    if (!check->target.url.secure)
        return true;
    if (!target_tls(&check->tls, &config, error, sizeof error))
        return complain(NULL, error);
    if (!check->tls)
        check->tls = pirn_tls_new(PIRN_CLIENT, NULL, error, sizeof error);
    return check->tls || complain(NULL, error);
}

static bool headers_are_good(const struct check_target *target)
{
    for (size_t i = 0; i < target->headers.count; i++) {
        const char *text = target->headers.items[i];
        struct pirn_str name = {text, strcspn(text, ":")};
        if (!text[name.len] || !pirn_http_is_token(name) || !pirn_http_is_value(pirn_cstr(text)))
            return complain(text, "not a header");
    }
    if (target->subprotocol && !pirn_http_is_token(pirn_cstr(target->subprotocol)))
        return complain(target->subprotocol, "not a subprotocol");
    return true;
}

bool check_options_read(struct check *check, int argc, char **argv)
{
    struct check_target *target = &check->target;
    size_t count = sizeof table / sizeof *table;
    if (!args_read("check", table, count, check, &check->urls, argc, argv))
        return false;
    if (check->help)
        return true;
    check->timeout_ms = check->timeout_ms ? check->timeout_ms : DEFAULT_TIMEOUT_MS;
    if (check->urls.count > 1)
        return complain(NULL, "one URL is enough");
    if (check->urls.count == 0 && !target->unix_path)
        return complain(NULL, "wants a URL, such as ws://localhost/");
    target->url_text = check->urls.count ? check->urls.items[0] : "ws://localhost/";
    return target_parse("check", target->url_text, &target->url) && headers_are_good(target) &&
           only_what_exists(check) && find_tls(check) &&
           (target->unix_path ? find_unix(target) : find_host(target));
}

void check_options_release(struct check *check)
{
    pirn_tls_free(check->tls);
    free(check->target.headers.items);
    free(check->urls.items);
    free(check->only.items);
}
