/*
 * Sockets to be reached at: one a local address, all on one port. Streams listen; datagrams just come.
 */
#ifndef SOCKT_NET_LISTENER_H
#define SOCKT_NET_LISTENER_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/net/addr.h"
#include "lib/net/sock.h"
#include "lib/net/unix.h"

#define LISTENER_MAX 64		/* addresses of one name that we listen on; more are an error */

struct listener {
	struct {
		int fd;
		struct addr addr;	/* as bound: port 0 has become a real one */
		struct unix_file file;	/* of a Unix socket that was opened here: listener_close() removes it */
	} v[LISTENER_MAX];
	size_t n;
};

#define LISTENER_EMPTY ((struct listener){ .n = 0 })

/*
 * Binds and listens on every address of the list. With dual_stack the list is [::] and 0.0.0.0, or one of them: one v6
 * socket serves both families where there is IPv6. Port 0 becomes one free port for all. Of several addresses those
 * that this host does not have are passed over. With shared, listener_share() may follow. file is for Unix addresses
 * alone. Returns 0, or -1 and err, with nothing open.
 */
int	listener_open(struct listener *l, const struct addr_list *addrs, bool dual_stack, bool shared,
	    const struct sock_args *args, const struct unix_args *file, struct err *err);

/*
 * For another worker: sockets of its own on the addresses of first, which was opened with shared; the system spreads
 * clients over both (SO_REUSEPORT). Or, where first came from elsewhere, other descriptors for the same sockets. Files
 * remain first's.
 * Returns 0, or -1 and err, with nothing open.
 */
int	listener_share(struct listener *l, const struct listener *first, const struct sock_args *args, struct err *err);
int	listener_dup(struct listener *l, const struct listener *first, struct err *err);

void	listener_close(struct listener *l);	/* empty is fine */

/*
 * A client, non-blocking, or -1 with errno; EAGAIN when there is none. It has the options in args that it could not
 * inherit from the listener as well.
 */
int	listener_accept(int fd, const struct sock_args *args, struct addr *peer);

/* Is this errno of accept(2) the client's or the network's business, gone by the next call? */
bool	listener_is_transient(int errnum);

#endif
