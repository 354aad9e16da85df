/*
 * Hub: many clients at once around one local stream. What clients send goes to the local sink as it comes; what the
 * local source says goes to every client that is there.
 *
 * The source is read while some client has nothing queued, so the fastest client sets the pace. One that falls a whole
 * queue behind it is waited for, a quarter of a second, and then dropped. With no client the source is not read. Its
 * end half-closes every client, also those that come later. A sink that takes nothing stops the reading of clients and
 * nothing else.
 */
#ifndef SOCKT_SERVICE_HUB_H
#define SOCKT_SERVICE_HUB_H

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/event/loop.h"
#include "lib/net/layers.h"
#include "lib/net/stream.h"
#include "lib/service/relay.h"
#include "lib/service/server.h"

struct hub;

extern const struct service hub_service;	/* its instance is a struct hub */

/*
 * Options of a relay mean the same for each client. When the local stream fails and nothing can go on, failed is
 * called. Takes local, and layers for the clients; args and log are borrowed until hub_free(). NULL and err without
 * memory.
 */
struct hub *hub_start(struct loop *loop, struct stream *local, struct layers *layers, const struct relay_args *args,
	    void (*failed)(void *arg, const struct err *err), void *arg, const struct log *log, struct err *err);

/* Drops every client that is left. NULL is fine. */
void	hub_free(struct hub *hub);

#endif
