/* extension_element.c: cuts an element of Sec-WebSocket-Extensions from the left:
 *
 *     extension = token *( OWS ";" OWS token [ OWS "=" OWS ( token / quoted token ) ] )
 *
 * RFC 6455, 9.1 wants a quoted value to be a token too once it is unquoted. A value with
 * backslashes is the only thing that cannot be a slice of the text; it is put into `unquoted`. */
#include <pirn/extension.h>
#include <pirn/error.h>

#include "chars.h"
#include "extension_parts.h"

struct parser {
    struct pirn_extension_element *extension;
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
    struct pirn_extension_element *extension = parser->extension;
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
    struct pirn_extension_element *extension = parser->extension;
    if (extension->param_count == PIRN_EXTENSION_MAX_PARAMS)
        return false;
    struct pirn_extension_param *param = &extension->params[extension->param_count++];
    param->value = (struct pirn_str){NULL, 0};
    if (!take_token(parser, &param->name))
        return false;
    return !take_char(parser, '=') || take_value(parser, &param->value);
}

int pirn_extension_element_parse(struct pirn_extension_element *extension, struct pirn_str item)
{
    struct parser parser = {.extension = extension, .rest = item};
    extension->param_count = 0;
    bool good = take_token(&parser, &extension->name);
    while (good && take_char(&parser, ';'))
        good = take_param(&parser);
    return good && parser.rest.len == 0 ? 0 : -PIRN_E_EXTENSION_HEADER;
}

const struct pirn_extension_param *
pirn_extension_element_find(const struct pirn_extension_element *extension, struct pirn_str name)
{
    for (size_t i = 0; i < extension->param_count; i++)
        if (pirn_str_equal(extension->params[i].name, name))
            return &extension->params[i];
    return NULL;
}

static void add_token(struct pirn__http_writer *writer, struct pirn_str token)
{
    if (!pirn__all(token, PIRN__TOKEN))
        pirn__http_refuse(writer, PIRN_E_TOKEN);
    pirn__http_add_raw(writer, token);
}

void pirn__extension_add(struct pirn__http_writer *writer,
                         const struct pirn_extension_element *element)
{
    if (element->param_count > PIRN_EXTENSION_MAX_PARAMS)
        pirn__http_refuse(writer, PIRN_E_ARGUMENT);
    if (writer->error)
        return;
    if (writer->text.len > 0)
        pirn__http_add_raw(writer, PIRN_STR(", "));
    add_token(writer, element->name);
    for (size_t i = 0; i < element->param_count; i++) {
        const struct pirn_extension_param *param = &element->params[i];
        pirn__http_add_raw(writer, PIRN_STR("; "));
        add_token(writer, param->name);
        if (!param->value.data)
            continue;
        pirn__http_add_raw(writer, PIRN_STR("="));
        add_token(writer, param->value);
    }
}

int pirn_extension_element_write(const struct pirn_extension_element *extension, char *out,
                                 size_t cap)
{
    struct pirn__http_writer writer;
    pirn__http_begin(&writer, out, cap);
    pirn__extension_add(&writer, extension);
    return pirn__http_end(&writer);
}
