/*
 * Time: see clock.h. The only place that reads a clock.
 */
#include "lib/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

int64_t
clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
clock_ms(void)
{
	return clock_us() / 1000;
}

int64_t
clock_deadline(int64_t ms)
{
	int64_t now = (clock_us() + 999) / 1000;	/* a part of a millisecond is not ours to take away */

	return ms < 0 || ms > CLOCK_NEVER - now ? CLOCK_NEVER : now + ms;
}

int64_t
clock_epoch_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void
clock_stamp(char *out, size_t size)
{
	clock_stamp_of(clock_epoch_us(), out, size);
}

void
clock_stamp_of(int64_t epoch_us, char *out, size_t size)
{
	time_t seconds = (time_t)(epoch_us / 1000000);
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, size - n, ".%06" PRId64 "Z", epoch_us % 1000000);
}

const char *
clock_words(int64_t ms, char *out, size_t size)
{
	if (ms < 1000)
		snprintf(out, size, "%" PRId64 " ms", ms);
	else if (ms < 60000 && ms % 1000 != 0)
		snprintf(out, size, "%.3g s", (double)ms / 1000);
	else if (ms < 60000)
		snprintf(out, size, "%" PRId64 " s", ms / 1000);
	else if (ms % 60000 < 1000)
		snprintf(out, size, "%" PRId64 " min", ms / 60000);
	else
		snprintf(out, size, "%" PRId64 " min %" PRId64 " s", ms / 60000, ms / 1000 % 60);
	return out;
}
