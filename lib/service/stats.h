/*
 * What --stats says of one connection.
 */
#ifndef SOCKT_SERVICE_STATS_H
#define SOCKT_SERVICE_STATS_H

#include <stdint.h>

#include "lib/base/log.h"

/* Says bytes, duration, rates and what the system knows of the open socket fd, at any level of verbosity. */
void	stats_say(const struct log *log, const char *peer, int fd, uint64_t sent, uint64_t received, int64_t took_us);

#endif
