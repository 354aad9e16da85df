/*
 * Messages: see messages.h.
 *
 * Linux answers a read at the end of a socket of sequenced packets as it answers an empty packet, with nothing. But a
 * packet brings the credentials of who sent it, where they are asked for, and the end brings none.
 */
#include "lib/net/messages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/net/dgram.h"
#include "lib/net/rights.h"
#include "lib/net/sock.h"

#define AGAIN_MS 1	/* ENOBUFS: a device's queue is full, of whose end nobody tells */

struct messages {
	struct stream stream;	/* first */
	int fd, type, family;
	bool aborted;
	bool heard;		/* the peer has said something */
	unsigned wants;
	bool full;		/* not watched for writing until the timer */
	struct err failed;	/* for good; ERR_NONE: not so far */
	struct loop_io io;
	struct loop_timer again;	/* something is to be tried that no event announces */
};

static struct messages *
as_messages(struct stream *s)
{
	return (struct messages *)s;
}

static void
arm(struct messages *m)
{
	loop_io_want(&m->io, m->full ? m->wants & ~(unsigned)STREAM_WRITE : m->wants);
}

/* ---- errors ---- */

/* Says that the stream is of no use any more, now and whenever it is asked again. */
static enum io
fail(struct messages *m, enum err_kind kind, int errnum, const char *words, struct err *err)
{
	if (m->failed.kind == ERR_NONE) {
		err_set(&m->failed, kind, words != NULL ? 0 : errnum, "%s", words != NULL ? words : "");
		m->failed.errnum = errnum;
		m->failed.stage = kind == ERR_CONNECT ? STAGE_CONNECT : STAGE_TRANSFER;
		loop_timer_set(&m->again, clock_ms());	/* who waits to read is to hear of it too */
	}
	*err = m->failed;
	return IO_FAILED;
}

/* Takes what the network says, or the peer would look ready for ever. *said becomes what it says of errnum. */
static void
take_errors(struct messages *m, int errnum, struct dgram_error *said)
{
	struct dgram_error one;

	*said = (struct dgram_error){ .errnum = 0 };
	while (m->family != AF_UNIX && dgram_take_error(m->fd, &one)) {
		if (one.errnum == errnum && one.offender.len > 0)
			*said = one;
	}
}

/* What the errno of a read or write means. */
static enum io
messages_fail(struct stream *s, unsigned side, int errnum, struct err *err)
{
	struct messages *m = as_messages(s);
	bool absent = !m->heard && m->family != AF_UNIX;	/* connect(2) found a Unix peer there */
	char words[DGRAM_WORDS_MAX];
	struct dgram_error said;

	(void)side;
	take_errors(m, errnum, &said);
	if (said.errnum != 0)
		return fail(m, absent ? ERR_CONNECT : ERR_BROKEN, errnum, dgram_error_words(&said, words, sizeof(words)), err);
	if (errnum == ENOMEM || errnum == ENOBUFS)
		return fail(m, ERR_LIMIT, errnum, NULL, err);
	return fail(m, absent && dgram_is_from_network(errnum) ? ERR_CONNECT : ERR_BROKEN, errnum, NULL, err);
}

/* Nothing of it was sent. */
static enum io
too_long(struct messages *m, size_t n, struct err *err)
{
	struct dgram_error said;
	struct addr peer;

	take_errors(m, EMSGSIZE, &said);
	sock_peer(m->fd, &peer);
	dgram_too_long(m->fd, &peer, n, err);
	return fail(m, ERR_LIMIT, EMSGSIZE, err->text, err);
}

/* ---- reading ---- */

