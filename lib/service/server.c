/*
 * Server: see server.h.
 */
#include "lib/service/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/base/opts.h"
#include "lib/net/activation.h"
#include "lib/net/listener.h"
#include "lib/net/privilege.h"
#include "lib/net/sock.h"
#include "lib/service/ready.h"
#include "lib/service/refusal.h"
#include "lib/service/stats.h"

#define RESERVE		16	/* descriptors that are not for clients: our own, and a few for what comes up */
#define ACCEPTS_MAX	64	/* in one turn; then it is the clients' */
#define SHORTAGE_MS	250	/* nobody tells when the system has descriptors again: look after this */
#define REFUSAL		"Server full, try again later\n"

enum server_state {
	SERVER_STARTING, SERVER_ACCEPTING,
	SERVER_FULL,		/* as many clients as the descriptors allow */
	SERVER_SHORT,		/* the system has no descriptors or memory for the next */
	SERVER_STOPPED,		/* listens no more */
	SERVER_OVER		/* and has said so */
};

/* One listening socket's watch. */
struct door {
	struct server *server;
	int fd;
	struct loop_io io;
};

struct server {
	struct loop *loop;
	const struct server_setup *setup;
	const struct server_calls *calls;
	void *arg, *instance;

	enum server_state state;
	struct resolver *resolver;
	struct loop_timer start, shortage, drain;
	struct listener listener;
	struct door doors[LISTENER_MAX];	/* doors[i] is for listener.v[i] */
	size_t n_clients, max_clients;
	bool was_short;			/* of descriptors, and nobody was accepted since */
	struct refusals *refusals;
	struct limits *limits;		/* the first server's */
	struct privilege privilege;
	struct listener *spare;		/* the first has the other workers' sockets: spare[i - 1] is worker i's */
	bool first;
	bool inherited;			/* the listener, from a service manager */
};

/* ---- the end ---- */

/* Listens no more. */
static void
server_stop(struct server *s)
{
	if (s->state < SERVER_STOPPED)
		s->state = SERVER_STOPPED;
	resolve_cancel(&s->resolver);
	loop_timer_stop(&s->start);
	loop_timer_stop(&s->shortage);
	for (size_t i = 0; i < s->listener.n; i++)
		loop_io_stop(&s->doors[i].io);
	listener_close(&s->listener);
}

static void
server_over(struct server *s, const struct err *err)
{
	if (s->state == SERVER_OVER)
		return;
	server_stop(s);
	loop_timer_stop(&s->drain);
	s->state = SERVER_OVER;
	s->calls->over(s->arg, err);
}

/* ---- accepting ---- */

static void
want_clients(struct server *s, bool yes)
{
	for (size_t i = 0; i < s->listener.n; i++)
		loop_io_want(&s->doors[i].io, yes ? LOOP_READ : 0);
}

static void
pause_accepting(struct server *s, enum server_state state, const char *reason)
{
	char name[ADDR_NAME_MAX];

	want_clients(s, false);
	if (!s->was_short)
		log_accepting_paused(s->setup->log, addr_name(&s->listener.v[0].addr, name, sizeof(name)), reason);
	s->was_short |= state == SERVER_SHORT;
	s->state = state;
}

static void
say_accepting(const struct server *s)
{
	char name[ADDR_NAME_MAX];

	log_accepting_again(s->setup->log, addr_name(&s->listener.v[0].addr, name, sizeof(name)));
}

static void
accept_again(struct server *s)
{
	if ((s->state != SERVER_FULL && s->state != SERVER_SHORT) || s->n_clients >= s->max_clients)
		return;
	loop_timer_stop(&s->shortage);
	if (s->state == SERVER_FULL)
		say_accepting(s);
	s->state = SERVER_ACCEPTING;
	want_clients(s, true);
}

static void
on_shortage_over(void *arg)
{
	accept_again(arg);
}

/* ---- one client ---- */

static int64_t
max_deadline(const struct server_conn *conn)
{
	int64_t max_ms = conn->server->setup->max_ms;

	return max_ms > 0 ? conn->began_us / 1000 + max_ms : CLOCK_NEVER;
}

