/*
 * A socket address: see addr.h.
 */
#include "lib/net/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <linux/vm_sockets.h>

#include <bsd/string.h>

#include "lib/base/num.h"

static const struct sockaddr_in *
as_v4(const struct addr *addr)
{
	return (const void *)&addr->ss;
}

static const struct sockaddr_in6 *
as_v6(const struct addr *addr)
{
	return (const void *)&addr->ss;
}

static const struct sockaddr_vm *
as_vsock(const struct addr *addr)
{
	return (const void *)&addr->ss;
}

void
addr_list_free(struct addr_list *list)
{
	free(list->v);
	*list = ADDR_LIST_EMPTY;
}

static void
unix_name(const struct addr *addr, char *out, size_t size)
{
	const struct sockaddr_un *un = (const void *)&addr->ss;
	size_t n = addr->len > offsetof(struct sockaddr_un, sun_path) ?
	    addr->len - offsetof(struct sockaddr_un, sun_path) : 0;

	if (n == 0)
		snprintf(out, size, "unix:");		/* a client that has no name of its own */
	else if (un->sun_path[0] == '\0')
		snprintf(out, size, "unix:@%.*s", (int)(n - 1), un->sun_path + 1);
	else
		snprintf(out, size, "unix:%.*s", (int)n, un->sun_path);
}

static void
vsock_name(const struct addr *addr, char *out, size_t size)
{
	const struct sockaddr_vm *vm = as_vsock(addr);

	if (vm->svm_cid == VMADDR_CID_ANY)
		snprintf(out, size, "vsock:any:%u", vm->svm_port);
	else
		snprintf(out, size, "vsock:%u:%u", vm->svm_cid, vm->svm_port);
}

const char *
addr_host(const struct addr *addr, char *out, size_t size)
{
	if (addr_family(addr) == AF_UNIX) {
		unix_name(addr, out, size);
		memmove(out, out + strlen("unix:"), strlen(out) - strlen("unix:") + 1);
	} else if (addr_family(addr) == AF_VSOCK) {
		snprintf(out, size, "%u", as_vsock(addr)->svm_cid);
	} else if (addr_family(addr) == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&as_v6(addr)->sin6_addr)) {
		inet_ntop(AF_INET, &as_v6(addr)->sin6_addr.s6_addr[12], out, (socklen_t)size);
	/* getnameinfo rather than inet_ntop: it writes the zone id too. */
	} else if (getnameinfo((const void *)&addr->ss, addr->len, out, (socklen_t)size, NULL, 0, NI_NUMERICHOST) != 0) {
		snprintf(out, size, "?");
	}
	return out;
}

const char *
addr_name(const struct addr *addr, char *out, size_t size)
{
	char host[ADDR_NAME_MAX];

	if (addr_family(addr) == AF_UNIX)
		unix_name(addr, out, size);
	else if (addr_family(addr) == AF_VSOCK)
		vsock_name(addr, out, size);
	else if (strchr(addr_host(addr, host, sizeof(host)), ':') != NULL)
		snprintf(out, size, "[%s]:%u", host, addr_port(addr));
	else
		snprintf(out, size, "%s:%u", host, addr_port(addr));
	return out;
}

int
addr_family(const struct addr *addr)
{
	return addr->ss.ss_family;
}

bool
addr_is_local(const struct addr *addr)
{
	const struct in6_addr *in6 = &as_v6(addr)->sin6_addr;

	switch (addr_family(addr)) {
	case AF_UNIX:	return true;
	case AF_VSOCK:	return as_vsock(addr)->svm_cid == VMADDR_CID_LOCAL;
	case AF_INET:	return (ntohl(as_v4(addr)->sin_addr.s_addr) >> 24) == 127;
	case AF_INET6:	return IN6_IS_ADDR_LOOPBACK(in6) || (IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr[12] == 127);
	default:	return false;
	}
}

