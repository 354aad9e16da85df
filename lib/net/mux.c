/*
 * Mux: see mux.h. Nobody is called from within a call of theirs: a peer that something is there for has a timer that is
 * due at once. So a stream may be freed at any time, also from another's callback.
 */
#include "lib/net/mux.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/net/addrmap.h"
#include "lib/net/sock.h"

#define ROUNDS_MAX	4		/* batches in a turn; then it is the neighbours' */
#define UNIX_BATCH	16		/* so many may come for a peer whose inbox has just become full */
#define INBOX_MESSAGES	1024
#define INBOX_BYTES	(1024 * 1024)
#define ALL_BYTES	(64 * 1024 * 1024)	/* in all inboxes */
#define TRIES_MAX	8		/* of a send that met what may be another peer's error */
#define FAULTS_MAX	16		/* errors of the socket in a row, with nothing heard in between */
#define ERRORS_MAX	64		/* of the network, taken at once */
#define STALL_FIRST_MS	1		/* until the next try where no event says when; doubles */
#define STALL_MAX_MS	64
#define TELL_MS		1000		/* how long losses are counted before they are told */

/* A datagram that nobody has read yet. */
struct message {
	struct message *next;
	size_t n;
	unsigned char bytes[];
};

/* What a peer that wants to write waits for. */
enum way {
	WAY_SOCKET,		/* the socket to be ready */
	WAY_OPEN,		/* to be called: it was */
	WAY_STALLED		/* time to pass: the socket is ready, and yet does not take anything */
};

struct peer {
	struct stream stream;		/* first */
	struct mux *mux;
	struct addrmap_node node;	/* its address */
	struct peer *prev, *next;	/* among all */
	struct addr local;		/* which of ours it sent to last; len 0: the system knows */
	struct message *first, **last;	/* the inbox */
	size_t n_messages, bytes;	/* of it */
	bool full;			/* it is, and counts in mux->n_full */
	uint64_t lost;			/* and not told yet */
	unsigned wants;
	enum way way;
	bool watches;			/* the socket for writing: counts in mux->n_watching */
	int64_t stalled_until_ms, stall_ms;
	struct dgram_error fault;	/* what the network said of it; errnum 0: nothing */
	struct loop_timer timer;	/* when to call it */
};

struct mux {
	struct loop *loop;
	int fd;
	bool waits;			/* senders wait for us: nothing need be dropped */
	bool closed, broken;		/* to anybody new; the socket */
	const struct mux_calls *calls;
	void *arg;
	struct dgram_in *in;
	struct loop_io io;
	struct addrmap map;
	struct peer *peers;
	struct peer *cursor;		/* the next one of a walk through all of them that calls back */
	size_t bytes;			/* in all inboxes */
	size_t n_full, n_watching;
	int faults;
	struct loop_timer tell;
	bool telling;
	uint64_t lost_told;		/* of what dgram_in_lost() says */
};

static struct peer *
as_peer(struct stream *s)
{
	return (struct peer *)s;
}

/* ---- all of them ---- */

static void
peer_enter(struct mux *mux, struct peer *p)
{
	addrmap_add(&mux->map, &p->node);
	if ((p->next = mux->peers) != NULL)
		p->next->prev = p;
	mux->peers = p;
}

static void
peer_leave(struct mux *mux, struct peer *p)
{
	addrmap_drop(&mux->map, &p->node);
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		mux->peers = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
	if (mux->cursor == p)
		mux->cursor = p->next;
}

/* ---- what is waited for ---- */

/* May more be read of the socket? Where senders do not wait for us there is no use in leaving it there. */
static bool
has_room(const struct mux *mux)
{
	return !mux->waits || (mux->n_full == 0 && mux->bytes < ALL_BYTES);
}

static void
mux_want(struct mux *mux)
{
	unsigned wants = (has_room(mux) ? LOOP_READ : 0U) | (mux->n_watching > 0 ? LOOP_WRITE : 0U);

	loop_io_want(&mux->io, mux->broken ? 0 : wants);
}

/* What there is for it, of what it wants. Trouble is whatever was wanted, as the loop has it. */
static unsigned
peer_ready(const struct peer *p, int64_t now_ms)
{
	bool open = p->way == WAY_OPEN || (p->way == WAY_STALLED && now_ms >= p->stalled_until_ms);

	if (p->fault.errnum != 0)
		return p->wants;
	return p->wants & ((p->first != NULL ? STREAM_READ : 0U) | (open ? STREAM_WRITE : 0U));
}

