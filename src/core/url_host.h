/* url_host.h: what may stand where a host stands. */
#ifndef PIRN_CORE_URL_HOST_H
#define PIRN_CORE_URL_HOST_H

#include <pirn/base.h>

/* A name or an IPv4 address. */
bool pirn__url_is_host(struct pirn_str text);

/* An IPv6 address without brackets and zone. */
bool pirn__url_is_ipv6(struct pirn_str text);

#endif
