/*
 * Herald: a layer of a stream that calls somebody before the first byte is written, once. For sinks that nobody splices
 * to, such as terminals.
 */
#ifndef SOCKT_NET_HERALD_H
#define SOCKT_NET_HERALD_H

#include "lib/base/err.h"
#include "lib/net/stream.h"

/* Takes below. fn is called from within stream_write(). NULL and err without memory: then below is freed too. */
struct stream *herald_stream(struct stream *below, void (*fn)(void *arg), void *arg, struct err *err);

#endif
