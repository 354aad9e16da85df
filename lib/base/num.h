/*
 * Numbers from words, strictly: no sign, no blank, no other base, no trailing text, nothing that overflows.
 */
#ifndef SOCKT_BASE_NUM_H
#define SOCKT_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest duration and largest size that are taken: a thousand years, and what fits a file offset. */
#define NUM_MS_MAX	INT64_C(31556952000000)
#define NUM_SIZE_MAX	INT64_MAX

/* So many of something in so long a time. */
struct num_rate {
	int64_t n;		/* 0: no rate was given */
	int64_t per_ms;
};

/* Each returns true and sets *out, or false and leaves it. */

/* Decimal digits only, between min and max (both >= 0). */
bool	num_int(const char *word, int64_t min, int64_t max, int64_t *out);

/* `5`, `0.5`, `250ms`, `2s`, `1m`, `1h` as milliseconds, rounded up so that what is not 0 stays not 0. */
bool	num_duration(const char *word, int64_t *out_ms);

/* The same as microseconds, and `us` is a unit too. */
bool	num_duration_us(const char *word, int64_t *out_us);

/* `100`, `64k`, `1M`, `1G`: powers of 1024. */
bool	num_size(const char *word, int64_t *out);

/* The other way round, for people: "512 B", "1.5 KiB", "640 GiB". Returns out. */
const char *num_size_words(double bytes, char *out, size_t size);

/* `N/DUR`, N from 1 to max_n, DUR a duration above 0 or a unit, which is one of it: `5/s`, `100/m`, `1/250ms`. */
bool	num_rate(const char *word, int64_t max_n, struct num_rate *out);

#endif
