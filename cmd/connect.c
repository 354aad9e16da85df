/*
 * sockt connect: stdin and stdout relayed over a connection, or only the question whether there is one.
 */
#include "cmd/cmd.h"

#include "cmd/options.h"
#include "cmd/progress.h"
#include "cmd/session.h"
#include "cmd/talk.h"
#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/net/dial.h"
#include "lib/net/layers.h"
#include "lib/net/sock.h"
#include "lib/net/sockopt.h"
#include "lib/service/program.h"
#include "lib/service/relay.h"
#include "lib/wire/endpoint.h"

struct connect_args {
	struct words_args words;	/* first */
	struct dial_args dial;
	struct relay_args relay;
	struct layers_args layers;
	struct transfer_args transfer;
	const char *sh;
	bool probe;
};

static const struct opt connect_opts[] = {
	OPT_FLAG('z', "probe", struct connect_args, probe, "connect, send nothing, close"),
	OPT_TEXT(0, "sh", "TEXT", struct connect_args, sh, OPT_OFFER_NOTHING,
	    "join the connection with TEXT, run by /bin/sh, as -- CMD does without a shell"),
	OPT_CONFLICT("sh", "probe"),
	OPT_HINT('l', "to listen there is sockt listen"),
	OPT_HINT('p', "a port of our own is -s ADDR:PORT, and the peer's is an operand"),
	OPT_HINT('u', "there is no UDP yet"),
	OPT_HINT('e', "a program is run by -- CMD ARG..."),
	OPT_HINT('c', "a shell command is run by --sh TEXT"),
	OPT_MS('w', "timeout", struct connect_args, dial.timeout_ms, 0, NULL,
	    "give up connecting after this, everything included; 0: never (default " TEXT(DIAL_TIMEOUT_S) "s)"),
	OPT_GROUP(struct connect_args, dial.names, "Addresses", family_opts),
	OPT_GROUP(struct connect_args, dial, "Connecting", dial_opts),
	OPT_GROUP(struct connect_args, dial.sock, "Socket", connect_sock_opts),
	OPT_GROUP(struct connect_args, relay, "Stream", relay_opts),
	OPT_GROUP(struct connect_args, relay.frames, "Messages", frame_opts),
	OPT_GROUP(struct connect_args, relay.frames, "Messages", local_frame_opts),
	OPT_GROUP(struct connect_args, layers.record, "Seeing and pacing", record_opts),
	OPT_GROUP(struct connect_args, layers.pace, "Seeing and pacing", rate_opts),
	OPT_GROUP(struct connect_args, layers.pace, "Seeing and pacing", delay_opts),
	OPT_GROUP(struct connect_args, transfer, "Seeing and pacing", progress_opts),
	OPT_GROUP(struct connect_args, transfer, "Run", transfer_opts),
	OPT_GROUP(struct connect_args, words, "Words", words_opts),
	OPT_END
};

/* The outcome of a dial, for the wrapper that waits for it. */
struct dialed {
	struct session *session;
	int fd;
};

static void
on_dialed(void *arg, int fd, const struct addr *peer, const struct err *err)
{
	struct dialed *dialed = arg;

	(void)peer;
	dialed->fd = fd;
	session_over(dialed->session, err);
}

/* Dials and waits for it. Returns an open descriptor, or -1 and err. */
static int
dial_and_wait(struct session *session, const struct endpoint *ep, const struct dial_args *args,
    const struct log *log, struct err *err)
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
check_fastopen(const struct connect_args *args, struct err *err)
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
run_program(struct session *session, int fd, struct layers *layers, char *const *argv, const char *name,
    const struct connect_args *args, struct words *words, struct err *err)
{
	static const struct program_calls calls = { .parted = on_parted, .done = on_program_done };
	const struct program_args program = { .argv = argv, .relay = &args->relay };
	struct running r = { .session = session, .name = name, .log = &words->log, .fd = fd, .began_us = clock_us(),
	    .stats = args->transfer.stats };
	struct progress progress = { .words = NULL };
	struct addr peer;
	int rc;

	sock_peer(fd, &peer);
	r.program = program_start(session->loop, fd, &peer, &program, layers, name, &calls, &r, r.log, err);
	if (r.program == NULL)
		return err_at(err, STAGE_TRANSFER, name);
	session->stage = STAGE_TRANSFER;
	session_on_end(session, on_end, &r);
	if (args->transfer.progress)
		progress_start(&progress, session->loop, words, -1, count_program, r.program);
	rc = session_wait(session, err);
	progress_end(&progress);
	session_on_end(session, NULL, NULL);
	if (rc < 0)
		err_at(err, STAGE_TRANSFER, name);
	program_free(r.program);
	return rc;
}

/* ---- the verb ---- */

static int
connect_run(const struct cmd_call *call, struct err *err)
{
	const struct connect_args *args = call->args;
	struct cmd_program program;
	struct session session;
	struct layers *layers = NULL;
	struct endpoint ep;
	char name[sizeof(err->object)];
	int fd = -1, rc = -1;

	if (cmd_endpoint(&cmd_connect, call, ENDPOINT_CONNECT, &ep, err) < 0 ||
	    check_fastopen(args, err) < 0 || cmd_check_messages(&args->relay, &args->layers.pace, err) < 0 ||
	    cmd_program(&program, call, args->sh, &args->relay, err) < 0)
		return -1;
	if (program.argv != NULL && args->probe) {
		err_set(err, ERR_USAGE, 0, "cannot go with a program");
		return err_at(err, STAGE_USAGE, "-z/--probe");
	}
	sockopt_say_ignored(&args->dial.sock.options, call->log);
	rc = session_open(&session, STAGE_CONNECT, args->transfer.max_ms, err);
	if (rc == 0 && (layers = layers_new(session.loop, &args->layers, on_record_failed, &session, call->log,
	    err)) == NULL)
		rc = -1;
	if (rc == 0 && (fd = dial_and_wait(&session, &ep, &args->dial, call->log, err)) < 0)
		rc = -1;
	if (rc == 0 && !args->probe) {
		endpoint_name(&ep, name, sizeof(name));
		rc = program.argv != NULL ?
		    run_program(&session, fd, layers, program.argv, name, args, call->words, err) :
		    talk(&session, fd, layers, name, &args->relay, &args->transfer, call->words, err);
		fd = -1;		/* they took it */
	}
	fd_close(&fd);
	layers_free(layers);
	session_close(&session);
	return rc;
}

const struct cmd cmd_connect = {
	.name = "connect",
	.operands = "HOST PORT | HOST:PORT | [V6]:PORT | tcp://HOST:PORT | unix:PATH | vsock:CID:PORT [-- CMD ARG...]",
	.summary = "relay stdin and stdout, or a program's, over a connection",
	.opts = connect_opts,
	.takes_program = true,
	.args_size = sizeof(struct connect_args),
	.run = connect_run,
};
