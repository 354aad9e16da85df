/*
 * sockt listen: one client joined with stdin and stdout, or with --keep many at once.
 */
#include "cmd/cmd.h"

#include "cmd/options.h"
#include "cmd/session.h"
#include "cmd/talk.h"
#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/net/sock.h"
#include "lib/net/stdio.h"
#include "lib/service/hub.h"
#include "lib/service/server.h"
#include "lib/wire/endpoint.h"

struct listen_args {
	struct words_args words;	/* first */
	struct resolve_args names;
	struct server_args server;
	struct relay_args relay;
	struct transfer_args transfer;
	int64_t timeout_ms;
	bool keep;
};

static const struct opt listen_opts[] = {
	OPT_FLAG('k', "keep", struct listen_args, keep, "serve many clients at once, until told to stop"),
	OPT_MS('w', "timeout", struct listen_args, timeout_ms, 0, NULL, "give up when no client has come after this"),
	OPT_HINT('l', "listen does that by itself"),
	OPT_HINT('p', "the port is an operand"),
	OPT_HINT('u', "there is no UDP yet"),
	OPT_GROUP(struct listen_args, names, "Addresses", family_opts),
	OPT_GROUP(struct listen_args, server, "Server", server_opts),
	OPT_NEEDS("max-conns", "keep"),
	OPT_NEEDS("drain", "keep"),
	OPT_GROUP(struct listen_args, server.sock, "Socket", listen_sock_opts),
	OPT_GROUP(struct listen_args, relay, "Stream", relay_opts),
	OPT_GROUP(struct listen_args, transfer, "Run", transfer_opts),
	OPT_GROUP(struct listen_args, words, "Words", words_opts),
	OPT_END
};

struct listening {
	const struct listen_args *args;
	const struct log *log;
	struct session session;
	struct server *server;
	struct loop_timer timeout;	/* no client in time */
	/* without --keep: the one client */
	int fd;
	struct addr peer;
	/* with it */
	struct stream *local;
	struct hub *hub;
	struct loop_timer drain;
	int signo;			/* the first that came; 0: none */
};

static void
on_failed(void *arg, const struct err *err)
{
	struct listening *l = arg;

	session_over(&l->session, err);
}

static void
on_timeout(void *arg)
{
	struct listening *l = arg;
	char span[32];
	struct err err;

	err_set(&err, ERR_TIMEOUT, 0, "no client came in %s",
	    clock_words(l->args->timeout_ms, span, sizeof(span)));
	err.stage = STAGE_LISTEN;
	session_over(&l->session, &err);
}

/* ---- one client ---- */

static void
on_only_client(void *arg, int fd, const struct addr *peer)
{
	struct listening *l = arg;

	l->fd = fd;
	l->peer = *peer;
	loop_timer_stop(&l->timeout);
	server_stop(l->server);
	session_over(&l->session, NULL);
}

static int
serve_one(struct listening *l, struct err *err)
{
	char name[ADDR_NAME_MAX], local_name[ADDR_NAME_MAX];
	struct addr local;
	int fd;

	if (session_wait(&l->session, err) < 0)
		return -1;
	fd = l->fd;
	l->fd = -1;		/* talk takes it */
	sock_local(fd, &local);
	addr_name(&l->peer, name, sizeof(name));
	log_accepted(l->log, name, addr_name(&local, local_name, sizeof(local_name)));
	return talk(&l->session, fd, name, &l->args->relay, l->args->transfer.stats, l->log, err);
}

/* ---- many clients ---- */

static void
on_client(void *arg, int fd, const struct addr *peer)
{
	struct listening *l = arg;

	loop_timer_stop(&l->timeout);
	hub_add(l->hub, fd, peer);
}

static void
on_client_gone(void *arg)
{
	struct listening *l = arg;

	server_client_gone(l->server);
	if (l->signo != 0 && hub_clients(l->hub) == 0)
		session_killed(&l->session, l->signo);
}

static void
on_drained(void *arg)
{
	struct listening *l = arg;

	session_killed(&l->session, l->signo);
}

/* The first signal lets the clients end; at the second, or when the time is up, so do we. */
static void
on_signal(void *arg, int signo)
{
	struct listening *l = arg;

	if (l->signo != 0 || hub_clients(l->hub) == 0) {
		session_killed(&l->session, signo);
		return;
	}
	l->signo = signo;
	log_draining(l->log, hub_clients(l->hub), l->args->server.drain_ms);
	server_stop(l->server);
	loop_timer_set(&l->drain, clock_deadline(l->args->server.drain_ms));
	hub_drain(l->hub);
}

static int
serve_many(struct listening *l, struct err *err)
{
	static const struct hub_calls calls = { .gone = on_client_gone, .failed = on_failed };
	const struct hub_args args = { .relay = &l->args->relay, .max_ms = l->args->transfer.max_ms,
	    .stats = l->args->transfer.stats };
	int rc = -1;

	if ((l->local = stdio_stream(l->session.loop, err)) != NULL &&
	    (l->hub = hub_start(l->session.loop, l->local, &args, &calls, l, l->log, err)) != NULL) {
		l->session.on_signal = on_signal;
		l->session.arg = l;
		loop_timer_init(&l->drain, l->session.loop, on_drained, l);
		rc = session_wait(&l->session, err);
	}
	loop_timer_stop(&l->drain);
	hub_free(l->hub);
	stream_free(l->local);
	return rc;
}

static int
listen_run(const struct cmd_call *call, struct err *err)
{
	static const struct server_calls one = { .client = on_only_client, .failed = on_failed };
	static const struct server_calls many = { .client = on_client, .failed = on_failed };
	const struct listen_args *args = call->args;
	struct listening l = { .args = args, .log = call->log, .fd = -1 };
	struct server_args server = args->server;
	struct endpoint ep;
	char name[sizeof(err->object)];
	int rc = -1;

	if (cmd_endpoint(&cmd_listen, call, ENDPOINT_LISTEN, &ep, err) < 0)
		return -1;
	sockopt_say_ignored(&server.sock.options, call->log);
	if (!args->keep)
		server.max_conns = 1;

	/* With --keep, -m is each client's; else it is the run's. */
	rc = session_open(&l.session, STAGE_LISTEN, args->keep ? OPT_UNSET : args->transfer.max_ms, err);
	if (rc == 0 && (l.server = server_start(l.session.loop, &ep, &args->names, &server,
	    args->keep ? &many : &one, &l, call->log, err)) == NULL)
		rc = -1;
	if (rc == 0) {
		loop_timer_init(&l.timeout, l.session.loop, on_timeout, &l);
		if (args->timeout_ms > 0)
			loop_timer_set(&l.timeout, clock_deadline(args->timeout_ms));
		rc = args->keep ? serve_many(&l, err) : serve_one(&l, err);
		if (rc < 0)
			err_at(err, err->stage, endpoint_name(&ep, name, sizeof(name)));
	}
	loop_timer_stop(&l.timeout);
	fd_close(&l.fd);
	server_free(l.server);
	session_close(&l.session);
	return rc;
}

const struct cmd cmd_listen = {
	.name = "listen",
	.operands = "[HOST] PORT | HOST:PORT | [V6]:PORT | vsock:CID:PORT",
	.summary = "accept connections and relay them to stdin and stdout",
	.opts = listen_opts,
	.args_size = sizeof(struct listen_args),
	.run = listen_run,
};
