/*
 * sockt listen: clients joined with stdin and stdout, with a program each, or with a target each; one client, or with
 * --keep many at once.
 */
#include "cmd/cmd.h"

#include "cmd/options.h"
#include "cmd/progress.h"
#include "cmd/serve.h"
#include "cmd/talk.h"
#include "lib/net/layers.h"
#include "lib/net/sockopt.h"
#include "lib/net/stdio.h"
#include "lib/service/forward.h"
#include "lib/service/hub.h"
#include "lib/service/program.h"
#include "lib/service/solo.h"

struct listen_args {
	struct words_args words;	/* first */
	struct resolve_args names;
	struct server_args server;
	struct dial_args dial;
	struct relay_args relay;
	struct layers_args layers;
	struct transfer_args transfer;
	int64_t timeout_ms;
	const char *sh;
	const char *to;
	bool to_fail_rst;
	bool keep;
};

static const struct opt listen_opts[] = {
	OPT_FLAG('k', "keep", struct listen_args, keep, "serve many clients at once, until told to stop"),
	OPT_TEXT(0, "sh", "TEXT", struct listen_args, sh, OPT_OFFER_NOTHING,
	    "run TEXT by /bin/sh for a client, as -- CMD does without a shell"),
	OPT_TEXT(0, "to", "URL", struct listen_args, to, OPT_OFFER_NOTHING,
	    "forward a client to tcp://HOST:PORT, HOST:PORT, unix:PATH or vsock:CID:PORT"),
	OPT_FLAG(0, "to-fail-rst", struct listen_args, to_fail_rst, "reset a client whose target cannot be reached"),
	OPT_CONFLICT("to", "sh"),
	OPT_CONFLICT("to", "no-stdin"),
	OPT_CONFLICT("to", "recv-only"),
	OPT_NEEDS("to-fail-rst", "to"),
	OPT_MS('w', "timeout", struct listen_args, timeout_ms, 0, NULL,
	    "give up when no client has come after this; with --to, when a target has not answered (default "
	    TEXT(DIAL_TIMEOUT_S) "s)"),
	OPT_HINT('l', "listen does that by itself"),
	OPT_HINT('p', "the port is an operand"),
	OPT_HINT('u', "there is no UDP yet"),
	OPT_HINT('e', "a program is run by -- CMD ARG..."),
	OPT_HINT('c', "a shell command is run by --sh TEXT"),
	OPT_GROUP(struct listen_args, names, "Addresses", family_opts),
	OPT_GROUP(struct listen_args, server, "Server", server_opts),
	OPT_GROUP(struct listen_args, server.limits, "Limits", limits_opts),
	OPT_NEEDS("max-conns", "keep"),
	OPT_NEEDS("max-conns-per-ip", "keep"),
	OPT_NEEDS("drain", "keep"),
	OPT_GROUP(struct listen_args, server.sock, "Socket", listen_sock_opts),
	OPT_GROUP(struct listen_args, dial, "Connecting (with --to)", dial_opts),
	OPT_NEEDS("source", "to"),
	OPT_NEEDS("interface", "to"),
	OPT_NEEDS("attempt-timeout", "to"),
	OPT_NEEDS("retry", "to"),
	OPT_NEEDS("wait", "to"),
	OPT_GROUP(struct listen_args, relay, "Stream", relay_opts),
	OPT_GROUP(struct listen_args, relay.frames, "Messages", frame_opts),
	OPT_GROUP(struct listen_args, relay.frames, "Messages", local_frame_opts),
	OPT_CONFLICT("to", "frame"),
	OPT_GROUP(struct listen_args, layers.record, "Seeing and pacing", record_opts),
	OPT_GROUP(struct listen_args, layers.pace, "Seeing and pacing", rate_opts),
	OPT_GROUP(struct listen_args, layers.pace, "Seeing and pacing", delay_opts),
	OPT_GROUP(struct listen_args, transfer, "Seeing and pacing", progress_opts),
	OPT_CONFLICT("progress", "keep"),
	OPT_GROUP(struct listen_args, transfer, "Run", transfer_opts),
	OPT_GROUP(struct listen_args, words, "Words", words_opts),
	OPT_END
};

/* What is made of the options; one of program, forward and neither is used. */
struct listening {
	const struct listen_args *args;
	struct words *words;
	struct program_args program;
	struct forward_args forward;
	struct dial_args dial;
};

/* ---- the ways to serve ---- */

static struct layers *
make_layers(const struct maker *maker, struct err *err)
{
	const struct listening *l = maker->args;

	return layers_new(maker->loop, &l->args->layers, maker->failed, maker->arg, maker->log, err);
}

static void *
make_solo(const struct maker *maker, struct err *err)
{
	const struct listening *l = maker->args;
	struct layers *layers = make_layers(maker, err);
	bool progress = l->args->transfer.progress;
	struct stream *local = layers != NULL ? talk_local(maker->loop, l->words, progress, err) : NULL;

	if (local != NULL)
		return solo_new(maker->loop, local, layers, &l->args->relay, maker->log, err);
	layers_free(layers);
	return NULL;
}

static void
unmake_solo(void *solo)
{
	solo_free(solo);
}

static void
say_solo(const void *solo, struct err *err)
{
	solo_count(solo, err);
}

static struct relay_counts
count_solo(const void *solo)
{
	return solo_counts(solo);
}

