/*
 * Pulse: has anything moved lately? A byte that was read or written counts, and so does one that the peer's system took
 * out of the kernel's send queue, of which no event tells: that queue holds megabytes, and a slow peer empties it long
 * after our last write.
 */
#ifndef SOCKT_SERVICE_PULSE_H
#define SOCKT_SERVICE_PULSE_H

#include <stddef.h>
#include <stdint.h>

struct pulse {
	int64_t last_ms;	/* when something last moved */
	int64_t sampled_ms;	/* when the queue was first seen as it is */
	size_t queued;		/* the queue when it was last looked at */
};

/* Something moved, or the silence that counts begins, now. */
void	pulse_beat(struct pulse *p);

/*
 * Looks at the send queue, which holds queued bytes. Returns CLOCK_NEVER when there was silence for span_ms, otherwise
 * the time to ask again: soon when the queue holds something, for it has to be watched.
 */
int64_t	pulse_ask(struct pulse *p, size_t queued, int64_t span_ms);

#endif
