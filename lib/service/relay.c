/*
 * Relay: see relay.h. Bytes between a pipe and a socket are spliced, which moves them without copying; between a
 * socket and a file through a pipe of our own, once there are enough of them to pay for it; otherwise through a
 * buffer. splice(2) may refuse at any time and then the buffer takes over where it stopped.
 */
#include "lib/service/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/base/opts.h"
#include "lib/service/pulse.h"
#include "lib/wire/crlf.h"

#define CHUNK		(64 * 1024)	/* the buffer, and the most one read takes */
#define SPLICE_MAX	(1024 * 1024)	/* the most one splice moves, and the size of a pipe of our own */
#define BULK		(64 * 1024)	/* a pipe of our own pays from here on */
#define ROUNDS_MAX	16		/* then it is the neighbours' turn */
#define SETTLE_MIN_MS	1		/* how soon and how seldom to ask whether all is acknowledged */
#define SETTLE_MAX_MS	50

enum flow_state {
	FLOW_QUIET,		/* the source is never read; ends with the other flow */
	FLOW_MOVING,
	FLOW_FLUSHING,		/* the source has ended; what is held goes out yet */
	FLOW_ENDED,		/* all was handed on, and the end with it */
	FLOW_FAILED		/* flow->err says why */
};

enum flow_path { PATH_BUFFER, PATH_SPLICE, PATH_PIPE };

/* What a flow waits for. It keeps waiting there after a success: the side that was slow is likely to be slow again. */
enum flow_wait { WAIT_SOURCE, WAIT_SINK };

struct flow {
	struct relay *relay;
	const char *label;
	struct stream *from, *to;
	enum flow_state state;
	enum flow_path path;
	enum flow_wait wait;
	bool sink_failed;		/* with FLOW_FAILED: the sink, not the source */
	bool crlf, after_cr;
	bool drop;			/* read, count and forget */
	bool refused;			/* splice was tried and does not work here */
	bool stuck;			/* splice moved nothing though both ends were ready */
	struct buf buf;
	int pipe[2];			/* of our own; in_pipe bytes are in it */
	size_t in_pipe, pipe_size;
	uint64_t bytes;			/* handed on */
	struct err err;
};

enum relay_state {
	RELAY_MOVING,
	RELAY_SETTLING,		/* nothing more will move; the peer's system owes acknowledgements */
	RELAY_OVER
};

struct relay {
	struct loop *loop;
	struct stream *local, *remote;
	const struct relay_args *args;
	const struct log *log;
	const char *name;
	void (*done)(void *arg, const struct err *err);
	void *arg;

	enum relay_state state;
	struct flow up, down;
	bool half_closed;		/* our FIN went out */
	bool hung_up;			/* the remote stream reported trouble: need not be told again */
	bool left;			/* linger ran out: what the other side may still say is not waited for */
	struct pulse pulse;
	int64_t settle_ms;
	struct loop_timer idle, linger, settle, finish;
	struct err err;			/* the outcome; ERR_NONE: all well */
};

static void relay_update(struct relay *r);

static bool
flow_active(const struct flow *f)
{
	return f->state == FLOW_MOVING || f->state == FLOW_FLUSHING;
}

/* Has it taken bytes that it has not handed on? */
static bool
flow_holds(const struct flow *f)
{
	return buf_len(&f->buf) > 0 || f->in_pipe > 0;
}

static void
flow_enter(struct flow *f, enum flow_state state)
{
	static const char *const names[] = {
		[FLOW_QUIET] = "quiet", [FLOW_MOVING] = "moving", [FLOW_FLUSHING] = "flushing",
		[FLOW_ENDED] = "ended", [FLOW_FAILED] = "failed",
	};
	char from[32];

	snprintf(from, sizeof(from), "%s %s", f->label, names[f->state]);
	log_state(f->relay->log, f->relay->name, from, names[state]);
	f->state = state;
}

static enum io
flow_fail(struct flow *f, bool sink)
{
	f->sink_failed = sink;
	flow_enter(f, FLOW_FAILED);
	return IO_FAILED;
}

/* ---- through the buffer ---- */

