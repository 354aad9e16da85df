/*
 * Pace: a layer of a stream that lets bytes through no faster than asked, in each direction by itself, and pauses after
 * each line that is written. What it holds back, it does not take: there is no buffer. FIN and errors are not paced.
 */
#ifndef SOCKT_NET_PACE_H
#define SOCKT_NET_PACE_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/event/loop.h"
#include "lib/net/stream.h"

struct pace_args {
	int64_t rate;		/* bytes a second each way, up to BUCKET_RATE_MAX; OPT_UNSET: no limit */
	int64_t line_delay_ms;	/* after each LF that was written; OPT_UNSET or 0: none */
};

/* Takes below, which carries bytes: a message would be cut. NULL and err without memory: then below is freed too. */
struct stream *pace_stream(struct loop *loop, struct stream *below, const struct pace_args *args, struct err *err);

#endif
