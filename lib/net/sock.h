/*
 * What every socket of ours has in common.
 */
#ifndef SOCKT_NET_SOCK_H
#define SOCKT_NET_SOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/net/addr.h"
#include "lib/net/sockopt.h"

/* What users may say of sockets, whether they connect or listen. */
struct sock_args {
	int type;			/* SOCK_DGRAM, SOCK_SEQPACKET, or 0 for SOCK_STREAM */
	bool mptcp;			/* Multipath TCP (RFC 8684) where it would be TCP */
	bool shared;			/* datagrams: others may bind the same address, and do so by saying the same */
	struct sockopts options;
};

/*
 * Does what args asks for suit these addresses? Returns 0, or -1 and err. Calls that make sockets for a list ask first,
 * for each socket takes only what suits it.
 */
int	sock_check(const struct sock_args *args, const struct addr_list *addrs, enum err_stage stage, struct err *err);

/* The type of these sockets: SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET. Do they keep messages apart? */
int	sock_type(const struct sock_args *args);
bool	sock_has_messages(const struct sock_args *args);

/*
 * A non-blocking close-on-exec socket of that family, tuned, or -1 and err, whose errnum says why. On TCP,
 * TCP_NODELAY is on, because we never hold back what could be sent, and SO_OOBINLINE, so that urgent data stays where
 * it stood in the stream (RFC 6093). What a listener accepts inherits both. Later would be too late: an urgent byte
 * that has arrived is out of line. args->options are for the caller to set, after defaults of its own.
 *
 * sock_tune() does the same for a stream socket that somebody else made.
 */
int	sock_new(int family, const struct sock_args *args, enum err_stage stage, struct err *err);
void	sock_tune(int fd, int family);

/* Takes and clears the pending error of fd: an errno, or 0. */
int	sock_error(int fd);

/*
 * The same of one that connect(2) was waited for. One that was open, said something and was reset since has connected:
 * what it said is there to be read, and then the reset.
 */
int	sock_connect_error(int fd);

/*
 * How many bytes of what was written are unsent or unacknowledged (tcp(7), SIOCOUTQ); on a Unix socket, what its peer
 * has not read. 0 where nobody can tell.
 */
size_t	sock_queued(int fd);

/*
 * Has the other system acknowledged everything, or can it not do so any more? Then *errnum, which it clears on the
 * socket, says why; 0: it has.
 */
bool	sock_settled(int fd, int *errnum);

/*
 * Would what is sent to peer come to the socket that is bound to local, which may be every address of this machine?
 * True too where that cannot be told.
 */
bool	sock_is_at(const struct addr *local, const struct addr *peer);

/* Our own end and the peer's; len 0 when the system does not say. */
void	sock_local(int fd, struct addr *addr);
void	sock_peer(int fd, struct addr *addr);

/* What the system knows of a TCP connection (tcp(7), TCP_INFO). */
struct sock_tcp_info {
	uint32_t rtt_us;
	uint32_t retransmits;	/* segments sent again, in all */
	const char *state;	/* RFC 9293's names, lower case: "established", "close-wait", … */
};

/* Fills *info; false when fd is no TCP socket or the system does not say. */
bool	sock_tcp_info(int fd, struct sock_tcp_info *info);

/* Closes *fd with RST instead of FIN: nothing lingers in TIME_WAIT, and the peer knows that it was no orderly end. */
void	sock_reset(int *fd);

#endif
