/*
 * Networks as rules: see cidr.h.
 *
 * Two networks are apart, or one covers the other. So a sorted set without covered ones holds ranges that do not
 * overlap, and the only one that can have an address is the last that begins at or before it. IPv4 sorts apart from
 * IPv6, else ::/0 would lie around it.
 */
#include "lib/wire/cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/num.h"

#define V4_BITS 96	/* the bits of ::ffff:0:0, in front of an IPv4 address */

/*
 * Is it an IPv4 address, or does a network that begins there belong to IPv4? One that lies around the mapped addresses
 * is of IPv6; it does not begin with all the bits that make them.
 */
static bool
is_v4(const uint8_t addr[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(addr, mapped, sizeof(mapped)) == 0;
}

/* The bits of the i-th byte that the mask covers. */
static uint8_t
mask_byte(unsigned bits, unsigned i)
{
	unsigned covered = bits <= i * 8 ? 0 : bits - i * 8;

	return (uint8_t)(0xff00U >> (covered < 8 ? covered : 8));
}

static int
wrong(struct err *err)
{
	return err_set(err, ERR_USAGE, 0, "is not an address or network (such as 10.0.0.0/8 or 2001:db8::/32)");
}

/* Fills c->addr from n characters, brackets taken off, and *width with the bits of its family. */
static bool
parse_addr(struct cidr *c, const char *from, size_t n, unsigned *width)
{
	bool bracketed = n >= 2 && from[0] == '[' && from[n - 1] == ']';
	char host[INET6_ADDRSTRLEN];

	if (bracketed) {
		from++;
		n -= 2;
	}
	if (n >= sizeof(host))
		return false;
	memcpy(host, from, n);
	host[n] = '\0';
	*width = 128;
	if (inet_pton(AF_INET6, host, c->addr) == 1)
		return true;
	*width = 128 - V4_BITS;
	c->addr[10] = c->addr[11] = 0xff;
	return !bracketed && inet_pton(AF_INET, host, &c->addr[12]) == 1;
}

int
cidr_parse(struct cidr *c, const char *word, struct err *err)
{
	size_t n = strcspn(word, "/");
	const char *mask = word[n] == '/' ? word + n + 1 : NULL;
	struct cidr found = { .bits = 0 };
	unsigned width;
	int64_t bits;

	if (!parse_addr(&found, word, n, &width))
		return wrong(err);
	bits = width;
	if (mask != NULL && ((mask[0] == '0' && mask[1] != '\0') || !num_int(mask, 0, width, &bits)))
		return wrong(err);
	found.bits = (unsigned)bits + (128 - width);
	for (unsigned i = 0; i < sizeof(found.addr); i++)
		found.addr[i] &= mask_byte(found.bits, i);
	*c = found;
	return 0;
}

bool
cidr_has(const struct cidr *c, const uint8_t addr[16])
{
	size_t whole = c->bits / 8;

	if (is_v4(addr) != is_v4(c->addr) || memcmp(addr, c->addr, whole) != 0)
		return false;
	return c->bits % 8 == 0 || (addr[whole] & mask_byte(c->bits, (unsigned)whole)) == c->addr[whole];
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

enum cidr_line
cidr_line(struct cidr *c, const char *p, size_t n, struct err *err)
{
	const char *comment = n > 0 ? memchr(p, '#', n) : NULL;
	char word[64], why[sizeof(err->text)];

	if (comment != NULL)
		n = (size_t)(comment - p);
	for (; n > 0 && is_blank(p[n - 1]); n--)
		;
	for (; n > 0 && is_blank(p[0]); n--)
		p++;
	if (n == 0)
		return CIDR_LINE_NONE;
	if (memchr(p, '\0', n) != NULL) {
		err_set(err, ERR_USAGE, 0, "there is a NUL byte in it");	/* UTF-16, or no text at all */
		return CIDR_LINE_BAD;
	}
	if (n < sizeof(word)) {
		memcpy(word, p, n);
		word[n] = '\0';
		if (cidr_parse(c, word, err) == 0)
			return CIDR_LINE_ONE;
	} else {
		wrong(err);
	}
	memcpy(why, err->text, sizeof(why));
	err_set(err, ERR_USAGE, 0, "'%.*s' %.250s", (int)(n < 200 ? n : 200), p, why);
	return CIDR_LINE_BAD;
}

bool
cidr_set_add(struct cidr_set *set, const struct cidr *c)
{
	if (set->n == set->cap) {
		size_t cap = set->cap == 0 ? 8 : set->cap * 2;
		struct cidr *v = reallocarray(set->v, cap, sizeof(*v));
		if (v == NULL)
			return false;
		set->v = v;
		set->cap = cap;
	}
	set->v[set->n++] = *c;
	return true;
}

/* By family, then where they begin, then the wider one first. */
static int
compare(const void *left, const void *right)
{
	const struct cidr *a = left, *b = right;
	int order = is_v4(a->addr) - is_v4(b->addr);

	if (order == 0)
		order = memcmp(a->addr, b->addr, sizeof(a->addr));
	return order != 0 ? order : (a->bits > b->bits) - (a->bits < b->bits);
}

void
cidr_set_sort(struct cidr_set *set)
{
	size_t kept = 0;

	if (set->n == 0)
		return;
	qsort(set->v, set->n, sizeof(set->v[0]), compare);
	for (size_t i = 1; i < set->n; i++) {
		if (!cidr_has(&set->v[kept], set->v[i].addr))	/* it begins no earlier: covered, or apart */
			set->v[++kept] = set->v[i];
	}
	set->n = kept + 1;
}

bool
cidr_set_has(const struct cidr_set *set, const uint8_t addr[16])
{
	struct cidr key = { .bits = 128 };
	size_t low = 0, high = set->n;	/* those before low begin at or before addr, those from high on behind it */

	memcpy(key.addr, addr, sizeof(key.addr));
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare(&set->v[middle], &key) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && cidr_has(&set->v[low - 1], addr);
}

void
cidr_set_free(struct cidr_set *set)
{
	free(set->v);
	*set = CIDR_SET_EMPTY;
}
