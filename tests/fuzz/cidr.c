/*
 * Any file of networks is read to its end; a network that is taken is one by the rules of its struct, has its own
 * address, can be written and read again; and a sorted set has what each of its networks has.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/wire/cidr.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_one(const struct cidr *c)
{
	char host[INET6_ADDRSTRLEN], word[INET6_ADDRSTRLEN + 8];
	struct cidr again;
	struct err err;

	if (c->bits > 128 || !cidr_has(c, c->addr))
		abort();
	for (unsigned bit = c->bits; bit < 128; bit++) {
		if (c->addr[bit / 8] & (0x80U >> bit % 8))
			abort();
	}
	inet_ntop(AF_INET6, c->addr, host, sizeof(host));
	snprintf(word, sizeof(word), "%s/%u", host, c->bits);
	if (cidr_parse(&again, word, &err) < 0 || again.bits != c->bits || memcmp(again.addr, c->addr, 16) != 0)
		abort();
}

/* Both ends of every network are in the set, but for a far end that is an IPv4 address and so not in the network. */
static void
check_set(struct cidr_set *set)
{
	struct cidr_set all = CIDR_SET_EMPTY;

	for (size_t i = 0; i < set->n; i++) {
		if (!cidr_set_add(&all, &set->v[i]))
			break;
	}
	cidr_set_sort(set);
	for (size_t i = 0; i < all.n; i++) {
		uint8_t last[16];
		memcpy(last, all.v[i].addr, sizeof(last));
		for (unsigned bit = all.v[i].bits; bit < 128; bit++)
			last[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
		if (!cidr_set_has(set, all.v[i].addr) || cidr_set_has(set, last) < cidr_has(&all.v[i], last))
			abort();
	}
	cidr_set_free(&all);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cidr_set set = CIDR_SET_EMPTY;
	const char *p = (const char *)data, *end = p + size;
	struct cidr c;
	struct err err;

	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p)), *stop = lf != NULL ? lf : end;
		enum cidr_line found = cidr_line(&c, p, (size_t)(stop - p), &err);
		if (found == CIDR_LINE_BAD && err.kind != ERR_USAGE)
			abort();
		if (found == CIDR_LINE_ONE) {
			check_one(&c);
			if (!cidr_set_add(&set, &c))
				break;
		}
		p = stop + 1;
	}
	check_set(&set);
	cidr_set_free(&set);
	return 0;
}
