/*
 * tally: prints a free port of 127.0.0.1, counts the datagrams that come to it, and prints how many there were, their
 * bytes, and when the last of them was taken, in seconds of CLOCK_MONOTONIC. The end of stdin says that all has been
 * sent; it is over once nothing has come for QUIET_MS after that.
 *
 * It never waits at the socket, but looks what is there every PAUSE_US. A receiver that waits has to be woken by the
 * sender, by the slower one for nearly every datagram; and one that never rests takes a processor from both.
 */
#include <sys/socket.h>
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define BATCH 256
#define LENGTH_MAX 2048
#define BUFFER (64 * 1024 * 1024)	/* the kernel doubles it, and counts some 800 bytes for a small datagram */
#define PAUSE_US 250
#define QUIET_MS 200

struct tally {
	uint64_t n, bytes;
	double last_s;		/* when the last was taken; 0: none was */
};

static double
now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Returns a socket with a port of its own, or -1 with errno set. */
static int
open_socket(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = BUFFER;

	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		return -1;
	/* More than net.core.rmem_max takes CAP_NET_ADMIN. Without it, what the buffer cannot hold is counted as lost. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0)
		return -1;
	return fd;
}

/* Prints the socket's port. Returns 0, or -1 with errno set. */
static int
say_port(int fd)
{
	struct sockaddr_in sin = { .sin_port = 0 };
	socklen_t len = sizeof(sin);

	if (getsockname(fd, (struct sockaddr *)&sin, &len) < 0)
		return -1;
	printf("%d\n", ntohs(sin.sin_port));
	return fflush(stdout) == 0 ? 0 : -1;
}

/* Takes what there is. Returns 1, 0 if there was nothing, -1 with errno set. */
static int
take(int fd, struct tally *tally)
{
	static char room[BATCH][LENGTH_MAX];
	struct iovec parts[BATCH];
	struct mmsghdr msgs[BATCH];
	int n, any = 0;

	for (size_t i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ .iov_base = room[i], .iov_len = LENGTH_MAX };
		msgs[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &parts[i], .msg_iovlen = 1 } };
	}
	while ((n = recvmmsg(fd, msgs, BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL)) > 0) {
		tally->n += (uint64_t)n;
		for (int i = 0; i < n; i++)
			tally->bytes += msgs[i].msg_len;
		any = 1;
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return -1;
	if (any)
		tally->last_s = now_s();
	return any;
}

/* Has stdin ended? Nothing is ever written to it. */
static bool
is_all_sent(void)
{
	struct pollfd p = { .fd = 0, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

static int
count(int fd, struct tally *tally)
{
	const struct timespec pause = { .tv_nsec = PAUSE_US * 1000 };
	double quiet_since = 0;		/* 0: not all has been sent */
	int any;

	while (quiet_since == 0 || now_s() - quiet_since < QUIET_MS / 1e3) {
		if ((any = take(fd, tally)) < 0)
			return -1;
		if (any || quiet_since == 0)
			quiet_since = is_all_sent() ? now_s() : 0;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int
main(void)
{
	struct tally tally = { .n = 0 };
	int fd = open_socket();

	if (fd < 0 || say_port(fd) < 0 || count(fd, &tally) < 0) {
		perror("tally");
		return 1;
	}
	printf("%" PRIu64 " %" PRIu64 " %.6f\n", tally.n, tally.bytes, tally.last_s);
	return fflush(stdout) != 0;
}
