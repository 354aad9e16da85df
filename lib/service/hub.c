/*
 * Hub: see hub.h.
 */
#include "lib/service/hub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/opts.h"
#include "lib/net/sock.h"
#include "lib/service/pulse.h"
#include "lib/wire/filter.h"

#define CHUNK		(64 * 1024)	/* the most one read takes of a client; of the source, half of it */
#define QUEUE_MAX	(1024 * 1024)	/* how far a client may fall behind the fastest */
#define GRACE_MS	250		/* how long one with a full queue is waited for */
#define SETTLE_MS	20		/* how soon to ask again whether all is acknowledged */

/* Orders of a client's life. Closed ones are freed by the hub's sweep, when no callback of theirs is on the stack. */
enum client_state {
	CLIENT_OPEN,
	CLIENT_SHUT,		/* our FIN went out, or it takes no more; it may go on sending */
	CLIENT_CLOSED
};

struct client {
	struct hub *hub;
	struct client *prev, *next;
	struct server_conn *conn;	/* NULL once it is closed */
	struct stream *stream;
	enum client_state state;
	bool ended;			/* it will send no more */
	bool leaving;			/* a FIN is due as soon as the queue is empty */
	char why[128];			/* why it takes no more, when that was not our FIN */
	struct filter *filter;		/* its messages on their way to the sink; NULL: the hub's own does */
	struct buf queue;		/* what it has yet to take */
	bool caught_up, full;		/* as counted in the hub */
	int64_t full_since_ms;
	uint64_t sent, received;
	struct pulse pulse;
	struct loop_timer timer;
};

struct hub {
	struct loop *loop;
	struct stream *local;
	struct layers *layers;
	const struct relay_args *args;
	void (*failed)(void *arg, const struct err *err);
	void *arg;
	const struct log *log;

	struct client *clients;		/* a ring without a head: NULL or any of them */
	size_t n_clients;
	size_t n_caught_up, n_full;	/* of those that still take bytes: nothing queued, no room for a chunk */
	bool quiet;			/* the source is never read */
	bool source_ended, source_failed, draining;
	struct err fault;		/* with source_failed: what it failed of */
	struct loop_timer failing;	/* until clients have what came before that */
	int64_t fail_at_ms;
	size_t left;			/* what they had yet to take when that was last looked at */
	bool sink_blocked;		/* clients have been put off since */
	bool told;			/* that a message was ambiguous */
	struct filter up, down;		/* from the source; to the sink, where each client has none of its own */
	size_t chunk_max;		/* the most that one read of the source becomes */
	struct buf said;		/* that, while clients are told */
	struct buf out;			/* on its way to the sink; while it holds bytes no client is read */
	struct client *closed;		/* waiting for the sweep, by next */
	struct loop_timer sweep;
};

static void hub_update(struct hub *hub);

/* ---- a client ---- */

static bool
takes_bytes(const struct client *c)
{
	return c->state == CLIENT_OPEN && !c->leaving;
}

/* Keeps the hub's counts right. To be called whenever the client's state or queue may have changed. */
static void
client_recount(struct client *c)
{
	struct hub *hub = c->hub;
	bool caught_up = takes_bytes(c) && buf_len(&c->queue) == 0;
	bool full = takes_bytes(c) && buf_room(&c->queue) < hub->chunk_max;

	hub->n_caught_up += (size_t)caught_up - (size_t)c->caught_up;
	hub->n_full += (size_t)full - (size_t)c->full;
	c->caught_up = caught_up;
	if (full && !c->full) {
		c->full_since_ms = clock_ms();
		loop_timer_set(&c->timer, c->full_since_ms);	/* to be looked at: which of its deadlines is next? */
	}
	c->full = full;
}

