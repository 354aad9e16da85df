/*
 * Inbox: see inbox.h.
 *
 * In: a batch of datagrams is read from a socket only while nothing waits for the sink, and handed on one by one until
 * the sink takes no more; the rest of the batch waits where it was received. Out: the source is read when what it said
 * before has gone. That goes to whoever was heard last when it was read, also if somebody else is heard meanwhile.
 */
#include "lib/service/inbox.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/net/dgram.h"
#include "lib/net/dgram_line.h"
#include "lib/service/losses.h"
#include "lib/service/outbox.h"
#include "lib/service/pulse.h"
#include "lib/service/stats.h"
#include "lib/wire/filter.h"
#include "lib/wire/frame.h"

#define CHUNK		(64 * 1024)	/* the most one read of the source takes; and what is written to the sink at once */
#define KEEP		(1024 * 1024)	/* a queue that grew beyond this is given back when it is empty */
#define FAULTS_MAX	16		/* errors of a socket in a row, with nothing heard in between */
#define LAST_MAX	100000		/* datagrams that are still read from a socket when told to stop: no queue has more */
#define CENSUS_MS	1000		/* how often to ask how many datagrams were lost */

/* One bound socket. */
struct box {
	struct inbox *inbox;
	struct box *next;
	struct server *server;
	int fd;
	struct addr addr;
	size_t max;		/* the longest datagram that is kept whole */
	struct dgram_in *in;
	size_t at, n;		/* of the batch in `in`, n datagrams: at of them were handed on */
	uint64_t lost;		/* as far as that was noted */
	int faults;
	int left;		/* with draining: how many are still to be read, at most */
	struct loop_io io;
};

struct inbox {
	struct loop *loop;
	struct stream *local;
	const struct inbox_args *args;
	const struct relay_args *relay;		/* the args' */
	void (*failed)(void *arg, const struct err *err);
	void *arg;
	const struct log *log;
	int64_t began_us;

	struct box *boxes;
	bool draining;			/* what has come is written yet, and then it is over */
	bool over;
	struct err err;			/* with over */
	struct loop_timer finish;

	/* in */
	struct filter down;
	struct buf out;			/* on its way to the sink; while it holds bytes, no socket is read */
	size_t n_out;			/* datagrams that came to be in it since it was empty */
	size_t enough;			/* bytes in it to be written before there are more */
	enum stream_medium sink;
	bool told;			/* that a message was ambiguous */

	/* out */
	bool quiet, source_ended;
	struct outbox_target heard;	/* last */
	struct outbox outbox;
	struct err fault;		/* of the source: it is over when what came before has gone; ERR_NONE: none */

	struct pulse pulse;
	struct loop_timer idle;
	struct loop_timer census;	/* when to ask how many were lost */
	struct losses losses;
	struct stats_datagrams counts;	/* but for those that were sent */
};

static void inbox_update(struct inbox *inbox);

/* ---- the end ---- */

/* Settles the outcome; failed hears of it in a step of its own, so that it may free the inbox. */
static void
inbox_fail(struct inbox *inbox, const struct err *err)
{
	if (inbox->over)
		return;
	inbox->over = true;
	inbox->err = *err;
	loop_timer_stop(&inbox->idle);
	loop_timer_set(&inbox->finish, clock_ms());
	inbox_update(inbox);
}

static void
on_finish(void *arg)
{
	struct inbox *inbox = arg;

	inbox->failed(inbox->arg, &inbox->err);
}

static void
no_memory(struct inbox *inbox)
{
	struct err err;

	err_set(&err, ERR_LIMIT, ENOMEM, "transfer");
	inbox_fail(inbox, &err);
}

static const char *
inbox_name(const struct inbox *inbox, char *out, size_t size)
{
	out[0] = '\0';
	return inbox->boxes != NULL ? addr_name(&inbox->boxes->addr, out, size) : out;
}

/* ---- out ---- */

