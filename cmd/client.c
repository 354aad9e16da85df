/*
 * Client: see client.h.
 */
#include "cmd/client.h"

#include <sys/socket.h>
#include <unistd.h>

#include "cmd/progress.h"
#include "cmd/talk.h"
#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/base/opts.h"
#include "lib/net/messages.h"
#include "lib/net/side.h"
#include "lib/net/sock.h"
#include "lib/net/sockopt.h"
#include "lib/net/unix.h"
#include "lib/service/program.h"

/* One connection, and what became of the options for it. */
struct client {
	const struct cmd_call *call;
	const struct endpoint *ep;
	struct client_args args;
	struct cmd_program program;
	struct session session;
	struct layers *layers;
	struct unix_file reply;		/* the name that a datagram client has, so that it can be answered */
	char name[320];			/* the peer in messages */
};

/* ---- dialing ---- */

/* The outcome of a dial, for the wrapper that waits for it. */
struct dialed {
	struct session *session;
	int fd;
	struct addr peer;
};

static void
on_dialed(void *arg, int fd, const struct addr *peer, const struct err *err)
{
	struct dialed *dialed = arg;

	if (fd >= 0)
		dialed->peer = *peer;
	dialed->fd = fd;
	session_over(dialed->session, err);
}

int
client_dial(struct session *session, const struct endpoint *ep, const struct dial_args *args,
    const struct log *log, struct addr *peer, struct err *err)
{
	struct dialed dialed = { .session = session, .fd = -1 };
	struct dial *dial = dial_start(session->loop, ep, args, log, on_dialed, &dialed, err);
	char name[sizeof(err->object)];

	if (dial == NULL)
		return -1;
	if (session_wait(session, err) < 0) {
		err_at(err, STAGE_CONNECT, endpoint_name(ep, name, sizeof(name)));
		fd_close(&dialed.fd);		/* a signal may have come together with the connection */
	}
	if (peer != NULL)
		*peer = dialed.peer;
	dial_free(dial);
	return dialed.fd;
}

/* The record of the connection cannot go on. */
static void
on_record_failed(void *arg, const struct err *err)
{
	session_over(arg, err);
}

/* With this option the first byte opens the connection, and until then it looks open to us, whatever there is. */
static int
check_fastopen(const struct client_args *args, struct err *err)
{
	bool sends_nothing = args->probe || args->relay.recv_only || args->relay.no_stdin;

	if (!sends_nothing || !sockopt_given(&args->dial.sock.options, "TCP_FASTOPEN_CONNECT"))
		return 0;
	err_set(err, ERR_USAGE, 0, "connects when there is something to send, and %s sends nothing",
	    args->probe ? "-z/--probe" : args->relay.recv_only ? "--recv-only" : "-d/--no-stdin");
	return err_at(err, STAGE_USAGE, "TCP_FASTOPEN_CONNECT");
}

/* ---- a program on the connection ---- */

struct running {
	struct session *session;
	struct program *program;
	const char *name;
	const struct log *log;
	int fd;			/* the connection, until it is closed */
	int64_t began_us;
	bool stats;
	struct err verdict;	/* why it was told to end, first; ERR_NONE: it was not */
};

static void
on_parted(void *arg, const struct err *err)
{
	struct running *r = arg;
	struct relay_counts counts = program_counts(r->program);

	talk_say_end(r->log, r->name, r->fd, counts, r->began_us, r->stats, err);
}

static void
on_program_done(void *arg, const struct err *err)
{
	struct running *r = arg;

	session_over(r->session, r->verdict.kind != ERR_NONE ? &r->verdict : err);
}

/* At the first signal, or when -m is over, the program is to end too, and has a while; at the second it is over. */
static void
on_end(void *arg, const struct err *why)
{
	struct running *r = arg;

	if (r->verdict.kind != ERR_NONE) {
		session_over(r->session, why);
		return;
	}
	r->verdict = *why;
	program_end(r->program, PROGRAM_GRACE_MS);
}

static struct relay_counts
count_program(void *program)
{
	return program_counts(program);
}

