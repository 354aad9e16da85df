/*
 * Exec: starts a program of the user's with a socket as its standard input and output.
 */
#ifndef SOCKT_NET_EXEC_H
#define SOCKT_NET_EXEC_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/base/err.h"
#include "lib/net/addr.h"
#include "lib/net/rights.h"
#include "lib/net/unix.h"

/* What to run, on what, and for whom. Everything is borrowed until exec_start() returns. */
struct exec_args {
	char *const *argv;		/* NULL ends it; looked up in PATH */
	int fd;				/* a blocking socket: its standard input and output */
	const struct rights *more;	/* further descriptors, for it to have as 3, 4 and so on; NULL: none */
	const struct addr *remote, *local;
	bool datagrams;			/* between these, rather than a stream */
	const struct unix_peer *peer;	/* who is connected, as the system knows (unix.h); NULL: it does not */
};

/*
 * Runs argv with descriptors 0 and 1 on fd, 2 on our stderr, and 3 and up as asked for, and no others; with default
 * signals, none blocked, the limit of descriptors that we were started with, and a process group of its own. Its
 * environment is ours and who is connected: SOCKT_REMOTE_ADDR, SOCKT_REMOTE_PORT, SOCKT_LOCAL_ADDR, SOCKT_LOCAL_PORT
 * and SOCKT_PROTO, and the same as NCAT_*, as ncat(1) has them; with peer SOCKT_PEER_PID, unless it cannot be seen from
 * here, SOCKT_PEER_UID and SOCKT_PEER_GID; with more SOCKT_FDS, their number. Without LISTEN_* and NOTIFY_SOCKET, which
 * were for us, and without any of these that we were given.
 *
 * Returns 0 and *pid, or -1 and err: ERR_NOT_FOUND, ERR_NOT_RUN, or ERR_LIMIT where there are no processes or
 * descriptors to be had.
 */
int	exec_start(const struct exec_args *args, pid_t *pid, struct err *err);

#endif
