/* extension.c: cuts an element of Sec-WebSocket-Extensions from the left:
 *
 *     extension = token *( OWS ";" OWS token [ OWS "=" OWS ( token / quoted token ) ] )
 *
 * RFC 6455, 9.1 wants a quoted value to be a token too once it is unquoted. A value with
 * backslashes is the only thing that cannot be a slice of the text; it is put into `unquoted`. */
#include <pirn/extension.h>
#include <pirn/error.h>

#include <limits.h>

#include "chars.h"
#include "text.h"

struct parser {
    struct pirn_extension *extension;
    struct pirn_str rest;
    size_t unquoted; /* bytes of extension->unquoted in use */
};

static void skip_space(struct parser *parser)
{
    while (pirn__take_char(&parser->rest, ' ') || pirn__take_char(&parser->rest, '\t'))
        continue;
}

static bool take_char(struct parser *parser, char c)
{
    skip_space(parser);
    return pirn__take_char(&parser->rest, c);
}

static bool take_token(struct parser *parser, struct pirn_str *token)
{
    skip_space(parser);
    *token = pirn__take(&parser->rest, PIRN__TOKEN);
    return token->len > 0;
}

static bool keep_unquoted(struct parser *parser, struct pirn_str run)
{
    struct pirn_extension *extension = parser->extension;
    if (run.len > sizeof extension->unquoted - parser->unquoted)
        return false;
    for (size_t i = 0; i < run.len; i++)
        extension->unquoted[parser->unquoted++] = run.data[i];
    return true;
}

/* Goes on behind `run`, the beginning of a quoted value that stopped before a backslash. */
static bool take_escaped(struct parser *parser, struct pirn_str run, struct pirn_str *value)
{
    size_t start = parser->unquoted;
    if (!keep_unquoted(parser, run))
        return false;
    while (pirn__take_char(&parser->rest, '\\')) {
        /* The character after the backslash, then those up to the next one. */
        struct pirn_str escaped = {parser->rest.data, parser->rest.len > 0};
        parser->rest = pirn__skip(parser->rest, escaped.len);
        run = pirn__take(&parser->rest, PIRN__TOKEN);
        if (!pirn__all(escaped, PIRN__TOKEN) || !keep_unquoted(parser, escaped) ||
            !keep_unquoted(parser, run))
            return false;
    }
    value->data = parser->extension->unquoted + start;
    value->len = parser->unquoted - start;
    return value->len > 0 && pirn__take_char(&parser->rest, '"');
}

static bool take_value(struct parser *parser, struct pirn_str *value)
{
    if (!take_char(parser, '"'))
        return take_token(parser, value);
    *value = pirn__take(&parser->rest, PIRN__TOKEN);
    if (pirn__take_char(&parser->rest, '"'))
        return value->len > 0;
    return take_escaped(parser, *value, value);
}

static bool take_param(struct parser *parser)
{
    struct pirn_extension *extension = parser->extension;
    if (extension->param_count == PIRN_EXTENSION_MAX_PARAMS)
        return false;
    struct pirn_extension_param *param = &extension->params[extension->param_count++];
    param->value = (struct pirn_str){NULL, 0};
    if (!take_token(parser, &param->name))
        return false;
    return !take_char(parser, '=') || take_value(parser, &param->value);
}

int pirn_extension_parse(struct pirn_extension *extension, struct pirn_str item)
{
    struct parser parser = {.extension = extension, .rest = item};
    extension->param_count = 0;
    bool good = take_token(&parser, &extension->name);
    while (good && take_char(&parser, ';'))
        good = take_param(&parser);
    return good && parser.rest.len == 0 ? 0 : -PIRN_E_EXTENSION_HEADER;
}

const struct pirn_extension_param *pirn_extension_find(const struct pirn_extension *extension,
                                                       struct pirn_str name)
{
    for (size_t i = 0; i < extension->param_count; i++)
        if (pirn_str_equal(extension->params[i].name, name))
            return &extension->params[i];
    return NULL;
}

static bool write_param(struct pirn__text *text, const struct pirn_extension_param *param)
{
    pirn__text_add_cstr(text, "; ");
    pirn__text_add(text, param->name);
    if (param->value.data) {
        pirn__text_add_char(text, '=');
        pirn__text_add(text, param->value);
    }
    return pirn__all(param->name, PIRN__TOKEN) &&
           (!param->value.data || pirn__all(param->value, PIRN__TOKEN));
}

int pirn_extension_write(const struct pirn_extension *extension, char *out, size_t cap)
{
    if (extension->param_count > PIRN_EXTENSION_MAX_PARAMS)
        return -PIRN_E_ARGUMENT;
    if (cap == 0)
        return -PIRN_E_ROOM;
    struct pirn__text text;
    pirn__text_init(&text, out, cap);
    pirn__text_add(&text, extension->name);
    bool good = pirn__all(extension->name, PIRN__TOKEN);
    for (size_t i = 0; i < extension->param_count && good; i++)
        good = write_param(&text, &extension->params[i]);
    if (!good)
        return -PIRN_E_TOKEN;
    return text.len < cap && text.len <= INT_MAX ? (int)text.len : -PIRN_E_ROOM;
}