/* Closes it; reason says why it was not in order, or is NULL. */
static void
client_close(struct client *c, const char *reason)
{
	struct hub *hub = c->hub;
	struct server_end end = { .sent = c->sent - stream_overhead(c->stream, STREAM_WRITE), .reason = reason,
	    .received = c->received - stream_overhead(c->stream, STREAM_READ) };

	if (c->state == CLIENT_CLOSED)
		return;
	c->state = CLIENT_CLOSED;
	client_recount(c);
	loop_timer_stop(&c->timer);
	if (buf_len(&c->queue) > 0 || (reason != NULL && stream_queued(c->stream) > 0))
		stream_abort(c->stream);	/* it must not take this for the end of the stream */
	hub->clients = c->next == c ? NULL : c->next;
	c->prev->next = c->next;
	c->next->prev = c->prev;
	hub->n_clients--;
	server_conn_close(c->conn, &end);
	c->conn = NULL;
	stream_free(c->stream);
	buf_free(&c->queue);
	if (c->filter != NULL)
		filter_free(c->filter);
	free(c->filter);
	c->filter = NULL;
	c->next = hub->closed;
	hub->closed = c;
	loop_timer_set(&hub->sweep, clock_ms());
}

static void
on_sweep(void *arg)
{
	struct hub *hub = arg;

	while (hub->closed != NULL) {
		struct client *c = hub->closed;
		hub->closed = c->next;
		free(c);
	}
}

/* What the client is waited for now. */
static void
client_want(struct client *c)
{
	bool may_read = !c->ended && buf_len(&c->hub->out) == 0;

	if (c->state != CLIENT_CLOSED)
		stream_want(c->stream, (may_read ? STREAM_READ : 0U) |
		    (buf_len(&c->queue) > 0 ? STREAM_WRITE : c->ended ? STREAM_TROUBLE : 0U));
}

/* Does the local source keep a client whose own bytes have ended? As for a relay: a terminal does not. */
static bool
source_may_speak(const struct hub *hub)
{
	return !hub->quiet && !hub->source_ended && !hub->draining &&
	    relay_after(stream_plain(hub->local, STREAM_READ).medium) != AFTER_DROP;
}

/* One direction has ended: from now on the silence of the other counts. */
static void
client_half_ended(struct client *c)
{
	pulse_beat(&c->pulse);
	loop_timer_set(&c->timer, clock_ms());
}

/* With nothing queued: sends the FIN that is due, and closes what has ended both ways. */
static void
client_settle(struct client *c)
{
	struct err err;

	if (c->state == CLIENT_CLOSED || buf_len(&c->queue) > 0)
		return;
	if (c->leaving && c->state == CLIENT_OPEN) {
		if (stream_shutdown(c->stream, &err) == IO_FAILED) {
			client_close(c, err.text);
			return;
		}
		c->state = CLIENT_SHUT;
		client_half_ended(c);
	}
	client_recount(c);
	if (c->ended && (c->state == CLIENT_SHUT || !source_may_speak(c->hub)))
		client_close(c, c->why[0] != '\0' ? c->why : NULL);
}

/* It takes no more. What it sent before that is still to be read, up to the end or the error behind it. */
static void
client_refuses(struct client *c, const char *reason)
{
	strlcpy(c->why, reason, sizeof(c->why));
	buf_free(&c->queue);
	c->state = CLIENT_SHUT;
	client_settle(c);
}

/* Writes what is queued, as far as it goes. */
static void
client_flush(struct client *c)
{
	struct err err;
	size_t put;

	while (buf_len(&c->queue) > 0) {
		switch (stream_write(c->stream, buf_bytes(&c->queue), buf_len(&c->queue), &put, &err)) {
		case IO_DONE:
			buf_take(&c->queue, put);
			c->sent += put;
			pulse_beat(&c->pulse);
			continue;
		case IO_WOULD_BLOCK:
			client_recount(c);
			return;
		case IO_EOF:
		case IO_FAILED:
			client_refuses(c, err.text);
			return;
		}
	}
	buf_free(&c->queue);		/* an idle client holds no memory */
	client_recount(c);
	if (c->hub->source_ended && takes_bytes(c))
		client_half_ended(c);	/* all was said, though no FIN says so */
	client_settle(c);
}

/* Queues bytes for the client, which has room for a chunk as long as the source is read at all. */
static void
client_send(struct client *c, const unsigned char *bytes, size_t n)
{
	if (!takes_bytes(c))
		return;
	if (!buf_put(&c->queue, bytes, n)) {
		stream_abort(c->stream);
		client_close(c, strerror(ENOMEM));
		return;
	}
	client_flush(c);
	client_want(c);
}

