/*
 * What --stats says in the end.
 */
#ifndef SOCKT_SERVICE_STATS_H
#define SOCKT_SERVICE_STATS_H

#include <stdint.h>

#include "lib/base/log.h"

/* Says bytes, duration, rates and what the system knows of the open socket fd, at any level of verbosity. */
void	stats_say(const struct log *log, const char *peer, int fd, uint64_t sent, uint64_t received, int64_t took_us);

/* What --stats says where there are datagrams rather than connections. */
struct stats_datagrams {
	uint64_t sent, received;
	uint64_t bytes_sent, bytes_received;
	uint64_t lost;		/* for want of room in the system */
	uint64_t truncated;
};

void	stats_say_datagrams(const struct log *log, const char *object, const struct stats_datagrams *counts,
	    int64_t took_us);

#endif
