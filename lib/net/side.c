/*
 * A descriptor that is not ours alone: see side.h.
 */
#include "lib/net/side.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/base/fd.h"

enum stream_medium
side_medium(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return MEDIUM_NULL;
	if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || S_ISDIR(st.st_mode))
		return MEDIUM_FILE;
	if (S_ISFIFO(st.st_mode))
		return MEDIUM_PIPE;
	if (S_ISSOCK(st.st_mode))
		return MEDIUM_SOCKET;
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
		return MEDIUM_NULL;
	return isatty(fd) ? MEDIUM_TERMINAL : MEDIUM_DEVICE;
}

/* Is it the master side of a pseudo-terminal? Opening that again would make a new terminal. */
static bool
is_pty_master(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_rdev == makedev(5, 2);
}

/* Opens a pipe or terminal again to have an open file of our own. */
static void
open_again(struct side *side, int access)
{
	char path[32];

	if (side->tried)
		return;
	side->tried = true;
	if (side->medium != MEDIUM_PIPE && !(side->medium == MEDIUM_TERMINAL && !is_pty_master(side->fd)))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", side->fd);
	side->own = open(path, access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

/*
 * A descriptor that was opened for the other direction, as in `1<file`, must not be opened again for ours, and waiting
 * for it may take for ever. /dev/null opened the wrong way stands in: it is always ready, and every use fails.
 */
static void
check_direction(struct side *side, int access)
{
	int flags = fcntl(side->fd, F_GETFL);

	if (flags < 0 || (flags & O_ACCMODE) == O_RDWR || (flags & O_ACCMODE) == access)
		return;
	if (access == O_RDONLY && side->medium == MEDIUM_NULL)
		return;		/* nohup(1) opens it for writing, and means that there is no input */
	side->own = open("/dev/null", (access == O_RDONLY ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	side->tried = true;
	side->medium = MEDIUM_DEVICE;
}

void
side_init(struct side *side, struct loop *loop, int fd, int access, void (*fn)(void *arg, unsigned ready), void *arg)
{
	int type = SOCK_STREAM;
	socklen_t len = sizeof(type);

	*side = (struct side){ .fd = fd, .own = -1, .kind = STREAM_BYTES, .medium = side_medium(fd) };
	if (access == O_RDONLY && side->medium == MEDIUM_SOCKET &&
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type != SOCK_STREAM)
		side->kind = STREAM_MESSAGES;
	side->hangs_up = type == SOCK_SEQPACKET;
	check_direction(side, access);
	loop_io_init(&side->io, loop, side->own >= 0 ? side->own : fd, fn, arg);
}

enum io
side_read(struct side *side, void *p, size_t n, size_t *moved)
{
	ssize_t r;

	open_again(side, O_RDONLY);
	do {
		if (side->medium == MEDIUM_SOCKET)
			r = recv(side->fd, p, n, MSG_DONTWAIT | (side->kind == STREAM_MESSAGES ? MSG_TRUNC : 0));
		else if (side->own >= 0)
			r = read(side->own, p, n);
		/* A blocking descriptor that others read too can be asked only just before. */
		else if (side->medium == MEDIUM_FILE || fd_ready(side->fd, POLLIN, 0))
			r = read(side->fd, p, n);
		else
			return IO_WOULD_BLOCK;
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? IO_WOULD_BLOCK : IO_FAILED;
	if ((size_t)r > n) {		/* the rest of that message is gone */
		errno = EMSGSIZE;
		return IO_FAILED;
	}
	*moved = (size_t)r;
	return IO_DONE;
}

enum io
side_write(struct side *side, const void *p, size_t n, size_t *moved)
{
	ssize_t r;

	open_again(side, O_WRONLY);
	do {
		if (side->medium == MEDIUM_SOCKET)
			r = send(side->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		else if (side->own >= 0)
			r = write(side->own, p, n);
		else if (side->medium == MEDIUM_FILE || side->medium == MEDIUM_NULL)
			r = write(side->fd, p, n);
		else if (fd_ready(side->fd, POLLOUT, 0))
			r = write(side->fd, p, n < PIPE_BUF ? n : PIPE_BUF);
		else
			return IO_WOULD_BLOCK;
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? IO_WOULD_BLOCK : IO_FAILED;
	*moved = (size_t)r;
	return IO_DONE;
}

/* Of the sockets of messages only seqpacket knows an end: it is there if nothing more can come. */
bool
side_has_ended(const struct side *side)
{
	int waiting = 0;

	if (side->kind == STREAM_BYTES)
		return true;
	return side->hangs_up && (fd_ready(side->fd, POLLRDHUP, 0) & (POLLRDHUP | POLLHUP)) != 0 &&
	    ioctl(side->fd, FIONREAD, &waiting) == 0 && waiting == 0;
}

void
side_want(struct side *side, unsigned wants)
{
	loop_io_want(&side->io, wants);
}

void
side_close(struct side *side)
{
	loop_io_stop(&side->io);
	fd_close(&side->own);
}
