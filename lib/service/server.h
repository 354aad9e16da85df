/*
 * Server: the one accept loop under every server. Opens the listener, says when it is ready, lets in whom the limits
 * allow, hands clients to a service, and knows when the last has gone. It never spins: short of descriptors, the
 * listener is left alone until there are some.
 *
 * With several workers there is a server for each, on a loop and in a thread of its own: the first, by server_start(),
 * opens the sockets of all, and owns the limits that they share.
 */
#ifndef SOCKT_SERVICE_SERVER_H
#define SOCKT_SERVICE_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/event/loop.h"
#include "lib/net/addr.h"
#include "lib/net/dgram.h"
#include "lib/net/layers.h"
#include "lib/net/multicast.h"
#include "lib/net/resolve.h"
#include "lib/net/sock.h"
#include "lib/net/unix.h"
#include "lib/service/limits.h"
#include "lib/wire/endpoint.h"

/* The options of a server. */
struct server_args {
	struct sock_args sock;	/* of the listener, and so of its clients */
	struct unix_args file;	/* of a Unix socket */
	struct limits_args limits;
	int64_t first_byte_ms;	/* the first thing a client says must be complete by then; OPT_UNSET: no limit */
	int64_t drain_ms;	/* how long clients have to end when the server is asked to stop */
	int64_t ready_fd;	/* gets a line a socket when listening, and is closed; OPT_UNSET: none */
	const char *port_file;	/* the same, by rename; NULL: none */
	const char *run_as;	/* NAME[:GROUP] to become once listening; NULL: stay */
};

struct server;

/* One client: from accept until server_conn_close(). */
struct server_conn {
	int fd;			/* non-blocking; the service's to close, after server_conn_report(); -1: it is */
	struct stream *stream;	/* where there is no descriptor: of a peer that sends datagrams; as fd */
	struct addr peer;
	int64_t began_us;
	void *client;		/* the service's */
	/* the server's own */
	struct server *server;
	struct source *source;
	struct loop_timer timer;
	struct addr local;	/* with stream: which address of ours it sends to */
	bool may_be_silent;	/* it has spoken, or need not */
	bool reported;
};

/* What is done with clients. All calls come from the loop. */
struct service {
	/* Takes a client and its descriptor over; it may be closed from within. */
	void (*add)(void *service, struct server_conn *conn);
	/* Has it said its first thing, as far as first_byte_ms asks? */
	bool (*has_spoken)(const struct server_conn *conn);
	/* Ends it: its time is up, for that reason. */
	void (*drop)(struct server_conn *conn, const char *reason);
	/*
	 * Nobody new comes: let those that are there end. NULL: they do so by themselves. A service with open() finishes
	 * what it has, and says server_drained() when nothing is left; NULL: it has nothing.
	 */
	void (*drain)(void *service);
	/*
	 * Instead of all of these but drain, for sockets of datagrams: takes the bound socket fd, borrowed, on which it
	 * hears whom server_hears() lets it, and answers. Returns 0, or -1 and err. NULL: everybody who sends is a client
	 * with a stream (mux.h), until idle.
	 */
	int (*open)(void *service, struct server *server, int fd, const struct addr *local, struct err *err);
};

/* What a verb decides about its server. Everything is borrowed until server_free(). */
struct server_setup {
	struct endpoint ep;
	const struct resolve_args *names;
	const struct server_args *args;
	const struct service *service;
	const struct multicast *groups;	/* for sockets of datagrams to join; NULL: none */
	int64_t max_ms;		/* the longest life of a client; OPT_UNSET or 0: no limit */
	size_t workers;		/* at least 1 */
	size_t fds_each;	/* how many descriptors a client takes */
	bool once;		/* one client, and then it is over */
	bool drains;		/* told to stop, it lets the clients end; otherwise it is over at once */
	bool speaks_lines;	/* who is refused may be told so in a line */
	bool stats;
	const struct log *log;
};

/* Whom the server calls; never from within server_start(). */
struct server_calls {
	/* The sockets are open, and nobody was accepted yet. -1 and err: do not go on. NULL is fine. */
	int (*listening)(void *arg, struct err *err);
	void (*client)(void *arg);	/* somebody was let in. NULL is fine */
	/* It is over: drained, or with once its client has gone, or it cannot go on. err NULL: in order. */
	void (*over)(void *arg, const struct err *err);
};

/* How a client's connection ended. */
struct server_end {
	uint64_t sent, received;
	const char *reason;	/* why it was not in order; NULL: it was */
	const struct err *err;	/* the verdict of a server with once; NULL: all well */
};

/*
 * Resolves, listens, gets ready, accepts, and calls setup's service with instance. loop, setup, calls and instance are
 * borrowed until server_free(). Returns NULL and err without memory, or when the limits' files are no good.
 */
struct server *server_start(struct loop *loop, const struct server_setup *setup, void *instance,
	    const struct server_calls *calls, void *arg, struct err *err);

/*
 * The server of worker i, 1 to workers - 1, on its own loop; from first's call of listening on, and until first is
 * freed. To be called in the worker's thread; NULL and err without memory.
 */
struct server *server_join(struct server *first, size_t i, struct loop *loop, void *instance,
	    const struct server_calls *calls, void *arg, struct err *err);

/*
 * The client has gone, and its descriptor is about to be closed: says so on the log. For a service that keeps the place
 * for longer; server_conn_close() does it otherwise.
 */
void	server_conn_report(struct server_conn *conn, const struct server_end *end);

/* Reports, gives the client's place back and frees conn. The last to go may end a server that drains. */
void	server_conn_close(struct server_conn *conn, const struct server_end *end);

/* The address of ours that the client came to; before its stream is taken. */
void	server_conn_local(const struct server_conn *conn, struct addr *local);

/*
 * The client's stream, with its layers, which takes over what it has: a descriptor, or a stream. NULL and err without
 * memory: then that is closed.
 */
struct stream *server_conn_stream(struct server_conn *conn, struct layers *layers, struct err *err);

/* The service cannot take the client, for that reason: resets it, unless conn->fd is -1, and closes conn. */
void	server_conn_reject(struct server_conn *conn, const struct err *err);

/*
 * This came: may it be heard, as far as the limits say? Counts as a client that comes and goes with it, and as its
 * request. For services that have open().
 */
bool	server_hears(struct server *s, const struct dgram *d);

/* The client makes a request: limits_request() of its source. */
int64_t	server_conn_request(struct server_conn *conn);

/* Lets nobody in any more, and is over when the last client has gone, or after drain_ms. */
void	server_drain(struct server *s);

/* A service with open() that was told to drain has nothing left. */
void	server_drained(struct server *s);

/* Says on the log how many clients there are, and were. */
void	server_say_counts(const struct server *s);

/* Writes what the server listens on as one word for messages: what was asked for, or LISTEN_FDS. Returns out. */
const char *server_name(const struct server_setup *setup, char *out, size_t size);

/* Closes the listener. The service has closed every client before. NULL is fine. */
void	server_free(struct server *s);

#endif
