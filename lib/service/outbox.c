/*
 * Outbox: see outbox.h.
 */
#include "lib/service/outbox.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/net/dgram.h"
#include "lib/net/packets.h"
#include "lib/wire/frame.h"

#define RETRY_MIN_MS	1		/* nobody tells when a device, or another's Unix socket, has room again */
#define RETRY_MAX_MS	50
#define KEEP		(1024 * 1024)	/* a queue that grew beyond this is given back when it is empty */

void
outbox_init(struct outbox *o, struct loop *loop, struct filter filter, size_t chunk, struct losses *losses,
    void (*again)(void *arg), void *arg)
{
	*o = (struct outbox){ .to = { .fd = -1 }, .filter = filter, .losses = losses, .retry_ms = RETRY_MIN_MS };
	o->queue = BUF_EMPTY(filter_bound(&o->filter, chunk));
	loop_timer_init(&o->retry, loop, again, arg);
}

void
outbox_free(struct outbox *o)
{
	loop_timer_stop(&o->retry);
	filter_free(&o->filter);
	buf_free(&o->queue);
}

bool
outbox_is_empty(const struct outbox *o)
{
	return buf_len(&o->queue) == 0;
}

int
outbox_push(struct outbox *o, const unsigned char *p, size_t n, struct err *err)
{
	return filter_push(&o->filter, p, n, &o->queue, err);
}

int
outbox_finish(struct outbox *o, struct err *err)
{
	return filter_finish(&o->filter, &o->queue, err);
}

bool
outbox_take_errors(int fd, const struct addr *own, const struct log *log)
{
	struct dgram_error error;
	char name[ADDR_NAME_MAX], words[256];
	bool any = false;

	while (addr_is_inet(own) && dgram_take_error(fd, &error)) {
		any = true;
		if (log->level < LOG_VERBOSE)
			continue;
		log_undelivered(log, addr_name(error.peer.len > 0 ? &error.peer : own, name, sizeof(name)),
		    dgram_error_words(&error, words, sizeof(words)), error.errnum);
	}
	return any;
}

/* The datagrams at the front of the queue, with whom they are for. Returns how many. */
static size_t
gather(const struct outbox *o, struct dgram v[DGRAM_BATCH])
{
	size_t n = packets_peek(&o->queue, v, DGRAM_BATCH);

	for (size_t i = 0; i < n; i++) {
		v[i].peer = o->to.peer;
		v[i].local = o->to.local;
	}
	return n;
}

/* The socket takes nothing now. Whether a device or another's queue has room no event tells. */
static void
wait_to_send(struct outbox *o, int errnum)
{
	o->waits = true;
	if (errnum != ENOBUFS && addr_is_inet(&o->to.own))
		return;
	o->waits_for_time = true;
	loop_timer_set(&o->retry, clock_ms() + o->retry_ms);
	o->retry_ms = o->retry_ms * 2 < RETRY_MAX_MS ? o->retry_ms * 2 : RETRY_MAX_MS;
}

/* d, the first in the queue, was not sent: why, and what now? Returns 0, or -1 and err. */
static int
not_sent(struct outbox *o, const struct dgram *d, int errnum, struct err *err)
{
	char reason[128];

	if (errnum == EMSGSIZE)
		return dgram_too_long(o->to.fd, &d->peer, d->n, err);
	if (errnum == EAGAIN || errnum == EWOULDBLOCK || errnum == ENOBUFS) {
		wait_to_send(o, errnum);
	} else if (outbox_take_errors(o->to.fd, &o->to.own, o->losses->log)) {
		return 0;		/* it was about another: once more */
	} else if (o->to.local.len > 0) {
		/* What came to a group, or to everybody, cannot be answered from that address: from any, then. */
		o->to.local.len = 0;
	} else {
		snprintf(reason, sizeof(reason), "cannot send: %s", strerror(errnum));
		losses_add(o->losses, LOSS_UNSENT, &d->peer, 1, reason);
		buf_take(&o->queue, PACKETS_HEAD + d->n);
	}
	return 0;
}

int
outbox_flush(struct outbox *o, struct err *err)
{
	struct dgram v[DGRAM_BATCH];
	size_t n, went;
	int errnum = 0, rc = 0;

	o->waits = o->waits_for_time = false;
	loop_timer_stop(&o->retry);
	while (buf_len(&o->queue) > 0 && !o->waits && rc == 0) {
		n = gather(o, v);
		went = dgram_send(o->to.fd, v, n, &errnum);
		o->sent += went;
		if (went > 0)
			o->retry_ms = RETRY_MIN_MS;
		for (size_t i = 0; i < went && i < n; i++) {
			o->bytes += v[i].n;
			buf_take(&o->queue, PACKETS_HEAD + v[i].n);
		}
		if (went < n)
			rc = not_sent(o, &v[went], errnum, err);
	}
	if (rc < 0 || (buf_len(&o->queue) == 0 && o->queue.cap > KEEP))
		buf_free(&o->queue);
	return rc;
}
