/*
 * Multicast groups to listen to (RFC 3376 section 2, RFC 3810, ip(7), ipv6(7)).
 */
#ifndef SOCKT_NET_MULTICAST_H
#define SOCKT_NET_MULTICAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/net/addr.h"

#define MULTICAST_MAX 32	/* groups on one command line: bit i of a uint32_t is v[i] */

struct multicast {
	struct multicast_group {
		struct addr group;
		struct addr source;	/* the only one to be heard (RFC 4607); len 0: anybody */
		unsigned interface;	/* its index; 0: the system's choice */
	} v[MULTICAST_MAX];
	size_t n;
};

/*
 * Adds [SOURCE@]GROUP[%IF] to the struct multicast at: the parser of an option. IF is the name or index of an
 * interface, or an IPv4 address that it has. The same twice is once. Returns 0, or -1 with ERR_USAGE and a text that
 * goes on after the word in quotes.
 */
int	multicast_add(void *at, const char *word, struct err *err);

/* Is it the address of a group? Asked of IPv4 and IPv6. */
bool	multicast_is_group(const struct addr *addr);

/* The index of the interface that has that name, index or IPv4 address; 0: none of this machine. */
unsigned multicast_interface(const char *word);

/*
 * Joins on the bound socket fd what it can hear, and adds that to *joined: on all addresses, groups of its family, and
 * of both if it is an IPv6 socket that takes IPv4 too; on the address of a group, that group. And sees to it that it
 * hears groups of its own only (IP_MULTICAST_ALL). Returns 0, or -1 and err: ERR_BIND, with the group as the object.
 */
int	multicast_join(const struct multicast *groups, int fd, uint32_t *joined, struct err *err);

/*
 * Every socket was asked: has each group been joined by one of them? Returns 0, or -1 and err as multicast_join() does.
 */
int	multicast_check(const struct multicast *groups, uint32_t joined, struct err *err);

#endif
