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
#include "lib/service/doors.h"
#include "lib/service/ready.h"
#include "lib/service/refusal.h"
#include "lib/service/stats.h"

#define RESERVE		16	/* descriptors that are not for clients: our own, and a few for what comes up */
#define REFUSAL		"Server full, try again later\n"
#define NOT_ALLOWED	"its user is not allowed (--allow-uid)"

enum server_state {
	SERVER_STARTING, SERVER_ACCEPTING,
	SERVER_STOPPED,		/* listens no more */
	SERVER_OVER		/* and has said so */
};

struct server {
	struct loop *loop;
	const struct server_setup *setup;
	const struct server_calls *calls;
	void *arg, *instance;

	enum server_state state;
	struct resolver *resolver;
	struct loop_timer start, drain;
	struct listener listener;
	struct doors *doors;
	size_t n_clients, max_clients;
	struct refusals *refusals;
	struct limits *limits;		/* the first server's */
	struct privilege privilege;
	struct listener *spare;		/* the first has the other workers' sockets: spare[i - 1] is worker i's */
	bool first;
	bool inherited;			/* the listener, from a service manager */
	bool heard;			/* a service of datagrams has been told of a first one */
};

static bool
has_datagrams(const struct server *s)
{
	return sock_type(&s->setup->args->sock) == SOCK_DGRAM;
}

/* ---- the end ---- */

/* Lets nobody in any more. Datagrams of those who are there come to the same sockets, which stay until the end. */
static void
server_stop(struct server *s)
{
	if (s->state < SERVER_STOPPED)
		s->state = SERVER_STOPPED;
	resolve_cancel(&s->resolver);
	loop_timer_stop(&s->start);
	doors_close(s->doors);
	if (!has_datagrams(s))
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
	bool tell = fd >= 0 && s->setup->speaks_lines && verdict != LIMITS_DENIED && verdict != LIMITS_BANNED;
	char name[ADDR_NAME_MAX];

	if (s->setup->log->level >= LOG_VERBOSE)
		log_refused(s->setup->log, addr_name(peer, name, sizeof(name)), limits_reason(verdict));
	if (tell)
		refusals_tell(s->refusals, fd, REFUSAL);
	else
		fd_close(&fd);
}

/* Says who has come, at -v; of a Unix socket's client also what the system knows. */
static void
say_accepted(const struct server_conn *conn)
{
	const struct log *log = conn->server->setup->log;
	char name[ADDR_NAME_MAX], local_name[ADDR_NAME_MAX];
	struct unix_peer who;
	struct addr local;

	if (log->level < LOG_VERBOSE)
		return;
	server_conn_local(conn, &local);
	addr_name(&conn->peer, name, sizeof(name));
	log_accepted(log, name, addr_name(&local, local_name, sizeof(local_name)));
	if (addr_family(&conn->peer) == AF_UNIX && unix_peer(conn->fd, &who))
		log_peer(log, name, who.pid, who.uid, who.gid);
}

/* Lets a guest in that the limits allow. */
static void
admit(struct server *s, const struct guest *guest, struct source *source)
{
	const struct server_setup *setup = s->setup;
	struct server_conn *conn = calloc(1, sizeof(*conn));
	bool of_datagrams = guest->fd < 0;
	char name[ADDR_NAME_MAX];
	int fd = guest->fd;
	struct err err;

	err_set(&err, ERR_LIMIT, ENOMEM, "%s", "");
	if (conn == NULL || (of_datagrams && (conn->stream = mux_accept(guest->mux, guest->first, &err)) == NULL)) {
		free(conn);
		limits_leave(s->limits, source);
		sock_reset(&fd);
		if (setup->once)
			server_over(s, &err);
		else
			log_dropped(setup->log, addr_name(&guest->peer, name, sizeof(name)), err.text);
		return;
	}
	conn->fd = fd;
	conn->peer = guest->peer;
	conn->began_us = clock_us();
	conn->server = s;
	conn->source = source;
	conn->may_be_silent = setup->args->first_byte_ms <= 0 || of_datagrams;
	if (of_datagrams)
		conn->local = guest->first->local.len > 0 ? guest->first->local : s->listener.v[0].addr;
	s->n_clients++;
	say_accepted(conn);
	loop_timer_init(&conn->timer, s->loop, on_conn_timer, conn);
	if (setup->max_ms > 0 || !conn->may_be_silent)
		conn_set_timer(conn);
	if (setup->once)
		server_stop(s);
	if (s->calls->client != NULL)
		s->calls->client(s->arg);
	setup->service->add(s->instance, conn);
}