static int64_t
first_byte_deadline(const struct server_conn *conn)
{
	return conn->may_be_silent ? CLOCK_NEVER :
	    conn->began_us / 1000 + conn->server->setup->args->first_byte_ms;
}

static void
conn_set_timer(struct server_conn *conn)
{
	int64_t max = max_deadline(conn), first = first_byte_deadline(conn);

	loop_timer_set(&conn->timer, max < first ? max : first);
}

static void
on_conn_timer(void *arg)
{
	struct server_conn *conn = arg;
	const struct service *service = conn->server->setup->service;

	if (clock_ms() >= max_deadline(conn)) {
		service->drop(conn, "its time is up (-m)");
	} else if (clock_ms() >= first_byte_deadline(conn) && !service->has_spoken(conn)) {
		service->drop(conn, "it said nothing in time (--first-byte)");
	} else {
		conn->may_be_silent |= clock_ms() >= first_byte_deadline(conn);
		conn_set_timer(conn);
	}
}

static void
refuse(struct server *s, int fd, const struct addr *peer, enum limits_verdict verdict)
{
	bool tell = s->setup->speaks_lines && verdict != LIMITS_DENIED && verdict != LIMITS_BANNED;
	char name[ADDR_NAME_MAX];

	if (s->setup->log->level >= LOG_VERBOSE)
		log_refused(s->setup->log, addr_name(peer, name, sizeof(name)), limits_reason(verdict));
	if (tell)
		refusals_tell(s->refusals, fd, REFUSAL);
	else
		fd_close(&fd);
}

/* Lets a client in that the limits allow. */
static void
admit(struct server *s, int fd, const struct addr *peer, struct source *source)
{
	const struct server_setup *setup = s->setup;
	struct server_conn *conn = malloc(sizeof(*conn));
	char name[ADDR_NAME_MAX], local_name[ADDR_NAME_MAX];
	struct addr local;
	struct err err;

	if (conn == NULL) {
		limits_leave(s->limits, source);
		sock_reset(&fd);
		err_set(&err, ERR_LIMIT, ENOMEM, "%s", "");
		if (setup->once)
			server_over(s, &err);
		else
			log_dropped(setup->log, addr_name(peer, name, sizeof(name)), err.text);
		return;
	}
	*conn = (struct server_conn){ .fd = fd, .peer = *peer, .began_us = clock_us(), .server = s, .source = source,
	    .may_be_silent = setup->args->first_byte_ms <= 0 };
	s->n_clients++;
	if (setup->log->level >= LOG_VERBOSE) {
		sock_local(fd, &local);
		log_accepted(setup->log, addr_name(peer, name, sizeof(name)),
		    addr_name(&local, local_name, sizeof(local_name)));
	}
	loop_timer_init(&conn->timer, s->loop, on_conn_timer, conn);
	if (setup->max_ms > 0 || !conn->may_be_silent)
		conn_set_timer(conn);
	if (setup->once)
		server_stop(s);
	if (s->calls->client != NULL)
		s->calls->client(s->arg);
	setup->service->add(s->instance, conn);
}

static void
let_in(struct server *s, int fd, const struct addr *peer)
{
	struct source *source;
	enum limits_verdict verdict = limits_enter(s->limits, peer, &source);

	if (s->was_short)
		say_accepting(s);
	s->was_short = false;
	if (verdict == LIMITS_OK)
		admit(s, fd, peer, source);
	else
		refuse(s, fd, peer, verdict);
}

/* It may have come before the listener was ours, and not have inherited what that was given. */
static void
tune(const struct server *s, int fd, const struct addr *peer)
{
	struct err err;

	sock_tune(fd, addr_family(peer));
	sockopt_set(&s->setup->args->sock.options, fd, addr_family(peer), STAGE_LISTEN, &err);	/* as far as it goes */
}

