/*
 * Echo: see echo.h.
 */
#include "lib/service/echo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/net/sock.h"
#include "lib/service/pulse.h"

#define CHUNK		(64 * 1024)	/* the most one read takes */
#define ROUNDS_MAX	4		/* reads of one client in a turn; then it is the neighbours' */
#define SETTLE_MS	5		/* how often to ask whether all is acknowledged */
#define TOO_FAST	"Rate limit exceeded\n"
#define OUT_MAX		(CHUNK + ECHO_PREFIX_MAX + sizeof(TOO_FAST))

/* A client's life: open and paused may take turns, and then one of the others comes. */
enum client_state {
	CLIENT_OPEN,
	CLIENT_PAUSED,		/* it was too fast: nothing is read until its time is over */
	CLIENT_ENDING,		/* it has ended; what is queued goes out yet */
	CLIENT_SETTLING,	/* all went out, and is to be acknowledged (echo_args.confirm) */
	CLIENT_LEAVING		/* the server drains: our FIN is out, what still comes is dropped */
};

struct client {
	struct echo *echo;
	struct server_conn *conn;
	struct client *prev, *next;
	struct loop_io io;
	struct loop_timer timer;	/* idle, pause or settling: see on_timer() */
	enum client_state state;
	bool in_line, swallowing;	/* within a line; one that was a request too many */
	bool spoken;			/* a byte came, or where lines count a whole line */
	struct buf in;			/* read and not yet looked at: only where lines count */
	struct buf out;			/* to be sent before more is read */
	uint64_t received, sent;
	struct pulse pulse;
	int64_t resume_ms;		/* the end of the pause */
};

struct echo {
	struct loop *loop;
	const struct echo_args *args;
	struct client *clients;		/* a list by next */
	bool draining;
	unsigned char chunk[CHUNK];	/* what was just read, of whichever client */
};

static bool
by_lines(const struct echo *echo)
{
	return echo->args->prefix != NULL || echo->args->count_requests;
}

/* ---- the end of a client ---- */

/* Closes it; err says why it was not in order, or is NULL. */
static void
client_close(struct client *c, const struct err *err)
{
	struct server_conn *conn = c->conn;
	struct server_end end = { .sent = c->sent, .received = c->received, .err = err,
	    .reason = err != NULL ? err->text : NULL };
	int fd = conn->fd;
	bool cut = false;

	loop_io_abandon(&c->io);
	loop_timer_stop(&c->timer);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		c->echo->clients = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	if (err != NULL && (buf_len(&c->out) > 0 || buf_len(&c->in) > 0))
		cut = true;		/* it must not take this for the end of the echo */
	buf_free(&c->in);
	buf_free(&c->out);
	free(c);
	server_conn_close(conn, &end);
	if (cut)
		sock_reset(&fd);
	fd_close(&fd);
}

static void
client_failed(struct client *c, int errnum)
{
	struct err err;

	err_set(&err, errnum == ENOMEM ? ERR_LIMIT : ERR_BROKEN, errnum, "%s", "");
	client_close(c, &err);
}

static void
echo_drop(struct server_conn *conn, const char *reason)
{
	struct err err;

	err_set(&err, ERR_TIMEOUT, 0, "%s", reason);
	client_close(conn->client, &err);
}

/* ---- what it is waited for ---- */

static void
client_want(struct client *c)
{
	bool holds = buf_len(&c->out) > 0;

	switch (c->state) {
	case CLIENT_OPEN:	loop_io_want(&c->io, holds ? LOOP_WRITE : LOOP_READ); break;
	case CLIENT_PAUSED:	loop_io_want(&c->io, holds ? LOOP_WRITE : LOOP_TROUBLE); break;
	case CLIENT_ENDING:	loop_io_want(&c->io, holds ? LOOP_WRITE : 0); break;
	case CLIENT_SETTLING:	loop_io_want(&c->io, 0); break;
	case CLIENT_LEAVING:	loop_io_want(&c->io, LOOP_READ); break;
	}
}

