/* http_date.c: dates, by the algorithm of RFC 6265, 5.1.1, which takes all three forms of HTTP too:
 * of the words of the text, the first that can be a time is the time, and so on; what is left over
 * does not count. */
#include <pirn/error.h>
#include <pirn/http.h>

#include "ascii.h"
#include "chars.h"

struct date {
    int hour, minute, second, day, month, year; /* -1: not seen yet; month from 0 */
};

static bool is_delimiter(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte == 0x09 || (byte >= 0x20 && byte <= 0x2F) || (byte >= 0x3B && byte <= 0x40) ||
           (byte >= 0x5B && byte <= 0x60) || (byte >= 0x7B && byte <= 0x7E);
}

static struct pirn_str take_word(struct pirn_str *rest)
{
    while (rest->len > 0 && is_delimiter(rest->data[0]))
        *rest = pirn__skip(*rest, 1);
    size_t n = 0;
    while (n < rest->len && !is_delimiter(rest->data[n]))
        n++;
    struct pirn_str word = {rest->data, n};
    *rest = pirn__skip(*rest, n);
    return word;
}

/* Cuts a number of `least` to `most` digits off the beginning of *rest; -1: none. */
static int take_number(struct pirn_str *rest, size_t least, size_t most)
{
    size_t n = 0;
    int number = 0;
    for (; n < rest->len && pirn__is_digit(rest->data[n]); n++) {
        if (n == most)
            return -1;
        number = number * 10 + (rest->data[n] - '0');
    }
    *rest = pirn__skip(*rest, n);
    return n >= least ? number : -1;
}

static bool read_time(struct date *date, struct pirn_str word)
{
    int hour = take_number(&word, 1, 2);
    if (hour < 0 || !pirn__take_char(&word, ':'))
        return false;
    int minute = take_number(&word, 1, 2);
    if (minute < 0 || !pirn__take_char(&word, ':'))
        return false;
    int second = take_number(&word, 1, 2);
    if (second < 0)
        return false;
    date->hour = hour;
    date->minute = minute;
    date->second = second;
    return true;
}

static bool read_month(struct date *date, struct pirn_str word)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int month = 0; word.len >= 3 && month < 12; month++)
        if (pirn_str_equal_nocase((struct pirn_str){names + 3 * month, 3},
                                  (struct pirn_str){word.data, 3})) {
            date->month = month;
            return true;
        }
    return false;
}

static void read_word(struct date *date, struct pirn_str word)
{
    struct pirn_str rest = word;
    int number;
    if (date->hour < 0 && read_time(date, word))
        return;
    if (date->day < 0 && (number = take_number(&rest, 1, 2)) >= 0) {
        date->day = number;
        return;
    }
    if (date->month < 0 && read_month(date, word))
        return;
    rest = word;
    if (date->year < 0 && (number = take_number(&rest, 2, 4)) >= 0)
        date->year = number + (number < 70 ? 2000 : number < 100 ? 1900 : 0);
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of_month(const struct date *date)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[date->month] + (date->month == 1 && is_leap(date->year));
}

static bool is_valid(const struct date *date)
{
    return date->hour >= 0 && date->hour <= 23 && date->minute <= 59 && date->second <= 59 &&
           date->month >= 0 && date->year >= 1601 && date->day >= 1 &&
           date->day <= days_of_month(date);
}

/* Years begin in March, so that the leap day is their last. */
static int64_t days_since_1970(const struct date *date)
{
    int month = (date->month + 10) % 12;
    int64_t year = date->year - (date->month < 2);
    int64_t day_of_year = (153 * month + 2) / 5 + date->day - 1;
    return year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719468;
}

int pirn_http_date(struct pirn_str text, int64_t *seconds)
{
    struct date date = {-1, -1, -1, -1, -1, -1};
    struct pirn_str word;
    while ((word = take_word(&text)).len > 0)
        read_word(&date, word);
    if (!is_valid(&date))
        return -PIRN_E_ARGUMENT;
    *seconds = days_since_1970(&date) * 86400 + date.hour * 3600 + date.minute * 60 + date.second;
    return 0;
}
