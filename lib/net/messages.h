/*
 * Messages: a stream over a connected socket that keeps them apart: UDP, and Unix sockets of datagrams and of
 * sequenced packets. Only the last know an end.
 *
 * What ICMP says of a datagram that was sent fails the stream, in its own words, once what had come before is read:
 * ERR_CONNECT as long as the peer has never said anything, ERR_BROKEN then.
 */
#ifndef SOCKT_NET_MESSAGES_H
#define SOCKT_NET_MESSAGES_H

#include "lib/base/err.h"
#include "lib/event/loop.h"
#include "lib/net/stream.h"

/*
 * Takes fd over, which is connected and non-blocking. A message that is longer than what a read offers is not cut: that
 * fails, with ERR_LIMIT. So does a write of one that is too long for the socket. NULL and err without memory; fd is
 * closed then too.
 */
struct stream *messages_stream(struct loop *loop, int fd, struct err *err);

#endif