/* Something moved. The clock is read only where somebody wants to know. */
static void
client_beat(struct client *c)
{
	if (c->echo->args->idle_ms > 0)
		pulse_beat(&c->pulse);
}

/* ---- output ---- */

/* Sends some of n bytes. Returns how many, or -1: the client is closed. */
static ssize_t
client_put(struct client *c, const void *bytes, size_t n)
{
	ssize_t put;

	do
		put = send(c->conn->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (put < 0 && errno == EINTR);
	if (put < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
		client_failed(c, errno);
		return -1;
	}
	if (put < 0)
		return 0;
	c->sent += (uint64_t)put;
	client_beat(c);
	return put;
}

/* Sends what is queued, as far as it goes. Returns 0, or -1: the client is closed. */
static int
client_flush(struct client *c)
{
	ssize_t put;

	while (buf_len(&c->out) > 0) {
		if ((put = client_put(c, buf_bytes(&c->out), buf_len(&c->out))) <= 0)
			return (int)put;
		buf_take(&c->out, (size_t)put);
	}
	buf_free(&c->out);
	return 0;
}

/* Sends n bytes and queues what the client does not take now. Returns 0, or -1: the client is closed. */
static int
client_send(struct client *c, const unsigned char *bytes, size_t n)
{
	ssize_t put = client_put(c, bytes, n);

	if (put < 0)
		return -1;
	if (!buf_put(&c->out, bytes + put, n - (size_t)put)) {
		client_failed(c, ENOMEM);
		return -1;
	}
	return 0;
}

/* ---- lines ---- */

/* A line begins. Returns 0, or -1: the client is closed. */
static int
line_begin(struct client *c)
{
	const struct echo_args *args = c->echo->args;
	int64_t pause_ms = args->count_requests ? server_conn_request(c->conn) : 0;
	struct err err;

	c->in_line = true;
	if (pause_ms == LIMITS_OUT) {
		err_set(&err, ERR_LIMIT, 0, "%s", limits_reason(LIMITS_BANNED));
		client_close(c, &err);
		return -1;
	}
	if (pause_ms > 0) {
		c->swallowing = true;
		c->state = CLIENT_PAUSED;
		c->resume_ms = clock_deadline(pause_ms);
		loop_timer_set(&c->timer, c->resume_ms);
		buf_put(&c->out, TOO_FAST, strlen(TOO_FAST));
	} else if (args->prefix != NULL) {
		buf_put(&c->out, args->prefix, strlen(args->prefix));
	}
	return 0;
}

/*
 * Turns bytes into what is to be sent until a chunk of it is there, or the client has to pause. Returns how many were
 * used, or -1: the client is closed.
 */
static ssize_t
client_digest(struct client *c, const unsigned char *bytes, size_t n)
{
	size_t used = 0;

	/* Makes room for all there may be, so that no put below can fail. */
	if (buf_space(&c->out, buf_room(&c->out)) == NULL) {
		client_failed(c, ENOMEM);
		return -1;
	}
	while (used < n && buf_len(&c->out) < CHUNK && c->state != CLIENT_PAUSED) {
		if (!c->in_line && line_begin(c) < 0)
			return -1;
		if (c->state == CLIENT_PAUSED)
			break;
		const unsigned char *lf = memchr(bytes + used, '\n', n - used);
		size_t piece = lf != NULL ? (size_t)(lf - (bytes + used)) + 1 : n - used;
		if (!c->swallowing && piece > buf_room(&c->out)) {
			piece = buf_room(&c->out);
			lf = NULL;
		}
		if (!c->swallowing)
			buf_put(&c->out, bytes + used, piece);
		used += piece;
		if (lf != NULL) {
			c->in_line = c->swallowing = false;
			c->spoken = true;
		}
	}
	return (ssize_t)used;
}

/* ---- input ---- */

/* Hands on what came, which is the shared chunk's or, in lines, what is left of an earlier one. -1: closed. */
static int
client_take(struct client *c, const unsigned char *bytes, size_t n)
{
	ssize_t used;

	if (!by_lines(c->echo)) {
		c->spoken = true;
		return client_send(c, bytes, n);
	}
	if ((used = client_digest(c, bytes, n)) < 0)
		return -1;
	if (bytes != buf_bytes(&c->in)) {
		if (!buf_put(&c->in, bytes + used, n - (size_t)used)) {
			client_failed(c, ENOMEM);
			return -1;
		}
	} else {
		buf_take(&c->in, (size_t)used);
	}
	return client_flush(c);
}

/* Works off what was read before. Returns 0, or -1: the client is closed. */
static int
client_catch_up(struct client *c)
{
	while (buf_len(&c->in) > 0 && buf_len(&c->out) == 0 && c->state != CLIENT_PAUSED) {
		if (client_take(c, buf_bytes(&c->in), buf_len(&c->in)) < 0)
			return -1;
	}
	if (buf_len(&c->in) == 0)
		buf_free(&c->in);
	return 0;
}

/* Nothing more comes and nothing is left to send: the end. */
static void
client_end(struct client *c)
{
	if (!c->echo->args->confirm) {
		client_close(c, NULL);		/* what is in the system's queue is sent all the same */
		return;
	}
	shutdown(c->conn->fd, SHUT_WR);
	c->state = CLIENT_SETTLING;
	loop_timer_set(&c->timer, clock_ms());
}

/* The server drains and nothing is queued: says goodbye. */
static void
client_leave(struct client *c)
{
	shutdown(c->conn->fd, SHUT_WR);
	c->state = CLIENT_LEAVING;
}

/* Works off what it can, and with nothing left, is it time to end? The client may be gone afterwards. */
static void
client_settle(struct client *c)
{
	if (client_catch_up(c) < 0)
		return;
	if (buf_len(&c->out) == 0 && buf_len(&c->in) == 0) {
		if (c->state == CLIENT_ENDING) {
			client_end(c);
			return;
		}
		if (c->echo->draining && (c->state == CLIENT_OPEN || c->state == CLIENT_PAUSED))
			client_leave(c);
	}
	client_want(c);
}

/* Reads and echoes what there is. The client may be gone afterwards. */
static void
client_read(struct client *c)
{
	struct echo *echo = c->echo;

	for (int i = 0; i < ROUNDS_MAX && buf_len(&c->out) == 0 && buf_len(&c->in) == 0 && c->state == CLIENT_OPEN; i++) {
		ssize_t n = recv(c->conn->fd, echo->chunk, sizeof(echo->chunk), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0) {
			client_failed(c, errno);
			return;
		}
		if (n == 0) {
			c->state = CLIENT_ENDING;
			break;
		}
		c->received += (uint64_t)n;
		client_beat(c);
		if (client_take(c, echo->chunk, (size_t)n) < 0)
			return;
		if ((size_t)n < sizeof(echo->chunk))
			break;		/* that was all: asking again would only hear so */
	}
	client_settle(c);
}

/* Drops what comes after our goodbye. */
static void
client_drop(struct client *c)
{
	ssize_t n = recv(c->conn->fd, c->echo->chunk, sizeof(c->echo->chunk), MSG_DONTWAIT);

	if (n > 0)
		c->received += (uint64_t)n;
	else if (n == 0)
		client_close(c, NULL);
	else if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)
		client_failed(c, errno);
}