static void *
make_hub(const struct maker *maker, struct err *err)
{
	const struct listening *l = maker->args;
	struct layers *layers = make_layers(maker, err);
	struct stream *local = layers != NULL ? stdio_stream(maker->loop, err) : NULL;

	if (local != NULL)
		return hub_start(maker->loop, local, layers, &l->args->relay, maker->failed, maker->arg, maker->log, err);
	layers_free(layers);
	return NULL;
}

static void
unmake_hub(void *hub)
{
	hub_free(hub);
}

static void *
make_programs(const struct maker *maker, struct err *err)
{
	const struct listening *l = maker->args;
	struct layers *layers = make_layers(maker, err);

	return layers != NULL ? programs_new(maker->loop, &l->program, layers, maker->log, err) : NULL;
}

static void
unmake_programs(void *programs)
{
	programs_free(programs);
}

static struct relay_counts
count_programs(const void *programs)
{
	return programs_counts(programs);
}

static void *
make_forward(const struct maker *maker, struct err *err)
{
	const struct listening *l = maker->args;
	struct layers *layers = make_layers(maker, err);

	return layers != NULL ? forward_new(maker->loop, &l->forward, layers, maker->log, err) : NULL;
}

static void
unmake_forward(void *forward)
{
	forward_free(forward);
}

static struct relay_counts
count_forward(const void *forward)
{
	return forward_counts(forward);
}

/* ---- the verb ---- */

/* Chooses the way to serve. */
static void
choose(const struct listening *l, struct serving *what)
{
	const struct listen_args *args = l->args;

	what->setup.fds_each = 1;
	what->setup.drains = args->keep;
	what->size = -1;
	if (l->program.argv != NULL) {
		what->setup.service = &program_service;
		what->setup.fds_each = RELAY_FDS;
		what->setup.drains = true;	/* a single one has to be ended too */
		what->make = make_programs;
		what->unmake = unmake_programs;
		what->counts = count_programs;
	} else if (args->to != NULL) {
		what->setup.service = &forward_service;
		what->setup.fds_each = RELAY_FDS;
		what->make = make_forward;
		what->unmake = unmake_forward;
		what->counts = count_forward;
	} else if (args->keep) {
		what->setup.service = &hub_service;
		what->make = make_hub;
		what->unmake = unmake_hub;
	} else {
		what->setup.service = &solo_service;
		what->make = make_solo;
		what->unmake = unmake_solo;
		what->counts = count_solo;
		what->size = progress_size_of_stdin();
		what->say_counts = say_solo;
	}
}

/* Takes what the options say of a program or a target. */
static int
prepare(struct listening *l, const struct cmd_call *call, struct cmd_program *program, struct err *err)
{
	const struct listen_args *args = l->args;
	struct err why;

	if (cmd_program(program, call, args->sh, &args->relay, err) < 0)
		return -1;
	if (program->argv != NULL && args->to != NULL) {
		err_set(err, ERR_USAGE, 0, "cannot go with a program");
		return err_at(err, STAGE_USAGE, "--to");
	}
	if (args->to != NULL && endpoint_parse(&l->forward.target, args->to, ENDPOINT_CONNECT, &why) < 0) {
		err_set(err, ERR_USAGE, 0, "%s: %s", why.object, why.text);
		return err_at(err, STAGE_USAGE, "--to");
	}
	l->program = (struct program_args){ .argv = program->argv, .relay = &args->relay,
	    .drain_ms = args->keep ? args->server.drain_ms : 0 };
	l->dial = args->dial;
	l->dial.names.numeric = args->names.numeric;	/* -4 and -6 are about where to listen */
	l->dial.timeout_ms = args->timeout_ms;
	l->forward.dial = &l->dial;
	l->forward.relay = &args->relay;
	l->forward.fail_rst = args->to_fail_rst;
	return 0;
}

static int
listen_run(const struct cmd_call *call, struct err *err)
{
	const struct listen_args *args = call->args;
	struct listening l = { .args = args, .words = call->words };
	struct serving what = { .args = &l, .words = call->words, .progress = args->transfer.progress,
	    .timeout_ms = args->to != NULL ? OPT_UNSET : args->timeout_ms,
	    .setup = { .names = &args->names, .args = &args->server, .workers = 1, .once = !args->keep,
	    .stats = args->transfer.stats, .log = call->log } };
	struct cmd_program program;

	if (cmd_listen_endpoint(&cmd_listen, call, &what.setup.ep, err) < 0 ||
	    cmd_check_messages(&args->relay, &args->layers.pace, err) < 0 || prepare(&l, call, &program, err) < 0)
		return -1;
	sockopt_say_ignored(&args->server.sock.options, call->log);
	choose(&l, &what);
	/* With --keep, -m is each client's; else it is the run's. */
	*(args->keep ? &what.setup.max_ms : &what.max_ms) = args->transfer.max_ms;
	return serve(&what, err);
}

const struct cmd cmd_listen = {
	.name = "listen",
	.operands = "[HOST] PORT | HOST:PORT | [V6]:PORT | vsock:CID:PORT [-- CMD ARG...]",
	.summary = "accept connections, for stdin and stdout, a program or a target",
	.opts = listen_opts,
	.takes_program = true,
	.args_size = sizeof(struct listen_args),
	.run = listen_run,
};
