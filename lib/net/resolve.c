/*
 * Names to addresses: see resolve.h. The thread and the loop share one job with two references; whoever lets go last
 * frees it, so a lookup that hangs for minutes can be left behind.
 */
#include "lib/net/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"

struct resolver {
	/* the loop's side */
	struct loop_io io;
	int read_end;
	void (*done)(void *arg, struct addr_list *list, const struct err *err);
	void *arg;
	/* what the thread reads, and then writes; the byte in the pipe hands it over */
	struct endpoint ep;
	struct addrinfo hints;
	int write_end;
	int code, errnum;
	struct addrinfo *found;
	atomic_int refs;
};

static void
resolver_unref(struct resolver *r)
{
	if (atomic_fetch_sub(&r->refs, 1) > 1)
		return;
	if (r->found != NULL)
		freeaddrinfo(r->found);
	fd_close(&r->write_end);
	free(r);
}

/* Copies the list the system made. Returns false without memory. */
static bool
copy_found(struct addr_list *list, const struct addrinfo *found)
{
	size_t n = 0;

	for (const struct addrinfo *ai = found; ai != NULL; ai = ai->ai_next)
		n++;
	if (n == 0 || (list->v = calloc(n, sizeof(*list->v))) == NULL)
		return false;
	for (const struct addrinfo *ai = found; ai != NULL; ai = ai->ai_next) {
		struct addr *addr = &list->v[list->n++];
		memcpy(&addr->ss, ai->ai_addr, ai->ai_addrlen);
		addr->len = ai->ai_addrlen;
	}
	return true;
}

static int
lookup_failed(struct err *err, const struct endpoint *ep, int code, int errnum)
{
	char name[sizeof(err->object)];

	if (code == EAI_MEMORY)
		err_set(err, ERR_LIMIT, 0, "%s", gai_strerror(code));
	else if (errnum == EMFILE || errnum == ENFILE)	/* without a socket every name is unknown */
		err_set(err, ERR_LIMIT, errnum, "lookup failed");
	else if (code == EAI_SYSTEM)
		err_set(err, ERR_LOOKUP, errnum, "lookup failed");
	else
		err_set(err, ERR_LOOKUP, 0, "%s", code == EAI_SERVICE ? "no such service" : gai_strerror(code));
	/* EAI_AGAIN is the resolver's "perhaps later", the only answer here that a retry may change. */
	err->errnum = code == EAI_AGAIN ? EAGAIN : err->errnum;
	return err_at(err, STAGE_LOOKUP, endpoint_name(ep, name, sizeof(name)));
}

static void *
lookup_thread(void *arg)
{
	struct resolver *r = arg;

	errno = 0;
	r->code = getaddrinfo(r->ep.host[0] != '\0' ? r->ep.host : NULL, r->ep.port, &r->hints, &r->found);
	r->errnum = errno;
	if (r->code != 0)
		r->found = NULL;
	/* If nobody reads any more the write fails, and that is fine: SIGPIPE is blocked in here. */
	while (write(r->write_end, "", 1) < 0 && errno == EINTR)
		continue;
	resolver_unref(r);
	return NULL;
}

/* Lets go of the loop's side. */
static void
resolver_leave(struct resolver *r)
{
	loop_io_stop(&r->io);
	fd_close(&r->read_end);
	resolver_unref(r);
}

static void
on_answer(void *arg, unsigned ready)
{
	struct resolver *r = arg;
	struct addr_list list = ADDR_LIST_EMPTY;
	struct addr first;
	struct err err = ERR_EMPTY;
	char byte;
	ssize_t n = read(r->read_end, &byte, 1);
	int failed = 0;

	(void)ready;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (r->code != 0)
		failed = lookup_failed(&err, &r->ep, r->code, r->errnum);
	else if (!copy_found(&list, r->found))
		failed = err_set(&err, ERR_LIMIT, ENOMEM, "lookup");
	if (r->ep.host[0] == '\0' && list.n == 2 && addr_family(&list.v[0]) == AF_INET) {
		first = list.v[0];		/* [::] comes first, as for a port that is a number */
		list.v[0] = list.v[1];
		list.v[1] = first;
	}
	r->done(r->arg, failed < 0 ? NULL : &list, failed < 0 ? &err : NULL);
	resolver_leave(r);
}

