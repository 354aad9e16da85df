/*
 * Listening sockets: see listener.h.
 */
#include "lib/net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/vm_sockets.h>

#include "lib/base/fd.h"

#define PORT_TRIES 16	/* how often to look for a port that is free on every address */

void
listener_close(struct listener *l)
{
	for (size_t i = 0; i < l->n; i++) {
		unix_remove(&l->v[i].file);	/* first: with nobody behind it, it would look stale to others */
		fd_close(&l->v[i].fd);
	}
	l->n = 0;
}

static bool
is_shortage(int errnum)
{
	return errnum == EMFILE || errnum == ENFILE || errnum == ENOBUFS || errnum == ENOMEM;
}

/* Says that addr cannot be listened to. Returns -1. */
static int
cannot_listen(const struct addr *addr, int errnum, struct err *err)
{
	char name[ADDR_NAME_MAX];

	err_set(err, is_shortage(errnum) ? ERR_LIMIT : ERR_BIND, errnum, "cannot listen");
	return err_at(err, STAGE_LISTEN, addr_name(addr, name, sizeof(name)));
}

/* For vsock(7) the word for any free port is not 0, which there is a port like others. */
static int
bind_to(int fd, const struct addr *addr)
{
	struct addr at = *addr;

	if (addr_family(&at) == AF_VSOCK && addr_port(&at) == 0)
		addr_set_port(&at, VMADDR_PORT_ANY);
	return bind(fd, (const void *)&at.ss, at.len);
}

/*
 * Opens one internet or vsock socket on addr. Returns it, or -1 and err. Of datagrams SO_REUSEADDR would let others
 * take them from us, unless everybody means to get them.
 */
static int
open_one(const struct addr *addr, bool dual_stack, bool shared, const struct sock_args *args, struct err *err)
{
	int on = 1, v6_only = !dual_stack, fd = sock_new(addr_family(addr), args, STAGE_LISTEN, err);

	if (fd < 0)
		return err->object[0] != '\0' ? -1 : cannot_listen(addr, err->errnum, err);
	if (sock_type(args) != SOCK_DGRAM || args->shared)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0)
		goto failed;
	if (addr_family(addr) == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) < 0)
		goto failed;
	if (sockopt_set(&args->options, fd, addr_family(addr), STAGE_LISTEN, err) < 0)
		goto out;
	if (bind_to(fd, addr) == 0 && (sock_type(args) == SOCK_DGRAM || listen(fd, SOMAXCONN) == 0))
		return fd;
failed:
	cannot_listen(addr, errno, err);
out:
	fd_close(&fd);
	return -1;
}

/* The same of a Unix socket, whose file becomes *made. */
static int
open_unix(const struct addr *addr, const struct sock_args *args, const struct unix_args *file, struct unix_file *made,
    struct err *err)
{
	int fd = sock_new(AF_UNIX, args, STAGE_LISTEN, err);
	char name[ADDR_NAME_MAX];

	if (fd < 0)
		return err->object[0] != '\0' ? -1 : cannot_listen(addr, err->errnum, err);
#ifdef SO_PASSCRED
	static const int on = 1;

	/* Who sent the very first datagram can be told only if that was asked for when it came. */
	if (sock_type(args) == SOCK_DGRAM)
		setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
#endif
	if (sockopt_set(&args->options, fd, AF_UNIX, STAGE_LISTEN, err) == 0 &&
	    unix_bind(fd, addr, file, made, err) == 0) {
		if (sock_type(args) == SOCK_DGRAM || listen(fd, SOMAXCONN) == 0)
			return fd;
		cannot_listen(addr, errno, err);
		unix_remove(made);
	}
	fd_close(&fd);
	return err_at(err, STAGE_LISTEN, addr_name(addr, name, sizeof(name)));
}

static bool
is_listed(const struct listener *l, const struct addr *addr)
{
	for (size_t i = 0; i < l->n; i++) {
		if (addr_equal(&l->v[i].addr, addr))
			return true;
	}
	return false;
}