/* Something of it has changed: when is it called, and what does it wait for? */
static void
peer_update(struct peer *p)
{
	struct mux *mux = p->mux;
	bool watches = (p->wants & STREAM_WRITE) && p->way == WAY_SOCKET && p->fault.errnum == 0;
	int64_t now_ms = clock_ms();

	if (watches != p->watches) {
		p->watches = watches;
		mux->n_watching = watches ? mux->n_watching + 1 : mux->n_watching - 1;
		mux_want(mux);
	}
	loop_timer_set(&p->timer, peer_ready(p, now_ms) != 0 ? now_ms :
	    p->way == WAY_STALLED && (p->wants & STREAM_WRITE) ? p->stalled_until_ms : CLOCK_NEVER);
}

static void
on_peer_due(void *arg)
{
	struct peer *p = arg;
	unsigned ready = peer_ready(p, clock_ms());

	if ((ready & STREAM_WRITE) && p->way != WAY_SOCKET)
		p->way = WAY_SOCKET;		/* who does not write now waits for the next time */
	peer_update(p);
	if (ready != 0)
		p->stream.fn(p->stream.arg, ready);	/* which may free it */
}

/* ---- what is lost ---- */

/* Tells what has not been told yet. */
static void
tell_lost(struct mux *mux)
{
	uint64_t dropped = dgram_in_lost(mux->in), n = dropped - mux->lost_told;
	struct addr addr;
	struct peer *p;

	mux->telling = false;
	mux->lost_told = dropped;
	if (n > 0)
		mux->calls->lost(mux->arg, NULL, n);
	for (mux->cursor = mux->peers; (p = mux->cursor) != NULL; ) {
		mux->cursor = p->next;
		if ((n = p->lost) == 0)
			continue;
		addr = p->node.addr;
		p->lost = 0;
		mux->calls->lost(mux->arg, &addr, n);
	}
}

static void
on_tell(void *arg)
{
	tell_lost(arg);
}

/* There is something to tell, or may be, and that is soon enough. */
static void
tell_later(struct mux *mux)
{
	if (mux->telling)
		return;
	mux->telling = true;
	loop_timer_set(&mux->tell, clock_deadline(TELL_MS));
}

/* ---- inboxes ---- */

static void
peer_count(struct peer *p, bool came, const struct message *m)
{
	struct mux *mux = p->mux;
	size_t cost = sizeof(*m) + m->n;	/* an empty one costs something too */
	bool full;

	p->n_messages = came ? p->n_messages + 1 : p->n_messages - 1;
	p->bytes = came ? p->bytes + cost : p->bytes - cost;
	mux->bytes = came ? mux->bytes + cost : mux->bytes - cost;
	full = p->n_messages >= INBOX_MESSAGES || p->bytes >= INBOX_BYTES;
	if (full != p->full) {
		p->full = full;
		mux->n_full = full ? mux->n_full + 1 : mux->n_full - 1;
	}
	if (mux->waits)
		mux_want(mux);
}

/* Puts a copy of it into the inbox. Returns false when there is no room for it. */
static bool
inbox_put(struct peer *p, const struct dgram *d)
{
	struct mux *mux = p->mux;
	size_t cost = sizeof(struct message) + d->n;
	struct message *m;

	if (d->size > d->n)
		return false;		/* the rest of it is lost already */
	if (!mux->waits && (p->n_messages >= INBOX_MESSAGES || cost > INBOX_BYTES - p->bytes ||
	    cost > ALL_BYTES - mux->bytes))
		return false;
	if ((m = malloc(cost)) == NULL)
		return false;
	m->next = NULL;
	m->n = d->n;
	memcpy(m->bytes, d->bytes, d->n);
	*p->last = m;
	p->last = &m->next;
	peer_count(p, true, m);
	return true;
}

static void
inbox_drop_first(struct peer *p)
{
	struct message *m = p->first;

	if ((p->first = m->next) == NULL)
		p->last = &p->first;
	peer_count(p, false, m);
	free(m);
}

/* ---- the stream ---- */

/* Fails with what the network said. */
static enum io
say_fault(const struct peer *p, struct err *err)
{
	char words[DGRAM_WORDS_MAX];

	err_set(err, ERR_BROKEN, 0, "%s", dgram_error_words(&p->fault, words, sizeof(words)));
	err->errnum = p->fault.errnum;
	err->stage = STAGE_TRANSFER;
	return IO_FAILED;
}

static enum io
peer_fail(struct stream *s, unsigned side, int errnum, struct err *err)
{
	(void)s;
	(void)side;
	err_set(err, errnum == ENOMEM || errnum == ENOBUFS ? ERR_LIMIT : ERR_BROKEN, errnum, "%s", "");
	err->stage = STAGE_TRANSFER;
	return IO_FAILED;
}

