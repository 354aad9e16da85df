/*
 * A stream, and the one over a connected socket: see stream.h.
 */
#include "lib/net/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/base/fd.h"
#include "lib/net/sock.h"

struct sock_stream {
	struct stream stream;	/* first */
	int fd;
	bool aborted;
	bool reset_is_end;
	struct loop_io io;
};

void
stream_attach(struct stream *s, void (*fn)(void *arg, unsigned ready), void *arg)
{
	s->fn = fn;
	s->arg = arg;
}

enum io
stream_read(struct stream *s, void *p, size_t n, size_t *got, struct err *err)
{
	return s->ops->read(s, p, n, got, err);
}

enum io
stream_write(struct stream *s, const void *p, size_t n, size_t *put, struct err *err)
{
	return s->ops->write(s, p, n, put, err);
}

enum io
stream_shutdown(struct stream *s, struct err *err)
{
	return s->ops->shutdown(s, err);
}

size_t
stream_queued(struct stream *s)
{
	return s->ops->queued(s);
}

void
stream_abort(struct stream *s)
{
	s->ops->abort(s);
}

enum io
stream_settled(struct stream *s, struct err *err)
{
	return s->ops->settled(s, err);
}

enum stream_hold
stream_hold(struct stream *s)
{
	return s->ops->hold != NULL ? s->ops->hold(s) : HOLD_NONE;
}

uint64_t
stream_overhead(struct stream *s, unsigned side)
{
	return s->ops->overhead != NULL ? s->ops->overhead(s, side) : 0;
}

void
stream_want(struct stream *s, unsigned wants)
{
	s->ops->want(s, wants);
}

struct stream_plain
stream_plain(struct stream *s, unsigned side)
{
	return s->ops->plain(s, side);
}

enum io
stream_fail(struct stream *s, unsigned side, int errnum, struct err *err)
{
	return s->ops->fail(s, side, errnum, err);
}

void
stream_free(struct stream *s)
{
	if (s != NULL)
		s->ops->free(s);
}

/* ---- a connected socket ---- */

static struct sock_stream *
as_sock(struct stream *s)
{
	return (struct sock_stream *)s;
}

static enum io
sock_fail(struct stream *s, unsigned side, int errnum, struct err *err)
{
	if (side == STREAM_READ && errnum == ECONNRESET && as_sock(s)->reset_is_end)
		return IO_EOF;
	/* EPIPE says only that we may not write any more: the reset behind it was reported to an earlier call. */
	if (side == STREAM_WRITE && errnum == EPIPE)
		err_set(err, ERR_BROKEN, EPIPE, "the peer takes no more");
	else
		err_set(err, errnum == ENOMEM || errnum == ENOBUFS ? ERR_LIMIT : ERR_BROKEN, errnum, "%s", "");
	err->stage = STAGE_TRANSFER;
	return IO_FAILED;
}

static enum io
sock_read(struct stream *s, void *p, size_t n, size_t *got, struct err *err)
{
	ssize_t r;

	do
		r = recv(as_sock(s)->fd, p, n, MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	if (r > 0 || (r == 0 && s->kind == STREAM_MESSAGES)) {
		*got = (size_t)r;
		return IO_DONE;
	}
	if (r == 0)
		return IO_EOF;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return IO_WOULD_BLOCK;
	return sock_fail(s, STREAM_READ, errno, err);
}

static enum io
sock_write(struct stream *s, const void *p, size_t n, size_t *put, struct err *err)
{
	ssize_t r;

	do
		r = send(as_sock(s)->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	if (r >= 0) {
		*put = (size_t)r;
		return IO_DONE;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return IO_WOULD_BLOCK;
	return sock_fail(s, STREAM_WRITE, errno, err);
}

static enum io
sock_shutdown(struct stream *s, struct err *err)
{
	/* ENOTCONN: it was reset meanwhile, which the reading side will say with its reason. */
	if (shutdown(as_sock(s)->fd, SHUT_WR) == 0 || errno == ENOTCONN)
		return IO_DONE;
	return sock_fail(s, STREAM_WRITE, errno, err);
}

static size_t
socket_queued(struct stream *s)
{
	return sock_queued(as_sock(s)->fd);
}

static enum io
socket_settled(struct stream *s, struct err *err)
{
	int errnum;

	if (!sock_settled(as_sock(s)->fd, &errnum))
		return IO_WOULD_BLOCK;
	return errnum != 0 ? sock_fail(s, STREAM_WRITE, errnum, err) : IO_DONE;
}

static void
on_sock_ready(void *arg, unsigned ready)
{
	struct stream *s = arg;

	s->fn(s->arg, ready);
}

static void
sock_want(struct stream *s, unsigned wants)
{
	loop_io_want(&as_sock(s)->io, wants);
}

static struct stream_plain
sock_plain(struct stream *s, unsigned side)
{
	(void)side;
	return (struct stream_plain){ .fd = as_sock(s)->fd, .medium = MEDIUM_SOCKET };
}

static void
sock_abort(struct stream *s)
{
	as_sock(s)->aborted = true;
}

/*
 * Closed with bytes unread, a Unix socket says ECONNRESET to a program that writes, which knows EPIPE and SIGPIPE
 * better.
 */
static void
empty(int fd)
{
	char bytes[4096];

	shutdown(fd, SHUT_RDWR);
	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

static void
sock_free(struct stream *s)
{
	loop_io_abandon(&as_sock(s)->io);
	if (as_sock(s)->reset_is_end)
		empty(as_sock(s)->fd);
	if (as_sock(s)->aborted)
		sock_reset(&as_sock(s)->fd);
	fd_close(&as_sock(s)->fd);
	free(s);
}

struct stream *
stream_socket(struct loop *loop, int fd, struct err *err)
{
	static const struct stream_ops ops = {
		.read = sock_read, .write = sock_write, .shutdown = sock_shutdown, .queued = socket_queued,
		.settled = socket_settled, .abort = sock_abort,
		.want = sock_want, .plain = sock_plain, .fail = sock_fail, .free = sock_free,
	};
	struct sock_stream *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "connection");
		fd_close(&fd);
		return NULL;
	}
	s->stream = (struct stream){ .ops = &ops, .kind = STREAM_BYTES };
	s->fd = fd;
	loop_io_init(&s->io, loop, fd, on_sock_ready, s);
	return &s->stream;
}

struct stream *
stream_program(struct loop *loop, int fd, struct err *err)
{
	struct stream *s = stream_socket(loop, fd, err);

	if (s != NULL)
		as_sock(s)->reset_is_end = true;
	return s;
}
