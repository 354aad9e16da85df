/*
 * Client: one connection that we open, and what is done with it: a question whether there is one, the standard streams,
 * or a program. What `connect` and `unix` have in common.
 */
#ifndef SOCKT_CMD_CLIENT_H
#define SOCKT_CMD_CLIENT_H

#include <stdbool.h>

#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/session.h"
#include "lib/net/dial.h"
#include "lib/net/layers.h"
#include "lib/net/rights.h"
#include "lib/service/relay.h"
#include "lib/wire/endpoint.h"

#define CLIENT_PROBE_MS 1000	/* how long UDP is listened to for a refusal, by default */

struct client_args {
	struct dial_args dial;
	struct relay_args relay;
	struct layers_args layers;
	struct transfer_args transfer;
	struct rights rights;		/* to be sent over a Unix socket */
	const char *sh;
	bool probe;
};

/*
 * Does it, from the checks that no table can make to the last word. The kind of ep and dial.sock.type decide what kind
 * of socket it is. Returns 0, or -1 and err.
 */
int	client_run(const struct cmd_call *call, const struct endpoint *ep, const struct client_args *args,
	    struct err *err);

/* Dials and waits for it. Returns an open descriptor and *peer, which may be NULL, or -1 and err. */
int	client_dial(struct session *session, const struct endpoint *ep, const struct dial_args *args,
	    const struct log *log, struct addr *peer, struct err *err);

#endif
