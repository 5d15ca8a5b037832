/* What `pirn check` prints: for people, or as JSON, one object a line. */
#include <stdio.h>

#include "check.h"
#include "cli.h"

static const char *const levels[] = {"MUST", "SHOULD", "MAY"};

/* To do otherwise than a MAY says violates nothing. */
static const char *verdict_text(const struct check_result *result)
{
    if (result->verdict == CHECK_VIOLATED && result->level == CHECK_MAY)
        return "differs";
    return result->verdict == CHECK_OK         ? "ok"
           : result->verdict == CHECK_VIOLATED ? "violated"
                                               : "not judged";
}

/* Texts have no control characters but line ends, and no other bytes of 8 bits than in options. */
static void print_json_text(const char *name, const char *text)
{
    printf("\"%s\":\"", name);
    for (const char *at = text ? text : ""; *at; at++)
        if (*at == '"' || *at == '\\')
            printf("\\%c", *at);
        else if ((unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7f)
            printf("\\u%04x", (unsigned char)*at);
        else
            putchar(*at);
    putchar('"');
}

static void print_json(const struct check_group *group, const struct check_case *kase,
                       const struct check_result *result)
{
    const struct {
        const char *name, *text;
    } members[] = {
        {"id", kase->id},
        {"group", group->title},
        {"level", levels[result->level]},
        {"clause", result->clause},
        {"verdict", verdict_text(result)},
        {"title", kase->title},
        {"expected", result->expected},
        {"came", result->came},
        {"request", kase->request},
        {"send", kase->send},
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        putchar(i ? ',' : '{');
        print_json_text(members[i].name, members[i].text);
    }
    puts("}");
}

/* Line ends and bytes of 8 bits of a request as people read them. */
static void print_quoted(const char *what, const char *text)
{
    printf("             %s ", what);
    for (; *text; text++)
        if (*text == '\n')
            fputs(" | ", stdout);
        else if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
            printf("\\x%02x", (unsigned char)*text);
        else
            putchar(*text);
    putchar('\n');
}

static void print_line(const struct check *check, const struct check_case *kase,
                       const struct check_result *result)
{
    printf("  %-10s %-26s %-6s %-16s %s: ", verdict_text(result), kase->id, levels[result->level],
           result->clause, kase->title);
    if (result->verdict == CHECK_VIOLATED)
        printf("expected %s; came ", result->expected);
    puts(result->came[0] ? result->came : "nothing");
    if (check->verbose && kase->request)
        print_quoted("request:", kase->request);
    if (check->verbose && kase->send)
        print_quoted("sent:", kase->send);
}

void check_report(struct check *check)
{
    const struct check_group *group, *last = NULL;
    const struct check_case *kase;
    if (check->printed > 0)
        check_case_at(check->printed - 1, &last);
    for (; (kase = check_case_at(check->printed, &group)); check->printed++) {
        const struct check_result *result = &check->results[check->printed];
        if (!result->known)
            break;
        if (!check_is_wanted(check, kase))
            continue;
        if (check->json)
            print_json(group, kase, result);
        else if (group != last)
            printf("%s\n", group->title);
        last = group;
        if (!check->json)
            print_line(check, kase, result);
    }
    fflush(stdout);
}

struct sum {
    size_t cases, ok, not_judged, violated[3];
};

static struct sum sum_up(const struct check *check)
{
    struct sum sum = {0};
    const struct check_group *group;
    const struct check_case *kase;
    for (size_t i = 0; (kase = check_case_at(i, &group)); i++) {
        const struct check_result *result = &check->results[i];
        if (!check_is_wanted(check, kase))
            continue;
        sum.cases++;
        sum.ok += result->verdict == CHECK_OK;
        sum.not_judged += result->verdict == CHECK_NOT_JUDGED;
        if (result->verdict == CHECK_VIOLATED)
            sum.violated[result->level]++;
    }
    return sum;
}

int check_report_sum(const struct check *check)
{
    struct sum sum = sum_up(check);
    if (check->json) {
        fputs("{\"summary\":true,", stdout);
        print_json_text("url", check->target.url_text);
        printf(",\"echoes\":%s,\"cases\":%zu,\"ok\":%zu,\"violated\":{\"MUST\":%zu,\"SHOULD\":%zu}"
               ",\"differs\":%zu,\"not_judged\":%zu}\n",
               check->echoes ? "true" : "false", sum.cases, sum.ok, sum.violated[CHECK_MUST],
               sum.violated[CHECK_SHOULD], sum.violated[CHECK_MAY], sum.not_judged);
    } else {
        printf("%zu cases: %zu ok; violated %zu MUST, %zu SHOULD; %zu differ from a MAY; %zu not "
               "judged%s\n",
               sum.cases, sum.ok, sum.violated[CHECK_MUST], sum.violated[CHECK_SHOULD],
               sum.violated[CHECK_MAY], sum.not_judged, check->echoes ? "" : " (it does not echo)");
    }
    return sum.violated[CHECK_MUST] ? CLI_FAILED : CLI_OK;
}
