/*
 * Waiting with epoll(7), level-triggered.
 */
#include "lib/event/poller.h"

#ifndef SOCKT_PORTABLE

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BATCH 128

struct poller {
	int fd;
	int n, next;		/* the batch's size, and how far it was handed out */
	struct epoll_event batch[BATCH];
};

struct poller *
poller_new(void)
{
	struct poller *p = malloc(sizeof(*p));

	if (p == NULL)
		return NULL;
	p->n = p->next = 0;
	if ((p->fd = epoll_create1(EPOLL_CLOEXEC)) < 0) {
		free(p);
		return NULL;
	}
	return p;
}

void
poller_free(struct poller *p)
{
	if (p == NULL)
		return;
	close(p->fd);
	free(p);
}

void
poller_abandon(struct poller *p, struct loop_io *io)
{
	for (int i = p->next; i < p->n; i++) {
		if (p->batch[i].data.ptr == io)
			p->batch[i].data.ptr = NULL;
	}
}

int
poller_set(struct poller *p, struct loop_io *io, unsigned wants)
{
	struct epoll_event event = { .data.ptr = io };
	int op = io->armed == 0 ? EPOLL_CTL_ADD : wants == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;

	if (wants & LOOP_READ)
		event.events |= EPOLLIN;
	if (wants & LOOP_WRITE)
		event.events |= EPOLLOUT;
	/* EPOLLERR and EPOLLHUP come unasked: that is LOOP_TROUBLE, and why wanting nothing means leaving the set. */
	if (wants == 0)
		poller_abandon(p, io);
	return epoll_ctl(p->fd, op, io->fd, &event);
}

int
poller_wait(struct poller *p, int timeout_ms)
{
	p->next = 0;
	p->n = epoll_wait(p->fd, p->batch, BATCH, timeout_ms);
	while (p->n < 0 && errno == EINTR)	/* time may have passed: what is ready now, without waiting? */
		p->n = epoll_wait(p->fd, p->batch, BATCH, 0);
	if (p->n >= 0)
		return 0;
	p->n = 0;
	return -1;
}

struct loop_io *
poller_next(struct poller *p, unsigned *ready)
{
	while (p->next < p->n) {
		const struct epoll_event *event = &p->batch[p->next++];
		if (event->data.ptr == NULL)
			continue;	/* stopped by a neighbour in this turn */
		*ready = (event->events & EPOLLIN ? LOOP_READ : 0U) | (event->events & EPOLLOUT ? LOOP_WRITE : 0U) |
		    (event->events & (EPOLLERR | EPOLLHUP) ? LOOP_TROUBLE : 0U);
		return event->data.ptr;
	}
	return NULL;
}

#endif
