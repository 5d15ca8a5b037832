/* line.c: texts of system errors, and of others' making. */
#include "loop/line.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

/* strerror(3) is neither safe among threads nor the same in every locale. */
static const struct system_error {
    int number;
    const char *text;
} system_errors[] = {
    {ECONNRESET, "connection reset by peer"},
    {EPIPE, "connection closed by peer while sending"},
    {ETIMEDOUT, "connection timed out"},
    {ECONNABORTED, "connection aborted"},
    {ECONNREFUSED, "connection refused"},
    {EHOSTUNREACH, "no route to host"},
    {ENETUNREACH, "network is unreachable"},
    {ENETDOWN, "network is down"},
    {EADDRNOTAVAIL, "address is not available"},
    {EAFNOSUPPORT, "address family is not supported"},
    {EACCES, "permission denied"},
    {EPERM, "not permitted"},
    {ENOENT, "no such file"},
    {EAGAIN, "too many connections wait already"},
    {EMFILE, "too many open files"},
    {ENFILE, "too many open files in the system"},
    {ENOBUFS, "no buffer space"},
    {ENOMEM, "out of memory"},
};

const char *pirn__line_system_error(int number, char *text, size_t cap)
{
    for (size_t i = 0; i < sizeof system_errors / sizeof *system_errors; i++)
        if (system_errors[i].number == number)
            return system_errors[i].text;
    snprintf(text, cap, "system error %d", number);
    return text;
}

/* There are some of two bytes too: U+0080 to U+009F. */
void pirn__line_clean(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        bool of_two = c[0] == 0xC2 && c[1] >= 0x80 && c[1] <= 0x9F;
        if (of_two)
            c[1] = '?';
        if (of_two || *c < 0x20 || *c == 0x7F)
            *c = '?';
    }
}