static void
flush_source(struct inbox *inbox)
{
	uint64_t before = inbox->outbox.sent;
	struct err err;

	if (outbox_flush(&inbox->outbox, &err) < 0) {
		err_at(&err, STAGE_TRANSFER, "stdin");
		inbox_fail(inbox, &err);
	} else if (outbox_is_empty(&inbox->outbox) && inbox->fault.kind != ERR_NONE) {
		inbox_fail(inbox, &inbox->fault);
	}
	if (inbox->outbox.sent != before)
		pulse_beat(&inbox->pulse);
}

static void
on_again(void *arg)
{
	struct inbox *inbox = arg;

	if (inbox->over)
		return;
	flush_source(inbox);
	inbox_update(inbox);
}

static void
read_source(struct inbox *inbox)
{
	unsigned char raw[CHUNK];
	struct err err;
	size_t got = 0;
	int rc = 0;

	switch (stream_read(inbox->local, raw, sizeof(raw), &got, &err)) {
	case IO_DONE:
		rc = outbox_push(&inbox->outbox, raw, got, &err);
		break;
	case IO_EOF:
		inbox->source_ended = true;
		rc = outbox_finish(&inbox->outbox, &err);
		break;
	case IO_WOULD_BLOCK:
		return;
	case IO_FAILED:
		rc = -1;
		break;
	}
	if (rc < 0) {
		err_at(&err, STAGE_TRANSFER, "stdin");
		inbox->fault = err;		/* it is over when what came before has gone */
	}
	inbox->outbox.to = inbox->heard;
	flush_source(inbox);
}

/* ---- in ---- */

/* Puts what the datagram says into the sink's queue. */
static void
put(struct inbox *inbox, const struct dgram *d)
{
	static const struct frame_format frame = { .kind = FRAME_LEN32 };
	struct frame_stamp stamp;
	struct err err;

	if (inbox->args->json) {
		if (!dgram_line_write("datagram", d, NULL, 0, &inbox->out))
			no_memory(inbox);
		return;
	}
	frame_stamp(&frame, d->bytes, d->n, &stamp);
	if (filter_push(&inbox->down, stamp.head, stamp.n_head, &inbox->out, &err) == 0 &&
	    filter_push(&inbox->down, d->bytes, d->n, &inbox->out, &err) == 0) {
		if (filter_was_ambiguous(&inbox->down) && !inbox->told)
			log_ambiguous(inbox->log, "");
		inbox->told |= filter_was_ambiguous(&inbox->down);
		return;
	}
	if (err.errnum == ENOMEM) {
		no_memory(inbox);
		return;
	}
	/* It does not fit the format that was asked for: that is nobody else's fault. */
	losses_add(&inbox->losses, LOSS_FORMAT, &d->peer, 1, err.text);
	filter_free(&inbox->down);
	inbox->down = relay_filter_down(inbox->relay, inbox->sink);
}

static void
take(struct box *box, const struct dgram *d)
{
	struct inbox *inbox = box->inbox;
	char reason[128];

	if (!server_hears(box->server, d))
		return;
	inbox->counts.received++;
	inbox->counts.bytes_received += d->size;
	if (!inbox->quiet && d->peer.len > 0 && (!addr_is_inet(&d->peer) || addr_port(&d->peer) != 0))
		inbox->heard = (struct outbox_target){ .fd = box->fd, .own = box->addr, .peer = d->peer,
		    .local = d->local };
	if (inbox->relay->send_only)
		return;
	inbox->counts.truncated += d->size > d->n;
	if (d->size > d->n && !inbox->args->json) {
		snprintf(reason, sizeof(reason), "%zu bytes is the most that is taken", box->max);
		losses_add(&inbox->losses, LOSS_CUT, &d->peer, 1, reason);
	}
	put(inbox, d);
	inbox->n_out++;
}

/* Writes what is queued for the sink, as far as it goes. */
static void
flush_out(struct inbox *inbox)
{
	struct err err;
	size_t done;

	while (buf_len(&inbox->out) > 0) {
		switch (stream_write(inbox->local, buf_bytes(&inbox->out), buf_len(&inbox->out), &done, &err)) {
		case IO_DONE:
			buf_take(&inbox->out, done);
			pulse_beat(&inbox->pulse);
			continue;
		case IO_WOULD_BLOCK:
			return;
		case IO_EOF:
		case IO_FAILED:
			buf_free(&inbox->out);
			inbox_fail(inbox, &err);
			return;
		}
	}
	inbox->n_out = 0;
	if (inbox->out.cap > KEEP)
		buf_free(&inbox->out);
}

