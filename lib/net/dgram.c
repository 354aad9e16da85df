/*
 * Datagrams, many in a call: see dgram.h. What the system tells of each, and is told, stands in control messages beside
 * the bytes (cmsg(3)).
 */
#include "lib/net/dgram.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/sock_diag.h>
#endif

#include "lib/net/sock.h"

#define CONTROL_MAX	256	/* bytes of control messages with one datagram: more than all that we ask for */
#define RUN_MAX		64	/* segments of one packet: UDP_MAX_SEGMENTS of the older kernels */
#define NOBODY		65534	/* the overflow user of Linux: who has no name here */
#define UNIX_OVERHEAD	32	/* what Linux keeps of a Unix socket's send buffer for itself */

union control {
	struct cmsghdr first;		/* for its alignment */
	unsigned char bytes[CONTROL_MAX];
};

/* ---- in ---- */

struct dgram_in {
	int fd;
	unsigned what;
	size_t max;
	struct addr own;		/* where the socket is bound */
	uint32_t drops;			/* the system's counter, which wraps */
	uint64_t lost;
	int errnum;			/* what ended the last batch, and was not told yet; 0: nothing */
	struct dgram v[DGRAM_BATCH];
	struct mmsghdr msgs[DGRAM_BATCH];
	struct iovec parts[DGRAM_BATCH];
	union control controls[DGRAM_BATCH];
	unsigned char *room;		/* max bytes for each */
};

