/*
 * Pulse: see pulse.h.
 */
#include "lib/service/pulse.h"

#include "lib/base/clock.h"

void
pulse_beat(struct pulse *p)
{
	p->last_ms = clock_ms();
}

int64_t
pulse_ask(struct pulse *p, size_t queued, int64_t span_ms)
{
	int64_t now = clock_ms(), due, look_ms = span_ms / 4 + 1;

	if (queued < p->queued)
		p->last_ms = now;
	if (queued != p->queued)
		p->sampled_ms = now;
	p->queued = queued;

	due = p->last_ms + span_ms;
	if (queued == 0)
		return now >= due ? CLOCK_NEVER : due;
	/* A queue that was seen only once may be moving: it takes a second look to tell. */
	if (due < p->sampled_ms + look_ms)
		due = p->sampled_ms + look_ms;
	if (now >= due)
		return CLOCK_NEVER;
	return due < now + look_ms ? due : now + look_ms;
}