/* Which silence ends a client that has ended, or to which all was said? OPT_UNSET: none does. */
static int64_t
linger_ms(const struct client *c)
{
	const struct hub *hub = c->hub;
	int64_t asked = hub->args->linger_ms;

	if (c->state == CLIENT_SHUT || (hub->source_ended && buf_len(&c->queue) == 0))
		return asked == OPT_UNSET && hub->args->send_only ? 0 : asked;
	if (c->ended && relay_after(stream_plain(hub->local, STREAM_READ).medium) == AFTER_LINGER)
		return asked != OPT_UNSET ? asked : RELAY_LINGER_S * 1000;
	return OPT_UNSET;
}

/*
 * When is the client's time to be looked at again? *reason says why it is over when that is now: "" in order, or NULL
 * if it is not over.
 */
static int64_t
client_deadline(struct client *c, const char **reason)
{
	const struct relay_args *args = c->hub->args;
	int64_t now = clock_ms(), next = CLOCK_NEVER, at, linger = linger_ms(c);

	*reason = NULL;
	/*
	 * It is our sink that takes nothing, and the client may have much to say; or it is we who hold its bytes back.
	 */
	if (buf_len(&c->hub->out) > 0 || stream_hold(c->stream) != HOLD_NONE)
		pulse_beat(&c->pulse);
	if (args->idle_ms > 0) {
		at = pulse_ask(&c->pulse, stream_queued(c->stream), args->idle_ms);
		*reason = at == CLOCK_NEVER ? "idle" : *reason;
		next = at < next ? at : next;
	}
	if (c->full && stream_hold(c->stream) != HOLD_NONE)
		c->full_since_ms = now;
	if (c->full) {
		at = c->full_since_ms + GRACE_MS;
		*reason = now >= at ? "too slow: its queue is full and the others wait" : *reason;
		next = at < next ? at : next;
	}
	if (linger != OPT_UNSET && *reason == NULL) {
		at = pulse_ask(&c->pulse, stream_queued(c->stream), linger);
		if (at == CLOCK_NEVER && (buf_len(&c->queue) + stream_queued(c->stream) > 0 ||
		    (!c->ended && buf_len(&c->hub->out) > 0)))
			at = now + SETTLE_MS;	/* bytes that are due are no silence */
		*reason = at == CLOCK_NEVER ? "" : *reason;
		next = at < next ? at : next;
	}
	return next;
}

static struct filter *
client_filter(struct client *c)
{
	return c->filter != NULL ? c->filter : &c->hub->down;
}

/* What it sent is no message: it is reset, so that nobody takes that for an end in order. */
static void
client_fault(struct client *c, const struct err *err)
{
	stream_abort(c->stream);
	client_close(c, err->text);
}

/* The client will send no more; if that cuts a message off, it is no end in order. */
static void
client_ended(struct client *c)
{
	struct err err;

	if (!c->hub->args->send_only && filter_finish(client_filter(c), &c->hub->out, &err) < 0) {
		client_fault(c, &err);
		return;
	}
	c->ended = true;
	client_half_ended(c);
	client_settle(c);
}

/* Puts what a client sent into the sink's queue, by its filter or the hub's. */
static void
client_take(struct client *c, const unsigned char *bytes, size_t n)
{
	struct hub *hub = c->hub;
	struct filter *filter = client_filter(c);
	struct err err;

	if (filter_push(filter, bytes, n, &hub->out, &err) < 0)
		client_fault(c, &err);
	else if (filter_was_ambiguous(filter) && !hub->told) {
		hub->told = true;
		log_ambiguous(hub->log, "");
	}
}