/* Asks for what is told beside the bytes. What the system or the family does not have it refuses, and that is fine. */
static void
ask_for(int fd, int family, unsigned what)
{
	static const int on = 1;

#ifdef SO_TIMESTAMPNS
	if (what & DGRAM_STAMP)
		setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
#endif
#ifdef IP_PKTINFO
	/* Also on an IPv6 socket: of the IPv4 that it takes, its own option tells only where that went, to whomever. */
	if ((what & DGRAM_LOCAL) && (family == AF_INET || family == AF_INET6))
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
#endif
	if ((what & DGRAM_LOCAL) && family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
#ifdef SO_PASSCRED
	if ((what & DGRAM_SENDER) && family == AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
#endif
#ifdef SO_RXQ_OVFL
	setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
#endif
}

struct dgram_in *
dgram_in_new(int fd, size_t max, unsigned what, struct err *err)
{
	struct dgram_in *in = calloc(1, sizeof(*in));

	/* Much of the room is never touched, and then takes no memory. */
	if (in == NULL || (in->room = calloc(DGRAM_BATCH, max > 0 ? max : 1)) == NULL) {
		free(in);
		err_set(err, ERR_LIMIT, ENOMEM, "datagrams");
		return NULL;
	}
	in->fd = fd;
	in->what = what;
	in->max = max;
	in->own.len = sizeof(in->own.ss);
	if (getsockname(fd, (void *)&in->own.ss, &in->own.len) < 0)
		in->own.len = 0;
	ask_for(fd, addr_family(&in->own), what);
	return in;
}

void
dgram_in_free(struct dgram_in *in)
{
	if (in == NULL)
		return;
	free(in->room);
	free(in);
}

static void
prepare(struct dgram_in *in, size_t i)
{
	in->v[i] = (struct dgram){ .bytes = in->room + i * in->max };
	in->parts[i] = (struct iovec){ .iov_base = in->room + i * in->max, .iov_len = in->max };
	in->msgs[i] = (struct mmsghdr){ .msg_hdr = {
		.msg_name = &in->v[i].peer.ss, .msg_namelen = sizeof(in->v[i].peer.ss),
		.msg_iov = &in->parts[i], .msg_iovlen = 1,
		.msg_control = in->controls[i].bytes, .msg_controllen = sizeof(in->controls[i].bytes),
	} };
}

/* Receives up to n messages without waiting. Returns how many, or -1 with errno, EAGAIN when none waits. */
static int
receive(struct dgram_in *in, unsigned n)
{
	/* MSG_TRUNC: how long they were (recv(2)). No program of ours shall get descriptors that came along. */
	int flags = MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC, got;

#ifndef SOCKT_PORTABLE
	do
		got = recvmmsg(in->fd, in->msgs, n, flags, NULL);
	while (got < 0 && errno == EINTR);
#else
	ssize_t size;

	for (got = 0; (unsigned)got < n; got++) {
		do
			size = recvmsg(in->fd, &in->msgs[got].msg_hdr, flags);
		while (size < 0 && errno == EINTR);
		if (size < 0 && got == 0)
			return -1;
		if (size < 0) {
			in->errnum = errno;
			break;
		}
		in->msgs[got].msg_len = (unsigned)size;
	}
#endif
	return got;
}

/* The counter says so much; it goes forward, and begins again after 2^32. */
static void
note_drops(struct dgram_in *in, uint32_t drops)
{
	uint32_t more = drops - in->drops;

	if (more > INT32_MAX)
		return;			/* an older word, overtaken by a newer one */
	in->drops = drops;
	in->lost += more;
}

static void
close_descriptors(const struct cmsghdr *c)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int fd;

	for (size_t i = 0; i < n; i++) {
		memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
		close(fd);
	}
}

/* What the socket's own level says beside a datagram. */
static void
read_socket_control(struct dgram_in *in, struct dgram *d, const struct cmsghdr *c)
{
	switch (c->cmsg_type) {
#ifdef SO_TIMESTAMPNS
	case SCM_TIMESTAMPNS: {
		struct timespec at;
		memcpy(&at, CMSG_DATA(c), sizeof(at));
		d->stamp_us = (int64_t)at.tv_sec * 1000000 + at.tv_nsec / 1000;
		break;
	}
#endif
#ifdef SO_PASSCRED
	case SCM_CREDENTIALS: {
		struct ucred who;
		memcpy(&who, CMSG_DATA(c), sizeof(who));
		/* What came before it was asked for has nobody's: the overflow user (user_namespaces(7)). */
		d->has_sender = who.pid != 0 || who.uid != NOBODY;
		d->pid = who.pid;
		d->uid = who.uid;
		d->gid = who.gid;
		break;
	}
#endif
#ifdef SO_RXQ_OVFL
	case SO_RXQ_OVFL: {
		uint32_t drops;
		memcpy(&drops, CMSG_DATA(c), sizeof(drops));
		note_drops(in, drops);
		break;
	}
#endif
	case SCM_RIGHTS:
		close_descriptors(c);		/* nobody asked for them */
		break;
	}
}

#ifdef IP_PKTINFO
/* The same of IPv4, which also an IPv6 socket may take. */
static void
read_local4(const struct dgram_in *in, struct dgram *d, const struct in_pktinfo *info)
{
	struct sockaddr_in *in4 = (void *)&d->local.ss;
	struct sockaddr_in6 *in6 = (void *)&d->local.ss;
	in_addr_t to = info->ipi_addr.s_addr, ours = info->ipi_spec_dst.s_addr;

	/* The two differ where it went to a network's broadcast address. */
	d->to_many = IN_MULTICAST(ntohl(to)) || to == htonl(INADDR_BROADCAST) ||
	    (ours != htonl(INADDR_ANY) && ours != to);
	d->local = (struct addr){ .len = 0 };
	if (ours == htonl(INADDR_ANY))
		return;			/* it came before it was asked for */
	if (addr_family(&in->own) == AF_INET) {
		*in4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = info->ipi_spec_dst };
		d->local.len = sizeof(*in4);
		return;
	}
	*in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
	in6->sin6_addr.s6_addr[10] = in6->sin6_addr.s6_addr[11] = 0xff;
	memcpy(in6->sin6_addr.s6_addr + 12, &ours, sizeof(ours));
	d->local.len = sizeof(*in6);
}
#endif

