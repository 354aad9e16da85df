/*
 * Layers: see layers.h. The record is nearest to the socket: it sees what really went, when it went.
 */
#include "lib/net/layers.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/opts.h"
#include "lib/net/messages.h"
#include "lib/net/packets.h"
#include "lib/net/tap.h"

struct layers {
	struct loop *loop;
	const struct layers_args *args;
	const struct log *log;
	struct record *record;		/* NULL: there is none */
};

struct layers *
layers_new(struct loop *loop, const struct layers_args *args, void (*failed)(void *arg, const struct err *err),
    void *arg, const struct log *log, struct err *err)
{
	struct layers *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "connection");
		return NULL;
	}
	*l = (struct layers){ .loop = loop, .args = args, .log = log };
	if ((args->record.hexdump || args->record.transcript != NULL) &&
	    (l->record = record_new(loop, &args->record, failed, arg, err)) == NULL) {
		free(l);
		return NULL;
	}
	return l;
}

static bool
is_paced(const struct pace_args *args)
{
	return args->rate != OPT_UNSET || args->line_delay_ms > 0;
}

struct stream *
layers_over(struct layers *l, struct stream *below, const char *name, struct err *err)
{
	struct stream *s = below;

	if (l->record != NULL) {
		log_path(l->log, name, "sending and receiving", "buffer, not splice: the record is to see every byte");
		s = tap_stream(s, l->record, name, err);
	}
	if (s != NULL && l->args->packets > 0)
		s = packets_stream(l->loop, s, l->args->packets, err);
	if (s != NULL && is_paced(&l->args->pace)) {
		log_path(l->log, name, "sending and receiving", "buffer, not splice: bytes are paced");
		s = pace_stream(l->loop, s, &l->args->pace, err);
	}
	return s;
}

struct stream *
layers_socket(struct layers *l, int fd, const char *name, struct err *err)
{
	struct stream *s = l->args->packets > 0 ? messages_stream(l->loop, fd, err) : stream_socket(l->loop, fd, err);

	if (s != NULL && l->args->rights != NULL)
		s = rights_stream(s, fd, l->args->rights, err);
	return s != NULL ? layers_over(l, s, name, err) : NULL;
}

void
layers_free(struct layers *l)
{
	size_t lost;

	if (l == NULL)
		return;
	if ((lost = record_free(l->record)) > 0)
		log_lost(l->log, lost);
	free(l);
}
