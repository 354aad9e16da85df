/*
 * Echo: see echo.h.
 */
#include "lib/service/echo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/net/stream.h"
#include "lib/service/pulse.h"

#define CHUNK		(64 * 1024)	/* the most one read takes */
#define ROUNDS_MAX	4		/* reads of one client in a turn; then it is the neighbours' */
#define SETTLE_MS	5		/* how often to ask whether all is acknowledged */
#define FAULT_MS	1000		/* how long one whose messages were none may take nothing of the echo of others */
#define TOO_FAST	"Rate limit exceeded\n"
#define OUT_MAX		(CHUNK + ECHO_PREFIX_MAX + sizeof(TOO_FAST))

/* A client's life: open and paused may take turns, and then one of the others comes. */
enum client_state {
	CLIENT_OPEN,
	CLIENT_PAUSED,		/* it was too fast: nothing is read until its time is over */
	CLIENT_ENDING,		/* it has ended; what is queued goes out yet */
	CLIENT_SETTLING,	/* all went out, and is to be acknowledged: echo_args.confirm, or a fault */
	CLIENT_LEAVING		/* the server drains: our FIN is out, what still comes is dropped */
};

/* What is known of a client's messages in frames. */
struct messages {
	struct recode recode;
	struct err fault;		/* what was wrong, once what came before it is out; ERR_NONE: nothing */
};

struct client {
	struct echo *echo;
	struct server_conn *conn;
	struct client *prev, *next;
	struct stream *stream;
	struct loop_timer timer;	/* idle, pause or settling: see on_timer() */
	enum client_state state;
	bool in_line, swallowing;	/* within a line; one that was a request too many */
	bool spoken;			/* a byte came, or where lines or messages count a whole one */
	struct messages *messages;	/* NULL: there are none, but bytes */
	struct buf in;			/* read and not yet looked at: only where lines or messages count */
	struct buf out;			/* to be sent before more is read */
	uint64_t received, sent;
	struct pulse pulse;
	int64_t resume_ms;		/* the end of the pause */
};

struct echo {
	struct loop *loop;
	const struct echo_args *args;
	struct layers *layers;
	struct recode_args recode;	/* of each client's */
	size_t out_max;
	struct client *clients;		/* a list by next */
	bool draining;
	unsigned char chunk[CHUNK];	/* what was just read, of whichever client */
};

static bool
by_lines(const struct echo *echo)
{
	return echo->args->prefix != NULL || echo->args->count_requests;
}

static bool
by_messages(const struct echo *echo)
{
	return echo->args->frames.wire.kind != FRAME_NONE;
}

/* ---- the end of a client ---- */

/* Closes it; err says why it was not in order, or is NULL. */
static void
client_close(struct client *c, const struct err *err)
{
	struct server_end end = { .sent = c->sent, .received = c->received, .err = err,
	    .reason = err != NULL ? err->text : NULL };

	loop_timer_stop(&c->timer);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		c->echo->clients = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	if (err != NULL && (buf_len(&c->out) > 0 || buf_len(&c->in) > 0))
		stream_abort(c->stream);	/* it must not take this for the end of the echo */
	server_conn_close(c->conn, &end);
	stream_free(c->stream);
	if (c->messages != NULL)
		recode_free(&c->messages->recode);
	free(c->messages);
	buf_free(&c->in);
	buf_free(&c->out);
	free(c);
}

