/*
 * pump BYTES: writes so many bytes to stdout. pump: reads stdin to its end and prints how many bytes came. The cheapest
 * honest ends of a pipe or a TCP connection: one write a block from memory, and an end that drops what comes inside the
 * kernel, so that what is measured is between.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/stdlib.h>

#define GULP (1024 * 1024)

static int
produce(int64_t bytes)
{
	static char block[64 * 1024];
	ssize_t n;

	memset(block, 'x', sizeof(block));
	while (bytes > 0) {
		n = write(1, block, bytes < (int64_t)sizeof(block) ? (size_t)bytes : sizeof(block));
		if (n < 0 && errno != EINTR)
			return 1;
		if (n > 0)
			bytes -= n;
	}
	return 0;
}

/* Drops up to GULP bytes of stdin. Returns how many, 0 at its end, -1 with errno set. */
static ssize_t
drop(bool is_socket, int null)
{
	if (is_socket)
		return recv(0, NULL, GULP, MSG_TRUNC);	/* TCP: dropped without being copied */
	return splice(0, NULL, null, NULL, GULP, 0);
}

static int
consume(void)
{
	struct stat st;
	int64_t bytes = 0;
	ssize_t n;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null < 0 || fstat(0, &st) < 0)
		return 1;
	while ((n = drop(S_ISSOCK(st.st_mode), null)) != 0) {
		if (n > 0)
			bytes += n;
		else if (errno != EINTR)
			return 1;
	}
	printf("%" PRId64 "\n", bytes);
	return fflush(stdout) != 0;
}

int
main(int argc, char **argv)
{
	const char *bad = NULL;
	int64_t bytes;

	if (argc == 1)
		return consume();
	bytes = strtonum(argv[1], 1, INT64_MAX, &bad);
	if (bad != NULL || argc > 2) {
		fprintf(stderr, "usage: pump [BYTES]\n");
		return 2;
	}
	return produce(bytes);
}