/* May that user come in? Says so if not. */
static bool
allows_user(const struct server *s, bool known, uid_t uid, const struct addr *peer)
{
	const struct unix_uids *uids = &s->setup->args->file.uids;
	char name[ADDR_NAME_MAX];

	if (uids->n == 0 || (known && unix_is_allowed(uids, uid)))
		return true;
	log_refused(s->setup->log, addr_name(peer, name, sizeof(name)), NOT_ALLOWED);
	return false;
}

/* A guest of a Unix socket; datagrams have been asked for theirs one by one. */
static bool
allows(const struct server *s, const struct guest *guest)
{
	struct unix_peer who = { .uid = 0 };
	bool known;

	if (s->setup->args->file.uids.n == 0 || guest->fd < 0 || addr_family(&guest->peer) != AF_UNIX)
		return true;
	known = unix_peer(guest->fd, &who);
	return allows_user(s, known, who.uid, &guest->peer);
}

/* Says, at -v, why a client of datagrams is not one: its source may be forged, and what is answered come back to us. */
static bool
cannot_be_answered(const struct server *s, const struct guest *guest)
{
	const char *why = NULL;
	char name[ADDR_NAME_MAX];

	if (guest->fd >= 0 || !addr_is_inet(&guest->peer))
		return false;
	if (addr_port(&guest->peer) == 0)
		why = "it has no port to answer to";
	for (size_t i = 0; i < s->listener.n && why == NULL; i++) {
		if (sock_is_at(&s->listener.v[i].addr, &guest->peer))
			why = "it has our own address";
	}
	if (why != NULL)
		log_refused(s->setup->log, addr_name(&guest->peer, name, sizeof(name)), why);
	return why != NULL;
}

static void
on_guest(void *arg, const struct guest *guest)
{
	struct server *s = arg;
	enum limits_verdict verdict;
	struct source *source;
	int fd = guest->fd;

	if (cannot_be_answered(s, guest))
		return;
	if (!allows(s, guest))
		fd_close(&fd);
	else if ((verdict = limits_enter(s->limits, &guest->peer, &source)) == LIMITS_OK)
		admit(s, guest, source);
	else
		refuse(s, fd, &guest->peer, verdict);
	if (s->state == SERVER_ACCEPTING && s->n_clients >= s->max_clients)
		doors_full(s->doors);
}

/* ---- datagrams ---- */

static bool
on_datagram(void *arg, const struct dgram *d)
{
	const struct server *s = arg;

	return addr_is_inet(&d->peer) || allows_user(s, d->has_sender, d->uid, &d->peer);
}

static void
on_doors_failed(void *arg, const struct err *err)
{
	server_over(arg, err);
}

/* Has the source made too many requests? Says so. */
static bool
asks_too_often(const struct server *s, struct source *source, const struct addr *peer)
{
	int64_t pause_ms = limits_request(s->limits, source);
	char name[ADDR_NAME_MAX];

	if (pause_ms == 0)
		return false;
	log_refused(s->setup->log, addr_name(peer, name, sizeof(name)), pause_ms == LIMITS_OUT ?
	    limits_reason(LIMITS_BANNED) : "requests from its address come too fast (--request-rate)");
	return true;
}

bool
server_hears(struct server *s, const struct dgram *d)
{
	enum limits_verdict verdict;
	struct source *source;
	bool hears;

	if (!on_datagram(s, d))
		return false;
	if ((verdict = limits_enter(s->limits, &d->peer, &source)) != LIMITS_OK) {
		refuse(s, -1, &d->peer, verdict);
		return false;
	}
	hears = !asks_too_often(s, source, &d->peer);
	limits_leave(s->limits, source);
	if (!s->heard && s->calls->client != NULL)
		s->calls->client(s->arg);
	s->heard = true;
	return hears;
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
	else if (s->n_clients < s->max_clients)
		doors_again(s->doors);
}

void
server_conn_local(const struct server_conn *conn, struct addr *local)
{
	if (conn->fd >= 0)
		sock_local(conn->fd, local);
	else
		*local = conn->local;
}

