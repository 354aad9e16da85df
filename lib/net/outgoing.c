/*
 * What is said of datagrams on their way out: see outgoing.h.
 */
#include "lib/net/outgoing.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#include "lib/base/opts.h"
#include "lib/net/multicast.h"

int
outgoing_parse_interface(void *at, const char *word, struct err *err)
{
	unsigned index = multicast_interface(word);

	if (index == 0)
		return err_set(err, ERR_USAGE, 0, "is no interface of this machine, nor an IPv4 address that one has");
	*(unsigned *)at = index;
	return 0;
}

/* The options that are one number, under the names that users have for them. */
static const struct row {
	const char *name;
	size_t at;
	int option4, option6;
} rows[] = {
	{ "--ttl", offsetof(struct outgoing, ttl), IP_TTL, IPV6_UNICAST_HOPS },
	{ "--tos", offsetof(struct outgoing, tos), IP_TOS, IPV6_TCLASS },
	{ "--multicast-ttl", offsetof(struct outgoing, group_ttl), IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS },
};

static int
cannot_set(const char *name, struct err *err)
{
	err_set(err, ERR_LOCAL, errno, "cannot be set");
	return err_at(err, STAGE_CONNECT, name);
}

static int
set_group_interface(unsigned index, int fd, int family)
{
	struct ip_mreqn by_index = { .imr_ifindex = (int)index };
	int number = (int)index;

	if (family == AF_INET6)
		return setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &number, sizeof(number));
	return setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &by_index, sizeof(by_index));
}

/* The interface that a group was written with; the system heeds it by itself only where the group is link-local. */
static unsigned
zone_of_group(const struct addr *peer)
{
	const struct sockaddr_in6 *in6 = (const void *)&peer->ss;

	return addr_family(peer) == AF_INET6 && multicast_is_group(peer) ? in6->sin6_scope_id : 0;
}

int
outgoing_set(const struct outgoing *out, int fd, const struct addr *peer, struct err *err)
{
	static const int on = 1;
	int family = addr_family(peer);
	unsigned interface = out->group_interface != 0 ? out->group_interface : zone_of_group(peer);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t asked = *(const int64_t *)(const void *)((const char *)out + rows[i].at);
		int n = (int)asked, rc;
		if (asked == OPT_UNSET)
			continue;
		rc = family == AF_INET6 ? setsockopt(fd, IPPROTO_IPV6, rows[i].option6, &n, sizeof(n)) :
		    setsockopt(fd, IPPROTO_IP, rows[i].option4, &n, sizeof(n));
		if (rc < 0)
			return cannot_set(rows[i].name, err);
	}
	if (out->broadcast && setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) < 0)
		return cannot_set("--broadcast", err);
	if (interface != 0 && set_group_interface(interface, fd, family) < 0)
		return cannot_set("--multicast-if", err);
	return 0;
}
