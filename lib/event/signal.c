/*
 * Signals as events: see signal.h.
 */
#include "lib/event/signal.h"

#include <signal.h>

#include "lib/event/child.h"
#include "lib/event/mail.h"

#define CAUGHT_MAX 8

/* The one global that a signal handler cannot do without: where it writes, and what hangs on the other end. */
static struct {
	struct mail mail;
	void (*fn)(void *arg, int signo);
	void *arg;
	struct { int signo; struct sigaction before; } caught[CAUGHT_MAX];
	size_t n_caught;
} signals = { .mail = { .pipe = { -1, -1 } } };

static void
on_signal(int signo)
{
	mail_send(&signals.mail, (unsigned char)signo);
}

static void
on_mail(void *arg, unsigned char signo)
{
	(void)arg;
	if (signo == SIGCHLD)
		children_reap();
	else if (signals.fn != NULL)
		signals.fn(signals.arg, signo);
}

static void
catch(int signo, bool even_if_ignored)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART }, before;
	sigset_t set;

	if (signals.n_caught == CAUGHT_MAX || sigaction(signo, NULL, &before) < 0 ||
	    (before.sa_handler == SIG_IGN && !even_if_ignored) || before.sa_handler == on_signal)
		return;
	sigemptyset(&action.sa_mask);
	if (sigaction(signo, &action, NULL) < 0)
		return;
	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);	/* it may have been left blocked by who started us */
	signals.caught[signals.n_caught].signo = signo;
	signals.caught[signals.n_caught++].before = before;
}

int
signals_start(struct loop *loop, void (*fn)(void *arg, int signo), void *arg, struct err *err)
{
	static const int termination[] = { SIGHUP, SIGINT, SIGTERM };

	if (mail_open(&signals.mail, loop, on_mail, NULL, err) < 0)
		return -1;
	signals.fn = fn;
	signals.arg = arg;
	for (size_t i = 0; i < sizeof(termination) / sizeof(termination[0]); i++)
		catch(termination[i], false);
	return 0;
}

void
signals_add(int signo)
{
	catch(signo, true);
}

void
signals_stop(void)
{
	while (signals.n_caught > 0) {
		signals.n_caught--;
		sigaction(signals.caught[signals.n_caught].signo, &signals.caught[signals.n_caught].before, NULL);
	}
	signals.fn = NULL;
	mail_close(&signals.mail);
}