struct stream *
server_conn_stream(struct server_conn *conn, struct layers *layers, struct err *err)
{
	char name[ADDR_NAME_MAX];
	struct stream *s, *below = conn->stream;

	addr_name(&conn->peer, name, sizeof(name));
	conn->stream = NULL;
	s = below != NULL ? layers_over(layers, below, name, err) : layers_socket(layers, conn->fd, name, err);
	if (s == NULL)
		conn->fd = -1;
	return s;
}

void
server_conn_reject(struct server_conn *conn, const struct err *err)
{
	const struct server_end end = { .reason = err->text, .err = err };
	struct stream *stream = conn->stream;
	int fd = conn->fd;

	server_conn_close(conn, &end);
	stream_free(stream);
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

/* Joins the groups; each has to be heard by one of the sockets. */
static int
join_groups(const struct server *s, struct err *err)
{
	const struct multicast *groups = s->setup->groups;
	uint32_t joined = 0;

	if (groups == NULL || groups->n == 0)
		return 0;
	for (size_t i = 0; i < s->listener.n; i++) {
		if (multicast_join(groups, s->listener.v[i].fd, &joined, err) < 0)
			return -1;
	}
	return multicast_check(groups, joined, err);
}

/* Gives the sockets somebody who watches them. */
static int
open_doors(struct server *s, struct err *err)
{
	const struct service *service = s->setup->service;

	if (join_groups(s, err) < 0)
		return -1;
	if (!has_datagrams(s) || service->open == NULL)
		return doors_open(s->doors, err);
	for (size_t i = 0; i < s->listener.n; i++) {
		if (service->open(s->instance, s, s->listener.v[i].fd, &s->listener.v[i].addr, err) < 0)
			return -1;
	}
	return 0;
}

/* Everything is open: accepts. */
static void
server_accept(struct server *s)
{
	s->state = SERVER_ACCEPTING;
	if (!has_datagrams(s) || s->setup->service->open == NULL)
		doors_accept(s->doors);
}

/* The sockets of the other workers, on the addresses that the first has got. */
static int
open_spares(struct server *s, struct err *err)
{
	for (size_t i = 0; i + 1 < s->setup->workers; i++) {
		if ((s->inherited || s->setup->ep.kind == ENDPOINT_UNIX ? listener_dup(&s->spare[i], &s->listener, err) :
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

	if (open_spares(s, err) < 0 || open_doors(s, err) < 0)
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
	int rc = listener_open(&s->listener, addrs, dual_stack, setup->workers > 1, &setup->args->sock,
	    &setup->args->file, &err);

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
	return setup->ep.kind == ENDPOINT_UNIX || setup->ep.port[0] != '\0';
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
	    activation_take(&s->listener, sock_type(&setup->args->sock), &s->inherited, &err) < 0) {
		server_over(s, &err);
		return;
	}
	if (s->inherited) {
		doors_are_inherited(s->doors);
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
	static const struct doors_calls doors = { .guest = on_guest, .hears = on_datagram, .failed = on_doors_failed };
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->refusals = refusals_new(loop)) == NULL || (s->doors = doors_new(loop, &s->listener,
	    &setup->args->sock, &doors, s, setup->log)) == NULL) {
		if (s != NULL)
			refusals_free(s->refusals);
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
	if (s->inherited)
		doors_are_inherited(s->doors);
	s->listener = first->spare[i - 1];
	first->spare[i - 1] = LISTENER_EMPTY;
	if (open_doors(s, err) < 0) {
		server_free(s);
		return NULL;
	}
	server_accept(s);
	return s;
}

/* ---- outside ---- */

void
server_drain(struct server *s)
{
	const struct server_setup *setup = s->setup;
	struct err err;

	bool has_own = has_datagrams(s) && setup->service->open != NULL && setup->service->drain != NULL;

	server_stop(s);
	if (s->first && activation_notify("STOPPING=1", &err) < 0)
		log_hint(setup->log, err.object, err.text);
	if ((s->n_clients == 0 && !has_own) || !setup->drains) {
		server_over(s, NULL);
		return;
	}
	if (s->n_clients > 0)
		log_draining(setup->log, s->n_clients, setup->args->drain_ms);
	loop_timer_set(&s->drain, clock_deadline(setup->args->drain_ms));
	if (setup->service->drain != NULL)
		setup->service->drain(s->instance);
}

void
server_drained(struct server *s)
{
	if (s->state == SERVER_STOPPED)
		server_over(s, NULL);
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
	doors_free(s->doors);
	listener_close(&s->listener);
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
