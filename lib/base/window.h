/*
 * At most N events in any window of time, to the letter: an event at t may be if fewer than N that were let in lie in
 * (t - DUR, t]. A bucket of tokens would take less memory and let nearly 2N through in a window.
 *
 * Invariant: log is NULL, or holds when the last events were let in, at most N of them, in order.
 */
#ifndef SOCKT_BASE_WINDOW_H
#define SOCKT_BASE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/num.h"

#define WINDOW_MAX INT64_C(65536)	/* the largest N: its log takes 8 bytes an event */

/* A pointer's size until the first event; there may be one for every source of clients. */
struct window {
	struct window_log *log;
};

#define WINDOW_EMPTY ((struct window){ .log = NULL })

/*
 * Both want one and the same rate every time, n at most WINDOW_MAX, and a now_us (clock_us()) that never goes back.
 *
 * window_try() returns true and the event counts, or false and it does not: there were N already, or there is no memory
 * to remember it, so that a shortage cannot lift the limit. With rate->n 0 everything may be and nothing is kept.
 */
bool	window_try(struct window *w, const struct num_rate *rate, int64_t now_us);

/* Is no event left that could still count? Then the window may be freed and forgotten without letting more in. */
bool	window_is_over(const struct window *w, const struct num_rate *rate, int64_t now_us);

void	window_free(struct window *w);	/* empty is fine, and what it leaves */

#endif
