/*
 * callers N AT_ONCE PORT: makes N connections to 127.0.0.1, so many at once; each says a line, reads it back and
 * closes. Prints the seconds it took. Each of those at once calls from an address of its own, 127.0.1.1 and up: the
 * ports that closed connections keep in TIME-WAIT then neither run out nor slow down the search for a free one.
 */
#include <sys/socket.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bsd/stdlib.h>

#define AT_ONCE_MAX 200
#define SILENCE_MS 10000

static const char line[] = "hello\n";

struct caller {
	in_addr_t from;
	size_t heard;		/* bytes of the line that came back */
};

static double
now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Starts a connection, to be served when p says so. Returns 0 or -1. */
static int
call(struct caller *caller, struct pollfd *p, const struct sockaddr_in *to)
{
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = caller->from };
	int yes = 1;

	caller->heard = 0;
	p->events = POLLOUT;
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0 || setsockopt(p->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes)) < 0 ||
	    bind(p->fd, (struct sockaddr *)&from, sizeof(from)) < 0)
		return -1;
	return connect(p->fd, (const struct sockaddr *)to, sizeof(*to)) == 0 || errno == EINPROGRESS ? 0 : -1;
}

/* Connected: says the line. Afterwards: hears it. Returns 1 once the whole line is back, 0 before, -1 on failure. */
static int
step(struct caller *caller, struct pollfd *p)
{
	char back[sizeof(line)];
	ssize_t n;

	if (p->events == POLLOUT) {
		p->events = POLLIN;
		return send(p->fd, line, sizeof(line) - 1, MSG_NOSIGNAL) == sizeof(line) - 1 ? 0 : -1;
	}
	n = recv(p->fd, back, sizeof(back), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0 || (size_t)n > sizeof(line) - 1 - caller->heard || memcmp(back, line + caller->heard, (size_t)n) != 0) {
		errno = n < 0 ? errno : EPROTO;
		return -1;
	}
	caller->heard += (size_t)n;
	return caller->heard == sizeof(line) - 1;
}

/* Makes n connections. Returns 0, or -1 with errno set. */
static int
call_all(long n, size_t at_once, const struct sockaddr_in *to)
{
	struct caller callers[AT_ONCE_MAX];
	struct pollfd fds[AT_ONCE_MAX];
	long started = 0, done = 0;

	for (size_t i = 0; i < at_once; i++, started++) {
		callers[i].from = htonl(0x7f000101 + (uint32_t)i);
		if (call(&callers[i], &fds[i], to) < 0)
			return -1;
	}
	while (done < n) {
		if (poll(fds, at_once, SILENCE_MS) <= 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		for (size_t i = 0; i < at_once; i++) {
			int over = fds[i].revents != 0 ? step(&callers[i], &fds[i]) : 0;

			if (over < 0)
				return -1;
			if (over == 0)
				continue;
			close(fds[i].fd);
			fds[i].fd = -1;		/* poll() passes over it */
			done++;
			if (started < n && call(&callers[i], &fds[i], to) < 0)
				return -1;
			started += started < n;
		}
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const char *bad = "too few words";
	long n = 0;
	size_t at_once = 0;
	double start;

	if (argc == 4)
		n = (long)strtonum(argv[1], 1, 10000000, &bad);
	if (bad == NULL)
		at_once = (size_t)strtonum(argv[2], 1, n < AT_ONCE_MAX ? n : AT_ONCE_MAX, &bad);
	if (bad == NULL)
		to.sin_port = htons((uint16_t)strtonum(argv[3], 1, 65535, &bad));
	if (bad != NULL) {
		fprintf(stderr, "callers: %s\nusage: callers N AT_ONCE PORT\n", bad);
		return 2;
	}
	start = now_s();
	if (call_all(n, at_once, &to) < 0) {
		perror("callers");
		return 1;
	}
	printf("%.6f\n", now_s() - start);
	return fflush(stdout) != 0;
}
