/*
 * Listening sockets: see listener.h.
 */
#include "lib/net/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "lib/base/fd.h"
#include "lib/net/sock.h"

#define PORT_TRIES 16	/* how often to look for a port that is free on every address */

void
listener_close(struct listener *l)
{
	for (size_t i = 0; i < l->n; i++)
		fd_close(&l->v[i].fd);
	l->n = 0;
}

/* Opens one socket on addr. Returns it, or -1 with errno. */
static int
open_one(const struct addr *addr, bool dual_stack)
{
	int on = 1, v6_only = !dual_stack, fd = sock_new(addr_family(addr));

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if ((addr_family(addr) == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) < 0) ||
	    bind(fd, (const void *)&addr->ss, addr->len) < 0 || listen(fd, SOMAXCONN) < 0)
		fd_close(&fd);
	return fd;
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

/* Opens every address on one port, which 0 lets the first choose. Returns 0, or -1 with errno and *at. */
static int
open_all(struct listener *l, const struct addr_list *addrs, bool dual_stack, unsigned port, struct addr *at)
{
	int fd, last = EADDRNOTAVAIL;

	for (size_t i = 0; i < addrs->n; i++) {
		struct addr addr = addrs->v[i];
		addr_set_port(&addr, port);
		if (is_listed(l, &addr))
			continue;
		errno = ENOBUFS;	/* rather than pass over some in silence */
		fd = l->n < LISTENER_MAX ? open_one(&addr, dual_stack) : -1;
		if (fd < 0) {
			*at = addr;
			last = errno;
			if (last == EAFNOSUPPORT || last == EADDRNOTAVAIL)
				continue;	/* localhost has ::1 also where IPv6 is switched off */
			listener_close(l);
			errno = last;
			return -1;
		}
		l->v[l->n].fd = fd;
		sock_local(fd, &l->v[l->n].addr);
		port = addr_port(&l->v[l->n++].addr);
		if (dual_stack && addr_family(&addr) == AF_INET6)
			break;			/* it takes IPv4 clients too */
	}
	errno = last;
	return l->n > 0 ? 0 : -1;
}

int
listener_open(struct listener *l, const struct addr_list *addrs, bool dual_stack, struct err *err)
{
	unsigned port = addr_port(&addrs->v[0]);
	struct addr at = addrs->v[0];
	char name[ADDR_NAME_MAX];
	int rc = -1;

	*l = LISTENER_EMPTY;
	/* A port that was free on the first address may be taken on the second: look for another. */
	for (int tries = 0; rc < 0 && tries < (port == 0 ? PORT_TRIES : 1); tries++) {
		rc = open_all(l, addrs, dual_stack, port, &at);
		if (rc < 0 && errno != EADDRINUSE)
			break;
	}
	if (rc == 0)
		return 0;
	err_set(err, errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM ? ERR_LIMIT : ERR_BIND,
	    errno, "cannot listen");
	return err_at(err, STAGE_LISTEN, addr_name(&at, name, sizeof(name)));
}

int
listener_accept(int fd, struct addr *peer)
{
	peer->len = sizeof(peer->ss);
	return accept4(fd, (void *)&peer->ss, &peer->len, SOCK_CLOEXEC | SOCK_NONBLOCK);
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
