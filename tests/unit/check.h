/*
 * What every driver needs: count what is checked, say where it failed, and sum up.
 */
#ifndef SOCKT_TESTS_UNIT_CHECK_H
#define SOCKT_TESTS_UNIT_CHECK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int check_count, check_failures;

#define CHECK(what) check_that((what), __FILE__, __LINE__, #what)
#define CHECK_TEXT(got, want) check_text((got), (want), __FILE__, __LINE__)
#define CHECK_INT(got, want) check_int((int64_t)(got), (int64_t)(want), __FILE__, __LINE__)

static inline void
check_that(bool good, const char *file, int line, const char *what)
{
	check_count++;
	if (good)
		return;
	check_failures++;
	printf("%s:%d: not so: %s\n", file, line, what);
}

static inline void
check_text(const char *got, const char *want, const char *file, int line)
{
	check_count++;
	if (strcmp(got, want) == 0)
		return;
	check_failures++;
	printf("%s:%d: got '%s', wanted '%s'\n", file, line, got, want);
}

static inline void
check_int(int64_t got, int64_t want, const char *file, int line)
{
	check_count++;
	if (got == want)
		return;
	check_failures++;
	printf("%s:%d: got %" PRId64 ", wanted %" PRId64 "\n", file, line, got, want);
}

/* The last line of a driver, and its exit status. */
static inline int
check_done(const char *name)
{
	printf("%s: %d checks\n", name, check_count);
	return check_failures == 0 ? 0 : 1;
}

#endif