static void
on_listener_ready(void *arg, unsigned ready)
{
	struct door *door = arg;
	struct server *s = door->server;
	struct addr peer;
	int fd;

	(void)ready;
	for (int n = 0; n < ACCEPTS_MAX && s->state == SERVER_ACCEPTING; n++) {
		if ((fd = listener_accept(door->fd, &s->setup->args->sock, &peer)) >= 0) {
			if (s->inherited)
				tune(s, fd, &peer);
			let_in(s, fd, &peer);		/* which may have stopped us */
			if (s->state == SERVER_ACCEPTING && s->n_clients >= s->max_clients)
				pause_accepting(s, SERVER_FULL, "no descriptors for more");
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		} else if (!listener_is_transient(errno)) {
			/* EMFILE, ENFILE, ENOBUFS, ENOMEM, or what we do not know: wait rather than spin. */
			pause_accepting(s, SERVER_SHORT, strerror(errno));
			loop_timer_set(&s->shortage, clock_ms() + SHORTAGE_MS);
		}
	}
}

void
server_conn_report(struct server_conn *conn, const struct server_end *end)
{
	const struct server_setup *setup = conn->server->setup;
	char name[ADDR_NAME_MAX], reason[sizeof(end->err->object) + sizeof(end->err->text) + 2];
	const char *why = end->reason;
	int64_t took_us;

	if (conn->reported ||
	    (!setup->stats && setup->log->level < LOG_VERBOSE && (end->reason == NULL || setup->once)))
		return;
	conn->reported = true;
	took_us = clock_us() - conn->began_us;
	addr_name(&conn->peer, name, sizeof(name));
	/* Not the client, but its program or target failed. */
	if (why != NULL && end->err != NULL && end->err->object[0] != '\0' && strcmp(end->err->object, name) != 0) {
		snprintf(reason, sizeof(reason), "%s: %s", end->err->object, why);
		why = reason;
	}
	if (setup->stats)
		stats_say(setup->log, name, conn->fd, end->sent, end->received, took_us);
	if (why != NULL && !setup->once)	/* with once it is the verdict */
		log_dropped(setup->log, name, why);
	log_client_gone(setup->log, name, end->sent, end->received, took_us, why);
}

void
server_conn_close(struct server_conn *conn, const struct server_end *end)
{
	struct server *s = conn->server;
	const struct server_setup *setup = s->setup;
	char name[ADDR_NAME_MAX];
	struct err verdict = ERR_EMPTY;

	server_conn_report(conn, end);
	loop_timer_stop(&conn->timer);
	limits_leave(s->limits, conn->source);
	if (end->err != NULL) {
		verdict = *end->err;
		err_at(&verdict, STAGE_TRANSFER, addr_name(&conn->peer, name, sizeof(name)));
	}
	free(conn);
	s->n_clients--;
	if (setup->once)
		server_over(s, end->err != NULL ? &verdict : NULL);
	else if (s->state == SERVER_STOPPED && s->n_clients == 0)
		server_over(s, NULL);
	else
		accept_again(s);
}

struct stream *
server_conn_stream(struct server_conn *conn, struct layers *layers, struct err *err)
{
	char name[ADDR_NAME_MAX];
	struct stream *s = layers_socket(layers, conn->fd, addr_name(&conn->peer, name, sizeof(name)), err);

	if (s == NULL)
		conn->fd = -1;
	return s;
}

void
server_conn_reject(struct server_conn *conn, const struct err *err)
{
	const struct server_end end = { .reason = err->text, .err = err };
	int fd = conn->fd;

	server_conn_close(conn, &end);
	sock_reset(&fd);
}

int64_t
server_conn_request(struct server_conn *conn)
{
	return limits_request(conn->server->limits, conn->source);
}

/* ---- start ---- */

/* How many clients the descriptors allow. */
static size_t
clients_allowed(const struct server_setup *setup)
{
	size_t n = fd_limit_raise();

	n = n > RESERVE ? (n - RESERVE) / setup->fds_each / setup->workers : 0;
	return n > 0 ? n : 1;
}

