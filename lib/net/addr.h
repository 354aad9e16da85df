/*
 * A socket address and a list of them.
 */
#ifndef SOCKT_NET_ADDR_H
#define SOCKT_NET_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/base/err.h"

struct addr {
	struct sockaddr_storage ss;
	socklen_t len;		/* 0: none */
};

struct addr_list {
	struct addr *v;
	size_t n;
};

#define ADDR_LIST_EMPTY ((struct addr_list){ .v = NULL })
#define ADDR_NAME_MAX 160	/* the longest name addr_name() writes, with NUL */

void	addr_list_free(struct addr_list *list);		/* empty is fine */

/* Writes "127.0.0.1:80", "[fe80::1%eth0]:80", "unix:/run/x" or "vsock:2:80"; v4-mapped v6 as v4. Returns out. */
const char *addr_name(const struct addr *addr, char *out, size_t size);

/* Writes the address without a port, bare: "127.0.0.1", "fe80::1%eth0", "/run/x"; v4-mapped as v4. Returns out. */
const char *addr_host(const struct addr *addr, char *out, size_t size);

int	addr_family(const struct addr *addr);		/* AF_INET, AF_INET6, AF_UNIX, AF_VSOCK */
bool	addr_is_local(const struct addr *addr);		/* on this machine: a connect there is answered at once */
bool	addr_is_inet(const struct addr *addr);		/* IPv4 or IPv6 */
bool	addr_equal(const struct addr *a, const struct addr *b);
unsigned addr_port(const struct addr *addr);		/* 0 for Unix */
void	addr_set_port(struct addr *addr, unsigned port);

/* Writes the address alone as 16 bytes, IPv4 as v4-mapped v6 (cidr.h). False for Unix. */
bool	addr_bytes(const struct addr *addr, uint8_t out[16]);

/* Fills *addr, port 0, from a numeric address, which may carry a zone id (RFC 4007). False if it is not one. */
bool	addr_from_host(struct addr *addr, const char *host);

/* Fills *addr from a numeric ADDR, ADDR:PORT, [V6] or [V6]:PORT (port 0 without one). Returns 0 or -1, ERR_USAGE. */
int	addr_parse(struct addr *addr, const char *word, struct err *err);

/* Fills *addr from a CID and port of vsock(7). */
void	addr_vsock(struct addr *addr, uint32_t cid, uint32_t port);

/* Fills *addr from a Unix path, `@NAME` for the abstract namespace; at most 107 bytes, which the caller has checked. */
void	addr_unix(struct addr *addr, const char *path);

#endif
