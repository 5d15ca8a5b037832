/* deflate_params.c: the negotiation of permessage-deflate (RFC 7692, 5, 6 and 7.1).
 *
 * An offer or an answer is read into struct terms, which says of each of the four parameters
 * whether it is there and how many bits it names. What is wrong with it is a text for a client; a
 * server just declines.
 *
 * A client that asks something of the server, or tells it a size, adds a second offer without it,
 * so that it gets compression from servers that cannot do it. An answer that lacks what the first
 * offer asked for answers the second one therefore, and every well-formed answer is one to
 * something we offered.
 *
 * A server answers what it was asked, and no more of its own than its configuration wants: there
 * are clients that fail on parameters which they did not offer, though they must not; and clients
 * (gorilla's) that fail without client_no_context_takeover, which they offered. Clients that offer
 * client_max_window_bits=8 and compress by zlib (Python's) fail whatever the answer, unless it is
 * none. */
#include "deflate_state.h"

enum param {
    SERVER_NO_CONTEXT_TAKEOVER,
    CLIENT_NO_CONTEXT_TAKEOVER,
    SERVER_MAX_WINDOW_BITS,
    CLIENT_MAX_WINDOW_BITS,
    PARAMS
};

static const struct pirn_str names[PARAMS] = {
    PIRN_STR_INIT("server_no_context_takeover"),
    PIRN_STR_INIT("client_no_context_takeover"),
    PIRN_STR_INIT("server_max_window_bits"),
    PIRN_STR_INIT("client_max_window_bits"),
};

/* The numbers 8 to 15, as RFC 7692, 7.1.2 has them: no leading zeros. */
#define BITS_MIN 8
static const struct pirn_str numbers[] = {
    PIRN_STR_INIT("8"),  PIRN_STR_INIT("9"),  PIRN_STR_INIT("10"), PIRN_STR_INIT("11"),
    PIRN_STR_INIT("12"), PIRN_STR_INIT("13"), PIRN_STR_INIT("14"), PIRN_STR_INIT("15"),
};

struct terms {
    bool has[PARAMS];
    int bits[PARAMS]; /* 15 where none are named */
};

static int lesser(int a, int b)
{
    return a < b ? a : b;
}

static const struct pirn_deflate_config *config_of(const struct pirn_extension *extension)
{
    return &((const struct pirn_deflate *)(const void *)extension)->config;
}

/* 8 to 15, or 0. */
static int parse_bits(struct pirn_str value)
{
    for (int bits = BITS_MIN; bits <= PIRN__DEFLATE_BITS_MAX; bits++)
        if (pirn_str_equal(value, numbers[bits - BITS_MIN]))
            return bits;
    return 0;
}

static const char *read_value(struct terms *terms, int which, struct pirn_str value, bool is_offer)
{
    bool is_bits = which >= SERVER_MAX_WINDOW_BITS;
    if (!value.data)
        return is_bits && !(is_offer && which == CLIENT_MAX_WINDOW_BITS)
                   ? "permessage-deflate: window bits without a value"
                   : NULL;
    if (!is_bits)
        return "permessage-deflate: no_context_takeover with a value";
    terms->bits[which] = parse_bits(value);
    return terms->bits[which] == 0 ? "permessage-deflate: window bits are not 8 to 15" : NULL;
}

static const char *read_param(struct terms *terms, const struct pirn_extension_param *param,
                              bool is_offer)
{
    for (int which = 0; which < PARAMS; which++) {
        if (!pirn_str_equal(param->name, names[which]))
            continue;
        if (terms->has[which])
            return "permessage-deflate: parameter twice";
        terms->has[which] = true;
        return read_value(terms, which, param->value, is_offer);
    }
    return "permessage-deflate: unknown parameter";
}

/* Returns what is wrong, or NULL. */
static const char *read_terms(struct terms *terms, const struct pirn_extension_element *element,
                              bool is_offer)
{
    *terms = (struct terms){.bits = {0, 0, PIRN__DEFLATE_BITS_MAX, PIRN__DEFLATE_BITS_MAX}};
    const char *wrong = NULL;
    for (size_t i = 0; i < element->param_count && !wrong; i++)
        wrong = read_param(terms, &element->params[i], is_offer);
    return wrong;
}

static void begin(struct pirn_extension_element *element, const struct pirn_extension *extension)
{
    element->name = extension->name;
    element->param_count = 0;
}

/* bits 0: without a value. */
static void add(struct pirn_extension_element *element, enum param which, int bits)
{
    struct pirn_extension_param *param = &element->params[element->param_count++];
    param->name = names[which];
    param->value = bits != 0 ? numbers[bits - BITS_MIN] : (struct pirn_str){NULL, 0};
}

static void agree(struct pirn_extension_state *state, struct pirn_deflate_params params)
{
    state->own[PIRN__DEFLATE_OWN_BITS] = (uint8_t)params.own_window_bits;
    state->own[PIRN__DEFLATE_PEER_BITS] = (uint8_t)params.peer_window_bits;
    state->own[PIRN__DEFLATE_FLAGS] =
        (uint8_t)((params.own_no_context_takeover ? PIRN__DEFLATE_OWN_NO_CONTEXT : 0) |
                  (params.peer_no_context_takeover ? PIRN__DEFLATE_PEER_NO_CONTEXT : 0));
}

