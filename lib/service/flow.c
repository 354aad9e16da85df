/*
 * Flow: see flow.h.
 */
#include "lib/service/flow.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/base/fd.h"

#define CHUNK		(64 * 1024)	/* the buffer, and the most one read takes */
#define SPLICE_MAX	(1024 * 1024)	/* the most one splice moves, and the size of a pipe of our own */
#define BULK		(64 * 1024)	/* a pipe of our own pays from here on */
#define ROUNDS_MAX	16		/* then it is the neighbours' turn */

bool
flow_active(const struct flow *f)
{
	return f->state == FLOW_MOVING || f->state == FLOW_FLUSHING;
}

bool
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

	snprintf(from, sizeof(from), "%s %s", f->args.label, names[f->state]);
	log_state(f->args.log, f->args.name, from, names[state]);
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

/* Counts what was handed on. Behind a filter the peer's bytes are counted when all that became of them is. */
static void
flow_count(struct flow *f, size_t n)
{
	f->moved += n;
	if (f->filter.kind == FILTER_NONE || !f->args.from_peer)
		f->bytes += n;
	if (buf_len(&f->buf) == 0) {
		f->bytes += f->taken;
		f->taken = 0;
	}
}

/* The filter has put something out, or found a fault in what it was given. */
static void
flow_filtered(struct flow *f, int rc)
{
	if (rc < 0) {
		f->faulty = true;
		if (f->args.source != NULL)
			err_at(&f->err, STAGE_TRANSFER, f->args.source);
		if (f->state == FLOW_MOVING)
			flow_enter(f, FLOW_FLUSHING);
	}
	if (filter_was_ambiguous(&f->filter) && !f->told) {
		f->told = true;
		log_ambiguous(f->args.log, f->args.name);
	}
}

/* Reads a chunk into the empty buffer. */
static enum io
flow_read(struct flow *f)
{
	unsigned char raw[CHUNK / 2], *space = raw;
	bool filtered = f->filter.kind != FILTER_NONE && !f->args.drop;
	size_t got = 0;
	enum io io;

	if (!filtered && (space = buf_space(&f->buf, CHUNK)) == NULL) {
		err_set(&f->err, ERR_LIMIT, ENOMEM, "transfer");
		return flow_fail(f, false);
	}
	io = stream_read(f->args.from, space, filtered ? sizeof(raw) : CHUNK, &got, &f->err);
	switch (io) {
	case IO_DONE:
		if (f->args.drop) {
			f->bytes += got;
			f->dropped += got;
			f->moved += got;
		} else if (filtered) {
			f->taken += f->args.from_peer ? got : 0;
			f->moved += got;	/* a long message comes for a while before any of it goes */
			flow_filtered(f, filter_push(&f->filter, raw, got, &f->buf, &f->err));
			flow_count(f, 0);
		} else {
			buf_added(&f->buf, got);
		}
		break;
	case IO_WOULD_BLOCK:
		buf_free(&f->buf);	/* who waits holds no memory */
		f->wait = WAIT_SOURCE;
		break;
	case IO_EOF:
		f->source_ended = true;
		flow_enter(f, FLOW_FLUSHING);
		return IO_DONE;
	case IO_FAILED:
		if (!filtered)
			return flow_fail(f, false);
		f->faulty = true;		/* what the filter holds goes out yet */
		flow_enter(f, FLOW_FLUSHING);
		return IO_DONE;
	}
	return io;
}

