/*
 * Listening: clients joined with the standard streams, with a program each, or with a target each. What `listen` and
 * `unix -l` have in common.
 */
#ifndef SOCKT_CMD_LISTENING_H
#define SOCKT_CMD_LISTENING_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/cmd.h"
#include "cmd/options.h"
#include "lib/net/dial.h"
#include "lib/net/layers.h"
#include "lib/net/multicast.h"
#include "lib/net/resolve.h"
#include "lib/service/relay.h"
#include "lib/service/server.h"
#include "lib/wire/endpoint.h"

#define LISTENING_IDLE_S 60	/* when a program's peer of datagrams counts as gone, by default */

struct listening_args {
	struct resolve_args names;
	struct server_args server;
	struct dial_args dial;
	struct relay_args relay;
	struct layers_args layers;
	struct transfer_args transfer;
	struct multicast groups;
	int64_t timeout_ms;
	const char *sh;
	const char *to;
	bool to_fail_rst;
	bool keep;
	bool recv_fd;		/* programs get the descriptors that their client sends */
};

/*
 * Does it, from the checks that no table can make to the last word. ep may be empty, for LISTEN_FDS to say; the kind of
 * ep and server.sock.type decide what kind of socket it is. Returns 0, or -1 and err.
 */
int	listening_run(const struct cmd_call *call, const struct endpoint *ep, const struct listening_args *args,
	    struct err *err);

#endif
