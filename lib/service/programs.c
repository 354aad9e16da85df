/*
 * Programs: see programs.h.
 */
#include "lib/service/programs.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/net/rights.h"
#include "lib/service/program.h"

struct programs {
	struct loop *loop;
	const struct programs_args *args;
	struct layers *layers;
	const struct log *log;
	struct entry *entries;		/* a list by next */
	struct relay_counts over;	/* of clients that have gone */
	bool draining;
	struct loop_timer term, sweep;
};

/* One client and its program. */
struct entry {
	struct programs *programs;
	struct server_conn *conn;	/* NULL: it has gone, and the sweep frees the entry */
	struct program *program;	/* NULL: it waits for descriptors */
	struct loop_io waiting;
	struct loop_timer patience;
	struct entry *prev, *next;
	char name[ADDR_NAME_MAX];
};

static struct server_end
entry_end(const struct entry *e, const struct err *err)
{
	struct relay_counts counts = e->program != NULL ? program_counts(e->program) : (struct relay_counts){ .sent = 0 };
	const char *reason = err != NULL && err->kind != ERR_PROGRAM ? err->text : NULL;

	return (struct server_end){ .sent = counts.sent, .received = counts.received, .reason = reason, .err = err };
}

static void
on_parted(void *arg, const struct err *err)
{
	struct entry *e = arg;
	struct server_end end = entry_end(e, err);

	server_conn_report(e->conn, &end);
}

static void
on_done(void *arg, const struct err *err)
{
	struct entry *e = arg;
	struct server_end end = entry_end(e, err);

	e->programs->over.sent += end.sent;
	e->programs->over.received += end.received;
	server_conn_close(e->conn, &end);
	e->conn = NULL;
	loop_timer_set(&e->programs->sweep, clock_ms());
}

static void
entry_free(struct entry *e)
{
	if (e->prev != NULL)
		e->prev->next = e->next;
	else
		e->programs->entries = e->next;
	if (e->next != NULL)
		e->next->prev = e->prev;
	program_free(e->program);
	free(e);
}

static void
on_sweep(void *arg)
{
	struct programs *programs = arg;

	for (struct entry *e = programs->entries, *next; e != NULL; e = next) {
		next = e->next;
		if (e->conn == NULL)
			entry_free(e);
	}
}

/* Takes the client's stream, and starts its program, which gets rights, if not NULL. */
static int
entry_start(struct entry *e, const struct rights *rights, struct err *err)
{
	static const struct program_calls calls = { .parted = on_parted, .done = on_done };
	struct programs *programs = e->programs;
	struct server_conn *conn = e->conn;
	struct program_peer peer = { .name = e->name, .remote = conn->peer, .datagrams = conn->fd < 0, .rights = rights };
	struct unix_peer user;
	struct stream *remote;

	if (addr_family(&conn->peer) == AF_UNIX && unix_peer(conn->fd, &user))
		peer.user = &user;
	server_conn_local(conn, &peer.local);
	if ((remote = server_conn_stream(conn, programs->layers, err)) == NULL)
		return -1;
	e->program = program_start(programs->loop, remote, &peer, &programs->args->program, &calls, e, programs->log, err);
	if (e->program != NULL)
		return 0;
	conn->fd = -1;
	return -1;
}

/* It cannot have a program. */
static void
entry_reject(struct entry *e, const struct err *err)
{
	struct server_conn *conn = e->conn;

	loop_io_stop(&e->waiting);
	loop_timer_stop(&e->patience);
	e->conn = NULL;
	loop_timer_set(&e->programs->sweep, clock_ms());
	server_conn_reject(conn, err);
}

/* The client has said something: are there descriptors with it? */
static void
on_rights(void *arg, unsigned ready)
{
	struct entry *e = arg;
	struct rights rights;
	struct err err;
	enum io io = rights_peek(e->conn->fd, &rights, &err);

	(void)ready;
	if (io == IO_WOULD_BLOCK)
		return;
	if (io == IO_EOF || (io == IO_DONE && rights.n == 0))
		err_set(&err, ERR_PROTOCOL, 0, "it sent no descriptor with its first bytes (--recv-fd)");
	loop_io_stop(&e->waiting);
	loop_timer_stop(&e->patience);
	if (io != IO_DONE || rights.n == 0 || entry_start(e, &rights, &err) < 0)
		entry_reject(e, &err);
	if (io == IO_DONE)
		rights_close(&rights);
}

static void
on_no_rights(void *arg)
{
	struct err err;

	err_set(&err, ERR_TIMEOUT, 0, "it sent no descriptor in %d s (--recv-fd)", PROGRAMS_RIGHTS_MS / 1000);
	entry_reject(arg, &err);
}

