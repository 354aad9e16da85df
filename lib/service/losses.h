/*
 * Losses: what happens to datagrams and is not to happen in silence, nor to be said for each: they may be many, and
 * sent by anybody. Of each kind the first is said at once, and what follows about once a second, as a number.
 */
#ifndef SOCKT_SERVICE_LOSSES_H
#define SOCKT_SERVICE_LOSSES_H

#include <stdint.h>

#include "lib/base/log.h"
#include "lib/event/loop.h"
#include "lib/net/addr.h"

enum loss {
	LOSS_NO_ROOM,		/* dropped by the system */
	LOSS_CUT,		/* taken, without its end */
	LOSS_FORMAT,		/* not to be written as it was asked for */
	LOSS_UNSENT,
	LOSS_UNWRITTEN,		/* taken, and not handed on when all was over */
	LOSS_NO_CLIENT,		/* of somebody new, for whom there was no place */
	LOSSES
};

/* Embedded by its owner; only losses_*() change it. */
struct losses {
	const struct log *log;
	struct loop_timer timer;
	struct tally {
		uint64_t n, said;
		char object[ADDR_NAME_MAX];	/* of the last of them */
		char reason[160];
	} v[LOSSES];
};

void	losses_init(struct losses *l, struct loop *loop, const struct log *log);	/* log is borrowed */

/* So many more: whose they were (len 0: somebody's without a name), and why, in words. */
void	losses_add(struct losses *l, enum loss loss, const struct addr *whose, uint64_t n, const char *reason);

/* Says what was not said yet, and stops. */
void	losses_finish(struct losses *l);

#endif
