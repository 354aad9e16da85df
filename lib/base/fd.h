/*
 * Descriptors as owned values: -1 is empty.
 */
#ifndef SOCKT_BASE_FD_H
#define SOCKT_BASE_FD_H

#include <stddef.h>

/* Closes *fd if it is open and leaves it empty. errno is kept. */
void	fd_close(int *fd);

/*
 * Which of the poll(2) events are there, POLLERR and POLLHUP among them; 0 if none is within timeout_ms (0: now, -1:
 * whenever). Where poll fails, the events count as there: trying tells more.
 */
short	fd_ready(int fd, short events, int timeout_ms);

/* A pipe, both ends close-on-exec and non-blocking. Returns 0, or -1 with errno. */
int	fd_pipe(int fds[2]);

/* Raises the soft limit of descriptors (RLIMIT_NOFILE) to the hard one. Returns how many there may be; 0: who knows. */
size_t	fd_limit_raise(void);

/* Puts the limit as it was when we started, for a program of the user's to inherit, and back again. */
void	fd_limit_lend(void);
void	fd_limit_take_back(void);

#endif