/* Reads one chunk of the client's into the sink's queue, which is empty. */
static void
client_read(struct client *c)
{
	struct hub *hub = c->hub;
	bool filtered = (c->filter != NULL || hub->down.kind != FILTER_NONE) && !hub->args->send_only;
	unsigned char raw[CHUNK], *space = filtered ? raw : buf_space(&hub->out, CHUNK);
	struct err err;
	size_t got = 0;

	if (space == NULL) {
		err_set(&err, ERR_LIMIT, ENOMEM, "transfer");
		hub->failed(hub->arg, &err);
		return;
	}
	switch (stream_read(c->stream, space, CHUNK, &got, &err)) {
	case IO_DONE:
		c->received += got;
		pulse_beat(&c->pulse);
		if (filtered)
			client_take(c, raw, got);
		else if (!hub->args->send_only)
			buf_added(&hub->out, got);
		break;
	case IO_EOF:
		client_ended(c);
		break;
	case IO_WOULD_BLOCK:
		break;
	case IO_FAILED:
		if (hub->down.kind == FILTER_GUARD)
			filter_finish(&hub->down, &hub->out, &(struct err){ .kind = ERR_NONE });
		client_close(c, err.text);
		break;
	}
}

/* Calls fn for every client that is there now; fn may close the one it is called with. */
static void
for_each_client(struct hub *hub, void (*fn)(struct client *c, const void *bytes, size_t n), const void *bytes,
    size_t n)
{
	struct client *c = hub->clients;

	for (size_t left = hub->n_clients; left > 0; left--) {
		struct client *next = c->next;
		fn(c, bytes, n);
		c = next;
	}
}

static void
want_again(struct client *c, const void *bytes, size_t n)
{
	(void)bytes;
	(void)n;
	pulse_beat(&c->pulse);		/* the silence was ours */
	client_want(c);
}

/* Writes what clients sent. */
static void
flush_out(struct hub *hub)
{
	struct err err;
	size_t put;

	while (buf_len(&hub->out) > 0) {
		switch (stream_write(hub->local, buf_bytes(&hub->out), buf_len(&hub->out), &put, &err)) {
		case IO_DONE:
			buf_take(&hub->out, put);
			continue;
		case IO_WOULD_BLOCK:
			hub->sink_blocked = true;
			return;		/* clients find the queue held when they come to be read, and wait */
		case IO_EOF:
		case IO_FAILED:
			buf_free(&hub->out);
			hub->failed(hub->arg, &err);
			return;
		}
	}
	if (hub->out.cap > CHUNK)
		buf_free(&hub->out);		/* it was a long message */
	if (hub->sink_blocked)
		for_each_client(hub, want_again, NULL, 0);
	hub->sink_blocked = false;
}

/* Reads what the client sent and hands it on. Returns whether anything came, the end included. */
static bool
client_step(struct client *c)
{
	uint64_t before = c->received;

	client_read(c);
	if (buf_len(&c->hub->out) > 0)
		flush_out(c->hub);
	return c->state == CLIENT_CLOSED || c->ended || c->received != before;
}

static void
on_client_timer(void *arg)
{
	struct client *c = arg;
	struct hub *hub = c->hub;
	const char *reason;
	int64_t next = client_deadline(c, &reason);

	/* A moment of no time, or one in which we had no processor, is no silence: is there anything to read? */
	if (reason != NULL && reason[0] == '\0' && !c->ended && client_step(c)) {
		next = clock_ms();
		reason = NULL;
	}
	if (reason != NULL)
		client_close(c, reason[0] != '\0' ? reason : NULL);
	else if (c->state != CLIENT_CLOSED)
		loop_timer_set(&c->timer, next);	/* CLOCK_NEVER: what it was set for is over */
	client_want(c);
	hub_update(hub);
}

static void
on_client_ready(void *arg, unsigned ready)
{
	struct client *c = arg;
	struct hub *hub = c->hub;
	struct err err;

	if (ready & STREAM_WRITE)
		client_flush(c);
	if (c->state != CLIENT_CLOSED && (ready & STREAM_READ) && buf_len(&hub->out) == 0)
		client_step(c);
	if (c->state != CLIENT_CLOSED && (ready & STREAM_TROUBLE) && c->ended)
		client_close(c, stream_settled(c->stream, &err) == IO_FAILED ? err.text : NULL);
	client_want(c);
	hub_update(hub);
}

/* ---- the local source ---- */

static void
send_chunk(struct client *c, const void *bytes, size_t n)
{
	client_send(c, bytes, n);
}

/* The source says no more: the client's FIN is due. */
static void
say_goodbye(struct client *c, const void *bytes, size_t n)
{
	(void)bytes;
	(void)n;
	if (c->hub->args->no_half_close && !c->hub->draining) {
		client_half_ended(c);
		client_settle(c);
		return;
	}
	c->leaving = true;
	client_recount(c);
	client_settle(c);
	client_want(c);
}

