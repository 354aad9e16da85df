/*
 * Where to connect or listen, as a user writes it: HOST PORT, HOST:PORT, [V6]:PORT, tcp://HOST:PORT, udp://HOST:PORT,
 * unix:PATH, vsock:CID:PORT.
 */
#ifndef SOCKT_WIRE_ENDPOINT_H
#define SOCKT_WIRE_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

enum endpoint_kind { ENDPOINT_TCP, ENDPOINT_UDP, ENDPOINT_UNIX, ENDPOINT_VSOCK };

#define ENDPOINT_CID_ANY UINT32_MAX	/* vsock(7), VMADDR_CID_ANY: every context of ours (ENDPOINT_LISTEN) */

/* Which port words are right: a listener may ask for 0, any free port. */
enum endpoint_use { ENDPOINT_CONNECT, ENDPOINT_LISTEN };

struct endpoint {
	enum endpoint_kind kind;
	char host[256];		/* without brackets; empty: any address (ENDPOINT_LISTEN) */
	char port[64];		/* a number or a service's name; ENDPOINT_VSOCK: a number of 32 bits */
	char path[108];		/* ENDPOINT_UNIX: as long as sun_path; `@NAME` is abstract */
	uint32_t cid;		/* ENDPOINT_VSOCK */
	bool said;		/* the kind was, by tcp:// or udp:// */
};

/*
 * Each fills *ep from words and returns 0, or -1 with ERR_USAGE and the word as the object. Nothing is looked up.
 *
 * endpoint_pair() takes HOST and PORT apart; endpoint_parse() takes one word, which for a listener may be PORT or
 * :PORT alone, and whose host may be `*`.
 */
int	endpoint_pair(struct endpoint *ep, const char *host, const char *port, enum endpoint_use use, struct err *err);
int	endpoint_parse(struct endpoint *ep, const char *word, enum endpoint_use use, struct err *err);

/* The path of a Unix socket, or @NAME, alone. */
int	endpoint_path(struct endpoint *ep, const char *path, struct err *err);

/* Writes it as one word for messages: "db:5432", "[::1]:80", "unix:/run/x", "vsock:2:80". Returns out. */
const char *endpoint_name(const struct endpoint *ep, char *out, size_t size);

#endif