static enum io
peer_read(struct stream *s, void *bytes, size_t n, size_t *got, struct err *err)
{
	struct peer *p = as_peer(s);
	const struct message *m = p->first;

	if (m == NULL)
		return p->fault.errnum != 0 ? say_fault(p, err) : IO_WOULD_BLOCK;
	if (m->n > n) {
		err_set(err, ERR_LIMIT, 0, "a message of %zu bytes, longer than the %zu that are taken", m->n, n);
		err->stage = STAGE_TRANSFER;
		return IO_FAILED;
	}
	memcpy(bytes, m->bytes, m->n);
	*got = m->n;
	inbox_drop_first(p);
	if (p->first == NULL)
		peer_update(p);
	return IO_DONE;
}

/* Takes what the network said of datagrams that went, and fails those whom it is about. */
static void
take_errors(struct mux *mux)
{
	struct dgram_error error;
	struct peer *p;

	/* A Unix socket has no queue of errors: it would give datagrams away instead. */
	for (int i = 0; i < ERRORS_MAX && !mux->waits && dgram_take_error(mux->fd, &error); i++) {
		/* Too long for the path: the system cuts the next into what fits (ip(7), IP_MTU_DISCOVER). */
		if (error.errnum == 0 || error.errnum == EMSGSIZE)
			continue;
		if ((p = addrmap_find(&mux->map, &error.peer)) == NULL || p->fault.errnum != 0)
			continue;
		p->fault = error;
		peer_update(p);
	}
}

/*
 * The socket does not take it now. A Unix socket is ready to write however full that one peer's queue is, and one of
 * UDP however full the interface's: no event says when to try again.
 */
static enum io
hold_back(struct peer *p, int errnum)
{
	p->way = WAY_SOCKET;
	if (errnum == ENOBUFS || p->mux->waits) {
		p->stall_ms = p->stall_ms == 0 ? STALL_FIRST_MS : p->stall_ms * 2;
		if (p->stall_ms > STALL_MAX_MS)
			p->stall_ms = STALL_MAX_MS;
		p->stalled_until_ms = clock_deadline(p->stall_ms);
		p->way = WAY_STALLED;
	}
	peer_update(p);
	return IO_WOULD_BLOCK;
}

/* It was tried, and that is the error. */
static enum io
write_fail(struct stream *s, size_t n, int errnum, struct err *err)
{
	const struct peer *p = as_peer(s);

	if (errnum != EMSGSIZE)
		return peer_fail(s, STREAM_WRITE, errnum, err);
	dgram_too_long(p->mux->fd, &p->node.addr, n, err);
	err->stage = STAGE_TRANSFER;
	return IO_FAILED;
}

static enum io
peer_write(struct stream *s, const void *bytes, size_t n, size_t *put, struct err *err)
{
	struct peer *p = as_peer(s);
	const struct dgram d = { .peer = p->node.addr, .local = p->local, .bytes = bytes, .n = n };
	int errnum = 0;

	if (p->node.addr.len <= sizeof(sa_family_t)) {
		err_set(err, ERR_BROKEN, 0, "has no name to answer to");
		err->stage = STAGE_TRANSFER;
		return IO_FAILED;
	}
	/* What a call fails with may be about a datagram that another peer was sent before: once taken, it is gone. */
	for (int i = 0; i < TRIES_MAX && p->fault.errnum == 0; i++) {
		if (dgram_send(p->mux->fd, &d, 1, &errnum) == 1) {
			p->stall_ms = 0;
			*put = n;
			return IO_DONE;
		}
		if (errnum == EAGAIN || errnum == EWOULDBLOCK || errnum == ENOBUFS)
			return hold_back(p, errnum);
		take_errors(p->mux);
	}
	return p->fault.errnum != 0 ? say_fault(p, err) : write_fail(s, n, errnum, err);
}

static enum io
peer_shutdown(struct stream *s, struct err *err)
{
	(void)s;
	(void)err;
	return IO_DONE;
}

static size_t
peer_queued(struct stream *s)
{
	(void)s;
	return 0;
}

static enum io
peer_settled(struct stream *s, struct err *err)
{
	const struct peer *p = as_peer(s);

	return p->fault.errnum != 0 ? say_fault(p, err) : IO_DONE;
}

static void
peer_abort(struct stream *s)
{
	(void)s;
}

static void
peer_want(struct stream *s, unsigned wants)
{
	struct peer *p = as_peer(s);

	if (p->wants == wants)
		return;
	p->wants = wants;
	peer_update(p);
}

static struct stream_plain
peer_plain(struct stream *s, unsigned side)
{
	(void)s;
	(void)side;
	return (struct stream_plain){ .fd = -1, .medium = MEDIUM_SOCKET };
}

static void
peer_free(struct stream *s)
{
	struct peer *p = as_peer(s);
	struct mux *mux = p->mux;

	p->wants = 0;
	peer_update(p);			/* which stops the timer */
	p->lost += p->n_messages;
	while (p->first != NULL)
		inbox_drop_first(p);
	if (p->lost > 0)
		mux->calls->lost(mux->arg, &p->node.addr, p->lost);
	peer_leave(mux, p);
	free(p);
}