/* The address of ours that it came to; of what came to a group or a broadcast, the one to answer from, if told. */
static void
read_local(const struct dgram_in *in, struct dgram *d, const struct cmsghdr *c)
{
	struct sockaddr_in6 *in6 = (void *)&d->local.ss;
	struct in6_pktinfo info6;

#ifdef IP_PKTINFO
	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo info;
		memcpy(&info, CMSG_DATA(c), sizeof(info));
		read_local4(in, d, &info);
	}
#endif
	if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
		memcpy(&info6, CMSG_DATA(c), sizeof(info6));
		if ((d->to_many = IN6_IS_ADDR_MULTICAST(&info6.ipi6_addr)))
			return;
		*in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = info6.ipi6_addr };
		if (IN6_IS_ADDR_LINKLOCAL(&info6.ipi6_addr))
			in6->sin6_scope_id = (uint32_t)info6.ipi6_ifindex;
		d->local.len = sizeof(*in6);
	}
	if (d->local.len > 0)
		addr_set_port(&d->local, addr_port(&in->own));
}

/* Makes of the ith message what dgram_in_get() shows. */
static void
finish(struct dgram_in *in, size_t i)
{
	struct msghdr *hdr = &in->msgs[i].msg_hdr;
	struct dgram *d = &in->v[i];

	d->size = in->msgs[i].msg_len;
	d->n = d->size < in->max ? d->size : in->max;
	if ((hdr->msg_flags & MSG_TRUNC) && d->size <= in->max)
		d->size = in->max + 1;		/* a system that does not say by how much */
	d->peer.len = hdr->msg_namelen;
	if (hdr->msg_namelen <= sizeof(sa_family_t)) {
		d->peer.ss.ss_family = in->own.ss.ss_family;
		d->peer.len = 0;
	}
	for (struct cmsghdr *c = CMSG_FIRSTHDR(hdr); c != NULL; c = CMSG_NXTHDR(hdr, c)) {
		if (c->cmsg_level == SOL_SOCKET)
			read_socket_control(in, d, c);
		else if (in->what & DGRAM_LOCAL)
			read_local(in, d, c);
	}
}

ssize_t
dgram_in_fill(struct dgram_in *in, size_t most)
{
	size_t n = most < DGRAM_BATCH ? most : DGRAM_BATCH;
	int got;

	if (in->errnum != 0 && in->errnum != EAGAIN && in->errnum != EWOULDBLOCK) {
		errno = in->errnum;
		in->errnum = 0;
		return -1;
	}
	in->errnum = 0;
	for (size_t i = 0; i < n; i++)
		prepare(in, i);
	if ((got = receive(in, (unsigned)n)) < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
	for (size_t i = 0; i < (size_t)got; i++)
		finish(in, i);
	return got;
}

const struct dgram *
dgram_in_get(const struct dgram_in *in, size_t i)
{
	return &in->v[i];
}

uint64_t
dgram_in_lost(struct dgram_in *in)
{
#ifdef SO_MEMINFO
	/* What came before those that were lost does not tell of them; the socket does. */
	uint32_t info[SK_MEMINFO_VARS];
	socklen_t len = sizeof(info);

	if (getsockopt(in->fd, SOL_SOCKET, SO_MEMINFO, info, &len) == 0 && len > SK_MEMINFO_DROPS * sizeof(info[0]))
		note_drops(in, info[SK_MEMINFO_DROPS]);
#endif
	return in->lost;
}

/* ---- out ---- */

/* One call's worth of messages: each is a datagram, or a run of them. */
struct batch {
	unsigned n;				/* messages */
	size_t counts[DGRAM_BATCH];		/* datagrams in each */
	struct mmsghdr msgs[DGRAM_BATCH];
	struct iovec parts[DGRAM_BATCH];	/* one a datagram */
	union control controls[DGRAM_BATCH];
};

/* Can the system cut a packet into datagrams on this socket? Not where the user has set a length already. */
static bool
can_segment(int fd)
{
#if defined(UDP_SEGMENT) && !defined(SOCKT_PORTABLE)
	int size;
	socklen_t len = sizeof(size);

	return getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, &len) == 0 && size == 0;
#else
	(void)fd;
	return false;
#endif
}

