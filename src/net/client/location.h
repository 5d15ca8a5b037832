/* location.h: where a redirect leads. No I/O. */
#ifndef PIRN_NET_LOCATION_H
#define PIRN_NET_LOCATION_H

#include <pirn/url.h>

/* Resolves a Location header against the URL that was asked (RFC 3986, 5.2), and writes the URL to
 * go to: as pirn__location_write(), its path without "." and "..". A user of the Location's own and
 * its fragment are left out. base's target begins with "/". Returns the length, or -PIRN_E_URL,
 * -PIRN_E_ROOM. */
int pirn__location_resolve(const struct pirn_url *base, struct pirn_str reference, char *out,
                           size_t cap);

/* Writes a URL with the scheme ws or wss, without a user, without the scheme's own port, its path
 * at least "/", and a NUL that is not counted. Returns the length or -PIRN_E_ROOM. */
int pirn__location_write(const struct pirn_url *url, char *out, size_t cap);

/* Scheme, host and port are the same. */
bool pirn__location_same_origin(const struct pirn_url *a, const struct pirn_url *b);

#endif
