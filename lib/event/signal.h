/*
 * Signals as events of the loop, through a pipe: the handler only writes a byte.
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

/* Gives the signals back to their default action. */
void	signals_stop(void);

#endif
