/*
 * Program: see program.h.
 */
#include "lib/service/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/event/child.h"
#include "lib/net/exec.h"
#include "lib/net/sock.h"
#include "lib/net/stream.h"

struct program {
	struct loop *loop;
	const struct program_args *args;
	const struct program_calls *calls;
	void *arg;
	const struct log *log;
	const char *name;

	pid_t pid;
	struct child child;
	int status;			/* how it ended; -1: it runs */
	bool told_to_end;
	struct stream *local, *remote;	/* the program's, the client's; NULL once they have parted */
	struct relay *relay;
	struct relay_counts counts;	/* once they have parted */
	struct err err;			/* what the relay said */
	struct loop_timer kill, finish;
};

/* ---- the end ---- */

/*
 * To the process group, also when its leader has ended. The number cannot have become another group's: the system gives
 * it to no process as long as the group has one, and if there is a process of that number, it was given.
 */
static void
signal_group(const struct program *p, int signo)
{
	if (p->child.pid != 0 || (kill(p->pid, 0) < 0 && errno == ESRCH))
		kill(-p->pid, signo);
}

/* Closes the connection and the program's socket. */
static void
part(struct program *p)
{
	if (p->relay == NULL)
		return;
	p->counts = relay_counts(p->relay);
	relay_free(p->relay);
	p->relay = NULL;
	p->calls->parted(p->arg, p->err.kind != ERR_NONE ? &p->err : NULL);
	stream_free(p->local);
	stream_free(p->remote);
	p->local = p->remote = NULL;
	if (p->status >= 0)
		loop_timer_set(&p->finish, clock_ms());
}

static void
on_relay_done(void *arg, const struct err *err)
{
	struct program *p = arg;

	if (err != NULL)
		p->err = *err;		/* which goes with the relay */
	part(p);
	/* A connection that broke says so to the program by its end; if it was idle, so is the program. */
	if (p->err.kind == ERR_TIMEOUT)
		program_end(p, PROGRAM_GRACE_MS);
	else if (p->err.kind != ERR_NONE && p->child.pid != 0)
		loop_timer_set(&p->kill, clock_deadline(PROGRAM_GRACE_MS));
}

static void
on_child(void *arg, int status)
{
	struct program *p = arg;

	p->status = status;
	log_program_ended(p->log, p->name, p->pid, status);
	/* What it started and left behind, though it was told to end, ends with it. */
	if (p->told_to_end)
		kill(-p->pid, SIGKILL);
	loop_timer_stop(&p->kill);
	if (p->relay == NULL)
		loop_timer_set(&p->finish, clock_ms());
}

/* It had its time, to notice the end of its connection or the signal. */
static void
on_kill(void *arg)
{
	struct program *p = arg;

	if (p->told_to_end)
		signal_group(p, SIGKILL);
	else
		program_end(p, PROGRAM_GRACE_MS);
}

static void
tell_to_end(struct program *p)
{
	p->told_to_end = true;
	signal_group(p, SIGTERM);
}

static void
on_finish(void *arg)
{
	struct program *p = arg;
	struct err err = p->err;
	bool of_its_own = !p->told_to_end && p->status != 128 + SIGPIPE;

	/* Of one that we had to end, or that died of the broken connection, the status says less than what happened. */
	if (p->status > 0 && (of_its_own || err.kind == ERR_NONE)) {
		err.kind = ERR_PROGRAM;		/* its words stay */
		err.status = p->status;
	}
	p->calls->done(p->arg, err.kind != ERR_NONE ? &err : NULL);
}

static void
end_input(struct program *p)
{
	if (p->relay != NULL)
		relay_end_input(p->relay);
}

void
program_end(struct program *p, int64_t grace_ms)
{
	end_input(p);
	tell_to_end(p);
	loop_timer_set(&p->kill, clock_deadline(grace_ms));
}

void
program_cut(struct program *p, int64_t grace_ms, const char *reason)
{
	struct relay_counts counts = program_counts(p);

	if (p->err.kind == ERR_NONE) {
		err_set(&p->err, ERR_TIMEOUT, 0, "%s", reason);
		err_count(&p->err, p->name, counts.sent, counts.received);
	}
	program_end(p, grace_ms);
	part(p);
}

void
program_free(struct program *p)
{
	if (p == NULL)
		return;
	/* What a program that ended by itself has left behind it meant to leave. */
	if (p->pid != 0 && (p->told_to_end || p->status < 0))
		signal_group(p, p->told_to_end ? SIGKILL : SIGTERM);
	child_forget(&p->child);
	loop_timer_stop(&p->kill);
	loop_timer_stop(&p->finish);
	relay_free(p->relay);
	stream_free(p->local);
	stream_free(p->remote);
	free(p);
}

struct relay_counts
program_counts(const struct program *p)
{
	return p->relay != NULL ? relay_counts(p->relay) : p->counts;
}

/* ---- the start ---- */

