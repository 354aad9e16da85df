/*
 * Tempo: when each of many is due that are to go at even distances, so that the rate is met in the long run.
 *
 * The first is due at once. Who was made to wait and came late, for want of a processor or because timers are coarse,
 * may let several go at once to catch up, as far as TEMPO_LATE_US; who had nothing to let go begins anew.
 */
#ifndef SOCKT_BASE_TEMPO_H
#define SOCKT_BASE_TEMPO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEMPO_LATE_US	1000000
#define TEMPO_N_MAX	INT64_C(1000000000)

struct tempo {
	int64_t n, per_us;	/* n, up to TEMPO_N_MAX, in each per_us; n 0: any number at any time */
	int64_t next_us;	/* when the next is due, ... */
	int64_t rest;		/* ... and so many nths of a microsecond */
	bool resting;
};

void	tempo_init(struct tempo *t, int64_t n, int64_t per_us);

/* How many of the most that there are may go at now_us (clock_us()). */
size_t	tempo_room(struct tempo *t, int64_t now_us, size_t most);

/* So many went, no more than there was room for. */
void	tempo_took(struct tempo *t, size_t n);

/* There is nothing to let go, and it is not known when there will be: that time is not made up for. */
void	tempo_rest(struct tempo *t);

/* When the next is due, as of the last tempo_room() and what went since. */
int64_t	tempo_due(const struct tempo *t);

#endif
