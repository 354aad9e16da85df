/*
 * What the network says of datagrams that went: see dgram.h. Linux keeps the messages of ICMP in a queue beside what
 * came (ip(7), IP_RECVERR); elsewhere a connected socket knows only that there was one.
 */
#include "lib/net/dgram.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/net/sock.h"

#if defined(__linux__) && !defined(SOCKT_PORTABLE)
#define HAVE_ERRORS
#include <time.h>
#include <linux/errqueue.h>
#endif

void
dgram_want_errors(int fd, int family)
{
#ifdef HAVE_ERRORS
	static const int on = 1;

	/* An IPv6 socket that also speaks IPv4 has to be asked for both. */
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
	if (family == AF_INET || family == AF_INET6)
		setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
#else
	(void)fd;
	(void)family;
#endif
}

#ifdef HAVE_ERRORS

/* Is it a message of ICMP, or our own system's word on a datagram? Others tell of time stamps and the like. */
static bool
is_of_network(const struct sock_extended_err *e)
{
	return e->ee_origin == SO_EE_ORIGIN_LOCAL || e->ee_origin == SO_EE_ORIGIN_ICMP ||
	    e->ee_origin == SO_EE_ORIGIN_ICMP6;
}

static void
read_offender(struct dgram_error *error, const struct sock_extended_err *e, const unsigned char *at, size_t n)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
	socklen_t len;

	if (e->ee_origin == SO_EE_ORIGIN_LOCAL)
		return;
	error->type = e->ee_type;
	error->code = e->ee_code;
	memcpy(&ss, at, n < sizeof(ss) ? n : sizeof(ss));
	len = ss.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	if (ss.ss_family != AF_INET && ss.ss_family != AF_INET6)
		return;
	if (n >= len)
		error->offender = (struct addr){ .ss = ss, .len = len };
}

/* Fills *error from the control messages of hdr. Returns false when there is none of the network's among them. */
static bool
read_error(struct dgram_error *error, struct msghdr *hdr)
{
	struct sock_extended_err e;
	size_t n;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(hdr); c != NULL; c = CMSG_NXTHDR(hdr, c)) {
		n = c->cmsg_len - CMSG_LEN(0);
		if (!((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
		    (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) || n < sizeof(e))
			continue;
		memcpy(&e, CMSG_DATA(c), sizeof(e));
		if (!is_of_network(&e))
			continue;
		error->errnum = (int)e.ee_errno;
		read_offender(error, &e, CMSG_DATA(c) + sizeof(e), n - sizeof(e));
		return true;
	}
	return false;
}

bool
dgram_take_error(int fd, struct dgram_error *error)
{
	union { struct cmsghdr first; unsigned char bytes[512]; } control;
	struct msghdr hdr;
	unsigned char byte;
	struct iovec part = { .iov_base = &byte, .iov_len = sizeof(byte) };	/* the datagram itself: not wanted */
	ssize_t n;

	for (;;) {
		*error = (struct dgram_error){ .errnum = 0 };
		hdr = (struct msghdr){
			.msg_name = &error->peer.ss, .msg_namelen = sizeof(error->peer.ss),
			.msg_iov = &part, .msg_iovlen = 1,
			.msg_control = control.bytes, .msg_controllen = sizeof(control.bytes),
		};
		do
			n = recvmsg(fd, &hdr, MSG_ERRQUEUE | MSG_DONTWAIT);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return false;
		error->peer.len = hdr.msg_namelen;
		if (read_error(error, &hdr))
			return true;
	}
}

#else

bool
dgram_take_error(int fd, struct dgram_error *error)
{
	*error = (struct dgram_error){ .errnum = sock_error(fd) };
	return error->errnum != 0;
}

#endif

/* Destination unreachable, by code (RFC 792, RFC 1812 section 5.2.7.1). */
static const char *const unreachable4[] = {
	"network unreachable", "host unreachable", "protocol unreachable", "port unreachable", "fragmentation needed",
	"source route failed", "network unknown", "host unknown", "host isolated", "network prohibited",
	"host prohibited", "network unreachable for this service", "host unreachable for this service",
	"communication prohibited", "host precedence violation", "precedence cutoff",
};

/* The same of ICMPv6 (RFC 4443 section 3.1). */
static const char *const unreachable6[] = {
	"no route", "communication prohibited", "beyond the scope of the source address", "address unreachable",
	"port unreachable", "source address prohibited", "route rejected",
};

/* The words for an ICMP message; NULL when it has none of its own. */
static const char *
icmp4_words(unsigned type, unsigned code)
{
	switch (type) {
	case 3:		return code < sizeof(unreachable4) / sizeof(unreachable4[0]) ? unreachable4[code] : NULL;
	case 11:	return code == 0 ? "time to live exceeded" : "reassembly took too long";
	case 12:	return "parameter problem";
	default:	return NULL;
	}
}

static const char *
icmp6_words(unsigned type, unsigned code)
{
	switch (type) {
	case 1:		return code < sizeof(unreachable6) / sizeof(unreachable6[0]) ? unreachable6[code] : NULL;
	case 2:		return "packet too big";
	case 3:		return code == 0 ? "hop limit exceeded" : "reassembly took too long";
	case 4:		return "parameter problem";
	default:	return NULL;
	}
}

bool
dgram_is_from_network(int errnum)
{
	switch (errnum) {
	case ECONNREFUSED: case EHOSTUNREACH: case ENETUNREACH: case EHOSTDOWN: case ENETDOWN: case ENOPROTOOPT:
	case EOPNOTSUPP: case EPROTO:
	case EACCES: case EPERM:		/* a firewall, ours or another's */
		return true;
	default:
		return false;
	}
}

const char *
dgram_error_words(const struct dgram_error *error, char *out, size_t size)
{
	const struct sockaddr_in6 *in6 = (const void *)&error->offender.ss;
	const char *words = NULL;
	char host[ADDR_NAME_MAX];

	if (error->offender.len > 0)
		words = addr_family(&error->offender) == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) ?
		    icmp6_words(error->type, error->code) : icmp4_words(error->type, error->code);
	if (words == NULL)
		words = strerror(error->errnum);
	if (error->offender.len > 0)
		snprintf(out, size, "%s, says %s", words, addr_host(&error->offender, host, sizeof(host)));
	else
		snprintf(out, size, "%s", words);
	return out;
}
