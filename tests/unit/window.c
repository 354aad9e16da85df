/*
 * At most N in any window: against a model that remembers every event, and at the edges where being off by one shows.
 */
#include "lib/base/window.h"

#include <stdlib.h>

#include "tests/unit/check.h"

#define EVENTS 4000

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

/* What was let in, and the rule as it is written. */
struct model {
	int64_t at_us[EVENTS];
	size_t n;
};

static int64_t
model_count(const struct model *m, const struct num_rate *rate, int64_t now_us)
{
	int64_t count = 0;

	for (size_t i = 0; i < m->n; i++)
		count += m->at_us[i] > now_us - rate->per_ms * 1000 && m->at_us[i] <= now_us;
	return count;
}

/* Random pauses, mean_us on average, many of them 0: bursts, and times that are the same. */
static void
against_model(int64_t n, int64_t per_ms, int64_t mean_us)
{
	struct num_rate rate = { .n = n, .per_ms = per_ms };
	struct window w = WINDOW_EMPTY;
	static struct model m;
	int64_t now_us = random_below(1000000), wrong = 0;

	m.n = 0;
	for (int i = 0; i < EVENTS; i++) {
		int64_t count = model_count(&m, &rate, now_us);
		wrong += window_is_over(&w, &rate, now_us) != (count == 0);
		bool good = window_try(&w, &rate, now_us);
		wrong += good != (count < n);
		if (count < n)
			m.at_us[m.n++] = now_us;
		if (random_below(3) != 0)
			now_us += random_below(3 * mean_us + 1);
		if (random_below(500) == 0)
			now_us += per_ms * 1000 + random_below(2);	/* to the very end of a window */
	}
	CHECK_INT(wrong, 0);
	if (wrong != 0)
		printf("\t%" PRId64 " in %" PRId64 " ms, every %" PRId64 " us\n", n, per_ms, mean_us);
	window_free(&w);
}

static void
edges(void)
{
	struct num_rate one = { .n = 1, .per_ms = 10 }, three = { .n = 3, .per_ms = 1000 };
	struct window w = WINDOW_EMPTY;

	CHECK(sizeof(w) == sizeof(void *));
	CHECK(window_is_over(&w, &one, 0));
	CHECK(window_try(&w, &one, 5));
	CHECK(!window_try(&w, &one, 5));
	CHECK(!window_try(&w, &one, 10004));
	CHECK(!window_is_over(&w, &one, 10004));
	CHECK(window_is_over(&w, &one, 10005));
	CHECK(window_try(&w, &one, 10005));		/* what was refused did not count */
	CHECK(!window_try(&w, &one, 20004));
	CHECK(window_try(&w, &one, 20005));
	window_free(&w);
	CHECK(w.log == NULL);
	CHECK(window_try(&w, &one, 20006));		/* freed is forgotten */
	window_free(&w);

	CHECK(window_try(&w, &three, 0));
	CHECK(window_try(&w, &three, 400000));
	CHECK(window_try(&w, &three, 999999));
	CHECK(!window_try(&w, &three, 999999));
	CHECK(window_try(&w, &three, 1000000));
	CHECK(!window_try(&w, &three, 1399999));
	CHECK(window_try(&w, &three, 1400000));
	CHECK(window_is_over(&w, &three, 2400000));
	window_free(&w);
	window_free(&w);
}

/* The largest N there is: all of them at once, none more, and one for each that goes. */
static void
growth(int64_t n)
{
	struct num_rate rate = { .n = n, .per_ms = 1000 };
	struct window w = WINDOW_EMPTY;
	int64_t in = 0;

	for (int64_t i = 0; i < n + 10; i++)
		in += window_try(&w, &rate, i);
	CHECK_INT(in, n);
	CHECK(!window_try(&w, &rate, 999999));
	in = 0;
	for (int64_t i = 0; i < n; i++) {
		in += window_try(&w, &rate, 1000000 + i);
		in += window_try(&w, &rate, 1000000 + i);
	}
	CHECK_INT(in, n);
	CHECK(!window_is_over(&w, &rate, 1000000 + n - 1 + 999999));
	CHECK(window_is_over(&w, &rate, 1000000 + n - 1 + 1000000));
	window_free(&w);
}

static void
no_rate(void)
{
	struct num_rate none = { .n = 0 };
	struct window w = WINDOW_EMPTY;

	for (int i = 0; i < 100; i++)
		CHECK(window_try(&w, &none, 7));
	CHECK(w.log == NULL);
	CHECK(window_is_over(&w, &none, 7));
}

int
main(void)
{
	static const int64_t counts[] = { 1, 2, 3, 4, 5, 8, 9, 31, 100, 1000 };

	edges();
	no_rate();
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		against_model(counts[i], 1, 1000 / counts[i] + 1);
		against_model(counts[i], 1000, 1000000 / counts[i]);
		against_model(counts[i], 1000, 500000 / counts[i]);
		against_model(counts[i], 60000, 120000000 / counts[i]);
		growth(counts[i]);
	}
	against_model(30, NUM_MS_MAX, NUM_MS_MAX * 10);
	growth(WINDOW_MAX - 1);
	growth(WINDOW_MAX);
	return check_done("window");
}
