/*
 * Datagrams: many of them in one call, in and out, with all that the system knows of each.
 *
 * recvmmsg(2) and sendmmsg(2) where there are any, one by one otherwise; runs of datagrams of one size go out as one
 * packet for the kernel to cut (UDP_SEGMENT, udp(7)) where it can. A datagram goes whole or not at all.
 */
#ifndef SOCKT_NET_DGRAM_H
#define SOCKT_NET_DGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"
#include "lib/net/addr.h"

#define DGRAM_BATCH	64	/* datagrams in one call */
#define DGRAM_MAX	65535	/* no datagram of UDP is longer */
#define DGRAM_UDP_MAX	65507	/* bytes of a datagram over IPv4: 65535 less the headers of IP and UDP (RFC 768) */
#define DGRAM_UDP6_MAX	65527	/* over IPv6, whose header is not in the length (RFC 8200 section 3) */
#define DGRAM_UNIX_MAX	(1024 * 1024)	/* more than a sender's buffer takes by default (socket(7), wmem_max) */

/* One that came, or is to go. What is not known of it is zero. */
struct dgram {
	struct addr peer;	/* from, or for; len 0: who has no name (unix(7)), or whom the socket is connected to */
	struct addr local;	/* our address that it came to, or goes from, never a group; len 0: the system knows */
	const unsigned char *bytes;	/* borrowed */
	size_t n;
	/* what follows is of one that came */
	size_t size;		/* how long it was: more than n, and the rest is lost */
	int64_t stamp_us;	/* when the system got it, since 1970 (socket(7), SO_TIMESTAMPNS); 0: it does not say */
	pid_t pid;		/* with has_sender, who sent it; 0: a process that we cannot see */
	uid_t uid;
	gid_t gid;
	bool has_sender;	/* the system says who sent it (unix(7), SCM_CREDENTIALS) */
	bool to_many;		/* with DGRAM_LOCAL: it was sent to a group or to everybody */
};

/* What to be told of each that comes; what the system or the family does not have is left out. */
enum {
	DGRAM_STAMP = 1,	/* stamp_us */
	DGRAM_LOCAL = 2,	/* local, its port being the socket's, and to_many (ip(7), IP_PKTINFO) */
	DGRAM_SENDER = 4	/* pid, uid, gid */
};

/* ---- in ---- */

struct dgram_in;

/*
 * For the non-blocking socket fd, which is borrowed and gets the options that it takes to tell what is asked for; also
 * the count of those that the system had to drop. Datagrams of up to max bytes are kept whole. NULL and err without
 * memory.
 */
struct dgram_in *dgram_in_new(int fd, size_t max, unsigned what, struct err *err);
void	dgram_in_free(struct dgram_in *in);	/* NULL is fine */

/*
 * Takes up to most datagrams, at most DGRAM_BATCH. Returns how many there are, 0 if none is waiting, or -1 with errno:
 * on a connected socket that may be what an ICMP message said of one that was sent before (dgram_take_error()). What
 * was got before is gone.
 */
ssize_t	dgram_in_fill(struct dgram_in *in, size_t most);

/* The ith of these; valid until the next dgram_in_fill(). */
const struct dgram *dgram_in_get(const struct dgram_in *in, size_t i);

/*
 * How many the system has dropped for want of room since the socket was made, as far as it says (socket(7),
 * SO_RXQ_OVFL), also behind the last that came, where it can be asked (SO_MEMINFO): that is a system call.
 */
uint64_t dgram_in_lost(struct dgram_in *in);

/* ---- out ---- */

/*
 * Sends v[0..n) in order, as far as it goes without blocking. Returns how many went, from 0 to n; less than n sets
 * *errnum to why the next did not: EAGAIN or ENOBUFS when it has to wait, EMSGSIZE when it is too long for the way or
 * for the socket's buffer, never because an earlier one was, what an ICMP message said of an earlier one, or anything
 * else. The socket's own errors are taken: the next call tries again. One that comes in the midst of the call may be
 * passed over in silence; dgram_take_error() still has it.
 */
size_t	dgram_send(int fd, const struct dgram *v, size_t n, int *errnum);

/* Says, as ERR_LIMIT, why n bytes to peer (as for dgram_max()), which EMSGSIZE was the answer to, are too long. -1. */
int	dgram_too_long(int fd, const struct addr *peer, size_t n, struct err *err);

/* The longest datagram that the socket fd takes to peer (len 0: whom it is connected to), by protocol or its buffer. */
size_t	dgram_max(int fd, const struct addr *peer);

/* ---- what the network says of those that went ---- */

/* Asks for the errors of the network, ICMP's, on a UDP socket (ip(7), IP_RECVERR). */
void	dgram_want_errors(int fd, int family);

/*
 * One of these. errnum is what it means here: ECONNREFUSED for a port that nobody has, EHOSTUNREACH, EMSGSIZE, ….
 */
struct dgram_error {
	int errnum;
	struct addr peer;	/* whom the datagram was for; len 0: it does not say */
	struct addr offender;	/* who says so; len 0: the system itself */
	unsigned type, code;	/* of the ICMP or ICMPv6 message; with no offender 0 */
};

/* Is this what the network says of a datagram, and not a fault of ours? */
bool	dgram_is_from_network(int errnum);

/* Of UDP only: takes the oldest. Returns false when there is none left. */
bool	dgram_take_error(int fd, struct dgram_error *error);

#define DGRAM_WORDS_MAX (ADDR_NAME_MAX + 64)	/* the longest that dgram_error_words() writes, with NUL */

/* Says it in words: "port unreachable, says 10.0.0.1". Returns out. */
const char *dgram_error_words(const struct dgram_error *error, char *out, size_t size);

#endif
