/*
 * What is said of datagrams on their way out: how far they may go, in what class, to whom (ip(7), ipv6(7), socket(7)).
 */
#ifndef SOCKT_NET_OUTGOING_H
#define SOCKT_NET_OUTGOING_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/net/addr.h"

struct outgoing {
	int64_t ttl;			/* hops, 1 to 255; OPT_UNSET: as the system has it, as with all of these */
	int64_t tos;			/* the byte that says the class of service, 0 to 255 */
	int64_t group_ttl;		/* ttl of what goes to a multicast group; 0: not beyond this machine */
	unsigned group_interface;	/* its index, which such a datagram leaves by; 0: GROUP%IF's, or the system's choice */
	bool broadcast;			/* it may go to everybody */
};

/* The parser of an option at an unsigned: an interface's name, index or IPv4 address. */
int	outgoing_parse_interface(void *at, const char *word, struct err *err);

/*
 * Sets it on a new IPv4 or IPv6 socket for that peer: before it is connected, which chooses an address of ours. Returns
 * 0, or -1 and err with the option as the object.
 */
int	outgoing_set(const struct outgoing *out, int fd, const struct addr *peer, struct err *err);

#endif
