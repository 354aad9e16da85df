/*
 * Talk: see talk.h.
 */
#include "cmd/talk.h"

#include "lib/base/clock.h"
#include "lib/net/stdio.h"
#include "lib/net/stream.h"
#include "lib/service/stats.h"

static void
on_done(void *arg, const struct err *err)
{
	session_over(arg, err);
}

int
talk(struct session *session, int fd, const char *name, const struct relay_args *args, bool stats,
    const struct log *log, struct err *err)
{
	struct stream *remote = stream_socket(session->loop, fd, err), *local = NULL;
	struct relay *relay = NULL;
	struct relay_counts counts;
	int64_t began_us = clock_us(), took_us;
	int rc = -1;

	if (remote == NULL || (local = stdio_stream(session->loop, err)) == NULL ||
	    (relay = relay_start(session->loop, local, remote, args, log, name, on_done, session, err)) == NULL)
		goto out;
	session->stage = STAGE_TRANSFER;
	rc = session_wait(session, err);
	counts = relay_counts(relay);
	took_us = clock_us() - began_us;
	if (rc < 0)
		err_count(err, name, counts.sent, counts.received);
	if (stats)
		stats_say(log, name, fd, counts.sent, counts.received, took_us);
	if (rc == 0)
		log_closed(log, name, counts.sent, counts.received, took_us, NULL);
out:
	relay_free(relay);
	stream_free(local);
	stream_free(remote);
	return rc;
}
