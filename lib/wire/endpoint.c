/*
 * Where to connect or listen: see endpoint.h.
 */
#include "lib/wire/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <bsd/string.h>

#include "lib/base/num.h"

#define LETTERS		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS		"0123456789"

static int
wrong(struct err *err, const char *word, const char *why)
{
	err_set(err, ERR_USAGE, 0, "%s", why);
	return err_at(err, STAGE_USAGE, word[0] != '\0' ? word : "''");
}

/* Copies n characters of from, which must fit. */
static bool
copy_part(char *to, size_t size, const char *from, size_t n)
{
	if (n >= size)
		return false;
	memcpy(to, from, n);
	to[n] = '\0';
	return true;
}

/* Is it an IPv6 address, with a zone id (RFC 4007) or without? */
static bool
is_v6(const char *host)
{
	char addr[INET6_ADDRSTRLEN];
	struct in6_addr in6;
	size_t n = strcspn(host, "%");

	if (host[n] == '%' && host[n + 1] == '\0')
		return false;
	return copy_part(addr, sizeof(addr), host, n) && inet_pton(AF_INET6, addr, &in6) == 1;
}

/*
 * Takes the host of n characters, in brackets if bracketed, `*` for any address to listen on. word is the whole of what
 * the user wrote.
 */
static int
take_host(struct endpoint *ep, const char *word, const char *host, size_t n, enum endpoint_use use, struct err *err)
{
	bool bracketed = n >= 2 && host[0] == '[' && host[n - 1] == ']';

	/* The resolver would take it for no host at all, which is not the same everywhere. */
	if (n == 1 && host[0] == '*')
		return use == ENDPOINT_LISTEN ? 0 : wrong(err, word, "any address is nowhere to connect to");
	if (bracketed) {
		host++;
		n -= 2;
	}
	if (!copy_part(ep->host, sizeof(ep->host), host, n))
		return wrong(err, word, "the host is longer than 255 characters");
	if (n == 0)
		return wrong(err, word, "the host is empty");
	for (const unsigned char *p = (const unsigned char *)ep->host; *p != '\0'; p++) {
		if (*p <= ' ' || *p == 0x7f)
			return wrong(err, word, "a host has no blanks or control characters");
		if (*p == '[' || *p == ']')
			return wrong(err, word, "the brackets do not match");
	}
	if ((bracketed || strchr(ep->host, ':') != NULL) && !is_v6(ep->host))
		return wrong(err, word, "not an IPv6 address");
	return 0;
}

static int
take_port(struct endpoint *ep, const char *word, const char *port, enum endpoint_use use, struct err *err)
{
	int64_t n;

	if (strchr(LETTERS, port[0]) != NULL && port[0] != '\0') {
		if (port[strspn(port, LETTERS DIGITS "_-")] != '\0' ||
		    strlcpy(ep->port, port, sizeof(ep->port)) >= sizeof(ep->port))
			return wrong(err, word, "not a port number or service name");
		return 0;
	}
	if (!num_int(port, use == ENDPOINT_LISTEN ? 0 : 1, 65535, &n))
		return wrong(err, word, use == ENDPOINT_LISTEN ? "the port must be a number from 0 to 65535" :
		    "the port must be a number from 1 to 65535");
	snprintf(ep->port, sizeof(ep->port), "%d", (int)n);	/* 080 is 80 everywhere */
	return 0;
}

static int
take_path(struct endpoint *ep, const char *word, const char *path, struct err *err)
{
	*ep = (struct endpoint){ .kind = ENDPOINT_UNIX };
	if (path[0] == '\0' || strcmp(path, "@") == 0)
		return wrong(err, word, "the path is empty");
	if (strlcpy(ep->path, path, sizeof(ep->path)) >= sizeof(ep->path))
		return wrong(err, word, "the path is longer than the 107 bytes a Unix socket may have");
	return 0;
}