bool pirn__deflate_offer(const struct pirn_extension *extension, unsigned index,
                         struct pirn_extension_element *offer)
{
    const struct pirn_deflate_config *config = config_of(extension);
    bool asks_window = config->peer_window_bits < PIRN__DEFLATE_BITS_MAX;
    bool tells_window = config->window_bits < PIRN__DEFLATE_BITS_MAX;
    bool asks = asks_window || config->peer_no_context_takeover || tells_window;
    if (index > (asks ? 1 : 0))
        return false;
    begin(offer, extension);
    /* The value tells the server that it needs no larger window, whatever it answers. npm ws
     * refuses the offer, and the handshake with it, when it is configured for a larger one. */
    add(offer, CLIENT_MAX_WINDOW_BITS, index == 0 && tells_window ? config->window_bits : 0);
    if (config->no_context_takeover)
        add(offer, CLIENT_NO_CONTEXT_TAKEOVER, 0);
    if (index == 0 && config->peer_no_context_takeover)
        add(offer, SERVER_NO_CONTEXT_TAKEOVER, 0);
    if (index == 0 && asks_window)
        add(offer, SERVER_MAX_WINDOW_BITS, config->peer_window_bits);
    return true;
}

bool pirn__deflate_accept(const struct pirn_extension *extension,
                          const struct pirn_extension_element *offer,
                          struct pirn_extension_state *state, struct pirn_extension_element *answer)
{
    const struct pirn_deflate_config *config = config_of(extension);
    struct terms terms;
    if (read_terms(&terms, offer, true) ||
        terms.bits[SERVER_MAX_WINDOW_BITS] < PIRN__DEFLATE_BITS_MIN ||
        terms.bits[CLIENT_MAX_WINDOW_BITS] < PIRN__DEFLATE_BITS_MIN)
        return false;
    struct pirn_deflate_params params = {
        .own_window_bits = lesser(config->window_bits, terms.bits[SERVER_MAX_WINDOW_BITS]),
        .peer_window_bits = PIRN__DEFLATE_BITS_MAX,
        .own_no_context_takeover =
            config->no_context_takeover || terms.has[SERVER_NO_CONTEXT_TAKEOVER],
        /* There are clients that offer it and take the context over if it is not answered. */
        .peer_no_context_takeover =
            config->peer_no_context_takeover || terms.has[CLIENT_NO_CONTEXT_TAKEOVER],
    };
    if (terms.has[CLIENT_MAX_WINDOW_BITS])
        params.peer_window_bits =
            lesser(config->peer_window_bits, terms.bits[CLIENT_MAX_WINDOW_BITS]);
    agree(state, params);

    begin(answer, extension);
    if (params.own_no_context_takeover)
        add(answer, SERVER_NO_CONTEXT_TAKEOVER, 0);
    if (params.peer_no_context_takeover)
        add(answer, CLIENT_NO_CONTEXT_TAKEOVER, 0);
    if (terms.has[SERVER_MAX_WINDOW_BITS])
        add(answer, SERVER_MAX_WINDOW_BITS, params.own_window_bits);
    if (params.peer_window_bits < PIRN__DEFLATE_BITS_MAX)
        add(answer, CLIENT_MAX_WINDOW_BITS, params.peer_window_bits);
    return true;
}

bool pirn__deflate_confirm(const struct pirn_extension *extension,
                           const struct pirn_extension_element *answer,
                           struct pirn_extension_state *state, const char **wrong)
{
    const struct pirn_deflate_config *config = config_of(extension);
    struct terms terms;
    const char *text = read_terms(&terms, answer, false);
    if (text) {
        *wrong = text;
        return false;
    }
    agree(state,
          (struct pirn_deflate_params){
              .own_window_bits = lesser(config->window_bits, terms.bits[CLIENT_MAX_WINDOW_BITS]),
              .peer_window_bits = terms.bits[SERVER_MAX_WINDOW_BITS],
              .own_no_context_takeover =
                  config->no_context_takeover || terms.has[CLIENT_NO_CONTEXT_TAKEOVER],
              .peer_no_context_takeover = terms.has[SERVER_NO_CONTEXT_TAKEOVER],
          });
    return true;
}

bool pirn_deflate_negotiated(const struct pirn_deflate *deflate,
                             struct pirn_extension_state *states,
                             struct pirn_deflate_params *params)
{
    struct pirn_extension_state *state =
        states ? pirn_extension_find(states, &deflate->extension) : NULL;
    if (!state)
        return false;
    const struct pirn__deflate_state *own = pirn__deflate_state(state);
    *params = (struct pirn_deflate_params){
        .own_window_bits = state->own[PIRN__DEFLATE_OWN_BITS],
        .peer_window_bits = state->own[PIRN__DEFLATE_PEER_BITS],
        .own_no_context_takeover = pirn__deflate_has(own, PIRN__DEFLATE_OWN_NO_CONTEXT),
        .peer_no_context_takeover = pirn__deflate_has(own, PIRN__DEFLATE_PEER_NO_CONTEXT),
    };
    return true;
}
