/*
 * Packets: a layer that makes a stream of bytes of a stream of messages: what is read and written are frames, each the
 * length of a message in 4 bytes, big endian, and the message (frame.h, len32). So whoever moves bytes, and knows
 * frames, moves messages with their boundaries, empty ones among them, without knowing more of them.
 *
 * A message is sent when its frame is whole, and whole. Who counts bytes finds the heads of the frames among them:
 * stream_overhead() says how many.
 */
#ifndef SOCKT_NET_PACKETS_H
#define SOCKT_NET_PACKETS_H

#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/event/loop.h"
#include "lib/net/dgram.h"
#include "lib/net/stream.h"

#define PACKETS_HEAD 4		/* bytes of a frame that are not the message's */

/*
 * Fills v[0..most) with bytes and n of the whole messages at the front of a queue of such frames, where they stay: each
 * takes PACKETS_HEAD + n bytes there. Returns of how many.
 */
size_t	packets_peek(const struct buf *queue, struct dgram *v, size_t most);

/*
 * Takes below, of STREAM_MESSAGES, from which messages of up to max bytes are read. NULL and err without memory: then
 * below is freed too.
 */
struct stream *packets_stream(struct loop *loop, struct stream *below, size_t max, struct err *err);

#endif
