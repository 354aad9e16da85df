/*
 * Inbox: datagrams of everybody to the local stream, and what that says to whoever was heard last, as a service.
 *
 * What comes is written whole, in the local format or as records. The local source is not read before anybody was
 * heard; its end ends nothing. When the sink takes nothing, no datagram is read: what the system then has no room for
 * is lost, which is said as far as the system says so. Told to stop, it still hands on what has come.
 */
#ifndef SOCKT_SERVICE_INBOX_H
#define SOCKT_SERVICE_INBOX_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/event/loop.h"
#include "lib/net/stream.h"
#include "lib/service/relay.h"
#include "lib/service/server.h"

struct inbox_args {
	/* Of which framing (with packets set), idle, raw, and what is read or dropped count here. */
	const struct relay_args *relay;
	bool json;		/* a record a datagram (sockt-json(5)), instead of what it says */
	bool stats;
};

struct inbox;

extern const struct service inbox_service;	/* its instance is a struct inbox */

/*
 * Takes local. When it fails, or is idle for too long, failed is called, once; args and log are borrowed until
 * inbox_free(). NULL and err without memory.
 */
struct inbox *inbox_new(struct loop *loop, struct stream *local, const struct inbox_args *args,
	    void (*failed)(void *arg, const struct err *err), void *arg, const struct log *log, struct err *err);

/* Of bytes in datagrams, not of what was made of them. */
struct relay_counts inbox_counts(const struct inbox *inbox);

void	inbox_free(struct inbox *inbox);	/* NULL is fine */

#endif
