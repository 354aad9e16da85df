/*
 * Solo: one client joined with a local stream, as a service.
 */
#ifndef SOCKT_SERVICE_SOLO_H
#define SOCKT_SERVICE_SOLO_H

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/event/loop.h"
#include "lib/net/layers.h"
#include "lib/net/stream.h"
#include "lib/service/relay.h"
#include "lib/service/server.h"

struct solo;

extern const struct service solo_service;	/* its instance is a struct solo; for a server with once */

/* Takes local, and layers for the client; args and log are borrowed until solo_free(). NULL and err without memory. */
struct solo *solo_new(struct loop *loop, struct stream *local, struct layers *layers, const struct relay_args *args,
	    const struct log *log, struct err *err);

struct relay_counts solo_counts(const struct solo *solo);

/* Adds to err how far the client's transfer had come, if there was one. */
void	solo_count(const struct solo *solo, struct err *err);

/* Ends the relay as relay_free() says. NULL is fine. */
void	solo_free(struct solo *solo);

#endif