struct stream *
mux_accept(struct mux *mux, const struct dgram *first, struct err *err)
{
	static const struct stream_ops ops = {
		.read = peer_read, .write = peer_write, .shutdown = peer_shutdown, .queued = peer_queued,
		.settled = peer_settled, .abort = peer_abort,
		.want = peer_want, .plain = peer_plain, .fail = peer_fail, .free = peer_free,
	};
	struct peer *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "connection");
		return NULL;
	}
	p->stream = (struct stream){ .ops = &ops, .kind = STREAM_MESSAGES };
	p->mux = mux;
	p->node = (struct addrmap_node){ .addr = first->peer, .of = p };
	p->local = first->local;
	p->last = &p->first;
	loop_timer_init(&p->timer, mux->loop, on_peer_due, p);
	peer_enter(mux, p);
	if (!inbox_put(p, first))
		p->lost++;
	return &p->stream;
}

/* ---- the socket ---- */

/* One has come. */
static void
hear(struct mux *mux, const struct dgram *d)
{
	struct peer *p;

	if (mux->calls->hears != NULL && !mux->calls->hears(mux->arg, d))
		return;
	if ((p = addrmap_find(&mux->map, &d->peer)) == NULL) {
		if (!mux->closed)
			mux->calls->peer(mux->arg, mux, d);
		return;
	}
	p->local = d->local;
	if (!inbox_put(p, d))
		p->lost++;
	else if (p->n_messages == 1)
		peer_update(p);
}

static void
mux_break(struct mux *mux, int errnum)
{
	struct err err;

	mux->broken = true;
	mux_want(mux);
	err_set(&err, ERR_BROKEN, errnum, "%s", "");
	err.stage = STAGE_TRANSFER;
	mux->calls->failed(mux->arg, &err);
}

/* Reads a batch. Returns whether there may be more. */
static bool
hear_batch(struct mux *mux)
{
	size_t most = mux->waits ? UNIX_BATCH : DGRAM_BATCH;
	ssize_t n = dgram_in_fill(mux->in, most);
	int errnum = errno;

	if (n <= 0)
		take_errors(mux);	/* they make the socket ready too */
	if (n < 0 && ++mux->faults >= FAULTS_MAX) {
		mux_break(mux, errnum);
		return false;
	}
	if (n >= 0)
		mux->faults = 0;
	if (n > 0)
		tell_later(mux);	/* what the system drops is asked for then: it costs a call */
	for (ssize_t i = 0; i < n; i++)
		hear(mux, dgram_in_get(mux->in, (size_t)i));
	return n < 0 || (size_t)n == most;
}

static void
on_ready(void *arg, unsigned ready)
{
	struct mux *mux = arg;

	if (ready & LOOP_WRITE) {
		for (struct peer *p = mux->peers; p != NULL; p = p->next) {
			if (!p->watches)
				continue;
			p->way = WAY_OPEN;
			peer_update(p);
		}
	}
	for (int i = 0; (ready & LOOP_READ) && i < ROUNDS_MAX && has_room(mux); i++) {
		if (!hear_batch(mux))
			return;
	}
}

/* ---- outside ---- */

struct mux *
mux_new(struct loop *loop, int fd, const struct mux_calls *calls, void *arg, struct err *err)
{
	struct mux *mux = calloc(1, sizeof(*mux));
	struct addr local;

	if (mux == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "datagrams");
		return NULL;
	}
	sock_local(fd, &local);
	mux->waits = addr_family(&local) == AF_UNIX;
	mux->in = dgram_in_new(fd, mux->waits ? DGRAM_UNIX_MAX : DGRAM_UDP6_MAX, DGRAM_LOCAL | DGRAM_SENDER, err);
	if (mux->in == NULL || addrmap_init(&mux->map, err) < 0) {
		dgram_in_free(mux->in);
		free(mux);
		return NULL;
	}
	dgram_want_errors(fd, addr_family(&local));
	mux->loop = loop;
	mux->fd = fd;
	mux->calls = calls;
	mux->arg = arg;
	loop_timer_init(&mux->tell, loop, on_tell, mux);
	loop_io_init(&mux->io, loop, fd, on_ready, mux);
	mux_want(mux);
	return mux;
}

void
mux_close_door(struct mux *mux)
{
	mux->closed = true;
}

void
mux_free(struct mux *mux)
{
	if (mux == NULL)
		return;
	tell_lost(mux);
	loop_timer_stop(&mux->tell);
	loop_io_stop(&mux->io);
	dgram_in_free(mux->in);
	addrmap_free(&mux->map);
	free(mux);
}
