/*
 * Pace: see pace.h. A direction that may not move now is held back: until its time has come nothing below is watched
 * for it, so that it costs neither a call nor a turn of the loop. Then its user is called as if below were ready, which
 * is as a rule true, and if not is answered with would-block: that is how the bucket learns whom it is really waiting
 * for.
 */
#include "lib/net/pace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bucket.h"
#include "lib/base/clock.h"
#include "lib/base/opts.h"
#include "lib/net/layer.h"

/* One of the two directions. */
struct way {
	bool limited;
	struct bucket bucket;	/* with limited */
	int64_t held_until_ms;	/* the one who asked was told to come again then; 0: it is not held back */
};

struct pace {
	struct layer layer;	/* first */
	struct way in, out;
	int64_t line_delay_ms;	/* 0: none */
	int64_t line_until_ms;	/* the pause after the last line ends; 0: there is none */
	unsigned wants;		/* what our user wants to be called for */
	struct loop_timer timer;
};

static struct pace *
as_pace(struct stream *s)
{
	return (struct pace *)s;
}

/* ---- one way ---- */

/* How many of n bytes may move now. With 0 it is held back from here on. */
static size_t
way_allows(struct way *way, size_t n)
{
	int64_t room;

	way->held_until_ms = 0;
	if (!way->limited)
		return n;
	room = bucket_room(&way->bucket, clock_us());
	if (room == 0)
		way->held_until_ms = (bucket_due(&way->bucket) + 999) / 1000;
	return (uint64_t)room < n ? (size_t)room : n;
}

/* n bytes moved of those that were allowed. Fewer: the time to come is somebody else's, and not made up for. */
static void
way_moved(struct way *way, size_t n, size_t allowed)
{
	if (!way->limited)
		return;
	bucket_take(&way->bucket, (int64_t)n);
	if (n < allowed)
		bucket_rest(&way->bucket);
}

/* Was it held back until now? Then it is no longer. */
static bool
way_is_due(struct way *way, int64_t now_ms)
{
	if (way->held_until_ms == 0 || way->held_until_ms > now_ms)
		return false;
	way->held_until_ms = 0;
	return true;
}

/* ---- the stream ---- */

/* Which directions are held back, of those that are wanted. */
static unsigned
held_back(const struct pace *p)
{
	unsigned held = (p->in.held_until_ms != 0 ? STREAM_READ : 0U) | (p->out.held_until_ms != 0 ? STREAM_WRITE : 0U);

	return held & p->wants;
}

/* Waits below for what may move, and for the time of what may not. */
static void
pace_wait(struct pace *p)
{
	unsigned held = held_back(p);
	int64_t until_ms = CLOCK_NEVER;

	if (held & STREAM_READ)
		until_ms = p->in.held_until_ms;
	if ((held & STREAM_WRITE) && p->out.held_until_ms < until_ms)
		until_ms = p->out.held_until_ms;
	stream_want(p->layer.below, p->wants & ~held);
	loop_timer_set(&p->timer, until_ms);
}

/* Nothing may move now: whoever asked is called when it may. */
static enum io
hold_back(struct pace *p)
{
	pace_wait(p);
	return IO_WOULD_BLOCK;
}

static enum io
pace_read(struct stream *s, void *bytes, size_t n, size_t *got, struct err *err)
{
	struct pace *p = as_pace(s);
	size_t most = way_allows(&p->in, n);
	enum io io;

	if (most == 0)
		return hold_back(p);
	io = stream_read(p->layer.below, bytes, most, got, err);
	way_moved(&p->in, io == IO_DONE ? *got : 0, most);
	return io;
}

/* Is it too early for another line? Then writing is held back, and not by the bucket. */
static bool
line_pauses(struct pace *p)
{
	if (p->line_until_ms == 0)
		return false;
	if (clock_ms() >= p->line_until_ms) {
		p->line_until_ms = 0;
		return false;
	}
	bucket_rest(&p->out.bucket);
	p->out.held_until_ms = p->line_until_ms;
	return true;
}

static enum io
pace_write(struct stream *s, const void *bytes, size_t n, size_t *put, struct err *err)
{
	struct pace *p = as_pace(s);
	const char *lf = NULL;
	size_t most;
	enum io io;

	if (line_pauses(p) || (most = way_allows(&p->out, n)) == 0)
		return hold_back(p);
	if (p->line_delay_ms > 0 && (lf = memchr(bytes, '\n', most)) != NULL)
		most = (size_t)(lf - (const char *)bytes) + 1;
	io = stream_write(p->layer.below, bytes, most, put, err);
	way_moved(&p->out, io == IO_DONE ? *put : 0, most);
	if (lf != NULL && io == IO_DONE && *put == most)
		p->line_until_ms = clock_deadline(p->line_delay_ms);
	return io;
}

static enum stream_hold
pace_hold(struct stream *s)
{
	return held_back(as_pace(s)) != 0 ? HOLD_PACE : layer_hold(s);
}

static void
pace_want(struct stream *s, unsigned wants)
{
	struct pace *p = as_pace(s);

	p->wants = wants;
	if ((wants & STREAM_READ) == 0)
		bucket_rest(&p->in.bucket);
	if ((wants & STREAM_WRITE) == 0)
		bucket_rest(&p->out.bucket);
	pace_wait(p);
}

static void
on_below(void *arg, unsigned ready)
{
	struct pace *p = arg;

	p->layer.stream.fn(p->layer.stream.arg, ready);
}

static void
on_due(void *arg)
{
	struct pace *p = arg;
	int64_t now_ms = clock_ms();
	unsigned due = 0;

	if (way_is_due(&p->in, now_ms))
		due |= STREAM_READ;
	if (way_is_due(&p->out, now_ms))
		due |= STREAM_WRITE;
	pace_wait(p);
	if ((due & p->wants) != 0)
		p->layer.stream.fn(p->layer.stream.arg, due & p->wants);
}

static void
pace_free(struct stream *s)
{
	loop_timer_stop(&as_pace(s)->timer);
	layer_free(s);
}

struct stream *
pace_stream(struct loop *loop, struct stream *below, const struct pace_args *args, struct err *err)
{
	static const struct stream_ops ops = {
		.read = pace_read, .write = pace_write, .shutdown = layer_shutdown, .queued = layer_queued,
		.settled = layer_settled, .abort = layer_abort, .hold = pace_hold, .overhead = layer_overhead,
		.want = pace_want, .plain = layer_plain, .fail = layer_fail, .free = pace_free,
	};
	struct pace *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "connection");
		stream_free(below);
		return NULL;
	}
	p->layer = (struct layer){ .stream = { .ops = &ops, .kind = below->kind }, .below = below };
	p->line_delay_ms = args->line_delay_ms != OPT_UNSET ? args->line_delay_ms : 0;
	if (args->rate != OPT_UNSET) {
		p->in.limited = p->out.limited = true;
		bucket_init(&p->in.bucket, args->rate, clock_us());
		p->out.bucket = p->in.bucket;
	}
	loop_timer_init(&p->timer, loop, on_due, p);
	stream_attach(below, on_below, p);
	return &p->layer.stream;
}
