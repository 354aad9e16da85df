/*
 * Preloaded, makes system calls fail as FAULT says: `read=short send=EINTR/2 splice=EINVAL@5 accept4=EMFILE*3`.
 *
 * A rule is CALL=WHAT: `short` (1 to 7 bytes at a time) or the name of an error. After it, /N: one call in N; ~N: all
 * but one in N; @N: from the Nth call on; *N: so often and no more. EAGAIN is given only where the descriptor or the
 * call does not block, and close fails only for stdout. Each fault adds the call's name as a line to FAULT_LOG, up to a
 * thousand a call, so that a test can tell that something happened at all.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum call {
	CALL_READ, CALL_WRITE, CALL_RECV, CALL_SEND, CALL_SPLICE, CALL_ACCEPT4, CALL_CONNECT, CALL_SOCKET, CALL_POLL,
	CALL_EPOLL_WAIT, CALL_EPOLL_CTL, CALL_EPOLL_CREATE1, CALL_PIPE2, CALL_SETPIPE_SZ, CALL_CLOSE, CALL_PTHREAD_CREATE,
	CALLS
};

static const char *const names[CALLS] = {
	"read", "write", "recv", "send", "splice", "accept4", "connect", "socket", "poll", "epoll_wait", "epoll_ctl",
	"epoll_create1", "pipe2", "setpipe_sz", "close", "pthread_create",
};

static struct rule {
	bool active, is_short;
	int errnum;
	long every, spare, from, most;		/* 0: not given */
	long calls, faults;
} rules[CALLS];

static bool parsed;

static int
errno_by_name(const char *name, size_t n)
{
	for (int e = 1; e < 200; e++) {
		const char *have = strerrorname_np(e);
		if (have != NULL && strlen(have) == n && memcmp(have, name, n) == 0)
			return e;
	}
	return 0;
}

/* Parses one rule of n characters; what is not understood stops the program, so that no test passes by a typo. */
static void
parse_rule(const char *p, size_t n)
{
	const char *end = p + n, *equals = memchr(p, '=', n);
	struct rule *r = NULL;
	size_t len;

	for (int i = 0; equals != NULL && i < CALLS; i++) {
		if (strlen(names[i]) == (size_t)(equals - p) && memcmp(names[i], p, (size_t)(equals - p)) == 0)
			r = &rules[i];
	}
	if (r == NULL)
		abort();
	p = equals + 1;
	len = strcspn(p, "/~@* ");
	r->active = true;
	r->is_short = len == 5 && memcmp(p, "short", 5) == 0;
	if (!r->is_short && (r->errnum = errno_by_name(p, len)) == 0)
		abort();
	for (p += len; p < end;) {
		char kind = *p, *after;
		long value = strtol(p + 1, &after, 10);
		if (value <= 0)
			abort();
		*(kind == '/' ? &r->every : kind == '~' ? &r->spare : kind == '@' ? &r->from : &r->most) = value;
		p = after;
	}
}

static void
parse(void)
{
	const char *p = getenv("FAULT");
	size_t n;

	parsed = true;
	for (; p != NULL && *p != '\0'; p += n) {
		n = strcspn(p, " ");
		if (n > 0)
			parse_rule(p, n);
		else
			n = 1;
	}
}

/* Writes it down past our own write(). */
static void
note(enum call call)
{
	const char *path = getenv("FAULT_LOG");
	char line[32];
	size_t n = strlen(names[call]);
	long fd;

	if (path == NULL || rules[call].faults > 1000)
		return;
	memcpy(line, names[call], n);
	line[n++] = '\n';
	fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	syscall(SYS_write, fd, line, n);
	syscall(SYS_close, fd);
}

/* Is it this call's turn to fail? */
static bool
strikes(enum call call)
{
	struct rule *r = &rules[call];
	int saved = errno;

	if (!parsed)
		parse();
	if (!r->active)
		return false;
	r->calls++;
	if ((r->from > 0 && r->calls < r->from) || (r->most > 0 && r->faults >= r->most) ||
	    (r->every > 0 && r->calls % r->every != 0) || (r->spare > 0 && r->calls % r->spare == 0))
		return false;
	r->faults++;
	note(call);
	errno = saved;
	return true;
}

/* As strikes(), for a call that moves n bytes: shortens them, or says true and sets errno. */
static bool
strikes_bytes(enum call call, size_t *n, bool may_block)
{
	static unsigned seed = 1;
	const struct rule *r = &rules[call];

	if (!parsed)
		parse();
	if (r->active && r->errnum == EAGAIN && may_block)
		return false;
	if (!strikes(call))
		return false;
	if (r->is_short) {
		seed = seed * 1103515245 + 12345;
		size_t most = 1 + (seed >> 16) % 7;
		*n = *n < most ? *n : most;
		return false;
	}
	errno = r->errnum;
	return true;
}

