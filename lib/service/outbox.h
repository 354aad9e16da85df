/*
 * Outbox: messages of the local source on their way to one peer, as datagrams.
 *
 * They are sent in order, and each whole. One that somebody else's network or socket refuses is lost, which is said;
 * one that is too long to be sent is a fault of the source.
 */
#ifndef SOCKT_SERVICE_OUTBOX_H
#define SOCKT_SERVICE_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/event/loop.h"
#include "lib/net/addr.h"
#include "lib/service/losses.h"
#include "lib/wire/filter.h"

/* Somebody who may be sent to. fd -1: nobody. */
struct outbox_target {
	int fd;			/* the socket to send from, borrowed */
	struct addr own;	/* what it is bound to */
	struct addr peer;
	struct addr local;	/* the address of ours to send from, if it has several; len 0: the system's choice */
};

/* Embedded by its owner, who reads it; only outbox_*() change it. */
struct outbox {
	struct outbox_target to;
	bool waits;		/* there is more, and the socket does not take it */
	bool waits_for_time;	/* the same, and no event will tell when it does: again() will be called */
	uint64_t sent, bytes;	/* datagrams */
	/* its own */
	struct filter filter;
	struct buf queue;	/* of frames, len32 */
	struct losses *losses;
	struct loop_timer retry;
	int64_t retry_ms;
};

/* Takes filter, which makes len32 frames of up to chunk bytes at once. The rest is borrowed. */
void	outbox_init(struct outbox *o, struct loop *loop, struct filter filter, size_t chunk, struct losses *losses,
	    void (*again)(void *arg), void *arg);
void	outbox_free(struct outbox *o);

bool	outbox_is_empty(const struct outbox *o);

/*
 * More of the source, of which the rest has gone; or there is no more. Returns 0, or -1 and err when that is no
 * message: what came before it is to be sent all the same.
 */
int	outbox_push(struct outbox *o, const unsigned char *p, size_t n, struct err *err);
int	outbox_finish(struct outbox *o, struct err *err);

/* Sends what there is, as far as it goes. Returns 0, or -1 and err, ERR_LIMIT, at a message that is too long. */
int	outbox_flush(struct outbox *o, struct err *err);

/*
 * Takes what the network says of datagrams that were sent from fd, which is bound to own, and says it. Returns whether
 * there was any.
 */
bool	outbox_take_errors(int fd, const struct addr *own, const struct log *log);

#endif
