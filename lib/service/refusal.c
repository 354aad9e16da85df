/*
 * Refusals: see refusal.h. A fixed number of places, because a refused client must not cost what one that is served
 * does.
 */
#include "lib/service/refusal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/base/clock.h"
#include "lib/base/fd.h"

#define PLACES	64
#define STAY_MS	1000
#define DROP	(64 * 1024)	/* bytes dropped in one step */

struct refused {
	struct refusals *refusals;
	struct refused *next;	/* free places */
	int fd;
	struct loop_io io;
	struct loop_timer timer;
};

struct refusals {
	struct loop *loop;
	struct refused *free;
	struct refused places[PLACES];
};

static void
let_go(struct refused *r)
{
	loop_io_stop(&r->io);
	loop_timer_stop(&r->timer);
	fd_close(&r->fd);
	r->next = r->refusals->free;
	r->refusals->free = r;
}

static void
on_time(void *arg)
{
	let_go(arg);
}

static void
on_bytes(void *arg, unsigned ready)
{
	struct refused *r = arg;
	char bytes[DROP];
	ssize_t n;

	(void)ready;
	n = recv(r->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		let_go(r);
}

void
refusals_tell(struct refusals *refusals, int fd, const char *line)
{
	struct refused *r = refusals->free;

	/* The send buffer of a new connection is empty: the line fits. */
	if (send(fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 || shutdown(fd, SHUT_WR) < 0 || r == NULL) {
		fd_close(&fd);
		return;
	}
	refusals->free = r->next;
	r->fd = fd;
	loop_io_init(&r->io, refusals->loop, fd, on_bytes, r);
	loop_timer_init(&r->timer, refusals->loop, on_time, r);
	loop_io_want(&r->io, LOOP_READ);
	loop_timer_set(&r->timer, clock_deadline(STAY_MS));
}

struct refusals *
refusals_new(struct loop *loop)
{
	struct refusals *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->loop = loop;
	for (size_t i = 0; i < PLACES; i++) {
		r->places[i].refusals = r;
		r->places[i].fd = -1;
		r->places[i].next = r->free;
		r->free = &r->places[i];
	}
	return r;
}

void
refusals_free(struct refusals *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < PLACES; i++) {
		if (r->places[i].fd >= 0)
			let_go(&r->places[i]);
	}
	free(r);
}
