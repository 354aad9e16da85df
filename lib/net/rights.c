/*
 * Rights: see rights.h.
 *
 * What travels is a reference, made when it is sent: whoever sends may close its own at once. One that nobody takes is
 * let go by the system together with the bytes that brought it.
 */
#include "lib/net/rights.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/base/fd.h"
#include "lib/net/layer.h"

#ifdef SOCKT_PORTABLE
#include <fcntl.h>
#define PEEK_FLAGS (MSG_PEEK | MSG_DONTWAIT)
#else
#define PEEK_FLAGS (MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC)
#endif

#define OTHER_CONTROL 256	/* bytes for what else a socket may be told to bring: credentials, a time */

struct carrier {
	struct layer layer;	/* first */
	int fd;
	const struct rights *rights;
	bool sent;
};

static struct carrier *
as_carrier(struct stream *s)
{
	return (struct carrier *)s;
}

/* ---- out ---- */

static ssize_t
send_with(int fd, const struct rights *rights, const void *p, size_t n)
{
	union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(rights->v))]; } control = { .bytes = "" };
	struct iovec iov = { .iov_base = (void *)p, .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
	    .msg_controllen = CMSG_SPACE(rights->n * sizeof(rights->v[0])) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	ssize_t r;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(rights->n * sizeof(rights->v[0]));
	memcpy(CMSG_DATA(c), rights->v, rights->n * sizeof(rights->v[0]));
	do
		r = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r;
}

/* Sends them without any bytes of the caller's: a stream has to have one, and a message may be empty. */
static ssize_t
send_alone(int fd, const struct rights *rights)
{
	int type = SOCK_STREAM;
	socklen_t len = sizeof(type);

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
	return send_with(fd, rights, "", type == SOCK_STREAM ? 1 : 0);
}

/* Is this errno about the descriptors rather than the connection? Then says so. */
static bool
is_about_rights(int errnum, struct err *err)
{
	switch (errnum) {
	case EBADF:
		err_set(err, ERR_LOCAL, errnum, "one of the descriptors to send is not open");
		break;
	case ETOOMANYREFS:
		err_set(err, ERR_LIMIT, errnum, "more descriptors of ours are on their way than may be");
		break;
	case EINVAL:
		err_set(err, ERR_LOCAL, errnum, "one of the descriptors is of a kind that cannot be sent");
		break;
	default:
		return false;
	}
	err->stage = STAGE_TRANSFER;
	return true;
}

static enum io
not_sent(struct carrier *c, int errnum, struct err *err)
{
	if (errnum == EAGAIN || errnum == EWOULDBLOCK)
		return IO_WOULD_BLOCK;
	return is_about_rights(errnum, err) ? IO_FAILED : stream_fail(c->layer.below, STREAM_WRITE, errnum, err);
}

int
rights_send(int fd, const struct rights *rights, struct err *err)
{
	if (rights->n == 0 || send_alone(fd, rights) >= 0)
		return 0;
	if (!is_about_rights(errno, err))
		err_set(err, ERR_BROKEN, errno, "cannot send descriptors");
	err->stage = STAGE_TRANSFER;
	return -1;
}

/* ---- the layer ---- */

static void
on_below(void *arg, unsigned ready)
{
	struct stream *s = arg;

	s->fn(s->arg, ready);
}

static enum io
carrier_read(struct stream *s, void *p, size_t n, size_t *got, struct err *err)
{
	return stream_read(layer_of(s)->below, p, n, got, err);
}

static enum io
carrier_write(struct stream *s, const void *p, size_t n, size_t *put, struct err *err)
{
	struct carrier *c = as_carrier(s);
	ssize_t r;

	if (c->sent)
		return stream_write(c->layer.below, p, n, put, err);
	if ((r = send_with(c->fd, c->rights, p, n)) >= 0) {
		c->sent = true;
		*put = (size_t)r;
		return IO_DONE;
	}
	if (errno == EMSGSIZE)		/* it is too long for the stream below as well, which knows the limit */
		return stream_write(c->layer.below, p, n, put, err);
	return not_sent(c, errno, err);
}

