/*
 * Standard input and output as one stream: see stdio.h.
 *
 * Reads and writes must not block, and the flag for that is not ours to set. Sockets have MSG_DONTWAIT. Pipes and
 * terminals are opened a second time through /proc/self/fd, which makes an open file of our own to set the flag on.
 * Where that is not allowed, we read only what poll has announced and write to a pipe no more than PIPE_BUF, which a
 * pipe that poll calls writable takes whole. Files never block for long.
 */
#include "lib/net/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/base/fd.h"

/* One of the two descriptors. */
struct side {
	int fd;			/* 0 or 1 */
	int own;		/* the same, opened again and non-blocking, or its stand-in; -1 without */
	bool tried;		/* to open it again */
	bool hangs_up;		/* a socket of messages that knows an end: seqpacket */
	enum stream_medium medium;
	struct loop_io io;
};

struct stdio_stream {
	struct stream stream;	/* first */
	struct side in, out;
};

static struct stdio_stream *
as_stdio(struct stream *s)
{
	return (struct stdio_stream *)s;
}

static enum stream_medium
medium_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return MEDIUM_NULL;
	if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || S_ISDIR(st.st_mode))
		return MEDIUM_FILE;
	if (S_ISFIFO(st.st_mode))
		return MEDIUM_PIPE;
	if (S_ISSOCK(st.st_mode))
		return MEDIUM_SOCKET;
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
		return MEDIUM_NULL;
	return isatty(fd) ? MEDIUM_TERMINAL : MEDIUM_DEVICE;
}

/* Is it the master side of a pseudo-terminal? Opening that again would make a new terminal. */
static bool
is_pty_master(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_rdev == makedev(5, 2);
}

