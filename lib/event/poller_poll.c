/*
 * Waiting with poll(2), for systems without epoll(7).
 */
#include "lib/event/poller.h"

#ifdef SOCKT_PORTABLE

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

struct poller {
	struct pollfd *fds;	/* fds[i] belongs to ios[i]; io->slot is i */
	struct loop_io **ios;
	size_t n, cap, next;
};

struct poller *
poller_new(void)
{
	return calloc(1, sizeof(struct poller));
}

void
poller_free(struct poller *p)
{
	if (p == NULL)
		return;
	free(p->fds);
	free(p->ios);
	free(p);
}

static int
grow(struct poller *p)
{
	size_t cap = p->cap > 0 ? p->cap * 2 : 16;
	struct pollfd *fds = realloc(p->fds, cap * sizeof(*fds));
	struct loop_io **ios;

	if (fds == NULL)
		return -1;
	p->fds = fds;
	if ((ios = realloc(p->ios, cap * sizeof(struct loop_io *))) == NULL)
		return -1;
	p->ios = ios;
	p->cap = cap;
	return 0;
}

/* The last entry takes the free place; if it was still due in this turn, and is missed, it comes up in the next. */
static void
leave(struct poller *p, struct loop_io *io)
{
	size_t last = --p->n;

	if (io->slot != last) {
		p->fds[io->slot] = p->fds[last];
		p->ios[io->slot] = p->ios[last];
		p->ios[io->slot]->slot = io->slot;
	}
}

int
poller_set(struct poller *p, struct loop_io *io, unsigned wants)
{
	if (wants == 0) {
		leave(p, io);
		return 0;
	}
	if (io->armed == 0) {
		if (p->n == p->cap && grow(p) < 0)
			return -1;
		io->slot = p->n++;
		p->ios[io->slot] = io;
		p->fds[io->slot] = (struct pollfd){ .fd = io->fd };
	}
	p->fds[io->slot].events =
	    (short)((wants & LOOP_READ ? POLLIN : 0) | (wants & LOOP_WRITE ? POLLOUT : 0));
	return 0;
}

void
poller_abandon(struct poller *p, struct loop_io *io)
{
	poller_set(p, io, 0);
}

int
poller_wait(struct poller *p, int timeout_ms)
{
	int n = poll(p->fds, (nfds_t)p->n, timeout_ms);

	p->next = 0;
	while (n < 0 && errno == EINTR)		/* time may have passed: what is ready now, without waiting? */
		n = poll(p->fds, (nfds_t)p->n, 0);
	return n >= 0 ? 0 : -1;
}

struct loop_io *
poller_next(struct poller *p, unsigned *ready)
{
	while (p->next < p->n) {
		struct pollfd *fd = &p->fds[p->next];
		struct loop_io *io = p->ios[p->next++];
		short came = fd->revents;
		if (came == 0)
			continue;
		fd->revents = 0;
		*ready = (came & POLLIN ? LOOP_READ : 0U) | (came & POLLOUT ? LOOP_WRITE : 0U) |
		    (came & (POLLERR | POLLHUP | POLLNVAL) ? LOOP_TROUBLE : 0U);
		return io;
	}
	return NULL;
}

#endif
