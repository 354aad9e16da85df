/*
 * Names to addresses, by the system's resolver in a thread, so that a deadline holds while the resolver hangs.
 */
#ifndef SOCKT_NET_RESOLVE_H
#define SOCKT_NET_RESOLVE_H

#include "lib/base/err.h"
#include "lib/event/loop.h"
#include "lib/net/addr.h"
#include "lib/wire/endpoint.h"

/* The options of looking up. */
struct resolve_args {
	bool only_v4, only_v6;
	bool numeric;		/* no lookups: a name is an error */
};

struct resolver;	/* one lookup under way */

/*
 * Resolves an endpoint. What needs no lookup (numeric addresses and ports, Unix paths, vsock) is answered at once:
 * returns 0 with at least one address in *list, which the caller frees. Otherwise returns 1 with a lookup under way
 * in *resolver, which ends in one call of done(arg, list, err): err is NULL and the list is the callee's to free, or
 * list is NULL. Returns -1 and err if it cannot be started or cannot succeed.
 *
 * An empty host stands for any address to listen on: [::] first, then 0.0.0.0, as far as args allows.
 */
int	resolve_start(struct loop *loop, const struct endpoint *ep, const struct resolve_args *args,
	    void (*done)(void *arg, struct addr_list *list, const struct err *err), void *arg,
	    struct addr_list *list, struct resolver **resolver, struct err *err);

/* Abandons the lookup: done will not be called. The thread, which cannot be stopped, cleans up by itself. */
void	resolve_cancel(struct resolver **resolver);	/* empty is fine */

#endif