/* Does this errno say that the packet cannot be cut into datagrams? They are then still to be tried one by one. */
static bool
is_no_segments(int errnum)
{
	return errnum == EIO || errnum == EINVAL || errnum == EMSGSIZE || errnum == ENOPROTOOPT || errnum == EOPNOTSUPP;
}

static bool
is_same(const struct addr *a, const struct addr *b)
{
	return a->len == b->len && memcmp(&a->ss, &b->ss, a->len) == 0;
}

/* How many of v[0..n), n > 0, can go in one packet: of one length but for the last, which may be shorter. */
static size_t
run_length(const struct dgram *v, size_t n)
{
	size_t i = 1, total = v[0].n;

	while (i < n && i < RUN_MAX && v[i].n > 0 && v[i].n <= v[0].n && v[i - 1].n == v[0].n &&
	    v[i].n <= DGRAM_UDP_MAX - total && is_same(&v[i].peer, &v[0].peer) && is_same(&v[i].local, &v[0].local))
		total += v[i++].n;
	return i;
}

/* Adds a control message behind the len bytes of those that are there. Returns how many there are now. */
static size_t
add_control(union control *control, size_t len, int level, int type, const void *data, size_t n)
{
	struct cmsghdr *c = (void *)(control->bytes + len);

	*c = (struct cmsghdr){ .cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(n) };
	memcpy(CMSG_DATA(c), data, n);
	return len + CMSG_SPACE(n);
}

/* The same for the address that it is to go from. */
static size_t
add_local(union control *control, size_t len, const struct addr *local)
{
	const struct sockaddr_in6 *in6 = (const void *)&local->ss;

#ifdef IP_PKTINFO
	if (addr_family(local) == AF_INET) {
		const struct sockaddr_in *in4 = (const void *)&local->ss;
		struct in_pktinfo info = { .ipi_spec_dst = in4->sin_addr };
		return add_control(control, len, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	}
#endif
	if (addr_family(local) == AF_INET6) {
		struct in6_pktinfo info6 = { .ipi6_addr = in6->sin6_addr, .ipi6_ifindex = in6->sin6_scope_id };
		return add_control(control, len, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
	}
	return len;
}

/* Makes the next message of b of the run v[0..n), whose first part is parts[0]. */
static void
pack_run(struct batch *b, const struct dgram *v, size_t n, struct iovec *parts)
{
	union control *control = &b->controls[b->n];
	struct msghdr *hdr = &b->msgs[b->n].msg_hdr;
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		parts[i] = (struct iovec){ .iov_base = (void *)(uintptr_t)v[i].bytes, .iov_len = v[i].n };
	if (v[0].local.len > 0)
		len = add_local(control, len, &v[0].local);
#ifdef UDP_SEGMENT
	if (n > 1) {
		uint16_t size = (uint16_t)v[0].n;
		len = add_control(control, len, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size));
	}
#endif
	*hdr = (struct msghdr){
		.msg_name = v[0].peer.len > 0 ? (void *)(uintptr_t)&v[0].peer.ss : NULL, .msg_namelen = v[0].peer.len,
		.msg_iov = parts, .msg_iovlen = n,
		.msg_control = len > 0 ? control->bytes : NULL, .msg_controllen = len,
	};
	b->counts[b->n++] = n;
}

static void
pack(struct batch *b, const struct dgram *v, size_t n, bool runs)
{
	size_t length;

	b->n = 0;
	for (size_t i = 0; i < n && i < DGRAM_BATCH; i += length) {
		length = n - i < DGRAM_BATCH - i ? n - i : DGRAM_BATCH - i;
		length = runs ? run_length(v + i, length) : 1;
		pack_run(b, v + i, length, b->parts + i);
	}
}

/* Sends them in order. Returns how many messages went, or -1 with errno when the first did not. */
static int
send_batch(int fd, struct batch *b)
{
	int flags = MSG_DONTWAIT | MSG_NOSIGNAL, sent;

#ifndef SOCKT_PORTABLE
	do
		sent = sendmmsg(fd, b->msgs, b->n, flags);
	while (sent < 0 && errno == EINTR);
#else
	ssize_t n;

	for (sent = 0; (unsigned)sent < b->n; sent++) {
		do
			n = sendmsg(fd, &b->msgs[sent].msg_hdr, flags);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return sent > 0 ? sent : -1;
	}
#endif
	return sent;
}

/* The size of the socket's send buffer; 0: unknown. */
static size_t
send_buffer(int fd)
{
	int room;
	socklen_t len = sizeof(room);

	return getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, &len) == 0 && room > 0 ? (size_t)room : 0;
}