/* Takes fd over. Returns 0 when the program ended with status 0 and everything was delivered, or -1 and err. */
static int
run_program(struct client *c, int fd, struct err *err)
{
	static const struct program_calls calls = { .parted = on_parted, .done = on_program_done };
	const struct program_args program = { .argv = c->program.argv, .relay = &c->args.relay };
	const struct log *log = c->call->log;
	struct running r = { .session = &c->session, .name = c->name, .log = log, .fd = fd, .began_us = clock_us(),
	    .stats = c->args.transfer.stats };
	struct program_peer peer = { .name = c->name, .datagrams = c->ep->kind == ENDPOINT_UDP };
	struct unix_peer user;
	struct progress progress = { .words = NULL };
	struct stream *remote;
	int rc;

	sock_peer(fd, &peer.remote);
	sock_local(fd, &peer.local);
	if (c->ep->kind == ENDPOINT_UNIX && unix_peer(fd, &user))
		peer.user = &user;
	if ((remote = layers_socket(c->layers, fd, c->name, err)) != NULL)
		r.program = program_start(c->session.loop, remote, &peer, &program, &calls, &r, log, err);
	if (r.program == NULL)
		return err_at(err, STAGE_TRANSFER, c->name);
	c->session.stage = STAGE_TRANSFER;
	session_on_end(&c->session, on_end, &r);
	if (c->args.transfer.progress)
		progress_start(&progress, c->session.loop, c->call->words, -1, count_program, r.program);
	rc = session_wait(&c->session, err);
	progress_end(&progress);
	session_on_end(&c->session, NULL, NULL);
	if (rc < 0)
		err_at(err, STAGE_TRANSFER, c->name);
	program_free(r.program);
	return rc;
}

/* ---- the standard streams on it ---- */

/* Takes fd over. */
static int
talk_to(struct client *c, int fd, struct err *err)
{
	const struct client_args *args = &c->args;
	struct stream *remote;

	if (args->layers.rights == NULL && rights_send(fd, &args->rights, err) < 0) {
		fd_close(&fd);
		return err_at(err, STAGE_TRANSFER, c->name);
	}
	remote = layers_socket(c->layers, fd, c->name, err);
	return remote == NULL ? -1 :
	    talk(&c->session, remote, fd, c->name, &args->relay, &args->transfer, c->call->words, err);
}

/* ---- a question to UDP ---- */

/* Nobody answers to nothing; but who has been asked before, or speaks by itself, may be heard. */
struct question {
	struct session *session;
	struct stream *stream;
	struct loop_timer patience;
	int64_t ms;
};

static void
on_question_answered(void *arg, unsigned ready)
{
	struct question *q = arg;
	unsigned char byte[65536];
	struct err err;
	size_t got;

	(void)ready;
	switch (stream_read(q->stream, byte, sizeof(byte), &got, &err)) {
	case IO_DONE:
	case IO_EOF:
		session_over(q->session, NULL);
		break;
	case IO_FAILED:
		session_over(q->session, &err);
		break;
	case IO_WOULD_BLOCK:
		break;
	}
}

static void
on_patience_over(void *arg)
{
	struct question *q = arg;
	char span[32];
	struct err err;

	err_set(&err, ERR_TIMEOUT, 0, "no word in %s: a UDP port answers only what its service understands, and nothing was "
	    "sent; ask with udp-send --reply", clock_words(q->ms, span, sizeof(span)));
	err.stage = STAGE_CONNECT;
	session_over(q->session, &err);
}

/* Takes fd. */
static int
probe_udp(struct client *c, int fd, struct err *err)
{
	int64_t asked_ms = c->args.dial.timeout_ms;
	struct question q = { .session = &c->session, .ms = asked_ms == OPT_UNSET ? CLIENT_PROBE_MS : asked_ms };
	int rc;

	if ((q.stream = messages_stream(c->session.loop, fd, err)) == NULL)
		return -1;
	loop_timer_init(&q.patience, c->session.loop, on_patience_over, &q);
	loop_timer_set(&q.patience, q.ms > 0 ? clock_deadline(q.ms) : CLOCK_NEVER);
	stream_attach(q.stream, on_question_answered, &q);
	stream_want(q.stream, STREAM_READ);
	rc = session_wait(&c->session, err);
	if (rc < 0)
		err_at(err, STAGE_CONNECT, c->name);
	loop_timer_stop(&q.patience);
	stream_free(q.stream);
	return rc;
}

