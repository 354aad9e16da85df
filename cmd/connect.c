/*
 * sockt connect: stdin and stdout relayed over a connection, or only the question whether there is one.
 */
#include "cmd/cmd.h"

#include "cmd/options.h"
#include "cmd/session.h"
#include "cmd/talk.h"
#include "lib/base/fd.h"
#include "lib/net/dial.h"
#include "lib/service/relay.h"
#include "lib/wire/endpoint.h"

struct connect_args {
	struct words_args words;	/* first */
	struct dial_args dial;
	struct relay_args relay;
	struct transfer_args transfer;
	bool probe;
};

static const struct opt connect_opts[] = {
	OPT_FLAG('z', "probe", struct connect_args, probe, "connect, send nothing, close"),
	OPT_HINT('l', "to listen there is sockt listen"),
	OPT_HINT('p', "a port of our own is -s ADDR:PORT, and the peer's is an operand"),
	OPT_HINT('u', "there is no UDP yet"),
	OPT_GROUP(struct connect_args, dial.names, "Addresses", family_opts),
	OPT_GROUP(struct connect_args, dial, "Connecting", dial_opts),
	OPT_GROUP(struct connect_args, dial.sock, "Socket", connect_sock_opts),
	OPT_GROUP(struct connect_args, relay, "Stream", relay_opts),
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

static int
connect_run(const struct cmd_call *call, struct err *err)
{
	const struct connect_args *args = call->args;
	struct session session;
	struct endpoint ep;
	char name[sizeof(err->object)];
	int fd = -1, rc = -1;

	if (cmd_endpoint(&cmd_connect, call, ENDPOINT_CONNECT, &ep, err) < 0 || check_fastopen(args, err) < 0)
		return -1;
	sockopt_say_ignored(&args->dial.sock.options, call->log);
	rc = session_open(&session, STAGE_CONNECT, args->transfer.max_ms, err);
	if (rc == 0 && (fd = dial_and_wait(&session, &ep, &args->dial, call->log, err)) < 0)
		rc = -1;
	if (rc == 0 && !args->probe) {
		rc = talk(&session, fd, endpoint_name(&ep, name, sizeof(name)), &args->relay, args->transfer.stats,
		    call->log, err);
		fd = -1;		/* talk took it */
	}
	fd_close(&fd);
	session_close(&session);
	return rc;
}

const struct cmd cmd_connect = {
	.name = "connect",
	.operands = "HOST PORT | HOST:PORT | [V6]:PORT | tcp://HOST:PORT | unix:PATH | vsock:CID:PORT",
	.summary = "relay stdin and stdout over a connection",
	.opts = connect_opts,
	.args_size = sizeof(struct connect_args),
	.run = connect_run,
};
