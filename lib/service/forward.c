/*
 * Forward: see forward.h.
 */
#include "lib/service/forward.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/net/sock.h"
#include "lib/net/stream.h"

/* A client and its target. dial, then relay, then gone: freed by the sweep, when no callback of its own is running. */
struct pair {
	struct forward *forward;
	struct server_conn *conn;	/* NULL: it has gone */
	struct pair *prev, *next;
	struct dial *dial;
	struct loop_io waiting;		/* on the client, while its target is dialed: it may break off */
	struct stream *client, *target;	/* NULL while it is dialed */
	struct relay *relay;
	char name[ADDR_NAME_MAX];
};

struct forward {
	struct loop *loop;
	const struct forward_args *args;
	struct layers *layers;
	const struct log *log;
	struct pair *pairs;		/* a list by next */
	struct relay_counts over;	/* of pairs that are */
	struct loop_timer sweep;
};

/* Closes both sides; err says why it was not in order, or is NULL. */
static void
pair_close(struct pair *p, const struct err *err)
{
	struct relay_counts counts = { .sent = 0 };
	struct server_end end = { .err = err, .reason = err != NULL ? err->text : NULL };
	int fd = p->conn->fd;

	if (p->relay != NULL)
		counts = relay_counts(p->relay);
	end.sent = counts.sent;
	end.received = counts.received;
	p->forward->over.sent += counts.sent;
	p->forward->over.received += counts.received;
	server_conn_close(p->conn, &end);
	p->conn = NULL;
	relay_free(p->relay);
	p->relay = NULL;
	dial_free(p->dial);
	p->dial = NULL;
	loop_io_stop(&p->waiting);
	/* A target that was there and broke off is no empty answer; one that was not may look like one, if so asked. */
	if (p->client == NULL && (p->forward->args->fail_rst || (err != NULL && err->errnum == ECONNRESET)))
		sock_reset(&fd);
	else if (p->client == NULL)
		fd_close(&fd);
	stream_free(p->client);
	stream_free(p->target);
	p->client = p->target = NULL;
	loop_timer_set(&p->forward->sweep, clock_ms());
}

static void
pair_free(struct pair *p)
{
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		p->forward->pairs = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
	free(p);
}

static void
on_sweep(void *arg)
{
	struct forward *f = arg;

	for (struct pair *p = f->pairs, *next; p != NULL; p = next) {
		next = p->next;
		if (p->conn == NULL)
			pair_free(p);
	}
}

static void
on_relay_done(void *arg, const struct err *err)
{
	struct err copy;

	if (err != NULL)
		copy = *err;		/* the relay's own goes with it */
	pair_close(arg, err != NULL ? &copy : NULL);
}

/* The client broke off. What it sent and ended in order waits until there is a target. */
static void
on_client_gone(void *arg, unsigned ready)
{
	struct pair *p = arg;
	int errnum = sock_error(p->conn->fd);
	struct err err;

	(void)ready;
	err_set(&err, ERR_BROKEN, errnum != 0 ? errnum : ECONNRESET, "%s", "");
	err_at(&err, STAGE_CONNECT, p->name);
	pair_close(p, &err);
}

static void
on_dialed(void *arg, int fd, const struct addr *peer, const struct err *failed)
{
	struct pair *p = arg;
	struct forward *f = p->forward;
	char name[sizeof(failed->object)];
	struct err err;

	(void)peer;
	if (fd < 0) {
		err = *failed;
		err_at(&err, STAGE_CONNECT, endpoint_name(&f->args->target, name, sizeof(name)));
		pair_close(p, &err);
		return;
	}
	dial_free(p->dial);
	p->dial = NULL;
	loop_io_stop(&p->waiting);
	if ((p->target = stream_socket(f->loop, fd, &err)) != NULL)
		p->client = server_conn_stream(p->conn, f->layers, &err);
	if (p->client != NULL)
		p->relay = relay_start(f->loop, &(struct relay_job){ .local = p->client, .remote = p->target,
		    .kind = RELAY_CLIENT, .args = f->args->relay, .log = f->log, .name = p->name,
		    .done = on_relay_done, .arg = p }, &err);
	if (p->relay == NULL)
		pair_close(p, &err);
}

static void
forward_add(void *service, struct server_conn *conn)
{
	struct forward *f = service;
	struct pair *p = calloc(1, sizeof(*p));
	struct err err;

	err_set(&err, ERR_LIMIT, ENOMEM, "%s", "");
	if (p != NULL) {
		*p = (struct pair){ .forward = f, .conn = conn };
		conn->client = p;
		addr_name(&conn->peer, p->name, sizeof(p->name));
		p->dial = dial_start(f->loop, &f->args->target, f->args->dial, f->log, on_dialed, p, &err);
	}
	if (p == NULL || p->dial == NULL) {
		free(p);
		server_conn_reject(conn, &err);
		return;
	}
	loop_io_init(&p->waiting, f->loop, conn->fd, on_client_gone, p);
	loop_io_want(&p->waiting, LOOP_TROUBLE);
	p->next = f->pairs;
	if (p->next != NULL)
		p->next->prev = p;
	f->pairs = p;
}

static bool
forward_has_spoken(const struct server_conn *conn)
{
	const struct pair *p = conn->client;

	/* Not read yet, it cannot be blamed. */
	return p->relay == NULL || relay_counts(p->relay).received > 0 || relay_is_held(p->relay);
}

static void
forward_drop(struct server_conn *conn, const char *reason)
{
	struct err err;

	err_set(&err, ERR_TIMEOUT, 0, "%s", reason);
	pair_close(conn->client, &err);
}

/* Clients and targets know nothing of us: what is under way ends by itself, or when the time is up. */
const struct service forward_service = {
	.add = forward_add, .has_spoken = forward_has_spoken, .drop = forward_drop,
};

struct forward *
forward_new(struct loop *loop, const struct forward_args *args, struct layers *layers, const struct log *log,
    struct err *err)
{
	struct forward *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		layers_free(layers);
		err_set(err, ERR_LIMIT, ENOMEM, "forward");
		return NULL;
	}
	f->loop = loop;
	f->args = args;
	f->layers = layers;
	f->log = log;
	loop_timer_init(&f->sweep, loop, on_sweep, f);
	return f;
}

struct relay_counts
forward_counts(const struct forward *f)
{
	struct relay_counts all = f->over;

	for (const struct pair *p = f->pairs; p != NULL; p = p->next) {
		struct relay_counts counts = { .sent = 0 };
		if (p->relay != NULL)
			counts = relay_counts(p->relay);
		all.sent += counts.sent;
		all.received += counts.received;
	}
	return all;
}

void
forward_free(struct forward *f)
{
	struct err err;

	if (f == NULL)
		return;
	err_set(&err, ERR_TIMEOUT, 0, "the server ends");
	for (struct pair *p = f->pairs, *next; p != NULL; p = next) {
		next = p->next;
		if (p->conn != NULL)
			pair_close(p, &err);
		pair_free(p);
	}
	loop_timer_stop(&f->sweep);
	layers_free(f->layers);
	free(f);
}
