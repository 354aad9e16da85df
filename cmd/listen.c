/*
 * sockt listen: clients joined with stdin and stdout, with a program each, or with a target each; one client, or with
 * --keep many at once.
 */
#include "cmd/cmd.h"
#include "cmd/listening.h"
#include "cmd/options.h"

struct listen_args {
	struct words_args words;	/* first */
	struct listening_args listening;
	bool udp;
};

static const struct opt listen_opts[] = {
	OPT_FLAG('u', "udp", struct listen_args, udp, "UDP: print datagrams from anybody, and answer the last"),
	OPT_REPEATED(0, "multicast", "[SRC@]GROUP[%IF]", struct listen_args, listening.groups, multicast_add,
	    "hear this group too, of this source only, on this interface; repeatable"),
	OPT_NEEDS("multicast", "udp"),
	OPT_FLAG('k', "keep", struct listen_args, listening.keep, "serve many clients at once, until told to stop"),
	OPT_TEXT(0, "sh", "TEXT", struct listen_args, listening.sh, OPT_OFFER_NOTHING,
	    "run TEXT by /bin/sh for a client, as -- CMD does without a shell"),
	OPT_TEXT(0, "to", "URL", struct listen_args, listening.to, OPT_OFFER_NOTHING,
	    "forward a client to tcp://HOST:PORT, HOST:PORT, unix:PATH or vsock:CID:PORT"),
	OPT_FLAG(0, "to-fail-rst", struct listen_args, listening.to_fail_rst, "reset a client whose target cannot be reached"),
	OPT_CONFLICT("to", "sh"),
	OPT_CONFLICT("to", "no-stdin"),
	OPT_CONFLICT("to", "recv-only"),
	OPT_NEEDS("to-fail-rst", "to"),
	OPT_MS('w', "timeout", struct listen_args, listening.timeout_ms, 0, NULL,
	    "give up when no client has come after this; with --to, when a target has not answered (default "
	    TEXT(DIAL_TIMEOUT_S) "s)"),
	OPT_HINT('l', "listen does that by itself"),
	OPT_HINT('p', "the port is an operand"),
	OPT_HINT('e', "a program is run by -- CMD ARG..."),
	OPT_HINT('c', "a shell command is run by --sh TEXT"),
	OPT_GROUP(struct listen_args, listening.names, "Addresses", family_opts),
	OPT_GROUP(struct listen_args, listening.server, "Server", server_opts),
	OPT_GROUP(struct listen_args, listening.server.limits, "Limits", total_limit_opts),
	OPT_GROUP(struct listen_args, listening.server.limits, "Limits", limits_opts),
	OPT_NEEDS("max-conns", "keep"),
	OPT_NEEDS("max-conns-per-ip", "keep"),
	OPT_NEEDS("drain", "keep"),
	OPT_GROUP(struct listen_args, listening.server.sock, "Socket", listen_sock_opts),
	OPT_GROUP(struct listen_args, listening.server.file, "Unix sockets", unix_file_opts),
	OPT_GROUP(struct listen_args, listening.dial, "Connecting (with --to)", source_opts),
	OPT_GROUP(struct listen_args, listening.dial, "Connecting (with --to)", retry_opts),
	OPT_NEEDS("source", "to"),
	OPT_NEEDS("interface", "to"),
	OPT_NEEDS("attempt-timeout", "to"),
	OPT_NEEDS("retry", "to"),
	OPT_NEEDS("wait", "to"),
	OPT_GROUP(struct listen_args, listening.relay, "Stream", relay_opts),
	OPT_GROUP(struct listen_args, listening.relay.frames, "Messages", frame_opts),
	OPT_GROUP(struct listen_args, listening.relay.frames, "Messages", local_frame_opts),
	OPT_CONFLICT("to", "frame"),
	OPT_GROUP(struct listen_args, listening.layers.record, "Seeing and pacing", record_opts),
	OPT_GROUP(struct listen_args, listening.layers.pace, "Seeing and pacing", rate_opts),
	OPT_GROUP(struct listen_args, listening.layers.pace, "Seeing and pacing", delay_opts),
	OPT_GROUP(struct listen_args, listening.transfer, "Seeing and pacing", progress_opts),
	OPT_CONFLICT("progress", "keep"),
	OPT_GROUP(struct listen_args, listening.transfer, "Run", transfer_opts),
	OPT_GROUP(struct listen_args, words, "Words", words_opts),
	OPT_END
};

static int
listen_run(const struct cmd_call *call, struct err *err)
{
	const struct listen_args *args = call->args;
	struct endpoint ep;

	if (cmd_listen_endpoint(&cmd_listen, call, &ep, err) < 0 || cmd_take_udp(args->udp, &ep, err) < 0)
		return -1;
	return listening_run(call, &ep, &args->listening, err);
}

const struct cmd cmd_listen = {
	.name = "listen",
	.operands = "[HOST] PORT | HOST:PORT | [V6]:PORT | unix:PATH | vsock:CID:PORT [-- CMD ARG...]",
	.summary = "accept connections, for stdin and stdout, a program or a target",
	.opts = listen_opts,
	.takes_program = true,
	.args_size = sizeof(struct listen_args),
	.run = listen_run,
};
