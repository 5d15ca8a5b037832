/* What the URL and the options of TLS mean. */
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *target_url(const char *given)
{
    const char *scheme = strstr(given, "://") ? "" : "ws://";
    size_t size = strlen(scheme) + strlen(given) + 1;
    char *url = malloc(size);
    if (url)
        snprintf(url, size, "%s%s", scheme, given);
    return url;
}

static bool has_scheme_of_ours(const char *text, size_t len)
{
    char probe[16];
    struct pirn_url url;
    snprintf(probe, sizeof probe, "%.*s://h", (int)len, text);
    return pirn_url_parse(&url, pirn_cstr(probe)) == 0;
}

/* pirn_url_parse() does not tell. */
static const char *fault_of(const char *text)
{
    const char *colon = strstr(text, "://");
    if (strchr(text, '#'))
        return "it has a fragment";
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f)
            return "it has a character that no URL has";
    if (!colon)
        return "it has no scheme";
    if (!has_scheme_of_ours(text, (size_t)(colon - text)))
        return "its scheme is none of ws, wss, http and https";
    const char *user = memchr(colon, '@', strcspn(colon + 3, "/?") + 3);
    return user ? "its user, host or port cannot be" : "its host or port cannot be";
}

bool target_parse(const char *command, const char *text, struct pirn_url *url)
{
    if (pirn_url_parse(url, pirn_cstr(text)) == 0)
        return true;
    fprintf(stderr, "pirn %s: '%s' is not a WebSocket URL: %s\n", command, text, fault_of(text));
    return false;
}

bool target_tls(struct pirn_tls **tls, const struct pirn_tls_config *config, char *error,
                size_t cap)
{
    struct pirn_tls_config all = *config;
    const char *key_log = getenv("SSLKEYLOGFILE");
    *tls = NULL;
    if (key_log && *key_log && pirn_tls_available())
        all.key_log_file = key_log;
    if (!all.identity.chain.file && !all.ca.file && !all.insecure && !all.key_log_file)
        return true;
    *tls = pirn_tls_new(PIRN_CLIENT, &all, error, cap);
    return *tls != NULL;
}
