/*
 * Limits: who may come in, how many, how often. One table for all servers and all their workers, locked: it is asked
 * once a connection and, where requests are counted, once a request.
 *
 * A source is an IPv4 address or an IPv6 /64, which is what one party can be expected to hold; a v4-mapped address
 * counts as IPv4. Clients of Unix sockets and vsock have no source, and only max_conns counts them.
 */
#ifndef SOCKT_SERVICE_LIMITS_H
#define SOCKT_SERVICE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/num.h"
#include "lib/net/access.h"
#include "lib/net/addr.h"

struct limits_args {
	int64_t max_conns;		/* clients at once; OPT_UNSET: any number */
	int64_t max_per_source;		/* of one source; OPT_UNSET: any number */
	struct num_rate conn_rate;	/* accepted connections of one source; n 0: any number */
	struct num_rate request_rate;	/* requests of one source; n 0: any number */
	int64_t ban_ms;			/* a source that broke a limit ban_after times stays out so long; OPT_UNSET: no */
	int64_t ban_after;
	struct access *allow, *deny;	/* NULL: none was given; limits_new() loads them */
};

enum limits_verdict {
	LIMITS_OK,
	LIMITS_FULL,		/* max_conns */
	LIMITS_SOURCE_FULL,	/* max_per_source */
	LIMITS_TOO_FAST,	/* conn_rate */
	LIMITS_BANNED,
	LIMITS_DENIED,		/* by --deny, or for want of an --allow */
	LIMITS_NO_MEMORY
};

struct limits_counts {
	uint64_t now, most;		/* clients that are there, and the most there ever were */
	uint64_t accepted, refused;	/* since the start */
};

struct limits;
struct source;		/* what is known of one; NULL for clients that have none, or that nothing is counted of */

/* Borrows args until limits_free(). NULL and err when a file of networks is no good, or without memory. */
struct limits *limits_new(const struct limits_args *args, struct err *err);
void	limits_free(struct limits *l);		/* NULL is fine */

/*
 * A client has come from addr: may it stay? LIMITS_OK counts it, here and at its *source, until limits_leave(). With
 * any other verdict it is not counted as a client.
 */
enum limits_verdict limits_enter(struct limits *l, const struct addr *addr, struct source **source);
void	limits_leave(struct limits *l, struct source *source);

/*
 * A client of that source makes a request. Returns 0 when it may, and otherwise for how many milliseconds it has to be
 * still now: longer with every offence that follows another soon. LIMITS_OUT: it is banned, and has to go.
 */
int64_t	limits_request(struct limits *l, struct source *source);
#define LIMITS_OUT INT64_MAX

struct limits_counts limits_counts(struct limits *l);

/* Why, in words: "the server is full". */
const char *limits_reason(enum limits_verdict verdict);

#endif
