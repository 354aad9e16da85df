/*
 * Tempo: the rate is met to the microsecond in the long run, also by who comes late; what was not there to go is not
 * made up for.
 */
#include "lib/base/tempo.h"

#include "tests/unit/check.h"

#define START_US INT64_C(1000000000)

/* Lets go what may, in turns of tick_us, until all have. Returns how long it took. */
static int64_t
run(struct tempo *t, size_t all, int64_t tick_us, size_t batch)
{
	int64_t now_us = START_US;
	size_t gone = 0, room;
	bool early = false;

	for (;;) {
		while ((room = tempo_room(t, now_us, batch < all - gone ? batch : all - gone)) > 0) {
			tempo_took(t, room);
			gone += room;
		}
		if (gone == all)
			break;
		early |= tempo_due(t) <= now_us;
		now_us += tick_us;
	}
	CHECK(!early);
	return now_us - START_US;
}

static void
rates(void)
{
	struct tempo t;

	/* The first goes at once, so that the last is due one distance before the end. */
	tempo_init(&t, 10000, 1000000);
	CHECK_INT(run(&t, 10001, 1, 64), 1000000);
	tempo_init(&t, 10000, 1000000);
	CHECK_INT(run(&t, 10000, 1000, 64), 1000000);
	tempo_init(&t, 3, 1000000);
	CHECK_INT(run(&t, 31, 1, 64), 10000000);	/* thirds add up */
	tempo_init(&t, 1, 250);
	CHECK_INT(run(&t, 4001, 50, 1), 1000000);
	tempo_init(&t, TEMPO_N_MAX, 1000000);
	CHECK_INT(run(&t, 1000001, 1, 64), 1000);
	tempo_init(&t, 1, INT64_C(31556952000000) * 1000);	/* a thousand years */
	CHECK_INT((int64_t)tempo_room(&t, START_US, 64), 1);
	tempo_took(&t, 1);
	CHECK_INT((int64_t)tempo_room(&t, START_US + 1000000000, 64), 0);
}

static void
late(void)
{
	struct tempo t;

	tempo_init(&t, 1000, 1000000);
	CHECK_INT((int64_t)tempo_room(&t, START_US, 64), 1);
	tempo_took(&t, 1);
	CHECK_INT((int64_t)tempo_room(&t, START_US + 999, 64), 0);
	CHECK_INT(tempo_due(&t), START_US + 1000);
	CHECK_INT((int64_t)tempo_room(&t, START_US + 5000, 64), 5);	/* what was missed goes at once */
	tempo_took(&t, 5);
	CHECK_INT((int64_t)tempo_room(&t, START_US + 5999, 64), 0);
	CHECK_INT((int64_t)tempo_room(&t, START_US + 10 * TEMPO_LATE_US, 5000), 1001);	/* but not for ever */
}

static void
resting(void)
{
	struct tempo t;

	tempo_init(&t, 10, 1000000);
	CHECK_INT((int64_t)tempo_room(&t, START_US, 64), 1);
	tempo_took(&t, 1);
	tempo_rest(&t);
	CHECK_INT((int64_t)tempo_room(&t, START_US + 50000, 64), 0);	/* the distance holds all the same */
	tempo_rest(&t);
	CHECK_INT((int64_t)tempo_room(&t, START_US + 900000, 64), 1);
	tempo_took(&t, 1);
	CHECK_INT(tempo_due(&t), START_US + 1000000);
	/* At distances that no timer tells, as much is made up for as a timer may be late. */
	tempo_init(&t, 10000, 1000000);
	tempo_took(&t, tempo_room(&t, START_US, 1));
	tempo_rest(&t);
	CHECK_INT((int64_t)tempo_room(&t, START_US + 900000, 64), 21);
}

static void
unlimited(void)
{
	struct tempo t;

	tempo_init(&t, 0, 0);
	CHECK_INT((int64_t)tempo_room(&t, START_US, 64), 64);
	tempo_took(&t, 64);
	CHECK_INT((int64_t)tempo_room(&t, START_US, 64), 64);
}

int
main(void)
{
	rates();
	late();
	resting();
	unlimited();
	return check_done("tempo");
}
