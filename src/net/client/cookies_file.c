/* cookies_file.c: Netscape's format, a line a cookie:
 *
 *     domain  TRUE (for hosts below too)  path  TRUE (secure)  expiry or 0  name  value
 *
 * A new file is written beside the old one and takes its name when it is complete. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cookies.h"

enum { FIELDS = 7, LINE_EXTRA = 512 };

static const char http_only[] = "#HttpOnly_";

/* ---- reading */

static int split(char *line, struct pirn_str fields[FIELDS])
{
    int count = 0;
    for (char *at = line; count < FIELDS; count++) {
        size_t len = count < FIELDS - 1 ? strcspn(at, "\t") : strlen(at);
        fields[count] = (struct pirn_str){at, len};
        if (at[len] == '\0')
            return count + 1;
        at += len + 1;
    }
    return count;
}

static bool read_line(char *line, struct pirn__cookie *cookie)
{
    struct pirn_str fields[FIELDS] = {{NULL, 0}};
    *cookie = (struct pirn__cookie){.secure = false};
    line[strcspn(line, "\r\n")] = '\0';
    if (strncmp(line, http_only, sizeof http_only - 1) == 0) {
        cookie->http_only = true;
        line += sizeof http_only - 1;
    } else if (line[0] == '#') {
        return false;
    }
    if (line[0] == '.')
        line++;
    for (char *c = line; *c && *c != '\t'; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
    if (split(line, fields) < FIELDS - 1) /* some leave an empty value out */
        return false;
    char *end;
    errno = 0;
    cookie->expiry_s = strtoll(fields[4].data, &end, 10);
    bool number = fields[4].len > 0 && end == fields[4].data + fields[4].len && errno == 0;
    if (cookie->expiry_s == 0)
        cookie->expiry_s = PIRN__COOKIE_SESSION;
    cookie->domain = fields[0];
    cookie->host_only = !pirn_str_equal_nocase(fields[1], PIRN_STR("TRUE"));
    cookie->path = fields[2];
    cookie->secure = pirn_str_equal_nocase(fields[3], PIRN_STR("TRUE"));
    cookie->name = fields[5];
    cookie->value = fields[6];
    return number && cookie->domain.len > 0 && cookie->path.len > 0 && cookie->path.data[0] == '/';
}

/* The next line that fits into the buffer, longer ones are passed over; false at the end. */
static bool next_line(FILE *file, char *line, int cap)
{
    bool whole = true;
    while (fgets(line, cap, file)) {
        bool ends = strchr(line, '\n') != NULL || feof(file);
        if (ends && whole)
            return true;
        whole = ends;
    }
    return false;
}

static int load(struct pirn_cookies *cookies, FILE *file, char *line, int cap, int64_t now_s)
{
    struct pirn__cookie cookie;
    int count = 0;
    while (next_line(file, line, cap)) {
        if (!read_line(line, &cookie) || !pirn__cookie_is_good(cookies, &cookie))
            continue;
        int kept = pirn__cookies_keep(cookies, &cookie, now_s);
        if (kept < 0)
            return kept;
        count += kept;
    }
    return ferror(file) ? -PIRN_E_SYSTEM : count;
}

static int fail(int why)
{
    errno = why;
    return -PIRN_E_SYSTEM;
}

int pirn_cookies_load(struct pirn_cookies *cookies, const char *path, int64_t now_s)
{
    size_t cap = cookies->config.max_bytes + LINE_EXTRA;
    char *line = pirn__cookies_resize(cookies, NULL, 0, cap);
    if (!line)
        return -PIRN_E_MEMORY;
    FILE *file = fopen(path, "re");
    int result = file ? load(cookies, file, line, (int)cap, now_s) : -PIRN_E_SYSTEM;
    int why = errno;
    if (file)
        fclose(file);
    pirn__cookies_resize(cookies, line, cap, 0);
    return result == -PIRN_E_SYSTEM ? fail(why) : result;
}

/* ---- writing */

static void write_line(FILE *file, const struct pirn__cookie *cookie)
{
    fprintf(file, "%s%s%.*s\t%s\t%.*s\t%s\t%" PRId64 "\t%.*s\t%.*s\n",
            cookie->http_only ? http_only : "", cookie->host_only ? "" : ".",
            (int)cookie->domain.len, cookie->domain.data, cookie->host_only ? "FALSE" : "TRUE",
            (int)cookie->path.len, cookie->path.data, cookie->secure ? "TRUE" : "FALSE",
            cookie->expiry_s == PIRN__COOKIE_SESSION ? 0 : cookie->expiry_s, (int)cookie->name.len,
            cookie->name.data, (int)cookie->value.len, cookie->value.data);
}

/* Returns how many, or -1: errno says. */
static int write_all(const struct pirn_cookies *cookies, FILE *file, int64_t now_s)
{
    int count = 0;
    fputs("# Netscape HTTP Cookie File\n", file);
    for (size_t i = 0; i < cookies->count; i++)
        if (!pirn__cookie_is_expired(cookies->list[i], now_s)) {
            write_line(file, cookies->list[i]);
            count++;
        }
    bool failed = fflush(file) != 0 || ferror(file);
    return failed ? -1 : count;
}

static FILE *open_temporary(char *path)
{
    int fd = mkostemp(path, O_CLOEXEC); /* with mode 0600 */
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (fd >= 0 && !file) {
        close(fd);
        remove(path);
        errno = ENOMEM;
    }
    return file;
}

static int save(const struct pirn_cookies *cookies, const char *path, char *temporary,
                int64_t now_s)
{
    FILE *file = open_temporary(temporary);
    if (!file)
        return -PIRN_E_SYSTEM;
    int count = write_all(cookies, file, now_s), why = errno;
    if (fclose(file) != 0 && count >= 0) {
        count = -1;
        why = errno;
    }
    if (count >= 0 && rename(temporary, path) < 0) {
        count = -1;
        why = errno;
    }
    if (count < 0)
        remove(temporary);
    return count < 0 ? fail(why) : count;
}

int pirn_cookies_save(struct pirn_cookies *cookies, const char *path, int64_t now_s)
{
    static const char suffix[] = ".XXXXXX";
    size_t len = strlen(path), size = len + sizeof suffix;
    char *temporary = pirn__cookies_resize(cookies, NULL, 0, size);
    if (!temporary)
        return -PIRN_E_MEMORY;
    memcpy(temporary, path, len);
    memcpy(temporary + len, suffix, sizeof suffix);
    int result = save(cookies, path, temporary, now_s), why = errno;
    pirn__cookies_resize(cookies, temporary, size, 0);
    return result < 0 ? fail(why) : result;
}
