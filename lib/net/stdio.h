/*
 * Standard input and output as one stream. The descriptors are inherited and shared with the shell, so nothing is ever
 * changed on them: O_NONBLOCK is a flag of the open file, not of us.
 */
#ifndef SOCKT_NET_STDIO_H
#define SOCKT_NET_STDIO_H

#include "lib/net/stream.h"

/* Reads from descriptor 0, writes to descriptor 1; neither is closed. NULL and err without memory. */
struct stream *stdio_stream(struct loop *loop, struct err *err);

#endif