/* Everything is open: accepts. */
static void
server_accept(struct server *s)
{
	for (size_t i = 0; i < s->listener.n; i++) {
		struct door *door = &s->doors[i];
		door->server = s;
		door->fd = s->listener.v[i].fd;
		loop_io_init(&door->io, s->loop, door->fd, on_listener_ready, door);
	}
	s->state = SERVER_ACCEPTING;
	want_clients(s, true);
}

/* The sockets of the other workers, on the addresses that the first has got. */
static int
open_spares(struct server *s, struct err *err)
{
	for (size_t i = 0; i + 1 < s->setup->workers; i++) {
		if ((s->inherited ? listener_dup(&s->spare[i], &s->listener, err) :
		    listener_share(&s->spare[i], &s->listener, &s->setup->args->sock, err)) < 0)
			return -1;
	}
	return 0;
}

/* Becomes whom --run-as names. */
static int
become(const struct server *s, struct err *err)
{
	if (s->setup->args->run_as == NULL || privilege_drop(&s->privilege, err) == 0)
		return 0;
	return err_at(err, STAGE_LISTEN, "--run-as");
}

/*
 * The listener is open. In this order: who asked for a file gets it as root could write it; privileges go before the
 * first byte of a peer's; and nobody hears that we are ready before all that has worked.
 */
static int
get_ready(struct server *s, struct err *err)
{
	const struct server_args *args = s->setup->args;

	if (open_spares(s, err) < 0)
		return -1;
	if (args->port_file != NULL && ready_port_file(&s->listener, args->port_file, err) < 0)
		return -1;
	if (become(s, err) == 0 && (s->calls->listening == NULL || s->calls->listening(s->arg, err) == 0) &&
	    ready_say(&s->listener, (int)args->ready_fd, s->setup->log, err) == 0)
		return 0;
	if (args->port_file != NULL)
		unlink(args->port_file);
	return -1;
}

static void
server_opened(struct server *s)
{
	struct err err;

	if (get_ready(s, &err) < 0)
		server_over(s, &err);
	else
		server_accept(s);
}

static void
server_listen(struct server *s, struct addr_list *addrs)
{
	const struct server_setup *setup = s->setup;
	bool dual_stack = setup->ep.host[0] == '\0' && !setup->names->only_v6;
	struct err err;
	int rc = listener_open(&s->listener, addrs, dual_stack, setup->workers > 1, &setup->args->sock, &err);

	addr_list_free(addrs);
	if (rc < 0)
		server_over(s, &err);
	else
		server_opened(s);
}

static void
on_resolved(void *arg, struct addr_list *list, const struct err *err)
{
	struct server *s = arg;

	s->resolver = NULL;
	if (err != NULL)
		server_over(s, err);
	else
		server_listen(s, list);
}

/* Was an address given, or is it for LISTEN_FDS to say? */
static bool
is_given(const struct server_setup *setup)
{
	return setup->ep.kind != ENDPOINT_TCP || setup->ep.port[0] != '\0';
}

/* Sockets came from a service manager: sets what was asked for on them too. */
static void
server_adopt(struct server *s)
{
	const struct server_setup *setup = s->setup;
	char name[320];
	struct err err;

	if (is_given(setup))
		log_ignored(setup->log, endpoint_name(&setup->ep, name, sizeof(name)),
		    "the sockets are those that came in LISTEN_FDS");
	for (size_t i = 0; i < s->listener.n; i++) {
		if (sockopt_set(&setup->args->sock.options, s->listener.v[i].fd,
		    addr_family(&s->listener.v[i].addr), STAGE_LISTEN, &err) < 0) {
			server_over(s, &err);
			return;
		}
	}
	server_opened(s);
}

static void
on_start(void *arg)
{
	struct server *s = arg;
	const struct server_setup *setup = s->setup;
	struct addr_list list = ADDR_LIST_EMPTY;
	struct err err;
	int rc;

	if ((setup->args->run_as != NULL && privilege_find(&s->privilege, setup->args->run_as, &err) < 0) ||
	    activation_take(&s->listener, &s->inherited, &err) < 0) {
		server_over(s, &err);
		return;
	}
	if (s->inherited) {
		server_adopt(s);
		return;
	}
	if (!is_given(setup)) {
		err_set(&err, ERR_USAGE, 0, "no address given, and LISTEN_FDS names no sockets");
		server_over(s, &err);
		return;
	}
	rc = resolve_start(s->loop, &setup->ep, setup->names, on_resolved, s, &list, &s->resolver, &err);
	if (rc < 0)
		server_over(s, &err);
	else if (rc == 0)
		server_listen(s, &list);
}

