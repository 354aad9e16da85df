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

void
program_tell_to_end(struct program *p)
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

void
program_end_input(struct program *p)
{
	if (p->relay != NULL)
		relay_end_input(p->relay);
}

void
program_end(struct program *p, int64_t grace_ms)
{
	program_end_input(p);
	program_tell_to_end(p);
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

void
program_give_up(struct program *p)
{
	p->told_to_end = true;
}

bool
program_is_held(const struct program *p)
{
	return p->relay != NULL && relay_is_held(p->relay);
}

struct relay_counts
program_counts(const struct program *p)
{
	return p->relay != NULL ? relay_counts(p->relay) : p->counts;
}

/* ---- the start ---- */

/* Starts the program, and makes the stream to it. */
static int
run(struct program *p, const struct program_peer *peer, struct err *err)
{
	int pair[2] = { -1, -1 }, rc = -1;

	/* Ours is not to block: a splice may, whatever it is told. The program's is a description of its own. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
	    fcntl(pair[0], F_SETFL, O_RDWR | O_NONBLOCK) < 0) {
		err_set(err, ERR_LIMIT, errno, "cannot make a socket for the program");
		goto out;
	}
	children_start();
	if (exec_start(&(struct exec_args){ .argv = p->args->argv, .fd = pair[1], .more = peer->rights,
	    .remote = &peer->remote, .local = &peer->local, .datagrams = peer->datagrams,
	    .peer = peer->user }, &p->pid, err) < 0)
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
program_start(struct loop *loop, struct stream *remote, const struct program_peer *peer,
    const struct program_args *args, const struct program_calls *calls, void *arg, const struct log *log,
    struct err *err)
{
	struct program *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "program");
		stream_abort(remote);
		stream_free(remote);
		return NULL;
	}
	*p = (struct program){ .loop = loop, .args = args, .calls = calls, .arg = arg, .log = log, .name = peer->name,
	    .remote = remote, .status = -1 };
	loop_timer_init(&p->kill, loop, on_kill, p);
	loop_timer_init(&p->finish, loop, on_finish, p);
	if (run(p, peer, err) == 0)
		p->relay = relay_start(loop, &(struct relay_job){ .local = p->local, .remote = p->remote,
		    .kind = RELAY_PROGRAM, .args = args->relay, .log = log, .name = p->name, .done = on_relay_done,
		    .arg = p }, err);
	if (p->relay == NULL) {
		stream_abort(p->remote);	/* nobody answered, which is not an empty answer */
		program_free(p);
		return NULL;
	}
	return p;
}
