/*
 * Descriptors as owned values: see fd.h.
 */
#include "lib/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

void
fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

short
fd_ready(int fd, short events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n;

	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	return n < 0 ? events : p.revents;
}

int
fd_pipe(int fds[2])
{
	return pipe2(fds, O_CLOEXEC | O_NONBLOCK);
}

/* The limit is the process's, and so is what it was before. */
static struct rlimit lent, raised;

size_t
fd_limit_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	if (limit.rlim_cur < limit.rlim_max) {
		lent = raised = limit;
		raised.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &raised) < 0)
			raised = lent;
		limit = raised;
	}
	return limit.rlim_cur > INT_MAX ? INT_MAX : (size_t)limit.rlim_cur;
}

void
fd_limit_lend(void)
{
	if (lent.rlim_cur != raised.rlim_cur)
		setrlimit(RLIMIT_NOFILE, &lent);
}

void
fd_limit_take_back(void)
{
	if (lent.rlim_cur != raised.rlim_cur)
		setrlimit(RLIMIT_NOFILE, &raised);
}
