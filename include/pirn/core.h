/* pirn/core.h: all of libpirn-core. */
#ifndef PIRN_CORE_H
#define PIRN_CORE_H

#include <pirn/auth.h>
#include <pirn/backoff.h>
#include <pirn/base.h>
#include <pirn/close.h>
#include <pirn/deflate.h>
#include <pirn/endpoint.h>
#include <pirn/error.h>
#include <pirn/extension.h>
#include <pirn/frame.h>
#include <pirn/handshake.h>
#include <pirn/http.h>
#include <pirn/mask.h>
#include <pirn/url.h>
#include <pirn/utf8.h>

#endif
