/*
 * sockt echo-server: sends back what arrives.
 */
#include "cmd/cmd.h"

#include <string.h>
#include <sys/socket.h>

#include "cmd/options.h"
#include "cmd/serve.h"
#include "lib/net/layers.h"
#include "lib/net/sockopt.h"
#include "lib/service/echo.h"
#include "lib/service/reflect.h"

#define WORKERS_MAX 64

struct echo_server_args {
	struct words_args words;	/* first */
	struct resolve_args names;
	struct server_args server;
	struct layers_args layers;
	struct frame_args frames;
	struct transfer_args transfer;
	int64_t timeout_ms, idle_ms, workers;
	const char *prefix;
	bool once, udp, allow_amplify;
};

static int
parse_prefix(void *at, const char *value, struct err *err)
{
	if (strlen(value) > ECHO_PREFIX_MAX)
		return err_set(err, ERR_USAGE, 0, "is longer than %d bytes", ECHO_PREFIX_MAX);
	*(const char **)at = value;
	return 0;
}

static const struct opt echo_server_opts[] = {
	OPT_PARSED(0, "prefix", "TEXT", struct echo_server_args, prefix, parse_prefix,
	    "send TEXT before each line, or message"),
	OPT_FLAG(0, "once", struct echo_server_args, once, "serve one client, then end"),
	OPT_INT(0, "workers", "N", struct echo_server_args, workers, 1, WORKERS_MAX, "1", "serve in so many threads"),
	OPT_CONFLICT("once", "workers"),
	OPT_MS('w', "timeout", struct echo_server_args, timeout_ms, 0, NULL, "give up when no client has come after this"),
	OPT_MS('i', "idle", struct echo_server_args, idle_ms, 0, NULL,
	    "close a client of which no byte moves for so long; 0: never"),
	OPT_GROUP(struct echo_server_args, server.limits, NULL, request_opts),
	OPT_HINT('k', "it serves many clients by itself, and one with --once"),
	OPT_FLAG('u', "udp", struct echo_server_args, udp, "UDP: send each datagram back to where it came from"),
	OPT_FLAG(0, "allow-amplify", struct echo_server_args, allow_amplify,
	    "with -u, --prefix also in answers to other machines, who may never have asked"),
	OPT_NEEDS("allow-amplify", "udp"),
	OPT_GROUP(struct echo_server_args, names, "Addresses", family_opts),
	OPT_GROUP(struct echo_server_args, server, "Server", server_opts),
	OPT_GROUP(struct echo_server_args, server.limits, "Limits", total_limit_opts),
	OPT_GROUP(struct echo_server_args, server.limits, "Limits", limits_opts),
	OPT_GROUP(struct echo_server_args, server.sock, "Socket", listen_sock_opts),
	OPT_GROUP(struct echo_server_args, server.file, "Unix sockets", unix_file_opts),
	OPT_GROUP(struct echo_server_args, frames, "Messages", frame_opts),
	OPT_CONFLICT("frame", "request-rate"),
	OPT_CONFLICT("udp", "frame"),
	OPT_CONFLICT("udp", "first-byte"),
	OPT_CONFLICT("udp", "idle"),
	OPT_GROUP(struct echo_server_args, layers.record, "Seeing and pacing", record_opts),
	OPT_CONFLICT("hexdump", "workers"),
	OPT_CONFLICT("transcript", "workers"),
	OPT_CONFLICT("udp", "hexdump"),
	OPT_CONFLICT("udp", "transcript"),
	OPT_GROUP(struct echo_server_args, layers.pace, "Seeing and pacing", rate_opts),
	OPT_CONFLICT("udp", "limit-rate"),
	OPT_GROUP(struct echo_server_args, transfer, "Run", transfer_opts),
	OPT_GROUP(struct echo_server_args, words, "Words", words_opts),
	OPT_END
};

/* What is made of the options. */
struct echoing {
	struct echo_args echo;
	struct reflect_args reflect;
	const struct layers_args *layers;
};

static void *
make_echo(const struct maker *maker, struct err *err)
{
	const struct echoing *e = maker->args;
	struct layers *layers = layers_new(maker->loop, e->layers, maker->failed, maker->arg, maker->log, err);

	return layers != NULL ? echo_new(maker->loop, &e->echo, layers, err) : NULL;
}

static void
unmake_echo(void *echo)
{
	echo_free(echo);
}

static void *
make_reflect(const struct maker *maker, struct err *err)
{
	const struct echoing *e = maker->args;

	return reflect_new(maker->loop, &e->reflect, maker->failed, maker->arg, maker->log, err);
}

static void
unmake_reflect(void *reflect)
{
	reflect_free(reflect);
}

/* Datagrams instead: there are no connections, so that -m is the run's. */
static void
take_udp(struct serving *what, struct server_args *server, const struct echo_server_args *args)
{
	server->sock.type = SOCK_DGRAM;
	what->make = make_reflect;
	what->unmake = unmake_reflect;
	what->setup.service = &reflect_service;
	what->setup.once = what->setup.speaks_lines = false;
	what->setup.max_ms = OPT_UNSET;
	what->max_ms = args->transfer.max_ms;
}

static int
echo_server_run(const struct cmd_call *call, struct err *err)
{
	const struct echo_server_args *args = call->args;
	struct server_args server = args->server;
	const struct echoing echoing = { .layers = &args->layers, .echo = { .frames = args->frames,
	    .prefix = args->prefix, .idle_ms = args->idle_ms, .confirm = args->once,
	    .count_requests = args->server.limits.request_rate.n > 0 },
	    .reflect = { .prefix = args->prefix, .allow_amplify = args->allow_amplify, .once = args->once,
	    .stats = args->transfer.stats } };
	struct serving what = { .args = &echoing, .make = make_echo, .unmake = unmake_echo,
	    .timeout_ms = args->timeout_ms,
	    .setup = { .names = &args->names, .args = &server, .service = &echo_service,
	    .max_ms = args->transfer.max_ms, .workers = (size_t)args->workers, .fds_each = 1, .once = args->once,
	    .drains = true, .speaks_lines = args->frames.wire.kind == FRAME_NONE, .stats = args->transfer.stats,
	    .log = call->log } };

	if (cmd_listen_endpoint(&cmd_echo_server, call, &what.setup.ep, err) < 0 ||
	    cmd_take_udp(args->udp, &what.setup.ep, err) < 0 ||
	    cmd_check_file(&args->server.file, &what.setup.ep, err) < 0 ||
	    cmd_check_frames(&args->frames, args->prefix, err) < 0)
		return -1;
	if (args->udp)
		take_udp(&what, &server, args);
	sockopt_say_ignored(&args->server.sock.options, call->log);
	return serve(&what, err);
}

const struct cmd cmd_echo_server = {
	.name = "echo-server",
	.operands = "[HOST] PORT | HOST:PORT | [V6]:PORT | unix:PATH | vsock:CID:PORT",
	.summary = "send back what arrives",
	.opts = echo_server_opts,
	.args_size = sizeof(struct echo_server_args),
	.run = echo_server_run,
};