/* Opens every address on one port, which 0 lets the first choose. Returns 0, or -1 and err, with nothing open. */
static int
open_all(struct listener *l, const struct addr_list *addrs, bool dual_stack, bool shared, unsigned port,
    const struct sock_args *args, const struct unix_args *file, struct err *err)
{
	struct unix_file made;
	struct err why;
	int fd;

	cannot_listen(&addrs->v[0], EADDRNOTAVAIL, err);
	for (size_t i = 0; i < addrs->n; i++) {
		struct addr addr = addrs->v[i];
		addr_set_port(&addr, port);
		if (is_listed(l, &addr))
			continue;
		why = ERR_EMPTY;
		made = UNIX_FILE_EMPTY;
		/* At the end of the room: rather than pass over some in silence. */
		fd = l->n == LISTENER_MAX ? cannot_listen(&addr, ENOBUFS, &why) :
		    addr_family(&addr) == AF_UNIX ? open_unix(&addr, args, file, &made, &why) :
		    open_one(&addr, dual_stack, shared, args, &why);
		if (fd < 0) {
			*err = why;
			/* localhost has ::1 also where IPv6 is switched off */
			if (why.kind == ERR_BIND && (why.errnum == EAFNOSUPPORT || why.errnum == EADDRNOTAVAIL))
				continue;
			listener_close(l);
			return -1;
		}
		l->v[l->n].fd = fd;
		l->v[l->n].file = made;
		sock_local(fd, &l->v[l->n].addr);
		port = addr_port(&l->v[l->n++].addr);
		if (dual_stack && addr_family(&addr) == AF_INET6)
			break;			/* it takes IPv4 clients too */
	}
	return l->n > 0 ? 0 : -1;
}

int
listener_open(struct listener *l, const struct addr_list *addrs, bool dual_stack, bool shared,
    const struct sock_args *args, const struct unix_args *file, struct err *err)
{
	unsigned port = addr_port(&addrs->v[0]);
	int rounds = port == 0 && addr_is_inet(&addrs->v[0]) ? PORT_TRIES : 1, rc = -1;

	*l = LISTENER_EMPTY;
	if (sock_check(args, addrs, STAGE_LISTEN, err) < 0)
		return -1;
	/* A port that was free on the first address may be taken on the second: look for another. */
	for (int tries = 0; rc < 0 && tries < rounds; tries++) {
		rc = open_all(l, addrs, dual_stack, shared, port, args, file, err);
		if (rc < 0 && err->errnum != EADDRINUSE)
			break;
	}
	return rc;
}

int
listener_share(struct listener *l, const struct listener *first, const struct sock_args *args, struct err *err)
{
	int v6_only;
	socklen_t len;

	*l = LISTENER_EMPTY;
	for (; l->n < first->n; l->n++) {
		l->v[l->n].file.path[0] = '\0';
		v6_only = 1;
		len = sizeof(v6_only);
		getsockopt(first->v[l->n].fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, &len);	/* no IPv6: it stays 1 */
		l->v[l->n].addr = first->v[l->n].addr;
		if ((l->v[l->n].fd = open_one(&l->v[l->n].addr, !v6_only, true, args, err)) < 0) {
			listener_close(l);
			return -1;
		}
	}
	return 0;
}

int
listener_dup(struct listener *l, const struct listener *first, struct err *err)
{
	*l = LISTENER_EMPTY;
	for (; l->n < first->n; l->n++) {
		l->v[l->n].addr = first->v[l->n].addr;
		l->v[l->n].file.path[0] = '\0';
		if ((l->v[l->n].fd = fcntl(first->v[l->n].fd, F_DUPFD_CLOEXEC, 0)) < 0) {
			cannot_listen(&l->v[l->n].addr, errno, err);
			listener_close(l);
			return -1;
		}
	}
	return 0;
}

/* What a Unix listener was given its clients do not inherit at all. What worked for it is not checked again. */
static void
set_on_client(const struct sockopts *options, int fd, int family)
{
	struct err err;

	if (family == AF_UNIX)
		sockopt_set(options, fd, family, STAGE_LISTEN, &err);
	else
		sockopt_set_again(options, fd);
}

int
listener_accept(int fd, const struct sock_args *args, struct addr *peer)
{
	int client;

	peer->len = sizeof(peer->ss);
	if ((client = accept4(fd, (void *)&peer->ss, &peer->len, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		set_on_client(&args->options, client, addr_family(peer));
	return client;
}

bool
listener_is_transient(int errnum)
{
	switch (errnum) {
	case EINTR: case ECONNABORTED: case EPERM: case EPROTO: case ENOPROTOOPT: case EOPNOTSUPP: case ETIMEDOUT:
	/* accept(2): what the network below said of this client is reported here on Linux */
	case ENETDOWN: case EHOSTDOWN: case ENETUNREACH: case EHOSTUNREACH:
#ifdef ENONET
	case ENONET:
#endif
		return true;
	default:
		return false;
	}
}
