/*
 * Tempo: see tempo.h. Times are kept in whole microseconds and nths of them, so that no fraction is ever lost.
 */
#include "lib/base/tempo.h"

#define TICK_US 2000	/* timers are no finer: who goes at shorter distances and rests may be so late by their fault */

void
tempo_init(struct tempo *t, int64_t n, int64_t per_us)
{
	*t = (struct tempo){ .n = n, .per_us = per_us, .resting = true };
}

/* The next is not due before then, whatever was missed. */
static void
not_before(struct tempo *t, int64_t us)
{
	if (t->next_us >= us)
		return;
	t->next_us = us;
	t->rest = 0;
}

size_t
tempo_room(struct tempo *t, int64_t now_us, size_t most)
{
	int64_t due;

	if (t->n == 0)
		return most;
	if (t->next_us == 0)
		not_before(t, now_us);		/* the very first */
	else if (t->resting)
		not_before(t, t->per_us / t->n < TICK_US ? now_us - TICK_US : now_us);
	t->resting = false;
	not_before(t, now_us - TEMPO_LATE_US);
	if (now_us < t->next_us)
		return 0;
	due = (now_us - t->next_us) * t->n / t->per_us + 1;
	return (uint64_t)due < most ? (size_t)due : most;
}

void
tempo_took(struct tempo *t, size_t n)
{
	int64_t whole = t->n > 0 ? t->per_us / t->n : 0, part = t->n > 0 ? t->per_us % t->n : 0;

	if (t->n == 0)
		return;
	for (size_t i = 0; i < n; i++) {
		t->next_us += whole;
		t->rest += part;
		if (t->rest >= t->n) {
			t->next_us++;
			t->rest -= t->n;
		}
	}
}

void
tempo_rest(struct tempo *t)
{
	t->resting = true;
}

int64_t
tempo_due(const struct tempo *t)
{
	return t->next_us;
}
