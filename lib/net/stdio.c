/*
 * Standard input and output as one stream: see stdio.h.
 */
#include "lib/net/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/net/side.h"

struct stdio_stream {
	struct stream stream;	/* first */
	struct side in, out;
};

static struct stdio_stream *
as_stdio(struct stream *s)
{
	return (struct stdio_stream *)s;
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

static enum io
stdio_read(struct stream *s, void *p, size_t n, size_t *got, struct err *err)
{
	struct side *in = &as_stdio(s)->in;
	enum io io = side_read(in, p, n, got);

	if (io == IO_DONE && *got == 0 && side_has_ended(in))
		return IO_EOF;
	if (io != IO_FAILED)
		return io;
	/* A terminal that hung up answers EIO: its user has gone, which is an end like any other. */
	if (errno == EIO && in->medium == MEDIUM_TERMINAL)
		return IO_EOF;
	return stdio_fail(s, STREAM_READ, errno, err);
}

static enum io
stdio_write(struct stream *s, const void *p, size_t n, size_t *put, struct err *err)
{
	enum io io = side_write(&as_stdio(s)->out, p, n, put);

	return io == IO_FAILED ? stdio_fail(s, STREAM_WRITE, errno, err) : io;
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
	side_want(&as_stdio(s)->in, wants & STREAM_READ ? LOOP_READ : 0);
	side_want(&as_stdio(s)->out,
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

	side_close(&both->in);
	side_close(&both->out);
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

	if (s == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "stdin and stdout");
		return NULL;
	}
	side_init(&s->in, loop, STDIN_FILENO, O_RDONLY, on_in_ready, s);
	side_init(&s->out, loop, STDOUT_FILENO, O_WRONLY, on_out_ready, s);
	s->stream = (struct stream){ .ops = &ops, .kind = s->in.kind };
	return &s->stream;
}
