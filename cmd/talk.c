/*
 * Talk: see talk.h.
 */
#include "cmd/talk.h"

#include "cmd/progress.h"
#include "lib/base/clock.h"
#include "lib/net/herald.h"
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

static void
yield(void *words)
{
	words_yield(words);
}

struct stream *
talk_local(struct loop *loop, struct words *words, bool progress, struct err *err)
{
	struct stream *s = stdio_stream(loop, err);

	if (s == NULL || !progress || stream_plain(s, STREAM_WRITE).medium != MEDIUM_TERMINAL)
		return s;
	return herald_stream(s, yield, words, err);
}

static struct relay_counts
count(void *relay)
{
	return relay_counts(relay);
}

int
talk(struct session *session, struct stream *remote, int fd, const char *name, const struct relay_args *args,
    const struct transfer_args *transfer, struct words *words, struct err *err)
{
	const struct log *log = &words->log;
	struct stream *local = NULL;
	struct relay *relay = NULL;
	struct relay_counts counts;
	struct progress progress = { .words = NULL };
	int64_t began_us = clock_us();
	int rc = -1;

	if ((local = talk_local(session->loop, words, transfer->progress, err)) == NULL ||
	    (relay = relay_start(session->loop, &(struct relay_job){ .local = local, .remote = remote,
	    .kind = RELAY_STDIO, .args = args, .log = log, .name = name, .done = on_done, .arg = session }, err)) == NULL)
		goto out;
	session->stage = STAGE_TRANSFER;
	if (transfer->progress)
		progress_start(&progress, session->loop, words, progress_size_of_stdin(), count, relay);
	rc = session_wait(session, err);
	progress_end(&progress);
	counts = relay_counts(relay);
	if (rc < 0)
		err_count(err, name, counts.sent, counts.received);
	talk_say_end(log, name, fd, counts, began_us, transfer->stats, rc < 0 ? err : NULL);
out:
	relay_free(relay);
	stream_free(local);
	stream_free(remote);
	return rc;
}
