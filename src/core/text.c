#include "text.h"

#include <string.h>

void pirn__text_init(struct pirn__text *text, char *data, size_t cap)
{
    *text = (struct pirn__text){.data = data, .cap = cap};
    data[0] = '\0';
}

void pirn__text_add(struct pirn__text *text, struct pirn_str bytes)
{
    if (text->len + 1 < text->cap && bytes.len > 0) {
        size_t room = text->cap - 1 - text->len;
        size_t fits = bytes.len < room ? bytes.len : room;
        memcpy(text->data + text->len, bytes.data, fits);
        text->data[text->len + fits] = '\0';
    }
    text->len += bytes.len;
}

void pirn__text_add_cstr(struct pirn__text *text, const char *cstr)
{
    pirn__text_add(text, pirn_cstr(cstr));
}

void pirn__text_add_char(struct pirn__text *text, char c)
{
    pirn__text_add(text, (struct pirn_str){&c, 1});
}

void pirn__text_add_number(struct pirn__text *text, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    pirn__text_add(text, (struct pirn_str){digits + at, sizeof digits - at});
}