/* Hands on what was received, until the sink takes no more. */
static void
deliver(struct box *box)
{
	struct inbox *inbox = box->inbox;

	while (box->at < box->n && buf_len(&inbox->out) == 0 && !inbox->over) {
		while (box->at < box->n && buf_len(&inbox->out) < inbox->enough && !inbox->over)
			take(box, dgram_in_get(box->in, box->at++));
		flush_out(inbox);
	}
}

/* The socket does not work any more. */
static void
box_fail(struct box *box, int errnum)
{
	char name[ADDR_NAME_MAX];
	struct err err;

	err_set(&err, ERR_BROKEN, errnum, "%s", "");
	err_at(&err, STAGE_TRANSFER, addr_name(&box->addr, name, sizeof(name)));
	inbox_fail(box->inbox, &err);
}

static void
box_read(struct box *box)
{
	struct inbox *inbox = box->inbox;
	ssize_t n = dgram_in_fill(box->in, DGRAM_BATCH);
	int errnum = errno;

	/* There was none, or an error of one that was sent: which is taken with its words. */
	if (n <= 0) {
		outbox_take_errors(box->fd, &box->addr, inbox->log);
		if (n == 0)
			box->left = 0;
		else if (++box->faults >= FAULTS_MAX)
			box_fail(box, errnum);
		return;
	}
	box->faults = 0;
	box->left -= (int)n;
	if (inbox->census.place == 0)
		loop_timer_set(&inbox->census, clock_deadline(CENSUS_MS));
	box->at = 0;
	box->n = (size_t)n;
	pulse_beat(&inbox->pulse);
	deliver(box);
}

/* It is over. What had come, and was not handed on, is not to be lost in silence. */
static void
count_unwritten(struct box *box)
{
	struct inbox *inbox = box->inbox;
	size_t n = box->n - box->at + (box == inbox->boxes ? inbox->n_out : 0), total = 0;
	ssize_t more;

	for (; (more = dgram_in_fill(box->in, DGRAM_BATCH)) > 0 && total < LAST_MAX; total += (size_t)more)
		continue;
	if (n + total > 0 && !inbox->relay->send_only)
		losses_add(&inbox->losses, LOSS_UNWRITTEN, &box->addr, n + total,
		    "stdout had not taken them, or not all of them");
}

/* How many has the system dropped? */
static void
count_lost(struct inbox *inbox)
{
	for (struct box *box = inbox->boxes; box != NULL; box = box->next) {
		uint64_t lost = dgram_in_lost(box->in), more = lost - box->lost;
		if (more == 0)
			continue;
		box->lost = lost;
		inbox->counts.lost += more;
		losses_add(&inbox->losses, LOSS_NO_ROOM, &box->addr, more, "the system had no room for more");
	}
}

/* ---- events ---- */

/* Asking takes a call: so this is done now and then, and once more behind the last that came. */
static void
on_census(void *arg)
{
	count_lost(arg);
}

static bool
may_read_source(const struct inbox *inbox)
{
	return !inbox->quiet && !inbox->draining && !inbox->source_ended && inbox->fault.kind == ERR_NONE &&
	    inbox->heard.fd >= 0 && outbox_is_empty(&inbox->outbox);
}

/* Told to stop: reads what has come as long as it is taken. Over when there is no more. */
static void
drain_on(struct inbox *inbox)
{
	bool waits = false;

	for (struct box *box = inbox->boxes; box != NULL; box = box->next) {
		while (box->left > 0 && box->at == box->n && buf_len(&inbox->out) == 0 && !inbox->over)
			box_read(box);
		waits |= box->left > 0 || box->at < box->n;
	}
	if (inbox->boxes != NULL && !waits && buf_len(&inbox->out) == 0 && !inbox->over)
		server_drained(inbox->boxes->server);
}