bool
addr_is_inet(const struct addr *addr)
{
	return addr_family(addr) == AF_INET || addr_family(addr) == AF_INET6;
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
	if (addr_family(a) != addr_family(b) || addr_port(a) != addr_port(b))
		return false;
	if (addr_family(a) == AF_VSOCK)
		return as_vsock(a)->svm_cid == as_vsock(b)->svm_cid;
	if (addr_family(a) == AF_INET)
		return as_v4(a)->sin_addr.s_addr == as_v4(b)->sin_addr.s_addr;
	return addr_family(a) == AF_INET6 &&
	    memcmp(&as_v6(a)->sin6_addr, &as_v6(b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

unsigned
addr_port(const struct addr *addr)
{
	return addr_family(addr) == AF_INET ? ntohs(as_v4(addr)->sin_port) :
	    addr_family(addr) == AF_INET6 ? ntohs(as_v6(addr)->sin6_port) :
	    addr_family(addr) == AF_VSOCK ? as_vsock(addr)->svm_port : 0;
}

void
addr_set_port(struct addr *addr, unsigned port)
{
	if (addr_family(addr) == AF_INET)
		((struct sockaddr_in *)(void *)&addr->ss)->sin_port = htons((uint16_t)port);
	else if (addr_family(addr) == AF_INET6)
		((struct sockaddr_in6 *)(void *)&addr->ss)->sin6_port = htons((uint16_t)port);
	else if (addr_family(addr) == AF_VSOCK)
		((struct sockaddr_vm *)(void *)&addr->ss)->svm_port = port;
}

bool
addr_bytes(const struct addr *addr, uint8_t out[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (addr_family(addr) == AF_INET6) {
		memcpy(out, &as_v6(addr)->sin6_addr, 16);
	} else if (addr_family(addr) == AF_INET) {
		memcpy(out, mapped, sizeof(mapped));
		memcpy(out + sizeof(mapped), &as_v4(addr)->sin_addr, 4);
	} else {
		return false;
	}
	return true;
}

/* The index a zone id stands for: an interface's name or number; 0 if there is none. */
static unsigned
zone_index(const char *zone)
{
	unsigned index = if_nametoindex(zone);
	int64_t n;

	return index == 0 && num_int(zone, 1, UINT32_MAX, &n) ? (unsigned)n : index;
}

bool
addr_from_host(struct addr *addr, const char *host)
{
	struct sockaddr_in *in = (void *)&addr->ss;
	struct sockaddr_in6 *in6 = (void *)&addr->ss;
	char bare[INET6_ADDRSTRLEN];
	size_t n = strcspn(host, "%");

	*addr = (struct addr){ .len = 0 };
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		addr->len = sizeof(*in);
		return true;
	}
	if (n >= sizeof(bare))
		return false;
	memcpy(bare, host, n);
	bare[n] = '\0';
	if (inet_pton(AF_INET6, bare, &in6->sin6_addr) != 1)
		return false;
	if (host[n] == '%' && (in6->sin6_scope_id = zone_index(host + n + 1)) == 0)
		return false;
	in6->sin6_family = AF_INET6;
	addr->len = sizeof(*in6);
	return true;
}

int
addr_parse(struct addr *addr, const char *word, struct err *err)
{
	char host[INET6_ADDRSTRLEN + 40];
	const char *colon = strrchr(word, ':'), *port = NULL;
	int64_t n = 0;
	size_t len;

	*addr = (struct addr){ .len = 0 };
	if (word[0] == '[') {
		len = strcspn(word, "]");
		if (word[len] == ']' && word[len + 1] == ':')
			port = word + len + 2;
		else if (word[len] != ']' || word[len + 1] != '\0')
			return err_set(err, ERR_USAGE, 0, "is not ADDR, ADDR:PORT or [V6]:PORT");
		word++;
		len--;
	} else if (colon != NULL && strchr(word, ':') == colon) {
		port = colon + 1;
		len = (size_t)(colon - word);
	} else {
		len = strlen(word);
	}
	if (len >= sizeof(host))
		return err_set(err, ERR_USAGE, 0, "is too long for an address");
	memcpy(host, word, len);
	host[len] = '\0';
	if (!addr_from_host(addr, host))
		return err_set(err, ERR_USAGE, 0, "is not a numeric address");
	if (port != NULL && !num_int(port, 0, 65535, &n))
		return err_set(err, ERR_USAGE, 0, "has a port that is not a number from 0 to 65535");
	addr_set_port(addr, (unsigned)n);
	return 0;
}

void
addr_vsock(struct addr *addr, uint32_t cid, uint32_t port)
{
	struct sockaddr_vm *vm = (void *)&addr->ss;

	*addr = (struct addr){ .len = sizeof(*vm) };
	vm->svm_family = AF_VSOCK;
	vm->svm_cid = cid;
	vm->svm_port = port;
}

void
addr_unix(struct addr *addr, const char *path)
{
	struct sockaddr_un *un = (void *)&addr->ss;
	size_t n = strlen(path);

	*addr = (struct addr){ .len = 0 };
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, n);
	if (path[0] == '@')
		un->sun_path[0] = '\0';		/* an abstract name is as long as it is: no NUL behind it */
	addr->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (path[0] == '@' ? 0 : 1));
}
