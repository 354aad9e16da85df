/*
 * Children as events of the loop: who ended, and how. Needs signals_start(); for the loop's own thread only.
 *
 * Every child that ends is reaped, also one that nobody watches: of the program we replaced, or, as process 1, an
 * orphan's.
 */
#ifndef SOCKT_EVENT_CHILD_H
#define SOCKT_EVENT_CHILD_H

#include <sys/types.h>

/* Embedded in the caller's struct, who forgets it before its memory goes. */
struct child {
	pid_t pid;		/* 0: not watched, or it has ended */
	void (*fn)(void *arg, int status);
	void *arg;
	struct child *prev, *next;
};

/* To be called before the first child is started: one that ends earlier might leave no trace. */
void	children_start(void);

/*
 * Calls fn once from the loop when pid has ended; status is what a shell would say: 0 to 255, or 128 and the signal's
 * number. Within fn the process is a zombie yet, so that its group may still be signalled without fear of another's.
 */
void	child_watch(struct child *child, pid_t pid, void (*fn)(void *arg, int status), void *arg);

void	child_forget(struct child *child);	/* one that is not watched is fine */

/* Asks the system who has ended. signal.c calls it at SIGCHLD. */
void	children_reap(void);

#endif