/* ---- the whole ---- */

/* What is known of the socket's kind becomes what layers and relay have to know of it. */
static void
take_kind(struct client *c)
{
	struct client_args *args = &c->args;
	struct sock_args *sock = &args->dial.sock;

	if (c->ep->kind == ENDPOINT_UDP)
		sock->type = SOCK_DGRAM;
	cmd_take_kind(sock, c->ep->kind, &args->relay, &args->layers);
	/* Descriptors go with the first bytes; where nothing will be written, by themselves. */
	if (args->rights.n > 0 && (c->call->program != NULL || args->sh != NULL || (!args->relay.no_stdin &&
	    !args->relay.recv_only && side_medium(STDIN_FILENO) != MEDIUM_NULL)))
		args->layers.rights = &args->rights;
	if (sock->type == SOCK_DGRAM && args->relay.linger_ms == OPT_UNSET && !args->relay.send_only)
		args->relay.linger_ms = RELAY_LINGER_S * 1000;
}

static int
check(struct client *c, struct err *err)
{
	const struct client_args *args = &c->args;

	if (args->relay.replies > 0 && args->dial.sock.type != SOCK_DGRAM) {
		err_set(err, ERR_USAGE, 0, "goes only with datagrams, which are counted");
		return err_at(err, STAGE_USAGE, "--reply");
	}
	if (args->relay.replies > 0 && args->relay.send_only) {
		err_set(err, ERR_USAGE, 0, "cannot go with --send-only, which hears nothing");
		return err_at(err, STAGE_USAGE, "--reply");
	}
	if (check_fastopen(args, err) < 0 || cmd_check_messages(&args->relay, &args->layers.pace, err) < 0 ||
	    cmd_program(&c->program, c->call, args->sh, &args->relay, err) < 0)
		return -1;
	if (c->program.argv != NULL && args->probe) {
		err_set(err, ERR_USAGE, 0, "cannot go with a program");
		return err_at(err, STAGE_USAGE, "-z/--probe");
	}
	return 0;
}

/* Says at -v who is at the other end of a Unix socket. */
static void
say_peer(const struct client *c, int fd)
{
	struct unix_peer peer;

	if (c->ep->kind == ENDPOINT_UNIX && unix_peer(fd, &peer))
		log_peer(c->call->log, c->name, peer.pid, peer.uid, peer.gid);
}

/* Takes the connection that was opened, and does with it what was asked for. */
static int
use(struct client *c, int fd, struct err *err)
{
	const struct client_args *args = &c->args;

	if (args->probe && c->ep->kind == ENDPOINT_UDP)
		return probe_udp(c, fd, err);
	if (args->probe) {
		fd_close(&fd);
		return 0;
	}
	if (c->ep->kind == ENDPOINT_UNIX && args->dial.sock.type == SOCK_DGRAM &&
	    unix_bind_reply(fd, &c->reply, err) < 0) {
		fd_close(&fd);
		return -1;
	}
	return c->program.argv != NULL ? run_program(c, fd, err) : talk_to(c, fd, err);
}

int
client_run(const struct cmd_call *call, const struct endpoint *ep, const struct client_args *args, struct err *err)
{
	struct client c = { .call = call, .ep = ep, .args = *args };
	int fd = -1, rc = -1;

	take_kind(&c);
	if (check(&c, err) < 0)
		return -1;
	endpoint_name(ep, c.name, sizeof(c.name));
	sockopt_say_ignored(&args->dial.sock.options, call->log);
	if (session_open(&c.session, STAGE_CONNECT, args->transfer.max_ms, err) == 0 &&
	    (c.layers = layers_new(c.session.loop, &c.args.layers, on_record_failed, &c.session, call->log, err)) != NULL)
		fd = client_dial(&c.session, ep, &c.args.dial, call->log, NULL, err);
	if (fd >= 0) {
		say_peer(&c, fd);
		rc = use(&c, fd, err);
	}
	unix_remove(&c.reply);
	layers_free(c.layers);
	session_close(&c.session);
	return rc;
}
