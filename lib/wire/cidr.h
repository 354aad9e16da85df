/*
 * Networks (RFC 4632, RFC 4291) as rules about who may come: one, and a set of many that is asked in O(log n).
 *
 * There is one form of address, 16 bytes, IPv4 as v4-mapped (::ffff:0:0/96), because that is what a socket for both
 * families says of an IPv4 client. Such a client is of IPv4 and nothing else: 0.0.0.0/0 is all of IPv4 and no other,
 * ::/0 all of IPv6 and no other, and ::ffff:10.0.0.0/104 is 10.0.0.0/8.
 */
#ifndef SOCKT_WIRE_CIDR_H
#define SOCKT_WIRE_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct cidr {
	uint8_t addr[16];	/* nothing set behind bits */
	unsigned bits;		/* 0 to 128, of the 16 bytes: 10.0.0.0/8 has 104 */
};

/*
 * Fills *c from ADDRESS or ADDRESS/BITS: `10.0.0.0/8`, `2001:db8::/32`, `192.168.1.1`, `[::1]`, `[fe80::]/10`. Bits
 * set behind the mask are dropped, for people write 192.168.1.5/24. No blanks, signs, netmasks, zone ids, short forms
 * (10/8) or leading zeros, which some read as octal. Returns 0, or -1 with ERR_USAGE and a text that goes on after the
 * word in quotes: "is not an address …".
 */
int	cidr_parse(struct cidr *c, const char *word, struct err *err);

bool	cidr_has(const struct cidr *c, const uint8_t addr[16]);

/* What cidr_line() found. */
enum cidr_line { CIDR_LINE_NONE, CIDR_LINE_ONE, CIDR_LINE_BAD };

/*
 * Reads p[0..n), a line of a file without its LF: a network, or nothing, between blanks (a CR is one), with a comment
 * from `#` on. CIDR_LINE_BAD comes with ERR_USAGE and a whole sentence.
 */
enum cidr_line cidr_line(struct cidr *c, const char *p, size_t n, struct err *err);

/* Networks, in any order and as often as they come until cidr_set_sort(). */
struct cidr_set {
	struct cidr *v;
	size_t n, cap;
};

#define CIDR_SET_EMPTY ((struct cidr_set){ .v = NULL })

/* False without memory, with nothing changed. */
bool	cidr_set_add(struct cidr_set *set, const struct cidr *c);

/* Makes the set ready to be asked, and smaller: what another one covers goes. More may be added, and sorted again. */
void	cidr_set_sort(struct cidr_set *set);

/* Is the address in one of them? Only of a sorted set. */
bool	cidr_set_has(const struct cidr_set *set, const uint8_t addr[16]);

void	cidr_set_free(struct cidr_set *set);	/* empty is fine, and what it leaves */

#endif
