/*
 * At most N events in any window of time: see window.h. A ring of their times, which doubles when it is full.
 */
#include "lib/base/window.h"

#include <stddef.h>
#include <stdlib.h>

#define FIRST_CAP 4	/* most sources come once or twice */

struct window_log {
	uint32_t head, n, cap;		/* the oldest is at_us[head], and n follow it round the ring */
	int64_t at_us[];
};

/* The place of the i-th oldest, i < cap. */
static uint32_t
place(const struct window_log *log, uint32_t i)
{
	uint32_t before_end = log->cap - log->head;

	return i < before_end ? log->head + i : i - before_end;
}

/* The newest time that no longer counts. */
static int64_t
horizon(const struct num_rate *rate, int64_t now_us)
{
	return now_us - rate->per_ms * 1000;
}

/* Makes room for one more, of max in all. False without memory, with nothing changed. */
static bool
grow(struct window *w, uint32_t max)
{
	struct window_log *old = w->log, *log;
	uint32_t n = old != NULL ? old->n : 0, cap = old != NULL ? old->cap : 0;

	if (n < cap)
		return true;
	cap = cap == 0 ? FIRST_CAP : cap * 2;
	if (cap > max)
		cap = max;
	if ((log = malloc(offsetof(struct window_log, at_us) + cap * sizeof(log->at_us[0]))) == NULL)
		return false;
	for (uint32_t i = 0; i < n; i++)
		log->at_us[i] = old->at_us[place(old, i)];
	log->head = 0;
	log->n = n;
	log->cap = cap;
	free(old);
	w->log = log;
	return true;
}

bool
window_try(struct window *w, const struct num_rate *rate, int64_t now_us)
{
	struct window_log *log = w->log;

	if (rate->n == 0)
		return true;
	while (log != NULL && log->n > 0 && log->at_us[log->head] <= horizon(rate, now_us)) {
		log->head = place(log, 1 % log->cap);
		log->n--;
	}
	if ((log != NULL && log->n >= rate->n) || !grow(w, (uint32_t)rate->n))
		return false;
	log = w->log;
	log->at_us[place(log, log->n)] = now_us;
	log->n++;
	return true;
}

bool
window_is_over(const struct window *w, const struct num_rate *rate, int64_t now_us)
{
	const struct window_log *log = w->log;

	return log == NULL || log->n == 0 || log->at_us[place(log, log->n - 1)] <= horizon(rate, now_us);
}

void
window_free(struct window *w)
{
	free(w->log);
	*w = WINDOW_EMPTY;
}
