/*
 * What every verb that waits has in common: see session.h.
 */
#include "cmd/session.h"

#include "lib/base/clock.h"
#include "lib/event/signal.h"

/* There is a reason to end. */
static void
session_end(struct session *s, const struct err *why)
{
	if (s->on_end != NULL)
		s->on_end(s->arg, why);
	else
		session_over(s, why);
}

static void
on_signal(void *arg, int signo)
{
	struct err err;

	err_set(&err, ERR_SIGNAL, 0, "%s", "");
	err.signo = signo;
	session_end(arg, &err);
}

static void
on_max(void *arg)
{
	struct session *s = arg;
	char span[32];
	struct err err;

	err_set(&err, ERR_TIMEOUT, 0, "the %s that -m allows are over", clock_words(s->max_ms, span, sizeof(span)));
	err.stage = s->stage;
	session_end(s, &err);
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

void
session_on_end(struct session *s, void (*fn)(void *arg, const struct err *why), void *arg)
{
	s->on_end = fn;
	s->arg = arg;
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
session_close(struct session *s)
{
	loop_timer_stop(&s->max);
	signals_stop();
	loop_free(s->loop);
	s->loop = NULL;
}
