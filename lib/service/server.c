/*
 * Server: see server.h.
 */
#include "lib/service/server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bsd/string.h>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/base/opts.h"
#include "lib/net/listener.h"

#define RESERVE		16	/* descriptors that are not for clients: our own, and a few for what comes up */
#define ACCEPTS_MAX	64	/* in one turn; then it is the clients' */
#define SHORTAGE_MS	250	/* nobody tells when the system has descriptors again: look after this */

enum server_state { SERVER_RESOLVING, SERVER_ACCEPTING, SERVER_FULL, SERVER_SHORT, SERVER_STOPPED };

/* One listening socket's watch. */
struct door {
	struct server *server;
	int fd;
	struct loop_io io;
};

struct server {
	struct loop *loop;
	struct endpoint ep;
	const struct server_args *args;
	const struct server_calls *calls;
	void *arg;
	const struct log *log;
	const struct resolve_args *names;

	enum server_state state;
	struct resolver *resolver;
	struct loop_timer start, shortage;
	struct listener listener;
	struct door doors[LISTENER_MAX];	/* doors[i] is for listener.v[i] */
	size_t n_clients, max_clients;
	bool was_short;			/* of descriptors, and nobody was accepted since */
};

/* ---- ready ---- */

/* Writes all of text to fd. Returns 0 or -1 with errno. */
static int
write_all(int fd, const char *text)
{
	size_t n = strlen(text);

	while (n > 0) {
		ssize_t r = write(fd, text, n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		text += r;
		n -= (size_t)r;
	}
	return 0;
}

/* The mode a file is created with when nothing else is said. */
static mode_t
usual_mode(void)
{
	mode_t mask = umask(077);

	umask(mask);
	return 0666 & ~mask;
}

/* Writes the addresses to a file that appears with its content, under its name, in one step. */
static int
write_port_file(const char *path, const char *text, struct err *err)
{
	char temp[PATH_MAX];
	int fd, saved, n = snprintf(temp, sizeof(temp), "%s.XXXXXX", path);
	bool good;

	if (n < 0 || (size_t)n >= sizeof(temp)) {
		errno = ENAMETOOLONG;
	} else if ((fd = mkostemp(temp, O_CLOEXEC)) >= 0) {
		good = write_all(fd, text) == 0 && fchmod(fd, usual_mode()) == 0;
		saved = errno;
		if (close(fd) == 0 && good && rename(temp, path) == 0)
			return 0;
		saved = good ? errno : saved;
		unlink(temp);
		errno = saved;
	}
	err_set(err, ERR_LOCAL, errno, "cannot write the port file");
	return err_at(err, STAGE_LISTEN, path);
}

/* Says to everyone who asked that the sockets are open. */
static int
announce(struct server *s, struct err *err)
{
	char text[LISTENER_MAX * (ADDR_NAME_MAX + 1)] = "", name[ADDR_NAME_MAX];
	int fd = (int)s->args->ready_fd;

	for (size_t i = 0; i < s->listener.n; i++) {
		strlcat(text, addr_name(&s->listener.v[i].addr, name, sizeof(name)), sizeof(text));
		strlcat(text, "\n", sizeof(text));
	}
	if (s->args->port_file != NULL && write_port_file(s->args->port_file, text, err) < 0)
		return -1;
	if (s->args->ready_fd != OPT_UNSET && write_all(fd, text) < 0) {
		if (s->args->port_file != NULL)
			unlink(s->args->port_file);
		err_set(err, ERR_LOCAL, errno, "cannot write");
		return err_at(err, STAGE_LISTEN, "--ready-fd");
	}
	if (fd > STDERR_FILENO)
		fd_close(&fd);		/* whoever reads it to the end need not wait for ours */
	for (size_t i = 0; i < s->listener.n; i++)
		log_listening(s->log, addr_name(&s->listener.v[i].addr, name, sizeof(name)));
	return 0;
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
		log_accepting_paused(s->log, addr_name(&s->listener.v[0].addr, name, sizeof(name)), reason);
	s->was_short |= state == SERVER_SHORT;
	s->state = state;
}

static void
say_accepting(const struct server *s)
{
	char name[ADDR_NAME_MAX];

	log_accepting_again(s->log, addr_name(&s->listener.v[0].addr, name, sizeof(name)));
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

static void
on_listener_ready(void *arg, unsigned ready)
{
	struct door *door = arg;
	struct server *s = door->server;
	struct addr peer;
	int fd;

	(void)ready;
	for (int n = 0; n < ACCEPTS_MAX && s->state == SERVER_ACCEPTING; n++) {
		if ((fd = listener_accept(door->fd, &s->args->sock, &peer)) >= 0) {
			s->n_clients++;
			if (s->was_short)
				say_accepting(s);
			s->was_short = false;
			s->calls->client(s->arg, fd, &peer);	/* may have stopped us */
			if (s->state == SERVER_ACCEPTING && s->n_clients >= s->max_clients)
				pause_accepting(s, SERVER_FULL, "no room for more");
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
server_client_gone(struct server *s)
{
	s->n_clients--;
	accept_again(s);
}

/* ---- start and stop ---- */

/* Raises the soft limit of descriptors to the hard one, and says how many clients there may be. */
static size_t
clients_allowed(int64_t asked)
{
	struct rlimit limit;
	rlim_t n;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		limit.rlim_cur = limit.rlim_max = 0;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
			getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (asked != OPT_UNSET)
		return (size_t)asked;
	n = limit.rlim_cur > INT_MAX ? INT_MAX : limit.rlim_cur;
	return n > RESERVE ? (size_t)n - RESERVE : 1;
}

static void
server_failed(struct server *s, const struct err *err)
{
	server_stop(s);
	s->calls->failed(s->arg, err);
}

static void
server_listen(struct server *s, struct addr_list *addrs)
{
	bool dual_stack = s->ep.host[0] == '\0' && !s->names->only_v6;
	struct err err;
	int rc = listener_open(&s->listener, addrs, dual_stack, &s->args->sock, &err);

	addr_list_free(addrs);
	if (rc < 0 || announce(s, &err) < 0) {
		server_failed(s, &err);
		return;
	}
	s->max_clients = clients_allowed(s->args->max_conns);
	for (size_t i = 0; i < s->listener.n; i++) {
		struct door *door = &s->doors[i];
		door->server = s;
		door->fd = s->listener.v[i].fd;
		loop_io_init(&door->io, s->loop, door->fd, on_listener_ready, door);
	}
	s->state = SERVER_ACCEPTING;
	want_clients(s, true);
}

static void
on_resolved(void *arg, struct addr_list *list, const struct err *err)
{
	struct server *s = arg;

	s->resolver = NULL;
	if (err != NULL)
		server_failed(s, err);
	else
		server_listen(s, list);
}

static void
on_start(void *arg)
{
	struct server *s = arg;
	struct addr_list list = ADDR_LIST_EMPTY;
	struct err err;
	int rc = resolve_start(s->loop, &s->ep, s->names, on_resolved, s, &list, &s->resolver, &err);

	if (rc < 0)
		server_failed(s, &err);
	else if (rc == 0)
		server_listen(s, &list);
}

struct server *
server_start(struct loop *loop, const struct endpoint *ep, const struct resolve_args *names,
    const struct server_args *args, const struct server_calls *calls, void *arg, const struct log *log,
    struct err *err)
{
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "listen");
		return NULL;
	}
	*s = (struct server){ .loop = loop, .ep = *ep, .names = names, .args = args, .calls = calls, .arg = arg,
	    .log = log, .state = SERVER_RESOLVING, .listener = LISTENER_EMPTY };
	loop_timer_init(&s->start, loop, on_start, s);
	loop_timer_init(&s->shortage, loop, on_shortage_over, s);
	loop_timer_set(&s->start, clock_ms());
	return s;
}

void
server_stop(struct server *s)
{
	s->state = SERVER_STOPPED;
	resolve_cancel(&s->resolver);
	loop_timer_stop(&s->start);
	loop_timer_stop(&s->shortage);
	for (size_t i = 0; i < s->listener.n; i++)
		loop_io_stop(&s->doors[i].io);
	listener_close(&s->listener);
}

void
server_free(struct server *s)
{
	if (s == NULL)
		return;
	server_stop(s);
	free(s);
}
