/*
 * Losses: see losses.h.
 */
#include "lib/service/losses.h"

#include <stdbool.h>

#include <bsd/string.h>

#include "lib/base/clock.h"

#define AGAIN_MS 1000

/* Says what was not said yet. Returns whether there was any. */
static bool
say(struct losses *l)
{
	bool any = false;

	for (enum loss loss = 0; loss < LOSSES; loss++) {
		struct tally *t = &l->v[loss];
		uint64_t n = t->n - t->said;
		if (n == 0)
			continue;
		any = true;
		t->said = t->n;
		if (loss == LOSS_CUT)
			log_datagrams_cut(l->log, t->object, n, t->reason);
		else
			log_datagrams_lost(l->log, t->object, n, t->reason);
	}
	return any;
}

static void
on_timer(void *arg)
{
	struct losses *l = arg;

	if (say(l))
		loop_timer_set(&l->timer, clock_deadline(AGAIN_MS));
}

void
losses_init(struct losses *l, struct loop *loop, const struct log *log)
{
	*l = (struct losses){ .log = log };
	loop_timer_init(&l->timer, loop, on_timer, l);
}

void
losses_add(struct losses *l, enum loss loss, const struct addr *whose, uint64_t n, const char *reason)
{
	struct tally *t = &l->v[loss];

	t->n += n;
	if (whose->len > 0)
		addr_name(whose, t->object, sizeof(t->object));
	else
		strlcpy(t->object, "unix:", sizeof(t->object));
	strlcpy(t->reason, reason, sizeof(t->reason));
	if (l->timer.place == 0)
		on_timer(l);
}

void
losses_finish(struct losses *l)
{
	say(l);
	loop_timer_stop(&l->timer);
}
