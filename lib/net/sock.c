/*
 * What every stream socket of ours has in common: see sock.h.
 */
#include "lib/net/sock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#ifdef __linux__
#include <linux/sockios.h>
#endif

#include "lib/base/fd.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

void
sock_tune(int fd, int family)
{
	static const int on = 1;

	/* Neither can fail on a TCP socket; Multipath TCP knows no urgent data (RFC 8684 section 3.3). */
	if (family == AF_INET || family == AF_INET6) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	}
}

int
sock_type(const struct sock_args *args)
{
	return args->type != 0 ? args->type : SOCK_STREAM;
}

bool
sock_has_messages(const struct sock_args *args)
{
	return sock_type(args) != SOCK_STREAM;
}

int
sock_check(const struct sock_args *args, const struct addr_list *addrs, enum err_stage stage, struct err *err)
{
	bool inet = false;

	for (size_t i = 0; i < addrs->n; i++)
		inet |= addr_is_inet(&addrs->v[i]);
	if (args->mptcp && (!inet || sock_has_messages(args))) {
		err_set(err, ERR_USAGE, 0, "only for TCP");
		return err_at(err, STAGE_USAGE, "--mptcp");
	}
	for (size_t i = 0; i < args->options.n && sock_has_messages(args); i++) {
		if (args->options.v[i].row->level != IPPROTO_TCP)
			continue;
		err_set(err, ERR_USAGE, 0, "only TCP sockets have this option");
		return err_at(err, STAGE_USAGE, args->options.v[i].row->name);
	}
	return sockopt_check(&args->options, addrs, stage, err);
}

/* Does this errno of socket(2) say that there is no Multipath TCP? ENOPROTOOPT: net.mptcp.enabled is 0. */
static bool
is_no_mptcp(int errnum)
{
	return errnum == EPROTONOSUPPORT || errnum == ENOPROTOOPT || errnum == EINVAL;
}

int
sock_new(int family, const struct sock_args *args, enum err_stage stage, struct err *err)
{
	bool inet = family == AF_INET || family == AF_INET6, mptcp = inet && args->mptcp;
	int fd = socket(family, sock_type(args) | SOCK_CLOEXEC | SOCK_NONBLOCK, mptcp ? IPPROTO_MPTCP : 0);

	if (fd < 0 && mptcp && is_no_mptcp(errno)) {
		err_set(err, ERR_LOCAL, errno, "this system has no Multipath TCP, or it is switched off");
		return err_at(err, stage, "--mptcp");
	}
	if (fd < 0)
		return err_set(err, ERR_LIMIT, errno, "cannot make a socket");
	if (!sock_has_messages(args))
		sock_tune(fd, family);
	return fd;
}

int
sock_error(int fd)
{
	int errnum = 0;
	socklen_t len = sizeof(errnum);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &len) < 0 ? errno : errnum;
}

size_t
sock_queued(int fd)
{
#ifdef SIOCOUTQ
	int queued = 0;

	if (ioctl(fd, SIOCOUTQ, &queued) == 0 && queued > 0)
		return (size_t)queued;
#else
	(void)fd;
#endif
	return 0;
}

int
sock_connect_error(int fd)
{
	ssize_t n;
	char byte;

	do
		n = recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	return errno == EAGAIN || errno == EWOULDBLOCK ? sock_error(fd) : errno;
}

bool
sock_settled(int fd, int *errnum)
{
	if ((*errnum = sock_error(fd)) != 0)
		return true;
	if (sock_queued(fd) > 0)
		return false;
	/* A reset empties the queue as well, so the order of the two questions matters: ask for the error again. */
	*errnum = sock_error(fd);
	return true;
}

/* Is it every address of this machine? */
static bool
is_any(const struct addr *addr)
{
	static const uint8_t zero[4];
	struct in6_addr in6;

	if (!addr_bytes(addr, in6.s6_addr))
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&in6))
		return memcmp(in6.s6_addr + 12, zero, sizeof(zero)) == 0;
	return IN6_IS_ADDR_UNSPECIFIED(&in6);
}

/* Is it, whatever its port, an address of this machine? Only those can be bound. True where that cannot be told. */
static bool
is_ours(const struct addr *addr)
{
	static const int off;
	struct addr bare = *addr;
	int fd = socket(addr_family(addr), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ours;

	addr_set_port(&bare, 0);
	if (fd >= 0 && addr_family(addr) == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	ours = fd < 0 || bind(fd, (const void *)&bare.ss, bare.len) == 0 || errno != EADDRNOTAVAIL;
	fd_close(&fd);
	return ours;
}

bool
sock_is_at(const struct addr *local, const struct addr *peer)
{
	if (!addr_is_inet(peer))
		return peer->len == local->len && memcmp(&peer->ss, &local->ss, peer->len) == 0;
	if (addr_port(peer) != addr_port(local) || addr_family(peer) != addr_family(local))
		return false;
	return is_any(local) ? is_ours(peer) : addr_equal(peer, local);
}

void
sock_local(int fd, struct addr *addr)
{
	addr->len = sizeof(addr->ss);
	if (getsockname(fd, (void *)&addr->ss, &addr->len) < 0)
		*addr = (struct addr){ .len = 0 };
}

void
sock_peer(int fd, struct addr *addr)
{
	addr->len = sizeof(addr->ss);
	if (getpeername(fd, (void *)&addr->ss, &addr->len) < 0)
		*addr = (struct addr){ .len = 0 };
}

bool
sock_tcp_info(int fd, struct sock_tcp_info *info)
{
#ifdef TCP_INFO
	static const char *const states[] = {
		[TCP_ESTABLISHED] = "established", [TCP_SYN_SENT] = "syn-sent", [TCP_SYN_RECV] = "syn-received",
		[TCP_FIN_WAIT1] = "fin-wait-1", [TCP_FIN_WAIT2] = "fin-wait-2", [TCP_TIME_WAIT] = "time-wait",
		[TCP_CLOSE] = "closed", [TCP_CLOSE_WAIT] = "close-wait", [TCP_LAST_ACK] = "last-ack",
		[TCP_LISTEN] = "listen", [TCP_CLOSING] = "closing",
	};
	struct tcp_info ti = { 0 };
	socklen_t len = sizeof(ti);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti, &len) < 0)
		return false;
	*info = (struct sock_tcp_info){ .rtt_us = ti.tcpi_rtt, .retransmits = ti.tcpi_total_retrans,
	    .state = ti.tcpi_state < sizeof(states) / sizeof(states[0]) && states[ti.tcpi_state] != NULL ?
	    states[ti.tcpi_state] : "unknown" };
	return true;
#else
	(void)fd;
	(void)info;
	return false;
#endif
}

void
sock_reset(int *fd)
{
	static const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	if (*fd >= 0)
		setsockopt(*fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	fd_close(fd);
}
