/*
 * Addrmap: a hash table of things by the address of a peer, which embed its nodes. Peers are told apart by address,
 * port and, where it has one, zone; Unix sockets by their names, and those without a name (unix(7)) are one.
 *
 * It is seeded, so that nobody who chooses addresses chooses buckets.
 */
#ifndef SOCKT_NET_ADDRMAP_H
#define SOCKT_NET_ADDRMAP_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/net/addr.h"

/* To be embedded. addr and of are its owner's to set, before addrmap_add(). */
struct addrmap_node {
	struct addr addr;
	void *of;		/* the owner */
	/* the map's own */
	struct addrmap_node *chain;
	uint64_t hash;
};

struct addrmap {
	struct addrmap_node **buckets;
	size_t n_buckets, n;
	uint64_t seed;
};

/* Makes an empty one. Returns 0, or -1 and err without memory. */
int	addrmap_init(struct addrmap *map, struct err *err);
void	addrmap_free(struct addrmap *map);	/* every node was dropped before */

/* Who was added with that address, or NULL. */
void	*addrmap_find(const struct addrmap *map, const struct addr *addr);

/* Borrows node until addrmap_drop(). Nobody with that address is there. */
void	addrmap_add(struct addrmap *map, struct addrmap_node *node);
void	addrmap_drop(struct addrmap *map, struct addrmap_node *node);

#endif
