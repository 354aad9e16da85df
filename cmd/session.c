/*
 * What every verb that waits has in common: see session.h.
 */
#include "cmd/session.h"

#include "lib/base/clock.h"
#include "lib/event/signal.h"

static void
on_signal(void *arg, int signo)
{
	struct session *s = arg;

	if (s->on_signal != NULL)
		s->on_signal(s->arg, signo);
	else
		session_killed(s, signo);
}

static void
on_max(void *arg)
{
	struct session *s = arg;
	char span[32];
	struct err err;

	err_set(&err, ERR_TIMEOUT, 0, "the %s that -m allows are over", clock_words(s->max_ms, span, sizeof(span)));
	err.stage = s->stage;
	session_over(s, &err);
}

int
session_open(struct session *s, enum err_stage stage, int64_t max_ms, struct err *err)
{
	*s = (struct session){ .stage = stage, .max_ms = max_ms };
	if ((s->loop = loop_new(err)) == NULL || signals_start(s->loop, on_signal, s, err) < 0)
		return -1;
	loop_timer_init(&s->max, s->loop, on_max, s);
	if (max_ms > 0)
		loop_timer_set(&s->max, clock_deadline(max_ms));
	return 0;
}

int
session_wait(struct session *s, struct err *err)
{
	if (loop_run(s->loop, err) < 0)
		return -1;
	*err = s->verdict;
	return err->kind == ERR_NONE ? 0 : -1;
}

void
session_over(struct session *s, const struct err *err)
{
	if (err != NULL && s->verdict.kind == ERR_NONE)
		s->verdict = *err;
	loop_stop(s->loop);
}

void
session_killed(struct session *s, int signo)
{
	struct err err;

	err_set(&err, ERR_SIGNAL, 0, "%s", "");
	err.signo = signo;
	session_over(s, &err);
}

void
session_close(struct session *s)
{
	loop_timer_stop(&s->max);
	signals_stop();
	loop_free(s->loop);
	s->loop = NULL;
}