/* What is waited for now. */
static void
inbox_update(struct inbox *inbox)
{
	const struct outbox *out = &inbox->outbox;
	bool only_receives = inbox->quiet || inbox->source_ended;
	unsigned local = 0;

	for (struct box *box = inbox->boxes; box != NULL; box = box->next) {
		bool read = buf_len(&inbox->out) == 0 && box->at == box->n && !inbox->draining;
		bool write = out->waits && !out->waits_for_time && out->to.fd == box->fd;
		loop_io_want(&box->io, inbox->over ? 0 : (read ? LOOP_READ : 0U) | (write ? LOOP_WRITE : 0U));
	}
	if (may_read_source(inbox))
		local |= STREAM_READ;
	if (buf_len(&inbox->out) > 0)
		local |= STREAM_WRITE;
	else if (only_receives && inbox->sink == MEDIUM_PIPE)
		local |= STREAM_TROUBLE;	/* a reader that went away ends it */
	stream_want(inbox->local, inbox->over ? 0 : local);
}

static void
on_box(void *arg, unsigned ready)
{
	struct box *box = arg;

	if (ready & LOOP_WRITE)
		flush_source(box->inbox);
	if (ready & LOOP_READ)
		box_read(box);
	inbox_update(box->inbox);
}

static void
on_local(void *arg, unsigned ready)
{
	struct inbox *inbox = arg;
	struct err err;

	if (ready & STREAM_WRITE) {
		flush_out(inbox);
		for (struct box *box = inbox->boxes; box != NULL; box = box->next)
			deliver(box);
	} else if (ready & STREAM_TROUBLE) {
		stream_fail(inbox->local, STREAM_WRITE, EPIPE, &err);
		inbox_fail(inbox, &err);
	}
	if ((ready & STREAM_READ) && !inbox->over)
		read_source(inbox);
	inbox_update(inbox);
	if (inbox->draining)
		drain_on(inbox);
}

static void
on_idle(void *arg)
{
	struct inbox *inbox = arg;
	int64_t again = pulse_ask(&inbox->pulse, 0, inbox->relay->idle_ms);
	char span[32], name[ADDR_NAME_MAX];
	struct err err;

	if (again != CLOCK_NEVER) {
		loop_timer_set(&inbox->idle, again);
		return;
	}
	err_set(&err, ERR_TIMEOUT, 0, "idle for %s, ", clock_words(inbox->relay->idle_ms, span, sizeof(span)));
	if (buf_len(&inbox->out) > 0)
		err_add(&err, "stdout took nothing,");
	else if (!outbox_is_empty(&inbox->outbox))
		err_add(&err, "%s took nothing,", addr_name(&inbox->outbox.to.peer, name, sizeof(name)));
	else
		err_add(&err, "nothing came from %sanybody,", may_read_source(inbox) ? "stdin or " : "");
	err_count(&err, inbox_name(inbox, name, sizeof(name)), inbox->outbox.bytes,
	    inbox->counts.bytes_received);
	inbox_fail(inbox, &err);
}

/* ---- outside ---- */

static int
inbox_open(void *service, struct server *server, int fd, const struct addr *local, struct err *err)
{
	struct inbox *inbox = service;
	bool inet = addr_is_inet(local);
	size_t max = inet ? DGRAM_UDP6_MAX : DGRAM_UNIX_MAX;
	unsigned what = (inet ? DGRAM_LOCAL : DGRAM_SENDER) | (inbox->args->json ? DGRAM_STAMP : 0U);
	struct box *box;

	if ((box = calloc(1, sizeof(*box))) == NULL)
		return err_set(err, ERR_LIMIT, ENOMEM, "%s", "");
	if (inbox->relay->frames.max_message < (int64_t)max)
		max = (size_t)inbox->relay->frames.max_message;
	*box = (struct box){ .inbox = inbox, .next = inbox->boxes, .server = server, .fd = fd, .addr = *local, .max = max,
	    .in = dgram_in_new(fd, max, what, err) };
	if (box->in == NULL) {
		free(box);
		return -1;
	}
	if (inet)
		dgram_want_errors(fd, addr_family(local));
	loop_io_init(&box->io, inbox->loop, fd, on_box, box);
	inbox->boxes = box;
	inbox_update(inbox);
	return 0;
}

