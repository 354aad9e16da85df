/*
 * What the loop needs of the system: one of poller_epoll.c and poller_poll.c is compiled in.
 */
#ifndef SOCKT_EVENT_POLLER_H
#define SOCKT_EVENT_POLLER_H

#include "lib/event/loop.h"

struct poller;

struct poller *poller_new(void);	/* NULL with errno */
void	poller_free(struct poller *p);

/*
 * Changes what io is watched for from io->armed to wants and drops what is pending for it when wants is 0. Returns 0,
 * or -1 with errno; EPERM says that the descriptor is a file, which is never waited for.
 */
int	poller_set(struct poller *p, struct loop_io *io, unsigned wants);

/* Drops what is pending for io, whose descriptor is closed next by its only holder. */
void	poller_abandon(struct poller *p, struct loop_io *io);

/* Waits up to timeout_ms, -1 for ever. Returns 0, or -1 with errno. A signal ends it early. */
int	poller_wait(struct poller *p, int timeout_ms);

/* The next ready watch and what came, until NULL. */
struct loop_io *poller_next(struct poller *p, unsigned *ready);

#endif
