/*
 * Server: the one accept loop under every server. Opens the listener, says when it is ready, hands over clients,
 * and knows how many there may be. It never spins: at the limit, or short of descriptors, the listener is left alone
 * until there is room.
 */
#ifndef SOCKT_SERVICE_SERVER_H
#define SOCKT_SERVICE_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/event/loop.h"
#include "lib/net/addr.h"
#include "lib/net/resolve.h"
#include "lib/net/sock.h"
#include "lib/wire/endpoint.h"

struct server_args {
	struct sock_args sock;	/* of the listener, and so of its clients */
	int64_t max_conns;	/* clients at once; OPT_UNSET: what the descriptors allow */
	int64_t drain_ms;	/* how long clients have to end when the server is asked to stop */
	int64_t ready_fd;	/* gets a line a socket when listening, and is closed; OPT_UNSET: none */
	const char *port_file;	/* the same, by rename; NULL: none */
};

/* Whom the server calls; never from within server_start(). */
struct server_calls {
	void (*client)(void *arg, int fd, const struct addr *peer);	/* fd is the callee's */
	void (*failed)(void *arg, const struct err *err);		/* it does not listen, or cannot say so */
};

struct server;

/*
 * Resolves, listens, gets ready, accepts. names, args, calls and log are borrowed until server_free(). Returns NULL
 * and err without memory.
 */
struct server *server_start(struct loop *loop, const struct endpoint *ep, const struct resolve_args *names,
	    const struct server_args *args, const struct server_calls *calls, void *arg, const struct log *log,
	    struct err *err);

/* A client that was handed over has gone: its place is free. */
void	server_client_gone(struct server *s);

/* Closes the listener. Clients that were handed over stay with their owners. */
void	server_stop(struct server *s);

void	server_free(struct server *s);		/* NULL is fine */

#endif
