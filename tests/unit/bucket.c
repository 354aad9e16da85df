/*
 * A rate that is met to the byte, whoever comes late; and what is saved up, by whom, at the edges. No clock is read.
 */
#include "lib/base/bucket.h"

#include <stdlib.h>

#include "tests/unit/check.h"

#define SECOND		INT64_C(1000000)
#define HOUR		(3600 * SECOND)
#define PORTION_MAX	INT64_C(65536)

static const int64_t rates[] = { 1, 7, 1000, 1000000, 1 << 20, 1000000000, BUCKET_RATE_MAX - 1, BUCKET_RATE_MAX };

static uint64_t seed = 88172645463325252U;

/* Marsaglia's xorshift: the same numbers in every run. Below n. */
static int64_t
random_below(int64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (int64_t)(seed % (uint64_t)n);
}

/* What a rate gives in a time up to hours, cut to whole bytes. */
static int64_t
worth(int64_t rate, int64_t us)
{
	return rate * (us / SECOND) + rate / SECOND * (us % SECOND) + rate % SECOND * (us % SECOND) / SECOND;
}

static int64_t
portion(int64_t rate)
{
	int64_t n = worth(rate, BUCKET_BURST_US);

	return n < 1 ? 1 : n > PORTION_MAX ? PORTION_MAX : n;
}

/* The most that is saved up by who does not use it. */
static int64_t
burst(int64_t rate)
{
	int64_t n = worth(rate, BUCKET_BURST_US);

	return n < 1 ? 1 : n;
}

/* A bucket that somebody waits for, from at_us on. */
static struct bucket
waited_for(int64_t rate, int64_t at_us)
{
	struct bucket b;

	bucket_init(&b, rate, at_us);
	CHECK_INT(bucket_room(&b, at_us), 0);
	return b;
}

/* The same, with savings: its user came 300 ms late. */
static struct bucket
rich(int64_t rate, int64_t at_us)
{
	struct bucket b = waited_for(rate, at_us - 300000 - portion(rate) * SECOND / rate - 1);

	CHECK(bucket_room(&b, at_us) >= worth(rate, 300000));
	return b;
}

/* ---- who is there when it is due, or late ---- */

/*
 * Takes all there is, at times in pieces, for as long as span_us. Comes when it is due, rounded up to a full grain_us
 * as timers do, and up to late_us later than that. Whenever it is empty, what was taken is what the rate gave by then,
 * up to the portion that is not there yet: far closer than a thousandth.
 */
static void
rate_is_met(int64_t rate, int64_t span_us, int64_t grain_us, int64_t late_us)
{
	int64_t began = random_below(HOUR), now = began, total = 0, waits = 0, wrong = 0, room, n, due;
	bool just_came = false;
	struct bucket b;

	bucket_init(&b, rate, began);
	while (now - began < span_us && wrong == 0) {
		room = bucket_room(&b, now);
		wrong += room < 0 || (room > 0 && room < portion(rate)) || (room == 0 && just_came);
		wrong += room > portion(rate) + worth(rate, BUCKET_LATE_US);
		wrong += total + room > worth(rate, now - began);
		just_came = false;
		if (room > 0) {
			n = random_below(8) == 0 ? 1 + random_below(room) : room;
			bucket_take(&b, n);
			total += n;
			continue;
		}
		wrong += total + portion(rate) <= worth(rate, now - began);
		waits++;
		due = bucket_due(&b);
		now = (due + grain_us - 1) / grain_us * grain_us + random_below(late_us + 1);
		just_came = true;
	}
	CHECK_INT(wrong, 0);
	CHECK(waits >= span_us / (2 * BUCKET_LATE_US));
	if (wrong != 0)
		printf("\trate %" PRId64 ", %" PRId64 " us late, in %" PRId64 " s\n", rate, late_us, span_us / SECOND);
}

/* Later than is made up for: not more than the rate, and not more at once than that. */
static void
very_late(int64_t rate)
{
	int64_t now = SECOND, total = 0, lost = 0, room, late, wrong = 0;
	struct bucket b;

	bucket_init(&b, rate, now);
	for (int i = 0; i < 2000; i++) {
		room = bucket_room(&b, now);
		wrong += room < 0 || room > portion(rate) + worth(rate, BUCKET_LATE_US);
		bucket_take(&b, room);
		total += room;
		wrong += bucket_room(&b, now) != 0;
		late = random_below(5 * SECOND);
		lost += late > BUCKET_LATE_US ? late - BUCKET_LATE_US : 0;
		now = bucket_due(&b) + late;
	}
	room = bucket_room(&b, now);
	CHECK_INT(wrong, 0);
	/* Only what was too late is lost, and of that a microsecond each, which is what being due is rounded by. */
	CHECK(total + room <= worth(rate, now - SECOND - lost) + worth(rate, 2000));
	CHECK(total + room >= worth(rate, now - SECOND - lost) - worth(rate, 2000) - 1);
}

/* Stopped for an hour while it was waited for, and for years. */
static void
stopped(int64_t rate)
{
	static const int64_t spans[] = { 3 * SECOND, HOUR, 1000 * 366 * 24 * HOUR };

	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		struct bucket b = waited_for(rate, 12345678);

		int64_t room = bucket_room(&b, bucket_due(&b) + spans[i]);
		CHECK_INT(room, portion(rate) + worth(rate, BUCKET_LATE_US));
		bucket_take(&b, room);
		CHECK_INT(bucket_room(&b, 12345678 + spans[i]), 0);
	}
}