static bool
fails(enum call call)
{
	if (!strikes(call))
		return false;
	errno = rules[call].errnum;
	return true;
}

static bool
blocks(int fd)
{
	long flags = syscall(SYS_fcntl, fd, F_GETFL);

	return flags < 0 || !(flags & O_NONBLOCK);
}

/* The function of that name behind ours. */
#define NEXT(name) \
	static __typeof__(name) *next; \
	if (next == NULL) \
		*(void **)&next = dlsym(RTLD_NEXT, #name)

ssize_t
read(int fd, void *p, size_t n)
{
	NEXT(read);
	return strikes_bytes(CALL_READ, &n, blocks(fd)) ? -1 : next(fd, p, n);
}

ssize_t
write(int fd, const void *p, size_t n)
{
	NEXT(write);
	/* stderr and the pipe of the signal handler are not what is looked at. */
	if (fd == STDERR_FILENO || n == 1)
		return next(fd, p, n);
	return strikes_bytes(CALL_WRITE, &n, blocks(fd)) ? -1 : next(fd, p, n);
}

ssize_t
recv(int fd, void *p, size_t n, int flags)
{
	NEXT(recv);
	return strikes_bytes(CALL_RECV, &n, !(flags & MSG_DONTWAIT)) ? -1 : next(fd, p, n, flags);
}

ssize_t
send(int fd, const void *p, size_t n, int flags)
{
	NEXT(send);
	return strikes_bytes(CALL_SEND, &n, !(flags & MSG_DONTWAIT)) ? -1 : next(fd, p, n, flags);
}

ssize_t
splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags)
{
	NEXT(splice);
	return strikes_bytes(CALL_SPLICE, &n, !(flags & SPLICE_F_NONBLOCK)) ? -1 : next(in, in_at, out, out_at, n, flags);
}

int
accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	NEXT(accept4);
	return fails(CALL_ACCEPT4) ? -1 : next(fd, addr, len, flags);
}

/* connect(2): after EINTR the connection goes on being made. */
int
connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	int rc;

	NEXT(connect);
	if (!fails(CALL_CONNECT))
		return next(fd, addr, len);
	if (rules[CALL_CONNECT].errnum != EINTR)
		return -1;
	rc = next(fd, addr, len);
	if (rc == 0 || errno == EINPROGRESS)
		errno = EINTR;
	return -1;
}

int
socket(int family, int type, int protocol)
{
	NEXT(socket);
	return fails(CALL_SOCKET) ? -1 : next(family, type, protocol);
}

int
poll(struct pollfd *p, nfds_t n, int timeout_ms)
{
	NEXT(poll);
	return fails(CALL_POLL) ? -1 : next(p, n, timeout_ms);
}

int
epoll_wait(int fd, struct epoll_event *events, int n, int timeout_ms)
{
	NEXT(epoll_wait);
	return fails(CALL_EPOLL_WAIT) ? -1 : next(fd, events, n, timeout_ms);
}

int
epoll_ctl(int fd, int op, int about, struct epoll_event *event)
{
	NEXT(epoll_ctl);
	return fails(CALL_EPOLL_CTL) ? -1 : next(fd, op, about, event);
}

int
epoll_create1(int flags)
{
	NEXT(epoll_create1);
	return fails(CALL_EPOLL_CREATE1) ? -1 : next(flags);
}

int
pipe2(int fds[2], int flags)
{
	NEXT(pipe2);
	return fails(CALL_PIPE2) ? -1 : next(fds, flags);
}

/* Only F_SETPIPE_SZ is looked at; whatever the third argument is, it is as wide as a pointer or less. */
int
fcntl(int fd, int cmd, ...)
{
	va_list list;
	void *arg;

	NEXT(fcntl);
	va_start(list, cmd);
	arg = va_arg(list, void *);
	va_end(list);
	return cmd == F_SETPIPE_SZ && fails(CALL_SETPIPE_SZ) ? -1 : next(fd, cmd, arg);
}

int
close(int fd)
{
	NEXT(close);
	if (fd != STDOUT_FILENO || !fails(CALL_CLOSE))
		return next(fd);
	next(fd);
	errno = rules[CALL_CLOSE].errnum;
	return -1;
}

int
pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	NEXT(pthread_create);
	return strikes(CALL_PTHREAD_CREATE) ? rules[CALL_PTHREAD_CREATE].errnum : next(thread, attr, run, arg);
}
