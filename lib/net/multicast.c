/*
 * Multicast groups: see multicast.h. The calls of RFC 3678 that are alike for both families join them; on Linux an IPv6
 * socket takes those of IPv4 too.
 */
#include "lib/net/multicast.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <bsd/string.h>

#include "lib/base/num.h"
#include "lib/net/sock.h"

#define WORD_MAX	160	/* two addresses and an interface */

/* ---- the words ---- */

static const struct in_addr *
as_v4(const struct addr *addr)
{
	return &((const struct sockaddr_in *)(const void *)&addr->ss)->sin_addr;
}

static const struct in6_addr *
as_v6(const struct addr *addr)
{
	return &((const struct sockaddr_in6 *)(const void *)&addr->ss)->sin6_addr;
}

bool
multicast_is_group(const struct addr *addr)
{
	return addr_family(addr) == AF_INET ? IN_MULTICAST(ntohl(as_v4(addr)->s_addr)) : IN6_IS_ADDR_MULTICAST(as_v6(addr));
}

static bool
is_wildcard(const struct addr *addr)
{
	return addr_family(addr) == AF_INET ? as_v4(addr)->s_addr == htonl(INADDR_ANY) :
	    IN6_IS_ADDR_UNSPECIFIED(as_v6(addr));
}

/* The interface that has that address; 0: none. */
static unsigned
interface_of(const struct addr *addr)
{
	struct ifaddrs *list, *at;
	unsigned index = 0;

	if (getifaddrs(&list) < 0)
		return 0;
	for (at = list; at != NULL && index == 0; at = at->ifa_next) {
		struct addr own = { .len = sizeof(struct sockaddr_in) };
		if (at->ifa_addr == NULL || at->ifa_addr->sa_family != AF_INET)
			continue;
		memcpy(&own.ss, at->ifa_addr, own.len);
		if (addr_equal(&own, addr))
			index = if_nametoindex(at->ifa_name);
	}
	freeifaddrs(list);
	return index;
}

unsigned
multicast_interface(const char *word)
{
	struct addr addr;
	int64_t index;
	char name[IF_NAMESIZE];
	unsigned named = if_nametoindex(word);

	if (named != 0)
		return named;
	if (num_int(word, 1, INT32_MAX, &index) && if_indextoname((unsigned)index, name) != NULL)
		return (unsigned)index;
	return addr_from_host(&addr, word) && addr_family(&addr) == AF_INET ? interface_of(&addr) : 0;
}

/* Takes [SOURCE@]GROUP[%IF] apart, in place. */
static int
take_word(struct multicast_group *g, char *word, struct err *err)
{
	char *at = strchr(word, '@'), *group = at != NULL ? at + 1 : word, *zone = strchr(group, '%');

	if (at != NULL)
		*at = '\0';
	if (zone != NULL)
		*zone = '\0';
	if (!addr_from_host(&g->group, group) || !multicast_is_group(&g->group))
		return err_set(err, ERR_USAGE, 0, "is no multicast group ([SOURCE@]GROUP[%%IF], such as 239.1.1.1 or "
		    "ff02::1%%eth0)");
	if (at != NULL && !addr_from_host(&g->source, word))
		return err_set(err, ERR_USAGE, 0, "has no address before the '@'");
	if (at != NULL && (multicast_is_group(&g->source) || is_wildcard(&g->source)))
		return err_set(err, ERR_USAGE, 0, "has an address before the '@' that nobody sends from");
	if (at != NULL && addr_family(&g->source) != addr_family(&g->group))
		return err_set(err, ERR_USAGE, 0, "has a source and a group of different families");
	if (zone != NULL && (g->interface = multicast_interface(zone + 1)) == 0)
		return err_set(err, ERR_USAGE, 0, "names no interface of this machine behind the '%%'");
	return 0;
}

static bool
is_same_group(const struct multicast_group *a, const struct multicast_group *b)
{
	return addr_equal(&a->group, &b->group) && a->interface == b->interface;
}

static bool
is_same_source(const struct multicast_group *a, const struct multicast_group *b)
{
	return a->source.len == b->source.len && (a->source.len == 0 || addr_equal(&a->source, &b->source));
}

