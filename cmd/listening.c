/*
 * Listening: see listening.h.
 */
#include "cmd/listening.h"

#include <sys/socket.h>

#include "cmd/progress.h"
#include "cmd/serve.h"
#include "cmd/talk.h"
#include "lib/base/opts.h"
#include "lib/net/sockopt.h"
#include "lib/net/stdio.h"
#include "lib/service/forward.h"
#include "lib/service/hub.h"
#include "lib/service/inbox.h"
#include "lib/service/programs.h"
#include "lib/service/solo.h"

/* What is made of the options; one of programs, forward, inbox and none is used. */
struct listening {
	struct listening_args args;
	const struct cmd_call *call;
	struct inbox_args inbox;
	struct programs_args programs;
	struct forward_args forward;
	struct dial_args dial;
};

/* ---- the ways to serve ---- */

static struct layers *
make_layers(const struct maker *maker, struct err *err)
{
	const struct listening *l = maker->args;

	return layers_new(maker->loop, &l->args.layers, maker->failed, maker->arg, maker->log, err);
}

static void *
make_solo(const struct maker *maker, struct err *err)
{
	const struct listening *l = maker->args;
	struct layers *layers = make_layers(maker, err);
	bool progress = l->args.transfer.progress;
	struct stream *local = layers != NULL ? talk_local(maker->loop, l->call->words, progress, err) : NULL;

	if (local != NULL)
		return solo_new(maker->loop, local, layers, &l->args.relay, maker->log, err);
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
		return hub_start(maker->loop, local, layers, &l->args.relay, maker->failed, maker->arg, maker->log, err);
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

	return layers != NULL ? programs_new(maker->loop, &l->programs, layers, maker->log, err) : NULL;
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

static void *
make_inbox(const struct maker *maker, struct err *err)
{
	const struct listening *l = maker->args;
	struct stream *local = stdio_stream(maker->loop, err);

	return local != NULL ? inbox_new(maker->loop, local, &l->inbox, maker->failed, maker->arg, maker->log, err) : NULL;
}

static void
unmake_inbox(void *inbox)
{
	inbox_free(inbox);
}

static struct relay_counts
count_inbox(const void *inbox)
{
	return inbox_counts(inbox);
}

/* ---- which of them ---- */

/* Chooses the way to serve. */
static void
choose(const struct listening *l, struct serving *what)
{
	const struct listening_args *args = &l->args;

	what->setup.fds_each = 1;
	what->setup.drains = args->keep;
	what->size = -1;
	if (l->programs.program.argv != NULL) {
		what->setup.service = &programs_service;
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
	} else if (args->server.sock.type == SOCK_DGRAM) {
		what->setup.service = &inbox_service;
		what->setup.drains = true;
		what->make = make_inbox;
		what->unmake = unmake_inbox;
		what->counts = count_inbox;
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
	const struct listening_args *args = &l->args;
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
	if (l->forward.target.kind == ENDPOINT_UDP) {
		err_set(err, ERR_USAGE, 0, "a client's stream cannot be made into datagrams");
		return err_at(err, STAGE_USAGE, "--to");
	}
	l->inbox = (struct inbox_args){ .relay = &args->relay, .json = call->words->json,
	    .stats = args->transfer.stats };
	l->programs = (struct programs_args){ .program = { .argv = program->argv, .relay = &args->relay },
	    .recv_fd = args->recv_fd, .drain_ms = args->keep ? args->server.drain_ms : 0 };
	l->dial = args->dial;
	l->dial.names.numeric = args->names.numeric;	/* -4 and -6 are about where to listen */
	l->dial.timeout_ms = args->timeout_ms;
	l->forward.dial = &l->dial;
	l->forward.relay = &args->relay;
	l->forward.fail_rst = args->to_fail_rst;
	return 0;
}

/* Options that have no meaning where there are datagrams and no connections. */
static int
check_datagrams(const struct listening_args *args, bool program, struct err *err)
{
	const struct { bool given, fits_programs; const char *name; } no[] = {
		{ args->to != NULL, false, "--to" },
		{ args->transfer.progress, false, "--progress" },
		{ args->recv_fd, false, "--recv-fd" },
		{ args->server.first_byte_ms != OPT_UNSET, false, "--first-byte" },
		{ args->layers.record.hexdump, true, "-x/--hexdump" },
		{ args->layers.record.transcript != NULL, true, "--transcript" },
		{ args->layers.pace.rate != OPT_UNSET, true, "--limit-rate" },
	};

	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		if (!no[i].given || (program && no[i].fits_programs))
			continue;
		err_set(err, ERR_USAGE, 0, no[i].fits_programs ? "goes with datagrams only where a program gets them" :
		    "cannot go with datagrams");
		return err_at(err, STAGE_USAGE, no[i].name);
	}
	return 0;
}

/* What is known of the socket's kind becomes what everybody has to know of it. */
static int
take_kind(struct listening *l, const struct endpoint *ep, bool program, struct err *err)
{
	struct listening_args *args = &l->args;
	struct sock_args *sock = &args->server.sock;

	if (ep->kind == ENDPOINT_UDP)
		sock->type = SOCK_DGRAM;
	sock->shared = args->groups.n > 0;
	cmd_take_kind(sock, ep->kind, &args->relay, &args->layers);
	if (sock->type == SOCK_SEQPACKET && args->to != NULL) {
		err_set(err, ERR_USAGE, 0, "goes only with streams");
		return err_at(err, STAGE_USAGE, "--to");
	}
	if (sock->type != SOCK_DGRAM)
		return 0;
	args->relay.idle_is_end = program;
	if (program && args->relay.idle_ms == OPT_UNSET)
		args->relay.idle_ms = LISTENING_IDLE_S * 1000;
	return check_datagrams(args, program, err);
}

int
listening_run(const struct cmd_call *call, const struct endpoint *ep, const struct listening_args *args,
    struct err *err)
{
	struct listening l = { .args = *args, .call = call };
	struct serving what = { .args = &l, .words = call->words, .progress = args->transfer.progress,
	    .timeout_ms = args->to != NULL ? OPT_UNSET : args->timeout_ms,
	    .setup = { .ep = *ep, .names = &l.args.names, .args = &l.args.server, .groups = &l.args.groups,
	    .workers = 1, .once = !args->keep,
	    .stats = args->transfer.stats, .log = call->log } };
	struct cmd_program program;
	bool is_inbox;

	if (cmd_check_file(&args->server.file, ep, err) < 0 ||
	    take_kind(&l, ep, call->program != NULL || args->sh != NULL, err) < 0 ||
	    cmd_check_messages(&l.args.relay, &args->layers.pace, err) < 0 || prepare(&l, call, &program, err) < 0)
		return -1;
	sockopt_say_ignored(&args->server.sock.options, call->log);
	choose(&l, &what);
	is_inbox = what.setup.service == &inbox_service;
	/* With --keep, -m is each client's; else it is the run's. */
	*(args->keep && !is_inbox ? &what.setup.max_ms : &what.max_ms) = args->transfer.max_ms;
	return serve(&what, err);
}