/* A datagram of n bytes did not go, for that reason: what is to be said of it? It may be tried a second time. */
static int
judge(int fd, size_t n, int errnum, bool *again)
{
	/* An ICMP message about an earlier one says the same, once; the system cuts the next to fit (ip(7)). */
	if (errnum == EMSGSIZE && !*again) {
		*again = true;
		return 0;
	}
	/* What can never fit is no shortage that ends. */
	if (errnum == ENOBUFS && n > send_buffer(fd) && sock_queued(fd) == 0)
		return EMSGSIZE;
	return errnum;
}

size_t
dgram_send(int fd, const struct dgram *v, size_t n, int *errnum)
{
	bool runs = n > 1 && can_segment(fd), again = false;
	struct batch b;
	size_t done = 0;
	int sent;

	while (done < n) {
		pack(&b, v + done, n - done, runs);
		sent = send_batch(fd, &b);
		if (sent < 0 && b.counts[0] > 1 && is_no_segments(errno)) {
			runs = false;
			continue;
		}
		if (sent <= 0) {
			if ((*errnum = sent < 0 ? judge(fd, v[done].n, errno, &again) : EAGAIN) == 0)
				continue;
			break;
		}
		again = false;
		for (int i = 0; i < sent; i++)
			done += b.counts[i];
	}
	return done;
}

size_t
dgram_max(int fd, const struct addr *peer)
{
	struct addr to = *peer;
	size_t room;

	if (to.len == 0) {
		to.len = sizeof(to.ss);
		if (getpeername(fd, (void *)&to.ss, &to.len) < 0) {
			to.len = sizeof(to.ss);
			getsockname(fd, (void *)&to.ss, &to.len);
		}
	}
	if (addr_family(&to) == AF_INET6)
		return IN6_IS_ADDR_V4MAPPED(&((const struct sockaddr_in6 *)(const void *)&to.ss)->sin6_addr) ?
		    DGRAM_UDP_MAX : DGRAM_UDP6_MAX;
	if (addr_family(&to) != AF_UNIX)
		return DGRAM_UDP_MAX;
	room = send_buffer(fd);
	return room > UNIX_OVERHEAD ? room - UNIX_OVERHEAD : 0;
}

int
dgram_too_long(int fd, const struct addr *peer, size_t n, struct err *err)
{
	size_t max = dgram_max(fd, peer), room = send_buffer(fd);
	int mtu = 0, level = addr_family(peer) == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
	socklen_t len = sizeof(mtu);

	err_set(err, ERR_LIMIT, 0, "a message of %zu bytes is longer than ", n);
	if (n > max)
		err_add(err, "the %zu that the socket takes", max);
	else if (n > room && room > 0)
		err_add(err, "what its send buffer of %zu bytes (SO_SNDBUF) has room for", room);
	else
		err_add(err, "the way to the peer allows");
#ifdef IP_MTU
	if (n <= max && n <= room && getsockopt(fd, level, level == IPPROTO_IPV6 ? IPV6_MTU : IP_MTU, &mtu, &len) == 0)
		err_add(err, " (its MTU is %d)", mtu);
#else
	(void)level;
	(void)len;
#endif
	err->errnum = EMSGSIZE;
	return -1;
}