/* The source failed: it is over when every client has what came before that, or none takes any more of it. */
static void
on_failing(void *arg)
{
	struct hub *hub = arg;
	struct client *c = hub->clients;
	size_t left = 0;

	for (size_t i = 0; i < hub->n_clients; i++, c = c->next)
		left += buf_len(&c->queue) + stream_queued(c->stream);
	if (left != hub->left)
		hub->fail_at_ms = clock_deadline(RELAY_LINGER_S * 1000);
	hub->left = left;
	if (left > 0 && clock_ms() < hub->fail_at_ms)
		loop_timer_set(&hub->failing, clock_ms() + SETTLE_MS);
	else
		hub->failed(hub->arg, &hub->fault);
}

static void
source_failed(struct hub *hub, const struct err *err)
{
	hub->source_failed = true;
	hub->fault = *err;
	loop_timer_set(&hub->failing, clock_ms());
}

/* Tells the clients what the source said, and what was wrong with it if rc < 0. */
static void
tell_clients(struct hub *hub, int rc, struct err *err)
{
	if (buf_len(&hub->said) > 0)
		for_each_client(hub, send_chunk, buf_bytes(&hub->said), buf_len(&hub->said));
	buf_free(&hub->said);
	if (rc < 0) {
		err_at(err, STAGE_TRANSFER, "stdin");
		source_failed(hub, err);
	}
}

static void
read_source(struct hub *hub)
{
	unsigned char raw[CHUNK / 2];
	struct err err;
	size_t got = 0;
	int rc;

	switch (stream_read(hub->local, raw, sizeof(raw), &got, &err)) {
	case IO_DONE:
		if (hub->up.kind == FILTER_NONE)
			for_each_client(hub, send_chunk, raw, got);
		else
			tell_clients(hub, filter_push(&hub->up, raw, got, &hub->said, &err), &err);
		break;
	case IO_EOF:
		rc = filter_finish(&hub->up, &hub->said, &err);
		hub->source_ended = rc == 0;
		tell_clients(hub, rc, &err);
		if (rc == 0)
			for_each_client(hub, say_goodbye, NULL, 0);
		break;
	case IO_WOULD_BLOCK:
		break;
	case IO_FAILED:
		source_failed(hub, &err);
		break;
	}
}

static void
on_local(void *arg, unsigned ready)
{
	struct hub *hub = arg;

	if (ready & STREAM_WRITE)
		flush_out(hub);
	if (ready & STREAM_READ)
		read_source(hub);
	hub_update(hub);
}

/* What the local stream is waited for now. */
static void
hub_update(struct hub *hub)
{
	bool may_read = !hub->quiet && !hub->source_ended && !hub->source_failed && !hub->draining && hub->n_caught_up > 0 &&
	    hub->n_full == 0;

	stream_want(hub->local, (may_read ? STREAM_READ : 0U) | (buf_len(&hub->out) > 0 ? STREAM_WRITE : 0U));
}

/* ---- outside ---- */

/* What a client needs beside its record: the stream, and a filter where it has messages. Takes conn's descriptor. */
static int
client_open(struct client *c, struct server_conn *conn, struct err *err)
{
	struct hub *hub = c->hub;

	if (relay_has_messages(hub->args)) {
		if ((c->filter = malloc(sizeof(*c->filter))) == NULL)
			return err_set(err, ERR_LIMIT, ENOMEM, "%s", "");
		*c->filter = relay_filter_down(hub->args, stream_plain(hub->local, STREAM_WRITE).medium);
	}
	c->stream = server_conn_stream(conn, hub->layers, err);
	return c->stream != NULL ? 0 : -1;
}

