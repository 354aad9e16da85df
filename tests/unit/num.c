/*
 * Numbers from words: what is taken, how it is rounded, and that everything else is refused and leaves the target.
 */
#include "lib/base/num.h"

#include "tests/unit/check.h"

#define UNTOUCHED INT64_C(-77)

static void
duration(const char *word, int64_t want_ms)
{
	int64_t ms = UNTOUCHED;
	bool good = num_duration(word, &ms);

	CHECK_INT(ms, want_ms);
	CHECK(good == (want_ms != UNTOUCHED));
	if (ms != want_ms)
		printf("\tduration '%s'\n", word);
}

static void
duration_us(const char *word, int64_t want_us)
{
	int64_t us = UNTOUCHED;
	bool good = num_duration_us(word, &us);

	CHECK_INT(us, want_us);
	CHECK(good == (want_us != UNTOUCHED));
	if (us != want_us)
		printf("\tduration '%s' in microseconds\n", word);
}

static void
size(const char *word, int64_t want)
{
	int64_t n = UNTOUCHED;
	bool good = num_size(word, &n);

	CHECK_INT(n, want);
	CHECK(good == (want != UNTOUCHED));
	if (n != want)
		printf("\tsize '%s'\n", word);
}

static void
integer(const char *word, int64_t min, int64_t max, int64_t want)
{
	int64_t n = UNTOUCHED;
	bool good = num_int(word, min, max, &n);

	CHECK_INT(n, want);
	CHECK(good == (want != UNTOUCHED));
	if (n != want)
		printf("\tint '%s' %" PRId64 "..%" PRId64 "\n", word, min, max);
}

static void
durations(void)
{
	static const char *const refused[] = {
		"", " ", " 5", "5 ", "+5", "-5", "-5s", "-0", "5x", "5sx", "5ss", "5mss", "5S", "5M", "5H", "5MS", "5Ms", "s",
		"ms", ".", ".5", "5.", "5.s", "5..5", "5.5.5", "5,5", "0x50", "0x5s", "1e3", "nan", "inf", "infinity", "5d",
		"5us", "5 s", "5\n", "\t5", "5s\n", "1h30m", "99999999999999999999", "9223372036854775807",
		"9223372036854775808", "31556952001", "525949201m", "8765821h", "31556952000001ms", "8765820.0000001h", "٣",
	};

	duration("0", 0);
	duration("00", 0);
	duration("0ms", 0);
	duration("0.000", 0);
	duration("0h", 0);
	duration("5", 5000);
	duration("005", 5000);
	duration("2s", 2000);
	duration("250ms", 250);
	duration("1m", 60000);
	duration("1h", 3600000);
	duration("0.5", 500);
	duration("0.5s", 500);
	duration("1.5m", 90000);
	duration("0.25h", 900000);
	duration("1.5ms", 2);

	/* What is not 0 stays not 0, and nothing is shortened. */
	duration("0.0001", 1);
	duration("0.1ms", 1);
	duration("0.001ms", 1);
	duration("0.001", 1);
	duration("0.0011", 2);
	duration("0.0019999", 2);
	duration("1.0000001", 1001);
	duration("0.000000001ms", 1);
	duration("0.0000000001ms", 1);
	duration("0.00000000000000000000000000000001h", 1);
	duration("0.99999999999999999999999", 1000);
	duration("1.00000000000000000000000", 1000);
	duration("0.000000000000000000000000", 0);

	/* The longest, in every unit. */
	duration("31556952000000ms", NUM_MS_MAX);
	duration("31556952000", NUM_MS_MAX);
	duration("525949200m", NUM_MS_MAX);
	duration("8765820h", NUM_MS_MAX);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		duration(refused[i], UNTOUCHED);

	duration_us("0us", 0);
	duration_us("1us", 1);
	duration_us("250us", 250);
	duration_us("1.5us", 2);
	duration_us("0.25ms", 250);
	duration_us("0.0001", 100);
	duration_us("0.0000001", 1);
	duration_us("2", 2000000);
	duration_us("8765820h", NUM_MS_MAX * 1000);
	duration_us("31556952000000000us", UNTOUCHED);		/* more digits than any unit needs */
	duration_us("5u", UNTOUCHED);
	duration_us("5uss", UNTOUCHED);
	duration_us("us", UNTOUCHED);
}

