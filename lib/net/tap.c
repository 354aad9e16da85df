/*
 * Tap: see tap.h.
 *
 * While the record is full the stream below is neither read nor written, nor watched for that. A connection is settled
 * only when the record has taken what went over it.
 */
#include "lib/net/tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/net/layer.h"

struct tap {
	struct layer layer;	/* first */
	struct record *record;
	struct record_conn conn;
	struct record_waiter waiter;
	unsigned wants;		/* what was asked for, put off or not */
	bool owed;		/* all was acknowledged, but the record has not taken it yet */
	char name[];		/* conn's */
};

static struct tap *
as_tap(struct stream *s)
{
	return (struct tap *)s;
}

/* What has to wait for the record. */
static unsigned
tap_holds(const struct tap *t)
{
	return record_is_full(t->record) ? STREAM_READ | STREAM_WRITE : 0;
}

/* Watches below for what is wanted and need not wait: for nothing at all if that is all of it. */
static void
tap_arm(struct tap *t)
{
	unsigned held = tap_holds(t);

	if (t->wants & held)
		record_wait(t->record, &t->waiter);
	else
		record_forget(t->record, &t->waiter);
	stream_want(t->layer.below, t->wants & ~held);
}

/* What was put off is tried again, whether below has anything or not: whoever waits for just that has to hear of it. */
static void
on_record(void *arg)
{
	struct tap *t = arg;
	unsigned ready = t->wants & (STREAM_READ | STREAM_WRITE) & ~tap_holds(t);

	tap_arm(t);
	if (ready != 0)
		t->layer.stream.fn(t->layer.stream.arg, ready);
}

/* Others may have filled the record since this was asked for. */
static void
on_below(void *arg, unsigned ready)
{
	struct tap *t = arg;
	unsigned held = tap_holds(t);

	if (ready & held)
		tap_arm(t);
	if (ready & ~held)
		t->layer.stream.fn(t->layer.stream.arg, ready & ~held);
}

/* Has the record failed? Then so does the stream. */
static bool
has_failed(const struct tap *t, struct err *err)
{
	const struct err *reason = record_error(t->record);

	if (reason != NULL)
		*err = *reason;
	return reason != NULL;
}

/* May bytes pass? IO_DONE says yes. */
static enum io
tap_passes(struct tap *t, struct err *err)
{
	if (has_failed(t, err))
		return IO_FAILED;
	if (record_is_full(t->record)) {
		tap_arm(t);
		return IO_WOULD_BLOCK;
	}
	return IO_DONE;
}

/* Of a stream of bytes so much at once that the record has room for; a message goes whole. */
static size_t
at_most(const struct tap *t, size_t n)
{
	return n < RECORD_CHUNK_MAX || t->layer.stream.kind == STREAM_MESSAGES ? n : RECORD_CHUNK_MAX;
}

static enum io
tap_read(struct stream *s, void *p, size_t n, size_t *got, struct err *err)
{
	struct tap *t = as_tap(s);
	enum io io = tap_passes(t, err);

	if (io != IO_DONE)
		return io;
	io = stream_read(t->layer.below, p, at_most(t, n), got, err);
	if (io == IO_DONE)
		record_chunk(t->record, &t->conn, RECORD_RECEIVED, p, *got);
	return io;
}

static enum io
tap_write(struct stream *s, const void *p, size_t n, size_t *put, struct err *err)
{
	struct tap *t = as_tap(s);
	enum io io = tap_passes(t, err);

	if (io != IO_DONE)
		return io;
	io = stream_write(t->layer.below, p, at_most(t, n), put, err);
	if (io == IO_DONE)
		record_chunk(t->record, &t->conn, RECORD_SENT, p, *put);
	return io;
}

static enum io
tap_shutdown(struct stream *s, struct err *err)
{
	struct tap *t = as_tap(s);

	return has_failed(t, err) ? IO_FAILED : layer_shutdown(s, err);
}

static enum io
tap_settled(struct stream *s, struct err *err)
{
	struct tap *t = as_tap(s);
	enum io io;

	if (has_failed(t, err))
		return IO_FAILED;
	io = layer_settled(s, err);
	t->owed = io == IO_DONE && !record_is_taken(t->record, &t->conn.mark);
	return t->owed ? IO_WOULD_BLOCK : io;
}

static enum stream_hold
tap_hold(struct stream *s)
{
	return tap_holds(as_tap(s)) != 0 || as_tap(s)->owed ? HOLD_RECORD : layer_hold(s);
}

static void
tap_want(struct stream *s, unsigned wants)
{
	as_tap(s)->wants = wants;
	tap_arm(as_tap(s));
}

static void
tap_free(struct stream *s)
{
	struct tap *t = as_tap(s);

	record_forget(t->record, &t->waiter);
	if (record_error(t->record) != NULL)
		layer_abort(s);		/* it is well itself, and without that would end in order */
	layer_free(s);
}

struct stream *
tap_stream(struct stream *below, struct record *record, const char *name, struct err *err)
{
	static const struct stream_ops ops = {
		.read = tap_read, .write = tap_write, .shutdown = tap_shutdown, .queued = layer_queued,
		.settled = tap_settled, .abort = layer_abort, .hold = tap_hold, .overhead = layer_overhead,
		.want = tap_want, .plain = layer_plain, .fail = layer_fail, .free = tap_free,
	};
	size_t size = strlen(name) + 1;
	struct tap *t = calloc(1, sizeof(*t) + size);

	if (t == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "connection");
		stream_free(below);
		return NULL;
	}
	*t = (struct tap){ .layer = { .stream = { .ops = &ops, .kind = below->kind }, .below = below },
	    .record = record, .conn = { .name = t->name }, .waiter = { .fn = on_record, .arg = t } };
	memcpy(t->name, name, size);
	stream_attach(below, on_below, t);
	return &t->layer.stream;
}
