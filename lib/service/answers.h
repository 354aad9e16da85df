/*
 * Answers: what comes back for datagrams that were sent, told apart and counted.
 *
 * With numbers, which stand in front of each datagram, an answer that begins with one is for that datagram: the first
 * for it, in time or too late, or one more. Without, an answer is for whatever was sent last before it came.
 */
#ifndef SOCKT_SERVICE_ANSWERS_H
#define SOCKT_SERVICE_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/log.h"
#include "lib/net/dgram.h"

#define ANSWERS_NUMBER_MAX	24		/* room for a number as it is written in front of a datagram */
#define ANSWERS_KEPT		(1024 * 1024)	/* of so many datagrams, the last, it is known when each was sent */

struct answers {
	bool numbered;
	int64_t limit_us;		/* what comes later after its datagram is late; CLOCK_NEVER: nothing is */
	uint64_t sent, sent_bytes;
	uint64_t came, came_bytes;	/* all that did, of which ... */
	uint64_t counted;		/* ... are answers in time, to a datagram each; and with numbers ... */
	uint64_t late, duplicate;
	uint64_t strange;		/* ... without a number of ours */
	/* its own */
	int64_t rtt_min_us, rtt_max_us, rtt_sum_us;
	uint64_t n_rtts;
	int64_t last_us, before_us;	/* when the last was sent, and when one was at another time before it */
	int64_t *shots;			/* when each was sent, negative once answered: number n at (n - 1) % cap */
	size_t cap;
};

/* All times are of the wall clock, as the system stamps what comes. */
void	answers_init(struct answers *a, bool numbered, int64_t limit_us);
void	answers_free(struct answers *a);

/* Writes the number of the ith datagram from now, i from 0, and a blank. Returns the length. */
size_t	answers_number(const struct answers *a, size_t i, char out[ANSWERS_NUMBER_MAX]);

/* v[0..n) were sent at sent_us. Returns false without memory. */
bool	answers_sent(struct answers *a, const struct dgram *v, size_t n, int64_t sent_us);

/* What is known of one that came: -1, it is not. */
struct answer {
	int64_t number, rtt_us;
};

/* Counts one that came, at now_us unless it has a stamp, and tells it apart. */
struct answer answers_take(struct answers *a, const struct dgram *d, int64_t now_us);

/* Says --stats; what became of them only if answers were awaited. */
void	answers_say(const struct answers *a, bool awaited, const struct log *log, const char *peer, int64_t took_us);

#endif
