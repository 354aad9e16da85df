/*
 * Tap: a layer of a stream that shows a record (record.h) every byte that passes, both ways, and changes none. A byte
 * that was recorded was read from the stream below or taken by it.
 */
#ifndef SOCKT_NET_TAP_H
#define SOCKT_NET_TAP_H

#include "lib/base/err.h"
#include "lib/net/record.h"
#include "lib/net/stream.h"

/*
 * Takes below, and copies name, the peer in the record; the record is borrowed until the stream is freed. NULL and err
 * without memory: then below is freed too.
 */
struct stream *tap_stream(struct stream *below, struct record *record, const char *name, struct err *err);

#endif
