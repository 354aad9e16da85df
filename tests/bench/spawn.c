/*
 * spawn N COMMAND [ARG]...: runs the command N times, one after the other, with its streams on /dev/null, and prints
 * the median wall time and the median CPU time of a run, in microseconds. A run that fails ends the measurement.
 */
#include <sys/resource.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bsd/stdlib.h>

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t
timeval_ns(const struct timeval *tv)
{
	return (int64_t)tv->tv_sec * 1000000000 + (int64_t)tv->tv_usec * 1000;
}

static int
compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double
median_us(int64_t *v, size_t n)
{
	size_t low = (n - 1) / 2, high = n / 2;

	qsort(v, n, sizeof(*v), compare);
	return ((double)v[low] + (double)v[high]) / 2000;
}

/* Runs argv once. Returns 0 and its times, or -1 with one line on stderr. */
static int
run_once(char **argv, const posix_spawn_file_actions_t *streams, int64_t *wall_ns, int64_t *cpu_ns)
{
	struct rusage used;
	int64_t start = now_ns();
	pid_t pid;
	int status, error;

	error = posix_spawn(&pid, argv[0], streams, NULL, argv, environ);
	if (error != 0) {
		fprintf(stderr, "spawn: %s: %s\n", argv[0], strerror(error));
		return -1;
	}
	while (wait4(pid, &status, 0, &used) < 0) {
		if (errno != EINTR)
			return -1;
	}
	*wall_ns = now_ns() - start;
	*cpu_ns = timeval_ns(&used.ru_utime) + timeval_ns(&used.ru_stime);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "spawn: %s: wait status 0x%x\n", argv[0], (unsigned)status);
		return -1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	const char *bad = "no command";
	posix_spawn_file_actions_t streams;
	int64_t *wall = NULL, *cpu = NULL;
	size_t n = 0;
	int rc = 1;

	if (argc > 2)
		n = (size_t)strtonum(argv[1], 1, 1000000, &bad);
	if (bad != NULL) {
		fprintf(stderr, "spawn: %s\nusage: spawn N COMMAND [ARG]...\n", bad);
		return 2;
	}
	posix_spawn_file_actions_init(&streams);
	posix_spawn_file_actions_addopen(&streams, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&streams, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&streams, 2, "/dev/null", O_WRONLY, 0);
	wall = calloc(n, sizeof(*wall));
	cpu = calloc(n, sizeof(*cpu));
	if (wall == NULL || cpu == NULL)
		goto out;
	for (size_t i = 0; i < n; i++) {
		if (run_once(argv + 2, &streams, &wall[i], &cpu[i]) < 0)
			goto out;
	}
	printf("%.1f %.1f\n", median_us(wall, n), median_us(cpu, n));
	rc = 0;
out:
	free(cpu);
	free(wall);
	posix_spawn_file_actions_destroy(&streams);
	return rc;
}
