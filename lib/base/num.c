/*
 * Numbers from words: see num.h.
 */
#include "lib/base/num.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <bsd/stdlib.h>

/* Reads the digits at *word into *out and moves *word past them. False without a digit, or over max. */
static bool
digits(const char **word, int64_t max, int64_t *out)
{
	const char *p = *word;
	int64_t n = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (max < *p - '0' || n > (max - (*p - '0')) / 10)
			return false;
		n = n * 10 + (*p - '0');
	}
	if (p == *word)
		return false;
	*word = p;
	*out = n;
	return true;
}

bool
num_int(const char *word, int64_t min, int64_t max, int64_t *out)
{
	const char *why;
	int64_t n;

	if (word[0] < '0' || word[0] > '9')	/* strtonum takes blanks and signs */
		return false;
	n = strtonum(word, min, max, &why);
	if (why != NULL)
		return false;
	*out = n;
	return true;
}

/* How many microseconds one of that unit is, of which none is a second; 0 if there is no such unit. */
static int64_t
unit_length(const char *name)
{
	static const struct { const char *name; int64_t us; } units[] = {
		{ "", 1000000 }, { "us", 1 }, { "ms", 1000 }, { "s", 1000000 }, { "m", 60000000 }, { "h", 3600000000 },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(name, units[i].name) == 0)
			return units[i].us;
	}
	return 0;
}

bool
num_duration_us(const char *word, int64_t *out_us)
{
	int64_t whole, unit_us, us, rest = 0, scale = 1;
	const char *p = word, *fraction = "";

	if (!digits(&p, NUM_MS_MAX, &whole))
		return false;
	if (*p == '.') {
		fraction = p + 1;
		p = fraction + strspn(fraction, "0123456789");
		if (p == fraction)
			return false;
	}
	unit_us = unit_length(p);
	if (unit_us == 0 || whole > NUM_MS_MAX * 1000 / unit_us)
		return false;
	us = whole * unit_us;

	/* Nine places tell a few microseconds of an hour; digits beyond them only say whether to round up. */
	for (int place = 0; fraction[0] >= '0' && fraction[0] <= '9'; fraction++) {
		if (place++ < 9) {
			rest = rest * 10 + (*fraction - '0');
			scale *= 10;
		} else if (*fraction != '0' && rest < scale - 1) {
			rest++;
			break;
		}
	}
	us += (rest * unit_us + scale - 1) / scale;
	if (us > NUM_MS_MAX * 1000)
		return false;
	*out_us = us;
	return true;
}

bool
num_duration(const char *word, int64_t *out_ms)
{
	size_t n = strlen(word);
	int64_t us;

	/* Microseconds are for those who can tell them apart. */
	if ((n >= 2 && strcmp(word + n - 2, "us") == 0) || !num_duration_us(word, &us))
		return false;
	*out_ms = (us + 999) / 1000;
	return true;
}

bool
num_size(const char *word, int64_t *out)
{
	static const char units[] = "kMGT";
	const char *p = word, *unit;
	int64_t n;
	int shift = 0;

	if (!digits(&p, NUM_SIZE_MAX, &n))
		return false;
	if (*p != '\0') {
		if ((unit = strchr(units, *p == 'K' ? 'k' : *p)) == NULL || p[1] != '\0')
			return false;
		shift = 10 * (int)(unit - units + 1);
	}
	if (n > NUM_SIZE_MAX >> shift)
		return false;
	*out = n << shift;
	return true;
}

const char *
num_size_words(double bytes, char *out, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;

	for (; bytes >= 1024 && unit < 4; unit++)
		bytes /= 1024;
	snprintf(out, size, unit == 0 || bytes >= 99.95 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
	return out;
}

bool
num_rate(const char *word, int64_t max_n, struct num_rate *out)
{
	const char *p = word;
	int64_t n, per_ms;

	if (!digits(&p, max_n, &n) || n == 0 || *p != '/' || *++p == '\0')
		return false;
	if ((per_ms = unit_length(p) / 1000) == 0 && (!num_duration(p, &per_ms) || per_ms == 0))
		return false;
	*out = (struct num_rate){ .n = n, .per_ms = per_ms };
	return true;
}
