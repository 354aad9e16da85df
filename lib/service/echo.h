/*
 * Echo: sends back what arrives (RFC 862), for thousands of clients at once.
 *
 * Bytes are read into one buffer that all clients share and written back at once. What a client does not take is queued
 * for it, and until it has taken that no more is read of it: an idle client holds no memory but its record. Bytes are
 * never spliced: the two pipes that would take cost more than they save. Messages in frames are sent back when they are
 * whole.
 */
#ifndef SOCKT_SERVICE_ECHO_H
#define SOCKT_SERVICE_ECHO_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/event/loop.h"
#include "lib/net/layers.h"
#include "lib/service/server.h"
#include "lib/wire/recode.h"

#define ECHO_PREFIX_MAX 1024	/* bytes of a prefix */

struct echo_args {
	struct frame_args frames;	/* whole messages are sent back; the local format is of no use */
	const char *prefix;	/* before each line or message, at most ECHO_PREFIX_MAX bytes; NULL: none */
	int64_t idle_ms;	/* longest time without a byte either way; OPT_UNSET or 0: no limit */
	bool count_requests;	/* a line is a request, of which a source may make so many (limits.h) */
	bool confirm;		/* a client has ended only when its system has acknowledged the whole echo */
};

struct echo;

extern const struct service echo_service;	/* its instance is a struct echo */

/* Takes layers for the clients; args is borrowed until echo_free(). NULL and err without memory. */
struct echo *echo_new(struct loop *loop, const struct echo_args *args, struct layers *layers, struct err *err);

/* Closes every client that is left: the server ends. NULL is fine. */
void	echo_free(struct echo *echo);

#endif
