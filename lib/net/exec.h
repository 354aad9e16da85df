/*
 * Exec: starts a program of the user's with a socket as its standard input and output.
 */
#ifndef SOCKT_NET_EXEC_H
#define SOCKT_NET_EXEC_H

#include <sys/types.h>

#include "lib/base/err.h"
#include "lib/net/addr.h"

/*
 * Runs argv, looked up in PATH, with descriptors 0 and 1 on the blocking socket fd, 2 on our stderr, and no others;
 * with default signals, none blocked, the limit of descriptors that we were started with, and a process group of its
 * own. Its environment is ours and who is connected: SOCKT_REMOTE_ADDR, SOCKT_REMOTE_PORT, SOCKT_LOCAL_ADDR,
 * SOCKT_LOCAL_PORT and SOCKT_PROTO, and the same as NCAT_*, as ncat(1) has them; without LISTEN_* and NOTIFY_SOCKET,
 * which were for us.
 *
 * fd stays the caller's. Returns 0 and *pid, or -1 and err: ERR_NOT_FOUND, ERR_NOT_RUN, or ERR_LIMIT where there are no
 * processes to be had.
 */
int	exec_start(char *const argv[], int fd, const struct addr *remote, const struct addr *local, pid_t *pid,
	    struct err *err);

#endif