/* Reads a chunk into the empty buffer. */
static enum io
flow_read(struct flow *f)
{
	unsigned char raw[CHUNK / 2], *space = NULL;
	size_t got = 0;
	enum io io;

	if ((space = buf_space(&f->buf, CHUNK)) == NULL) {
		err_set(&f->err, ERR_LIMIT, ENOMEM, "transfer");
		return flow_fail(f, false);
	}
	if (f->crlf)
		io = stream_read(f->from, raw, sizeof(raw), &got, &f->err);
	else
		io = stream_read(f->from, space, CHUNK, &got, &f->err);
	switch (io) {
	case IO_DONE:
		if (f->crlf)
			got = crlf_expand(&f->after_cr, raw, got, space);
		if (f->drop)
			f->bytes += got;
		else
			buf_added(&f->buf, got);
		break;
	case IO_WOULD_BLOCK:
		f->wait = WAIT_SOURCE;
		break;
	case IO_EOF:
		flow_enter(f, FLOW_FLUSHING);
		return IO_DONE;
	case IO_FAILED:
		return flow_fail(f, false);
	}
	return io;
}

static enum io
flow_write(struct flow *f)
{
	size_t put;
	enum io io = stream_write(f->to, buf_bytes(&f->buf), buf_len(&f->buf), &put, &f->err);

	if (io == IO_WOULD_BLOCK)
		f->wait = WAIT_SINK;
	if (io == IO_FAILED)
		return flow_fail(f, true);
	if (io == IO_DONE) {
		buf_take(&f->buf, put);
		f->bytes += put;
	}
	return io;
}

/* What splice left in our pipe when it refused comes before anything new. */
static enum io
flow_empty_pipe(struct flow *f)
{
	size_t want = f->in_pipe < CHUNK ? f->in_pipe : CHUNK;
	unsigned char *space = buf_space(&f->buf, want);
	ssize_t n;

	if (space == NULL || (n = read(f->pipe[0], space, want)) <= 0) {
		err_set(&f->err, ERR_LIMIT, space == NULL ? ENOMEM : errno, "transfer");
		return flow_fail(f, false);
	}
	buf_added(&f->buf, (size_t)n);
	f->in_pipe -= (size_t)n;
	return IO_DONE;
}

/* The source has ended and nothing is held: pass the end on. */
static enum io
flow_end(struct flow *f)
{
	struct relay *r = f->relay;
	enum io io = IO_DONE;

	if (f == &r->down || !r->args->no_half_close)
		io = stream_shutdown(f->to, &f->err);
	if (io == IO_WOULD_BLOCK)
		f->wait = WAIT_SINK;
	if (io == IO_FAILED)
		return flow_fail(f, true);
	if (io == IO_DONE) {
		r->half_closed |= f == &r->up && !r->args->no_half_close;
		buf_free(&f->buf);
		flow_enter(f, FLOW_ENDED);
	}
	return io;
}

static enum io
flow_round_buffer(struct flow *f)
{
	if (buf_len(&f->buf) > 0)
		return flow_write(f);
	if (f->in_pipe > 0)
		return flow_empty_pipe(f);
	return f->state == FLOW_FLUSHING ? flow_end(f) : flow_read(f);
}

/* ---- by splice ---- */

#ifndef SOCKT_PORTABLE

static void
flow_take_path(struct flow *f, enum flow_path path)
{
	static const char *const names[] = {
		[PATH_BUFFER] = "buffer", [PATH_SPLICE] = "splice", [PATH_PIPE] = "splice through a pipe",
	};

	f->path = path;
	log_path(f->relay->log, f->relay->name, f->label, names[path]);
}

