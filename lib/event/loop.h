/*
 * The loop: the only place that waits. It watches descriptors and time and calls back; a callback takes one step and
 * returns, never waits and never re-enters the loop.
 *
 * Watches and timers are embedded in the caller's structs and belong to the caller, who stops them before their
 * memory or descriptor goes away. Stopping is safe at any time, also from another watch's callback in the same turn.
 */
#ifndef SOCKT_EVENT_LOOP_H
#define SOCKT_EVENT_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct loop;

/*
 * What to wait for, and what came. Trouble on a descriptor (an error, a hang-up) is reported as whatever was wanted,
 * so that the next read or write meets it. LOOP_TROUBLE alone waits for nothing else.
 */
enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_TROUBLE = 4 };

struct loop_io {
	void (*fn)(void *arg, unsigned ready);
	void *arg;
	int fd;			/* borrowed until loop_io_stop() */
	/* the loop's own */
	struct loop *loop;
	unsigned wants, armed;	/* asked for, and what the poller knows */
	bool listed, always;	/* on the list of changes; a file, which is always ready */
	size_t slot;		/* the poller's */
};

struct loop_timer {
	void (*fn)(void *arg);
	void *arg;
	/* the loop's own */
	struct loop *loop;
	int64_t deadline_ms;
	size_t place;		/* in the heap, counted from 1; 0: not running */
};

/* Returns a loop to be freed with loop_free(), or NULL and err. */
struct loop *loop_new(struct err *err);
void	loop_free(struct loop *loop);	/* NULL is fine */

/* Runs until loop_stop(). Returns 0, or -1 and err when the system refuses to watch or to wait. */
int	loop_run(struct loop *loop, struct err *err);
void	loop_stop(struct loop *loop);	/* loop_run() returns at the end of this turn */

/* Binds an idle watch to a loop and a descriptor. */
void	loop_io_init(struct loop_io *io, struct loop *loop, int fd, void (*fn)(void *, unsigned), void *arg);
/* Sets what to wait for from now on; 0 pauses. Cheap when nothing changes. */
void	loop_io_want(struct loop_io *io, unsigned wants);
/* Forgets the watch; call it before closing the descriptor. An idle or empty one is fine. */
void	loop_io_stop(struct loop_io *io);
/*
 * The same where the descriptor is closed right after, and neither a duplicate nor another process has it: the poller
 * need not be told, for the system forgets what is closed. A call less for each connection.
 */
void	loop_io_abandon(struct loop_io *io);

void	loop_timer_init(struct loop_timer *timer, struct loop *loop, void (*fn)(void *), void *arg);
/* Calls back once when deadline_ms (clock_ms()) has come; CLOCK_NEVER stops it. May be moved at will. */
void	loop_timer_set(struct loop_timer *timer, int64_t deadline_ms);
void	loop_timer_stop(struct loop_timer *timer);	/* an idle or empty one is fine */

#endif
