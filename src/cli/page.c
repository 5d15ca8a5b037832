/* The page of `pirn serve` gets what it knows about close codes from pirn/close.h: there is no
 * second table. Rows are the codes and ranges that a browser can report. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pirn/close.h>

#include "page.h"

static const char *const retry_names[] = {
    [PIRN_RETRY_NEVER] = "never",
    [PIRN_RETRY_AFTER_WAIT] = "wait",
    [PIRN_RETRY_AT_ONCE] = "once",
};

static bool same_row(int a, int b)
{
    return strcmp(pirn_close_name(a), pirn_close_name(b)) == 0 &&
           strcmp(pirn_close_text(a), pirn_close_text(b)) == 0;
}

/* "<" is written so that no text can end the script element around it. */
static void write_string(FILE *out, const char *key, const char *text)
{
    fprintf(out, ",\"%s\":\"", key);
    for (; *text; text++)
        if (*text == '"' || *text == '\\' || *text == '<' || (unsigned char)*text < ' ')
            fprintf(out, "\\u%04x", (unsigned)*text);
        else
            fputc(*text, out);
    fputc('"', out);
}

static void write_row(FILE *out, int first, int last)
{
    fprintf(out, "{\"first\":%d,\"last\":%d,\"browser\":%s", first, last,
            pirn_close_may_send_from_browser(first) ? "true" : "false");
    write_string(out, "name", pirn_close_name(first));
    write_string(out, "means", pirn_close_text(first));
    write_string(out, "advice", pirn_close_advice(first));
    write_string(out, "retry",
                 pirn_close_class(first) == PIRN_CLOSE_CLASS_PRIVATE
                     ? "app"
                     : retry_names[pirn_close_retry(first)]);
    fputc('}', out);
}

static void write_codes(FILE *out)
{
    const char *before = "[";
    for (int first = PIRN_CLOSE_NORMAL, last; first <= PIRN_CLOSE_PRIVATE_LAST; first = last + 1) {
        last = first;
        while (last < PIRN_CLOSE_PRIVATE_LAST && same_row(first, last + 1))
            last++;
        fputs(before, out);
        write_row(out, first, last);
        before = ",\n";
    }
    fputc(']', out);
}

char *page_new(size_t *len)
{
    char *page = NULL;
    FILE *out = open_memstream(&page, len);
    if (!out)
        return NULL;
    fputs(page_before_codes, out);
    write_codes(out);
    fputs(page_after_codes, out);
    bool failed = ferror(out);
    if (fclose(out) != 0 || failed) {
        free(page);
        return NULL;
    }
    return page;
}