static enum io
carrier_shutdown(struct stream *s, struct err *err)
{
	struct carrier *c = as_carrier(s);

	if (!c->sent && send_alone(c->fd, c->rights) < 0)
		return not_sent(c, errno, err);
	c->sent = true;
	return layer_shutdown(s, err);
}

static void
carrier_want(struct stream *s, unsigned wants)
{
	stream_want(layer_of(s)->below, wants);
}

struct stream *
rights_stream(struct stream *below, int fd, const struct rights *rights, struct err *err)
{
	static const struct stream_ops ops = {
		.read = carrier_read, .write = carrier_write, .shutdown = carrier_shutdown, .queued = layer_queued,
		.settled = layer_settled, .abort = layer_abort, .hold = layer_hold, .overhead = layer_overhead,
		.want = carrier_want, .plain = layer_plain, .fail = layer_fail, .free = layer_free,
	};
	struct carrier *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "connection");
		stream_free(below);
		return NULL;
	}
	*c = (struct carrier){ .layer = { .stream = { .ops = &ops, .kind = below->kind }, .below = below }, .fd = fd,
	    .rights = rights, .sent = rights->n == 0 };
	stream_attach(below, on_below, c);
	return &c->layer.stream;
}

/* ---- in ---- */

static void
keep(struct rights *rights, const struct cmsghdr *c)
{
	const unsigned char *data = CMSG_DATA(c), *end = (const unsigned char *)c + c->cmsg_len;

	for (int fd; (size_t)(end - data) >= sizeof(fd); data += sizeof(fd)) {
		memcpy(&fd, data, sizeof(fd));
#ifdef SOCKT_PORTABLE
		fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
		if (rights->n < RIGHTS_MAX)
			rights->v[rights->n++] = fd;
		else
			fd_close(&fd);
	}
}

/* Collects the descriptors. Returns whether who sent the message is told as well. */
static bool
take(struct msghdr *msg, struct rights *rights)
{
	bool told = false;

	rights->n = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			keep(rights, c);
#ifdef SCM_CREDENTIALS
		told |= c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS;
#endif
	}
	return told;
}

bool
rights_refuse(struct msghdr *msg)
{
	struct rights rights;
	bool told = take(msg, &rights);

	rights_close(&rights);
	return told;
}

/*
 * On Linux a look (MSG_PEEK) makes descriptors of its own, and the system lets go of the others when the bytes are read
 * without asking for them. Other systems may have none to show.
 *
 * Sequenced packets: see messages.c for how their end is told from an empty one.
 */
enum io
rights_peek(int fd, struct rights *rights, struct err *err)
{
	union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(rights->v)) + OTHER_CONTROL]; } control;
	int type = SOCK_STREAM;
	socklen_t len = sizeof(type);
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = sizeof(byte) };
	struct msghdr msg;
	bool told;
	ssize_t r;

	rights->n = 0;
	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
#ifdef SO_PASSCRED
	if (type == SOCK_SEQPACKET)
		setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int));
#endif
	do {
		msg = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
		    .msg_controllen = sizeof(control.bytes) };
		r = recvmsg(fd, &msg, PEEK_FLAGS);
	} while (r < 0 && errno == EINTR);
	if (r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return IO_WOULD_BLOCK;
	if (r < 0) {
		err_set(err, errno == ENOMEM || errno == ENOBUFS ? ERR_LIMIT : ERR_BROKEN, errno, "%s", "");
		err->stage = STAGE_TRANSFER;
		return IO_FAILED;
	}
	told = take(&msg, rights);
	if (msg.msg_flags & MSG_CTRUNC) {
		rights_close(rights);
		err_set(err, ERR_LIMIT, EMFILE, "cannot take the descriptors that came");
		err->stage = STAGE_TRANSFER;
		return IO_FAILED;
	}
	if (r == 0 && rights->n == 0 && (type == SOCK_STREAM || (type == SOCK_SEQPACKET && !told)))
		return IO_EOF;
	return IO_DONE;
}

void
rights_close(struct rights *rights)
{
	for (size_t i = 0; i < rights->n; i++)
		fd_close(&rights->v[i]);
	rights->n = 0;
}