static void
on_client_ready(void *arg, unsigned ready)
{
	struct client *c = arg;
	int errnum;

	if (c->state == CLIENT_LEAVING) {
		client_drop(c);
	} else if (ready & LOOP_TROUBLE) {	/* wanted only in a pause: reading, which would tell, is not due */
		errnum = sock_error(c->conn->fd);
		client_failed(c, errnum != 0 ? errnum : ECONNRESET);
	} else if (buf_len(&c->out) == 0) {
		client_read(c);
	} else if (client_flush(c) == 0) {
		client_settle(c);
	}
}

/* ---- time ---- */

static void
client_idle(struct client *c)
{
	char span[32];
	struct err err;

	err_set(&err, ERR_TIMEOUT, 0, "idle for %s", clock_words(c->echo->args->idle_ms, span, sizeof(span)));
	client_close(c, &err);
}

/* All went out: closes it when that is acknowledged, or never will be. */
static void
client_confirm(struct client *c)
{
	int64_t idle_ms = c->echo->args->idle_ms;
	int errnum = 0;

	if (sock_settled(c->conn->fd, &errnum)) {
		if (errnum != 0)
			client_failed(c, errnum);
		else
			client_close(c, NULL);
	} else if (idle_ms > 0 && pulse_ask(&c->pulse, sock_queued(c->conn->fd), idle_ms) == CLOCK_NEVER) {
		client_idle(c);
	} else {
		loop_timer_set(&c->timer, clock_ms() + SETTLE_MS);
	}
}

