/*
 * Serve: see serve.h. The main thread runs the first worker beside the session; the others have a thread, a loop and a
 * mailbox each, through which the main thread tells them what the signals ask for.
 */
#include "cmd/serve.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/progress.h"
#include "cmd/session.h"
#include "lib/base/clock.h"
#include "lib/event/mail.h"
#include "lib/event/signal.h"

/* What a worker is told, and what it answers. */
enum order { ORDER_DRAIN = 'd', ORDER_STOP = 's', ANSWER_OVER = 'o', ANSWER_CLIENT = 'c' };

struct run;

struct worker {
	struct run *run;
	size_t number;
	pthread_t thread;
	struct loop *loop;
	struct mail mail;		/* to it */
	struct server *server;
	void *instance;
	bool said;			/* that a client came */
	struct err err;			/* its verdict, once it is over */
};

/* A run of a server: the main thread's. */
struct run {
	const struct serving *what;
	struct session session;
	struct server *server;
	void *instance;
	struct loop_timer timeout;	/* no client in time */
	struct progress progress;
	struct err verdict;		/* why it was told to end, first; ERR_NONE: it was not */
	bool over;			/* our own server */
	struct worker *workers;		/* all but the first */
	size_t n_workers, n_over;
	struct mail mail;		/* from them */
};

/* ---- the other workers ---- */

static void
worker_over(void *arg, const struct err *err)
{
	struct worker *w = arg;

	if (err != NULL)
		w->err = *err;
	loop_stop(w->loop);
}

static void
worker_client(void *arg)
{
	struct worker *w = arg;

	if (!w->said)
		mail_send(&w->run->mail, ANSWER_CLIENT);
	w->said = true;
}

static void
on_order(void *arg, unsigned char order)
{
	struct worker *w = arg;

	if (order == ORDER_DRAIN)
		server_drain(w->server);
	else
		loop_stop(w->loop);
}

static void *
worker_main(void *arg)
{
	static const struct server_calls calls = { .over = worker_over, .client = worker_client };
	struct worker *w = arg;
	const struct serving *what = w->run->what;
	const struct maker maker = { .loop = w->loop, .args = what->args, .log = what->setup.log,
	    .failed = worker_over, .arg = w };

	/* Which orders come before the server is there wait in the mailbox until the loop runs. */
	if ((w->instance = what->make(&maker, &w->err)) != NULL &&
	    (w->server = server_join(w->run->server, w->number, w->loop, w->instance, &calls, w, &w->err)) != NULL)
		loop_run(w->loop, &w->err);
	what->unmake(w->instance);
	server_free(w->server);
	mail_send(&w->run->mail, ANSWER_OVER);
	return NULL;
}