/* ---- who does not use it ---- */

static void
idle(int64_t rate)
{
	static const int64_t gaps[] = { BUCKET_BURST_US, BUCKET_BURST_US + 1, 50000, SECOND, 7 * SECOND, HOUR, 100000 * HOUR };
	struct bucket b;
	int64_t now;

	for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
		/* From the start: nobody has waited yet. */
		bucket_init(&b, rate, 500);
		CHECK(bucket_room(&b, 500 + gaps[i]) <= burst(rate));
		bucket_init(&b, rate, 500);
		CHECK(gaps[i] < SECOND || bucket_room(&b, 500 + gaps[i]) == burst(rate));

		/* Later, empty: waited for once, which is over. */
		b = waited_for(rate, 500);
		bucket_rest(&b);
		CHECK(bucket_room(&b, 500 + gaps[i]) <= burst(rate));

		/* And with savings. */
		now = 10 * SECOND;
		b = rich(rate, now);
		bucket_rest(&b);
		CHECK_INT(bucket_room(&b, now + gaps[i]), burst(rate));
	}
}

/* A user who comes often and takes little is at rest each time: saves up a burst, and no more. */
static void
modest(int64_t rate)
{
	int64_t now = 0, wrong = 0, room;
	struct bucket b;

	bucket_init(&b, rate, now);
	bucket_rest(&b);
	for (int i = 0; i < 2000; i++) {
		now += 15000;
		room = bucket_room(&b, now);
		wrong += room < 0 || room > burst(rate);
		bucket_take(&b, room > 0 ? 1 : 0);
		bucket_rest(&b);
	}
	CHECK_INT(wrong, 0);
}

/* Savings outlast a short rest, do not grow in it, and are there in full for who goes on. */
static void
rests_in_between(int64_t rate)
{
	int64_t now = 10 * SECOND, wrong = 0, left, n;
	struct bucket b = rich(rate, now);

	for (left = bucket_room(&b, now); left > burst(rate); left -= n) {
		wrong += bucket_room(&b, now) != left;
		n = (left + 9) / 10;
		bucket_take(&b, n);
		bucket_rest(&b);
		now += BUCKET_BURST_US - 1 - random_below(100);
	}
	wrong += bucket_room(&b, now) != burst(rate);
	CHECK_INT(wrong, 0);

	/* Waited for once more, it fills as before. */
	bucket_take(&b, bucket_room(&b, now));
	CHECK_INT(bucket_room(&b, now), 0);
	now = bucket_due(&b);
	CHECK(bucket_room(&b, now + SECOND / 2) >= portion(rate) + worth(rate, SECOND / 2) - 1);
}

/* ---- to the microsecond ---- */

static void
due_is_exact(int64_t rate)
{
	int64_t now = random_below(HOUR), wrong = 0;
	struct bucket b, early, late;

	bucket_init(&b, rate, now);
	for (int i = 0; i < 2000; i++) {
		int64_t room = bucket_room(&b, now);

		bucket_take(&b, room > 0 ? 1 + random_below(room) : 0);
		late = early = b;
		if (bucket_room(&early, now) > 0) {
			wrong += bucket_due(&b) != now;
			now += random_below(3);
			continue;
		}
		early = late;
		wrong += bucket_room(&early, bucket_due(&b) - 1) != 0;
		wrong += bucket_room(&late, bucket_due(&b)) < portion(rate);
		now += random_below(bucket_due(&b) + 2 - now);
	}
	CHECK_INT(wrong, 0);
}

/* A clock that stands still gives nothing, and one that goes back takes nothing. */
static void
no_time(int64_t rate)
{
	struct bucket b = waited_for(rate, 5 * SECOND);
	int64_t now = bucket_due(&b), n = bucket_room(&b, now);

	CHECK(n >= portion(rate));
	CHECK_INT(bucket_room(&b, now), n);
	CHECK_INT(bucket_room(&b, now - SECOND), n);
	CHECK_INT(bucket_room(&b, now), n);
	bucket_take(&b, n);
	for (int i = 0; i < 10; i++)
		CHECK_INT(bucket_room(&b, now), 0);
	CHECK_INT(bucket_room(&b, now - HOUR), 0);
	CHECK(bucket_due(&b) > now);
	CHECK_INT(bucket_room(&b, bucket_due(&b) - 1), 0);
	CHECK(bucket_room(&b, bucket_due(&b)) >= portion(rate));
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		int64_t rate = rates[i];

		rate_is_met(rate, 5 * SECOND, 1, 0);
		rate_is_met(rate, 5 * SECOND, 1000, 0);
		rate_is_met(rate, 5 * SECOND, 1000, 200000);
		rate_is_met(rate, HOUR, 1000, 0);
		rate_is_met(rate, HOUR, 1000, 200000);
		rate_is_met(rate, HOUR, 1, BUCKET_LATE_US);
		very_late(rate);
		stopped(rate);
		idle(rate);
		modest(rate);
		rests_in_between(rate);
		due_is_exact(rate);
		no_time(rate);
	}
	return check_done("bucket");
}