/* Opens a pipe or terminal again to have an open file of our own. */
static void
open_again(struct side *side, int access)
{
	char path[32];

	if (side->tried)
		return;
	side->tried = true;
	if (side->medium != MEDIUM_PIPE && !(side->medium == MEDIUM_TERMINAL && !is_pty_master(side->fd)))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", side->fd);
	side->own = open(path, access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

/*
 * A descriptor that was opened for the other direction, as in `1<file`, must not be opened again for ours, and waiting
 * for it may take for ever. /dev/null opened the wrong way stands in: it is always ready, and every use fails.
 */
static void
check_direction(struct side *side, int access)
{
	int flags = fcntl(side->fd, F_GETFL);

	if (flags < 0 || (flags & O_ACCMODE) == O_RDWR || (flags & O_ACCMODE) == access)
		return;
	side->own = open("/dev/null", (access == O_RDONLY ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	side->tried = true;
	side->medium = MEDIUM_DEVICE;
}

static enum io
stdio_fail(struct stream *s, unsigned which, int errnum, struct err *err)
{
	(void)s;
	if (which == STREAM_WRITE && errnum == EPIPE) {
		err_set(err, ERR_SIGNAL, EPIPE, "%s", "");	/* as if SIGPIPE had ended us, which main() sees to */
		err->signo = SIGPIPE;
	} else {
		err_set(err, ERR_LOCAL, errnum, "%s", which == STREAM_WRITE ? "cannot write" : "cannot read");
	}
	err_at(err, STAGE_TRANSFER, which == STREAM_WRITE ? "stdout" : "stdin");
	return IO_FAILED;
}

/* A read of nothing from a seqpacket socket is an empty message or the end: the end, if nothing more can come. */
static bool
has_hung_up(const struct side *in)
{
	int waiting = 0;

	return in->hangs_up && (fd_ready(in->fd, POLLRDHUP, 0) & (POLLRDHUP | POLLHUP)) != 0 &&
	    ioctl(in->fd, FIONREAD, &waiting) == 0 && waiting == 0;
}

static enum io
stdio_read(struct stream *s, void *p, size_t n, size_t *got, struct err *err)
{
	struct side *in = &as_stdio(s)->in;
	ssize_t r;

	open_again(in, O_RDONLY);
	do {
		if (in->medium == MEDIUM_SOCKET)
			r = recv(in->fd, p, n, MSG_DONTWAIT);
		else if (in->own >= 0)
			r = read(in->own, p, n);
		/* A blocking descriptor that others read too can be asked only just before. */
		else if (in->medium == MEDIUM_FILE || fd_ready(in->fd, POLLIN, 0))
			r = read(in->fd, p, n);
		else
			return IO_WOULD_BLOCK;
	} while (r < 0 && errno == EINTR);
	if (r > 0 || (r == 0 && s->kind == STREAM_MESSAGES && !has_hung_up(in))) {
		*got = (size_t)r;
		return IO_DONE;
	}
	/* A terminal that hung up answers EIO: its user has gone, which is an end like any other. */
	if (r == 0 || (errno == EIO && in->medium == MEDIUM_TERMINAL))
		return IO_EOF;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return IO_WOULD_BLOCK;
	return stdio_fail(s, STREAM_READ, errno, err);
}

static enum io
stdio_write(struct stream *s, const void *p, size_t n, size_t *put, struct err *err)
{
	struct side *out = &as_stdio(s)->out;
	ssize_t r;

	open_again(out, O_WRONLY);
	do {
		if (out->medium == MEDIUM_SOCKET)
			r = send(out->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		else if (out->own >= 0)
			r = write(out->own, p, n);
		else if (out->medium == MEDIUM_FILE || out->medium == MEDIUM_NULL)
			r = write(out->fd, p, n);
		else if (fd_ready(out->fd, POLLOUT, 0))
			r = write(out->fd, p, n < PIPE_BUF ? n : PIPE_BUF);
		else
			return IO_WOULD_BLOCK;
	} while (r < 0 && errno == EINTR);
	if (r >= 0) {
		*put = (size_t)r;
		return IO_DONE;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return IO_WOULD_BLOCK;
	return stdio_fail(s, STREAM_WRITE, errno, err);
}

/* Nothing is ours to end: stdout stays open for whoever else has it. */
static enum io
stdio_shutdown(struct stream *s, struct err *err)
{
	(void)s;
	(void)err;
	return IO_DONE;
}

static size_t
stdio_queued(struct stream *s)
{
	(void)s;
	return 0;
}

/* Nor is there a way to tell the reader of a pipe that there should have been more. */
static void
stdio_abort(struct stream *s)
{
	(void)s;
}

/* What write(2) took is delivered, as far as anyone can tell. */
static enum io
stdio_settled(struct stream *s, struct err *err)
{
	(void)s;
	(void)err;
	return IO_DONE;
}

static void
on_in_ready(void *arg, unsigned ready)
{
	struct stream *s = arg;

	(void)ready;
	s->fn(s->arg, STREAM_READ);
}

static void
on_out_ready(void *arg, unsigned ready)
{
	struct stream *s = arg;

	s->fn(s->arg, ready & LOOP_WRITE ? STREAM_WRITE : STREAM_TROUBLE);
}

static void
stdio_want(struct stream *s, unsigned wants)
{
	loop_io_want(&as_stdio(s)->in.io, wants & STREAM_READ ? LOOP_READ : 0);
	loop_io_want(&as_stdio(s)->out.io,
	    (wants & STREAM_WRITE ? LOOP_WRITE : 0U) | (wants & STREAM_TROUBLE ? LOOP_TROUBLE : 0U));
}

static struct stream_plain
stdio_plain(struct stream *s, unsigned which)
{
	const struct side *side = which == STREAM_READ ? &as_stdio(s)->in : &as_stdio(s)->out;

	/*
	 * Splicing is for what SPLICE_F_NONBLOCK can keep from blocking. A TCP socket heeds only the O_NONBLOCK of its
	 * open file, which is not ours to set.
	 */
	return (struct stream_plain){ .fd = side->medium == MEDIUM_SOCKET ? -1 : side->fd, .medium = side->medium };
}

static void
stdio_free(struct stream *s)
{
	struct stdio_stream *both = as_stdio(s);

	loop_io_stop(&both->in.io);
	loop_io_stop(&both->out.io);
	fd_close(&both->in.own);
	fd_close(&both->out.own);
	free(s);
}

struct stream *
stdio_stream(struct loop *loop, struct err *err)
{
	static const struct stream_ops ops = {
		.read = stdio_read, .write = stdio_write, .shutdown = stdio_shutdown, .queued = stdio_queued,
		.settled = stdio_settled, .abort = stdio_abort,
		.want = stdio_want, .plain = stdio_plain, .fail = stdio_fail, .free = stdio_free,
	};
	struct stdio_stream *s = calloc(1, sizeof(*s));
	int type = SOCK_STREAM;
	socklen_t len = sizeof(type);

	if (s == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "stdin and stdout");
		return NULL;
	}
	s->in = (struct side){ .fd = STDIN_FILENO, .own = -1, .medium = medium_of(STDIN_FILENO) };
	s->out = (struct side){ .fd = STDOUT_FILENO, .own = -1, .medium = medium_of(STDOUT_FILENO) };
	s->stream = (struct stream){ .ops = &ops, .kind = STREAM_BYTES };
	if (s->in.medium == MEDIUM_SOCKET && getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    type != SOCK_STREAM)
		s->stream.kind = STREAM_MESSAGES;
	s->in.hangs_up = type == SOCK_SEQPACKET;
	if (s->in.medium != MEDIUM_NULL)	/* nohup(1) opens it for writing, and means that there is no input */
		check_direction(&s->in, O_RDONLY);
	check_direction(&s->out, O_WRONLY);
	loop_io_init(&s->in.io, loop, s->in.own >= 0 ? s->in.own : STDIN_FILENO, on_in_ready, s);
	loop_io_init(&s->out.io, loop, s->out.own >= 0 ? s->out.own : STDOUT_FILENO, on_out_ready, s);
	return &s->stream;
}