/* What was received, or the errno as a negative number. *told becomes whether it has its sender's credentials. */
static ssize_t
receive(struct messages *m, void *p, size_t n, bool *told)
{
	union { struct cmsghdr align; char bytes[256]; } control;
	struct iovec iov = { .iov_base = p, .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
	    .msg_controllen = sizeof(control.bytes) };
	struct dgram_error said;
	ssize_t r;

	do {
		r = recvmsg(m->fd, &msg, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
		if (r < 0 && errno == EMSGSIZE) {
			/* A message that went was too long for the way: the system cuts the next to fit (ip(7)). */
			take_errors(m, EMSGSIZE, &said);
			errno = EINTR;
		}
	} while (r < 0 && errno == EINTR);
	*told = r >= 0 && m->family == AF_UNIX && rights_refuse(&msg);
	return r < 0 ? -errno : r;
}

static enum io
messages_read(struct stream *s, void *p, size_t n, size_t *got, struct err *err)
{
	struct messages *m = as_messages(s);
	char words[128];
	bool told, ended;
	ssize_t r = receive(m, p, n, &told);

	if (r < 0 && r != -EAGAIN && r != -EWOULDBLOCK && m->failed.kind == ERR_NONE) {
		messages_fail(s, STREAM_READ, (int)-r, err);
		r = receive(m, p, n, &told);		/* what came before that comes first */
	}
	ended = r == 0 && m->type == SOCK_SEQPACKET && !told;
	if ((r < 0 || ended) && m->failed.kind != ERR_NONE) {
		*err = m->failed;
		return IO_FAILED;
	}
	if (r < 0)
		return IO_WOULD_BLOCK;
	if (ended)
		return IO_EOF;
	m->heard = true;
	if ((size_t)r > n) {
		snprintf(words, sizeof(words), "a message of %zd bytes, longer than the %zu that are taken", r, n);
		return fail(m, ERR_LIMIT, EMSGSIZE, words, err);
	}
	*got = (size_t)r;
	return IO_DONE;
}

/* ---- writing ---- */

static enum io
messages_write(struct stream *s, const void *p, size_t n, size_t *put, struct err *err)
{
	struct messages *m = as_messages(s);
	const struct dgram d = { .bytes = p, .n = n };
	int errnum = 0;

	if (m->failed.kind != ERR_NONE) {
		*err = m->failed;
		return IO_FAILED;
	}
	if (m->full)
		return IO_WOULD_BLOCK;
	if (dgram_send(m->fd, &d, 1, &errnum) == 1) {
		*put = n;
		return IO_DONE;
	}
	if (errnum == EMSGSIZE)
		return too_long(m, n, err);
	if (errnum == ENOBUFS) {
		m->full = true;
		loop_timer_set(&m->again, clock_ms() + AGAIN_MS);
		arm(m);
		return IO_WOULD_BLOCK;
	}
	if (errnum == EAGAIN || errnum == EWOULDBLOCK)
		return IO_WOULD_BLOCK;
	return messages_fail(s, STREAM_WRITE, errnum, err);
}

/* Of datagrams nobody hears that there will be no more. */
static enum io
messages_shutdown(struct stream *s, struct err *err)
{
	struct messages *m = as_messages(s);

	if (m->type != SOCK_SEQPACKET || shutdown(m->fd, SHUT_WR) == 0 || errno == ENOTCONN)
		return IO_DONE;
	return messages_fail(s, STREAM_WRITE, errno, err);
}

static size_t
messages_queued(struct stream *s)
{
	struct messages *m = as_messages(s);

	return m->type == SOCK_SEQPACKET ? sock_queued(m->fd) : 0;
}

/* A datagram that was sent is on its way, and nobody acknowledges it. */
static enum io
messages_settled(struct stream *s, struct err *err)
{
	struct messages *m = as_messages(s);
	int errnum;

	if (m->type != SOCK_SEQPACKET)
		return IO_DONE;
	if (!sock_settled(m->fd, &errnum))
		return IO_WOULD_BLOCK;
	return errnum != 0 ? messages_fail(s, STREAM_WRITE, errnum, err) : IO_DONE;
}

/* ---- events ---- */

static void
on_ready(void *arg, unsigned ready)
{
	struct stream *s = arg;

	s->fn(s->arg, ready);
}

static void
on_again(void *arg)
{
	struct messages *m = arg;
	unsigned ready = m->failed.kind != ERR_NONE ? m->wants & (STREAM_READ | STREAM_WRITE) : 0;

	if (m->full)
		ready |= m->wants & STREAM_WRITE;
	m->full = false;
	arm(m);
	if (ready != 0)
		m->stream.fn(m->stream.arg, ready);
}

static void
messages_want(struct stream *s, unsigned wants)
{
	struct messages *m = as_messages(s);

	m->wants = wants;
	arm(m);
	if (m->failed.kind != ERR_NONE && (wants & (STREAM_READ | STREAM_WRITE)) != 0)
		loop_timer_set(&m->again, clock_ms());
}

static struct stream_plain
messages_plain(struct stream *s, unsigned side)
{
	(void)s;
	(void)side;
	return (struct stream_plain){ .fd = -1, .medium = MEDIUM_SOCKET };
}

static void
messages_abort(struct stream *s)
{
	as_messages(s)->aborted = true;
}

static void
messages_free(struct stream *s)
{
	struct messages *m = as_messages(s);

	loop_io_abandon(&m->io);
	loop_timer_stop(&m->again);
	if (m->aborted && m->type == SOCK_SEQPACKET)
		sock_reset(&m->fd);
	fd_close(&m->fd);
	free(s);
}

struct stream *
messages_stream(struct loop *loop, int fd, struct err *err)
{
	static const struct stream_ops ops = {
		.read = messages_read, .write = messages_write, .shutdown = messages_shutdown, .queued = messages_queued,
		.settled = messages_settled, .abort = messages_abort, .want = messages_want, .plain = messages_plain,
		.fail = messages_fail, .free = messages_free,
	};
	struct messages *m = calloc(1, sizeof(*m));
	socklen_t len = sizeof(m->type);
	struct addr local;
	static const int on = 1;

	if (m == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "connection");
		fd_close(&fd);
		return NULL;
	}
	m->stream = (struct stream){ .ops = &ops, .kind = STREAM_MESSAGES };
	m->fd = fd;
	m->failed = ERR_EMPTY;
	getsockopt(fd, SOL_SOCKET, SO_TYPE, &m->type, &len);
	sock_local(fd, &local);
	m->family = addr_family(&local);
#ifdef SO_PASSCRED
	if (m->type == SOCK_SEQPACKET)
		setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
#endif
	loop_io_init(&m->io, loop, fd, on_ready, m);
	loop_timer_init(&m->again, loop, on_again, m);
	return &m->stream;
}
