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
