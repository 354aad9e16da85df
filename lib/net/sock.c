/*
 * What every stream socket of ours has in common: see sock.h.
 */
#include "lib/net/sock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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
sock_check(const struct sock_args *args, const struct addr_list *addrs, enum err_stage stage, struct err *err)
{
	bool inet = false;

	for (size_t i = 0; i < addrs->n; i++)
		inet |= addr_is_inet(&addrs->v[i]);
	if (args->mptcp && !inet) {
		err_set(err, ERR_USAGE, 0, "only for TCP");
		return err_at(err, STAGE_USAGE, "--mptcp");
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
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, mptcp ? IPPROTO_MPTCP : 0);

	if (fd < 0 && mptcp && is_no_mptcp(errno)) {
		err_set(err, ERR_LOCAL, errno, "this system has no Multipath TCP, or it is switched off");
		return err_at(err, stage, "--mptcp");
	}
	if (fd < 0)
		return err_set(err, ERR_LIMIT, errno, "cannot make a socket");
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
