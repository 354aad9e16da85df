/*
 * Signals as events: see signal.h.
 */
#include "lib/event/signal.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "lib/base/fd.h"

static const int termination[] = { SIGHUP, SIGINT, SIGTERM };
#define N_TERMINATION (sizeof(termination) / sizeof(termination[0]))

/* The one global that a signal handler cannot do without: its pipe, and what hangs on the other end. */
static struct {
	int pipe[2];
	struct loop_io io;
	void (*fn)(void *arg, int signo);
	void *arg;
	bool caught[N_TERMINATION];
} signals = { .pipe = { -1, -1 } };

static void
on_signal(int signo)
{
	unsigned char byte = (unsigned char)signo;
	int saved = errno;

	/* A full pipe holds signals enough. */
	if (write(signals.pipe[1], &byte, 1) < 0)
		errno = saved;
	errno = saved;
}

static void
on_pipe(void *arg, unsigned ready)
{
	unsigned char byte;

	(void)arg;
	(void)ready;
	while (signals.fn != NULL && read(signals.pipe[0], &byte, 1) == 1)
		signals.fn(signals.arg, byte);
}

int
signals_start(struct loop *loop, void (*fn)(void *arg, int signo), void *arg, struct err *err)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART }, old;

	if (fd_pipe(signals.pipe) < 0)
		return err_set(err, ERR_LIMIT, errno, "cannot make a pipe");
	signals.fn = fn;
	signals.arg = arg;
	loop_io_init(&signals.io, loop, signals.pipe[0], on_pipe, NULL);
	loop_io_want(&signals.io, LOOP_READ);
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < N_TERMINATION; i++) {
		if (sigaction(termination[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			signals.caught[i] = sigaction(termination[i], &action, NULL) == 0;
	}
	return 0;
}

void
signals_stop(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < N_TERMINATION; i++) {
		if (signals.caught[i])
			sigaction(termination[i], &action, NULL);
		signals.caught[i] = false;
	}
	signals.fn = NULL;
	loop_io_stop(&signals.io);
	fd_close(&signals.pipe[0]);
	fd_close(&signals.pipe[1]);
}
