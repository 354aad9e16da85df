/*
 * Dial: from an endpoint to an open connection, under one deadline.
 *
 * resolve -> race the addresses (RFC 8305: families alternate, 250 ms apart, at most 6 at once) -> open; a round that
 * failed may be followed by another (--retry, --wait). The deadline covers all of it together.
 */
#ifndef SOCKT_NET_DIAL_H
#define SOCKT_NET_DIAL_H

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/event/loop.h"
#include "lib/net/addr.h"
#include "lib/net/outgoing.h"
#include "lib/net/resolve.h"
#include "lib/net/sock.h"
#include "lib/wire/endpoint.h"

#define DIAL_TIMEOUT_S 30	/* for everything, when nothing else was said */

struct dial_args {
	struct resolve_args names;
	struct sock_args sock;
	struct addr source;		/* what to bind to; len 0: the system's choice */
	const char *interface;		/* NULL: any */
	const struct outgoing *outgoing;	/* of datagrams; NULL: nothing is said of them */
	bool unconnected;		/* datagrams: the socket shall hear everybody; only done's peer says whom it is for */
	int64_t timeout_ms;		/* for everything; 0: no limit; OPT_UNSET: the default, or what wait_ms says */
	int64_t attempt_ms;		/* for one attempt at one address */
	int64_t retries;		/* further rounds after a failure that may heal */
	int64_t retry_delay_ms;		/* before the first of them; doubles each time */
	bool retry_refused;		/* a refusal may heal too */
	int64_t wait_ms;		/* any failure may heal, until then; OPT_UNSET: no */
};

struct dial;

/*
 * Starts to connect. Ends in one call of done(arg, fd, peer, err) from the loop, never from within dial_start():
 * fd is the callee's, non-blocking, or -1 with err. args and log are borrowed until dial_free(). Returns NULL
 * and err without memory.
 */
struct dial *dial_start(struct loop *loop, const struct endpoint *ep, const struct dial_args *args,
	    const struct log *log, void (*done)(void *arg, int fd, const struct addr *peer, const struct err *err),
	    void *arg, struct err *err);

/* Gives up and frees; done will not be called. NULL is fine; so is a dial whose done was called. */
void	dial_free(struct dial *dial);

#endif