/* What has come before we were told to stop is as good as what came before that. */
static void
inbox_drain(void *service)
{
	struct inbox *inbox = service;

	inbox->draining = true;
	for (struct box *box = inbox->boxes; box != NULL; box = box->next)
		box->left = LAST_MAX;
	drain_on(inbox);
	inbox_update(inbox);
}

const struct service inbox_service = { .open = inbox_open, .drain = inbox_drain };

struct inbox *
inbox_new(struct loop *loop, struct stream *local, const struct inbox_args *args,
    void (*failed)(void *arg, const struct err *err), void *arg, const struct log *log, struct err *err)
{
	const struct relay_args *relay = args->relay;
	struct inbox *inbox = calloc(1, sizeof(*inbox));

	if (inbox == NULL) {
		stream_free(local);
		err_set(err, ERR_LIMIT, ENOMEM, "listen");
		return NULL;
	}
	*inbox = (struct inbox){ .loop = loop, .local = local, .args = args, .relay = relay, .failed = failed, .arg = arg,
	    .log = log, .began_us = clock_us(), .heard = { .fd = -1 },
	    .quiet = relay->no_stdin || relay->recv_only || stream_plain(local, STREAM_READ).medium == MEDIUM_NULL,
	    .sink = stream_plain(local, STREAM_WRITE).medium };
	/* A sink that may keep messages apart gets each by itself. */
	inbox->enough = inbox->sink == MEDIUM_SOCKET ? 1 : CHUNK;
	inbox->down = relay_filter_down(relay, inbox->sink);
	inbox->out = BUF_EMPTY(CHUNK +
	    (args->json ? dgram_line_bound(DGRAM_UNIX_MAX) : filter_bound(&inbox->down, DGRAM_UNIX_MAX)));
	loop_timer_init(&inbox->finish, loop, on_finish, inbox);
	loop_timer_init(&inbox->census, loop, on_census, inbox);
	loop_timer_init(&inbox->idle, loop, on_idle, inbox);
	losses_init(&inbox->losses, loop, log);
	outbox_init(&inbox->outbox, loop, relay_filter_up(relay), CHUNK, &inbox->losses, on_again, inbox);
	pulse_beat(&inbox->pulse);
	if (relay->idle_ms > 0)
		loop_timer_set(&inbox->idle, clock_deadline(relay->idle_ms));
	stream_attach(local, on_local, inbox);
	return inbox;
}

struct relay_counts
inbox_counts(const struct inbox *inbox)
{
	return (struct relay_counts){ .sent = inbox->outbox.bytes, .received = inbox->counts.bytes_received };
}

void
inbox_free(struct inbox *inbox)
{
	char name[ADDR_NAME_MAX];

	if (inbox == NULL)
		return;
	for (struct box *box = inbox->boxes; box != NULL; box = box->next)
		count_unwritten(box);
	count_lost(inbox);
	losses_finish(&inbox->losses);
	inbox->counts.sent = inbox->outbox.sent;
	inbox->counts.bytes_sent = inbox->outbox.bytes;
	if (inbox->args->stats)
		stats_say_datagrams(inbox->log, inbox_name(inbox, name, sizeof(name)), &inbox->counts,
		    clock_us() - inbox->began_us);
	while (inbox->boxes != NULL) {
		struct box *box = inbox->boxes;
		inbox->boxes = box->next;
		loop_io_stop(&box->io);
		dgram_in_free(box->in);
		free(box);
	}
	loop_timer_stop(&inbox->finish);
	loop_timer_stop(&inbox->census);
	loop_timer_stop(&inbox->idle);
	outbox_free(&inbox->outbox);
	stream_free(inbox->local);
	filter_free(&inbox->down);
	buf_free(&inbox->out);
	free(inbox);
}
