/*
 * Layers: what options put on every connection of a run: a record of its bytes, and a limit of its pace. Without any, a
 * connection is its socket and nothing else.
 */
#ifndef SOCKT_NET_LAYERS_H
#define SOCKT_NET_LAYERS_H

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/event/loop.h"
#include "lib/net/pace.h"
#include "lib/net/record.h"
#include "lib/net/rights.h"
#include "lib/net/stream.h"

struct layers_args {
	struct record_args record;
	struct pace_args pace;
	const struct rights *rights;	/* what goes with the first bytes over a Unix socket; borrowed; NULL: nothing */
	size_t packets;		/* sockets keep messages apart, of at most so many bytes; 0: they do not */
};

struct layers;

/*
 * Opens the record, if there is to be one; when that fails later, failed, unless NULL, is called from the loop. args
 * and log are borrowed until layers_free(). NULL and err when a file cannot be opened or without memory.
 */
struct layers *layers_new(struct loop *loop, const struct layers_args *args,
	    void (*failed)(void *arg, const struct err *err), void *arg, const struct log *log, struct err *err);

/*
 * Puts the layers on a stream, of messages with args->packets, which it takes; the name of the peer is copied. NULL and
 * err without memory: then below is freed. Streams are freed before the layers are.
 */
struct stream *layers_over(struct layers *l, struct stream *below, const char *name, struct err *err);

/*
 * A stream over the connected socket fd, which it takes, with its layers; the rest as for layers_over(). NULL and err
 * without memory: then fd is closed.
 */
struct stream *layers_socket(struct layers *l, int fd, const char *name, struct err *err);

/* Waits for the record to be taken, as record_free() does. NULL is fine. */
void	layers_free(struct layers *l);

#endif
