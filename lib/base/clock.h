/*
 * Time. Durations become a monotonic deadline once; below that only deadlines travel.
 */
#ifndef SOCKT_BASE_CLOCK_H
#define SOCKT_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* A deadline that never comes. */
#define CLOCK_NEVER INT64_MAX

/* Monotonic time in milliseconds and in microseconds. */
int64_t	clock_ms(void);
int64_t	clock_us(void);

/* The wall clock, in microseconds since 1970, in which the system stamps what comes. It may be put back. */
int64_t	clock_epoch_us(void);

/*
 * The deadline ms from now, never less than that by clock_ms(); CLOCK_NEVER for a negative ms, which says "no limit".
 */
int64_t	clock_deadline(int64_t ms);

#define CLOCK_STAMP_SIZE 32	/* room for what clock_stamp() writes */

/* Writes the wall clock as RFC 3339 in UTC with microseconds, 28 bytes with the NUL; or a time since the epoch. */
void	clock_stamp(char *out, size_t size);
void	clock_stamp_of(int64_t epoch_us, char *out, size_t size);

/* Writes a duration for people: "250 ms", "1.5 s", "2 min 5 s". Returns out. */
const char *clock_words(int64_t ms, char *out, size_t size);

#endif