/* CID:PORT of vsock(7), both numbers of 32 bits; or a name of one of the well-known CIDs. */
static int
take_vsock(struct endpoint *ep, const char *word, const char *from, enum endpoint_use use, struct err *err)
{
	static const struct { const char *name; uint32_t cid; } names[] = {
		{ "local", 1 }, { "host", 2 }, { "any", ENDPOINT_CID_ANY }, { "*", ENDPOINT_CID_ANY },
	};
	const char *colon = strchr(from, ':');
	char cid[16];
	int64_t n = -1;

	ep->kind = ENDPOINT_VSOCK;
	if (colon == NULL)
		return wrong(err, word, "the port is missing: write vsock:CID:PORT");
	if (!copy_part(cid, sizeof(cid), from, (size_t)(colon - from)))
		cid[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(cid, names[i].name) == 0)
			n = names[i].cid;
	}
	if (n == ENDPOINT_CID_ANY && use == ENDPOINT_CONNECT)
		return wrong(err, word, "any address is nowhere to connect to");
	if (n < 0 && !num_int(cid, 0, ENDPOINT_CID_ANY - 1, &n))
		return wrong(err, word, use == ENDPOINT_CONNECT ?
		    "the CID must be a number from 0 to 4294967294, local or host" :
		    "the CID must be a number from 0 to 4294967294, local, host or any");
	ep->cid = (uint32_t)n;
	if (!num_int(colon + 1, 0, UINT32_MAX, &n))
		return wrong(err, word, "the port must be a number from 0 to 4294967295");
	snprintf(ep->port, sizeof(ep->port), "%lld", (long long)n);
	return 0;
}

int
endpoint_pair(struct endpoint *ep, const char *host, const char *port, enum endpoint_use use, struct err *err)
{
	*ep = (struct endpoint){ .kind = ENDPOINT_TCP };
	if (take_host(ep, host, host, strlen(host), use, err) < 0)
		return -1;
	return take_port(ep, port, port, use, err);
}

/* HOST:PORT or [V6]:PORT. */
static int
parse_joined(struct endpoint *ep, const char *word, const char *from, enum endpoint_use use, struct err *err)
{
	const char *close = from[0] == '[' ? strchr(from, ']') : NULL;
	const char *colon = close != NULL ? close + 1 : strchr(from, ':');

	if (from[0] == '[' && close == NULL)
		return wrong(err, word, "the brackets do not match");
	if (colon == NULL || *colon != ':')
		return wrong(err, word, strchr(word, '/') == NULL ? "the port is missing" :
		    "the port is missing (a Unix socket is unix:PATH)");
	if (strchr(colon + 1, ':') != NULL)
		return wrong(err, word, "write an IPv6 address and a port as [ADDRESS]:PORT");
	if (!(use == ENDPOINT_LISTEN && colon == from) &&
	    take_host(ep, word, from, (size_t)(colon - from), use, err) < 0)
		return -1;
	return take_port(ep, word, colon + 1, use, err);
}

int
endpoint_parse(struct endpoint *ep, const char *word, enum endpoint_use use, struct err *err)
{
	*ep = (struct endpoint){ .kind = ENDPOINT_TCP };
	if (strncmp(word, "unix:", 5) == 0)
		return take_path(ep, word, word + 5, err);
	if (strncmp(word, "vsock:", 6) == 0)
		return take_vsock(ep, word, word + 6, use, err);
	if (use == ENDPOINT_CONNECT && (strncmp(word, "tcp://", 6) == 0 || strncmp(word, "udp://", 6) == 0)) {
		ep->kind = word[0] == 'u' ? ENDPOINT_UDP : ENDPOINT_TCP;
		ep->said = true;
		return parse_joined(ep, word, word + 6, use, err);
	}
	if (strstr(word, "://") != NULL)
		return wrong(err, word, use == ENDPOINT_CONNECT ? "an address begins with tcp://, udp://, unix: or vsock:" :
		    "an address to listen on is HOST:PORT, without a scheme");
	if (use == ENDPOINT_LISTEN && strchr(word, ':') == NULL)
		return take_port(ep, word, word, use, err);
	return parse_joined(ep, word, word, use, err);
}

int
endpoint_path(struct endpoint *ep, const char *path, struct err *err)
{
	return take_path(ep, path, path, err);
}

const char *
endpoint_name(const struct endpoint *ep, char *out, size_t size)
{
	if (ep->kind == ENDPOINT_UNIX)
		snprintf(out, size, "unix:%s", ep->path);
	else if (ep->kind == ENDPOINT_VSOCK && ep->cid == ENDPOINT_CID_ANY)
		snprintf(out, size, "vsock:any:%s", ep->port);
	else if (ep->kind == ENDPOINT_VSOCK)
		snprintf(out, size, "vsock:%u:%s", (unsigned)ep->cid, ep->port);
	else if (strchr(ep->host, ':') != NULL)
		snprintf(out, size, "[%s]:%s", ep->host, ep->port);
	else
		snprintf(out, size, "%s:%s", ep->host[0] != '\0' ? ep->host : "*", ep->port);
	return out;
}