/* Makes the two streams and starts the program at the other end of one. fd is taken. */
static int
run(struct program *p, int fd, const struct addr *peer, struct layers *layers, struct err *err)
{
	int pair[2] = { -1, -1 }, rc = -1;
	struct addr local;

	if ((p->remote = layers_socket(layers, fd, p->name, err)) == NULL)
		return -1;
	sock_local(fd, &local);
	/* Ours is not to block: a splice may, whatever it is told. The program's is a description of its own. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
	    fcntl(pair[0], F_SETFL, O_RDWR | O_NONBLOCK) < 0) {
		err_set(err, ERR_LIMIT, errno, "cannot make a socket for the program");
		goto out;
	}
	children_start();
	if (exec_start(p->args->argv, pair[1], peer, &local, &p->pid, err) < 0)
		goto out;
	child_watch(&p->child, p->pid, on_child, p);
	log_program_started(p->log, p->name, p->args->argv[0], p->pid);
	p->local = stream_program(p->loop, pair[0], err);
	pair[0] = -1;
	rc = p->local != NULL ? 0 : -1;
out:
	fd_close(&pair[0]);
	fd_close(&pair[1]);
	return rc;
}

struct program *
program_start(struct loop *loop, int fd, const struct addr *peer, const struct program_args *args,
    struct layers *layers, const char *name, const struct program_calls *calls, void *arg, const struct log *log,
    struct err *err)
{
	struct program *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "program");
		fd_close(&fd);
		return NULL;
	}
	*p = (struct program){ .loop = loop, .args = args, .calls = calls, .arg = arg, .log = log, .name = name,
	    .status = -1 };
	loop_timer_init(&p->kill, loop, on_kill, p);
	loop_timer_init(&p->finish, loop, on_finish, p);
	if (run(p, fd, peer, layers, err) == 0)
		p->relay = relay_start(loop, &(struct relay_job){ .local = p->local, .remote = p->remote,
		    .kind = RELAY_PROGRAM, .args = args->relay, .log = log, .name = name, .done = on_relay_done,
		    .arg = p }, err);
	if (p->relay == NULL) {
		if (p->remote != NULL)
			stream_abort(p->remote);	/* nobody answered, which is not an empty answer */
		program_free(p);
		return NULL;
	}
	return p;
}

/* ---- many ---- */

struct programs {
	struct loop *loop;
	const struct program_args *args;
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
	struct program *program;
	struct entry *prev, *next;
	char name[ADDR_NAME_MAX];
};

static struct server_end
entry_end(const struct entry *e, const struct err *err)
{
	struct relay_counts counts = program_counts(e->program);
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

static void
programs_add(void *service, struct server_conn *conn)
{
	static const struct program_calls calls = { .parted = on_parted, .done = on_done };
	struct programs *programs = service;
	struct entry *e = calloc(1, sizeof(*e));
	struct err err;

	err_set(&err, ERR_LIMIT, ENOMEM, "%s", "");
	if (e != NULL) {
		e->programs = programs;
		e->conn = conn;
		conn->client = e;
		addr_name(&conn->peer, e->name, sizeof(e->name));
		e->program = program_start(programs->loop, conn->fd, &conn->peer, programs->args, programs->layers,
		    e->name, &calls, e, programs->log, &err);
		if (e->program == NULL)
			conn->fd = -1;
	}
	if (e == NULL || e->program == NULL) {
		free(e);
		server_conn_reject(conn, &err);
		return;
	}
	e->next = programs->entries;
	if (e->next != NULL)
		e->next->prev = e;
	programs->entries = e;
}

static bool
programs_has_spoken(const struct server_conn *conn)
{
	const struct entry *e = conn->client;

	return program_counts(e->program).received > 0 ||
	    (e->program->relay != NULL && relay_is_held(e->program->relay));
}

static void
programs_drop(struct server_conn *conn, const char *reason)
{
	struct entry *e = conn->client;

	program_cut(e->program, PROGRAM_GRACE_MS, reason);
}

static void
on_term(void *arg)
{
	struct programs *programs = arg;

	for (struct entry *e = programs->entries; e != NULL; e = e->next)
		tell_to_end(e->program);
}

static void
programs_drain(void *service)
{
	struct programs *programs = service;

	loop_timer_set(&programs->term, clock_deadline(programs->args->drain_ms / 2));
	programs->draining = true;
	for (struct entry *e = programs->entries; e != NULL; e = e->next)
		end_input(e->program);
}

const struct service program_service = {
	.add = programs_add, .has_spoken = programs_has_spoken, .drop = programs_drop, .drain = programs_drain,
};

struct programs *
programs_new(struct loop *loop, const struct program_args *args, struct layers *layers, const struct log *log,
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
		if (e->conn != NULL)
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
		e->program->told_to_end |= programs->draining;	/* it had its time, or there was a second signal */
		if (e->conn != NULL) {
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
