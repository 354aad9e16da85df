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

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/event/loop.h"
#include "lib/net/addr.h"
#include "lib/net/stream.h"
#include "lib/service/relay.h"

struct hub_args {
	const struct relay_args *relay;	/* the same options mean the same for each client */
	int64_t max_ms;			/* longest life of a client; OPT_UNSET or 0: no limit */
	bool stats;
};

struct hub_calls {
	void (*gone)(void *arg);		/* a client has left and its descriptor is closed */
	void (*failed)(void *arg, const struct err *err);	/* the local stream failed: nothing can go on */
};

struct hub;

/* local, args, calls and log are borrowed until hub_free(). NULL and err without memory. */
struct hub *hub_start(struct loop *loop, struct stream *local, const struct hub_args *args,
	    const struct hub_calls *calls, void *arg, const struct log *log, struct err *err);

/* Takes a client's socket over. Without memory it is dropped, and gone is called from within. */
void	hub_add(struct hub *hub, int fd, const struct addr *peer);

/* Half-closes every client once its queue is empty, and reads no more from the local source. */
void	hub_drain(struct hub *hub);

size_t	hub_clients(const struct hub *hub);

/* Drops every client that is left. NULL is fine. No call comes from it. */
void	hub_free(struct hub *hub);

#endif
