/*
 * Signals as events of the loop: the handler only sends a byte.
 */
#ifndef SOCKT_EVENT_SIGNAL_H
#define SOCKT_EVENT_SIGNAL_H

#include "lib/event/loop.h"

/*
 * From now on the termination signals (HUP, INT, TERM) call fn(arg, signo) from the loop. One that was ignored when
 * the program started stays ignored, as nohup and a shell's background jobs want it. One set at a time. Returns 0,
 * or -1 and err.
 */
int	signals_start(struct loop *loop, void (*fn)(void *arg, int signo), void *arg, struct err *err);

/* The same for one signal more, ignored before or not, until signals_stop(). SIGCHLD is for child.h. */
void	signals_add(int signo);

/* Gives the signals back to what they did before. */
void	signals_stop(void);

#endif
