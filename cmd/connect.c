/*
 * sockt connect: stdin and stdout relayed over a connection, or only the question whether there is one.
 */
#include "cmd/cmd.h"

#include <limits.h>

#include "cmd/client.h"
#include "cmd/options.h"
#include "lib/net/dial.h"

struct connect_args {
	struct words_args words;	/* first */
	struct client_args client;
	bool udp;
};

static const struct opt connect_opts[] = {
	OPT_FLAG('u', "udp", struct connect_args, udp, "UDP: datagrams instead of a stream; the same as udp://HOST:PORT"),
	OPT_INT(0, "reply", "N", struct connect_args, client.relay.replies, 1, INT_MAX, NULL,
	    "with -u: end when stdin has and so many datagrams have come"),
	OPT_FLAG('z', "probe", struct connect_args, client.probe, "connect, send nothing, close"),
	OPT_TEXT(0, "sh", "TEXT", struct connect_args, client.sh, OPT_OFFER_NOTHING,
	    "join the connection with TEXT, run by /bin/sh, as -- CMD does without a shell"),
	OPT_CONFLICT("sh", "probe"),
	OPT_HINT('l', "to listen there is sockt listen"),
	OPT_HINT('p', "a port of our own is -s ADDR:PORT, and the peer's is an operand"),
	OPT_HINT('e', "a program is run by -- CMD ARG..."),
	OPT_HINT('c', "a shell command is run by --sh TEXT"),
	OPT_MS('w', "timeout", struct connect_args, client.dial.timeout_ms, 0, NULL,
	    "give up connecting after this, everything included; 0: never; 1s with -u -z (default "
	    TEXT(DIAL_TIMEOUT_S) "s)"),
	OPT_GROUP(struct connect_args, client.dial.names, "Addresses", family_opts),
	OPT_GROUP(struct connect_args, client.dial, "Connecting", source_opts),
	OPT_GROUP(struct connect_args, client.dial, "Connecting", retry_opts),
	OPT_GROUP(struct connect_args, client.dial.sock, "Socket", connect_sock_opts),
	OPT_GROUP(struct connect_args, client.relay, "Stream", relay_opts),
	OPT_GROUP(struct connect_args, client.relay.frames, "Messages", frame_opts),
	OPT_GROUP(struct connect_args, client.relay.frames, "Messages", local_frame_opts),
	OPT_GROUP(struct connect_args, client.layers.record, "Seeing and pacing", record_opts),
	OPT_GROUP(struct connect_args, client.layers.pace, "Seeing and pacing", rate_opts),
	OPT_GROUP(struct connect_args, client.layers.pace, "Seeing and pacing", delay_opts),
	OPT_GROUP(struct connect_args, client.transfer, "Seeing and pacing", progress_opts),
	OPT_GROUP(struct connect_args, client.transfer, "Run", transfer_opts),
	OPT_GROUP(struct connect_args, words, "Words", words_opts),
	OPT_END
};

static int
connect_run(const struct cmd_call *call, struct err *err)
{
	const struct connect_args *args = call->args;
	struct endpoint ep;

	if (cmd_endpoint(&cmd_connect, call, ENDPOINT_CONNECT, &ep, err) < 0 || cmd_take_udp(args->udp, &ep, err) < 0)
		return -1;
	return client_run(call, &ep, &args->client, err);
}

const struct cmd cmd_connect = {
	.name = "connect",
	.operands = "HOST PORT | HOST:PORT | [V6]:PORT | tcp://HOST:PORT | udp://HOST:PORT | unix:PATH | vsock:CID:PORT "
	    "[-- CMD ARG...]",
	.summary = "relay stdin and stdout, or a program's, over a connection",
	.opts = connect_opts,
	.takes_program = true,
	.args_size = sizeof(struct connect_args),
	.run = connect_run,
};