static ssize_t
splice_some(int from, int to, size_t n)
{
	ssize_t r;

	do
		r = splice(from, NULL, to, NULL, n, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	while (r < 0 && errno == EINTR);
	return r;
}

/* A splice did not work for the reason errnum: go on with the buffer, or give up. */
static enum io
splice_refused(struct flow *f, bool sink, int errnum)
{
	if (errnum == EINVAL || errnum == ENOSYS || errnum == ENOMEM) {
		f->refused = true;
		flow_take_path(f, PATH_BUFFER);
		return IO_DONE;
	}
	stream_fail(sink ? f->to : f->from, sink ? STREAM_WRITE : STREAM_READ, errnum, &f->err);
	return flow_fail(f, sink);
}

/*
 * Between a pipe and a socket. EAGAIN does not say which of the two it means, so both are asked. If neither is to
 * blame, twice in a row, or a socket's splice says it is at the end, only a real read knows: splice stops before
 * urgent data, with 0 even, when the FIN is already there. And into a pipe that nobody reads any more it says EPIPE
 * also when there is no byte that anybody could miss.
 */
static enum io
flow_round_splice(struct flow *f)
{
	struct stream_plain from = stream_plain(f->from, STREAM_READ), to = stream_plain(f->to, STREAM_WRITE);
	ssize_t n;

	if (buf_len(&f->buf) > 0 || f->state == FLOW_FLUSHING)
		return flow_round_buffer(f);
	n = splice_some(from.fd, to.fd, SPLICE_MAX);
	if (n > 0) {
		f->bytes += (uint64_t)n;
		f->stuck = false;
		return IO_DONE;
	}
	if (n == 0 || (errno == EPIPE && to.medium == MEDIUM_PIPE))
		return flow_read(f);
	if (errno != EAGAIN)
		return splice_refused(f, to.medium == MEDIUM_SOCKET, errno);
	if (!fd_ready(from.fd, POLLIN)) {
		f->wait = WAIT_SOURCE;
	} else if (!fd_ready(to.fd, POLLOUT)) {
		f->wait = WAIT_SINK;
	} else {
		f->stuck = !f->stuck;
		return f->stuck ? IO_DONE : flow_read(f);
	}
	return IO_WOULD_BLOCK;
}

/* Through a pipe of our own: fill it, empty it. */
static enum io
flow_round_pipe(struct flow *f)
{
	struct stream_plain from = stream_plain(f->from, STREAM_READ), to = stream_plain(f->to, STREAM_WRITE);
	ssize_t n;
	int errnum;

	if (buf_len(&f->buf) > 0 || (f->state == FLOW_FLUSHING && f->in_pipe == 0))
		return flow_round_buffer(f);
	if (f->in_pipe == 0) {
		n = splice_some(from.fd, f->pipe[1], f->pipe_size);
		errnum = n < 0 ? errno : 0;
		if (n > 0)
			f->in_pipe = (size_t)n;
		else if (n == 0 || (errnum == EAGAIN && fd_ready(from.fd, POLLIN)))
			return flow_read(f);
		else if (errnum != EAGAIN)
			return splice_refused(f, false, errnum);
	} else {
		n = splice_some(f->pipe[0], to.fd, f->in_pipe);
		errnum = n < 0 ? errno : EINVAL;	/* one that takes nothing is of no use */
		if (n <= 0 && errnum != EAGAIN)
			return splice_refused(f, true, errnum);
		if (n > 0) {
			f->in_pipe -= (size_t)n;
			f->bytes += (uint64_t)n;
		}
	}
	if (n > 0)
		return IO_DONE;
	f->wait = f->in_pipe == 0 ? WAIT_SOURCE : WAIT_SINK;
	return IO_WOULD_BLOCK;
}

static bool
make_pipe(struct flow *f)
{
	int size;

	if (fd_pipe(f->pipe) < 0)
		return false;		/* no descriptors to spare: the buffer does it as well */
	size = fcntl(f->pipe[1], F_SETPIPE_SZ, SPLICE_MAX);
	if (size < 0)
		size = fcntl(f->pipe[1], F_GETPIPE_SZ);	/* pipe(7): an unprivileged user's pages are limited */
	f->pipe_size = size > 0 ? (size_t)size : CHUNK;
	return true;
}

/* Takes the best path there is by now. */
static void
flow_choose_path(struct flow *f)
{
	struct stream_plain from = stream_plain(f->from, STREAM_READ), to = stream_plain(f->to, STREAM_WRITE);
	bool from_socket = from.medium == MEDIUM_SOCKET, to_socket = to.medium == MEDIUM_SOCKET;

	if (f->path != PATH_BUFFER || f->refused || from.fd < 0 || to.fd < 0 || f->crlf || f->drop)
		return;
	if ((from_socket && to.medium == MEDIUM_PIPE) || (to_socket && from.medium == MEDIUM_PIPE))
		flow_take_path(f, PATH_SPLICE);
	else if (f->bytes >= BULK && ((to_socket && (from_socket || from.medium == MEDIUM_FILE)) ||
	    (from_socket && (to.medium == MEDIUM_FILE || to.medium == MEDIUM_NULL))) && make_pipe(f))
		flow_take_path(f, PATH_PIPE);
}

#else

static enum io flow_round_splice(struct flow *f) { return flow_round_buffer(f); }
static enum io flow_round_pipe(struct flow *f) { return flow_round_buffer(f); }
static void flow_choose_path(struct flow *f) { (void)f; }

#endif

/* ---- one flow ---- */

/* Moves what can be moved now. */
static void
flow_step(struct flow *f)
{
	uint64_t before = f->bytes;
	enum io io = IO_DONE;

	for (int i = 0; i < ROUNDS_MAX && io == IO_DONE && flow_active(f); i++) {
		switch (f->path) {
		case PATH_BUFFER:	io = flow_round_buffer(f); break;
		case PATH_SPLICE:	io = flow_round_splice(f); break;
		case PATH_PIPE:		io = flow_round_pipe(f); break;
		}
	}
	/* Out of turns rather than out of work: what is held, or the end, is for the sink. */
	if (io == IO_DONE && (flow_holds(f) || f->state == FLOW_FLUSHING))
		f->wait = WAIT_SINK;
	else if (io == IO_DONE && f->path == PATH_BUFFER)
		f->wait = WAIT_SOURCE;
	if (f->bytes != before)
		pulse_beat(&f->relay->pulse);
	if (f->bytes >= BULK && flow_active(f))
		flow_choose_path(f);
}

static void
flow_free(struct flow *f)
{
	buf_free(&f->buf);
	fd_close(&f->pipe[0]);
	fd_close(&f->pipe[1]);
}

/* ---- the whole ---- */

/* Settles the outcome; done hears of it in a step of its own, so that it may free the relay. err NULL: all well. */
static void
relay_end(struct relay *r, const struct err *err)
{
	if (r->state == RELAY_OVER)
		return;
	r->state = RELAY_OVER;
	if (err != NULL) {
		r->err = *err;
		err_count(&r->err, r->name, r->up.bytes, r->down.bytes);
	}
	stream_want(r->local, 0);
	stream_want(r->remote, 0);
	loop_timer_stop(&r->idle);
	loop_timer_stop(&r->linger);
	loop_timer_stop(&r->settle);
	loop_timer_set(&r->finish, clock_ms());
}

static void
on_finish(void *arg)
{
	struct relay *r = arg;

	if (r->half_closed && r->down.bytes == 0 && r->err.kind == ERR_NONE && !r->down.drop)
		log_hint(r->log, r->name, "the peer answered nothing after our half-close; if it takes that for "
		    "goodbye, try --no-half-close");
	r->done(r->arg, r->err.kind != ERR_NONE ? &r->err : NULL);
}

/* Which byte was due when nobody moved. */
static const char *
what_was_due(const struct relay *r)
{
	if (r->state == RELAY_SETTLING)
		return "the peer acknowledged nothing";
	if (flow_active(&r->up) && r->up.wait == WAIT_SINK)
		return "the peer took nothing";
	if (flow_active(&r->down) && r->down.wait == WAIT_SINK)
		return "stdout took nothing";
	if (!flow_active(&r->up))
		return "nothing came from the peer";
	return flow_active(&r->down) ? "nothing came from stdin or the peer" : "nothing came from stdin";
}

static void
on_idle(void *arg)
{
	struct relay *r = arg;
	int64_t again = pulse_ask(&r->pulse, stream_queued(r->remote), r->args->idle_ms);
	char span[32];
	struct err err;

	if (again != CLOCK_NEVER) {
		loop_timer_set(&r->idle, again);
		return;
	}
	err_set(&err, ERR_TIMEOUT, 0, "idle for %s, %s,", clock_words(r->args->idle_ms, span, sizeof(span)),
	    what_was_due(r));
	relay_end(r, &err);
}

static int64_t
linger_ms(const struct relay *r)
{
	return r->args->linger_ms != OPT_UNSET ? r->args->linger_ms : RELAY_LINGER_S * 1000;
}

/* One side has ended: from now on the other's silence counts. */
static void
linger_begin(struct relay *r)
{
	pulse_beat(&r->pulse);
	loop_timer_set(&r->linger, clock_ms());
}

/* Takes a step in both directions. Returns whether bytes moved. */
static bool
relay_step(struct relay *r)
{
	uint64_t before = r->up.bytes + r->down.bytes;

	flow_step(&r->up);
	flow_step(&r->down);
	return r->up.bytes + r->down.bytes != before;
}

/* Was the other side silent for the time it had? Then it is enough. */
static void
on_linger(void *arg)
{
	struct relay *r = arg;
	int64_t again = pulse_ask(&r->pulse, stream_queued(r->remote), linger_ms(r));
	bool blocked = (flow_active(&r->up) && r->up.wait == WAIT_SINK) ||
	    (flow_active(&r->down) && r->down.wait == WAIT_SINK);

	/* A moment of no time, or one in which we had no processor, is no silence either: try what there is. */
	if (again == CLOCK_NEVER && relay_step(r))
		again = clock_ms();
	if (blocked && again == CLOCK_NEVER)	/* bytes that are due but find no taker are not silence */
		again = clock_ms() + linger_ms(r) + 1;
	if (again != CLOCK_NEVER) {
		loop_timer_set(&r->linger, again);
		relay_update(r);
		return;
	}
	r->left = true;
	if (r->up.state == FLOW_MOVING)
		flow_enter(&r->up, FLOW_FLUSHING);
	flow_step(&r->up);
	relay_update(r);
}

/* Nothing more will move: over as soon as the peer's system has everything. */
static void
on_settle(void *arg)
{
	struct relay *r = arg;
	const struct err *first = r->up.state == FLOW_FAILED ? &r->up.err : NULL;
	struct err err;

	switch (stream_settled(r->remote, &err)) {
	case IO_FAILED:
		relay_end(r, first != NULL ? first : &err);
		break;
	case IO_WOULD_BLOCK:
		loop_timer_set(&r->settle, clock_ms() + r->settle_ms);
		r->settle_ms = r->settle_ms * 2 < SETTLE_MAX_MS ? r->settle_ms * 2 : SETTLE_MAX_MS;
		break;
	case IO_DONE:
	case IO_EOF:
		relay_end(r, first);
		break;
	}
}

static void
relay_settle(struct relay *r)
{
	r->state = RELAY_SETTLING;
	stream_want(r->local, 0);
	stream_want(r->remote, 0);
	on_settle(r);
}

enum relay_after
relay_after(enum stream_medium source)
{
	switch (source) {
	case MEDIUM_TERMINAL:	return AFTER_DROP;	/* nobody is there to read what would be typed */
	case MEDIUM_PIPE:
	case MEDIUM_SOCKET:	return AFTER_LINGER;
	case MEDIUM_FILE:
	case MEDIUM_DEVICE:
	case MEDIUM_NULL:	return AFTER_TO_ITS_END;
	}
	return AFTER_TO_ITS_END;
}

/* Down has ended while up has not: how long is the local source listened to? */
static void
down_ended_first(struct relay *r)
{
	switch (relay_after(stream_plain(r->local, STREAM_READ).medium)) {
	case AFTER_DROP:
		flow_enter(&r->up, FLOW_FLUSHING);
		flow_step(&r->up);
		break;
	case AFTER_LINGER:
		if (r->linger.place == 0)
			linger_begin(r);
		break;
	case AFTER_TO_ITS_END:
		break;
	}
}

/* Has a flow failed in a way that ends the relay? */
static bool
check_failures(struct relay *r)
{
	if (r->down.state == FLOW_FAILED) {
		/* When both ends of one connection failed, the reading side knows the reason. */
		relay_end(r, &r->down.err);
		return true;
	}
	if (r->up.state == FLOW_FAILED && !r->up.sink_failed) {
		relay_settle(r);	/* what was read before that is still to arrive */
		return true;
	}
	if (r->up.state == FLOW_FAILED && !flow_active(&r->down)) {
		relay_end(r, &r->up.err);
		return true;
	}
	return false;		/* the peer takes no more, but what it sent before is still coming in */
}

/* Is there nothing more to wait for in either direction? */
static bool
both_ended(struct relay *r)
{
	if (r->down.state == FLOW_ENDED && r->up.state == FLOW_MOVING)
		down_ended_first(r);
	if (flow_active(&r->up) || r->up.state == FLOW_FAILED)
		return false;
	if (r->up.state == FLOW_ENDED && r->args->linger_ms != OPT_UNSET && !r->left && flow_active(&r->down) &&
	    r->linger.place == 0)
		linger_begin(r);
	return r->down.state == FLOW_ENDED || r->left ||
	    (r->up.state == FLOW_ENDED && r->args->send_only && r->args->linger_ms == OPT_UNSET);
}

/* After every step: is it over, and if not, what is waited for? */
static void
relay_update(struct relay *r)
{
	unsigned local = 0, remote = 0;

	if (r->state != RELAY_MOVING || check_failures(r))
		return;
	if (both_ended(r)) {
		relay_settle(r);
		return;
	}
	if (check_failures(r))		/* both_ended() may have taken a step */
		return;
	if (flow_active(&r->up)) {
		local |= r->up.wait == WAIT_SOURCE ? STREAM_READ : 0;
		remote |= r->up.wait == WAIT_SINK ? STREAM_WRITE : r->hung_up ? 0 : STREAM_TROUBLE;
	} else if (r->up.state == FLOW_QUIET && stream_plain(r->local, STREAM_WRITE).medium == MEDIUM_PIPE) {
		local |= STREAM_TROUBLE;	/* only receiving counts: a reader that went away ends it */
	}
	if (flow_active(&r->down)) {
		remote |= r->down.wait == WAIT_SOURCE ? STREAM_READ : 0;
		local |= r->down.wait == WAIT_SINK ? STREAM_WRITE : 0;
	}
	stream_want(r->local, local);
	stream_want(r->remote, remote);
}

static void
on_local(void *arg, unsigned ready)
{
	struct relay *r = arg;
	struct err err;

	if (ready & STREAM_READ)
		flow_step(&r->up);
	if (ready & STREAM_WRITE) {
		flow_step(&r->down);
	} else if ((ready & STREAM_TROUBLE) && r->up.state == FLOW_QUIET) {
		stream_fail(r->local, STREAM_WRITE, EPIPE, &err);
		relay_end(r, &err);
	}
	relay_update(r);
}

static void
on_remote(void *arg, unsigned ready)
{
	struct relay *r = arg;
	struct err err;

	if (ready & STREAM_WRITE)
		flow_step(&r->up);
	if (ready & STREAM_READ)
		flow_step(&r->down);
	if (ready & STREAM_TROUBLE) {
		r->hung_up = true;	/* it would be reported for ever; reading comes to the reason, if it goes on */
		if (!flow_active(&r->down) && stream_settled(r->remote, &err) == IO_FAILED)
			relay_end(r, &err);
	}
	relay_update(r);
}

struct relay_counts
relay_counts(const struct relay *r)
{
	return (struct relay_counts){ .sent = r->up.bytes, .received = r->down.bytes };
}

static void
flow_init(struct flow *f, struct relay *r, const char *label, struct stream *from, struct stream *to)
{
	*f = (struct flow){ .relay = r, .label = label, .from = from, .to = to, .state = FLOW_MOVING,
	    .path = PATH_BUFFER, .wait = WAIT_SOURCE, .buf = BUF_EMPTY(CHUNK), .pipe = { -1, -1 } };
}

struct relay *
relay_start(struct loop *loop, struct stream *local, struct stream *remote, const struct relay_args *args,
    const struct log *log, const char *name, void (*done)(void *arg, const struct err *err), void *arg,
    struct err *err)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "transfer");
		return NULL;
	}
	*r = (struct relay){ .loop = loop, .local = local, .remote = remote, .args = args, .log = log, .name = name,
	    .done = done, .arg = arg, .settle_ms = SETTLE_MIN_MS };
	pulse_beat(&r->pulse);
	flow_init(&r->up, r, "sending", local, remote);
	flow_init(&r->down, r, "receiving", remote, local);
	r->up.crlf = args->crlf;
	r->down.drop = args->send_only;
	if (args->no_stdin || args->recv_only || stream_plain(local, STREAM_READ).medium == MEDIUM_NULL)
		r->up.state = FLOW_QUIET;
	loop_timer_init(&r->idle, loop, on_idle, r);
	loop_timer_init(&r->linger, loop, on_linger, r);
	loop_timer_init(&r->settle, loop, on_settle, r);
	loop_timer_init(&r->finish, loop, on_finish, r);
	if (args->idle_ms > 0)
		loop_timer_set(&r->idle, r->pulse.last_ms + args->idle_ms / 4);
	flow_choose_path(&r->up);
	flow_choose_path(&r->down);
	stream_attach(local, on_local, r);
	stream_attach(remote, on_remote, r);
	relay_update(r);
	return r;
}

void
relay_free(struct relay *r)
{
	if (r == NULL)
		return;
	/* Cut short with bytes on their way up, or still to be read: the peer must not take it for the end. */
	if ((flow_active(&r->up) && (flow_holds(&r->up) || r->up.wait == WAIT_SINK)) ||
	    (r->up.state == FLOW_FAILED && !r->up.sink_failed))
		stream_abort(r->remote);
	stream_want(r->local, 0);
	stream_want(r->remote, 0);
	loop_timer_stop(&r->idle);
	loop_timer_stop(&r->linger);
	loop_timer_stop(&r->settle);
	loop_timer_stop(&r->finish);
	flow_free(&r->up);
	flow_free(&r->down);
	free(r);
}
