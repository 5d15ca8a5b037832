/* `pirn check`: first one connection to see whether there is a WebSocket and whether it echoes,
 * then all cases, several at once; they are printed in their order. */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "cli.h"

const struct check_case *check_case_at(size_t number, const struct check_group **group)
{
    for (size_t i = 0; i < check_group_count; i++) {
        *group = check_groups[i];
        if (number < (*group)->count)
            return &(*group)->cases[number];
        number -= (*group)->count;
    }
    return NULL;
}

static size_t count_cases(void)
{
    size_t count = 0;
    for (size_t i = 0; i < check_group_count; i++)
        count += check_groups[i]->count;
    return count;
}

static void begin_next(struct check *check);

static void case_done(struct check_run *run)
{
    struct check *check = run->check;
    run->result->known = true;
    check->lost += run->connect_failed;
    check_run_free(run);
    check_report(check);
    begin_next(check);
}

/* Begins one more case, and passes over those that are not wanted. */
static void begin_next(struct check *check)
{
    const struct check_group *group;
    const struct check_case *kase;
    while ((kase = check_case_at(check->next, &group)) && kase->see != SEE_WATCHED) {
        struct check_result *result = &check->results[check->next++];
        if (check_is_wanted(check, kase) && check_run_new(check, kase, result, case_done))
            return;
        result->verdict = CHECK_NOT_JUDGED;
        result->known = true;
    }
}

static void judge_watched(struct check *check)
{
    const struct check_group *group;
    const struct check_case *kase;
    for (; (kase = check_case_at(check->next, &group)); check->next++) {
        check_judge_watched(check, kase, &check->results[check->next]);
        check->results[check->next].known = true;
    }
}

static void first_done(struct check_run *run)
{
    struct check *check = run->check;
    check->echoes = run->echoed > 0;
    check->is_open = run->has_head && run->head.error == 0 && run->head.status == 101;
    if (!check->is_open)
        fprintf(stderr, "pirn check: %s: %s\n", check->target.url_text,
                run->result->came[0] ? run->result->came : "no WebSocket");
    check_run_free(run);
}

static int check_all(struct check *check)
{
    struct check_result first = {0};
    check->echoes = true; /* until it is known, an echo is waited for */
    if (!check_run_new(check, &check_first, &first, first_done))
        return CLI_USAGE;
    pirn_loop_run(check->loop);
    if (!check->is_open)
        return CLI_USAGE;
    for (int i = 0; i < CHECK_AT_ONCE; i++)
        begin_next(check);
    pirn_loop_run(check->loop);
    judge_watched(check);
    check_report(check);
    int status = check_report_sum(check);
    if (check->lost == 0)
        return status;
    fprintf(stderr, "pirn check: %zu cases could not connect any more\n", check->lost);
    return CLI_FAILED;
}

int cli_check(int argc, char **argv)
{
    struct check check = {.printed = 0};
    int status = CLI_USAGE;
    if (check_options_read(&check, argc, argv) && check.help) {
        fputs(cli_check_help, stdout);
        status = CLI_OK;
    } else if (check.target.address_len > 0) {
        check.results = calloc(count_cases(), sizeof *check.results);
        check.loop = pirn_loop_new(NULL);
        if (check.results && check.loop)
            status = check_all(&check);
        else
            fputs("pirn check: out of memory\n", stderr);
        pirn_loop_free(check.loop);
        free(check.results);
    }
    check_options_release(&check);
    return status;
}