static void
on_timer(void *arg)
{
	struct client *c = arg;
	int64_t next = CLOCK_NEVER, idle_ms = c->echo->args->idle_ms;

	if (c->state == CLIENT_SETTLING) {
		client_confirm(c);
		return;
	}
	if (c->state == CLIENT_PAUSED && clock_ms() >= c->resume_ms) {
		c->state = CLIENT_OPEN;
		client_beat(c);
		if (idle_ms > 0)
			loop_timer_set(&c->timer, clock_ms());	/* unless it has to pause again */
		client_settle(c);
		return;
	}
	if (c->state == CLIENT_PAUSED)
		next = c->resume_ms;
	else if (idle_ms > 0)
		next = pulse_ask(&c->pulse, sock_queued(c->conn->fd), idle_ms);
	if (next == CLOCK_NEVER && idle_ms > 0) {
		client_idle(c);
		return;
	}
	loop_timer_set(&c->timer, next);
}

/* ---- outside ---- */

static void
echo_add(void *service, struct server_conn *conn)
{
	struct echo *echo = service;
	struct client *c = malloc(sizeof(*c));
	struct err err;

	if (c == NULL) {
		err_set(&err, ERR_LIMIT, ENOMEM, "%s", "");
		server_conn_reject(conn, &err);
		return;
	}
	*c = (struct client){ .echo = echo, .conn = conn, .next = echo->clients, .in = BUF_EMPTY(CHUNK),
	    .out = BUF_EMPTY(by_lines(echo) ? OUT_MAX : CHUNK) };
	conn->client = c;
	if (echo->clients != NULL)
		echo->clients->prev = c;
	echo->clients = c;
	loop_io_init(&c->io, echo->loop, conn->fd, on_client_ready, c);
	loop_timer_init(&c->timer, echo->loop, on_timer, c);
	if (echo->args->idle_ms > 0) {
		pulse_beat(&c->pulse);
		loop_timer_set(&c->timer, c->pulse.last_ms + echo->args->idle_ms);
	}
	client_read(c);		/* it may have said something meanwhile, which saves a turn */
}

static bool
echo_has_spoken(const struct server_conn *conn)
{
	const struct client *c = conn->client;

	return c->spoken || c->state == CLIENT_PAUSED;		/* that was a line too many */
}

static void
echo_drain(void *service)
{
	struct echo *echo = service;

	echo->draining = true;
	for (struct client *c = echo->clients, *next; c != NULL; c = next) {
		next = c->next;
		if (c->state == CLIENT_OPEN)
			client_read(c);		/* what has arrived is echoed yet */
		else
			client_settle(c);
	}
}

const struct service echo_service = {
	.add = echo_add, .has_spoken = echo_has_spoken, .drop = echo_drop, .drain = echo_drain,
};

struct echo *
echo_new(struct loop *loop, const struct echo_args *args, struct err *err)
{
	struct echo *echo = calloc(1, sizeof(*echo));

	if (echo == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "echo");
		return NULL;
	}
	echo->loop = loop;
	echo->args = args;
	return echo;
}

void
echo_free(struct echo *echo)
{
	struct err err;

	if (echo == NULL)
		return;
	err_set(&err, ERR_TIMEOUT, 0, "the server ends");
	for (struct client *c = echo->clients, *next; c != NULL; c = next) {
		next = c->next;
		client_close(c, &err);
	}
	free(echo);
}