static enum io
flow_write(struct flow *f)
{
	size_t put;
	enum io io = stream_write(f->args.to, buf_bytes(&f->buf), buf_len(&f->buf), &put, &f->err);

	if (io == IO_WOULD_BLOCK)
		f->wait = WAIT_SINK;
	if (io == IO_FAILED)
		return flow_fail(f, true);
	if (io == IO_DONE) {
		buf_take(&f->buf, put);
		flow_count(f, put);
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

/*
 * The source is read no more. Only where it has ended by itself does that end a message; a terminal sees what there is.
 */
static void
flow_finish_filter(struct flow *f)
{
	bool ended = f->source_ended && !f->faulty;
	struct err err;
	int rc;

	f->finished = true;
	if (f->args.drop || !(ended || f->filter.kind == FILTER_GUARD))
		return;
	if ((rc = filter_finish(&f->filter, &f->buf, &err)) < 0 && ended) {
		f->err = err;
		flow_filtered(f, rc);
	}
}

/* The source has ended and nothing is held: pass the end on. */
static enum io
flow_end(struct flow *f)
{
	enum io io = IO_DONE;

	if (!f->finished) {
		flow_finish_filter(f);
		if (buf_len(&f->buf) > 0)
			return IO_DONE;
	}
	if (f->faulty)
		return flow_fail(f, false);
	if (!f->args.keep_open)
		io = stream_shutdown(f->args.to, &f->err);
	if (io == IO_WOULD_BLOCK)
		f->wait = WAIT_SINK;
	if (io == IO_FAILED)
		return flow_fail(f, true);
	if (io == IO_DONE) {
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
	log_path(f->args.log, f->args.name, f->args.label, names[path]);
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
	if (stream_fail(sink ? f->args.to : f->args.from, sink ? STREAM_WRITE : STREAM_READ, errnum, &f->err) ==
	    IO_EOF) {
		flow_enter(f, FLOW_FLUSHING);
		return IO_DONE;
	}
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
	struct stream_plain from = stream_plain(f->args.from, STREAM_READ), to = stream_plain(f->args.to, STREAM_WRITE);
	ssize_t n;

	if (buf_len(&f->buf) > 0 || f->state == FLOW_FLUSHING)
		return flow_round_buffer(f);
	n = splice_some(from.fd, to.fd, SPLICE_MAX);
	if (n > 0) {
		f->bytes += (uint64_t)n;
		f->moved += (uint64_t)n;
		f->stuck = false;
		return IO_DONE;
	}
	if (n == 0 || (errno == EPIPE && to.medium == MEDIUM_PIPE))
		return flow_read(f);
	if (errno != EAGAIN)
		return splice_refused(f, to.medium == MEDIUM_SOCKET, errno);
	if (!fd_ready(from.fd, POLLIN, 0)) {
		f->wait = WAIT_SOURCE;
	} else if (!fd_ready(to.fd, POLLOUT, 0)) {
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
	struct stream_plain from = stream_plain(f->args.from, STREAM_READ), to = stream_plain(f->args.to, STREAM_WRITE);
	ssize_t n;
	int errnum;

	if (buf_len(&f->buf) > 0 || (f->state == FLOW_FLUSHING && f->in_pipe == 0))
		return flow_round_buffer(f);
	if (f->in_pipe == 0) {
		n = splice_some(from.fd, f->pipe[1], f->pipe_size);
		errnum = n < 0 ? errno : 0;
		if (n > 0)
			f->in_pipe = (size_t)n;
		else if (n == 0 || (errnum == EAGAIN && fd_ready(from.fd, POLLIN, 0)))
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
			f->moved += (uint64_t)n;
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
	struct stream_plain from = stream_plain(f->args.from, STREAM_READ), to = stream_plain(f->args.to, STREAM_WRITE);
	bool from_socket = from.medium == MEDIUM_SOCKET, to_socket = to.medium == MEDIUM_SOCKET;

	if (f->path != PATH_BUFFER || f->refused || from.fd < 0 || to.fd < 0 ||
	    f->filter.kind != FILTER_NONE || f->args.drop)
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

/* ---- the flow ---- */

void
flow_step(struct flow *f)
{
	uint64_t before = f->moved;
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
	if (f->moved != before)
		pulse_beat(f->args.pulse);
	if (f->bytes >= BULK && flow_active(f))
		flow_choose_path(f);
}

void
flow_finish(struct flow *f)
{
	if (f->state == FLOW_MOVING)
		flow_enter(f, FLOW_FLUSHING);
}

void
flow_drop(struct flow *f)
{
	size_t held = buf_len(&f->buf) + f->in_pipe;

	f->args.drop = f->args.keep_open = true;
	f->path = PATH_BUFFER;
	if (f->filter.kind != FILTER_NONE && f->args.from_peer)
		held = (size_t)f->taken;
	f->bytes += held;
	f->dropped += held;
	f->moved += held;
	f->taken = 0;
	f->faulty = false;
	buf_free(&f->buf);
	fd_close(&f->pipe[0]);
	fd_close(&f->pipe[1]);
	f->in_pipe = 0;
	if (f->state == FLOW_FAILED)
		flow_enter(f, FLOW_MOVING);	/* should the source have ended, it says so again */
	f->wait = WAIT_SOURCE;
}

void
flow_init(struct flow *f, const struct flow_args *args, struct filter filter)
{
	*f = (struct flow){ .args = *args, .state = args->quiet ? FLOW_QUIET : FLOW_MOVING, .wait = WAIT_SOURCE,
	    .path = PATH_BUFFER, .filter = filter, .pipe = { -1, -1 } };
	f->buf = BUF_EMPTY(filter.kind == FILTER_NONE ? CHUNK : filter_bound(&filter, CHUNK));
	if (flow_active(f))
		flow_choose_path(f);
}

void
flow_free(struct flow *f)
{
	filter_free(&f->filter);
	buf_free(&f->buf);
	fd_close(&f->pipe[0]);
	fd_close(&f->pipe[1]);
}