static int
start_thread(struct resolver *r)
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	int errnum;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &all, &old);	/* signals belong to the loop */
	errnum = pthread_create(&thread, &attr, lookup_thread, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return errnum;
}

/* The answer for an endpoint that needs no lookup. Returns false when it does need one. */
static bool
answer_at_once(const struct endpoint *ep, const struct resolve_args *args, struct addr_list *list)
{
	struct addr first;
	int64_t port = 0;

	if (ep->kind == ENDPOINT_UNIX)
		addr_unix(&first, ep->path);
	else if (ep->kind == ENDPOINT_VSOCK && num_int(ep->port, 0, UINT32_MAX, &port))
		addr_vsock(&first, ep->cid, (uint32_t)port);
	else if (!num_int(ep->port, 0, 65535, &port) ||
	    !addr_from_host(&first, ep->host[0] != '\0' ? ep->host : args->only_v4 ? "0.0.0.0" : "::"))
		return false;
	if ((list->v = calloc(2, sizeof(*list->v))) == NULL)
		return false;		/* the thread's way says it has no memory */
	list->v[0] = first;
	list->n = 1;
	if (addr_is_inet(&first) && ep->host[0] == '\0' && !args->only_v4 && !args->only_v6)
		addr_from_host(&list->v[list->n++], "0.0.0.0");
	for (size_t i = 0; i < list->n; i++)
		addr_set_port(&list->v[i], (unsigned)port);
	return true;
}

/* Does a numeric answer agree with -4 or -6? */
static int
check_family(const struct endpoint *ep, const struct resolve_args *args, struct addr_list *list, struct err *err)
{
	int family = addr_family(&list->v[0]);
	char name[sizeof(err->object)];

	if (!(args->only_v4 && family == AF_INET6) && !(args->only_v6 && family == AF_INET))
		return 0;
	addr_list_free(list);
	err_set(err, ERR_LOOKUP, 0, args->only_v4 ? "not an IPv4 address (-4)" : "not an IPv6 address (-6)");
	return err_at(err, STAGE_LOOKUP, endpoint_name(ep, name, sizeof(name)));
}

int
resolve_start(struct loop *loop, const struct endpoint *ep, const struct resolve_args *args,
    void (*done)(void *arg, struct addr_list *list, const struct err *err), void *arg,
    struct addr_list *list, struct resolver **resolver, struct err *err)
{
	char name[sizeof(err->object)];
	struct resolver *r;
	int fds[2], errnum;

	if (answer_at_once(ep, args, list))
		return check_family(ep, args, list, err);
	endpoint_name(ep, name, sizeof(name));
	if (args->numeric) {
		err_set(err, ERR_LOOKUP, 0, "not a numeric address and port, and -n allows no lookup");
		return err_at(err, STAGE_LOOKUP, name);
	}
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return err_set(err, ERR_LIMIT, ENOMEM, "lookup");
	if (fd_pipe(fds) < 0) {
		err_set(err, ERR_LIMIT, errno, "lookup: cannot make a pipe");
		free(r);
		return -1;
	}
	*r = (struct resolver){ .read_end = fds[0], .write_end = fds[1], .done = done, .arg = arg, .ep = *ep,
	    .hints = { .ai_socktype = ep->kind == ENDPOINT_UDP ? SOCK_DGRAM : SOCK_STREAM,
	    .ai_flags = ep->host[0] == '\0' ? AI_PASSIVE : 0,
		.ai_family = args->only_v4 ? AF_INET : args->only_v6 ? AF_INET6 : AF_UNSPEC } };
	atomic_init(&r->refs, 2);
	loop_io_init(&r->io, loop, r->read_end, on_answer, r);
	loop_io_want(&r->io, LOOP_READ);
	if ((errnum = start_thread(r)) != 0) {
		err_set(err, ERR_LIMIT, errnum, "lookup: cannot start a thread");
		err_at(err, STAGE_LOOKUP, name);
		atomic_store(&r->refs, 1);	/* there is no thread that would let go of the other */
		resolver_leave(r);
		return -1;
	}
	*resolver = r;
	return 1;
}

void
resolve_cancel(struct resolver **resolver)
{
	if (*resolver != NULL)
		resolver_leave(*resolver);
	*resolver = NULL;
}