int
multicast_add(void *at, const char *word, struct err *err)
{
	struct multicast *groups = at;
	struct multicast_group g = { .interface = 0 };
	char copy[WORD_MAX];

	if (strlcpy(copy, word, sizeof(copy)) >= sizeof(copy))
		return err_set(err, ERR_USAGE, 0, "is too long for a multicast group");
	if (take_word(&g, copy, err) < 0)
		return -1;
	for (size_t i = 0; i < groups->n; i++) {
		const struct multicast_group *other = &groups->v[i];
		if (is_same_group(other, &g) && is_same_source(other, &g))
			return 0;
		/* Linux would take both, and hear the one source only. */
		if (is_same_group(other, &g) && (other->source.len == 0) != (g.source.len == 0))
			return err_set(err, ERR_USAGE, 0, "is asked for from one source, and from anybody");
	}
	if (groups->n == MULTICAST_MAX)
		return err_set(err, ERR_USAGE, 0, "is one group too many: at most %d", MULTICAST_MAX);
	groups->v[groups->n++] = g;
	return 0;
}

/* ---- the sockets ---- */

/* Writes the group as a user would: SOURCE@GROUP%IF. Returns out. */
static const char *
group_name(const struct multicast_group *g, char *out, size_t size)
{
	char group[ADDR_NAME_MAX], source[ADDR_NAME_MAX] = "", zone[IF_NAMESIZE + 1] = "%";

	addr_host(&g->group, group, sizeof(group));
	if (g->source.len > 0)
		addr_host(&g->source, source, sizeof(source));
	if (g->interface == 0 || if_indextoname(g->interface, zone + 1) == NULL)
		zone[0] = '\0';
	snprintf(out, size, "%s%s%s%s", source, source[0] != '\0' ? "@" : "", group, zone);
	return out;
}

static bool
takes_v4_too(int fd)
{
	int only = 1;
	socklen_t len = sizeof(only);

	return getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len) == 0 && only == 0;
}

/* Is what is sent to the group for a socket that is bound to local? */
static bool
can_hear(const struct multicast_group *g, int fd, const struct addr *local)
{
	struct addr group = g->group;

	if (is_wildcard(local))
		return addr_family(local) == addr_family(&group) ||
		    (addr_family(local) == AF_INET6 && takes_v4_too(fd));
	addr_set_port(&group, addr_port(local));
	return addr_equal(local, &group);
}

/* A socket hears all groups that anybody on this machine has joined, unless told not to. */
static void
hear_own_groups_only(int fd, int family)
{
#ifndef SOCKT_PORTABLE
	static const int no = 0;

	setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &no, sizeof(no));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, &no, sizeof(no));	/* as of Linux 4.20 */
#else
	(void)fd;
	(void)family;
#endif
}

static int
join(const struct multicast_group *g, int fd)
{
	int level = addr_family(&g->group) == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	struct group_source_req from = { .gsr_interface = g->interface, .gsr_group = g->group.ss,
	    .gsr_source = g->source.ss };
	struct group_req anybody = { .gr_interface = g->interface, .gr_group = g->group.ss };

	return g->source.len > 0 ? setsockopt(fd, level, MCAST_JOIN_SOURCE_GROUP, &from, sizeof(from)) :
	    setsockopt(fd, level, MCAST_JOIN_GROUP, &anybody, sizeof(anybody));
}

static int
cannot_join(const struct multicast_group *g, int errnum, struct err *err)
{
	char name[3 * ADDR_NAME_MAX];

	err_set(err, ERR_BIND, errnum, "cannot join");
	if (errnum == ENODEV && g->interface == 0)
		err_add(err, " (there is no route to the group; %%IF behind it says which interface)");
	else if (errnum == ENOBUFS)
		err_add(err, " (net.ipv4.igmp_max_memberships and igmp_max_msf bound how many)");
	else if (errnum == EADDRINUSE)
		err_add(err, " (it is joined already, on the interface that the system would choose)");
	return err_at(err, STAGE_LISTEN, group_name(g, name, sizeof(name)));
}

int
multicast_join(const struct multicast *groups, int fd, uint32_t *joined, struct err *err)
{
	struct addr local;

	sock_local(fd, &local);
	if (groups->n == 0 || local.len == 0 || !addr_is_inet(&local))
		return 0;
	hear_own_groups_only(fd, addr_family(&local));
	for (size_t i = 0; i < groups->n; i++) {
		if (!can_hear(&groups->v[i], fd, &local))
			continue;
		if (join(&groups->v[i], fd) < 0)
			return cannot_join(&groups->v[i], errno, err);
		*joined |= UINT32_C(1) << i;
	}
	return 0;
}

int
multicast_check(const struct multicast *groups, uint32_t joined, struct err *err)
{
	char name[3 * ADDR_NAME_MAX];

	for (size_t i = 0; i < groups->n; i++) {
		if (joined & UINT32_C(1) << i)
			continue;
		err_set(err, ERR_BIND, 0, "no socket of ours can hear it: listen on all addresses (without HOST), or on the "
		    "group's own");
		return err_at(err, STAGE_LISTEN, group_name(&groups->v[i], name, sizeof(name)));
	}
	return 0;
}
