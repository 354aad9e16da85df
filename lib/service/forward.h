/*
 * Forward: each client joined with a connection of its own to a target. Bytes are spliced; a half-close and a reset on
 * one side become one on the other. While its target is dialed a client is not read, so that nothing need be kept.
 */
#ifndef SOCKT_SERVICE_FORWARD_H
#define SOCKT_SERVICE_FORWARD_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/event/loop.h"
#include "lib/net/dial.h"
#include "lib/net/layers.h"
#include "lib/service/relay.h"
#include "lib/service/server.h"
#include "lib/wire/endpoint.h"

struct forward_args {
	struct endpoint target;
	const struct dial_args *dial;
	const struct relay_args *relay;
	bool fail_rst;		/* a client whose target cannot be reached is reset rather than closed */
};

struct forward;

extern const struct service forward_service;	/* its instance is a struct forward */

/* Takes layers for the clients; args and log are borrowed until forward_free(). NULL and err without memory. */
struct forward *forward_new(struct loop *loop, const struct forward_args *args, struct layers *layers,
	    const struct log *log, struct err *err);

/* Of all clients there are and were, together. */
struct relay_counts forward_counts(const struct forward *f);

/* Cuts off every pair that is left. NULL is fine. */
void	forward_free(struct forward *f);

#endif
