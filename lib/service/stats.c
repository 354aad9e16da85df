/*
 * What --stats says of one connection: see stats.h.
 */
#include "lib/service/stats.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/base/num.h"
#include "lib/net/sock.h"

/* Writes bytes a second for people. Returns out. */
static const char *
rate_words(uint64_t bytes, int64_t took_us, char *out, size_t size)
{
	char words[24];

	num_size_words(took_us > 0 ? (double)bytes * 1e6 / (double)took_us : 0, words, sizeof(words));
	snprintf(out, size, "%s/s", words);
	return out;
}

void
stats_say(const struct log *log, const char *peer, int fd, uint64_t sent, uint64_t received, int64_t took_us)
{
	struct sock_tcp_info tcp;
	char up[32], down[32], more[96] = "";
	struct log_field fields[6] = { LOG_NUM("sent", sent), LOG_NUM("received", received), LOG_NUM("took_us", took_us) };
	size_t n = 3;

	if (sock_tcp_info(fd, &tcp)) {
		fields[n++] = (struct log_field)LOG_NUM("rtt_us", tcp.rtt_us);
		fields[n++] = (struct log_field)LOG_NUM("retransmits", tcp.retransmits);
		fields[n++] = (struct log_field)LOG_STR("state", tcp.state);
		snprintf(more, sizeof(more), ", rtt %.3f ms, %u retransmits, %s", (double)tcp.rtt_us / 1000,
		    tcp.retransmits, tcp.state);
	}
	log_say(log, LOG_QUIET, LOG_ABOUT, "stats", peer, fields, n,
	    "sent %" PRIu64 " bytes (%s), received %" PRIu64 " bytes (%s) in %.3f s%s", sent,
	    rate_words(sent, took_us, up, sizeof(up)), received, rate_words(received, took_us, down, sizeof(down)),
	    (double)took_us / 1e6, more);
}

void
stats_say_datagrams(const struct log *log, const char *object, const struct stats_datagrams *counts, int64_t took_us)
{
	const struct log_field fields[] = {
		LOG_NUM("sent", counts->bytes_sent), LOG_NUM("received", counts->bytes_received), LOG_NUM("took_us", took_us),
		LOG_NUM("datagrams_sent", counts->sent), LOG_NUM("datagrams_received", counts->received),
		LOG_NUM("lost", counts->lost), LOG_NUM("truncated", counts->truncated),
	};
	char up[32], down[32];

	log_say(log, LOG_QUIET, LOG_ABOUT, "stats", object, fields, sizeof(fields) / sizeof(fields[0]),
	    "sent %" PRIu64 " datagram%s of %" PRIu64 " bytes (%s), received %" PRIu64 " of %" PRIu64 " bytes (%s) in %.3f s, "
	    "%" PRIu64 " lost, %" PRIu64 " truncated", counts->sent, counts->sent == 1 ? "" : "s", counts->bytes_sent,
	    rate_words(counts->bytes_sent, took_us, up, sizeof(up)), counts->received, counts->bytes_received,
	    rate_words(counts->bytes_received, took_us, down, sizeof(down)), (double)took_us / 1e6, counts->lost,
	    counts->truncated);
}
