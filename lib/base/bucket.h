/*
 * A token bucket: how many bytes a rate allows by now.
 *
 * It starts empty and fills at the rate. Who does not use it saves up BUCKET_BURST_US worth (or a byte), no more; but
 * who was made to wait for it and came late, for want of a processor, is given the whole time back, up to
 * BUCKET_LATE_US worth beyond the portion that was waited for: so the rate is met in the long run however late timers
 * are.
 */
#ifndef SOCKT_BASE_BUCKET_H
#define SOCKT_BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#define BUCKET_BURST_US	20000
#define BUCKET_LATE_US	1000000
#define BUCKET_RATE_MAX	(INT64_C(1) << 40)	/* bytes a second */

struct bucket {
	int64_t rate;		/* bytes a second, from 1 to BUCKET_RATE_MAX */
	int64_t seen_us;	/* when it was last looked at */
	int64_t held;		/* what it held then and was not taken since, in millionths of a byte */
	bool waited_for;	/* it was empty, and somebody waits for it */
};

void	bucket_init(struct bucket *b, int64_t rate, int64_t now_us);

/*
 * How many bytes it holds at now_us. With fewer than a portion, which is a burst's worth but at most 64 KiB and at
 * least one byte, it counts as empty: 0. Whoever gets that is taken to wait until bucket_due().
 */
int64_t	bucket_room(struct bucket *b, int64_t now_us);

/* Takes n bytes, no more than it held. */
void	bucket_take(struct bucket *b, int64_t n);

/*
 * Somebody else is to be waited for: time that goes by from the last bucket_room() on is not made up for beyond a
 * burst. What was held back for a late caller before is kept while he goes on, and lost when he comes only after
 * BUCKET_BURST_US.
 */
void	bucket_rest(struct bucket *b);

/* When the next portion will be there, in clock_us() time, as of the last bucket_room() and what was taken since. */
int64_t	bucket_due(const struct bucket *b);

#endif