static void
sizes(void)
{
	static const char *const refused[] = {
		"", " 1", "1 ", "+1", "-1", "1kk", "1kB", "1KiB", "1b", "1B", "1m", "1g", "1t", "1P", "k", "M", "1.5k", "0x10",
		"1e3", "nan", "1 k", "1,0", "1k\n", "9223372036854775808", "18446744073709551616", "9007199254740992k",
		"8796093022208M", "8589934592G", "8388608T", "99999999999999999999T",
	};

	size("0", 0);
	size("0G", 0);
	size("100", 100);
	size("0100", 100);
	size("64k", 65536);
	size("64K", 65536);
	size("1M", 1048576);
	size("1G", 1073741824);
	size("1T", INT64_C(1099511627776));
	size("9223372036854775807", INT64_MAX);
	size("9007199254740991k", INT64_MAX - 1023);
	size("8388607T", INT64_C(8388607) << 40);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		size(refused[i], UNTOUCHED);
}

static void
integers(void)
{
	static const char *const refused[] = {
		"", " ", " 80", "80 ", "80x", "+80", "-80", "-0", "0x50", "8e1", "80.", "80.0", "1,000", "nan", "80\n", "\t80",
		"99999", "65536", "9223372036854775807", "9223372036854775808", "18446744073709551616", "18446744073709551696",
	};

	integer("1", 1, 65535, 1);
	integer("65535", 1, 65535, 65535);
	integer("080", 1, 65535, 80);
	integer("0", 0, 65535, 0);
	integer("0", 1, 65535, UNTOUCHED);
	integer("9223372036854775807", 0, INT64_MAX, INT64_MAX);
	integer("9223372036854775808", 0, INT64_MAX, UNTOUCHED);
	integer("4", 5, 6, UNTOUCHED);
	integer("7", 5, 6, UNTOUCHED);
	integer("5", 5, 5, 5);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		integer(refused[i], 0, 65535, UNTOUCHED);
}

static void
rate(const char *word, int64_t max_n, int64_t want_n, int64_t want_ms)
{
	struct num_rate got = { .n = UNTOUCHED, .per_ms = UNTOUCHED };
	bool good = num_rate(word, max_n, &got);

	CHECK_INT(got.n, want_n);
	CHECK_INT(got.per_ms, want_ms);
	CHECK(good == (want_n != UNTOUCHED));
	if (got.n != want_n || got.per_ms != want_ms)
		printf("\trate '%s' up to %" PRId64 "\n", word, max_n);
}

static void
rates(void)
{
	static const char *const refused[] = {
		"", "/", "5", "5/", "/s", "/5", "0/s", "00/s", "5/0", "5/0s", "5/0.0ms", "-5/s", "+5/s", " 5/s", "5 /s", "5/ s",
		"5/s ", "5/s\n", "5/S", "5/M", "5/d", "5/us", "5/sec", "5/.5s", "5/.s", "5/-1s", "5/+1s", "5/1s/1s", "5//s",
		"5.5/s", "5k/s", "0x5/s", "5/0x5", "5\\s", "5per s", "nan/s", "5/nan", "1001/s", "99999999999999999999/s",
		"5/99999999999999999999", "5/31556952001",
	};

	rate("5/s", 1000, 5, 1000);
	rate("100/m", 1000, 100, 60000);
	rate("3/10s", 1000, 3, 10000);
	rate("1/250ms", 1000, 1, 250);
	rate("2/h", 1000, 2, 3600000);
	rate("7/ms", 1000, 7, 1);
	rate("4/2", 1000, 4, 2000);
	rate("4/1.5m", 1000, 4, 90000);
	rate("4/0.0001", 1000, 4, 1);
	rate("007/01s", 1000, 7, 1000);
	rate("1000/s", 1000, 1000, 1000);
	rate("9223372036854775807/8765820h", INT64_MAX, INT64_MAX, NUM_MS_MAX);
	rate("9223372036854775808/s", INT64_MAX, UNTOUCHED, UNTOUCHED);
	rate("5/s", 5, 5, 1000);
	rate("6/s", 5, UNTOUCHED, UNTOUCHED);
	rate("15/s", 14, UNTOUCHED, UNTOUCHED);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		rate(refused[i], 1000, UNTOUCHED, UNTOUCHED);
}

static void
size_words(void)
{
	static const struct { double bytes; const char *words; } rows[] = {
		{ 0, "0 B" }, { 1, "1 B" }, { 1023, "1023 B" }, { 1024, "1.0 KiB" }, { 1536, "1.5 KiB" },
		{ 99.9 * 1024, "99.9 KiB" }, { 100 * 1024, "100 KiB" }, { 1023 * 1024, "1023 KiB" },
		{ 1048576, "1.0 MiB" }, { 1.5 * 1073741824, "1.5 GiB" }, { 3298534883328, "3.0 TiB" },
		{ 5e15, "4547 TiB" },
	};
	char out[24];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_TEXT(num_size_words(rows[i].bytes, out, sizeof(out)), rows[i].words);
}

int
main(void)
{
	durations();
	sizes();
	integers();
	rates();
	size_words();
	return check_done("num");
}
