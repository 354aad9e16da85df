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

void
talk_say_end(const struct log *log, const char *name, int fd, struct relay_counts counts, int64_t began_us, bool stats,
    const struct err *err)
{
	int64_t took_us = clock_us() - began_us;

	if (stats)
		stats_say(log, name, fd, counts.sent, counts.received, took_us);
	if (err == NULL)		/* otherwise main() says it */
		log_closed(log, name, counts.sent, counts.received, took_us, NULL);
}

int
talk(struct session *session, int fd, const char *name, const struct relay_args *args, bool stats,
    const struct log *log, struct err *err)
{
	struct stream *remote = stream_socket(session->loop, fd, err), *local = NULL;
	struct relay *relay = NULL;
	struct relay_counts counts;
	int64_t began_us = clock_us();
	int rc = -1;

	if (remote == NULL || (local = stdio_stream(session->loop, err)) == NULL ||
	    (relay = relay_start(session->loop, &(struct relay_job){ .local = local, .remote = remote,
	    .kind = RELAY_STDIO, .args = args, .log = log, .name = name, .done = on_done, .arg = session }, err)) == NULL)
		goto out;
	session->stage = STAGE_TRANSFER;
	rc = session_wait(session, err);
	counts = relay_counts(relay);
	if (rc < 0)
		err_count(err, name, counts.sent, counts.received);
	talk_say_end(log, name, fd, counts, began_us, stats, rc < 0 ? err : NULL);
out:
	relay_free(relay);
	stream_free(local);
	stream_free(remote);
	return rc;
}
