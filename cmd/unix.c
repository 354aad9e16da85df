/*
 * sockt unix: a Unix socket, of streams or of messages, to connect to or to listen at.
 */
#include "cmd/cmd.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#include "cmd/client.h"
#include "cmd/listening.h"
#include "cmd/options.h"
#include "lib/base/num.h"
#include "lib/net/unix.h"

struct unix_verb_args {
	struct words_args words;	/* first */
	struct client_args client;	/* where both take the same, this has it */
	struct server_args server;
	int64_t timeout_ms;
	int type;			/* 0: stream */
	const char *sh;
	bool listen, keep, recv_fd;
};

static int
parse_type(void *at, const char *value, struct err *err)
{
	static const struct { const char *name; int type; } types[] = {
		{ "stream", SOCK_STREAM }, { "dgram", SOCK_DGRAM }, { "seqpacket", SOCK_SEQPACKET },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(value, types[i].name) == 0) {
			*(int *)at = types[i].type;
			return 0;
		}
	}
	return err_set(err, ERR_USAGE, 0, "is not stream, dgram or seqpacket");
}

/* Adds an open descriptor. */
static int
add_fd(void *at, const char *value, struct err *err)
{
	struct rights *rights = at;
	int64_t fd;

	if (!num_int(value, 0, INT32_MAX, &fd))
		return err_set(err, ERR_USAGE, 0, "is not the number of a descriptor");
	if (fcntl((int)fd, F_GETFD) < 0)
		return err_set(err, ERR_USAGE, 0, "is not open");
	if (rights->n == RIGHTS_MAX)
		return err_set(err, ERR_USAGE, 0, "is one more than the %d that one message takes", RIGHTS_MAX);
	rights->v[rights->n++] = (int)fd;
	return 0;
}

static const struct opt unix_opts[] = {
	OPT_FLAG('l', "listen", struct unix_verb_args, listen, "make the socket and listen, rather than connect"),
	OPT_PARSED(0, "type", "TYPE", struct unix_verb_args, type, parse_type, "stream (the default), dgram or seqpacket"),
	OPT_FLAG('k', "keep", struct unix_verb_args, keep, "with -l: serve many clients at once, until told to stop"),
	OPT_NEEDS("keep", "listen"),
	OPT_INT(0, "reply", "N", struct unix_verb_args, client.relay.replies, 1, INT_MAX, NULL,
	    "with --type dgram: end when stdin has and so many datagrams have come"),
	OPT_CONFLICT("reply", "listen"),
	OPT_FLAG('z', "probe", struct unix_verb_args, client.probe, "connect, send nothing, close"),
	OPT_CONFLICT("probe", "listen"),
	OPT_TEXT(0, "sh", "TEXT", struct unix_verb_args, sh, OPT_OFFER_NOTHING,
	    "join the connection, or each client, with TEXT, run by /bin/sh"),
	OPT_CONFLICT("sh", "probe"),
	OPT_REPEATED(0, "send-fd", "N", struct unix_verb_args, client.rights, add_fd,
	    "send this descriptor of ours with the first bytes; repeatable"),
	OPT_CONFLICT("send-fd", "listen"),
	OPT_CONFLICT("send-fd", "probe"),
	OPT_FLAG(0, "recv-fd", struct unix_verb_args, recv_fd,
	    "with -l and a program: run it with the descriptors that the client sends, as 3 and up"),
	OPT_NEEDS("recv-fd", "listen"),
	OPT_MS('w', "timeout", struct unix_verb_args, timeout_ms, 0, NULL,
	    "give up connecting after this, or when no client has come (default " TEXT(DIAL_TIMEOUT_S) "s to connect)"),
	OPT_HINT('U', "it is a Unix socket anyway"),
	OPT_HINT('u', "datagrams are --type dgram"),
	OPT_HINT('e', "a program is run by -- CMD ARG..."),
	OPT_HINT('c', "a shell command is run by --sh TEXT"),
	OPT_GROUP(struct unix_verb_args, client.dial, "Connecting", retry_opts),
	OPT_CONFLICT("listen", "retry"),
	OPT_CONFLICT("listen", "wait"),
	OPT_GROUP(struct unix_verb_args, server.file, "Unix sockets", unix_file_opts),
	OPT_NEEDS("mode", "listen"),
	OPT_NEEDS("group", "listen"),
	OPT_NEEDS("allow-uid", "listen"),
	OPT_GROUP(struct unix_verb_args, server, "Server", server_opts),
	OPT_NEEDS("first-byte", "listen"),
	OPT_NEEDS("drain", "keep"),
	OPT_NEEDS("ready-fd", "listen"),
	OPT_NEEDS("port-file", "listen"),
	OPT_NEEDS("run-as", "listen"),
	OPT_GROUP(struct unix_verb_args, server.limits, "Limits", total_limit_opts),
	OPT_NEEDS("max-conns", "keep"),
	OPT_GROUP(struct unix_verb_args, client.dial.sock, "Socket", unix_sock_opts),
	OPT_GROUP(struct unix_verb_args, client.relay, "Stream", relay_opts),
	OPT_GROUP(struct unix_verb_args, client.relay.frames, "Messages", frame_opts),
	OPT_GROUP(struct unix_verb_args, client.relay.frames, "Messages", local_frame_opts),
	OPT_GROUP(struct unix_verb_args, client.layers.record, "Seeing and pacing", record_opts),
	OPT_GROUP(struct unix_verb_args, client.layers.pace, "Seeing and pacing", rate_opts),
	OPT_GROUP(struct unix_verb_args, client.layers.pace, "Seeing and pacing", delay_opts),
	OPT_GROUP(struct unix_verb_args, client.transfer, "Seeing and pacing", progress_opts),
	OPT_CONFLICT("progress", "keep"),
	OPT_GROUP(struct unix_verb_args, client.transfer, "Run", transfer_opts),
	OPT_GROUP(struct unix_verb_args, words, "Words", words_opts),
	OPT_END
};

