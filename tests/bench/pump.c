/*
 * pump BYTES: writes so many bytes to stdout. pump: reads stdin to its end and prints how many bytes came. The cheapest
 * honest ends of a pipe: one write a block from memory, and one splice to /dev/null, so that what is measured is between.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/stdlib.h>

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

static int
consume(void)
{
	int64_t bytes = 0;
	ssize_t n;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	while ((n = splice(0, NULL, null, NULL, 1024 * 1024, 0)) != 0) {
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