static void
await_rights(struct entry *e)
{
	loop_io_init(&e->waiting, e->programs->loop, e->conn->fd, on_rights, e);
	loop_io_want(&e->waiting, LOOP_READ);
	loop_timer_init(&e->patience, e->programs->loop, on_no_rights, e);
	loop_timer_set(&e->patience, clock_deadline(PROGRAMS_RIGHTS_MS));
}

static void
programs_add(void *service, struct server_conn *conn)
{
	struct programs *programs = service;
	struct entry *e = calloc(1, sizeof(*e));
	struct err err;

	err_set(&err, ERR_LIMIT, ENOMEM, "%s", "");
	if (e != NULL) {
		e->programs = programs;
		e->conn = conn;
		conn->client = e;
		addr_name(&conn->peer, e->name, sizeof(e->name));
	}
	if (e == NULL || (!programs->args->recv_fd && entry_start(e, NULL, &err) < 0)) {
		free(e);
		server_conn_reject(conn, &err);
		return;
	}
	e->next = programs->entries;
	if (e->next != NULL)
		e->next->prev = e;
	programs->entries = e;
	if (programs->args->recv_fd)
		await_rights(e);
}

static bool
programs_has_spoken(const struct server_conn *conn)
{
	const struct entry *e = conn->client;

	return e->program != NULL && (program_counts(e->program).received > 0 ||
	    program_is_held(e->program));
}

static void
programs_drop(struct server_conn *conn, const char *reason)
{
	struct entry *e = conn->client;
	struct err err;

	if (e->program != NULL) {
		program_cut(e->program, PROGRAM_GRACE_MS, reason);
		return;
	}
	err_set(&err, ERR_TIMEOUT, 0, "%s", reason);
	entry_reject(e, &err);
}

static void
on_term(void *arg)
{
	struct programs *programs = arg;

	for (struct entry *e = programs->entries; e != NULL; e = e->next) {
		if (e->program != NULL)
			program_tell_to_end(e->program);
	}
}

static void
programs_drain(void *service)
{
	struct programs *programs = service;
	struct err err;

	err_set(&err, ERR_TIMEOUT, 0, "the server ends");
	loop_timer_set(&programs->term, clock_deadline(programs->args->drain_ms / 2));
	programs->draining = true;
	for (struct entry *e = programs->entries; e != NULL; e = e->next) {
		if (e->program != NULL)
			program_end_input(e->program);
		else if (e->conn != NULL)
			entry_reject(e, &err);
	}
}

const struct service programs_service = {
	.add = programs_add, .has_spoken = programs_has_spoken, .drop = programs_drop, .drain = programs_drain,
};

struct programs *
programs_new(struct loop *loop, const struct programs_args *args, struct layers *layers, const struct log *log,
    struct err *err)
{
	struct programs *programs = calloc(1, sizeof(*programs));

	if (programs == NULL) {
		layers_free(layers);
		err_set(err, ERR_LIMIT, ENOMEM, "programs");
		return NULL;
	}
	programs->loop = loop;
	programs->args = args;
	programs->layers = layers;
	programs->log = log;
	loop_timer_init(&programs->term, loop, on_term, programs);
	loop_timer_init(&programs->sweep, loop, on_sweep, programs);
	return programs;
}

struct relay_counts
programs_counts(const struct programs *programs)
{
	struct relay_counts all = programs->over;

	for (const struct entry *e = programs->entries; e != NULL; e = e->next) {
		struct relay_counts counts = { .sent = 0 };
		if (e->conn != NULL && e->program != NULL)
			counts = program_counts(e->program);
		all.sent += counts.sent;
		all.received += counts.received;
	}
	return all;
}

void
programs_free(struct programs *programs)
{
	struct server_end end;
	struct err err;

	if (programs == NULL)
		return;
	err_set(&err, ERR_TIMEOUT, 0, "the server ends");
	for (struct entry *e = programs->entries, *next; e != NULL; e = next) {
		next = e->next;
		if (e->program != NULL && programs->draining)
			program_give_up(e->program);		/* or there was a second signal */
		if (e->conn != NULL && e->program == NULL) {
			entry_reject(e, &err);
		} else if (e->conn != NULL) {
			end = entry_end(e, &err);
			server_conn_close(e->conn, &end);
		}
		entry_free(e);
	}
	loop_timer_stop(&programs->term);
	loop_timer_stop(&programs->sweep);
	layers_free(programs->layers);
	free(programs);
}