/* Starts worker w with every signal blocked: they are the main thread's. */
static int
worker_start(struct worker *w, struct err *err)
{
	sigset_t all, before;
	int errnum;

	if ((w->loop = loop_new(err)) == NULL || mail_open(&w->mail, w->loop, on_order, w, err) < 0)
		return -1;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	errnum = pthread_create(&w->thread, NULL, worker_main, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return errnum == 0 ? 0 : err_set(err, ERR_LIMIT, errnum, "cannot start a worker");
}

static void
workers_order(struct run *run, enum order order)
{
	for (size_t i = 0; i < run->n_workers; i++)
		mail_send(&run->workers[i].mail, (unsigned char)order);
}

/* Stops those that run, waits for them, and takes their verdict if there is none. */
static void
workers_end(struct run *run, struct err *err)
{
	workers_order(run, ORDER_STOP);
	for (size_t i = 0; i < run->n_workers; i++) {
		struct worker *w = &run->workers[i];
		pthread_join(w->thread, NULL);
		mail_close(&w->mail);
		loop_free(w->loop);
		if (err->kind == ERR_NONE)
			*err = w->err;
	}
	free(run->workers);
}

/* ---- the first ---- */

static void
end_if_all_over(struct run *run)
{
	if (!run->over || run->n_over < run->n_workers)
		return;
	session_over(&run->session, run->verdict.kind != ERR_NONE ? &run->verdict : NULL);
}

static void
on_over(void *arg, const struct err *err)
{
	struct run *run = arg;

	run->over = true;
	if (err != NULL && run->verdict.kind == ERR_NONE)	/* later ones are what that led to */
		session_over(&run->session, err);
	else
		end_if_all_over(run);
}

static struct relay_counts
counts_of(void *arg)
{
	struct run *run = arg;

	return run->what->counts(run->instance);
}

static void
on_client(void *arg)
{
	struct run *run = arg;

	loop_timer_stop(&run->timeout);
	if (run->what->progress)
		progress_start(&run->progress, run->session.loop, run->what->words, run->what->size,
		    counts_of, run);
}

static void
on_answer(void *arg, unsigned char answer)
{
	struct run *run = arg;

	if (answer == ANSWER_CLIENT) {
		on_client(run);
		return;
	}
	run->n_over++;
	/* One that was not told to end cannot go on, and without it neither can the server: its port drops clients. */
	if (run->verdict.kind == ERR_NONE)
		session_over(&run->session, NULL);
	else
		end_if_all_over(run);
}

static int
on_listening(void *arg, struct err *err)
{
	struct run *run = arg;
	size_t others = run->what->setup.workers - 1;

	if (others == 0)
		return 0;
	if ((run->workers = calloc(others, sizeof(*run->workers))) == NULL)
		return err_set(err, ERR_LIMIT, ENOMEM, "workers");
	if (mail_open(&run->mail, run->session.loop, on_answer, run, err) < 0)
		return -1;
	for (size_t i = 0; i < others; i++) {
		struct worker *w = &run->workers[i];
		*w = (struct worker){ .run = run, .number = i + 1, .mail = MAIL_EMPTY };
		if (worker_start(w, err) < 0) {
			mail_close(&w->mail);
			loop_free(w->loop);
			return -1;
		}
		run->n_workers++;
	}
	return 0;
}

static void
on_timeout(void *arg)
{
	struct run *run = arg;
	char span[32];
	struct err err;

	err_set(&err, ERR_TIMEOUT, 0, "no client came in %s", clock_words(run->what->timeout_ms, span, sizeof(span)));
	err.stage = STAGE_LISTEN;
	session_over(&run->session, &err);
}

static void
on_end(void *arg, const struct err *why)
{
	struct run *run = arg;

	if (why->kind == ERR_SIGNAL && why->signo == SIGUSR1) {
		server_say_counts(run->server);
	} else if (run->verdict.kind != ERR_NONE || !run->what->setup.drains) {
		session_over(&run->session, why);
	} else {
		run->verdict = *why;
		workers_order(run, ORDER_DRAIN);
		server_drain(run->server);
	}
}

static void
on_failed(void *arg, const struct err *err)
{
	struct run *run = arg;

	session_over(&run->session, err);
}

int
serve(const struct serving *what, struct err *err)
{
	static const struct server_calls calls = { .listening = on_listening, .client = on_client, .over = on_over };
	struct run run = { .what = what, .mail = MAIL_EMPTY };
	struct maker maker = { .args = what->args, .log = what->setup.log, .failed = on_failed, .arg = &run };
	char name[sizeof(err->object)];
	int rc = -1;

	if (session_open(&run.session, STAGE_LISTEN, what->max_ms, err) < 0)
		goto out;
	session_on_end(&run.session, on_end, &run);
	signals_add(SIGUSR1);
	loop_timer_init(&run.timeout, run.session.loop, on_timeout, &run);
	if (what->timeout_ms > 0)
		loop_timer_set(&run.timeout, clock_deadline(what->timeout_ms));
	maker.loop = run.session.loop;
	if ((run.instance = what->make(&maker, err)) == NULL ||
	    (run.server = server_start(run.session.loop, &what->setup, run.instance, &calls, &run, err)) == NULL)
		goto out;
	rc = session_wait(&run.session, err);
out:
	progress_end(&run.progress);
	if (rc == 0)
		*err = ERR_EMPTY;
	workers_end(&run, err);
	rc = err->kind == ERR_NONE ? 0 : -1;
	if (rc < 0 && what->say_counts != NULL && run.instance != NULL)
		what->say_counts(run.instance, err);
	if (rc < 0)
		err_at(err, err->stage, server_name(&what->setup, name, sizeof(name)));
	loop_timer_stop(&run.timeout);
	what->unmake(run.instance);
	server_free(run.server);
	mail_close(&run.mail);
	session_close(&run.session);
	return rc;
}