static void
client_out_of_memory(struct client *c)
{
	struct err err;

	err_set(&err, ERR_LIMIT, ENOMEM, "%s", "");
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
	case CLIENT_OPEN:	stream_want(c->stream, holds ? STREAM_WRITE : STREAM_READ); break;
	case CLIENT_PAUSED:	stream_want(c->stream, holds ? STREAM_WRITE : STREAM_TROUBLE); break;
	case CLIENT_ENDING:	stream_want(c->stream, holds ? STREAM_WRITE : 0); break;
	case CLIENT_SETTLING:	stream_want(c->stream, 0); break;
	case CLIENT_LEAVING:	stream_want(c->stream, STREAM_READ); break;
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
	struct err err;
	size_t put;
	enum io io = n > 0 ? stream_write(c->stream, bytes, n, &put, &err) : IO_WOULD_BLOCK;

	if (io == IO_FAILED) {
		client_close(c, &err);
		return -1;
	}
	if (io != IO_DONE)
		return 0;
	c->sent += put;
	client_beat(c);
	return (ssize_t)put;
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
		client_out_of_memory(c);
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
		client_out_of_memory(c);
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

/* ---- messages ---- */

/* There was a fault in what came: what was sent back until then goes out yet, and then it is over. */
static void
client_fault(struct client *c, const struct err *err)
{
	c->messages->fault = *err;
	c->state = CLIENT_ENDING;
	buf_free(&c->in);
}

/*
 * Turns bytes into messages to be sent back until a chunk of them is there. Returns how many were used, all of them
 * when there was a fault.
 */
static ssize_t
client_recode(struct client *c, const unsigned char *bytes, size_t n)
{
	struct err err;
	size_t used;
	int rc = recode_push(&c->messages->recode, bytes, n, CHUNK, &used, &c->out, &err);

	c->spoken = c->messages->recode.messages > 0;
	if (rc == 0)
		return (ssize_t)used;
	client_fault(c, &err);
	return (ssize_t)n;
}

/* ---- input ---- */

/* Hands on what came, which is the shared chunk's or, in lines, what is left of an earlier one. -1: closed. */
static int
client_take(struct client *c, const unsigned char *bytes, size_t n)
{
	bool read_before = bytes == buf_bytes(&c->in);
	ssize_t used;

	if (!by_messages(c->echo) && !by_lines(c->echo)) {
		c->spoken = true;
		return client_send(c, bytes, n);
	}
	used = by_messages(c->echo) ? client_recode(c, bytes, n) : client_digest(c, bytes, n);
	if (used < 0)
		return -1;
	if (!read_before && !buf_put(&c->in, bytes + used, n - (size_t)used)) {
		client_out_of_memory(c);
		return -1;
	}
	if (read_before && buf_len(&c->in) > 0)		/* after a fault it is gone */
		buf_take(&c->in, (size_t)used);
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

/* Says that we will send no more, and enters the state. Returns whether the client is still there. */
static bool
client_shutdown(struct client *c, enum client_state state)
{
	struct err err;

	c->state = state;
	if (stream_shutdown(c->stream, &err) != IO_FAILED)
		return true;
	client_close(c, &err);
	return false;
}

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
	const struct messages *m = c->messages;
	int64_t idle_ms = c->echo->args->idle_ms;
	struct err err;
	enum io io = stream_settled(c->stream, &err);

	bool faulty = m != NULL && m->fault.kind != ERR_NONE;

	if (io == IO_DONE ? faulty : io == IO_WOULD_BLOCK && faulty &&
	    pulse_ask(&c->pulse, stream_queued(c->stream), FAULT_MS) == CLOCK_NEVER) {
		err = m->fault;
		stream_abort(c->stream);
		client_close(c, &err);
	} else if (io != IO_WOULD_BLOCK) {
		client_close(c, io == IO_FAILED ? &err : NULL);
	} else if (idle_ms > 0 && pulse_ask(&c->pulse, stream_queued(c->stream), idle_ms) == CLOCK_NEVER) {
		client_idle(c);
	} else {
		loop_timer_set(&c->timer, clock_ms() + SETTLE_MS);
	}
}

/* Nothing more comes and nothing is left to send: the end. */
static void
client_end(struct client *c)
{
	struct messages *m = c->messages;
	struct err err = ERR_EMPTY;

	if (m != NULL && m->fault.kind != ERR_NONE)
		err = m->fault;
	else if (m != NULL)
		recode_finish(&m->recode, &c->out, &err);
	if (err.kind != ERR_NONE) {
		m->fault = err;		/* it is reset for that, once it has what came before */
		pulse_beat(&c->pulse);
		c->state = CLIENT_SETTLING;
		client_want(c);
		client_confirm(c);
		return;
	}
	if (!c->echo->args->confirm) {
		client_close(c, NULL);		/* what is in the system's queue is sent all the same */
		return;
	}
	if (client_shutdown(c, CLIENT_SETTLING))
		loop_timer_set(&c->timer, clock_ms());
}

/* Works off what it can, and with nothing left, is it time to end? The client may be gone afterwards. */
static void
client_settle(struct client *c)
{
	if (client_catch_up(c) < 0)
		return;
	client_want(c);			/* before anybody asks whether some of that is held back */
	if (buf_len(&c->out) > 0 || buf_len(&c->in) > 0)
		return;
	if (c->state == CLIENT_ENDING) {
		client_end(c);
	} else if (c->echo->draining && (c->state == CLIENT_OPEN || c->state == CLIENT_PAUSED) &&
	    stream_hold(c->stream) == HOLD_NONE) {
		if (client_shutdown(c, CLIENT_LEAVING))
			client_want(c);
	}
}

/* Reads and echoes what there is. The client may be gone afterwards. */
static void
client_read(struct client *c)
{
	struct echo *echo = c->echo;
	struct err err;

	for (int i = 0; i < ROUNDS_MAX && buf_len(&c->out) == 0 && buf_len(&c->in) == 0 && c->state == CLIENT_OPEN; i++) {
		size_t n;
		enum io io = stream_read(c->stream, echo->chunk, sizeof(echo->chunk), &n, &err);
		if (io == IO_WOULD_BLOCK)
			break;
		if (io == IO_FAILED) {
			client_close(c, &err);
			return;
		}
		if (io == IO_EOF) {
			c->state = CLIENT_ENDING;
			break;
		}
		c->received += n;
		client_beat(c);
		if (client_take(c, echo->chunk, n) < 0)
			return;
		if (n < sizeof(echo->chunk) && !echo->draining)
			break;		/* that was all: asking again would only hear so */
	}
	client_settle(c);
}

/* Drops what comes after our goodbye. */
static void
client_drop(struct client *c)
{
	struct err err;
	size_t n;

	switch (stream_read(c->stream, c->echo->chunk, sizeof(c->echo->chunk), &n, &err)) {
	case IO_DONE:		c->received += n; break;
	case IO_WOULD_BLOCK:	break;
	case IO_EOF:		client_close(c, NULL); break;
	case IO_FAILED:		client_close(c, &err); break;
	}
}

/* It broke off in a pause: reading, which would tell, is not due. */
static void
client_broke_off(struct client *c)
{
	struct err err;

	if (stream_settled(c->stream, &err) != IO_FAILED)
		stream_fail(c->stream, STREAM_READ, ECONNRESET, &err);
	client_close(c, &err);
}

static void
on_client_ready(void *arg, unsigned ready)
{
	struct client *c = arg;
	bool held = buf_len(&c->out) > 0;

	if (c->state == CLIENT_LEAVING) {
		client_drop(c);
		return;
	}
	if (ready & STREAM_TROUBLE) {
		client_broke_off(c);
		return;
	}
	if (held && client_flush(c) < 0)
		return;
	/* Told to end, we still echo what had arrived before. */
	if (!held || (c->echo->draining && c->state == CLIENT_OPEN))
		client_read(c);
	else
		client_settle(c);
}

/* ---- time ---- */

/* When its silence will have lasted too long; CLOCK_NEVER: it has. Where bytes are held back, the silence is ours. */
static int64_t
client_idle_deadline(struct client *c)
{
	if (stream_hold(c->stream) != HOLD_NONE)
		pulse_beat(&c->pulse);
	return pulse_ask(&c->pulse, stream_queued(c->stream), c->echo->args->idle_ms);
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
		next = client_idle_deadline(c);
	if (next == CLOCK_NEVER && idle_ms > 0) {
		client_idle(c);
		return;
	}
	loop_timer_set(&c->timer, next);
}

/* ---- outside ---- */

/*
 * What a client needs beside its record: the stream, and where there are messages what cuts them. Takes conn's
 * descriptor.
 */
static int
client_open(struct client *c, struct server_conn *conn, struct err *err)
{
	struct echo *echo = c->echo;

	if (by_messages(echo)) {
		if ((c->messages = calloc(1, sizeof(*c->messages))) == NULL)
			return err_set(err, ERR_LIMIT, ENOMEM, "%s", "");
		recode_init(&c->messages->recode, &echo->recode);
	}
	c->stream = server_conn_stream(conn, echo->layers, err);
	return c->stream != NULL ? 0 : -1;
}

static void
echo_add(void *service, struct server_conn *conn)
{
	struct echo *echo = service;
	struct client *c = malloc(sizeof(*c));
	struct err err;

	err_set(&err, ERR_LIMIT, ENOMEM, "%s", "");
	if (c != NULL)
		*c = (struct client){ .echo = echo, .conn = conn, .next = echo->clients, .in = BUF_EMPTY(CHUNK),
		    .out = BUF_EMPTY(echo->out_max) };
	if (c == NULL || client_open(c, conn, &err) < 0) {
		if (c != NULL)
			free(c->messages);
		free(c);
		server_conn_reject(conn, &err);
		return;
	}
	conn->client = c;
	if (echo->clients != NULL)
		echo->clients->prev = c;
	echo->clients = c;
	stream_attach(c->stream, on_client_ready, c);
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

	/* Paused, it said a line too many; held back by a layer of ours, it cannot be blamed. */
	return c->spoken || c->state == CLIENT_PAUSED || stream_hold(c->stream) != HOLD_NONE;
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
echo_new(struct loop *loop, const struct echo_args *args, struct layers *layers, struct err *err)
{
	struct echo *echo = calloc(1, sizeof(*echo));

	if (echo == NULL) {
		layers_free(layers);
		err_set(err, ERR_LIMIT, ENOMEM, "echo");
		return NULL;
	}
	echo->loop = loop;
	echo->args = args;
	echo->layers = layers;
	echo->recode = (struct recode_args){ .from = args->frames.wire, .to = args->frames.wire,
	    .max = args->frames.max_message, .prefix = args->prefix };
	echo->out_max = by_messages(echo) ? CHUNK + recode_bound(&echo->recode, 1) : by_lines(echo) ? OUT_MAX : CHUNK;
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
	layers_free(echo->layers);
	free(echo);
}