static void
hub_add(void *service, struct server_conn *conn)
{
	struct hub *hub = service;
	struct client *c = calloc(1, sizeof(*c));
	struct err err;

	err_set(&err, ERR_LIMIT, ENOMEM, "%s", "");
	if (c != NULL)
		c->hub = hub;
	if (c == NULL || client_open(c, conn, &err) < 0) {
		if (c != NULL)
			free(c->filter);
		free(c);
		server_conn_reject(conn, &err);
		return;
	}
	conn->client = c;
	c->conn = conn;
	c->queue = BUF_EMPTY(QUEUE_MAX + hub->chunk_max);
	pulse_beat(&c->pulse);
	loop_timer_init(&c->timer, hub->loop, on_client_timer, c);
	stream_attach(c->stream, on_client_ready, c);
	if (hub->clients == NULL) {
		c->prev = c->next = hub->clients = c;
	} else {
		c->next = hub->clients;
		c->prev = hub->clients->prev;
		c->prev->next = c->next->prev = c;
	}
	hub->n_clients++;
	client_recount(c);
	loop_timer_set(&c->timer, clock_ms());		/* which finds out when it is to be looked at */
	if (hub->source_ended || hub->draining)
		say_goodbye(c, NULL, 0);
	client_want(c);
	hub_update(hub);
}

static bool
hub_has_spoken(const struct server_conn *conn)
{
	const struct client *c = conn->client;

	/* Put off by our sink, or by a layer of ours, it cannot be blamed. */
	return c->received > 0 || buf_len(&c->hub->out) > 0 || stream_hold(c->stream) != HOLD_NONE;
}

static void
hub_drop(struct server_conn *conn, const char *reason)
{
	struct client *c = conn->client;
	struct hub *hub = c->hub;

	client_close(c, reason);
	hub_update(hub);
}

/* Half-closes every client once its queue is empty, and reads no more from the local source. */
static void
hub_drain(void *service)
{
	struct hub *hub = service;

	hub->draining = true;
	for_each_client(hub, say_goodbye, NULL, 0);
	hub_update(hub);
}

const struct service hub_service = {
	.add = hub_add, .has_spoken = hub_has_spoken, .drop = hub_drop, .drain = hub_drain,
};

/* What the options make of bytes, and how much memory that may take. */
static void
take_filters(struct hub *hub)
{
	enum stream_medium sink = stream_plain(hub->local, STREAM_WRITE).medium;
	struct filter down = relay_filter_down(hub->args, sink);

	hub->out = BUF_EMPTY(filter_bound(&down, CHUNK));
	if (!relay_has_messages(hub->args))
		hub->down = down;
	hub->up = relay_filter_up(hub->args);
	hub->chunk_max = filter_bound(&hub->up, CHUNK / 2);
	hub->said = BUF_EMPTY(hub->chunk_max);
}

struct hub *
hub_start(struct loop *loop, struct stream *local, struct layers *layers, const struct relay_args *args,
    void (*failed)(void *arg, const struct err *err), void *arg, const struct log *log, struct err *err)
{
	struct hub *hub = calloc(1, sizeof(*hub));

	if (hub == NULL) {
		stream_free(local);
		layers_free(layers);
		err_set(err, ERR_LIMIT, ENOMEM, "listen");
		return NULL;
	}
	*hub = (struct hub){ .loop = loop, .local = local, .layers = layers, .args = args, .failed = failed, .arg = arg,
	    .log = log, .quiet = args->no_stdin || args->recv_only ||
	    stream_plain(local, STREAM_READ).medium == MEDIUM_NULL };
	take_filters(hub);
	loop_timer_init(&hub->sweep, loop, on_sweep, hub);
	loop_timer_init(&hub->failing, loop, on_failing, hub);
	stream_attach(local, on_local, hub);
	return hub;
}

void
hub_free(struct hub *hub)
{
	if (hub == NULL)
		return;
	while (hub->clients != NULL) {
		if (hub->source_failed)
			stream_abort(hub->clients->stream);	/* they must not take this for its end */
		client_close(hub->clients, hub->draining ? "the server ends" : NULL);
	}
	while (hub->closed != NULL) {
		struct client *c = hub->closed;
		hub->closed = c->next;
		free(c);
	}
	loop_timer_stop(&hub->sweep);
	loop_timer_stop(&hub->failing);
	stream_free(hub->local);
	layers_free(hub->layers);
	filter_free(&hub->up);
	filter_free(&hub->down);
	buf_free(&hub->said);
	buf_free(&hub->out);
	free(hub);
}
