/* pirn/pirn.h: all of Pirn. */
#ifndef PIRN_PIRN_H
#define PIRN_PIRN_H

#include <pirn/blocking.h>
#include <pirn/client.h>
#include <pirn/conn.h>
#include <pirn/cookies.h>
#include <pirn/core.h>
#include <pirn/loop.h>
#include <pirn/server.h>
#include <pirn/stream.h>
#include <pirn/tls.h>

#endif