static void
on_drained(void *arg)
{
	server_over(arg, NULL);
}

static struct server *
server_new(struct loop *loop, const struct server_setup *setup, void *instance, const struct server_calls *calls,
    void *arg, struct err *err)
{
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->refusals = refusals_new(loop)) == NULL) {
		free(s);
		err_set(err, ERR_LIMIT, ENOMEM, "server");
		return NULL;
	}
	s->loop = loop;
	s->setup = setup;
	s->calls = calls;
	s->arg = arg;
	s->instance = instance;
	s->listener = LISTENER_EMPTY;
	loop_timer_init(&s->start, loop, on_start, s);
	loop_timer_init(&s->shortage, loop, on_shortage_over, s);
	loop_timer_init(&s->drain, loop, on_drained, s);
	return s;
}

struct server *
server_start(struct loop *loop, const struct server_setup *setup, void *instance, const struct server_calls *calls,
    void *arg, struct err *err)
{
	struct server *s = server_new(loop, setup, instance, calls, arg, err);

	if (s == NULL)
		return NULL;
	s->first = true;
	s->max_clients = clients_allowed(setup);
	if (setup->workers > 1 && (s->spare = calloc(setup->workers - 1, sizeof(*s->spare))) == NULL)
		err_set(err, ERR_LIMIT, ENOMEM, "server");
	else
		s->limits = limits_new(&setup->args->limits, err);
	if (s->limits == NULL) {
		server_free(s);
		return NULL;
	}
	loop_timer_set(&s->start, clock_ms());
	return s;
}

struct server *
server_join(struct server *first, size_t i, struct loop *loop, void *instance, const struct server_calls *calls,
    void *arg, struct err *err)
{
	struct server *s = server_new(loop, first->setup, instance, calls, arg, err);

	if (s == NULL)
		return NULL;
	s->limits = first->limits;
	s->max_clients = first->max_clients;
	s->inherited = first->inherited;
	s->listener = first->spare[i - 1];
	first->spare[i - 1] = LISTENER_EMPTY;
	server_accept(s);
	return s;
}

/* ---- outside ---- */

void
server_drain(struct server *s)
{
	const struct server_setup *setup = s->setup;
	struct err err;

	server_stop(s);
	if (s->first && activation_notify("STOPPING=1", &err) < 0)
		log_hint(setup->log, err.object, err.text);
	if (s->n_clients == 0 || !setup->drains) {
		server_over(s, NULL);
		return;
	}
	log_draining(setup->log, s->n_clients, setup->args->drain_ms);
	loop_timer_set(&s->drain, clock_deadline(setup->args->drain_ms));
	if (setup->service->drain != NULL)
		setup->service->drain(s->instance);
}

void
server_say_counts(const struct server *s)
{
	struct limits_counts counts = limits_counts(s->limits);

	log_counts(s->setup->log, counts.now, counts.most, counts.accepted, counts.refused);
}

const char *
server_name(const struct server_setup *setup, char *out, size_t size)
{
	if (is_given(setup))
		return endpoint_name(&setup->ep, out, size);
	snprintf(out, size, "LISTEN_FDS");
	return out;
}

void
server_free(struct server *s)
{
	if (s == NULL)
		return;
	server_stop(s);
	loop_timer_stop(&s->drain);
	refusals_free(s->refusals);
	if (s->first) {
		for (size_t i = 0; s->spare != NULL && i + 1 < s->setup->workers; i++)
			listener_close(&s->spare[i]);
		free(s->spare);
		limits_free(s->limits);
		privilege_free(&s->privilege);
	}
	free(s);
}
