/*
 * Doors: a server's sockets, and who comes to them. Clients of streams are accepted; of datagrams everybody who is new
 * is a client, with a stream of its own (mux.h). It never spins: short of descriptors, nobody is accepted until there
 * are some.
 */
#ifndef SOCKT_SERVICE_DOORS_H
#define SOCKT_SERVICE_DOORS_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/event/loop.h"
#include "lib/net/addr.h"
#include "lib/net/dgram.h"
#include "lib/net/listener.h"
#include "lib/net/mux.h"
#include "lib/net/sock.h"

/* Somebody who has come. */
struct guest {
	int fd;				/* of a stream; the callee's. -1: mux_accept(mux, first) makes one */
	struct addr peer;
	struct mux *mux;
	const struct dgram *first;
};

struct doors_calls {
	void (*guest)(void *arg, const struct guest *guest);
	bool (*hears)(void *arg, const struct dgram *d);	/* as in struct mux_calls */
	void (*failed)(void *arg, const struct err *err);	/* a socket of datagrams does not work any more */
};

struct doors;

/*
 * For the sockets in listener, which stay its owner's. Everything is borrowed until doors_free(). NULL without memory.
 */
struct doors *doors_new(struct loop *loop, const struct listener *listener, const struct sock_args *args,
	    const struct doors_calls *calls, void *arg, const struct log *log);

/* The listener came from a service manager: clients may have come before it was ours, and lack what it was given. */
void	doors_are_inherited(struct doors *d);

/* The sockets are open: gets a mux for each of datagrams. Returns 0, or -1 and err. */
int	doors_open(struct doors *d, struct err *err);

/* Begins to let guests in; stops for as long as there is no room, until doors_again(); for good. */
void	doors_accept(struct doors *d);
void	doors_full(struct doors *d);
void	doors_again(struct doors *d);
void	doors_close(struct doors *d);

/* Before the listener is closed. NULL is fine. */
void	doors_free(struct doors *d);

#endif
