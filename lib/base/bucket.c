/*
 * A token bucket: see bucket.h. It counts in millionths of a byte, of which N bytes a second are N every microsecond:
 * so no fraction is ever lost. All it may hold and 2 s at the highest rate are a third of what fits.
 */
#include "lib/base/bucket.h"

#define BYTE		INT64_C(1000000)	/* in millionths */
#define PORTION_MAX	INT64_C(65536)		/* a read's or write's worth: waiting for more saves no calls */
#define FULL_US		(BYTE + BUCKET_LATE_US)	/* after this it is full at any rate: a portion takes 1 s at 1 byte a second */

/* What is saved up by who does not use it: enough for a portion also where that is more. */
static int64_t
burst(const struct bucket *b)
{
	int64_t worth = b->rate * BUCKET_BURST_US;

	return worth < BYTE ? BYTE : worth;
}

static int64_t
portion(const struct bucket *b)
{
	int64_t bytes = burst(b) / BYTE;

	return (bytes > PORTION_MAX ? PORTION_MAX : bytes) * BYTE;
}

/* How much it may hold at most, elapsed_us after it was last looked at. */
static int64_t
capacity(const struct bucket *b, int64_t elapsed_us)
{
	if (b->waited_for)
		return portion(b) + b->rate * BUCKET_LATE_US;
	return elapsed_us < BUCKET_BURST_US && b->held > burst(b) ? b->held : burst(b);
}

void
bucket_init(struct bucket *b, int64_t rate, int64_t now_us)
{
	*b = (struct bucket){ .rate = rate, .seen_us = now_us };
}

int64_t
bucket_room(struct bucket *b, int64_t now_us)
{
	int64_t elapsed_us = now_us - b->seen_us, most;

	if (elapsed_us > 0) {
		most = capacity(b, elapsed_us);
		b->held += b->rate * (elapsed_us < FULL_US ? elapsed_us : FULL_US);
		if (b->held > most)
			b->held = most;
		b->seen_us = now_us;
	}
	if (b->held < portion(b)) {
		b->waited_for = true;
		return 0;
	}
	return b->held / BYTE;
}

void
bucket_take(struct bucket *b, int64_t n)
{
	b->held -= n * BYTE;
}

void
bucket_rest(struct bucket *b)
{
	b->waited_for = false;
}

int64_t
bucket_due(const struct bucket *b)
{
	int64_t missing = portion(b) - b->held;

	return missing <= 0 ? b->seen_us : b->seen_us + (missing + b->rate - 1) / b->rate;
}