static int
connect_to(const struct cmd_call *call, const struct endpoint *ep, const struct unix_verb_args *args, struct err *err)
{
	struct client_args client = args->client;

	client.dial.timeout_ms = args->timeout_ms;
	client.dial.sock.type = args->type;
	client.sh = args->sh;
	return client_run(call, ep, &client, err);
}

static int
listen_at(const struct cmd_call *call, const struct endpoint *ep, const struct unix_verb_args *args, struct err *err)
{
	struct listening_args listening = { .server = args->server, .relay = args->client.relay,
	    .layers = args->client.layers, .transfer = args->client.transfer, .timeout_ms = args->timeout_ms,
	    .sh = args->sh, .keep = args->keep, .recv_fd = args->recv_fd };

	listening.server.sock = args->client.dial.sock;
	listening.server.sock.type = args->type;
	if (args->recv_fd && call->program == NULL && args->sh == NULL) {
		err_set(err, ERR_USAGE, 0, "needs a program that gets them: -- CMD or --sh TEXT");
		return err_at(err, STAGE_USAGE, "--recv-fd");
	}
	return listening_run(call, ep, &listening, err);
}

static int
unix_run(const struct cmd_call *call, struct err *err)
{
	const struct unix_verb_args *args = call->args;
	const char *path = call->n_operands > 0 ? call->operands[0] : "";
	struct endpoint ep;

	if (call->n_operands != 1) {
		err_set(err, ERR_USAGE, 0, "%s; usage: sockt unix [OPTION]... %s",
		    call->n_operands == 0 ? "no path given" : "too many operands", cmd_unix.operands);
		err->stage = STAGE_USAGE;
		return -1;
	}
	if (endpoint_path(&ep, path, err) < 0)
		return -1;
	if (args->listen && path[0] == '@')
		log_warning(call->log, path, "an abstract name has no permissions: every process on this network may use it");
	return args->listen ? listen_at(call, &ep, args, err) : connect_to(call, &ep, args, err);
}

const struct cmd cmd_unix = {
	.name = "unix",
	.operands = "PATH | @NAME [-- CMD ARG...]",
	.summary = "connect to a Unix socket, or listen at one",
	.opts = unix_opts,
	.takes_program = true,
	.args_size = sizeof(struct unix_verb_args),
	.run = unix_run,
};
