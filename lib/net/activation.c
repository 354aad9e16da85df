/*
 * Sockets from a service manager, and words to it: see activation.h.
 */
#include "lib/net/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/net/addr.h"
#include "lib/net/sock.h"

#define FIRST_FD 3		/* SD_LISTEN_FDS_START */
#define NOTIFY_PATH_MAX 107	/* what sun_path holds beside a NUL */

static const char *
other_type(int wanted)
{
	switch (wanted) {
	case SOCK_DGRAM:	return "is not a datagram socket";
	case SOCK_SEQPACKET:	return "is not a socket of sequenced packets";
	default:		return "is not a stream socket";
	}
}

/*
 * What is wrong with a descriptor that should be a socket of that type to be reached at; NULL: nothing. *addr is where.
 */
static const char *
whats_wrong(int fd, int wanted, struct addr *addr)
{
	int type = 0, listens = 0;
	socklen_t len = sizeof(type);

	if (fcntl(fd, F_GETFD) < 0)
		return "is not open";
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return "is not a socket";
	if (type != wanted)
		return other_type(wanted);
	len = sizeof(listens);
	if (wanted != SOCK_DGRAM && (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 || !listens))
		return "is a socket that does not listen (Accept=no is what systemd needs to be told)";
	sock_local(fd, addr);
	if (addr->len == 0 || (addr_family(addr) != AF_INET && addr_family(addr) != AF_INET6 &&
	    addr_family(addr) != AF_UNIX))
		return "is neither an IP nor a Unix socket";
	return NULL;
}

/*
 * Makes a listening socket like ours. O_NONBLOCK belongs to the open file, which the service manager has too, and is
 * still right to set, other than on standard streams: nobody reads or writes this one, and whoever accepts from it must
 * be ready to find the client gone, because another was faster or because it gave up, where accept would block until
 * the next one comes.
 */
static int
adopt(int fd, int type, int family)
{
	int flags = fcntl(fd, F_GETFL), fd_flags = fcntl(fd, F_GETFD);

	if (flags < 0 || fd_flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, fd_flags | FD_CLOEXEC) < 0)
		return -1;
	if (type == SOCK_STREAM)
		sock_tune(fd, family);
	return 0;
}

/* Takes the n descriptors. *l has them only when all of them are right. */
static int
take(struct listener *l, int type, size_t n, struct err *err)
{
	char name[64];
	const char *wrong;

	for (size_t i = 0; i < n; i++) {
		int fd = FIRST_FD + (int)i;
		snprintf(name, sizeof(name), "LISTEN_FDS descriptor %d", fd);
		if ((wrong = whats_wrong(fd, type, &l->v[i].addr)) != NULL)
			err_set(err, ERR_BIND, 0, "%s", wrong);
		else if (adopt(fd, type, addr_family(&l->v[i].addr)) < 0)
			err_set(err, ERR_BIND, errno, "cannot be used");
		else {
			l->v[i].fd = fd;
			l->v[i].file.path[0] = '\0';
			continue;
		}
		return err_at(err, STAGE_LISTEN, name);
	}
	l->n = n;
	return 0;
}

bool
activation_offered(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	int64_t number;

	return pid != NULL && fds != NULL && num_int(pid, 1, INT32_MAX, &number) && number == getpid();
}

int
activation_take(struct listener *l, int type, bool *taken, struct err *err)
{
	static const char *const variables[] = { "LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES" };
	const char *fds = getenv("LISTEN_FDS");
	int64_t n = 0;
	bool good = true;

	*taken = false;
	*l = LISTENER_EMPTY;
	/* What is not for this process is none of its business, well formed or not. */
	if (activation_offered())
		good = num_int(fds, 0, LISTENER_MAX, &n);
	if (!good)
		err_set(err, ERR_BIND, 0, "'%.200s' is not a number from 0 to %d", fds, LISTENER_MAX);
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	if (!good)
		return err_at(err, STAGE_LISTEN, "LISTEN_FDS");
	if (take(l, type, (size_t)n, err) < 0)
		return -1;
	*taken = n > 0;
	return 0;
}

int
activation_notify(const char *state, struct err *err)
{
	const char *path = getenv(ACTIVATION_NOTIFY_VARIABLE);
	struct addr addr;
	int fd, rc = 0;

	if (path == NULL || path[0] == '\0')
		return 0;
	if ((path[0] != '/' && path[0] != '@') || path[1] == '\0' || strlen(path) > NOTIFY_PATH_MAX) {
		err_set(err, ERR_LOCAL, 0, "'%.200s' is no path or @NAME of at most %d bytes", path, NOTIFY_PATH_MAX);
		return err_at(err, STAGE_LISTEN, ACTIVATION_NOTIFY_VARIABLE);
	}
	addr_unix(&addr, path);
	if ((fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0 ||
	    sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const void *)&addr.ss, addr.len) < 0) {
		err_set(err, ERR_LOCAL, errno, "cannot tell %.120s", path);
		rc = err_at(err, STAGE_LISTEN, ACTIVATION_NOTIFY_VARIABLE);
	}
	fd_close(&fd);
	return rc;
}
