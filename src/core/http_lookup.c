/* http_lookup.c: finds headers and takes their values apart.
 *
 * Headers are searched one after the other: a hundred of them at most, and no hash table that a
 * peer could fill. */
#include <pirn/http.h>

#include <string.h>

#include "chars.h"

const struct pirn_header *pirn_http_next(const struct pirn_http_head *head, struct pirn_str name,
                                         const struct pirn_header *previous)
{
    size_t i = previous ? (size_t)(previous - head->headers) + 1 : 0;
    for (; i < head->header_count; i++)
        if (pirn_str_equal_nocase(head->headers[i].name, name))
            return &head->headers[i];
    return NULL;
}

struct pirn_str pirn_http_find(const struct pirn_http_head *head, struct pirn_str name)
{
    const struct pirn_header *header = pirn_http_next(head, name, NULL);
    return header ? header->value : (struct pirn_str){NULL, 0};
}

size_t pirn_http_count(const struct pirn_http_head *head, struct pirn_str name)
{
    size_t count = 0;
    for (const struct pirn_header *h = NULL; (h = pirn_http_next(head, name, h)) != NULL;)
        count++;
    return count;
}

void pirn_http_list_init(struct pirn_http_list *list, const struct pirn_http_head *head,
                         struct pirn_str name)
{
    *list = (struct pirn_http_list){.head = head, .name = name};
}

void pirn_http_list_init_value(struct pirn_http_list *list, struct pirn_str value)
{
    *list = (struct pirn_http_list){.rest = value};
}

/* Cuts an element off the beginning of *rest, with the comma behind it. */
static struct pirn_str take_element(struct pirn_str *rest)
{
    bool quoted = false;
    size_t n = 0;
    for (; n < rest->len && (quoted || rest->data[n] != ','); n++) {
        if (rest->data[n] == '"')
            quoted = !quoted;
        else if (quoted && rest->data[n] == '\\' && n + 1 < rest->len)
            n++;
    }
    struct pirn_str element = {rest->data, n};
    *rest = pirn__skip(*rest, n < rest->len ? n + 1 : n);
    return pirn__trim(element);
}

bool pirn_http_list_next(struct pirn_http_list *list, struct pirn_str *item)
{
    for (;;) {
        while (list->rest.len > 0) {
            *item = take_element(&list->rest);
            if (item->len > 0)
                return true;
        }
        if (list->head)
            list->header = pirn_http_next(list->head, list->name, list->header);
        if (!list->header)
            break;
        list->rest = list->header->value;
    }
    list->head = NULL;
    return false;
}

bool pirn_http_has_token(const struct pirn_http_head *head, struct pirn_str name,
                         struct pirn_str token)
{
    struct pirn_http_list list;
    struct pirn_str item;
    pirn_http_list_init(&list, head, name);
    while (pirn_http_list_next(&list, &item))
        if (pirn_str_equal_nocase(item, token))
            return true;
    return false;
}

struct pirn_str pirn_http_cookie(const struct pirn_http_head *head, struct pirn_str name)
{
    for (const struct pirn_header *h = NULL;
         (h = pirn_http_next(head, PIRN_STR("Cookie"), h)) != NULL;) {
        for (struct pirn_str rest = h->value; rest.len > 0;) {
            struct pirn_str value = pirn__take_until(&rest, ';');
            bool is_pair = value.len > 0 && memchr(value.data, '=', value.len);
            struct pirn_str found = pirn__trim(pirn__take_until(&value, '='));
            if (is_pair && pirn_str_equal(found, name))
                return pirn__trim(value);
        }
    }
    return (struct pirn_str){NULL, 0};
}

bool pirn_http_is_token(struct pirn_str text)
{
    return pirn__all(text, PIRN__TOKEN);
}

bool pirn_http_is_value(struct pirn_str text)
{
    return pirn__span(text, PIRN__VALUE) == text.len;
}
